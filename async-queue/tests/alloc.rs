//! Sizes, no allocation per wait, and memory that comes back: measured by a counting allocator, hence a test binary of
//! its own.
#![cfg(not(any(all(loom, feature = "loom"), feature = "diagnostics")))]

use std::{mem::size_of, pin::pin, task::Waker};
use waitline::testing::{CountingAllocator, allocated_bytes, allocations, poll_with};
use waitline_queue::{
    Get, GetMany, Items, Join, LifoQueue, PriorityQueue, Put, Queue, Reserve, Slot, broadcast, channel, oneshot,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

macro_rules! waits_of {
    ($queue:expr) => {{
        let queue = $queue;
        let waker = Waker::noop();
        let round = || {
            // A get that waits and is handed an item; one that is handed an item and dropped; one that is dropped.
            {
                let mut got = pin!(queue.get());
                assert!(poll_with(got.as_mut(), waker).is_pending());
                let dropped = pin!(queue.get());
                assert!(poll_with(dropped, waker).is_pending());
                queue.try_put(1).unwrap();
                queue.try_put(2).unwrap();
                assert!(poll_with(got, waker).is_ready());
            }
            assert!(queue.try_get().is_ok());
            // Puts and reserves likewise, and a join.
            queue.try_put(1).unwrap();
            queue.try_put(2).unwrap();
            {
                let mut put = pin!(queue.put(3));
                assert!(poll_with(put.as_mut(), waker).is_pending());
                let mut reserve = pin!(queue.reserve());
                assert!(poll_with(reserve.as_mut(), waker).is_pending());
                let dropped = pin!(queue.put(4));
                assert!(poll_with(dropped, waker).is_pending());
                let mut join = pin!(queue.join());
                assert!(poll_with(join.as_mut(), waker).is_pending());
                queue.try_get().unwrap();
                queue.try_get().unwrap();
                assert!(poll_with(put, waker).is_ready());
                assert!(poll_with(reserve, waker).is_ready());
            }
            queue.try_get().unwrap();
            while queue.task_done().is_ok() {}
        };
        round();
        assert_eq!(allocations(|| (0..100).for_each(|_| round())), 0);
    }};
}

#[test]
fn waits_do_not_allocate() {
    waits_of!(Queue::bounded(2));
    waits_of!(LifoQueue::bounded(2));
    waits_of!(PriorityQueue::bounded(2));
    waits_of!(channel_pair(2));
}

/// Both halves as one, for the macro.
struct Pair<T>(channel::Sender<T>, channel::Receiver<T>);

fn channel_pair(capacity: usize) -> Pair<i32> {
    let (sender, receiver) = channel::bounded(capacity);
    Pair(sender, receiver)
}

impl<T> Pair<T> {
    fn put(&self, item: T) -> Put<'_, T> {
        self.0.put(item)
    }
    fn try_put(&self, item: T) -> Result<(), waitline_queue::TryPutError<T>> {
        self.0.try_put(item)
    }
    fn reserve(&self) -> Reserve<'_, T> {
        self.0.reserve()
    }
    fn get(&self) -> Get<'_, T> {
        self.1.get()
    }
    fn try_get(&self) -> Result<T, waitline_queue::TryGetError> {
        self.1.try_get()
    }
    fn join(&self) -> Join<'_, T> {
        self.1.join()
    }
    fn task_done(&self) -> Result<(), waitline_queue::TaskDoneError> {
        self.1.task_done()
    }
}

#[test]
fn a_bounded_queue_at_work_does_not_allocate() {
    let queue = Queue::bounded(1024);
    let fill_and_empty = || {
        (0..1024).for_each(|item| queue.try_put(item).unwrap());
        (0..1024).for_each(|item| assert_eq!(queue.try_get(), Ok(item)));
    };
    fill_and_empty();
    assert_eq!(allocations(|| (0..10).for_each(|_| fill_and_empty())), 0);
}

#[test]
fn a_oneshot_allocates_once_and_in_a_place_never() {
    let waker = Waker::noop();
    let use_up = |count: usize, allocated: usize| {
        let allocated_now = allocations(|| {
            for _ in 0..count {
                let (sender, receiver) = oneshot::channel();
                let mut receiver = pin!(receiver);
                assert!(poll_with(receiver.as_mut(), waker).is_pending());
                assert!(poll_with(pin!(sender.closed()), waker).is_pending());
                sender.send(1).unwrap();
                assert!(poll_with(receiver, waker).is_ready());
            }
        });
        assert_eq!(allocated_now, allocated);
    };
    use_up(100, 100);
    let mut place = oneshot::Place::new();
    let in_place = allocations(|| {
        for _ in 0..100 {
            let (sender, receiver) = place.channel();
            let mut receiver = pin!(receiver);
            assert!(poll_with(receiver.as_mut(), waker).is_pending());
            sender.send(1).unwrap();
            assert!(poll_with(receiver, waker).is_ready());
        }
    });
    assert_eq!(in_place, 0);
    assert_eq!(size_of::<oneshot::Sender<u64>>(), size_of::<usize>());
    assert_eq!(size_of::<oneshot::Receiver<u64>>(), size_of::<usize>());
    assert!(size_of::<oneshot::Place<u64>>() <= 56, "{}", size_of::<oneshot::Place<u64>>());
}

