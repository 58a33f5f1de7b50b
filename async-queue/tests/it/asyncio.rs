//! What the calls mean when nobody interferes: asyncio's queue, in Rust.

use futures_lite::{StreamExt, future::block_on};
use std::{pin::pin, task::Poll};
use waitline::testing::{CountingWaker, panic_message, poll_once};
use waitline_queue::{
    Closed, GetError, LifoQueue, PriorityQueue, PutError, Queue, TaskDoneError, TryGetError, TryPutError,
    TryReserveError,
};

#[test]
fn items_leave_in_the_order_in_which_they_entered() {
    let queue = Queue::bounded(3);
    for item in [3, 1, 2] {
        queue.try_put(item).unwrap();
    }
    assert!(queue.is_full());
    assert_eq!([queue.try_get(), queue.try_get(), queue.try_get()], [Ok(3), Ok(1), Ok(2)]);
    assert!(queue.is_empty());
}

#[test]
fn the_smallest_leaves_first_and_equal_ones_in_order() {
    #[derive(Debug)]
    struct Job(u8, usize);
    impl PartialEq for Job {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Job {}
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    for close in [false, true] {
        let queue = PriorityQueue::unbounded();
        let ranks = [5, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3];
        for (number, rank) in ranks.into_iter().enumerate() {
            queue.try_put(Job(rank, number)).unwrap();
        }
        let mut expected: Vec<_> = ranks.into_iter().enumerate().map(|(number, rank)| (rank, number)).collect();
        expected.sort_unstable();
        let got = if close { queue.close_now() } else { std::iter::from_fn(|| queue.try_get().ok()).collect() };
        assert_eq!(got.into_iter().map(|job| (job.0, job.1)).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn the_newest_leaves_first() {
    let queue = LifoQueue::bounded(3);
    for item in [3, 1, 2] {
        queue.try_put(item).unwrap();
    }
    assert_eq!(queue.try_get(), Ok(2));
    queue.try_put(4).unwrap();
    assert_eq!(queue.close_now(), [4, 1, 3]);
}

#[test]
fn a_full_queue_makes_a_put_wait_until_there_is_room() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    let mut put = pin!(queue.put(2));
    let waker = CountingWaker::new();
    assert!(waker.poll(put.as_mut()).is_pending());
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(waker.count(), 1);
    assert_eq!((queue.len(), queue.is_full()), (0, true));
    assert_eq!(waker.poll(put.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(queue.try_get(), Ok(2));
}

#[test]
fn an_empty_queue_makes_a_get_wait_until_there_is_an_item() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    let mut get = pin!(queue.get());
    let waker = CountingWaker::new();
    assert!(waker.poll(get.as_mut()).is_pending());
    queue.try_put(1).unwrap();
    assert_eq!(waker.count(), 1);
    assert_eq!((queue.len(), queue.try_get()), (0, Err(TryGetError::Empty)));
    assert_eq!(waker.poll(get.as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn an_unpolled_future_has_done_nothing() {
    let queue = Queue::bounded(1);
    drop(queue.put(1));
    drop(queue.get());
    drop(queue.reserve());
    let get = queue.get();
    queue.try_put(2).unwrap();
    assert_eq!(queue.try_get(), Ok(2));
    drop(get);
    assert_eq!((queue.len(), queue.unfinished()), (0, 1));
}

#[test]
fn a_closed_queue_drains_and_then_says_so() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    assert!(!queue.is_closed());
    assert!(queue.close());
    assert!(queue.is_closed() && !queue.close());
    assert_eq!(queue.try_put(2), Err(TryPutError::Closed(2)));
    assert_eq!(block_on(queue.put(2)), Err(PutError(2)));
    assert_eq!(queue.put_blocking(2), Err(PutError(2)));
    assert_eq!(queue.try_reserve().unwrap_err(), TryReserveError::Closed);
    assert_eq!(block_on(queue.reserve()).unwrap_err(), Closed);
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    assert_eq!(block_on(queue.get()), Err(GetError));
    assert_eq!(queue.get_blocking(), Err(GetError));
    assert_eq!(block_on(queue.get_many(&mut Vec::new(), 3)), 0);
    assert_eq!(block_on(pin!(queue.items()).next()), None);
}

#[test]
fn task_done_counts_what_was_put() {
    let queue = Queue::bounded(4);
    assert_eq!(queue.task_done(), Err(TaskDoneError));
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    queue.try_put(3).unwrap();
    queue.try_get().unwrap();
    assert_eq!(queue.unfinished(), 3);
    queue.task_done().unwrap();
    assert_eq!(queue.unfinished(), 2);
    let mut join = pin!(queue.join());
    let waker = CountingWaker::new();
    assert!(waker.poll(join.as_mut()).is_pending());
    assert_eq!(queue.close_now(), [2, 3]);
    assert_eq!((queue.unfinished(), waker.count()), (0, 1));
    assert!(waker.poll(join.as_mut()).is_ready());
    assert_eq!(queue.task_done(), Err(TaskDoneError));
    assert!(poll_once(pin!(queue.join())).is_ready());
}

#[test]
fn a_task_may_be_done_before_its_item_is_taken() {
    let queue = Queue::bounded(4);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    queue.task_done().unwrap();
    assert_eq!(queue.close_now(), [1, 2]);
    assert_eq!(queue.unfinished(), 0);
    assert_eq!(queue.task_done(), Err(TaskDoneError));
}

#[test]
fn get_many_takes_what_there_is_up_to_its_limit() {
    let queue = Queue::bounded(8);
    let mut out = vec![0];
    assert_eq!(poll_once(pin!(queue.get_many(&mut out, 0))), Poll::Ready(0));
    assert!(poll_once(pin!(queue.get_many(&mut out, 2))).is_pending());
    (1..=5).for_each(|item| queue.try_put(item).unwrap());
    assert_eq!(block_on(queue.get_many(&mut out, 2)), 2);
    assert_eq!(block_on(queue.get_many(&mut out, usize::MAX)), 3);
    assert_eq!(out, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_capacity_of_zero_is_refused_by_name() {
    let message = panic_message(|| Queue::<u8>::bounded(0)).unwrap();
    assert!(message.contains("Queue::bounded") && message.contains("0") && message.contains("Queue::unbounded()"));
    let message = panic_message(|| PriorityQueue::<u8>::bounded(0)).unwrap();
    assert!(message.contains("PriorityQueue::unbounded()"));
    let message = panic_message(|| waitline_queue::channel::bounded::<u8>(0)).unwrap();
    assert!(message.contains("channel::unbounded()"));
}

#[test]
fn a_queue_can_be_a_static() {
    static QUEUE: Queue<String> = Queue::bounded(2);
    static JOBS: PriorityQueue<u8> = PriorityQueue::unbounded();
    static STACK: LifoQueue<u8> = LifoQueue::bounded(usize::MAX);
    QUEUE.try_put("item".into()).unwrap();
    assert_eq!(QUEUE.try_get().as_deref(), Ok("item"));
    assert_eq!((JOBS.capacity(), STACK.capacity()), (None, Some(usize::MAX)));
}
