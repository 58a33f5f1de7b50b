//! Deterministic simulation: a test executor in which a number, the seed, reproduces a failing run.
//!
//! [`sim::run`](run) runs a program as [`run`](crate::run) does, unchanged, but everything that is otherwise left to
//! chance follows a seed:
//!
//! - **Order.** Which of the tasks that are ready is polled next is drawn at random, so that many seeds try many
//!   schedules.
//! - **Time.** [`sleep`](crate::sleep()), [`timeout`](crate::timeout), [`interval`](crate::interval()) and
//!   [`now`](crate::now) follow a clock that stands still while a task is ready, and then jumps to the next timer: an
//!   hour takes no time.
//! - **Draws.** [`rng`] follows the seed, as does the generator of `fastrand` on this thread, which
//!   `futures_lite::future::race` uses.
//! - **Threads.** There are none: [`run_blocking`](crate::run_blocking) and [`ThreadPool::run`](crate::ThreadPool::run)
//!   make the job a task, which is run at its turn.
//! - **Faults.** [`chance`] and [`cancel_at_random`] inject them.
//! - **Hangs.** A program that can make no more progress ends with [`Stalled`], which lists the waiting tasks. With the
//!   feature `diagnostics` it shows what each task waits for, and which task holds it.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use waitline_executor::{sim, sleep, spawn, sync::Lock};
//!
//! // Each of a hundred schedules ends, and ends well.
//! sim::many(0..100, || async {
//!     let total = Arc::new(Lock::new(0));
//!     let tasks = [3, 1, 2].map(|hours| {
//!         let total = total.clone();
//!         spawn(async move {
//!             sleep(Duration::from_secs(hours * 3600)).await;
//!             *total.lock().await += hours;
//!         })
//!     });
//!     for task in tasks {
//!         task.await.unwrap();
//!     }
//!     assert_eq!(*total.lock().await, 6);
//! });
//! ```
//!
//! When a seed fails, [`many`] reports it, and `WAITLINE_SIM_SEED=17 cargo test NAME` runs exactly that schedule, as
//! often as you like. [`simulation`](crate::simulation) is a guide, from a test that hangs to the cause.
//!
//! # What is not simulated
//!
//! The iteration order of a std `HashMap` differs in each run: use a `BTreeMap` where it matters. The simulation does
//! not control threads that the program starts itself, an [`Executor`](crate::Executor) in it, or I/O, and does not
//! wait for them when nothing else is left to do. A blocking call (`lock_blocking` and the like) inside a simulation
//! panics if it has to wait, because no other task could run meanwhile. A poll takes no simulated time, so a loop that
//! only yields until some time has passed does not end; [`Builder::max_polls`] finds it.

mod faults;
mod rng;
mod scheduler;
mod stalled;

pub use faults::{cancel_at_random, chance};
pub use rng::{Rng, rng};
pub use stalled::Stalled;

use crate::{run::local::drive, task::runtime};
use scheduler::{Scheduler, Simulation, with_simulation};
use std::{
    any::Any,
    env,
    future::Future,
    panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind},
    thread,
    time::Instant,
};

/// The environment variable with the only seed that [`many`] is to run.
const SEED_VARIABLE: &str = "WAITLINE_SIM_SEED";

/// Runs `future` in a simulation, as [`run`](crate::run) does in real time. The same seed gives the same run.
///
/// # Errors
///
/// [`Stalled`], if the simulation does not end. Its unfinished tasks are dropped.
///
/// # Panics
///
/// As [`run`](crate::run).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use waitline_executor::{now, sim, sleep};
///
/// let day = Duration::from_secs(86_400);
/// let slept = sim::run(0, async {
///     let begin = now();
///     sleep(day).await;
///     now() - begin
/// });
/// assert_eq!(slept.unwrap(), day);
/// ```
#[track_caller]
pub fn run<F: Future>(seed: u64, future: F) -> Result<F::Output, Stalled> {
    Builder::new().run(seed, future)
}

/// Runs a simulation of what `make_future` makes for each of `seeds`, up to the first that fails.
///
/// If the environment variable `WAITLINE_SIM_SEED` is set, that seed is run and no other.
///
/// # Panics
///
/// If a run panics or [stalls](Stalled). The message contains the seed, and how to run it again. If this thread is
/// already running an event loop.
///
/// # Examples
///
/// ```
/// use waitline_executor::{sim, spawn, sync::Event};
///
/// sim::many(0..100, || async {
///     let event = std::sync::Arc::new(Event::new());
///     let setter = event.clone();
///     let task = spawn(async move { setter.set() });
///     event.wait().await;
///     assert!(task.await.unwrap());
/// });
/// ```
#[track_caller]
pub fn many<F: Future>(seeds: impl IntoIterator<Item = u64>, make_future: impl FnMut() -> F) {
    Builder::new().many(seeds, make_future);
}

