use crate::{DropCount, count_polls};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline_executor::{gather, run, sleep, spawn, timeout, yield_now};

#[test]
fn gather_returns_outputs_in_the_order_of_its_futures() {
    let outputs = run(gather([3, 1, 2].map(|delay| async move {
        sleep(Duration::from_millis(delay)).await;
        delay
    })));
    assert_eq!(outputs, [3, 1, 2]);
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

#[test]
fn gather_polls_only_what_was_woken() {
    let polls = Arc::new(AtomicUsize::new(0));
    run(async {
        let futures: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = vec![
            Box::pin(count_polls(polls.clone())),
            Box::pin(async {
                for _ in 0..100 {
                    yield_now().await;
                }
            }),
        ];
        assert!(timeout(Duration::from_millis(5), gather(futures)).await.is_err());
    });
    assert_eq!(polls.load(Ordering::SeqCst), 1);
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

#[test]
fn a_dropped_gather_drops_its_futures() {
    let drops = DropCount::default();
    run(async {
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
