//! Hazards 1, 2, 3, 15, 16, 32: futures that are dropped, at every point.

use super::{Shared, assert_free};
use std::{any::Any, mem, pin::pin, sync::Arc};
use waitline::testing::{CountingWaker, now, poll_once, poll_with, queued, queued_with};
use waitline_lock::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock,
    rwlock::{RwAcquire, RwUpgrade},
};

#[test]
fn an_unpolled_future_waits_for_nothing() {
    let lock = RwLock::new(());
    let guard = lock.try_write().unwrap();
    drop((lock.read(), lock.write(), lock.upgradable_read()));
    assert_eq!(lock.waiters(), 0);
    drop(guard);
    assert_free(&lock);
}

#[test]
fn a_granted_writer_that_is_dropped_passes_the_lock_to_the_readers_behind_it() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let first = queued(lock.clone().write_owned());
    let woken = CountingWaker::new();
    let mut readers = [(); 3].map(|()| queued_with(lock.clone().read_owned(), &woken.waker()));
    drop(guard);
    assert_eq!(woken.count(), 0);
    drop(first);
    assert_eq!(woken.count(), 3);
    drop(readers.each_mut().map(|reader| now(reader.as_mut())));
    assert_free(&lock);
}

#[test]
fn granted_readers_that_are_dropped_pass_the_lock_to_the_writer_with_the_last_of_them() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let [first, second] = [(); 2].map(|()| queued(lock.clone().read_owned()));
    let upgradable = queued(lock.clone().upgradable_read_owned());
    let woken = CountingWaker::new();
    let mut writer = queued_with(lock.clone().write_owned(), &woken.waker());
    drop(guard);
    drop(second);
    drop(upgradable);
    assert_eq!(woken.count(), 0);
    drop(first);
    assert_eq!(woken.count(), 1);
    drop(now(writer.as_mut()));
    assert_free(&lock);
}

#[test]
fn a_waiting_writer_that_is_dropped_lets_the_readers_behind_it_in_at_once() {
    let lock = Shared::<()>::default();
    let guard = lock.try_read().unwrap();
    let writer = queued(lock.clone().write_owned());
    let woken = CountingWaker::new();
    let mut readers = [(); 3].map(|()| queued_with(lock.clone().read_owned(), &woken.waker()));
    let second = queued(lock.clone().write_owned());
    drop(writer);
    assert_eq!(woken.count(), 3);
    drop(guard);
    assert!(lock.try_read().is_none(), "the second writer waits");
    drop(readers.each_mut().map(|reader| now(reader.as_mut())));
    drop(second);
    assert_free(&lock);
}

#[test]
fn a_waiting_upgradable_reader_that_is_dropped_lets_those_behind_it_in_at_once() {
    let lock = Shared::<()>::default();
    let guard = lock.try_upgradable_read().unwrap();
    let second = queued(lock.clone().upgradable_read_owned());
    let mut reader = queued(lock.clone().read_owned());
    assert!(poll_once(reader.as_mut()).is_pending());
    drop(second);
    drop(now(reader.as_mut()));
    drop(guard);
    assert_free(&lock);
}

/// More readers than one round of wake-ups takes, of which some are dropped inside the first wake-up: those were granted
/// (or chosen) already, and take nothing with them.
#[test]
fn chosen_readers_that_are_dropped_before_their_wake_up_take_nothing_with_them() {
    use std::sync::Mutex;
    use waitline::testing::{WakerCall, hooked_waker};
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let doomed = Arc::new(Mutex::new(Vec::new()));
    let waker = hooked_waker({
        let doomed = doomed.clone();
        move |call| {
            if call == WakerCall::Wake {
                let doomed = mem::take(&mut *doomed.lock().unwrap());
                drop(doomed);
            }
        }
    });
    let mut first = queued_with(lock.clone().read_owned(), &waker);
    let mut others: Vec<_> = (0..50).map(|_| queued(lock.clone().read_owned())).collect();
    doomed.lock().unwrap().extend((0..50).map(|_| queued(lock.clone().read_owned())));
    let mut last = queued(lock.clone().read_owned());
    let mut writer = queued(lock.clone().write_owned());
    drop(guard);
    assert!(doomed.lock().unwrap().is_empty());
    drop((now(first.as_mut()), now(last.as_mut())));
    assert!(poll_once(writer.as_mut()).is_pending());
    others.drain(..).for_each(|mut reader| drop(now(reader.as_mut())));
    drop(now(writer.as_mut()));
    assert_free(&lock);
}

