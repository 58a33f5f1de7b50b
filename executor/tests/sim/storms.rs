//! Random work on each primitive, with tasks that are cancelled anywhere: thousands of schedules, each with another end.
//!
//! Whatever happens, nothing is lost and nobody waits for ever: a stall fails the seed.

use futures_lite::future::poll_once;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use waitline_executor::{
    JoinHandle, sim, sleep, spawn_local,
    sync::{Barrier, Condition, Event, Lock, OnceCell, Queue, RwLock, Semaphore, lock},
    timeout, yield_now,
};

const SEEDS: std::ops::Range<u64> = 0..5000;

/// Nothing, a turn, or some time.
pub(super) async fn pause() {
    match sim::rng().below(4) {
        0 => yield_now().await,
        1 => sleep(Duration::from_millis(sim::rng().below(3))).await,
        _ => {}
    }
}

/// Spawns `body` and, for every other one, has it cancelled somewhere.
pub(super) fn spawn_doomed(body: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    let task = spawn_local(body);
    if sim::chance(0.5) {
        sim::cancel_at_random(&task);
    }
    task
}

/// Waits for all, passes their panics on, and returns how many were not cancelled.
pub(super) async fn join(tasks: Vec<JoinHandle<()>>) -> usize {
    let mut completed = 0;
    for task in tasks {
        match task.await {
            Ok(()) => completed += 1,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }
    completed
}

#[test]
fn locks_and_conditions() {
    #[derive(Default)]
    struct Shared {
        tickets: Lock<usize>,
        changed: Condition,
        inside: Cell<bool>,
        taken: Cell<usize>,
    }

    /// Being inside the lock, until it is dropped.
    struct Inside<'a>(&'a Cell<bool>);

    impl<'a> Inside<'a> {
        fn new(inside: &'a Cell<bool>) -> Self {
            assert!(!inside.replace(true), "two holders");
            Inside(inside)
        }
    }

    impl Drop for Inside<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }

    impl Shared {
        async fn put(&self) {
            let mut tickets = self.tickets.lock().await;
            let _inside = Inside::new(&self.inside);
            *tickets += 1;
            self.changed.notify_one(&tickets);
            pause().await;
        }

        async fn take(&self) {
            let guard = self.tickets.lock().await;
            let mut tickets = self.changed.wait_while(guard, |tickets| *tickets == 0).await;
            let _inside = Inside::new(&self.inside);
            *tickets -= 1;
            self.taken.set(self.taken.get() + 1);
            pause().await;
        }
    }

    let cancelled = Cell::new(0);
    sim::many(SEEDS, || async {
        let shared = Rc::new(Shared::default());
        let takers = (0..5).map(|_| {
            let shared = shared.clone();
            spawn_doomed(async move {
                for _ in 0..3 {
                    pause().await;
                    shared.take().await;
                }
            })
        });
        let takers: Vec<_> = takers.collect();
        let mut put = 0;
        while takers.iter().any(|taker| !taker.is_finished()) {
            let putters = (0..=sim::rng().below(3)).map(|_| {
                let shared = shared.clone();
                spawn_local(async move { shared.put().await })
            });
            put += join(putters.collect()).await;
            // Until nothing happens any more.
            sleep(Duration::from_secs(1)).await;
            let tickets = shared.tickets.try_lock().expect("nobody is inside");
            assert!(*tickets == 0 || shared.changed.waiters() == 0, "a notification is lost");
            assert_eq!(*tickets, put - shared.taken.get());
        }
        cancelled.set(cancelled.get() + takers.len() - join(takers).await);
        assert_eq!((shared.tickets.waiters(), shared.changed.waiters()), (0, 0));
    });
    assert!(cancelled.get() > 1000, "only {} cancellations came to pass", cancelled.get());
}

