//! Models of the semaphores, in every interleaving up to the preemption bound. `cargo loom` runs them; in an ordinary
//! build each body runs once, on real threads.
//!
//! Where a permit stands for some data, the model touches it, and loom reports accesses that no happens-before keeps
//! apart: permits that are counted right but carry no order would fail as well.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};
use waitline::{
    sync::{Arc, UnsafeCell},
    testing::{block_on, model, poll_once, spawn},
};
use waitline_sem::{BoundedSemaphore, Semaphore};

#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "built without `--cfg loom`: is RUSTFLAGS exported?");
}

#[path = "loom/close.rs"]
mod close;
#[path = "loom/timeout.rs"]
mod timeout;

type Task = waitline::testing::JoinHandle<()>;

fn join_both(tasks: [Task; 2]) {
    for task in tasks {
        task.join().unwrap();
    }
}

/// Data that a permit protects. Loom reports accesses that no happens-before keeps apart.
struct Protected(UnsafeCell<usize>);

// SAFETY: not sound by itself: that every access is kept apart from the others is what the models check.
unsafe impl Sync for Protected {}
// SAFETY: a number.
unsafe impl Send for Protected {}

impl Protected {
    fn new() -> Self {
        Protected(UnsafeCell::new(0))
    }

    fn add_one(&self) {
        // SAFETY: loom has checked the access before it calls the closure.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> usize {
        // SAFETY: loom has checked the access before it calls the closure.
        self.0.with(|value| unsafe { *value })
    }
}

/// Two tasks, one permit, both ways to wait for it: one at a time, each sees what the other has done (fast acquire
/// and release, and the exchange under the mutex, are strong enough), and no wake-up is lost.
#[test]
fn one_permit_and_two_tasks() {
    model("one permit, two tasks", || {
        let shared = Arc::new((Semaphore::new(1), Protected::new()));
        let other = spawn({
            let shared = shared.clone();
            move || {
                for _ in 0..2 {
                    let _permit = block_on(shared.0.acquire());
                    shared.1.add_one();
                }
            }
        });
        for _ in 0..2 {
            let _permit = shared.0.acquire_blocking();
            shared.1.add_one();
        }
        other.join().unwrap();
        assert_eq!((shared.1.get(), shared.0.available_permits(), shared.0.waiters()), (4, 1, 0));
    });
}

/// Three tasks, one permit: the same with two waiters at a time.
#[test]
fn one_permit_and_three_tasks() {
    model("one permit, three tasks", || {
        let shared = Arc::new((Semaphore::new(1), Protected::new()));
        let turn = |shared: &(Semaphore, Protected)| {
            let _permit = block_on(shared.0.acquire());
            shared.1.add_one();
        };
        let others = [shared.clone(), shared.clone()].map(|shared| spawn(move || turn(&shared)));
        turn(&shared);
        join_both(others);
        assert_eq!((shared.1.get(), shared.0.available_permits(), shared.0.waiters()), (3, 1, 0));
    });
}

/// Three tasks, two permits: never three at a time, and all permits come back.
#[test]
fn two_permits_and_three_tasks() {
    model("two permits, three tasks", || {
        // The counter is not loom's: it watches, and adds no interleavings.
        let shared = Arc::new((Semaphore::new(2), AtomicUsize::new(0)));
        let turn = |shared: &(Semaphore, AtomicUsize)| {
            let _permit = block_on(shared.0.acquire());
            assert!(shared.1.fetch_add(1, Ordering::SeqCst) < 2);
            shared.1.fetch_sub(1, Ordering::SeqCst);
        };
        let others = [shared.clone(), shared.clone()].map(|shared| spawn(move || turn(&shared)));
        turn(&shared);
        join_both(others);
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (2, 0));
    });
}

/// A request for all permits against small ones: it excludes both, and sees what both have done, whichever way
/// their permits came to it (from the word, or from a release after it has begun to wait).
#[test]
fn a_request_for_all_against_small_ones() {
    model("acquire_many against small ones", || {
        let shared = Arc::new((Semaphore::new(2), [Protected::new(), Protected::new()]));
        let small = [0, 1].map(|slot| {
            let shared = shared.clone();
            spawn(move || {
                let _permit = block_on(shared.0.acquire());
                shared.1[slot].add_one();
            })
        });
        {
            let all = block_on(shared.0.acquire_many(2));
            assert_eq!(all.num_permits(), 2);
            shared.1.iter().for_each(Protected::add_one);
        }
        join_both(small);
        assert_eq!(shared.1.each_ref().map(Protected::get), [2, 2]);
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (2, 0));
    });
}

