//! `waitline-queue` alone: threads, and a future polled by hand.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};
use waitline_queue::{PriorityQueue, Queue, channel};

static NUMBERS: Queue<u32> = Queue::bounded(1);

fn main() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut get = pin!(NUMBERS.get());
    assert!(get.as_mut().poll(&mut cx).is_pending());
    let producer = thread::spawn(|| (0..10).for_each(|number| NUMBERS.put_blocking(number).expect("nobody closes it")));
    let rest: u32 = (1..10).map(|_| NUMBERS.get_blocking().expect("nobody closes it")).sum();
    producer.join().expect("nobody closes it");
    assert_eq!(get.as_mut().poll(&mut cx), Poll::Ready(Ok(0)), "who waits first is served first");
    assert_eq!(rest, 45);

    let smallest = PriorityQueue::unbounded();
    smallest.try_put(2).expect("there is room");
    smallest.try_put(1).expect("there is room");
    assert_eq!(smallest.try_get(), Ok(1));

    let (sender, receiver) = channel::unbounded::<u8>();
    drop(sender);
    assert!(receiver.get_blocking().is_err());
    println!("waitline-queue stands alone");
}
