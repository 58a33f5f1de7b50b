use crate::{DropCount, OnDrop};
use std::{
    pin::Pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use waitline::testing::CountingWaker;
use waitline_executor::{ThreadPool, gather, run, run_blocking};

#[test]
fn blocking_work_runs_on_another_thread_and_returns_its_output() {
    let here = thread::current().id();
    let there = run(async { run_blocking(|| thread::current().id()).await.unwrap() });
    assert_ne!(here, there);
}

#[test]
fn blocking_work_runs_outside_of_a_loop_and_without_its_handle() {
    let (send, receive) = mpsc::channel();
    drop(run_blocking(move || send.send(5).unwrap()));
    assert_eq!(receive.recv(), Ok(5));
}

#[test]
fn jobs_of_a_pool_run_at_once_up_to_its_limit() {
    const LIMIT: usize = 4;
    let pool = ThreadPool::new(LIMIT);
    // Passes only if all are there together; the count shows that no more ever are.
    let (barrier, running) = (Arc::new(Barrier::new(LIMIT)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = (0..3 * LIMIT)
        .map(|_| {
            let (barrier, running) = (barrier.clone(), running.clone());
            pool.run(move || {
                let together = running.fetch_add(1, Ordering::SeqCst) + 1;
                barrier.wait();
                running.fetch_sub(1, Ordering::SeqCst);
                together
            })
        })
        .collect();
    let most = run(gather(jobs)).into_iter().map(Result::unwrap).max().unwrap();
    assert!(most <= LIMIT, "{most} at once");
}

#[test]
fn jobs_begin_in_the_order_of_their_calls() {
    let pool = ThreadPool::new(1);
    let (send, receive) = mpsc::channel();
    for index in 0..100 {
        let send = send.clone();
        drop(pool.run(move || send.send(index).unwrap()));
    }
    drop(send);
    assert_eq!(receive.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_panic_in_a_job_arrives_and_leaves_the_pool_intact() {
    let pool = ThreadPool::new(1);
    run(async {
        let error = pool.run(|| panic!("in a job")).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn dropping_a_pool_finishes_running_jobs_and_cancels_queued_ones() {
    let pool = ThreadPool::new(1);
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let finished = Arc::new(AtomicUsize::new(0));
    let there = finished.clone();
    let running = pool.run(move || {
        begun.send(()).unwrap();
        may_go.recv().unwrap();
        there.fetch_add(1, Ordering::SeqCst);
        1
    });
    let drops = DropCount::default();
    let guard = drops.guard();
    let queued = pool.run(move || drop(guard));
    has_begun.recv().unwrap();
    let dropper = thread::spawn(move || drop(pool));
    let error = futures_lite::future::block_on(queued).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(drops.get(), 1);
    assert_eq!(finished.load(Ordering::SeqCst), 0);
    go.send(()).unwrap();
    dropper.join().unwrap();
    assert_eq!(finished.load(Ordering::SeqCst), 1, "the drop waits for the running job");
    assert_eq!(futures_lite::future::block_on(running).unwrap(), 1);
}

#[test]
fn a_cancelled_job_that_has_not_begun_never_runs() {
    let pool = ThreadPool::new(1);
    let (go, may_go) = mpsc::channel::<()>();
    let running = pool.run(move || may_go.recv().unwrap());
    let queued = pool.run(|| panic!("must not run"));
    assert!(queued.cancel());
    go.send(()).unwrap();
    assert!(futures_lite::future::block_on(queued).unwrap_err().is_cancelled());
    futures_lite::future::block_on(running).unwrap();
}

#[test]
fn a_cancelled_job_that_has_not_begun_is_over_at_once() {
    let pool = ThreadPool::new(1);
    let (go, may_go) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let running = pool.run(move || {
        begun.send(()).unwrap();
        may_go.recv().unwrap();
    });
    has_begun.recv().unwrap();
    let drops = DropCount::default();
    let (guard, angry) = (drops.guard(), OnDrop(|| panic!("an angry closure")));
    let (first, second) = (pool.run(move || drop(guard)), pool.run(move || drop(angry)));
    let third = pool.run(|| 3);
    assert!(first.cancel() && second.cancel());
    assert!(first.is_finished() && !first.cancel());
    assert_eq!(drops.get(), 1, "its closure is dropped");
    // The only thread is stuck all the while.
    assert!(futures_lite::future::block_on(first).unwrap_err().is_cancelled());
    assert!(futures_lite::future::block_on(second).unwrap_err().is_panic());
    assert_eq!(format!("{pool:?}"), "ThreadPool { max_threads: 1, threads: 1, queued: 1 }");
    drop(pool.run(|| panic!("must not run")).cancel_on_drop());
    let mut awaited = pool.run(|| panic!("must not run"));
    let waker = CountingWaker::new();
    assert!(waker.poll(Pin::new(&mut awaited)).is_pending());
    awaited.cancel();
    assert_eq!(waker.count(), 1);
    go.send(()).unwrap();
    assert_eq!(run(third).unwrap(), 3);
    run(running).unwrap();
}

#[test]
fn jobs_that_are_cancelled_while_they_begin_end_once() {
    let pool = ThreadPool::new(2);
    for _ in 0..2000 {
        let drops = DropCount::default();
        let guard = drops.guard();
        let job = pool.run(move || drop(guard));
        job.cancel();
        match futures_lite::future::block_on(job) {
            Ok(()) => {}
            Err(error) => assert!(error.is_cancelled()),
        }
        assert_eq!(drops.get(), 1);
    }
}

#[test]
fn a_pool_dropped_by_its_own_job_does_not_deadlock() {
    let pool = ThreadPool::new(1);
    let (give, take) = mpsc::channel::<ThreadPool>();
    let job = pool.run(move || drop(take.recv().unwrap()));
    give.send(pool).unwrap();
    futures_lite::future::block_on(job).unwrap();
}

#[test]
fn a_thousand_blocking_sleeps_on_a_thousand_threads_end_together() {
    let pool = ThreadPool::new(1000);
    let begin = std::time::Instant::now();
    let results = run(gather((0..1000).map(|_| pool.run(|| thread::sleep(Duration::from_secs(1))))));
    assert!(results.into_iter().all(|result| result.is_ok()));
    // The figure that a bench checks is 1.1 s; with fewer threads than sleeps it would be two seconds.
    assert!(begin.elapsed() < Duration::from_millis(1900), "took {:?}", begin.elapsed());
}

#[test]
fn a_pool_tells_its_state() {
    let pool = ThreadPool::new(3);
    assert_eq!(format!("{pool:?}"), "ThreadPool { max_threads: 3, threads: 0, queued: 0 }");
}
