//! The test kit does what it says; tests that rest on it rest on this.

use std::{
    future::{pending, poll_fn, ready},
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};
use waitline::testing::{
    CountingWaker, WakerCall, block_on, hooked_waker, inline_waker, panic_message, panicking_waker, poll_once,
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
