//! [`Locked`]: a wait queue whose mutex is held, and the operations on its waiters. The invariants are in the parent
//! module.

use super::{
    List, Lists, Protocol, WaitQueue,
    list::{GRANTED, Node},
};
use crate::{
    FirstPanic, WakeAll, Wakers,
    diagnostics::Origin,
    sync::{MutexGuard, atomic::Ordering},
};
use std::{
    fmt,
    marker::PhantomData,
    mem,
    ops::{Deref, DerefMut},
    task::Waker,
};

/// A [`WaitQueue`] whose mutex is held: derefs to the state. Dropping it releases the mutex.
pub struct Locked<'a, P: Protocol> {
    guard: MutexGuard<'a, ()>,
    pub(super) queue: &'a WaitQueue<P>,
    /// A shared `Locked` gives `&State`, and is Sync only if that may be shared (I9).
    state: PhantomData<&'a mut P::State>,
}

impl<P: Protocol> Deref for Locked<'_, P> {
    type Target = P::State;
    #[inline(always)]
    fn deref(&self) -> &P::State {
        // SAFETY: I1, and `&self` keeps every `&mut` from `deref_mut` away.
        self.queue.state.with(|state| unsafe { &*state })
    }
}

impl<P: Protocol> DerefMut for Locked<'_, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut P::State {
        // SAFETY: I1, and `&mut self` makes this the only reference.
        self.queue.state.with_mut(|state| unsafe { &mut *state })
    }
}

impl<P: Protocol> fmt::Debug for Locked<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").field("waiters", &self.len()).finish()
    }
}

impl<'a, P: Protocol> Locked<'a, P> {
    #[inline(always)]
    pub(super) fn new(queue: &'a WaitQueue<P>, guard: MutexGuard<'a, ()>) -> Self {
        Locked { guard, queue, state: PhantomData }
    }

    /// The queue's atomic word.
    #[inline(always)]
    pub fn word(&self) -> &'a P::Word {
        &self.queue.word
    }

    /// The identity of the queue in reports.
    #[inline(always)]
    pub fn origin(&self) -> &'a Origin {
        &self.queue.origin
    }

    /// The number of queued waiters in all lists together. A [`SideList`](super::SideList) counts its own.
    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: I1.
        self.queue.len.with(|len| unsafe { *len }) as usize
    }

    /// Whether no waiter is queued in any list.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a waiter is queued in this list.
    #[inline]
    pub fn has_waiters<const LIST: usize>(&self) -> bool {
        const { assert!(LIST < <P::Lists as Lists<P::Data>>::LEN, "Locked::has_waiters: the queue has no such list") };
        // SAFETY: I1, and `&self` keeps every `&mut` away.
        self.queue.lists.with(|lists| unsafe { !(*lists).all()[LIST].head().is_null() })
    }

    /// The waiter of this list that has waited longest.
    #[inline]
    pub fn front<const LIST: usize>(&mut self) -> Option<Front<'_, 'a, P, LIST>> {
        let node = self.with_list::<LIST, _>(|list, _| list.head());
        if node.is_null() { None } else { Some(Front { locked: self, node }) }
    }

    /// Appends all waiters of list `FROM` to list `TO`, in constant time.
    #[inline]
    pub fn splice<const FROM: usize, const TO: usize>(&mut self) {
        let mut moved = self.with_list::<FROM, _>(|list, _| std::mem::replace(list, List::EMPTY));
        // SAFETY: I1. The waiters stay in this queue (I5), whichever of its lists they are in.
        self.with_list::<TO, _>(|list, _| unsafe { list.append(&mut moved) });
    }

    /// Runs `f` on the data of each waiter of this list, longest waiting first. Takes linear time, under the mutex.
    pub fn for_each<const LIST: usize>(&mut self, f: impl FnMut(&mut P::Data)) {
        // SAFETY: I1.
        self.with_list::<LIST, _>(|list, _| unsafe { list.for_each(f) });
    }

    /// Grants waiters of this list, longest waiting first, until `wakers` is full, or `limit` or all are granted.
    /// Returns their number.
    ///
    /// Has the effect of repeated calls of [`Front::grant`], at a lower cost for each waiter.
    pub fn grant_front<const LIST: usize, const N: usize>(&mut self, limit: usize, wakers: &mut Wakers<N>) -> usize {
        self.with_list::<LIST, _>(|list, len| {
            // SAFETY: I1.
            let granted = unsafe { list.grant_front(limit, wakers) };
            *len -= granted as u32;
            granted
        })
    }

    /// Releases the mutex, then wakes `wakers`: the end of a section that grants.
    ///
    /// # Panics
    ///
    /// If a waker panics; all of them are woken first. If the thread is panicking already, the waker's panic is
    /// dropped, because two panics at once would abort the process.
    #[inline]
    pub fn unlock_and_wake(self, wakers: impl WakeAll) {
        drop(self.guard);
        wakers.wake_them();
    }

    /// Wakes any number of waiters in rounds of `N`, with the mutex released while wakers run.
    ///
    /// `round` grants under the mutex, collects the wakers, and returns whether there may be more waiters to grant. It
    /// releases the mutex by dropping its argument. To make the wake-up atomic, choose its waiters before the first
    /// round ends.
    ///
    /// # Panics
    ///
    /// If a waker or `round` panics; all granted waiters are woken first. See
    /// [`unlock_and_wake`](Self::unlock_and_wake).
    #[inline]
    pub fn wake_in_rounds<const N: usize>(self, mut round: impl FnMut(Locked<'a, P>, &mut Wakers<N>) -> bool) {
        let queue = self.queue;
        let mut wakers = Wakers::new();
        let net = WakeOnUnwind(&mut wakers);
        let more = round(self, net.0);
        mem::forget(net);
        if more {
            return wake_more_rounds(queue, wakers, round);
        }
        wakers.wake_all();
    }

    #[inline(always)]
    pub(super) fn with_list<const LIST: usize, R>(&mut self, f: impl FnOnce(&mut List<P::Data>, &mut u32) -> R) -> R {
        const { assert!(LIST < <P::Lists as Lists<P::Data>>::LEN, "the queue has no list of this number") };
        self.with_lists(|lists, len| f(&mut lists[LIST], len))
    }

    #[inline(always)]
    fn with_lists<R>(&mut self, f: impl FnOnce(&mut [List<P::Data>], &mut u32) -> R) -> R {
        let queue = self.queue;
        // SAFETY: I1, and `&mut self` makes these the only references.
        queue.lists.with_mut(|lists| queue.len.with_mut(|len| unsafe { f((*lists).all_mut(), &mut *len) }))
    }

    /// Takes a linked node out of whichever of the queue's lists it is in.
    ///
    /// # Safety
    ///
    /// `node` is linked in one of this queue's lists.
    #[inline(always)]
    pub(super) unsafe fn unlink(&mut self, node: *const Node<P::Data>) {
        self.with_lists(|lists, len| {
            // SAFETY: I1; linked by the caller's word.
            unsafe { List::remove(lists, node) };
            *len -= 1;
        });
    }
}

