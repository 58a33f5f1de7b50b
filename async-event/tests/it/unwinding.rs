//! Hazard 39: what a panic meets on its way loses nothing and aborts nothing.

use std::task::Poll;
use waitline::testing::{WakerCall, during_panic, hooked_waker, panic_message, panicking_waker, poll_once, poll_with};
use waitline_event::{Barrier, BrokenBarrier, Event};

const CROWDS: [usize; 4] = [1, 2, 40, 100];

#[test]
fn an_event_set_in_a_destructor_wakes_all_and_does_not_abort() {
    for n in CROWDS {
        let event = Event::new();
        let mut waits: Vec<_> = (0..n).map(|_| Box::pin(event.wait())).collect();
        for wait in &mut waits {
            assert!(poll_with(wait.as_mut(), &panicking_waker()).is_pending());
        }
        during_panic(|| _ = event.set());
        assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()), "of {n}");
        assert_eq!(event.waiters(), 0);
    }
}

#[test]
fn a_barrier_broken_in_a_destructor_tells_all_and_does_not_abort() {
    for n in CROWDS {
        for for_good in [false, true] {
            let barrier = Barrier::new(n + 1);
            let mut waits: Vec<_> = (0..n).map(|_| Box::pin(barrier.wait())).collect();
            for wait in &mut waits {
                assert!(poll_with(wait.as_mut(), &panicking_waker()).is_pending());
            }
            during_panic(|| if for_good { barrier.abort() } else { barrier.reset() });
            for wait in &mut waits {
                assert_eq!(poll_once(wait.as_mut()), Poll::Ready(Err(BrokenBarrier)), "of {n}");
            }
            assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, for_good));
        }
    }
}

#[test]
fn waits_dropped_by_a_panic_do_not_abort_though_their_wakers_do_what_they_like() {
    let angry = || hooked_waker(|call| assert_ne!(call, WakerCall::Drop, "dropped"));
    let (event, barrier) = (Event::new(), Barrier::new(3));
    let waker = angry();
    let mut wait = Box::pin(event.wait());
    assert!(poll_with(wait.as_mut(), &waker).is_pending());
    during_panic(|| drop(wait));
    let mut wait = Box::pin(barrier.wait());
    assert!(poll_with(wait.as_mut(), &waker).is_pending());
    during_panic(|| drop(wait));
    std::mem::forget(waker);
    assert_eq!((event.waiters(), barrier.n_waiting()), (0, 0));
}

#[test]
fn an_event_that_was_set_meanwhile_is_set_in_spite_of_an_angry_waker() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let waker = hooked_waker(move |call| match call {
        WakerCall::Clone => _ = event.set(),
        WakerCall::Wake => {}
        WakerCall::Drop => panic!("an angry waker"),
    });
    let mut wait = Box::pin(event.wait());
    assert_eq!(panic_message(|| _ = poll_with(wait.as_mut(), &waker)).as_deref(), Some("an angry waker"));
    std::mem::forget(waker);
    assert!(event.is_set() && event.waiters() == 0);
    assert!(poll_once(wait.as_mut()).is_ready());
}

/// With a record of who waits, the name of a task is foreign code.
#[cfg(feature = "diagnostics")]
#[test]
fn a_party_whose_name_panics_arrives_like_any_other() {
    use waitline::diagnostics::{Task, enter};
    let _announced = enter(|| Task { key: (29, 4), describe: |_| panic!("no name") });
    let barrier = Barrier::new(2);
    let mut first = Box::pin(barrier.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!(barrier.n_waiting(), 1);
    drop(first);
    assert_eq!(barrier.n_waiting(), 0);
    let mut first = Box::pin(barrier.wait());
    let mut second = Box::pin(barrier.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(matches!(poll_once(second.as_mut()), Poll::Ready(Ok(turn)) if turn.is_leader()));
    assert!(poll_once(first.as_mut()).is_ready());
}
