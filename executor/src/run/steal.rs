//! The run queue of a worker, from which other workers may steal.

use crate::key_map::{FEW, is_roomy};
use std::{
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    mem,
    ptr::{self, NonNull},
};
use waitline::sync::{
    Mutex, UnsafeCell,
    atomic::{AtomicPtr, AtomicUsize, Ordering},
};

/// What fits into a [`StealQueue`]: it can turn into a pointer and back.
///
/// # Safety
///
/// `from_raw` of what `into_raw` returned is the item.
pub(crate) unsafe trait Thin: Send {
    fn into_raw(self) -> NonNull<()>;

    /// # Safety
    ///
    /// `raw` is from `into_raw`, and is turned back once.
    unsafe fn from_raw(raw: NonNull<()>) -> Self;
}

/// A FIFO queue whose owner pushes and pops, and from whose front other workers steal half.
///
/// ```text
///   thieves, the owner's pop            the owner's push
///             │                                │
///   slots:    ▼ head                           ▼ tail
///   ─────────┬─────────┬─────────┬─────────┬───────────
///    free    │ oldest  │    …    │ newest  │ free
///   ─────────┴─────────┴─────────┴─────────┴───────────
/// ```
///
/// An item that is alone in the queue can be *claimed*: thieves pass over it, because the owner is about to come for it.
/// If the owner does not, a thief that knows this [seizes](Owned::seize_from) it.
///
/// Invariants:
///
/// - SQ1: the owner alone changes `tail`, adds to the slots, and replaces them. It replaces them under the mutex `thieves`.
///   Thieves read them under this mutex. So the slots stay while they do, and only one of them steals at a time.
/// - SQ2: the items are in the slots from `head` to `tail`. Both only grow (and wrap around), and `tail - head` is at most
///   the number of slots. An item belongs to the thread that moved `head` past it.
/// - SQ3: the owner uses a slot again only after it has read a `head` past its old item. So a thief that read the slot
///   before it moved `head` has read the item.
/// - SQ4: no thread holds the mutexes of two queues at once, so thieves cannot deadlock.
/// - SQ5: `tail` holds the claim, so that both change at once. A thread that goes to sleep relies on `tail` as described
///   at [`Sleepers`](super::sleepers::Sleepers).
// Alone on its cache lines: two workers must not slow each other down. 128 bytes, because processors fetch lines in pairs.
#[repr(align(128))]
pub(crate) struct StealQueue<T: Thin> {
    /// How many items were ever taken, in units of [`ONE`].
    head: AtomicUsize,
    /// How many were ever pushed, in units of [`ONE`], and [`CLAIM`].
    tail: AtomicUsize,
    /// A power of two of them, or none. The item number `n` is at `n` modulo their number.
    slots: UnsafeCell<Box<[AtomicPtr<()>]>>,
    thieves: Mutex<()>,
    /// Whether there are thieves.
    is_shared: bool,
    items: PhantomData<T>,
}

/// In `tail`: the only item is claimed.
const CLAIM: usize = 1;
/// An item, in `head` and `tail`.
const ONE: usize = 2;

// SAFETY: items are `Send`, and each belongs to one thread (SQ2). The slots are accessed as SQ1 says.
unsafe impl<T: Thin> Sync for StealQueue<T> {}

/// The number of items from `head` to `tail`. 0 if `tail` is older than `head`, because they were read too far apart.
fn between(head: usize, tail: usize) -> usize {
    let length = (tail & !CLAIM).wrapping_sub(head);
    if length > usize::MAX / 2 { 0 } else { length / ONE }
}