/// Runs the rounds after the first one. Resumes a panic only after all granted waiters have been woken.
#[cold]
fn wake_more_rounds<'a, P: Protocol, const N: usize>(
    queue: &'a WaitQueue<P>,
    mut wakers: Wakers<N>,
    mut round: impl FnMut(Locked<'a, P>, &mut Wakers<N>) -> bool,
) {
    let mut panic = FirstPanic::new();
    let mut more = true;
    while more {
        panic.catch(|| wakers.wake_all());
        more = false;
        panic.catch(|| more = round(queue.lock(), &mut wakers));
    }
    panic.catch(|| wakers.wake_all());
    panic.resume();
}

/// Wakes the waiters that were granted before a panic.
struct WakeOnUnwind<'a, const N: usize>(&'a mut Wakers<N>);

impl<const N: usize> Drop for WakeOnUnwind<'_, N> {
    fn drop(&mut self) {
        self.0.wake_all();
    }
}

/// The waiter of a list that has waited longest, under the mutex.
pub struct Front<'l, 'a, P: Protocol, const LIST: usize> {
    locked: &'l mut Locked<'a, P>,
    node: *const Node<P::Data>,
}

impl<P: Protocol, const LIST: usize> fmt::Debug for Front<'_, '_, P, LIST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl<P: Protocol, const LIST: usize> Front<'_, '_, P, LIST> {
    /// The waiter's data: what it requests, and where to write what it is granted.
    #[inline]
    pub fn data(&mut self) -> &mut P::Data {
        // SAFETY: the node is linked, hence alive (I4), and its data is ours while we hold the mutex (I1).
        unsafe { (*self.node).body.with_mut(|body| &mut (*body).data) }
    }

    /// Grants the waiter what it waits for: unlinks it, and makes it the owner of its data. Returns its waker, to be
    /// woken after the mutex is released.
    ///
    /// Everything before this call happens before the poll that sees the grant. The waiter owns its grant whether or
    /// not it is woken.
    #[inline]
    pub fn grant(self) -> Waker {
        let node = self.node;
        // SAFETY: the node is linked (it is a list's head, under the mutex), hence alive (I4).
        unsafe {
            self.locked.with_list::<LIST, _>(|list, len| {
                list.pop_front();
                *len -= 1;
            });
            let waker = Node::end_wait(node);
            // Ordering: Release pairs with the Acquire in `Waiter::poll_wait`, after which the owner uses the data and
            // what was granted without the mutex. I3: the node is not touched after this store.
            (*node).stage.store(GRANTED, Ordering::Release);
            waker
        }
    }
}
