//! Wakers are foreign code: they re-enter, they panic, they are replaced.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Wake, Waker},
};
use waitline::testing::{
    CountingWaker, WakerCall, hooked_waker, now, panic_message, panicking_waker, poll_once, poll_with, queued,
    queued_with,
};
use waitline_sem::{BoundedSemaphore, Semaphore};

/// Hazard 14.
#[test]
fn only_the_waker_of_the_last_poll_is_woken() {
    let semaphore = Semaphore::new(0);
    let (stale, fresh) = (CountingWaker::new(), CountingWaker::new());
    let mut waiter = queued_with(semaphore.acquire(), &stale.waker());
    assert!(fresh.poll(waiter.as_mut()).is_pending());
    assert_eq!((stale.held(), fresh.held()), (0, 1));
    semaphore.release(1);
    assert_eq!((stale.count(), fresh.count()), (0, 1));
    drop(now(waiter));
}

#[test]
fn a_waiting_future_may_move_to_another_thread() {
    let semaphore = Arc::new(Semaphore::new(0));
    let (here, there) = (CountingWaker::new(), CountingWaker::new());
    let mut waiter = queued_with(semaphore.clone().acquire_owned(), &here.waker());
    let thread = std::thread::spawn({
        let there = there.clone();
        move || {
            assert!(there.poll(waiter.as_mut()).is_pending());
            waiter
        }
    });
    let waiter = thread.join().unwrap();
    semaphore.release(1);
    assert_eq!((here.count(), there.count()), (0, 1));
    drop(now(waiter));
}

/// Polls again with the same waker neither clone it nor wake anybody. Hazards 15 and 17.
#[test]
fn a_waiter_may_be_polled_a_thousand_times() {
    let semaphore = Semaphore::new(0);
    let wakers = [CountingWaker::new(), CountingWaker::new()];
    let mut first = queued_with(semaphore.acquire(), &wakers[0].waker());
    let mut second = queued_with(semaphore.acquire(), &wakers[1].waker());
    for turn in 0..1000 {
        assert!(wakers[turn % 2].poll(first.as_mut()).is_pending());
        assert!(wakers[1].poll(second.as_mut()).is_pending());
        assert_eq!(wakers[0].held() + wakers[1].held(), 2);
    }
    semaphore.release(2);
    drop((now(first), now(second)));
    assert_eq!(wakers[0].count() + wakers[1].count(), 2);
}

/// Hazards 11 and 12: nothing foreign runs under the mutex, or this would deadlock.
#[test]
fn wakers_may_call_the_semaphore_from_clone_wake_and_drop() {
    let semaphore = Arc::new(Semaphore::new(0));
    let calls = Arc::new(AtomicUsize::new(0));
    let waker = hooked_waker({
        let (semaphore, calls) = (semaphore.clone(), calls.clone());
        move |call| {
            calls.fetch_add(1 << (8 * call as usize), Ordering::Relaxed);
            assert!(semaphore.waiters() <= 2);
            assert!(semaphore.try_acquire().is_none());
            drop(queued(semaphore.acquire()));
            semaphore.release(0);
            assert_eq!(semaphore.forget_permits(1), 0);
        }
    });
    let mut granted_one = Box::pin(semaphore.acquire());
    assert!(poll_with(granted_one.as_mut(), &waker).is_pending());
    let mut cancelled = Box::pin(semaphore.acquire());
    assert!(poll_with(cancelled.as_mut(), &waker).is_pending());
    // Replaced by another, and back.
    assert!(poll_once(cancelled.as_mut()).is_pending());
    assert!(poll_with(cancelled.as_mut(), &waker).is_pending());
    semaphore.release(1);
    drop(cancelled);
    now(granted_one).forget();
    drop(waker);
    let calls = calls.load(Ordering::Relaxed);
    let [clones, wakes, drops] =
        [WakerCall::Clone, WakerCall::Wake, WakerCall::Drop].map(|call| calls >> (8 * call as usize) & 255);
    assert_eq!((clones, wakes, drops), (3, 1, 3));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
}

