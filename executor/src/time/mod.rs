//! Time: the clock, timers, and the futures that wait for them.

mod interval;
mod sleep;
pub(crate) mod timer;

pub use interval::{Interval, Tick, interval};
pub use sleep::{Sleep, TimedOut, Timeout, now, sleep, sleep_until, timeout, timeout_at};
