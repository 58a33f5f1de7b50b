//! Executors: spawning and joining, yields, ping-pong, fan-out and computing on two workers, sleeps, blocking calls.
//!
//! Workloads "on one thread" compare executors that run everything on the calling thread; on "two workers" the main future
//! waits on a thread of its own. Every peer yields and sleeps in its own way. Queues are ours for all, so that the executor is
//! measured.

mod asyncio;
mod load;
pub(crate) mod peers;
mod sleeps;

use crate::{
    Effort, Workload,
    drive::{On, compute, timed},
    workloads::condition,
};
use load::{short, wakes_from_outside};
use peers::{AsyncLocal, AsyncWorker, AsyncWorkers, FuturesPool, Ours, Peer, SmolLocal, SmolWorkers, Tokio};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use waitline_executor::ThreadPool;
use waitline_queue::Queue;

/// How many tasks are alive at once in the workloads that spawn.
const TASKS: u64 = 100_000;

/// What `n` of `done` equal operations took.
fn share(took: Duration, n: u64, done: u64) -> Duration {
    took.mul_f64(n as f64 / done as f64)
}

/// Spawns all of `tasks`, joins them, and returns the time from the first spawn to the last join and the sum of the outputs.
async fn all<P: Peer, F>(peer: P, tasks: impl Iterator<Item = F>) -> (Duration, u64)
where
    F: Future<Output = u64> + Send + 'static,
{
    let start = Instant::now();
    let handles: Vec<_> = tasks.map(|task| peer.spawn(task)).collect();
    let mut sum = 0;
    for handle in handles {
        sum += P::join(handle).await;
    }
    (start.elapsed(), sum)
}

/// Spawns and joins tasks of which each only returns its number.
async fn numbers<P: Peer>(peer: P, tasks: u64) -> Duration {
    let (took, sum) = all(peer, (0..tasks).map(|number| async move { number })).await;
    assert_eq!(sum, sum_below(tasks));
    took
}

fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

fn spawn_join<P: Peer>(n: u64) -> Duration {
    let rounds = n.div_ceil(TASKS);
    let took = P::run(|peer| async move {
        let mut took = Duration::ZERO;
        for _ in 0..rounds {
            took += numbers(peer.clone(), TASKS).await;
        }
        took
    });
    share(took, n, rounds * TASKS)
}

/// The same by a task on a worker.
fn spawn_join_inside<P: Peer + Send + Sync>(n: u64) -> Duration {
    const TASKS: u64 = 10_000;
    let rounds = n.div_ceil(TASKS);
    let took = P::run(|peer| async move {
        let mut took = Duration::ZERO;
        for _ in 0..rounds {
            let inside = peer.clone();
            took += P::join(peer.spawn(async move { numbers(inside, TASKS).await })).await;
        }
        took
    });
    share(took, n, rounds * TASKS)
}

fn spawn_one<P: Peer>(n: u64) -> Duration {
    P::run(|peer| async move {
        let (start, mut sum) = (Instant::now(), 0);
        for number in 0..n {
            sum += P::join(peer.spawn(async move { number })).await;
        }
        assert_eq!(sum, sum_below(n));
        start.elapsed()
    })
}

fn yields<P: Peer>(n: u64, tasks: u64) -> Duration {
    let each = n.div_ceil(tasks);
    let task = |_| async move {
        for _ in 0..each {
            P::yield_now().await;
        }
        each
    };
    let (took, sum) = P::run(|peer| async move { all(peer, (0..tasks).map(task)).await });
    assert_eq!(sum, each * tasks);
    share(took, n, sum)
}

/// A number goes to and fro between the two tasks of each pair, through two queues for one item. Per round trip.
fn ping_pong<P: Peer>(n: u64, pairs: u64) -> Duration {
    let each = n.div_ceil(pairs);
    let player = |from: Arc<Queue<u64>>, to: Arc<Queue<u64>>| async move {
        let mut last = 0;
        for _ in 0..each {
            last = from.get().await.expect("open");
            to.put(last + 1).await.expect("open");
        }
        last
    };
    let players = (0..pairs).flat_map(|_| {
        let (there, back) = (Arc::new(Queue::bounded(1)), Arc::new(Queue::bounded(1)));
        there.try_put(0).expect("room");
        [player(there.clone(), back.clone()), player(back, there)]
    });
    let (took, sum) = P::run(|peer| async move { all(peer, players).await });
    assert_eq!(sum, pairs * ((2 * each - 2) + (2 * each - 1)));
    share(took, n, each * pairs)
}

fn fan_out<P: Peer>(n: u64) -> Duration {
    const STEPS: u64 = 7_000;
    let (took, odd) = P::run(|peer| async move { all(peer, (0..n).map(|_| async { compute(STEPS) })).await });
    assert_eq!(odd, n * STEPS / 2);
    took
}

/// A part of the computing that shows how work spreads over the cores.
const PART: u64 = 250_000;

fn parts<P: Peer>(n: u64) -> Duration {
    let (took, odd) = P::run(|peer| async move { all(peer, (0..n).map(|_| async { compute(PART) })).await });
    assert_eq!(odd, n * PART / 2);
    took
}

