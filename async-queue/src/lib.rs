//! Async queues with backpressure that lose nothing under cancellation.
#![forbid(unsafe_code)]

pub mod channel;
mod error;
mod get;
mod join;
mod put;
mod queue;
mod raw;
mod settle;
mod store;
mod turn;

pub use error::{Closed, GetError, PutError, TaskDoneError, TryGetError, TryPutError, TryReserveError};
pub use get::{Get, GetMany, Items};
pub use join::Join;
pub use put::{Put, Reserve, Slot};
pub use queue::{LifoQueue, PriorityQueue, Queue};

/// The orders in which items leave a queue. They serve to name the type of a future or a slot, as in
/// `Put<'_, T, order::Priority<T>>`, and do nothing by themselves.
pub mod order {
    pub use crate::store::{Fifo, Lifo, Priority};
}
