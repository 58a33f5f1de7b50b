//! Hazards 18 and 34: who is Send, Sync, Unpin, and safe to look at after a panic.

use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::panic::{RefUnwindSafe, UnwindSafe};
use waitline_event::{Barrier, BarrierTimeoutError, BarrierTurn, BarrierWait, BrokenBarrier, Event, TimedOut, Wait};

assert_impl_all!(Event: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Wait<'static>: Send, Sync);
assert_not_impl_any!(Wait<'static>: Unpin);
assert_impl_all!(Barrier: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(BarrierWait<'static>: Send, Sync);
assert_not_impl_any!(BarrierWait<'static>: Unpin);
assert_impl_all!(BarrierTurn: Send, Sync, Unpin, Copy, UnwindSafe, RefUnwindSafe);
assert_impl_all!(BrokenBarrier: Send, Sync, Unpin, Copy, std::error::Error);
assert_impl_all!(BarrierTimeoutError: Send, Sync, Unpin, Copy, std::error::Error);
assert_impl_all!(TimedOut: Send, Sync, Unpin, Copy, std::error::Error);
