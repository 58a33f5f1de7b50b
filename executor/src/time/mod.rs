//! Time: the clock, timers, and the futures that wait for them.

pub(crate) mod clock;
mod interval;
mod sleep;
pub(crate) mod timer;

pub use clock::now;
pub use interval::{Interval, Tick, interval};
pub use sleep::{Sleep, TimedOut, Timeout, sleep, sleep_until, timeout, timeout_at};
