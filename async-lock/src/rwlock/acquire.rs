//! The futures that wait for a [`RwLock`](super::RwLock). The invariants are in `raw`.

use super::{
    guard::RwGuard,
    mode::{Mode, RwRef, Upgradable, Write},
    raw::{QUEUE, RawRwLock, Right, RwProtocol, UPGRADE, Wish, acquire_or_announce, upgrade_or_announce},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{Handle, Locked, WaitQueue, Waiter};

/// The handle of a future that waits for the right `M`.
struct AcquireHandle<R, M> {
    lock: R,
    mode: PhantomData<M>,
}

impl<R: RwRef, M: Mode> Handle for AcquireHandle<R, M> {
    const CALL: &'static str = M::CALL;

    type Protocol = RwProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<RwProtocol> {
        self.lock.rwlock().raw().queue()
    }

    fn cancel_queued(&self, queue: Locked<'_, RwProtocol>, wish: &mut Wish) {
        RawRwLock::settle_without(queue, wish);
    }

    fn cancel_granted(&self, _: &mut Wish) {
        self.lock.rwlock().raw().release(M::RIGHT);
    }
}

pin_project! {
    /// The future of [`RwLock::read`](super::RwLock::read), [`write`](super::RwLock::write) and
    /// [`upgradable_read`](super::RwLock::upgradable_read), and of their owned forms.
    ///
    /// ```
    /// use waitline_lock::{RwLock, rwlock::{Read, RwAcquire}};
    /// let lock = RwLock::new(1);
    /// let acquire: RwAcquire<&RwLock<i32>, Read> = lock.read();
    /// assert_eq!(*futures_lite::future::block_on(acquire), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct RwAcquire<R: RwRef, M: Mode> {
        #[pin]
        waiter: Waiter<AcquireHandle<R, M>>,
    }
}

impl<R: RwRef, M: Mode> RwAcquire<R, M> {
    #[inline(always)]
    #[track_caller]
    pub(super) fn new(lock: R) -> Self {
        let handle = AcquireHandle { lock, mode: PhantomData };
        RwAcquire { waiter: Waiter::new(handle, Wish::new(M::RIGHT)) }
    }
}

impl<R: RwRef, M: Mode> Future for RwAcquire<R, M> {
    type Output = RwGuard<R, M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let fast = waiter.as_mut().finish_if(|handle, _| handle.lock.rwlock().raw().try_acquire(M::RIGHT));
        let wait = match fast {
            Some(acquired) => Poll::Ready(acquired),
            None => waiter.as_mut().poll_wait(cx, |entry| {
                if acquire_or_announce(entry.word(), M::RIGHT) { entry.ready() } else { entry.wait_in::<QUEUE>() }
            }),
        };
        // SAFETY: ready when the right is ours: taken from the word, or granted (R4).
        wait.map(|(handle, _)| unsafe { RwGuard::new(handle.lock, waiter.location()) })
    }
}

impl<R: RwRef, M: Mode> fmt::Debug for RwAcquire<R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RwAcquire").field(&format_args!("{}", M::CALL)).field(&self.waiter).finish()
    }
}

/// The handle of a future that waits to become the writer: the guard that it holds meanwhile. Its drop releases the
/// upgradable read, whether or not the wait has begun.
struct UpgradeHandle<R: RwRef>(RwGuard<R, Upgradable>);

impl<R: RwRef> Handle for UpgradeHandle<R> {
    const CALL: &'static str = "upgrade";

    type Protocol = RwProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<RwProtocol> {
        self.0.raw().queue()
    }

    // R1: if it is queued, the release of the upgradable read settles, after this handle is dropped.

    fn cancel_granted(&self, _: &mut Wish) {
        // Back to the right that the guard will release. That settles, too.
        _ = self.0.raw().weaken(Right::Write, Right::Upgradable);
    }
}

pin_project! {
    /// The future of [`RwGuard::upgrade`].
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard, rwlock::RwUpgrade};
    /// let lock = RwLock::new(1);
    /// let upgrade: RwUpgrade<&RwLock<i32>> = RwLockUpgradableReadGuard::upgrade(lock.try_upgradable_read().unwrap());
    /// assert_eq!(*futures_lite::future::block_on(upgrade), 1);
    /// ```
    #[must_use = "futures do nothing unless polled; dropping this one releases the read"]
    pub struct RwUpgrade<R: RwRef> {
        #[pin]
        waiter: Waiter<UpgradeHandle<R>>,
    }
}

impl<R: RwRef> RwUpgrade<R> {
    #[inline(always)]
    #[track_caller]
    pub(super) fn new(guard: RwGuard<R, Upgradable>) -> Self {
        RwUpgrade { waiter: Waiter::new(UpgradeHandle(guard), Wish::new(Right::Write)) }
    }
}

impl<R: RwRef> Future for RwUpgrade<R> {
    type Output = RwGuard<R, Write>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let fast = waiter.as_mut().finish_if(|handle, _| handle.0.raw().try_upgrade());
        let wait = match fast {
            Some(upgraded) => Poll::Ready(upgraded),
            None => waiter.as_mut().poll_wait(cx, |entry| {
                if upgrade_or_announce(entry.word(), true) { entry.ready() } else { entry.wait_in::<UPGRADE>() }
            }),
        };
        // SAFETY: ready when the right has been exchanged, by us or by the grant (R5).
        wait.map(|(UpgradeHandle(guard), _)| unsafe { RwGuard::exchanged(guard, waiter.location()) })
    }
}

impl<R: RwRef> fmt::Debug for RwUpgrade<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RwUpgrade").field(&self.waiter).finish()
    }
}
