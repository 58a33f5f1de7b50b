//! The channels behind two interfaces: of tasks, and of threads.

use futures_intrusive::channel::shared as intrusive;
use std::{fmt, future::Future, marker::PhantomData};
use waitline_queue::channel;

/// What is sent: a number, alone or in 64 bytes.
pub(super) trait Item: Send + Sync + Unpin + fmt::Debug + 'static {
    fn new(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Item for u64 {
    fn new(number: u64) -> Self {
        number
    }
    fn number(&self) -> u64 {
        *self
    }
}

pub(super) type Line = [u64; 8];

impl Item for Line {
    fn new(number: u64) -> Self {
        [number; 8]
    }
    fn number(&self) -> u64 {
        self[7]
    }
}

/// A peer's channel.
pub(super) trait Peer<T: Item>: 'static {
    type Tx: Clone + Send + 'static;
    type Rx: Send + 'static;
    fn new(capacity: usize) -> (Self::Tx, Self::Rx);
    fn put(tx: &Self::Tx, item: T) -> impl Future<Output = ()> + Send;
    fn get(rx: &mut Self::Rx) -> impl Future<Output = T> + Send;
    fn try_put(tx: &Self::Tx, item: T);
    fn try_get(rx: &mut Self::Rx) -> T;
}

/// A peer's channel between threads that block.
pub(super) trait Blocking<T: Item>: 'static {
    type Tx: Clone + Send + 'static;
    type Rx: Send + 'static;
    fn new(capacity: usize) -> (Self::Tx, Self::Rx);
    fn put(tx: &Self::Tx, item: T);
    fn get(rx: &mut Self::Rx) -> T;
}

macro_rules! peer {
    ($name:ident, $tx:ty, $rx:ty, $new:expr, $put:ident, $get:ident, |$got:ident| $item:expr) => {
        pub(super) struct $name<T>(PhantomData<T>);
        impl<T: Item> Peer<T> for $name<T> {
            type Tx = $tx;
            type Rx = $rx;
            fn new(capacity: usize) -> (Self::Tx, Self::Rx) {
                $new(capacity)
            }
            #[inline]
            async fn put(tx: &Self::Tx, item: T) {
                assert!(tx.$put(item).await.is_ok(), "closed");
            }
            #[inline]
            async fn get(rx: &mut Self::Rx) -> T {
                let $got = rx.$get().await;
                $item.expect("closed")
            }
            peer!(@try $name);
        }
    };
    (@try Ours) => { peer!(@try_with try_put, try_get); };
    (@try Kanal) => {
        #[inline]
        fn try_put(tx: &Self::Tx, item: T) {
            assert!(matches!(tx.try_send(item), Ok(true)), "full");
        }
        #[inline]
        fn try_get(rx: &mut Self::Rx) -> T {
            rx.try_recv().expect("closed").expect("empty")
        }
    };
    (@try Intrusive) => { peer!(@try_with try_send, try_receive); };
    (@try $other:ident) => { peer!(@try_with try_send, try_recv); };
    (@try_with $put:ident, $get:ident) => {
        #[inline]
        fn try_put(tx: &Self::Tx, item: T) {
            assert!(tx.$put(item).is_ok(), "full");
        }
        #[inline]
        fn try_get(rx: &mut Self::Rx) -> T {
            rx.$get().ok().expect("empty")
        }
    };
}

peer!(Ours, channel::Sender<T>, channel::Receiver<T>, channel::bounded, put, get, |got| got.ok());
peer!(Kanal, kanal::AsyncSender<T>, kanal::AsyncReceiver<T>, kanal::bounded_async, send, recv, |got| got.ok());
peer!(AsyncChannel, async_channel::Sender<T>, async_channel::Receiver<T>, async_channel::bounded, send, recv, |got| {
    got.ok()
});
peer!(Flume, flume::Sender<T>, flume::Receiver<T>, flume::bounded, send_async, recv_async, |got| got.ok());
peer!(
    Crossfire,
    crossfire::MAsyncTx<crossfire::mpmc::Array<T>>,
    crossfire::MAsyncRx<crossfire::mpmc::Array<T>>,
    crossfire::mpmc::bounded_async,
    send,
    recv,
    |got| got.ok()
);
peer!(
    Asyncband,
    asyncband::mpmc::BoundedSender<T>,
    asyncband::mpmc::BoundedReceiver<T>,
    asyncband::mpmc::bounded,
    send,
    recv,
    |got| got.ok()
);
peer!(Intrusive, intrusive::Sender<T>, intrusive::Receiver<T>, intrusive::channel, send, receive, |got| got);
peer!(
    Tokio,
    tokio::sync::mpsc::Sender<T>,
    tokio::sync::mpsc::Receiver<T>,
    tokio::sync::mpsc::channel,
    send,
    recv,
    |got| got
);
peer!(Tachyonix, tachyonix::Sender<T>, tachyonix::Receiver<T>, tachyonix::channel, send, recv, |got| got.ok());

macro_rules! blocking {
    ($name:ident, $tx:ty, $rx:ty, $new:expr, $put:ident, $get:ident, |$got:ident| $item:expr) => {
        pub(super) struct $name<T>(PhantomData<T>);
        impl<T: Item> Blocking<T> for $name<T> {
            type Tx = $tx;
            type Rx = $rx;
            fn new(capacity: usize) -> (Self::Tx, Self::Rx) {
                $new(capacity)
            }
            #[inline]
            fn put(tx: &Self::Tx, item: T) {
                assert!(tx.$put(item).is_ok(), "closed");
            }
            #[inline]
            fn get(rx: &mut Self::Rx) -> T {
                let $got = rx.$get();
                $item.expect("closed")
            }
        }
    };
}

blocking!(OursB, channel::Sender<T>, channel::Receiver<T>, channel::bounded, put_blocking, get_blocking, |got| got
    .ok());
blocking!(KanalB, kanal::Sender<T>, kanal::Receiver<T>, kanal::bounded, send, recv, |got| got.ok());
blocking!(FlumeB, flume::Sender<T>, flume::Receiver<T>, flume::bounded, send, recv, |got| got.ok());
blocking!(
    AsyncChannelB,
    async_channel::Sender<T>,
    async_channel::Receiver<T>,
    async_channel::bounded,
    send_blocking,
    recv_blocking,
    |got| got.ok()
);
blocking!(
    CrossfireB,
    crossfire::MTx<crossfire::mpmc::Array<T>>,
    crossfire::MRx<crossfire::mpmc::Array<T>>,
    crossfire::mpmc::bounded_blocking,
    send,
    recv,
    |got| got.ok()
);
blocking!(
    TokioB,
    tokio::sync::mpsc::Sender<T>,
    tokio::sync::mpsc::Receiver<T>,
    tokio::sync::mpsc::channel,
    blocking_send,
    blocking_recv,
    |got| got
);
blocking!(
    StdB,
    std::sync::mpsc::SyncSender<T>,
    std::sync::mpsc::Receiver<T>,
    std::sync::mpsc::sync_channel,
    send,
    recv,
    |got| got.ok()
);
