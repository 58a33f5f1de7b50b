//! Hazards 11 to 15: wakers are foreign code.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};
use waitline::testing::{
    CountingWaker, WakerCall, hooked_waker, inline_waker, now, panic_message, panicking_waker, panicking_waker_at,
    poll_once, poll_with, queued, queued_with,
};
use waitline_lock::{Condition, Lock};

#[test]
fn only_the_last_waker_is_woken() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = queued_with(lock.clone().lock_owned(), &old.waker());
    let mut wait = std::thread::spawn({
        let new = new.clone();
        move || {
            assert!(new.poll(wait.as_mut()).is_pending());
            wait
        }
    })
    .join()
    .unwrap();
    assert_eq!((old.held(), new.held()), (0, 1));
    drop(guard);
    assert_eq!((old.count(), new.count()), (0, 1));
    drop(now(wait.as_mut()));
}

#[test]
fn a_queued_future_that_is_polled_again_keeps_its_place() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let mut first = queued(lock.clone().lock_owned());
    let mut second = queued(lock.clone().lock_owned());
    for _ in 0..3 {
        assert!(CountingWaker::new().poll(first.as_mut()).is_pending());
    }
    assert_eq!(lock.waiters(), 2);
    drop(guard);
    assert!(poll_once(second.as_mut()).is_pending());
    drop(now(first.as_mut()));
    drop(now(second.as_mut()));
}

#[test]
fn polling_again_with_the_same_waker_clones_nothing() {
    let lock = Lock::new(());
    let _guard = lock.try_lock().unwrap();
    let clones = Arc::new(AtomicUsize::new(0));
    let waker = hooked_waker({
        let clones = clones.clone();
        move |call| _ = (call == WakerCall::Clone).then(|| clones.fetch_add(1, Ordering::Relaxed))
    });
    let mut wait = pin!(lock.lock());
    for _ in 0..1_000 {
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    assert_eq!(clones.load(Ordering::Relaxed), 1);
}

/// A waker that uses the lock and the condition at every clone, wake and drop: a deadlock if any of them ran under the
/// mutex.
fn meddling(lock: &Arc<Lock<()>>, condition: &Arc<Condition>) -> std::task::Waker {
    let (lock, condition) = (Arc::downgrade(lock), condition.clone());
    hooked_waker(move |_| {
        if let Some(lock) = lock.upgrade() {
            _ = (lock.waiters(), condition.waiters());
            drop(queued_or_got(&lock));
            if let Some(guard) = lock.try_lock() {
                // Takes the mutex if there are waiters, but leaves them alone.
                condition.notify(&guard, 0);
            }
        }
    })
}

fn queued_or_got(lock: &Arc<Lock<()>>) -> impl Sized {
    let mut wait = Box::pin(lock.clone().lock_owned());
    let polled = poll_once(wait.as_mut());
    (polled, wait)
}

#[test]
fn wakers_may_use_the_lock_when_cloned_woken_and_dropped() {
    let (lock, condition) = (Arc::new(Lock::new(())), Arc::new(Condition::new()));
    let waker = meddling(&lock, &condition);

    // Clone at the first poll; clone of the new and drop of the old one at a later poll; drop at cancel.
    let guard = lock.try_lock().unwrap();
    let mut wait = queued_with(lock.clone().lock_owned(), &waker);
    assert!(poll_with(wait.as_mut(), &meddling(&lock, &condition)).is_pending());
    assert!(poll_with(wait.as_mut(), &waker).is_pending());
    drop(wait);
    // Wake at the hand-off; the lock may have been free by the time that `entry` decided not to wait.
    let mut wait = queued_with(lock.clone().lock_owned(), &waker);
    drop(guard);
    let guard = now(wait.as_mut());
    // The same for a condition's waiters: cancelled while waiting, while notified, while granted.
    let first = queued_with(condition.wait(guard), &waker);
    let mut second = queued_with(condition.wait(lock.clone().try_lock_owned().unwrap()), &waker);
    assert!(poll_with(second.as_mut(), &meddling(&lock, &condition)).is_pending());
    let guard = lock.try_lock().unwrap();
    condition.notify_all(&guard);
    drop(second);
    drop(guard);
    drop(first);
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_waker_that_polls_inline_takes_the_lock_at_once() {
    let lock = Arc::new(Lock::new(Vec::new()));
    let guard = lock.try_lock().unwrap();
    for i in 0..10 {
        let wait = lock.clone().lock_owned();
        let slot = Arc::new(std::sync::Mutex::new(None));
        let mut boxed = Box::pin(async move { wait.await.push(i) });
        // First poll with a waker that finds the future in the slot when it is woken.
        let waker = {
            let slot = slot.clone();
            hooked_waker(move |call| {
                if call == WakerCall::Wake {
                    let future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
                        slot.lock().unwrap().take().expect("woken once");
                    inline_waker(future, |()| ()).wake();
                }
            })
        };
        assert!(poll_with(boxed.as_mut(), &waker).is_pending());
        *slot.lock().unwrap() = Some(boxed as _);
    }
    drop(guard);
    assert_eq!(*lock.try_lock().expect("all ten ran inside the unlock"), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_waker_that_panics_does_not_cost_the_waiter_its_grant() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let mut unlucky = queued_with(lock.clone().lock_owned(), &panicking_waker());
    let mut next = queued(lock.clone().lock_owned());
    assert!(panic_message(|| drop(guard)).unwrap().contains("panics when it is woken"));
    drop(now(unlucky.as_mut()));
    drop(now(next.as_mut()));
}

#[test]
fn a_waker_that_panics_when_cloned_leaves_no_waiter_behind() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let waker = panicking_waker_at(WakerCall::Clone);
    let mut wait = Box::pin(lock.clone().lock_owned());
    assert!(panic_message(|| poll_with(wait.as_mut(), &waker).is_pending()).unwrap().contains("when it is cloned"));
    assert_eq!(lock.waiters(), 0);
    // Nor does it disturb a wait that has begun with another waker.
    let woken = CountingWaker::new();
    assert!(woken.poll(wait.as_mut()).is_pending());
    assert!(panic_message(|| poll_with(wait.as_mut(), &waker).is_pending()).is_some());
    drop(guard);
    assert_eq!(woken.count(), 1);
    assert!(matches!(poll_once(wait.as_mut()), Poll::Ready(_)));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_waker_that_panics_when_dropped_loses_no_lock() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let armed = Arc::new(AtomicUsize::new(0));
    let waker = hooked_waker({
        let armed = armed.clone();
        move |call| {
            if call == WakerCall::Drop && armed.swap(0, Ordering::Relaxed) == 1 {
                panic!("dropped");
            }
        }
    });
    let mut wait = queued_with(lock.clone().lock_owned(), &waker);
    armed.store(1, Ordering::Relaxed);
    assert_eq!(panic_message(|| poll_once(wait.as_mut()).is_pending()).as_deref(), Some("dropped"));
    drop(guard);
    drop(now(wait.as_mut()));
    assert!(lock.try_lock().is_some());
}