fn parts_in_pool(n: u64, threads: usize) -> Duration {
    let pool = ThreadPool::new(threads);
    timed(|| {
        let jobs = (0..n).map(|_| pool.run(|| compute(PART))).collect::<Vec<_>>();
        let odd = futures_lite::future::block_on(async {
            let mut odd = 0;
            for job in jobs {
                odd += job.await.expect("no job panics");
            }
            odd
        });
        assert_eq!(odd, n * PART / 2);
    })
}

fn parts_on_threads(n: u64, threads: u64) -> Duration {
    let each = n.div_ceil(threads);
    let took = timed(|| {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(move || (0..each).for_each(|_| assert_eq!(compute(PART), PART / 2)));
            }
        })
    });
    share(took, n, each * threads)
}

/// Adds one case per executor on one thread: a function generic over it.
macro_rules! one_thread {
    ($name:literal, $run:ident $(, $arg:expr)*) => {
        Workload::new($name)
            .case("waitline", |n| $run::<Ours<0>>(n $(, $arg)*))
            .case("async-executor LocalExecutor", |n| $run::<AsyncLocal>(n $(, $arg)*))
            .case("smol LocalExecutor", |n| $run::<SmolLocal>(n $(, $arg)*))
            .case("tokio current_thread", |n| $run::<Tokio<0>>(n $(, $arg)*))
            .case("futures LocalPool", |n| $run::<FuturesPool>(n $(, $arg)*))
    };
}

/// The same on two workers.
macro_rules! two_workers {
    ($name:literal, $run:ident $(, $arg:expr)*) => {
        Workload::new($name)
            .case("waitline", |n| $run::<Ours<2>>(n $(, $arg)*))
            .case("async-executor Executor", |n| $run::<AsyncWorkers>(n $(, $arg)*))
            .case("smol Executor", |n| $run::<SmolWorkers>(n $(, $arg)*))
            .case("tokio multi_thread", |n| $run::<Tokio<2>>(n $(, $arg)*))
    };
}

/// All workloads on executors.
pub fn workloads(effort: Effort) -> Vec<Workload> {
    let mut all = vec![
        one_thread!("executor: spawn and join 100,000 tasks, one thread, per task", spawn_join),
        one_thread!("executor: spawn a task and join it, one thread", spawn_one),
        one_thread!("executor: yield, 1 task, one thread", yields, 1),
        one_thread!("executor: yield, 1000 tasks, one thread", yields, 1000),
        one_thread!("executor: ping-pong through queues, one thread, per round trip", ping_pong, 1),
        two_workers!("executor: spawn and join 100,000 tasks, two workers, per task", spawn_join),
        two_workers!("executor: spawn and join 10,000 tasks from a task, two workers, per task", spawn_join_inside),
        two_workers!("executor: yield, 2 tasks, two workers", yields, 2),
        two_workers!("executor: yield, 1000 tasks, two workers", yields, 1000),
        two_workers!("executor: ping-pong through queues, two workers, per round trip", ping_pong, 1),
        two_workers!("executor: ping-pong of 2 pairs through queues, two workers, per round trip", ping_pong, 2),
        two_workers!("executor: ping-pong of 8 pairs through queues, two workers, per round trip", ping_pong, 8),
        two_workers!("executor: fan-out of about 2 µs of work, two workers, per task", fan_out),
        two_workers!("executor: wakes by another thread, two workers, per wake", wakes_from_outside, 1),
        two_workers!("executor: wakes by 4 other threads, two workers, per wake", wakes_from_outside, 4),
        one_thread!("executor: a new executor for each task, one thread", short),
        two_workers!("executor: a new executor for each task, two workers", short),
        Workload::new("executor: computing in parts, on 1 and on 2 cores, per part")
            .case("waitline Executor, 1 worker", parts::<Ours<1>>)
            .case("waitline Executor, 2 workers", parts::<Ours<2>>)
            .case("waitline ThreadPool, 1 thread", |n| parts_in_pool(n, 1))
            .case("waitline ThreadPool, 2 threads", |n| parts_in_pool(n, 2))
            .case("tokio multi_thread, 1 worker", parts::<Tokio<1>>)
            .case("tokio multi_thread, 2 workers", parts::<Tokio<2>>)
            .case("async-executor, 1 worker", parts::<AsyncWorker>)
            .case("async-executor, 2 workers", parts::<AsyncWorkers>)
            .case("limit: 1 thread", |n| parts_on_threads(n, 1))
            .case("limit: 2 threads", |n| parts_on_threads(n, 2)),
    ];
    all.push(
        Workload::new("executor: notify_all over 1000 waiters, two workers, per waiter")
            .case("waitline", |n| condition::our_crowd(n, On::Waitline))
            .case("async-executor Executor", |n| condition::our_crowd(n, On::AsyncExecutor))
            .case("tokio multi_thread", |n| condition::our_crowd(n, On::Tokio)),
    );
    all.extend(load::workloads());
    all.extend(sleeps::workloads(effort));
    all
}
