//! The smallest primitive on the wait queue: a post office. Gifts are numbers; who waits longest gets the next one, and
//! a gift whose receiver has gone goes to the next. Written as a user of the crate would, without `unsafe`.

use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use waitline::{Handle, List, Locked, Protocol, SideList, WaitQueue, Waiter, Wakers};

pub(crate) const DESK: usize = 0;
pub(crate) const LEAVING: usize = 1;

pub(crate) enum Post {}

impl Protocol for Post {
    type Word = ();
    type State = Store;
    /// What a waiter was given.
    type Data = usize;
    type Lists = [List<usize>; 2];
}

/// Gifts that nobody waits for.
#[derive(Default)]
pub(crate) struct Store {
    gifts: Vec<usize>,
}

pub(crate) struct Office {
    pub(crate) queue: WaitQueue<Post>,
    pub(crate) hall: SideList<Post>,
}

impl Default for Office {
    fn default() -> Self {
        Office { queue: WaitQueue::new((), Store::default()), hall: SideList::new() }
    }
}

impl Office {
    pub(crate) fn give(&self, gift: usize) {
        let mut queue = self.queue.lock();
        let next = queue.front(DESK).map(|mut first| {
            *first.data() = gift;
            first.grant()
        });
        if next.is_none() {
            queue.gifts.push(gift);
        }
        drop(queue);
        if let Some(waker) = next {
            waker.wake();
        }
    }

    /// Gives 7 to all who wait now, in one atomic step, however many they are.
    pub(crate) fn give_all(&self) {
        let mut queue = self.queue.lock();
        queue.splice(DESK, LEAVING);
        loop {
            let mut round = Wakers::<2>::new();
            while !round.is_full() {
                let Some(mut first) = queue.front(LEAVING) else { break };
                *first.data() = 7;
                round.push(first.grant());
            }
            if round.is_empty() {
                return;
            }
            drop(queue);
            round.wake_all();
            queue = self.queue.lock();
        }
    }

    /// Calls up to `n` from the hall to the desk.
    pub(crate) fn call(&self, n: usize) -> usize {
        self.hall.transfer(&mut self.queue.lock(), n, DESK).expect("the hall belongs to this office")
    }

    pub(crate) fn waiters(&self) -> usize {
        self.queue.lock().len()
    }
}

pub(crate) struct Visit {
    pub(crate) office: Arc<Office>,
    pub(crate) by_way_of_the_hall: bool,
}

impl Handle for Visit {
    type Protocol = Post;

    fn queue(&self) -> &WaitQueue<Post> {
        &self.office.queue
    }

    fn side_list(&self) -> Option<&SideList<Post>> {
        Some(&self.office.hall)
    }

    fn cancel_queued(&self, mut queue: Locked<'_, Post>, gift: &mut usize) {
        assert_eq!(*gift, 0, "a gift was put into a waiter that was not granted");
        // A call from the hall that is not followed is passed on, before anybody can find the desk empty.
        if self.by_way_of_the_hall {
            _ = self.office.hall.transfer(&mut queue, 1, DESK);
        }
    }

    fn cancel_granted(&self, gift: &mut usize) {
        if self.by_way_of_the_hall {
            self.office.call(1);
        }
        self.office.give(*gift);
    }
}

pin_project! {
    pub(crate) struct Receive {
        #[pin]
        waiter: Waiter<Visit>,
    }
}

pub(crate) fn receive(office: &Arc<Office>) -> Receive {
    Receive { waiter: Waiter::new(Visit { office: office.clone(), by_way_of_the_hall: false }, 0) }
}

pub(crate) fn receive_by_way_of_the_hall(office: &Arc<Office>) -> Receive {
    Receive { waiter: Waiter::new(Visit { office: office.clone(), by_way_of_the_hall: true }, 0) }
}

impl Future for Receive {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let mut waiter = self.project().waiter;
        if waiter.has_begun() {
            return waiter.as_mut().poll_grant(cx).map(|()| *waiter.data());
        }
        let in_the_hall = waiter.handle().by_way_of_the_hall;
        let mut entry = waiter.as_mut().entry(cx.waker());
        assert_eq!(*entry.data(), 0);
        if !entry.gifts.is_empty() {
            let gift = entry.gifts.remove(0);
            return Poll::Ready(gift);
        }
        if in_the_hall {
            entry.wait_in_side_list().expect("the hall belongs to this office");
        } else {
            entry.wait_in(DESK);
        }
        Poll::Pending
    }
}
