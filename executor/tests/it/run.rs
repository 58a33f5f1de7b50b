use crate::{DropCount, OnDrop, count_polls};
use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};
use waitline::testing::panic_message;
use waitline_executor::{gather, run, sleep, spawn, spawn_local, timeout, yield_now};

#[test]
fn the_output_of_the_main_future_is_returned() {
    let borrowed = String::from("not static, not Send");
    let shared = Rc::new(1);
    assert_eq!(run(async { (borrowed.len(), *shared) }), (20, 1));
}

#[test]
fn tasks_take_turns_in_fifo_order() {
    let log = Rc::new(RefCell::new(Vec::new()));
    run(async {
        let tasks: Vec<_> = (0..3)
            .map(|task| {
                let log = log.clone();
                spawn_local(async move {
                    for turn in 0..3 {
                        log.borrow_mut().push((turn, task));
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*log.borrow(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]);
}

#[test]
fn woken_tasks_run_in_the_order_of_their_wakes() {
    let wakers: Rc<RefCell<Vec<Option<Waker>>>> = Rc::new(RefCell::new(vec![None; 4]));
    let log = Rc::new(RefCell::new(Vec::new()));
    run(async {
        let tasks: Vec<_> = (0..4)
            .map(|index| {
                let (wakers, log) = (wakers.clone(), log.clone());
                spawn_local(async move {
                    let mut first = true;
                    poll_fn(|cx| {
                        wakers.borrow_mut()[index] = Some(cx.waker().clone());
                        if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
                    })
                    .await;
                    log.borrow_mut().push(index);
                })
            })
            .collect();
        yield_now().await;
        for index in [2, 0, 3, 1, 2] {
            wakers.borrow()[index].as_ref().unwrap().wake_by_ref();
        }
        gather(tasks).await;
    });
    assert_eq!(*log.borrow(), [2, 0, 3, 1]);
}

#[test]
fn wakes_from_other_threads_arrive() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 500;
    // Each thread answers each of its task's requests; the loop parks in between whenever the thread is slower.
    let total = run(async {
        let tasks = (0..THREADS).map(|_| {
            let (requests, inbox) = std::sync::mpsc::channel::<(Arc<AtomicUsize>, Waker)>();
            let thread = thread::spawn(move || {
                for (answer, waker) in inbox {
                    answer.store(1, Ordering::Release);
                    waker.wake();
                }
            });
            spawn(async move {
                let mut sum = 0;
                for _ in 0..ROUNDS {
                    let answer = Arc::new(AtomicUsize::new(0));
                    let mut asked = false;
                    sum += poll_fn(|cx| {
                        if !std::mem::replace(&mut asked, true) {
                            requests.send((answer.clone(), cx.waker().clone())).unwrap();
                        }
                        match answer.load(Ordering::Acquire) {
                            0 => Poll::Pending,
                            value => Poll::Ready(value),
                        }
                    })
                    .await;
                }
                drop(requests);
                thread.join().unwrap();
                sum
            })
        });
        let mut total = 0;
        for task in tasks.collect::<Vec<_>>() {
            total += task.await.unwrap();
        }
        total
    });
    assert_eq!(total, THREADS * ROUNDS);
}

#[test]
fn a_wake_of_the_main_future_from_another_thread_arrives() {
    for _ in 0..200 {
        let mut thread = None;
        let answer = Arc::new(AtomicUsize::new(0));
        run(poll_fn(|cx| {
            if thread.is_none() {
                let (answer, waker) = (answer.clone(), cx.waker().clone());
                thread = Some(thread::spawn(move || {
                    answer.store(1, Ordering::Release);
                    waker.wake();
                }));
            }
            if answer.load(Ordering::Acquire) == 1 { Poll::Ready(()) } else { Poll::Pending }
        }));
        thread.unwrap().join().unwrap();
    }
}

#[test]
fn a_task_that_always_yields_starves_neither_timers_nor_other_threads() {
    run(async {
        let spinner = spawn(async {
            loop {
                yield_now().await;
            }
        });
        sleep(Duration::from_millis(2)).await;
        let slot: Arc<Mutex<Option<Waker>>> = Arc::default();
        let (there, woken) = (slot.clone(), Arc::new(AtomicUsize::new(0)));
        let done = woken.clone();
        let thread = thread::spawn(move || {
            loop {
                if let Some(waker) = there.lock().unwrap().take() {
                    done.store(1, Ordering::Release);
                    waker.wake();
                    return;
                }
                thread::yield_now();
            }
        });
        poll_fn(|cx| {
            if woken.load(Ordering::Acquire) == 1 {
                return Poll::Ready(());
            }
            *slot.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        thread.join().unwrap();
        spinner.cancel();
    });
}

#[test]
fn the_end_of_run_drops_the_tasks_that_are_left() {
    let drops = DropCount::default();
    run(async {
        for _ in 0..10 {
            let guard = drops.guard();
            drop(spawn(async move {
                let _guard = guard;
                pending::<()>().await
            }));
        }
        yield_now().await;
        // This one never has a turn.
        let guard = drops.guard();
        drop(spawn(async move { drop(guard) }));
        assert_eq!(drops.get(), 0);
    });
    assert_eq!(drops.get(), 11);
}

#[test]
fn the_end_of_run_cancels_what_destructors_spawn() {
    let (dropped, ran) = (DropCount::default(), Arc::new(AtomicUsize::new(0)));
    run(async {
        let (dropped, ran) = (dropped.clone(), ran.clone());
        drop(spawn(async move {
            let _spawns = OnDrop(move || {
                let (guard, ran) = (dropped.guard(), ran.clone());
                drop(spawn(async move {
                    ran.fetch_add(1, Ordering::SeqCst);
                    drop(guard);
                }));
            });
            pending::<()>().await
        }));
        yield_now().await;
    });
    assert_eq!((dropped.get(), ran.load(Ordering::SeqCst)), (1, 0));
}

#[test]
fn a_handle_outlives_its_loop_and_says_cancelled() {
    let [handle] = run(async { [spawn(pending::<()>())] });
    assert!(handle.is_finished());
    assert!(!handle.cancel());
    assert!(futures_lite::future::block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn an_output_that_is_not_send_outlives_its_loop() {
    let value = Rc::new(5);
    let [handle] = run({
        let value = value.clone();
        async {
            let handle = spawn_local(async move { value });
            yield_now().await;
            [handle]
        }
    });
    assert_eq!(Rc::strong_count(&value), 2);
    assert_eq!(*futures_lite::future::block_on(handle).unwrap(), 5);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn wakers_are_harmless_after_the_loop() {
    let (wakers, polls): (Arc<Mutex<Vec<Waker>>>, _) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    run(async {
        let keep = |wakers: &Arc<Mutex<Vec<Waker>>>| {
            let wakers = wakers.clone();
            poll_fn(move |cx| {
                wakers.lock().unwrap().push(cx.waker().clone());
                Poll::Ready(())
            })
        };
        keep(&wakers).await;
        let (wakers, polls) = (wakers.clone(), polls.clone());
        drop(spawn(async move {
            keep(&wakers).await;
            count_polls(polls).await;
        }));
        yield_now().await;
    });
    let wakers = std::mem::take(&mut *wakers.lock().unwrap());
    assert_eq!(wakers.len(), 2);
    thread::spawn({
        let wakers = wakers.clone();
        move || wakers.into_iter().for_each(Waker::wake)
    })
    .join()
    .unwrap();
    wakers.iter().for_each(Waker::wake_by_ref);
    // Another loop on this thread does not get the turns of the old one.
    assert_eq!(run(async { yield_now().await }), ());
    drop(wakers);
    assert_eq!(polls.load(Ordering::SeqCst), 1);
}

#[test]
fn wakes_race_with_the_end_of_the_loop() {
    for _ in 0..200 {
        let drops = DropCount::default();
        let guard = drops.guard();
        let (send, receive) = std::sync::mpsc::channel::<Waker>();
        let thread = thread::spawn(move || {
            let waker = receive.recv().unwrap();
            for _ in 0..20 {
                waker.wake_by_ref();
            }
        });
        run(async {
            drop(spawn(async move {
                let _guard = guard;
                poll_fn(|cx| {
                    _ = send.send(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await
            }));
            yield_now().await;
        });
        assert_eq!(drops.get(), 1);
        thread.join().unwrap();
    }
}

#[test]
fn a_panic_of_the_main_future_comes_out_after_the_tasks_are_cancelled() {
    let drops = DropCount::default();
    let message = panic_message(|| {
        run(async {
            let guard = drops.guard();
            drop(spawn(async move {
                let _guard = guard;
                pending::<()>().await
            }));
            yield_now().await;
            panic!("main panics");
        })
    });
    assert_eq!(message.as_deref(), Some("main panics"));
    assert_eq!(drops.get(), 1);
    assert_eq!(run(async { 7 }), 7, "the thread is free for another loop");
}

#[test]
fn the_destructor_of_the_main_future_still_has_a_loop() {
    let ran = Rc::new(Cell::new(false));
    let main = {
        let ran = ran.clone();
        async move {
            let _spawns = OnDrop(|| {
                let ran = ran.clone();
                drop(spawn_local(async move { ran.set(true) }));
            });
            panic!("unwinds through the destructor");
        }
    };
    assert!(panic_message(|| run::<std::pin::Pin<Box<dyn Future<Output = ()>>>>(Box::pin(main))).is_some());
    assert!(!ran.get(), "what it spawns is cancelled");
    assert_eq!(Rc::strong_count(&ran), 1);
}

#[test]
fn an_idle_loop_polls_nobody() {
    let polls = Arc::new(AtomicUsize::new(0));
    run(async {
        drop(spawn(count_polls(polls.clone())));
        _ = timeout(Duration::from_millis(20), count_polls(polls.clone())).await;
    });
    // The task once; the main future at its start and at the end of its time.
    assert_eq!(polls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_loop_in_another_thread_is_independent() {
    run(async {
        let inner = thread::spawn(|| {
            run(async {
                let task = spawn(async { sleep(Duration::from_millis(1)).await });
                task.await.is_ok()
            })
        });
        assert!(inner.join().unwrap());
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_handle_is_joined_from_another_loop() {
    let (send, receive) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let other = thread::spawn(move || {
        run(async move {
            send.send((spawn(async { 3 }), spawn(pending::<()>()))).unwrap();
            let waits = waitline_executor::run_blocking(move || stopped.recv());
            waits.await.unwrap().unwrap();
        });
    });
    run(async {
        let (finishes, hangs) = receive.recv().unwrap();
        assert_eq!(finishes.await.unwrap(), 3);
        assert!(hangs.cancel(), "a cancel from another thread");
        assert!(hangs.await.unwrap_err().is_cancelled());
    });
    stop.send(()).unwrap();
    other.join().unwrap();
}
