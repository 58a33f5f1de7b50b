//! The channel: which half closes it, and what that does to the other one.

use crate::counts;
use futures_lite::{StreamExt, future::block_on};
use std::{pin::pin, sync::Arc, thread};
use waitline::testing::{now, watched};
use waitline_queue::{GetError, PutError, TaskDoneError, TryGetError, TryPutError, channel};

#[test]
fn the_last_sender_closes_and_the_rest_drains() {
    let (sender, receiver) = channel::bounded(4);
    let other = sender.clone();
    sender.try_put(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    other.try_put(2).unwrap();
    drop(other);
    assert!(receiver.is_closed());
    assert_eq!(block_on(pin!(receiver.items()).collect::<Vec<_>>()), [1, 2]);
    assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
}

#[test]
fn the_last_sender_wakes_all_waiting_getters() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let other = receiver.clone();
    let (mut first, first_waker) = watched(receiver.get());
    let (mut second, second_waker) = watched(other.get());
    drop(sender.clone());
    assert_eq!(counts([&first_waker, &second_waker]), [0, 0]);
    drop(sender);
    assert_eq!(counts([&first_waker, &second_waker]), [1, 1]);
    assert_eq!((now(first.as_mut()), now(second.as_mut())), (Err(GetError), Err(GetError)));
}

#[test]
fn the_last_receiver_fails_waiting_puts_and_drops_the_items_at_once() {
    let (sender, receiver) = channel::bounded(1);
    let item = Arc::new(());
    sender.try_put(item.clone()).unwrap();
    let (mut put, put_waker) = watched(sender.put(item.clone()));
    let (mut join, join_waker) = watched(sender.join());
    drop(receiver.clone());
    assert_eq!((Arc::strong_count(&item), put_waker.count()), (3, 0));
    drop(receiver);
    assert_eq!((Arc::strong_count(&item), put_waker.count(), join_waker.count()), (2, 1, 1));
    assert_eq!(now(put.as_mut()), Err(PutError(item.clone())));
    now(join.as_mut());
    assert_eq!(sender.try_put(item.clone()), Err(TryPutError::Closed(item.clone())));
    assert_eq!((sender.len(), sender.unfinished(), sender.is_closed()), (0, 0, true));
}

#[test]
fn the_last_receiver_revokes_slots() {
    let (sender, receiver) = channel::bounded(1);
    let slot = sender.try_reserve().unwrap();
    drop(receiver);
    assert_eq!(slot.put(1), Err(PutError(1)));
}

#[test]
fn join_ends_when_nobody_is_left_to_say_done() {
    let (sender, receiver) = channel::bounded(2);
    sender.try_put(1).unwrap();
    sender.try_put(2).unwrap();
    assert_eq!(receiver.try_get(), Ok(1));
    let (mut join, waker) = watched(sender.join());
    drop(receiver);
    assert_eq!((waker.count(), sender.unfinished()), (1, 0));
    now(join.as_mut());
}

#[test]
fn both_halves_have_the_queues_methods() {
    let (sender, receiver) = channel::bounded(2);
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(2), Some(2)));
    block_on(sender.put(1)).unwrap();
    sender.put_blocking(2).unwrap();
    assert!(sender.is_full() && receiver.is_full() && !sender.is_empty() && !receiver.is_empty());
    assert_eq!((sender.len(), receiver.len(), sender.unfinished(), receiver.unfinished()), (2, 2, 2, 2));
    assert_eq!((block_on(receiver.get()), receiver.get_blocking()), (Ok(1), Ok(2)));
    block_on(sender.reserve()).unwrap().put(3).unwrap();
    assert_eq!(block_on(receiver.get_many(&mut Vec::new(), 5)), 1);
    (0..3).for_each(|_| receiver.task_done().unwrap());
    assert_eq!(receiver.task_done(), Err(TaskDoneError));
    block_on(receiver.join());
    assert!(receiver.close() && !sender.close());
    assert_eq!(sender.close_now(), []);
    assert_eq!(format!("{sender:?}"), "Sender { len: 0, capacity: Some(2), closed: true, waiters: 0 }");
    assert!(format!("{receiver:?}").starts_with("Receiver { len: 0"));
    let (sender, receiver) = channel::unbounded::<u8>();
    assert_eq!((sender.capacity(), receiver.close_now()), (None, vec![]));
}

#[test]
fn threads_hand_everything_over() {
    let (sender, receiver) = channel::bounded(3);
    let producers: Vec<_> = (0..3)
        .map(|producer| {
            let sender = sender.clone();
            thread::spawn(move || (0..100).for_each(|item| sender.put_blocking(producer * 100 + item).unwrap()))
        })
        .collect();
    drop(sender);
    let mut got: Vec<i32> = std::iter::from_fn(|| receiver.get_blocking().ok()).collect();
    producers.into_iter().for_each(|producer| producer.join().unwrap());
    got.sort_unstable();
    assert_eq!(got, (0..300).collect::<Vec<_>>());
}
