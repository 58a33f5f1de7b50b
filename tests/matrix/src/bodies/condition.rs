use super::{MICROSECOND, POLLS};
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::{poll_once, yield_now};
use std::sync::Arc;
use waitline_lock::{Condition, Lock};

/// A number under a lock, and a condition beside it.
#[derive(Default)]
struct Watched {
    value: Lock<usize>,
    changed: Condition,
}

impl Watched {
    /// Waits until the value is not 0, and takes one of it.
    async fn take(self: Arc<Self>) {
        let guard = self.value.lock().await;
        *self.changed.wait_while(guard, |value| *value == 0).await -= 1;
    }

    async fn give(self: Arc<Self>) {
        let mut value = self.value.lock().await;
        *value += 1;
        self.changed.notify_one(&value);
    }
}

/// Those who wait are notified in the order in which they came, one by one.
pub(super) async fn hand_off(tasks: Tasks) {
    let order = Arc::new((Lock::new(Vec::new()), Condition::new()));
    let mut waiting = Vec::new();
    for n in 0..8 {
        let order = order.clone();
        let body = async move {
            let guard = order.0.lock().await;
            order.1.wait(guard).await.push(n);
        };
        waiting.push(tasks.spawn_waiting(body).await);
    }
    for task in waiting {
        let guard = order.0.lock().await;
        assert!(order.1.notify_one(&guard));
        drop(guard);
        task.await;
    }
    assert!(order.0.lock().await.iter().copied().eq(0..8));
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let watched = Arc::new(Watched::default());
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(tasks.spawn_waiting(watched.clone().take()).await);
    }
    let notified = on_thread({
        let watched = watched.clone();
        move || {
            let mut value = watched.value.lock_blocking();
            *value = 3;
            watched.changed.notify_all(&value)
        }
    });
    assert_eq!(notified.await, 3);
    join_all(waiting).await;
    assert_eq!(*watched.value.lock().await, 0);
}

/// Whoever gives up, notified or not, costs nobody else a notification.
pub(super) async fn cancel(tasks: Tasks) {
    for polls in 0..=POLLS {
        let watched = Arc::new(Watched::default());
        let impatient = tasks.spawn(dropped_after(polls, watched.clone().take()));
        let patient = tasks.spawn_waiting(watched.clone().take()).await;
        watched.clone().give().await;
        if impatient.await.is_some() {
            watched.clone().give().await;
        }
        patient.await;
        assert_eq!(*watched.value.try_lock().expect("all are done"), 0);
        assert_eq!(watched.changed.waiters(), 0);
    }

    // One that is notified and has the lock already, and does not know it yet.
    let watched = Arc::new(Watched::default());
    let mut granted = Box::pin(watched.changed.wait(watched.value.lock().await));
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(watched.clone().take()).await;
    watched.clone().give().await;
    drop(granted);
    patient.await;
}

/// Threads give, tasks take. (A wait has no blocking twin.)
pub(super) async fn blocking(tasks: Tasks) {
    let watched = Arc::new(Watched::default());
    let takers = [(); 2].map(|()| {
        let watched = watched.clone();
        tasks.spawn(async move {
            for _ in 0..100 {
                watched.clone().take().await;
            }
        })
    });
    // Its time passes now and then; it tries again.
    let impatient = on_thread({
        let watched = watched.clone();
        move || {
            let Watched { value, changed } = &*watched;
            for n in 0..100 {
                let take = || {
                    let guard = value.lock_blocking();
                    let taken = changed.wait_while_blocking_timeout(guard, |value| *value == 0, MICROSECOND * n);
                    taken.map(|mut value| *value -= 1).is_ok()
                };
                while !take() {}
            }
        }
    });
    let givers = [(); 3].map(|()| {
        let watched = watched.clone();
        on_thread(move || {
            for _ in 0..100 {
                let mut value = watched.value.lock_blocking();
                *value += 1;
                watched.changed.notify_one(&value);
            }
        })
    });
    join_all(takers.into_iter().chain(givers).chain([impatient])).await;
    assert_eq!(*watched.value.lock().await, 0);
}

pub(super) async fn stress(tasks: Tasks) {
    let watched = Arc::new(Watched::default());
    let takers = (0..6).map(|seed| {
        let watched = watched.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut taken = 0;
            while taken < 50 {
                let take = watched.clone().take();
                if random.bool() {
                    taken += usize::from(dropped_after(random.usize(..6), take).await.is_some());
                    yield_now().await;
                } else {
                    take.await;
                    taken += 1;
                }
            }
        })
    });
    let takers: Vec<_> = takers.collect();
    let givers = [(); 3].map(|()| {
        let watched = watched.clone();
        tasks.spawn(async move {
            for _ in 0..100 {
                watched.clone().give().await;
                yield_now().await;
            }
        })
    });
    join_all(takers.into_iter().chain(givers)).await;
    assert_eq!(*watched.value.try_lock().expect("all are done"), 0);
}
