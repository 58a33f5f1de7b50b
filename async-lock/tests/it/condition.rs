//! Hazards 1, 4, 6, 7, 8, 24: the condition.

use std::{pin::pin, sync::Arc};
use waitline::testing::{CountingWaker, now, panic_message, poll_once, queued, queued_with};
use waitline_lock::{Condition, Lock, LockGuard, OwnedLockGuard, Wait};

/// A wait that has begun, with a counting waker.
fn waiting<'c>(
    condition: &'c Condition,
    lock: &Arc<Lock<u32>>,
) -> (std::pin::Pin<Box<Wait<'c, OwnedLockGuard<u32>>>>, CountingWaker) {
    let guard = lock.clone().try_lock_owned().expect("the lock is free");
    let (mut wait, waker) = (Box::pin(condition.wait(guard)), CountingWaker::new());
    assert!(waker.poll(wait.as_mut()).is_pending());
    (wait, waker)
}

#[test]
fn an_unpolled_wait_holds_the_lock_and_gives_it_back_when_dropped() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let wait = condition.wait(lock.try_lock().unwrap());
    assert!(lock.is_locked());
    assert_eq!(condition.waiters(), 0);
    drop(wait);
    assert!(!lock.is_locked());
}

#[test]
fn a_notification_before_the_first_poll_is_not_for_this_wait() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let mut unpolled = Box::pin(condition.wait(lock.clone().try_lock_owned().unwrap()));
    assert_eq!(condition.waiters(), 0);
    assert!(poll_once(unpolled.as_mut()).is_pending());
    assert_eq!(condition.waiters(), 1);
    assert!(!lock.is_locked(), "the first poll releases the lock");
    assert!(condition.notify_one(&lock.try_lock().unwrap()));
    drop(now(unpolled.as_mut()));
}

#[test]
fn the_first_poll_hands_the_lock_to_its_next_waiter() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let mut wait = Box::pin(condition.wait(lock.clone().try_lock_owned().unwrap()));
    let woken = CountingWaker::new();
    let mut next = queued_with(lock.clone().lock_owned(), &woken.waker());
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!(woken.count(), 1);
    condition.notify_one(&now(next.as_mut()));
    drop(now(wait.as_mut()));
}

#[test]
fn a_notified_waiter_is_woken_only_when_it_holds_the_lock() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (mut wait, woken) = waiting(&condition, &lock);
    let guard = lock.try_lock().unwrap();
    assert!(condition.notify_one(&guard));
    assert_eq!((woken.count(), condition.waiters(), lock.waiters()), (0, 0, 1));
    assert!(poll_once(wait.as_mut()).is_pending());
    drop(guard);
    assert!(lock.is_locked());
    drop(now(wait.as_mut()));
}

#[test]
fn notified_waiters_are_moved_in_order_and_woken_one_at_a_time() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let mut waits: Vec<_> = (0..100).map(|_| waiting(&condition, &lock)).collect();
    let guard = lock.clone().try_lock_owned().unwrap();
    let mut before = queued(lock.clone().lock_owned());
    assert_eq!(condition.notify(&guard, 40), 40);
    assert_eq!(condition.notify(&guard, 0), 0);
    assert_eq!(condition.notify_all(&guard), 60);
    assert_eq!(condition.notify_all(&guard), 0);
    assert_eq!(lock.waiters(), 101);
    drop(guard);
    assert_eq!(waits[0].1.count(), 0, "a waiter for the lock was passed");
    drop(now(before.as_mut()));
    for i in 0..100 {
        let woken: usize = waits.iter().map(|(_, waker)| waker.count()).sum();
        assert_eq!((woken, waits[i].1.count()), (i + 1, 1), "a stampede, or the wrong order");
        let guard = now(waits[i].0.as_mut());
        drop(guard);
    }
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_wait_cancelled_while_waiting_leaves_the_lock_alone() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (first, _) = waiting(&condition, &lock);
    let (mut second, woken) = waiting(&condition, &lock);
    let guard = lock.try_lock().unwrap();
    drop(first);
    assert!(lock.is_locked());
    assert_eq!(condition.waiters(), 1);
    assert!(condition.notify_one(&guard));
    drop(guard);
    assert_eq!(woken.count(), 1);
    drop(now(second.as_mut()));
}

