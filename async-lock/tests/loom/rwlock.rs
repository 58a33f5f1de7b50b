//! Models of the readers-writer lock: exclusion, phases, upgrades and downgrades.
//!
//! Every reader reads the value and every writer writes it, and loom checks these accesses for races.

use std::{pin::Pin, sync::Arc, task::Poll};
use waitline::testing::{block_on, model, poll_once, spawn};
use waitline_lock::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockUpgradableReadGuard,
    RwLockWriteGuard,
    rwlock::{Mode, RwAcquire},
};

type Shared = Arc<RwLock<usize>>;
type Waiting<M> = Pin<Box<RwAcquire<Shared, M>>>;

/// A future that has begun to wait.
fn waiting<M: Mode>(acquire: RwAcquire<Shared, M>) -> Waiting<M> {
    let mut acquire = Box::pin(acquire);
    assert!(poll_once(acquire.as_mut()).is_pending());
    acquire
}

fn add_one(lock: &RwLock<usize>) {
    *block_on(lock.write()) += 1;
}

fn read(lock: &RwLock<usize>) -> usize {
    *block_on(lock.read())
}

/// The value at the end, when nobody is left.
fn total(lock: &RwLock<usize>) -> usize {
    assert_eq!(lock.waiters(), 0);
    *lock.try_write().expect("nobody is left")
}

/// Two writers, two rounds each: exclusion and no lost wake-up, in any mixture of fast path, announcement and hand-off.
#[test]
fn two_writers_two_rounds() {
    model("rwlock: two writers, two rounds", || {
        let lock = Shared::default();
        let other = spawn({
            let lock = lock.clone();
            move || (0..2).for_each(|_| add_one(&lock))
        });
        (0..2).for_each(|_| add_one(&lock));
        other.join().unwrap();
        assert_eq!(total(&lock), 4);
    });
}

