//! The circle of waiters and its nodes: all code that follows raw pointers. The invariants are in the parent module.

use crate::sync::{
    UnsafeCell,
    atomic::{AtomicUsize, Ordering},
};
use crate::{Wakers, const_unless_loom, diagnostics::Wait};
use std::{
    marker::PhantomPinned,
    mem::{ManuallyDrop, MaybeUninit},
    ptr,
    task::Waker,
};

/// The stage of a waiter that has entered no list yet.
pub(super) const NEW: usize = 0;
/// The stage of a waiter whose wait is over: its data and its handle have been taken out, or
/// dropped.
pub(super) const OVER: usize = 1;
/// The stage of a waiter that has been granted what it waited for, and has not been polled since.
pub(super) const GRANTED: usize = 2;

/// A waiter as its list sees it.
pub(super) struct Node<D> {
    pub(super) stage: AtomicUsize,
    pub(super) body: UnsafeCell<Body<D>>,
    /// Other nodes point to a linked node, so `&mut` to it must not claim to be the only path to it.
    _pin: PhantomPinned,
}

pub(super) struct Body<D> {
    /// Initialized while the node is linked (I8).
    prev: MaybeUninit<*const Node<D>>,
    next: MaybeUninit<*const Node<D>>,
    /// Initialized while the node is linked, or about to be (I8).
    pub(super) waker: MaybeUninit<Waker>,
    /// Taken out when the wait is over.
    pub(super) data: ManuallyDrop<D>,
    pub(super) wait: Wait,
}

impl<D> Node<D> {
    const_unless_loom! {
        pub(super) const fn new(data: D) -> Self {
            let (prev, next, waker) = (MaybeUninit::uninit(), MaybeUninit::uninit(), MaybeUninit::uninit());
            let body = Body { prev, next, waker, data: ManuallyDrop::new(data), wait: Wait::new() };
            Node { stage: AtomicUsize::new(NEW), body: UnsafeCell::new(body), _pin: PhantomPinned }
        }
    }

    /// # Safety
    ///
    /// For this function and the two below: `node` is alive and linked (for the setters: or about to be linked), and
    /// the mutex of its list is held.
    #[inline(always)]
    unsafe fn links(node: *const Self) -> (*const Self, *const Self) {
        // SAFETY: by the caller's word and I8.
        unsafe { (*node).body.with(|body| ((*body).prev.assume_init(), (*body).next.assume_init())) }
    }

    #[inline(always)]
    unsafe fn set_prev(node: *const Self, to: *const Self) {
        // SAFETY: by the caller's word.
        unsafe { (*node).body.with_mut(|body| _ = (*body).prev.write(to)) }
    }

    #[inline(always)]
    unsafe fn set_next(node: *const Self, to: *const Self) {
        // SAFETY: by the caller's word.
        unsafe { (*node).body.with_mut(|body| _ = (*body).next.write(to)) }
    }

    /// Takes the waker out of a node that is being granted, and records the grant.
    ///
    /// # Safety
    ///
    /// As for `take_waker`.
    #[inline(always)]
    pub(super) unsafe fn end_wait(node: *const Self) -> Waker {
        // SAFETY: by the caller's word.
        unsafe {
            (*node).body.with_mut(|body| (*body).wait.granted());
            Node::take_waker(node)
        }
    }

    /// Takes the waker out of a node that will not be linked again.
    ///
    /// # Safety
    ///
    /// As for `links`, and the waker is not taken again.
    #[inline(always)]
    pub(super) unsafe fn take_waker(node: *const Self) -> Waker {
        // SAFETY: by the caller's word and I8.
        unsafe { (*node).body.with_mut(|body| (*body).waker.assume_init_read()) }
    }
}

/// Under loom, the drop of a node counts as an access, so that loom detects an access after the grant (I3).
#[cfg(all(loom, feature = "loom"))]
impl<D> Drop for Node<D> {
    fn drop(&mut self) {
        self.body.with_mut(|_| ());
    }
}

/// One list of a queue: the head of a circle, or null.
#[derive(Debug)]
pub struct List<D> {
    head: *const Node<D>,
}

impl<D> List<D> {
    pub(super) const EMPTY: Self = List { head: ptr::null() };

    /// The node that has been in the list longest, or null.
    #[inline(always)]
    pub(super) fn head(&self) -> *const Node<D> {
        self.head
    }

    /// Appends `node`.
    ///
    /// # Safety
    ///
    /// The list's mutex is held; `node` is alive, pinned and in no list.
    #[inline(always)]
    pub(super) unsafe fn push_back(&mut self, node: *const Node<D>) {
        // SAFETY: the head and its tail are linked, hence alive (I4), and ours under the mutex (I1).
        unsafe {
            let head = self.head;
            let (tail, first) = if head.is_null() {
                self.head = node;
                (node, node)
            } else {
                (Node::links(head).0, head)
            };
            Node::set_prev(node, tail);
            Node::set_next(node, first);
            Node::set_next(tail, node);
            Node::set_prev(first, node);
        }
    }

    /// Appends all of `other`, which is empty afterwards.
    ///
    /// # Safety
    ///
    /// The mutex of both lists is held.
    pub(super) unsafe fn append(&mut self, other: &mut Self) {
        let (head, moved) = (self.head, std::mem::replace(&mut other.head, ptr::null()));
        if head.is_null() {
            self.head = moved;
        } else if !moved.is_null() {
            // SAFETY: all four are linked, hence alive (I4), and ours under the mutex (I1).
            unsafe {
                let (tail, last) = (Node::links(head).0, Node::links(moved).0);
                Node::set_next(tail, moved);
                Node::set_prev(moved, tail);
                Node::set_next(last, head);
                Node::set_prev(head, last);
            }
        }
    }

