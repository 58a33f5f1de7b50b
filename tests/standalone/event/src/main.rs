//! `waitline-event` alone: a thread waits for an event, and two futures meet at a barrier, polled by hand.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};
use waitline_event::{Barrier, Event};

static READY: Event = Event::new();
static MEETING: Barrier = Barrier::new(2);

fn main() {
    let waiting = thread::spawn(|| READY.wait_blocking());
    assert!(READY.set());
    waiting.join().expect("the wait does not panic");

    let mut cx = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (pin!(MEETING.wait()), pin!(MEETING.wait()));
    assert!(first.as_mut().poll(&mut cx).is_pending());
    let Poll::Ready(Ok(second)) = second.as_mut().poll(&mut cx) else { panic!("two are enough") };
    let Poll::Ready(Ok(first)) = first.as_mut().poll(&mut cx) else { panic!("two are there") };
    assert_eq!((first.index(), second.index(), second.is_leader()), (0, 1, true));
    println!("waitline-event stands alone");
}
