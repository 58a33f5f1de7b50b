//! A test kit for code built on the primitives: model runner, loom-aware threads, polling by hand, misbehaving wakers.
//!
//! The same test body runs on real threads in an ordinary build and under loom's scheduler in a build with
//! `--cfg loom --features loom`:
//!
//! ```
//! use waitline::testing::{block_on, model, spawn};
//!
//! model("two threads add", || {
//!     let count = waitline::sync::Arc::new(waitline::sync::atomic::AtomicUsize::new(0));
//!     let other = spawn({
//!         let count = count.clone();
//!         move || count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
//!     });
//!     count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!     other.join().unwrap();
//!     assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
//!     assert_eq!(block_on(async { 1 }), 1);
//! });
//! ```
//!
//! | for | take |
//! |---|---|
//! | all interleavings | [`model`], with [`spawn`] for threads and [`block_on`] for futures |
//! | a future at a given point | [`poll_once`], [`poll_with`], then send or drop it |
//! | who is woken, how often, and what is kept | [`CountingWaker`] |
//! | wakers as foreign code | [`hooked_waker`], [`panicking_waker`], [`inline_waker`], [`panic_message`] |
//! | "does not allocate" | [`CountingAllocator`], [`allocations`], [`allocated_bytes`] |
//!
//! The guide `docs/model-checking.md` in the repository walks through the models of a connection pool (`examples/pool`):
//! what to write into `Cargo.toml`, which bounds to choose, what loom does not see, and how it goes together with tokio.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

pub use crate::sync::block_on;
pub use crate::sync::thread::{JoinHandle, spawn};

/// Runs `body` once on real threads, or under loom in every interleaving up to the preemption bound.
///
/// Under loom the bound is `LOOM_MAX_PREEMPTIONS`, or 3 if that is not set (bound 2 is known to miss real bugs), and a
/// line with the number of interleavings goes to standard error.
///
/// # Panics
///
/// If `body` panics in any interleaving, or (under loom) deadlocks in one.
///
/// ```
/// waitline::testing::model("nothing much", || assert_eq!(1 + 1, 2));
/// ```
pub fn model(name: &str, body: impl Fn() + Send + Sync + 'static) {
    #[cfg(not(all(loom, feature = "loom")))]
    {
        _ = name;
        body();
    }
    #[cfg(all(loom, feature = "loom"))]
    {
        use std::io::Write;
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        let bound = builder.preemption_bound.unwrap_or_default();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            body();
        });
        // Written past the test harness, which would swallow it: CI adds these lines up.
        let runs = runs.load(Ordering::Relaxed);
        _ = writeln!(std::io::stderr(), "loom model: {name}: {runs} interleavings at bound {bound}");
    }
}

/// Polls `future` once with a waker that does nothing.
///
/// ```
/// use std::{pin::pin, task::Poll};
/// let future = pin!(async { 7 });
/// assert_eq!(waitline::testing::poll_once(future), Poll::Ready(7));
/// ```
#[doc(alias = "now_or_never")]
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// Polls `future` once with `waker`.
///
/// ```
/// use std::{future::poll_fn, pin::pin, task::Poll};
/// use waitline::testing::{CountingWaker, poll_with};
/// let counter = CountingWaker::new();
/// let wakes_itself = pin!(poll_fn(|cx| {
///     cx.waker().wake_by_ref();
///     Poll::<()>::Pending
/// }));
/// assert!(poll_with(wakes_itself, &counter.waker()).is_pending());
/// assert_eq!(counter.count(), 1);
/// ```
pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// A waker that counts how often it was woken. Clones share the count.
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
    /// A waker that was never woken.
    ///
    /// ```
    /// assert_eq!(waitline::testing::CountingWaker::new().count(), 0);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// How often it was woken.
    ///
    /// ```
    /// let counter = waitline::testing::CountingWaker::new();
    /// counter.waker().wake();
    /// assert_eq!(counter.count(), 1);
    /// ```
    pub fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    /// How many wakers made by [`waker`](Self::waker), and clones of them, are still held somewhere.
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

    /// Polls `future` once with it.
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

/// The three things that an executor's waker may do inside a primitive, all of them foreign code.
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

/// A waker that runs `hook` at each clone, wake and drop: to re-enter the primitive from there, or to panic.
///
/// Not for use inside a loom model, which cannot follow the vtable's reference counts.
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
    use std::task::{RawWaker, RawWakerVTable};

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
    hooked_waker(|call| {
        if call == WakerCall::Wake {
            panic!("a waker that panics when it is woken");
        }
    })
}

/// A waker that takes `future` out of its box and polls it inside its own `wake`, as inline executors do.
///
/// The box is left empty once the future is ready, and `done` is told the output.
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

/// Runs `f` and returns the message of its panic, or `None` if it did not panic.
///
/// ```
/// use waitline::testing::panic_message;
/// assert_eq!(panic_message(|| panic!("at {}", 7)).as_deref(), Some("at 7"));
/// assert_eq!(panic_message(|| 7), None);
/// ```
pub fn panic_message<R>(f: impl FnOnce() -> R) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    let message = payload.downcast_ref::<&str>().map(|text| text.to_string());
    Some(message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default())
}

/// Runs `f` in a destructor while a panic unwinds, and checks that this first panic goes on.
///
/// For hazard tests: a guard that is dropped by a panic, an event that is set in a destructor. A panic that leaves `f`
/// aborts the process.
///
/// # Panics
///
/// If another panic than the first one comes out.
///
/// ```
/// let mut ran = false;
/// waitline::testing::during_panic(|| ran = std::thread::panicking());
/// assert!(ran);
/// ```
#[track_caller]
pub fn during_panic(f: impl FnOnce()) {
    struct RunOnDrop<F: FnOnce()>(Option<F>);

    impl<F: FnOnce()> Drop for RunOnDrop<F> {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }

    const FIRST: &str = "the first panic, which goes on";
    let message = panic_message(|| {
        let _run = RunOnDrop(Some(f));
        panic!("{FIRST}");
    });
    assert_eq!(message.as_deref(), Some(FIRST));
}

/// The system's allocator, with counts for each thread: for tests that something does not allocate.
///
/// ```
/// use waitline::testing::{CountingAllocator, allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
/// assert_eq!(allocations(|| ()), 0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: all calls go to the system's allocator as they come.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as isize);
        // SAFETY: by the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        // SAFETY: by the caller's word.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How often `work` allocates on this thread, if [`CountingAllocator`] is the global allocator; else 0.
///
/// ```
/// use waitline::testing::{CountingAllocator, allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// assert_eq!(allocations(|| drop(vec![7_u8; 100])), 1);
/// ```
pub fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// The bytes that this thread has allocated and not freed, under [`CountingAllocator`]. Negative if it freed others'.
///
/// ```
/// use waitline::testing::{CountingAllocator, allocated_bytes};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let before = allocated_bytes();
/// let kept = std::hint::black_box(vec![7_u8; 100]);
/// assert_eq!(allocated_bytes() - before, 100);
/// # drop(kept);
/// ```
pub fn allocated_bytes() -> isize {
    BYTES.get()
}
