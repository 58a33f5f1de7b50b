//! Hazards 21, 23, 29: closing, against everything that may be under way.

use crate::counts;
use std::pin::pin;
use waitline::testing::{now, watched};
use waitline_queue::{Closed, GetError, PutError, Queue, TryGetError, TryPutError};

#[test]
fn close_fails_waiting_puts_with_their_items() {
    let queue = Queue::bounded(1);
    queue.try_put("in".to_owned()).unwrap();
    let (mut put, put_waker) = watched(queue.put("out".to_owned()));
    let (mut reserve, reserve_waker) = watched(queue.reserve());
    assert!(queue.close());
    assert_eq!(counts([&put_waker, &reserve_waker]), [1, 1]);
    assert_eq!(now(put.as_mut()), Err(PutError("out".to_owned())));
    assert_eq!(now(reserve.as_mut()).unwrap_err(), Closed);
    assert_eq!(queue.try_get().unwrap(), "in");
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

#[test]
fn close_fails_granted_puts_too_and_getters_do_not_wait_for_them() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let (mut put, _) = watched(queue.put(3));
    let (mut reserve, _) = watched(queue.reserve());
    let (unpolled, _) = watched(queue.put(4));
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
    let (mut get, get_waker) = watched(queue.get());
    assert!(queue.close());
    // Both were granted their slot. The grants are void: the getter need not wait for what they might bring.
    assert_eq!(get_waker.count(), 1);
    assert_eq!(now(get.as_mut()), Err(GetError));
    assert_eq!(now(put.as_mut()), Err(PutError(3)));
    assert_eq!(now(reserve.as_mut()).unwrap_err(), Closed);
    drop(unpolled);
    assert_eq!((queue.len(), queue.is_full(), queue.try_get()), (0, false, Err(TryGetError::Closed)));
}

#[test]
fn a_closed_queue_is_full_while_its_capacity_is_used_up() {
    let queue = Queue::bounded(2);
    let slot = queue.try_reserve().unwrap();
    queue.try_put(1).unwrap();
    let (put, _) = watched(queue.put(2));
    assert!(queue.is_full() && queue.close() && queue.is_full());
    drop(put);
    assert!(queue.is_full());
    // The slot may still put, and what it puts takes its room.
    slot.put(3).unwrap();
    assert!(queue.is_full());
    assert_eq!(queue.try_get(), Ok(1));
    assert!(!queue.is_full());
    queue.close_now();
    assert!(!queue.is_full());

    let queue = Queue::bounded(2);
    let (granted, _) = {
        let (get, _) = watched(queue.get());
        (1..=3).for_each(|item| queue.try_put(item).unwrap());
        // Exceeds the capacity by one.
        drop(get);
        watched(queue.put(4))
    };
    assert_eq!([queue.try_get(), queue.try_get()], [Ok(1), Ok(2)]);
    // One item, and a put that was granted the rest of the room: nothing enters by that once it is closed.
    assert!(queue.is_full() && queue.close() && !queue.is_full());
    drop(granted);
    assert!(!queue.is_full());

    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    assert!(queue.close() && !queue.is_full());
    let (sender, receiver) = waitline_queue::channel::bounded(1);
    sender.try_put(1).unwrap();
    drop(sender);
    assert!(receiver.is_closed() && receiver.is_full());
}

#[test]
fn a_revoked_slot_takes_no_room() {
    let queue = Queue::<u8>::bounded(1);
    let slot = queue.try_reserve().unwrap();
    assert!(queue.is_full() && queue.is_empty());
    assert!(queue.close_now().is_empty() && !queue.is_full());
    drop(slot);
    assert!(!queue.is_full());
}

#[test]
fn a_void_grant_that_is_dropped_counts_nothing_down() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let (put, _) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(1));
    assert!(queue.close());
    drop(put);
    assert_eq!(queue.close_now(), []);
    assert_eq!(queue.unfinished(), 1);
}

