//! Models of the pool: in an ordinary build each body runs once, on threads; under loom in every interleaving.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p pool --release --features loom --test models
//! ```

use futures_lite::future::zip;
use pool::{Backend, Lease, Pool};
use std::{io, sync::Arc, task::Poll};
use waitline::{
    sync::atomic::{AtomicUsize, Ordering},
    testing::{block_on, model, poll_once, spawn},
};

/// Without this, a displaced `--cfg loom` would leave everything green, and not one model run.
#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "built without `--cfg loom`");
}

/// The connection is a count of its uses. The atomic is loom's: two users at once would be seen, and so would one who does
/// not see what the last one wrote.
struct Counts;

impl Backend for Counts {
    type Connection = AtomicUsize;

    async fn open(&self) -> io::Result<AtomicUsize> {
        Ok(AtomicUsize::new(0))
    }

    async fn reset(&self, _: &mut AtomicUsize) -> bool {
        true
    }

    async fn hang_up(&self, _: AtomicUsize) {}
}

fn lease_at_once(pool: &Arc<Pool<Counts>>) -> Lease<Counts> {
    match poll_once(Box::pin(pool.get()).as_mut()) {
        Poll::Ready(lease) => lease.unwrap(),
        Poll::Pending => panic!("a new pool made us wait"),
    }
}

/// Adds one to a connection that nobody else has.
fn use_it(lease: &mut Lease<Counts>) -> usize {
    let uses = lease.load(Ordering::Relaxed);
    lease.store(uses + 1, Ordering::Relaxed);
    uses
}

/// The last connection comes back while the pool is being closed: the close ends, whoever is faster. This is the model
/// that finds the planted bug.
#[test]
fn closing_against_the_last_return() {
    model("pool: closing against the last return", || {
        let pool = Pool::new(Counts, 1);
        let mut lease = lease_at_once(&pool);
        let user = spawn({
            let pool = pool.clone();
            move || {
                use_it(&mut lease);
                drop(lease);
                block_on(pool.maintain());
            }
        });
        block_on(pool.close());
        user.join().unwrap();
        assert!(block_on(pool.get()).is_err());
    });
}

/// Two users and one connection: the second has it after the first, and sees what that one did; or it comes after the
/// closing, and is told so.
#[test]
fn one_connection_for_two_users() {
    model("pool: one connection for two users", || {
        let pool = Pool::new(Counts, 1);
        let mut lease = lease_at_once(&pool);
        let other = spawn({
            let pool = pool.clone();
            move || block_on(async { pool.get().await.map(|mut lease| use_it(&mut lease)) })
        });
        let first = async {
            assert_eq!(use_it(&mut lease), 0);
            drop(lease);
            pool.close().await;
        };
        block_on(zip(first, pool.maintain()));
        match other.join().unwrap() {
            Ok(uses) => assert_eq!(uses, 1),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotConnected),
        }
    });
}

/// A user gives up waiting while the connection comes back. It is not lost: the next one gets it.
#[test]
fn giving_up_against_a_return() {
    model("pool: giving up against a return", || {
        let pool = Pool::new(Counts, 1);
        let lease = lease_at_once(&pool);
        let mut impatient = Box::pin({
            let pool = pool.clone();
            async move { pool.get().await.map(drop) }
        });
        assert!(poll_once(impatient.as_mut()).is_pending());
        let other = spawn(move || drop(impatient));
        let next = async {
            drop(lease);
            drop(pool.get().await.unwrap());
            pool.close().await;
        };
        block_on(zip(next, pool.maintain()));
        other.join().unwrap();
    });
}
