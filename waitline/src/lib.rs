//! The wait queue under the Waitline primitives.
mod queue;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod wakers;

pub use queue::{Entry, ForeignQueue, Front, Handle, List, Lists, Locked, Protocol, SideList, WaitQueue, Waiter};
pub use wakers::Wakers;
