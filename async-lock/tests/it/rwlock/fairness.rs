//! Hazards 6, 8, 9, 10: order, phases and barging.

use super::{Shared, assert_free};
use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use waitline::testing::{WakeOrder, WakerCall, hooked_waker, now, poll_once, queued, queued_with, yield_until};
use waitline_lock::RwLock;

#[test]
fn hundred_writers_are_woken_and_served_in_order() {
    let lock = Arc::new(RwLock::new(Vec::new()));
    let guard = lock.try_write().unwrap();
    let order = WakeOrder::new();
    let mut waits: Vec<_> = (0..100).map(|i| queued_with(lock.clone().write_owned(), &order.waker(i))).collect();
    drop(guard);
    for (i, wait) in waits.iter_mut().enumerate() {
        assert_eq!(order.take(), [i], "woken too early, too late or out of order");
        now(wait.as_mut()).push(i);
    }
    assert_eq!(*lock.try_read().unwrap(), (0..100).collect::<Vec<_>>());
}

/// Phases: readers 0 to 99, writer 100, readers 101 to 199, writer 200.
#[test]
fn a_release_grants_the_writer_at_the_front_or_all_readers_up_to_the_next_writer() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let order = WakeOrder::new();
    let mut first: Vec<_> = (0..100).map(|i| queued_with(lock.clone().read_owned(), &order.waker(i))).collect();
    let mut writer = queued_with(lock.clone().write_owned(), &order.waker(100));
    let mut second: Vec<_> = (101..200).map(|i| queued_with(lock.clone().read_owned(), &order.waker(i))).collect();
    let mut last = queued_with(lock.clone().write_owned(), &order.waker(200));
    drop(guard);
    assert_eq!(order.take(), (0..100).collect::<Vec<_>>());
    let guards: Vec<_> = first.iter_mut().map(|wait| now(wait.as_mut())).collect();
    drop(guards);
    assert_eq!(order.take(), [100]);
    drop(now(writer.as_mut()));
    assert_eq!(order.take(), (101..200).collect::<Vec<_>>());
    drop(second.drain(..).map(|mut wait| now(wait.as_mut())).collect::<Vec<_>>());
    assert_eq!(order.take(), [200]);
    drop(now(last.as_mut()));
    assert_free(&lock);
}

#[test]
fn one_upgradable_reader_is_part_of_a_phase_and_the_second_ends_it() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let order = WakeOrder::new();
    let mut reader = queued_with(lock.clone().read_owned(), &order.waker(0));
    let mut upgradable = queued_with(lock.clone().upgradable_read_owned(), &order.waker(1));
    let mut other = queued_with(lock.clone().read_owned(), &order.waker(2));
    let mut second = queued_with(lock.clone().upgradable_read_owned(), &order.waker(3));
    let mut behind = queued_with(lock.clone().read_owned(), &order.waker(4));
    drop(guard);
    assert_eq!(order.take(), [0, 1, 2]);
    let readers = (now(reader.as_mut()), now(other.as_mut()));
    assert!(lock.try_read().is_none(), "passed a waiter");
    drop(now(upgradable.as_mut()));
    assert_eq!(order.take(), [3, 4]);
    drop((readers, now(second.as_mut()), now(behind.as_mut())));
    assert_free(&lock);
}

/// All of a phase are granted in one step, however many rounds of wake-ups it takes: whatever the first wake-up does.
#[test]
fn a_phase_of_many_readers_is_granted_at_once() {
    const READERS: usize = 100;
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let writer = Arc::new(Mutex::new(None));
    let waker = hooked_waker({
        let (lock, writer) = (lock.clone(), writer.clone());
        move |call| {
            if call == WakerCall::Wake {
                *writer.lock().unwrap() = Some(queued(lock.clone().write_owned()));
            }
        }
    });
    let mut first = queued_with(lock.clone().read_owned(), &waker);
    let mut rest: Vec<_> = (1..READERS).map(|_| queued(lock.clone().read_owned())).collect();
    drop(guard);
    let guards: Vec<_> = rest.iter_mut().map(|wait| now(wait.as_mut())).collect();
    let mut writer = writer.lock().unwrap().take().expect("the first reader was woken");
    assert!(poll_once(writer.as_mut()).is_pending());
    drop((now(first.as_mut()), guards));
    drop(now(writer.as_mut()));
    assert_free(&lock);
}

