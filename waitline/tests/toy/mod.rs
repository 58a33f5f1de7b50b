//! The smallest primitive on the wait queue: a post office. Gifts are numbers; who waits longest gets the next one, and
//! a gift whose receiver has gone goes to the next. Written as a user of the crate would, without `unsafe`.

use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use waitline::{Handle, List, Locked, Protocol, SideList, WaitQueue, Waiter};

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
        let next = queue.front::<DESK>().map(|mut first| {
            *first.data() = gift;
            first.grant()
        });
        if next.is_none() {
            queue.gifts.push(gift);
        }
        queue.unlock_and_wake(next);
    }

    /// Gives 7 to all who wait now, in one atomic step, however many they are.
    pub(crate) fn give_all(&self) {
        let mut queue = self.queue.lock();
        queue.splice::<DESK, LEAVING>();
        queue.wake_in_rounds::<2>(|mut queue, wakers| {
            while !wakers.is_full() {
                let Some(mut first) = queue.front::<LEAVING>() else { return false };
                *first.data() = 7;
                wakers.push(first.grant());
            }
            true
        });
    }

    /// Calls up to `n` from the hall to the desk.
    pub(crate) fn call(&self, n: usize) -> usize {
        self.hall.transfer::<DESK>(&mut self.queue.lock(), n).expect("the hall belongs to this office")
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
            _ = self.office.hall.transfer::<DESK>(&mut queue, 1);
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
        let wait = self.project().waiter.poll_wait(cx, |mut entry| {
            assert_eq!(*entry.data(), 0);
            if !entry.gifts.is_empty() {
                *entry.data() = entry.gifts.remove(0);
                return entry.ready();
            }
            if entry.handle().by_way_of_the_hall {
                return entry.wait_in_side_list(drop).expect("the hall belongs to this office");
            }
            entry.wait_in::<DESK>()
        });
        wait.map(|(_, gift)| gift)
    }
}
