//! What a lock tells about itself.

use std::sync::Arc;
use waitline::testing::queued;
use waitline_lock::{Condition, Lock};

#[test]
fn debug_tells_value_and_waiters_without_blocking() {
    let lock = Arc::new(Lock::new(5));
    assert_eq!(format!("{lock:?}"), "Lock { data: 5, waiters: 0 }");
    let guard = lock.try_lock().unwrap();
    let _waits = [queued(lock.clone().lock_owned()), queued(lock.clone().lock_owned())];
    assert_eq!(format!("{lock:?}"), "Lock { data: <locked>, waiters: 2 }");
    assert_eq!(lock.waiters(), 2);
    drop(guard);
    assert_eq!(format!("{lock:?}"), "Lock { data: <locked>, waiters: 1 }");
}

#[test]
fn futures_tell_their_stage() {
    let lock = Arc::new(Lock::new(5));
    assert_eq!(format!("{:?}", lock.lock()), "Acquire(Waiter(new))");
    let guard = lock.try_lock().unwrap();
    let wait = queued(lock.clone().lock_owned());
    assert_eq!(format!("{wait:?}"), "AcquireOwned(Waiter(queued))");
    drop(guard);
    assert_eq!(format!("{wait:?}"), "AcquireOwned(Waiter(granted))");
}

#[test]
fn constructors_and_conversions_agree() {
    static LOCK: Lock<u32> = Lock::new(4);
    static CONDITION: Condition = Condition::new();
    assert_eq!(*LOCK.try_lock().unwrap(), 4);
    assert_eq!(
        format!("{CONDITION:?} {:?}", Condition::default()),
        "Condition { waiters: 0 } Condition { waiters: 0 }"
    );
    assert_eq!(Lock::<u32>::default().into_inner(), 0);
    let mut lock = Lock::from(3);
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 4);
}

#[test]
fn is_locked_follows_the_guard() {
    let lock = Lock::new(());
    assert!(!lock.is_locked());
    let guard = lock.try_lock().unwrap();
    assert!(lock.is_locked());
    drop(guard);
    assert!(!lock.is_locked());
}
