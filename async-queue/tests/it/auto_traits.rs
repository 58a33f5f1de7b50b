//! Hazard 18: who may cross threads, checked by the compiler.

use futures_lite::StreamExt;
use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    error::Error,
    fmt::{Debug, Display},
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::pin,
    rc::Rc,
};
use waitline_queue::{channel::*, *};

/// Send, not Sync: enough, since an item is only ever handed from one thread to another.
type SendOnly = Cell<u8>;
/// Neither.
type Neither = Rc<u8>;
/// Sync, not Send.
type SyncOnly = std::sync::MutexGuard<'static, u8>;

yes!(Queue<SendOnly>: Send, Sync, Unpin, Debug, UnwindSafe, RefUnwindSafe);
no!(Queue<Neither>: Send, Sync);
no!(Queue<SyncOnly>: Send, Sync);
yes!(PriorityQueue<u8>: Send, Sync, Unpin, Debug);
yes!(PriorityQueue<SendOnly>: Send, Sync);
no!(PriorityQueue<Neither>: Send, Sync);
yes!(LifoQueue<SendOnly>: Send, Sync, Unpin, Debug);
no!(LifoQueue<Neither>: Send, Sync);
yes!(Sender<SendOnly>: Send, Sync, Clone, Debug, UnwindSafe, RefUnwindSafe);
no!(Sender<Neither>: Send, Sync);
yes!(Receiver<SendOnly>: Send, Sync, Clone, Debug);
no!(Receiver<SyncOnly>: Send, Sync);

yes!(Put<'static, u8>: Send, Sync, Debug);
yes!(Put<'static, SendOnly>: Send);
no!(Put<'static, SendOnly>: Sync);
no!(Put<'static, Neither>: Send, Sync);
no!(Put<'static, u8>: Unpin);
yes!(Put<'static, u8, order::Priority<u8>>: Send);
yes!(Get<'static, SendOnly>: Send);
no!(Get<'static, Neither>: Send, Sync);
no!(Get<'static, u8>: Unpin);
yes!(GetMany<'static, SendOnly>: Send);
no!(GetMany<'static, Neither>: Send, Sync);
no!(GetMany<'static, u8>: Unpin);
yes!(Items<'static, SendOnly>: Send, futures_lite::Stream);
no!(Items<'static, Neither>: Send, Sync);
no!(Items<'static, u8>: Unpin);
yes!(Reserve<'static, SendOnly>: Send);
no!(Reserve<'static, Neither>: Send, Sync);
no!(Reserve<'static, u8>: Unpin);
yes!(Join<'static, SendOnly>: Send);
no!(Join<'static, Neither>: Send, Sync);
no!(Join<'static, u8>: Unpin);
yes!(Slot<'static, SendOnly>: Send, Sync, Unpin, Debug);
no!(Slot<'static, Neither>: Send, Sync);

yes!(PutError<Neither>: Error, Debug, Display);
yes!(TryPutError<Neither>: Error, Debug, Display);
yes!(PutError<u8>: Copy, Eq, Send, Sync);
yes!(TryPutError<u8>: Copy, Eq, Send, Sync);
yes!(GetError: Error, Copy, Eq, Send, Sync);
yes!(TryGetError: Error, Copy, Eq, Send, Sync);
yes!(Closed: Error, Copy, Eq, Send, Sync);
yes!(TryReserveError: Error, Copy, Eq, Send, Sync);
yes!(TaskDoneError: Error, Copy, Eq, Send, Sync);

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
        (&Closed, "reserve in a closed queue"),
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
    let (_join, _) = crate::waiting(queue.join());
    assert!(format!("{queue:?}").ends_with("waiters: 1 }"));
    assert!(format!("{:?}", PriorityQueue::<u8>::unbounded()).starts_with("PriorityQueue { len: 0, capacity: None"));
    assert!(format!("{:?}", LifoQueue::<u8>::unbounded()).starts_with("LifoQueue {"));
    // Items cannot be printed under the mutex, so this one's Debug is never called.
    let (mut put, _) = {
        queue.try_put(2).unwrap();
        crate::waiting(queue.put(3))
    };
    assert!(format!("{put:?}").contains("queued"));
    queue.try_get().unwrap();
    assert!(format!("{put:?}").contains("granted"));
    crate::now(put.as_mut()).unwrap();
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
