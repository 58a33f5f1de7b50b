//! Blocking waits with a deadline.

use crate::toy::{Office, receive, receive_by_way_of_the_hall};
use std::{
    cell::Cell,
    future::{pending, poll_fn},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};
use waitline::{
    Handle, Locked, OneList, WaitQueue, Waiter,
    sync::{block_on_timeout, set_alone},
    testing::{CountingWaker, panic_message, poll_once, queued},
};

const SHORT: Duration = Duration::from_millis(1);
/// Never reached: a test that waits for it fails by hanging.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_wait_ends_with_its_future_or_with_its_time() {
    assert_eq!(block_on_timeout(async { 7 }, LONG), Some(7));
    let begin = Instant::now();
    assert_eq!(block_on_timeout(pending::<()>(), SHORT), None);
    assert!(begin.elapsed() >= SHORT);
}

#[test]
fn a_timeout_of_zero_never_sleeps() {
    let mut polls = 0;
    let count = poll_fn(|_| {
        polls += 1;
        Poll::<()>::Pending
    });
    assert_eq!(block_on_timeout(count, Duration::ZERO), None);
    assert_eq!(polls, 2);
    assert_eq!(block_on_timeout(async { 7 }, Duration::ZERO), Some(7));
}

#[test]
fn a_timeout_that_is_too_long_for_the_clock_never_passes() {
    let mut polls = 0;
    let third = poll_fn(|cx| {
        polls += 1;
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake());
        if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
    });
    assert_eq!(block_on_timeout(third, Duration::MAX), Some(()));
}

#[test]
fn a_wake_up_from_another_thread_ends_the_sleep() {
    for wake_by_ref in [true, false] {
        let mut polls = 0;
        let second = poll_fn(|cx| {
            polls += 1;
            let waker = cx.waker().clone();
            thread::spawn(move || if wake_by_ref { waker.wake_by_ref() } else { waker.wake() });
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!(block_on_timeout(second, LONG), Some(()));
    }
}

/// A grant whose wake-up has not arrived when the time passes is returned, not thrown away.
#[test]
fn a_future_that_is_ready_when_the_time_passes_is_polled_once_more() {
    let mut polls = 0;
    let unwoken = poll_fn(|_| {
        polls += 1;
        if polls == 2 { Poll::Ready(polls) } else { Poll::Pending }
    });
    assert_eq!(block_on_timeout(unwoken, SHORT), Some(2));
}

#[test]
fn a_future_that_wakes_itself_for_ever_runs_out_of_time() {
    let restless = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    assert_eq!(block_on_timeout(restless, SHORT), None);
}

/// The inner wait sleeps on the same thread. It must not consume the wake-up that is meant for the outer one.
#[test]
fn a_wait_inside_a_wait_does_not_consume_its_wake_up() {
    let mut polls = 0;
    let outer = poll_fn(|cx| {
        polls += 1;
        if polls == 2 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        assert_eq!(block_on_timeout(pending::<()>(), SHORT), None);
        Poll::Pending
    });
    assert_eq!(block_on_timeout(outer, LONG), Some(()));
}

/// A program may park and unpark its threads by itself.
#[test]
fn a_wait_leaves_the_token_of_its_thread_alone() {
    thread::current().unpark();
    assert_eq!(block_on_timeout(pending::<()>(), SHORT), None);
    thread::park();
}

#[test]
fn the_waker_is_released_with_the_wait() {
    let kept = CountingWaker::new();
    let waker = kept.waker();
    let wait = pin!(async move {
        let _kept = waker;
        pending::<()>().await;
    });
    assert_eq!(block_on_timeout(wait, SHORT), None);
    // The caller owns a future that it passes by reference; one that it passes by value is dropped.
    assert_eq!(kept.held(), 1);
    let waker = kept.waker();
    let wait = async move {
        let _kept = waker;
        pending::<()>().await;
    };
    assert_eq!(block_on_timeout(wait, SHORT), None);
    assert_eq!(kept.held(), 1);
}

/// Hazard 45: in a simulation a blocking wait panics, live or not in time.
#[test]
fn a_wait_of_a_thread_that_is_alone_panics_instead_of_waiting() {
    set_alone(true);
    let message = panic_message(|| block_on_timeout(pending::<()>(), SHORT));
    let at_once = block_on_timeout(pending::<()>(), Duration::ZERO);
    let ready = block_on_timeout(async { 7 }, SHORT);
    set_alone(false);
    assert!(message.unwrap().contains("use the async method"));
    assert_eq!((at_once, ready), (None, Some(7)));
}

/// The future is still there, but its waiter is not: no grant can come between the last poll and the drop.
#[test]
fn a_waiter_has_left_its_list_when_its_time_has_passed() {
    let office = Arc::new(Office::default());
    for mut wait in [receive(&office), receive_by_way_of_the_hall(&office)].map(Box::pin) {
        assert_eq!(block_on_timeout(wait.as_mut(), Duration::ZERO), None);
        assert_eq!((office.waiters(), office.hall.len()), (0, 0));
        let message = panic_message(|| poll_once(wait.as_mut()));
        assert!(message.unwrap().contains("polled after it was ready"));
    }
    office.give(1);
    assert_eq!(block_on_timeout(receive(&office), Duration::ZERO), Some(1));
}

#[test]
fn a_waiter_that_is_granted_when_its_time_has_passed_keeps_its_grant() {
    let office = Arc::new(Office::default());
    let wait = queued(receive(&office));
    office.give(1);
    assert_eq!(block_on_timeout(wait, Duration::ZERO), Some(1));
}

/// As the drop of a waiter that was called to the desk.
#[test]
fn a_waiter_whose_time_has_passed_unblocks_those_behind_it() {
    let office = Arc::new(Office::default());
    let first = queued(receive_by_way_of_the_hall(&office));
    let mut second = queued(receive_by_way_of_the_hall(&office));
    assert_eq!(office.call(1), 1);
    assert_eq!(block_on_timeout(first, Duration::ZERO), None);
    assert_eq!((office.waiters(), office.hall.len()), (1, 0));
    office.give(1);
    assert_eq!(poll_once(second.as_mut()), Poll::Ready(1));
}

/// A handle whose cancellation panics.
struct Panics<'a>(&'a WaitQueue<OneList<(), Rc<Cell<u32>>>>, Rc<Cell<u32>>);

impl Handle for Panics<'_> {
    type Protocol = OneList<(), Rc<Cell<u32>>>;

    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0
    }

    fn cancel_queued(&self, queue: Locked<'_, Self::Protocol>, _: &mut Rc<Cell<u32>>) {
        drop(queue);
        self.1.set(self.1.get() + 1);
        panic!("cancelled");
    }

    fn cancel_granted(&self, _: &mut Rc<Cell<u32>>) {}
}

/// Hazard 37: the waiter is unlinked by then, and its handle and data are dropped once.
#[test]
fn a_cancellation_that_panics_at_the_last_poll_leaves_nothing_linked() {
    let (queue, held) = (WaitQueue::new((), ()), Rc::new(Cell::new(0)));
    let mut waiter = pin!(Waiter::new(Panics(&queue, held.clone()), held.clone()));
    let wait = poll_fn(|cx| waiter.as_mut().poll_wait(cx, |entry| entry.wait_in::<0>()).map(drop));
    assert_eq!(panic_message(|| block_on_timeout(wait, Duration::ZERO)).as_deref(), Some("cancelled"));
    assert!(queue.lock().is_empty());
    assert_eq!((held.get(), Rc::strong_count(&held)), (1, 1));
}
