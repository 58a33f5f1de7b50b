//! What both servers do: let clients in, and see them out.
//!
//! - **A1** A client is in the list as long as one of the tasks that serve it runs, and its permit is free only after that:
//!   with all permits in hand, everybody has gone.
//! - **A2** No error of `accept` ends the server. What is short, above all open files, comes back when clients leave.
//! - **A3** The end takes no longer than its limit, counted from the stop: then whoever is still there is cut off.

use crate::{MAX_CLIENTS, net::Net};
use futures_lite::future;
use std::{
    collections::BTreeMap,
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};
use waitline_event::Event;
use waitline_sem::{OwnedPermit, Semaphore};

/// How a server ends.
#[derive(Debug, Clone)]
pub struct End {
    /// From the moment it is set, nobody new is accepted.
    pub stop: Arc<Event>,
    /// The time that the clients have from then on, until they are cut off.
    pub limit: Duration,
}

/// The pause after an `accept` that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// An episode of failures is over when `accept` has not failed for this time.
const EPISODE: Duration = Duration::from_secs(60);

/// The failures of `accept`. Each episode is told once.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    last: Option<Instant>,
}

impl Failures {
    /// The time to wait before the next `accept`.
    pub(crate) fn pause(&mut self, error: &io::Error) -> Duration {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            // It concerns one client, which has gone. The next one need not wait.
            return Duration::ZERO;
        }
        let last = self.last.replace(Instant::now());
        if last.is_none_or(|last| last.elapsed() >= EPISODE) {
            // Nobody is left to tell when standard error is gone.
            _ = writeln!(io::stderr(), "servers: cannot accept clients for now, and goes on trying: {error}");
        }
        PAUSE
    }
}

/// All clients that are there.
#[derive(Debug)]
struct Clients {
    permits: Arc<Semaphore>,
    // A std mutex, for it is never held across an await.
    list: Mutex<BTreeMap<u64, SocketAddr>>,
    cut_off: Event,
}

impl Clients {
    fn list(&self) -> MutexGuard<'_, BTreeMap<u64, SocketAddr>> {
        self.list.lock().expect("nothing panics with the list in hand")
    }

    async fn all_gone(&self) {
        drop(self.permits.acquire_many(MAX_CLIENTS).await);
    }
}

/// A client that is there until this is dropped (A1).
#[derive(Debug)]
pub(crate) struct Client {
    clients: Arc<Clients>,
    number: u64,
    _permit: OwnedPermit,
}

impl Client {
    /// Runs `task` to its end, or until the client is cut off.
    pub(crate) async fn serve(&self, task: impl Future<Output = ()>) {
        future::or(self.clients.cut_off.wait(), task).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.clients.list().remove(&self.number);
    }
}

/// Accepts clients until the stop, and gives each to `serve`, which spawns what serves it. Then waits until all have gone, or
/// cuts them off. Returns whom it cut off.
pub(crate) async fn clients<N: Net>(
    listener: N::Listener,
    end: &End,
    serve: impl Fn(Client, N::Reader, N::Writer),
) -> Vec<SocketAddr> {
    let clients = Arc::new(Clients {
        permits: Arc::new(Semaphore::new(MAX_CLIENTS)),
        list: Mutex::default(),
        cut_off: Event::new(),
    });
    let mut failures = Failures::default();
    for number in 0.. {
        let next = async {
            let permit = clients.permits.clone().acquire_owned().await;
            loop {
                match N::accept(&listener).await {
                    Ok(accepted) => break Some((permit, accepted)),
                    Err(error) => N::sleep(failures.pause(&error)).await,
                }
            }
        };
        let stopped = async {
            end.stop.wait().await;
            None
        };
        let Some((permit, (address, reader, writer))) = future::or(stopped, next).await else { break };
        clients.list().insert(number, address);
        serve(Client { clients: clients.clone(), number, _permit: permit }, reader, writer);
    }
    drop(listener);
    let in_time = async {
        clients.all_gone().await;
        true
    };
    let late = async {
        N::sleep(end.limit).await;
        false
    };
    if future::or(in_time, late).await {
        return Vec::new();
    }
    let cut_off = clients.list().values().copied().collect();
    clients.cut_off.set();
    clients.all_gone().await;
    cut_off
}
