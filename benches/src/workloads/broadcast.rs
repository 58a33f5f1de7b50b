//! Broadcasts to eight receivers on one thread: with back-pressure, and with receivers that keep up or lag.

use crate::{
    Workload,
    drive::{one_thread, ready, timed, yield_now},
};
use asyncband::broadcast::mpmc as asyncband_broadcast;
use futures_lite::FutureExt;
use std::{cell::Cell, future::Future, hint::black_box, rc::Rc, time::Duration};
use tokio::sync::broadcast as tokio_broadcast;
use waitline_queue::broadcast as our_broadcast;

const RECEIVERS: u64 = 8;

/// A peer's broadcast of numbers.
trait Broadcast: 'static {
    type Sender;
    type Receiver;
    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver);
    fn subscribe(sender: &Self::Sender) -> Self::Receiver;
    /// With back-pressure it waits for room. Whether there is a receiver.
    fn send(sender: &Self::Sender, number: u64) -> impl Future<Output = bool>;
    /// The next number, or how many the receiver missed.
    fn get(receiver: &mut Self::Receiver) -> impl Future<Output = Result<u64, u64>>;
}

macro_rules! peer {
    (
        $name:ident: $channel:expr, $sender:ty, $receiver:ty, $subscribe:ident,
        |$tx:ident, $number:ident| $send:expr, |$rx:ident| $get:expr $(, $lagged:pat => $missed:expr)?
    ) => {
        struct $name;

        impl Broadcast for $name {
            type Sender = $sender;
            type Receiver = $receiver;
            fn channel(capacity: usize) -> (Self::Sender, Self::Receiver) {
                $channel(capacity)
            }
            fn subscribe(sender: &Self::Sender) -> Self::Receiver {
                sender.$subscribe()
            }
            #[inline]
            fn send($tx: &Self::Sender, $number: u64) -> impl Future<Output = bool> {
                async move { $send }
            }
            #[inline]
            fn get($rx: &mut Self::Receiver) -> impl Future<Output = Result<u64, u64>> {
                async {
                    match $get.await {
                        Ok(number) => Ok(number),
                        $(Err($lagged) => Err($missed),)?
                        Err(error) => panic!("the sender is there, but: {error}"),
                    }
                }
            }
        }
    };
}

// With back-pressure.
peer!(
    Ours: our_broadcast::channel, our_broadcast::Sender<u64>, our_broadcast::Receiver<u64>, subscribe,
    |tx, number| tx.send(number).await.is_ok(), |rx| rx.get()
);
peer!(
    AsyncBroadcast: async_broadcast::broadcast, async_broadcast::Sender<u64>, async_broadcast::Receiver<u64>, new_receiver,
    |tx, number| tx.broadcast_direct(number).await.is_ok(), |rx| rx.recv_direct()
);
peer!(
    Asyncband: asyncband_broadcast::bounded, asyncband_broadcast::BoundedSender<u64>,
    asyncband_broadcast::BoundedReceiver<u64>, subscribe,
    |tx, number| {
        tx.send(number).await;
        true
    },
    |rx| rx.recv()
);

// With receivers that may lag.
peer!(
    OursLagging: our_broadcast::lagging, our_broadcast::Sender<u64>, our_broadcast::Receiver<u64>, subscribe,
    |tx, number| tx.try_send(number).is_ok(), |rx| rx.get(), our_broadcast::GetError::Lagged(missed) => missed
);
peer!(
    Overflowing: overflowing, async_broadcast::Sender<u64>, async_broadcast::Receiver<u64>, new_receiver,
    |tx, number| tx.try_broadcast(number).is_ok(), |rx| rx.recv_direct(),
    async_broadcast::RecvError::Overflowed(missed) => missed
);
peer!(
    Tokio: tokio_broadcast::channel, tokio_broadcast::Sender<u64>, tokio_broadcast::Receiver<u64>, subscribe,
    |tx, number| tx.send(number).is_ok(), |rx| rx.recv(), tokio_broadcast::error::RecvError::Lagged(missed) => missed
);

fn overflowing(capacity: usize) -> (async_broadcast::Sender<u64>, async_broadcast::Receiver<u64>) {
    let (mut sender, receiver) = async_broadcast::broadcast(capacity);
    sender.set_overflow(true);
    (sender, receiver)
}

/// Adds one case per peer with back-pressure.
macro_rules! every_patient {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<Ours>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<Asyncband>(n $(, $arg)*))
            .case("async-broadcast", move |n| $run::<AsyncBroadcast>(n $(, $arg)*))
    };
}

