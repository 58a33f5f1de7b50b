use std::pin::pin;
use waitline::{
    sync::{Arc, UnsafeCell},
    testing::{block_on, model, poll_once, spawn},
};
use waitline_event::watch::{self, Closed};

/// Data beside the watch that a send hands over. Loom stops where a write and a read may happen at the same time.
struct Beside(UnsafeCell<u32>);

// SAFETY: loom checks every access to the data; that is what the models are for.
unsafe impl Sync for Beside {}

impl Beside {
    fn new() -> Arc<Self> {
        Arc::new(Beside(UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: see above.
        self.0.with_mut(|data| unsafe { *data += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: see above.
        self.0.with(|data| unsafe { *data })
    }
}

/// No wake-up is lost between the look at the version and the place in the queue, and what came before the send is seen
/// after the wait, whether it was ready at once, had to queue, or was granted: without a look at the value itself.
#[test]
fn a_send_against_a_wait() {
    model("watch: send against wait", || {
        let (sender, mut receiver) = watch::channel(0);
        let beside = Beside::new();
        let other = spawn({
            let beside = beside.clone();
            move || {
                beside.write();
                sender.send(1).unwrap();
                sender
            }
        });
        assert_eq!(block_on(receiver.changed()), Ok(()));
        assert_eq!(beside.read(), 1);
        assert_eq!(*receiver.borrow(), 1);
        drop(other.join().unwrap());
        assert_eq!(block_on(receiver.changed()), Err(Closed));
    });
}

/// Two receivers in two threads see the value.
#[test]
fn two_receivers_see_the_value() {
    model("watch: two receivers", || {
        let (sender, mut receiver) = watch::channel(0);
        let mut second = receiver.clone();
        let other = spawn(move || {
            assert_eq!(block_on(second.changed()), Ok(()));
            assert_eq!(*second.borrow(), 1);
            second
        });
        let third = spawn(move || {
            sender.send(1).unwrap();
            sender
        });
        assert_eq!(block_on(receiver.changed()), Ok(()));
        assert_eq!(*receiver.borrow(), 1);
        drop((other.join().unwrap(), third.join().unwrap()));
    });
}

/// A receiver may skip the first of two values, but not the last, and sees no value twice.
#[test]
fn a_receiver_sees_the_last_of_two_values() {
    model("watch: two values", || {
        let (sender, mut receiver) = watch::channel(0);
        let other = spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let mut last = 0;
        while block_on(receiver.changed()).is_ok() {
            let value = *receiver.borrow_and_update();
            assert!(value > last, "the same value twice");
            last = value;
        }
        assert_eq!(last, 2);
        other.join().unwrap();
    });
}

/// Two senders: the one that is dropped last closes, and the value of the other one is not missed by a receiver that
/// finds the channel closed.
#[test]
fn the_end_comes_after_the_value_of_another_sender() {
    model("watch: two senders end", || {
        let (sender, mut receiver) = watch::channel(0);
        let second = sender.clone();
        let other = spawn(move || second.send(1).unwrap());
        let third = spawn(move || drop(sender));
        assert_eq!(block_on(receiver.changed()), Ok(()), "the value was sent before the end");
        assert_eq!(*receiver.borrow(), 1);
        assert_eq!(block_on(receiver.changed()), Err(Closed));
        other.join().unwrap();
        third.join().unwrap();
    });
}

/// `wait_for` misses neither the value nor the end, and what it returns is what it has checked.
#[test]
fn wait_for_against_two_sends() {
    model("watch: wait_for", || {
        let (sender, mut receiver) = watch::channel(0);
        let other = spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        assert_eq!(block_on(receiver.wait_for(|value| *value == 2)).map(|value| *value), Ok(2));
        assert!(block_on(receiver.wait_for(|value| *value == 3)).is_err());
        other.join().unwrap();
    });
}

/// A wait that is dropped at any point against a send has seen nothing, and costs a receiver behind it nothing.
#[test]
fn a_dropped_wait_against_a_send() {
    model("watch: cancel against send", || {
        let (sender, mut receiver) = watch::channel(0);
        let mut second = receiver.clone();
        let mut given_up = Box::pin(receiver.changed());
        assert!(poll_once(given_up.as_mut()).is_pending());
        let other = spawn(move || {
            assert_eq!(block_on(second.changed()), Ok(()));
            assert_eq!(*second.borrow(), 1);
        });
        let third = spawn(move || sender.send(1).unwrap());
        drop(given_up);
        other.join().unwrap();
        third.join().unwrap();
        assert_eq!(receiver.has_changed(), Ok(true));
    });
}

/// The drop of two receivers against waits for it, of which one is given up: the other one ends, not before both
/// receivers have come to their end, and sees what came before that.
#[test]
fn the_receivers_end_against_a_wait_for_it() {
    model("watch: the receivers' end", || {
        let (sender, receiver) = watch::channel(0);
        let ended = [Beside::new(), Beside::new()];
        let threads = [receiver.clone(), receiver].into_iter().zip(&ended).map(|(receiver, ended)| {
            let ended = ended.clone();
            spawn(move || {
                ended.write();
                drop(receiver);
            })
        });
        let threads: Vec<_> = threads.collect();
        // One that is given up.
        _ = poll_once(pin!(sender.closed()));
        block_on(sender.closed());
        assert_eq!(ended.map(|ended| ended.read()), [1, 1]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A sender that finds no receiver sees what came before the end of the last one.
#[test]
fn the_receivers_end_against_a_look() {
    model("watch: a look for receivers", || {
        let (sender, receiver) = watch::channel(0);
        let ended = Beside::new();
        let other = spawn({
            let ended = ended.clone();
            move || {
                ended.write();
                drop(receiver);
            }
        });
        if sender.send(1).is_err() {
            assert_eq!(ended.read(), 1);
        }
        other.join().unwrap();
    });
}
