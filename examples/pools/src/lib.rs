//! Two pools on a [`Semaphore`](waitline_sem::Semaphore) that can be closed, each in the shape of a well-known one: what
//! its authors would write if they took Waitline's.
//!
//! | module | in the shape of | what it asks of the semaphore |
//! |---|---|---|
//! | [`objects`] | deadpool's managed pool | a wait with a limit in time, `try_acquire` and why it failed, a size that changes while the pool is in use, `close` |
//! | [`connections`] | sqlx's pool | strict order, a `close` that fails those who wait at once and then waits until all is back, permits without a guard |
//!
//! Both run under any executor and on plain threads. A connection pool with more to it, on a lock, a condition and a queue,
//! is `examples/pool`.
#![forbid(unsafe_code)]

pub mod connections;
pub mod objects;
