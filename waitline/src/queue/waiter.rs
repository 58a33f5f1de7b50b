//! [`Waiter`]: the owner's side of a wait, pinned inside the future. The invariants are in the parent module.

use super::{
    Decision, Entry, Locked, Protocol, SideList, WaitQueue,
    list::{GRANTED, NEW, Node, OVER},
};
use crate::{const_unless_loom, diagnostics::Caller, foreign, sync::atomic::Ordering, timeout::is_last_poll};
use std::{
    fmt,
    future::poll_fn,
    mem::{self, ManuallyDrop},
    pin::Pin,
    ptr,
    task::{Context, Poll, Waker},
};

/// How a waiting future reaches its queue, and what it does when it is dropped before it is ready.
///
/// A handle contains what the future would hold anyway: a reference to its primitive, or an `Arc` of it.
pub trait Handle {
    /// The name in reports of the method that waits; see [`diagnostics`](crate::diagnostics).
    const CALL: &'static str = "wait";

    /// The protocol of the queue.
    type Protocol: Protocol;

    /// The queue. Must be the same at each call.
    fn queue(&self) -> &WaitQueue<Self::Protocol>;

    /// The side list in which this handle's waiters may wait, if there is one. Must be the same at each call.
    fn side_list(&self) -> Option<&SideList<Self::Protocol>> {
        None
    }

    /// Called when the waiter is dropped while it is queued, after it has been unlinked.
    ///
    /// If its request blocked the waiters behind it, grant them here. Wake them only after `queue` is dropped.
    fn cancel_queued(&self, queue: Locked<'_, Self::Protocol>, data: &mut <Self::Protocol as Protocol>::Data) {
        _ = data;
        drop(queue);
    }

    /// Called when the waiter is dropped after it was granted and before it was polled again: pass the grant on here.
    fn cancel_granted(&self, data: &mut <Self::Protocol as Protocol>::Data);
}

/// A wait, inside the future that waits. It begins with a handle and a request, and ends with the handle and what was
/// granted.
///
/// The future pins it structurally, and drives it by two calls: [`finish_if`](Self::finish_if), for a fast path without
/// the mutex, and [`poll_wait`](Self::poll_wait). Neither can be called at a wrong time. Dropping a waiter unlinks it,
/// or passes its grant on.
///
/// A wait that has not begun is just its handle and its data beside empty links. Nothing is moved when it begins, so
/// that no large load has to wait for smaller stores to the same bytes.
pub struct Waiter<H: Handle> {
    pub(super) node: Node<<H::Protocol as Protocol>::Data>,
    /// Taken out when the wait is over.
    handle: ManuallyDrop<H>,
    location: Caller,
}

/// The handle and the data of a wait that is over.
type Finished<H> = (H, <<H as Handle>::Protocol as Protocol>::Data);

// SAFETY: the owner's side of a waiter may move to another thread with its handle and data. A linked waiter is never
// moved in memory (it is pinned), and its list touches it only under the mutex (I1) or before the Release of I3.
unsafe impl<H: Handle<Protocol: Protocol<Data: Send>> + Send> Send for Waiter<H> {}
// SAFETY: `&Waiter` gives access only to the handle and the stage. (The bounds on the data are stricter than necessary.
// They are those of a future that holds the data itself.)
unsafe impl<H: Handle<Protocol: Protocol<Data: Send + Sync>> + Sync> Sync for Waiter<H> {}

impl<H: Handle> Waiter<H> {
    const_unless_loom! {
        /// A wait that has not begun. Reports show the location of the caller.
        #[inline(always)]
        #[track_caller]
        pub const fn new(handle: H, data: <H::Protocol as Protocol>::Data) -> Self {
            Waiter { node: Node::new(data), handle: ManuallyDrop::new(handle), location: Caller::here() }
        }
    }

    /// Overrides the location shown in reports.
    #[inline(always)]
    pub fn called_at(mut self, location: Caller) -> Self {
        self.location = location;
        self
    }

    /// The location of the call that waits.
    #[inline(always)]
    pub fn location(&self) -> Caller {
        self.location
    }

    /// The handle, if the wait has not begun.
    #[inline(always)]
    pub fn new_handle(&self) -> Option<&H> {
        self.is_new().then(|| self.handle())
    }

    /// Ends a wait that has not begun, without the mutex, if `ready` returns true: the fast path.
    ///
    /// Returns `None` if `ready` returns false, or if the wait has begun. Call [`poll_wait`](Self::poll_wait) then.
    #[inline(always)]
    pub fn finish_if(
        self: Pin<&mut Self>,
        ready: impl FnOnce(&H, &mut <H::Protocol as Protocol>::Data) -> bool,
    ) -> Option<Finished<H>> {
        if !self.is_new() {
            return None;
        }
        let this = self.into_ref().get_ref();
        // SAFETY: a node that is not linked belongs to its owner (the table), who gives us exclusive access.
        let data = this.node.body.with_mut(|body| unsafe { &mut *(*body).data });
        if !ready(&this.handle, data) {
            return None;
        }
        // SAFETY: new, and ours alone.
        Some(unsafe { this.finish() })
    }

