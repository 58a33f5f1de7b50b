//! Queues: pairs without waiting, producers and consumers on one thread, on two workers and on threads, batches.

mod peers;

use crate::{
    Workload,
    drive::{On, one_thread, ready, timed},
    workloads::{broadcast, oneshot},
};
use peers::*;
use std::{
    future::Future,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

fn try_pair<T: Item, P: Peer<T>>(n: u64) -> Duration {
    let (tx, mut rx) = P::new(16);
    let mut sum = 0;
    let took = timed(|| {
        for number in 0..n {
            P::try_put(black_box(&tx), T::new(number));
            sum += P::try_get(black_box(&mut rx)).number();
        }
    });
    assert_eq!(sum, sum_below(n));
    took
}

fn async_pair<T: Item, P: Peer<T>>(n: u64) -> Duration {
    let (tx, mut rx) = P::new(16);
    let mut sum = 0;
    let took = timed(|| {
        ready(async {
            for number in 0..n {
                P::put(black_box(&tx), T::new(number)).await;
                sum += P::get(black_box(&mut rx)).await.number();
            }
        })
    });
    assert_eq!(sum, sum_below(n));
    took
}

fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// `producers` tasks put `n` items in all, one consumer takes them.
fn to_one<T: Item, P: Peer<T>>(n: u64, producers: u64, capacity: usize, on: On) -> Duration {
    let (tx, rx) = P::new(capacity);
    run_tasks::<T, P>(n, on, (0..producers).map(|_| tx.clone()).collect(), vec![rx])
}

/// `tasks` tasks put `n` items in all, as many others take them.
fn to_many<T: Item, P: Peer<T, Rx: Clone>>(n: u64, tasks: u64, capacity: usize, on: On) -> Duration {
    let (tx, rx) = P::new(capacity);
    run_tasks::<T, P>(n, on, (0..tasks).map(|_| tx.clone()).collect(), (0..tasks).map(|_| rx.clone()).collect())
}

fn run_tasks<T: Item, P: Peer<T>>(n: u64, on: On, senders: Vec<P::Tx>, receivers: Vec<P::Rx>) -> Duration {
    let producers = senders.len() as u64;
    let each = n.div_ceil(producers);
    let share = each * producers / receivers.len() as u64;
    let total = Arc::new(AtomicU64::new(0));
    let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    for tx in senders {
        tasks.push(Box::pin(async move {
            for number in 0..each {
                P::put(&tx, T::new(number)).await;
            }
        }));
    }
    for mut rx in receivers {
        let total = total.clone();
        tasks.push(Box::pin(async move {
            let mut sum = 0;
            for _ in 0..share {
                sum += P::get(&mut rx).await.number();
            }
            total.fetch_add(sum, Relaxed);
        }));
    }
    let took = on.time(tasks);
    assert_eq!(total.load(Relaxed), producers * sum_below(each));
    took
}

/// One thread puts, another takes.
fn threads<T: Item, P: Blocking<T>>(n: u64, capacity: usize) -> Duration {
    let (tx, mut rx) = P::new(capacity);
    let mut sum = 0;
    let took = timed(|| {
        thread::scope(|scope| {
            scope.spawn(move || (0..n).for_each(|number| P::put(&tx, T::new(number))));
            (0..n).for_each(|_| sum += P::get(&mut rx).number());
        });
    });
    assert_eq!(sum, sum_below(n));
    took
}

/// Two threads put, two take.
fn four_threads<T: Item, P: Blocking<T, Rx: Clone>>(n: u64, capacity: usize) -> Duration {
    let (tx, rx) = P::new(capacity);
    let (total, each) = (AtomicU64::new(0), n.div_ceil(2));
    let took = timed(|| {
        thread::scope(|scope| {
            for _ in 0..2 {
                let (tx, mut rx, total) = (tx.clone(), rx.clone(), &total);
                scope.spawn(move || (0..each).for_each(|number| P::put(&tx, T::new(number))));
                scope.spawn(move || {
                    let sum = (0..each).map(|_| P::get(&mut rx).number()).sum();
                    total.fetch_add(sum, Relaxed);
                });
            }
        });
    });
    assert_eq!(total.into_inner(), 2 * sum_below(each));
    took
}

/// A producer task, and a consumer task that takes up to 64 items at once.
macro_rules! batches {
    ($n:ident, $capacity:expr, $peer:ident, |$rx:pat_param, $out:ident| $take:expr) => {{
        let (tx, rx) = $peer::new($capacity);
        let total = Arc::new(AtomicU64::new(0));
        let producer = async move {
            for number in 0..$n {
                $peer::put(&tx, number).await;
            }
        };
        let consumer = {
            let total = total.clone();
            async move {
                let (mut sum, mut left, $rx) = (0, $n, rx);
                let mut $out: Vec<u64> = Vec::new();
                while left > 0 {
                    $take;
                    left -= $out.len() as u64;
                    sum += $out.drain(..).sum::<u64>();
                }
                total.store(sum, Relaxed);
            }
        };
        let tasks: [std::pin::Pin<Box<dyn Future<Output = ()>>>; 2] = [Box::pin(producer), Box::pin(consumer)];
        let took = timed(|| one_thread(tasks));
        assert_eq!(total.load(Relaxed), sum_below($n));
        took
    }};
}

fn batches(capacity: usize) -> Workload {
    Workload::new(format!("queue: batches of up to 64, one thread, capacity {capacity}"))
        .case("waitline", move |n| batches!(n, capacity, Ours, |rx, out| rx.get_many(&mut out, 64).await))
        .case("waitline, one by one", move |n| {
            batches!(n, capacity, Ours, |rx, out| out.push(rx.get().await.expect("open")))
        })
        .case("kanal: recv, drain_into (no limit)", move |n| {
            batches!(n, capacity, Kanal, |rx, out| {
                out.push(rx.recv().await.expect("open"));
                rx.drain_into(&mut out).ok()
            })
        })
        .case("tokio", move |n| batches!(n, capacity, Tokio, |mut rx, out| rx.recv_many(&mut out, 64).await))
}

/// Adds one case per peer with many consumers, and with `; and` those with one only.
macro_rules! every_peer {
    ($workload:expr, $run:ident, $item:ty $(, $arg:expr)*) => {
        best_peers!($workload, $run, $item $(, $arg)*)
            .case("flume", move |n| $run::<$item, Flume<_>>(n $(, $arg)*))
            .case("async-channel", move |n| $run::<$item, AsyncChannel<_>>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<$item, Asyncband<_>>(n $(, $arg)*))
            .case("futures-intrusive", move |n| $run::<$item, Intrusive<_>>(n $(, $arg)*))
    };
    ($workload:expr, $run:ident, $item:ty $(, $arg:expr)*; and one consumer) => {
        every_peer!($workload, $run, $item $(, $arg)*)
            .case("tokio mpsc", move |n| $run::<$item, Tokio<_>>(n $(, $arg)*))
            .case("tachyonix", move |n| $run::<$item, Tachyonix<_>>(n $(, $arg)*))
    };
}

/// The same for those that are measured on each executor.
macro_rules! best_peers {
    ($workload:expr, $run:ident, $item:ty $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<$item, Ours<_>>(n $(, $arg)*))
            .case("kanal", move |n| $run::<$item, Kanal<_>>(n $(, $arg)*))
            .case("crossfire", move |n| $run::<$item, Crossfire<_>>(n $(, $arg)*))
    };
    ($workload:expr, $run:ident, $item:ty $(, $arg:expr)*; and one consumer) => {
        best_peers!($workload, $run, $item $(, $arg)*)
            .case("tokio mpsc", move |n| $run::<$item, Tokio<_>>(n $(, $arg)*))
    };
}

