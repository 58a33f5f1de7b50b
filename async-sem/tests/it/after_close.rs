//! `after_close`: the one who closes waits for what is out.

use super::close::assert_closed;
use futures_lite::future::block_on;
use std::sync::{Arc, Mutex};
use waitline::testing::{
    CountingWaker, WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker, poll_once, poll_with,
    queued, queued_with,
};
use waitline_sem::{BoundedSemaphore, Semaphore};

#[test]
fn what_is_free_is_there_at_once() {
    let semaphore = Arc::new(Semaphore::new(3));
    semaphore.close();
    let two = block_on(semaphore.acquire_many(2).after_close());
    assert_eq!((two.num_permits(), semaphore.available_permits()), (2, 1));
    let one = block_on(semaphore.clone().acquire_owned().after_close());
    assert_eq!((one.num_permits(), semaphore.available_permits()), (1, 0));
    assert_eq!(block_on(semaphore.acquire_many(0).after_close()).num_permits(), 0);
    drop((one, two));
    assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (3, 1));
    assert!(semaphore.is_closed());
}

/// Hazard 3: whichever way they come back.
#[test]
fn permits_that_come_back_complete_it() {
    let semaphore = Arc::new(Semaphore::new(6));
    let mut dropped = semaphore.try_acquire_many(2).unwrap();
    let owned = semaphore.clone().try_acquire_owned().unwrap();
    semaphore.try_acquire().unwrap().forget();
    let held = semaphore.try_acquire_many(2).unwrap();
    let unpolled = queued(semaphore.acquire_many(2));
    drop(held);
    let failed = queued(semaphore.acquire());
    semaphore.close();
    let waker = CountingWaker::new();
    let mut all = queued_with(semaphore.acquire_many(6).after_close(), &waker.waker());
    assert_eq!(semaphore.waiters(), 1);
    let mut still_waits = || assert!(poll_with(all.as_mut(), &waker.waker()).is_pending());
    drop(dropped.split(1));
    still_waits();
    semaphore.release(1);
    still_waits();
    std::thread::spawn(move || drop(owned)).join().unwrap();
    still_waits();
    drop((dropped, failed));
    still_waits();
    assert_closed(block_on(semaphore.acquire().or_closed()));
    // A grant that its waiter does not take comes back as well.
    drop(unpolled);
    assert_eq!(waker.count(), 1);
    let all = now(all);
    assert_eq!((all.num_permits(), semaphore.available_permits()), (6, 0));
    drop(all);
    assert_eq!(semaphore.available_permits(), 6);
}

#[test]
fn several_are_served_in_order_and_cancelled_like_others() {
    let semaphore = BoundedSemaphore::new(4);
    let mut held = semaphore.try_acquire_many(3).unwrap();
    semaphore.close();
    let head = queued(semaphore.acquire_many(4).after_close());
    let second = queued(semaphore.acquire().after_close());
    let third = queued(semaphore.acquire_many(3).after_close());
    assert!(semaphore.try_acquire().is_none());
    // To want nothing is to pass nobody.
    assert_eq!(block_on(semaphore.acquire_many(0).after_close()).num_permits(), 0);
    // The head has held back one for whom there was enough. Hazard 2.
    drop(head);
    let second = now(second);
    drop(held.split(2));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 1));
    drop(held);
    let fourth = queued(semaphore.acquire_many(4).after_close());
    // Granted and not polled: it goes on to the next one. Hazard 1.
    drop(third);
    drop(second);
    assert_eq!(now(fourth).num_permits(), 4);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (4, 0));
    assert!(semaphore.is_closed() && semaphore.try_acquire_many(0).is_none());
    assert!(semaphore.release(1).is_err());
}

#[test]
fn at_an_open_semaphore_it_panics() {
    let semaphore = Arc::new(Semaphore::new(1));
    let future = semaphore.acquire().after_close();
    let message =
        |name, method| format!("{name}::{method}: `after_close()` is for a closed semaphore, and this one is open");
    assert_eq!(panic_message(|| drop(block_on(future))).unwrap(), message("Semaphore", "acquire"));
    let owned = semaphore.clone().acquire_owned().after_close();
    assert_eq!(panic_message(|| drop(block_on(owned))).unwrap(), message("Semaphore", "acquire_owned"));
    let bounded = BoundedSemaphore::new(1);
    let many = bounded.acquire_many(0).after_close();
    assert_eq!(panic_message(|| drop(block_on(many))).unwrap(), message("BoundedSemaphore", "acquire"));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    // Nothing has happened to it.
    drop(now(Box::pin(semaphore.acquire())));
}

/// It may begin between two rounds of the close, behind those who are still to be told. It is then served as soon as they
/// are out of its way, be it by the closer or by their leaving.
#[test]
fn one_that_begins_between_the_rounds_is_not_left_behind() {
    for leave in [false, true] {
        let semaphore = Arc::new(Semaphore::new(1));
        let (late, rest) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
        let mut first = Box::pin(semaphore.clone().acquire_many_owned(2).or_closed());
        let waker = hooked_waker({
            let (semaphore, late, rest) = (semaphore.clone(), late.clone(), rest.clone());
            move |call| {
                if call == WakerCall::Wake {
                    *late.lock().unwrap() = Some(queued(semaphore.clone().acquire_owned().after_close()));
                    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (18 + 1, 1));
                    if leave {
                        rest.lock().unwrap().clear();
                        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 0));
                    }
                }
            }
        });
        assert!(poll_with(first.as_mut(), &waker).is_pending());
        *rest.lock().unwrap() = (1..50).map(|_| queued(semaphore.clone().acquire_many_owned(2).or_closed())).collect();
        assert!(semaphore.close());
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 0));
        rest.lock().unwrap().drain(..).for_each(|told| assert!(now(told).is_err()));
        assert!(now(first).is_err());
        let late = late.lock().unwrap().take().unwrap();
        assert_eq!(now(late).num_permits(), 1);
        drop(waker);
        assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (1, 1));
    }
}

/// Hazards 13, 38 and 39.
#[test]
fn its_wakers_may_panic() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    semaphore.close();
    let mut angry = Box::pin(semaphore.acquire().after_close());
    assert!(poll_with(angry.as_mut(), &panicking_waker()).is_pending());
    let mut next = Box::pin(semaphore.acquire().after_close());
    assert!(poll_with(next.as_mut(), &panicking_waker()).is_pending());
    assert!(panic_message(|| drop(permit)).is_some());
    during_panic(|| drop(angry));
    drop(now(next));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    // The clone of a poll that is ready at once is dropped with the permit taken.
    let mut at_once = Box::pin(semaphore.acquire().after_close());
    let waker = hooked_waker(|call| assert_ne!(call, WakerCall::Drop, "an angry waker"));
    assert!(panic_message(|| drop(poll_with(at_once.as_mut(), &waker))).is_some());
    std::mem::forget(waker);
    // The future has it, as if it had been granted.
    assert_eq!(semaphore.available_permits(), 0);
    assert!(poll_once(at_once.as_mut()).is_ready());
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(format!("{:?}", semaphore.acquire().after_close()), "AfterClose(Acquire(Waiter(new)))");
}
