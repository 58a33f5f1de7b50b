use super::{MICROSECOND, POLLS};
use crate::{Tasks, dropped_after, join_all, on_thread};
use futures_lite::future::{poll_once, yield_now};
use std::sync::Arc;
use waitline_queue::{LifoQueue, PriorityQueue, PutTimeoutError, Queue};

type Numbers = Arc<Queue<usize>>;

async fn put(queue: Numbers, number: usize) {
    queue.put(number).await.unwrap();
}

async fn get(queue: Numbers) -> usize {
    queue.get().await.unwrap()
}

async fn get_all(queue: Numbers) -> Vec<usize> {
    let mut got = Vec::new();
    while let Ok(number) = queue.get().await {
        got.push(number);
    }
    got
}

/// Those who wait for an item are served in the order in which they came, and so are those who wait for room.
pub(super) async fn hand_off(tasks: Tasks) {
    let queue = Numbers::new(Queue::bounded(1));
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(tasks.spawn_waiting(get(queue.clone())).await);
    }
    for n in 0..4 {
        queue.put(n).await.unwrap();
    }
    assert_eq!(join_all(waiting).await, [0, 1, 2, 3]);

    queue.put(0).await.unwrap();
    let mut waiting = Vec::new();
    for n in 1..5 {
        waiting.push(tasks.spawn_waiting(put(queue.clone(), n)).await);
    }
    for n in 0..5 {
        assert_eq!(queue.get().await, Ok(n));
    }
    join_all(waiting).await;
}

pub(super) async fn foreign_wake(tasks: Tasks) {
    let queue = Numbers::new(Queue::bounded(1));
    let getter = tasks.spawn_waiting(get(queue.clone())).await;
    on_thread({
        let queue = queue.clone();
        move || queue.try_put(1).unwrap()
    })
    .await;
    assert_eq!(getter.await, 1);
    queue.put(2).await.unwrap();
    let putter = tasks.spawn_waiting(put(queue.clone(), 3)).await;
    let on_it = queue.clone();
    assert_eq!(on_thread(move || on_it.try_get()).await, Ok(2));
    putter.await;
    let getter = tasks.spawn(get_all(queue.clone()));
    on_thread(move || queue.close()).await;
    assert_eq!(getter.await, [3]);
}

/// A get that is given up takes nothing with it.
pub(super) async fn cancel_get(tasks: Tasks) {
    for polls in 0..=POLLS {
        let queue = Numbers::new(Queue::bounded(2));
        let impatient = tasks.spawn(dropped_after(polls, get(queue.clone())));
        let patient = tasks.spawn_waiting(get(queue.clone())).await;
        for n in 0..2 {
            queue.put(n).await.unwrap();
        }
        let taken = impatient.await;
        let mut got = vec![patient.await];
        got.extend(taken);
        while let Ok(left) = queue.try_get() {
            got.push(left);
        }
        got.sort();
        assert_eq!(got, [0, 1]);
    }

    // One that has its item already, and does not know it yet.
    let queue = Numbers::new(Queue::bounded(2));
    let mut granted = Box::pin(queue.get());
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(get(queue.clone())).await;
    queue.put(7).await.unwrap();
    drop(granted);
    assert_eq!(patient.await, 7);
}

/// A put that is given up has not put, and one that was not has.
pub(super) async fn cancel_put(tasks: Tasks) {
    for polls in 0..=POLLS {
        let queue = Numbers::new(Queue::bounded(1));
        queue.put(0).await.unwrap();
        let impatient = tasks.spawn(dropped_after(polls, put(queue.clone(), 100)));
        let patient = tasks.spawn_waiting(put(queue.clone(), 1)).await;
        let mut got = vec![queue.get().await.unwrap()];
        let done = impatient.await.is_some();
        if done {
            got.push(queue.get().await.unwrap());
        }
        patient.await;
        got.push(queue.get().await.unwrap());
        assert!(queue.is_empty());
        got.sort();
        assert_eq!(got, if done { vec![0, 1, 100] } else { vec![0, 1] });
    }

    // One that has its room already, and does not know it yet.
    let queue = Numbers::new(Queue::bounded(1));
    queue.put(0).await.unwrap();
    let mut granted = Box::pin(queue.put(100));
    assert!(poll_once(&mut granted).await.is_none());
    let patient = tasks.spawn_waiting(put(queue.clone(), 1)).await;
    assert_eq!(queue.get().await, Ok(0));
    drop(granted);
    patient.await;
    assert_eq!(queue.get().await, Ok(1));
}