#[test]
fn a_broadcast_allocates_once_per_value_and_never_per_wait() {
    let waker = Waker::noop();
    let (sender, mut receiver) = broadcast::channel(2);
    let mut other = receiver.clone();
    let mut round = || {
        {
            let mut get = pin!(receiver.get());
            assert!(poll_with(get.as_mut(), waker).is_pending());
            sender.try_send(1).unwrap();
            assert!(poll_with(get, waker).is_ready());
        }
        sender.try_send(2).unwrap();
        {
            let mut send = pin!(sender.send(3));
            assert!(poll_with(send.as_mut(), waker).is_pending());
            assert!(poll_with(pin!(sender.closed()), waker).is_pending());
            assert_eq!(other.try_get(), Ok(1));
            assert!(poll_with(send, waker).is_ready());
        }
        assert_eq!([(); 2].map(|()| (receiver.try_get(), other.try_get())), [(Ok(2), Ok(2)), (Ok(3), Ok(3))]);
    };
    round();
    assert_eq!(allocations(|| (0..100).for_each(|_| round())), 3 * 100);
    assert_eq!(size_of::<broadcast::Sender<u64>>(), size_of::<usize>());
    assert_eq!(size_of::<broadcast::Receiver<u64>>(), 16);
    assert!(size_of::<broadcast::Get<'_, u64>>() <= 64);
    assert!(size_of::<broadcast::SendValue<'_, [u8; 4096]>>() <= 64);
}

#[test]
fn an_empty_queue_owns_no_memory() {
    assert_eq!(allocations(|| drop((Queue::<u8>::bounded(1 << 40), LifoQueue::<u8>::unbounded()))), 0);
}

macro_rules! burst_of {
    ($queue:expr, $bytes:expr) => {{
        let queue = $queue;
        let before = allocated_bytes();
        (0..100_000u64).for_each(|item| queue.try_put(item).unwrap());
        let peak = allocated_bytes() - before;
        assert!(peak >= 100_000 * $bytes, "{peak}");
        let mut checked = 0;
        while queue.try_get().is_ok() {
            // At most four times what is inside, and the 64 that are kept.
            let held = allocated_bytes() - before;
            let allowed = (4 * (queue.len() as isize + 1)).max(2 * 64) * $bytes;
            assert!(held <= allowed, "{held} bytes for {} items", queue.len());
            checked += 1;
        }
        assert_eq!(checked, 100_000);
        // In steady use around its size it does not breathe.
        (0..32).for_each(|item| queue.try_put(item).unwrap());
        let steady = allocations(|| {
            for item in 0..1000 {
                queue.try_put(item).unwrap();
                queue.try_get().unwrap();
            }
        });
        assert_eq!(steady, 0);
    }};
}

#[test]
fn an_unbounded_queue_shrinks_after_a_burst() {
    // Where items do not leave as they came, each has its number beside it.
    burst_of!(Queue::unbounded(), 8);
    burst_of!(LifoQueue::unbounded(), 16);
    burst_of!(PriorityQueue::unbounded(), 16);
}

#[test]
fn sizes_are_what_the_docs_say() {
    assert!(size_of::<Queue<u64>>() <= 160, "{}", size_of::<Queue<u64>>());
    assert!(size_of::<LifoQueue<u64>>() <= 152, "{}", size_of::<LifoQueue<u64>>());
    assert!(size_of::<PriorityQueue<u64>>() <= 128, "{}", size_of::<PriorityQueue<u64>>());
    assert_eq!(size_of::<channel::Sender<u64>>(), size_of::<usize>());
    assert_eq!(size_of::<channel::Receiver<u64>>(), size_of::<usize>());
    assert_eq!(size_of::<Slot<'_, u64>>(), size_of::<usize>());
    for size in [
        size_of::<Put<'_, u64>>(),
        size_of::<Get<'_, u64>>(),
        size_of::<Reserve<'_, u64>>(),
        size_of::<Join<'_, u64>>(),
    ] {
        assert!(size <= 80, "{size}");
    }
    assert!(size_of::<GetMany<'_, u64>>() <= 96);
    assert!(size_of::<Items<'_, u64>>() <= 96);
    // An item lives once in its future.
    assert!(size_of::<Put<'_, [u8; 4096]>>() <= 4096 + 80);
    assert!(size_of::<Get<'_, [u8; 4096]>>() <= 4096 + 80);
}
