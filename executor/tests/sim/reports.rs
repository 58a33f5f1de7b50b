//! What reports say, with the feature `diagnostics`.

use futures_lite::future::{or, poll_once};
use std::{future::pending, sync::Arc, time::Duration};
use waitline_executor::{
    CancelToken, Dump, Executor, dump, run, run_blocking, sim, sleep, spawn, spawn_named,
    sync::{Barrier, Condition, Lock, PriorityQueue, Queue, Semaphore, channel},
    timeout, yield_now,
};

type Boxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + 'a>>;

/// The report of a program that stalls, without the places in this file.
fn stall(program: impl Future) -> String {
    let Err(stalled) = sim::run(0, program) else { panic!("it does not stall") };
    tidy(&stalled.to_string())
}

fn tidy(report: &str) -> String {
    let mut out = String::new();
    let mut rest = report;
    while let Some(at) = rest.find("executor/tests/sim/reports.rs:") {
        out.push_str(&rest[..at]);
        out.push_str("here");
        rest = rest[at..].trim_start_matches("executor/tests/sim/reports.rs:");
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(':');
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out.push_str(rest);
    out
}

async fn ended(future: impl Future) {
    _ = future.await;
}

#[track_caller]
fn assert_has(report: &str, part: &str) {
    assert!(report.contains(part), "no {part:?} in\n{report}");
}

#[test]
fn every_primitive_and_method_is_named() {
    let (semaphore, barrier, queue) =
        (Semaphore::new(0).with_label("s"), Barrier::new(2), Queue::bounded(1).with_label("q"));
    queue.try_put(1).unwrap();
    let empty = PriorityQueue::<u32>::unbounded();
    let (condition, lock) = (Condition::new().with_label("c"), Lock::new(()));
    let (sender, receiver) = channel::bounded::<u32>(1);
    let token = CancelToken::new();
    let waits: [(&str, Boxed<'_, ()>); 10] = [
        (
            "waits in acquire(), called at here, for Semaphore \"s\", created at here",
            Box::pin(ended(semaphore.acquire())),
        ),
        ("waits in wait(), called at here, for Barrier, created at here", Box::pin(ended(barrier.wait()))),
        ("waits in put(), called at here, for Queue \"q\", created at here", Box::pin(ended(queue.put(2)))),
        ("waits in put(), called at here, for Queue \"q\", created at here", Box::pin(ended(queue.reserve()))),
        ("waits in join(), called at here, for Queue \"q\", created at here", Box::pin(queue.join())),
        ("waits in get(), called at here, for PriorityQueue, created at here", Box::pin(ended(empty.get()))),
        (
            "waits in get(), called at here, for channel, created at here",
            Box::pin(async { futures_lite::StreamExt::next(&mut Box::pin(receiver.items())).await.map_or((), drop) }),
        ),
        (
            "waits in wait(), called at here, for Condition \"c\", created at here",
            Box::pin(async { drop(condition.wait_while(lock.lock().await, |()| true).await) }),
        ),
        ("waits in wait(), called at here, for Event \"CancelToken\", created at here", Box::pin(token.cancelled())),
        ("sleeps for ever", Box::pin(sleep(Duration::MAX))),
    ];
    for (part, wait) in waits {
        assert_has(&stall(wait), &format!("the main future, run at here\n└─ {part}\n"));
    }
    drop(sender);
    assert_has(&stall(pending::<()>()), "the main future, run at here\n└─ waits for nothing that is on record\n");
}

#[test]
fn all_that_a_task_waits_for_is_told() {
    let (one, two) = (Semaphore::new(0).with_label("one"), Semaphore::new(0).with_label("two"));
    let report = stall(async {
        let one = async { drop(one.acquire().await) };
        or(one, async { drop(two.acquire().await) }).await;
    });
    assert_has(&report, "├─ waits in acquire(), called at here, for Semaphore \"one\", created at here\n");
    assert_has(&report, "└─ waits in acquire(), called at here, for Semaphore \"two\", created at here\n");
}

#[test]
fn permits_are_held_until_the_last_part_is_given_back() {
    let report = |split: bool| {
        let semaphore = Arc::new(Semaphore::new(3).with_label("slots"));
        stall(async move {
            let there = semaphore.clone();
            drop(spawn_named("holder", async move {
                let mut permits = there.acquire_many(2).await;
                let part = permits.split(1).unwrap();
                drop(permits);
                if !split {
                    drop(part);
                    return;
                }
                pending::<()>().await;
            }));
            let more = semaphore.acquire_many(1).await;
            yield_now().await;
            more.forget();
            drop(semaphore.acquire_many(3).await);
        })
    };
    assert_has(&report(true), "   └─ held by task 1 \"holder\", which took it at here\n");
    assert!(!report(false).contains("held by"));
}

#[test]
fn a_holder_that_has_finished_is_told() {
    let lock = Arc::new(Lock::new(()));
    let report = stall(async {
        let there = lock.clone();
        spawn_named("forgetful", async move { std::mem::forget(there.lock().await) }).await.unwrap();
        drop(lock.lock().await);
    });
    assert_has(&report, "   └─ held by task 1 \"forgetful\" (finished by now), which took it at here\n");
}

#[test]
fn a_lock_that_was_given_to_somebody_who_does_not_poll_is_told() {
    let lock = Arc::new(Lock::new(()).with_label("the lock"));
    let report = stall(async {
        let guard = lock.lock().await;
        let there = lock.clone();
        drop(spawn_named("absent-minded", async move {
            let mut wait = Box::pin(there.lock());
            assert!(poll_once(&mut wait).await.is_none());
            pending::<()>().await;
            drop(wait);
        }));
        sleep(Duration::from_secs(1)).await;
        drop(guard);
        drop(lock.lock().await);
    });
    assert_has(&report, "└─ was given Lock \"the lock\" in lock(), called at here, and has not been polled since\n");
    assert_has(&report, "└─ given to task 1 \"absent-minded\", which has not been polled since it called at here\n");
}

#[test]
fn a_notified_waiter_waits_for_the_lock() {
    let (lock, condition) = (Arc::new(Lock::new(()).with_label("l")), Arc::new(Condition::new().with_label("c")));
    let report = stall(async {
        let (l, c) = (lock.clone(), condition.clone());
        drop(spawn_named("waiter", async move { drop(c.wait(l.lock().await).await) }));
        sleep(Duration::from_secs(1)).await;
        let guard = lock.lock().await;
        condition.notify_one(&guard);
        pending::<()>().await;
        drop(guard);
    });
    assert_has(
        &report,
        "└─ waits in wait(), called at here, for Lock \"l\", created at here\n   └─ held by the main future, ",
    );
}

#[test]
fn tasks_that_wait_for_each_other_are_a_cycle() {
    let report = stall(async {
        let handles = [1, 2].map(|_| Arc::new(Lock::new(None)));
        let tasks = [0, 1].map(|n| {
            let other = handles[1 - n].clone();
            spawn(async move {
                yield_now().await;
                let handle: Option<waitline_executor::JoinHandle<()>> = other.lock().await.take();
                handle.unwrap().await.unwrap();
            })
        });
        for (task, handle) in tasks.into_iter().zip(&handles) {
            *handle.lock().await = Some(task);
        }
        pending::<()>().await;
    });
    assert_has(&report, "\ncycle: task 1 waits for task 2, which waits for task 1\n");
    assert_eq!(report.matches("cycle").count(), 1, "{report}");
}

#[test]
fn a_circle_of_three_is_told_once() {
    let report = stall(async {
        let forks: Arc<[_; 3]> = Arc::new([1, 2, 3].map(|_| Lock::new(()).with_label("fork")));
        for n in 0..3 {
            let forks = forks.clone();
            drop(spawn(async move {
                let _left = forks[n].lock().await;
                sleep(Duration::from_secs(1)).await;
                drop(forks[(n + 1) % 3].lock().await);
            }));
        }
        pending::<()>().await;
    });
    let fork = "waits for Lock \"fork\", held by";
    assert_has(&report, &format!("\ncycle: task 1 {fork} task 2, which {fork} task 3, which {fork} task 1\n"));
    assert_eq!(report.matches("cycle").count(), 1, "{report}");
}

#[test]
fn nothing_is_left_on_record() {
    let lock = Lock::new(());
    let report = stall(async {
        drop(lock.lock().await);
        drop(lock.try_lock());
        assert!(timeout(Duration::from_secs(1), pending::<()>()).await.is_err());
        {
            let _guard = lock.lock().await;
            assert!(poll_once(lock.lock()).await.is_none());
        }
        spawn(async {}).await.unwrap();
        pending::<()>().await;
    });
    assert_has(&report, "└─ waits for nothing that is on record\n");
}

/// Of `dump`, the part about the task of that name.
fn part<'a>(dump: &'a Dump, name: &str) -> Option<(String, Vec<&'a str>)> {
    let task = dump.tasks().iter().find(|task| task.name() == Some(name))?;
    Some((task.to_string(), task.waits().collect()))
}

#[test]
fn a_live_loop_can_be_dumped() {
    let lock = Arc::new(Lock::new(()).with_label("of a live loop"));
    run(async {
        let guard = lock.lock().await;
        let there = lock.clone();
        let task = spawn_named("in a live loop", async move { drop(there.lock().await) });
        yield_now().await;
        // From another thread, as a watchdog would.
        let dump = run_blocking(dump).await.unwrap();
        let (task_line, waits) = part(&dump, "in a live loop").unwrap();
        assert_has(&tidy(&task_line), "\"in a live loop\", spawned at here");
        assert_has(&tidy(waits[0]), "waits in lock(), called at here, for Lock \"of a live loop\", created at here");
        assert_has(&tidy(&dump.to_string()), "held by the main future, which took it at here");
        drop(guard);
        task.await.unwrap();
        assert!(part(&waitline_executor::dump(), "in a live loop").is_none());
    });
}

#[test]
fn the_main_future_was_run_where_the_program_called() {
    let (place, report) = (line!() + 1, run(async { dump().to_string() }));
    let main = report.lines().find(|line| line.starts_with("the main future, run at") && line.contains(file!()));
    assert!(main.is_some_and(|main| main.contains(&format!(":{}:", place - 1))), "{report}");
}

#[test]
fn a_live_executor_can_be_dumped() {
    let executor = Executor::builder().threads(1).build();
    let semaphore = Arc::new(Semaphore::new(0));
    let there = semaphore.clone();
    let (send, receive) = std::sync::mpsc::channel();
    let task = executor.spawn(async move {
        let wait = spawn_named("in an executor", async move { drop(there.acquire().await) });
        // The only worker polls the other before it comes back here.
        yield_now().await;
        send.send(()).unwrap();
        wait.await.unwrap();
    });
    receive.recv().unwrap();
    let (line, waits) = part(&executor.dump(), "in an executor").map(|(line, waits)| (line, waits.join("; "))).unwrap();
    assert_has(&tidy(&line), "\"in an executor\", spawned at here");
    assert_has(&tidy(&waits), "waits in acquire(), called at here, for Semaphore, created at here");
    semaphore.release(1);
    executor.run(task).unwrap();
    assert!(executor.dump().tasks().is_empty());
}

#[test]
fn threads_are_told_by_name() {
    let lock = Arc::new(Lock::new(()).with_label("of a thread"));
    let guard = lock.try_lock().unwrap();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("a patient thread".into());
        thread.spawn_scoped(scope, || drop(lock.lock_blocking())).unwrap();
        while lock.waiters() == 0 {
            std::thread::yield_now();
        }
        let report = tidy(&dump().to_string());
        assert_has(&report, "thread \"a patient thread\"\n");
        assert_has(
            &report,
            "└─ waits in lock(), called at here, for Lock \"of a thread\", created at here\n   └─ held by thread \"",
        );
        drop(guard);
    });
}
