//! Both types on threads, bounded in rounds: what loom does not see, and more waiters than it can afford.

use futures_lite::future::block_on;
use std::{
    cell::UnsafeCell,
    pin::pin,
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    task::Poll,
    thread,
};
use waitline::testing::{poll_once, poll_with, yield_until};
use waitline_event::{Barrier, Event};

const THREADS: usize = 4;
const ROUNDS: usize = 2_000;

/// Waiters come in any number of ways and at any time; pulses of set and clear let all of them through.
#[test]
fn pulses_lose_nobody() {
    let (event, running) = (Event::new(), AtomicUsize::new(THREADS));
    thread::scope(|scope| {
        for me in 0..THREADS {
            let (event, running) = (&event, &running);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    match (me + round) % 3 {
                        0 => event.wait_blocking(),
                        1 => block_on(event.wait()),
                        _ => {
                            // One that gives up, and one behind it that does not.
                            let mut gives_up = Box::pin(event.wait());
                            let mut given_up = poll_once(gives_up.as_mut()).is_ready();
                            let mut stays = pin!(event.wait());
                            block_on(std::future::poll_fn(|cx| {
                                let polled = poll_with(stays.as_mut(), cx.waker());
                                given_up = given_up || poll_once(gives_up.as_mut()).is_ready();
                                polled
                            }));
                        }
                    }
                }
                running.fetch_sub(1, SeqCst);
            });
        }
        scope.spawn(|| {
            while running.load(SeqCst) > 0 {
                event.set();
                event.clear();
                thread::yield_now();
            }
        });
    });
    assert_eq!(event.waiters(), 0);
}

/// Several setters and clearers at once: each change of the flag is reported once, so sets and clears alternate.
#[test]
fn sets_and_clears_alternate() {
    let event = Event::new();
    let (sets, clears) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..ROUNDS * 5).for_each(|_| _ = sets.fetch_add(usize::from(event.set()), Relaxed)));
            scope.spawn(|| (0..ROUNDS * 5).for_each(|_| _ = clears.fetch_add(usize::from(event.clear()), Relaxed)));
        }
    });
    assert_eq!(sets.into_inner(), clears.into_inner() + usize::from(event.is_set()));
}

/// A producer sets after each item and a consumer clears before each look: no item is missed, however they meet.
#[test]
fn a_consumer_that_clears_and_looks_misses_nothing() {
    let (event, made) = (Event::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS * 10 {
                made.fetch_add(1, Relaxed);
                event.set();
            }
        });
        while made.load(Relaxed) < ROUNDS * 10 {
            event.wait_blocking();
            event.clear();
        }
    });
    assert_eq!(made.into_inner(), ROUNDS * 10);
}

/// A thousand waiters of one thread, let go by another, over and over; each sees what came before its set.
#[test]
fn a_thousand_waiters_see_what_came_before_the_set() {
    for round in 1..=20 {
        let (event, value) = (Event::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                yield_until(|| event.waiters() >= 500);
                value.store(round, Relaxed);
                assert!(event.set());
            });
            let mut waits: Vec<_> = (0..1000).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                if poll_once(wait.as_mut()).is_ready() {
                    assert_eq!(value.load(Relaxed), round);
                    *wait = Box::pin(event.wait());
                }
            }
            for wait in &mut waits {
                block_on(wait.as_mut());
                assert_eq!(value.load(Relaxed), round);
            }
        });
    }
}

/// A place that nobody locks: the barrier alone keeps its users apart.
struct Place(UnsafeCell<usize>);

// SAFETY: the test below writes it by the leader of a round only, and reads it between two rounds only.
unsafe impl Sync for Place {}

/// In each round one leader writes, after all have read what the last one wrote.
#[test]
fn rounds_keep_the_parties_apart() {
    let (barrier, place) = (Barrier::new(THREADS), Place(UnsafeCell::new(0)));
    let indices: [AtomicUsize; THREADS] = Default::default();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // All of the struct, and not just its cell, is shared.
                let place = &place;
                for round in 0..ROUNDS {
                    // SAFETY: nobody writes before all have arrived.
                    assert_eq!(unsafe { *place.0.get() }, round);
                    let turn = block_on(barrier.wait()).unwrap();
                    indices[turn.index()].fetch_add(1, Relaxed);
                    if turn.is_leader() {
                        // SAFETY: all have read, and are on their way to the next meeting.
                        unsafe { *place.0.get() += 1 };
                    }
                    block_on(barrier.wait()).unwrap();
                }
            });
        }
    });
    assert_eq!(place.0.into_inner(), ROUNDS);
    assert!(indices.iter().all(|count| count.load(Relaxed) == ROUNDS));
}

/// Parties that give up at random moments: each complete round has each index at most once, and the leader's exactly.
#[test]
fn cancelled_parties_do_not_upset_the_rounds() {
    let (barrier, enough) = (Barrier::new(3), AtomicBool::new(false));
    let indices: [AtomicUsize; 3] = Default::default();
    thread::scope(|scope| {
        for me in 0..THREADS {
            let (barrier, enough, indices) = (&barrier, &enough, &indices);
            scope.spawn(move || {
                for round in 0.. {
                    if enough.load(Relaxed) {
                        break;
                    }
                    let mut wait = pin!(barrier.wait());
                    let turn = if (me + round) % 4 == 0 {
                        (0..2).find_map(|_| match poll_once(wait.as_mut()) {
                            Poll::Ready(turn) => Some(turn),
                            Poll::Pending => None,
                        })
                    } else {
                        Some(block_on(wait))
                    };
                    if let Some(Ok(turn)) = turn {
                        let rounds = indices[turn.index()].fetch_add(1, Relaxed);
                        if turn.is_leader() && rounds == ROUNDS {
                            enough.store(true, Relaxed);
                            barrier.abort();
                        }
                    }
                }
            });
        }
    });
    let [first, second, leader] = indices.map(AtomicUsize::into_inner);
    assert!(leader > ROUNDS && first <= leader && second <= leader, "{first}, {second}, {leader}");
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, true));
}

/// Aborts and resets in the middle of everything: nobody is left waiting, and the barrier works afterwards.
#[test]
fn aborts_and_resets_leave_nobody_behind() {
    let (barrier, running) = (Barrier::new(THREADS), AtomicUsize::new(THREADS));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    _ = block_on(barrier.wait());
                }
                running.fetch_sub(1, SeqCst);
            });
        }
        scope.spawn(|| {
            while running.load(SeqCst) > 0 {
                barrier.reset();
                thread::yield_now();
                barrier.abort();
                barrier.reset();
                thread::yield_now();
            }
        });
    });
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, false));
}
