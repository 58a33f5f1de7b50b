use crate::{DropCount, SCHEDULES, count_polls};
use futures_lite::{Stream, StreamExt};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{
    JoinHandle, ReturnWhen, TaskGroup, as_completed, gather, run, sleep, spawn, timeout, try_gather, wait, yield_now,
};

#[cfg(feature = "sim")]
#[test]
fn gather_returns_outputs_in_the_order_of_its_futures() {
    sim::many(SCHEDULES, || async {
        let outputs = gather([3, 1, 2].map(|delay| async move {
            sleep(Duration::from_millis(delay)).await;
            delay
        }));
        assert_eq!(outputs.await, [3, 1, 2]);
    });
}

#[test]
fn gather_of_nothing_is_ready() {
    assert!(futures_lite::future::block_on(gather(Vec::<std::future::Ready<()>>::new())).is_empty());
}

#[test]
fn gather_runs_its_futures_concurrently() {
    run(async {
        let (send, receive) = std::sync::mpsc::channel();
        let futures = (0..3).map(|index| {
            let send = send.clone();
            async move {
                for turn in 0..2 {
                    send.send((turn, index)).unwrap();
                    yield_now().await;
                }
            }
        });
        gather(futures).await;
        drop(send);
        assert_eq!(receive.iter().collect::<Vec<_>>(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    });
}

#[cfg(feature = "sim")]
#[test]
fn gather_polls_only_what_was_woken() {
    sim::many(SCHEDULES, || async {
        let polls = Arc::new(AtomicUsize::new(0));
        let futures: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = vec![
            Box::pin(count_polls(polls.clone())),
            Box::pin(async {
                for _ in 0..100 {
                    yield_now().await;
                }
            }),
        ];
        assert!(timeout(Duration::from_millis(5), gather(futures)).await.is_err());
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_gather_that_always_has_work_gives_the_others_their_turns() {
    run(async {
        let forever = spawn(gather((0..2).map(|_| async {
            loop {
                yield_now().await;
            }
        })));
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(forever.cancel());
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_dropped_gather_drops_its_futures() {
    sim::many(SCHEDULES, || async {
        let drops = DropCount::default();
        let futures = (0..3).map(|_| {
            let guard = drops.guard();
            async move {
                let _guard = guard;
                pending::<()>().await
            }
        });
        assert!(timeout(Duration::from_millis(1), gather(futures)).await.is_err());
        assert_eq!(drops.get(), 3);
    });
}

#[test]
fn gathered_handles_give_a_result_each() {
    run(async {
        let handles = (0..3).map(|n| {
            spawn(async move {
                assert_ne!(n, 1, "this one panics");
                n
            })
        });
        let results = gather(handles).await;
        assert_eq!(results[0].as_ref().unwrap(), &0);
        assert!(results[1].as_ref().unwrap_err().is_panic());
        assert_eq!(results[2].as_ref().unwrap(), &2);
    });
}

#[cfg(feature = "sim")]
#[test]
fn try_gather_ends_with_the_first_error_and_drops_the_rest() {
    sim::many(SCHEDULES, || async {
        let drops = DropCount::default();
        let futures = (0..4_u64).map(|n| {
            let guard = drops.guard();
            async move {
                let _guard = guard;
                match n {
                    0 => pending().await,
                    1 => Ok(n),
                    _ => {
                        sleep(Duration::from_millis(10 - n)).await;
                        Err(n)
                    }
                }
            }
        });
        let mut gathered = Box::pin(try_gather(futures));
        assert_eq!((&mut gathered).await, Err(3));
        assert_eq!(drops.get(), 4, "not only when it is dropped itself");
        assert_eq!(try_gather([Ok::<_, ()>(1), Ok(2)].map(std::future::ready)).await, Ok(vec![1, 2]));
    });
}

#[cfg(feature = "sim")]
#[test]
fn as_completed_gives_outputs_as_they_come() {
    sim::many(SCHEDULES, || async {
        let mut stream = as_completed([20, 1, 10].map(|delay| async move {
            sleep(Duration::from_millis(delay)).await;
            delay
        }));
        assert_eq!(stream.size_hint(), (3, Some(3)));
        assert_eq!(stream.next().await, Some(1));
        // Dropping the wait for an item loses nothing.
        assert!(timeout(Duration::ZERO, stream.next()).await.is_err());
        assert_eq!((stream.next().await, stream.next().await, stream.next().await), (Some(10), Some(20), None));
    });
}

#[cfg(feature = "sim")]
#[test]
fn wait_returns_when_it_is_told_to() {
    sim::many(SCHEDULES, || async {
        let spawn_three = || {
            let panics = spawn(async {
                sleep(Duration::from_millis(1)).await;
                panic!("a member panics")
            });
            let succeeds = spawn(async { 1 });
            [spawn(pending::<i32>()), panics, succeeds]
        };
        let handles = spawn_three();
        let ids = handles.each_ref().map(|handle| handle.id());

        let (done, pending) = wait(handles, ReturnWhen::FirstCompleted).await;
        assert_eq!(done.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ids[2]]);
        assert_eq!(done[0].1.as_ref().unwrap(), &1);
        assert_eq!(pending.iter().map(|handle| handle.id()).collect::<Vec<_>>(), [ids[0], ids[1]]);

        let (done, pending) = wait(pending, ReturnWhen::FirstError).await;
        assert_eq!(done.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ids[1]]);
        assert!(done[0].1.as_ref().unwrap_err().is_panic());

        pending[0].cancel();
        let (done, pending) = wait(pending, ReturnWhen::AllCompleted).await;
        assert!(pending.is_empty());
        assert!(done[0].1.as_ref().unwrap_err().is_cancelled());
    });
}

#[test]
fn wait_for_nothing_returns_at_once() {
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        let (done, pending) = futures_lite::future::block_on(wait(Vec::<JoinHandle<()>>::new(), when));
        assert!(done.is_empty() && pending.is_empty());
    }
}

#[test]
fn first_error_without_an_error_waits_for_all() {
    run(async {
        let handles = (0..3).map(|n| spawn(async move { n }));
        let (done, pending) = wait(handles, ReturnWhen::FirstError).await;
        assert_eq!((done.len(), pending.len()), (3, 0));
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_dropped_wait_cancels_nothing() {
    sim::many(SCHEDULES, || async {
        let (send, receive) = std::sync::mpsc::channel();
        let task = spawn(async move {
            sleep(Duration::from_millis(5)).await;
            send.send(()).unwrap();
        });
        assert!(timeout(Duration::ZERO, wait([task], ReturnWhen::AllCompleted)).await.is_err());
        sleep(Duration::from_millis(10)).await;
        assert_eq!(receive.try_recv(), Ok(()));
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_task_group_returns_outputs_in_the_order_of_its_spawns() {
    sim::many(SCHEDULES, || async {
        let mut group = TaskGroup::new();
        for delay in [3, 1, 2] {
            group.spawn_local(async move {
                sleep(Duration::from_millis(delay)).await;
                delay
            });
        }
        assert_eq!(group.len(), 3);
        assert_eq!(group.join_all().await.unwrap(), [3, 1, 2]);
        assert_eq!(TaskGroup::<i32>::new().join_all().await.unwrap(), []);
    });
}

#[test]
fn a_failing_member_cancels_the_others_and_they_are_waited_for() {
    let drops = DropCount::default();
    run(async {
        let mut group = TaskGroup::new();
        for _ in 0..3 {
            let guard = drops.guard();
            group.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
        }
        let failing = group.spawn(async {
            yield_now().await;
            panic!("the group fails")
        });
        let error = group.join_all().await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.id(), failing);
        assert_eq!(drops.get(), 3);
    });
}

#[test]
fn a_dropped_task_group_cancels_its_members() {
    let drops = DropCount::default();
    run(async {
        let mut group = TaskGroup::new();
        let guard = drops.guard();
        group.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        yield_now().await;
        drop(group);
        yield_now().await;
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn a_long_lived_group_reuses_its_places() {
    run(async {
        let mut group = TaskGroup::new();
        for round in 0..1000 {
            group.spawn(async move { round });
            group.spawn(async move { round });
            assert_eq!(group.join_next().await.unwrap().unwrap(), round);
            assert_eq!(group.join_next().await.unwrap().unwrap(), round);
            assert!(group.join_next().await.is_none());
        }
        group.spawn(async { 7 });
        assert_eq!(group.join_all().await.unwrap(), [7], "only what was not joined before");
    });
}

#[test]
fn cancel_all_leaves_the_members_to_be_joined() {
    run(async {
        let mut group = TaskGroup::new();
        group.spawn(async { 1 });
        yield_now().await;
        group.spawn(pending());
        group.cancel_all();
        let mut outcomes = Vec::new();
        while let Some(outcome) = group.join_next().await {
            outcomes.push(outcome.map_err(|error| error.is_cancelled()));
        }
        assert_eq!(outcomes, [Ok(1), Err(true)]);
    });
}
