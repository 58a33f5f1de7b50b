//! A client of a web service that allows so many requests at a time and so many in a second, and is sometimes slow.
//!
//! ```text
//! cargo run -p api-client
//! ```
//!
//! | limit | by |
//! |---|---|
//! | requests at a time | a [`Semaphore`], whose permit the request itself holds: one that was given up still counts while it runs |
//! | requests in a second | a token bucket: a [`BoundedSemaphore`], refilled by a task, whose permits are forgotten |
//! | time for an answer | [`timeout`], then another try |
//! | blocking library | [`run_blocking`]: here std's sockets, as many programs have a client without `async` |
//!
//! Both semaphores serve in the order of the calls: no request starves, however many there are.
//!
//! The library is a parameter, so the tests run the same client in [simulations](waitline_executor::sim), too.
#![forbid(unsafe_code)]

pub mod http;

use std::{fmt, io, sync::Arc, time::Duration};
use waitline_executor::{interval, run_blocking, timeout};
use waitline_sem::{BoundedSemaphore, Semaphore};

/// What the service allows, and what we do about it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests at a time.
    pub at_a_time: usize,
    /// Requests that may follow each other at once after a pause.
    pub burst: usize,
    /// One more request each such time.
    pub period: Duration,
    /// So long an answer may take.
    pub patience: Duration,
    /// So often a request is sent before it counts as failed.
    pub tries: usize,
}

/// Asks the service for a path, and blocks until the answer is there.
type Ask = dyn Fn(&str) -> io::Result<String> + Send + Sync;

/// The client. [`refill`](Self::refill) must run beside it.
pub struct Client {
    ask: Arc<Ask>,
    limits: Limits,
    running: Arc<Semaphore>,
    bucket: BoundedSemaphore,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// None of the tries was answered in time.
    TimedOut {
        /// How many there were.
        tries: usize,
    },
    /// The connection failed.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TimedOut { tries } => write!(f, "no answer in time, in {tries} tries"),
            Error::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl Client {
    /// A client that sends its requests with `ask`, which is given the path and blocks until the answer is there.
    pub fn new(ask: impl Fn(&str) -> io::Result<String> + Send + Sync + 'static, limits: Limits) -> Arc<Self> {
        Arc::new(Client {
            ask: Arc::new(ask),
            limits,
            running: Arc::new(Semaphore::new(limits.at_a_time)),
            bucket: BoundedSemaphore::new(limits.burst),
        })
    }

    /// Refills the token bucket, for ever. To be spawned, and cancelled at the end.
    pub async fn refill(self: Arc<Self>) {
        let mut ticks = interval(self.limits.period);
        // The first tick is at once, and the bucket is full.
        loop {
            ticks.tick().await;
            // An error says that the bucket is full.
            _ = self.bucket.release(1);
        }
    }

    /// Asks for `path`, as soon as the limits allow it.
    ///
    /// # Cancel safety
    ///
    /// A request that was sent goes on, and counts as running, until the service has answered it.
    ///
    /// # Errors
    ///
    /// If the connection fails, or if no try is answered in time.
    pub async fn get(&self, path: &str) -> Result<String, Error> {
        for _ in 0..self.limits.tries {
            let permit = self.running.clone().acquire_owned().await;
            self.bucket.acquire().await.forget();
            let (ask, path) = (self.ask.clone(), path.to_owned());
            let answer = run_blocking(move || {
                let _permit = permit;
                ask(&path)
            });
            if let Ok(answer) = timeout(self.limits.patience, answer).await {
                return answer.expect("a request does not panic").map_err(Error::Io);
            }
        }
        Err(Error::TimedOut { tries: self.limits.tries })
    }

    /// How many requests run now, those that were given up among them.
    pub fn running(&self) -> usize {
        self.limits.at_a_time - self.running.available_permits()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Client");
        out.field("limits", &self.limits).field("running", &self.running()).finish_non_exhaustive()
    }
}
