//! Wakers that count, and wakers that misbehave.

use super::{poll_once, poll_with};
use std::{
    future::Future,
    mem::ManuallyDrop,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, RawWaker, RawWakerVTable, Wake, Waker},
};

/// A waker that counts its wake-ups. Clones share the count.
///
/// ```
/// let counter = waitline::testing::CountingWaker::new();
/// let waker = counter.waker();
/// waker.wake_by_ref();
/// assert_eq!((counter.count(), counter.held()), (1, 1));
/// drop(waker);
/// assert_eq!((counter.count(), counter.held()), (1, 0));
/// ```
#[derive(Debug, Clone, Default)]
pub struct CountingWaker(Arc<Count>);

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl CountingWaker {
    /// A counter at 0.
    ///
    /// ```
    /// assert_eq!(waitline::testing::CountingWaker::new().count(), 0);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of wake-ups.
    ///
    /// ```
    /// let counter = waitline::testing::CountingWaker::new();
    /// counter.waker().wake();
    /// assert_eq!(counter.count(), 1);
    /// ```
    pub fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    /// The number of wakers made by [`waker`](Self::waker), and of their clones, that have not been dropped.
    ///
    /// ```
    /// let counter = waitline::testing::CountingWaker::new();
    /// let kept = counter.waker().clone();
    /// assert_eq!(counter.held(), 1);
    /// # drop(kept);
    /// ```
    pub fn held(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// The waker itself.
    ///
    /// ```
    /// let counter = waitline::testing::CountingWaker::new();
    /// assert!(counter.waker().will_wake(&counter.waker()));
    /// ```
    pub fn waker(&self) -> Waker {
        self.0.clone().into()
    }

    /// Polls `future` once with this waker.
    ///
    /// ```
    /// use std::{future::pending, pin::pin};
    /// let counter = waitline::testing::CountingWaker::new();
    /// assert!(counter.poll(pin!(pending::<()>())).is_pending());
    /// ```
    pub fn poll<F: Future + ?Sized>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        poll_with(future, &self.waker())
    }
}

/// Numbered wakers, and the order in which they were woken. Clones share the order.
///
/// ```
/// let order = waitline::testing::WakeOrder::new();
/// let (first, second) = (order.waker(1), order.waker(2));
/// second.wake();
/// first.wake();
/// assert_eq!(order.take(), [2, 1]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct WakeOrder(Arc<Mutex<Vec<usize>>>);

impl WakeOrder {
    /// An empty order.
    ///
    /// ```
    /// assert_eq!(waitline::testing::WakeOrder::new().take(), []);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// A waker that adds `number` to the order at each wake-up. Do not use it inside a loom model.
    ///
    /// ```
    /// let order = waitline::testing::WakeOrder::new();
    /// order.waker(7).wake();
    /// assert_eq!(order.take(), [7]);
    /// ```
    pub fn waker(&self, number: usize) -> Waker {
        let order = self.0.clone();
        hooked_waker(move |call| {
            if call == WakerCall::Wake {
                order.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            }
        })
    }

    /// The numbers of the wakers woken since the last call, in order.
    ///
    /// ```
    /// let order = waitline::testing::WakeOrder::new();
    /// order.waker(7).wake();
    /// assert_eq!(order.take(), [7]);
    /// assert_eq!(order.take(), []);
    /// ```
    pub fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A call of a waker's code inside a primitive. All of it is foreign code.
///
/// ```
/// use waitline::testing::{WakerCall, hooked_waker};
/// drop(hooked_waker(|call| assert_eq!(call, WakerCall::Drop)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakerCall {
    /// `Waker::clone`.
    Clone,
    /// `Waker::wake` or `Waker::wake_by_ref`.
    Wake,
    /// The waker's drop, without a wake.
    Drop,
}

