//! Long random runs: tasks that spawn, cancel, panic, sleep and block, on both kinds of event loop and in simulations. Whatever
//! happens, every task's destructor runs once, and everything ends.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{
    CancelToken, Executor, TaskGroup, gather, run, run_blocking, sleep, spawn, spawn_with_cleanup, timeout, yield_now,
};

/// xorshift64*
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }

    fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX) | 1)
    }
}

#[derive(Clone, Default)]
struct Counts {
    begun: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    cleaned: Arc<AtomicUsize>,
    cleanups: Arc<AtomicUsize>,
}

struct Alive(Arc<AtomicUsize>);

impl Counts {
    fn alive(&self) -> Alive {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Alive(self.dropped.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn node(mut random: Random, depth: u32, counts: Counts) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    // Made with the future, so that it counts also if that is never polled.
    let alive = counts.alive();
    Box::pin(async move {
        let _alive = alive;
        for _ in 0..2 + random.below(4) {
            match random.below(11) {
                0 => sleep(Duration::from_micros(random.below(300))).await,
                1 => yield_now().await,
                2 => assert_ne!(run_blocking(|| 1).await.unwrap(), 0),
                3 if random.below(4) == 0 => std::panic::resume_unwind(Box::new("a task ends like this at times")),
                4 => _ = timeout(Duration::from_micros(random.below(200)), sleep(Duration::from_micros(100))).await,
                _ if depth == 0 => {}
                5 => _ = spawn(node(random.fork(), depth - 1, counts.clone())).await,
                6 => drop(spawn(node(random.fork(), depth - 1, counts.clone()))),
                7 => {
                    let task = spawn(node(random.fork(), depth - 1, counts.clone()));
                    for _ in 0..random.below(3) {
                        yield_now().await;
                    }
                    task.cancel();
                    if random.below(2) == 0 {
                        _ = task.await;
                    }
                }
                8 => {
                    let mut group = TaskGroup::new();
                    for _ in 0..random.below(4) {
                        group.spawn(node(random.fork(), depth - 1, counts.clone()));
                    }
                    match random.below(3) {
                        0 => drop(group),
                        1 => _ = timeout(Duration::from_micros(50), group.join_all()).await,
                        _ => _ = group.join_all().await,
                    }
                }
                9 => {
                    let cleaned = counts.cleaned.clone();
                    counts.cleanups.fetch_add(1, Ordering::SeqCst);
                    let task = spawn_with_cleanup(node(random.fork(), depth - 1, counts.clone()), async move {
                        yield_now().await;
                        cleaned.fetch_add(1, Ordering::SeqCst);
                    });
                    if random.below(2) == 0 {
                        drop(task.cancel_on_drop());
                    }
                }
                _ => {
                    let (token, turns) = (CancelToken::new(), random.below(4));
                    let waits = (0..2).map(|_| {
                        let token = token.child();
                        spawn(async move { token.cancelled().await })
                    });
                    let waits: Vec<_> = waits.collect();
                    for _ in 0..turns {
                        yield_now().await;
                    }
                    token.cancel();
                    for result in gather(waits).await {
                        // Cancelled otherwise only by the end of the loop, and then this task is as well.
                        _ = result;
                    }
                }
            }
        }
        random.below(100)
    })
}

fn check(counts: &Counts) {
    let (begun, dropped) = (counts.begun.load(Ordering::SeqCst), counts.dropped.load(Ordering::SeqCst));
    assert_eq!(begun, dropped, "every task is dropped once");
    assert_eq!(counts.cleanups.load(Ordering::SeqCst), counts.cleaned.load(Ordering::SeqCst), "every cleanup ends");
}

#[test]
fn random_programs_end_on_one_thread() {
    let mut total = 0;
    for seed in 1..=300 {
        let (counts, mut random) = (Counts::default(), Random(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15)));
        run(async {
            let tasks: Vec<_> = (0..5).map(|_| spawn(node(random.fork(), 5, counts.clone()))).collect();
            for task in tasks {
                _ = timeout(Duration::from_millis(5), task).await;
            }
        });
        check(&counts);
        total += counts.begun.load(Ordering::SeqCst);
    }
    assert!(total > 1000, "only {total} tasks: the programs are too tame to tell anything");
}

#[test]
fn random_programs_end_on_several_threads() {
    let mut total = 0;
    for seed in 1..=300 {
        let (counts, mut random) = (Counts::default(), Random(u64::wrapping_mul(seed, 0xD134_2543_DE82_EF95)));
        let executor = Executor::builder().threads(1 + seed as usize % 3).build();
        executor.run(async {
            let tasks: Vec<_> = (0..5).map(|_| spawn(node(random.fork(), 5, counts.clone()))).collect();
            for task in tasks {
                _ = timeout(Duration::from_millis(5), task).await;
            }
        });
        drop(executor);
        check(&counts);
        total += counts.begun.load(Ordering::SeqCst);
    }
    assert!(total > 1000, "only {total} tasks: the programs are too tame to tell anything");
}

#[cfg(feature = "sim")]
#[test]
fn random_programs_end_in_simulations() {
    let mut total = 0;
    for seed in 0..3000 {
        let counts = Counts::default();
        let stalled = sim::run(seed, async {
            let mut random = Random(sim::rng().u64() | 1);
            let tasks: Vec<_> = (0..5).map(|_| spawn(node(random.fork(), 5, counts.clone()))).collect();
            for task in tasks {
                _ = timeout(Duration::from_millis(5), task).await;
            }
        });
        stalled.unwrap();
        check(&counts);
        total += counts.begun.load(Ordering::SeqCst);
    }
    assert!(total > 10_000, "only {total} tasks: the programs are too tame to tell anything");
}
