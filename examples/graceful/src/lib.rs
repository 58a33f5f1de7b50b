//! Orders come in from several sources, wait in a bounded queue, and are worked on. When it is time to stop, nothing new is
//! accepted, and what was accepted is done, within a grace time.
//!
//! ```text
//! cargo run -p graceful            # then press Ctrl-C, or send a SIGTERM
//! ```
//!
//! | step | by |
//! |---|---|
//! | everybody learns that it is time to stop | `Event::set` |
//! | no source accepts another order; those that wait for room leave empty-handed | `Queue::reserve` raced against the event |
//! | all sources have ended | `TaskGroup::join_all` |
//! | the workers do what is left, and end | `Queue::close` |
//! | or not, within the grace time: whoever is left is cancelled | `timeout`, and the drop of the group |
//!
//! A source asks for a place in the queue *before* it accepts an order. So there is no moment at which an order is accepted
//! and can still be refused: a [slot](waitline_queue::Slot) is a promise, which a `close` keeps.
#![forbid(unsafe_code)]

use futures_lite::future;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline_event::Event;
use waitline_executor::{TaskGroup, now, timeout};
use waitline_queue::Queue;

/// How much runs at a time.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Tasks that accept orders.
    pub sources: usize,
    /// Orders that may wait.
    pub waiting: usize,
    /// Tasks that work on them.
    pub workers: usize,
    /// The time from the stop to the end.
    pub grace: Duration,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Orders that were accepted.
    pub accepted: usize,
    /// Those of them that are done.
    pub done: usize,
    /// The time from the stop to the end, at most the grace time and what a cancelled task's destructors take.
    pub took: Duration,
}

/// Accepts orders with `accept` and does them with `work`, until `stop` is set; then does what was accepted.
///
/// # Panics
///
/// At the end, if `accept` or `work` has panicked.
pub async fn serve<T, A, W, Accepting, Working>(plan: Plan, stop: Arc<Event>, accept: A, work: W) -> Outcome
where
    T: Send + 'static,
    A: Fn() -> Accepting + Clone + Send + 'static,
    W: Fn(T) -> Working + Clone + Send + 'static,
    Accepting: Future<Output = T> + Send,
    Working: Future<Output = ()> + Send,
{
    let queue = Arc::new(Queue::bounded(plan.waiting));
    let (accepted, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));

    let mut sources = TaskGroup::new();
    for _ in 0..plan.sources {
        let (queue, stop, accept, accepted) = (queue.clone(), stop.clone(), accept.clone(), accepted.clone());
        sources.spawn(async move {
            while let Some(Ok(slot)) = before(&stop, queue.reserve()).await {
                // An order that is half accepted is dropped here, and was not accepted.
                let Some(order) = before(&stop, accept()).await else { break };
                accepted.fetch_add(1, Ordering::Relaxed);
                assert!(slot.put(order).is_ok(), "a slot is a promise");
            }
        });
    }
    let mut workers = TaskGroup::new();
    for _ in 0..plan.workers {
        let (queue, work, done) = (queue.clone(), work.clone(), done.clone());
        workers.spawn(async move {
            while let Ok(order) = queue.get().await {
                work(order).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    stop.wait().await;
    let begin = now();
    let drained = async move {
        sources.join_all().await.expect("a source panicked");
        queue.close();
        workers.join_all().await.expect("a worker panicked");
    };
    // If it is late, `drained` is dropped, and the groups with it: their tasks are cancelled.
    _ = timeout(plan.grace, drained).await;
    Outcome {
        accepted: accepted.load(Ordering::Relaxed),
        done: done.load(Ordering::Relaxed),
        took: now().duration_since(begin),
    }
}

/// The output of `future`, or `None` if it is time to stop first.
async fn before<T>(stop: &Event, future: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        stop.wait().await;
        None
    };
    future::or(stopped, async { Some(future.await) }).await
}
