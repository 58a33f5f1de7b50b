//! Ends with a limit in time.

use crate::{DropCount, OnDrop};
use futures_lite::future::block_on;
use std::{
    env,
    error::Error,
    future::pending,
    process::Command,
    sync::{Arc, mpsc},
    time::Duration,
};
use waitline_executor::{
    Executor, JoinHandle, TaskId, Unended, run_with_limit, sleep, spawn, spawn_named, spawn_with_cleanup, sync::Event,
    yield_now,
};

fn executor(threads: usize) -> Executor {
    Executor::builder().threads(threads).build()
}

fn ids(unended: &Unended) -> Vec<TaskId> {
    unended.tasks().iter().map(|task| task.id()).collect()
}

/// Spawns a task whose cleanup has begun and waits for ever, while it has `kept`.
async fn waits_for_ever(kept: impl Send + 'static) -> JoinHandle<()> {
    let begun = Arc::new(Event::new());
    let task = spawn_with_cleanup(async {}, {
        let begun = begun.clone();
        async move {
            let _kept = kept;
            begun.set();
            pending().await
        }
    });
    begun.wait().await;
    task
}

/// A task that blocks its worker until the sender is dropped, and has begun.
fn block_worker(executor: &Executor) -> (mpsc::Sender<()>, JoinHandle<()>) {
    let (release, blocks) = mpsc::channel();
    let (begin, begun) = mpsc::channel();
    let [task] = executor.run(async {
        [spawn_named("stuck", async move {
            begin.send(()).unwrap();
            _ = blocks.recv();
            pending().await
        })]
    });
    begun.recv().unwrap();
    (release, task)
}

#[test]
fn nothing_is_reported_if_all_end_in_time() {
    for threads in [1, 2] {
        let (executor, drops) = (executor(threads), DropCount::default());
        let (guard, cleaned) = (drops.guard(), drops.guard());
        executor.run(async {
            drop(spawn(async move {
                let _guard = guard;
                pending::<()>().await
            }));
            drop(spawn_with_cleanup(pending::<()>(), async move {
                sleep(Duration::from_millis(2)).await;
                drop(cleaned);
            }));
        });
        executor.shutdown(Duration::MAX).unwrap();
        assert_eq!(drops.get(), 2, "with {threads} threads");
    }
    executor(2).shutdown(Duration::ZERO).unwrap();
    drop(Executor::builder().threads(2).end_within(Duration::MAX).build());
    assert!(run_with_limit(Duration::ZERO, async {}).1.is_ok());
}

#[test]
fn cleanups_that_wait_for_ever_are_dropped_and_listed() {
    for limit in [Duration::ZERO, Duration::from_millis(3)] {
        for threads in [1, 2] {
            let (executor, drops) = (executor(threads), DropCount::default());
            let tasks: Vec<_> = (0..3).map(|_| executor.run(waits_for_ever(drops.guard()))).collect();
            let unended = executor.shutdown(limit).unwrap_err();
            assert_eq!((drops.get(), unended.threads()), (3, 0));
            let (mut listed, expected) = (ids(&unended), tasks.iter().map(JoinHandle::id).collect::<Vec<_>>());
            listed.sort_unstable();
            assert_eq!(listed, expected);
            let lines = format!("task {} was dropped while it waited", expected[1]);
            assert!(unended.to_string().lines().any(|line| line == lines), "{unended}");
            for task in tasks {
                assert!(block_on(task).unwrap_err().is_cancelled());
            }
        }
    }
}

#[test]
fn a_worker_in_a_poll_that_does_not_return_is_left_behind() {
    let (executor, drops) = (executor(2), DropCount::default());
    let (release, stuck) = block_worker(&executor);
    let waits = executor.run(waits_for_ever(drops.guard()));
    let unended = executor.shutdown(Duration::from_millis(1)).unwrap_err();
    assert_eq!((drops.get(), unended.threads()), (1, 1));
    assert_eq!(ids(&unended), [waits.id(), stuck.id()]);
    assert_eq!(unended.tasks().iter().map(|task| task.is_running()).collect::<Vec<_>>(), [false, true]);
    assert!(unended.to_string().ends_with("is still running\nleft behind: 1 of the threads, with 1 unfinished tasks"));
    let name = cfg!(feature = "diagnostics").then_some("stuck");
    assert_eq!(unended.tasks()[1].name(), name);
    assert!(!stuck.is_finished());
    drop(release);
    // It is dropped as soon as its poll returns.
    assert!(block_on(stuck).unwrap_err().is_cancelled());
}

