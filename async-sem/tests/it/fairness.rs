//! First in, first out, for requests of any size; nobody passes a waiter.

use std::sync::Arc;
use waitline::testing::{CountingWaker, now, poll_once, queued, queued_with};
use waitline_sem::Semaphore;

/// Hazard 8.
#[test]
fn a_hundred_waiters_are_served_in_their_order() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..100).map(|_| queued(semaphore.acquire())).collect();
    for turn in 0..100 {
        semaphore.release(1);
        for waiter in &mut waiters[turn + 1..] {
            assert!(poll_once(waiter.as_mut()).is_pending());
        }
        let std::task::Poll::Ready(permit) = poll_once(waiters[turn].as_mut()) else { panic!("not its turn: {turn}") };
        permit.forget();
    }
}

#[test]
fn wakers_are_woken_in_the_order_of_their_waiters() {
    let semaphore = Semaphore::new(0);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let waiters: Vec<_> = (0..100)
        .map(|number| {
            let order = order.clone();
            let waker = waitline::testing::hooked_waker(move |call| {
                if call == waitline::testing::WakerCall::Wake {
                    order.lock().unwrap().push(number);
                }
            });
            let mut waiter = Box::pin(semaphore.acquire());
            assert!(waitline::testing::poll_with(waiter.as_mut(), &waker).is_pending());
            waiter
        })
        .collect();
    semaphore.release(100);
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
    drop(waiters);
}

#[test]
fn a_large_request_at_the_head_holds_back_small_ones() {
    let semaphore = Semaphore::new(2);
    let large = queued(semaphore.acquire_many(4));
    let mut small = queued(semaphore.acquire());
    assert!(semaphore.try_acquire().is_none());
    assert!(semaphore.try_acquire_many(2).is_none());
    semaphore.release(1);
    assert!(poll_once(small.as_mut()).is_pending());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 2));
    semaphore.release(1);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 1));
    let large = now(large);
    assert!(poll_once(small.as_mut()).is_pending());
    drop(large);
    drop(now(small));
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn a_large_request_behind_a_granted_one_waits_for_all_it_wants() {
    let semaphore = Semaphore::new(0);
    let wakers = [(); 4].map(|()| CountingWaker::new());
    let sizes = [1, 2, 5, 1];
    let mut waiters: Vec<_> = sizes
        .iter()
        .zip(&wakers)
        .map(|(&size, waker)| queued_with(semaphore.acquire_many(size), &waker.waker()))
        .collect();
    semaphore.release(7);
    // 1 and 2 fit; 5 does not fit into the rest of 4, and the last 1 must not pass it.
    assert_eq!(wakers.each_ref().map(CountingWaker::count), [1, 1, 0, 0]);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (4, 2));
    now(waiters.remove(0)).forget();
    drop(now(waiters.remove(0)));
    assert_eq!(wakers.each_ref().map(CountingWaker::count), [1, 1, 1, 1]);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
}

/// Hazard 9.
#[test]
fn newcomers_cannot_take_a_permit_between_its_grant_and_the_poll() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.try_acquire().unwrap();
    let waiter = queued(semaphore.acquire());
    drop(held);
    assert!(semaphore.try_acquire().is_none());
    assert!(semaphore.clone().try_acquire_owned().is_none());
    let newcomer = queued(semaphore.acquire());
    let permit = now(waiter);
    assert!(semaphore.try_acquire().is_none());
    drop(permit);
    drop(now(newcomer));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

/// Hazard 7: only a waiter gets anything by hand-off; a future that is polled later finds what is free then.
#[test]
fn a_release_before_the_first_poll_is_not_for_that_future() {
    let semaphore = Semaphore::new(0);
    let late = Box::pin(semaphore.acquire());
    semaphore.release(1);
    assert_eq!(semaphore.available_permits(), 1);
    let early = semaphore.try_acquire().unwrap();
    let mut late = late;
    assert!(poll_once(late.as_mut()).is_pending());
    drop(early);
    drop(now(late));
}

#[test]
fn wanting_nothing_is_to_wait_for_nobody() {
    let semaphore = Arc::new(Semaphore::new(0));
    let waiter = queued(semaphore.acquire());
    assert_eq!(now(Box::pin(semaphore.acquire_many(0))).num_permits(), 0);
    assert_eq!(now(Box::pin(semaphore.clone().acquire_many_owned(0))).num_permits(), 0);
    assert_eq!(semaphore.try_acquire_many(0).unwrap().num_permits(), 0);
    assert_eq!(semaphore.clone().try_acquire_many_owned(0).unwrap().num_permits(), 0);
    assert_eq!(semaphore.acquire_many_blocking(0).num_permits(), 0);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 1));
    drop(waiter);
}

/// Permits that are left when the last waiter is served are there for everybody.
#[test]
fn what_waiters_leave_over_is_free() {
    let semaphore = Semaphore::new(0);
    let waiter = queued(semaphore.acquire());
    semaphore.release(3);
    drop(semaphore.try_acquire_many(2).unwrap());
    drop(now(waiter));
    assert_eq!(semaphore.available_permits(), 3);
}
