//! Hazards 18, 19: guards of a part, owned guards, panics under the lock.

use std::sync::Arc;
use waitline::testing::panic_message;
use waitline_lock::{Lock, LockGuard, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard};

#[test]
fn mapped_guards_hold_the_lock_and_write_through() {
    let lock = Lock::new((1, [2, 3]));
    let pair = LockGuard::map(lock.try_lock().unwrap(), |all| &mut all.1);
    assert!(lock.try_lock().is_none());
    let mut second = MappedLockGuard::map(pair, |pair| &mut pair[1]);
    *second = 30;
    assert!(lock.try_lock().is_none());
    drop(second);
    assert_eq!(*lock.try_lock().unwrap(), (1, [2, 30]));
}

#[test]
fn owned_guards_of_all_kinds_count_the_arc_once() {
    let lock = Arc::new(Lock::new((1, [2, 3])));
    let guard = lock.clone().try_lock_owned().unwrap();
    assert_eq!(Arc::strong_count(&lock), 2);
    let guard = OwnedLockGuard::filter_map(guard, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(Arc::strong_count(&lock), 2);
    let pair = OwnedLockGuard::map(guard, |all| &mut all.1);
    assert_eq!(Arc::strong_count(&lock), 2);
    let pair = OwnedMappedLockGuard::filter_map(pair, |pair| pair.get_mut(2)).unwrap_err();
    assert!(lock.try_lock().is_none());
    let last = OwnedMappedLockGuard::map(pair, |pair| &mut pair[1]);
    assert_eq!((*last, Arc::strong_count(&lock)), (3, 2));
    drop(last);
    assert_eq!(Arc::strong_count(&lock), 1);
    assert!(lock.try_lock().is_some());
    drop(lock.clone().lock_owned());
    assert!(lock.clone().try_lock_owned().is_some());
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn an_acquired_owned_guard_counts_the_arc_once_after_its_future_is_gone() {
    let lock = Arc::new(Lock::new(()));
    let guard = futures_lite::future::block_on(lock.clone().lock_owned());
    assert_eq!(Arc::strong_count(&lock), 2);
    drop(guard);
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn the_last_owned_guard_drops_the_value_after_the_unlock() {
    let value = Arc::new(());
    let guard = Arc::new(Lock::new(value.clone())).try_lock_owned().unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(OwnedLockGuard::map(guard, |value| value));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_panic_in_map_or_under_the_guard_releases_the_lock() {
    let lock = Arc::new(Lock::new(7));
    assert!(
        panic_message(|| LockGuard::map(lock.try_lock().unwrap(), |_: &mut i32| -> &mut i32 { panic!() })).is_some()
    );
    assert!(!lock.is_locked());
    let owned = lock.clone().try_lock_owned().unwrap();
    assert!(panic_message(|| OwnedLockGuard::filter_map(owned, |_| -> Option<&mut i32> { panic!() })).is_some());
    assert!(!lock.is_locked());
    assert!(
        panic_message(|| {
            let mut guard = lock.try_lock().unwrap();
            *guard = 8;
            panic!("half way");
        })
        .is_some()
    );
    assert_eq!(*lock.try_lock().expect("no poisoning"), 8);
}

#[test]
fn unsized_values_are_locked_like_others() {
    let slice: &Lock<[u8]> = &Lock::new([1, 2, 3]);
    slice.try_lock().unwrap()[1] = 9;
    assert_eq!(*slice.try_lock().unwrap(), [1, 9, 3]);

    let shared: Arc<Lock<dyn Fn(u32) -> u32 + Send>> = Arc::new(Lock::new(|x| x + 1));
    assert_eq!(shared.try_lock().unwrap()(1), 2);
    let guard = futures_lite::future::block_on(shared.clone().lock_owned());
    assert!(shared.try_lock().is_none());
    assert_eq!(guard(2), 3);
    let part = LockGuard::map(slice.try_lock().unwrap(), |bytes| &mut bytes[..2]);
    assert_eq!(*part, [1, 9]);
}

#[test]
fn guards_format_as_their_value() {
    let lock = Arc::new(Lock::new((1, 2)));
    assert_eq!(format!("{:?}", lock.try_lock().unwrap()), "(1, 2)");
    let first = LockGuard::map(lock.try_lock().unwrap(), |pair| &mut pair.0);
    assert_eq!(format!("{first} {first:?}"), "1 1");
    drop(first);
    let second = OwnedLockGuard::map(lock.clone().try_lock_owned().unwrap(), |pair| &mut pair.1);
    assert_eq!(format!("{second} {second:?}"), "2 2");
}