#[test]
fn without_a_free_worker_the_tasks_that_wait_are_dropped_here() {
    let (executor, drops) = (executor(1), DropCount::default());
    let waits = executor.run(waits_for_ever(drops.guard()));
    let (release, stuck) = block_worker(&executor);
    let [named] = executor.run(async { [spawn_named("waits", pending::<()>())] });
    let unended = executor.shutdown(Duration::ZERO).unwrap_err();
    assert_eq!((drops.get(), unended.threads()), (1, 1));
    let found: Vec<_> = unended.tasks().iter().map(|task| (task.id(), task.is_running())).collect();
    for expected in [(waits.id(), false), (named.id(), false), (stuck.id(), true)] {
        assert!(found.contains(&expected), "{found:?}");
    }
    let text = format!("task {} \"waits\" was dropped while it waited", named.id());
    assert!(unended.to_string().contains(&text), "{unended}");
    drop(release);
    for task in [waits, named, stuck] {
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn tasks_in_the_queue_of_a_stuck_worker_are_dropped_when_it_returns() {
    let executor = executor(1);
    let (release, blocks) = mpsc::channel::<()>();
    let (send, behind) = mpsc::channel();
    let stuck = executor.spawn(async move {
        send.send(spawn(pending::<()>())).unwrap();
        _ = blocks.recv();
    });
    let behind = behind.recv().unwrap();
    let unended = executor.shutdown(Duration::ZERO).unwrap_err();
    assert_eq!(ids(&unended), [stuck.id()]);
    assert!(unended.to_string().ends_with("1 of the threads, with 2 unfinished tasks"), "{unended}");
    drop(release);
    // It ends well: its poll returned, and the limit came too late for it.
    block_on(stuck).unwrap();
    assert!(block_on(behind).unwrap_err().is_cancelled());
}

#[test]
fn destructors_of_dropped_tasks_may_panic_and_spawn() {
    let drops = DropCount::default();
    let angry = |drops: &DropCount| {
        let guard = drops.guard();
        OnDrop(move || {
            let spawned = DropCount::clone(&guard.0).guard();
            drop(spawn(async move {
                let _spawned = spawned;
                pending::<()>().await
            }));
            panic!("in a destructor")
        })
    };
    let executor = executor(2);
    let task = executor.run(waits_for_ever(angry(&drops)));
    assert!(executor.shutdown(Duration::ZERO).is_err());
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert_eq!(drops.get(), 2);
    let (task, end) = run_with_limit(Duration::ZERO, waits_for_ever(angry(&drops)));
    assert!(end.is_err());
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert_eq!(drops.get(), 4);
}

#[test]
fn a_task_that_shuts_its_own_executor_down_is_listed() {
    let executor = executor(2);
    let (give, take) = mpsc::channel::<Executor>();
    let (send, receive) = mpsc::channel();
    let task = executor.spawn(async move {
        send.send(take.recv().unwrap().shutdown(Duration::MAX)).unwrap();
        pending::<()>().await
    });
    give.send(executor).unwrap();
    let unended = receive.recv().unwrap().unwrap_err();
    assert!(unended.tasks().iter().any(|running| running.id() == task.id() && running.is_running()));
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_drop_with_a_limit_reports_on_standard_error() {
    const VARIABLE: &str = "WAITLINE_TEST_ENDING";
    if env::var_os(VARIABLE).is_some() {
        let executor = Executor::builder().threads(2).end_within(Duration::from_millis(1)).build();
        drop(executor.run(waits_for_ever(())));
        return drop(executor);
    }
    let this = "ending::a_drop_with_a_limit_reports_on_standard_error";
    let output = Command::new(env::current_exe().unwrap()).args([this, "--exact"]).env(VARIABLE, "1").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("was dropped while it waited"), "{errors}");
}

#[test]
fn the_end_of_run_has_a_limit_and_names_what_it_drops() {
    for limit in [Duration::ZERO, Duration::from_millis(2)] {
        let drops = DropCount::default();
        let (task, end) = run_with_limit(limit, waits_for_ever(drops.guard()));
        let unended = end.unwrap_err();
        assert_eq!((drops.get(), ids(&unended)), (1, vec![task.id()]));
        assert_eq!(unended.threads(), 0);
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
    let ((), end) = run_with_limit(Duration::ZERO, async {
        // More than have a turn before it looks at the clock.
        (0..200).for_each(|_| drop(spawn_named("one of many", pending::<()>())));
    });
    let unended = end.unwrap_err();
    assert!(unended.tasks().len() >= 100 && unended.to_string().contains("\"one of many\""), "{unended}");
    let _: Box<dyn Error + Send + Sync> = unended.into();
}

#[test]
fn the_end_of_run_waits_for_cleanups_within_the_limit() {
    let drops = DropCount::default();
    let guard = drops.guard();
    let (output, end) = run_with_limit(Duration::MAX, async {
        drop(spawn_with_cleanup(pending::<()>(), async move {
            sleep(Duration::from_millis(2)).await;
            drop(guard);
        }));
        yield_now().await;
        7
    });
    assert_eq!((output, drops.get()), (7, 1));
    end.unwrap();
    // A cleanup that is always ready has no chance to exhaust it, either.
    let ((), end) = run_with_limit(Duration::from_millis(1), async {
        drop(spawn_with_cleanup(async {}, async {
            loop {
                yield_now().await;
            }
        }));
        yield_now().await;
    });
    assert_eq!(end.unwrap_err().tasks().len(), 1);
}
