//! Barriers: as many tasks as parties, round after round.

use crate::{
    Workload,
    drive::{On, one_yield},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A peer's barrier: `wait` tells whether this is the leader.
trait AsyncBarrier: Send + Sync + 'static {
    fn new(parties: usize) -> Self;
    fn wait(&self) -> impl Future<Output = bool> + Send;
}

impl AsyncBarrier for waitline_event::Barrier {
    fn new(parties: usize) -> Self {
        Self::new(parties)
    }
    async fn wait(&self) -> bool {
        self.wait().await.expect("nobody aborts").is_leader()
    }
}

impl AsyncBarrier for tokio::sync::Barrier {
    fn new(parties: usize) -> Self {
        Self::new(parties)
    }
    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}

impl AsyncBarrier for smol_async_lock::Barrier {
    fn new(parties: usize) -> Self {
        Self::new(parties)
    }
    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}

impl AsyncBarrier for asyncband::barrier::Barrier {
    fn new(parties: usize) -> Self {
        Self::new(parties as u32)
    }
    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}

macro_rules! every_barrier {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<waitline_event::Barrier>(n $(, $arg)*))
            .case("async-lock", move |n| $run::<smol_async_lock::Barrier>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<asyncband::barrier::Barrier>(n $(, $arg)*))
            .case("tokio", move |n| $run::<tokio::sync::Barrier>(n $(, $arg)*))
    };
}

/// As many tasks as parties, round after round. Per wait.
fn barrier_rounds<B: AsyncBarrier>(n: u64, parties: u64, on: On) -> Duration {
    let barrier = Arc::new(B::new(parties as usize));
    let rounds = n.div_ceil(parties);
    let leaders = Arc::new(AtomicUsize::new(0));
    let task = |_| {
        let (barrier, leaders) = (barrier.clone(), leaders.clone());
        async move {
            for _ in 0..rounds {
                if barrier.wait().await {
                    leaders.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    };
    let took = on.time((0..parties).map(task));
    assert_eq!(leaders.load(Ordering::Relaxed) as u64, rounds);
    took.mul_f64(n as f64 / (rounds * parties) as f64)
}

/// All workloads on barriers. Times are per wait.
pub fn workloads() -> Vec<Workload> {
    let mut all = Vec::new();
    for parties in [2, 64, 1000] {
        let name = format!("barrier: rounds of {parties} tasks, one thread");
        all.push(
            every_barrier!(Workload::new(name), barrier_rounds, parties, On::OneThread)
                .case("limit: one yield", one_yield),
        );
    }
    for parties in [2, 64] {
        let name = format!("barrier: rounds of {parties} tasks, two workers");
        all.push(pairs!(Workload::new(name), every_barrier, barrier_rounds, parties));
    }
    all
}