/// A writer and a reader, two rounds each.
#[test]
fn a_writer_against_a_reader() {
    model("rwlock: a writer against a reader", || {
        let lock = Shared::default();
        let reader = spawn({
            let lock = lock.clone();
            move || {
                let first = read(&lock);
                assert!(read(&lock) >= first);
            }
        });
        (0..2).for_each(|_| add_one(&lock));
        reader.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// A reader that releases the lock, one that comes, and a writer: whichever reader is the last lets the writer in.
#[test]
fn two_readers_against_a_writer() {
    model("rwlock: two readers against a writer", || {
        let lock = Shared::default();
        let guard = lock.clone().try_read_owned().expect("the lock is new");
        let releaser = spawn(move || assert_eq!(*guard, 0));
        let reader = spawn({
            let lock = lock.clone();
            move || read(&lock)
        });
        add_one(&lock);
        releaser.join().unwrap();
        assert!(reader.join().unwrap() <= 1);
        assert_eq!(total(&lock), 1);
    });
}

/// Two readers that hold the lock and release it at the same time, with a writer that waits: the last one hands it over,
/// and both reads are before the write.
#[test]
fn the_last_of_two_readers_grants_the_writer() {
    model("rwlock: two releases of readers, a writer waits", || {
        let lock = Shared::default();
        let guards = [(); 2].map(|()| lock.clone().try_read_owned().expect("no writer yet"));
        let writer = waiting(lock.clone().write_owned());
        let [one, other] = guards.map(|guard| {
            spawn(move || {
                assert_eq!(*guard, 0);
                drop(guard);
            })
        });
        *block_on(writer) += 1;
        one.join().unwrap();
        other.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// Two reads coexist, whatever a third thread, which tries to write, does in between.
#[test]
fn two_readers_are_in_together() {
    model("rwlock: two readers at once against try_write", || {
        let lock = Shared::default();
        let writer = spawn({
            let lock = lock.clone();
            move || lock.try_write().map(|mut value| *value += 1).is_some()
        });
        let first = block_on(lock.read());
        let second = lock.try_read().expect("no writer comes between, and nobody waits");
        assert_eq!(*first, *second);
        drop((first, second));
        let written = writer.join().unwrap();
        assert_eq!(total(&lock), usize::from(written));
    });
}

/// From the first poll of a waiting writer on, neither readers nor writers pass it, whatever the reader that holds the
/// lock does.
#[test]
fn newcomers_never_pass_a_waiting_writer() {
    model("rwlock: try_read and try_write as newcomers", || {
        let lock = Shared::default();
        let guard = lock.clone().try_read_owned().expect("the lock is new");
        let mut writer = waiting(lock.clone().write_owned());
        let newcomer = spawn({
            let lock = lock.clone();
            move || {
                assert!(lock.try_read().is_none() && lock.try_write().is_none(), "passed a waiter");
                assert!(lock.try_upgradable_read().is_none(), "passed a waiter");
            }
        });
        drop(guard);
        newcomer.join().unwrap();
        let Poll::Ready(mut guard) = poll_once(writer.as_mut()) else { panic!("the lock was not handed over") };
        *guard += 1;
    });
}

/// A writer's release grants two readers at once (in two rounds: a round is one under loom), while another thread drops
/// one of them. The writer behind them comes after both.
#[test]
fn a_release_grants_all_readers_up_to_the_next_writer() {
    model("rwlock: a phase of readers, one cancelled", || {
        let lock = Shared::default();
        let mut guard = lock.clone().try_write_owned().expect("the lock is new");
        let mut reader = waiting(lock.clone().read_owned());
        let cancelled = waiting(lock.clone().read_owned());
        let writer = waiting(lock.clone().write_owned());
        let canceller = spawn(move || drop(cancelled));
        *guard += 1;
        drop(guard);
        assert_eq!(*block_on(reader.as_mut()), 1);
        *block_on(writer) += 1;
        canceller.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// Two readers are granted in one step: when the first one sees its grant, the second is past waiting for anything but
/// its wake-up, even if a writer comes in between.
#[test]
fn a_phase_of_readers_is_one_step() {
    model("rwlock: the second reader of a phase, and a writer behind it", || {
        let lock = Shared::default();
        let guard = lock.clone().try_write_owned().expect("the lock is new");
        let first = waiting(lock.clone().read_owned());
        let second = waiting(lock.clone().read_owned());
        let releaser = spawn(move || {
            let mut guard = guard;
            *guard += 1;
        });
        // The first reader is kept until the second has read: with the writer between them, this would not end.
        let kept = block_on(first);
        let writer = waiting(lock.clone().write_owned());
        assert_eq!((*kept, *block_on(second)), (1, 1));
        drop(kept);
        *block_on(writer) += 1;
        releaser.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// The reader that a round has granted is gone by the time that the section chooses: it chooses the writer behind, after
/// what the reader has read.
#[test]
fn a_granted_reader_is_gone_before_the_writer_is_chosen() {
    model("rwlock: a granted reader is gone before the writer is chosen", || {
        let lock = Shared::default();
        let mut guard = lock.clone().try_write_owned().expect("the lock is new");
        let reader = waiting(lock.clone().read_owned());
        let writer = waiting(lock.clone().write_owned());
        let reader = spawn(move || assert_eq!(*block_on(reader), 1));
        *guard += 1;
        drop(guard);
        *block_on(writer) += 1;
        reader.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// A reader that comes between the two rounds of a phase is admitted: no writer waits, and those of the phase have been
/// chosen.
#[test]
fn a_newcomer_between_the_rounds_of_a_phase() {
    model("rwlock: a newcomer between the rounds of a phase", || {
        let lock = Shared::default();
        let guard = lock.clone().try_write_owned().expect("the lock is new");
        let first = waiting(lock.clone().read_owned());
        let second = waiting(lock.clone().read_owned());
        let releaser = spawn(move || {
            let mut guard = guard;
            *guard += 1;
        });
        // Kept until the newcomer has read.
        let kept = block_on(first);
        assert_eq!(read(&lock), 1);
        assert_eq!((*kept, *block_on(second)), (1, 1));
        drop(kept);
        releaser.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// A downgrade with a writer and then a reader in the queue: the writer does not come in between, and is granted when
/// the downgraded guard is dropped.
#[test]
fn a_downgrade_against_a_waiting_writer() {
    model("rwlock: downgrade, a writer comes at any time", || {
        let lock = Shared::default();
        let mut guard = lock.clone().try_write_owned().expect("the lock is new");
        let writer = spawn({
            let lock = lock.clone();
            move || add_one(&lock)
        });
        *guard += 1;
        let guard = OwnedRwLockWriteGuard::downgrade(guard);
        assert_eq!(*guard, 1, "a writer came in between");
        drop(guard);
        writer.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// A downgrade grants the reader at the front, which reads beside the downgraded guard what it has written. (The guard
/// is kept until then.) The reader comes at any time, before or after.
#[test]
fn a_downgrade_admits_readers() {
    model("rwlock: downgrade, a reader comes at any time", || {
        let lock = Shared::default();
        let mut guard = lock.clone().try_write_owned().expect("the lock is new");
        let reader = spawn({
            let lock = lock.clone();
            move || read(&lock)
        });
        *guard += 1;
        let guard = OwnedRwLockWriteGuard::downgrade(guard);
        assert_eq!(reader.join().unwrap(), 1);
        assert_eq!(*guard, 1);
    });
}

/// The same into an upgradable read, which then upgrades: the reader reads in between or after.
#[test]
fn a_downgrade_to_upgradable_and_back() {
    model("rwlock: downgrade to upgradable, upgrade, against a reader", || {
        let lock = Shared::default();
        let mut guard = lock.clone().try_write_owned().expect("the lock is new");
        let reader = spawn({
            let lock = lock.clone();
            move || read(&lock)
        });
        *guard += 1;
        let guard = OwnedRwLockWriteGuard::downgrade_to_upgradable(guard);
        let mut guard = block_on(OwnedRwLockUpgradableReadGuard::upgrade(guard));
        *guard += 1;
        drop(guard);
        assert!((1..=2).contains(&reader.join().unwrap()));
        assert_eq!(total(&lock), 2);
    });
}

/// An upgrade waits for a reader, and goes before the writer that waited before it.
#[test]
fn an_upgrade_goes_before_a_waiting_writer() {
    model("rwlock: upgrade against a reader and a waiting writer", || {
        let lock = Shared::default();
        let upgradable = lock.clone().try_upgradable_read_owned().expect("the lock is new");
        let reader = lock.clone().try_read_owned().expect("no writer yet");
        let writer = waiting(lock.clone().write_owned());
        let reader = spawn(move || assert_eq!(*reader, 0));
        let mut upgraded = block_on(OwnedRwLockUpgradableReadGuard::upgrade(upgradable));
        assert_eq!(*upgraded, 0, "the writer came first");
        *upgraded += 1;
        drop(upgraded);
        *block_on(writer) += 1;
        reader.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// Reads, upgrades, and adds one: nobody writes in between.
fn upgrade_and_add_one(lock: &RwLock<usize>) {
    let guard = block_on(lock.upgradable_read());
    let before = *guard;
    let mut guard = block_on(RwLockUpgradableReadGuard::upgrade(guard));
    assert_eq!(*guard, before, "the value changed between read and write");
    *guard += 1;
}

/// An upgrade against a newcomer that reads, on the fast paths or not.
#[test]
fn an_upgrade_against_a_reader() {
    model("rwlock: upgrade against a reader", || {
        let lock = Shared::default();
        let reader = spawn({
            let lock = lock.clone();
            move || {
                let first = read(&lock);
                assert!(read(&lock) >= first);
            }
        });
        upgrade_and_add_one(&lock);
        reader.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// An upgrade against a newcomer that writes.
#[test]
fn an_upgrade_against_a_writer() {
    model("rwlock: upgrade against a writer", || {
        let lock = Shared::default();
        let writer = spawn({
            let lock = lock.clone();
            move || add_one(&lock)
        });
        upgrade_and_add_one(&lock);
        writer.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// `try_upgrade` against the release of the last other reader, with a writer in the queue: it succeeds or gives the
/// guard back, and excludes everybody else if it succeeds.
#[test]
fn try_upgrade_against_the_last_reader() {
    model("rwlock: try_upgrade against a release", || {
        let lock = Shared::default();
        let upgradable = lock.clone().try_upgradable_read_owned().expect("the lock is new");
        let reader = lock.clone().try_read_owned().expect("no writer yet");
        let writer = waiting(lock.clone().write_owned());
        let reader = spawn(move || assert_eq!(*reader, 0));
        let upgraded = match OwnedRwLockUpgradableReadGuard::try_upgrade(upgradable) {
            Ok(mut guard) => {
                *guard += 1;
                1
            }
            Err(guard) => {
                drop(guard);
                0
            }
        };
        *block_on(writer) += 1;
        reader.join().unwrap();
        assert_eq!(total(&lock), upgraded + 1);
    });
}

/// Two upgradable readers, one after the other, beside a reader.
#[test]
fn upgradable_readers_take_turns() {
    model("rwlock: two upgradable readers", || {
        let lock = Shared::default();
        let other = spawn({
            let lock = lock.clone();
            move || upgrade_and_add_one(&lock)
        });
        upgrade_and_add_one(&lock);
        other.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// An upgradable read becomes an ordinary one, and admits the next upgradable reader.
#[test]
fn an_upgradable_read_is_downgraded() {
    model("rwlock: downgrade of an upgradable read against another one", || {
        let lock = Shared::default();
        let guard = lock.clone().try_upgradable_read_owned().expect("the lock is new");
        let other = spawn({
            let lock = lock.clone();
            move || *block_on(lock.upgradable_read())
        });
        let guard = OwnedRwLockUpgradableReadGuard::downgrade(guard);
        assert_eq!((*guard, other.join().unwrap()), (0, 0));
    });
}

/// A waiting writer is dropped, at any point of the reader's release: the reader behind it gets in.
#[test]
fn cancel_of_a_writer_against_release() {
    model("rwlock: cancel of a waiting or granted writer against release", || {
        let lock = Shared::default();
        let guard = lock.clone().try_write_owned().expect("the lock is new");
        let cancelled = waiting(lock.clone().write_owned());
        let reader = waiting(lock.clone().read_owned());
        let canceller = spawn(move || drop(cancelled));
        let mut guard = guard;
        *guard += 1;
        drop(guard);
        assert_eq!(*block_on(reader), 1);
        canceller.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// A writer that holds readers up is dropped while a reader holds the lock, and that reader releases it meanwhile: those
/// behind the writer get in either way.
#[test]
fn cancel_of_the_writer_that_holds_up_readers() {
    model("rwlock: cancel of a writer between readers", || {
        let lock = Shared::default();
        let guard = lock.clone().try_read_owned().expect("the lock is new");
        let cancelled = waiting(lock.clone().write_owned());
        let reader = waiting(lock.clone().read_owned());
        let canceller = spawn(move || drop(cancelled));
        let releaser = spawn(move || assert_eq!(*guard, 0));
        assert_eq!(*block_on(reader), 0);
        canceller.join().unwrap();
        releaser.join().unwrap();
        assert_eq!(total(&lock), 0);
    });
}

/// A waiting or granted reader is dropped against a writer's release: the writer behind it gets in.
#[test]
fn cancel_of_a_reader_against_release() {
    model("rwlock: cancel of a waiting or granted reader against release", || {
        let lock = Shared::default();
        let mut guard = lock.clone().try_write_owned().expect("the lock is new");
        let cancelled = waiting(lock.clone().read_owned());
        let writer = waiting(lock.clone().write_owned());
        let canceller = spawn(move || drop(cancelled));
        *guard += 1;
        drop(guard);
        *block_on(writer) += 1;
        canceller.join().unwrap();
        assert_eq!(total(&lock), 2);
    });
}

/// The only waiter is dropped against a release and a newcomer: `WAITERS` is cleared, and nobody is forgotten.
#[test]
fn the_last_waiter_cancels_against_release_and_newcomer() {
    model("rwlock: the last waiter cancels against release and a newcomer", || {
        let lock = Shared::default();
        let guard = lock.clone().try_read_owned().expect("the lock is new");
        let cancelled = waiting(lock.clone().write_owned());
        let newcomer = spawn({
            let lock = lock.clone();
            move || add_one(&lock)
        });
        let canceller = spawn(move || drop(cancelled));
        drop(guard);
        newcomer.join().unwrap();
        canceller.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// An upgrade is dropped, waiting or granted, against the release of the reader that it waits for. It releases its read
/// either way: the writer behind it gets in.
#[test]
fn cancel_of_an_upgrade_against_release() {
    model("rwlock: cancel of a waiting or granted upgrade against release", || {
        let lock = Shared::default();
        let upgradable = lock.clone().try_upgradable_read_owned().expect("the lock is new");
        let reader = lock.clone().try_read_owned().expect("no writer yet");
        let mut upgrade = Box::pin(OwnedRwLockUpgradableReadGuard::upgrade(upgradable));
        assert!(poll_once(upgrade.as_mut()).is_pending());
        let writer = waiting(lock.clone().write_owned());
        let canceller = spawn(move || drop(upgrade));
        let reader = spawn(move || assert_eq!(*reader, 0));
        *block_on(writer) += 1;
        canceller.join().unwrap();
        reader.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// The only waiter is an upgrade, which is dropped against a release and a newcomer.
#[test]
fn cancel_of_the_only_upgrade_against_a_newcomer() {
    model("rwlock: cancel of the only upgrade against release and a newcomer", || {
        let lock = Shared::default();
        let upgradable = lock.clone().try_upgradable_read_owned().expect("the lock is new");
        let reader = lock.clone().try_read_owned().expect("no writer yet");
        let mut upgrade = Box::pin(OwnedRwLockUpgradableReadGuard::upgrade(upgradable));
        assert!(poll_once(upgrade.as_mut()).is_pending());
        let canceller = spawn(move || drop(upgrade));
        let newcomer = spawn({
            let lock = lock.clone();
            move || add_one(&lock)
        });
        drop(reader);
        canceller.join().unwrap();
        newcomer.join().unwrap();
        assert_eq!(total(&lock), 1);
    });
}

/// Blocking and async waiters share the queue.
#[test]
fn a_blocking_reader_behind_a_writer() {
    model("rwlock: a blocking reader behind an async writer", || {
        let lock = Shared::default();
        let guard: OwnedRwLockReadGuard<usize> = lock.clone().try_read_owned().expect("the lock is new");
        let writer = waiting(lock.clone().write_owned());
        let blocking = spawn({
            let lock = lock.clone();
            move || *lock.read_blocking()
        });
        drop(guard);
        *block_on(writer) += 1;
        assert_eq!(blocking.join().unwrap(), 1, "the thread passed the writer that waited before it");
    });
}

/// A queued future is polled with a new waker while the holder releases: the new waker is woken, or the poll is ready.
#[test]
fn a_new_waker_against_release() {
    model("rwlock: a new waker against release", || {
        let lock = Shared::default();
        let guard = lock.try_write().expect("the lock is new");
        let waits = waiting(lock.clone().read_owned());
        let waits = spawn(move || *block_on(waits));
        let _reader = RwLockWriteGuard::downgrade(guard);
        assert_eq!(waits.join().unwrap(), 0);
    });
}
