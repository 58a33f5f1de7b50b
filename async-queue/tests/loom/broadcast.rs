//! Models of the broadcast.

use std::{pin::pin, task::Poll};
use waitline::{
    sync::UnsafeCell,
    testing::{block_on, model, poll_once, spawn},
};
use waitline_queue::{
    PutError, TryPutError,
    broadcast::{self, GetError},
};

/// A value whose accesses loom checks: who clones it must see what its maker wrote.
struct Value(UnsafeCell<usize>);

// SAFETY: loom checks every access; that is what the models are for.
unsafe impl Sync for Value {}

impl Value {
    fn new(number: usize) -> Self {
        let cell = UnsafeCell::new(0);
        // SAFETY: the cell is not shared.
        cell.with_mut(|value| unsafe { *value = number });
        Value(cell)
    }

    /// Consumes it, with a write: no other receiver may still read it.
    fn number(self) -> usize {
        // SAFETY: the cell is not shared any more.
        self.0.with_mut(|value| unsafe { *value })
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        // SAFETY: see above.
        Value::new(self.0.with(|value| unsafe { *value }))
    }
}

/// Proves: two receivers in two threads each get the value, whether they find it or wait for it; the one that gets the
/// value itself does so after the other's clone.
#[test]
fn a_send_against_two_receivers() {
    model("broadcast: send against two receivers", || {
        let (sender, mut receiver) = broadcast::channel(1);
        let mut second = receiver.clone();
        let other = spawn(move || {
            assert_eq!(block_on(second.get()).map(Value::number), Ok(7));
            second
        });
        assert!(sender.try_send(Value::new(7)).is_ok());
        assert_eq!(block_on(receiver.get()).map(Value::number), Ok(7));
        drop(other.join().unwrap());
        assert!(sender.is_empty());
    });
}

/// Proves: at capacity 1, a sender that waits for room and a receiver that waits for a value wake each other, values
/// keep their order, and the end comes after the last one.
#[test]
fn a_sender_that_waits_against_a_receiver() {
    model("broadcast: back-pressure", || {
        let (sender, mut receiver) = broadcast::channel(1);
        let other =
            spawn(move || (1..=2).for_each(|number| assert!(block_on(sender.send(Value::new(number))).is_ok())));
        for number in 1..=2 {
            assert_eq!(block_on(receiver.get()).map(Value::number), Ok(number));
        }
        assert_eq!(block_on(receiver.get()).map(Value::number), Err(GetError::Closed));
        other.join().unwrap();
    });
}

/// Proves: a receiver that is dropped lets a sender go on that waits for it, against a get of the other receiver.
#[test]
fn a_dropped_receiver_against_a_sender_that_waits() {
    model("broadcast: dropped receiver", || {
        let (sender, mut receiver) = broadcast::channel(1);
        let second = receiver.clone();
        assert!(sender.try_send(Value::new(1)).is_ok());
        let other = spawn(move || drop(second));
        let third = spawn(move || assert!(block_on(sender.send(Value::new(2))).is_ok()));
        for number in 1..=2 {
            assert_eq!(block_on(receiver.get()).map(Value::number), Ok(number));
        }
        other.join().unwrap();
        third.join().unwrap();
    });
}

/// Proves: the last receiver's drop against a send that waits: the value has entered and is gone, or is given back; and
/// nobody waits for ever.
#[test]
fn the_last_receivers_drop_against_a_sender_that_waits() {
    model("broadcast: last receiver", || {
        let (sender, receiver) = broadcast::channel(1);
        assert!(sender.try_send(Value::new(1)).is_ok());
        let other = spawn(move || drop(receiver));
        match block_on(sender.send(Value::new(2))) {
            Ok(()) => panic!("there was no room while there was a receiver"),
            Err(PutError(value)) => assert_eq!(value.number(), 2),
        }
        block_on(sender.closed());
        assert!(matches!(sender.try_send(Value::new(3)), Err(TryPutError::Closed(_))));
        other.join().unwrap();
    });
}

/// Proves: a send that is dropped at any point against a get has sent or not, and the send behind it is not held up.
#[test]
fn a_dropped_send_against_a_get() {
    model("broadcast: dropped send", || {
        let (sender, mut receiver) = broadcast::channel(1);
        assert!(sender.try_send(Value::new(1)).is_ok());
        let other = spawn(move || {
            assert_eq!(block_on(receiver.get()).map(Value::number), Ok(1));
            let mut got = vec![];
            while let Ok(value) = block_on(receiver.get()) {
                got.push(value.number());
            }
            assert!(got == [2, 3] || got == [3], "{got:?}");
        });
        let mut given_up = Box::pin(sender.send(Value::new(2)));
        _ = poll_once(given_up.as_mut());
        drop(given_up);
        assert!(block_on(sender.send(Value::new(3))).is_ok());
        drop(sender);
        other.join().unwrap();
    });
}

/// Proves: a get that is dropped at any point against a send has taken nothing.
#[test]
fn a_dropped_get_against_a_send() {
    model("broadcast: dropped get", || {
        let (sender, mut receiver) = broadcast::channel(1);
        let other = spawn(move || {
            assert!(sender.try_send(Value::new(1)).is_ok());
            sender
        });
        let mut taken = Err(GetError::Closed);
        if let Poll::Ready(value) = poll_once(pin!(receiver.get())) {
            taken = value.map(Value::number);
        }
        if taken.is_err() {
            taken = block_on(receiver.get()).map(Value::number);
        }
        assert_eq!(taken, Ok(1));
        drop(other.join().unwrap());
        assert_eq!(block_on(receiver.get()).map(Value::number), Err(GetError::Closed));
    });
}

/// Proves: a lagging receiver gets or is told of every value, against sends that push out what it is about to clone.
#[test]
fn a_lagging_receiver_against_sends() {
    model("broadcast: lagging", || {
        let (sender, mut receiver) = broadcast::lagging(1);
        let other = spawn(move || (1..=2).for_each(|number| assert!(sender.try_send(Value::new(number)).is_ok())));
        let mut seen = 0;
        loop {
            match block_on(receiver.get()).map(Value::number) {
                Ok(number) => {
                    seen += 1;
                    assert_eq!(number, seen);
                }
                Err(GetError::Lagged(missed)) => seen += missed as usize,
                Err(GetError::Closed) => break,
            }
        }
        assert_eq!(seen, 2);
        other.join().unwrap();
    });
}
