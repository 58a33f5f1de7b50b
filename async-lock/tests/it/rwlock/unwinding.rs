//! Hazards 38 and 39: what a panic meets on its way loses nothing and aborts nothing.

use super::{Shared, assert_free};
use std::sync::{Arc, Mutex};
use waitline::testing::{
    WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker, poll_with, queued, queued_with,
};
use waitline_lock::{OwnedRwLockUpgradableReadGuard as Upgradable, OwnedRwLockWriteGuard as Writer, RwLock};

/// Runs `end`, which releases `lock`, during a panic, with `n` readers whose wakers panic, and a writer behind them.
fn released_by_a_panic(lock: &Shared<(u8, u8)>, n: usize, end: impl FnOnce()) {
    let mut waits: Vec<_> = (0..n).map(|_| queued_with(lock.clone().read_owned(), &panicking_waker())).collect();
    let mut last = queued_with(lock.clone().write_owned(), &panicking_waker());
    during_panic(end);
    for wait in &mut waits {
        let guard = now(wait.as_mut());
        during_panic(|| drop(guard));
    }
    drop(now(last.as_mut()));
    assert_free(lock);
}

#[test]
fn guards_and_futures_of_all_kinds_dropped_by_a_panic_wake_and_do_not_abort() {
    for n in [1, 2, 40] {
        let lock = Arc::new(RwLock::new((1, 2)));
        let guard = lock.try_write().unwrap();
        released_by_a_panic(&lock, n, || drop(guard));
        let guard = Writer::map(lock.clone().try_write_owned().unwrap(), |pair| &mut pair.0);
        released_by_a_panic(&lock, n, || drop(guard));
        let guard = lock.clone().try_write_owned().unwrap();
        released_by_a_panic(&lock, n, || drop(Writer::downgrade(guard)));
        // Granted, but not polled since.
        let guard = lock.try_write().unwrap();
        let wait = queued(lock.clone().write_owned());
        drop(guard);
        released_by_a_panic(&lock, n, || drop(wait));
        let (reader, upgradable) = (lock.try_read().unwrap(), lock.clone().try_upgradable_read_owned().unwrap());
        let upgrade = queued(Upgradable::upgrade(upgradable));
        drop(reader);
        released_by_a_panic(&lock, n, || drop(upgrade));
    }
}

/// A waker that runs `clone` at its first clone, and whose clones panic when they are dropped.
fn angry_waker(clone: impl FnOnce() + Send + 'static) -> std::task::Waker {
    let clone = Mutex::new(Some(clone));
    hooked_waker(move |call| match call {
        WakerCall::Clone => {
            if let Some(clone) = clone.lock().unwrap().take() {
                clone();
            }
        }
        WakerCall::Wake => {}
        WakerCall::Drop => panic!("an angry waker"),
    })
}

#[test]
fn a_right_taken_in_spite_of_an_angry_waker_is_not_lost() {
    for polled_again in [true, false] {
        let lock = Shared::<()>::default();
        // The lock becomes free between the look without the mutex and the one with it, so that the clone is not needed.
        let guard = lock.clone().try_write_owned().unwrap();
        let mut wait = Box::pin(lock.clone().read_owned());
        let waker = angry_waker(move || drop(guard));
        assert_eq!(panic_message(|| _ = poll_with(wait.as_mut(), &waker)).as_deref(), Some("an angry waker"));
        std::mem::forget(waker);
        assert!(lock.is_locked());
        if polled_again {
            drop(now(wait.as_mut()));
        }
        drop(wait);
        assert_free(&lock);
        // The same for an upgrade.
        let reader = lock.clone().try_read_owned().unwrap();
        let mut wait = Box::pin(Upgradable::upgrade(lock.clone().try_upgradable_read_owned().unwrap()));
        let waker = angry_waker(move || drop(reader));
        assert_eq!(panic_message(|| _ = poll_with(wait.as_mut(), &waker)).as_deref(), Some("an angry waker"));
        std::mem::forget(waker);
        assert!(lock.try_read().is_none(), "it is the writer");
        if polled_again {
            drop(now(wait.as_mut()));
        }
        drop(wait);
        assert_free(&lock);
    }
}
