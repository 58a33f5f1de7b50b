use super::{MICROSECOND, POLLS};
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::block_on;
use std::sync::Arc;
use waitline_event::{Barrier, BarrierTimeoutError, BrokenBarrier};

/// Waits and returns its index.
async fn meet(barrier: Arc<Barrier>) -> Result<usize, BrokenBarrier> {
    barrier.wait().await.map(|turn| turn.index())
}

/// Ten rounds of four.
pub(super) async fn hand_off(tasks: Tasks) {
    let barrier = Arc::new(Barrier::new(4));
    let parties = [(); 4].map(|()| {
        let barrier = barrier.clone();
        tasks.spawn(async move {
            let mut led = 0;
            for _ in 0..10 {
                let turn = barrier.wait().await.unwrap();
                assert_eq!(turn.is_leader(), turn.index() == 3);
                led += usize::from(turn.is_leader());
            }
            led
        })
    });
    assert_eq!(join_all(parties).await.into_iter().sum::<usize>(), 10);
    assert_eq!(barrier.n_waiting(), 0);
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let barrier = Arc::new(Barrier::new(3));
    let first = tasks.spawn_waiting(meet(barrier.clone())).await;
    let second = tasks.spawn_waiting(meet(barrier.clone())).await;
    assert_eq!(on_thread(move || block_on(meet(barrier))).await, Ok(2));
    assert_eq!((first.await, second.await), (Ok(0), Ok(1)));
}

/// A party that gives up takes its arrival back: the barrier still needs two.
pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let barrier = Arc::new(Barrier::new(2));
        assert_eq!(tasks.spawn(dropped_after(polls, meet(barrier.clone()))).await, None);
        let first = tasks.spawn_waiting(meet(barrier.clone())).await;
        assert_eq!(barrier.n_waiting(), 1);
        let impatient = tasks.spawn(dropped_after(polls, meet(barrier.clone())));
        if impatient.await.is_none() {
            assert_eq!(meet(barrier.clone()).await, Ok(1));
        }
        assert_eq!(first.await, Ok(0));
    }
}

/// Threads and tasks meet, three rounds long. (A wait has no blocking twin: `block_on` is one.)
pub(super) async fn blocking(tasks: Tasks) {
    async fn rounds(barrier: Arc<Barrier>) -> usize {
        let mut sum = 0;
        for _ in 0..3 {
            sum += meet(barrier.clone()).await.unwrap();
        }
        sum
    }
    let barrier = Arc::new(Barrier::new(4));
    let threads = [(); 2].map(|()| {
        let barrier = barrier.clone();
        on_thread(move || {
            let mut sum = 0;
            for n in 0..3 {
                // A party whose time passes comes back.
                sum += match barrier.wait_blocking_timeout(MICROSECOND * n) {
                    Err(BarrierTimeoutError::TimedOut) => barrier.wait_blocking().unwrap().index(),
                    turn => turn.unwrap().index(),
                };
            }
            sum
        })
    });
    let futures = [(); 2].map(|()| tasks.spawn(rounds(barrier.clone())));
    let sums = join_all(threads.into_iter().chain(futures)).await;
    assert_eq!(sums.into_iter().sum::<usize>(), 3 * (1 + 2 + 3));
}

/// Rounds with parties that give up, until one breaks the barrier, which frees all.
pub(super) async fn stress(tasks: Tasks) {
    let barrier = Arc::new(Barrier::new(3));
    let parties = (0..5).map(|seed| {
        let barrier = barrier.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut turns = 0;
            loop {
                let wait = dropped_after(random.usize(..4), meet(barrier.clone())).await;
                let met = match wait {
                    Some(met) => met,
                    None => meet(barrier.clone()).await,
                };
                match met {
                    Ok(index) => assert!(index < 3),
                    Err(_) => return turns,
                }
                turns += 1;
                if turns == 100 {
                    barrier.abort();
                }
            }
        })
    });
    let turns = join_all(parties.collect::<Vec<_>>()).await;
    assert!(barrier.is_broken() && turns.contains(&100));
}
