//! Hazards 1, 2, 3, 15, 16, 32: futures that are dropped, at every point.

use std::{mem, pin::pin, sync::Arc};
use waitline::testing::{CountingWaker, now, poll_once, poll_with, queued, queued_with};
use waitline_lock::Lock;

#[test]
fn an_unpolled_future_waits_for_nothing() {
    let lock = Lock::new(());
    let guard = lock.try_lock().unwrap();
    drop(lock.lock());
    assert_eq!(lock.waiters(), 0);
    drop(guard);
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_granted_waiter_that_is_dropped_passes_the_lock_on() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let first = queued(lock.clone().lock_owned());
    let woken = CountingWaker::new();
    let mut second = queued_with(lock.clone().lock_owned(), &woken.waker());
    drop(guard);
    assert_eq!(woken.count(), 0);
    drop(first);
    assert_eq!(woken.count(), 1);
    drop(now(second.as_mut()));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_granted_last_waiter_that_is_dropped_frees_the_lock() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let only = queued(lock.clone().lock_owned());
    drop(guard);
    drop(only);
    assert!(!lock.is_locked());
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_chain_of_granted_waiters_that_are_dropped_loses_nothing() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let waits: Vec<_> = (0..50).map(|_| queued(lock.clone().lock_owned())).collect();
    let mut last = queued(lock.clone().lock_owned());
    drop(guard);
    drop(waits);
    drop(now(last.as_mut()));
}

#[test]
fn waiters_dropped_at_head_middle_and_tail_leave_the_others_in_order() {
    for dropped in [vec![0], vec![2], vec![4], vec![0, 1], vec![3, 4], vec![0, 2, 4], vec![1, 2, 3]] {
        let lock = Arc::new(Lock::new(()));
        let guard = lock.try_lock().unwrap();
        let mut waits: Vec<_> = (0..5).map(|i| Some((i, queued(lock.clone().lock_owned())))).collect();
        for &i in &dropped {
            waits[i] = None;
        }
        assert_eq!(lock.waiters(), 5 - dropped.len());
        drop(guard);
        let left: Vec<_> = waits.iter_mut().flatten().collect();
        for (i, wait) in left {
            assert!(lock.try_lock().is_none());
            drop(now(wait.as_mut()));
            assert!(!dropped.contains(i));
        }
        assert!(lock.try_lock().is_some(), "dropped {dropped:?}");
    }
}

#[test]
fn when_all_waiters_are_dropped_the_lock_works_as_if_they_never_were() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    drop([queued(lock.clone().lock_owned()), queued(lock.clone().lock_owned())]);
    assert!(lock.try_lock().is_none());
    drop(guard);
    drop(lock.try_lock().unwrap());
    let guard = lock.try_lock().unwrap();
    let mut wait = queued(lock.clone().lock_owned());
    drop(guard);
    drop(now(wait.as_mut()));
}

#[test]
fn every_way_to_give_the_lock_back_wakes_the_waiter() {
    type Hold = fn(&Arc<Lock<(u32, u32)>>) -> Box<dyn std::any::Any>;
    use waitline_lock::{LockGuard, OwnedLockGuard};
    // Leaked references make the borrowed guards `'static`, so that all fit into one table.
    fn leak(lock: &Arc<Lock<(u32, u32)>>) -> LockGuard<'static, (u32, u32)> {
        let lock: &'static Arc<Lock<(u32, u32)>> = Box::leak(Box::new(lock.clone()));
        lock.try_lock().unwrap()
    }
    let ways: [Hold; 6] = [
        |lock| Box::new(leak(lock)),
        |lock| Box::new(LockGuard::map(leak(lock), |pair| &mut pair.0)),
        |lock| Box::new(LockGuard::filter_map(leak(lock), |_| None::<&mut u32>).unwrap_err()),
        |lock| Box::new(lock.clone().try_lock_owned().unwrap()),
        |lock| Box::new(OwnedLockGuard::map(lock.clone().try_lock_owned().unwrap(), |pair| &mut pair.1)),
        |lock| {
            let guard = lock.clone().try_lock_owned().unwrap();
            Box::new(OwnedLockGuard::filter_map(guard, |_| None::<&mut u32>).unwrap_err())
        },
    ];
    for hold in ways {
        let lock = Arc::new(Lock::new((1, 2)));
        let guard = hold(&lock);
        let woken = CountingWaker::new();
        let mut wait = queued_with(lock.clone().lock_owned(), &woken.waker());
        drop(guard);
        assert_eq!(woken.count(), 1);
        drop(now(wait.as_mut()));
    }
}

#[test]
fn a_cancelled_waiter_lets_go_of_its_waker() {
    let lock = Arc::new(Lock::new(()));
    let _guard = lock.try_lock().unwrap();
    let waker = CountingWaker::new();
    let wait = queued_with(lock.clone().lock_owned(), &waker.waker());
    assert_eq!(waker.held(), 1);
    drop(wait);
    assert_eq!(waker.held(), 0);
}

#[test]
fn a_granted_waiter_lets_go_of_its_waker() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let waker = CountingWaker::new();
    let wait = queued_with(lock.clone().lock_owned(), &waker.waker());
    drop(guard);
    assert_eq!((waker.count(), waker.held()), (1, 0));
    drop(wait);
}

#[test]
fn a_forgotten_waiter_is_not_unsound_and_keeps_what_it_is_given() {
    let lock = Arc::new(Lock::new(1));
    let guard = lock.try_lock().unwrap();
    mem::forget(queued(lock.clone().lock_owned()));
    let mut next = queued(lock.clone().lock_owned());
    drop(guard);
    // The forgotten future holds the lock for ever. Its neighbours stay linked to live memory.
    assert!(poll_once(next.as_mut()).is_pending());
    drop(next);
    assert!(lock.try_lock().is_none());
}

#[test]
fn a_lock_may_be_moved_away_from_a_forgotten_waiter() {
    let lock = Lock::new(String::from("value"));
    let guard = lock.try_lock().unwrap();
    let wait = queued(lock.lock());
    mem::forget(wait);
    drop(guard);
    let moved = Box::new(lock);
    assert!(moved.try_lock().is_none(), "the forgotten waiter was handed the lock");
    assert_eq!(moved.into_inner(), "value");
}

#[test]
fn a_million_waits_against_a_held_lock_leave_nothing_behind() {
    let lock = Lock::new(());
    let _guard = lock.try_lock().unwrap();
    let waker = CountingWaker::new();
    for _ in 0..1_000_000 {
        let mut wait = pin!(lock.lock());
        assert!(poll_with(wait.as_mut(), &waker.waker()).is_pending());
    }
    assert_eq!((lock.waiters(), waker.held(), waker.count()), (0, 0, 0));
}
