//! The waiter's side: the pinned place in a queue that lives inside the future.

use super::{
    ForeignQueue, Lists, Locked, Protocol, SideList, WaitQueue,
    list::{GRANTED, IDLE, NEW, Node},
};
use crate::{
    const_unless_loom,
    diagnostics::{Caller, Current, Origin},
    foreign,
    sync::atomic::Ordering,
    wakers::WakeAll,
};
use std::{
    fmt, mem,
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker},
};

/// How a waiting future reaches its queue, and what is to be done when it is dropped before it is done.
///
/// A handle is what the future would hold anyway: a reference to its primitive, or an `Arc` of it.
pub trait Handle {
    /// The method that waits, as reports call it; see [`diagnostics`](crate::diagnostics).
    const CALL: &'static str = "wait";

    /// The protocol of the queue.
    type Protocol: Protocol;

    /// The queue; the same at each call.
    fn queue(&self) -> &WaitQueue<Self::Protocol>;

    /// The second home of this handle's waiters, if there is one.
    fn side_list(&self) -> Option<&SideList<Self::Protocol>> {
        None
    }

    /// The waiter was dropped while it was queued, and has just been unlinked.
    ///
    /// To be done here: let those go on whom its place held back. Wake only after `queue` is dropped.
    fn cancel_queued(&self, queue: Locked<'_, Self::Protocol>, data: &mut <Self::Protocol as Protocol>::Data);

    /// The same, for a waiter that was in the side list.
    fn cancel_in_side_list(&self, queue: Locked<'_, Self::Protocol>, data: &mut <Self::Protocol as Protocol>::Data) {
        _ = (queue, data);
    }

    /// The waiter was dropped after it was granted and before it was polled: pass the grant on.
    fn cancel_granted(&self, data: &mut <Self::Protocol as Protocol>::Data);
}

/// A wait, inside the future that waits. Dropping it gives up the place in the queue, or passes the grant on.
///
/// The future pins it structurally and drives it: until it [`has_begun`](Self::has_begun), try the fast path, then make
/// an [`entry`](Self::entry) and wait in a list; from then on [`poll_grant`](Self::poll_grant).
///
/// A wait that has not begun is just its handle and its data beside empty links: nothing is moved when it begins, so that
/// what was written in pieces need not be read as a whole while it is still on its way to the cache.
pub struct Waiter<H: Handle> {
    node: Node<<H::Protocol as Protocol>::Data>,
    handle: H,
    place: Caller,
}

// SAFETY: the owner side of a waiter may move to another thread with its handle and data; a linked one is never moved
// in memory (it is pinned), and what the list does to it happens under the mutex (I1) or before the Release of I3.
unsafe impl<H: Handle<Protocol: Protocol<Data: Send>> + Send> Send for Waiter<H> {}
// SAFETY: through `&Waiter` one can only read the handle and the stage. (Asks more of the data than it must, as the
// future around it would if it held them itself.)
unsafe impl<H: Handle<Protocol: Protocol<Data: Send + Sync>> + Sync> Sync for Waiter<H> {}

impl<H: Handle> Waiter<H> {
    const_unless_loom! {
        /// A wait that has not begun. Reports call the caller the place of the wait.
        #[inline(always)]
        #[track_caller]
        pub const fn new(handle: H, data: <H::Protocol as Protocol>::Data) -> Self {
            Waiter { node: Node::new(data), handle, place: Caller::here() }
        }
    }

    /// Another place for reports.
    #[inline(always)]
    pub fn called_at(mut self, place: Caller) -> Self {
        self.place = place;
        self
    }

    /// Where the wait was called for.
    #[inline(always)]
    pub fn place(&self) -> Caller {
        self.place
    }

    /// Whether the waiter has entered a list, and thus this future was polled before.
    #[inline(always)]
    pub fn has_begun(&self) -> bool {
        // Ordering: Relaxed; only the owner leaves NEW (I2).
        self.node.stage.load(Ordering::Relaxed) != NEW
    }

    /// The way to the primitive.
    #[inline(always)]
    pub fn handle(&self) -> &H {
        &self.handle
    }

