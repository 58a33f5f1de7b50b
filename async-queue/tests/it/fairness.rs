//! Hazards 8 and 9: strictly first come, first served, newcomers and `try_` calls included.

use crate::{counts, until_waiting};
use std::{pin::pin, task::Poll};
use waitline::testing::{now, poll_once, watched};
use waitline_queue::{LifoQueue, PriorityQueue, Queue, TryGetError, TryPutError, TryReserveError};

#[test]
fn a_hundred_getters_are_served_in_order() {
    let queue = Queue::bounded(1);
    let mut getters: Vec<_> = (0..100).map(|_| watched(queue.get())).collect();
    for item in 0..100 {
        queue.try_put(item).unwrap();
        assert_eq!(getters.iter().filter(|(_, waker)| waker.count() > 0).count(), item + 1);
        assert_eq!(getters[item].1.count(), 1);
    }
    for (item, (get, waker)) in getters.iter_mut().enumerate() {
        assert_eq!(now(get.as_mut()), Ok(item));
        assert_eq!((waker.count(), waker.held()), (1, 0));
    }
}

#[test]
fn a_hundred_putters_get_room_in_order() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let mut putters: Vec<_> = (1..=100).map(|item| watched(queue.put(item))).collect();
    for turn in 0..100 {
        assert_eq!(queue.try_get(), Ok(turn));
        assert_eq!(putters.iter().filter(|(_, waker)| waker.count() > 0).count(), turn + 1);
        assert_eq!(now(putters[turn].0.as_mut()), Ok(()));
    }
    assert_eq!(queue.try_get(), Ok(100));
}

#[test]
fn a_granted_slot_is_not_for_newcomers() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let (mut put, waker) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(waker.count(), 1);
    // Granted and not polled: there is neither an item nor room.
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
    assert_eq!(queue.try_reserve().unwrap_err(), TryReserveError::Full);
    let (mut late, _) = watched(queue.put(3));
    assert_eq!(now(put.as_mut()), Ok(()));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(now(late.as_mut()), Ok(()));
}

#[test]
fn an_item_may_pass_that_of_a_put_that_was_granted_its_slot_and_not_polled() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let (mut put, woken) = watched(queue.put(3));
    assert_eq!(queue.try_get(), Ok(1));
    // The only room is the put's. There is more after this:
    assert_eq!((woken.count(), queue.try_put(4)), (1, Err(TryPutError::Full(4))));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(queue.try_put(4), Ok(()));
    // Each has its own, and what entered first leaves first.
    assert_eq!(queue.try_put(5), Err(TryPutError::Full(5)));
    assert_eq!(now(put.as_mut()), Ok(()));
    assert_eq!([queue.try_get(), queue.try_get()], [Ok(4), Ok(3)]);
}

#[test]
fn the_items_of_a_task_that_awaits_each_put_keep_their_order() {
    let queue = Queue::bounded(2);
    let producer = |name| {
        let queue = &queue;
        async move {
            for item in 0..50 {
                queue.put((name, item)).await.unwrap();
            }
        }
    };
    let consumer = async {
        let mut got = Vec::new();
        while got.len() < 100 {
            got.push(queue.get().await.unwrap());
            if got.len() % 3 == 0 {
                futures_lite::future::yield_now().await;
            }
        }
        got
    };
    let producers = futures_lite::future::zip(producer('a'), producer('b'));
    let (_, got) = futures_lite::future::block_on(futures_lite::future::zip(producers, consumer));
    for name in ['a', 'b'] {
        assert!(got.iter().filter(|item| item.0 == name).map(|item| item.1).eq(0..50));
    }
}

#[test]
fn a_waiting_getter_does_not_let_newcomers_pass_waiting_putters() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let (mut granted, _) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(1));
    // Both lists are in use: a slot is granted and not filled, a putter waits behind it, and a getter waits.
    let (mut queued, queued_waker) = watched(queue.put(3));
    let (mut get, get_waker) = watched(queue.get());
    assert_eq!(queue.try_put(4), Err(TryPutError::Full(4)));
    assert_eq!((get_waker.count(), queued_waker.count()), (0, 0));
    assert_eq!(now(granted.as_mut()), Ok(()));
    assert_eq!((get_waker.count(), queued_waker.count()), (1, 1));
    assert_eq!(now(get.as_mut()), Ok(2));
    assert_eq!(queue.try_put(4), Err(TryPutError::Full(4)));
    assert_eq!(now(queued.as_mut()), Ok(()));
    assert_eq!(queue.try_get(), Ok(3));
}

