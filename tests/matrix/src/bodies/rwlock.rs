use super::POLLS;
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::{poll_once, yield_now};
use std::sync::Arc;
use waitline_lock::{OwnedRwLockUpgradableReadGuard, RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};

/// Writers in the order in which they came, and the readers between two writers together.
pub(super) async fn hand_off(tasks: Tasks) {
    let lock = Arc::new(RwLock::new(Vec::new()));
    let guard = lock.write().await;
    let mut waiting = Vec::new();
    for n in 0..9 {
        let lock = lock.clone();
        let body = async move {
            if n % 3 == 0 {
                let mut order = lock.write().await;
                yield_now().await;
                order.push(n);
            } else {
                let order = lock.read().await;
                yield_now().await;
                assert_eq!(order.len(), n / 3 + 1);
            }
        };
        waiting.push(tasks.spawn_waiting(body).await);
    }
    assert_eq!(lock.waiters(), 9);
    drop(guard);
    join_all(waiting).await;
    assert_eq!(*lock.read().await, [0, 3, 6]);
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.clone().write_owned().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(tasks.spawn_waiting(add(lock.clone(), 1)).await);
    }
    on_thread(move || drop(guard)).await;
    join_all(waiting).await;
    assert_eq!(*lock.read().await, 3);
}

/// Reads, becomes the writer, and adds.
async fn add(lock: Arc<RwLock<usize>>, n: usize) {
    let total = lock.upgradable_read().await;
    let before = *total;
    let mut total = RwLockUpgradableReadGuard::upgrade(total).await;
    assert_eq!(*total, before);
    *total += n;
}

/// Whenever a waiter gives up, the others get the lock.
pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let lock = Arc::new(RwLock::new(0));
        let guard = lock.clone().read_owned().await;
        let impatient = tasks.spawn(dropped_after(polls, add(lock.clone(), 100)));
        let second = tasks.spawn_waiting(add(lock.clone(), 1)).await;
        let third = tasks.spawn(dropped_after(POLLS - polls, add(lock.clone(), 100)));
        let fourth = tasks.spawn_waiting(add(lock.clone(), 1)).await;
        drop(guard);
        join_all([second, fourth]).await;
        let lucky = [impatient.await, third.await].into_iter().flatten().count();
        let total = *lock.try_read().expect("all are done");
        assert_eq!(total, 2 + 100 * lucky);
    }

    // A reader, and an upgrade, that have the lock already, and do not know it yet.
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.clone().write_owned().await;
    let mut granted = Box::pin(lock.read());
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(add(lock.clone(), 1)).await;
    drop(guard);
    drop(granted);
    patient.await;
    let (reader, upgradable) = (lock.clone().read_owned().await, lock.clone().upgradable_read_owned().await);
    let mut granted = Box::pin(OwnedRwLockUpgradableReadGuard::upgrade(upgradable));
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(add(lock.clone(), 1)).await;
    drop(reader);
    drop(granted);
    patient.await;
    assert_eq!(*lock.read().await, 2);
}

pub(super) async fn blocking(tasks: Tasks) {
    let lock = Arc::new(RwLock::new(0));
    let threads = [(); 2].map(|()| {
        let lock = lock.clone();
        on_thread(move || {
            for _ in 0..200 {
                *lock.write_blocking() += 1;
                assert!(*lock.read_blocking() > 0);
            }
        })
    });
    let futures = [(); 2].map(|()| {
        let lock = lock.clone();
        tasks.spawn(async move {
            for _ in 0..200 {
                let mut total = lock.write().await;
                let before = *total;
                yield_now().await;
                *total = before + 1;
                let total = RwLockWriteGuard::downgrade(total);
                yield_now().await;
                assert_eq!(*total, before + 1);
            }
        })
    });
    join_all(threads.into_iter().chain(futures)).await;
    assert_eq!(*lock.read().await, 800);
}

pub(super) async fn stress(tasks: Tasks) {
    let lock = Arc::new(RwLock::new(0));
    let all = (0..8).map(|seed| {
        let lock = lock.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut added = 0;
            for _ in 0..200 {
                let guard = match random.usize(..6) {
                    0 => lock.try_write(),
                    1 => dropped_after(random.usize(..4), lock.write()).await,
                    2 => {
                        let guard = lock.upgradable_read().await;
                        dropped_after(random.usize(..4), RwLockUpgradableReadGuard::upgrade(guard)).await
                    }
                    3 => Some(lock.write().await),
                    _ => {
                        let total = lock.read().await;
                        let before = *total;
                        yield_now().await;
                        assert_eq!(*total, before);
                        None
                    }
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
    assert_eq!(*lock.try_read().expect("all are done"), added);
}
