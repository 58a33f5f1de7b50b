//! Futures that are polled after they were ready: one message, and nothing has changed.

use std::{future::Future, pin::Pin};
use waitline::testing::{now, panic_message, poll_once, watched};
use waitline_queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue, channel};

/// Polls `future`, which was ready, again and again, and drops it.
#[track_caller]
fn is_over<F: Future>(queue: &Queue<u32>, mut future: Pin<Box<F>>) {
    // With capacity, number of items, whether it is closed, and number of waiters.
    let state = || (format!("{queue:?}"), queue.unfinished(), queue.is_full());
    let before = state();
    for _ in 0..3 {
        let message = panic_message(|| poll_once(future.as_mut()));
        assert_eq!(message.as_deref(), Some("a waiting future was polled after it was ready"));
        assert_eq!(state(), before);
    }
    drop(future);
    assert_eq!(state(), before);
}

/// The output of a future that is ready at its first poll, and the future.
#[track_caller]
fn at_once<F: Future>(future: F) -> (F::Output, Pin<Box<F>>) {
    let mut future = Box::pin(future);
    (now(future.as_mut()), future)
}

/// A queue of capacity 2 with `items` in it.
fn with(items: u32) -> Queue<u32> {
    let queue = Queue::bounded(2);
    (0..items).for_each(|item| queue.try_put(item).unwrap());
    queue
}

/// All of the capacity is still there.
#[track_caller]
fn holds_two(queue: &Queue<u32>) {
    while queue.try_get().is_ok() {}
    assert!(queue.try_put(8).is_ok() && queue.try_put(9).is_ok() && queue.try_put(10).is_err());
}

#[test]
fn a_put_that_was_ready_at_once_cannot_be_polled_again() {
    for items in [0, 1] {
        let queue = with(items);
        let (done, put) = at_once(queue.put(7));
        assert_eq!(done, Ok(()));
        // Full by now in the second round: it must not wait for a slot that it has no item for.
        is_over(&queue, put);
        holds_two(&queue);
    }
    let queue = with(1);
    queue.close();
    let (done, put) = at_once(queue.put(7));
    assert_eq!(done, Err(PutError(7)));
    is_over(&queue, put);
}

#[test]
fn a_put_polled_again_takes_no_place_from_others_that_wait() {
    let queue = with(1);
    let (_, mut put) = at_once(queue.put(7));
    let (mut other, woken) = watched(queue.put(8));
    assert!(panic_message(|| poll_once(put.as_mut())).is_some());
    assert!(queue.try_get().is_ok());
    assert!(panic_message(|| poll_once(put.as_mut())).is_some());
    drop(put);
    assert_eq!((woken.count(), now(other.as_mut())), (1, Ok(())));
    holds_two(&queue);
}

#[test]
fn a_put_that_waited_cannot_be_polled_again() {
    for close in [false, true] {
        let queue = with(2);
        let (mut put, _) = watched(queue.put(7));
        if close {
            queue.close();
        } else {
            queue.try_get().unwrap();
        }
        assert_eq!(now(put.as_mut()).is_err(), close);
        is_over(&queue, put);
    }
}

#[test]
fn a_reserve_cannot_be_polled_again() {
    for room_after in [false, true] {
        let queue = with(1);
        let (slot, reserve) = at_once(queue.reserve());
        if room_after {
            drop(slot);
        }
        is_over(&queue, reserve);
        if !room_after {
            assert!(queue.is_full());
        }
    }
    let queue = with(2);
    let (mut reserve, _) = watched(queue.reserve());
    queue.try_get().unwrap();
    let slot = now(reserve.as_mut()).unwrap();
    is_over(&queue, reserve);
    drop(slot);
    holds_two(&queue);
    queue.close();
    let (closed, reserve) = at_once(queue.reserve());
    assert!(closed.is_err());
    is_over(&queue, reserve);
}

