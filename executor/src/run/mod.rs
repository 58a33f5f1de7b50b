//! What runs tasks: the loop on one thread, and the workers of an executor.

mod executor;
mod injector;
mod live;
pub(crate) mod local;
mod pace;
pub(crate) mod parker;
mod sleepers;
#[allow(unsafe_code)]
mod steal;
mod unended;
mod watcher;
#[allow(unsafe_code)]
mod workers;

pub use executor::{Executor, ExecutorBuilder};
pub use live::{run, run_with_limit};
pub use unended::{Unended, UnendedTask};
