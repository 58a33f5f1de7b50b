//! No memory is allocated or freed under the mutex where an item goes back, and none stays for what has left: seen by an
//! allocator that looks at the queue, hence a test binary of its own.
#![cfg(not(any(all(loom, feature = "loom"), feature = "diagnostics")))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fmt::{self, Debug, Write},
    pin::pin,
    task::Poll,
};
use waitline::testing::poll_once;
use waitline_queue::{LifoQueue, PriorityQueue, Queue};

/// The system's, which asks a queue at each call whether its mutex is held.
struct Watching;

thread_local! {
    static WATCHED: Cell<Option<&'static dyn Debug>> = const { Cell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static UNDER_MUTEX: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// Looks for the word by which a queue says that its mutex is held. Does not allocate.
struct Busy(bool);

impl Write for Busy {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 |= text.contains("<busy>");
        Ok(())
    }
}

fn look() {
    if let Some(queue) = WATCHED.get() {
        let mut busy = Busy(false);
        write!(busy, "{queue:?}").unwrap();
        CALLS.set(CALLS.get() + 1);
        UNDER_MUTEX.set(UNDER_MUTEX.get() + usize::from(busy.0));
    }
}

// SAFETY: all calls go to the system's allocator as they come.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        look();
        BYTES.set(BYTES.get() + layout.size() as isize);
        // SAFETY: by the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        look();
        BYTES.set(BYTES.get() - layout.size() as isize);
        // SAFETY: by the caller's word.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// How often `work` called the allocator, and how often the mutex of `queue` was held then.
fn watched(queue: &'static impl Debug, work: impl FnOnce()) -> (usize, usize) {
    WATCHED.set(Some(queue));
    let before = (CALLS.get(), UNDER_MUTEX.get());
    work();
    WATCHED.set(None);
    (CALLS.get() - before.0, UNDER_MUTEX.get() - before.1)
}

#[test]
fn the_watch_sees_a_buffer_that_grows_under_the_mutex() {
    static QUEUE: Queue<u64> = Queue::unbounded();
    let (calls, under_mutex) = watched(&QUEUE, || (0..100).for_each(|item| QUEUE.try_put(item).unwrap()));
    assert!(calls >= under_mutex && under_mutex > 3, "{calls} {under_mutex}");
    assert_eq!(watched(&QUEUE, || drop(Box::new(1))), (2, 0));
}

macro_rules! given_back {
    ($queue:ty, $expected:expr) => {{
        const N: u64 = 2_000;
        static QUEUE: $queue = <$queue>::bounded(1);
        let ways: [fn(u64) -> u64; 3] = [|k| k, |k| N - 1 - k, |k| k * 7_919 % N];
        for way in ways {
            let mut gets: Vec<_> = (0..N).map(|_| Some(Box::pin(QUEUE.get()))).collect();
            gets.iter_mut().flatten().for_each(|get| assert!(poll_once(get.as_mut()).is_pending()));
            (0..N).for_each(|item| QUEUE.try_put(item).unwrap());
            let (calls, under_mutex) = watched(&QUEUE, || (0..N).for_each(|k| gets[way(k) as usize] = None));
            assert!(calls > N as usize);
            assert_eq!(under_mutex, 0);
            let got: Vec<u64> = std::iter::from_fn(|| QUEUE.try_get().ok()).collect();
            let expected: Vec<u64> = $expected(N).collect();
            assert_eq!(got, expected);
        }
    }};
}

#[test]
fn giving_back_allocates_and_frees_nothing_under_the_mutex() {
    given_back!(Queue<u64>, |n| 0..n);
    given_back!(LifoQueue<u64>, |n| (0..n).rev());
    given_back!(PriorityQueue<u64>, |n| 0..n);
}

#[test]
fn get_many_allocates_its_output_without_the_mutex() {
    static QUEUE: Queue<u64> = Queue::bounded(1_000);
    for out in [Vec::new(), vec![7; 3]] {
        (0..1_000).for_each(|item| QUEUE.try_put(item).unwrap());
        let (before, mut out) = (out.len(), out);
        let (calls, under_mutex) = watched(&QUEUE, || {
            let batch = pin!(QUEUE.get_many(&mut out, 900));
            assert_eq!(poll_once(batch), Poll::Ready(900));
        });
        assert!(calls > 0 && out[before..].iter().copied().eq(0..900));
        assert_eq!((under_mutex, std::iter::from_fn(|| QUEUE.try_get().ok()).count()), (0, 100));
    }
}

macro_rules! bytes_after_a_burst {
    ($queue:expr) => {{
        const N: isize = 20_000;
        let queue = $queue;
        let before = BYTES.get();
        let mut gets: Vec<_> = (0..N).map(|_| Box::pin(queue.get())).collect();
        gets.iter_mut().for_each(|get| assert!(poll_once(get.as_mut()).is_pending()));
        (0..N as u64).for_each(|item| queue.try_put(item).unwrap());
        drop(gets);
        let all = BYTES.get() - before;
        assert!(all >= 16 * N, "{all}");
        while queue.try_get().is_ok() {
            // As after any burst: at most four times what is inside, and what is kept of each of two buffers.
            let (held, inside) = (BYTES.get() - before, queue.len() as isize + 1);
            assert!(held <= 16 * (4 * inside).max(4 * 64), "{held} bytes for {inside} items");
        }
    }};
}

#[test]
fn what_was_given_back_beyond_the_capacity_leaves_no_memory_behind() {
    bytes_after_a_burst!(Queue::bounded(1));
    bytes_after_a_burst!(LifoQueue::bounded(1));
    bytes_after_a_burst!(PriorityQueue::bounded(1));
    bytes_after_a_burst!(Queue::unbounded());
    bytes_after_a_burst!(LifoQueue::unbounded());
    bytes_after_a_burst!(PriorityQueue::unbounded());
}
