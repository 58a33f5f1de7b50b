use super::POLLS;
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::{pending, yield_now};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use waitline_lock::OnceCell;

/// Those who wait behind an initialization that is dropped take over in their order; the others have the first value.
pub(super) async fn hand_off(tasks: Tasks) {
    let cell = Arc::new(OnceCell::new());
    let first = cell.clone();
    let mut first = Box::pin(async move { *first.get_or_init(pending).await });
    assert!(futures_lite::future::poll_once(&mut first).await.is_none());
    let mut waiting = Vec::new();
    for n in 0..8 {
        let cell = cell.clone();
        let make = async move || {
            yield_now().await;
            n
        };
        waiting.push(tasks.spawn_waiting(async move { *cell.get_or_init(make).await }).await);
    }
    assert_eq!(cell.waiters(), 8);
    drop(first);
    assert_eq!(join_all(waiting).await, [0; 8]);
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let cell = Arc::new(OnceCell::new());
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let cell = cell.clone();
        waiting.push(tasks.spawn_waiting(async move { *cell.wait().await }).await);
    }
    on_thread(move || cell.set(7).unwrap()).await;
    assert_eq!(join_all(waiting).await, [7; 3]);
}

/// Whenever a call gives up, another one makes the value.
pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let cell = Arc::new(OnceCell::new());
        let call = |n: usize| {
            let cell = cell.clone();
            let make = async move || {
                yield_now().await;
                yield_now().await;
                n
            };
            async move { *cell.get_or_init(make).await }
        };
        let impatient = tasks.spawn(dropped_after(polls, call(1)));
        let second = tasks.spawn(call(2));
        let third = tasks.spawn(dropped_after(POLLS - polls, call(3)));
        let fourth = tasks.spawn(call(4));
        let (second, fourth) = (second.await, fourth.await);
        assert_eq!((second, Some(&second)), (fourth, cell.get()));
        for value in [impatient.await, third.await].into_iter().flatten() {
            assert_eq!(value, second);
        }
        assert_eq!(cell.waiters(), 0);
    }
}

pub(super) async fn blocking(tasks: Tasks) {
    for n in 0..50 {
        let cell = Arc::new(OnceCell::new());
        let threads = [(); 2].map(|()| {
            let cell = cell.clone();
            on_thread(move || *cell.get_or_init_blocking(|| n))
        });
        let futures = [(); 2].map(|()| {
            let cell = cell.clone();
            let make = async move || {
                yield_now().await;
                n
            };
            tasks.spawn(async move { *cell.get_or_init(make).await })
        });
        assert_eq!(join_all(threads.into_iter().chain(futures)).await, [n; 4]);
    }
}

/// Calls that fail at random until one does not: the value is made once.
pub(super) async fn stress(tasks: Tasks) {
    for round in 0..20 {
        let (cell, made) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let all = (0..8).map(|seed| {
            let (cell, made) = (cell.clone(), made.clone());
            tasks.spawn(async move {
                let mut random = fastrand::Rng::with_seed(round * 8 + seed);
                loop {
                    let (fails, turns) = (random.u8(..4) != 0, random.usize(..3));
                    let made = made.clone();
                    let make = move || async move {
                        for _ in 0..turns {
                            yield_now().await;
                        }
                        if fails { Err(()) } else { Ok(made.fetch_add(1, Ordering::Relaxed)) }
                    };
                    let call = cell.get_or_try_init(make);
                    if let Some(Ok(value)) = dropped_after(random.usize(1..6), call).await {
                        return *value;
                    }
                }
            })
        });
        assert_eq!(join_all(all.collect::<Vec<_>>()).await, [0; 8]);
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}
