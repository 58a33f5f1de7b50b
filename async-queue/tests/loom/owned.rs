//! Weak halves, waits for the close, and slots that hold their sender.

use super::Item;
use waitline::testing::{block_on, model, poll_once, spawn};
use waitline_queue::{GetError, Queue, channel};

/// Proves: an upgrade either comes too late, or yields a sender that keeps the channel open: its put succeeds. The get ends
/// in both cases.
#[test]
fn an_upgrade_against_the_drop_of_the_last_sender() {
    model("channel: upgrade against the last drop", || {
        let (sender, receiver) = channel::bounded(1);
        let weak = sender.downgrade();
        let upgrader = spawn(move || match weak.upgrade() {
            Some(sender) => {
                assert!(sender.try_put(Item::new(1)).is_ok(), "a sender that counts, of a closed channel");
                true
            }
            None => false,
        });
        let dropper = spawn(move || drop(sender));
        let got = block_on(receiver.get()).map(Item::number);
        dropper.join().unwrap();
        assert_eq!(got, if upgrader.join().unwrap() { Ok(1) } else { Err(GetError) });
    });
}

/// Proves: two waits for the close end with the drop of the last of two receivers, wherever they are by then, and one that
/// is dropped meanwhile changes nothing.
#[test]
fn waits_for_the_close_against_the_last_receiver() {
    model("channel: closed against the last receiver", || {
        let (sender, receiver) = channel::bounded::<Item>(1);
        let receivers = [receiver.clone(), receiver].map(|receiver| spawn(move || drop(receiver)));
        let mut dropped = Box::pin(sender.closed());
        _ = poll_once(dropped.as_mut());
        let mut kept = Box::pin(sender.closed());
        let is_over = poll_once(kept.as_mut()).is_ready();
        drop(dropped);
        if !is_over {
            block_on(kept);
        }
        assert!(sender.is_closed());
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    });
}

/// Proves: a slot that holds a sender brings its item, and a reserve gets its slot then. After the slot of the last sender,
/// the channel closes.
#[test]
fn an_owned_slot_keeps_its_promise() {
    model("channel: owned slots against a get", || {
        let (sender, receiver) = channel::bounded(1);
        let slot = sender.clone().try_reserve_owned().expect("a free slot");
        let producer = spawn(move || {
            assert!(slot.put(Item::new(1)).is_ok());
            match block_on(sender.reserve_owned()) {
                Ok(slot) => assert!(slot.put(Item::new(2)).is_ok()),
                Err(_) => unreachable!("no call closes the channel"),
            }
        });
        for number in 1..=2 {
            assert_eq!(block_on(receiver.get()).map(Item::number), Ok(number));
        }
        assert_eq!(block_on(receiver.get()).map(Item::number), Err(GetError));
        producer.join().unwrap();
    });
}

/// Proves: an item that an owned stream is granted while it is dropped comes to the next get.
#[test]
fn an_owned_stream_that_is_dropped_against_a_put() {
    use futures_lite::StreamExt;
    model("queue: owned stream dropped against a put", || {
        let queue = std::sync::Arc::new(Queue::bounded(1));
        let mut items = Box::pin(queue.clone().items_owned());
        assert!(poll_once(std::pin::pin!(items.next())).is_pending());
        let producer = spawn({
            let queue = queue.clone();
            move || assert!(queue.try_put(Item::new(1)).is_ok())
        });
        let dropper = spawn(move || drop(items));
        assert_eq!(block_on(queue.get()).map(Item::number), Ok(1));
        producer.join().unwrap();
        dropper.join().unwrap();
    });
}
