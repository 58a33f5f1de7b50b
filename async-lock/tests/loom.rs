//! Models of the lock and the condition, in every interleaving up to the preemption bound. `cargo loom` runs them; in an
//! ordinary build each body runs once, on real threads.
//!
//! Every critical section touches the value, whose accesses loom checks for races: a lock that excludes but does not
//! order would fail as well.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll};
use waitline::testing::{block_on, model, panic_message, poll_once, spawn};
use waitline_lock::{Condition, Lock};

#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "built without `--cfg loom`: is RUSTFLAGS exported?");
}

#[path = "loom/once_cell.rs"]
mod once_cell;
#[path = "loom/rwlock.rs"]
mod rwlock;
#[path = "loom/timeout.rs"]
mod timeout;

/// Takes the lock by polling, adds one, and tells how much was there.
async fn add_one(lock: &Lock<usize>) -> usize {
    let mut guard = lock.lock().await;
    *guard += 1;
    *guard - 1
}

/// Two contenders, two rounds each: exclusion, ordering of the value, and no lost wake-up in any mixture of fast path,
/// announcement, hand-off and re-use of the lock.
#[test]
fn two_contenders_two_rounds() {
    model("lock: two contenders, two rounds", || {
        let lock = Arc::new(Lock::new(0));
        let other = spawn({
            let lock = lock.clone();
            move || {
                block_on(add_one(&lock));
                block_on(add_one(&lock));
            }
        });
        block_on(add_one(&lock));
        block_on(add_one(&lock));
        other.join().unwrap();
        assert_eq!(*lock.try_lock().expect("nobody is left"), 4);
    });
}

/// Three contenders: two of them can be queued at once, and the hand-off goes on from waiter to waiter.
#[test]
fn three_contenders() {
    model("lock: three contenders", || {
        let lock = Arc::new(Lock::new(0));
        let others = [(); 2].map(|()| {
            let lock = lock.clone();
            spawn(move || block_on(add_one(&lock)))
        });
        let mut seen = vec![block_on(add_one(&lock))];
        seen.extend(others.map(|other| other.join().unwrap()));
        seen.sort();
        assert_eq!(seen, [0, 1, 2]);
    });
}

/// A waiter is dropped while the holder releases: it may be waiting or granted at that point. The lock goes on to the
/// second waiter, whoever was faster.
#[test]
fn cancel_against_release() {
    model("lock: cancel of a waiting or granted waiter against release", || {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.try_lock().expect("the lock is new");
        let mut cancelled = Box::pin(lock.clone().lock_owned());
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let mut second = Box::pin(lock.clone().lock_owned());
        assert!(poll_once(second.as_mut()).is_pending());
        let canceller = spawn(move || drop(cancelled));
        drop(guard);
        *block_on(second) += 1;
        canceller.join().unwrap();
        assert_eq!(*lock.try_lock().expect("the cancelled waiter kept the lock"), 1);
    });
}

/// The only waiter is dropped while the holder releases and a newcomer arrives: the withdrawal of `WAITERS` against the
/// fast paths on both sides.
#[test]
fn last_waiter_cancels_against_release_and_newcomer() {
    model("lock: the last waiter cancels against release and a newcomer", || {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.try_lock().expect("the lock is new");
        let mut cancelled = Box::pin(lock.clone().lock_owned());
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let newcomer = spawn({
            let lock = lock.clone();
            move || block_on(add_one(&lock))
        });
        let canceller = spawn(move || drop(cancelled));
        drop(guard);
        newcomer.join().unwrap();
        canceller.join().unwrap();
        assert_eq!(*lock.try_lock().expect("somebody kept the lock"), 1);
    });
}

/// From the first poll of a waiter to the drop of its guard, `try_lock` never succeeds, whatever the holder does.
#[test]
fn try_lock_never_barges() {
    model("lock: try_lock as a newcomer", || {
        let lock = Arc::new(Lock::new(0));
        let mut guard = lock.try_lock().expect("the lock is new");
        *guard += 1;
        let mut waiting = Box::pin(lock.clone().lock_owned());
        assert!(poll_once(waiting.as_mut()).is_pending());
        let newcomer = spawn({
            let lock = lock.clone();
            move || assert!(lock.try_lock().is_none(), "barged past a waiter")
        });
        drop(guard);
        newcomer.join().unwrap();
        let Poll::Ready(mut guard) = poll_once(waiting.as_mut()) else { panic!("the lock was not handed over") };
        *guard += 1;
    });
}

