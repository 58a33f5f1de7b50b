//! `close` and wakers, which are foreign code: they re-enter, they panic, they leave between two rounds.

use super::close::assert_closed;
use futures_lite::future::block_on;
use std::{
    sync::{Arc, Mutex},
    task::Poll,
};
use waitline::testing::{
    CountingWaker, WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker, poll_once, poll_with,
    queued, queued_with,
};
use waitline_sem::{Closed, Semaphore};

/// Hazard 15.
#[test]
fn closing_lets_the_wakers_go() {
    let semaphore = Semaphore::new(0);
    let waker = CountingWaker::new();
    let futures: Vec<_> = (0..40).map(|_| queued_with(semaphore.acquire().or_closed(), &waker.waker())).collect();
    assert_eq!(waker.held(), 40);
    semaphore.close();
    assert_eq!((waker.held(), waker.count()), (0, 40));
    drop(futures);
    // A refusal at the first poll keeps none either.
    assert!(waker.poll(Box::pin(semaphore.acquire().or_closed()).as_mut()).is_ready());
    assert_eq!((waker.held(), waker.count()), (0, 40));
}

/// Hazards 11 and 12: in each round, the last one too, or this would deadlock.
#[test]
fn every_waker_may_call_the_semaphore() {
    for waiters in [1, 2, 32, 33, 100] {
        let semaphore = Arc::new(Semaphore::new(0));
        let told = Arc::new(Mutex::new(0));
        let waker = hooked_waker({
            let (semaphore, told) = (semaphore.clone(), told.clone());
            move |call| {
                assert!(
                    semaphore.waiters() <= waiters && semaphore.try_acquire_many(0).is_some() != semaphore.is_closed()
                );
                if call == WakerCall::Wake {
                    *told.lock().unwrap() += 1;
                    assert!(!semaphore.close());
                    assert_closed(block_on(semaphore.acquire().or_closed()));
                }
            }
        });
        let mut futures: Vec<_> = (0..waiters).map(|_| Box::pin(semaphore.acquire().or_closed())).collect();
        for future in &mut futures {
            assert!(poll_with(future.as_mut(), &waker).is_pending());
        }
        assert!(semaphore.close());
        assert_eq!(*told.lock().unwrap(), waiters);
        futures.into_iter().for_each(|future| assert_closed(now(future)));
    }
}

/// Hazards 6, 11 and 12: what a waker finds that is woken in the first round, while the others are still in the queue.
#[test]
fn between_the_rounds_it_is_closed_for_everybody() {
    let semaphore = Arc::new(Semaphore::new(7));
    let mut first = Box::pin(semaphore.clone().acquire_many_owned(8).or_closed());
    let early = Arc::new(Mutex::new(None));
    let waker = hooked_waker({
        let (semaphore, early) = (semaphore.clone(), early.clone());
        move |call| {
            assert_eq!(semaphore.is_closed(), call != WakerCall::Clone);
            if call != WakerCall::Wake {
                return;
            }
            assert_eq!((semaphore.waiters(), semaphore.available_permits()), (68, 7));
            assert!(!semaphore.close());
            assert!(semaphore.try_acquire().is_none() && semaphore.try_acquire_many(0).is_none());
            assert_closed(block_on(semaphore.acquire().or_closed()));
            // Enough for all of those who are still in the queue, and for the last of them alone.
            semaphore.release(1000);
            semaphore.release(0);
            assert_eq!(semaphore.forget_permits(7), 7);
            // One that leaves early has held back nobody.
            drop(early.lock().unwrap().take());
            assert_eq!((semaphore.waiters(), semaphore.available_permits()), (67, 1000));
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let mut others: Vec<_> =
        (1..100).map(|n| queued(semaphore.clone().acquire_many_owned(7 + n).or_closed())).collect();
    *early.lock().unwrap() = others.pop();
    assert!(semaphore.close());
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1000));
    assert!(now(first).is_err());
    others.into_iter().for_each(|other| assert!(now(other).is_err()));
    drop(waker);
    assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (1000, 1));
}

