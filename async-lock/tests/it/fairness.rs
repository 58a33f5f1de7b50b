//! Hazards 8, 9, 10: order and barging.

use std::{pin::pin, sync::Arc};
use waitline::testing::{WakeOrder, now, poll_once, queued, queued_with, yield_until};
use waitline_lock::Lock;

#[test]
fn hundred_waiters_are_woken_and_served_in_order() {
    let lock = Arc::new(Lock::new(Vec::new()));
    let guard = lock.try_lock().unwrap();
    let order = WakeOrder::new();
    let mut waits: Vec<_> = (0..100).map(|i| queued_with(lock.clone().lock_owned(), &order.waker(i))).collect();
    drop(guard);
    for (i, wait) in waits.iter_mut().enumerate() {
        assert_eq!(order.take(), [i], "woken too early, too late or out of order");
        now(wait.as_mut()).push(i);
    }
    assert_eq!(*lock.try_lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn the_wait_begins_at_the_first_poll_not_at_the_call() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let mut called_first = pin!(lock.lock());
    let mut polled_first = pin!(lock.lock());
    assert_eq!(lock.waiters(), 0);
    assert!(poll_once(polled_first.as_mut()).is_pending());
    assert!(poll_once(called_first.as_mut()).is_pending());
    drop(guard);
    assert!(poll_once(called_first.as_mut()).is_pending());
    drop(now(polled_first));
    drop(now(called_first));
}

#[test]
fn newcomers_do_not_pass_between_grant_and_poll() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let mut granted = queued(lock.clone().lock_owned());
    drop(guard);
    assert!(lock.is_locked(), "a hand-off never frees the lock");
    assert!(lock.try_lock().is_none());
    assert!(lock.clone().try_lock_owned().is_none());
    let mut newcomer = pin!(lock.lock());
    assert!(poll_once(newcomer.as_mut()).is_pending());
    drop(now(granted.as_mut()));
    drop(now(newcomer));
}

#[test]
fn newcomers_do_not_pass_a_queued_waiter() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let mut first = queued(lock.clone().lock_owned());
    let mut second = queued(lock.clone().lock_owned());
    drop(guard);
    let guard = now(first.as_mut());
    assert!(lock.try_lock().is_none());
    drop(guard);
    assert!(lock.try_lock().is_none(), "the second waiter was granted");
    drop(now(second.as_mut()));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_grant_that_nobody_polls_holds_the_others_up_until_it_is_dropped() {
    let lock = Arc::new(Lock::new(()));
    let guard = lock.try_lock().unwrap();
    let asleep = queued(lock.clone().lock_owned());
    let mut next = queued(lock.clone().lock_owned());
    drop(guard);
    assert!(poll_once(next.as_mut()).is_pending());
    drop(asleep);
    drop(now(next.as_mut()));
}

#[test]
fn a_thread_waits_in_line_with_futures() {
    let lock = Arc::new(Lock::new(Vec::new()));
    let guard = lock.try_lock().unwrap();
    let mut before = queued(lock.clone().lock_owned());
    let thread = std::thread::spawn({
        let lock = lock.clone();
        move || lock.lock_blocking().push("thread")
    });
    yield_until(|| lock.waiters() == 2);
    let mut after = queued(lock.clone().lock_owned());
    drop(guard);
    now(before.as_mut()).push("before");
    thread.join().unwrap();
    now(after.as_mut()).push("after");
    assert_eq!(*lock.try_lock().unwrap(), ["before", "thread", "after"]);
}
