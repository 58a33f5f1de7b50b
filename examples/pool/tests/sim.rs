//! The pool in simulations: users that come, go and are cancelled at any time, connections that break, and a closing in the
//! middle of it. In every schedule the closing ends, and no connection is left.
#![cfg(not(loom))]

use pool::{Backend, Pool};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline_executor::{sim, sleep, spawn, spawn_named, yield_now};

const LIMIT: usize = 2;

/// Some time, or none.
async fn pause() {
    match sim::rng().below(3) {
        0 => sleep(Duration::from_millis(sim::rng().below(5))).await,
        1 => yield_now().await,
        _ => {}
    }
}

/// A backend whose connections are counted while they live, and break at times.
#[derive(Clone, Default)]
struct Flaky {
    alive: Arc<AtomicUsize>,
}

struct Connection(Arc<AtomicUsize>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Backend for Flaky {
    type Connection = Connection;

    async fn open(&self) -> io::Result<Connection> {
        pause().await;
        if sim::chance(0.1) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.alive.fetch_add(1, Ordering::Relaxed);
        Ok(Connection(self.alive.clone()))
    }

    async fn reset(&self, _: &mut Connection) -> bool {
        pause().await;
        sim::chance(0.8)
    }

    async fn hang_up(&self, _: Connection) {
        pause().await;
    }
}

async fn life_of_a_pool() {
    let backend = Flaky::default();
    let (alive, in_use) = (backend.alive.clone(), Arc::new(AtomicUsize::new(0)));
    let pool = Pool::new(backend, LIMIT);
    let maintainer = spawn_named("maintainer", {
        let pool = pool.clone();
        async move { pool.maintain().await }
    });
    let users: Vec<_> = (0..6)
        .map(|_| {
            let (pool, in_use) = (pool.clone(), in_use.clone());
            let user = spawn(async move {
                for _ in 0..3 {
                    pause().await;
                    let Ok(_lease) = pool.get().await else { continue };
                    assert!(in_use.fetch_add(1, Ordering::Relaxed) < LIMIT, "more are in use than the limit");
                    let _use = Use(in_use.clone());
                    pause().await;
                }
            });
            if sim::chance(0.5) {
                sim::cancel_at_random(&user);
            }
            user
        })
        .collect();
    for _ in 0..sim::rng().below(8) {
        pause().await;
    }
    pool.close().await;
    maintainer.await.unwrap();
    for user in users {
        assert!(!user.await.is_err_and(|error| error.is_panic()));
    }
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

struct Use(Arc<AtomicUsize>);

impl Drop for Use {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(not(feature = "planted-bug"))]
#[test]
fn a_pool_closes_in_every_schedule() {
    sim::many(0..3000, life_of_a_pool);
}

#[cfg(feature = "planted-bug")]
#[test]
fn the_planted_bug_is_found() {
    let report = waitline::testing::panic_message(|| sim::many(0..1000, life_of_a_pool)).expect("some seed stalls");
    assert!(report.contains("no task is ready, and no timer is set"), "{report}");
    assert!(report.contains("\"maintainer\""), "{report}");
}