/// Permits of two releases, one of them from before the waiter came: the waiter sees what was done before both.
#[test]
fn a_waiter_sees_both_of_two_releases() {
    model("permits of two releases", || {
        let shared = Arc::new((Semaphore::new(0), [Protected::new(), Protected::new()]));
        let releases = [0, 1].map(|slot| {
            let shared = shared.clone();
            spawn(move || {
                shared.1[slot].add_one();
                shared.0.release(1);
            })
        });
        let both = block_on(shared.0.acquire_many(2));
        assert_eq!(shared.1.each_ref().map(Protected::get), [1, 1]);
        both.forget();
        join_both(releases);
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (0, 0));
    });
}

/// Permits that are left over when the last waiter has got its own: who takes them sees what was done before the
/// release, and the release does not write the word again after it has cleared the bit.
#[test]
fn what_a_release_leaves_over_is_there_for_all() {
    model("left-over permits", || {
        let shared = Arc::new((Semaphore::new(0), Protected::new()));
        let waiter = spawn({
            let shared = shared.clone();
            move || {
                block_on(shared.0.acquire()).forget();
                assert_eq!(shared.1.get(), 1);
            }
        });
        let newcomer = spawn({
            let shared = shared.clone();
            move || match shared.0.try_acquire() {
                Some(permit) => {
                    assert_eq!(shared.1.get(), 1);
                    permit.forget();
                    1
                }
                None => 0,
            }
        });
        shared.1.add_one();
        shared.0.release(2);
        waiter.join().unwrap();
        let taken = newcomer.join().unwrap();
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (1 - taken, 0));
    });
}

/// A granted waiter finds the semaphore as its grant has left it: when it has its own permit and nobody waits any more,
/// the rest of the release is there for `try_acquire`, although the release may not have returned yet.
#[test]
fn a_granted_waiter_finds_what_its_release_left_over() {
    model("left-over permits, seen by the waiter", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiter = spawn({
            let semaphore = semaphore.clone();
            move || {
                block_on(semaphore.acquire()).forget();
                assert_eq!(semaphore.available_permits(), 1);
                semaphore.try_acquire().expect("nobody waits, and one is left").forget();
            }
        });
        semaphore.release(2);
        waiter.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
    });
}

/// `release(2)` to two waiters, in two rounds: both get on, whoever comes when.
#[test]
fn one_release_serves_several_waiters() {
    model("release(2) to two waiters", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiters = [semaphore.clone(), semaphore.clone()]
            .map(|semaphore| spawn(move || block_on(semaphore.acquire()).forget()));
        semaphore.release(2);
        join_both(waiters);
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
    });
}

/// Two releases meet between the rounds of one: nobody is granted twice, or forgotten, and the word is right.
#[test]
fn two_releases_share_the_waiters() {
    model("two releases, two waiters", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = pin!(semaphore.acquire());
        let mut second = pin!(semaphore.acquire());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let other = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(2)
        });
        semaphore.release(1);
        let taken = semaphore.try_acquire().map_or(0, |permit| {
            permit.forget();
            1
        });
        other.join().unwrap();
        assert!(poll_once(first).is_ready());
        assert!(poll_once(second).is_ready());
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3 - taken, 0));
    });
}

/// The head of the queue, which wants more than there is, is dropped while a follower that would fit begins to
/// wait and a release comes: the follower gets on in any order of events.
#[test]
fn cancelling_the_head_lets_the_follower_go_on() {
    model("cancel of a waiting head", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let follower = spawn({
            let semaphore = semaphore.clone();
            move || block_on(semaphore.acquire()).forget()
        });
        let release = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        {
            let mut head = pin!(semaphore.acquire_many(2));
            assert!(poll_once(head.as_mut()).is_pending());
        }
        follower.join().unwrap();
        release.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
    });
}

/// As above, for the data: the follower is granted by the cancelling thread, and sees what was done before the
/// release of its permit nevertheless.
#[test]
fn a_follower_sees_what_was_released_before_the_cancel() {
    model("cancel carries the data", || {
        let shared = Arc::new((Semaphore::new(0), Protected::new()));
        let release = spawn({
            let shared = shared.clone();
            move || {
                shared.1.add_one();
                shared.0.release(1);
            }
        });
        let follower = spawn({
            let shared = shared.clone();
            move || {
                let mut head = Box::pin(shared.0.acquire_many(2));
                let mut follower = pin!(shared.0.acquire());
                assert!(poll_once(head.as_mut()).is_pending());
                if let Poll::Ready(permit) = poll_once(follower.as_mut()) {
                    panic!("{permit:?} passed the head");
                }
                drop(head);
                block_on(follower).forget();
                assert_eq!(shared.1.get(), 1);
            }
        });
        release.join().unwrap();
        follower.join().unwrap();
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (0, 0));
    });
}