#[test]
fn a_wait_cancelled_after_its_notification_passes_it_on() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (first, _) = waiting(&condition, &lock);
    let (mut second, woken) = waiting(&condition, &lock);
    let guard = lock.try_lock().unwrap();
    assert!(condition.notify_one(&guard));
    drop(first);
    assert_eq!((condition.waiters(), lock.waiters()), (0, 1), "the notification was lost");
    drop(guard);
    assert_eq!(woken.count(), 1);
    drop(now(second.as_mut()));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_wait_cancelled_after_its_grant_passes_notification_and_lock_on() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (first, first_woken) = waiting(&condition, &lock);
    let (mut second, second_woken) = waiting(&condition, &lock);
    let guard = lock.try_lock().unwrap();
    assert!(condition.notify_one(&guard));
    drop(guard);
    assert_eq!(first_woken.count(), 1);
    drop(first);
    assert_eq!(second_woken.count(), 1);
    drop(now(second.as_mut()));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_last_notified_wait_that_is_cancelled_leaves_a_lock_that_works() {
    for granted in [false, true] {
        let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
        let (only, _) = waiting(&condition, &lock);
        let guard = lock.clone().try_lock_owned().unwrap();
        assert!(condition.notify_one(&guard));
        if granted {
            drop(guard);
            drop(only);
        } else {
            drop(only);
            drop(guard);
        }
        assert!(lock.try_lock().is_some(), "granted: {granted}");
        let (mut again, _) = waiting(&condition, &lock);
        condition.notify_all(&lock.try_lock().unwrap());
        drop(now(again.as_mut()));
    }
}

#[test]
fn a_passed_on_notification_queues_behind_those_who_wait_for_the_lock() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (first, _) = waiting(&condition, &lock);
    let (mut second, _) = waiting(&condition, &lock);
    let guard = lock.clone().try_lock_owned().unwrap();
    assert!(condition.notify_one(&guard));
    let mut contender = queued(lock.clone().lock_owned());
    drop(guard);
    drop(first);
    drop(now(contender.as_mut()));
    drop(now(second.as_mut()));
}

#[test]
fn wait_while_checks_at_once_and_after_each_notification() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let at_once = condition.wait_while(lock.try_lock().unwrap(), |value| *value != 0);
    drop(now(pin!(at_once)));
    let mut wait = queued(condition.wait_while(lock.clone().try_lock_owned().unwrap(), |value| *value < 2));
    for expected in [1, 2] {
        let mut guard = lock.try_lock().expect("a wait that goes on releases the lock");
        *guard += 1;
        assert_eq!(*guard, expected);
        assert!(condition.notify_one(&guard));
        drop(guard);
        if expected < 2 {
            assert!(poll_once(wait.as_mut()).is_pending());
            assert_eq!(condition.waiters(), 1);
        }
    }
    assert_eq!(*now(wait.as_mut()), 2);
}

#[test]
fn a_predicate_that_panics_releases_the_lock() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let mut wait = Box::pin(condition.wait_while(lock.clone().try_lock_owned().unwrap(), |value| match *value {
        0 => true,
        _ => panic!("the predicate"),
    }));
    assert!(poll_once(wait.as_mut()).is_pending());
    let mut guard = lock.try_lock().unwrap();
    *guard = 1;
    condition.notify_one(&guard);
    drop(guard);
    assert_eq!(panic_message(|| poll_once(wait.as_mut()).is_pending()).as_deref(), Some("the predicate"));
    assert!(!lock.is_locked());
    drop(wait);
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_condition_with_two_locks_panics_names_both_and_harms_nobody() {
    let (one, two, condition) = (Arc::new(Lock::new(1)), Arc::new(Lock::new(2)), Condition::new());
    let (mut wait, _) = waiting(&condition, &one);
    let mut wrong = Box::pin(condition.wait(two.clone().try_lock_owned().unwrap()));
    let message = panic_message(|| poll_once(wrong.as_mut()).is_pending()).unwrap();
    let address = |lock: &Arc<Lock<u32>>| format!("{:#x}", Arc::as_ptr(lock).addr());
    assert!(message.starts_with("Condition::wait:"), "{message}");
    assert!(message.contains(&address(&one)) && message.contains(&address(&two)), "{message}");
    drop(wrong);
    assert!(!two.is_locked(), "the panic released the lock");
    let guard = two.try_lock().unwrap();
    let message = panic_message(|| condition.notify_all(&guard)).unwrap();
    assert!(message.starts_with("Condition::notify:") && message.contains(&address(&one)), "{message}");
    drop(guard);
    condition.notify_one(&one.try_lock().unwrap());
    drop(now(wait.as_mut()));
    // The list is empty: now the condition may serve the other lock.
    let (mut wait, _) = waiting(&condition, &two);
    condition.notify_one(&two.try_lock().unwrap());
    drop(now(wait.as_mut()));
}