    /// The data of a wait that has not begun: what a fast path needs, for one look at the stage.
    #[inline(always)]
    pub fn fresh(self: Pin<&mut Self>) -> Option<&mut <H::Protocol as Protocol>::Data> {
        if self.has_begun() {
            return None;
        }
        // SAFETY: a node that is not linked belongs to its owner (the table), who lends us the only access.
        Some(self.into_ref().get_ref().node.body.with_mut(|body| unsafe { &mut (*body).data }))
    }

    /// The data, while the waiter is neither queued nor granted.
    ///
    /// # Panics
    ///
    /// If it is: a bug of the primitive.
    #[inline(always)]
    pub fn data(self: Pin<&mut Self>) -> &mut <H::Protocol as Protocol>::Data {
        assert!(self.is_free(), "Waiter::data: the waiter is not idle");
        // SAFETY: a node that is not linked belongs to its owner (the table), who lends us the only access.
        self.into_ref().get_ref().node.body.with_mut(|body| unsafe { &mut (*body).data })
    }

    /// Takes the queue's mutex, with `waker` cloned before, so that this waiter may [enter](Entry::wait_in) a list.
    ///
    /// # Panics
    ///
    /// If the waiter is in one already: a bug of the primitive.
    #[inline]
    pub fn entry(self: Pin<&mut Self>, waker: &Waker) -> Entry<'_, H> {
        assert!(self.is_free(), "Waiter::entry: the waiter is in a list already");
        // I7: cloned before the mutex is taken. And before the wait begins: a clone that panics leaves it as it was.
        let waker = waker.clone();
        let task = Current::get();
        let waiter = self.into_ref().get_ref();
        // Written where it will stay: moved there later, by way of the stack, it cost a stalled load.
        // SAFETY: not linked, so the node belongs to its owner (the table), which is us. There is no waker in it (I8).
        waiter.node.body.with_mut(|body| unsafe { _ = (*body).waker.write(waker) });
        let seat = Seat { waiter, task, is_taken: false };
        let queue = waiter.handle.queue();
        Entry { locked: queue.lock(), seat, queue }
    }