#[test]
fn readers_and_writers() {
    use lock::{RwLockUpgradableReadGuard, RwLockWriteGuard};
    /// The value while someone reads it: it does not change.
    async fn look(value: &Cell<u64>, writers: &Cell<usize>) {
        let (before, free) = (value.get(), writers.get() == 0);
        assert!(free, "a reader beside a writer");
        pause().await;
        assert_eq!(value.get(), before, "a writer came in between");
    }
    let cancelled = Cell::new(0);
    sim::many(SEEDS, || async {
        let lock = Rc::new(RwLock::new((Cell::new(0), Cell::new(0))));
        let writes = Rc::new(Cell::new(0));
        /// Being the writer, until it is dropped.
        struct Inside<'a>(&'a Cell<usize>);
        impl Drop for Inside<'_> {
            fn drop(&mut self) {
                self.0.set(0);
            }
        }
        async fn change((value, writers): &(Cell<u64>, Cell<usize>), writes: &Cell<u64>) {
            assert_eq!(writers.replace(1), 0, "two writers");
            let _inside = Inside(writers);
            pause().await;
            writes.set(writes.get() + 1);
            value.set(value.get() + 1);
        }
        let tasks = (0..6).map(|n| {
            let (lock, writes) = (lock.clone(), writes.clone());
            spawn_doomed(async move {
                for _ in 0..3 {
                    pause().await;
                    match (n + sim::rng().below(3)) % 6 {
                        0 => change(&*lock.write().await, &writes).await,
                        1 => {
                            let guard = lock.write().await;
                            change(&guard, &writes).await;
                            let guard = RwLockWriteGuard::downgrade(guard);
                            look(&guard.0, &guard.1).await;
                        }
                        2 => {
                            let guard = lock.upgradable_read().await;
                            look(&guard.0, &guard.1).await;
                            let before = guard.0.get();
                            let guard = RwLockUpgradableReadGuard::upgrade(guard).await;
                            assert_eq!(guard.0.get(), before, "a writer came before the upgrade");
                            change(&guard, &writes).await;
                        }
                        _ => {
                            let guard = lock.read().await;
                            look(&guard.0, &guard.1).await;
                        }
                    }
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let all = tasks.len();
        cancelled.set(cancelled.get() + all - join(tasks).await);
        assert_eq!(lock.waiters(), 0);
        assert_eq!(lock.try_write().expect("nobody is left").0.get(), writes.get());
    });
    assert!(cancelled.get() > 1000, "only {} cancellations came to pass", cancelled.get());
}

#[test]
fn cells() {
    let cancelled = Cell::new(0);
    sim::many(SEEDS, || async {
        let cell = Rc::new(OnceCell::new());
        let (made, inside) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        /// The initialization, until it is dropped.
        struct Inside(Rc<Cell<bool>>);
        impl Drop for Inside {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        let tasks = (0..6).map(|_| {
            let (cell, made, inside) = (cell.clone(), made.clone(), inside.clone());
            spawn_doomed(async move {
                pause().await;
                let make = async || {
                    assert!(!inside.replace(true), "two initializations");
                    let _inside = Inside(inside.clone());
                    pause().await;
                    if sim::chance(0.3) { Err(()) } else { Ok(made.replace(made.get() + 1)) }
                };
                let value = match sim::rng().below(3) {
                    0 => timeout(Duration::from_secs(1), cell.wait()).await.ok(),
                    _ => cell.get_or_try_init(make).await.ok(),
                };
                assert!(value.is_none_or(|value| *value == 0), "two values");
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let all = tasks.len();
        cancelled.set(cancelled.get() + all - join(tasks).await);
        assert_eq!((cell.waiters(), inside.get()), (0, false));
        assert_eq!((cell.get().is_some(), made.get() < 2), (made.get() == 1, true));
        assert_eq!(*cell.get_or_init(async || 0).await, 0);
    });
    assert!(cancelled.get() > 1000, "only {} cancellations came to pass", cancelled.get());
}

#[test]
fn events() {
    sim::many(SEEDS, || async {
        let (event, sets) = (Rc::new(Event::new()), Rc::new(Cell::new(0)));
        let waiters = (0..4).map(|_| {
            let (event, sets) = (event.clone(), sets.clone());
            spawn_doomed(async move {
                for _ in 0..3 {
                    pause().await;
                    let (was_set, before) = (event.is_set(), sets.get());
                    event.wait().await;
                    assert!(was_set || sets.get() > before, "woken without a set");
                }
            })
        });
        let waiters: Vec<_> = waiters.collect();
        // A pulse at a time: each completes all waits that have begun, so that nobody needs more than three.
        while waiters.iter().any(|waiter| !waiter.is_finished()) {
            sets.set(sets.get() + 1);
            event.set();
            assert_eq!(event.waiters(), 0);
            if sim::chance(0.5) {
                event.clear();
            }
            sleep(Duration::from_millis(1)).await;
            event.clear();
        }
        assert!(sets.get() < 30, "{} pulses", sets.get());
        join(waiters).await;
    });
}

#[test]
fn barriers() {
    sim::many(SEEDS, || async {
        let barrier = Rc::new(Barrier::new(3));
        let turns = Rc::new(RefCell::new(Vec::new()));
        let parties = (0..5).map(|_| {
            let (barrier, turns) = (barrier.clone(), turns.clone());
            spawn_doomed(async move {
                for _ in 0..3 {
                    pause().await;
                    let Ok(turn) = barrier.wait().await else { return };
                    turns.borrow_mut().push((turn.index(), turn.is_leader()));
                }
            })
        });
        let parties: Vec<_> = parties.collect();
        // Until those who are left are too few to complete a round.
        sleep(Duration::from_secs(1)).await;
        let left = parties.iter().filter(|party| !party.is_finished()).count();
        assert!(left < 3 && barrier.n_waiting() == left, "{left} are left, {} have arrived", barrier.n_waiting());
        barrier.abort();
        join(parties).await;
        assert_eq!(barrier.n_waiting(), 0);
        let turns = turns.borrow();
        let rounds = turns.iter().filter(|(_, is_leader)| *is_leader).count();
        for index in 0..3 {
            let with_index = turns.iter().filter(|turn| **turn == (index, index == 2)).count();
            // A party that is cancelled after its round is complete misses its turn, unless it is the leader.
            assert!(with_index <= rounds, "{rounds} rounds: {turns:?}");
        }
    });
}

#[test]
fn semaphores() {
    const PERMITS: u64 = 4;
    sim::many(SEEDS, || async {
        let (semaphore, held) = (Rc::new(Semaphore::new(PERMITS as usize)), Rc::new(Cell::new(0)));
        /// Permits in use, until it is dropped.
        struct Use(Rc<Cell<u64>>, u64);
        impl Use {
            fn new(held: &Rc<Cell<u64>>, n: u64) -> Self {
                held.set(held.get() + n);
                assert!(held.get() < PERMITS, "more permits than there are");
                Use(held.clone(), n)
            }
        }
        impl Drop for Use {
            fn drop(&mut self) {
                self.0.set(self.0.get() - self.1);
            }
        }
        // As long as this one is out, those who want all wait, and hold up those behind them.
        let one = semaphore.try_acquire().unwrap();
        let greedy = [1, 2].map(|_| {
            let semaphore = semaphore.clone();
            spawn_local(async move {
                pause().await;
                drop(semaphore.acquire_many(PERMITS as usize).await);
            })
        });
        let tasks = (0..5).map(|_| {
            let (semaphore, held) = (semaphore.clone(), held.clone());
            spawn_doomed(async move {
                for _ in 0..4 {
                    let n = sim::rng().below(PERMITS - 1) + 1;
                    let mut permits = match sim::rng().below(3) {
                        0 => match semaphore.try_acquire_many(n as usize) {
                            Some(permits) => permits,
                            None => continue,
                        },
                        _ => semaphore.acquire_many(n as usize).await,
                    };
                    let in_use = Use::new(&held, n);
                    pause().await;
                    drop(in_use);
                    if let Some(part) = permits.split(sim::rng().below(n + 1) as usize) {
                        drop(permits);
                        permits = part;
                    }
                    let _in_use = Use::new(&held, permits.num_permits() as u64);
                    pause().await;
                }
            })
        });
        let tasks = tasks.collect();
        for greedy in greedy {
            pause().await;
            greedy.cancel();
            assert!(greedy.await.unwrap_err().is_cancelled());
        }
        join(tasks).await;
        drop(one);
        assert_eq!((semaphore.available_permits(), semaphore.waiters(), held.get()), (PERMITS as usize, 0, 0));
    });
}

#[test]
fn queues() {
    sim::many(SEEDS, || async {
        let queue = Rc::new(Queue::bounded(1 + sim::rng().below(3) as usize));
        let (put, got) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
        let producers = (0..3).map(|producer| {
            let (queue, put) = (queue.clone(), put.clone());
            spawn_doomed(async move {
                for n in 0..4 {
                    let item = producer * 10 + n;
                    pause().await;
                    if sim::chance(0.5) {
                        queue.put(item).await.unwrap();
                    } else {
                        let slot = queue.reserve().await.unwrap();
                        pause().await;
                        slot.put(item).unwrap();
                    }
                    put.borrow_mut().push(item);
                }
            })
        });
        let producers: Vec<_> = producers.collect();
        let consumers = (0..3).map(|_| {
            let (queue, got) = (queue.clone(), got.clone());
            spawn_doomed(async move {
                let mut items = Vec::new();
                while queue.get_many(&mut items, 2).await > 0 {
                    for item in items.drain(..) {
                        got.borrow_mut().push(item);
                        queue.task_done().unwrap();
                    }
                    pause().await;
                }
            })
        });
        let consumers: Vec<_> = consumers.collect();
        // Takes what the others leave, for they may all be cancelled.
        while producers.iter().any(|producer| !producer.is_finished()) {
            if let Ok(item) = timeout(Duration::from_secs(1), queue.get()).await {
                got.borrow_mut().push(item.unwrap());
                queue.task_done().unwrap();
            }
        }
        join(producers).await;
        if sim::chance(0.5) {
            poll_once(queue.get()).await.into_iter().for_each(|item| {
                got.borrow_mut().push(item.unwrap());
                queue.task_done().unwrap();
            });
        }
        queue.close();
        join(consumers).await;
        while let Ok(item) = queue.try_get() {
            got.borrow_mut().push(item);
            queue.task_done().unwrap();
        }
        queue.join().await;
        let (mut put, mut got) = (put.take(), got.take());
        put.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, put, "nothing is lost, and nothing comes twice");
    });
}