    /// Polls the wait. At the first poll, `decide` runs under the mutex and decides whether to wait. Later polls check
    /// for the grant.
    ///
    /// A poll after the grant does not take the mutex. A poll before it makes `cx`'s waker the one that is woken. If
    /// `decide` panics before it has decided, the waiter stays as it was, and the mutex is released.
    ///
    /// # Panics
    ///
    /// If the wait is over. Nothing changes then.
    #[inline]
    pub fn poll_wait(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        decide: impl for<'w> FnOnce(Entry<'w, H>) -> Decision<'w, H>,
    ) -> Poll<Finished<H>> {
        let this = self.into_ref().get_ref();
        // Ordering: Acquire pairs with the Release in `Front::grant`.
        let is_granted = match this.node.stage.load(Ordering::Acquire) {
            GRANTED => true,
            NEW => this.begin(cx.waker(), decide),
            _ => this.granted_or_rearmed(cx.waker()),
        };
        // SAFETY: granted, and ours alone.
        if is_granted { Poll::Ready(unsafe { this.finish() }) } else { Poll::Pending }
    }

    /// Waits as [`poll_wait`](Self::poll_wait) does, in an async function.
    ///
    /// ```
    /// use std::pin::pin;
    /// use waitline::{Handle, OneList, WaitQueue, Waiter};
    ///
    /// struct Always(WaitQueue<OneList<()>>);
    ///
    /// impl Handle for &Always {
    ///     type Protocol = OneList<()>;
    ///     fn queue(&self) -> &WaitQueue<OneList<()>> {
    ///         &self.0
    ///     }
    ///     fn cancel_granted(&self, _: &mut ()) {}
    /// }
    ///
    /// # futures_lite::future::block_on(async {
    /// let always = Always(WaitQueue::new((), ()));
    /// pin!(Waiter::new(&always, ())).wait(|entry| entry.ready()).await;
    /// # });
    /// ```
    pub async fn wait(
        mut self: Pin<&mut Self>,
        decide: impl for<'w> FnOnce(Entry<'w, H>) -> Decision<'w, H>,
    ) -> (H, <H::Protocol as Protocol>::Data) {
        let mut decide = Some(decide);
        let decide_once = |cx: &mut Context<'_>| match decide.take() {
            Some(decide) => self.as_mut().poll_wait(cx, decide),
            None => self.as_mut().poll_wait(cx, |_| unreachable!("the first poll has decided, or panicked")),
        };
        poll_fn(decide_once).await
    }

    #[cold]
    fn begin<'w>(&'w self, waker: &Waker, decide: impl FnOnce(Entry<'w, H>) -> Decision<'w, H>) -> bool {
        decide(Entry::new(self, waker)).is_ready
    }

    /// Ends the wait.
    ///
    /// # Safety
    ///
    /// The waiter is new or granted, its owner gives the caller exclusive access, and the data and the handle are not
    /// used again.
    #[inline(always)]
    unsafe fn finish(&self) -> Finished<H> {
        // Ordering: Relaxed; the node is ours (I2), and no other thread looks at an unlinked node.
        self.node.stage.store(OVER, Ordering::Relaxed);
        // SAFETY: not linked, so the node belongs to its owner (the table), which is us, by the caller's word. Both are
        // read once: OVER prevents any further access.
        unsafe {
            let data = self.node.body.with_mut(|body| {
                (*body).wait.end();
                ptr::read(&*(*body).data)
            });
            (ptr::read(&*self.handle), data)
        }
    }

    /// The handle of a wait that is not over.
    #[inline(always)]
    pub(super) fn handle(&self) -> &H {
        debug_assert_ne!(self.node.stage.load(Ordering::Relaxed), OVER, "the handle has been taken out");
        &self.handle
    }

    #[inline(always)]
    fn is_new(&self) -> bool {
        // Ordering: Relaxed; only the owner leaves NEW (I2).
        self.node.stage.load(Ordering::Relaxed) == NEW
    }

    /// Whether the waiter has been granted. If not, makes `waker` the one that the grant will wake.
    #[cold]
    fn granted_or_rearmed(&self, waker: &Waker) -> bool {
        if self.node.stage.load(Ordering::Relaxed) == OVER {
            panic!("a waiting future was polled after it was ready");
        }
        if is_last_poll(waker) {
            return self.granted_or_gone();
        }
        let queue = self.handle().queue();
        let mut fresh: Option<Waker> = None;
        loop {
            let locked = queue.lock();
            // Ordering: Acquire as in `poll_wait`. The mutex would do if the handle is honest.
            match self.node.stage.load(Ordering::Acquire) {
                GRANTED => return true,
                id => _ = self.linked_in(queue, id),
            }
            // SAFETY: the node is linked in a list that this mutex guards (`linked_in`), so we may touch its body (I1),
            // and it has a waker (I8).
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
            // I7: foreign code, so without the mutex. The replaced waker is dropped without it, too.
            fresh = Some(waker.clone());
        }
    }

    /// The list of a linked waiter with this stage. `queue` is the one that its handle leads to, and we hold its mutex.
    ///
    /// Aborts if the handle does not lead to that list any more (I5): unwinding would free a linked waiter.
    fn linked_in(&self, queue: &WaitQueue<H::Protocol>, id: usize) -> Linked<'_, H::Protocol> {
        if id == queue.id() {
            return Linked::InQueue;
        }
        match self.handle().side_list() {
            Some(side) if id == side.id() && side.owner() == Some(queue.id()) => Linked::InSideList(side),
            _ => {
                eprintln!("waitline: a handle leads to another queue than before, so its waiter cannot be unlinked");
                std::process::abort()
            }
        }
    }

    /// The last poll of a wait with a deadline: whether the waiter has been granted. If not, it is gone from its list,
    /// and the wait is over. One section decides, so that a grant is either returned, or goes to another waiter.
    #[cold]
    fn granted_or_gone(&self) -> bool {
        let rest = Rest(self);
        let is_granted = self.is_granted_or_leaves();
        if is_granted {
            mem::forget(rest);
        }
        is_granted
    }

    /// The slow part of drop: the waiter is queued or granted.
    #[cold]
    fn cancel(&self) {
        if self.is_granted_or_leaves() {
            // SAFETY: granted: the node belongs to its owner (the table), which is us.
            let data = self.node.body.with_mut(|body| unsafe { &mut *(*body).data });
            self.handle().cancel_granted(data);
        }
    }

    /// Whether the waiter, which has begun to wait, has been granted. If not, unlinks it, so that its wait is over, and
    /// unblocks the waiters behind it. The caller drops its data and its handle then, also if this panics.
    fn is_granted_or_leaves(&self) -> bool {
        // A panic in the handle's `queue` or `side_list` must not free a linked waiter (I4).
        let bomb = AbortOnUnwind;
        let queue = self.handle().queue();
        let mut locked = queue.lock();
        // Ordering: Acquire as in `poll_wait`. The mutex would do if the handle is honest.
        let linked = match self.node.stage.load(Ordering::Acquire) {
            GRANTED => {
                mem::forget(bomb);
                return true;
            }
            id => self.linked_in(queue, id),
        };
        let node = ptr::from_ref(&self.node);
        match linked {
            // SAFETY: linked in a list of this queue, by `linked_in`.
            Linked::InQueue => unsafe { locked.unlink(node) },
            // SAFETY: linked in this side list, whose owner is the queue that we hold, by `linked_in`.
            Linked::InSideList(side) => unsafe { side.remove(node) },
        }
        // Ordering: Relaxed, by I2. The wait is over, whatever panics below.
        self.node.stage.store(OVER, Ordering::Relaxed);
        // SAFETY: it was linked until now, and will not be again (I8).
        let waker = unsafe { Node::take_waker(node) };
        // Dropped last, without the mutex (I7), and also if the handle panics.
        let _waker = Discarded(Some(waker));
        mem::forget(bomb);
        match linked {
            Linked::InQueue => {
                // SAFETY: unlinked: the node belongs to its owner (the table), which is us.
                let data = self.node.body.with_mut(|body| unsafe { &mut *(*body).data });
                self.handle.cancel_queued(locked, data);
            }
            Linked::InSideList(_) => drop(locked),
        }
        false
    }
}

