//! Blocking waits whose time passes. Under loom, the time passes whenever the scheduler likes.

use super::Item;
use std::time::Duration;
use waitline::{
    sync::Arc,
    testing::{block_on, model, spawn},
};
use waitline_queue::{GetTimeoutError, PutTimeoutError, Queue};

const TIMEOUT: Duration = Duration::from_secs(1);

/// Proves: an item that comes while the time of a get passes is returned by it or left for the next get, and seen whole.
#[test]
fn time_out_of_a_get_against_a_put() {
    model("queue: time-out of a get against a put", || {
        let queue = Arc::new(Queue::bounded(1));
        let timed = spawn({
            let queue = queue.clone();
            move || queue.get_blocking_timeout(TIMEOUT).map(Item::number)
        });
        let producer = spawn({
            let queue = queue.clone();
            move || assert!(queue.put_blocking(Item::new(1)).is_ok())
        });
        match timed.join().unwrap() {
            Ok(number) => assert_eq!(number, 1),
            Err(error) => {
                assert_eq!(error, GetTimeoutError::TimedOut);
                assert_eq!(block_on(queue.get()).map(Item::number), Ok(1));
            }
        }
        producer.join().unwrap();
        assert!(queue.is_empty());
    });
}

/// Proves: a slot that becomes free while the time of a put passes is used by it, or goes to the next put. The item enters
/// or comes back, never both.
#[test]
fn time_out_of_a_put_against_a_get() {
    model("queue: time-out of a put against a get", || {
        let queue = Arc::new(Queue::bounded(1));
        assert!(queue.try_put(Item::new(1)).is_ok());
        let timed = spawn({
            let queue = queue.clone();
            move || match queue.put_blocking_timeout(Item::new(2), TIMEOUT) {
                Ok(()) => 2,
                Err(PutTimeoutError::TimedOut(item)) => item.number() - 2,
                Err(PutTimeoutError::Closed(_)) => unreachable!("no thread closes the queue"),
            }
        });
        let other = spawn({
            let queue = queue.clone();
            move || assert!(block_on(queue.put(Item::new(4))).is_ok())
        });
        let mut sum = block_on(queue.get()).map_or(0, Item::number) + block_on(queue.get()).map_or(0, Item::number);
        let put = timed.join().unwrap();
        other.join().unwrap();
        if put > 0 {
            sum += queue.try_get().map_or(0, Item::number);
        }
        assert_eq!(sum, 1 + 4 + put);
        assert!(queue.is_empty() && !queue.is_full());
    });
}
