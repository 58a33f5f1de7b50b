//! Waits that block a thread: with a deadline, for slots, several items and joins.

use super::until_waiting;
use std::{thread, time::Duration};
use waitline::testing::{now, queued};
use waitline_queue::{
    Closed, GetTimeoutError, LifoQueue, PriorityQueue, PutTimeoutError, Queue, ReserveTimeoutError, TimedOut,
    TryGetError, channel,
};

const SHORT: Duration = Duration::from_millis(1);
/// Never reached: a test that waits for it fails by hanging.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn what_is_possible_at_once_is_done_with_any_timeout() {
    for timeout in [Duration::ZERO, SHORT, LONG, Duration::MAX] {
        let (queue, mut batch) = (Queue::bounded(2), Vec::new());
        assert_eq!(queue.put_blocking_timeout(1, timeout), Ok(()));
        queue.reserve_blocking_timeout(timeout).unwrap().put(2).unwrap();
        assert_eq!(queue.get_blocking_timeout(timeout), Ok(1));
        assert_eq!(queue.get_many_blocking_timeout(&mut batch, 9, timeout), Ok(1));
        assert_eq!(batch, [2]);
        queue.task_done().unwrap();
        queue.task_done().unwrap();
        assert_eq!(queue.join_blocking_timeout(timeout), Ok(()));
    }
}

#[test]
fn a_wait_whose_time_has_passed_has_changed_nothing() {
    for timeout in [Duration::ZERO, SHORT] {
        let (queue, mut batch) = (Queue::bounded(1), vec![7]);
        assert_eq!(queue.get_blocking_timeout(timeout), Err(GetTimeoutError::TimedOut));
        assert_eq!(queue.get_many_blocking_timeout(&mut batch, 9, timeout), Err(TimedOut));
        assert_eq!(batch, [7]);
        queue.try_put(1).unwrap();
        assert_eq!(queue.put_blocking_timeout(2, timeout), Err(PutTimeoutError::TimedOut(2)));
        assert_eq!(queue.reserve_blocking_timeout(timeout).unwrap_err(), ReserveTimeoutError::TimedOut);
        assert_eq!(queue.join_blocking_timeout(timeout), Err(TimedOut));
        until_waiting(&queue, 0);
        assert_eq!((queue.try_get(), queue.is_full()), (Ok(1), false));
    }
}

#[test]
fn threads_are_served_in_time_and_in_order() {
    for timeout in [LONG, Duration::MAX] {
        let queue = Queue::bounded(1);
        queue.try_put(0).unwrap();
        thread::scope(|scope| {
            let put = scope.spawn(|| queue.put_blocking_timeout(1, timeout));
            until_waiting(&queue, 1);
            let reserve = scope.spawn(|| queue.reserve_blocking_timeout(timeout).map(|slot| slot.put(2)));
            until_waiting(&queue, 2);
            let third = scope.spawn(|| queue.reserve_blocking().map(|slot| slot.put(3)));
            until_waiting(&queue, 3);
            assert_eq!([(); 4].map(|()| queue.get_blocking_timeout(timeout).unwrap()), [0, 1, 2, 3]);
            assert_eq!(put.join().unwrap(), Ok(()));
            assert_eq!((reserve.join().unwrap(), third.join().unwrap()), (Ok(Ok(())), Ok(Ok(()))));

            let get = scope.spawn(|| queue.get_blocking_timeout(timeout));
            until_waiting(&queue, 1);
            let many = scope.spawn(|| {
                let mut batch = Vec::new();
                (queue.get_many_blocking_timeout(&mut batch, 9, timeout), batch)
            });
            until_waiting(&queue, 2);
            queue.put_blocking(4).unwrap();
            assert_eq!(get.join().unwrap(), Ok(4));
            queue.put_blocking(5).unwrap();
            assert_eq!(many.join().unwrap(), (Ok(1), vec![5]));

            let joins = [scope.spawn(|| queue.join_blocking_timeout(timeout))];
            let join = scope.spawn(|| queue.join_blocking());
            until_waiting(&queue, 2);
            (0..6).for_each(|_| queue.task_done().unwrap());
            assert_eq!(joins.map(|join| join.join().unwrap()), [Ok(())]);
            join.join().unwrap();
        });
    }
}

/// Hazards 1 and 22: what a thread would have been granted goes to the next waiter.
#[test]
fn a_thread_that_leaves_holds_no_waiter_back() {
    let queue = Queue::bounded(1);
    let mut first = queued(queue.get());
    assert!(queue.get_blocking_timeout(SHORT).is_err());
    let mut second = queued(queue.get());
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    assert_eq!((now(first.as_mut()), now(second.as_mut())), (Ok(1), Ok(2)));

    queue.try_put(3).unwrap();
    let mut first = queued(queue.put(4));
    assert!(queue.put_blocking_timeout(0, SHORT).is_err());
    let mut second = queued(queue.put(5));
    assert_eq!(queue.try_get(), Ok(3));
    assert_eq!(now(first.as_mut()), Ok(()));
    assert_eq!(queue.try_get(), Ok(4));
    assert_eq!((now(second.as_mut()), queue.try_get()), (Ok(()), Ok(5)));
}