/// Hazard 13: at any position, in rounds of one, of many, and over several rounds.
#[test]
fn a_waker_that_panics_costs_nobody_else_anything() {
    for (waiters, bad) in [(1, 0), (2, 0), (2, 1), (5, 2), (33, 0), (33, 32), (40, 31), (100, 0), (100, 40), (100, 99)]
    {
        let semaphore = Semaphore::new(0);
        let waker = CountingWaker::new();
        let futures: Vec<_> = (0..waiters)
            .map(|position| {
                let mut future = Box::pin(semaphore.acquire());
                let waker = if position == bad { panicking_waker() } else { waker.waker() };
                assert!(poll_with(future.as_mut(), &waker).is_pending());
                future
            })
            .collect();
        let message = panic_message(|| semaphore.release(waiters + 1)).unwrap();
        assert_eq!(message, "a waker that panics when it is woken");
        assert_eq!(waker.count(), waiters - 1, "{waiters} waiters, the {bad}th panics");
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
        for future in futures {
            drop(now(future));
        }
        assert_eq!(semaphore.available_permits(), waiters + 1);
    }
}

#[test]
fn of_several_panics_the_first_goes_on_and_all_are_served() {
    let semaphore = Semaphore::new(0);
    let waker = CountingWaker::new();
    let futures: Vec<_> = (0..100)
        .map(|position| {
            let mut future = Box::pin(semaphore.acquire());
            let waker = match position {
                3 | 50 | 99 => hooked_waker(move |call| assert_ne!(call, WakerCall::Wake, "waker {position} panics")),
                _ => waker.waker(),
            };
            assert!(poll_with(future.as_mut(), &waker).is_pending());
            future
        })
        .collect();
    let message = panic_message(|| semaphore.release(100)).unwrap();
    assert!(message.contains("waker 3 panics"), "{message}");
    assert_eq!((waker.count(), semaphore.available_permits(), semaphore.waiters()), (97, 0, 0));
    futures.into_iter().for_each(|future| drop(now(future)));
}

/// The same by way of a dropped permit, a cancelled head and a cancelled grant.
#[test]
fn a_panicking_waker_does_not_stop_a_drop_half_way() {
    let semaphore = Semaphore::new(2);
    let behind = |semaphore| {
        let mut bad = Box::pin(Semaphore::acquire(semaphore));
        assert!(poll_with(bad.as_mut(), &panicking_waker()).is_pending());
        (bad, queued(Semaphore::acquire(semaphore)))
    };
    let permits = semaphore.try_acquire_many(2).unwrap();
    let (bad, good) = behind(&semaphore);
    assert!(panic_message(|| drop(permits)).is_some());
    drop((now(bad), now(good)));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));

    let head = queued(semaphore.acquire_many(3));
    let (bad, good) = behind(&semaphore);
    assert!(panic_message(|| drop(head)).is_some());
    drop((now(bad), now(good)));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));

    let permits = semaphore.try_acquire_many(2).unwrap();
    let unpolled = queued(semaphore.acquire_many(2));
    let (bad, good) = behind(&semaphore);
    drop(permits);
    assert!(panic_message(|| drop(unpolled)).is_some());
    drop((now(bad), now(good)));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
}

#[test]
fn a_waker_whose_clone_panics_leaves_no_waiter() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let bad = hooked_waker(|call| assert_ne!(call, WakerCall::Clone, "clone panics"));
    let mut first_poll = Box::pin(semaphore.acquire());
    assert!(panic_message(|| poll_with(first_poll.as_mut(), &bad)).is_some());
    assert_eq!(semaphore.waiters(), 0);
    let mut queued_before = queued(semaphore.acquire());
    assert!(panic_message(|| poll_with(queued_before.as_mut(), &bad)).is_some());
    assert_eq!(semaphore.waiters(), 1);
    drop(first_poll);
    drop(held);
    drop(now(queued_before));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn a_waker_whose_drop_panics_leaves_the_queue_served() {
    let semaphore = Semaphore::new(2);
    let quiet = Arc::new(AtomicUsize::new(0));
    let bad = hooked_waker({
        let quiet = quiet.clone();
        // Only the clone that the waiter keeps: one for the waiter, one for this test.
        move |call| assert!(call != WakerCall::Drop || quiet.fetch_add(1, Ordering::Relaxed) > 0, "drop panics")
    });
    let mut head = Box::pin(semaphore.acquire_many(3));
    assert!(poll_with(head.as_mut(), &bad).is_pending());
    let follower = queued(semaphore.acquire());
    assert!(panic_message(|| drop(head)).unwrap().contains("drop panics"));
    drop(now(follower));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
}

