//! Hazards 6, 11 to 15: wakers are foreign code.

use crate::counts;
use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};
use waitline::testing::{
    CountingWaker, WakerCall, hooked_waker, now, panic_message, panicking_waker, panicking_waker_at, poll_once,
    poll_with, queued_with, watched,
};
use waitline_queue::{GetError, PutError, Queue};

#[test]
fn only_the_last_waker_is_woken() {
    let queue = Queue::bounded(1);
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut get = queued_with(queue.get(), &old.waker());
    std::thread::scope(|scope| {
        let moved = scope.spawn(|| assert!(new.poll(get.as_mut()).is_pending()));
        moved.join().unwrap();
    });
    assert_eq!((old.held(), new.held()), (0, 1));
    queue.try_put(1).unwrap();
    assert_eq!((old.count(), new.count()), (0, 1));
    assert_eq!(now(get.as_mut()), Ok(1));
}

#[test]
fn a_wait_that_is_polled_again_keeps_its_place() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (mut first, _) = watched(queue.put(1));
    let (mut second, second_waker) = watched(queue.put(2));
    for _ in 0..3 {
        assert!(CountingWaker::new().poll(first.as_mut()).is_pending());
    }
    queue.try_get().unwrap();
    assert_eq!(second_waker.count(), 0);
    assert_eq!(now(first.as_mut()), Ok(()));
    assert!(poll_once(second.as_mut()).is_pending());
}

/// A waker that uses the queue at every clone, wake and drop: a deadlock if any of them ran under the mutex.
fn meddling(queue: &Arc<Queue<u32>>) -> Waker {
    let queue = Arc::downgrade(queue);
    hooked_waker(move |_| {
        if let Some(queue) = queue.upgrade() {
            _ = (queue.len(), queue.is_full(), queue.is_closed(), queue.unfinished());
            drop(queue.try_reserve());
            drop(format!("{queue:?}"));
        }
    })
}

#[test]
fn wakers_may_use_the_queue_when_cloned_woken_and_dropped() {
    let queue = Arc::new(Queue::bounded(1));
    let waker = meddling(&queue);
    {
        // Clone at the first poll; clone of the new and drop of the old one at a later poll; wake at the grant.
        let mut get = pin!(queue.get());
        assert!(poll_with(get.as_mut(), &waker).is_pending());
        assert!(poll_with(get.as_mut(), &meddling(&queue)).is_pending());
        assert!(poll_with(get.as_mut(), &waker).is_pending());
        queue.try_put(1).unwrap();
        assert_eq!(now(get), Ok(1));
    }
    {
        // Dropped while queued, while granted; told that the queue is closed.
        queue.try_put(1).unwrap();
        let mut puts: Vec<_> = (0..3).map(|item| Box::pin(queue.put(item))).collect();
        puts.iter_mut().for_each(|put| assert!(poll_with(put.as_mut(), &waker).is_pending()));
        let _join = queued_with(queue.join(), &waker);
        drop(puts.remove(1));
        queue.try_get().unwrap();
        drop(puts.remove(0));
        queue.close();
        assert!(now(puts[0].as_mut()).is_err());
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&queue), 1);
}

#[test]
fn polling_again_with_the_same_waker_clones_nothing() {
    let queue = Queue::<u8>::bounded(1);
    let clones = Arc::new(AtomicUsize::new(0));
    let waker = hooked_waker({
        let clones = clones.clone();
        move |call| _ = (call == WakerCall::Clone).then(|| clones.fetch_add(1, Relaxed))
    });
    let mut get = pin!(queue.get());
    (0..1000).for_each(|_| assert!(poll_with(get.as_mut(), &waker).is_pending()));
    assert_eq!(clones.load(Relaxed), 1);
}

#[test]
fn a_ready_call_clones_no_waker() {
    let queue = Queue::bounded(1);
    let waker = panicking_waker_at(WakerCall::Clone);
    assert!(poll_with(pin!(queue.put(1)), &waker).is_ready());
    assert!(poll_with(pin!(queue.get()), &waker).is_ready());
    assert!(poll_with(pin!(queue.reserve()), &waker).is_ready());
    queue.task_done().unwrap();
    assert!(poll_with(pin!(queue.join()), &waker).is_ready());
    queue.close();
    assert!(poll_with(pin!(queue.put(1)), &waker).is_ready());
    assert!(poll_with(pin!(queue.get()), &waker).is_ready());
}

