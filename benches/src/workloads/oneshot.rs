//! Channels for one value: each is made, used and dropped, by hand and between two tasks on one thread.

use crate::{
    Workload,
    drive::{counted_waker, one_thread, poll, ready, timed, yield_now},
};
use futures_intrusive::channel::shared as intrusive;
use futures_lite::FutureExt;
use std::{cell::Cell, future::Future, hint::black_box, pin::pin, rc::Rc, task::Poll, time::Duration};
use waitline_queue::oneshot::{Place, Receiver, Sender};

/// A peer's channel for one number.
trait Oneshot: 'static {
    /// What the halves borrow. Most allocate instead.
    type Place: Default;
    type Sender<'a>;
    type Receiver<'a>;
    fn channel(place: &mut Self::Place) -> (Self::Sender<'_>, Self::Receiver<'_>);
    /// Whether the receiver is there.
    fn send(sender: Self::Sender<'_>, number: u64) -> bool;
    fn get(receiver: Self::Receiver<'_>) -> impl Future<Output = u64>;
}

macro_rules! peer {
    ($name:ident: $channel:expr, $sender:ty, $receiver:ty, |$rx:ident| $get:expr) => {
        peer!($name in (): |_place| $channel(), $sender, $receiver, |$rx| $get);
    };
    ($name:ident in $place_type:ty: |$place:ident| $channel:expr, $sender:ty, $receiver:ty, |$rx:ident| $get:expr) => {
        struct $name;

        impl Oneshot for $name {
            type Place = $place_type;
            type Sender<'a> = $sender;
            type Receiver<'a> = $receiver;
            #[inline]
            fn channel($place: &mut Self::Place) -> (Self::Sender<'_>, Self::Receiver<'_>) {
                $channel
            }
            #[inline]
            fn send(sender: Self::Sender<'_>, number: u64) -> bool {
                sender.send(number).is_ok()
            }
            #[inline]
            fn get($rx: Self::Receiver<'_>) -> impl Future<Output = u64> {
                async move { $get.await.expect("it was sent") }
            }
        }
    };
}

peer!(Ours: waitline_queue::oneshot::channel, Sender<u64>, Receiver<u64>, |rx| rx);
peer!(OursInPlace in Place<u64>: |place| place.channel(), Sender<u64, &'a Place<u64>>, Receiver<u64, &'a Place<u64>>, |rx| rx);
peer!(Tokio: tokio::sync::oneshot::channel, tokio::sync::oneshot::Sender<u64>, tokio::sync::oneshot::Receiver<u64>, |rx| rx);
peer!(OneshotCrate: oneshot::async_channel, oneshot::Sender<u64>, oneshot::AsyncReceiver<u64>, |rx| rx);
peer!(Asyncband: asyncband::oneshot::channel, asyncband::oneshot::Sender<u64>, asyncband::oneshot::Receiver<u64>, |rx| rx);
peer!(Futures: futures_channel::oneshot::channel, futures_channel::oneshot::Sender<u64>, futures_channel::oneshot::Receiver<u64>, |rx| rx);
peer!(Intrusive: intrusive::oneshot_channel, intrusive::OneshotSender<u64>, intrusive::OneshotReceiver<u64>, |rx| rx.receive());

/// Adds one case per peer: a function generic over the peer's channel.
macro_rules! every_oneshot {
    ($workload:expr, $run:ident) => {
        Workload::new($workload)
            .case("waitline", $run::<Ours>)
            .case("waitline Place", $run::<OursInPlace>)
            .case("asyncband", $run::<Asyncband>)
            .case("oneshot", $run::<OneshotCrate>)
            .case("futures-channel", $run::<Futures>)
            .case("futures-intrusive", $run::<Intrusive>)
            .case("tokio", $run::<Tokio>)
    };
}

fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// The value is there when it is asked for.
fn sent_first<O: Oneshot>(n: u64) -> Duration {
    let (mut place, mut sum) = (O::Place::default(), 0);
    let took = timed(|| {
        for number in 0..n {
            let (sender, receiver) = O::channel(black_box(&mut place));
            assert!(O::send(black_box(sender), number));
            sum += ready(O::get(black_box(receiver)));
        }
    });
    assert_eq!(sum, sum_below(n));
    took
}

/// The value is waited for.
fn awaited_first<O: Oneshot>(n: u64) -> Duration {
    let (mut place, mut sum, waker) = (O::Place::default(), 0, counted_waker());
    let took = timed(|| {
        for number in 0..n {
            let (sender, receiver) = O::channel(black_box(&mut place));
            let mut get = pin!(O::get(black_box(receiver)));
            assert!(poll(get.as_mut(), &waker).is_pending());
            assert!(O::send(black_box(sender), number));
            let Poll::Ready(got) = poll(get.as_mut(), &waker) else { panic!("the value did not arrive") };
            sum += got;
        }
    });
    assert_eq!(sum, sum_below(n));
    took
}

/// One task makes the channels, hands the senders over, and waits. The other sends, and yields.
fn two_tasks<O: Oneshot>(n: u64) -> Duration {
    let place = Box::into_raw(Box::<O::Place>::default());
    let handed_over: Rc<Cell<Option<O::Sender<'static>>>> = Rc::default();
    let sum = Rc::new(Cell::new(0));
    let receives = {
        let (handed_over, sum) = (handed_over.clone(), sum.clone());
        async move {
            for _ in 0..n {
                // SAFETY: only this task uses the place, which is freed when both tasks have ended (never, after a panic).
                // The halves of the channel before are gone: a value has come, so one was consumed by `send` in a turn
                // of the other task that is over, and the other by `get`.
                let (sender, receiver) = O::channel(unsafe { &mut *place });
                handed_over.set(Some(sender));
                sum.set(sum.get() + O::get(receiver).await);
            }
        }
        .boxed_local()
    };
    let sends = async move {
        for number in 0..n {
            let sender = loop {
                match handed_over.take() {
                    Some(sender) => break sender,
                    None => yield_now().await,
                }
            };
            assert!(O::send(sender, number));
            yield_now().await;
        }
    }
    .boxed_local();
    let took = timed(|| one_thread([receives, sends]));
    // SAFETY: it is from `into_raw`, and the tasks have ended, which dropped all that borrowed it.
    drop(unsafe { Box::from_raw(place) });
    assert_eq!(sum.get(), sum_below(n));
    took
}

/// All workloads on channels for one value. Times are per channel.
pub fn workloads() -> Vec<Workload> {
    vec![
        every_oneshot!("oneshot: create, send and await, polled by hand", sent_first),
        every_oneshot!("oneshot: create, await and send, polled by hand", awaited_first),
        every_oneshot!("oneshot: create, send and await, two tasks on one thread", two_tasks),
    ]
}
