//! Slots and streams that hold their queue, weak halves, and waits for the close.

use futures_lite::Stream;
use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
};
use waitline::testing::{now, poll_once, queued, watched};
use waitline_queue::{
    Closed, LifoQueue, OwnedItems, PutError, Queue, QueueRef, TryGetError, TryPutError, TryReserveError, channel,
};

fn next<T, R: QueueRef<Item = T>>(items: Pin<&mut OwnedItems<T, R>>) -> Poll<Option<T>> {
    items.poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_owned_slot_is_a_slot_that_holds_its_queue() {
    let queue = Arc::new(Queue::bounded(1));
    let slot = now(Box::pin(queue.clone().reserve_owned())).unwrap();
    assert!(queue.is_full() && queue.is_empty());
    assert_eq!(queue.clone().try_reserve_owned().unwrap_err(), TryReserveError::Full);
    thread::spawn(move || slot.put(1)).join().unwrap().unwrap();
    assert_eq!((queue.try_get(), Arc::strong_count(&queue)), (Ok(1), 1));

    // A promise survives a close, and not a close_now.
    let (kept, void) = (queue.clone().try_reserve_owned().unwrap(), Arc::new(Queue::bounded(1)));
    let late = void.clone().try_reserve_owned().unwrap();
    queue.close();
    assert_eq!((kept.put(2), queue.try_get()), (Ok(()), Ok(2)));
    assert!(void.close_now().is_empty());
    assert_eq!(late.put(3), Err(PutError(3)));
    assert_eq!(queue.clone().try_reserve_owned().unwrap_err(), TryReserveError::Closed);
    assert_eq!(queue.clone().reserve_owned_blocking().unwrap_err(), Closed);
    assert_eq!((Arc::strong_count(&queue), Arc::strong_count(&void)), (1, 1));
}

/// Hazards 1 and 3: as a borrowed slot.
#[test]
fn an_owned_slot_that_is_dropped_goes_to_the_next_waiter() {
    let queue = Arc::new(LifoQueue::bounded(1));
    let slot = queue.clone().try_reserve_owned().unwrap();
    let granted = queued(queue.clone().reserve_owned());
    let mut next = queued(queue.clone().reserve_owned());
    drop(slot);
    drop(granted);
    now(next.as_mut()).unwrap().put(1).unwrap();
    drop(next);
    assert_eq!((queue.try_get(), Arc::strong_count(&queue)), (Ok(1), 1));
    assert!(!queue.is_full());
}

#[test]
fn the_slot_of_a_sender_keeps_the_channel_open() {
    let (sender, receiver) = channel::bounded(2);
    let slot = sender.clone().try_reserve_owned().unwrap();
    let waiting = Box::pin(sender.reserve_owned());
    assert!(!receiver.is_closed());
    drop(waiting);
    assert!(!receiver.is_closed());
    slot.put(1).unwrap();
    assert!(receiver.is_closed());
    assert_eq!((receiver.try_get(), receiver.try_get()), (Ok(1), Err(TryGetError::Closed)));
}

#[test]
fn an_owned_stream_gives_items_in_order_and_drops_its_queue_at_the_end() {
    let queue = Arc::new(Queue::bounded(4));
    let mut items = pin!(queue.clone().items_owned());
    assert_eq!(next(items.as_mut()), Poll::Pending);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    queue.close();
    assert_eq!([(); 3].map(|()| next(items.as_mut())), [Poll::Ready(Some(1)), Poll::Ready(Some(2)), Poll::Ready(None)]);
    assert_eq!(Arc::strong_count(&queue), 1);
    assert_eq!(next(items), Poll::Ready(None));
}

/// Hazard 22: as a dropped get.
#[test]
fn an_owned_stream_that_is_dropped_gives_its_item_back() {
    let queue = Arc::new(Queue::bounded(4));
    let mut items = Box::pin(queue.clone().items_owned());
    assert_eq!(next(items.as_mut()), Poll::Pending);
    queue.try_put(1).unwrap();
    assert!(queue.is_empty());
    drop(items);
    assert_eq!((queue.try_get(), Arc::strong_count(&queue)), (Ok(1), 1));
}

#[test]
fn the_stream_of_a_receiver_is_the_receiver() {
    let (sender, receiver) = channel::bounded(1);
    let mut items = Box::pin(receiver.items_owned());
    sender.try_put(1).unwrap();
    assert_eq!(next(items.as_mut()), Poll::Ready(Some(1)));
    drop(items);
    assert_eq!(sender.try_put(2), Err(TryPutError::Closed(2)));
}

#[test]
fn a_close_ends_the_waits_for_it_in_one_step() {
    for close in [Queue::close, |queue: &Queue<u8>| !queue.close_now().is_empty()] {
        let queue = Queue::bounded(1);
        queue.try_put(1).unwrap();
        // More than a round of wake-ups.
        let mut waits: Vec<_> = (0..40).map(|_| watched(queue.closed())).collect();
        let (dropped, _) = waits.remove(20);
        drop(dropped);
        assert!(close(&queue));
        for (wait, waker) in &mut waits {
            assert_eq!((waker.count(), now(wait.as_mut())), (1, ()));
        }
        now(Box::pin(queue.closed()));
        assert!(format!("{queue:?}").ends_with("waiters: 0 }"));
    }
}

#[test]
fn a_sender_learns_that_the_last_receiver_is_gone() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let other = receiver.clone();
    let mut closed = queued(sender.closed());
    drop(receiver);
    assert!(poll_once(closed.as_mut()).is_pending());
    drop(other);
    now(closed.as_mut());
    sender.closed_blocking();
    sender.closed_blocking_timeout(std::time::Duration::ZERO).unwrap();
}