/// The release of a fast unlock reaches a `try_lock` that succeeds.
#[test]
fn unlock_orders_try_lock() {
    model("lock: unlock against try_lock", || {
        let lock = Arc::new(Lock::new(0));
        let other = spawn({
            let lock = lock.clone();
            move || lock.try_lock().map(|mut value| *value += 1).is_some()
        });
        let mine = lock.try_lock().map(|mut value| *value += 1).is_some();
        let theirs = other.join().unwrap();
        let total = *lock.try_lock().expect("both are done");
        assert_eq!(total, usize::from(mine) + usize::from(theirs));
        assert!(total > 0, "a free lock refused everybody");
    });
}

/// Owned guards: acquired on one thread, released on another.
#[test]
fn owned_guard_is_released_elsewhere() {
    model("lock: an owned guard is released on another thread", || {
        let lock = Arc::new(Lock::new(0));
        let guard = block_on(lock.clone().lock_owned());
        let releaser = spawn(move || {
            let mut guard = guard;
            *guard += 1;
        });
        *block_on(lock.clone().lock_owned()) += 1;
        releaser.join().unwrap();
        assert_eq!(*block_on(lock.lock_owned()), 2);
    });
}

/// A thread that blocks queues behind a future while the holder releases, and gets the lock from it.
#[test]
fn blocking_and_async_waiters_mix() {
    model("lock: a blocking and an async waiter", || {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.clone().try_lock_owned().unwrap();
        let mut waiting = Box::pin(lock.clone().lock_owned());
        assert!(poll_once(waiting.as_mut()).is_pending());
        let blocking = spawn({
            let lock = lock.clone();
            move || {
                let mut guard = lock.lock_blocking();
                *guard += 1;
                assert_eq!(*guard, 2, "the thread passed the future that waited before it");
            }
        });
        drop(guard);
        *block_on(waiting) += 1;
        blocking.join().unwrap();
    });
}

/// A queued future is polled with a new waker while the holder releases: the new waker is woken, or the poll is ready.
#[test]
fn new_waker_against_release() {
    model("lock: a new waker against release", || {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.clone().try_lock_owned().unwrap();
        let mut waiting = Box::pin(lock.clone().lock_owned());
        assert!(poll_once(waiting.as_mut()).is_pending());
        let releaser = spawn(move || drop(guard));
        // The first poll's waker does nothing; only if this one takes its place does the model end.
        *block_on(waiting) += 1;
        releaser.join().unwrap();
    });
}

/// Waits until `flag` is set.
fn wait_for_flag(lock: &Lock<usize>, condition: &Condition) {
    block_on(async {
        let mut flag = lock.lock().await;
        while *flag == 0 {
            flag = condition.wait(flag).await;
        }
        *flag += 1;
    });
}

/// The flag is set under the lock, then notified: the waiter sees the flag or the notification. (Enqueue before unlock.)
#[test]
fn condition_wait_against_notify_one() {
    model("condition: wait against notify_one", || {
        let pair = Arc::new((Lock::new(0), Condition::new()));
        let waiter = spawn({
            let pair = pair.clone();
            move || wait_for_flag(&pair.0, &pair.1)
        });
        block_on(async {
            let mut flag = pair.0.lock().await;
            *flag = 1;
            pair.1.notify_one(&flag);
        });
        waiter.join().unwrap();
        assert_eq!(*pair.0.try_lock().expect("all are done"), 2);
    });
}

/// Two waiters, one notify_all: both get through, one after the other. One is there for sure, the other may come before
/// or after.
#[test]
fn condition_two_waits_against_notify_all() {
    model("condition: two waits against notify_all", || {
        let pair = Arc::new((Lock::new(0), Condition::new()));
        let mut early = owned_wait(&pair);
        assert!(poll_once(early.as_mut()).is_pending());
        let late = spawn({
            let pair = pair.clone();
            move || wait_for_flag(&pair.0, &pair.1)
        });
        block_on(async {
            let mut flag = pair.0.lock().await;
            *flag = 1;
            assert!(pair.1.notify_all(&flag) >= 1);
        });
        block_on(early);
        late.join().unwrap();
        assert_eq!(*pair.0.try_lock().expect("all are done"), 3);
    });
}

