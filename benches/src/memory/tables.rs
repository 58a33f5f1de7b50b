//! The tables, one per primitive, and their peers.

use super::{Cell, Heap, Table, WAITERS, count::count, size_of_future};
use crate::{
    drive::ready,
    workloads::executor::peers::{AsyncLocal, FuturesPool, Ours, Peer, Sleeps, SmolLocal, Tokio},
};
use std::{future::pending, time::Duration};

/// A primitive, what holds a part of it, and the future that waits for it.
const WAITING: &[&str] = &["type", "guard", "future", "heap of a waiter"];

/// A row of [`WAITING`]: the primitive, its guard while it is held, and how to wait for it then.
macro_rules! row {
    ($peer:literal, $new:expr, |$this:ident| $held:expr, $wait:expr) => {{
        let $this = $new;
        let held = $held;
        let wait = || $wait;
        let cells = vec![
            Cell::Size(size_of_val(&$this)),
            Cell::Size(size_of_val(&held)),
            size_of_future(&wait),
            Cell::Heap(Heap::of_waiters(wait)),
        ];
        ($peer, cells)
    }};
}

fn lock() -> Table {
    Table {
        name: "a lock around 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes.",
        columns: WAITING,
        rows: vec![
            row!("waitline", waitline_lock::Lock::new(0_u64), |lock| lock.try_lock(), lock.lock()),
            row!("async-lock", smol_async_lock::Mutex::new(0_u64), |lock| lock.try_lock(), lock.lock()),
            row!("asyncband", asyncband::mutex::Mutex::new(0_u64), |lock| lock.try_lock(), lock.lock()),
            row!(
                "futures-intrusive",
                futures_intrusive::sync::Mutex::new(0_u64, true),
                |lock| lock.try_lock(),
                lock.lock()
            ),
            row!("maitake-sync", maitake_sync::Mutex::new(0_u64), |lock| lock.try_lock(), lock.lock()),
            row!("saa (no value)", saa::Lock::new(), |lock| assert!(lock.try_lock().is_ok()), lock.lock_async()),
            row!("tokio", tokio::sync::Mutex::new(0_u64), |lock| lock.try_lock().ok(), lock.lock()),
        ],
    }
}

fn semaphore() -> Table {
    use futures_intrusive::sync::Semaphore as Intrusive;
    Table {
        name: "a semaphore",
        about: "Bytes. Of the heap: allocations / bytes. The guard is a permit.",
        columns: WAITING,
        rows: vec![
            row!("waitline", waitline_sem::Semaphore::new(1), |sem| sem.try_acquire(), sem.acquire()),
            row!(
                "waitline BoundedSemaphore",
                waitline_sem::BoundedSemaphore::new(1),
                |sem| sem.try_acquire(),
                sem.acquire()
            ),
            row!("async-lock", smol_async_lock::Semaphore::new(1), |sem| sem.try_acquire(), sem.acquire()),
            row!("asyncband", asyncband::semaphore::Semaphore::new(1), |sem| sem.try_acquire(1), sem.acquire(1)),
            row!("futures-intrusive", Intrusive::new(true, 1), |sem| sem.try_acquire(1), sem.acquire(1)),
            row!("maitake-sync", maitake_sync::Semaphore::new(1), |sem| sem.try_acquire(1).ok(), sem.acquire(1)),
            row!("saa", saa::Semaphore::with_permits(1), |sem| assert!(sem.try_acquire()), sem.acquire_async()),
            row!("tokio", tokio::sync::Semaphore::new(1), |sem| sem.try_acquire().ok(), sem.acquire()),
        ],
    }
}

fn condition() -> Table {
    let ours = waitline_lock::Lock::new(0_u64);
    let asyncband = asyncband::mutex::Mutex::new(0_u64);
    Table {
        name: "a condition",
        about: "Bytes. Of the heap: allocations / bytes. tokio and async-lock have none; their users take what stands here \
                beside a lock.",
        columns: WAITING,
        rows: vec![
            row!("waitline", waitline_lock::Condition::new(), |condition| (), condition.wait(ready(ours.lock()))),
            row!(
                "asyncband",
                asyncband::condvar::Condvar::new(),
                |condition| (),
                condition.wait(ready(asyncband.lock()))
            ),
            row!("event-listener", event_listener::Event::<()>::new(), |event| (), event.listen()),
            row!("tokio Notify", tokio::sync::Notify::new(), |notify| (), notify.notified()),
        ],
    }
}

fn event() -> Table {
    use asyncband::{event::ManualResetEvent, latch::Latch};
    Table {
        name: "an event",
        about: "Bytes. Of the heap: allocations / bytes. For event-listener and tokio's `Notify`, a flag beside them is left out.",
        columns: WAITING,
        rows: vec![
            row!("waitline", waitline_event::Event::new(), |event| (), event.wait()),
            row!("asyncband", ManualResetEvent::new(), |event| (), event.wait()),
            row!("asyncband Latch (once)", Latch::new(1), |latch| (), latch.wait()),
            row!("event-listener", event_listener::Event::<()>::new(), |event| (), event.listen()),
            row!("futures-intrusive", futures_intrusive::sync::ManualResetEvent::new(false), |event| (), event.wait()),
            row!("tokio Notify", tokio::sync::Notify::new(), |notify| (), notify.notified()),
        ],
    }
}

