//! The tables of the channels: queues, one value, the latest value, broadcasts.

use super::{Cell, Heap, Table, WAITERS, size_of_future};
use std::iter::repeat_with;

/// A full channel, its ends, and how they wait.
const QUEUE: &[&str] = &[
    "heap of a full channel",
    "sender",
    "receiver",
    "put future",
    "get future",
    "heap of a putter",
    "heap of a getter",
];

/// A row of the queues and broadcasts: a channel for 16 items, its two ends, and their futures. `$fill` puts an item. Without
/// `$put` no putter waits.
macro_rules! queue {
    ($peer:literal, $new:expr, $put:ident, $get:ident, $fill:expr) => {
        queue!($peer, $new, $get, $fill, |tx| {
            let put = || tx.$put(0_u64);
            (size_of_future(&put), Cell::Heap(Heap::of_waiters(put)))
        })
    };
    ($peer:literal, $new:expr, $get:ident, $fill:expr) => {
        queue!($peer, $new, $get, $fill, |_tx| (Cell::Nothing, Cell::Nothing))
    };
    ($peer:literal, $new:expr, $get:ident, $fill:expr, |$tx:ident| $putter:expr) => {{
        let new = $new;
        let full = || {
            let channel = new(16);
            (0..16).for_each(|_| assert!($fill(&channel.0)));
            channel
        };
        let heap = Heap::of(Heap::NONE, full);
        let ($tx, rx) = full();
        let sizes = [Cell::Size(size_of_val(&$tx)), Cell::Size(size_of_val(&rx))];
        let (put, putter) = $putter;
        let mut empty: Vec<_> = (0..WAITERS).map(|_| new(16)).collect();
        let mut receivers = empty.iter_mut().map(|(_, rx)| rx);
        let get = || receivers.next().expect("one for each").$get();
        let futures = [put, size_of_future(&get)];
        let waiters = [putter, Cell::Heap(Heap::of_waiters(get))];
        ($peer, [[Cell::Heap(heap)].as_slice(), &sizes, &futures, &waiters].concat())
    }};
}

pub(super) fn queue() -> Table {
    use crossfire::mpmc::{self, Array};
    use futures_intrusive::channel::shared as intrusive;
    Table {
        name: "a channel for 16 items of 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes. 1000 putters wait at one full channel, and a getter at each of 1000 empty ones.",
        columns: QUEUE,
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

/// A row of the channels for one value, from an iterator of them. `$get` makes a future of a receiver.
macro_rules! oneshot {
    ($peer:literal, $place:expr, $channels:expr, |$rx:ident| $get:expr) => {{
        let mut channels = $channels;
        let mut new = || channels.next().expect("there are enough");
        let heap = Heap::of(Heap::NONE, &mut new);
        let (tx, rx) = new();
        let sizes = [Cell::Size(size_of_val(&tx)), Cell::Size(size_of_val(&rx))];
        let (_senders, receivers): (Vec<_>, Vec<_>) = (0..WAITERS).map(|_| new()).unzip();
        let mut receivers = receivers.into_iter();
        let get = || {
            let $rx = receivers.next().expect("one for each");
            $get
        };
        let waiter = [size_of_future(&get), Cell::Heap(Heap::of_waiters(get))];
        ($peer, [[$place, Cell::Heap(heap)].as_slice(), &sizes, &waiter].concat())
    }};
    ($peer:literal, $channel:expr) => {
        oneshot!($peer, Cell::Nothing, repeat_with($channel), |rx| rx.into_future())
    };
}

pub(super) fn oneshot() -> Table {
    use futures_intrusive::channel::shared as intrusive;
    use waitline_queue::oneshot::Place;
    let mut places: Vec<Place<u64>> = repeat_with(Place::new).take(2 * WAITERS + 1).collect();
    Table {
        name: "a channel for one value of 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes. The place is where the ends meet, if the caller has it.",
        columns: &["place", "heap of a channel", "sender", "receiver", "get future", "heap of a waiter"],
        rows: vec![
            oneshot!("waitline", waitline_queue::oneshot::channel::<u64>),
            oneshot!(
                "waitline Place",
                Cell::Size(size_of::<Place<u64>>()),
                places.iter_mut().map(Place::channel),
                |rx| rx
            ),
            oneshot!("asyncband", asyncband::oneshot::channel::<u64>),
            oneshot!("futures-channel", futures_channel::oneshot::channel::<u64>),
            // Its receiver must stay: its drop closes the channel.
            oneshot!(
                "futures-intrusive",
                Cell::Nothing,
                repeat_with(intrusive::oneshot_channel::<u64>),
                |rx| async move { rx.receive().await }
            ),
            oneshot!("oneshot", oneshot::async_channel::<u64>),
            oneshot!("tokio", tokio::sync::oneshot::channel::<u64>),
        ],
    }
}

/// A row of the channels for the latest value. `$borrow` locks it, if it is not cloned.
macro_rules! watch {
    ($peer:literal, $new:expr $(, $borrow:ident)?) => {{
        let new = || $new(0_u64);
        let heap = Heap::of(Heap::NONE, new);
        let (tx, rx) = new();
        let guards: &[Cell] = &[$(Cell::Size(size_of_val(&rx.$borrow())))?];
        let guard = guards.first().copied().unwrap_or(Cell::Nothing);
        let mut receivers = vec![rx; WAITERS];
        let sizes = [Cell::Size(size_of_val(&tx)), Cell::Size(size_of_val(&receivers[0])), guard];
        let mut receivers = receivers.iter_mut();
        let changed = || receivers.next().expect("one for each").changed();
        let waiter = [size_of_future(&changed), Cell::Heap(Heap::of_waiters(changed))];
        ($peer, [[Cell::Heap(heap)].as_slice(), &sizes, &waiter].concat())
    }};
}

pub(super) fn watch() -> Table {
    Table {
        name: "a channel for the latest value of 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes. The guard is what borrows the value. 1000 receivers wait at one channel.",
        columns: &["heap of a channel", "sender", "receiver", "guard", "changed future", "heap of a waiter"],
        rows: vec![
            watch!("waitline", waitline_event::watch::channel, borrow),
            watch!("asyncband", asyncband::watch::channel),
            watch!("tokio", tokio::sync::watch::channel, borrow),
        ],
    }
}

pub(super) fn broadcast() -> Table {
    use asyncband::broadcast::mpmc as asyncband;
    use waitline_queue::broadcast;
    Table {
        name: "a broadcast of 16 values of 8 bytes",
        about: "Bytes. Of the heap: allocations / bytes. 1000 putters wait at one full channel, and a getter at each of 1000 empty \
                ones. At a lagging channel no putter waits.",
        columns: QUEUE,
        rows: vec![
            queue!("waitline", broadcast::channel, send, get, |tx: &broadcast::Sender<_>| tx.try_send(0).is_ok()),
            queue!("waitline lagging", broadcast::lagging, get, |tx: &broadcast::Sender<u64>| tx.try_send(0).is_ok()),
            queue!(
                "async-broadcast",
                async_broadcast::broadcast,
                broadcast_direct,
                recv_direct,
                |tx: &async_broadcast::Sender<_>| tx.try_broadcast(0).is_ok()
            ),
            queue!("asyncband", asyncband::bounded, send, recv, |tx: &asyncband::BoundedSender<_>| tx
                .try_send(0)
                .is_ok()),
            queue!("tokio (lagging)", tokio::sync::broadcast::channel, recv, |tx: &tokio::sync::broadcast::Sender<
                u64,
            >| tx.send(0).is_ok()),
        ],
    }
}
