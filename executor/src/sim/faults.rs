//! Fault injection.

use super::scheduler::{try_with_simulation, with_simulation};
use crate::task::JoinHandle;

/// Returns `true` with a probability of `p` in a simulation, and always `false` outside of one: for fault injection.
///
/// It may stay in production code: an injected error, a delay, a short read. May be called anywhere.
///
/// # Panics
///
/// If `p` is not a number from 0 to 1, also outside of a simulation.
///
/// # Examples
///
/// ```
/// use std::io;
/// use waitline_executor::sim;
///
/// async fn send() -> io::Result<()> {
///     if sim::chance(0.5) {
///         return Err(io::ErrorKind::ConnectionReset.into());
///     }
///     Ok(())
/// }
///
/// let failures = (0..100).filter(|seed| sim::run(*seed, send()).unwrap().is_err()).count();
/// assert!((30..70).contains(&failures));
/// assert!(!sim::chance(1.0), "not in a simulation");
/// ```
#[track_caller]
pub fn chance(p: f64) -> bool {
    assert!((0.0..=1.0).contains(&p), "`sim::chance({p})`: a probability is a number from 0 to 1");
    try_with_simulation(|simulation| simulation.draw(|random| u64::from(random.chance(p)))) == Some(1)
}

/// Cancels the task at a random one of its `.await`s, or not at all if it ends first: for tests of cancel safety.
///
/// Small numbers of polls are as likely as large ones, up to 64. The cancellation is [`JoinHandle::cancel`]: the task
/// may be waiting, or may just have been granted what it waits for, and other tasks may run before the task's future is
/// dropped.
///
/// # Panics
///
/// Outside of a simulation.
///
/// # Examples
///
/// A `get` that is cancelled has not taken an item, wherever it was:
///
/// ```
/// use std::sync::Arc;
/// use waitline_executor::{sim, spawn, sync::Queue};
///
/// sim::many(0..100, || async {
///     let queue = Arc::new(Queue::bounded(1));
///     let there = queue.clone();
///     let getter = spawn(async move { there.get().await });
///     sim::cancel_at_random(&getter);
///     queue.put(1).await.unwrap();
///     let taken = getter.await.is_ok();
///     assert_eq!(queue.len(), if taken { 0 } else { 1 });
/// });
/// ```
#[track_caller]
pub fn cancel_at_random<T>(task: &JoinHandle<T>) {
    with_simulation("sim::cancel_at_random", |simulation| simulation.doom(task.id(), task.key()));
}
