//! Memory follows what is alive, not what once was. Alone in its process, for the allocator.
//!
//! The allocator counts for each thread: what one allocates and another frees is the sum of both. The record of the feature
//! `diagnostics` is the process's: its memory is freed by whichever test comes next.
#![cfg(all(not(loom), not(feature = "diagnostics")))]
// Without the feature there are fewer tests, which need less.
#![cfg_attr(not(feature = "sim"), allow(unused_imports))]

use std::{
    future::{Future, pending, poll_fn},
    sync::{Arc, Barrier, Mutex, mpsc},
    task::{Poll, Waker},
    thread,
    time::Duration,
};
use waitline::testing::{CountingAllocator, allocated_bytes};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{
    CancelToken, Executor, JoinHandle, TaskGroup, ThreadPool, as_completed, gather, now, run, sleep, sleep_until,
    spawn, yield_now,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const MANY: usize = 50_000;

/// One of so many is alive after the peak.
const RARE: usize = 100;

/// What a runtime may keep when nothing is left: some containers keep the room for 64 items each.
const LITTLE: isize = 16 << 10;

/// The most that may be left of `fresh` bytes' worth of things that are alive, after a peak.
fn limit(fresh: isize) -> isize {
    LITTLE + 2 * fresh
}

fn sleepers(count: usize) -> Vec<JoinHandle<()>> {
    (0..count).map(|_| spawn(sleep(Duration::from_secs(3600)))).collect()
}

/// Gives each task that is ready a turn, and those that these make ready.
async fn settle() {
    for _ in 0..5 {
        yield_now().await;
    }
}

/// Cancels all but one of [`RARE`], and returns those that are left.
async fn cancel_most(tasks: Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    let (mut kept, mut cancelled) = (Vec::new(), Vec::new());
    for (n, task) in tasks.into_iter().enumerate() {
        if n % RARE == 0 { &mut kept } else { &mut cancelled }.push(task);
    }
    cancelled.iter().for_each(|task| assert!(task.cancel()));
    for task in cancelled {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    kept.shrink_to_fit();
    kept
}

#[cfg(feature = "sim")]
#[test]
fn a_loop_leaves_nothing_on_its_thread() {
    let program = || async {
        gather((0..MANY).map(|_| spawn(yield_now()))).await;
        sleepers(MANY).into_iter().for_each(drop);
        settle().await;
    };
    run(async {});
    let before = allocated_bytes();
    run(program());
    assert!(allocated_bytes() - before < 1024, "{} bytes are left", allocated_bytes() - before);
    sim::run(0, program()).unwrap();
    assert!(allocated_bytes() - before < 1024, "{} bytes of the simulation are left", allocated_bytes() - before);
}

#[test]
fn a_loop_follows_its_tasks_and_timers() {
    run(async {
        let before = allocated_bytes();
        let few = sleepers(MANY / RARE);
        settle().await;
        let fresh = allocated_bytes() - before;
        drop(cancel_most(few).await);

        let many = sleepers(MANY);
        settle().await;
        let kept = cancel_most(many).await;
        assert_eq!(kept.len(), MANY / RARE);
        let left = allocated_bytes() - before;
        assert!(left < limit(fresh), "{left} bytes are left, {fresh} are needed");
        kept.iter().for_each(|task| _ = task.cancel());
        gather(kept).await;
        let left = allocated_bytes() - before;
        assert!(left < LITTLE, "{left} bytes are left of nothing");
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_loop_follows_timers_that_fire() {
    sim::run(0, async {
        let before = allocated_bytes();
        let end = now() + Duration::from_secs(1);
        let late = sleepers(1);
        for task in (0..MANY).map(|_| spawn(sleep_until(end))).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        settle().await;
        let left = allocated_bytes() - before;
        assert!(left < LITTLE, "{left} bytes are left of one timer");
        drop(late);
    })
    .unwrap();
}

#[test]
fn a_loop_follows_what_comes_from_other_threads() {
    run(async {
        let before = allocated_bytes();
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let (wakers, mut asked) = (wakers.clone(), false);
                spawn(poll_fn(move |cx| {
                    if std::mem::replace(&mut asked, true) {
                        return Poll::Ready(());
                    }
                    wakers.lock().unwrap().push(cx.waker().clone());
                    Poll::Pending
                }))
            })
            .collect();
        settle().await;
        let wakers = std::mem::take(&mut *wakers.lock().unwrap());
        // All of them are in the mailbox before the loop goes on.
        let there = thread::spawn(move || {
            let before = allocated_bytes();
            wakers.into_iter().for_each(Waker::wake);
            allocated_bytes() - before
        });
        let there = there.join().unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        settle().await;
        let left = allocated_bytes() - before + there;
        assert!(left < LITTLE, "{left} bytes are left of nothing");
    });
}

/// The bytes that this thread and all workers have allocated and not freed.
fn bytes_of_all(executor: &Executor, workers: usize) -> isize {
    let barrier = Arc::new(Barrier::new(workers));
    let tasks = (0..workers).map(|_| {
        let barrier = barrier.clone();
        executor.spawn(async move {
            // Each of them is on another worker.
            barrier.wait();
            allocated_bytes()
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let there: isize = tasks.into_iter().map(|task| futures_lite::future::block_on(task).unwrap()).sum();
    allocated_bytes() + there
}

#[test]
fn an_executor_follows_its_tasks_and_timers() {
    const WORKERS: usize = 2;
    let executor = Executor::builder().threads(WORKERS).build();
    let sleepers_in = |count: usize| (0..count).map(|_| executor.spawn(sleep(Duration::from_secs(3600)))).collect();
    let settled = || executor.run(async { gather((0..100).map(|_| spawn(yield_now()))).await.len() });
    settled();
    let before = bytes_of_all(&executor, WORKERS);
    let few: Vec<_> = sleepers_in(MANY / RARE);
    settled();
    let fresh = bytes_of_all(&executor, WORKERS) - before;
    drop(executor.run(cancel_most(few)));

    let kept = executor.run(cancel_most(sleepers_in(MANY)));
    settled();
    let left = bytes_of_all(&executor, WORKERS) - before;
    assert!(left < limit(fresh), "{left} bytes are left, {fresh} are needed");
    kept.iter().for_each(|task| _ = task.cancel());
    executor.run(gather(kept));
    settled();
    let left = bytes_of_all(&executor, WORKERS) - before;
    assert!(left < 2 * LITTLE, "{left} bytes are left of nothing");
}

#[test]
fn a_token_follows_its_children() {
    let parent = CancelToken::new();
    let before = allocated_bytes();
    let few: Vec<_> = (0..MANY / RARE).map(|_| parent.child()).collect();
    let fresh = allocated_bytes() - before;
    drop(few);
    let mut children: Vec<_> = (0..MANY).map(|_| parent.child()).collect();
    let mut n = 0;
    children.retain(|_| {
        n += 1;
        n % RARE == 0
    });
    children.shrink_to_fit();
    let left = allocated_bytes() - before;
    assert!(left < limit(fresh), "{left} bytes are left, {fresh} are needed");
    // Children of children, the oldest of which go first.
    let line = (0..1000).fold(vec![parent.child()], |mut line, _| {
        line.push(line.last().unwrap().child());
        line
    });
    drop(line);
    drop(children);
    let left = allocated_bytes() - before;
    assert!(left < LITTLE, "{left} bytes are left of nothing");
    assert!(parent.cancel() && parent.child().is_cancelled());
}

#[test]
fn a_group_follows_its_members() {
    run(async {
        let before = allocated_bytes();
        let mut group = TaskGroup::new();
        for _ in 0..MANY {
            group.spawn(async { [7_u8; 64] });
        }
        for _ in 0..MANY {
            group.join_next().await.unwrap().unwrap();
        }
        assert!(group.is_empty());
        group.spawn(async { [8; 64] });
        let left = allocated_bytes() - before;
        assert!(left < LITTLE, "{left} bytes are left of one member");
        let all = group.join_all();
        let more = allocated_bytes() - before - left;
        assert!(more < 1024, "{more} bytes for one output");
        assert_eq!(all.await.unwrap(), [[8; 64]]);
    });
}

#[test]
fn futures_that_are_awaited_together_leave_with_their_room() {
    use futures_lite::StreamExt;

    run(async {
        let before = allocated_bytes();
        let quick = |n: usize| async move {
            if n == 0 {
                pending::<()>().await;
            }
        };
        let mut all = as_completed((0..MANY).map(quick));
        for _ in 1..MANY {
            all.next().await.unwrap();
        }
        let left = allocated_bytes() - before;
        assert!(left < LITTLE, "{left} bytes are left of one future");
    });
}

#[test]
fn a_pool_follows_its_jobs() {
    let pool = ThreadPool::new(1);
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let stuck = pool.run(move || {
        begun.send(()).unwrap();
        may_go.recv().unwrap();
    });
    has_begun.recv().unwrap();
    let before = allocated_bytes();
    let jobs: Vec<_> = (0..MANY).map(|n| pool.run(move || n)).collect();
    for job in jobs {
        job.cancel();
        assert!(ready(job).unwrap_err().is_cancelled());
    }
    let left = allocated_bytes() - before;
    assert!(left < LITTLE, "{left} bytes are left of nothing");
    go.send(()).unwrap();
    futures_lite::future::block_on(stuck).unwrap();
}

/// The output of a future that is ready.
fn ready<F: Future>(future: F) -> F::Output {
    match waitline::testing::poll_once(std::pin::pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it should be ready"),
    }
}
