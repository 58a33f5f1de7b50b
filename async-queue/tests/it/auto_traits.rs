//! Hazards 18 and 34: who may cross threads. Checked by the compiler, in both directions, for every public type; what must
//! not compile besides is in `src/compile_fail.rs`.

use futures_lite::{Stream, StreamExt};
use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    error::Error,
    fmt::{Debug, Display},
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::pin,
    rc::Rc,
    sync::MutexGuard,
};
use waitline::testing::{now, watched};
use waitline_queue::{
    channel::*,
    order::{Fifo, Lifo, Priority},
    *,
};

/// Send, not Sync: enough to share a queue, since an item is only ever handed from one thread to another.
type SendOnly = Cell<u8>;
/// Sync, not Send.
type SyncOnly = MutexGuard<'static, u8>;
/// Neither.
type Neither = Rc<u8>;

/// Sync, not Send, and with an order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortedSyncOnly(*const u8);
// SAFETY: the pointer is never followed.
unsafe impl Sync for SortedSyncOnly {}

/// What leads to a queue from all threads: shared and sent if its items may be sent.
macro_rules! shared {
    ($($to:ty, $send_only:ty, $sync_only:ty, $neither:ty;)*) => {$(
        yes!($to: Send, Sync, Unpin, Debug, UnwindSafe, RefUnwindSafe);
        yes!($send_only: Send, Sync, Unpin, Debug, UnwindSafe, RefUnwindSafe);
        no!($sync_only: Send, Sync);
        no!($neither: Send, Sync);
        yes!($neither: Unpin, Debug, UnwindSafe, RefUnwindSafe);
    )*};
}

shared! {
    Queue<u8>, Queue<SendOnly>, Queue<SyncOnly>, Queue<Neither>;
    PriorityQueue<u8>, PriorityQueue<SendOnly>, PriorityQueue<SortedSyncOnly>, PriorityQueue<Neither>;
    LifoQueue<u8>, LifoQueue<SendOnly>, LifoQueue<SyncOnly>, LifoQueue<Neither>;
    Sender<u8>, Sender<SendOnly>, Sender<SyncOnly>, Sender<Neither>;
    Receiver<u8>, Receiver<SendOnly>, Receiver<SyncOnly>, Receiver<Neither>;
}
shared! {
    WeakSender<u8>, WeakSender<SendOnly>, WeakSender<SyncOnly>, WeakSender<Neither>;
    WeakReceiver<u8>, WeakReceiver<SendOnly>, WeakReceiver<SyncOnly>, WeakReceiver<Neither>;
    OwnedSlot<u8>, OwnedSlot<SendOnly>, OwnedSlot<SyncOnly>, OwnedSlot<Neither>;
    OwnedSlot<u8, Sender<u8>>, OwnedSlot<SendOnly, Sender<SendOnly>>, OwnedSlot<SyncOnly, Sender<SyncOnly>>,
        OwnedSlot<Neither, Sender<Neither>>;
}
yes!(WeakSender<Neither>: Clone);
no!(OwnedSlot<u8>: Clone);
yes!(Sender<Neither>: Clone);
yes!(Receiver<Neither>: Clone);
no!(Queue<u8>: Clone);

