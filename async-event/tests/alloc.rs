//! Sizes, and no allocation per wait, measured by a counting allocator (hence a test binary of its own).
#![cfg(not(any(all(loom, feature = "loom"), feature = "diagnostics")))]

use std::{
    mem::size_of,
    pin::{Pin, pin},
    task::Waker,
};
use waitline::testing::{CountingAllocator, allocations, poll_with};
use waitline_event::{
    Barrier, BarrierWait, Event, Wait,
    watch::{self, Changed},
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

/// `n` futures, pinned before the counting begins.
fn pinned<F>(n: usize, new: impl Fn() -> F) -> Vec<Pin<Box<F>>> {
    (0..n).map(|_| Box::pin(new())).collect()
}

#[test]
fn waiting_for_an_event_does_not_allocate() {
    let (event, waker) = (Event::new(), Waker::noop());
    for n in [1, 32, 33, 1000] {
        let (mut waits, mut again) = (pinned(n, || event.wait()), pinned(n, || event.wait()));
        let count = allocations(|| {
            assert!(waits.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_pending()));
            assert!(event.set());
            assert!(waits.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_ready()));
            assert!(poll_with(pin!(event.wait()), waker).is_ready());
            event.wait_blocking();
            assert!(event.clear());
            assert!(again.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_pending()));
            assert_eq!(event.waiters(), n);
        });
        assert_eq!(count, 0, "{n} waiters");
        assert_eq!(allocations(|| drop(again)), 0, "{n} cancelled");
    }
}

#[test]
fn waiting_at_a_barrier_does_not_allocate() {
    let waker = Waker::noop();
    for parties in [1, 2, 33, 100] {
        let barrier = Barrier::new(parties);
        let [mut met, mut broken] = [0, 1].map(|_| pinned(parties - 1, || barrier.wait()));
        let count = allocations(|| {
            assert!(met.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_pending()));
            assert!(poll_with(pin!(barrier.wait()), waker).is_ready());
            assert!(met.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_ready()));
            assert!(broken.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_pending()));
            barrier.abort();
            assert!(broken.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_ready()));
            barrier.reset();
        });
        assert_eq!(count, 0, "{parties} parties");
    }
}

#[test]
fn a_watch_at_work_does_not_allocate() {
    let waker = Waker::noop();
    for n in [1, 32, 33, 1000] {
        let (sender, receiver) = watch::channel(0);
        let mut receivers: Vec<_> = (0..n).map(|_| receiver.clone()).collect();
        let mut waits: Vec<_> = receivers.iter_mut().map(|receiver| Box::pin(receiver.changed())).collect();
        let count = allocations(|| {
            assert!(waits.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_pending()));
            assert!(poll_with(pin!(sender.closed()), waker).is_pending());
            assert!(sender.send(1).is_ok());
            sender.send_modify(|value| *value += 1);
            assert!(waits.iter_mut().all(|wait| poll_with(wait.as_mut(), waker).is_ready()));
            assert_eq!(*receiver.borrow(), 2);
        });
        assert_eq!(count, 0, "{n} receivers");
    }
}

#[test]
fn sizes_are_as_promised() {
    assert_eq!(size_of::<Event>(), 24);
    assert_eq!(size_of::<Wait<'_>>(), 48);
    assert_eq!(size_of::<Barrier>(), 48);
    assert_eq!(size_of::<BarrierWait<'_>>(), 64);
    assert_eq!(size_of::<watch::Sender<u8>>(), 8);
    assert_eq!(size_of::<watch::Receiver<u8>>(), 16);
    assert_eq!(size_of::<Changed<'_, u8>>(), 56);
}