/// A follower is dropped at any point of a release to the head: the head gets on, and nothing is lost.
#[test]
fn cancelling_a_follower_leaves_the_head_alone() {
    model("cancel of a follower", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let held = semaphore.try_acquire().unwrap();
        let head = spawn({
            let semaphore = semaphore.clone();
            move || drop(block_on(semaphore.acquire()))
        });
        let follower = spawn({
            let semaphore = semaphore.clone();
            move || _ = poll_once(pin!(semaphore.acquire()))
        });
        drop(held);
        head.join().unwrap();
        follower.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    });
}

/// A waiter is granted by a release and dropped unpolled, at any point of it: its permit goes to the one behind it,
/// who sees what was done before the release.
#[test]
fn cancelling_a_granted_waiter_passes_the_permit_on() {
    model("cancel of a granted waiter", || {
        let shared = Arc::new((Semaphore::new(0), Protected::new()));
        let mut first = Box::pin(shared.0.acquire());
        assert!(poll_once(first.as_mut()).is_pending());
        let next = spawn({
            let shared = shared.clone();
            move || {
                block_on(shared.0.acquire()).forget();
                assert_eq!(shared.1.get(), 1);
            }
        });
        let release = spawn({
            let shared = shared.clone();
            move || {
                shared.1.add_one();
                shared.0.release(1);
            }
        });
        drop(first);
        next.join().unwrap();
        release.join().unwrap();
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (0, 0));
    });
}

/// The only waiter leaves between a release's look at the bit and its mutex, while a third task acquires and
/// releases without the mutex: no permit is lost or made.
#[test]
fn the_bit_clears_between_check_and_mutex() {
    model("the bit clears between check and mutex", || {
        let semaphore = Arc::new(Semaphore::new(2));
        let held = semaphore.try_acquire().unwrap();
        let mut waiter = Box::pin(semaphore.acquire_many(2));
        assert!(poll_once(waiter.as_mut()).is_pending());
        let others = spawn({
            let semaphore = semaphore.clone();
            move || {
                drop(semaphore.try_acquire());
                drop(semaphore.try_acquire());
            }
        });
        let release = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        drop(waiter);
        drop(held);
        others.join().unwrap();
        release.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
    });
}

/// `forget_permits` against a release and a large request: what it takes is gone, what it leaves is granted, and
/// the waiter sees what was done before the release although others have changed the word since.
#[test]
fn forgetting_free_permits_against_a_large_request() {
    model("forget_permits", || {
        let shared = Arc::new((Semaphore::new(1), Protected::new()));
        let release = spawn({
            let shared = shared.clone();
            move || {
                shared.1.add_one();
                shared.0.release(2);
            }
        });
        let forget = spawn({
            let shared = shared.clone();
            move || shared.0.forget_permits(1)
        });
        {
            let mut large = pin!(shared.0.acquire_many(3));
            if let Poll::Ready(permit) = poll_once(large.as_mut()) {
                assert_eq!(shared.1.get(), 1);
                permit.forget();
                release.join().unwrap();
                assert_eq!((forget.join().unwrap(), shared.0.available_permits()), (0, 0));
                return;
            }
            let forgotten = forget.join().unwrap();
            shared.0.release(forgotten);
            block_on(large).forget();
            assert_eq!(shared.1.get(), 1);
        }
        release.join().unwrap();
        assert_eq!((shared.0.available_permits(), shared.0.waiters()), (0, 0));
    });
}

/// A forgotten permit of a bounded semaphore is returned by another task, if that comes after: once, and with what
/// was done before it was forgotten.
#[test]
fn a_bounded_release_returns_what_was_forgotten() {
    model("forget and bounded release", || {
        let shared = Arc::new((BoundedSemaphore::new(1), Protected::new()));
        let permit = shared.0.try_acquire().unwrap();
        let releases = [shared.clone(), shared.clone()].map(|shared| {
            spawn(move || {
                let released = shared.0.release(1).is_ok();
                if released {
                    let _permit = shared.0.try_acquire().unwrap();
                    shared.1.add_one();
                }
                released
            })
        });
        shared.1.add_one();
        permit.forget();
        let released = releases.map(|task| usize::from(task.join().unwrap())).iter().sum::<usize>();
        assert!(released <= 1, "one forgotten permit was returned twice");
        assert_eq!(shared.0.available_permits(), released);
        assert_eq!(shared.0.release(1).is_ok(), released == 0);
        assert_eq!(shared.0.available_permits(), 1);
    });
}

/// Owned permits: a thread that waits by `Arc` gets what another drops, splits and merges.
#[test]
fn owned_permits_pass_between_threads() {
    model("owned permits", || {
        let semaphore = std::sync::Arc::new(Semaphore::new(2));
        let mut permits = semaphore.clone().try_acquire_many_owned(2).unwrap();
        let waiter = spawn({
            let semaphore = semaphore.clone();
            move || block_on(semaphore.acquire_owned())
        });
        drop(permits.split(1));
        permits.merge(waiter.join().unwrap());
        assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 0));
    });
}
