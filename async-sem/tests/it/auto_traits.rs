//! Auto traits and sizes of every public type. Hazards 18 and 34.

use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    fmt::Debug,
    panic::{RefUnwindSafe, UnwindSafe},
};
use waitline_sem::{
    Acquire, AcquireOwned, AcquireTimeoutError, AfterClose, BoundedSemaphore, Closed, OrClosed, OwnedPermit, Permit,
    ReleaseError, Semaphore,
};

assert_impl_all!(Semaphore: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_impl_all!(BoundedSemaphore: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_not_impl_any!(Semaphore: Clone);
assert_not_impl_any!(BoundedSemaphore: Clone);

// A permit is a reference and a number: it may be dropped, split or shared anywhere.
assert_impl_all!(Permit<'static>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_impl_all!(Permit<'static, BoundedSemaphore>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_impl_all!(OwnedPermit: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_impl_all!(OwnedPermit<BoundedSemaphore>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
assert_not_impl_any!(Permit<'static>: Clone);
assert_not_impl_any!(OwnedPermit: Clone);

// Others hold the address of a future that waits.
assert_impl_all!(Acquire<'static>: Send, Sync, Debug);
assert_impl_all!(Acquire<'static, BoundedSemaphore>: Send, Sync, Debug);
assert_impl_all!(AcquireOwned: Send, Sync, Debug);
assert_impl_all!(AcquireOwned<BoundedSemaphore>: Send, Sync, Debug);
assert_not_impl_any!(Acquire<'static>: Unpin);
assert_not_impl_any!(Acquire<'static, BoundedSemaphore>: Unpin);
assert_not_impl_any!(AcquireOwned: Unpin);
assert_not_impl_any!(AcquireOwned<BoundedSemaphore>: Unpin);

assert_impl_all!(OrClosed<Acquire<'static>>: Send, Sync, Debug);
assert_impl_all!(OrClosed<Acquire<'static, BoundedSemaphore>>: Send, Sync, Debug);
assert_impl_all!(OrClosed<AcquireOwned>: Send, Sync, Debug);
assert_impl_all!(OrClosed<AcquireOwned<BoundedSemaphore>>: Send, Sync, Debug);
assert_not_impl_any!(OrClosed<Acquire<'static>>: Unpin);
assert_not_impl_any!(OrClosed<AcquireOwned>: Unpin);

assert_impl_all!(AfterClose<Acquire<'static>>: Send, Sync, Debug);
assert_impl_all!(AfterClose<AcquireOwned<BoundedSemaphore>>: Send, Sync, Debug);
assert_not_impl_any!(AfterClose<Acquire<'static>>: Unpin);
assert_not_impl_any!(AfterClose<AcquireOwned>: Unpin);

assert_impl_all!(Closed: Send, Sync, Unpin, Copy, Eq, std::hash::Hash, std::error::Error);
assert_impl_all!(AcquireTimeoutError: Send, Sync, Unpin, Copy, Eq, std::hash::Hash, std::error::Error);
assert_impl_all!(ReleaseError: Send, Sync, Unpin, Copy, Eq, std::error::Error);

#[cfg(not(feature = "diagnostics"))]
mod sizes {
    use super::*;
    use static_assertions::const_assert;
    use std::mem::size_of;

    const_assert!(size_of::<Semaphore>() <= 24);
    const_assert!(size_of::<BoundedSemaphore>() <= 40);
    const_assert!(size_of::<Permit<'static>>() == 16);
    const_assert!(size_of::<OwnedPermit>() == 16);
    const_assert!(size_of::<Option<Permit<'static>>>() == 16);
    const_assert!(size_of::<Acquire<'static>>() <= 64);
    const_assert!(size_of::<AcquireOwned>() <= 64);
    const_assert!(size_of::<OrClosed<Acquire<'static>>>() <= 64);
    const_assert!(size_of::<Result<Permit<'static>, Closed>>() == 16);
}

/// A permit of a long-lived semaphore can be used as one of a shorter life.
#[test]
fn permits_are_covariant() {
    fn shorten<'a>(permit: Permit<'static>, _short: &'a str) -> Permit<'a> {
        permit
    }
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    let short = String::new();
    drop(shorten(SEMAPHORE.try_acquire().unwrap(), &short));
    assert_eq!(SEMAPHORE.available_permits(), 1);
}
