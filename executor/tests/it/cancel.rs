use crate::{DropCount, OnDrop, SCHEDULES};
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};
use waitline::testing::{CountingWaker, panic_message, panicking_waker, poll_with};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{CancelToken, run, sleep, spawn, spawn_with_cleanup, yield_now};

#[test]
fn cleanup_runs_after_a_body_that_is_done() {
    let (send, receive) = mpsc::channel();
    run(async {
        let there = send.clone();
        let task = spawn_with_cleanup(
            async move {
                there.send("body").unwrap();
                5
            },
            async move {
                yield_now().await;
                send.send("cleanup").unwrap();
            },
        );
        assert_eq!(task.await.unwrap(), 5);
        assert_eq!(receive.try_iter().collect::<Vec<_>>(), ["body", "cleanup"]);
    });
}

#[test]
fn cleanup_runs_to_its_end_although_its_task_is_cancelled_again() {
    let (send, receive) = mpsc::channel();
    let drops = DropCount::default();
    run(async {
        let guard = drops.guard();
        let task = spawn_with_cleanup(
            async move {
                let _guard = guard;
                pending::<()>().await;
            },
            async move {
                for step in 0..3 {
                    send.send(step).unwrap();
                    yield_now().await;
                }
            },
        );
        yield_now().await;
        assert!(task.cancel());
        yield_now().await;
        assert_eq!(drops.get(), 1, "the body is gone before the cleanup begins");
        assert_eq!(receive.try_iter().collect::<Vec<_>>(), [0]);
        assert!(!task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(receive.try_iter().collect::<Vec<_>>(), [1, 2]);
    });
}

#[cfg(feature = "sim")]
#[test]
fn the_end_of_run_waits_for_cleanups() {
    for seed in SCHEDULES {
        let (send, receive) = mpsc::channel();
        sim::run(seed, async {
            let late = send.clone();
            drop(spawn_with_cleanup(pending::<()>(), async move {
                sleep(Duration::from_millis(2)).await;
                send.send("asleep in its body").unwrap();
            }));
            yield_now().await;
            drop(spawn_with_cleanup(async { panic!("must not run") }, async move {
                late.send("never had a turn").unwrap();
            }));
        })
        .unwrap();
        let mut done: Vec<_> = receive.try_iter().collect();
        done.sort_unstable();
        assert_eq!(done, ["asleep in its body", "never had a turn"]);
    }
}

#[test]
fn cleanup_runs_after_a_panic_and_its_own_panic_is_the_outcome() {
    let (send, receive) = mpsc::channel();
    run(async {
        let task = spawn_with_cleanup(async { panic!("body") }, async move { send.send(()).unwrap() });
        assert!(task.await.unwrap_err().to_string().ends_with("panicked: body"));
        assert_eq!(receive.try_recv(), Ok(()));
        let task = spawn_with_cleanup(async { 1 }, async { panic!("cleanup") });
        assert!(task.await.unwrap_err().to_string().ends_with("panicked: cleanup"));
        // Destructors of the cleanup that panic do not take the loop with them.
        let task = spawn_with_cleanup(async { 1 }, async {
            let _bomb = OnDrop(|| panic!("destructor of the cleanup"));
        });
        assert!(task.await.unwrap_err().is_panic());
    });
}

#[test]
fn a_token_wakes_all_who_wait_for_it() {
    run(async {
        let token = CancelToken::new();
        let tasks = [token.clone(), token.child(), token.child().child()].map(|token| {
            spawn(async move {
                token.cancelled().await;
                token.is_cancelled()
            })
        });
        yield_now().await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        assert!(token.cancel());
        assert!(!token.cancel());
        for task in tasks {
            assert!(task.await.unwrap());
        }
        token.cancelled().await;
    });
}

#[test]
fn a_cancelled_child_leaves_its_parent_and_siblings_alone() {
    let parent = CancelToken::new();
    let (one, two) = (parent.child(), parent.child());
    assert!(one.cancel());
    assert_eq!((parent.is_cancelled(), one.is_cancelled(), two.is_cancelled()), (false, true, false));
    assert!(parent.cancel());
    assert!(two.is_cancelled());
    assert!(!two.cancel());
    assert!(parent.child().child().is_cancelled());
}

#[test]
fn a_grandchild_is_reached_when_the_child_is_gone() {
    let grandparent = CancelToken::new();
    let grandchild = grandparent.child().child();
    grandparent.cancel();
    assert!(grandchild.is_cancelled());
}

#[test]
fn a_panicking_waker_does_not_keep_descendants_from_their_cancellation() {
    let parent = CancelToken::new();
    let child = parent.child();
    let waker = CountingWaker::new();
    let mut waits = (pin!(parent.cancelled()), pin!(child.cancelled()));
    assert!(poll_with(waits.0.as_mut(), &panicking_waker()).is_pending());
    assert!(waker.poll(waits.1.as_mut()).is_pending());
    assert!(panic_message(|| parent.cancel()).is_some());
    assert_eq!(waker.count(), 1);
    assert!(parent.is_cancelled() && child.is_cancelled());
}

#[test]
fn a_long_line_of_descendants_is_cancelled_and_dropped_without_recursion() {
    let mut tokens = vec![CancelToken::new()];
    for _ in 0..100_000 {
        tokens.push(tokens.last().unwrap().child());
    }
    tokens[0].cancel();
    let last = tokens.pop().unwrap();
    assert!(last.is_cancelled());
    drop(tokens);
    drop(last);
}

#[test]
fn cancelling_races_with_new_children() {
    for _ in 0..200 {
        let (parent, seen) = (CancelToken::new(), Arc::new(AtomicUsize::new(0)));
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let thread = std::thread::spawn({
            let (parent, seen, barrier) = (parent.clone(), seen.clone(), barrier.clone());
            move || {
                barrier.wait();
                let children: Vec<_> = (0..10).map(|_| parent.child()).collect();
                futures_lite::future::block_on(parent.cancelled());
                children.into_iter().for_each(|child| {
                    // The parent's flag is set first; the children follow before `cancel` returns.
                    futures_lite::future::block_on(child.cancelled());
                    seen.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        barrier.wait();
        parent.cancel();
        thread.join().unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 10);
    }
}