    /// Runs `f` on the data of each node, longest waiting first.
    ///
    /// # Safety
    ///
    /// The list's mutex is held.
    pub(super) unsafe fn for_each(&mut self, mut f: impl FnMut(&mut D)) {
        let mut node = self.head;
        while !node.is_null() {
            // SAFETY: linked, hence alive (I4), and ours under the mutex (I1); `f` cannot reach the lists from there.
            let next = unsafe {
                (*node).body.with_mut(|body| f(&mut (*body).data));
                Node::links(node).1
            };
            node = if next == self.head { ptr::null() } else { next };
        }
    }

    /// Cuts off up to `n` nodes from the front, as a list of their own, and calls `visit` with each.
    ///
    /// # Safety
    ///
    /// The list's mutex is held.
    pub(super) unsafe fn take_front(&mut self, n: usize, visit: impl Fn(&Node<D>)) -> (Self, usize) {
        let first = self.head;
        if first.is_null() || n == 0 {
            return (Self::EMPTY, 0);
        }
        // SAFETY: all nodes in the list are linked, hence alive (I4), and ours under the mutex (I1).
        unsafe {
            let (mut last, mut taken) = (first, 1);
            visit(&*last);
            while taken < n && Node::links(last).1 != first {
                last = Node::links(last).1;
                taken += 1;
                visit(&*last);
            }
            let (tail, rest) = (Node::links(first).0, Node::links(last).1);
            if rest == first {
                self.head = ptr::null();
            } else {
                self.head = rest;
                Node::set_prev(rest, tail);
                Node::set_next(tail, rest);
                Node::set_prev(first, last);
                Node::set_next(last, first);
            }
            (List { head: first }, taken)
        }
    }

    /// Grants nodes from the front until `limit` is reached, `wakers` is full, or all are granted. Returns their
    /// number.
    ///
    /// Closes the circle once at the end, not after each node: no other thread can look at it before that.
    ///
    /// # Safety
    ///
    /// The list's mutex is held.
    pub(super) unsafe fn grant_front<const N: usize>(&mut self, limit: usize, wakers: &mut Wakers<N>) -> usize {
        let mut node = self.head;
        if node.is_null() {
            return 0;
        }
        // SAFETY: a node is linked, hence alive (I4), and ours under the mutex (I1), until it is granted; everything
        // that is needed of it is read before (I3). The tail is the last node to be granted, and is not touched after
        // that.
        unsafe {
            let tail = Node::links(node).0;
            let mut granted = 0;
            while granted < limit && !wakers.is_full() {
                let next = Node::links(node).1;
                let waker = Node::end_wait(node);
                // Ordering: Release, as in `Front::grant`.
                (*node).stage.store(GRANTED, Ordering::Release);
                granted += 1;
                wakers.push(waker);
                if node == tail {
                    self.head = ptr::null();
                    return granted;
                }
                node = next;
            }
            self.head = node;
            Node::set_prev(node, tail);
            Node::set_next(tail, node);
            granted
        }
    }

    /// Takes the head out.
    ///
    /// # Safety
    ///
    /// The list's mutex is held, and the list is not empty.
    #[inline(always)]
    pub(super) unsafe fn pop_front(&mut self) {
        // SAFETY: the head and its neighbours are linked, hence alive (I4), and ours under the mutex (I1).
        unsafe {
            let (tail, next) = Node::links(self.head);
            if next == self.head {
                self.head = ptr::null();
            } else {
                Node::set_next(tail, next);
                Node::set_prev(next, tail);
                self.head = next;
            }
        }
    }

    /// Takes `node` out of whichever of `lists` it is in.
    ///
    /// # Safety
    ///
    /// The mutex of `lists` is held, and `node` is linked in one of them.
    #[inline(always)]
    pub(super) unsafe fn remove(lists: &mut [Self], node: *const Node<D>) {
        // SAFETY: a linked node's neighbours are linked, hence alive (I4), and ours under the mutex (I1).
        let successor = unsafe {
            let (before, after) = Node::links(node);
            if after == node {
                ptr::null()
            } else {
                Node::set_next(before, after);
                Node::set_prev(after, before);
                after
            }
        };
        for list in lists {
            if list.head == node {
                list.head = successor;
            }
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl<D, const N: usize> Sealed for [super::List<D>; N] {}
}

/// The lists of a queue: `[List<D>; N]`.
pub trait Lists<D>: sealed::Sealed {
    /// No waiter in any list.
    #[doc(hidden)]
    const EMPTY: Self;
    /// How many lists there are.
    #[doc(hidden)]
    const LEN: usize;
    #[doc(hidden)]
    fn all(&self) -> &[List<D>];
    #[doc(hidden)]
    fn all_mut(&mut self) -> &mut [List<D>];
}

impl<D, const N: usize> Lists<D> for [List<D>; N] {
    const EMPTY: Self = [const { List::EMPTY }; N];
    const LEN: usize = N;
    #[inline(always)]
    fn all(&self) -> &[List<D>] {
        self
    }
    #[inline(always)]
    fn all_mut(&mut self) -> &mut [List<D>] {
        self
    }
}
