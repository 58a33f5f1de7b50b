//! The hot paths, on one thread, without anything that depends on time or chance.

use std::{hint::black_box, pin::pin, task::Poll, time::Duration};
use waitline_benches::drive::{counted_waker, poll, ready};
use waitline_event::{Barrier, Event};
use waitline_executor::{run, sleep, spawn, yield_now};
use waitline_lock::{Condition, Lock};
use waitline_queue::Queue;
use waitline_sem::Semaphore;

/// A path's name, and what does so many of its operations.
type Path = (&'static str, fn(u64));

/// All of them.
pub(crate) const PATHS: &[Path] = &[
    ("lock: lock and unlock", lock),
    ("lock: try_lock and unlock", try_lock),
    ("lock: hand-off", hand_off),
    ("condition: notified wait", condition),
    ("semaphore: acquire and release", semaphore),
    ("semaphore: hand-off", permit_hand_off),
    ("event: wait on a set event", set_event),
    ("event: full cycle of a wait", event_cycle),
    ("barrier: turn of two", barrier),
    ("queue: try_put and try_get", try_pair),
    ("queue: put and get", pair),
    ("queue: put that waits, at capacity 1", full_queue),
    ("executor: spawn and join", spawn_and_join),
    ("executor: yield", yields),
    ("executor: timer", timer),
];

/// Polls a future for the first time, or again, when it cannot be ready.
macro_rules! pending {
    ($future:ident, $waker:ident) => {
        assert!(poll($future.as_mut(), &$waker).is_pending())
    };
}

/// Polls a future when it must be ready.
macro_rules! output {
    ($future:ident, $waker:ident) => {
        match poll($future.as_mut(), &$waker) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("this was to be granted"),
        }
    };
}

fn lock(n: u64) {
    let lock = Lock::new(0);
    ready(async {
        for _ in 0..n {
            *black_box(&lock).lock().await += 1;
        }
    });
    assert_eq!(lock.into_inner(), n);
}

fn try_lock(n: u64) {
    let lock = Lock::new(0);
    (0..n).for_each(|_| *black_box(&lock).try_lock().expect("free") += 1);
    assert_eq!(lock.into_inner(), n);
}

fn hand_off(n: u64) {
    let (lock, waker) = (Lock::new(0), counted_waker());
    let mut guard = lock.try_lock().expect("free");
    for _ in 0..n {
        let mut next = pin!(black_box(&lock).lock());
        pending!(next, waker);
        drop(guard);
        guard = output!(next, waker);
        *guard += 1;
    }
    assert_eq!(*guard, n);
}

fn condition(n: u64) {
    let (lock, condition, waker) = (Lock::new(0), Condition::new(), counted_waker());
    let mut guard = lock.try_lock().expect("free");
    for _ in 0..n {
        let mut wait = pin!(black_box(&condition).wait(guard));
        pending!(wait, waker);
        let notifier = lock.try_lock().expect("the wait has unlocked it");
        assert!(condition.notify_one(&notifier));
        drop(notifier);
        guard = output!(wait, waker);
        *guard += 1;
    }
    assert_eq!(*guard, n);
}

fn semaphore(n: u64) {
    let semaphore = Semaphore::new(2);
    ready(async {
        for _ in 0..n {
            drop(black_box(&semaphore).acquire().await);
        }
    });
    assert_eq!(semaphore.available_permits(), 2);
}

fn permit_hand_off(n: u64) {
    let (semaphore, waker) = (Semaphore::new(1), counted_waker());
    let mut permit = semaphore.try_acquire().expect("free");
    for _ in 0..n {
        let mut next = pin!(black_box(&semaphore).acquire());
        pending!(next, waker);
        drop(permit);
        permit = output!(next, waker);
    }
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

fn set_event(n: u64) {
    let event = Event::new();
    event.set();
    ready(async {
        for _ in 0..n {
            black_box(&event).wait().await;
        }
    });
}

fn event_cycle(n: u64) {
    let (event, waker) = (Event::new(), counted_waker());
    for _ in 0..n {
        let mut wait = pin!(black_box(&event).wait());
        pending!(wait, waker);
        event.set();
        output!(wait, waker);
        event.clear();
    }
}

fn barrier(n: u64) {
    let (barrier, waker) = (Barrier::new(2), counted_waker());
    for _ in 0..n {
        let mut first = pin!(black_box(&barrier).wait());
        pending!(first, waker);
        let second = ready(barrier.wait()).expect("nobody aborts");
        let first = output!(first, waker).expect("nobody aborts");
        assert_eq!(first.index() + second.index(), 1);
    }
}

fn try_pair(n: u64) {
    let queue = Queue::bounded(16);
    for number in 0..n {
        black_box(&queue).try_put(number).expect("room");
        assert_eq!(black_box(&queue).try_get(), Ok(number));
    }
}

fn pair(n: u64) {
    let queue = Queue::bounded(16);
    ready(async {
        for number in 0..n {
            black_box(&queue).put(number).await.expect("open");
            assert_eq!(black_box(&queue).get().await, Ok(number));
        }
    });
}

fn full_queue(n: u64) {
    let (queue, waker) = (Queue::bounded(1), counted_waker());
    queue.try_put(0).expect("room");
    for number in 0..n {
        let mut put = pin!(black_box(&queue).put(number + 1));
        pending!(put, waker);
        assert_eq!(ready(queue.get()), Ok(number));
        output!(put, waker).expect("open");
    }
}

fn spawn_and_join(n: u64) {
    run(async {
        for number in 0..n {
            assert_eq!(spawn(async move { number }).await.expect("no panic"), number);
        }
    });
}

fn yields(n: u64) {
    run(async {
        for _ in 0..n {
            yield_now().await;
        }
    });
}

/// So short that it is over when the loop looks for the first time: it is set and fires, and the loop need not sleep.
fn timer(n: u64) {
    run(async {
        for _ in 0..n {
            sleep(Duration::from_nanos(1)).await;
        }
    });
}