#[test]
fn a_filled_slot_that_goes_to_a_getter_makes_room_for_the_next() {
    // The deadlock of an ad-hoc version: a granted putter hands its item on, and nobody grants the room again.
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let mut putters: Vec<_> = (1..=5).map(|item| watched(queue.put(item))).collect();
    assert_eq!(queue.try_get(), Ok(0));
    let mut getters: Vec<_> = (1..=5).map(|_| watched(queue.get())).collect();
    for turn in 0..5 {
        assert_eq!(
            counts(putters.iter().map(|(_, waker)| waker)),
            (0..5).map(|i| usize::from(i <= turn)).collect::<Vec<_>>()
        );
        assert_eq!(now(putters[turn].0.as_mut()), Ok(()));
        assert_eq!(
            counts(getters.iter().map(|(_, waker)| waker)),
            (0..5).map(|i| usize::from(i <= turn)).collect::<Vec<_>>()
        );
        assert_eq!(now(getters[turn].0.as_mut()), Ok(turn + 1));
    }
}

#[test]
fn puts_and_reserves_stand_in_one_line() {
    let queue = Queue::bounded(1);
    let slot = queue.try_reserve().unwrap();
    let (mut first, _) = watched(queue.put(1));
    let (mut second, second_waker) = watched(queue.reserve());
    let (mut third, third_waker) = watched(queue.put(3));
    slot.put(0).unwrap();
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(now(first.as_mut()), Ok(()));
    assert_eq!(second_waker.count(), 0);
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!((second_waker.count(), third_waker.count()), (1, 0));
    let slot = now(second.as_mut()).unwrap();
    assert_eq!(third_waker.count(), 0);
    drop(slot);
    assert_eq!(third_waker.count(), 1);
    assert_eq!(now(third.as_mut()), Ok(()));
}

#[test]
fn gets_of_all_kinds_stand_in_one_line() {
    let queue = Queue::bounded(4);
    let mut out = Vec::new();
    let (mut first, first_waker) = watched(queue.get_many(&mut out, 2));
    let (mut second, second_waker) = watched(queue.get());
    queue.try_put(1).unwrap();
    assert_eq!((first_waker.count(), second_waker.count()), (1, 0));
    queue.try_put(2).unwrap();
    queue.try_put(3).unwrap();
    assert_eq!(second_waker.count(), 1);
    // The second item was the second getter's; what came after it nobody waits for.
    assert_eq!(now(first.as_mut()), 2);
    assert_eq!(now(second.as_mut()), Ok(2));
    drop(first);
    assert_eq!(out, [1, 3]);
}

#[test]
fn nobody_passes_putters_that_are_woken_in_rounds() {
    // get_many frees 64 places; their 64 putters are granted in rounds, and a newcomer comes between two of them.
    use std::sync::{Arc, Mutex};
    let queue: &'static Queue<usize> = Box::leak(Box::new(Queue::bounded(64)));
    (0..64).for_each(|item| queue.try_put(item).unwrap());
    let refused = Arc::new(Mutex::new(Vec::new()));
    let mut putters: Vec<_> = (64..128).map(|item| Box::pin(queue.put(item))).collect();
    for put in &mut putters {
        let refused = refused.clone();
        let waker = waitline::testing::hooked_waker(move |call| {
            if call == waitline::testing::WakerCall::Wake {
                // A refusal may go on with the next round itself, so the list is not locked while the queue is asked.
                let answers = (queue.try_put(0).is_err(), queue.is_full(), queue.try_reserve().is_err());
                refused.lock().unwrap().push(answers);
            }
        });
        assert!(waitline::testing::poll_with(put.as_mut(), &waker).is_pending());
    }
    let mut out = Vec::new();
    assert_eq!(now(pin!(queue.get_many(&mut out, 64))), 64);
    assert_eq!(*refused.lock().unwrap(), [(true, true, true); 64]);
    putters.iter_mut().for_each(|put| assert_eq!(now(put.as_mut()), Ok(())));
    assert_eq!(now(pin!(queue.get_many(&mut out, 64))), 64);
    assert_eq!(out, (0..128).collect::<Vec<_>>());
}