impl<T: Thin> StealQueue<T> {
    /// A queue. If it is not shared, then nobody may steal from it, and it is faster.
    pub(crate) fn new(is_shared: bool) -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: UnsafeCell::new(Box::default()),
            thieves: Mutex::new(()),
            is_shared,
            items: PhantomData,
        }
    }

    /// The queue as its owner uses it.
    ///
    /// # Safety
    ///
    /// All uses of the results, for one queue, happen one after the other.
    #[inline]
    pub(crate) unsafe fn owned(&self) -> Owned<'_, T> {
        Owned { queue: self, on_this_thread: PhantomData }
    }

    /// Whether the queue has no item, as a hint.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed, here and in the next two methods, by SQ5.
        between(self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed)) == 0
    }

    /// Whether the queue has items for thieves, as a hint.
    #[inline]
    pub(crate) fn has_offers(&self) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        tail & CLAIM == 0 && between(self.head.load(Ordering::Relaxed), tail) > 0
    }

    /// A number that changes when an item is taken.
    pub(crate) fn moves(&self) -> usize {
        self.head.load(Ordering::Relaxed)
    }

    /// The slot of an item. The caller is the owner, or has the mutex.
    #[inline]
    fn with_slot<R>(&self, item: usize, f: impl FnOnce(&AtomicPtr<()>) -> R) -> R {
        self.slots.with(|slots| {
            // SAFETY: only the owner replaces the slots, and only under the mutex (SQ1), so not now.
            let slots = unsafe { &**slots };
            f(&slots[(item / ONE) & (slots.len() - 1)])
        })
    }
}

/// The owner's side of a [`StealQueue`].
pub(crate) struct Owned<'a, T: Thin> {
    queue: &'a StealQueue<T>,
    on_this_thread: PhantomData<*const ()>,
}

