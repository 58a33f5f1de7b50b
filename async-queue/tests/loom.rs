//! The models. In an ordinary build each runs once on real threads; under `cargo loom`, in every interleaving up to the
//! preemption bound.

#[path = "loom/broadcast.rs"]
mod broadcast;
#[path = "loom/oneshot.rs"]
mod oneshot;

use std::{pin::pin, task::Poll};
use waitline::{
    sync::{
        Arc, UnsafeCell,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    testing::{block_on, model, poll_once, spawn},
};
use waitline_queue::{GetError, PriorityQueue, PutError, Queue, TryGetError, TryPutError, channel};

#[path = "loom/owned.rs"]
mod owned;
#[path = "loom/timeout.rs"]
mod timeout;

/// Fails where `cargo loom` would be green without having modelled anything.
#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "EXPECT_LOOM is set, but this build has no `--cfg loom`");
}

/// An item whose accesses loom checks: whoever takes it must see what its maker wrote.
struct Item(UnsafeCell<usize>);

impl Item {
    fn new(number: usize) -> Self {
        let cell = UnsafeCell::new(0);
        // SAFETY: the cell is not shared.
        cell.with_mut(|value| unsafe { *value = number });
        Item(cell)
    }

    fn number(self) -> usize {
        // SAFETY: the cell is not shared; loom would see if a write of its maker were not ordered before.
        self.0.with_mut(|value| unsafe { *value })
    }
}

/// Proves: with one producer and one consumer at capacity 1, both of which have to wait, each wake-up arrives, items
/// keep their order, and what the producer wrote is seen.
#[test]
fn one_producer_and_one_consumer() {
    model("queue 1x1", || {
        let queue = Arc::new(Queue::bounded(1));
        let producer = spawn({
            let queue = queue.clone();
            move || (1..=2).for_each(|number| assert!(block_on(queue.put(Item::new(number))).is_ok()))
        });
        for number in 1..=2 {
            assert_eq!(block_on(queue.get()).map(Item::number), Ok(number));
        }
        producer.join().unwrap();
    });
}

/// Proves: the item of a thread that blocks in a put is taken from it when there is room, once, in order, and with all that
/// its maker wrote; the thread is told. A get that is dropped gives such an item back.
#[test]
fn a_blocked_producer_and_a_consumer() {
    model("queue 1x1, blocking", || {
        let queue = Arc::new(Queue::bounded(1));
        let producer = spawn({
            let queue = queue.clone();
            move || (1..=3).for_each(|number| assert!(queue.put_blocking(Item::new(number)).is_ok()))
        });
        let mut first = 1;
        if let Poll::Ready(item) = poll_once(pin!(queue.get())) {
            assert_eq!(item.map(Item::number), Ok(first));
            first += 1;
        }
        for number in first..=3 {
            assert_eq!(queue.get_blocking().map(Item::number), Ok(number));
        }
        producer.join().unwrap();
        assert!(queue.is_empty() && queue.unfinished() == 3);
    });
}

/// Proves: a thread that blocks in a put gets its item back if the queue is closed before there is room, and else not.
#[test]
fn a_blocked_producer_and_a_close() {
    model("close against a blocked put", || {
        let queue = Arc::new(Queue::bounded(1));
        assert!(queue.try_put(Item::new(1)).is_ok());
        let producer = spawn({
            let queue = queue.clone();
            move || queue.put_blocking(Item::new(2)).map_err(|error| error.into_inner().number())
        });
        assert_eq!(queue.try_get().map(Item::number), Ok(1));
        queue.close();
        let left = queue.try_get().map(Item::number);
        match producer.join().unwrap() {
            Ok(()) => assert_eq!(left, Ok(2)),
            Err(item) => assert_eq!((item, left), (2, Err(TryGetError::Closed))),
        }
    });
}

