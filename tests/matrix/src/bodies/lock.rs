use super::{MICROSECOND, POLLS};
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::{poll_once, yield_now};
use std::sync::Arc;
use waitline_lock::Lock;

/// Those who wait get the lock in the order in which they came.
pub(super) async fn hand_off(tasks: Tasks) {
    let lock = Arc::new(Lock::new(Vec::new()));
    let guard = lock.lock().await;
    let mut waiting = Vec::new();
    for n in 0..8 {
        let lock = lock.clone();
        let body = async move {
            let mut order = lock.lock().await;
            yield_now().await;
            order.push(n);
        };
        waiting.push(tasks.spawn_waiting(body).await);
    }
    assert_eq!(lock.waiters(), 8);
    drop(guard);
    join_all(waiting).await;
    assert!(lock.lock().await.iter().copied().eq(0..8));
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let lock = Arc::new(Lock::new(0));
    let guard = lock.clone().lock_owned().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(tasks.spawn_waiting(add(lock.clone(), 1)).await);
    }
    on_thread(move || drop(guard)).await;
    join_all(waiting).await;
    assert_eq!(*lock.lock().await, 3);
}

async fn add(lock: Arc<Lock<usize>>, n: usize) {
    *lock.lock().await += n;
}

/// Whenever a waiter gives up, the others get the lock.
pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.clone().lock_owned().await;
        let impatient = tasks.spawn(dropped_after(polls, add(lock.clone(), 100)));
        let second = tasks.spawn_waiting(add(lock.clone(), 1)).await;
        let third = tasks.spawn(dropped_after(POLLS - polls, add(lock.clone(), 100)));
        let fourth = tasks.spawn_waiting(add(lock.clone(), 1)).await;
        drop(guard);
        join_all([second, fourth]).await;
        let lucky = [impatient.await, third.await].into_iter().flatten().count();
        let total = *lock.try_lock().expect("all are done");
        assert_eq!(total, 2 + 100 * lucky);
    }

    // One that has the lock already, and does not know it yet.
    let lock = Arc::new(Lock::new(0));
    let guard = lock.clone().lock_owned().await;
    let mut granted = Box::pin(lock.lock());
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(add(lock.clone(), 1)).await;
    drop(guard);
    drop(granted);
    patient.await;
}

pub(super) async fn blocking(tasks: Tasks) {
    let lock = Arc::new(Lock::new(0));
    let threads = [(); 2].map(|()| {
        let lock = lock.clone();
        on_thread(move || (0..200).for_each(|_| *lock.lock_blocking() += 1))
    });
    // Its time passes now and then; it tries again.
    let impatient = on_thread({
        let lock = lock.clone();
        move || {
            for n in 0..100 {
                while lock.lock_blocking_timeout(MICROSECOND * n).map(|mut total| *total += 1).is_none() {}
            }
        }
    });
    let futures = [(); 2].map(|()| {
        let lock = lock.clone();
        tasks.spawn(async move {
            for _ in 0..200 {
                let mut total = lock.lock().await;
                let before = *total;
                yield_now().await;
                *total = before + 1;
            }
        })
    });
    join_all(threads.into_iter().chain(futures).chain([impatient])).await;
    assert_eq!(*lock.lock().await, 900);
}

pub(super) async fn stress(tasks: Tasks) {
    let lock = Arc::new(Lock::new(0));
    let all = (0..8).map(|seed| {
        let lock = lock.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut added = 0;
            for _ in 0..200 {
                let guard = match random.usize(..4) {
                    0 => lock.try_lock(),
                    1 => dropped_after(random.usize(..4), lock.lock()).await,
                    _ => Some(lock.lock().await),
                };
                let Some(mut total) = guard else { continue };
                let before = *total;
                if random.bool() {
                    yield_now().await;
                }
                *total = before + 1;
                added += 1;
            }
            added
        })
    });
    let added: usize = join_all(all.collect::<Vec<_>>()).await.into_iter().sum();
    assert_eq!(*lock.try_lock().expect("all are done"), added);
}
