//! Models of a pool's end: in an ordinary build each body runs once, on threads; under loom in every interleaving.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p pools --release --features loom --test models
//! ```

use pools::connections::{Backend, Connection, Pool};
use std::{io, sync::Arc, task::Poll};
use waitline::testing::{block_on, model, poll_once, spawn};

/// Without this, a displaced `--cfg loom` would leave everything green, and not one model run.
#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "built without `--cfg loom`");
}

/// Connections that are nothing.
struct Nothing;

impl Backend for Nothing {
    type Connection = ();

    async fn open(&self) -> io::Result<()> {
        Ok(())
    }

    async fn hang_up(&self, (): ()) {}
}

fn at_once(pool: &Arc<Pool<Nothing>>) -> Connection<Nothing> {
    match poll_once(Box::pin(pool.acquire()).as_mut()) {
        Poll::Ready(connection) => connection.unwrap(),
        Poll::Pending => panic!("a new pool made us wait"),
    }
}

/// The last two connections come back while the pool is being closed: the close ends, whoever is the last, and finds both.
#[test]
fn a_close_against_the_last_returns() {
    model("pools: a close against the last returns", || {
        let pool = Pool::new(Nothing, 2);
        let returns = [at_once(&pool), at_once(&pool)].map(|connection| spawn(move || drop(connection)));
        block_on(pool.close());
        assert_eq!(pool.num_idle(), 0);
        for task in returns {
            task.join().unwrap();
        }
        assert!(block_on(pool.acquire()).is_err());
    });
}

/// One who waits while the only connection comes back and the pool is closed: it gets the connection, and the close waits
/// for it, or it fails.
#[test]
fn a_close_against_one_who_waits() {
    model("pools: a close against one who waits", || {
        let pool = Pool::new(Nothing, 1);
        let connection = at_once(&pool);
        let waiter = spawn({
            let pool = pool.clone();
            move || drop(block_on(pool.acquire()))
        });
        let user = spawn(move || drop(connection));
        block_on(pool.close());
        assert_eq!(pool.num_idle(), 0);
        waiter.join().unwrap();
        user.join().unwrap();
        assert_eq!(pool.num_idle(), 0);
    });
}
