//! `Locked::for_each`: every waiter of one list, in order, and nobody else.

use std::pin::{Pin, pin};
use std::task::Waker;
use waitline::{Handle, List, Locked, Protocol, WaitQueue, Waiter};

enum Numbers {}

impl Protocol for Numbers {
    type Word = ();
    type State = ();
    type Data = u32;
    type Lists = [List<u32>; 2];
}

struct Via<'a>(&'a WaitQueue<Numbers>);

impl Handle for Via<'_> {
    type Protocol = Numbers;
    fn queue(&self) -> &WaitQueue<Numbers> {
        self.0
    }
    fn cancel_queued(&self, _queue: Locked<'_, Numbers>, _data: &mut u32) {}
    fn cancel_granted(&self, _data: &mut u32) {}
}

fn enter(waiter: Pin<&mut Waiter<Via<'_>>>, list: usize) {
    waiter.entry(Waker::noop()).wait_in(list);
}

fn seen(queue: &WaitQueue<Numbers>, list: usize) -> Vec<u32> {
    let mut seen = Vec::new();
    queue.lock().for_each(list, |data| seen.push(*data));
    seen
}

#[test]
fn for_each_visits_the_waiters_of_one_list_in_order() {
    let queue = WaitQueue::<Numbers>::new((), ());
    let mut waiters: [_; 5] = std::array::from_fn(|n| Box::pin(Waiter::new(Via(&queue), n as u32)));
    assert_eq!(seen(&queue, 0), []);
    for (n, waiter) in waiters.iter_mut().enumerate() {
        enter(waiter.as_mut(), n % 2);
    }
    assert_eq!(seen(&queue, 0), [0, 2, 4]);
    assert_eq!(seen(&queue, 1), [1, 3]);
    queue.lock().splice(1, 0);
    assert_eq!(seen(&queue, 0), [0, 2, 4, 1, 3]);
    assert_eq!(seen(&queue, 1), []);
}

#[test]
fn for_each_writes_what_the_waiter_then_finds() {
    let queue = WaitQueue::<Numbers>::new((), ());
    let mut waiter = pin!(Waiter::new(Via(&queue), 7));
    enter(waiter.as_mut(), 1);
    queue.lock().for_each(1, |data| *data += 1);
    drop(queue.lock().front(1).map(|first| first.grant()));
    assert!(waitline::testing::poll_once(pin!(std::future::poll_fn(|cx| waiter.as_mut().poll_grant(cx)))).is_ready());
    assert_eq!(*waiter.data(), 8);
}
