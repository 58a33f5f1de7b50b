//! Hazards 1, 2, 3, 10, 22: futures that are dropped while they wait and after they were granted.

use crate::counts;
use std::pin::pin;
use waitline::testing::{now, watched};
use waitline_queue::{LifoQueue, PriorityQueue, Queue, TryGetError, TryPutError};

#[test]
fn an_item_handed_to_a_dropped_get_goes_to_the_next_getter() {
    let queue = Queue::bounded(1);
    let (first, first_waker) = watched(queue.get());
    let (mut second, second_waker) = watched(queue.get());
    let (_third, third_waker) = watched(queue.get());
    queue.try_put(7).unwrap();
    assert_eq!(counts([&first_waker, &second_waker, &third_waker]), [1, 0, 0]);
    drop(first);
    assert_eq!(counts([&first_waker, &second_waker, &third_waker]), [1, 1, 0]);
    assert_eq!(now(second.as_mut()), Ok(7));
    assert_eq!(queue.unfinished(), 1);
}

#[test]
fn an_item_handed_to_a_dropped_get_goes_back_to_the_front() {
    let queue = Queue::bounded(4);
    let (get, _) = watched(queue.get());
    (1..=3).for_each(|item| queue.try_put(item).unwrap());
    drop(get);
    assert_eq!((queue.len(), queue.unfinished()), (3, 3));
    assert_eq!([queue.try_get(), queue.try_get(), queue.try_get()], [Ok(1), Ok(2), Ok(3)]);
}

/// All orders in which `n` can be dropped.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(n - 1);
    shorter
        .iter()
        .flat_map(|order| {
            (0..n).map(|place| {
                let mut order = order.clone();
                order.insert(place, n - 1);
                order
            })
        })
        .collect()
}

macro_rules! given_back {
    ($queue:expr, $order:expr) => {{
        let queue = $queue;
        let mut gets: Vec<_> = (0..4).map(|_| Some(watched(queue.get()))).collect();
        // Handed: 10, 11, 12, 13. Inside: 14, 15.
        (10..16).for_each(|item| queue.try_put(item).unwrap());
        for which in $order {
            gets[which] = None;
        }
        assert_eq!((queue.len(), queue.unfinished()), (6, 6));
        std::iter::from_fn(|| queue.try_get().ok()).collect::<Vec<i32>>()
    }};
}

#[test]
fn several_items_go_back_in_the_order_in_which_they_entered() {
    for order in permutations(4) {
        assert_eq!(
            given_back!(Queue::bounded(6), order.clone()),
            [10, 11, 12, 13, 14, 15],
            "dropped in order {order:?}"
        );
        assert_eq!(
            given_back!(LifoQueue::bounded(6), order.clone()),
            [15, 14, 13, 12, 11, 10],
            "dropped in order {order:?}"
        );
        assert_eq!(given_back!(PriorityQueue::bounded(6), order.clone()), [10, 11, 12, 13, 14, 15]);
    }
}

#[test]
fn a_gap_among_the_given_back_stays_in_order() {
    let queue = Queue::bounded(8);
    let mut gets: Vec<_> = (0..4).map(|_| watched(queue.get())).collect();
    (0..6).for_each(|item| queue.try_put(item).unwrap());
    let (mut taken, _) = gets.remove(1);
    assert_eq!(now(taken.as_mut()), Ok(1));
    drop(gets.remove(2));
    drop(gets.remove(0));
    drop(gets);
    assert_eq!(queue.close_now(), [0, 2, 3, 4, 5]);
}

#[test]
fn a_given_back_item_may_exceed_the_capacity_and_nothing_is_put_until_there_is_room() {
    let queue = Queue::bounded(1);
    let (get, _) = watched(queue.get());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let (mut put, put_waker) = watched(queue.put(3));
    drop(get);
    assert_eq!((queue.len(), queue.is_full(), put_waker.count()), (2, true, 0));
    assert_eq!(queue.try_get(), Ok(1));
    // One place too many was in use: taking one makes no room yet.
    assert_eq!((put_waker.count(), queue.is_full()), (0, true));
    assert_eq!(queue.try_put(4), Err(TryPutError::Full(4)));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(put_waker.count(), 1);
    assert_eq!(now(put.as_mut()), Ok(()));
    assert_eq!(queue.try_get(), Ok(3));
}

