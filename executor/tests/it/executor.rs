use crate::{DropCount, OnDrop, count_polls};
use std::{
    collections::HashSet,
    future::{pending, poll_fn},
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};
use waitline::testing::panic_message;
use waitline_executor::{
    Executor, gather, now, run, run_blocking, sleep, sleep_until, spawn, spawn_local, spawn_with_cleanup,
    sync::{Event, Queue},
    timeout, yield_now,
};

fn executor(threads: usize) -> Executor {
    Executor::builder().threads(threads).build()
}

#[test]
fn tasks_run_on_the_workers_and_the_main_future_here() {
    let executor = Executor::builder().threads(2).thread_name("named").build();
    executor.run(async {
        let here = thread::current().id();
        for _ in 0..100 {
            let (id, name) = spawn(async {
                let thread = thread::current();
                (thread.id(), thread.name().unwrap().to_owned())
            })
            .await
            .unwrap();
            assert_ne!(id, here);
            assert!(["named-0", "named-1"].contains(&&*name));
            assert_eq!(thread::current().id(), here);
        }
    });
}

#[test]
fn two_tasks_run_at_the_same_time() {
    let barrier = Arc::new(Barrier::new(2));
    executor(2).run(async {
        // Ends only if both block at once, on two threads.
        let tasks = [barrier.clone(), barrier].map(|barrier| spawn(async move { barrier.wait().is_leader() }));
        let leaders = gather(tasks).await.into_iter().filter(|leader| *leader.as_ref().unwrap()).count();
        assert_eq!(leaders, 1);
    });
}

#[test]
fn a_task_in_the_queue_of_a_blocked_worker_is_run_by_another() {
    for _ in 0..50 {
        executor(2).run(async {
            let blocked = spawn(async {
                let (send, receive) = mpsc::channel();
                // These go to this worker's own queue, and it is busy until they have run.
                for n in 0..3 {
                    let send = send.clone();
                    drop(spawn(async move { send.send(n).unwrap() }));
                }
                let mut got: Vec<i32> = (0..3).map(|_| receive.recv().unwrap()).collect();
                got.sort_unstable();
                got
            });
            assert_eq!(blocked.await.unwrap(), [0, 1, 2]);
        });
    }
}

#[test]
fn a_task_that_a_blocked_worker_woke_is_run_by_another() {
    for threads in [2, 3] {
        for _ in 0..50 {
            let executor = executor(threads);
            executor.run(async {
                let event = Arc::new(Event::new());
                let (send, receive) = mpsc::channel();
                let (waiting, is_waiting) = mpsc::channel();
                let woken = spawn({
                    let event = event.clone();
                    async move {
                        waiting.send(()).unwrap();
                        event.wait().await;
                        send.send(7).unwrap();
                    }
                });
                let blocked = spawn(async move {
                    is_waiting.recv().unwrap();
                    // The only wake in the queue of this worker, which claims it, and then does not come for it.
                    event.set();
                    receive.recv().unwrap()
                });
                assert_eq!(blocked.await.unwrap(), 7);
                woken.await.unwrap();
            });
        }
    }
}

#[test]
fn tasks_that_wake_each_other_pass_a_blocked_worker() {
    let executor = executor(2);
    executor.run(async {
        let (there, back) = (Arc::new(Queue::bounded(1)), Arc::new(Queue::bounded(1)));
        let echo = spawn({
            let (there, back) = (there.clone(), back.clone());
            async move {
                while let Ok(item) = there.get().await {
                    back.put(item).await.unwrap();
                }
            }
        });
        let (send, receive) = mpsc::channel();
        let caller = spawn(async move {
            for round in 0..2_000 {
                there.put(round).await.unwrap();
                assert_eq!(back.get().await, Ok(round));
            }
            there.close();
            send.send(()).unwrap();
        });
        // It blocks a worker, at some moment of their exchange, until they are through.
        let blocked = spawn(async move { receive.recv().unwrap() });
        blocked.await.unwrap();
        caller.await.unwrap();
        echo.await.unwrap();
    });
}

#[test]
fn a_timer_fires_while_the_worker_that_set_it_is_blocked() {
    for _ in 0..20 {
        executor(2).run(async {
            let (send, receive) = mpsc::channel();
            let sleeper = spawn(async move {
                sleep(Duration::from_millis(1)).await;
                send.send(()).unwrap();
            });
            let blocked = spawn(async move { receive.recv().unwrap() });
            blocked.await.unwrap();
            sleeper.await.unwrap();
        });
    }
}