/// The cells on the first of `executors` have all peers, those on the others the best.
fn cells<T: Item>(all: &mut Vec<Workload>, place: &str, executors: &[On], kind: &str) {
    for capacity in [1, 16, 1024] {
        let name = |who: &str| Workload::new(format!("queue: {who}, {place}, capacity {capacity}, {kind}"));
        let [mut one, mut four, mut many] = ["1x1", "4x1", "4x4"].map(name);
        for (index, &on) in executors.iter().enumerate() {
            [one, four, many] = [one, four, many].map(|workload| workload.on(on));
            if index == 0 {
                one = every_peer!(one, to_one, T, 1, capacity, on; and one consumer);
                four = every_peer!(four, to_one, T, 4, capacity, on; and one consumer);
                many = every_peer!(many, to_many, T, 4, capacity, on);
            } else {
                one = best_peers!(one, to_one, T, 1, capacity, on; and one consumer);
                four = best_peers!(four, to_one, T, 4, capacity, on; and one consumer);
                many = best_peers!(many, to_many, T, 4, capacity, on);
            }
        }
        all.extend([one, four, many]);
    }
}

/// All workloads on queues, and those on channels for one value and on broadcasts. Times are per item.
pub fn workloads() -> Vec<Workload> {
    let two_sections = |n| {
        let lock = parking_lot::Mutex::new(0);
        let took = timed(|| {
            for _ in 0..n {
                *black_box(&lock).lock() += 1;
                *black_box(&lock).lock() += 1;
            }
        });
        assert_eq!(lock.into_inner(), 2 * n);
        took
    };
    let mut all = vec![
        every_peer!(Workload::new("queue: try_put and try_get"), try_pair, u64; and one consumer)
            .case("limit: two sections of a parking_lot Mutex", two_sections),
        every_peer!(Workload::new("queue: put and get, ready at once"), async_pair, u64; and one consumer)
            .case("limit: two sections of a parking_lot Mutex", two_sections),
        every_peer!(Workload::new("queue: put and get, ready at once, 64 bytes"), async_pair, Line; and one consumer),
    ];
    cells::<u64>(&mut all, "one thread", &[On::OneThread], "8 bytes");
    cells::<u64>(&mut all, "two workers", &[On::AsyncExecutor, On::Waitline, On::Tokio], "8 bytes");
    cells::<Line>(&mut all, "one thread", &[On::OneThread], "64 bytes");
    cells::<Line>(&mut all, "two workers", &[On::Waitline], "64 bytes");
    for capacity in [1, 16, 1024] {
        let name = |who: &str| Workload::new(format!("queue: {who} threads, blocking, capacity {capacity}"));
        all.push(
            name("1x1")
                .case("waitline", move |n| threads::<u64, OursB<_>>(n, capacity))
                .case("kanal", move |n| threads::<u64, KanalB<_>>(n, capacity))
                .case("crossfire", move |n| threads::<u64, CrossfireB<_>>(n, capacity))
                .case("flume", move |n| threads::<u64, FlumeB<_>>(n, capacity))
                .case("async-channel", move |n| threads::<u64, AsyncChannelB<_>>(n, capacity))
                .case("tokio mpsc", move |n| threads::<u64, TokioB<_>>(n, capacity))
                .case("std mpsc", move |n| threads::<u64, StdB<_>>(n, capacity)),
        );
        all.push(
            name("2x2")
                .case("waitline", move |n| four_threads::<u64, OursB<_>>(n, capacity))
                .case("kanal", move |n| four_threads::<u64, KanalB<_>>(n, capacity))
                .case("crossfire", move |n| four_threads::<u64, CrossfireB<_>>(n, capacity))
                .case("flume", move |n| four_threads::<u64, FlumeB<_>>(n, capacity))
                .case("async-channel", move |n| four_threads::<u64, AsyncChannelB<_>>(n, capacity)),
        );
    }
    all.extend([16, 1024].map(batches));
    all.extend(oneshot::workloads());
    all.extend(broadcast::workloads());
    all
}
