//! Waiting for several futures or tasks, and cancelling them.

mod cancel_token;
mod children;
mod gather;
mod task_group;

pub use cancel_token::{CancelToken, Cancelled};
pub use gather::{AsCompleted, Gather, ReturnWhen, TryGather, Wait, as_completed, gather, try_gather, wait};
pub use task_group::{JoinAll, JoinNext, TaskGroup};