    /// Polls a wait that has entered a list: ready once it is granted.
    ///
    /// Never takes the mutex once the grant is there; otherwise sees to it that `cx`'s waker is the one that is woken.
    ///
    /// # Panics
    ///
    /// If the wait is in no list, because it never entered one or was ready before.
    #[inline]
    pub fn poll_grant(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Ordering: Acquire pairs with the Release in `Front::grant`.
        if self.node.stage.load(Ordering::Acquire) == GRANTED || self.granted_or_rearmed(cx.waker()) {
            // Ordering: Relaxed; the node is ours again (I2), and nobody else looks at an unlinked node.
            self.node.stage.store(IDLE, Ordering::Relaxed);
            // SAFETY: idle, so the node belongs to its owner (the table), which is us.
            self.node.body.with_mut(|body| unsafe { (*body).wait.end() });
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Whether the waiter is neither queued nor granted.
    #[inline(always)]
    fn is_free(&self) -> bool {
        // Ordering: Relaxed; only the owner enters or leaves these stages (I2).
        self.node.stage.load(Ordering::Relaxed) <= IDLE
    }

    /// Whether the waiter has been granted by now; if not, `waker` is the one that the grant will wake.
    #[cold]
    fn granted_or_rearmed(&self, waker: &Waker) -> bool {
        let queue = self.handle.queue();
        let mut fresh: Option<Waker> = None;
        loop {
            let locked = queue.lock();
            // Ordering: Acquire as in `poll_grant`. The mutex would do if the handle is honest.
            match self.node.stage.load(Ordering::Acquire) {
                GRANTED => return true,
                NEW | IDLE => not_waiting(),
                home => _ = self.linked_in(queue, home),
            }
            // SAFETY: the node is linked in a list that this mutex guards (`linked_in`), so its body is ours (I1) and has a
            // waker (I8).
            let armed = self.node.body.with_mut(|body| unsafe {
                let current = (*body).waker.assume_init_mut();
                if current.will_wake(waker) {
                    return true;
                }
                if let Some(fresh) = &mut fresh {
                    mem::swap(current, fresh);
                    return true;
                }
                false
            });
            drop(locked);
            if armed {
                return false;
            }
            // I7: foreign code, so without the mutex; the replaced waker is dropped without it, too.
            fresh = Some(waker.clone());
        }
    }

    /// Where a linked waiter is, given the queue that its handle leads to, whose mutex we hold, and its stage.
    ///
    /// Aborts if the handle does not lead there any more (I5): unwinding would free a linked waiter.
    fn linked_in(&self, queue: &WaitQueue<H::Protocol>, home: usize) -> Place<'_, H::Protocol> {
        if home == queue.home() {
            return Place::Queue;
        }
        match self.handle.side_list() {
            Some(side) if home == side.home() && side.owner() == Some(queue.home()) => Place::Side(side),
            _ => {
                eprintln!("waitline: a handle leads to another queue than before, so its waiter cannot be unlinked");
                std::process::abort()
            }
        }
    }

    /// The slow part of drop: the waiter is queued or granted.
    #[cold]
    fn cancel(&mut self) {
        // A panic in the handle's `queue` or `side_list` must not free a linked waiter (I4).
        let bomb = AbortOnUnwind;
        let queue = self.handle.queue();
        let mut locked = queue.lock();
        // Ordering: Acquire as in `poll_grant`. The mutex would do if the handle is honest.
        let place = match self.node.stage.load(Ordering::Acquire) {
            GRANTED => None,
            home => Some(self.linked_in(queue, home)),
        };
        let node = ptr::from_ref(&self.node);
        match place {
            None => {}
            // SAFETY: linked in a list of this queue, by `linked_in`.
            Some(Place::Queue) => unsafe { locked.unlink(node) },
            // SAFETY: linked in this side list, whose owner is the queue that we hold, by `linked_in`.
            Some(Place::Side(side)) => unsafe { side.remove(node) },
        }
        // SAFETY: it was linked until now, and will not be again (I8).
        let waker = place.is_some().then(|| unsafe { Node::take_waker(node) });
        // Last of all, without the mutex (I7), and also if the handle panics.
        let _waker = Discarded(waker);
        mem::forget(bomb);
        // Ordering: Relaxed; unlinked, so ours (I2).
        self.node.stage.store(IDLE, Ordering::Relaxed);
        // SAFETY: unlinked: the node belongs to its owner (the table), which is us.
        let data = self.node.body.with_mut(|body| unsafe { &mut (*body).data });
        match place {
            None => {
                drop(locked);
                self.handle.cancel_granted(data);
            }
            Some(Place::Queue) => self.handle.cancel_queued(locked, data),
            Some(Place::Side(_)) => self.handle.cancel_in_side_list(locked, data),
        }
    }
}

#[cold]
fn not_waiting() -> ! {
    panic!("a waiting future was polled after it was ready")
}

impl<H: Handle> fmt::Debug for Waiter<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.node.stage.load(Ordering::Relaxed) {
            NEW => "new",
            IDLE => "idle",
            GRANTED => "granted",
            _ => "queued",
        };
        f.debug_tuple("Waiter").field(&format_args!("{stage}")).finish()
    }
}

/// Which list a linked waiter is in.
enum Place<'a, P: Protocol> {
    Queue,
    Side(&'a SideList<P>),
}

/// A waker that is not needed any more, dropped as foreign code.
struct Discarded(Option<Waker>);

impl Drop for Discarded {
    fn drop(&mut self) {
        let waker = self.0.take();
        foreign(|| drop(waker));
    }
}

struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// The moment in which a waiter, with the queue's mutex held, decides whether to wait. Derefs to [`Locked`].
///
/// Dropping it releases the mutex, and then drops the waker if it was not needed.
pub struct Entry<'w, H: Handle> {
    // The fields are dropped in this order, which I7 needs.
    locked: Locked<'w, H::Protocol>,
    seat: Seat<'w, H>,
    /// The queue that the handle led to. `locked` may have been exchanged since (I9).
    queue: &'w WaitQueue<H::Protocol>,
}

/// A waiter with a waker in it, that may enter one list.
struct Seat<'w, H: Handle> {
    waiter: &'w Waiter<H>,
    /// Who waits, asked for before the mutex was taken (I7).
    task: Current,
    /// Until then the waiter's body is ours, as it is the owner's.
    is_taken: bool,
}