#[test]
fn a_close_is_told_from_a_time_that_has_passed() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    thread::scope(|scope| {
        let put = scope.spawn(|| queue.put_blocking_timeout(2, LONG));
        let reserve = scope.spawn(|| queue.reserve_blocking_timeout(LONG).map(drop));
        let other = scope.spawn(|| queue.reserve_blocking().map(drop));
        until_waiting(&queue, 3);
        queue.close();
        assert_eq!(put.join().unwrap(), Err(PutTimeoutError::Closed(2)));
        assert_eq!(reserve.join().unwrap(), Err(ReserveTimeoutError::Closed));
        assert_eq!(other.join().unwrap(), Err(Closed));
    });
    assert_eq!(queue.put_blocking_timeout(2, SHORT), Err(PutTimeoutError::Closed(2)));
    assert_eq!(queue.get_blocking_timeout(SHORT), Ok(1));
    assert_eq!(queue.get_blocking_timeout(SHORT), Err(GetTimeoutError::Closed));
    assert_eq!(queue.get_many_blocking_timeout(&mut Vec::new(), 9, SHORT), Ok(0));
    let queue = Queue::<u8>::bounded(1);
    thread::scope(|scope| {
        let get = scope.spawn(|| queue.get_blocking_timeout(LONG));
        until_waiting(&queue, 1);
        queue.close();
        assert_eq!(get.join().unwrap(), Err(GetTimeoutError::Closed));
    });
}

#[test]
fn several_items_are_taken_at_once_or_none() {
    let (queue, mut batch) = (Queue::from_iter(0..5), Vec::new());
    assert_eq!(queue.try_get_many(&mut batch, 0), Ok(0));
    assert_eq!(queue.try_get_many(&mut batch, 2), Ok(2));
    assert_eq!(queue.get_many_blocking(&mut batch, 0), 0);
    assert_eq!(queue.get_many_blocking(&mut batch, 2), 2);
    assert_eq!(queue.try_get_many(&mut batch, usize::MAX), Ok(1));
    assert_eq!(queue.try_get_many(&mut batch, 1), Err(TryGetError::Empty));
    queue.close();
    assert_eq!(queue.try_get_many(&mut batch, 1), Err(TryGetError::Closed));
    assert_eq!(queue.try_get_many(&mut batch, 0), Ok(0));
    assert_eq!(queue.get_many_blocking(&mut batch, 1), 0);
    assert_eq!(batch, [0, 1, 2, 3, 4]);
    assert_eq!(queue.unfinished(), 5);
}

#[test]
fn queues_are_made_from_items_and_taken_apart() {
    assert!(Queue::from_iter([2, 1, 3]).into_iter().eq([2, 1, 3]));
    assert!(LifoQueue::from_iter([2, 1, 3]).into_iter().eq([3, 1, 2]));
    assert!(PriorityQueue::from_iter([2, 1, 3]).into_iter().eq([1, 2, 3]));
    assert_eq!(Queue::<u8>::default().into_iter().count(), 0);
    let queue = PriorityQueue::bounded(2);
    queue.try_put(2).unwrap();
    queue.try_put(1).unwrap();
    let mut left = Vec::new();
    for item in queue {
        left.push(item);
    }
    assert_eq!(left, [1, 2]);
}

#[test]
fn the_halves_of_a_channel_have_the_same_methods() {
    let (sender, receiver) = channel::bounded(1);
    let mut batch = Vec::new();
    assert_eq!(sender.put_blocking_timeout(1, SHORT), Ok(()));
    assert_eq!(sender.put_blocking_timeout(2, SHORT), Err(PutTimeoutError::TimedOut(2)));
    assert_eq!(sender.reserve_blocking_timeout(SHORT).unwrap_err(), ReserveTimeoutError::TimedOut);
    assert_eq!(receiver.get_blocking_timeout(SHORT), Ok(1));
    assert_eq!(sender.join_blocking_timeout(SHORT), Err(TimedOut));
    sender.reserve_blocking().unwrap().put(2).unwrap();
    assert_eq!(receiver.try_get_many(&mut batch, 9), Ok(1));
    assert_eq!(receiver.get_many_blocking_timeout(&mut batch, 9, SHORT), Err(TimedOut));
    receiver.task_done().unwrap();
    receiver.task_done().unwrap();
    receiver.join_blocking();
    drop(sender);
    assert_eq!((receiver.get_many_blocking(&mut batch, 9), batch), (0, vec![2]));
    assert_eq!(receiver.get_blocking_timeout(SHORT), Err(GetTimeoutError::Closed));
}
