//! Workers that block on purpose.

use futures_lite::future::block_on;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Barrier, mpsc},
    time::Duration,
};
use waitline_executor::{Executor, JoinHandle, block_in_place, run, sleep, spawn, sync::Event, yield_now};

fn executor(threads: usize) -> Executor {
    Executor::builder().threads(threads).build()
}

/// Spawns tasks that send their numbers, in this order.
fn senders(count: usize) -> mpsc::Receiver<usize> {
    let (send, receive) = mpsc::channel();
    for n in 0..count {
        let send = send.clone();
        drop(spawn(async move { send.send(n).unwrap() }));
    }
    receive
}

#[test]
fn the_queue_of_a_blocked_worker_is_handed_on_in_its_order() {
    for _ in 0..50 {
        let (queued, executor) = (Arc::new(Barrier::new(2)), executor(2));
        // Keeps the other worker, which would otherwise steal from the middle while the queue moves.
        let other = executor.spawn({
            let queued = queued.clone();
            async move { _ = queued.wait() }
        });
        let got = executor.run(executor.spawn(async move {
            let receive = senders(100);
            block_in_place(|| {
                queued.wait();
                receive.iter().collect::<Vec<_>>()
            })
        }));
        assert_eq!(got.unwrap(), (0..100).collect::<Vec<_>>());
        executor.run(other).unwrap();
    }
}

#[test]
fn a_worker_takes_back_what_nobody_else_came_for() {
    let (kept, leave) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let executor = executor(2);
    let other = executor.spawn({
        let (kept, leave) = (kept.clone(), leave.clone());
        async move {
            kept.wait();
            leave.wait();
        }
    });
    let got = executor.run(executor.spawn(async move {
        kept.wait();
        let (send, receive) = mpsc::channel();
        let sender = |n| {
            let send = send.clone();
            spawn(async move { send.send(n).unwrap() })
        };
        let (mut tasks, mut later) = (vec![sender(0), sender(1)], None);
        let panics = || {
            tasks.push(sender(2));
            panic!("in place")
        };
        catch_unwind(AssertUnwindSafe(|| block_in_place(panics))).unwrap_err();
        later.insert(sender(3)).await.unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        leave.wait();
        receive.try_iter().collect::<Vec<_>>()
    }));
    // Its own queue was empty when it returned, so that the new task is first there. The others are outside, in their order.
    assert_eq!(got.unwrap(), [3, 0, 1, 2]);
    executor.run(other).unwrap();
}

#[test]
fn a_blocked_worker_waits_for_what_it_wakes_and_spawns() {
    for _ in 0..50 {
        executor(2).run(async {
            let begun = Arc::new(Event::new());
            let go = Arc::new(Event::new());
            let (send, receive) = mpsc::channel();
            let woken = spawn({
                let (begun, go) = (begun.clone(), go.clone());
                async move {
                    begun.set();
                    go.wait().await;
                    send.send("woken").unwrap();
                }
            });
            begun.wait().await;
            let blocked = spawn(async move {
                block_in_place(|| {
                    go.set();
                    assert_eq!(receive.recv(), Ok("woken"));
                    assert_eq!(block_on(spawn(async { "spawned" })).unwrap(), "spawned");
                    block_on(sleep(Duration::from_millis(1)));
                });
            });
            blocked.await.unwrap();
            woken.await.unwrap();
        });
    }
}

#[test]
fn blocked_calls_may_be_nested_and_may_panic() {
    executor(2).run(async {
        let blocked = spawn(async {
            block_in_place(|| {
                block_in_place(|| block_on(spawn(async {})).unwrap());
                // Still blocked.
                block_on(spawn(async {})).unwrap();
            });
            catch_unwind(AssertUnwindSafe(|| block_in_place(|| panic!("in place")))).unwrap_err();
        });
        blocked.await.unwrap();
        let failed = spawn(async { block_in_place(|| panic!("in place")) });
        assert!(failed.await.unwrap_err().is_panic());
        spawn(yield_now()).await.unwrap();
    });
}

#[test]
fn the_only_worker_keeps_its_queue_and_its_order() {
    let executor = executor(1);
    let got = executor.run(executor.spawn(async {
        let (send, receive) = mpsc::channel();
        let sender = |n| {
            let send = send.clone();
            drop(spawn(async move { send.send(n).unwrap() }));
        };
        sender(0);
        block_in_place(|| sender(1));
        sender(2);
        yield_now().await;
        receive.try_iter().collect::<Vec<_>>()
    }));
    assert_eq!(got.unwrap(), [0, 1, 2]);
}

#[test]
fn an_executor_dropped_by_a_blocked_worker_does_not_wait_for_it() {
    let executor = executor(2);
    let (give, take) = mpsc::channel::<Executor>();
    let task: JoinHandle<()> = executor.spawn(async move {
        block_in_place(|| drop(take.recv().unwrap()));
        std::future::pending().await
    });
    give.send(executor).unwrap();
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn elsewhere_it_only_calls_the_function() {
    assert_eq!(block_in_place(|| 1), 1);
    let order = run(async {
        let receive = senders(2);
        assert_eq!(block_in_place(|| receive.try_recv()), Err(mpsc::TryRecvError::Empty));
        yield_now().await;
        receive.iter().collect::<Vec<_>>()
    });
    assert_eq!(order, [0, 1]);
    assert_eq!(executor(1).run(async { block_in_place(|| 2) }), 2);
    #[cfg(feature = "sim")]
    assert_eq!(waitline_executor::sim::run(0, async { block_in_place(|| block_in_place(|| 3)) }).unwrap(), 3);
}
