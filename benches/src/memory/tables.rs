//! The tables, one per primitive, and their peers. Those of the channels are in [`channels`](super::channels).

use super::{
    Cell, Heap, Table, WAITERS,
    channels::{broadcast, oneshot, queue, watch},
    count::count,
    size_of_future,
};
use crate::{
    drive::{poll, ready},
    workloads::executor::peers::{AsyncLocal, FuturesPool, Ours, Peer, Sleeps, SmolLocal, Tokio},
};
use std::{future::pending, pin::pin, task::Waker, time::Duration};

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

/// A row of the readers-writer locks: both guards, and how to wait while a writer has the lock.
macro_rules! rwlock {
    ($peer:literal, $new:expr) => {{
        let lock = $new;
        let reader = size_of_val(&ready(lock.read()));
        let writer = ready(lock.write());
        let sizes = [size_of_val(&lock), reader, size_of_val(&writer)].map(Cell::Size);
        let (read, write) = (|| lock.read(), || lock.write());
        let futures = [size_of_future(&read), size_of_future(&write)];
        let waiters = [Cell::Heap(Heap::of_waiters(read)), Cell::Heap(Heap::of_waiters(write))];
        ($peer, [sizes.as_slice(), &futures, &waiters].concat())
    }};
}

fn rwlock() -> Table {
    Table {
        name: "a readers-writer lock around 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes.",
        columns: &[
            "type",
            "read guard",
            "write guard",
            "read future",
            "write future",
            "heap of a reader that waits",
            "heap of a writer that waits",
        ],
        rows: vec![
            rwlock!("waitline", waitline_lock::RwLock::new(0_u64)),
            rwlock!("async-lock", smol_async_lock::RwLock::new(0_u64)),
            rwlock!("asyncband", asyncband::rwlock::RwLock::new(0_u64)),
            rwlock!("maitake-sync", maitake_sync::RwLock::new(0_u64)),
            rwlock!("tokio", tokio::sync::RwLock::new(0_u64)),
        ],
    }
}

/// A row of the cells, whose waiters wait while another call initializes the cell. `$wait` waits for a set cell.
macro_rules! once_cell {
    ($peer:literal, $new:expr $(, $wait:ident)?) => {{
        let cell = $new;
        let mut first = pin!(cell.get_or_init(pending::<u64>));
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        let get = || cell.get_or_init(pending::<u64>);
        let waits = [$(size_of_future(&|| cell.$wait()))?];
        let cells = vec![
            Cell::Size(size_of_val(&cell)),
            size_of_future(&get),
            waits.first().copied().unwrap_or(Cell::Nothing),
            Cell::Heap(Heap::of_waiters(get)),
        ];
        ($peer, cells)
    }};
}

fn once_cell() -> Table {
    Table {
        name: "a cell for 8 bytes that is set once",
        about: "Bytes. Of the heap: allocations / bytes. The waiters call `get_or_init` while another call initializes.",
        columns: &["type", "get_or_init future", "wait future", "heap of a waiter"],
        rows: vec![
            once_cell!("waitline", waitline_lock::OnceCell::new(), wait),
            once_cell!("async-lock", smol_async_lock::OnceCell::new(), wait),
            once_cell!("asyncband", asyncband::once::OnceCell::new()),
            once_cell!("tokio", tokio::sync::OnceCell::new()),
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
    vec![
        lock(),
        rwlock(),
        once_cell(),
        condition(),
        semaphore(),
        event(),
        barrier(),
        watch(),
        queue(),
        oneshot(),
        broadcast(),
        executor(),
    ]
}
