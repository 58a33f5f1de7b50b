//! What runs tasks: the loop on one thread, and the workers of an executor.

#[allow(unsafe_code)]
mod executor;
mod injector;
#[allow(unsafe_code)]
pub(crate) mod local;
pub(crate) mod parker;
mod sleepers;
mod steal;
#[allow(unsafe_code)]
pub(crate) mod workers;

pub use executor::{Executor, ExecutorBuilder};
pub use local::run;
