//! Hazards 37 to 39: what a panic meets on its way loses nothing and aborts nothing.

use crate::{Crowd, WAYS};
use waitline::testing::{
    WakerCall, during_panic, hooked_waker, panic_message, panicking_waker, panicking_waker_at, poll_once, poll_with,
    queued_with,
};
use waitline_event::Event;

#[test]
fn a_crowd_let_go_in_a_destructor_wakes_all_and_does_not_abort() {
    for (way, n) in WAYS.into_iter().flat_map(|way| [1, 2, 40, 100].map(|n| (way, n))) {
        let crowd = Crowd::new(way, n);
        let mut waits: Vec<_> = (0..n).map(|_| queued_with(crowd.wait(), &panicking_waker())).collect();
        during_panic(|| crowd.let_go());
        crowd.all_are_let_go(&mut waits);
    }
}

#[test]
fn waits_dropped_by_a_panic_do_not_abort_though_their_wakers_do_what_they_like() {
    for way in WAYS {
        let crowd = Crowd::new(way, 2);
        let wait = queued_with(crowd.wait(), &panicking_waker_at(WakerCall::Drop));
        during_panic(|| drop(wait));
        assert_eq!(crowd.waiters(), 0);
    }
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
    use std::task::Poll;
    use waitline::diagnostics::{Task, enter};
    use waitline_event::Barrier;
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