/// The writer behind a phase is dropped inside the first wake-up, while the rest of the phase is chosen and not yet woken.
/// Whoever takes over, those behind the writer get in, and if there are none, newcomers need not wait.
#[test]
fn a_writer_behind_chosen_readers_that_is_dropped_holds_nobody_up() {
    use std::sync::Mutex;
    use waitline::testing::{WakerCall, hooked_waker};
    for (readers, behind) in [(33, 0), (33, 1), (40, 0), (40, 1), (64, 0), (80, 1), (100, 0), (100, 40)] {
        let lock = Shared::<()>::default();
        let guard = lock.try_write().unwrap();
        let writer = Arc::new(Mutex::new(None));
        let waker = hooked_waker({
            let writer = writer.clone();
            move |call| {
                if call == WakerCall::Wake {
                    let writer = writer.lock().unwrap().take();
                    drop(writer);
                }
            }
        });
        let first = queued_with(lock.clone().read_owned(), &waker);
        let phase: Vec<_> = (1..readers).map(|_| queued(lock.clone().read_owned())).collect();
        *writer.lock().unwrap() = Some(queued(lock.clone().write_owned()));
        let mut others: Vec<_> = (0..behind).map(|_| queued(lock.clone().read_owned())).collect();
        drop(guard);
        assert!(lock.try_read().is_some(), "nobody waits: {readers}, {behind}");
        drop(others.iter_mut().map(|other| now(other.as_mut())).collect::<Vec<_>>());
        drop((first, phase));
        assert_free(&lock);
    }
}

#[test]
fn waiters_dropped_anywhere_leave_the_others_in_order() {
    for dropped in 0..64_u32 {
        let lock = Shared::<()>::default();
        let guard = lock.try_write().unwrap();
        enum Wait {
            Read(std::pin::Pin<Box<RwAcquire<Shared, waitline_lock::rwlock::Read>>>),
            Write(std::pin::Pin<Box<RwAcquire<Shared, waitline_lock::rwlock::Write>>>),
        }
        // Reader, reader, writer, reader, reader, writer.
        let mut waits: Vec<_> = (0..6)
            .map(|i| match i % 3 {
                2 => Some(Wait::Write(queued(lock.clone().write_owned()))),
                _ => Some(Wait::Read(queued(lock.clone().read_owned()))),
            })
            .collect();
        for (i, wait) in waits.iter_mut().enumerate() {
            if dropped >> i & 1 == 1 {
                *wait = None;
            }
        }
        assert_eq!(lock.waiters(), 6 - dropped.count_ones() as usize);
        drop(guard);
        let mut readers = Vec::new();
        for wait in waits.iter_mut().flatten() {
            assert!(lock.try_write().is_none());
            match wait {
                Wait::Read(wait) => readers.push(now(wait.as_mut())),
                Wait::Write(wait) => {
                    readers.clear();
                    drop(now(wait.as_mut()));
                }
            }
        }
        drop(readers);
        assert_free(&lock);
    }
}

#[test]
fn when_all_waiters_are_dropped_the_lock_works_as_if_they_never_were() {
    let lock = Shared::<()>::default();
    let guard = lock.try_read().unwrap();
    let writer = queued(lock.clone().write_owned());
    let reader = queued(lock.clone().read_owned());
    drop((reader, writer));
    // The fast paths work again, beside the reader.
    drop((lock.try_read().unwrap(), lock.try_upgradable_read().unwrap()));
    drop(guard);
    assert_free(&lock);
}

#[test]
fn every_way_to_give_the_lock_back_grants_the_writer_that_waits() {
    type Read = OwnedRwLockReadGuard<(u32, u32)>;
    type Upgradable = OwnedRwLockUpgradableReadGuard<(u32, u32)>;
    type Write = OwnedRwLockWriteGuard<(u32, u32)>;
    type Hold = fn(Shared<(u32, u32)>) -> Box<dyn Any>;
    let ways: [Hold; 18] = [
        |lock| Box::new(lock.try_read_owned().unwrap()),
        |lock| Box::new(lock.try_upgradable_read_owned().unwrap()),
        |lock| Box::new(lock.try_write_owned().unwrap()),
        |lock| Box::new(Read::map(lock.try_read_owned().unwrap(), |pair| &pair.0)),
        |lock| Box::new(Upgradable::map(lock.try_upgradable_read_owned().unwrap(), |pair| &pair.0)),
        |lock| Box::new(Write::map(lock.try_write_owned().unwrap(), |pair| &mut pair.0)),
        |lock| Box::new(Read::filter_map(lock.try_read_owned().unwrap(), |pair| Some(&pair.0)).unwrap()),
        |lock| Box::new(Read::filter_map(lock.try_read_owned().unwrap(), |_| None::<&u32>).unwrap_err()),
        |lock| Box::new(Write::filter_map(lock.try_write_owned().unwrap(), |_| None::<&mut u32>).unwrap_err()),
        |lock| Box::new(Write::downgrade(lock.try_write_owned().unwrap())),
        |lock| Box::new(Write::downgrade_to_upgradable(lock.try_write_owned().unwrap())),
        |lock| Box::new(Upgradable::downgrade(lock.try_upgradable_read_owned().unwrap())),
        |lock| Box::new(Upgradable::try_upgrade(lock.try_upgradable_read_owned().unwrap()).unwrap()),
        // The futures of upgrades: unpolled, and granted.
        |lock| Box::new(Upgradable::upgrade(lock.try_upgradable_read_owned().unwrap())),
        |lock| Box::new(upgrade_in_stage(lock, true)),
        // The guards of a leaked reference.
        |lock| Box::new(Box::leak(Box::new(lock)).try_read().unwrap()),
        |lock| {
            let guard = Box::leak(Box::new(lock)).try_write().unwrap();
            Box::new(waitline_lock::RwLockWriteGuard::map(guard, |pair| &mut pair.1))
        },
        |lock| {
            let guard = Box::leak(Box::new(lock)).try_upgradable_read().unwrap();
            Box::new(waitline_lock::RwLockUpgradableReadGuard::filter_map(guard, |pair| Some(&pair.1)).unwrap())
        },
    ];
    for (i, hold) in ways.into_iter().enumerate() {
        let lock = Arc::new(RwLock::new((1, 2)));
        let guard = hold(lock.clone());
        let woken = CountingWaker::new();
        let mut wait = queued_with(lock.clone().write_owned(), &woken.waker());
        drop(guard);
        assert_eq!(woken.count(), 1, "way {i}");
        drop(now(wait.as_mut()));
        assert_free(&lock);
    }
}

