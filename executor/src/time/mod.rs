//! Time: the clock, timers, and the futures that wait for them.

pub(crate) mod clock;
mod interval;
mod sleep;
mod timeout;
pub(crate) mod timer;

pub use clock::now;
pub use interval::{Interval, Tick, interval};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{TimedOut, Timeout, timeout, timeout_at};
