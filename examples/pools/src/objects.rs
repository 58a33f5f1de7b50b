//! A pool of any objects, in the shape of deadpool's: a limit in time for who waits, a size that may change while objects
//! are out, and an end.
//!
//! - **O1** Free permits, those on their way to somebody who waits, and [`Object`]s (with something in them or still
//!   without) are together `max_size + surplus`.
//! - **O2** `surplus` is what a [`resize`](Pool::resize) could not take away, as it was not free. As long as there is any,
//!   a permit pays it off instead of what it was for, whether it comes back with an object or by itself.

use futures_lite::future::or;
use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use waitline_sem::{Closed, Permit, Semaphore};

/// Makes the objects.
pub trait Manager: Send + Sync {
    /// What is pooled.
    type Object: Send;
    /// Why there is none.
    type Error;

    /// Makes one.
    fn create(&self) -> impl Future<Output = Result<Self::Object, Self::Error>> + Send;
}

/// Why there is no object.
#[derive(Debug, PartialEq, Eq)]
pub enum GetError<E> {
    /// None came back in time.
    Timeout,
    /// The pool is closed.
    Closed,
    /// None could be made.
    Manager(E),
}

/// Objects that are made when they are needed, and used again.
pub struct Pool<M: Manager> {
    manager: M,
    /// One for each object that may be taken out (O1). Who waits longest is served first.
    permits: Semaphore,
    slots: Mutex<Slots<M::Object>>,
}

struct Slots<T> {
    idle: VecDeque<T>,
    max_size: usize,
    /// O2.
    surplus: usize,
}

impl<M: Manager> Pool<M> {
    /// A pool that gives out at most `max_size` objects at a time. Nothing is made yet.
    pub fn new(manager: M, max_size: usize) -> Arc<Self> {
        let slots = Slots { idle: VecDeque::new(), max_size, surplus: 0 };
        Arc::new(Pool { manager, permits: Semaphore::new(max_size), slots: Mutex::new(slots) })
    }

    /// Takes an object out: an idle one, or else a new one, as soon as there may be one more. It waits until `limit` is
    /// ready, a timer of the executor at hand; [`pending`](std::future::pending) for no limit.
    pub async fn get(self: &Arc<Self>, limit: impl Future<Output = ()>) -> Result<Object<M>, GetError<M::Error>> {
        let permit = async {
            while !self.spend(self.permits.acquire().or_closed().await.map_err(|Closed| GetError::Closed)?) {}
            Ok(())
        };
        let timeout = async {
            limit.await;
            Err(GetError::Timeout)
        };
        or(permit, timeout).await?;
        self.object().await
    }

    /// Takes an object out if it need not wait for one to come back.
    pub async fn try_get(self: &Arc<Self>) -> Result<Object<M>, GetError<M::Error>> {
        loop {
            let Some(permit) = self.permits.try_acquire() else {
                // Closed for good, so that the second look cannot be wrong.
                return Err(if self.permits.is_closed() { GetError::Closed } else { GetError::Timeout });
            };
            if self.spend(permit) {
                return self.object().await;
            }
        }
    }

    /// For a thread without an executor: waits without a limit.
    pub fn get_blocking(self: &Arc<Self>) -> Result<Object<M>, GetError<M::Error>> {
        while !self.spend(self.permits.acquire_blocking_or_closed().map_err(|Closed| GetError::Closed)?) {}
        futures_lite::future::block_on(self.object())
    }

    /// Whether the permit is for an object, which then gives it back. Otherwise it has paid off a part of the surplus.
    fn spend(&self, permit: Permit<'_>) -> bool {
        permit.forget();
        let mut slots = self.slots();
        let is_due = slots.surplus > 0;
        slots.surplus -= usize::from(is_due);
        !is_due
    }

    /// What a permit was spent for. It comes back by the object's drop, also if this future is dropped first.
    async fn object(self: &Arc<Self>) -> Result<Object<M>, GetError<M::Error>> {
        let mut object = Object { pool: self.clone(), inner: None };
        let idle = self.slots().idle.pop_front();
        object.inner = Some(match idle {
            Some(idle) => idle,
            None => self.manager.create().await.map_err(GetError::Manager)?,
        });
        Ok(object)
    }

    /// From now on at most `max_size` objects are out at a time: at once, as far as they are not out already, and otherwise
    /// as they come back.
    pub fn resize(&self, max_size: usize) {
        let mut slots = self.slots();
        let (old, surplus) = (slots.max_size, slots.surplus);
        slots.max_size = max_size;
        let mut dropped = VecDeque::new();
        if max_size < old {
            slots.surplus += (old - max_size) - self.permits.forget_permits(old - max_size);
            // An idle one is of use to a free permit only.
            let kept = slots.idle.len().min(self.permits.available_permits());
            dropped = slots.idle.split_off(kept);
        } else {
            slots.surplus = surplus.saturating_sub(max_size - old);
            let more = (max_size - old).saturating_sub(surplus);
            // Wakers are foreign code.
            drop(slots);
            self.permits.release(more);
        }
        drop(dropped);
    }

    /// Fails those who wait and all who come, and drops what is idle. What is out is dropped when it comes back.
    pub fn close(&self) {
        self.permits.close();
        self.resize(0);
    }

    /// Whether the pool is closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// How many objects could be taken out at once, and how many of them are idle.
    pub fn status(&self) -> (usize, usize) {
        let slots = self.slots();
        (self.permits.available_permits().saturating_sub(slots.surplus), slots.idle.len())
    }

    fn slots(&self) -> MutexGuard<'_, Slots<M::Object>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object that is out. It goes back to its pool when it is dropped.
pub struct Object<M: Manager> {
    pool: Arc<Pool<M>>,
    /// `None` while it is made and dropped.
    inner: Option<M::Object>,
}

impl<M: Manager> Drop for Object<M> {
    fn drop(&mut self) {
        let mut slots = self.pool.slots();
        if slots.surplus > 0 {
            slots.surplus -= 1;
            // Its own drop is foreign code, and comes after the slots are free.
            return drop(slots);
        }
        // First the object and then the permit: who gets the one finds the other.
        slots.idle.extend(self.inner.take());
        drop(slots);
        self.pool.permits.release(1);
    }
}

impl<M: Manager> Deref for Object<M> {
    type Target = M::Object;

    fn deref(&self) -> &M::Object {
        self.inner.as_ref().expect("an object is there until it is dropped")
    }
}

impl<M: Manager> DerefMut for Object<M> {
    fn deref_mut(&mut self) -> &mut M::Object {
        self.inner.as_mut().expect("an object is there until it is dropped")
    }
}

impl<M: Manager> fmt::Debug for Pool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl<M: Manager> fmt::Debug for Object<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").finish_non_exhaustive()
    }
}

impl<E: fmt::Display> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GetError::Timeout => f.write_str("no object came back in time"),
            GetError::Closed => f.write_str("the pool is closed"),
            GetError::Manager(error) => write!(f, "no object could be made: {error}"),
        }
    }
}

impl<E: Error> Error for GetError<E> {}