#[test]
fn a_panicking_waker_costs_nobody_a_wake_up_at_close() {
    // Position k of n, within a round and in each of several rounds.
    for bad in [0, 1, 31, 32, 33, 69] {
        let queue = Queue::bounded(1);
        let _slot = queue.try_reserve().unwrap();
        let wakers: Vec<_> = (0..70).map(|_| CountingWaker::new()).collect();
        let mut puts: Vec<_> = (0..70).map(|item| Box::pin(queue.put(item))).collect();
        for (number, put) in puts.iter_mut().enumerate() {
            let waker = if number == bad { panicking_waker() } else { wakers[number].waker() };
            assert!(poll_with(put.as_mut(), &waker).is_pending());
        }
        assert!(panic_message(|| queue.close()).unwrap().contains("panics when it is woken"));
        let expected: Vec<_> = (0..70).map(|number| usize::from(number != bad)).collect();
        assert_eq!(counts(&wakers), expected);
        for (item, put) in puts.iter_mut().enumerate() {
            assert_eq!(now(put.as_mut()), Err(PutError(item)));
        }
    }
}

#[test]
fn a_panicking_waker_makes_no_abort_of_a_panic_that_is_under_way() {
    let queue = Queue::bounded(1);
    let slot = queue.try_reserve().unwrap();
    let mut put = queued_with(queue.put(1), &panicking_waker());
    let message = panic_message(|| {
        let _slot = slot;
        panic!("the one that is under way");
    });
    assert_eq!(message.as_deref(), Some("the one that is under way"));
    assert_eq!(now(put.as_mut()), Ok(()));
}

/// The one way to drop a blocking put: it panics where it would wait for ever. Its item may be taken before it unwinds.
#[test]
fn a_blocking_put_that_panics_after_its_item_was_taken_has_put() {
    static QUEUE: Queue<u32> = Queue::bounded(1);
    let (here, before) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == here {
            assert_eq!(QUEUE.try_get(), Ok(1));
        } else {
            before(info);
        }
    }));
    QUEUE.try_put(1).unwrap();
    waitline::sync::set_alone(true);
    let message = panic_message(|| QUEUE.put_blocking(2));
    waitline::sync::set_alone(false);
    drop(std::panic::take_hook());
    assert!(message.unwrap().contains("would wait for ever"));
    assert_eq!((QUEUE.try_get(), QUEUE.try_put(3)), (Ok(2), Ok(())));
    assert!(QUEUE.is_full() && QUEUE.try_put(4).is_err());
}

#[test]
fn a_panicking_waker_costs_no_item_and_no_other_wake_up_at_a_hand_over() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let (mut put, put_waker) = watched(queue.put(2));
    assert_eq!(queue.try_get(), Ok(1));
    let mut get = queued_with(queue.get(), &panicking_waker());
    let (mut next, next_waker) = watched(queue.put(3));
    assert_eq!(put_waker.count(), 1);
    // Hands 2 to the getter, whose waker panics, and grants the next slot.
    assert!(panic_message(|| poll_once(put.as_mut())).is_some());
    assert_eq!(next_waker.count(), 1);
    assert_eq!(now(get.as_mut()), Ok(2));
    assert_eq!(now(next.as_mut()), Ok(()));
    assert_eq!(queue.try_get(), Ok(3));
}

#[test]
fn a_panicking_clone_leaves_no_trace() {
    let queue = Queue::bounded(1);
    let waker = panicking_waker_at(WakerCall::Clone);
    let mut get = Box::pin(queue.get());
    assert!(panic_message(|| poll_with(get.as_mut(), &waker)).unwrap().contains("when it is cloned"));
    queue.try_put(1).unwrap();
    // It never began to wait, and may try again.
    assert_eq!(now(get.as_mut()), Ok(1));
    queue.try_put(1).unwrap();
    let mut put = Box::pin(queue.put(2));
    assert!(panic_message(|| poll_with(put.as_mut(), &waker)).is_some());
    drop(put);
    assert_eq!(queue.close_now(), [1]);
}

#[test]
fn who_joins_in_a_wake_up_is_not_released_by_it() {
    // Hazard 6: more than a round's worth, one of which makes the queue unfinished again and joins anew.
    let queue: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(2)));
    queue.try_put(1).unwrap();
    let again: &'static Mutex<Option<Pin<Box<waitline_queue::Join<'static, u32>>>>> = Box::leak(Box::default());
    let again_waker = CountingWaker::new();
    let mut first = Box::pin(queue.join());
    let waker = hooked_waker({
        let again_waker = again_waker.clone();
        move |call| {
            if call == WakerCall::Wake {
                queue.try_put(2).unwrap();
                let join = queued_with(queue.join(), &again_waker.waker());
                *again.lock().unwrap() = Some(join);
            }
        }
    });
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    let mut others: Vec<_> = (0..99).map(|_| watched(queue.join())).collect();
    queue.task_done().unwrap();
    assert_eq!(counts(others.iter().map(|(_, waker)| waker)), [1; 99]);
    others.iter_mut().for_each(|(join, _)| now(join.as_mut()));
    assert_eq!(again_waker.count(), 0);
    queue.task_done().unwrap();
    assert_eq!(again_waker.count(), 1);
    now(again.lock().unwrap().take().unwrap().as_mut());
}

