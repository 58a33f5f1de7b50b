//! [`FirstPanic`]: a waker that panics must not prevent the wake-up of another waiter.

use std::{
    any::Any,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
};

/// Runs every closure even if some panic, then resumes the first panic.
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind};
/// use waitline::FirstPanic;
///
/// let mut done = 0;
/// let outcome = catch_unwind(AssertUnwindSafe(|| {
///     let mut panic = FirstPanic::new();
///     for n in 1..=3 {
///         panic.catch(|| {
///             done += n;
///             assert_ne!(n, 2, "the second one fails");
///         });
///     }
///     panic.resume();
/// }));
/// assert!(outcome.is_err());
/// assert_eq!(done, 6);
/// ```
#[derive(Default)]
pub struct FirstPanic(Option<Box<dyn Any + Send>>);

impl FirstPanic {
    /// No panic yet.
    #[inline(always)]
    pub fn new() -> Self {
        FirstPanic(None)
    }

    /// Runs `f`, and keeps its panic if it is the first. Later panics are dropped.
    ///
    /// It catches panics even if the thread is panicking already: see [`resume`](Self::resume).
    #[inline]
    pub fn catch(&mut self, f: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(f)) {
            match self.0 {
                None => self.0 = Some(panic),
                // A payload's own drop may panic as well, so it is leaked.
                Some(_) => mem::forget(panic),
            }
        }
    }

    /// Resumes the first panic, if there was one. If the thread is panicking already, drops it instead, because two
    /// panics at once would abort the process.
    #[inline]
    pub fn resume(self) {
        match self.0 {
            None => {}
            Some(panic) if thread::panicking() => mem::forget(panic),
            Some(panic) => resume_unwind(panic),
        }
    }
}

/// Runs foreign code, such as a waker's. Drops its panic if the thread is panicking already, because two panics at once
/// would abort the process.
#[inline]
pub(crate) fn foreign(f: impl FnOnce()) {
    if !thread::panicking() {
        return f();
    }
    let mut panic = FirstPanic::new();
    panic.catch(f);
    panic.resume();
}

impl fmt::Debug for FirstPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FirstPanic").field(&self.0.is_some()).finish()
    }
}