/// Readers that come during the wake-ups of a phase belong to none: they neither wait for those that were woken, nor are
/// woken by the rounds.
#[test]
fn readers_that_come_back_inside_their_wake_up_neither_wait_nor_prolong_the_rounds() {
    const READERS: usize = 100;
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let wakes = Arc::new(AtomicUsize::new(0));
    let waker = hooked_waker({
        let (lock, wakes) = (lock.clone(), wakes.clone());
        move |call| {
            if call == WakerCall::Wake {
                wakes.fetch_add(1, Ordering::Relaxed);
                drop(now(pin!(lock.read())));
            }
        }
    });
    let waits: Vec<_> = (0..READERS).map(|_| queued_with(lock.clone().read_owned(), &waker)).collect();
    drop(guard);
    assert_eq!(wakes.load(Ordering::Relaxed), READERS);
    drop(waits);
    assert_free(&lock);
}

#[test]
fn the_wait_begins_at_the_first_poll_not_at_the_call() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let mut called_first = pin!(lock.write());
    let mut polled_first = pin!(lock.write());
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
    let lock = Shared::<()>::default();
    let guard = lock.try_read().unwrap();
    let mut granted = queued(lock.clone().write_owned());
    drop(guard);
    assert!(lock.is_locked(), "a hand-off never frees the lock");
    assert!(lock.try_write().is_none() && lock.try_read().is_none() && lock.try_upgradable_read().is_none());
    assert!(lock.clone().try_write_owned().is_none() && lock.clone().try_read_owned().is_none());
    let mut newcomer = pin!(lock.read());
    assert!(poll_once(newcomer.as_mut()).is_pending());
    drop(now(granted.as_mut()));
    drop(now(newcomer));
    assert_free(&lock);
}

#[test]
fn newcomers_do_not_pass_a_waiting_writer_though_readers_hold_the_lock() {
    let lock = Shared::<()>::default();
    let guard = lock.try_read().unwrap();
    let mut writer = queued(lock.clone().write_owned());
    assert!(lock.try_read().is_none() && lock.try_upgradable_read().is_none());
    let mut reader = queued(lock.clone().read_owned());
    drop(guard);
    assert!(poll_once(reader.as_mut()).is_pending());
    drop(now(writer.as_mut()));
    drop(now(reader.as_mut()));
    assert_free(&lock);
}

#[test]
fn a_grant_that_nobody_polls_holds_the_others_up_until_it_is_dropped() {
    let lock = Shared::<()>::default();
    let guard = lock.try_write().unwrap();
    let asleep = queued(lock.clone().read_owned());
    let mut next = queued(lock.clone().write_owned());
    drop(guard);
    assert!(poll_once(next.as_mut()).is_pending());
    drop(asleep);
    drop(now(next.as_mut()));
}

#[test]
fn threads_wait_in_line_with_futures() {
    let lock = Arc::new(RwLock::new(Vec::new()));
    let guard = lock.try_write().unwrap();
    let mut before = queued(lock.clone().write_owned());
    let writer = std::thread::spawn({
        let lock = lock.clone();
        move || lock.write_blocking().push("thread")
    });
    yield_until(|| lock.waiters() == 2);
    let readers = [(); 2].map(|()| {
        std::thread::spawn({
            let lock = lock.clone();
            move || lock.read_blocking().clone()
        })
    });
    yield_until(|| lock.waiters() == 4);
    let upgradable = std::thread::spawn({
        let lock = lock.clone();
        move || lock.upgradable_read_blocking().len()
    });
    yield_until(|| lock.waiters() == 5);
    let mut after = queued(lock.clone().write_owned());
    drop(guard);
    now(before.as_mut()).push("before");
    writer.join().unwrap();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), ["before", "thread"]);
    }
    assert_eq!(upgradable.join().unwrap(), 2);
    yield_until(|| poll_once(after.as_mut()).map(|mut list| list.push("after")).is_ready());
    assert_eq!(*lock.try_read().unwrap(), ["before", "thread", "after"]);
}
