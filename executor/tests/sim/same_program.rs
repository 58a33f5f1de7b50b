//! What runs under `run` runs in a simulation, with the same result.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline_executor::{
    CancelToken, ReturnWhen, TaskGroup, ThreadPool, as_completed, gather, interval, run, run_blocking, sim, sleep,
    spawn, spawn_local, spawn_named, spawn_with_cleanup, timeout, try_gather, wait, yield_now,
};

/// Uses all that the crate has.
async fn everything() -> u64 {
    let ms = Duration::from_millis;
    let mut sum = 0;
    sum += spawn(async { 1 }).await.unwrap();
    sum += spawn_named("named", async { 2 }).await.unwrap();
    let local = Rc::new(Cell::new(0));
    let there = local.clone();
    spawn_local(async move { there.set(3) }).await.unwrap();
    sum += local.get();
    sum += gather([4, 5].map(|n| async move {
        sleep(ms(n)).await;
        n
    }))
    .await
    .into_iter()
    .sum::<u64>();
    sum += try_gather([6, 7].map(async |n| Ok::<u64, ()>(n))).await.unwrap().into_iter().sum::<u64>();
    let mut completed = as_completed([8, 9].map(async |n| n));
    while let Some(n) = futures_lite::StreamExt::next(&mut completed).await {
        sum += n;
    }
    let mut group = TaskGroup::new();
    group.spawn(async { 10 });
    group.spawn_local(async { 11 });
    sum += group.join_all().await.unwrap().into_iter().sum::<u64>();
    let (done, pending) = wait([spawn(async { 12 }), spawn(std::future::pending())], ReturnWhen::FirstCompleted).await;
    sum += done.into_iter().map(|(_, output)| output.unwrap()).sum::<u64>();
    for task in pending {
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert!(spawn(async { panic!("expected") }).await.unwrap_err().is_panic());
    sum += run_blocking(|| 13).await.unwrap();
    sum += ThreadPool::new(1).run(|| 14).await.unwrap();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let there = cleaned.clone();
    let task = spawn_with_cleanup(std::future::pending::<()>(), async move {
        sleep(ms(1)).await;
        there.fetch_add(15, Ordering::Relaxed);
    });
    task.cancel();
    assert!(task.await.unwrap_err().is_cancelled());
    sum += cleaned.load(Ordering::Relaxed) as u64;
    let token = CancelToken::new();
    let child = token.child();
    let waiting = spawn(async move { child.cancelled().await });
    yield_now().await;
    token.cancel();
    waiting.await.unwrap();
    assert!(timeout(ms(1), std::future::pending::<()>()).await.is_err());
    let mut interval = interval(ms(1));
    assert_eq!(interval.tick().await + ms(1), interval.tick().await);
    sum
}

#[test]
fn everything_works_in_a_simulation() {
    let expected = (1..=15).sum();
    assert_eq!(run(everything()), expected);
    for seed in 0..200 {
        assert_eq!(sim::run(seed, everything()).unwrap(), expected, "seed {seed}");
    }
}

#[test]
fn blocking_jobs_are_tasks_of_this_thread_in_seeded_order() {
    let here = std::thread::current().id();
    let orders = (0..50).map(|seed| {
        let order = sim::run(seed, async move {
            let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
            let jobs = [1, 2, 3].map(|job| {
                let order = order.clone();
                run_blocking(move || {
                    assert_eq!(std::thread::current().id(), here);
                    order.lock().push(job);
                })
            });
            for job in jobs {
                job.await.unwrap();
            }
            let skipped = run_blocking(|| panic!("cancelled before it began"));
            skipped.cancel();
            assert!(skipped.await.unwrap_err().is_cancelled());
            std::mem::take(&mut *order.lock())
        });
        order.unwrap()
    });
    assert_eq!(orders.collect::<std::collections::HashSet<_>>().len(), 6);
}

#[test]
fn wakes_from_foreign_threads_arrive_while_something_else_is_going_on() {
    sim::run(0, async {
        let event = Arc::new(waitline_executor::sync::Event::new());
        let there = event.clone();
        let waiting = spawn(async move { there.wait().await });
        yield_now().await;
        let thread = std::thread::spawn(move || event.set());
        while !waiting.is_finished() {
            yield_now().await;
        }
        thread.join().unwrap();
    })
    .unwrap();
}
