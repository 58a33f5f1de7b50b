//! The test kit does what it says; tests that rest on it rest on this.

use std::{
    future::{pending, poll_fn, ready},
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};
use waitline::testing::{
    CountingWaker, WakeOrder, WakerCall, block_on, hooked_waker, inline_waker, now, panic_message, panicking_waker,
    panicking_waker_at, poll_once, queued, queued_with, watched,
};

#[test]
fn counting_wakers_count_wakes_and_holders() {
    let count = CountingWaker::new();
    let waker = count.waker();
    let clone = waker.clone();
    assert_eq!((count.count(), count.held()), (0, 2));
    waker.wake();
    clone.wake_by_ref();
    assert_eq!((count.count(), count.held()), (2, 1));
    assert!(count.clone().poll(pin!(pending::<()>())).is_pending());
}

#[test]
fn hooked_wakers_see_every_call() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let waker = hooked_waker({
        let calls = calls.clone();
        move |call| calls.lock().unwrap().push(call)
    });
    let clone = waker.clone();
    assert!(waker.will_wake(&clone));
    clone.wake_by_ref();
    clone.wake();
    drop(waker);
    assert_eq!(*calls.lock().unwrap(), [WakerCall::Clone, WakerCall::Wake, WakerCall::Wake, WakerCall::Drop]);
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[test]
fn panicking_wakers_panic_when_woken_only() {
    let waker = panicking_waker();
    drop(waker.clone());
    assert!(panic_message(|| waker.wake_by_ref()).is_some());
    drop(waker);
}

#[test]
fn wakers_panic_at_the_call_that_was_asked_for_and_at_no_other() {
    for (at, when) in [(WakerCall::Clone, "cloned"), (WakerCall::Wake, "woken"), (WakerCall::Drop, "dropped")] {
        let panics = [
            panic_message(|| panicking_waker_at(at).clone()),
            panic_message(|| panicking_waker_at(at).wake_by_ref()),
            panic_message(|| drop(std::mem::ManuallyDrop::into_inner(panicking_waker_at(at)))),
        ];
        let expected = [WakerCall::Clone, WakerCall::Wake, WakerCall::Drop];
        let message = format!("a waker that panics when it is {when}");
        assert_eq!(panics, expected.map(|call| (call == at).then(|| message.clone())));
    }
}

#[test]
fn the_order_of_wakes_is_that_of_the_wakes() {
    let order = WakeOrder::new();
    let [first, second] = [1, 2].map(|number| order.clone().waker(number));
    second.wake_by_ref();
    drop(second.clone());
    first.wake();
    second.wake();
    assert_eq!(order.take(), [2, 1, 2]);
    assert_eq!(order.take(), []);
}

#[test]
fn a_future_that_waits_and_one_that_is_ready_are_told_apart() {
    let counter = CountingWaker::new();
    let mut waits = queued_with(
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }),
        &counter.waker(),
    );
    assert_eq!(counter.count(), 1);
    assert_eq!(panic_message(|| now(&mut waits)).as_deref(), Some("the future is still pending"));
    let (_waits, watcher) = watched(pending::<()>());
    assert_eq!((watcher.count(), watcher.held()), (0, 0));
    assert_eq!(panic_message(|| queued(ready(1))).as_deref(), Some("the future did not have to wait"));
    assert_eq!(now(Box::pin(async { 6 })), 6);
    assert_eq!(now(pin!(async { 7 })), 7);
}

#[test]
fn inline_wakers_poll_in_their_wake() {
    let mut polls = 0;
    let future = poll_fn(move |_| {
        polls += 1;
        if polls == 2 { Poll::Ready(polls) } else { Poll::Pending }
    });
    let done = Arc::new(Mutex::new(None));
    let waker = inline_waker(Box::pin(future), {
        let done = done.clone();
        move |output| *done.lock().unwrap() = Some(output)
    });
    waker.wake_by_ref();
    assert_eq!(*done.lock().unwrap(), None);
    waker.wake_by_ref();
    assert_eq!(*done.lock().unwrap(), Some(2));
    waker.wake();
}

#[test]
fn panic_messages_of_both_kinds_are_told() {
    assert_eq!(panic_message(|| panic!("plain")).as_deref(), Some("plain"));
    assert_eq!(panic_message(|| panic!("{}", 1)).as_deref(), Some("1"));
    assert_eq!(panic_message(|| 1), None);
}

#[test]
fn futures_are_driven() {
    assert_eq!(block_on(ready(4)), 4);
    assert_eq!(poll_once(pin!(async { 5 })), Poll::Ready(5));
}
