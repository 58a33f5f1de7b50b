//! The readers-writer lock.

mod cancel;
mod fairness;
mod guards;
mod storm;
mod unwinding;
mod upgrade;
mod wakers;

use std::sync::Arc;
use waitline_lock::{RwLock, RwLockUpgradableReadGuard};

type Shared<T = ()> = Arc<RwLock<T>>;

/// Checks that nobody holds the lock or waits for it.
#[track_caller]
fn assert_free<T>(lock: &RwLock<T>) {
    assert_eq!(lock.waiters(), 0);
    assert!(!lock.is_locked());
    assert!(lock.try_write().is_some());
}

#[test]
fn rights_fit_in_beside_each_other_as_the_table_says() {
    type Take = fn(&'static RwLock<u8>) -> Option<Box<dyn std::any::Any>>;
    fn boxed<T: 'static>(guard: Option<T>) -> Option<Box<dyn std::any::Any>> {
        guard.map(|guard| Box::new(guard) as _)
    }
    static LOCK: RwLock<u8> = RwLock::new(0);
    let ways: [Take; 3] =
        [|lock| boxed(lock.try_read()), |lock| boxed(lock.try_upgradable_read()), |lock| boxed(lock.try_write())];
    let fits = [[true, true, false], [true, false, false], [false, false, false]];
    for (first, row) in ways.iter().zip(fits) {
        let held = first(&LOCK).expect("it was free");
        for (second, fits) in ways.iter().zip(row) {
            assert_eq!(second(&LOCK).is_some(), fits);
        }
        drop(held);
        assert_free(&LOCK);
    }
}

#[test]
fn debug_tells_value_and_waiters_without_blocking() {
    use waitline::testing::queued;
    let lock = Arc::new(RwLock::new(5));
    assert_eq!(format!("{lock:?}"), "RwLock { data: 5, waiters: 0 }");
    let reader = lock.try_read().unwrap();
    assert_eq!(format!("{lock:?}"), "RwLock { data: 5, waiters: 0 }");
    let writer = queued(lock.clone().write_owned());
    assert_eq!(format!("{lock:?} {writer:?}"), {
        "RwLock { data: <locked>, waiters: 1 } RwAcquire(write, Waiter(queued))"
    });
    drop(reader);
    assert_eq!(format!("{writer:?} {:?}", lock.read()), {
        "RwAcquire(write, Waiter(granted)) RwAcquire(read, Waiter(new))"
    });
    drop(writer);
    let upgrade = RwLockUpgradableReadGuard::upgrade(lock.try_upgradable_read().unwrap());
    assert_eq!(format!("{upgrade:?}"), "RwUpgrade(Waiter(new))");
}

#[test]
fn constructors_and_conversions_agree() {
    static LOCK: RwLock<u32> = RwLock::new(4).with_label("four");
    assert_eq!(*LOCK.try_read().unwrap(), 4);
    assert_eq!(RwLock::<u32>::default().into_inner(), 0);
    let mut lock = RwLock::from(3);
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 4);
}

#[test]
fn a_read_inside_a_read_waits_behind_a_waiting_writer() {
    use waitline::testing::{now, queued};
    let lock = Shared::<()>::default();
    let outer = lock.try_read().unwrap();
    drop(lock.try_read().expect("nobody waits"));
    let mut writer = queued(lock.clone().write_owned());
    let mut inner = queued(lock.clone().read_owned());
    drop(outer);
    drop(now(writer.as_mut()));
    drop(now(inner.as_mut()));
    assert_free(&lock);
}

/// With a record of who waits and holds.
#[cfg(feature = "diagnostics")]
#[test]
fn the_record_tells_readers_writers_and_upgraders_apart() {
    use waitline::{
        diagnostics::{HeldAs, Target, holds, waits},
        testing::{now, queued},
    };
    let lock = Arc::new(RwLock::new(0).with_label("told apart"));
    let held = || {
        let mut held: Vec<_> = holds().into_iter().filter(|hold| hold.location.file() == file!()).collect();
        held.retain(|hold| Some(hold.primitive) == id(&lock));
        held.iter().map(|hold| hold.held_as).collect::<Vec<_>>()
    };
    /// The number of the lock in the record, which a wait names.
    fn id(lock: &Shared<i32>) -> Option<u64> {
        static ID: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
        let found = || {
            let _guard = lock.try_write()?;
            let _waits = queued(lock.clone().read_owned());
            waits().into_iter().find_map(|wait| match wait.target {
                Target::Primitive(primitive, _) if primitive.label == Some("told apart") => Some(primitive.id),
                _ => None,
            })
        };
        match ID.get() {
            Some(id) => Some(*id),
            None => found().inspect(|id| ID.set(*id).unwrap()),
        }
    }
    let id = id(&lock).expect("a waiter names its lock");
    let (reader, upgradable) = (lock.clone().try_read_owned().unwrap(), lock.clone().try_upgradable_read_owned());
    assert_eq!(held(), [HeldAs::Reader, HeldAs::UpgradableReader]);
    let mut upgrade = queued(waitline_lock::OwnedRwLockUpgradableReadGuard::upgrade(upgradable.unwrap()));
    let writer = queued(lock.clone().write_owned());
    let calls: Vec<_> = waits()
        .into_iter()
        .filter_map(|wait| match wait.target {
            Target::Primitive(primitive, call) if primitive.id == id => Some((primitive.kind, call)),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("RwLock", "upgrade"), ("RwLock", "write")]);
    drop(reader);
    let guard = now(upgrade.as_mut());
    assert_eq!(held(), [HeldAs::Writer]);
    let guard = waitline_lock::OwnedRwLockWriteGuard::downgrade(guard);
    assert_eq!(held(), [HeldAs::Reader]);
    drop((guard, writer));
    assert_eq!(held(), []);
    let mapped = waitline_lock::RwLockReadGuard::map(lock.try_read().unwrap(), |number| number);
    assert_eq!(held(), [HeldAs::Reader]);
    drop(mapped);
    let mapped = waitline_lock::RwLockWriteGuard::map(lock.try_write().unwrap(), |number| number);
    assert_eq!(held(), [HeldAs::Writer]);
    drop(mapped);
    assert_eq!(held(), []);
}