#[test]
fn a_timer_fires_while_idle_workers_are_there_however_many_are_busy() {
    for round in 0..20 {
        let executor = executor(4 + round % 5);
        let (send, receive) = mpsc::channel();
        let receive = Arc::new(Mutex::new(receive));
        executor.run(async {
            let begin = now();
            // Both are woken by one look at the clock, and keep their workers until the timer after theirs has fired.
            let busy = [(); 2].map(|()| {
                let receive = receive.clone();
                spawn(async move {
                    sleep_until(begin + Duration::from_millis(5)).await;
                    receive.lock().unwrap().recv().unwrap();
                })
            });
            let later = spawn(async move {
                sleep_until(begin + Duration::from_millis(10)).await;
                (0..2).for_each(|n| send.send(n).unwrap());
            });
            gather(busy.into_iter().chain([later])).await.into_iter().for_each(Result::unwrap);
        });
    }
}

#[test]
fn an_earlier_timer_is_seen_by_workers_that_sleep_for_a_later_one() {
    let executor = executor(3);
    executor.run(async {
        let late = spawn(sleep(Duration::from_secs(3600)));
        for _ in 0..50 {
            // Whoever sleeps until the late one has to give way.
            spawn(sleep(Duration::from_millis(1))).await.unwrap();
            timeout(Duration::from_micros(500), pending::<()>()).await.unwrap_err();
        }
        late.cancel();
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn sleeps_never_end_early() {
    executor(2).run(async {
        let tasks = (0..200_u64).map(|n| {
            spawn(async move {
                let (begin, duration) = (now(), Duration::from_micros(n * 37 % 5000));
                sleep(duration).await;
                now() - begin >= duration
            })
        });
        assert!(gather(tasks).await.into_iter().all(Result::unwrap));
    });
}

#[test]
fn wakes_from_other_threads_arrive_at_sleeping_workers() {
    let executor = executor(2);
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let (there, stop) = (wakers.clone(), Arc::new(AtomicUsize::new(0)));
    let done = stop.clone();
    let thread = thread::spawn(move || {
        while done.load(Ordering::Acquire) == 0 {
            let wakers = std::mem::take(&mut *there.lock().unwrap());
            if wakers.is_empty() {
                thread::yield_now();
            }
            wakers.into_iter().for_each(Waker::wake);
        }
    });
    executor.run(async {
        let tasks = (0..3).map(|_| {
            let wakers = wakers.clone();
            spawn(async move {
                for _ in 0..1000 {
                    let mut asked = false;
                    poll_fn(|cx| {
                        if std::mem::replace(&mut asked, true) {
                            return Poll::Ready(());
                        }
                        wakers.lock().unwrap().push(cx.waker().clone());
                        Poll::Pending
                    })
                    .await;
                }
            })
        });
        for result in gather(tasks.collect::<Vec<_>>()).await {
            result.unwrap();
        }
    });
    stop.store(1, Ordering::Release);
    thread.join().unwrap();
}

#[test]
fn tasks_outlive_the_run_that_spawned_them_and_end_with_the_executor() {
    let executor = executor(2);
    let drops = DropCount::default();
    let (send, receive) = mpsc::channel();
    let handle = executor.run(async {
        let guard = drops.guard();
        drop(spawn(async move {
            let _guard = guard;
            sleep(Duration::from_millis(5)).await;
            send.send(()).unwrap();
            pending::<()>().await;
        }));
        [spawn(pending::<()>())]
    });
    receive.recv().unwrap();
    assert_eq!(drops.get(), 0);
    drop(executor);
    assert_eq!(drops.get(), 1, "the drop waits for destructors");
    let [handle] = handle;
    assert!(futures_lite::future::block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn dropping_the_executor_waits_for_cleanups_and_cancels_what_destructors_spawn() {
    for threads in [1, 2] {
        let (cleaned, dropped, ran) = (DropCount::default(), DropCount::default(), DropCount::default());
        let executor = executor(threads);
        let guard = cleaned.guard();
        let clean = executor.spawn(async {});
        drop(clean);
        executor.run(async {
            drop(spawn_with_cleanup(pending::<()>(), async move {
                sleep(Duration::from_millis(2)).await;
                drop(guard);
            }));
            let (dropped, ran) = (dropped.clone(), ran.clone());
            let spawner = spawn(async move {
                let _spawns = OnDrop(move || {
                    let (guard, ran) = (dropped.guard(), ran.clone());
                    drop(spawn(async move {
                        drop(ran.guard());
                        drop(guard);
                    }));
                });
                pending::<()>().await
            });
            drop(spawner);
            // Both have begun once this has passed through the queues.
            for _ in 0..10 {
                spawn(yield_now()).await.unwrap();
            }
        });
        drop(executor);
        assert_eq!((cleaned.get(), dropped.get()), (1, 1), "with {threads} threads");
    }
}

#[test]
fn an_executor_dropped_by_its_own_task_does_not_deadlock() {
    let drops = DropCount::default();
    let guard = drops.guard();
    let executor = executor(2);
    let (give, take) = mpsc::channel::<Executor>();
    let (send, receive) = mpsc::channel();
    drop(executor.spawn(async move {
        let _guard = guard;
        drop(take.recv().unwrap());
        // Still running, and cancelled at the next await.
        let _sent = OnDrop(|| send.send(()).unwrap());
        pending::<()>().await;
    }));
    give.send(executor).unwrap();
    receive.recv().unwrap();
    while drops.get() == 0 {
        thread::yield_now();
    }
}

#[test]
fn a_panic_ends_its_task_and_no_worker() {
    let executor = executor(1);
    executor.run(async {
        for _ in 0..10 {
            assert!(spawn(async { panic!("in a worker") }).await.unwrap_err().is_panic());
        }
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert_eq!(panic_message(|| executor.run(async { panic!("in main") })).as_deref(), Some("in main"));
    assert_eq!(executor.run(async { 2 }), 2);
}

#[test]
fn cancel_reaches_a_task_of_another_executor() {
    let (one, two) = (executor(1), executor(1));
    let task = one.spawn(pending::<()>());
    two.run(async move {
        spawn(async move {
            assert!(task.cancel());
            assert!(task.await.unwrap_err().is_cancelled());
        })
        .await
        .unwrap();
    });
}

#[test]
fn several_threads_run_on_one_executor() {
    let executor = executor(2);
    let ids: HashSet<u64> = thread::scope(|scope| {
        let runs: Vec<_> = (0..4_u64)
            .map(|n| {
                let executor = &executor;
                scope.spawn(move || executor.run(async move { spawn(async move { n }).await.unwrap() }))
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 4);
}

#[test]
fn misuse_names_the_remedy() {
    let executor = executor(1);
    executor.run(async {
        let message = panic_message(|| drop(spawn_local(async {}))).unwrap();
        assert!(message.contains("use `spawn`"), "{message}");
        let message = panic_message(|| run(async {})).unwrap();
        assert!(message.contains("inside a running event loop"), "{message}");
        let error = spawn(async { run(async {}) }).await.unwrap_err();
        assert!(error.to_string().contains("inside a running event loop"), "{error}");
    });
    assert!(panic_message(|| run(async { executor.run(async {}) })).unwrap().contains("`Executor::run`"));
    assert!(panic_message(|| Executor::builder().threads(0)).unwrap().contains("threads(0)"));
}

#[test]
fn a_task_that_always_yields_starves_nobody() {
    let executor = executor(1);
    executor.run(async {
        let spinners = [(); 2].map(|()| {
            spawn(async {
                loop {
                    yield_now().await;
                }
            })
        });
        spawn(sleep(Duration::from_millis(2))).await.unwrap();
        // The wake of the blocking pool comes from outside.
        let blocking = spawn(async { run_blocking(|| 5).await.unwrap() });
        assert_eq!(blocking.await.unwrap(), 5);
        for spinner in spinners {
            spinner.cancel();
        }
    });
}

#[test]
fn idle_workers_poll_nobody_and_use_no_processor_time() {
    let executor = Executor::builder().threads(2).thread_name("idle-cpu").build();
    let polls = Arc::new(AtomicUsize::new(0));
    drop(executor.spawn(count_polls(polls.clone())));
    drop(executor.spawn(sleep(Duration::from_secs(3600))));
    executor.run(async { spawn(sleep(Duration::from_millis(20))).await.unwrap() });
    let before = processor_time("idle-cpu");
    thread::sleep(Duration::from_millis(300));
    let used = processor_time("idle-cpu").zip(before).map(|(after, before)| after - before);
    assert_eq!(polls.load(Ordering::SeqCst), 1);
    // None where the system does not tell.
    assert!(used.is_none_or(|used| used < Duration::from_millis(15)), "{used:?} in 300 ms of idleness");
}

/// The time that threads whose names begin like this have run, on Linux.
fn processor_time(name: &str) -> Option<Duration> {
    let mut sum = None;
    for entry in std::fs::read_dir("/proc/self/task").ok()? {
        let path = entry.ok()?.path();
        let read = |file| std::fs::read_to_string(path.join(file)).ok();
        if read("comm").is_some_and(|comm| comm.starts_with(name)) {
            let nanos = read("schedstat")?.split(' ').next()?.parse().ok()?;
            *sum.get_or_insert(Duration::ZERO) += Duration::from_nanos(nanos);
        }
    }
    sum
}