/// Proves: two producers that wait for the same place both get it in turn, and nothing is lost.
#[test]
fn two_producers_and_one_consumer() {
    model("queue 2x1", || {
        let queue = Arc::new(Queue::bounded(1));
        let producers = [1, 2].map(|number| {
            let queue = queue.clone();
            spawn(move || assert!(block_on(queue.put(Item::new(number))).is_ok()))
        });
        let sum = block_on(queue.get()).unwrap_or_else(|_| unreachable!()).number()
            + block_on(queue.get()).unwrap_or_else(|_| unreachable!()).number();
        assert_eq!(sum, 3);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
}

/// Proves: two consumers that wait for the same item are served one after the other, and none sleeps on.
#[test]
fn one_producer_and_two_consumers() {
    model("queue 1x2", || {
        let queue = Arc::new(Queue::bounded(1));
        let consumers = [(); 2].map(|()| {
            let queue = queue.clone();
            spawn(move || block_on(queue.get()).map(Item::number).unwrap())
        });
        for number in 1..=2 {
            assert!(block_on(queue.put(Item::new(number))).is_ok());
        }
        let sum: usize = consumers.map(|consumer| consumer.join().unwrap()).iter().sum();
        assert_eq!(sum, 3);
    });
}

/// Proves: a get that is dropped while an item is being put, be it waiting or handed the item already, has not taken it:
/// the next get has it.
#[test]
fn a_get_cancelled_at_any_time_has_not_taken() {
    model("cancelled get against put", || {
        let queue = Arc::new(Queue::bounded(1));
        let producer = spawn({
            let queue = queue.clone();
            move || assert!(block_on(queue.put(Item::new(7))).is_ok())
        });
        {
            let mut get = pin!(queue.get());
            if let Poll::Ready(item) = poll_once(get.as_mut()) {
                assert_eq!(item.map(Item::number), Ok(7));
                return producer.join().unwrap();
            }
        }
        assert_eq!(block_on(queue.get()).map(Item::number), Ok(7));
        producer.join().unwrap();
    });
}

/// Proves: an item that was handed to a get which is then dropped reaches the get that waits behind it, whenever that
/// came.
#[test]
fn a_handed_item_passes_on_to_the_next_getter() {
    model("cancelled get against the next get", || {
        let queue = Arc::new(Queue::bounded(1));
        let mut first = Box::pin(queue.get());
        assert!(poll_once(first.as_mut()).is_pending());
        let second = spawn({
            let queue = queue.clone();
            move || assert_eq!(block_on(queue.get()).map(Item::number), Ok(7))
        });
        assert!(queue.try_put(Item::new(7)).is_ok());
        drop(first);
        second.join().unwrap();
    });
}

/// Proves: a put that is dropped while room is being made, be it waiting or granted its slot already, has not put, and
/// the room goes to the put that waits behind it.
#[test]
fn a_put_cancelled_at_any_time_has_not_put() {
    model("cancelled put against get", || {
        let queue = Arc::new(Queue::bounded(1));
        assert!(queue.try_put(Item::new(1)).is_ok());
        let mut first = Box::pin(queue.put(Item::new(2)));
        assert!(poll_once(first.as_mut()).is_pending());
        let second = spawn({
            let queue = queue.clone();
            move || assert!(block_on(queue.put(Item::new(3))).is_ok())
        });
        assert_eq!(queue.try_get().map(Item::number), Ok(1));
        drop(first);
        second.join().unwrap();
        assert_eq!(queue.try_get().map(Item::number), Ok(3));
    });
}

/// Proves: a slot that is dropped without a put wakes the put that waits for its room.
#[test]
fn a_dropped_slot_makes_room() {
    model("dropped slot against put", || {
        let queue = Arc::new(Queue::bounded(1));
        let slot = queue.try_reserve().unwrap_or_else(|_| unreachable!());
        let producer = spawn({
            let queue = queue.clone();
            move || assert!(block_on(queue.put(Item::new(1))).is_ok())
        });
        drop(slot);
        producer.join().unwrap();
        assert_eq!(queue.try_get().map(Item::number), Ok(1));
    });
}

/// Proves: a reserve that is granted while the queue is closed either fails or holds a slot that brings its item to the
/// get that waits for it; the get ends in both cases.
#[test]
fn a_promise_is_kept_against_close() {
    model("reserve against close", || {
        let queue = Arc::new(Queue::bounded(1));
        let producer = spawn({
            let queue = queue.clone();
            move || match block_on(queue.reserve()) {
                Ok(slot) => slot.put(Item::new(1)).is_ok(),
                Err(_) => false,
            }
        });
        let closer = spawn({
            let queue = queue.clone();
            move || assert!(queue.close())
        });
        let got = block_on(queue.get()).map(Item::number);
        closer.join().unwrap();
        assert_eq!(got, if producer.join().unwrap() { Ok(1) } else { Err(GetError) });
    });
}

/// Proves: close ends every wait: a put fails with its item or is in, never both; a get takes what is in or is told.
#[test]
fn close_ends_a_waiting_put_and_get() {
    model("close against put and get", || {
        let queue = Arc::new(Queue::bounded(1));
        assert!(queue.try_put(Item::new(1)).is_ok());
        let producer = spawn({
            let queue = queue.clone();
            move || match block_on(queue.put(Item::new(2))) {
                Ok(()) => true,
                Err(PutError(item)) => {
                    assert_eq!(item.number(), 2);
                    false
                }
            }
        });
        let consumer = spawn({
            let queue = queue.clone();
            move || {
                assert_eq!(block_on(queue.get()).map(Item::number), Ok(1));
                block_on(queue.get()).map(Item::number).ok()
            }
        });
        assert!(queue.close());
        let (put, got) = (producer.join().unwrap(), consumer.join().unwrap());
        assert_eq!(got, put.then_some(2));
    });
}

/// Proves: close_now gives each item to exactly one of the put (which fails), the get, and its own result.
#[test]
fn close_now_loses_and_doubles_nothing() {
    model("close_now against put and get", || {
        let queue = Arc::new(Queue::bounded(1));
        let producer = spawn({
            let queue = queue.clone();
            move || match block_on(queue.put(Item::new(1))) {
                Ok(()) => 0,
                Err(PutError(item)) => item.number(),
            }
        });
        let consumer = spawn({
            let queue = queue.clone();
            move || block_on(queue.get()).map_or(0, Item::number)
        });
        let left: usize = queue.close_now().into_iter().map(Item::number).sum();
        assert_eq!(producer.join().unwrap() + consumer.join().unwrap() + left, 1);
        assert_eq!(queue.try_get().map(Item::number), Err(TryGetError::Closed));
    });
}

/// Proves: the last task_done ends every join, and none ends before.
#[test]
fn join_ends_with_the_last_task_done() {
    model("join against task_done", || {
        let queue = Arc::new(Queue::bounded(1));
        assert!(queue.try_put(Item::new(1)).is_ok());
        // Relaxed, so that only the queue orders the accesses.
        let done = Arc::new(AtomicBool::new(false));
        let worker = spawn({
            let (queue, done) = (queue.clone(), done.clone());
            move || {
                assert_eq!(block_on(queue.get()).map(Item::number), Ok(1));
                done.store(true, Relaxed);
                queue.task_done().unwrap();
            }
        });
        let joiner = spawn({
            let (queue, done) = (queue.clone(), done.clone());
            move || {
                block_on(queue.join());
                assert!(done.load(Relaxed));
            }
        });
        block_on(queue.join());
        assert!(done.load(Relaxed));
        worker.join().unwrap();
        joiner.join().unwrap();
    });
}

/// Proves: a get that waits is told when the last of two senders is dropped, not before their items are taken.
#[test]
fn dropped_senders_end_a_waiting_get() {
    model("senders dropped against get", || {
        let (sender, receiver) = channel::bounded(1);
        let senders = [sender.clone(), sender];
        let threads = senders.map(|sender| spawn(move || assert!(block_on(sender.put(Item::new(1))).is_ok())));
        for _ in 0..2 {
            assert_eq!(block_on(receiver.get()).map(Item::number), Ok(1));
        }
        assert_eq!(block_on(receiver.get()).map(Item::number), Err(GetError));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Proves: puts that wait fail, with their items, when the last receiver is dropped; what is inside is dropped by then.
#[test]
fn dropped_receivers_end_a_waiting_put() {
    model("receivers dropped against put", || {
        let (sender, receiver) = channel::bounded(1);
        let item = Arc::new(());
        assert!(sender.try_put(item.clone()).is_ok());
        let receivers = [receiver.clone(), receiver];
        let threads = receivers.map(|receiver| spawn(move || drop(receiver)));
        assert!(block_on(sender.put(item.clone())).is_err());
        assert!(matches!(sender.try_put(item.clone()), Err(TryPutError::Closed(_))));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(Arc::strong_count(&item), 1);
    });
}

/// Proves: the same hand-over in the other orders, with an item given back between two others.
#[test]
fn a_given_back_item_keeps_its_rank() {
    model("priority: cancelled get against put", || {
        let queue = Arc::new(PriorityQueue::bounded(2));
        let mut get = Box::pin(queue.get());
        assert!(poll_once(get.as_mut()).is_pending());
        let producer = spawn({
            let queue = queue.clone();
            move || {
                queue.try_put(2).unwrap();
                queue.try_put(1).unwrap();
            }
        });
        drop(get);
        producer.join().unwrap();
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
    });
}
