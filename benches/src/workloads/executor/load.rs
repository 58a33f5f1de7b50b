//! Executors that have more to do: timers while all workers compute, wakes from other threads, a new executor for each task.

use super::{
    peers::{Ours, Peer, Sleeps, SmolWorkers, Tokio},
    share,
};
use crate::{
    Workload,
    drive::{compute, timed},
};
use futures_util::task::AtomicWaker;
use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::Poll,
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// Sleeps whose ends are spread over 0.2 s, while four tasks compute on two workers and yield after each piece. Returns the
/// lateness of the sleep at this place of the order, from 0 (the least late) to 1.
fn lateness<P: Sleeps>(place: f64) -> Duration {
    const SLEEPS: u32 = 1000;
    const SPREAD: Duration = Duration::from_millis(200);
    const PIECE: Duration = Duration::from_millis(1);
    let ended = Arc::new(AtomicBool::new(false));
    let compute_on = |ended: Arc<AtomicBool>| async move {
        while !ended.load(Acquire) {
            let start = Instant::now();
            while start.elapsed() < PIECE {
                compute(1000);
            }
            P::yield_now().await;
        }
    };
    let sleep = |number| async move {
        let (start, duration) = (Instant::now(), SPREAD * number / SLEEPS);
        P::sleep(duration).await;
        start.elapsed().checked_sub(duration).expect("nobody wakes early")
    };
    let mut late = P::run(|peer| async move {
        let busy: Vec<_> = (0..4).map(|_| peer.spawn(compute_on(ended.clone()))).collect();
        let sleeps: Vec<_> = (1..=SLEEPS).map(|number| peer.spawn(sleep(number))).collect();
        let mut late = Vec::new();
        for sleep in sleeps {
            late.push(P::join(sleep).await);
        }
        ended.store(true, Release);
        for task in busy {
            P::join(task).await;
        }
        late
    });
    late.sort();
    late[((late.len() - 1) as f64 * place) as usize]
}

/// A task that a thread wakes.
#[derive(Default)]
struct Sleeper {
    waker: AtomicWaker,
    woken: AtomicBool,
}

impl Sleeper {
    fn wake(&self) {
        // Ordering: pairs with the swap in `woken`, so that the task sees what the thread did before.
        self.woken.store(true, Release);
        self.waker.wake();
    }

    async fn woken(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            // Ordering: pairs with the store in `wake`.
            if self.woken.swap(false, Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Each of the threads, which are not the executor's, wakes 16 tasks and waits until all of them have run, again and again. Per
/// wake.
pub(super) fn wakes_from_outside<P: Peer>(n: u64, threads: u64) -> Duration {
    const TASKS: usize = 16;
    let rounds = n.div_ceil(threads * TASKS as u64);
    let took = P::run(|peer| async move {
        let mut tasks = Vec::new();
        let start = Instant::now();
        for _ in 0..threads {
            let (sleepers, left) = (Arc::new([(); TASKS].map(|()| Sleeper::default())), Arc::default());
            let thread = thread::spawn({
                let (sleepers, left) = (sleepers.clone(), Arc::clone(&left));
                move || wake_all(&*sleepers, &left, rounds)
            });
            tasks.extend((0..TASKS).map(|place| {
                let task = be_woken(sleepers.clone(), place, Arc::clone(&left), thread.thread().clone(), rounds);
                peer.spawn(task)
            }));
        }
        let mut woken = 0;
        for task in tasks {
            woken += P::join(task).await;
        }
        assert_eq!(woken, rounds * threads * TASKS as u64);
        start.elapsed()
    });
    share(took, n, rounds * threads * TASKS as u64)
}

fn wake_all(sleepers: &[Sleeper], left: &AtomicU64, rounds: u64) {
    for _ in 0..rounds {
        left.store(sleepers.len() as u64, Release);
        sleepers.iter().for_each(Sleeper::wake);
        while left.load(Acquire) > 0 {
            thread::park();
        }
    }
}

async fn be_woken<const N: usize>(
    sleepers: Arc<[Sleeper; N]>,
    place: usize,
    left: Arc<AtomicU64>,
    thread: Thread,
    rounds: u64,
) -> u64 {
    for _ in 0..rounds {
        sleepers[place].woken().await;
        if left.fetch_sub(1, AcqRel) == 1 {
            thread.unpark();
        }
    }
    rounds
}

/// An executor is made, runs one task, and ends.
pub(super) fn short<P: Peer>(n: u64) -> Duration {
    timed(|| {
        for number in 0..n {
            assert_eq!(P::run(|peer| async move { P::join(peer.spawn(async move { number })).await }), number);
        }
    })
}

pub(super) fn workloads() -> Vec<Workload> {
    let late = |figure: &str, place| {
        Workload::once(format!("executor: 1000 sleeps while two workers compute, {figure} lateness"))
            .case("waitline", move |_| lateness::<Ours<2>>(place))
            .case("smol Executor", move |_| lateness::<SmolWorkers>(place))
            .case("tokio multi_thread", move |_| lateness::<Tokio<2>>(place))
    };
    vec![late("median", 0.5), late("greatest", 1.0)]
}