impl<H: Handle> Drop for Waiter<H> {
    #[inline]
    fn drop(&mut self) {
        // Ordering: Relaxed; only the owner enters or leaves these stages (I2).
        let stage = self.node.stage.load(Ordering::Relaxed);
        if stage == OVER {
            return;
        }
        let rest = Rest(self);
        if stage != NEW {
            rest.0.cancel();
        }
    }
}

/// Drops the data and the handle of a waiter, even if its cancellation panics.
struct Rest<'a, H: Handle>(&'a Waiter<H>);

impl<H: Handle> Drop for Rest<'_, H> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: neither has been taken out, so both are present; the waiter is not linked, so both are ours; and this
        // is the last use of them: the waiter is being dropped, or is over. As locals, one is dropped even if the drop
        // of the other panics.
        unsafe {
            let _handle = ptr::read(&*self.0.handle);
            let _data = self.0.node.body.with_mut(|body| {
                (*body).wait.end();
                ptr::read(&*(*body).data)
            });
        }
    }
}

impl<H: Handle> fmt::Debug for Waiter<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.node.stage.load(Ordering::Relaxed) {
            NEW => "new",
            OVER => "over",
            GRANTED => "granted",
            _ => "queued",
        };
        f.debug_tuple("Waiter").field(&format_args!("{stage}")).finish()
    }
}

/// The list that a linked waiter is in.
enum Linked<'a, P: Protocol> {
    InQueue,
    InSideList(&'a SideList<P>),
}

/// A waker that is no longer needed. Its drop is foreign code.
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