/// An upgrade that is queued behind a leaked reader, or granted.
fn upgrade_in_stage<T>(lock: Shared<T>, granted: bool) -> std::pin::Pin<Box<RwUpgrade<Shared<T>>>> {
    let upgradable = lock.clone().try_upgradable_read_owned().unwrap();
    let reader = lock.try_read_owned().unwrap();
    let upgrade = queued(OwnedRwLockUpgradableReadGuard::upgrade(upgradable));
    if granted {
        drop(reader)
    } else {
        mem::forget(reader)
    }
    upgrade
}

#[test]
fn a_dropped_upgrade_releases_its_read_in_every_stage() {
    // Unpolled.
    let lock = Shared::<()>::default();
    drop(OwnedRwLockUpgradableReadGuard::upgrade(lock.clone().try_upgradable_read_owned().unwrap()));
    assert_free(&lock);
    // Queued: the other reader remains, and those that waited behind the upgrade get in.
    let lock = Shared::<()>::default();
    let upgrade = upgrade_in_stage(lock.clone(), false);
    let mut behind = queued(lock.clone().upgradable_read_owned());
    drop(upgrade);
    drop(now(behind.as_mut()));
    assert!(lock.try_read().is_some() && lock.try_write().is_none());
    // Granted.
    let lock = Shared::<()>::default();
    let upgrade = upgrade_in_stage(lock.clone(), true);
    let [mut reader, mut other] = [(); 2].map(|()| queued(lock.clone().read_owned()));
    let mut writer = queued(lock.clone().write_owned());
    drop(upgrade);
    drop((now(reader.as_mut()), now(other.as_mut())));
    drop(now(writer.as_mut()));
    assert_free(&lock);
}

#[test]
fn cancelled_and_granted_waiters_let_go_of_their_wakers() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let waker = CountingWaker::new();
    let cancelled = queued_with(lock.clone().read_owned(), &waker.waker());
    assert_eq!(waker.held(), 1);
    drop(cancelled);
    assert_eq!(waker.held(), 0);
    let granted = [(); 40].map(|()| queued_with(lock.clone().read_owned(), &waker.waker()));
    drop(guard);
    assert_eq!((waker.count(), waker.held()), (40, 0));
    drop(granted);
}

#[test]
fn a_forgotten_reader_is_not_unsound_and_keeps_what_it_is_given() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    mem::forget(queued(lock.clone().read_owned()));
    let mut next = queued(lock.clone().write_owned());
    drop(guard);
    assert!(poll_once(next.as_mut()).is_pending());
    drop(next);
    assert!(lock.try_write().is_none());
    assert!(lock.try_read().is_some(), "the forgotten future reads for ever");
}

#[test]
fn a_million_waits_against_a_held_lock_leave_nothing_behind() {
    let lock = RwLock::new(());
    let _guard = lock.try_write().unwrap();
    let waker = CountingWaker::new();
    for _ in 0..500_000 {
        let (mut read, mut write) = (pin!(lock.read()), pin!(lock.write()));
        assert!(poll_with(read.as_mut(), &waker.waker()).is_pending());
        assert!(poll_with(write.as_mut(), &waker.waker()).is_pending());
    }
    assert_eq!((lock.waiters(), waker.held(), waker.count()), (0, 0, 0));
}