#[test]
fn an_item_that_comes_back_takes_the_room_of_no_granted_slot() {
    let queue = Queue::bounded(1);
    let (get, _) = watched(queue.get());
    queue.try_put(1).unwrap();
    let slot = queue.try_reserve().unwrap();
    drop(get);
    let (mut put, put_waker) = watched(queue.put(3));
    slot.put(2).unwrap();
    assert_eq!((queue.len(), put_waker.count()), (2, 0));
    assert_eq!([queue.try_get(), queue.try_get()], [Ok(1), Ok(2)]);
    assert_eq!(now(put.as_mut()), Ok(()));
}

#[test]
fn a_dropped_put_has_not_put() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (queued, _) = watched(queue.put(1));
    drop(queued);
    assert_eq!(queue.try_get(), Ok(0));
    queue.try_put(0).unwrap();
    let (granted, waker) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(waker.count(), 1);
    drop(granted);
    assert_eq!((queue.len(), queue.unfinished(), queue.is_full()), (0, 2, false));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(3).unwrap();
}

#[test]
fn the_room_of_a_dropped_put_goes_to_the_next_putter() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (first, first_waker) = watched(queue.put(1));
    let (second, second_waker) = watched(queue.reserve());
    let (mut third, third_waker) = watched(queue.put(3));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(counts([&first_waker, &second_waker, &third_waker]), [1, 0, 0]);
    drop(first);
    assert_eq!(counts([&first_waker, &second_waker, &third_waker]), [1, 1, 0]);
    drop(second);
    assert_eq!(counts([&first_waker, &second_waker, &third_waker]), [1, 1, 1]);
    assert_eq!(now(third.as_mut()), Ok(()));
    assert_eq!(queue.try_get(), Ok(3));
}

#[test]
fn an_ungranted_head_that_is_dropped_holds_nobody_back() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (first, _) = watched(queue.put(1));
    let (mut second, second_waker) = watched(queue.put(2));
    drop(first);
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(second_waker.count(), 1);
    assert_eq!(now(second.as_mut()), Ok(()));

    assert_eq!(queue.try_get(), Ok(2));
    let (first, _) = watched(queue.get());
    let (mut second, second_waker) = watched(queue.get());
    drop(first);
    queue.try_put(3).unwrap();
    assert_eq!(second_waker.count(), 1);
    assert_eq!(now(second.as_mut()), Ok(3));
}

#[test]
fn every_way_to_give_room_back_wakes_the_next_putter() {
    type Way = fn(&Queue<u8>);
    let ways: [(&str, Way); 7] = [
        ("try_get", |queue| assert!(queue.try_get().is_ok())),
        ("get", |queue| assert!(now(pin!(queue.get())).is_ok())),
        ("get_blocking", |queue| assert!(queue.get_blocking().is_ok())),
        ("get_many", |queue| assert_eq!(now(pin!(queue.get_many(&mut Vec::new(), 9))), 1)),
        ("items", |queue| {
            let mut items = pin!(queue.items());
            assert!(now(pin!(futures_lite::StreamExt::next(&mut items))).is_some());
        }),
        ("close", |queue| assert!(queue.close())),
        ("close_now", |queue| assert_eq!(queue.close_now().len(), 1)),
    ];
    for (name, way) in ways {
        let queue = Queue::bounded(1);
        queue.try_put(1).unwrap();
        let (mut put, waker) = watched(queue.put(2));
        let (mut reserve, _) = watched(queue.reserve());
        way(&queue);
        assert_eq!(waker.count(), 1, "{name}");
        let expected = if queue.is_closed() { Err(waitline_queue::PutError(2)) } else { Ok(()) };
        assert_eq!(now(put.as_mut()), expected, "{name}");
        if !queue.is_closed() {
            assert_eq!(queue.try_get(), Ok(2), "{name}");
        }
        assert_eq!(now(reserve.as_mut()).is_ok(), !queue.is_closed(), "{name}");
    }
}