/// Threads and tasks put, a thread and a task get: nothing is lost, and each source's items keep their order.
pub(super) async fn blocking(tasks: Tasks) {
    const EACH: usize = 200;
    let queue = Numbers::new(Queue::bounded(4));
    let by_task = tasks.spawn(get_all(queue.clone()));
    let by_thread = on_thread({
        let queue = queue.clone();
        move || std::iter::from_fn(|| queue.get_blocking().ok()).collect::<Vec<_>>()
    });
    let on_threads = (0..2).map(|source| {
        let queue = queue.clone();
        on_thread(move || {
            for n in 0..EACH {
                // An item that comes back in time is put once more.
                match queue.put_blocking_timeout(source * EACH + n, MICROSECOND * (n as u32)) {
                    Err(PutTimeoutError::TimedOut(item)) => queue.put_blocking(item).unwrap(),
                    put => put.unwrap(),
                }
            }
        })
    });
    let in_tasks = (2..4).map(|source| {
        let queue = queue.clone();
        tasks.spawn(async move {
            for n in 0..EACH {
                queue.put(source * EACH + n).await.unwrap();
            }
        })
    });
    join_all(on_threads.chain(in_tasks).collect::<Vec<_>>()).await;
    queue.close();
    let mut all = Vec::new();
    for got in join_all([by_task, by_thread]).await {
        for source in 0..4 {
            assert!(got.iter().filter(|n| *n / EACH == source).is_sorted());
        }
        all.extend(got);
    }
    all.sort();
    assert!(all.into_iter().eq(0..4 * EACH));
}

/// Producers and consumers that give up now and then; then `join`, and `close`.
pub(super) async fn stress(tasks: Tasks) {
    const EACH: usize = 200;
    let queue = Numbers::new(Queue::bounded(2));
    let consumers = (0..3).map(|seed| {
        let queue = queue.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut got = Vec::new();
            loop {
                let item = match random.bool() {
                    true => dropped_after(random.usize(..4), queue.get()).await,
                    false => Some(queue.get().await),
                };
                match item {
                    Some(Ok(item)) => got.push(item),
                    Some(Err(_)) => return got,
                    None => continue,
                }
                queue.task_done().unwrap();
            }
        })
    });
    let consumers: Vec<_> = consumers.collect();
    let producers = (0..4).map(|source| {
        let queue = queue.clone();
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(source as u64);
            for n in 0..EACH {
                while random.bool() && dropped_after(random.usize(..4), queue.reserve()).await.is_none() {}
                if n % 8 == 0 {
                    yield_now().await;
                }
                queue.put(source * EACH + n).await.unwrap();
            }
        })
    });
    join_all(producers.collect::<Vec<_>>()).await;
    queue.join().await;
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    queue.close();
    let mut all = join_all(consumers).await.concat();
    all.sort();
    assert!(all.into_iter().eq(0..4 * EACH));
}

/// The other two orders, with an item that is handed to one who waits.
pub(super) async fn orders(tasks: Tasks) {
    let (smallest, newest) = (Arc::new(PriorityQueue::bounded(3)), Arc::new(LifoQueue::bounded(3)));
    let waiting = {
        let (smallest, newest) = (smallest.clone(), newest.clone());
        tasks.spawn_waiting(async move { (smallest.get().await, newest.get().await) }).await
    };
    smallest.put(9).await.unwrap();
    newest.put(9).await.unwrap();
    assert_eq!(waiting.await, (Ok(9), Ok(9)));
    for n in [2, 3, 1] {
        smallest.put(n).await.unwrap();
        newest.put(n).await.unwrap();
    }
    for (small, new) in [(1, 1), (2, 3), (3, 2)] {
        assert_eq!((smallest.get().await, newest.get().await), (Ok(small), Ok(new)));
    }
}

/// A channel ends when its senders do.
pub(super) async fn channel(tasks: Tasks) {
    let (sender, receiver) = waitline_queue::channel::bounded(2);
    let producers = (0..3).map(|source| {
        let sender = sender.clone();
        tasks.spawn(async move {
            for n in 0..50 {
                sender.put(source * 50 + n).await.unwrap();
            }
        })
    });
    let producers: Vec<_> = producers.collect();
    drop(sender);
    let mut got = Vec::new();
    while receiver.get_many(&mut got, 7).await > 0 {}
    join_all(producers).await;
    got.sort();
    assert!(got.into_iter().eq(0..150));
}
