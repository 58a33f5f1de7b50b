//! The pool of objects: on plain threads, on Waitline's executor, and in simulations.
#![cfg(not(loom))]

use futures_lite::future::{self, block_on};
use pools::objects::{GetError, Manager, Object, Pool};
use std::{
    future::{Future, pending, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline::testing::poll_once;
use waitline_executor::{JoinHandle, run, sim, sleep, spawn, yield_now};

/// Makes numbers, and counts those that are alive.
#[derive(Default)]
struct Numbers {
    made: AtomicUsize,
    alive: Arc<AtomicUsize>,
    refuses: bool,
}

struct Number {
    number: usize,
    alive: Arc<AtomicUsize>,
}

impl Drop for Number {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Manager for Numbers {
    type Object = Number;
    type Error = &'static str;

    async fn create(&self) -> Result<Number, &'static str> {
        future::yield_now().await;
        if self.refuses {
            return Err("refused");
        }
        self.alive.fetch_add(1, Ordering::SeqCst);
        Ok(Number { number: self.made.fetch_add(1, Ordering::SeqCst), alive: self.alive.clone() })
    }
}

fn pool(max_size: usize) -> (Arc<Pool<Numbers>>, Arc<AtomicUsize>) {
    let numbers = Numbers::default();
    let alive = numbers.alive.clone();
    (Pool::new(numbers, max_size), alive)
}

fn get(pool: &Arc<Pool<Numbers>>) -> impl Future<Output = Result<Object<Numbers>, GetError<&'static str>>> + use<> {
    let pool = pool.clone();
    async move { pool.get(pending()).await }
}

#[track_caller]
fn error(outcome: Result<Object<Numbers>, GetError<&'static str>>) -> GetError<&'static str> {
    outcome.map(|object| object.number).unwrap_err()
}

#[test]
fn an_object_is_used_again_and_try_get_tells_why_it_fails() {
    let (pool, alive) = pool(1);
    for _ in 0..3 {
        let object = block_on(get(&pool)).unwrap();
        assert_eq!(object.number, 0);
        assert_eq!(error(block_on(pool.try_get())), GetError::Timeout);
    }
    assert_eq!(pool.status(), (1, 1));
    pool.close();
    assert!(pool.is_closed());
    assert_eq!(error(block_on(pool.try_get())), GetError::Closed);
    assert_eq!(error(block_on(get(&pool))), GetError::Closed);
    assert_eq!(error(pool.get_blocking()), GetError::Closed);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_limit_in_time_ends_a_wait() {
    let (pool, _) = pool(1);
    // A free object comes before the limit.
    let object = block_on(pool.get(ready(()))).unwrap();
    assert_eq!(error(block_on(pool.get(ready(())))), GetError::Timeout);
    run(async {
        assert_eq!(error(pool.get(sleep(Duration::from_millis(1))).await), GetError::Timeout);
    });
    drop(object);
    assert!(block_on(pool.get(ready(()))).is_ok());
}

#[test]
fn what_cannot_be_made_gives_its_permit_back() {
    let pool = Pool::new(Numbers { refuses: true, ..Numbers::default() }, 1);
    for _ in 0..3 {
        let Err(GetError::Manager("refused")) = block_on(pool.get(pending())) else { panic!("it was made") };
    }
    // A future that is dropped while its object is made gives it back, too.
    assert!(poll_once(pin!(pool.get(pending()))).is_pending());
    assert_eq!(pool.status(), (1, 0));
}

#[test]
fn a_close_fails_those_who_wait_and_drops_what_comes_back() {
    let (pool, alive) = pool(2);
    let objects = [block_on(get(&pool)).unwrap(), block_on(get(&pool)).unwrap()];
    let mut waiting = Box::pin(get(&pool));
    assert!(poll_once(waiting.as_mut()).is_pending());
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| error(pool.get_blocking()));
        pool.close();
        assert_eq!(blocked.join().unwrap(), GetError::Closed);
    });
    assert_eq!(error(block_on(waiting)), GetError::Closed);
    assert_eq!(alive.load(Ordering::SeqCst), 2, "what is out is not touched");
    drop(objects);
    assert_eq!((alive.load(Ordering::SeqCst), pool.status()), (0, (0, 0)));
}

