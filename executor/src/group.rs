//! Waiting for several futures.

use crate::children::Children;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Runs all futures concurrently within this task, and returns their outputs in the order of the futures.
///
/// They need not be `'static` or `Send`, and are polled only when they were woken. Works on any executor.
///
/// As asyncio's `gather`, which makes each argument a task. To have that, for instance to use several threads, gather
/// handles: `gather((0..4).map(|n| spawn(work(n))))`. A panic in one of the futures is a panic of the gathering task;
/// asyncio's `return_exceptions=True` is what handles give, a `Result` each.
///
/// # Cancel safety
///
/// Dropping it drops all the futures. Outputs that are there already are lost.
///
/// # Examples
///
/// ```
/// use waitline_executor::{gather, run, sleep};
/// use std::time::Duration;
///
/// let squares = run(gather((0..4_u64).map(|n| async move {
///     sleep(Duration::from_millis(4 - n)).await;
///     n * n
/// })));
/// assert_eq!(squares, [0, 1, 4, 9]);
/// ```
pub fn gather<I>(futures: I) -> Gather<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let children = Children::new(futures);
    let outputs = (0..children.len()).map(|_| None).collect();
    Gather { children, outputs }
}

/// The future of [`gather`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Gather<F: Future> {
    children: Children<F>,
    outputs: Vec<Option<F::Output>>,
}

// Nothing in it is pinned but the futures, which are in boxes.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match this.children.poll_next(cx) {
                Poll::Ready(Some((index, output))) => this.outputs[index] = Some(output),
                Poll::Ready(None) => return Poll::Ready(this.outputs.drain(..).flatten().collect()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gather").field(&self.children).finish()
    }
}
