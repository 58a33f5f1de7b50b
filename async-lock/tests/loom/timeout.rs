//! Blocking waits whose time passes. Under loom, the time passes whenever the scheduler likes.

use std::{sync::Arc, time::Duration};
use waitline::{
    sync::block_on_timeout,
    testing::{block_on, model, poll_once, spawn},
};
use waitline_lock::{Condition, Lock, WaitTimedOut};

const TIMEOUT: Duration = Duration::from_secs(1);

/// The time of a thread passes while the holder releases the lock: the lock is the thread's, or goes to the other waiter,
/// which gets it in both cases. The value is ordered.
#[test]
fn time_out_against_release() {
    model("lock: time-out against release", || {
        let lock = Arc::new(Lock::new(0));
        let held = lock.try_lock();
        let timed = spawn({
            let lock = lock.clone();
            move || lock.lock_blocking_timeout(TIMEOUT).map(|mut guard| *guard += 1).is_some()
        });
        let mut other = Box::pin(lock.lock());
        assert!(poll_once(other.as_mut()).is_pending());
        drop(held);
        *block_on(other) += 1;
        let added = 1 + usize::from(timed.join().unwrap());
        assert_eq!(*lock.try_lock().expect("no waiter is left"), added);
    });
}

/// The time of a thread passes while it is notified of a job: it takes the job, or leaves it. It ends with the lock in both
/// cases, and sees the job if the notification came before.
#[test]
fn condition_time_out_against_notify_one() {
    model("condition: time-out against notify_one", || {
        let shared = Arc::new((Lock::new(0), Condition::new()));
        let timed = spawn({
            let shared = shared.clone();
            move || {
                let (jobs, added) = &*shared;
                match added.wait_while_blocking_timeout(jobs.lock_blocking(), |jobs| *jobs == 0, TIMEOUT) {
                    Ok(mut jobs) => {
                        *jobs -= 1;
                        true
                    }
                    Err(WaitTimedOut(jobs)) => {
                        assert_eq!(*jobs, 0);
                        false
                    }
                }
            }
        });
        let (jobs, added) = &*shared;
        let mut guard = jobs.lock_blocking();
        *guard = 1;
        added.notify_one(&guard);
        drop(guard);
        let left = usize::from(!timed.join().unwrap());
        assert_eq!((*jobs.try_lock().expect("no waiter is left"), added.waiters()), (left, 0));
    });
}

/// The time of the first of two waiters passes while it is notified: it passes its notification on, or uses it.
#[test]
fn condition_time_out_of_a_notified_waiter() {
    model("condition: time-out of a notified waiter", || {
        let (lock, condition) = (Arc::new(Lock::new(())), Arc::new(Condition::new()));
        let wait = |lock: &Arc<Lock<()>>| {
            let (guard, condition) = (lock.clone().try_lock_owned().expect("no holder"), condition.clone());
            let mut wait = Box::pin(async move { condition.wait(guard).await });
            assert!(poll_once(wait.as_mut()).is_pending());
            wait
        };
        let (first, second) = (wait(&lock), wait(&lock));
        let timed = spawn(move || block_on_timeout(first, TIMEOUT).is_some());
        let guard = block_on(lock.lock());
        assert!(condition.notify_one(&guard));
        drop(guard);
        if timed.join().unwrap() {
            assert_eq!(condition.waiters(), 1);
        } else {
            drop(block_on(second));
        }
        assert!(!lock.is_locked());
    });
}