impl<T: Thin> Owned<'_, T> {
    /// Adds an item at the back. If it is the only one and `may_claim`, claims it; otherwise offers all items to thieves.
    /// Returns whether it is claimed.
    #[inline]
    pub(crate) fn push(&self, item: T, may_claim: bool) -> bool {
        let (head, tail) = self.ends();
        if between(head, tail) == self.capacity() {
            self.resize(1);
        }
        self.put(tail, item.into_raw().as_ptr());
        let is_claimed = may_claim && head == tail;
        self.publish(tail.wrapping_add(ONE) | if is_claimed { CLAIM } else { 0 });
        is_claimed
    }

    /// Moves everything from `batch` to the back, and offers all items to thieves.
    pub(crate) fn append(&self, batch: VecDeque<T>) {
        self.make_room(batch.len());
        let (_, mut tail) = self.ends();
        for item in batch {
            self.put(tail, item.into_raw().as_ptr());
            tail = tail.wrapping_add(ONE);
        }
        self.publish(tail);
    }

    /// Takes the oldest item.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        let tail = self.queue.tail.load(Ordering::Relaxed) & !CLAIM;
        // Ordering: Relaxed, here and below. The owner writes and reads the slots itself.
        let mut head = self.queue.head.load(Ordering::Relaxed);
        while head != tail {
            let item = self.queue.with_slot(head, |slot| slot.load(Ordering::Relaxed));
            let next = head.wrapping_add(ONE);
            match self.move_head(head, next) {
                Ok(_) => {
                    if is_roomy(between(next, tail), self.capacity()) {
                        self.resize(0);
                    }
                    // SAFETY: this thread has moved `head` past the item (SQ2).
                    return Some(unsafe { from_slot(item) });
                }
                Err(now) => head = now,
            }
        }
        None
    }

    #[inline]
    fn move_head(&self, head: usize, next: usize) -> Result<usize, usize> {
        if self.queue.is_shared {
            return self.queue.head.compare_exchange_weak(head, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.queue.head.store(next, Ordering::Relaxed);
        Ok(head)
    }

    /// Takes the older half of what `victim` offers, at least one item if there is any: returns the oldest, and puts the
    /// others at the back of this queue.
    pub(crate) fn steal_from(&self, victim: &StealQueue<T>) -> Option<T> {
        if victim.has_offers() { self.seize_from(victim) } else { None }
    }

    /// Like [`steal_from`](Self::steal_from), but also takes what is claimed. `victim` is another queue.
    pub(crate) fn seize_from(&self, victim: &StealQueue<T>) -> Option<T> {
        debug_assert!(victim.is_shared && !ptr::eq(victim, self.queue));
        let expected = between(victim.head.load(Ordering::Relaxed), victim.tail.load(Ordering::Relaxed));
        // Before this thread has the other mutex (SQ4).
        let room = self.make_room(expected / 2);
        let (_, my_tail) = self.ends();
        let thieves = victim.thieves.lock();
        let (oldest, half) = loop {
            // Ordering: Relaxed. If it is too old, then the exchange below fails.
            let head = victim.head.load(Ordering::Relaxed);
            // Ordering: Acquire pairs with the Release in `publish`: the slots have what is read here, and the items are whole.
            let tail = victim.tail.load(Ordering::Acquire);
            let half = between(head, tail).div_ceil(2).min(room + 1);
            if half == 0 {
                return None;
            }
            let item = |n: usize| victim.with_slot(head.wrapping_add(n * ONE), |slot| slot.load(Ordering::Relaxed));
            for n in 1..half {
                self.put(my_tail.wrapping_add((n - 1) * ONE), item(n));
            }
            let oldest = item(0);
            let next = head.wrapping_add(half * ONE);
            // Ordering: Release pairs with the Acquire in `ends`, for SQ3: it keeps the reads of the slots before the exchange. No
            // model fails without this pair, because in loom no load sees a store that comes later.
            if victim.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed).is_ok() {
                break (oldest, half);
            }
        };
        drop(thieves);
        if half > 1 {
            self.publish(my_tail.wrapping_add((half - 1) * ONE));
        }
        // SAFETY: this thread has moved `head` past the item (SQ2).
        Some(unsafe { from_slot(oldest) })
    }

    /// The head and the tail, the latter without its claim.
    #[inline]
    fn ends(&self) -> (usize, usize) {
        // Ordering: Acquire pairs with the Release with which a thief moves it, for SQ3.
        let head = self.queue.head.load(Ordering::Acquire);
        (head, self.queue.tail.load(Ordering::Relaxed) & !CLAIM)
    }

    #[inline]
    fn put(&self, item: usize, raw: *mut ()) {
        self.queue.with_slot(item, |slot| slot.store(raw, Ordering::Relaxed));
    }

    #[inline]
    fn publish(&self, tail: usize) {
        // Ordering: Release pairs with the Acquire in `seize_from`.
        self.queue.tail.store(tail, Ordering::Release);
    }

    #[inline]
    fn capacity(&self) -> usize {
        // SAFETY: only the owner, who is here, replaces the slots (SQ1).
        self.queue.slots.with(|slots| unsafe { (&*slots).len() })
    }

    /// Ensures that there is room for `more` items, and returns how much there is.
    fn make_room(&self, more: usize) -> usize {
        let room = || {
            let (head, tail) = self.ends();
            self.capacity() - between(head, tail)
        };
        if room() < more {
            self.resize(more);
        }
        room()
    }

    /// Replaces the slots, by at least as many as there are items and `more`, or [`FEW`].
    #[cold]
    fn resize(&self, more: usize) {
        let (head, tail) = self.ends();
        let capacity = (between(head, tail) + more).next_power_of_two().max(FEW);
        let new: Box<[_]> = (0..capacity).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        let old = {
            let _thieves = self.queue.thieves.lock();
            let mut item = head;
            while item != tail {
                let raw = self.queue.with_slot(item, |slot| slot.load(Ordering::Relaxed));
                new[(item / ONE) & (capacity - 1)].store(raw, Ordering::Relaxed);
                item = item.wrapping_add(ONE);
            }
            // SAFETY: the owner is here, and there are no thieves (SQ1).
            self.queue.slots.with_mut(|slots| mem::replace(unsafe { &mut *slots }, new))
        };
        drop(old);
    }
}

/// The item of a slot.
///
/// # Safety
///
/// The slot was read while it held the item, which belongs to the caller.
#[inline]
unsafe fn from_slot<T: Thin>(raw: *mut ()) -> T {
    // SAFETY: what is in a slot is from `into_raw`, and the caller has the item alone.
    unsafe { T::from_raw(NonNull::new_unchecked(raw)) }
}

impl<T: Thin> Drop for StealQueue<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the queue any more.
        let owned = unsafe { self.owned() };
        while owned.pop().is_some() {}
    }
}

impl<T: Thin> fmt::Debug for StealQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = between(self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed));
        f.debug_struct("StealQueue").field("len", &length).finish()
    }
}
