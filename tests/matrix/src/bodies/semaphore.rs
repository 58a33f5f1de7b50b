use super::{MICROSECOND, POLLS};
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::{poll_once, yield_now};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use waitline_sem::{BoundedSemaphore, Closed, Semaphore};

/// Takes permits and gives them back.
async fn acquire(semaphore: Arc<Semaphore>, n: usize) {
    drop(semaphore.acquire_many(n).await);
}

/// Requests of all sizes are served in the order in which they came.
pub(super) async fn hand_off(tasks: Tasks) {
    let semaphore = Arc::new(Semaphore::new(0));
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for n in [3, 1, 2, 3] {
        let (semaphore, order) = (semaphore.clone(), order.clone());
        let body = async move {
            let permits = semaphore.acquire_many(n).await;
            order.lock().unwrap().push(n);
            yield_now().await;
            drop(permits);
        };
        waiting.push(tasks.spawn_waiting(body).await);
    }
    assert!(semaphore.try_acquire().is_none());
    semaphore.release(2);
    assert_eq!(semaphore.waiters(), 4, "a small request has passed a large one");
    semaphore.release(1);
    join_all(waiting).await;
    let order = order.lock().unwrap();
    // The second and the third are granted at once.
    assert!(*order == [3, 1, 2, 3] || *order == [3, 2, 1, 3], "{order:?}");
    assert_eq!(semaphore.available_permits(), 3);
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let semaphore = Arc::new(Semaphore::new(2));
    let permits = semaphore.clone().acquire_many_owned(2).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(tasks.spawn_waiting(acquire(semaphore.clone(), 1)).await);
    }
    on_thread(move || drop(permits)).await;
    join_all(waiting).await;
    assert_eq!(semaphore.available_permits(), 2);
}

/// Whoever gives up holds nobody back: a large request at the head, too.
pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let semaphore = Arc::new(Semaphore::new(3));
        let permits = semaphore.clone().acquire_many_owned(2).await;
        let large = tasks.spawn(dropped_after(polls, acquire(semaphore.clone(), 3)));
        let small = tasks.spawn(acquire(semaphore.clone(), 1));
        large.await;
        // With one free permit, and nobody before it any more.
        small.await;
        let large = tasks.spawn(dropped_after(polls, acquire(semaphore.clone(), 3)));
        let patient = tasks.spawn_waiting(acquire(semaphore.clone(), 2)).await;
        drop(permits);
        patient.await;
        large.await;
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
    }

    // One that has its permit already, and does not know it yet.
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = semaphore.clone().acquire_owned().await;
    let mut granted = Box::pin(semaphore.acquire());
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(acquire(semaphore.clone(), 1)).await;
    drop(permit);
    drop(granted);
    patient.await;
}

/// Counts those inside, and tells if they are too many.
struct Inside {
    now: AtomicUsize,
    limit: usize,
}

impl Inside {
    fn new(limit: usize) -> Arc<Self> {
        Arc::new(Inside { now: AtomicUsize::new(0), limit })
    }

    fn enter(&self, n: usize) {
        assert!(self.now.fetch_add(n, Ordering::Relaxed) + n <= self.limit, "more inside than permits");
    }

    fn leave(&self, n: usize) {
        self.now.fetch_sub(n, Ordering::Relaxed);
    }
}

pub(super) async fn blocking(tasks: Tasks) {
    let (semaphore, inside) = (Arc::new(Semaphore::new(2)), Inside::new(2));
    let threads = [(); 2].map(|()| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        on_thread(move || {
            for n in 0..200 {
                let _permit = match n % 2 {
                    0 => semaphore.acquire_blocking(),
                    _ => semaphore
                        .acquire_blocking_timeout(MICROSECOND * n)
                        .unwrap_or_else(|| semaphore.acquire_blocking()),
                };
                inside.enter(1);
                inside.leave(1);
            }
        })
    });
    let futures = [(); 2].map(|()| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        tasks.spawn(async move {
            for n in [1, 2].into_iter().cycle().take(200) {
                let _permits = semaphore.acquire_many(n).await;
                inside.enter(n);
                yield_now().await;
                inside.leave(n);
            }
        })
    });
    join_all(threads.into_iter().chain(futures)).await;
    assert_eq!(semaphore.available_permits(), 2);
}

pub(super) async fn stress(tasks: Tasks) {
    let (semaphore, inside) = (Arc::new(Semaphore::new(4)), Inside::new(4));
    let all = (0..8).map(|seed| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..200 {
                let n = random.usize(1..=4);
                let permits = match random.usize(..4) {
                    0 => semaphore.try_acquire_many(n),
                    1 => dropped_after(random.usize(..4), semaphore.acquire_many(n)).await,
                    _ => Some(semaphore.acquire_many(n).await),
                };
                let Some(_permits) = permits else { continue };
                inside.enter(n);
                yield_now().await;
                inside.leave(n);
            }
        })
    });
    join_all(all.collect::<Vec<_>>()).await;
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (4, 0));
}

/// The same queue under another type: enough to see that it is wired up.
pub(super) async fn bounded(tasks: Tasks) {
    let semaphore = Arc::new(BoundedSemaphore::new(2));
    let permit = semaphore.clone().acquire_owned().await;
    let both = {
        let semaphore = semaphore.clone();
        async move { drop(semaphore.acquire_many(2).await) }
    };
    let waiting = tasks.spawn_waiting(both).await;
    on_thread(move || drop(permit)).await;
    waiting.await;
    assert!(semaphore.release(1).is_err());
    assert_eq!(semaphore.available_permits(), 2);
}

/// Those who wait are told, by a task or a foreign thread, whatever becomes of those before them; and the one who closes gets
/// all permits back.
pub(super) async fn close(tasks: Tasks) {
    for polls in 0..=POLLS {
        let semaphore = Arc::new(Semaphore::new(2));
        let permits = semaphore.clone().acquire_many_owned(2).await;
        let fails = |n| {
            let semaphore = semaphore.clone();
            async move { assert_eq!(semaphore.acquire_many(n).or_closed().await.map(drop), Err(Closed)) }
        };
        let impatient = tasks.spawn(dropped_after(polls, fails(2)));
        // More than are woken in one round.
        let mut waiting = Vec::new();
        for n in 0..40 {
            waiting.push(tasks.spawn_waiting(fails(n % 3 + 1)).await);
        }
        if polls % 2 == 0 {
            assert!(semaphore.close());
        } else {
            let semaphore = semaphore.clone();
            on_thread(move || assert!(semaphore.close())).await;
        }
        assert_eq!(semaphore.waiters(), 0);
        let all = {
            let semaphore = semaphore.clone();
            async move { assert_eq!(semaphore.acquire_many(2).after_close().await.num_permits(), 2) }
        };
        let closer = tasks.spawn_waiting(all).await;
        join_all(waiting).await;
        impatient.await;
        fails(0).await;
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
        on_thread(move || drop(permits)).await;
        closer.await;
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
    }
}
