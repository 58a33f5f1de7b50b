//! `close`: who fails, who keeps what, what goes on, and who is woken when.

use futures_lite::future::block_on;
use std::sync::{Arc, Mutex};
use waitline::testing::{
    CountingWaker, WakerCall, hooked_waker, now, panic_message, poll_once, poll_with, queued, queued_with,
};
use waitline_sem::{Acquire, AnySemaphore, BoundedSemaphore, Closed, OrClosed, Permit, Semaphore};

/// Waits that know that the semaphore may be closed.
fn waiting<'a>(semaphore: &'a Semaphore, sizes: &[usize]) -> Vec<std::pin::Pin<Box<OrClosed<Acquire<'a>>>>> {
    sizes.iter().map(|&n| queued(semaphore.acquire_many(n).or_closed())).collect()
}

#[track_caller]
pub(crate) fn assert_closed<'a, S: AnySemaphore + 'a>(outcome: Result<Permit<'a, S>, Closed>) {
    assert_eq!(outcome.map(|permit| permit.num_permits()), Err(Closed));
}

#[test]
fn waiting_acquires_fail_in_the_order_in_which_they_began() {
    // Once within a round of wake-ups, once over four. Hazards 6 and 8.
    for waiters in [1, 3, 32, 33, 100] {
        let semaphore = Semaphore::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut futures: Vec<_> =
            (0..waiters).map(|n| Box::pin(semaphore.acquire_many(2 + n % 3).or_closed())).collect();
        for (n, future) in futures.iter_mut().enumerate() {
            let order = order.clone();
            let waker = hooked_waker(move |call| {
                if call == WakerCall::Wake {
                    order.lock().unwrap().push(n);
                }
            });
            assert!(poll_with(future.as_mut(), &waker).is_pending());
        }
        assert!(semaphore.close());
        assert_eq!(*order.lock().unwrap(), (0..waiters).collect::<Vec<_>>());
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
        for future in futures {
            assert_closed(now(future));
        }
        assert_eq!(semaphore.available_permits(), 1);
    }
}

#[test]
fn later_acquires_fail_with_permits_free_and_for_none() {
    let semaphore = Arc::new(Semaphore::new(3));
    assert!(semaphore.close());
    for n in [0, 1, 3, 4, Semaphore::MAX_PERMITS] {
        assert_closed(block_on(semaphore.acquire_many(n).or_closed()));
        assert_eq!(block_on(semaphore.clone().acquire_many_owned(n).or_closed()).unwrap_err(), Closed);
        assert_closed(semaphore.acquire_many_blocking_or_closed(n));
        assert!(semaphore.try_acquire_many(n).is_none());
        assert!(semaphore.clone().try_acquire_many_owned(n).is_none());
    }
    assert_closed(semaphore.acquire_blocking_or_closed());
    assert!(semaphore.try_acquire().is_none() && semaphore.clone().try_acquire_owned().is_none());
    assert_eq!((semaphore.available_permits(), semaphore.waiters(), Arc::strong_count(&semaphore)), (3, 0, 1));
}

#[test]
fn later_acquires_of_a_bounded_semaphore_fail() {
    let semaphore = Arc::new(BoundedSemaphore::new(3));
    let waiter = {
        let all = semaphore.try_acquire_many(3).unwrap();
        let waiter = queued(semaphore.acquire_many(2).or_closed());
        assert!(semaphore.close() && !semaphore.close() && semaphore.is_closed());
        drop(all);
        waiter
    };
    assert_closed(now(waiter));
    for n in [0, 1, 3] {
        assert_closed(block_on(semaphore.acquire_many(n).or_closed()));
        assert_eq!(block_on(semaphore.clone().acquire_many_owned(n).or_closed()).unwrap_err(), Closed);
        assert_closed(semaphore.acquire_many_blocking_or_closed(n));
        assert!(semaphore.try_acquire_many(n).is_none());
        assert!(semaphore.clone().try_acquire_many_owned(n).is_none());
    }
    assert_closed(semaphore.acquire_blocking_or_closed());
    // What could never be granted is an error of the caller's as before.
    assert!(panic_message(|| _ = semaphore.acquire_many(4)).is_some());
    assert!(panic_message(|| _ = semaphore.acquire_many_blocking_or_closed(4)).is_some());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
}

#[test]
fn closing_twice_changes_nothing() {
    let semaphore = Semaphore::new(1);
    assert!(!semaphore.is_closed());
    assert!(semaphore.close());
    assert!(semaphore.is_closed());
    assert!(!semaphore.close());
    assert!(semaphore.is_closed());
}

