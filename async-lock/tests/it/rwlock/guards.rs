//! Hazards 18, 19, 33: guards of a part, owned guards, panics under the lock.

use super::assert_free;
use std::sync::Arc;
use waitline::testing::panic_message;
use waitline_lock::*;

#[test]
fn mapped_guards_hold_the_lock_and_write_through() {
    let lock = RwLock::new((1, [2, 3]));
    let pair = RwLockWriteGuard::map(lock.try_write().unwrap(), |all| &mut all.1);
    assert!(lock.try_read().is_none());
    let mut second = MappedRwLockWriteGuard::map(pair, |pair| &mut pair[1]);
    *second = 30;
    assert!(lock.try_read().is_none());
    drop(second);
    let pair = RwLockReadGuard::map(lock.try_read().unwrap(), |all| &all.1);
    assert!(lock.try_read().is_some() && lock.try_write().is_none());
    let second = MappedRwLockReadGuard::map(pair, |pair| &pair[1]);
    assert_eq!(*second, 30);
    assert!(lock.try_write().is_none());
    drop(second);
    let upgradable = RwLockUpgradableReadGuard::map(lock.try_upgradable_read().unwrap(), |all| &all.0);
    assert!(lock.try_upgradable_read().is_none() && lock.try_read().is_some());
    drop(upgradable);
    assert_free(&lock);
}

#[test]
fn owned_guards_of_all_kinds_count_the_arc_once() {
    let lock = Arc::new(RwLock::new((1, [2, 3])));
    let guard = OwnedRwLockReadGuard::filter_map(lock.clone().try_read_owned().unwrap(), |_| None::<&i32>);
    assert_eq!(Arc::strong_count(&lock), 2);
    let pair = OwnedRwLockReadGuard::map(guard.unwrap_err(), |all| &all.1);
    let pair = OwnedMappedRwLockReadGuard::filter_map(pair, |pair| pair.get(2)).unwrap_err();
    assert_eq!(Arc::strong_count(&lock), 2);
    let last = OwnedMappedRwLockReadGuard::map(pair, |pair| &pair[1]);
    assert_eq!((*last, Arc::strong_count(&lock)), (3, 2));
    drop(last);
    assert_eq!(Arc::strong_count(&lock), 1);

    let guard = OwnedRwLockWriteGuard::filter_map(lock.clone().try_write_owned().unwrap(), |_| None::<&mut i32>);
    let pair = OwnedRwLockWriteGuard::map(guard.unwrap_err(), |all| &mut all.1);
    let pair = OwnedMappedRwLockWriteGuard::filter_map(pair, |pair| pair.get_mut(2)).unwrap_err();
    assert_eq!(Arc::strong_count(&lock), 2);
    let mut last = OwnedMappedRwLockWriteGuard::map(pair, |pair| &mut pair[1]);
    *last += 1;
    drop(last);
    assert_eq!((Arc::strong_count(&lock), lock.try_read().unwrap().1[1]), (1, 4));

    let guard = lock.clone().try_write_owned().unwrap();
    let guard = OwnedRwLockWriteGuard::downgrade_to_upgradable(guard);
    let guard = OwnedRwLockUpgradableReadGuard::try_upgrade(guard).unwrap();
    let guard = futures_lite::future::block_on(OwnedRwLockUpgradableReadGuard::upgrade(
        OwnedRwLockWriteGuard::downgrade_to_upgradable(guard),
    ));
    let guard = OwnedRwLockWriteGuard::downgrade(guard);
    assert_eq!(Arc::strong_count(&lock), 2);
    drop(guard);
    let guard = OwnedRwLockUpgradableReadGuard::downgrade(lock.clone().try_upgradable_read_owned().unwrap());
    assert_eq!(Arc::strong_count(&lock), 2);
    drop(guard);
    drop(OwnedRwLockUpgradableReadGuard::upgrade(lock.clone().try_upgradable_read_owned().unwrap()));
    drop((lock.clone().read_owned(), lock.clone().write_owned()));
    let guard = futures_lite::future::block_on(lock.clone().write_owned());
    assert_eq!(Arc::strong_count(&lock), 2);
    drop(guard);
    assert_eq!(Arc::strong_count(&lock), 1);
    assert_free(&lock);
}

#[test]
fn the_last_owned_guard_drops_the_value_after_the_release() {
    let value = Arc::new(());
    let guard = Arc::new(RwLock::new(value.clone())).try_read_owned().unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(OwnedRwLockReadGuard::map(guard, |value| value));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_panic_in_map_or_under_the_guard_releases_the_lock() {
    let lock = Arc::new(RwLock::new(7));
    fn fails_mut(_: &mut i32) -> &mut i32 {
        panic!()
    }
    fn fails(_: &i32) -> Option<&i32> {
        panic!()
    }
    assert!(panic_message(|| RwLockWriteGuard::map(lock.try_write().unwrap(), fails_mut)).is_some());
    assert_free(&lock);
    assert!(
        panic_message(|| OwnedRwLockReadGuard::filter_map(lock.clone().try_read_owned().unwrap(), fails)).is_some()
    );
    assert_free(&lock);
    let half_way = || {
        *lock.try_write().unwrap() = 8;
        let _reader = lock.try_read().unwrap();
        panic!("half way");
    };
    assert!(panic_message(half_way).is_some());
    assert_eq!(*lock.try_write().expect("no poisoning"), 8);
}

#[test]
fn unsized_values_are_locked_like_others() {
    let slice: &RwLock<[u8]> = &RwLock::new([1, 2, 3]);
    slice.try_write().unwrap()[1] = 9;
    assert_eq!(*slice.try_read().unwrap(), [1, 9, 3]);
    let part = RwLockReadGuard::map(slice.try_read().unwrap(), |bytes| &bytes[..2]);
    assert_eq!(*part, [1, 9]);
    drop(part);
    let shared: Arc<RwLock<dyn Fn(u32) -> u32 + Send + Sync>> = Arc::new(RwLock::new(|x| x + 1));
    assert_eq!(shared.try_read().unwrap()(1), 2);
    let guard = futures_lite::future::block_on(shared.clone().upgradable_read_owned());
    assert_eq!(futures_lite::future::block_on(OwnedRwLockUpgradableReadGuard::upgrade(guard))(2), 3);
}

#[test]
fn guards_format_as_their_value() {
    let lock = Arc::new(RwLock::new((1, 2)));
    assert_eq!(format!("{:?} {:?}", lock.try_read().unwrap(), lock.try_upgradable_read().unwrap()), "(1, 2) (1, 2)");
    assert_eq!(format!("{:?}", lock.try_write().unwrap()), "(1, 2)");
    let first = RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.0);
    assert_eq!(format!("{first} {first:?}"), "1 1");
    drop(first);
    let second = OwnedRwLockReadGuard::map(lock.clone().try_read_owned().unwrap(), |pair| &pair.1);
    assert_eq!(format!("{second} {second:?}"), "2 2");
}
