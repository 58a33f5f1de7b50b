//! Random work on threads, with the invariants checked under the lock and at the end.

use fastrand::Rng;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Context,
};
use waitline::testing::{CountingWaker, block_on};
use waitline_lock::{Condition, Lock};

#[derive(Default)]
struct Shared {
    lock: Lock<State>,
    changed: Condition,
    inside: AtomicBool,
    /// Tickets put in and taken out; notifications sent for each ticket.
    put: AtomicUsize,
    got: AtomicUsize,
}

#[derive(Default)]
struct State {
    tickets: usize,
    entries: usize,
}

impl Shared {
    /// Exclusion, seen by an atomic that only holders touch.
    fn enter(&self, state: &mut State) {
        assert!(!self.inside.swap(true, Ordering::Relaxed), "two holders");
        state.entries += 1;
        std::hint::black_box(&state);
        self.inside.store(false, Ordering::Relaxed);
    }

    async fn put_ticket(&self) {
        let mut state = self.lock.lock().await;
        self.enter(&mut state);
        state.tickets += 1;
        self.put.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one(&state);
    }

    async fn take_ticket(&self) {
        let guard = self.lock.lock().await;
        let mut state = self.changed.wait_while(guard, |state| state.tickets == 0).await;
        self.enter(&mut state);
        state.tickets -= 1;
        self.got.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls up to `polls` times, and then drops the future: a cancellation in whatever phase it is by then.
fn poll_and_drop<F: Future>(mut future: Pin<Box<F>>, polls: usize) -> bool {
    let waker = CountingWaker::new().waker();
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// Four threads lock, cancel, wait, notify; as many tickets are put as are taken, so that each lost notification or
/// lock ends in a hang, and each double one in a count that is off.
#[test]
fn storm_of_locks_cancels_waits_and_notifications() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 30_000;
    let shared = Arc::new(Shared::default());
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let shared = shared.clone();
            std::thread::spawn(move || {
                let mut rng = Rng::with_seed(seed as u64);
                for _ in 0..ROUNDS {
                    match rng.u8(0..10) {
                        0 => drop(shared.lock.try_lock().map(|mut state| shared.enter(&mut state))),
                        1 => shared.enter(&mut shared.lock.lock_blocking()),
                        2 | 3 => _ = poll_and_drop(Box::pin(shared.lock.lock()), rng.usize(0..3)),
                        4 | 5 => _ = poll_and_drop(Box::pin(shared.take_ticket()), rng.usize(0..4)),
                        6 => {
                            let state = shared.lock.lock_blocking();
                            shared.changed.notify(&state, rng.usize(0..3));
                        }
                        // Nobody waits for ever: each thread puts a ticket before it takes one.
                        _ => {
                            block_on(shared.put_ticket());
                            block_on(shared.take_ticket());
                        }
                    }
                }
            })
        })
        .collect();
    // A cancelled `take_ticket` may have taken a ticket just before; those who wait for one then get theirs from here.
    let (watch, stop) = (shared.clone(), Arc::new(AtomicBool::new(false)));
    let filler = std::thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(Ordering::Relaxed) {
                if watch.got.load(Ordering::Relaxed) >= watch.put.load(Ordering::Relaxed) {
                    block_on(watch.put_ticket());
                }
                std::thread::yield_now();
            }
        }
    });
    for thread in threads {
        thread.join().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    filler.join().unwrap();
    let (put, got) = (shared.put.load(Ordering::Relaxed), shared.got.load(Ordering::Relaxed));
    assert_eq!((shared.lock.waiters(), shared.changed.waiters()), (0, 0));
    let state = shared.lock.try_lock().expect("nobody keeps the lock");
    assert_eq!(state.tickets, put - got);
}

/// Every waiter gets through when each notification is worth one: no helper, no slack.
#[test]
fn each_notification_lets_exactly_one_waiter_through() {
    const WAITERS: usize = 3;
    const ROUNDS: usize = 5_000;
    let shared = Arc::new(Shared::default());
    let waiters: Vec<_> = (0..WAITERS)
        .map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || (0..ROUNDS).for_each(|_| block_on(shared.take_ticket())))
        })
        .collect();
    for _ in 0..WAITERS * ROUNDS {
        block_on(shared.put_ticket());
    }
    for waiter in waiters {
        waiter.join().unwrap();
    }
    assert_eq!(shared.lock.try_lock().unwrap().tickets, 0);
}

/// A buffer of two places between threads, with a condition for each of its two limits.
#[test]
fn a_bounded_buffer_with_two_conditions_passes_everything_on_in_order() {
    const ITEMS: u64 = 10_000;
    #[derive(Default)]
    struct Buffer {
        items: Lock<std::collections::VecDeque<u64>>,
        not_full: Condition,
        not_empty: Condition,
    }
    let buffer = Arc::new(Buffer::default());
    let producers = [0, 1].map(|producer| {
        let buffer = buffer.clone();
        std::thread::spawn(move || {
            block_on(async {
                for item in 0..ITEMS {
                    let guard = buffer.items.lock().await;
                    let mut items = buffer.not_full.wait_while(guard, |items| items.len() == 2).await;
                    items.push_back(item * 2 + producer);
                    assert!(items.len() <= 2);
                    buffer.not_empty.notify_one(&items);
                }
            });
        })
    });
    let consumers = [(); 2].map(|()| {
        let buffer = buffer.clone();
        std::thread::spawn(move || {
            let (mut last, mut sum) = ([None; 2], 0);
            block_on(async {
                for _ in 0..ITEMS {
                    let guard = buffer.items.lock().await;
                    let mut items = buffer.not_empty.wait_while(guard, |items| items.is_empty()).await;
                    let item = items.pop_front().expect("waited for");
                    buffer.not_full.notify_one(&items);
                    let last = &mut last[(item % 2) as usize];
                    assert!(*last < Some(item), "out of order");
                    *last = Some(item);
                    sum += item;
                }
            });
            sum
        })
    });
    for producer in producers {
        producer.join().unwrap();
    }
    let sum: u64 = consumers.map(|consumer| consumer.join().unwrap()).iter().sum();
    assert_eq!(sum, (0..2 * ITEMS).sum());
    assert_eq!((buffer.not_full.waiters(), buffer.not_empty.waiters(), buffer.items.waiters()), (0, 0, 0));
}