#[test]
fn a_held_slot_outlives_close_and_getters_wait_for_it() {
    let queue = Queue::bounded(2);
    let (first, second) = (queue.try_reserve().unwrap(), queue.try_reserve().unwrap());
    let (mut get, get_waker) = watched(queue.get());
    let (mut late, late_waker) = watched(queue.get());
    assert!(queue.close());
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    assert_eq!(counts([&get_waker, &late_waker]), [0, 0]);
    first.put(7).unwrap();
    assert_eq!(counts([&get_waker, &late_waker]), [1, 0]);
    assert_eq!(now(get.as_mut()), Ok(7));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    drop(second);
    assert_eq!(late_waker.count(), 1);
    assert_eq!(now(late.as_mut()), Err(GetError));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

#[test]
fn close_now_revokes_slots_and_takes_everything() {
    let queue = Queue::bounded(4);
    let (kept, dropped) = (queue.try_reserve().unwrap(), queue.try_reserve().unwrap());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let (mut put, put_waker) = watched(queue.put(3));
    let (mut join, join_waker) = watched(queue.join());
    assert_eq!(queue.close_now(), [1, 2]);
    assert_eq!(counts([&put_waker, &join_waker]), [1, 1]);
    assert_eq!(now(put.as_mut()), Err(PutError(3)));
    now(join.as_mut());
    assert_eq!(now(pin!(queue.get())), Err(GetError));
    assert_eq!(kept.put(4), Err(PutError(4)));
    drop(dropped);
    assert_eq!((queue.len(), queue.unfinished(), queue.is_closed()), (0, 0, true));
    assert!(!queue.close());
    assert_eq!(queue.close_now(), []);
}

#[test]
fn close_now_after_close_revokes_too() {
    let queue = Queue::bounded(2);
    let slot = queue.try_reserve().unwrap();
    queue.try_put(1).unwrap();
    assert!(queue.close());
    assert_eq!(queue.close_now(), [1]);
    // A close after it does not make slots good again.
    assert!(!queue.close());
    assert_eq!(slot.put(2), Err(PutError(2)));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

#[test]
fn close_now_tells_getters_that_waited_for_a_slot() {
    let queue = Queue::<u8>::bounded(1);
    let _slot = queue.try_reserve().unwrap();
    let (mut get, waker) = watched(queue.get());
    queue.close();
    assert_eq!(waker.count(), 0);
    assert_eq!(queue.close_now(), []);
    assert_eq!(waker.count(), 1);
    assert_eq!(now(get.as_mut()), Err(GetError));
}

#[test]
fn an_item_handed_over_before_close_now_is_its_getters() {
    let queue = Queue::bounded(2);
    let (mut kept, _) = watched(queue.get());
    let (given_back, _) = watched(queue.get());
    (1..=3).for_each(|item| queue.try_put(item).unwrap());
    assert_eq!(queue.close_now(), [3]);
    assert_eq!(queue.unfinished(), 2);
    assert_eq!(now(kept.as_mut()), Ok(1));
    drop(given_back);
    // Back in the closed queue, where close_now finds it, or a get would.
    assert_eq!((queue.len(), queue.unfinished()), (1, 2));
    assert_eq!(queue.close_now(), [2]);
    assert_eq!(queue.unfinished(), 1);
    queue.task_done().unwrap();
}

#[test]
fn an_item_given_back_after_close_is_still_to_be_had() {
    let queue = Queue::bounded(1);
    let (get, _) = watched(queue.get());
    let slot = queue.try_reserve().unwrap();
    slot.put(1).unwrap();
    queue.close();
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    drop(get);
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

#[test]
fn dropping_a_get_that_was_told_closed_changes_nothing() {
    let queue = Queue::<u8>::bounded(1);
    let (get, waker) = watched(queue.get());
    queue.close();
    assert_eq!(waker.count(), 1);
    drop(get);
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
}

#[test]
fn close_wakes_more_waiters_than_one_round_holds() {
    let queue = Queue::bounded(1);
    let slot = queue.try_reserve().unwrap();
    let mut putters: Vec<_> = (0..100).map(|item| watched(queue.put(item))).collect();
    let mut getters: Vec<_> = (0..100).map(|_| watched(queue.get())).collect();
    assert!(queue.close());
    assert_eq!(counts(putters.iter().map(|(_, waker)| waker)), [1; 100]);
    assert_eq!(counts(getters.iter().map(|(_, waker)| waker)), [0; 100]);
    slot.put(7).unwrap();
    assert_eq!(counts(getters.iter().map(|(_, waker)| waker)), [1; 100]);
    assert_eq!(now(getters.remove(0).0.as_mut()), Ok(7));
    getters.iter_mut().for_each(|(get, _)| assert_eq!(now(get.as_mut()), Err(GetError)));
    for (item, (put, _)) in putters.iter_mut().enumerate() {
        assert_eq!(now(put.as_mut()), Err(PutError(item)));
    }
}

#[test]
fn a_getter_that_waits_again_after_close_is_told_at_once() {
    let queue = Queue::<u8>::bounded(1);
    let (mut get, _) = watched(queue.get());
    queue.close();
    assert_eq!(now(get.as_mut()), Err(GetError));
    assert_eq!(now(pin!(queue.get())), Err(GetError));
    assert_eq!(queue.try_put(1), Err(TryPutError::Closed(1)));
}

#[test]
fn the_last_task_done_releases_more_joiners_than_one_round_holds() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut joiners: Vec<_> = (0..100).map(|_| watched(queue.join())).collect();
    queue.task_done().unwrap();
    assert_eq!(counts(joiners.iter().map(|(_, waker)| waker)), [1; 100]);
    joiners.iter_mut().for_each(|(join, _)| now(join.as_mut()));
}

#[test]
fn a_thousand_rounds_of_shutdown_at_capacity_one() {
    for round in 0..1000 {
        let queue = Queue::bounded(1);
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| (0..3).take_while(|item| queue.put_blocking(*item).is_ok()).count());
            let consumer = scope.spawn(|| std::iter::from_fn(|| queue.get_blocking().ok()).count());
            if round % 2 == 0 {
                queue.close();
                assert_eq!(producer.join().unwrap(), consumer.join().unwrap());
            } else {
                let left = queue.close_now().len();
                assert_eq!(producer.join().unwrap(), consumer.join().unwrap() + left);
            }
        });
    }
}
