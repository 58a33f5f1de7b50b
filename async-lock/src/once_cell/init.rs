//! The futures that initialize a [`OnceCell`]: they wait for the right to do so, and then run the closure.

use super::{CellHandle, INITIALIZERS, OnceCell, Right};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::Waiter;

pin_project! {
    /// The common part: first waits, then runs.
    struct Init<'a, T, F, Fut> {
        #[pin]
        waiter: Waiter<CellHandle<'a, T, true>>,
        init: Option<F>,
        #[pin]
        running: Option<Running<'a, T, Fut>>,
    }
}

pin_project! {
    /// What the closure has returned, and the right to poll it. The right is passed on after the future is dropped.
    struct Running<'a, T, Fut> {
        #[pin]
        future: Fut,
        right: Option<Right<'a, T>>,
    }
}

/// How an initialization ends: the cell was set by another call, or the closure's future is ready.
enum Outcome<'a, T, R> {
    Set(&'a T),
    Made(Right<'a, T>, R),
}

impl<'a, T, F, Fut> Init<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    #[inline(always)]
    #[track_caller]
    fn new(cell: &'a OnceCell<T>, init: F) -> Self {
        Init { waiter: Waiter::new(CellHandle(cell), false), init: Some(init), running: None }
    }

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<'a, T, Fut::Output>> {
        let mut this = self.project();
        if this.running.is_none() {
            let fast = this.waiter.as_mut().finish_if(|handle, _| handle.0.is_set());
            let (CellHandle(cell), has_right) = match fast {
                Some(set) => set,
                None => ready!(this.waiter.as_mut().poll_wait(cx, |mut entry| {
                    if entry.handle().0.is_set() {
                        entry.ready()
                    } else if entry.initializing {
                        entry.wait_in::<INITIALIZERS>()
                    } else {
                        // O2, O4.
                        entry.initializing = true;
                        *entry.data() = true;
                        entry.ready()
                    }
                })),
            };
            if !has_right {
                return Poll::Ready(Outcome::Set(cell.value()));
            }
            let right = Right::new(cell, this.waiter.location());
            let init = this.init.take().expect("a wait ends once, and the closure is called then");
            let future = init();
            this.running.set(Some(Running { future, right: Some(right) }));
        }
        // A panic ends the initialization at once, even if this future is kept.
        let mut end = EndOnUnwind(this.running.as_mut());
        let running = end.0.as_mut().as_pin_mut().expect("it runs since above, or since an earlier poll").project();
        let output = running.future.poll(cx);
        let right = if output.is_ready() { running.right.take() } else { None };
        mem::forget(end);
        let made = ready!(output);
        let right = right.expect("it is taken only here, and `running` ends now");
        this.running.set(None);
        Poll::Ready(Outcome::Made(right, made))
    }
}

impl<T, F, Fut> fmt::Debug for Init<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.running.is_some() { f.write_str("initializing") } else { self.waiter.fmt(f) }
    }
}

/// Drops the closure's future, and passes the right on, if its poll panics.
struct EndOnUnwind<'p, 'a, T, Fut>(Pin<&'p mut Option<Running<'a, T, Fut>>>);

impl<T, Fut> Drop for EndOnUnwind<'_, '_, T, Fut> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

pin_project! {
    /// The future of [`OnceCell::get_or_init`].
    ///
    /// ```
    /// use std::future::{Ready, ready};
    /// use waitline_lock::{GetOrInit, OnceCell};
    /// let cell = OnceCell::new();
    /// let get: GetOrInit<'_, i32, fn() -> Ready<i32>, Ready<i32>> = cell.get_or_init(|| ready(1));
    /// assert_eq!(*futures_lite::future::block_on(get), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct GetOrInit<'a, T, F, Fut> {
        #[pin]
        init: Init<'a, T, F, Fut>,
    }
}

impl<'a, T, F, Fut> GetOrInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    #[inline(always)]
    #[track_caller]
    pub(super) fn new(cell: &'a OnceCell<T>, init: F) -> Self {
        GetOrInit { init: Init::new(cell, init) }
    }
}

impl<'a, T, F, Fut> Future for GetOrInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    type Output = &'a T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        self.project().init.poll(cx).map(|outcome| match outcome {
            Outcome::Set(value) => value,
            Outcome::Made(right, value) => right.complete(value),
        })
    }
}

impl<T, F, Fut> fmt::Debug for GetOrInit<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetOrInit").field(&self.init).finish()
    }
}

pin_project! {
    /// The future of [`OnceCell::get_or_try_init`].
    ///
    /// ```
    /// use std::future::{Ready, ready};
    /// use waitline_lock::{GetOrTryInit, OnceCell};
    /// type Made = Ready<Result<i32, ()>>;
    /// let cell = OnceCell::new();
    /// let get: GetOrTryInit<'_, i32, fn() -> Made, Made> = cell.get_or_try_init(|| ready(Ok(1)));
    /// assert_eq!(futures_lite::future::block_on(get), Ok(&1));
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct GetOrTryInit<'a, T, F, Fut> {
        #[pin]
        init: Init<'a, T, F, Fut>,
    }
}

impl<'a, T, E, F, Fut> GetOrTryInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    #[inline(always)]
    #[track_caller]
    pub(super) fn new(cell: &'a OnceCell<T>, init: F) -> Self {
        GetOrTryInit { init: Init::new(cell, init) }
    }
}

impl<'a, T, E, F, Fut> Future for GetOrTryInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<&'a T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().init.poll(cx).map(|outcome| match outcome {
            Outcome::Set(value) => Ok(value),
            // A failure drops the right.
            Outcome::Made(right, made) => made.map(|value| right.complete(value)),
        })
    }
}

impl<T, F, Fut> fmt::Debug for GetOrTryInit<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetOrTryInit").field(&self.init).finish()
    }
}