/// Adds one case per peer whose receivers may lag.
macro_rules! every_lagging {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline lagging", move |n| $run::<OursLagging>(n $(, $arg)*))
            .case("async-broadcast overflowing", move |n| $run::<Overflowing>(n $(, $arg)*))
            .case("tokio", move |n| $run::<Tokio>(n $(, $arg)*))
    };
}

fn new<B: Broadcast>(capacity: usize) -> (B::Sender, Vec<B::Receiver>) {
    let (sender, receiver) = B::channel(capacity);
    let others: Vec<_> = (1..RECEIVERS).map(|_| B::subscribe(&sender)).collect();
    (sender, [receiver].into_iter().chain(others).collect())
}

/// Each value is there when it is asked for, and there is always room.
fn by_hand<B: Broadcast>(n: u64) -> Duration {
    let ((sender, mut receivers), mut got) = (new::<B>(16), 0);
    let took = timed(|| {
        for number in 0..n {
            assert!(ready(B::send(black_box(&sender), number)));
            for receiver in &mut receivers {
                assert_eq!(ready(B::get(black_box(receiver))), Ok(number));
                got += 1;
            }
        }
    });
    assert_eq!(got, n * RECEIVERS);
    took
}

/// A task per receiver, and one that sends, and yields after each `burst`. Returns also how many values the receivers
/// missed in all.
fn tasks<B: Broadcast>(n: u64, capacity: usize, burst: u64) -> (Duration, u64) {
    let (sender, receivers) = new::<B>(capacity);
    let totals = Rc::new(Cell::new((0, 0)));
    let receiving = |mut receiver: B::Receiver| {
        let totals = totals.clone();
        async move {
            let (mut got, mut missed) = (0, 0);
            while got + missed < n {
                match B::get(&mut receiver).await {
                    Ok(number) => {
                        assert_eq!(number, got + missed, "there is a gap");
                        got += 1;
                    }
                    Err(more) => missed += more,
                }
            }
            let (all_got, all_missed) = totals.get();
            totals.set((all_got + got, all_missed + missed));
        }
        .boxed_local()
    };
    let sending = async move {
        for number in 0..n {
            assert!(B::send(&sender, number).await);
            if (number + 1) % burst == 0 {
                yield_now().await;
            }
        }
    }
    .boxed_local();
    let took = timed(|| one_thread(receivers.into_iter().map(receiving).chain([sending])));
    let (got, missed) = totals.get();
    assert_eq!(got + missed, n * RECEIVERS);
    (took, missed)
}

/// The sender goes on until the channel is full.
fn back_pressure<B: Broadcast>(n: u64, capacity: usize) -> Duration {
    let (took, missed) = tasks::<B>(n, capacity, u64::MAX);
    assert_eq!(missed, 0);
    took
}

/// The sender lets the receivers run when the channel is full.
fn keeping_up<B: Broadcast>(n: u64, capacity: usize) -> Duration {
    let (took, missed) = tasks::<B>(n, capacity, capacity as u64);
    assert_eq!(missed, 0);
    took
}

/// The sender lets the receivers run when they have missed half of a burst. The check leaves room for a peer that hands a
/// value to a receiver that waits.
fn missing_half<B: Broadcast>(n: u64, capacity: usize) -> Duration {
    let burst = 2 * capacity as u64;
    let (took, missed) = tasks::<B>(n, capacity, burst);
    assert!(missed >= n / burst * (burst / 2 - 1) * RECEIVERS, "they missed only {missed}");
    took
}

/// All workloads on broadcasts. Times are per value, which all receivers get.
pub fn workloads() -> Vec<Workload> {
    let first = Workload::new("broadcast: send and get, 8 receivers, polled by hand");
    let mut all = vec![every_lagging!(every_patient!(first, by_hand), by_hand)];
    for capacity in [1, 16, 1024] {
        let name = format!("broadcast: back-pressure, 8 receivers, one thread, capacity {capacity}");
        all.push(every_patient!(Workload::new(name), back_pressure, capacity));
    }
    for capacity in [16, 1024] {
        let name = |what| Workload::new(format!("broadcast: {what}, 8 receivers, one thread, capacity {capacity}"));
        all.push(every_lagging!(name("lagging, none missed"), keeping_up, capacity));
        all.push(every_lagging!(name("lagging, half missed"), missing_half, capacity));
    }
    all
}
