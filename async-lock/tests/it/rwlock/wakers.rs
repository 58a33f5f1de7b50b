//! Hazards 11 to 15: wakers are foreign code.

use super::{Shared, assert_free};
use std::sync::Arc;
use waitline::testing::{
    CountingWaker, WakerCall, hooked_waker, now, panic_message, panicking_waker, panicking_waker_at, poll_with, queued,
    queued_with,
};
use waitline_lock::{OwnedRwLockUpgradableReadGuard as Upgradable, OwnedRwLockWriteGuard, RwLock};

#[test]
fn only_the_last_waker_is_woken() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = queued_with(lock.clone().read_owned(), &old.waker());
    let mut wait = std::thread::spawn({
        let new = new.waker();
        move || {
            assert!(poll_with(wait.as_mut(), &new).is_pending());
            wait
        }
    })
    .join()
    .unwrap();
    assert_eq!(old.held(), 0);
    drop(guard);
    assert_eq!((old.count(), new.count()), (0, 1));
    drop(now(wait.as_mut()));
}

/// A waker that uses the lock in every call.
fn meddling(lock: &Shared) -> std::task::Waker {
    let lock = lock.clone();
    hooked_waker(move |_| {
        drop((lock.try_read(), lock.try_write(), lock.try_upgradable_read()));
        assert!(lock.waiters() < 100);
        assert!(format!("{lock:?}").starts_with("RwLock"));
        wait_and_cancel(&lock);
    })
}

/// A writer that begins to wait, or takes the lock, and is dropped.
fn wait_and_cancel(lock: &Shared) {
    let mut wait = std::pin::pin!(lock.write());
    drop(waitline::testing::poll_once(wait.as_mut()));
}

#[test]
fn wakers_may_use_the_lock_when_they_are_cloned_woken_and_dropped() {
    let lock = Shared::<()>::default();
    let waker = meddling(&lock);
    let guard = lock.clone().try_write_owned().unwrap();
    // Clone at enrolment; clone of the new and drop of the old one at a later poll; drop at cancel.
    let mut wait = queued_with(lock.clone().read_owned(), &waker);
    assert!(poll_with(wait.as_mut(), &meddling(&lock)).is_pending());
    drop(wait);
    // Wakes in the rounds of a phase, of a downgrade, and of an upgrade.
    let readers: Vec<_> = (0..40).map(|_| queued_with(lock.clone().read_owned(), &waker)).collect();
    let writer = queued_with(lock.clone().write_owned(), &waker);
    let guard = OwnedRwLockWriteGuard::downgrade(guard);
    drop(readers);
    drop(guard);
    drop(writer);
    let (reader, upgradable) = (lock.try_read().unwrap(), lock.clone().try_upgradable_read_owned().unwrap());
    let upgrade = queued_with(Upgradable::upgrade(upgradable), &waker);
    drop(reader);
    drop(upgrade);
    assert_free(&lock);
}

#[test]
fn wakers_that_panic_cost_no_reader_of_a_phase_its_grant() {
    for panics_at in [0, 1, 31, 32, 39] {
        let lock = Shared::<()>::default();
        let guard = lock.try_write().unwrap();
        let woken = CountingWaker::new();
        let mut waits: Vec<_> = (0..40)
            .map(|i| {
                let waker = if i == panics_at { panicking_waker() } else { woken.waker() };
                queued_with(lock.clone().read_owned(), &waker)
            })
            .collect();
        let mut writer = queued_with(lock.clone().write_owned(), &woken.waker());
        assert!(panic_message(|| drop(guard)).unwrap().contains("panics when it is woken"));
        assert_eq!(woken.count(), 39);
        drop(waits.iter_mut().map(|wait| now(wait.as_mut())).collect::<Vec<_>>());
        assert_eq!(woken.count(), 40);
        drop(now(writer.as_mut()));
        assert_free(&lock);
    }
}

#[test]
fn a_waker_that_panics_in_a_downgrade_costs_nobody_the_lock() {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.clone().try_write_owned().unwrap();
    let mut unlucky = queued_with(lock.clone().read_owned(), &panicking_waker());
    let mut writer = queued(lock.clone().write_owned());
    // The downgraded guard is dropped by the panic.
    assert!(panic_message(|| OwnedRwLockWriteGuard::downgrade(guard)).unwrap().contains("when it is woken"));
    drop(now(unlucky.as_mut()));
    drop(now(writer.as_mut()));
    assert_free(&lock);
}

#[test]
fn a_waker_that_panics_when_cloned_leaves_no_waiter_behind() {
    let lock = Shared::<()>::default();
    let guard = lock.clone().try_read_owned().unwrap();
    let waker = panicking_waker_at(WakerCall::Clone);
    let mut wait = Box::pin(lock.clone().write_owned());
    assert!(panic_message(|| poll_with(wait.as_mut(), &waker).is_pending()).unwrap().contains("when it is cloned"));
    assert_eq!(lock.waiters(), 0);
    assert!(lock.try_read().is_some(), "nobody waits");
    // An upgrade that panics so still holds its read.
    let mut upgrade = Box::pin(Upgradable::upgrade(lock.clone().try_upgradable_read_owned().unwrap()));
    assert!(panic_message(|| poll_with(upgrade.as_mut(), &waker).is_pending()).is_some());
    assert!(lock.try_upgradable_read().is_none());
    drop(guard);
    drop(now(upgrade.as_mut()));
    assert_free(&lock);
}
