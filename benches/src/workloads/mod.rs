//! The workloads, a file per primitive; each says how its peers are used, and checks its own result.

pub mod barrier;
pub mod condition;
pub mod event;
pub mod executor;
pub mod faulty;
pub mod lock;
pub mod queue;
pub mod sem;
