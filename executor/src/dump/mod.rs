//! Reports of the unfinished tasks, and of what each waits for.

#[cfg(feature = "diagnostics")]
mod live;
#[cfg(any(feature = "sim", feature = "diagnostics"))]
mod report;

#[cfg(feature = "diagnostics")]
pub use live::dump;
#[cfg(any(feature = "sim", feature = "diagnostics"))]
pub use report::{Dump, DumpedTask};