impl<H: Handle> Seat<'_, H> {
    /// Makes the waiter ready for a list of `home`, whose mutex is held.
    #[inline(always)]
    fn take(&mut self, home: usize, origin: &Origin) {
        assert!(!self.is_taken, "Entry: the waiter is in a list already");
        self.is_taken = true;
        let (task, place) = (mem::take(&mut self.task), self.waiter.place);
        // SAFETY: we hold the mutex of the list that it enters.
        self.waiter.node.body.with_mut(|body| unsafe { (*body).wait.for_primitive(task, origin, H::CALL, place) });
        // Ordering: Relaxed, by I2: we hold the mutex of `home`.
        self.waiter.node.stage.store(home, Ordering::Relaxed);
    }
}

impl<H: Handle> Drop for Seat<'_, H> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_taken {
            // SAFETY: not linked, so the waker is there (I8) and ours.
            let waker = unsafe { Node::take_waker(&self.waiter.node) };
            foreign(|| drop(waker));
        }
    }
}

impl<'w, H: Handle> Entry<'w, H> {
    /// The way to the primitive.
    #[inline(always)]
    pub fn handle(&self) -> &'w H {
        &self.seat.waiter.handle
    }

    /// What the waiter will ask for.
    ///
    /// # Panics
    ///
    /// If the waiter has entered a list already: a bug of the primitive.
    #[inline]
    pub fn data(&mut self) -> &mut <H::Protocol as Protocol>::Data {
        assert!(!self.seat.is_taken, "Entry::data: the waiter is in a list already");
        // SAFETY: not linked, so the node belongs to the owner (the table), whose exclusive borrow made this entry.
        self.seat.waiter.node.body.with_mut(|body| unsafe { &mut (*body).data })
    }

    /// I9: a waiter enters lists of the queue that its handle keeps alive, and of no other.
    #[inline(always)]
    fn check_home(&self) {
        assert!(ptr::eq(self.locked.queue, self.queue), "Entry: its queue was exchanged for another one");
    }

    /// Enters the queue's list number `list` as its last waiter.
    ///
    /// # Panics
    ///
    /// If there is no such list, or the waiter has entered one already: bugs of the primitive.
    #[inline]
    pub fn wait_in(&mut self, list: usize) {
        self.check_home();
        let (home, origin) = (self.locked.queue.home(), self.locked.origin());
        let Entry { locked, seat, .. } = self;
        locked.with_lists(|lists, len| {
            // First of all: a wrong number must leave the waiter idle.
            let list = &mut lists.all()[list];
            seat.take(home, origin);
            // SAFETY: I1 (we hold the mutex). The node was idle, is pinned, and its drop unlinks it (I4).
            unsafe { list.push_back(&seat.waiter.node) };
            *len += 1;
        });
    }

    /// Releases the mutex, then wakes `wakers`: see [`Locked::unlock_and_wake`].
    #[inline]
    pub fn unlock_and_wake(self, wakers: impl WakeAll) {
        drop(self);
        wakers.wake_all();
    }

    /// Enters the handle's side list as its last waiter; [`ForeignQueue`] if that has waiters of another queue now.
    ///
    /// # Panics
    ///
    /// If the handle has no side list, or the waiter has entered a list already: bugs of the primitive.
    pub fn wait_in_side_list(&mut self) -> Result<(), ForeignQueue> {
        self.check_home();
        let Entry { locked, seat, .. } = self;
        let side = seat.waiter.handle.side_list().expect("Entry::wait_in_side_list: the handle has no side list");
        assert!(!seat.is_taken, "Entry: the waiter is in a list already");
        // SAFETY: the node is idle, pinned, and its drop unlinks it (I4); `take` follows at once.
        unsafe { side.push_back(locked, &seat.waiter.node)? };
        seat.take(side.home(), side.origin());
        Ok(())
    }
}

impl<'w, H: Handle> Deref for Entry<'w, H> {
    type Target = Locked<'w, H::Protocol>;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.locked
    }
}

impl<H: Handle> DerefMut for Entry<'_, H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.locked
    }
}

impl<H: Handle> fmt::Debug for Entry<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("entered", &self.seat.is_taken).finish_non_exhaustive()
    }
}

impl<H: Handle> Drop for Waiter<H> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_free() {
            self.cancel();
        }
    }
}
