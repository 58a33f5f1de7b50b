//! Futures that are dropped: before their first poll, while they wait, after they were granted; and leaked ones.

use std::sync::Arc;
use waitline::testing::{CountingWaker, now, poll_once, queued, queued_with};
use waitline_sem::{BoundedSemaphore, Semaphore};

#[test]
fn cancelled_waiter_leaves_no_trace() {
    let semaphore = Semaphore::new(1);
    let waiter = queued(semaphore.acquire_many(2));
    assert_eq!(semaphore.waiters(), 1);
    drop(waiter);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    // The fast paths are open again.
    drop(semaphore.try_acquire().unwrap());
    drop(now(Box::pin(semaphore.acquire())));
    assert_eq!(semaphore.available_permits(), 1);
}

/// Hazard 1.
#[test]
fn granted_waiter_dropped_unpolled_passes_its_permits_on() {
    let semaphore = Semaphore::new(0);
    let first = queued(semaphore.acquire_many(2));
    let wakers = [(); 3].map(|()| CountingWaker::new());
    let others = wakers.each_ref().map(|waker| queued_with(semaphore.acquire(), &waker.waker()));
    semaphore.release(2);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 3));
    drop(first);
    assert_eq!(wakers.each_ref().map(CountingWaker::count), [1, 1, 0]);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 1));
    let [one, two, three] = others;
    drop(now(one));
    // Woken, but not polled: what it was granted does not depend on that.
    drop(two);
    drop(now(three));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
}

#[test]
fn granted_waiter_dropped_with_nobody_behind_it_frees_its_permits() {
    let semaphore = Arc::new(Semaphore::new(0));
    let borrowed = queued(semaphore.acquire_many(2));
    let owned = queued(semaphore.clone().acquire_many_owned(3));
    semaphore.release(5);
    drop(borrowed);
    assert_eq!(semaphore.available_permits(), 2);
    drop(owned);
    assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (5, 1));
    let bounded = BoundedSemaphore::new(2);
    let held = bounded.try_acquire_many(2).unwrap();
    let waiter = queued(bounded.acquire());
    drop(held);
    drop(waiter);
    assert_eq!(bounded.available_permits(), 2);
    assert!(bounded.release(1).is_err(), "a cancelled grant counts as forgotten");
}

/// Hazard 2.
#[test]
fn cancelled_head_lets_followers_that_fit_go_on() {
    let semaphore = Semaphore::new(2);
    let head = queued(semaphore.acquire_many(3));
    let wakers = [(); 3].map(|()| CountingWaker::new());
    let [one, two, three] = wakers.each_ref().map(|waker| queued_with(semaphore.acquire(), &waker.waker()));
    drop(head);
    assert_eq!(wakers.each_ref().map(CountingWaker::count), [1, 1, 0]);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 1));
    drop(now(one));
    drop((now(two), now(three)));
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn cancelled_head_of_a_bounded_semaphore_lets_followers_go_on() {
    let semaphore = BoundedSemaphore::new(3);
    let held = semaphore.try_acquire().unwrap();
    let head = queued(semaphore.acquire_many(3));
    let follower = queued(semaphore.acquire_many(2));
    drop(head);
    drop(now(follower));
    drop(held);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn cancelled_head_before_a_follower_that_does_not_fit_changes_nothing_else() {
    let semaphore = Semaphore::new(1);
    let head = queued(semaphore.acquire_many(3));
    let mut follower = queued(semaphore.acquire_many(2));
    drop(head);
    assert!(poll_once(follower.as_mut()).is_pending());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 1));
    assert!(semaphore.try_acquire().is_none());
    semaphore.release(1);
    assert_eq!(now(follower).num_permits(), 2);
}

#[test]
fn cancelled_follower_leaves_the_head_waiting() {
    let semaphore = Semaphore::new(1);
    let head = queued(semaphore.acquire_many(2));
    let (second, third) = (queued(semaphore.acquire()), queued(semaphore.acquire()));
    drop(second);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 2));
    semaphore.release(2);
    drop((now(head), now(third)));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
}

/// A cancelled head may let more go on than are woken in one round.
#[test]
fn cancelled_head_lets_a_hundred_followers_go_on() {
    let semaphore = Semaphore::new(100);
    let head = queued(semaphore.acquire_many(101));
    let wakers: Vec<_> = (0..110).map(|_| CountingWaker::new()).collect();
    let followers: Vec<_> = wakers.iter().map(|waker| queued_with(semaphore.acquire(), &waker.waker())).collect();
    drop(head);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 10));
    let counts: Vec<_> = wakers.iter().map(CountingWaker::count).collect();
    assert!(counts[..100].iter().all(|&count| count == 1) && counts[100..].iter().all(|&count| count == 0));
    drop(followers);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (100, 0));
}

/// Hazard 15.
#[test]
fn wakers_are_let_go_on_cancel_and_on_grant() {
    let semaphore = Semaphore::new(0);
    let waker = CountingWaker::new();
    let cancelled = queued_with(semaphore.acquire(), &waker.waker());
    assert_eq!(waker.held(), 1);
    drop(cancelled);
    assert_eq!(waker.held(), 0);
    let kept = queued_with(semaphore.acquire(), &waker.waker());
    semaphore.release(1);
    assert_eq!((waker.held(), waker.count()), (0, 1));
    drop(kept);
    assert_eq!(waker.count(), 1, "a dropped future was woken");
}

/// Hazard 16: a leaked future keeps its place and takes what it is granted, like a permit that is leaked.
#[test]
fn leaked_waiter_takes_its_turn_and_harms_nobody() {
    let semaphore = Box::new(Semaphore::new(0));
    std::mem::forget(queued(semaphore.acquire()));
    let next = queued(semaphore.acquire());
    assert_eq!(semaphore.waiters(), 2);
    semaphore.release(1);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 1));
    semaphore.release(1);
    drop(now(next));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    std::mem::forget(queued(semaphore.acquire_many(2)));
    // The semaphore and its memory go with a waiter in the list.
    drop(semaphore);
}

/// A grant that sits in a future which nobody polls is like a held permit; dropping that future unblocks the rest.
/// Hazard 10.
#[test]
fn a_grant_that_nobody_polls_is_held_until_its_future_is_dropped() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let sleeper = queued(semaphore.acquire());
    let mut next = queued(semaphore.acquire());
    drop(held);
    assert!(poll_once(next.as_mut()).is_pending());
    drop(sleeper);
    drop(now(next));
    assert_eq!(semaphore.available_permits(), 1);
}