/// The hash of everything that has happened in the running simulation: which task was polled, among how many ready
/// tasks, when the time advanced, and each random number that the program has drawn.
///
/// Two runs with equal hashes took the same course. It is the same in debug and release builds, and on every platform.
///
/// # Panics
///
/// Outside of a simulation.
///
/// # Examples
///
/// ```
/// use waitline_executor::{sim, yield_now};
///
/// let trace = || sim::run(1, async { yield_now().await; sim::trace_hash() }).unwrap();
/// assert_eq!(trace(), trace());
/// ```
#[track_caller]
pub fn trace_hash() -> u64 {
    with_simulation("sim::trace_hash", Simulation::trace)
}

/// Which of the tasks that are ready is polled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Order {
    /// A random one, which follows from the seed.
    #[default]
    Random,
    /// The one that has been ready longest, as in [`run`](crate::run).
    Fifo,
}

/// Sets up simulations.
///
/// # Examples
///
/// ```
/// use waitline_executor::{sim::{Builder, Order}, spawn, yield_now};
///
/// let spins = async {
///     loop {
///         yield_now().await;
///     }
/// };
/// let stalled = Builder::new().order(Order::Fifo).max_polls(1000).run(0, spins).unwrap_err();
/// assert!(stalled.is_livelock());
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `run` or `many`"]
pub struct Builder {
    order: Order,
    max_polls: u64,
    start: Option<Instant>,
}

impl Builder {
    /// A random order, at most ten million polls, and the time of the call to start with.
    pub fn new() -> Self {
        Self { order: Order::Random, max_polls: 10_000_000, start: None }
    }

    /// Which of the tasks that are ready is polled next.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The number of polls after which the simulation counts as one that never ends.
    pub fn max_polls(mut self, polls: u64) -> Self {
        self.max_polls = polls;
        self
    }

    /// The time at which the clock starts. The default is the time of the call to [`run`](Self::run).
    pub fn start(mut self, time: Instant) -> Self {
        self.start = Some(time);
        self
    }

    /// As [`sim::run`](run).
    ///
    /// # Errors
    ///
    /// [`Stalled`], if the simulation does not end.
    ///
    /// # Panics
    ///
    /// As [`run`](crate::run).
    #[track_caller]
    pub fn run<F: Future>(&self, seed: u64, future: F) -> Result<F::Output, Stalled> {
        self.run_at(Location::caller(), seed, future)
    }

    #[track_caller]
    fn run_at<F: Future>(
        &self,
        location: &'static Location<'static>,
        seed: u64,
        future: F,
    ) -> Result<F::Output, Stalled> {
        let begin = self.start.unwrap_or_else(Instant::now);
        let scheduler = Scheduler::new(seed, begin, self.order, self.max_polls);
        let (outcome, stalled) = drive("sim::run", location, scheduler, future);
        match (outcome, stalled) {
            (Err(panic), _) => resume_unwind(panic),
            (Ok(_), Some(stalled)) => Err(stalled),
            (Ok(output), None) => Ok(output.expect("without a stall there is an output")),
        }
    }

    /// As [`sim::many`](many).
    ///
    /// # Panics
    ///
    /// As [`sim::many`](many), and if the environment variable is not a number.
    #[track_caller]
    pub fn many<F: Future>(&self, seeds: impl IntoIterator<Item = u64>, mut make_future: impl FnMut() -> F) {
        let location = Location::caller();
        runtime::check_outside("sim::many");
        let only = env::var(SEED_VARIABLE).ok().map(|seed| match seed.trim().parse() {
            Ok(seed) => seed,
            Err(error) => panic!("{SEED_VARIABLE}={seed} is not a seed: {error}"),
        });
        let seeds: &mut dyn Iterator<Item = u64> = match only {
            Some(_) => &mut only.into_iter(),
            None => &mut seeds.into_iter(),
        };
        for seed in seeds {
            let cause = match catch_unwind(AssertUnwindSafe(|| self.run_at(location, seed, make_future()))) {
                Ok(Ok(_)) => continue,
                Ok(Err(stalled)) => stalled.to_string(),
                Err(panic) => message(&*panic).to_owned(),
            };
            // The test harness names the thread of a test after the test.
            let thread = thread::current();
            let test = thread.name().filter(|name| *name != "main").map(|name| format!(" {name}")).unwrap_or_default();
            panic!("{cause}\nseed {seed} fails; to run it alone: {SEED_VARIABLE}={seed} cargo test{test}");
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message")
}