/// A wait is dropped while it may be waiting, notified or granted. One notification was sent: the second waiter has it,
/// unless the first was never there to be notified.
#[test]
fn condition_cancel_passes_the_notification_on() {
    model("condition: cancel against notify_one and unlock", || {
        let pair = Arc::new((Lock::new(0), Condition::new()));
        let mut first = owned_wait(&pair);
        let mut second = owned_wait(&pair);
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let canceller = spawn(move || drop(first));
        {
            let guard = pair.0.lock_blocking();
            assert!(pair.1.notify_one(&guard));
        }
        block_on(second);
        canceller.join().unwrap();
        assert_eq!(*pair.0.try_lock().expect("nobody keeps the lock"), 1);
    });
}

/// A notified wait queues for a lock that a third thread fights for.
#[test]
fn condition_notified_against_contender() {
    model("condition: a notified wait against a contender", || {
        let pair = Arc::new((Lock::new(0), Condition::new()));
        let mut waiting = owned_wait(&pair);
        assert!(poll_once(waiting.as_mut()).is_pending());
        let contender = spawn({
            let pair = pair.clone();
            move || block_on(add_one(&pair.0))
        });
        {
            let guard = pair.0.lock_blocking();
            assert!(pair.1.notify_one(&guard));
        }
        block_on(waiting);
        contender.join().unwrap();
        assert_eq!(*pair.0.try_lock().expect("nobody keeps the lock"), 2);
    });
}

/// Two conditions on one lock: a buffer of one place, two items through it.
#[test]
fn two_conditions_on_one_lock() {
    model("condition: two on one lock, a buffer of one place", || {
        struct Buffer {
            item: Lock<Option<usize>>,
            not_full: Condition,
            not_empty: Condition,
        }
        let buffer =
            Arc::new(Buffer { item: Lock::new(None), not_full: Condition::new(), not_empty: Condition::new() });
        let producer = spawn({
            let buffer = buffer.clone();
            move || {
                block_on(async {
                    for item in 0..2 {
                        let guard = buffer.item.lock().await;
                        let mut place = buffer.not_full.wait_while(guard, |place| place.is_some()).await;
                        *place = Some(item);
                        buffer.not_empty.notify_one(&place);
                    }
                });
            }
        });
        block_on(async {
            for expected in 0..2 {
                let guard = buffer.item.lock().await;
                let mut place = buffer.not_empty.wait_while(guard, |place| place.is_none()).await;
                assert_eq!(place.take(), Some(expected));
                buffer.not_full.notify_one(&place);
            }
        });
        producer.join().unwrap();
    });
}

/// A condition is used with one lock, and when its last waiter is gone with another: the list changes hands from one
/// mutex to the other without a race.
#[test]
fn condition_changes_its_lock() {
    model("condition: first with one lock, then with another", || {
        let condition = Arc::new(Condition::new());
        let first = Arc::new((Lock::new(0), condition.clone()));
        let mut waiting = Box::pin(wait_on(first.clone()));
        assert!(poll_once(waiting.as_mut()).is_pending());
        let canceller = spawn(move || drop(waiting));
        let second = Arc::new((Lock::new(0), condition.clone()));
        let mut waiting = Box::pin(wait_on(second.clone()));
        // Nothing but the condition itself orders this thread after the other. While that is not through, the wait
        // panics, as it should: the condition still belongs to the first lock.
        match panic_message(|| poll_once(waiting.as_mut()).is_pending()) {
            Some(message) => assert!(message.starts_with("Condition::wait:"), "{message}"),
            None => {
                assert_eq!(condition.waiters(), 1);
                assert!(condition.notify_one(&second.0.try_lock().expect("the wait released it")));
                block_on(waiting);
            }
        }
        canceller.join().unwrap();
    });
}

async fn wait_on(pair: Arc<(Lock<usize>, Arc<Condition>)>) {
    let guard = pair.0.try_lock().expect("nobody else is here yet");
    *pair.1.wait(guard).await += 1;
}

/// A wait with an owned way to lock and condition, which adds one when it is notified.
fn owned_wait(pair: &Arc<(Lock<usize>, Condition)>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let pair = pair.clone();
    Box::pin(async move {
        let guard = pair.0.try_lock().expect("nobody else is here yet");
        *pair.1.wait(guard).await += 1;
    })
}