#[test]
fn a_pool_shrinks_as_objects_come_back_and_grows_at_once() {
    let (pool, alive) = pool(4);
    let mut out: Vec<_> = (0..3).map(|_| block_on(get(&pool)).unwrap()).collect();
    pool.resize(1);
    assert_eq!((pool.status(), alive.load(Ordering::SeqCst)), ((0, 0), 3));
    out.pop();
    out.pop();
    assert_eq!((pool.status(), alive.load(Ordering::SeqCst)), ((0, 0), 1), "one is out, and no more may be");
    out.pop();
    assert_eq!((pool.status(), alive.load(Ordering::SeqCst)), ((1, 1), 1));
    let one = block_on(get(&pool)).unwrap();
    let mut second = Box::pin(get(&pool));
    assert!(poll_once(second.as_mut()).is_pending());
    pool.resize(3);
    let two = block_on(second).unwrap();
    assert_eq!(pool.status(), (1, 0));
    // Down and up again while they are out: the debt is forgiven first.
    pool.resize(0);
    pool.resize(2);
    drop((one, two));
    assert_eq!((pool.status(), alive.load(Ordering::SeqCst)), ((2, 2), 2));
}

/// Users that come, go and are cancelled, sizes that change, and a close somewhere in between.
async fn life_of_a_pool() {
    let (pool, alive) = pool(2);
    let users: Vec<JoinHandle<()>> = (0..6)
        .map(|_| {
            let pool = pool.clone();
            let user = spawn(async move {
                for _ in 0..4 {
                    pause().await;
                    let outcome = match sim::rng().below(3) {
                        0 => pool.try_get().await,
                        1 => pool.get(sleep(Duration::from_millis(sim::rng().below(4)))).await,
                        _ => pool.get(pending()).await,
                    };
                    match outcome {
                        Ok(_object) => pause().await,
                        Err(GetError::Closed) => return assert!(pool.is_closed()),
                        Err(GetError::Timeout) => {}
                        Err(GetError::Manager(error)) => panic!("{error}"),
                    }
                }
            });
            if sim::chance(0.3) {
                sim::cancel_at_random(&user);
            }
            user
        })
        .collect();
    let mut size = 2;
    for _ in 0..sim::rng().below(5) {
        pause().await;
        size = 1 + sim::rng().below(3) as usize;
        pool.resize(size);
    }
    pause().await;
    let closes = sim::chance(0.7);
    if closes {
        pool.close();
    }
    for user in users {
        assert!(!user.await.is_err_and(|error| error.is_panic()));
    }
    let left = alive.load(Ordering::SeqCst);
    if closes {
        assert_eq!((pool.status(), left), ((0, 0), 0));
    } else {
        assert_eq!(pool.status(), (size, left));
        assert!(left <= size, "{left} objects in a pool of {size}");
    }
}

async fn pause() {
    match sim::rng().below(3) {
        0 => sleep(Duration::from_millis(sim::rng().below(3))).await,
        1 => yield_now().await,
        _ => {}
    }
}

#[test]
fn in_every_schedule_all_is_accounted_for() {
    sim::many(0..3000, life_of_a_pool);
}

#[test]
fn threads_share_a_pool_until_it_is_closed() {
    let (pool, alive) = pool(2);
    let in_use = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (pool, in_use) = (&pool, &in_use);
            scope.spawn(move || {
                for turn in 0.. {
                    if number == 0 && turn == 1000 {
                        pool.close();
                    }
                    let outcome = if number % 2 == 0 { pool.get_blocking() } else { block_on(get(pool)) };
                    let Ok(_object) = outcome else { break };
                    assert!(in_use.fetch_add(1, Ordering::SeqCst) < 2);
                    in_use.fetch_sub(1, Ordering::SeqCst);
                }
                assert!(pool.is_closed());
            });
        }
    });
    assert_eq!((pool.status(), alive.load(Ordering::SeqCst)), ((0, 0), 0));
}