#[test]
fn a_weak_half_does_not_count() {
    let (sender, receiver) = channel::bounded(1);
    let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade());
    assert_eq!(format!("{weak_sender:?} {weak_receiver:?}"), "WeakSender { halves: 1 } WeakReceiver { halves: 1 }");
    let strong = weak_sender.clone().upgrade().unwrap();
    drop(sender);
    strong.try_put(1).unwrap();
    drop(strong);
    assert!(receiver.is_closed() && weak_sender.upgrade().is_none());
    assert_eq!(weak_receiver.upgrade().unwrap().try_get(), Ok(1));
    drop(receiver);
    assert!(weak_receiver.upgrade().is_none());
}

/// Hazard 42: a weak half keeps no item alive.
#[test]
fn a_weak_half_keeps_no_items() {
    let (sender, receiver) = channel::unbounded();
    let item = Arc::new(());
    sender.try_put(item.clone()).unwrap();
    let weak = sender.downgrade();
    drop(sender);
    assert_eq!(Arc::strong_count(&item), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&item), 1);
    assert!(weak.upgrade().is_none());
}

/// An explicit close leaves the halves what they are.
#[test]
fn a_weak_half_of_a_closed_channel_can_count_again() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let weak = sender.downgrade();
    receiver.close();
    assert!(weak.upgrade().unwrap().try_put(1).is_err());
}

#[cfg(feature = "fused")]
#[test]
fn a_fused_stream_says_that_it_has_ended() {
    use futures_core::stream::FusedStream;
    let queue = Arc::new(Queue::from_iter([1]));
    queue.close();
    let mut owned = Box::pin(queue.clone().items_owned());
    let mut items = Box::pin(queue.items());
    assert!(!owned.is_terminated() && !items.is_terminated());
    assert_eq!(next(owned.as_mut()), Poll::Ready(Some(1)));
    assert!(!owned.is_terminated());
    assert_eq!(next(owned.as_mut()), Poll::Ready(None));
    assert!(items.as_mut().poll_next(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(owned.is_terminated() && items.is_terminated());
}

#[cfg(feature = "sink")]
mod sink {
    use super::*;
    use futures_sink::Sink;
    use waitline::testing::panic_message;
    use waitline_queue::PutSink;

    fn ready<T, R: QueueRef<Item = T>>(sink: &mut Pin<Box<PutSink<T, R>>>) -> Poll<Result<(), Closed>> {
        sink.as_mut().poll_ready(&mut Context::from_waker(Waker::noop()))
    }

    fn close<T, R: QueueRef<Item = T>>(sink: &mut Pin<Box<PutSink<T, R>>>) {
        let closed = sink.as_mut().poll_close(&mut Context::from_waker(Waker::noop()));
        assert_eq!(closed, Poll::Ready(Ok(())));
    }

    #[test]
    fn a_sink_waits_for_a_slot_before_each_item() {
        let queue = Queue::bounded(1);
        let mut sink = Box::pin(queue.sink());
        assert!(panic_message(|| sink.as_mut().start_send(0)).unwrap().contains("not ready"));
        assert_eq!([ready(&mut sink), ready(&mut sink)], [Poll::Ready(Ok(())); 2]);
        assert!(queue.is_full() && queue.is_empty());
        sink.as_mut().start_send(1).unwrap();
        assert_eq!(ready(&mut sink), Poll::Pending);
        assert_eq!(queue.try_get(), Ok(1));
        assert_eq!(ready(&mut sink), Poll::Ready(Ok(())));
        close(&mut sink);
        assert!(!queue.is_full() && !queue.is_closed());
        assert_eq!(ready(&mut sink), Poll::Ready(Err(Closed)));
    }

    #[test]
    fn a_sink_that_is_dropped_gives_its_slot_up() {
        let queue = Arc::new(Queue::bounded(1));
        let mut sink = Box::pin(queue.clone().sink_owned());
        assert_eq!(ready(&mut sink), Poll::Ready(Ok(())));
        let mut put = queued(queue.put(1));
        drop(sink);
        assert_eq!(now(put.as_mut()), Ok(()));
    }

    #[test]
    fn a_sink_of_a_closed_queue_fails() {
        let (sender, receiver) = channel::bounded(1);
        let mut sink = Box::pin(sender.sink_owned());
        assert_eq!(ready(&mut sink), Poll::Ready(Ok(())));
        receiver.close_now();
        assert_eq!(sink.as_mut().start_send(1), Err(Closed));
        assert_eq!([ready(&mut sink), ready(&mut sink)], [Poll::Ready(Err(Closed)); 2]);
    }

    #[test]
    fn closing_the_sink_of_a_sender_drops_the_sender() {
        let (sender, receiver) = channel::bounded(1);
        let mut sink = Box::pin(sender.sink_owned());
        assert_eq!(ready(&mut sink), Poll::Ready(Ok(())));
        sink.as_mut().start_send(1).unwrap();
        close(&mut sink);
        assert_eq!((receiver.try_get(), receiver.try_get()), (Ok(1), Err(TryGetError::Closed)));
    }
}
