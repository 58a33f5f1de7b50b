//! Four producers and four consumers on threads, with cancels on both sides: nothing lost, nothing doubled, all in order.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Mutex,
    task::Poll,
    thread,
};
use waitline::testing::block_on;
use waitline_queue::{Queue, TryGetError, TryPutError};

const PRODUCERS: u32 = 4;
const CONSUMERS: u32 = 4;
const EACH: u32 = 2_000;

/// A producer and the number of its item.
type Item = (u32, u32);

/// Polls up to `polls` times, letting other threads run in between, and gives up; `None` means it was dropped unready.
fn impatient<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    block_on(async {
        let mut future = pin!(future);
        for _ in 0..polls {
            if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
                return Some(output);
            }
            thread::yield_now();
        }
        None
    })
}

/// Waits, after a while of impatience that may be dropped and begun anew by `again`.
fn with_cancels<F: Future>(random: &mut fastrand::Rng, again: impl Fn() -> F) -> F::Output {
    loop {
        match random.u32(..4) {
            0 => return block_on(again()),
            polls => {
                if let Some(output) = impatient(again(), polls) {
                    return output;
                }
            }
        }
    }
}

/// One item by one of the ways there are; `false` if the queue was closed first.
fn put(queue: &Queue<Item>, random: &mut fastrand::Rng, item: Item) -> bool {
    loop {
        match random.u32(..5) {
            0 => match queue.try_put(item) {
                Ok(()) => return true,
                Err(TryPutError::Closed(back)) => {
                    assert_eq!(back, item);
                    return false;
                }
                Err(TryPutError::Full(_)) => thread::yield_now(),
            },
            1 => match with_cancels(random, || queue.reserve()) {
                Err(_) => return false,
                Ok(slot) if random.bool() => return slot.put(item).is_ok(),
                Ok(slot) => drop(slot),
            },
            2 => match queue.put_blocking(item) {
                Ok(()) => return true,
                Err(error) => {
                    assert_eq!(error.into_inner(), item);
                    return false;
                }
            },
            _ => return with_cancels(random, || queue.put(item)).is_ok(),
        }
    }
}

/// Some items by one of the ways there are; `false` if there will be no more.
fn get(queue: &Queue<Item>, random: &mut fastrand::Rng, cancels: bool, out: &mut Vec<Item>) -> bool {
    match random.u32(..4) {
        0 => match queue.try_get() {
            Ok(item) => out.push(item),
            Err(TryGetError::Empty) => thread::yield_now(),
            Err(TryGetError::Closed) => return false,
        },
        1 => return block_on(queue.get_many(out, 3)) > 0,
        _ if cancels => match with_cancels(random, || queue.get()) {
            Ok(item) => out.push(item),
            Err(_) => return false,
        },
        _ => match queue.get_blocking() {
            Ok(item) => out.push(item),
            Err(_) => return false,
        },
    }
    true
}

/// How the storm ends: when all is put, or in its midst, with or without what is inside.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Done,
    Close,
    CloseNow,
}

fn storm(capacity: usize, seed: u64, cancels: bool, end: End) {
    let queue = Queue::bounded(capacity);
    let (put_in, got, left) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (queue, put_in) = (&queue, &put_in);
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed * 100 + u64::from(producer));
                    let items = (0..EACH).map(|number| (producer, number));
                    let done: Vec<Item> = items.take_while(|item| put(queue, &mut random, *item)).collect();
                    put_in.lock().unwrap().extend(done);
                })
            })
            .collect();
        for consumer in 0..CONSUMERS {
            let (queue, got) = (&queue, &got);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed * 100 + 50 + u64::from(consumer));
                let mut mine = Vec::new();
                loop {
                    let before = mine.len();
                    let more = get(queue, &mut random, cancels, &mut mine);
                    (before..mine.len()).for_each(|_| queue.task_done().unwrap());
                    if !more {
                        break;
                    }
                }
                got.lock().unwrap().push(mine);
            });
        }
        if end == End::CloseNow {
            while queue.unfinished() == 0 {
                thread::yield_now();
            }
            left.lock().unwrap().extend(queue.close_now());
        } else if end == End::Close {
            while queue.unfinished() == 0 {
                thread::yield_now();
            }
            assert!(queue.close());
        }
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        queue.close();
    });
    // A get that was dropped after the others had been told leaves its item behind.
    left.lock().unwrap().extend(queue.close_now());
    // Every item is done, so that this ends.
    block_on(queue.join());

    let (mut put_in, got, left) = (put_in.into_inner().unwrap(), got.into_inner().unwrap(), left.into_inner().unwrap());
    if !cancels {
        // No item comes back, so each consumer sees each producer's items in order.
        for mine in &got {
            let mut last = BTreeMap::new();
            for (producer, number) in mine {
                assert!(last.insert(producer, number).is_none_or(|before| before < number));
            }
        }
    }
    let mut out: Vec<Item> = got.into_iter().flatten().chain(left).collect();
    out.sort_unstable();
    put_in.sort_unstable();
    assert_eq!(out, put_in);
    if end == End::Done {
        assert_eq!(out.len() as u32, PRODUCERS * EACH);
    }
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
}

#[test]
fn what_goes_in_comes_out_under_cancels() {
    for (seed, capacity) in [1, 2, 16].into_iter().enumerate() {
        storm(capacity, seed as u64, true, End::Done);
    }
}

#[test]
fn each_producers_items_keep_their_order() {
    for (seed, capacity) in [1, 2, 16].into_iter().enumerate() {
        storm(capacity, 10 + seed as u64, false, End::Done);
    }
}

#[test]
fn what_goes_in_comes_out_or_back_when_it_is_closed_on_the_way() {
    for seed in 0..10 {
        storm(1 + seed as usize % 3, 20 + seed, seed % 2 == 0, End::Close);
        storm(1 + seed as usize % 3, 40 + seed, seed % 2 == 0, End::CloseNow);
    }
}

#[test]
fn a_wait_moves_between_threads() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let mut put: Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(queue.put(1));
    assert!(waitline::testing::poll_once(put.as_mut()).is_pending());
    thread::scope(|scope| {
        scope.spawn(|| block_on(put.as_mut()).unwrap());
        assert_eq!(queue.get_blocking(), Ok(0));
        assert_eq!(queue.get_blocking(), Ok(1));
    });
}