/// Hazard 6: one who waits again inside its wake-up stands behind all who were there.
#[test]
fn a_waiter_that_comes_again_during_the_wakes_does_not_pass_later_rounds() {
    let semaphore = Arc::new(Semaphore::new(0));
    let again = Arc::new(Mutex::new(None));
    let mut first = Box::pin(semaphore.clone().acquire_owned());
    let waker = hooked_waker({
        let (semaphore, again) = (semaphore.clone(), again.clone());
        move |call| {
            if call == WakerCall::Wake {
                // The first round is out, the permits of the other rounds are not: they are nobody else's.
                assert_eq!((semaphore.waiters(), semaphore.available_permits()), (68, 68));
                assert!(semaphore.try_acquire().is_none());
                assert_eq!(semaphore.forget_permits(100), 0);
                *again.lock().unwrap() = Some(queued(semaphore.clone().acquire_owned()));
            }
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let others: Vec<_> = (1..100).map(|_| queued(semaphore.acquire())).collect();
    semaphore.release(100);
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (1, 0));
    others.into_iter().for_each(|other| now(other).forget());
    now(first).forget();
    semaphore.release(1);
    let again = again.lock().unwrap().take().unwrap();
    now(again).forget();
}

/// Between two rounds the next waiter may want exactly what is left: that is on its way to it.
#[test]
fn permits_on_their_way_to_a_large_request_cannot_be_forgotten() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(semaphore.clone().acquire_owned());
    let waker = hooked_waker({
        let semaphore = semaphore.clone();
        move |call| {
            if call == WakerCall::Wake {
                assert_eq!((semaphore.waiters(), semaphore.available_permits()), (1, 5));
                assert_eq!(semaphore.forget_permits(1), 0);
            }
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let others: Vec<_> = (1..32).map(|_| queued(semaphore.acquire())).collect();
    let large = queued(semaphore.acquire_many(5));
    semaphore.release(37);
    assert_eq!(now(large).num_permits(), 5);
    drop((now(first), others));
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 37));
}

/// A release in a wake-up serves the rest, and more; the interrupted release must then leave the word alone.
#[test]
fn a_release_between_two_rounds_may_serve_the_rest() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(semaphore.clone().acquire_owned());
    let waker = hooked_waker({
        let semaphore = semaphore.clone();
        move |call| {
            if call == WakerCall::Wake {
                semaphore.release(0);
                assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 2));
                semaphore.try_acquire().expect("nobody waits").forget();
            }
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let others: Vec<_> = (1..100).map(|_| queued(semaphore.acquire())).collect();
    semaphore.release(102);
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1));
    others.into_iter().for_each(|other| now(other).forget());
    now(first).forget();
}

/// A release in a wake-up that adds permits between two rounds: they are added to the rest, not lost under it.
#[test]
fn permits_released_between_two_rounds_are_not_lost() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(semaphore.clone().acquire_owned());
    let waker = hooked_waker({
        let semaphore = semaphore.clone();
        move |call| {
            if call == WakerCall::Wake {
                semaphore.release(5);
            }
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let others: Vec<_> = (1..40).map(|_| queued(semaphore.acquire())).collect();
    let large = queued(semaphore.acquire_many(20));
    semaphore.release(42);
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (1, 7));
    semaphore.release(13);
    others.into_iter().for_each(|other| now(other).forget());
    now(first).forget();
    now(large).forget();
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 0));
}

/// A task that is polled inside its own wake-up, as by an inline executor.
struct InlineTask(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for InlineTask {
    fn wake(self: Arc<Self>) {
        let mut task = self.0.lock().unwrap();
        let Some(future) = task.as_mut() else { return };
        if poll_with(future.as_mut(), &self.clone().into()).is_ready() {
            *task = None;
        }
    }
}

#[test]
fn wakers_may_poll_the_next_waiter_on_the_spot() {
    let semaphore = Arc::new(BoundedSemaphore::new(1));
    let finished = Arc::new(AtomicUsize::new(0));
    let held = semaphore.try_acquire().unwrap();
    for _ in 0..50 {
        let (semaphore, finished) = (semaphore.clone(), finished.clone());
        let task = async move {
            // The drop hands the permit to the next task and runs it, before this one goes on.
            drop(semaphore.acquire().await);
            drop(semaphore.acquire().await);
            finished.fetch_add(1, Ordering::Relaxed);
        };
        Waker::from(Arc::new(InlineTask(Mutex::new(Some(Box::pin(task)))))).wake();
    }
    assert_eq!(semaphore.waiters(), 50);
    drop(held);
    assert_eq!((finished.load(Ordering::Relaxed), semaphore.available_permits(), semaphore.waiters()), (50, 1, 0));
}
