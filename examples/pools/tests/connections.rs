//! The pool of connections: on plain threads, on Waitline's executor, and in simulations.
#![cfg(not(loom))]

use futures_lite::future::block_on;
use pools::connections::{Backend, Pool};
use std::{
    io,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline::testing::poll_once;
use waitline_executor::{run, sim, sleep, spawn, yield_now};

/// Connections are numbers, of which those that are open are counted.
#[derive(Clone, Default)]
struct Numbers {
    opened: Arc<AtomicUsize>,
    hung_up: Arc<AtomicUsize>,
}

impl Backend for Numbers {
    type Connection = usize;

    async fn open(&self) -> io::Result<usize> {
        futures_lite::future::yield_now().await;
        Ok(self.opened.fetch_add(1, Ordering::SeqCst))
    }

    async fn hang_up(&self, _: usize) {
        futures_lite::future::yield_now().await;
        self.hung_up.fetch_add(1, Ordering::SeqCst);
    }
}

impl Numbers {
    fn counts(&self) -> (usize, usize) {
        (self.opened.load(Ordering::SeqCst), self.hung_up.load(Ordering::SeqCst))
    }
}

fn pool(limit: usize) -> (Arc<Pool<Numbers>>, Numbers) {
    let numbers = Numbers::default();
    (Pool::new(numbers.clone(), limit), numbers)
}

#[test]
fn a_connection_is_used_again_and_closed_with_the_pool() {
    let (pool, numbers) = pool(2);
    for _ in 0..3 {
        assert_eq!(*block_on(pool.acquire()).unwrap(), 0);
    }
    block_on(pool.close());
    assert_eq!((numbers.counts(), pool.num_idle()), ((1, 1), 0));
    assert_eq!(block_on(pool.acquire()).unwrap_err().kind(), io::ErrorKind::NotConnected);
    // Once more does no harm.
    block_on(pool.close());
}

#[test]
fn an_unused_pool_closes_at_once() {
    let (pool, numbers) = pool(2);
    block_on(pool.close());
    assert_eq!(numbers.counts(), (0, 0));
}

#[test]
fn those_who_wait_fail_at_once_and_the_close_waits_for_what_is_out() {
    let (pool, numbers) = pool(1);
    let connection = block_on(pool.acquire()).unwrap();
    let mut waiting = pin!(pool.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    let mut close = pin!(pool.close());
    assert!(poll_once(close.as_mut()).is_pending());
    assert_eq!(block_on(waiting).unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert!(poll_once(close.as_mut()).is_pending());
    drop(connection);
    block_on(close);
    assert_eq!(numbers.counts(), (1, 1));
}

#[test]
fn a_close_that_is_dropped_can_be_called_again() {
    let (pool, numbers) = pool(1);
    let connection = block_on(pool.acquire()).unwrap();
    assert!(poll_once(pin!(pool.close())).is_pending());
    assert!(pool.is_closed());
    drop(connection);
    block_on(pool.close());
    assert_eq!(numbers.counts(), (1, 1));
}

#[test]
fn who_asks_first_is_served_first() {
    let order = Arc::new(Mutex::new(Vec::new()));
    run(async {
        let (pool, _) = pool(1);
        let first = pool.acquire().await.unwrap();
        let users: Vec<_> = (0..10)
            .map(|n| {
                let (pool, order) = (pool.clone(), order.clone());
                spawn(async move {
                    let _connection = pool.acquire().await.unwrap();
                    order.lock().unwrap().push(n);
                    yield_now().await;
                })
            })
            .collect();
        yield_now().await;
        drop(first);
        for user in users {
            user.await.unwrap();
        }
        pool.close().await;
    });
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
}

#[test]
fn threads_share_a_pool_until_it_is_closed() {
    let (pool, numbers) = pool(2);
    let in_use = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (pool, in_use) = (&pool, &in_use);
            scope.spawn(move || {
                for turn in 0.. {
                    if number == 0 && turn == 1000 {
                        block_on(pool.close());
                        assert_eq!((in_use.load(Ordering::SeqCst), pool.num_idle()), (0, 0));
                    }
                    let Ok(_connection) = block_on(pool.acquire()) else { break };
                    assert!(in_use.fetch_add(1, Ordering::SeqCst) < 2);
                    in_use.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    let (opened, hung_up) = numbers.counts();
    assert!(opened <= 2 && opened == hung_up, "{opened} were opened, {hung_up} closed");
}

async fn pause() {
    match sim::rng().below(3) {
        0 => sleep(Duration::from_millis(sim::rng().below(3))).await,
        1 => yield_now().await,
        _ => {}
    }
}

/// Users that come, go and are cancelled, and a close somewhere in between, once or from two sides.
async fn life_of_a_pool() {
    let (pool, numbers) = pool(2);
    let users: Vec<_> = (0..6)
        .map(|_| {
            let pool = pool.clone();
            let user = spawn(async move {
                for _ in 0..3 {
                    pause().await;
                    let Ok(_connection) = pool.acquire().await else { return assert!(pool.is_closed()) };
                    pause().await;
                }
            });
            if sim::chance(0.3) {
                sim::cancel_at_random(&user);
            }
            user
        })
        .collect();
    for _ in 0..sim::rng().below(6) {
        pause().await;
    }
    let other = sim::chance(0.3).then(|| {
        let pool = pool.clone();
        spawn(async move { pool.close().await })
    });
    pool.close().await;
    let (opened, hung_up) = numbers.counts();
    assert!(opened <= 2, "{opened} connections were opened");
    if let Some(other) = other {
        other.await.unwrap();
        assert_eq!(numbers.counts(), (opened, opened));
    } else {
        assert_eq!(hung_up, opened);
    }
    for user in users {
        assert!(!user.await.is_err_and(|error| error.is_panic()));
    }
    assert_eq!(numbers.counts(), (opened, opened));
}

#[test]
fn a_pool_closes_in_every_schedule() {
    sim::many(0..3000, life_of_a_pool);
}
