use std::{
    cell::RefCell,
    collections::HashSet,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use waitline_executor::{
    TaskGroup, run, run_blocking,
    sim::{self, Builder, Order},
    sleep, spawn, spawn_local, spawn_named,
    sync::{Lock, Queue},
    timeout, yield_now,
};

/// A bit of everything; returns the trace of it.
async fn busy() -> u64 {
    let (total, queue) = (Arc::new(Lock::new(0)), Arc::new(Queue::bounded(2)));
    let producers = (0..3_u64).map(|n| {
        let queue = queue.clone();
        spawn(async move {
            for item in 0..4 {
                sleep(Duration::from_millis(sim::rng().below(3))).await;
                queue.put(10 * n + item).await.unwrap();
            }
        })
    });
    let producers: Vec<_> = producers.collect();
    let mut group = TaskGroup::new();
    for _ in 0..3 {
        let (total, queue) = (total.clone(), queue.clone());
        group.spawn(async move {
            while let Ok(item) = queue.get().await {
                *total.lock().await += run_blocking(move || item).await.unwrap();
                if sim::chance(0.3) {
                    yield_now().await;
                }
                _ = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
            }
        });
    }
    for producer in producers {
        producer.await.unwrap();
    }
    queue.close();
    group.join_all().await.unwrap();
    assert_eq!(*total.lock().await, (0..3).map(|n| 40 * n + 6).sum::<u64>());
    sim::trace_hash()
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(sim::run(seed, busy()).unwrap(), sim::run(seed, busy()).unwrap(), "seed {seed}");
    }
}

#[test]
fn a_trace_is_the_same_in_every_build() {
    // Written down once: in debug and release builds, with and without the feature `diagnostics`, today and next year.
    assert_eq!(sim::run(0, busy()).unwrap(), 9_606_237_366_939_114_977);
    assert_eq!(sim::run(1, busy()).unwrap(), 13_996_544_070_355_573_069);
}

#[test]
fn seeds_explore_different_schedules() {
    let program = || async {
        let lock = Arc::new(Lock::new(Vec::new()));
        let tasks = [0, 1, 2].map(|task| {
            let lock = lock.clone();
            spawn(async move {
                for _ in 0..2 {
                    lock.lock().await.push(task);
                    yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        (std::mem::take(&mut *lock.lock().await), sim::trace_hash())
    };
    let runs: Vec<(Vec<i32>, u64)> = (0..1000).map(|seed| sim::run(seed, program()).unwrap()).collect();
    let traces: HashSet<u64> = runs[..100].iter().map(|(_, trace)| *trace).collect();
    assert!(traces.len() > 90, "100 seeds take only {} courses", traces.len());
    // Of 6! / 2!2!2! = 90 orders of the turns.
    let orders: HashSet<&[i32]> = runs.iter().map(|(order, _)| &order[..]).collect();
    assert!(orders.len() > 80, "1000 seeds bring about only {} orders", orders.len());
}

#[test]
fn fifo_order_is_that_of_run() {
    let program = || async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..5)
            .map(|task| {
                let log = log.clone();
                spawn_local(async move {
                    for turn in 0..task {
                        log.borrow_mut().push((turn, task));
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        log.take()
    };
    let expected = run(program());
    let fifo = Builder::new().order(Order::Fifo);
    assert_eq!(fifo.run(0, program()).unwrap(), expected);
    assert_eq!(fifo.run(1, program()).unwrap(), expected);
    assert!((0..10).any(|seed| sim::run(seed, program()).unwrap() != expected));
}

#[test]
fn task_ids_count_from_one_in_each_simulation() {
    for _ in 0..2 {
        let ids = sim::run(0, async {
            let (first, second) = (spawn(async {}), spawn_named("second", async {}));
            (first.id().to_string(), second.id().to_string())
        });
        assert_eq!(ids.unwrap(), ("1".to_owned(), "2".to_owned()));
    }
}

#[test]
fn the_start_of_the_clock_can_be_set_and_does_not_matter() {
    let start = Instant::now() + Duration::from_secs(1_000_000);
    let trace = Builder::new().start(start).run(3, async {
        assert_eq!(waitline_executor::now(), start);
        busy().await
    });
    assert_eq!(trace.unwrap(), sim::run(3, busy()).unwrap());
}

#[test]
fn races_follow_the_seed() {
    let winners = |seed| {
        let winners = async {
            let mut winners = Vec::new();
            for _ in 0..20 {
                winners.push(futures_lite::future::race(std::future::ready(1), std::future::ready(2)).await);
            }
            winners
        };
        sim::run(seed, winners).unwrap()
    };
    assert_eq!(winners(0), winners(0));
    assert_ne!(winners(0), winners(1));
}

#[test]
fn shuffled_items_come_in_every_order() {
    let orders: HashSet<[u8; 3]> = (0..100)
        .map(|seed| {
            let shuffled = sim::run(seed, async {
                let mut items = [1, 2, 3];
                sim::rng().shuffle(&mut items);
                items
            });
            shuffled.unwrap()
        })
        .collect();
    assert_eq!(orders.len(), 6);
}