fn barrier() -> Table {
    const PARTIES: usize = WAITERS + 1;
    Table {
        name: "a barrier",
        about: "Bytes. Of the heap: allocations / bytes. The guard is what a wait returns.",
        columns: WAITING,
        rows: vec![
            row!(
                "waitline",
                waitline_event::Barrier::new(PARTIES),
                |barrier| ready(waitline_event::Barrier::new(1).wait()).ok(),
                barrier.wait()
            ),
            row!(
                "async-lock",
                smol_async_lock::Barrier::new(PARTIES),
                |barrier| ready(smol_async_lock::Barrier::new(1).wait()),
                barrier.wait()
            ),
            row!(
                "asyncband",
                asyncband::barrier::Barrier::new(PARTIES as u32),
                |barrier| ready(asyncband::barrier::Barrier::new(1).wait()),
                barrier.wait()
            ),
            row!(
                "tokio",
                tokio::sync::Barrier::new(PARTIES),
                |barrier| ready(tokio::sync::Barrier::new(1).wait()),
                barrier.wait()
            ),
        ],
    }
}

/// A row of the queues: a channel for 16 items, its two ends, and their futures. `$fill` puts an item.
macro_rules! queue {
    ($peer:literal, $new:expr, $put:ident, $get:ident, $fill:expr) => {{
        let new = $new;
        let full = || {
            let channel = new(16);
            (0..16).for_each(|_| assert!($fill(&channel.0)));
            channel
        };
        let heap = Heap::of(Heap::NONE, full);
        let (tx, rx) = full();
        let sizes = [Cell::Size(size_of_val(&tx)), Cell::Size(size_of_val(&rx))];
        let put = || tx.$put(0_u64);
        let mut empty: Vec<_> = (0..WAITERS).map(|_| new(16)).collect();
        let mut receivers = empty.iter_mut().map(|(_, rx)| rx);
        let get = || receivers.next().expect("one for each").$get();
        let futures = [size_of_future(&put), size_of_future(&get)];
        let waiters = [Cell::Heap(Heap::of_waiters(put)), Cell::Heap(Heap::of_waiters(get))];
        ($peer, [[Cell::Heap(heap)].as_slice(), &sizes, &futures, &waiters].concat())
    }};
}

fn queue() -> Table {
    use crossfire::mpmc::{self, Array};
    use futures_intrusive::channel::shared as intrusive;
    Table {
        name: "a channel for 16 items of 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes. 1000 putters wait at one full channel, and a getter at each of 1000 empty ones.",
        columns: &[
            "heap of a full channel",
            "sender",
            "receiver",
            "put future",
            "get future",
            "heap of a putter",
            "heap of a getter",
        ],
        rows: vec![
            queue!("waitline", waitline_queue::channel::bounded, put, get, |tx: &waitline_queue::channel::Sender<
                _,
            >| tx.try_put(0).is_ok()),
            queue!("async-channel", async_channel::bounded, send, recv, |tx: &async_channel::Sender<_>| tx
                .try_send(0)
                .is_ok()),
            queue!("asyncband", asyncband::mpmc::bounded, send, recv, |tx: &asyncband::mpmc::BoundedSender<_>| tx
                .try_send(0)
                .is_ok()),
            queue!("crossfire", mpmc::bounded_async, send, recv, |tx: &crossfire::MAsyncTx<Array<_>>| tx
                .try_send(0)
                .is_ok()),
            queue!("flume", flume::bounded, send_async, recv_async, |tx: &flume::Sender<_>| tx.try_send(0).is_ok()),
            queue!("futures-intrusive", intrusive::channel, send, receive, |tx: &intrusive::Sender<_>| tx
                .try_send(0)
                .is_ok()),
            queue!("kanal", kanal::bounded_async, send, recv, |tx: &kanal::AsyncSender<_>| tx.try_send(0).is_ok()),
            queue!("tachyonix", tachyonix::channel, send, recv, |tx: &tachyonix::Sender<_>| tx.try_send(0).is_ok()),
            queue!("tokio mpsc", tokio::sync::mpsc::channel, send, recv, |tx: &tokio::sync::mpsc::Sender<_>| tx
                .try_send(0)
                .is_ok()),
        ],
    }
}

/// The handle and the heap of a task that waits for ever, on an executor of one thread.
fn task<P: Peer>() -> [Cell; 2] {
    let heap = P::run(|peer| async move { Heap::of(Heap::NONE, || peer.spawn(pending::<u64>())) });
    [Cell::Size(size_of::<P::Handle<u64>>()), Cell::Heap(heap)]
}

fn sleep<P: Sleeps>() -> [Cell; 2] {
    let sleep = || P::sleep(Duration::from_secs(3600));
    [size_of_future(&sleep), Cell::Heap(P::run(|_| async { Heap::of_waiters(sleep) }))]
}

fn executor() -> Table {
    const NONE: [Cell; 2] = [Cell::Nothing; 2];
    Table {
        name: "a task and a sleep",
        about: "Bytes. Of the heap: allocations / bytes, for one of 1000 tasks whose future has no size, with its part of the run \
                queue; and for one of 1000 sleeps.",
        columns: &["handle", "heap of a task", "sleep future", "heap of a sleep"],
        rows: vec![
            ("waitline", [task::<Ours<0>>(), sleep::<Ours<0>>()].concat()),
            ("async-executor LocalExecutor", [task::<AsyncLocal>(), NONE].concat()),
            ("futures LocalPool", [task::<FuturesPool>(), NONE].concat()),
            ("smol LocalExecutor", [task::<SmolLocal>(), sleep::<SmolLocal>()].concat()),
            ("tokio current_thread", [task::<Tokio<0>>(), sleep::<Tokio<0>>()].concat()),
        ],
    }
}

/// A table for each primitive. The program's global allocator must be [`Allocator`](super::Allocator).
///
/// # Panics
///
/// If it is not.
pub fn tables() -> Vec<Table> {
    count();
    vec![lock(), condition(), semaphore(), event(), barrier(), queue(), executor()]
}
