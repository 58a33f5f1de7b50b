//! Ordinary tests, on tokio. They are what one would write, and they are green with the planted bug in.
#![cfg(not(loom))]

use pool::{Backend, Pool};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{spawn, task::yield_now};

/// Connections are numbers; those from `broken_from` on break at their first use.
struct Numbers {
    opened: AtomicUsize,
    hung_up: Arc<AtomicUsize>,
    broken_from: usize,
}

impl Backend for Numbers {
    type Connection = usize;

    async fn open(&self) -> io::Result<usize> {
        yield_now().await;
        Ok(self.opened.fetch_add(1, Ordering::Relaxed))
    }

    async fn reset(&self, connection: &mut usize) -> bool {
        yield_now().await;
        *connection < self.broken_from
    }

    async fn hang_up(&self, _: usize) {
        self.hung_up.fetch_add(1, Ordering::Relaxed);
    }
}

fn pool(limit: usize, broken_from: usize) -> (Arc<Pool<Numbers>>, Arc<AtomicUsize>) {
    let hung_up = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(Numbers { opened: AtomicUsize::new(0), hung_up: hung_up.clone(), broken_from }, limit);
    let maintainer = pool.clone();
    spawn(async move { maintainer.maintain().await });
    (pool, hung_up)
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (pool, hung_up) = pool(1, usize::MAX);
    for _ in 0..10 {
        assert_eq!(*pool.get().await.unwrap(), 0);
    }
    pool.close().await;
    assert_eq!(hung_up.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_broken_connection_is_replaced() {
    let (pool, hung_up) = pool(1, 0);
    for number in 0..3 {
        assert_eq!(*pool.get().await.unwrap(), number);
    }
    pool.close().await;
    assert_eq!(hung_up.load(Ordering::Relaxed), 0, "a broken connection has nobody to say goodbye to");
}

#[tokio::test]
async fn no_more_than_the_limit_are_in_use() {
    let (pool, hung_up) = pool(2, usize::MAX);
    let in_use = Arc::new(AtomicUsize::new(0));
    let users = (0..20).map(|_| {
        let (pool, in_use) = (pool.clone(), in_use.clone());
        spawn(async move {
            let _lease = pool.get().await.unwrap();
            assert!(in_use.fetch_add(1, Ordering::Relaxed) < 2);
            yield_now().await;
            in_use.fetch_sub(1, Ordering::Relaxed);
        })
    });
    for user in users.collect::<Vec<_>>() {
        user.await.unwrap();
    }
    pool.close().await;
    assert_eq!(hung_up.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn closing_waits_for_what_is_in_use() {
    let (pool, _) = pool(2, usize::MAX);
    let (first, second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let closing = spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    drop(first);
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!closing.is_finished());
    drop(second);
    closing.await.unwrap();
}

#[tokio::test]
async fn a_closed_pool_refuses_those_who_wait_and_those_who_come() {
    let (pool, _) = pool(1, usize::MAX);
    let lease = pool.get().await.unwrap();
    let waiting = spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(drop).unwrap_err().kind() }
    });
    yield_now().await;
    let closing = spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    yield_now().await;
    drop(lease);
    closing.await.unwrap();
    assert_eq!(waiting.await.unwrap(), io::ErrorKind::NotConnected);
    assert_eq!(pool.get().await.unwrap_err().kind(), io::ErrorKind::NotConnected);
}
