//! `close` against all that may go on at the same time. Under loom a round of wake-ups is one waiter, so that two of them
//! take it to a second round.

use super::{Protected, join_both};
use std::{pin::pin, task::Poll};
use waitline::{
    sync::Arc,
    testing::{block_on, model, poll_once, spawn},
};
use waitline_sem::{Acquire, BoundedSemaphore, Closed, OrClosed, Permit, Semaphore};

/// The end of a wait that has begun and that must be over by now.
#[track_caller]
fn outcome<'a>(future: std::pin::Pin<&mut OrClosed<Acquire<'a>>>) -> Result<Permit<'a>, Closed> {
    match poll_once(future) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a waiter was not told"),
    }
}

/// Closes against acquires at any point of their first poll, in the fast path and under the mutex: nobody is left behind,
/// those who fail see what was done before the close, and those who got the permit what was done before its release.
#[test]
fn a_close_against_first_polls() {
    model("close against two acquires", || {
        let shared = Arc::new((Semaphore::new(1), Protected::new(), Protected::new()));
        let acquires = [shared.clone(), shared.clone()].map(|shared| {
            spawn(move || match block_on(shared.0.acquire().or_closed()) {
                Ok(_permit) => shared.2.add_one(),
                Err(Closed) => assert_eq!(shared.1.get(), 1),
            })
        });
        shared.1.add_one();
        assert!(shared.0.close());
        join_both(acquires);
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (1, 0));
        assert!(shared.0.try_acquire().is_none());
    });
}

/// The same for a request of none, which passes waiters but not a close; by future and by `try_`.
#[test]
fn a_close_against_requests_of_none() {
    model("close against requests of none", || {
        let shared = Arc::new((Semaphore::new(0), Protected::new()));
        let mut head = Box::pin(shared.0.acquire().or_closed());
        assert!(poll_once(head.as_mut()).is_pending());
        let none = spawn({
            let shared = shared.clone();
            move || {
                let tried = shared.0.try_acquire_many(0).is_some();
                match poll_once(pin!(shared.0.acquire_many(0).or_closed())) {
                    Poll::Ready(Ok(_)) => assert!(tried, "it was closed, and is open again"),
                    Poll::Ready(Err(Closed)) => assert_eq!(shared.1.get(), 1),
                    Poll::Pending => panic!("a request of none waits"),
                }
            }
        });
        shared.1.add_one();
        shared.0.close();
        none.join().unwrap();
        assert!(outcome(head.as_mut()).is_err());
        assert!(shared.0.try_acquire_many(0).is_none());
    });
}

/// A waiter between a close and a release: it is told one or the other, with what was done before; the permit is not
/// lost; and a release that comes after the close grants nothing.
#[test]
fn a_close_against_a_release() {
    model("close against a release", || {
        let shared = Arc::new((Semaphore::new(0), Protected::new(), Protected::new()));
        let waiter = spawn({
            let shared = shared.clone();
            move || match block_on(shared.0.acquire().or_closed()) {
                Ok(permit) => {
                    assert_eq!(shared.1.get(), 1);
                    permit.forget();
                    1
                }
                Err(Closed) => {
                    assert_eq!(shared.2.get(), 1);
                    0
                }
            }
        });
        let release = spawn({
            let shared = shared.clone();
            move || {
                shared.1.add_one();
                let too_late = shared.0.is_closed();
                if too_late {
                    assert_eq!(shared.2.get(), 1);
                }
                shared.0.release(1);
                too_late
            }
        });
        shared.2.add_one();
        shared.0.close();
        let taken = waiter.join().unwrap();
        let too_late = release.join().unwrap();
        assert!(taken == 0 || !too_late, "a permit was granted after the close");
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (1 - taken, 0));
    });
}

/// The rounds of a close against those of a release, over two waiters: each of them is told, the second one is not granted
/// what the first one was refused, and no permit is lost or made.
#[test]
fn the_rounds_of_a_close_against_those_of_a_release() {
    model("rounds of close and release", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = pin!(semaphore.acquire().or_closed());
        let mut second = pin!(semaphore.acquire().or_closed());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let release = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(2)
        });
        assert!(semaphore.close());
        release.join().unwrap();
        let outcomes = [outcome(first), outcome(second)];
        let granted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(outcomes[0].is_ok() || outcomes[1].is_err(), "the second was granted what the first was refused");
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2 - granted, 0));
        drop(outcomes);
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// A permit that comes back while it is being closed, without a waiter: with the fast path, or by the mutex once that is
/// off. It is counted, and nobody gets it.
#[test]
fn a_close_against_a_drop() {
    model("close against a drop", || {
        let semaphore = std::sync::Arc::new(Semaphore::new(2));
        let drops = [(); 2].map(|()| {
            let permit = semaphore.clone().try_acquire_owned().expect("one is free");
            spawn(move || drop(permit))
        });
        semaphore.close();
        join_both(drops);
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
    });
}

