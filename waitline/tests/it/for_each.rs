//! `Locked::for_each` and `grant_front`: the waiters of one list, in order, and nobody else.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use waitline::testing::CountingWaker;
use waitline::{Handle, List, Protocol, WaitQueue, Waiter, Wakers};

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
    fn cancel_granted(&self, _data: &mut u32) {}
}

/// Polls with this waker, to wait in this list. Ready with the data.
fn poll<const LIST: usize>(waiter: Pin<&mut Waiter<Via<'_>>>, waker: &Waker) -> Poll<u32> {
    waiter.poll_wait(&mut Context::from_waker(waker), |entry| entry.wait_in::<LIST>()).map(|(_, data)| data)
}

fn enter<const LIST: usize>(waiter: Pin<&mut Waiter<Via<'_>>>) {
    assert!(poll::<LIST>(waiter, Waker::noop()).is_pending());
}

fn seen<const LIST: usize>(queue: &WaitQueue<Numbers>) -> Vec<u32> {
    let mut seen = Vec::new();
    queue.lock().for_each::<LIST>(|data| seen.push(*data));
    seen
}

#[test]
fn for_each_visits_the_waiters_of_one_list_in_order() {
    let queue = WaitQueue::<Numbers>::new((), ());
    let mut waiters: [_; 5] = std::array::from_fn(|n| Box::pin(Waiter::new(Via(&queue), n as u32)));
    assert_eq!(seen::<0>(&queue), []);
    for (n, waiter) in waiters.iter_mut().enumerate() {
        if n % 2 == 0 { enter::<0>(waiter.as_mut()) } else { enter::<1>(waiter.as_mut()) }
    }
    assert_eq!(seen::<0>(&queue), [0, 2, 4]);
    assert_eq!(seen::<1>(&queue), [1, 3]);
    queue.lock().splice::<1, 0>();
    assert_eq!(seen::<0>(&queue), [0, 2, 4, 1, 3]);
    assert_eq!(seen::<1>(&queue), []);
}

#[test]
fn for_each_writes_what_the_waiter_then_finds() {
    let queue = WaitQueue::<Numbers>::new((), ());
    let mut waiter = pin!(Waiter::new(Via(&queue), 7));
    enter::<1>(waiter.as_mut());
    queue.lock().for_each::<1>(|data| *data += 1);
    drop(queue.lock().front::<1>().map(|first| first.grant()));
    assert_eq!(poll::<1>(waiter, Waker::noop()), Poll::Ready(8));
}

/// Every split of a list of up to six into granted and left, by the limit or by the room for wakers; then the list must
/// still let go of any one of its waiters, take a new one, and be granted to the end.
#[test]
fn grant_front_grants_the_first_ones_and_leaves_a_whole_list() {
    for (n, limit) in (0..=6).flat_map(|n| (0..=7).map(move |limit| (n, limit))) {
        for cancelled in limit..n.max(limit + 1) {
            let queue = WaitQueue::<Numbers>::new((), ());
            let waker = CountingWaker::new();
            let mut other = Box::pin(Waiter::new(Via(&queue), 99));
            enter::<0>(other.as_mut());
            let mut waiters: Vec<_> = (0..n).map(|n| Some(Box::pin(Waiter::new(Via(&queue), n as u32)))).collect();
            for waiter in waiters.iter_mut().flatten() {
                assert!(poll::<1>(waiter.as_mut(), &waker.waker()).is_pending());
            }
            let mut wakers = Wakers::<4>::new();
            let granted = queue.lock().grant_front::<1, 4>(limit, &mut wakers);
            assert_eq!(granted, n.min(limit).min(4));
            wakers.wake_all();
            assert_eq!(waker.count(), granted);
            let mut left: Vec<_> = (granted as u32..n as u32).collect();
            assert_eq!(seen::<1>(&queue), left);
            assert_eq!(queue.lock().len(), left.len() + 1);
            for (i, waiter) in waiters.iter_mut().flatten().enumerate() {
                let ready = poll::<1>(waiter.as_mut(), &waker.waker());
                assert_eq!(ready, if i < granted { Poll::Ready(i as u32) } else { Poll::Pending });
            }
            if let Some(waiter) = waiters.get_mut(cancelled) {
                *waiter = None;
                left.retain(|waiter| *waiter != cancelled as u32);
                assert_eq!(seen::<1>(&queue), left);
            }
            let mut late = Box::pin(Waiter::new(Via(&queue), 6));
            enter::<1>(late.as_mut());
            left.push(6);
            assert_eq!(seen::<1>(&queue), left);
            while queue.lock().grant_front::<1, 4>(usize::MAX, &mut wakers) > 0 {
                wakers.wake_all();
            }
            assert_eq!(seen::<1>(&queue), []);
            assert_eq!(seen::<0>(&queue), [99]);
            assert_eq!(queue.lock().len(), 1);
        }
    }
}
