//! Giving the other tasks a turn.

use super::polled_after_ready;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Gives every task that is ready a turn before this one continues. Like `asyncio.sleep(0)`.
///
/// Works on any executor.
///
/// # Examples
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use waitline_executor::{run, spawn_local, yield_now};
///
/// let order = Rc::new(RefCell::new(Vec::new()));
/// run(async {
///     let task = spawn_local({
///         let order = order.clone();
///         async move { order.borrow_mut().push("task") }
///     });
///     order.borrow_mut().push("before");
///     yield_now().await;
///     order.borrow_mut().push("after");
///     task.await.unwrap();
/// });
/// assert_eq!(*order.borrow(), ["before", "task", "after"]);
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { turn: Turn::Mine }
}

/// The future of [`yield_now`].
///
/// ```
/// use waitline_executor::{YieldNow, run, yield_now};
/// let turn: YieldNow = yield_now();
/// run(turn);
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct YieldNow {
    turn: Turn,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    Mine,
    Others,
    Over,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.turn {
            Turn::Mine => {
                self.turn = Turn::Others;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Turn::Others => {
                self.turn = Turn::Over;
                Poll::Ready(())
            }
            Turn::Over => polled_after_ready(),
        }
    }
}
