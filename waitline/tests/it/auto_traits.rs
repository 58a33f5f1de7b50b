//! Hazards 18 and 34: who may cross threads. Checked by the compiler, in both directions, for every public type.

use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    fmt::Debug,
    marker::PhantomData,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
    sync::MutexGuard,
    task::Waker,
};
use waitline::{
    Decision, Entry, FirstPanic, ForeignQueue, Front, Handle, List, Locked, Protocol, SideList, WaitQueue, Waiter,
    Wakers,
    diagnostics::{
        Announced, Caller, Current, HeldAs, Hold, Holding, Origin, Primitive, Target, Task, TaskOrThread, Wait, Waiting,
    },
    sync::{Mutex, UnsafeCell},
    testing::CountingWaker,
};

/// Send, not Sync.
type SendOnly = Cell<u8>;
/// Sync, not Send.
type SyncOnly = MutexGuard<'static, u8>;
/// Neither.
type Neither = Rc<u8>;

/// A protocol with this word, state and data.
struct With<W, S, D>(PhantomData<(W, S, D)>);

impl<W, S, D> Protocol for With<W, S, D> {
    type Word = W;
    type State = S;
    type Data = D;
    type Lists = [List<D>; 1];
}

type Both = With<u8, u8, u8>;
type Word<T> = With<T, u8, u8>;
type State<T> = With<u8, T, u8>;
type Data<T> = With<u8, u8, T>;

/// A handle that has a `T` beside the way to the queue.
struct By<P: Protocol + 'static, T>(&'static WaitQueue<P>, PhantomData<T>);

impl<P: Protocol, T> Handle for By<P, T> {
    type Protocol = P;
    fn queue(&self) -> &WaitQueue<P> {
        self.0
    }
    fn cancel_granted(&self, _: &mut P::Data) {}
}

type Plain<P> = By<P, ()>;

yes!(WaitQueue<Both>: Send, Sync, Unpin);
yes!(WaitQueue<Word<SendOnly>>: Send);
no!(WaitQueue<Word<SendOnly>>: Sync);
no!(WaitQueue<Word<SyncOnly>>: Send);
yes!(WaitQueue<Word<SyncOnly>>: Sync);
no!(WaitQueue<Word<Neither>>: Send, Sync);
yes!(WaitQueue<State<SendOnly>>: Send, Sync);
no!(WaitQueue<State<SyncOnly>>: Send, Sync);
no!(WaitQueue<State<Neither>>: Send, Sync);
yes!(WaitQueue<Data<SendOnly>>: Send, Sync);
no!(WaitQueue<Data<SyncOnly>>: Send, Sync);
no!(WaitQueue<Data<Neither>>: Send, Sync);

yes!(SideList<Both>: Send, Sync, Unpin);
yes!(SideList<Word<Neither>>: Send, Sync);
yes!(SideList<State<Neither>>: Send, Sync);
yes!(SideList<Data<SendOnly>>: Send, Sync);
no!(SideList<Data<SyncOnly>>: Send, Sync);
no!(SideList<Data<Neither>>: Send, Sync);

// A shared `Locked` gives `&State`: it is Sync only if the state is.
yes!(Locked<'static, Both>: Sync);
no!(Locked<'static, Both>: Send);
no!(Locked<'static, State<SendOnly>>: Sync, Send);
no!(Locked<'static, State<Neither>>: Sync, Send);
no!(Locked<'static, Word<SendOnly>>: Sync, Send);
no!(Locked<'static, Data<Neither>>: Sync, Send);
yes!(Entry<'static, Plain<Both>>: Sync);
no!(Entry<'static, Plain<Both>>: Send);
no!(Entry<'static, Plain<State<SendOnly>>>: Sync, Send);
no!(Entry<'static, Plain<Data<SendOnly>>>: Sync, Send);
no!(Entry<'static, By<Both, SendOnly>>: Sync, Send);
no!(Front<'static, 'static, Both, 0>: Send, Sync);
yes!(Decision<'static, Plain<Both>>: Debug);
no!(List<u8>: Send, Sync);

yes!(Waiter<Plain<Both>>: Send, Sync);
no!(Waiter<Plain<Both>>: Unpin);
yes!(Waiter<Plain<State<SendOnly>>>: Send, Sync);
no!(Waiter<Plain<State<SyncOnly>>>: Send, Sync);
yes!(Waiter<Plain<Data<SendOnly>>>: Send);
no!(Waiter<Plain<Data<SendOnly>>>: Sync);
no!(Waiter<Plain<Data<SyncOnly>>>: Send, Sync);
no!(Waiter<Plain<Data<Neither>>>: Send, Sync);
yes!(Waiter<By<Both, SendOnly>>: Send);
no!(Waiter<By<Both, SendOnly>>: Sync);
yes!(Waiter<By<Both, SyncOnly>>: Sync);
no!(Waiter<By<Both, SyncOnly>>: Send);
no!(Waiter<By<Both, Neither>>: Send, Sync);

yes!(Wakers<8>: Send, Sync, Unpin);
yes!(FirstPanic: Send, Unpin);
no!(FirstPanic: Sync); // a panic's payload is only Send
yes!(ForeignQueue: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(CountingWaker: Send, Sync);
yes!(Waker: Send, Sync);

yes!(Mutex<SendOnly>: Send, Sync);
no!(Mutex<SyncOnly>: Send, Sync);
no!(Mutex<Neither>: Send, Sync);
yes!(UnsafeCell<u8>: Send);
no!(UnsafeCell<u8>: Sync);
no!(UnsafeCell<Neither>: Send, Sync);

yes!(Origin: Send, Sync);
yes!(Caller: Send, Sync, Copy);
yes!(Current: Send, Sync);
yes!(Hold: Send, Sync);
yes!(Wait: Send, Sync);
yes!(Task: Send, Sync, Copy);
yes!(Primitive: Send, Sync, Copy);
yes!(TaskOrThread: Send, Sync);
yes!(Target: Send, Sync, Copy);
yes!(Waiting: Send, Sync);
yes!(Holding: Send, Sync);
yes!(HeldAs: Send, Sync, Copy);
// The end of an announcement belongs to its thread.
no!(Announced: Send, Sync);
yes!(Announced: Debug);