#[test]
fn a_dropped_get_many_has_taken_nothing() {
    let queue = Queue::bounded(4);
    let mut out = vec![0];
    let (batch, waker) = watched(queue.get_many(&mut out, 4));
    (1..=3).for_each(|item| queue.try_put(item).unwrap());
    assert_eq!(waker.count(), 1);
    drop(batch);
    assert_eq!(out, [0]);
    assert_eq!(queue.close_now(), [1, 2, 3]);
}

#[test]
fn a_dropped_stream_has_taken_nothing_and_a_dropped_next_neither() {
    use futures_lite::StreamExt;
    let queue = Queue::bounded(4);
    {
        let mut items = pin!(queue.items());
        let (next, waker) = watched(items.next());
        queue.try_put(1).unwrap();
        assert_eq!(waker.count(), 1);
        drop(next);
        assert_eq!(now(pin!(items.next())), Some(1));
        let (_next, _) = watched(items.next());
        queue.try_put(2).unwrap();
    }
    assert_eq!(queue.try_get(), Ok(2));
}

#[test]
fn a_dropped_join_is_nobodys_loss() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    let (first, first_waker) = watched(queue.join());
    let (second, second_waker) = watched(queue.join());
    let (mut third, third_waker) = watched(queue.join());
    drop(first);
    queue.task_done().unwrap();
    assert_eq!(counts([&first_waker, &second_waker, &third_waker]), [0, 1, 1]);
    drop(second);
    // It came true once; that it is false again does not matter.
    queue.try_put(2).unwrap();
    now(third.as_mut());
    let (_fourth, fourth_waker) = watched(queue.join());
    assert_eq!(queue.try_get(), Ok(1));
    queue.try_get().unwrap();
    assert_eq!(fourth_waker.count(), 0);
    queue.task_done().unwrap();
    assert_eq!(fourth_waker.count(), 1);
}

#[test]
fn dropping_the_future_that_nobody_polls_unblocks_the_rest() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (sleeper, _) = watched(queue.put(1));
    let (mut next, next_waker) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!((next_waker.count(), queue.try_put(3)), (0, Err(TryPutError::Full(3))));
    drop(sleeper);
    assert_eq!(next_waker.count(), 1);
    assert_eq!(now(next.as_mut()), Ok(()));
}

#[test]
fn a_cancelled_wait_keeps_no_waker() {
    let queue = Queue::bounded(1);
    let (get, get_waker) = watched(queue.get());
    let (join, join_waker) = {
        queue.try_put(0).unwrap();
        watched(queue.join())
    };
    drop(get);
    let (put, put_waker) = watched(queue.put(1));
    let (reserve, reserve_waker) = watched(queue.reserve());
    drop((join, put, reserve));
    assert_eq!([get_waker.held(), join_waker.held(), put_waker.held(), reserve_waker.held()], [0; 4]);
    assert!(format!("{queue:?}").ends_with("waiters: 0 }"));
}

#[test]
fn a_leaked_wait_is_only_a_leak() {
    // Hazard 16. A leaked get that is handed an item keeps it; a leaked put keeps its slot.
    let queue: &'static Queue<String> = Box::leak(Box::new(Queue::bounded(1)));
    let (get, waker) = watched(queue.get());
    std::mem::forget(get);
    queue.try_put("kept".into()).unwrap();
    assert_eq!(waker.count(), 1);
    queue.try_put("inside".into()).unwrap();
    let (put, _) = watched(queue.put("never".into()));
    std::mem::forget(put);
    assert_eq!(queue.try_get().unwrap(), "inside");
    assert_eq!(queue.try_put("late".into()), Err(TryPutError::Full("late".into())));
    assert!(queue.close_now().is_empty());
}

#[test]
fn a_million_timeouts_leave_nothing_behind() {
    // Hazards 15 and 32, with the waker's count as the measure of memory.
    let queue = Queue::bounded(1);
    let waker = waitline::testing::CountingWaker::new();
    for _ in 0..1_000_000 {
        assert!(waker.poll(pin!(queue.get())).is_pending());
    }
    queue.try_put(1).unwrap();
    let mut put = Box::pin(queue.put(2));
    for _ in 0..1_000_000 {
        assert!(waker.poll(put.as_mut()).is_pending());
    }
    assert_eq!(waker.held(), 1);
    drop(put);
    assert_eq!((waker.held(), waker.count()), (0, 0));
}