#[test]
fn capacity_is_never_exceeded_by_puts() {
    let queue = Queue::bounded(2);
    let slot = queue.try_reserve().unwrap();
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    let (mut put, _) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
    slot.put(4).unwrap();
    assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
    assert_eq!(now(put.as_mut()), Ok(()));
    assert_eq!((queue.len(), queue.is_full()), (2, true));
}

#[test]
fn waiting_getters_are_served_by_the_other_orders_too() {
    let queue = PriorityQueue::bounded(2);
    let (mut get, _) = watched(queue.get());
    queue.try_put(5).unwrap();
    queue.try_put(1).unwrap();
    assert_eq!(now(get.as_mut()), Ok(5));
    assert_eq!(queue.try_get(), Ok(1));
    let queue = LifoQueue::bounded(2);
    let (mut get, _) = watched(queue.get());
    queue.try_put(5).unwrap();
    queue.try_put(1).unwrap();
    assert_eq!(now(get.as_mut()), Ok(5));
    assert_eq!(poll_once(pin!(queue.get())), Poll::Ready(Ok(1)));
}

#[test]
fn an_unbounded_queue_never_makes_a_put_wait() {
    let queue = Queue::unbounded();
    let slots: Vec<_> = (0..1000).map(|_| queue.try_reserve().unwrap()).collect();
    (0..1000).for_each(|item| queue.try_put(item).unwrap());
    assert!(!queue.is_full());
    slots.into_iter().for_each(|slot| slot.put(7).unwrap());
    assert_eq!(queue.len(), 2000);
}

#[test]
fn threads_and_futures_stand_in_one_line() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (mut first, _) = watched(queue.put(1));
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| queue.put_blocking(2));
        // Until it waits: the queue counts its waiters.
        until_waiting(&queue, 2);
        let (mut third, third_waker) = watched(queue.put(3));
        assert_eq!(queue.try_get(), Ok(0));
        assert_eq!(now(first.as_mut()), Ok(()));
        assert_eq!(queue.try_get(), Ok(1));
        assert_eq!(thread.join().unwrap(), Ok(()));
        assert_eq!((queue.try_get(), third_waker.count()), (Ok(2), 1));
        assert_eq!(now(third.as_mut()), Ok(()));
        let thread = scope.spawn(|| (queue.get_blocking(), queue.get_blocking(), queue.get_blocking()));
        assert_eq!(queue.put_blocking(4), Ok(()));
        until_waiting(&queue, 1);
        assert!(queue.close());
        assert_eq!(thread.join().unwrap(), (Ok(3), Ok(4), Err(waitline_queue::GetError)));
    });
}

#[test]
fn the_item_of_a_blocked_thread_enters_as_soon_as_there_is_room() {
    for _ in 0..100 {
        let queue = Queue::bounded(1);
        queue.try_put(1).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| queue.put_blocking(2));
            until_waiting(&queue, 1);
            // Whether or not the thread runs in between.
            assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
            assert_eq!(thread.join().unwrap(), Ok(()));
            assert_eq!((queue.unfinished(), queue.is_full()), (2, false));
        });
    }
}

#[test]
fn the_item_of_a_blocked_thread_reaches_a_getter_by_way_of_a_cancelled_put() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let (granted, _) = watched(queue.put(2));
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| queue.put_blocking(3));
        until_waiting(&queue, 2);
        assert_eq!(queue.try_get(), Ok(1));
        let (mut get, woken) = watched(queue.get());
        drop(granted);
        assert_eq!((woken.count(), now(get.as_mut())), (1, Ok(3)));
        assert_eq!(thread.join().unwrap(), Ok(()));
        assert_eq!(queue.try_put(4), Ok(()));
    });
}

#[test]
fn a_thread_that_waits_long_is_parked_and_woken() {
    // Later and later: while the thread still yields, while it goes to sleep, and when it sleeps.
    let queue = Queue::bounded(1);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..300).for_each(|_| sender.send(queue.get_blocking().unwrap()).unwrap()));
        for item in 0..300 {
            until_waiting(&queue, 1);
            (0..item).for_each(|_| std::thread::yield_now());
            queue.try_put(item).unwrap();
            assert_eq!(receiver.recv(), Ok(item));
        }
    });
}