/// A waker that runs `hook` at each clone, wake and drop, for example to re-enter the primitive or to panic.
///
/// Do not use it inside a loom model: loom cannot follow the vtable's reference counts.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use waitline::testing::{WakerCall, hooked_waker};
/// let calls = Arc::new(Mutex::new(Vec::new()));
/// let seen = calls.clone();
/// let waker = hooked_waker(move |call| seen.lock().unwrap().push(call));
/// waker.clone().wake();
/// drop(waker);
/// assert_eq!(*calls.lock().unwrap(), [WakerCall::Clone, WakerCall::Wake, WakerCall::Drop]);
/// ```
pub fn hooked_waker(hook: impl Fn(WakerCall) + Send + Sync + 'static) -> Waker {
    type Hook = Box<dyn Fn(WakerCall) + Send + Sync>;
    // A static, not a const: `will_wake` compares its address.
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_it);

    // SAFETY (all four): `data` came from `Arc::into_raw`, and each waker owns one count of it.
    unsafe fn borrow(data: *const ()) -> std::mem::ManuallyDrop<Arc<Hook>> {
        // SAFETY: see above; ManuallyDrop keeps the waker's count.
        std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Hook>()) })
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: see above.
        let hook = unsafe { borrow(data) };
        hook(WakerCall::Clone);
        RawWaker::new(Arc::into_raw(Arc::clone(&hook)).cast(), &VTABLE)
    }
    unsafe fn wake(data: *const ()) {
        // SAFETY: see above; the waker gives its count to us.
        let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
        hook(WakerCall::Wake);
    }
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: see above.
        let hook = unsafe { borrow(data) };
        hook(WakerCall::Wake);
    }
    unsafe fn drop_it(data: *const ()) {
        // SAFETY: see above; the waker gives its count to us.
        let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
        hook(WakerCall::Drop);
    }

    let hook: Hook = Box::new(hook);
    // SAFETY: the vtable's functions keep the contract of `RawWaker`: counts as above, and the hook is Send + Sync.
    unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(Arc::new(hook)).cast(), &VTABLE)) }
}

/// A waker that panics when it is woken, but clones and drops quietly.
///
/// ```
/// use waitline::testing::{panic_message, panicking_waker};
/// let waker = panicking_waker();
/// drop(waker.clone());
/// assert!(panic_message(|| waker.wake()).is_some());
/// ```
pub fn panicking_waker() -> Waker {
    ManuallyDrop::into_inner(panicking_waker_at(WakerCall::Wake))
}

/// A waker that panics at each call of one kind.
///
/// It is not dropped at the end of the test, because a waker that panics in its drop would fail the test.
///
/// ```
/// use waitline::testing::{WakerCall, panic_message, panicking_waker_at};
/// let waker = panicking_waker_at(WakerCall::Clone);
/// waker.wake_by_ref();
/// assert_eq!(panic_message(|| waker.clone()).as_deref(), Some("a waker that panics when it is cloned"));
/// ```
pub fn panicking_waker_at(call: WakerCall) -> ManuallyDrop<Waker> {
    let when = match call {
        WakerCall::Clone => "cloned",
        WakerCall::Wake => "woken",
        WakerCall::Drop => "dropped",
    };
    ManuallyDrop::new(hooked_waker(move |made| assert!(made != call, "a waker that panics when it is {when}")))
}

/// A waker that takes `future` out of its box and polls it inside its own `wake`, as inline executors do.
///
/// When the future is ready, `done` is called with its output, and the future is dropped.
///
/// ```
/// use std::sync::mpsc::channel;
/// let (sender, receiver) = channel();
/// let waker = waitline::testing::inline_waker(Box::pin(async { 7 }), move |output| sender.send(output).unwrap());
/// waker.wake(); // polls the future here
/// assert_eq!(receiver.recv(), Ok(7));
/// ```
pub fn inline_waker<F>(future: Pin<Box<F>>, done: impl Fn(F::Output) + Send + Sync + 'static) -> Waker
where
    F: Future + ?Sized + Send + 'static,
{
    let task = Mutex::new(Some(future));
    hooked_waker(move |call| {
        if call != WakerCall::Wake {
            return;
        }
        let mut task = task.lock().expect("an inline task that panicked is not polled again");
        let Some(future) = task.as_mut() else { return };
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            *task = None;
            done(output);
        }
    })
}
