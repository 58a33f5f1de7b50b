//! Upgrades and downgrades.

use super::{Shared, assert_free};
use std::sync::Arc;
use waitline::testing::{CountingWaker, WakeOrder, now, poll_once, queued, queued_with, yield_until};
use waitline_lock::{OwnedRwLockUpgradableReadGuard as Upgradable, OwnedRwLockWriteGuard as Writer, RwLock};

#[test]
fn an_upgrade_without_other_readers_is_ready_at_once() {
    let lock = Shared::<u32>::default();
    let upgrade = Upgradable::upgrade(lock.clone().try_upgradable_read_owned().unwrap());
    *now(Box::pin(upgrade)) += 1;
    assert_eq!(*lock.try_read().unwrap(), 1);
    assert_free(&lock);
}

#[test]
fn an_upgrade_goes_before_all_that_wait_already() {
    let lock = Shared::<()>::default();
    let reader = lock.try_read().unwrap();
    let upgradable = lock.clone().try_upgradable_read_owned().unwrap();
    let order = WakeOrder::new();
    let mut writer = queued_with(lock.clone().write_owned(), &order.waker(1));
    let mut behind = queued_with(lock.clone().read_owned(), &order.waker(2));
    let mut upgrade = queued_with(Upgradable::upgrade(upgradable), &order.waker(0));
    assert_eq!(lock.waiters(), 3);
    drop(reader);
    assert_eq!(order.take(), [0]);
    drop(now(upgrade.as_mut()));
    assert_eq!(order.take(), [1]);
    drop(now(writer.as_mut()));
    assert_eq!(order.take(), [2]);
    drop(now(behind.as_mut()));
    assert_free(&lock);
}

#[test]
fn newcomers_wait_behind_an_upgrade_that_waits() {
    let lock = Shared::<()>::default();
    let reader = lock.try_read().unwrap();
    let mut upgrade = queued(Upgradable::upgrade(lock.clone().try_upgradable_read_owned().unwrap()));
    assert!(lock.try_read().is_none() && lock.try_upgradable_read().is_none());
    let mut newcomer = queued(lock.clone().read_owned());
    drop(reader);
    assert!(poll_once(newcomer.as_mut()).is_pending());
    drop(now(upgrade.as_mut()));
    drop(now(newcomer.as_mut()));
    assert_free(&lock);
}

#[test]
fn try_upgrade_succeeds_before_a_waiting_writer_and_fails_beside_a_reader() {
    let lock = Shared::<u32>::default();
    let reader = lock.try_read().unwrap();
    let upgradable = lock.clone().try_upgradable_read_owned().unwrap();
    let mut writer = queued(lock.clone().write_owned());
    let upgradable = Upgradable::try_upgrade(upgradable).unwrap_err();
    drop(reader);
    assert!(poll_once(writer.as_mut()).is_pending());
    let mut upgraded = Upgradable::try_upgrade(upgradable).expect("no reader is left");
    *upgraded += 1;
    assert!(poll_once(writer.as_mut()).is_pending());
    drop(upgraded);
    assert_eq!(*now(writer.as_mut()), 1);
    assert_free(&lock);
}

#[test]
fn a_downgrade_grants_the_readers_at_the_front_and_no_writer() {
    for to_upgradable in [false, true] {
        let lock = Shared::<u32>::default();
        let mut guard = lock.clone().try_write_owned().unwrap();
        let mut readers = [(); 40].map(|()| queued(lock.clone().read_owned()));
        let mut writer = queued(lock.clone().write_owned());
        let mut behind = queued(lock.clone().read_owned());
        *guard += 1;
        let (reader, upgradable) = if to_upgradable {
            (None, Some(Writer::downgrade_to_upgradable(guard)))
        } else {
            (Some(Writer::downgrade(guard)), None)
        };
        for reader in &mut readers {
            assert_eq!(*now(reader.as_mut()), 1);
        }
        assert!(poll_once(writer.as_mut()).is_pending());
        assert!(poll_once(behind.as_mut()).is_pending());
        drop((reader, upgradable));
        drop(now(writer.as_mut()));
        drop(now(behind.as_mut()));
        assert_free(&lock);
    }
}

#[test]
fn a_downgrade_with_a_writer_at_the_front_grants_nobody() {
    let lock = Shared::<()>::default();
    let guard = lock.clone().try_write_owned().unwrap();
    let woken = CountingWaker::new();
    let mut writer = queued_with(lock.clone().write_owned(), &woken.waker());
    let _behind = queued_with(lock.clone().read_owned(), &woken.waker());
    let guard = Writer::downgrade(guard);
    assert_eq!(woken.count(), 0);
    drop(guard);
    assert_eq!(woken.count(), 1);
    drop(now(writer.as_mut()));
}

#[test]
fn a_downgraded_upgradable_read_grants_the_next_one_and_the_readers_behind_it() {
    let lock = Shared::<()>::default();
    let guard = lock.clone().try_upgradable_read_owned().unwrap();
    let mut next = queued(lock.clone().upgradable_read_owned());
    let mut reader = queued(lock.clone().read_owned());
    let mut writer = queued(lock.clone().write_owned());
    let guard = Upgradable::downgrade(guard);
    let (next, reader) = (now(next.as_mut()), now(reader.as_mut()));
    let mut upgrade = queued(Upgradable::upgrade(next));
    drop((guard, reader));
    drop(now(upgrade.as_mut()));
    drop(now(writer.as_mut()));
    assert_free(&lock);
}

#[test]
fn an_upgrade_that_blocks_its_thread_waits_for_the_readers() {
    let lock = Arc::new(RwLock::new(1));
    let reader = lock.try_read().unwrap();
    let upgradable = lock.upgradable_read_blocking();
    std::thread::scope(|scope| {
        let upgrade = scope.spawn(|| *waitline_lock::RwLockUpgradableReadGuard::upgrade_blocking(upgradable) += 1);
        yield_until(|| lock.waiters() == 1);
        assert_eq!(*reader, 1);
        drop(reader);
        upgrade.join().unwrap();
    });
    assert_eq!(*lock.try_read().unwrap(), 2);
    assert_free(&lock);
}

#[test]
fn an_upgrade_is_polled_to_its_end_on_another_thread() {
    let lock = Arc::new(RwLock::new(1));
    let reader = lock.clone().try_read_owned().unwrap();
    let mut upgrade = queued(Upgradable::upgrade(lock.clone().try_upgradable_read_owned().unwrap()));
    let upgrade = std::thread::spawn(move || *futures_lite::future::block_on(upgrade.as_mut()) += 1);
    drop(reader);
    upgrade.join().unwrap();
    assert_eq!(*lock.try_read().unwrap(), 2);
}