/// The queue empties between two rounds, by those who leave: it stays closed.
#[test]
fn waiters_that_all_leave_between_the_rounds_do_not_open_it() {
    let semaphore = Arc::new(Semaphore::new(0));
    let rest = Arc::new(Mutex::new(Vec::new()));
    let mut first = Box::pin(semaphore.clone().acquire_owned().or_closed());
    let waker = hooked_waker({
        let (semaphore, rest) = (semaphore.clone(), rest.clone());
        move |call| {
            if call == WakerCall::Wake {
                rest.lock().unwrap().clear();
                assert_eq!(semaphore.waiters(), 0);
                semaphore.release(1);
                assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
            }
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    *rest.lock().unwrap() = (1..50).map(|_| queued(semaphore.clone().acquire_owned())).collect();
    assert!(semaphore.close());
    assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1));
    assert!(now(first).is_err());
}

/// A close between two rounds of a release: those who were not granted in the first one are not granted any more.
#[test]
fn a_close_between_two_rounds_of_a_release_takes_precedence() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(semaphore.clone().acquire_owned());
    let waker = hooked_waker({
        let semaphore = semaphore.clone();
        move |call| assert!(call != WakerCall::Wake || semaphore.close())
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let others: Vec<_> = (1..100).map(|_| queued(semaphore.acquire().or_closed())).collect();
    semaphore.release(100);
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 68));
    let outcomes: Vec<_> = others.into_iter().map(now).collect();
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [vec![true; 31], vec![false; 68]].concat());
    drop((outcomes, now(first)));
    assert_eq!(semaphore.available_permits(), 100);
}

/// Hazard 13.
#[test]
fn wakers_that_panic_cost_nobody_the_news() {
    for (waiters, bad) in [(1, 0), (2, 0), (2, 1), (5, 2), (33, 0), (33, 32), (40, 31), (100, 0), (100, 40), (100, 99)]
    {
        let semaphore = Semaphore::new(1);
        let waker = CountingWaker::new();
        let futures: Vec<_> = (0..waiters)
            .map(|position| {
                let mut future = Box::pin(semaphore.acquire_many(2).or_closed());
                let waker = if position == bad { panicking_waker() } else { waker.waker() };
                assert!(poll_with(future.as_mut(), &waker).is_pending());
                future
            })
            .collect();
        let message = panic_message(|| semaphore.close()).unwrap();
        assert_eq!(message, "a waker that panics when it is woken");
        assert_eq!(waker.count(), waiters - 1, "{waiters} waiters, the {bad}th panics");
        assert!(semaphore.is_closed());
        futures.into_iter().for_each(|future| assert_closed(now(future)));
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    }
}

#[test]
fn of_several_panics_the_first_goes_on() {
    let semaphore = Semaphore::new(0);
    let futures: Vec<_> = (0..100)
        .map(|position| {
            let mut future = Box::pin(semaphore.acquire().or_closed());
            let waker = hooked_waker(move |call| assert_ne!(call, WakerCall::Wake, "waker {position} panics"));
            assert!(poll_with(future.as_mut(), &waker).is_pending());
            future
        })
        .collect();
    let message = panic_message(|| semaphore.close()).unwrap();
    assert!(message.contains("waker 0 panics"), "{message}");
    futures.into_iter().for_each(|future| assert_closed(now(future)));
}

/// Hazard 39.
#[test]
fn a_close_in_a_destructor_during_a_panic_aborts_nothing() {
    for waiters in [1, 2, 40] {
        let semaphore = Semaphore::new(0);
        let futures: Vec<_> = (0..waiters)
            .map(|_| {
                let mut future = Box::pin(semaphore.acquire().or_closed());
                assert!(poll_with(future.as_mut(), &panicking_waker()).is_pending());
                future
            })
            .collect();
        during_panic(|| assert!(semaphore.close()));
        futures.into_iter().for_each(|future| assert_closed(now(future)));
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
    }
}

#[test]
fn a_wait_that_failed_and_is_dropped_by_a_panic_aborts_nothing() {
    let semaphore = Semaphore::new(0);
    let future = queued(semaphore.acquire().or_closed());
    semaphore.close();
    during_panic(move || drop(future));
    let mut unwrapped = Box::pin(semaphore.acquire());
    assert!(panic_message(|| drop(poll_once(unwrapped.as_mut()))).is_some());
    during_panic(move || drop(unwrapped));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
}

/// The clone that a failing first poll does not need is foreign code, too. Hazard 38.
#[test]
fn a_waker_whose_drop_panics_in_a_failing_first_poll_harms_nobody() {
    let semaphore = Semaphore::new(1);
    semaphore.close();
    let mut future = Box::pin(semaphore.acquire().or_closed());
    let waker = hooked_waker(|call| assert_ne!(call, WakerCall::Drop, "an angry waker"));
    assert!(panic_message(|| drop(poll_with(future.as_mut(), &waker))).unwrap().contains("an angry waker"));
    std::mem::forget(waker);
    assert!(matches!(poll_once(future.as_mut()), Poll::Ready(Err(Closed))));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}