/// Hazard 21: nothing that gives permits back or takes waiters away opens it again.
#[test]
fn nothing_opens_a_closed_semaphore_again() {
    let semaphore = Semaphore::new(3);
    let mut held = semaphore.try_acquire_many(2).unwrap();
    let waiters = waiting(&semaphore, &[2, 1]);
    semaphore.close();
    let closed = |free| {
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none() && semaphore.try_acquire_many(0).is_none());
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (free, 0));
    };
    closed(1);
    drop(held.split(1));
    closed(2);
    semaphore.release(0);
    closed(2);
    semaphore.release(5);
    closed(7);
    assert_eq!(semaphore.forget_permits(4), 4);
    closed(3);
    assert_eq!(semaphore.forget_permits(4), 3);
    closed(0);
    drop(waiters);
    closed(0);
    drop(held);
    closed(1);
    assert!(panic_message(|| semaphore.release(Semaphore::MAX_PERMITS)).is_some());
    closed(1);
    semaphore.release(Semaphore::MAX_PERMITS - 1);
    closed(Semaphore::MAX_PERMITS);
}

#[test]
fn permits_that_are_out_stay_valid() {
    let semaphore = Arc::new(Semaphore::new(6));
    let mut borrowed = semaphore.try_acquire_many(3).unwrap();
    let owned = semaphore.clone().try_acquire_many_owned(3).unwrap();
    semaphore.close();
    let part = borrowed.split(1).unwrap();
    borrowed.merge(part);
    borrowed.split(2).unwrap().forget();
    assert_eq!((borrowed.num_permits(), semaphore.available_permits()), (1, 0));
    drop(borrowed);
    assert_eq!(semaphore.available_permits(), 1);
    std::thread::spawn(move || drop(owned)).join().unwrap();
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn a_waiter_granted_before_the_close_gets_its_permits() {
    let semaphore = Semaphore::new(0);
    let (first, second) = (queued(semaphore.acquire_many(2).or_closed()), queued(semaphore.acquire().or_closed()));
    let plain = queued(semaphore.acquire());
    let refused = queued(semaphore.acquire().or_closed());
    semaphore.release(4);
    semaphore.close();
    let permits = now(first).unwrap();
    assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 0));
    assert_eq!(now(second).unwrap().num_permits(), 1);
    assert_eq!(now(plain).num_permits(), 1);
    drop(permits);
    assert_closed(now(refused));
    assert_eq!(semaphore.available_permits(), 4);
}

/// Hazard 1, with nobody who could get what comes back.
#[test]
fn a_waiter_granted_before_the_close_and_dropped_unpolled_frees_its_permits() {
    let semaphore = Arc::new(Semaphore::new(0));
    let (borrowed, owned) = (queued(semaphore.acquire_many(2)), queued(semaphore.clone().acquire_many_owned(3)));
    let waker = CountingWaker::new();
    let refused = queued_with(semaphore.acquire_many(2).or_closed(), &waker.waker());
    semaphore.release(5);
    semaphore.close();
    assert_eq!(waker.count(), 1);
    drop(borrowed);
    assert_eq!(semaphore.available_permits(), 2);
    drop(owned);
    assert_eq!((semaphore.available_permits(), waker.count(), Arc::strong_count(&semaphore)), (5, 1, 1));
    assert_closed(now(refused));
}

#[test]
fn a_waiter_told_that_it_is_closed_has_no_permits_to_give_back() {
    let semaphore = Semaphore::new(1);
    let waiters = waiting(&semaphore, &[2, 3, 4]);
    semaphore.close();
    drop(waiters);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    semaphore.release(2);
    assert_eq!(semaphore.available_permits(), 3);
}

/// Hazard 16.
#[test]
fn a_leaked_waiter_is_told_and_harms_nobody() {
    let semaphore = Box::new(Semaphore::new(0));
    std::mem::forget(queued(semaphore.acquire()));
    let next = queued(semaphore.acquire().or_closed());
    semaphore.close();
    assert_eq!(semaphore.waiters(), 0);
    assert_closed(now(next));
    std::mem::forget(queued(semaphore.acquire().after_close()));
    assert_eq!(semaphore.waiters(), 1);
    // The semaphore and its memory go with a waiter in the list.
    drop(semaphore);
}

/// Hazard 3: each way in which permits come back, with those who failed still in their futures.
#[test]
fn what_comes_back_after_the_close_is_granted_to_nobody() {
    let semaphore = Arc::new(Semaphore::new(4));
    let mut one = semaphore.try_acquire_many(2).unwrap();
    let two = semaphore.clone().try_acquire_owned().unwrap();
    let three = semaphore.try_acquire().unwrap();
    let waker = CountingWaker::new();
    let futures: Vec<_> = (0..3).map(|_| queued_with(semaphore.acquire().or_closed(), &waker.waker())).collect();
    semaphore.close();
    assert_eq!(waker.count(), 3);
    drop(one.split(1));
    drop(one);
    drop(two);
    three.forget();
    semaphore.release(1);
    assert_eq!((waker.count(), semaphore.available_permits()), (3, 4));
    futures.into_iter().for_each(|future| assert_closed(now(future)));
}

