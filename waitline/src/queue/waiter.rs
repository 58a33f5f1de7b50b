//! The waiter's side: the pinned place in a queue that lives inside the future.

use super::{
    ForeignQueue, Lists, Locked, Protocol, SideList, WaitQueue,
    list::{GRANTED, IDLE, Node},
};
use crate::diagnostics::{Caller, Origin};
use crate::sync::atomic::Ordering;
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
/// A wait that has not begun is just its handle and its data: the node is made by the first entry, so that a fast path
/// writes nothing that it does not need.
pub struct Waiter<H: Handle> {
    phase: Phase<H>,
    place: Caller,
}

enum Phase<H: Handle> {
    New { handle: H, data: <H::Protocol as Protocol>::Data },
    Begun(Seat<H>),
}

impl<H: Handle> Waiter<H> {
    /// A wait that has not begun. Reports call the caller the place of the wait.
    #[inline(always)]
    #[track_caller]
    pub const fn new(handle: H, data: <H::Protocol as Protocol>::Data) -> Self {
        Waiter { phase: Phase::New { handle, data }, place: Caller::here() }
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

    /// Whether there was an [`entry`](Self::entry), and thus this future was polled before.
    #[inline(always)]
    pub fn has_begun(&self) -> bool {
        matches!(self.phase, Phase::Begun(_))
    }

    /// The way to the primitive.
    #[inline(always)]
    pub fn handle(&self) -> &H {
        match &self.phase {
            Phase::New { handle, .. } => handle,
            Phase::Begun(seat) => &seat.handle,
        }
    }

    /// The data, while the waiter is neither queued nor granted.
    ///
    /// # Panics
    ///
    /// If it is: a bug of the primitive.
    #[inline(always)]
    pub fn data(self: Pin<&mut Self>) -> &mut <H::Protocol as Protocol>::Data {
        // SAFETY: handle and data of a new wait are not pinned, and a seat is not moved here.
        match unsafe { &mut self.get_unchecked_mut().phase } {
            Phase::New { data, .. } => data,
            Phase::Begun(seat) => seat.data(),
        }
    }

    /// Takes the queue's mutex, with `waker` cloned before, so that this waiter may [enter](Entry::wait_in) a list.
    ///
    /// # Panics
    ///
    /// If the waiter is in one already: a bug of the primitive.
    #[inline]
    pub fn entry(self: Pin<&mut Self>, waker: &Waker) -> Entry<'_, H> {
        // I7: cloned before the mutex is taken. And before the wait begins: a clone that panics leaves it as it was.
        let (waker, place) = (waker.clone(), self.place);
        // SAFETY: a new wait is not pinned yet, so its parts may be moved into the seat; the seat is not moved from here
        // on. Nothing between the read and the write can unwind, so nothing is dropped twice.
        let phase = unsafe {
            let phase = &mut self.get_unchecked_mut().phase;
            if let Phase::New { handle, data } = phase {
                let seat = Seat { node: Node::new(ptr::read(data)), handle: ptr::read(handle) };
                ptr::write(phase, Phase::Begun(seat));
            }
            phase
        };
        let Phase::Begun(seat) = phase else { unreachable!("the wait has just begun") };
        // SAFETY: pinned with the waiter.
        unsafe { Pin::new_unchecked(&*seat) }.entry(waker, place)
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
        match &self.into_ref().get_ref().phase {
            Phase::Begun(seat) => seat.poll_grant(cx),
            Phase::New { .. } => not_waiting(),
        }
    }
}

#[cold]
fn not_waiting() -> ! {
    panic!("a waiting future was polled after it was ready")
}

impl<H: Handle> fmt::Debug for Waiter<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.phase {
            Phase::New { .. } => "new",
            Phase::Begun(seat) => match seat.node.stage.load(Ordering::Relaxed) {
                IDLE => "idle",
                GRANTED => "granted",
                _ => "queued",
            },
        };
        f.debug_tuple("Waiter").field(&format_args!("{stage}")).finish()
    }
}

/// The place in a queue: a node, and the way to the queue.
struct Seat<H: Handle> {
    node: Node<<H::Protocol as Protocol>::Data>,
    handle: H,
}

// SAFETY: the owner side of a waiter may move to another thread with its handle and data; a linked one is never moved
// in memory (it is pinned), and what the list does to it happens under the mutex (I1) or before the Release of I3.
unsafe impl<H: Handle<Protocol: Protocol<Data: Send>> + Send> Send for Seat<H> {}
// SAFETY: through `&Waiter` one can only read the handle and the stage.
unsafe impl<H: Handle<Protocol: Protocol<Data: Send>> + Sync> Sync for Seat<H> {}

impl<H: Handle> Seat<H> {
    fn is_idle(&self) -> bool {
        // Ordering: Relaxed; only the owner leaves or enters IDLE (I2).
        self.node.stage.load(Ordering::Relaxed) == IDLE
    }

    fn data(&mut self) -> &mut <H::Protocol as Protocol>::Data {
        assert!(self.is_idle(), "Waiter::data: the waiter is not idle");
        // SAFETY: an idle node belongs to its owner (the table), who lends us the only access.
        self.node.body.with_mut(|body| unsafe { &mut (*body).data })
    }

