//! Bugs planted on purpose, of the kinds that tests seldom find: `sim::many` finds each, and says who it was.

use crate::panic_of;
use std::{sync::Arc, time::Duration};
use waitline_executor::{
    gather, sim, sleep, spawn_named,
    sync::{BoundedSemaphore, Event, Lock, Queue},
    yield_now,
};

/// What `sim::many` says of the first of 1,000 seeds that fails. Checks that others do not: the bug hides.
fn report<F: Future>(program: impl Fn() -> F) -> String {
    let report = panic_of(|| sim::many(0..1000, &program));
    let fails = |seed| waitline::testing::panic_message(|| sim::run(seed, program()).unwrap()).is_some();
    assert!(!(0..1000).all(fails), "everybody would have found this one");
    report
}

#[track_caller]
fn assert_tells(report: &str, parts: &[&str]) {
    // Without the feature only the tasks are known.
    let parts = if cfg!(feature = "diagnostics") { parts } else { &parts[..1] };
    for part in parts {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

/// A mailbox whose `get` looks first and clears the event later: a `put` in between is lost.
struct Mailbox {
    letters: Lock<Vec<u32>>,
    filled: Event,
}

impl Mailbox {
    async fn put(&self, letter: u32) {
        self.letters.lock().await.push(letter);
        self.filled.set();
    }

    async fn get(&self) -> u32 {
        loop {
            if let Some(letter) = self.letters.lock().await.pop() {
                return letter;
            }
            yield_now().await;
            self.filled.clear();
            self.filled.wait().await;
        }
    }
}

#[test]
fn a_lost_wake_up() {
    let report = report(|| async {
        let mailbox = Arc::new(Mailbox { letters: Lock::default(), filled: Event::new().with_label("filled") });
        let there = mailbox.clone();
        let reader = spawn_named("reader", async move { there.get().await + there.get().await });
        let writer = spawn_named("writer", async move {
            mailbox.put(1).await;
            yield_now().await;
            mailbox.put(2).await;
        });
        writer.await.unwrap();
        assert_eq!(reader.await.unwrap(), 3);
    });
    assert_tells(
        &report,
        &[
            "task 1 \"reader\", spawned at executor/tests/sim/planted.rs:",
            "└─ waits in wait(), called at executor/tests/sim/planted.rs:",
            "for Event \"filled\", created at executor/tests/sim/planted.rs:",
            "the main future, run at executor/tests/sim/planted.rs:",
            "└─ waits for the end of task 1 \"reader\"",
        ],
    );
    assert!(!report.contains("\"writer\""), "{report}");
}

#[test]
fn a_lock_order_inversion() {
    let report = report(|| async {
        let current = Arc::new(Lock::new(1).with_label("current"));
        let savings = Arc::new(Lock::new(2).with_label("savings"));
        let (c, s) = (current.clone(), savings.clone());
        let teller = spawn_named("teller", async move {
            let mut from = c.lock().await;
            yield_now().await;
            let mut to = s.lock().await;
            (*from, *to) = (*from - 1, *to + 1);
        });
        let auditor = spawn_named("auditor", async move {
            let savings = savings.lock().await;
            yield_now().await;
            let current = current.lock().await;
            assert_eq!(*savings + *current, 3);
        });
        gather([teller, auditor]).await;
    });
    assert_tells(
        &report,
        &[
            "task 1 \"teller\", spawned at executor/tests/sim/planted.rs:",
            "waits in lock(), called at executor/tests/sim/planted.rs:",
            "for Lock \"savings\", created at executor/tests/sim/planted.rs:",
            "└─ held by task 2 \"auditor\", which took it at executor/tests/sim/planted.rs:",
            "for Lock \"current\", created at executor/tests/sim/planted.rs:",
            "└─ held by task 1 \"teller\", which took it at executor/tests/sim/planted.rs:",
            "\ncycle: task 1 \"teller\" waits for Lock \"savings\", held by task 2 \"auditor\", \
             which waits for Lock \"current\", held by task 1 \"teller\"\n",
        ],
    );
}

#[test]
fn a_forgotten_task_done() {
    let report = report(|| async {
        let jobs = Arc::new(Queue::bounded(2).with_label("jobs"));
        for name in ["first worker", "second worker"] {
            let jobs = jobs.clone();
            drop(spawn_named(name, async move {
                while let Ok(job) = jobs.get().await {
                    if sim::chance(0.01) {
                        continue; // "This one is broken, on to the next."
                    }
                    sleep(Duration::from_secs(job)).await;
                    jobs.task_done().unwrap();
                }
            }));
        }
        for job in 0..5 {
            jobs.put(job).await.unwrap();
        }
        jobs.join().await;
    });
    assert_tells(
        &report,
        &[
            "the main future, run at executor/tests/sim/planted.rs:",
            "└─ waits in join(), called at executor/tests/sim/planted.rs:",
            "for Queue \"jobs\", created at executor/tests/sim/planted.rs:",
            "└─ an item of it is with task ",
            " worker\", which took it and has not done it, at executor/tests/sim/planted.rs:",
        ],
    );
    assert_eq!(report.matches("an item of it is with").count(), usize::from(cfg!(feature = "diagnostics")), "{report}");
}

#[test]
fn a_double_release() {
    let report = report(|| async {
        let slots = Arc::new(BoundedSemaphore::new(1).with_label("slots"));
        let tasks = ["alice", "bob", "carol"].map(|name| {
            let slots = slots.clone();
            spawn_named(name, async move {
                slots.acquire().await.forget();
                yield_now().await;
                if name == "bob" && sim::chance(0.02) {
                    slots.release(1).unwrap(); // The error path gives the slot back, as does the way out below.
                }
                slots.release(1).unwrap();
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_tells(&report, &["task 2 \"bob\" panicked: called `Result::unwrap()` on an `Err` value: ReleaseError"]);
}
