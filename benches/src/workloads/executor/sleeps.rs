//! Many timers at once, and many calls that block. Each round is one run, of which one figure is kept.

use super::{
    all, asyncio,
    peers::{Ours, Sleeps, SmolLocal, Tokio},
};
use crate::{Effort, Workload};
use cpu_time::ProcessTime;
use futures_lite::future;
use std::{
    thread,
    time::{Duration, Instant},
};
use waitline_executor::ThreadPool;

const SLEEPS: u32 = 10_000;
const CALLS: u32 = 1_000;

/// What is measured of sleeps.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// The CPU time of the whole process, per sleep.
    Cpu,
    /// By how much the last one was late, counted from before the first was spawned.
    Lateness,
}

/// A task for each sleep.
fn sleeps<P: Sleeps>(duration: Duration, measure: Measure) -> Duration {
    let (cpu, start) = (ProcessTime::now(), Instant::now());
    let sleep = |_| async move {
        P::sleep(duration).await;
        1
    };
    let (_, woken) = P::run(|peer| all(peer, (0..SLEEPS).map(sleep)));
    let (took, cpu) = (start.elapsed(), cpu.elapsed());
    assert_eq!(woken, u64::from(SLEEPS));
    match measure {
        Measure::Cpu => cpu / SLEEPS,
        Measure::Lateness => late(took, duration),
    }
}

fn late(took: Duration, duration: Duration) -> Duration {
    took.checked_sub(duration).expect("nobody wakes early")
}

/// Calls `start` for each of many calls that block, waits for all: by how much the last one was late.
fn calls<H: Future>(duration: Duration, start: impl Fn() -> H, result: impl Fn(H::Output) -> u32) -> Duration {
    let begin = Instant::now();
    let handles: Vec<_> = (0..CALLS).map(|_| start()).collect();
    let mut returned = 0;
    for handle in handles {
        returned += result(future::block_on(handle));
    }
    assert_eq!(returned, CALLS);
    late(begin.elapsed(), duration)
}

fn nap(duration: Duration) -> u32 {
    thread::sleep(duration);
    1
}

fn calls_on_ours(duration: Duration) -> Duration {
    let pool = ThreadPool::new(CALLS as usize);
    calls(duration, || pool.run(move || nap(duration)), |result| result.expect("no job panics"))
}

fn calls_on_tokio(duration: Duration) -> Duration {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.max_blocking_threads(CALLS as usize).build().expect("a runtime");
    calls(duration, || runtime.spawn_blocking(move || nap(duration)), |result| result.expect("no job panics"))
}

/// The crate has one pool for all, whose size is set by the environment: see [`crate::compare`].
fn calls_on_blocking(duration: Duration) -> Duration {
    calls(duration, || blocking::unblock(move || nap(duration)), |one| one)
}

/// What a thread for each call costs: they are started one after the other, and forgotten at their end.
fn calls_on_threads(duration: Duration) -> Duration {
    let start = || {
        let (done, result) = async_channel::bounded(1);
        thread::spawn(move || done.try_send(nap(duration)));
        async move { result.recv().await }
    };
    calls(duration, start, |result| result.expect("no call panics"))
}

pub(super) fn workloads(effort: Effort) -> Vec<Workload> {
    let (duration, text) = match effort {
        Effort::Full => (Duration::from_secs(1), "1 s"),
        Effort::Quick => (Duration::from_millis(100), "0.1 s"),
    };
    let sleeping = |figure: &str, measure| {
        Workload::once(format!("executor: 10,000 sleeps of {text}, one thread, {figure}"))
            .case("waitline", move |_| sleeps::<Ours<0>>(duration, measure))
            .case("smol LocalExecutor", move |_| sleeps::<SmolLocal>(duration, measure))
            .case("tokio current_thread", move |_| sleeps::<Tokio<0>>(duration, measure))
            .case("CPython asyncio", move |_| asyncio::sleeps(SLEEPS, duration, measure))
    };
    vec![
        sleeping("CPU time per sleep", Measure::Cpu),
        sleeping("lateness of the last", Measure::Lateness),
        Workload::once(format!("executor: 1000 blocking calls of {text} at once, lateness of the last"))
            .case("waitline ThreadPool", move |_| calls_on_ours(duration))
            .case("tokio spawn_blocking", move |_| calls_on_tokio(duration))
            .case("blocking", move |_| calls_on_blocking(duration))
            .case("std: a thread for each", move |_| calls_on_threads(duration)),
    ]
}