    #[inline]
    fn entry(self: Pin<&Self>, waker: Waker, place: Caller) -> Entry<'_, H> {
        assert!(self.is_idle(), "Waiter::entry: the waiter is in a list already");
        let seat = self.get_ref();
        Entry { locked: seat.handle.queue().lock(), seat, waker: Some(waker), place }
    }

    #[inline]
    fn poll_grant(&self, cx: &mut Context<'_>) -> Poll<()> {
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

    /// Whether the waiter has been granted by now; if not, `waker` is the one that the grant will wake.
    #[cold]
    fn granted_or_rearmed(&self, waker: &Waker) -> bool {
        let queue = self.handle.queue();
        let mut fresh: Option<Waker> = None;
        loop {
            let locked = queue.lock();
            // Ordering: Relaxed; a grant was made under the mutex, which orders all that came with it.
            match self.node.stage.load(Ordering::Relaxed) {
                GRANTED => return true,
                IDLE => not_waiting(),
                home => _ = self.place(queue, home),
            }
            // SAFETY: the node is linked in a list that this mutex guards (`place`), so its body is ours (I1).
            let armed = self.node.body.with_mut(|body| unsafe {
                let current = &mut (*body).waker;
                if current.as_ref().is_some_and(|current| current.will_wake(waker)) {
                    return true;
                }
                if fresh.is_some() {
                    mem::swap(current, &mut fresh);
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
    fn place(&self, queue: &WaitQueue<H::Protocol>, home: usize) -> Place<'_, H::Protocol> {
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

    /// Makes the waiter ready for a list of `home`, whose mutex is held. Only an [`Entry`] may do that.
    #[inline(always)]
    fn arm(&self, waker: Option<Waker>, home: usize, origin: &Origin, place: Caller) {
        let waker = waker.expect("Entry: the waiter is in a list already");
        // SAFETY: not linked, so the node belongs to the owner (the table), whose exclusive borrow made the entry. The
        // old waker is None: a grant takes it, and a cancelled waiter is gone; so nothing foreign is dropped here (I7).
        self.node.body.with_mut(|body| unsafe {
            (*body).waker = Some(waker);
            (*body).wait.for_primitive(origin, H::CALL, place);
        });
        // Ordering: Relaxed, by I2: we hold the mutex of `home`.
        self.node.stage.store(home, Ordering::Relaxed);
    }
    /// The slow part of drop: the waiter is queued or granted.
    #[cold]
    fn cancel(&mut self) {
        // A panic in the handle's `queue` or `side_list` must not free a linked waiter (I4).
        let bomb = AbortOnUnwind;
        let queue = self.handle.queue();
        let mut locked = queue.lock();
        // Ordering: Relaxed; a grant was made under the mutex, which orders all that came with it.
        let place = match self.node.stage.load(Ordering::Relaxed) {
            GRANTED => None,
            home => Some(self.place(queue, home)),
        };
        let node = ptr::from_ref(&self.node);
        match place {
            None => {}
            // SAFETY: linked in a list of this queue, by `place`.
            Some(Place::Queue) => unsafe { locked.unlink(node) },
            // SAFETY: linked in this side list, whose owner is the queue that we hold, by `place`.
            Some(Place::Side(side)) => unsafe { side.remove(node) },
        }
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

/// Which list a linked waiter is in.
enum Place<'a, P: Protocol> {
    Queue,
    Side(&'a SideList<P>),
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
    seat: &'w Seat<H>,
    /// Present until the waiter is linked; while it is, the waiter's body is ours as it is the owner's.
    waker: Option<Waker>,
    place: Caller,
}

impl<H: Handle> Entry<'_, H> {
    /// What the waiter will ask for.
    ///
    /// # Panics
    ///
    /// If the waiter has entered a list already: a bug of the primitive.
    #[inline]
    pub fn data(&mut self) -> &mut <H::Protocol as Protocol>::Data {
        assert!(self.waker.is_some(), "Entry::data: the waiter is in a list already");
        // SAFETY: not linked, so the node belongs to the owner (the table), whose exclusive borrow made this entry.
        self.seat.node.body.with_mut(|body| unsafe { &mut (*body).data })
    }

    /// Enters the queue's list number `list` as its last waiter.
    ///
    /// # Panics
    ///
    /// If there is no such list, or the waiter has entered one already: bugs of the primitive.
    #[inline]
    pub fn wait_in(&mut self, list: usize) {
        let (home, origin) = (self.locked.queue.home(), self.locked.origin());
        let Entry { locked, seat, waker, place } = self;
        locked.with_lists(|lists, len| {
            // First of all: a wrong number must leave the waiter idle.
            let list = &mut lists.all()[list];
            seat.arm(waker.take(), home, origin, *place);
            // SAFETY: I1 (we hold the mutex). The node was idle, is pinned, and its drop unlinks it (I4).
            unsafe { list.push_back(&seat.node) };
            *len += 1;
        });
    }

    /// Enters the handle's side list as its last waiter; [`ForeignQueue`] if that has waiters of another queue now.
    ///
    /// # Panics
    ///
    /// If the handle has no side list, or the waiter has entered a list already: bugs of the primitive.
    pub fn wait_in_side_list(&mut self) -> Result<(), ForeignQueue> {
        let Entry { locked, seat, waker, place } = self;
        let side = seat.handle.side_list().expect("Entry::wait_in_side_list: the handle has no side list");
        assert!(waker.is_some(), "Entry: the waiter is in a list already");
        // SAFETY: the node is idle, pinned, and its drop unlinks it (I4); `arm` follows at once.
        unsafe { side.push_back(locked, &seat.node)? };
        seat.arm(waker.take(), side.home(), side.origin(), *place);
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
        f.debug_struct("Entry").field("entered", &self.waker.is_none()).finish_non_exhaustive()
    }
}

impl<H: Handle> Drop for Seat<H> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_idle() {
            self.cancel();
        }
    }
}
