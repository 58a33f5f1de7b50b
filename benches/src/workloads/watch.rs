//! The latest value: looked at, and waited for by one receiver and by a thousand.

use crate::{
    Workload,
    drive::{counted_waker, one_thread, one_yield, poll, timed, yield_now},
};
use asyncband::watch as asyncband_watch;
use futures_intrusive::channel::{StateId, shared as intrusive};
use futures_lite::FutureExt;
use std::{cell::Cell, future::Future, hint::black_box, pin::pin, rc::Rc, time::Duration};
use tokio::sync::watch as tokio_watch;
use waitline_event::watch as our_watch;

/// A peer's channel for the latest number.
trait Watch: 'static {
    type Sender;
    type Receiver: Clone;
    fn channel(number: u64) -> (Self::Sender, Self::Receiver);
    /// Whether there is a receiver.
    fn send(sender: &Self::Sender, number: u64) -> bool;
    /// The number, seen or not.
    fn borrow(receiver: &Self::Receiver) -> u64;
    /// Waits for a number that the receiver has not seen. It counts as seen then.
    fn changed(receiver: &mut Self::Receiver) -> impl Future<Output = ()>;
}

macro_rules! peer {
    ($name:ident: $watch:ident, |$rx:ident| $borrow:expr) => {
        struct $name;

        impl Watch for $name {
            type Sender = $watch::Sender<u64>;
            type Receiver = $watch::Receiver<u64>;
            fn channel(number: u64) -> (Self::Sender, Self::Receiver) {
                $watch::channel(number)
            }
            #[inline]
            fn send(sender: &Self::Sender, number: u64) -> bool {
                sender.send(number).is_ok()
            }
            #[inline]
            fn borrow($rx: &Self::Receiver) -> u64 {
                $borrow
            }
            #[inline]
            fn changed(receiver: &mut Self::Receiver) -> impl Future<Output = ()> {
                async { receiver.changed().await.expect("the sender is there") }
            }
        }
    };
}

peer!(Ours: our_watch, |rx| *rx.borrow());
peer!(Tokio: tokio_watch, |rx| *rx.borrow());
peer!(Asyncband: asyncband_watch, |rx| rx.get());

/// futures-intrusive leaves it to the receiver to note what it has seen.
struct Intrusive;

impl Watch for Intrusive {
    type Sender = intrusive::StateSender<u64>;
    type Receiver = (intrusive::StateReceiver<u64>, StateId);
    fn channel(number: u64) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = intrusive::state_broadcast_channel();
        sender.send(number).expect("there is a receiver");
        let (seen, _) = receiver.try_receive(StateId::new()).expect("it was sent");
        (sender, (receiver, seen))
    }
    #[inline]
    fn send(sender: &Self::Sender, number: u64) -> bool {
        sender.send(number).is_ok()
    }
    #[inline]
    fn borrow((receiver, _): &Self::Receiver) -> u64 {
        receiver.try_receive(StateId::new()).expect("there is a number").1
    }
    #[inline]
    async fn changed((receiver, seen): &mut Self::Receiver) {
        *seen = receiver.receive(*seen).await.expect("the sender is there").0;
    }
}

/// Adds one case per peer: a function generic over the peer's channel.
macro_rules! every_watch {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        Workload::new($workload)
            .case("waitline", move |n| $run::<Ours>(n $(, $arg)*))
            .case("asyncband (clones)", move |n| $run::<Asyncband>(n $(, $arg)*))
            .case("futures-intrusive (clones)", move |n| $run::<Intrusive>(n $(, $arg)*))
            .case("tokio", move |n| $run::<Tokio>(n $(, $arg)*))
    };
}

fn borrow<W: Watch>(n: u64) -> Duration {
    let (_sender, receiver) = W::channel(1);
    let mut sum = 0;
    let took = timed(|| (0..n).for_each(|_| sum += W::borrow(black_box(&receiver))));
    assert_eq!(sum, n);
    took
}

/// Nobody waits, and the one receiver looks at the last number only.
fn send<W: Watch>(n: u64) -> Duration {
    let (sender, receiver) = W::channel(0);
    let took = timed(|| (1..=n).for_each(|number| assert!(W::send(black_box(&sender), number))));
    assert_eq!(W::borrow(&receiver), n);
    took
}

/// Begin to wait, send, be ready, look.
fn full_cycle<W: Watch>(n: u64) -> Duration {
    let ((sender, mut receiver), waker, mut sum) = (W::channel(0), counted_waker(), 0);
    let took = timed(|| {
        for number in 1..=n {
            {
                let mut changed = pin!(W::changed(black_box(&mut receiver)));
                assert!(poll(changed.as_mut(), &waker).is_pending());
                assert!(W::send(&sender, number));
                assert!(poll(changed.as_mut(), &waker).is_ready());
            }
            sum += W::borrow(&receiver);
        }
    });
    assert_eq!(sum, (1..=n).sum::<u64>());
    took
}

/// All receivers wait for each number, and look at it. Per wait.
fn tasks<W: Watch>(n: u64, receivers: u64) -> Duration {
    let (sender, receiver) = W::channel(0);
    let (sender, passed) = (Rc::new(sender), Rc::new(Cell::new(0)));
    let rounds = n.div_ceil(receivers);
    let waiting = |_| {
        let (mut receiver, passed) = (receiver.clone(), passed.clone());
        async move {
            for round in 1..=rounds {
                W::changed(&mut receiver).await;
                assert_eq!(W::borrow(&receiver), round);
                passed.set(passed.get() + 1);
            }
        }
        .boxed_local()
    };
    // Each turn of this task comes when all others wait.
    let sending = {
        let sender = sender.clone();
        async move {
            for round in 1..=rounds {
                yield_now().await;
                assert!(W::send(&sender, round));
            }
        }
        .boxed_local()
    };
    let took = timed(|| one_thread((0..receivers).map(waiting).chain([sending])));
    assert_eq!(passed.get(), rounds * receivers);
    took.mul_f64(n as f64 / passed.get() as f64)
}

/// All workloads on the latest value. Times are per call; for many receivers, per wait.
pub fn workloads() -> Vec<Workload> {
    vec![
        every_watch!("watch: borrow", borrow),
        every_watch!("watch: send, nobody waits", send),
        every_watch!("watch: full cycle, 1 receiver", full_cycle),
        every_watch!("watch: send and changed, 1000 receivers, one thread", tasks, 1000)
            .case("limit: one yield", one_yield),
    ]
}
