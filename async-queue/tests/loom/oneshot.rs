//! Models of the oneshot.

use std::{pin::Pin, sync::atomic::Ordering::Relaxed};
use waitline::{
    sync::{Arc, atomic::AtomicUsize},
    testing::{block_on, model, poll_once, spawn},
};
use waitline_queue::{
    TryGetError,
    oneshot::{self, Closed},
};

use crate::Item;

/// Proves: no wake-up is lost between the look at the place and the parking, and what came before the send is seen.
#[test]
fn a_send_against_the_wait() {
    model("oneshot: send against wait", || {
        let (sender, receiver) = oneshot::channel();
        let other = spawn(move || assert!(sender.send(Item::new(7)).is_ok()));
        assert_eq!(block_on(receiver).map(Item::number), Ok(7));
        other.join().unwrap();
    });
}

/// Proves: the same for a sender that is dropped, beside a `try_get`, which may not call a channel empty for ever.
#[test]
fn a_dropped_sender_against_the_wait() {
    model("oneshot: dropped sender against wait", || {
        let (sender, mut receiver) = oneshot::channel::<Item>();
        let other = spawn(move || drop(sender));
        assert!(matches!(receiver.try_get(), Err(TryGetError::Empty | TryGetError::Closed)));
        assert_eq!(block_on(receiver).map(Item::number), Err(Closed));
        other.join().unwrap();
    });
}

/// Proves: a receiver that is polled again by another task wakes that one, whenever the value comes.
#[test]
fn a_send_against_a_change_of_wakers() {
    model("oneshot: send against a new waker", || {
        let (sender, mut receiver) = oneshot::channel();
        let begun = poll_once(Pin::new(&mut receiver));
        assert!(begun.is_pending());
        let other = spawn(move || assert!(sender.send(Item::new(7)).is_ok()));
        assert_eq!(block_on(receiver).map(Item::number), Ok(7));
        other.join().unwrap();
    });
}

/// A value that counts its drops.
struct Counted(Arc<AtomicUsize>, Item);

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: the value is dropped once, by its owner; loom would see if its maker's write were not ordered before.
        assert_eq!(self.1.0.with_mut(|value| unsafe { *value }), 7);
        self.0.fetch_add(1, Relaxed);
    }
}

/// Proves: against a receiver that is dropped at any point of its wait, the value is either given back or dropped with
/// the receiver, once. The place outlives both halves, and a value that it kept would not be dropped.
#[test]
fn a_send_against_the_receivers_drop() {
    model("oneshot: send against drop", || {
        let drops = Arc::new(AtomicUsize::new(0));
        let place = Box::leak(Box::new(oneshot::Place::new()));
        let (sender, mut receiver) = place.channel();
        let other = spawn({
            let drops = drops.clone();
            move || match sender.send(Counted(drops.clone(), Item::new(7))) {
                Ok(()) => false,
                Err(_given_back) => {
                    assert_eq!(drops.load(Relaxed), 0);
                    true
                }
            }
        });
        let got = poll_once(Pin::new(&mut receiver)).is_ready();
        drop(receiver);
        let given_back = other.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1);
        assert!(!(got && given_back));
    });
}

/// Proves: two waits for the receiver's end, one of which is dropped at any point, against that end: no wake-up is lost.
#[test]
fn the_receivers_end_against_waits_for_it() {
    model("oneshot: end against waits for it", || {
        let (sender, receiver) = oneshot::channel::<Item>();
        let sender = Arc::new(sender);
        let other = spawn({
            let sender = sender.clone();
            move || {
                let mut given_up = Box::pin(sender.closed());
                _ = poll_once(given_up.as_mut());
                drop(given_up);
            }
        });
        let third = spawn(move || drop(receiver));
        block_on(sender.closed());
        assert!(sender.is_closed());
        other.join().unwrap();
        third.join().unwrap();
    });
}

/// Proves: a close and a send agree on who was first.
#[test]
fn a_close_against_a_send() {
    model("oneshot: close against send", || {
        let (sender, mut receiver) = oneshot::channel();
        let other = spawn(move || sender.send(Item::new(7)).is_ok());
        let closed = receiver.close();
        let got = receiver.try_get().map(Item::number);
        assert_eq!(got, if closed { Err(TryGetError::Closed) } else { Ok(7) });
        assert_eq!(other.join().unwrap(), !closed);
    });
}