/// A wait: sent if its items may be sent, shared if they may be both, and pinned.
macro_rules! waits {
    ($($wait:ident)*) => {$(
        waits!($wait, Fifo);
        waits!($wait, Lifo);
        waits!($wait, Priority);
        no!($wait<'static, SyncOnly>: Send, Sync, Unpin);
        no!($wait<'static, SyncOnly, Lifo<SyncOnly>>: Send, Sync, Unpin);
        no!($wait<'static, SortedSyncOnly, Priority<SortedSyncOnly>>: Send, Sync, Unpin);
    )*};
    ($wait:ident, $order:ident) => {
        yes!($wait<'static, u8, $order<u8>>: Send, Sync, Debug);
        no!($wait<'static, u8, $order<u8>>: Unpin);
        yes!($wait<'static, SendOnly, $order<SendOnly>>: Send, Debug);
        no!($wait<'static, SendOnly, $order<SendOnly>>: Sync, Unpin);
        no!($wait<'static, Neither, $order<Neither>>: Send, Sync, Unpin);
        yes!($wait<'static, Neither, $order<Neither>>: Debug);
    };
}

waits! { Put Reserve Get GetMany Items Join UntilClosed }
yes!(Put<'static, Neither>: Future);
yes!(Reserve<'static, Neither>: Future);
yes!(Get<'static, Neither>: Future);
yes!(GetMany<'static, Neither>: Future);
yes!(Items<'static, Neither>: Stream);
yes!(Join<'static, Neither>: Future);
yes!(UntilClosed<'static, Neither>: Future);

/// The waits that hold their queue: as those that borrow it.
macro_rules! owned_waits {
    ($($wait:ident)*) => {$(
        yes!($wait<u8>: Send, Sync, Debug);
        yes!($wait<SendOnly>: Send, Debug);
        yes!($wait<SendOnly, Sender<SendOnly>>: Send);
        no!($wait<u8>: Unpin);
        no!($wait<SendOnly>: Sync);
        no!($wait<SyncOnly>: Send, Sync);
        no!($wait<Neither>: Send, Sync);
        no!($wait<Neither, Receiver<Neither>>: Send, Sync);
    )*};
}

owned_waits! { ReserveOwned OwnedItems }
yes!(ReserveOwned<Neither>: Future);
yes!(OwnedItems<Neither>: Stream);
#[cfg(feature = "sink")]
owned_waits! { PutSink }

// A slot leads to its queue and holds no item: it goes where the queue may be shared.
yes!(Slot<'static, u8>: Send, Sync, Unpin, Debug);
yes!(Slot<'static, SendOnly>: Send, Sync, Unpin, Debug, UnwindSafe, RefUnwindSafe);
yes!(Slot<'static, SendOnly, Lifo<SendOnly>>: Send, Sync);
yes!(Slot<'static, SendOnly, Priority<SendOnly>>: Send, Sync);
no!(Slot<'static, SyncOnly>: Send, Sync);
no!(Slot<'static, SyncOnly, Lifo<SyncOnly>>: Send, Sync);
no!(Slot<'static, SortedSyncOnly, Priority<SortedSyncOnly>>: Send, Sync);
no!(Slot<'static, Neither>: Send, Sync);
no!(Slot<'static, Neither, Lifo<Neither>>: Send, Sync);
no!(Slot<'static, Neither, Priority<Neither>>: Send, Sync);
yes!(Slot<'static, Neither>: Unpin, Debug);
no!(Slot<'static, u8>: Clone, Copy);

/// What has items in it as a vector has: exactly what they are.
macro_rules! holds {
    ($($holds:ident)*) => {$(
        yes!($holds<u8>: Send, Sync, Unpin, Debug);
        yes!($holds<SendOnly>: Send);
        no!($holds<SendOnly>: Sync);
        yes!($holds<SyncOnly>: Sync);
        no!($holds<SyncOnly>: Send);
        no!($holds<Neither>: Send, Sync);
    )*};
}

holds! { Fifo Lifo Priority PutError TryPutError PutTimeoutError }
yes!(PutError<Neither>: Error, Debug, Display);
yes!(TryPutError<Neither>: Error, Debug, Display);
yes!(PutError<u8>: Copy, Eq, UnwindSafe, RefUnwindSafe);
yes!(TryPutError<u8>: Copy, Eq, UnwindSafe, RefUnwindSafe);
no!(PutError<Neither>: Copy);
no!(TryPutError<Neither>: Copy);
yes!(GetError: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(TryGetError: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(Closed: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(TryReserveError: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(GetTimeoutError: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(ReserveTimeoutError: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(TaskDoneError: Error, Copy, Eq, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);

#[test]
fn errors_say_what_happened_and_give_the_item_back() {
    assert_eq!(PutError(7).into_inner(), 7);
    assert_eq!((TryPutError::Full(7).into_inner(), TryPutError::Closed(8).into_inner()), (7, 8));
    assert!(TryPutError::Full(()).is_full() && !TryPutError::Full(()).is_closed());
    assert!(TryPutError::Closed(()).is_closed() && !TryPutError::Closed(()).is_full());
    let all: [(&dyn Error, &str); 11] = [
        (&PutError(()), "put into a closed queue"),
        (&TryPutError::Full(()), "put into a full queue"),
        (&TryPutError::Closed(()), "put into a closed queue"),
        (&GetError, "get from a closed and empty queue"),
        (&TryGetError::Empty, "get from an empty queue"),
        (&TryGetError::Closed, "get from a closed and empty queue"),
        (&Closed, "the queue or channel is closed"),
        (&TryReserveError::Full, "reserve in a full queue"),
        (&TryReserveError::Closed, "reserve in a closed queue"),
        (&TaskDoneError, "task_done was called while no item was unfinished"),
        (&PutError("never shown"), "put into a closed queue"),
    ];
    for (error, text) in all {
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("never shown"));
    }
    assert_eq!(format!("{:?}", PutError(1)), "PutError(..)");
    assert_eq!(format!("{:?} {:?}", TryPutError::Full(1), TryPutError::Closed(1)), "Full(..) Closed(..)");
}

#[test]
fn debug_tells_the_state_without_blocking() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    assert_eq!(format!("{queue:?}"), "Queue { len: 1, capacity: Some(2), closed: false, waiters: 0 }");
    let (_join, _) = watched(queue.join());
    assert!(format!("{queue:?}").ends_with("waiters: 1 }"));
    assert!(format!("{:?}", PriorityQueue::<u8>::unbounded()).starts_with("PriorityQueue { len: 0, capacity: None"));
    assert!(format!("{:?}", LifoQueue::<u8>::unbounded()).starts_with("LifoQueue {"));
    // Items cannot be printed under the mutex, so this one's Debug is never called.
    let (mut put, _) = {
        queue.try_put(2).unwrap();
        watched(queue.put(3))
    };
    assert!(format!("{put:?}").contains("queued"));
    queue.try_get().unwrap();
    assert!(format!("{put:?}").contains("granted"));
    now(put.as_mut()).unwrap();
    let texts = [
        format!("{:?}", queue.get()),
        format!("{:?}", queue.get_many(&mut vec![], 1)),
        format!("{:?}", queue.items()),
        format!("{:?}", queue.reserve()),
        format!("{:?}", queue.join()),
    ];
    assert_eq!(
        texts.map(|text| text.split([' ', '(']).next().unwrap().to_owned()),
        ["Get", "GetMany", "Items", "Reserve", "Join"]
    );
}

/// A task holds its futures across an `.await`, and the compiler forgets lifetimes when it asks whether the task is `Send`.
#[test]
fn tasks_with_borrowed_items_can_be_sent() {
    fn sent<T>(task: impl Future<Output = T> + Send) -> T {
        futures_lite::future::block_on(task)
    }
    static QUEUE: Queue<&str> = Queue::bounded(1);
    let (sender, receiver) = channel::bounded::<&'static str>(1);
    let sorted = PriorityQueue::<&'static str>::bounded(1);
    sent(async {
        QUEUE.put("a").await.unwrap();
        assert_eq!(QUEUE.get().await, Ok("a"));
        QUEUE.reserve().await.unwrap().put("b").unwrap();
        assert_eq!(QUEUE.get_many(&mut Vec::new(), 1).await, 1);
        QUEUE.task_done().unwrap();
        QUEUE.task_done().unwrap();
        QUEUE.join().await;
        sender.put("c").await.unwrap();
        assert_eq!(receiver.get().await, Ok("c"));
        sorted.put("d").await.unwrap();
        assert_eq!(pin!(sorted.items()).next().await, Some("d"));
    });
}