#[test]
fn a_wake_up_may_put_and_get_there_and_then() {
    // Each wake-up, inside a call on one queue, uses it again and then the next queue, whose getter does likewise.
    let queues: &'static [Queue<usize>; 8] = Box::leak(Box::new(std::array::from_fn(|_| Queue::bounded(1))));
    let mut gets: Vec<_> = queues.iter().map(|queue| Box::pin(queue.get())).collect();
    for (number, get) in gets.iter_mut().enumerate() {
        let waker = hooked_waker(move |call| {
            if call == WakerCall::Wake {
                queues[number].try_put(100).unwrap();
                assert_eq!(queues[number].try_get(), Ok(100));
                if let Some(next) = queues.get(number + 1) {
                    next.try_put(number + 1).unwrap();
                }
            }
        });
        assert!(poll_with(get.as_mut(), &waker).is_pending());
    }
    queues[0].try_put(0).unwrap();
    gets.iter_mut().enumerate().for_each(|(number, get)| assert_eq!(now(get.as_mut()), Ok(number)));
}

#[test]
fn close_inside_a_wake_up_ends_the_others() {
    let queue: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    let waker = hooked_waker(|call| {
        if call == WakerCall::Wake {
            queue.close();
        }
    });
    let mut first = queued_with(queue.get(), &waker);
    let (mut second, second_waker) = watched(queue.get());
    queue.try_put(1).unwrap();
    assert_eq!(now(first.as_mut()), Ok(1));
    assert_eq!(second_waker.count(), 1);
    assert_eq!(now(second.as_mut()), Err(GetError));
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn polling_a_waited_put_after_it_was_ready_panics() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (mut put, _) = watched(queue.put(1));
    queue.try_get().unwrap();
    assert_eq!(now(put.as_mut()), Ok(()));
    _ = poll_once(put.as_mut());
}

#[test]
fn polling_an_immediate_put_after_it_was_ready_panics_and_harms_nobody() {
    let queue = Queue::bounded(2);
    let mut put = Box::pin(queue.put(0));
    assert_eq!(now(put.as_mut()), Ok(()));
    assert!(panic_message(|| poll_once(put.as_mut())).unwrap().contains("polled after it was ready"));
    assert_eq!((queue.try_get(), queue.len()), (Ok(0), 0));
    queue.try_put(1).unwrap();
}

/// A waker that runs `once` when it is cloned for the first time: after a call found that it would have to wait, and
/// before it has entered the line.
fn in_between(once: impl FnOnce() + Send + 'static) -> Waker {
    let once = Mutex::new(Some(once));
    hooked_waker(move |call| {
        let once = if call == WakerCall::Clone { once.lock().unwrap().take() } else { None };
        if let Some(once) = once {
            once();
        }
    })
}

#[test]
fn what_happens_just_before_a_wait_begins_is_seen() {
    use std::task::Poll;
    let queue: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    let get = poll_with(pin!(queue.get()), &in_between(|| queue.try_put(1).unwrap()));
    assert_eq!(get, Poll::Ready(Ok(1)));
    queue.try_put(2).unwrap();
    let put = poll_with(pin!(queue.put(3)), &in_between(|| assert_eq!(queue.try_get(), Ok(2))));
    assert_eq!(put, Poll::Ready(Ok(())));
    let reserve = poll_with(pin!(queue.reserve()), &in_between(|| assert_eq!(queue.try_get(), Ok(3))));
    assert!(reserve.is_ready());
    drop(reserve);
    let join = poll_with(pin!(queue.join()), &in_between(|| while queue.task_done().is_ok() {}));
    assert!(join.is_ready());
    // Seen, and gone again: another round of the same.
    let get = poll_with(
        pin!(queue.get()),
        &in_between(|| {
            queue.try_put(4).unwrap();
            queue.try_get().unwrap();
        }),
    );
    assert!(get.is_pending());
    let get = poll_with(pin!(queue.get()), &in_between(|| assert!(queue.close())));
    assert_eq!(get, Poll::Ready(Err(GetError)));

    let full: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    full.try_put(1).unwrap();
    let put = poll_with(pin!(full.put(2)), &in_between(|| assert!(full.close())));
    assert_eq!(put, Poll::Ready(Err(PutError(2))));
}