#[test]
fn a_notified_waiter_no_longer_binds_the_condition_to_its_lock() {
    let (one, two, condition) = (Arc::new(Lock::new(1)), Arc::new(Lock::new(2)), Condition::new());
    let (first, _) = waiting(&condition, &one);
    condition.notify_one(&one.try_lock().unwrap());
    let (mut second, woken) = waiting(&condition, &two);
    // Its grant is dropped: the notification concerned the first lock, and stays with it.
    drop(first);
    assert_eq!((condition.waiters(), woken.count()), (1, 0));
    assert!(!one.is_locked());
    condition.notify_one(&two.try_lock().unwrap());
    drop(now(second.as_mut()));
}

#[test]
fn two_conditions_on_one_lock_are_notified_apart() {
    let lock = Arc::new(Lock::new(0));
    let (full, empty) = (Condition::new(), Condition::new());
    let (mut a, a_woken) = waiting(&full, &lock);
    let (mut b, b_woken) = waiting(&empty, &lock);
    let (c, _) = waiting(&full, &lock);
    full.notify_one(&lock.try_lock().unwrap());
    assert_eq!((a_woken.count(), b_woken.count()), (1, 0));
    drop(now(a.as_mut()));
    empty.notify_one(&lock.try_lock().unwrap());
    drop(now(b.as_mut()));
    assert_eq!((full.waiters(), empty.waiters()), (1, 0));
    drop(c);
    assert_eq!(full.waiters(), 0);
}

#[test]
fn borrowed_and_owned_guards_share_a_condition() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let mut borrowed = queued(condition.wait(lock.try_lock().unwrap()));
    let (mut owned, _) = waiting(&condition, &lock);
    assert_eq!(Arc::strong_count(&lock), 2);
    assert_eq!(condition.notify_all(&lock.clone().try_lock_owned().unwrap()), 2);
    let guard: LockGuard<'_, u32> = now(borrowed.as_mut());
    drop(guard);
    let guard: OwnedLockGuard<u32> = now(owned.as_mut());
    drop(owned);
    assert_eq!(Arc::strong_count(&lock), 2);
    drop(guard);
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn a_wait_polled_after_it_was_ready_panics_and_takes_nothing() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (mut wait, _) = waiting(&condition, &lock);
    condition.notify_one(&lock.try_lock().unwrap());
    drop(now(wait.as_mut()));
    assert!(panic_message(|| poll_once(wait.as_mut()).is_pending()).unwrap().contains("after it was ready"));
    drop(wait);
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_notified_waiter_woken_with_its_newest_waker() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let (mut wait, old) = waiting(&condition, &lock);
    let (side, morphed) = (CountingWaker::new(), CountingWaker::new());
    assert!(side.poll(wait.as_mut()).is_pending());
    let guard = lock.try_lock().unwrap();
    condition.notify_one(&guard);
    assert!(morphed.poll(wait.as_mut()).is_pending());
    assert_eq!((old.held(), side.held(), morphed.held()), (0, 0, 1));
    drop(guard);
    assert_eq!((old.count(), side.count(), morphed.count()), (0, 0, 1));
    drop(now(wait.as_mut()));
}

#[test]
fn a_forgotten_wait_keeps_its_notification() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    std::mem::forget(waiting(&condition, &lock).0);
    let (wait, woken) = waiting(&condition, &lock);
    assert_eq!(condition.notify(&lock.try_lock().unwrap(), 1), 1);
    assert!(lock.is_locked(), "the forgotten wait was given the lock");
    assert_eq!(woken.count(), 0);
    drop(wait);
}

/// A mapped guard holds the lock, whatever its part is.
#[test]
fn mapped_guards_notify() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let mut waits: Vec<_> = (0..4).map(|_| waiting(&condition, &lock)).collect();
    let part = LockGuard::map(lock.try_lock().unwrap(), |value| value);
    assert!(condition.notify_one(&part));
    // The notified waiter gets the lock when the mapped guard is dropped.
    assert_eq!((condition.waiters(), lock.waiters(), waits[0].1.count()), (3, 1, 0));
    drop(part);
    assert_eq!(waits[0].1.count(), 1);
    drop(now(waits.remove(0).0));
    let part = OwnedLockGuard::map(lock.clone().try_lock_owned().unwrap(), |value| value);
    assert_eq!(condition.notify_all(&part), 3);
    drop(part);
    for (wait, _) in waits {
        drop(now(wait));
    }
    let other = Lock::new(0);
    let (_wait, _) = waiting(&condition, &lock);
    let message = panic_message(|| condition.notify(&LockGuard::map(other.try_lock().unwrap(), |value| value), 1));
    assert!(message.unwrap().contains("one lock at a time"));
    assert!(!other.is_locked());
}