#[test]
fn a_get_cannot_be_polled_again() {
    // Another item is there, or none.
    for items in [1, 2] {
        let queue = with(items);
        let (got, get) = at_once(queue.get());
        assert_eq!(got, Ok(0));
        is_over(&queue, get);
        assert_eq!(queue.try_get().is_ok(), items == 2);
    }
    let queue = with(0);
    let (mut get, _) = watched(queue.get());
    queue.try_put(7).unwrap();
    queue.try_put(8).unwrap();
    assert_eq!(now(get.as_mut()), Ok(7));
    is_over(&queue, get);
    assert_eq!(queue.try_get(), Ok(8));
    let (mut get, _) = watched(queue.get());
    queue.close();
    assert_eq!(now(get.as_mut()), Err(GetError));
    is_over(&queue, get);
    let (closed, get) = at_once(queue.get());
    assert_eq!(closed, Err(GetError));
    is_over(&queue, get);
}

#[test]
fn a_get_many_cannot_be_polled_again() {
    for (items, limit) in [(1, 4), (2, 1), (2, 0), (0, 0)] {
        let (queue, mut out) = (with(items), Vec::new());
        let (number, batch) = at_once(queue.get_many(&mut out, limit));
        assert_eq!(number, limit.min(items as usize));
        is_over(&queue, batch);
        assert_eq!(out.len() + queue.len(), items as usize);
    }
    let (queue, mut out) = (with(0), Vec::new());
    let (mut batch, _) = watched(queue.get_many(&mut out, 4));
    queue.try_put(7).unwrap();
    queue.try_put(8).unwrap();
    assert_eq!(now(batch.as_mut()), 2);
    queue.try_put(9).unwrap();
    is_over(&queue, batch);
    assert_eq!(queue.close_now(), [9]);
    let (number, batch) = at_once(queue.get_many(&mut out, 4));
    assert_eq!(number, 0);
    is_over(&queue, batch);
    assert_eq!(out, [7, 8]);
}

#[test]
fn the_items_stay_at_their_end() {
    use futures_lite::StreamExt;
    for waits in [false, true] {
        let queue = with(1);
        let mut items = Box::pin(queue.items());
        assert_eq!(now(Box::pin(items.next()).as_mut()), Some(0));
        if waits {
            assert!(poll_once(Box::pin(items.next()).as_mut()).is_pending());
        }
        queue.close();
        for _ in 0..3 {
            assert_eq!(now(Box::pin(items.next()).as_mut()), None);
        }
        assert!(format!("{queue:?}").contains("waiters: 0"));
    }
}

#[test]
fn combinators_may_poll_items_after_their_end() {
    use futures_lite::{StreamExt, future::block_on, stream};
    let (first, second) = (with(2), with(1));
    first.close();
    second.close();
    let both = stream::or(Box::pin(first.items()), Box::pin(second.items()));
    assert_eq!(block_on(both.collect::<Vec<_>>()), [0, 1, 0]);
}

#[test]
fn a_join_cannot_be_polled_again() {
    let queue = with(0);
    let ((), join) = at_once(queue.join());
    is_over(&queue, join);
    let ((), join) = at_once(queue.join());
    queue.try_put(7).unwrap();
    // Now there is something to wait for; it must not become a waiter.
    is_over(&queue, join);
    let (mut join, _) = watched(queue.join());
    queue.task_done().unwrap();
    now(join.as_mut());
    is_over(&queue, join);
}

#[test]
fn the_futures_of_other_orders_and_of_channels_cannot_be_polled_again() {
    macro_rules! all_of {
        ($putting:expr, $getting:expr) => {
            macro_rules! is_over {
                ($future:expr) => {
                    let message = panic_message(|| poll_once($future.as_mut()));
                    assert_eq!(message.as_deref(), Some("a waiting future was polled after it was ready"));
                };
            }
            let (_, mut put) = at_once($putting.put(7));
            is_over!(put);
            let (_, mut get) = at_once($getting.get());
            is_over!(get);
            let (slot, mut reserve) = at_once($putting.reserve());
            is_over!(reserve);
            drop((slot, reserve));
            $getting.task_done().unwrap();
            let (_, mut join) = at_once($putting.join());
            is_over!(join);
            drop((put, get));
            $putting.try_put(8).unwrap();
            assert_eq!(($putting.is_full(), $getting.try_get(), $putting.is_full()), (true, Ok(8), false));
        };
    }
    let sorted = PriorityQueue::bounded(1);
    all_of!(sorted, sorted);
    let stack = LifoQueue::bounded(1);
    all_of!(stack, stack);
    let (sender, receiver) = channel::bounded(1);
    all_of!(sender, receiver);
}
