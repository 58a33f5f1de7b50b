use crate::{DropCount, OnDrop, SCHEDULES};
use std::{
    cell::Cell,
    future::pending,
    panic::panic_any,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{JoinError, JoinHandle, run, sleep, spawn, spawn_local, spawn_named, timeout, yield_now};

#[test]
fn a_dropped_handle_detaches_its_task() {
    let done = Rc::new(Cell::new(false));
    run(async {
        let there = done.clone();
        drop(spawn_local(async move {
            yield_now().await;
            there.set(true);
        }));
        yield_now().await;
        yield_now().await;
        assert!(done.get());
    });
}

#[test]
fn cancel_drops_the_future_at_its_await_point_and_tells_the_joiner() {
    let drops = DropCount::default();
    run(async {
        let guard = drops.guard();
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        assert!(!task.is_finished());
        assert!(task.cancel());
        assert!(!task.cancel(), "it was cancelled already");
        assert_eq!(drops.get(), 0, "it is dropped at its next turn");
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn a_task_cancelled_before_its_first_turn_never_runs() {
    let (drops, runs) = (DropCount::default(), Arc::new(AtomicUsize::new(0)));
    run(async {
        let (guard, there) = (drops.guard(), runs.clone());
        let task = spawn(async move {
            there.fetch_add(1, Ordering::SeqCst);
            drop(guard);
        });
        task.cancel();
        assert!(task.await.is_err());
    });
    assert_eq!((drops.get(), runs.load(Ordering::SeqCst)), (1, 0));
}

#[test]
fn a_task_that_completes_in_the_turn_of_its_cancellation_keeps_its_output() {
    run(async {
        let handle: Rc<Cell<Option<JoinHandle<i32>>>> = Rc::default();
        let own = handle.clone();
        handle.set(Some(spawn_local(async move {
            let mine = own.take().unwrap();
            assert!(mine.cancel());
            own.set(Some(mine));
            5
        })));
        yield_now().await;
        assert_eq!(handle.take().unwrap().await.unwrap(), 5);
    });
}

#[test]
fn a_finished_task_cannot_be_cancelled() {
    run(async {
        let task = spawn(async { 1 });
        yield_now().await;
        assert!(task.is_finished());
        assert!(!task.cancel());
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn cancelling_one_task_leaves_the_next_in_its_place_alone() {
    run(async {
        let first = spawn(async {});
        yield_now().await;
        assert!(first.is_finished());
        // Takes the place of the first in the registry.
        let second = spawn(pending::<()>());
        assert!(!first.cancel());
        yield_now().await;
        assert!(!second.is_finished());
    });
}

#[test]
fn cancel_on_drop_cancels() {
    let drops = DropCount::default();
    run(async {
        let guard = drops.guard();
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .cancel_on_drop();
        yield_now().await;
        drop(task);
        yield_now().await;
        assert_eq!(drops.get(), 1);
        assert_eq!(spawn(async { 2 }).cancel_on_drop().await.unwrap(), 2);
    });
}

#[test]
fn a_panic_ends_its_task_alone() {
    run(async {
        let bystander = spawn(async {
            yield_now().await;
            "fine"
        });
        let drops = DropCount::default();
        let guard = drops.guard();
        let panics = spawn(async move {
            let _guard = guard;
            yield_now().await;
            panic!("number {}", std::hint::black_box(7));
        });
        let error: JoinError = panics.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert!(error.to_string().ends_with("panicked: number 7"), "{error}");
        assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "number 7");
        assert_eq!(drops.get(), 1);
        assert_eq!(bystander.await.unwrap(), "fine");
    });
}

#[test]
fn a_panic_in_a_destructor_ends_its_task_alone() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor panics");
        }
    }
    run(async {
        // In the destructor of a cancelled future.
        let cancelled = spawn(async {
            let _bomb = Bomb;
            pending::<()>().await;
        });
        yield_now().await;
        cancelled.cancel();
        assert!(cancelled.await.unwrap_err().is_panic());

        // In the destructor of an output that nobody takes, before and after the task is done.
        drop(spawn(async { Bomb }));
        yield_now().await;
        let unread = spawn(async { Bomb });
        yield_now().await;
        assert!(unread.is_finished());
        drop(unread);

        // In the destructor of a panic's payload.
        let payload = spawn(async { panic_any(Bomb) });
        yield_now().await;
        assert!(payload.is_finished());
        drop(payload);

        // In the destructor of a finished future: its output is lost with it.
        struct ReadyBomb(#[allow(dead_code)] Bomb);
        impl Future for ReadyBomb {
            type Output = ();
            fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
                std::task::Poll::Ready(())
            }
        }
        assert!(spawn(ReadyBomb(Bomb)).await.unwrap_err().is_panic());

        // In a destructor that the end of the loop runs.
        drop(spawn(async {
            let _bomb = Bomb;
            pending::<()>().await;
        }));
        yield_now().await;
    });
}

#[test]
fn destructors_of_a_task_may_use_the_loop() {
    run(async {
        let (send, receive) = std::sync::mpsc::channel();
        let task = spawn(async move {
            let _spawns = OnDrop(move || {
                let send = send.clone();
                drop(spawn(async move { send.send(()).unwrap() }));
            });
            sleep(Duration::from_secs(3600)).await;
        });
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        yield_now().await;
        assert_eq!(receive.try_recv(), Ok(()));
    });
}

#[test]
fn ids_differ_and_names_are_kept() {
    run(async {
        let (one, two) = (spawn(async {}), spawn_named(format!("task {}", 2), async {}));
        assert_ne!(one.id(), two.id());
        assert_eq!((one.name(), two.name()), (None, Some("task 2")));
        let shown = format!("{two:?}");
        assert!(shown.contains("task 2") && shown.contains("finished: false"), "{shown}");
        two.cancel();
        let id = two.id();
        let error = two.await.unwrap_err();
        assert_eq!(error.id(), id);
        assert_eq!(error.to_string(), format!("task {id} was cancelled"));
        one.await.unwrap();
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_handle_may_be_awaited_by_reference() {
    sim::many(SCHEDULES, || async {
        let mut task = spawn(async {
            sleep(Duration::from_millis(5)).await;
            9
        });
        assert!(timeout(Duration::ZERO, &mut task).await.is_err());
        assert_eq!(task.await.unwrap(), 9);
    });
}

#[test]
fn a_large_future_is_spawned_whole() {
    run(async {
        let big = [7_u8; 100_000];
        let task = spawn(async move {
            yield_now().await;
            big.iter().map(|&byte| u64::from(byte)).sum::<u64>()
        });
        assert_eq!(task.await.unwrap(), 700_000);
    });
}

#[test]
fn handles_are_as_send_as_their_outputs_and_errors_are_errors() {
    fn send_sync<T: Send + Sync + 'static>() {}
    send_sync::<JoinError>();
    send_sync::<JoinHandle<i32>>();
    send_sync::<waitline_executor::Unended>();
    send_sync::<waitline_executor::UnendedTask>();
    static_assertions::assert_not_impl_any!(JoinHandle<Rc<()>>: Send);
    let _: fn(JoinError) -> Box<dyn std::error::Error + Send + Sync> = |error| error.into();
}

#[test]
fn an_error_may_be_written_by_a_writer_that_panics_and_then_be_written_again() {
    use std::fmt::{self, Write};

    /// Panics when the message of the panic arrives.
    struct Angry;
    impl Write for Angry {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            assert!(!text.contains("the reason"), "an angry writer");
            Ok(())
        }
    }

    let error = run(async { spawn(async { panic!("the reason") }).await.unwrap_err() });
    let message = waitline::testing::panic_message(|| _ = write!(Angry, "{error}"));
    assert_eq!(message.as_deref(), Some("an angry writer"));
    assert!(error.to_string().ends_with("panicked: the reason"), "{error}");
}
