//! Models of the wait queue under a primitive as small as can be. `cargo loom` runs them in every interleaving up to the
//! preemption bound; in an ordinary build each body runs once, on real threads.

mod toy;

use std::{sync::Arc, time::Duration};
use toy::{Office, receive, receive_by_way_of_the_hall};
use waitline::{
    sync::{UnsafeCell, block_on_timeout},
    testing::{block_on, model, poll_once, spawn},
};

#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "built without `--cfg loom`: is RUSTFLAGS exported?");
}

/// A cell whose accesses loom checks: what is written before a grant is read after it.
struct Letter(UnsafeCell<usize>);

// SAFETY: the models prove that accesses are ordered by grants; loom fails them if not.
unsafe impl Sync for Letter {}
// SAFETY: a number.
unsafe impl Send for Letter {}

impl Letter {
    fn write(&self, value: usize) {
        // SAFETY: see `Sync`.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    fn read(&self) -> usize {
        // SAFETY: see `Sync`.
        self.0.with(|cell| unsafe { *cell })
    }
}

/// A grant carries its data, and all that the granter wrote before it; the granter does not touch the node after it (the
/// node is freed at once).
#[test]
fn grant_against_poll() {
    model("queue: grant against poll", || {
        let office = Arc::new(Office::default());
        let letter = Arc::new(Letter(UnsafeCell::new(0)));
        let mut wait = Box::pin(receive(&office));
        assert!(poll_once(wait.as_mut()).is_pending());
        let giver = spawn({
            let (office, letter) = (office.clone(), letter.clone());
            move || {
                letter.write(5);
                office.give(1);
            }
        });
        assert_eq!(block_on(wait), 1);
        assert_eq!(letter.read(), 5);
        giver.join().unwrap();
    });
}

/// The same for a waiter that polls by itself, without a mutex section, until it is granted.
#[test]
fn grant_seen_by_a_bare_poll() {
    model("queue: grant seen by a bare poll", || {
        let office = Arc::new(Office::default());
        let letter = Arc::new(Letter(UnsafeCell::new(0)));
        let mut wait = Box::pin(receive(&office));
        assert!(poll_once(wait.as_mut()).is_pending());
        let giver = spawn({
            let (office, letter) = (office.clone(), letter.clone());
            move || {
                letter.write(5);
                office.give(1);
            }
        });
        if poll_once(wait.as_mut()).is_ready() {
            assert_eq!(letter.read(), 5);
            drop(wait);
        }
        giver.join().unwrap();
    });
}

/// A waiter enters while a gift comes in: it finds the gift, or the gift finds it.
#[test]
fn entry_against_grant() {
    model("queue: entry against grant", || {
        let office = Arc::new(Office::default());
        let giver = spawn({
            let office = office.clone();
            move || office.give(3)
        });
        assert_eq!(block_on(receive(&office)), 3);
        giver.join().unwrap();
        assert_eq!(office.waiters(), 0);
    });
}

/// Two waiters on two threads, two gifts: each gets one, none is lost or doubled.
#[test]
fn two_waiters_two_gifts() {
    model("queue: two waiters, two gifts", || {
        let office = Arc::new(Office::default());
        let other = spawn({
            let office = office.clone();
            move || block_on(receive(&office))
        });
        let mut mine = Box::pin(receive(&office));
        let early = poll_once(mine.as_mut());
        assert!(early.is_pending());
        office.give(1);
        office.give(2);
        let (mine, theirs) = (block_on(mine), other.join().unwrap());
        assert_eq!(mine + theirs, 3);
    });
}

/// The first of two waiters is dropped while a gift comes in. It goes to the second, whatever comes first; the node of the
/// first is freed at once, which catches every later touch.
#[test]
fn cancel_against_grant() {
    model("queue: cancel against grant", || {
        let office = Arc::new(Office::default());
        let (mut first, mut second) = (Box::pin(receive(&office)), Box::pin(receive(&office)));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let canceller = spawn(move || drop(first));
        office.give(4);
        assert_eq!(block_on(second), 4);
        canceller.join().unwrap();
        assert!(office.queue.lock().is_empty());
    });
}

/// The time of the first of two waiters passes while a gift comes in: the gift is returned to it, or goes to the second.
#[test]
fn time_out_against_grant() {
    model("queue: time-out against grant", || {
        let office = Arc::new(Office::default());
        let letter = Arc::new(Letter(UnsafeCell::new(0)));
        let (mut first, mut second) = (Box::pin(receive(&office)), Box::pin(receive(&office)));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let timed = spawn({
            let letter = letter.clone();
            move || {
                let gift = block_on_timeout(first, Duration::from_secs(1));
                gift.inspect(|_| assert_eq!(letter.read(), 5))
            }
        });
        letter.write(5);
        office.give(4);
        match timed.join().unwrap() {
            Some(gift) => assert_eq!((gift, office.waiters()), (4, 1)),
            None => assert_eq!((block_on(second), office.waiters()), (4, 0)),
        }
    });
}

/// Two waiters in the middle of a list of four are dropped on two threads: the list stays whole.
#[test]
fn two_cancels_side_by_side() {
    model("queue: two cancels side by side", || {
        let office = Arc::new(Office::default());
        let mut waits: Vec<_> = (0..4).map(|_| Box::pin(receive(&office))).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        let (third, second) = (waits.remove(2), waits.remove(1));
        let canceller = spawn(move || drop(second));
        drop(third);
        canceller.join().unwrap();
        office.give(1);
        office.give(2);
        let received: Vec<_> = waits.into_iter().map(block_on).collect();
        assert_eq!(received, [1, 2]);
    });
}

/// A waiter gets a new waker while a gift comes in: the new one is woken, or the poll is ready.
#[test]
fn new_waker_against_grant() {
    model("queue: new waker against grant", || {
        let office = Arc::new(Office::default());
        let mut wait = Box::pin(receive(&office));
        assert!(poll_once(wait.as_mut()).is_pending());
        let giver = spawn({
            let office = office.clone();
            move || office.give(1)
        });
        assert_eq!(block_on(wait), 1);
        giver.join().unwrap();
    });
}

/// All who wait are granted in one atomic step that takes several rounds; one of them is dropped meanwhile.
#[test]
fn splice_and_rounds_against_cancel() {
    model("queue: splice and rounds against cancel", || {
        let office = Arc::new(Office::default());
        let mut waits: Vec<_> = (0..3).map(|_| Box::pin(receive(&office))).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        let dropped = waits.remove(1);
        let canceller = spawn(move || drop(dropped));
        office.give_all();
        for wait in waits {
            assert_eq!(block_on(wait), 7);
        }
        canceller.join().unwrap();
        assert_eq!(office.waiters(), 0);
    });
}

/// A waiter in the side list is dropped while another thread moves it to the queue and a third gives: the call and the gift
/// go to the second waiter.
#[test]
fn transfer_against_cancel() {
    model("queue: transfer from the side list against cancel", || {
        let office = Arc::new(Office::default());
        let mut first = Box::pin(receive_by_way_of_the_hall(&office));
        let mut second = Box::pin(receive_by_way_of_the_hall(&office));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let canceller = spawn(move || drop(first));
        assert_eq!(office.call(1), 1);
        office.give(6);
        assert_eq!(block_on(second), 6);
        canceller.join().unwrap();
        assert_eq!((office.waiters(), office.hall.len()), (0, 0));
    });
}