/// Two waiters are dropped while it is being closed, at any point of its rounds: the last one to leave does not open it
/// again, and nothing is granted to one behind another that left.
#[test]
fn a_close_against_cancelled_waiters() {
    model("close against cancels", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let mut head = Box::pin(semaphore.acquire_many(2).or_closed());
        let mut follower = Box::pin(semaphore.acquire().or_closed());
        assert!(poll_once(head.as_mut()).is_pending());
        assert!(poll_once(follower.as_mut()).is_pending());
        let close = spawn({
            let semaphore = semaphore.clone();
            move || assert!(semaphore.close())
        });
        drop(head);
        if let Poll::Ready(Ok(permit)) = poll_once(follower.as_mut()) {
            assert_eq!(semaphore.available_permits(), 0);
            drop(permit);
        }
        drop(follower);
        // Open or closed by now, but not the one and then the other.
        let open = semaphore.try_acquire().is_some();
        assert!(!semaphore.is_closed() || semaphore.try_acquire().is_none());
        close.join().unwrap();
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none(), "it is open again ({open})");
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    });
}

/// A waiter is granted by a release, closed upon and dropped unpolled, in all orders: its permit comes back once.
#[test]
fn a_close_against_a_granted_and_cancelled_waiter() {
    model("close against a cancelled grant", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut unpolled = Box::pin(semaphore.acquire());
        assert!(poll_once(unpolled.as_mut()).is_pending());
        let next = spawn({
            let semaphore = semaphore.clone();
            move || drop(block_on(semaphore.acquire().or_closed()))
        });
        let close = spawn({
            let semaphore = semaphore.clone();
            move || assert!(semaphore.close())
        });
        semaphore.release(1);
        drop(unpolled);
        next.join().unwrap();
        close.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
        assert!(semaphore.try_acquire().is_none());
    });
}

/// Of two closes one has closed it, and a waiter is told, whichever it was.
#[test]
fn two_closes() {
    model("two closes", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiter = spawn({
            let semaphore = semaphore.clone();
            move || assert!(block_on(semaphore.acquire().or_closed()).is_err())
        });
        let other = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.close()
        });
        let mine = semaphore.close();
        assert!(semaphore.is_closed());
        assert!(mine != other.join().unwrap());
        waiter.join().unwrap();
    });
}

/// `forget_permits` against a close and a waiter for whom they suffice: they are gone or granted, never both.
#[test]
fn a_close_against_forgotten_permits() {
    model("close against forget_permits", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut waiter = Box::pin(semaphore.acquire_many(2).or_closed());
        assert!(poll_once(waiter.as_mut()).is_pending());
        let forget = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.forget_permits(1)
        });
        let release = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(2)
        });
        semaphore.close();
        let forgotten = forget.join().unwrap();
        release.join().unwrap();
        let granted = outcome(waiter.as_mut()).map_or(0, |permit| permit.num_permits());
        assert_eq!(semaphore.available_permits() + forgotten, 2, "{granted} were granted");
    });
}

/// A bounded semaphore: who returns a forgotten permit after the close finds the books as they were.
#[test]
fn a_bounded_semaphores_books_against_a_close() {
    model("bounded books against a close", || {
        let semaphore = Arc::new(BoundedSemaphore::new(2));
        let permit = semaphore.try_acquire().unwrap();
        let acquire = spawn({
            let semaphore = semaphore.clone();
            move || drop(block_on(semaphore.acquire_many(2).or_closed()))
        });
        let close = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.close()
        });
        permit.forget();
        assert!(semaphore.release(1).is_ok());
        assert!(close.join().unwrap());
        acquire.join().unwrap();
        assert!(semaphore.release(1).is_err());
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
    });
}

/// The one who closes waits for both permits, of which one comes back by a drop and one by a waiter that was granted it and
/// is dropped unpolled, or gets it late, or fails: the last one back wakes it, and what was done under them is seen.
#[test]
fn the_closer_waits_for_all_permits() {
    model("close, and wait for all permits", || {
        let shared = std::sync::Arc::new((Semaphore::new(2), [Protected::new(), Protected::new()]));
        let permits = shared.0.try_acquire_many(2).unwrap();
        let mut waiter = Box::pin(shared.0.acquire().or_closed());
        assert!(poll_once(waiter.as_mut()).is_pending());
        permits.forget();
        let returns = spawn({
            let shared = shared.clone();
            move || {
                shared.1[0].add_one();
                shared.0.release(2);
            }
        });
        let closer = spawn({
            let shared = shared.clone();
            move || {
                shared.0.close();
                let all = block_on(shared.0.acquire_many(2).after_close());
                assert_eq!((shared.1[0].get(), all.num_permits()), (1, 2));
                shared.1[1].add_one();
            }
        });
        if let Poll::Ready(Ok(_permit)) = poll_once(waiter.as_mut()) {
            shared.1[1].add_one();
        }
        drop(waiter);
        returns.join().unwrap();
        closer.join().unwrap();
        assert!((1..=2).contains(&shared.1[1].get()));
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (2, 0));
        assert!(shared.0.is_closed() && shared.0.try_acquire().is_none());
    });
}

/// Two who wait after the close, one of whom comes while others are still being told and leaves again: the other one gets
/// all, and the semaphore stays closed.
#[test]
fn waits_after_the_close_between_its_rounds() {
    model("waits after the close, between its rounds", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let mut told = [(); 2].map(|()| Box::pin(semaphore.acquire_many(2).or_closed()));
        for told in &mut told {
            assert!(poll_once(told.as_mut()).is_pending());
        }
        let other = spawn({
            let semaphore = semaphore.clone();
            move || {
                if semaphore.is_closed() {
                    _ = poll_once(pin!(semaphore.acquire().after_close()));
                    drop(block_on(semaphore.acquire().after_close()));
                }
            }
        });
        assert!(semaphore.close());
        for mut told in told {
            assert!(outcome(told.as_mut()).is_err());
        }
        other.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
    });
}
