//! A pool of connections, in the shape of sqlx's: strict order, and a close that fails those who wait at once and then waits
//! until every connection has come back.
//!
//! - **N1** Free permits, and [`Connection`]s with something in them or still without, are together the limit.
//! - **N2** A connection comes back before its permit does: who gets the one finds the other, and once all permits are back
//!   all connections are.

use std::{
    fmt,
    future::Future,
    io,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use waitline_sem::{Closed, Semaphore};

/// What connections are to the pool.
pub trait Backend: Send + Sync {
    /// An open one.
    type Connection: Send;

    /// Makes one.
    fn open(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;

    /// Says goodbye to the other side.
    fn hang_up(&self, connection: Self::Connection) -> impl Future<Output = ()> + Send;
}

/// Connections that are opened when they are needed, and used again.
pub struct Pool<B: Backend> {
    backend: B,
    limit: usize,
    permits: Semaphore,
    idle: Mutex<Vec<B::Connection>>,
}

impl<B: Backend> Pool<B> {
    /// A pool of at most `limit` connections. Nothing is opened yet.
    pub fn new(backend: B, limit: usize) -> Arc<Self> {
        Arc::new(Pool { backend, limit, permits: Semaphore::new(limit), idle: Mutex::new(Vec::new()) })
    }

    /// Takes a connection: one that is idle, or else a new one. Who asks first is served first.
    pub async fn acquire(self: &Arc<Self>) -> io::Result<Connection<B>> {
        let permit = self.permits.acquire().or_closed().await;
        permit.map_err(|Closed| io::Error::new(io::ErrorKind::NotConnected, "the pool is closed"))?.forget();
        // From here on the permit is the connection's, and comes back by its drop: also if this future is dropped.
        let mut connection = Connection { pool: self.clone(), inner: None };
        let idle = self.idle().pop();
        connection.inner = Some(match idle {
            Some(idle) => idle,
            None => self.backend.open().await?,
        });
        Ok(connection)
    }

    /// Fails those who wait and all who come, at once; then waits until all connections have come back, and hangs up.
    ///
    /// If it is dropped the pool stays closed, and another call goes on where it was.
    pub async fn close(&self) {
        self.permits.close();
        let _all = self.permits.acquire_many(self.limit).after_close().await;
        loop {
            let idle = self.idle().pop();
            let Some(connection) = idle else { return };
            self.backend.hang_up(connection).await;
        }
    }

    /// Whether the pool is closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// How many connections are idle.
    pub fn num_idle(&self) -> usize {
        self.idle().len()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<B::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. It goes back to its pool when it is dropped.
pub struct Connection<B: Backend> {
    pool: Arc<Pool<B>>,
    /// `None` while it is opened and dropped.
    inner: Option<B::Connection>,
}

impl<B: Backend> Drop for Connection<B> {
    fn drop(&mut self) {
        self.pool.idle().extend(self.inner.take());
        self.pool.permits.release(1);
    }
}

impl<B: Backend> Deref for Connection<B> {
    type Target = B::Connection;

    fn deref(&self) -> &B::Connection {
        self.inner.as_ref().expect("a connection is there until it is dropped")
    }
}

impl<B: Backend> DerefMut for Connection<B> {
    fn deref_mut(&mut self) -> &mut B::Connection {
        self.inner.as_mut().expect("a connection is there until it is dropped")
    }
}

impl<B: Backend> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("limit", &self.limit).field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl<B: Backend> fmt::Debug for Connection<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