#[test]
fn a_bounded_semaphores_books_balance_after_the_close() {
    let semaphore = BoundedSemaphore::new(5);
    let mut held = semaphore.try_acquire_many(4).unwrap();
    let waiter = queued(semaphore.acquire_many(3).or_closed());
    semaphore.close();
    assert!(semaphore.release(1).is_err());
    held.split(2).unwrap().forget();
    assert_eq!(semaphore.forget_permits(9), 1);
    assert!(semaphore.release(4).is_err());
    assert!(semaphore.release(3).is_ok());
    assert_eq!(semaphore.available_permits(), 3);
    drop((waiter, held));
    assert_eq!(semaphore.available_permits(), semaphore.bound());
    assert!(semaphore.release(1).is_err());
}

#[test]
fn an_acquire_that_expects_no_close_panics_and_names_the_method() {
    let semaphore = Arc::new(Semaphore::new(1));
    let bounded = Arc::new(BoundedSemaphore::new(1));
    let held = semaphore.try_acquire().unwrap();
    let mut waiter = queued(semaphore.acquire());
    assert!(semaphore.close() && bounded.close());
    let asynchronous = |name, method| {
        format!("{name}::{method}: the semaphore is closed; await `{method}().or_closed()` where it may be")
    };
    let blocking =
        |name, method| format!("{name}::{method}: the semaphore is closed; call `{method}_or_closed` where it may be");
    let message = |call: &dyn Fn()| panic_message(call).expect("it is closed");
    assert_eq!(panic_message(|| drop(poll_once(waiter.as_mut()))).unwrap(), asynchronous("Semaphore", "acquire"));
    assert_eq!(message(&|| drop(block_on(semaphore.acquire_many(0)))), asynchronous("Semaphore", "acquire"));
    assert_eq!(message(&|| drop(block_on(bounded.acquire()))), asynchronous("BoundedSemaphore", "acquire"));
    let owned = message(&|| drop(block_on(semaphore.clone().acquire_owned())));
    assert_eq!(owned, asynchronous("Semaphore", "acquire_owned"));
    assert_eq!(message(&|| drop(semaphore.acquire_blocking())), blocking("Semaphore", "acquire_blocking"));
    let many = message(&|| drop(bounded.acquire_many_blocking(1)));
    assert_eq!(many, blocking("BoundedSemaphore", "acquire_many_blocking"));
    drop((held, waiter));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn a_future_made_before_the_close_and_polled_after_it_fails() {
    let semaphore = Semaphore::new(1);
    let idle = semaphore.acquire().or_closed();
    let dropped = semaphore.acquire();
    semaphore.close();
    drop(dropped);
    assert_closed(block_on(idle));
}

#[test]
fn blocked_threads_fail_when_it_is_closed() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    std::thread::scope(|scope| {
        let one = scope.spawn(|| semaphore.acquire_blocking_or_closed().map(drop));
        let many = scope.spawn(|| semaphore.acquire_many_blocking_or_closed(7).map(drop));
        while semaphore.waiters() < 2 {
            std::thread::yield_now();
        }
        assert!(semaphore.close());
        assert_eq!((one.join().unwrap(), many.join().unwrap()), (Err(Closed), Err(Closed)));
    });
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn an_or_closed_future_is_cancelled_like_any_other() {
    let semaphore = Arc::new(Semaphore::new(2));
    let head = queued(semaphore.clone().acquire_many_owned(3).or_closed());
    let follower = queued(semaphore.acquire().or_closed());
    drop(head);
    let permit = now(follower).unwrap();
    let unpolled = queued(semaphore.acquire_many(2).or_closed());
    drop(permit);
    drop(unpolled);
    assert_eq!((semaphore.available_permits(), semaphore.waiters(), Arc::strong_count(&semaphore)), (2, 0, 1));
}

#[test]
fn debug_tells_that_it_is_closed() {
    let semaphore = Semaphore::new(2);
    let future = queued(semaphore.acquire_many(3).or_closed());
    assert_eq!(format!("{future:?}"), "OrClosed(Acquire(Waiter(queued)))");
    semaphore.close();
    assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 2, waiters: 0, closed: true }");
    let bounded = BoundedSemaphore::new(1);
    bounded.close();
    assert_eq!(format!("{bounded:?}"), "BoundedSemaphore { available: 1, waiters: 0, closed: true, bound: 1 }");
}

/// A wait that failed is on record until its future is polled or dropped, and no longer.
#[cfg(feature = "diagnostics")]
#[test]
fn reports_forget_those_who_were_told() {
    use waitline::diagnostics::{Target, Task, enter, waits};
    let _announced = enter(|| Task { key: (15, 1), describe: |_| "closer".to_owned() });
    let mine = || {
        let mine = waits().into_iter().filter(|wait| wait.by.task == Some((15, 1)));
        mine.filter(|wait| matches!(wait.target, Target::Primitive(thing, _) if thing.kind == "Semaphore")).count()
    };
    let semaphore = Semaphore::new(0);
    let mut waiters = waiting(&semaphore, &[1, 1, 1]);
    assert_eq!(mine(), 3);
    semaphore.close();
    assert_closed(now(waiters.remove(0)));
    assert_eq!(mine(), 2);
    drop(waiters);
    assert_eq!(mine(), 0);
    assert_closed(block_on(semaphore.acquire().or_closed()));
    assert_eq!(mine(), 0);
}
