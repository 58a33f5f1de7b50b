//! Hazards 37 to 39: what a panic meets on its way loses nothing and aborts nothing.

use std::sync::{Arc, Mutex};
use waitline::testing::{
    WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker, poll_once, poll_with, queued,
    queued_with,
};
use waitline_lock::{Condition, Lock, LockGuard, OwnedLockGuard};

/// Waiters whose wakers panic, and one that is behind them.
const CROWDS: [usize; 3] = [1, 2, 40];

/// Runs `end`, which releases `lock`, during a panic, with `n` waiters whose wakers panic: each of them gets the lock.
fn released_by_a_panic(lock: &Arc<Lock<(u8, u8)>>, n: usize, end: impl FnOnce()) {
    let mut waits: Vec<_> = (0..n).map(|_| queued_with(lock.clone().lock_owned(), &panicking_waker())).collect();
    let mut last = queued(lock.clone().lock_owned());
    during_panic(end);
    for wait in &mut waits {
        let guard = now(wait.as_mut());
        during_panic(|| drop(guard));
    }
    drop(now(last.as_mut()));
    assert!(lock.try_lock().is_some());
}

#[test]
fn guards_of_all_kinds_dropped_by_a_panic_wake_and_do_not_abort() {
    for n in CROWDS {
        let lock = Arc::new(Lock::new((1, 2)));
        let guard = lock.try_lock().unwrap();
        released_by_a_panic(&lock, n, || drop(guard));
        let guard = lock.clone().try_lock_owned().unwrap();
        released_by_a_panic(&lock, n, || drop(guard));
        let guard = LockGuard::map(lock.try_lock().unwrap(), |pair| &mut pair.0);
        released_by_a_panic(&lock, n, || drop(guard));
        let guard = OwnedLockGuard::map(lock.clone().try_lock_owned().unwrap(), |pair| &mut pair.1);
        released_by_a_panic(&lock, n, || drop(guard));
        // The panic may come out of the closure that maps.
        let guard = lock.try_lock().unwrap();
        let mut wait = queued_with(lock.clone().lock_owned(), &panicking_waker());
        let message = panic_message(|| LockGuard::map(guard, |_| -> &mut u8 { panic!("in the closure") }));
        assert_eq!(message.as_deref(), Some("in the closure"));
        drop(now(wait.as_mut()));
    }
}

#[test]
fn waits_dropped_by_a_panic_pass_on_what_they_had_and_do_not_abort() {
    for n in CROWDS {
        let (lock, condition) = (Arc::new(Lock::new((1, 2))), Condition::new());
        // Unpolled, a condition wait holds the lock.
        let wait = condition.wait(lock.clone().try_lock_owned().unwrap());
        released_by_a_panic(&lock, n, || drop(wait));
        let wait = condition.wait_while(lock.clone().try_lock_owned().unwrap(), |_| true);
        released_by_a_panic(&lock, n, || drop(wait));
        // Granted, but not polled since.
        let guard = lock.try_lock().unwrap();
        let wait = queued(lock.clone().lock_owned());
        drop(guard);
        released_by_a_panic(&lock, n, || drop(wait));
        // Notified, and then granted.
        let wait = queued(condition.wait(lock.clone().try_lock_owned().unwrap()));
        condition.notify_one(&lock.try_lock().unwrap());
        released_by_a_panic(&lock, n, || drop(wait));
    }
}

#[test]
fn a_predicate_that_panics_releases_the_lock_to_angry_waiters() {
    let (lock, condition) = (Arc::new(Lock::new(1)), Condition::new());
    let guard = lock.clone().try_lock_owned().unwrap();
    let mut next = queued_with(lock.clone().lock_owned(), &panicking_waker());
    let mut wait = Box::pin(condition.wait_while(guard, |_| panic!("the predicate")));
    assert_eq!(panic_message(|| _ = poll_once(wait.as_mut())).as_deref(), Some("the predicate"));
    drop(now(next.as_mut()));
}

/// A waker that runs `clone` at its first clone, and whose clones panic when they are dropped.
fn angry_waker(clone: impl FnOnce() + Send + 'static) -> std::task::Waker {
    let clone = Mutex::new(Some(clone));
    hooked_waker(move |call| match call {
        WakerCall::Clone => {
            if let Some(clone) = clone.lock().unwrap().take() {
                clone();
            }
        }
        WakerCall::Wake => {}
        WakerCall::Drop => panic!("an angry waker"),
    })
}

#[test]
fn a_lock_taken_in_spite_of_an_angry_waker_is_not_lost() {
    taken_in_spite_of_an_angry_waker(true);
    taken_in_spite_of_an_angry_waker(false);
}

fn taken_in_spite_of_an_angry_waker(polled_again: bool) {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.clone().try_lock_owned().unwrap();
    let mut wait = Box::pin(lock.clone().lock_owned());
    // The lock becomes free between the look without the mutex and the one with it, so that the clone is not needed.
    let waker = angry_waker(move || drop(guard));
    assert_eq!(panic_message(|| _ = poll_with(wait.as_mut(), &waker)).as_deref(), Some("an angry waker"));
    std::mem::forget(waker);
    // The future has it, as if it had been granted: a poll gives it out, a drop gives it back.
    assert!(lock.is_locked());
    if polled_again {
        drop(now(wait.as_mut()));
    }
    drop(wait);
    assert!(lock.try_lock().is_some());
}

#[test]
fn locks_and_conditions_may_be_looked_at_after_a_panic() {
    let (lock, condition) = (Lock::new(1), Condition::new());
    let outcome = std::panic::catch_unwind(|| {
        let mut guard = lock.try_lock().unwrap();
        *guard = 2;
        condition.notify_all(&guard);
        panic!("under the lock");
    });
    assert!(outcome.is_err());
    assert_eq!(*lock.try_lock().unwrap(), 2);
}

/// With a record of who waits, the name of a task is foreign code.
#[cfg(feature = "diagnostics")]
mod names {
    use super::*;
    use waitline::diagnostics::{Task, enter, holds};

    #[test]
    fn a_task_whose_name_panics_waits_and_holds_like_any_other() {
        let _announced = enter(|| Task { key: (17, 4), describe: |_| panic!("no name") });
        let (lock, condition) = (Arc::new(Lock::new(())), Condition::new());
        let guard = lock.clone().try_lock_owned().unwrap();
        assert!(holds().iter().any(|hold| hold.by.name == "task 4 (its name panicked)"));
        let mut wait = queued(condition.wait(guard));
        let guard = lock.clone().try_lock_owned().unwrap();
        let mut next = queued(lock.clone().lock_owned());
        assert!(condition.notify_one(&guard));
        drop(guard);
        drop(now(next.as_mut()));
        drop(now(wait.as_mut()));
        assert!(!lock.is_locked());
        // Nor does one that is dropped while it waits stay behind.
        let wait = queued(condition.wait(lock.clone().try_lock_owned().unwrap()));
        drop(wait);
        assert_eq!(condition.waiters(), 0);
    }

    #[test]
    fn a_task_whose_name_asks_the_lock_does_not_hang() {
        static LOCK: Lock<()> = Lock::new(());
        let _announced = enter(|| Task { key: (17, 5), describe: |_| format!("{:?}, {}", LOCK, LOCK.waiters()) });
        let condition = Condition::new();
        let wait = queued(condition.wait(LOCK.try_lock().unwrap()));
        let guard = LOCK.try_lock().unwrap();
        let mut next = queued(LOCK.lock());
        drop(guard);
        drop(now(next.as_mut()));
        drop(wait);
        assert_eq!(LOCK.waiters(), 0);
    }
}
