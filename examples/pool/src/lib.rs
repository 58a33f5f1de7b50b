//! A connection pool as a user of Waitline might write it, on a [`Lock`], a [`Condition`], a [`Semaphore`] and a [`Queue`],
//! for any executor, and model-checked with loom.
//!
//! ```text
//!            permit            pop, or open                  drop
//! get() ──▶ Semaphore ──────▶ Lock<State> ──────▶ Lease ───────────▶ Queue
//!               ▲                  ▲                                    │
//!               └── release ───────┴──── push ──── maintain(): reset ◀──┘
//!                                  │
//!                     close() waits on a Condition until no connection is open
//! ```
//!
//! - **P1** A permit is out for each connection that is leased, being opened or being reset: never more than the limit.
//! - **P2** `open` counts the idle, leased and returned connections. It changes only under the lock, and who takes it to 0
//!   after the closing notifies, in the same critical section.
//! - **P3** A `Drop` cannot await. A lease's drop puts the connection into an unbounded queue, which never waits, and
//!   [`Pool::maintain`] does the rest.
//!
//! The feature `planted-bug` breaks [`Pool::close`] in a way that the tests miss (`tests/pool.rs`) and a model finds
//! (`tests/models.rs`). The guide is `docs/model-checking.md`.
#![forbid(unsafe_code)]

use std::{
    fmt,
    future::Future,
    io, mem,
    ops::{Deref, DerefMut},
    sync::Arc,
};
use waitline_lock::{Condition, Lock};
use waitline_queue::Queue;
use waitline_sem::Semaphore;

/// What connections are to the pool.
pub trait Backend: Send + Sync {
    /// A connection.
    type Connection: Send;

    /// Makes a new one.
    fn open(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;

    /// Gets one that was used ready for the next user. `false` if it is broken.
    fn reset(&self, connection: &mut Self::Connection) -> impl Future<Output = bool> + Send;

    /// Says goodbye to the other side.
    fn hang_up(&self, connection: Self::Connection) -> impl Future<Output = ()> + Send;
}

/// Connections that are opened when they are needed, and used again.
pub struct Pool<B: Backend> {
    backend: B,
    /// One permit for each connection that may be in use (P1). Who waits longest is served first.
    limit: Semaphore,
    state: Lock<State<B::Connection>>,
    /// Notified when `open` gets 0 after the closing.
    emptied: Condition,
    /// What leases leave behind (P3).
    returned: Queue<B::Connection>,
}

struct State<C> {
    idle: Vec<C>,
    open: usize,
    closed: bool,
}

impl<B: Backend> Pool<B> {
    /// A pool in which at most `limit` connections are in use at a time. Nothing is opened yet.
    pub fn new(backend: B, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            backend,
            limit: Semaphore::new(limit),
            state: Lock::new(State { idle: Vec::new(), open: 0, closed: false }),
            emptied: Condition::new(),
            returned: Queue::unbounded(),
        })
    }

    /// Leases a connection: one that is idle, or else a new one, once fewer than the limit are in use.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the place in the line, and a connection that was being opened.
    ///
    /// # Errors
    ///
    /// If the pool is closed, with [`io::ErrorKind::NotConnected`], or if no connection can be opened.
    pub async fn get(self: &Arc<Self>) -> io::Result<Lease<B>> {
        let permit = self.limit.acquire().await;
        let idle = self.state.lock().await.not_closed()?.idle.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = self.backend.open().await?;
                self.state.lock().await.not_closed()?.open += 1;
                connection
            }
        };
        // The permit comes back with the connection, through `maintain`.
        permit.forget();
        Ok(Lease { pool: self.clone(), connection: Some(connection) })
    }

    /// Gets connections that come back ready for the next user. It ends when the pool is closed and empty.
    ///
    /// Run it in a task of its own, which nobody cancels: a connection that is being reset then would be lost to the pool.
    pub async fn maintain(&self) {
        while let Ok(connection) = self.returned.get().await {
            self.take_back(connection).await;
            self.limit.release(1);
        }
    }

    async fn take_back(&self, mut connection: B::Connection) {
        if self.backend.reset(&mut connection).await {
            let mut state = self.state.lock().await;
            if !state.closed {
                state.idle.push(connection);
                return;
            }
            drop(state);
            self.backend.hang_up(connection).await;
        }
        let mut state = self.state.lock().await;
        state.open -= 1;
        if state.open == 0 {
            self.emptied.notify_all(&state);
        }
    }

    /// Refuses all further [`get`](Self::get)s, hangs up on idle connections, and waits until those in use have come back.
    ///
    /// # Cancel safety
    ///
    /// The pool stays closed, and idle connections are dropped. Another call waits for the rest.
    pub async fn close(&self) {
        let mut state = self.state.lock().await;
        state.closed = true;
        let idle = mem::take(&mut state.idle);
        state.open -= idle.len();
        #[cfg(feature = "planted-bug")]
        let none_in_use = state.open == 0;
        drop(state);
        // A goodbye is a round trip: not under the lock.
        for connection in idle {
            self.backend.hang_up(connection).await;
        }
        let state = self.state.lock().await;
        #[cfg(not(feature = "planted-bug"))]
        let state = self.emptied.wait_while(state, |state| state.open > 0).await;
        // The bug: the last connection may have come back since we looked. It notified nobody, and nobody will again.
        #[cfg(feature = "planted-bug")]
        let state = if none_in_use { state } else { self.emptied.wait(state).await };
        drop(state);
        self.returned.close();
    }
}

impl<C> State<C> {
    fn not_closed(&mut self) -> io::Result<&mut Self> {
        if self.closed { Err(io::Error::new(io::ErrorKind::NotConnected, "the pool is closed")) } else { Ok(self) }
    }
}

impl<B: Backend> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("limit", &self.limit)
            .field("returned", &self.returned.len())
            .finish_non_exhaustive()
    }
}

/// A connection in use. It goes back to its pool when it is dropped.
#[must_use = "the connection goes back at once"]
pub struct Lease<B: Backend> {
    pool: Arc<Pool<B>>,
    /// `None` only while it is dropped.
    connection: Option<B::Connection>,
}

impl<B: Backend> Deref for Lease<B> {
    type Target = B::Connection;

    fn deref(&self) -> &B::Connection {
        self.connection.as_ref().expect("a lease has a connection until it is dropped")
    }
}

impl<B: Backend> DerefMut for Lease<B> {
    fn deref_mut(&mut self) -> &mut B::Connection {
        self.connection.as_mut().expect("a lease has a connection until it is dropped")
    }
}

impl<B: Backend> Drop for Lease<B> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // It has room, and is closed only when no lease is out (P2).
            _ = self.pool.returned.try_put(connection);
        }
    }
}

impl<B: Backend> fmt::Debug for Lease<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}
