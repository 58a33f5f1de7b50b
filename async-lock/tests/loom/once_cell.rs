//! Models of the cell that is set once. Every reader reads the value, whose accesses loom checks for races.

use std::{future::ready, pin::Pin, sync::Arc, task::Poll};
use waitline::testing::{block_on, model, poll_once, spawn};
use waitline_lock::OnceCell;

/// A call with an `Arc` of the cell, so that it can move to another thread.
type Call = Pin<Box<dyn Future<Output = usize> + Send>>;

/// A call that makes `value`, after it was polled `polls` times.
fn call(cell: &Arc<OnceCell<usize>>, value: usize, polls: usize) -> Call {
    let cell = cell.clone();
    let make = async move || {
        for _ in 0..polls {
            yield_once().await;
        }
        value
    };
    Box::pin(async move { *cell.get_or_init(make).await })
}

/// Pending once. Wakes itself.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// `get` against `set`: what is seen is complete.
#[test]
fn get_against_set() {
    model("once cell: get against set", || {
        let cell = Arc::new(OnceCell::new());
        let getter = spawn({
            let cell = cell.clone();
            move || cell.get().copied()
        });
        // Here and not there: loom looks for another order only at the last access before, and `set` loads first.
        cell.set(7).unwrap();
        assert!(getter.join().unwrap().is_none_or(|value| value == 7));
        assert_eq!(cell.get(), Some(&7));
    });
}

/// Three calls: one makes the value, and all have it.
#[test]
fn three_calls() {
    model("once cell: three calls", || {
        let cell = Arc::new(OnceCell::new());
        let others = [2, 3].map(|value| {
            let call = call(&cell, value, 1);
            spawn(move || block_on(call))
        });
        let mine = block_on(call(&cell, 1, 1));
        for other in others {
            assert_eq!(other.join().unwrap(), mine);
        }
    });
}

/// A wait and a call against `set`, in several rounds: both have its value or, if it comes too late, the call's.
#[test]
fn a_wait_and_a_call_against_set() {
    model("once cell: wait and get_or_init against set", || {
        let cell = Arc::new(OnceCell::new());
        let waiter = spawn({
            let cell = cell.clone();
            move || *block_on(cell.wait())
        });
        let setter = spawn({
            let cell = cell.clone();
            move || cell.set(7).is_ok()
        });
        let mine = block_on(call(&cell, 1, 0));
        let set = setter.join().unwrap();
        assert_eq!((mine, waiter.join().unwrap()), if set { (7, 7) } else { (1, 1) });
    });
}

/// The call that initializes is dropped, while one waits behind it and another one comes.
#[test]
fn cancel_of_the_initialization() {
    model("once cell: the initializing call is dropped, one waits, one comes", || {
        let cell = Arc::new(OnceCell::new());
        let mut first = call(&cell, 1, 9);
        assert!(poll_once(first.as_mut()).is_pending());
        let mut second = call(&cell, 2, 1);
        assert!(poll_once(second.as_mut()).is_pending());
        let canceller = spawn(move || drop(first));
        let newcomer = spawn({
            let call = call(&cell, 3, 0);
            move || block_on(call)
        });
        assert_eq!(block_on(second), 2, "a newcomer passed");
        assert_eq!(newcomer.join().unwrap(), 2);
        canceller.join().unwrap();
    });
}

/// A call that waits, or has been granted the right, is dropped against the end of the one that initializes: the third
/// takes over.
#[test]
fn cancel_of_a_waiting_or_granted_call() {
    model("once cell: a waiting or granted call is dropped", || {
        let cell = Arc::new(OnceCell::new());
        let [mut first, mut second, mut third] =
            [(1, 9), (2, 0), (3, 0)].map(|(value, polls)| call(&cell, value, polls));
        for call in [&mut first, &mut second, &mut third] {
            assert!(poll_once(call.as_mut()).is_pending());
        }
        let canceller = spawn(move || drop(second));
        let failer = spawn(move || drop(first));
        assert_eq!(block_on(third), 3);
        canceller.join().unwrap();
        failer.join().unwrap();
    });
}

/// `set` against the end of an initialization by failure, with a call and a wait behind it.
#[test]
fn set_against_a_failure() {
    model("once cell: set against a failing initialization", || {
        let cell = Arc::new(OnceCell::new());
        let mut first = call(&cell, 1, 9);
        assert!(poll_once(first.as_mut()).is_pending());
        let mut second = call(&cell, 2, 0);
        assert!(poll_once(second.as_mut()).is_pending());
        let failer = spawn(move || drop(first));
        let setter = spawn({
            let cell = cell.clone();
            move || cell.set(7).is_ok()
        });
        let second = block_on(second);
        let set = setter.join().unwrap();
        failer.join().unwrap();
        assert_eq!(second, if set { 7 } else { 2 });
        assert_eq!(cell.get(), Some(&second));
    });
}

/// Two values at once: one of them wins, and the other call has it, too.
#[test]
fn set_against_the_end_of_an_initialization() {
    model("once cell: set against the end of an initialization", || {
        let cell = Arc::new(OnceCell::new());
        let mut first = call(&cell, 1, 1);
        assert!(poll_once(first.as_mut()).is_pending());
        let setter = spawn({
            let cell = cell.clone();
            move || cell.set(7).is_ok()
        });
        let first = block_on(first);
        assert_eq!(first, if setter.join().unwrap() { 7 } else { 1 });
        assert_eq!(cell.get(), Some(&first));
    });
}

/// A wait is dropped against the rounds of wake-ups of `set`. The other one is woken.
#[test]
fn cancel_of_a_wait_against_set() {
    model("once cell: cancel of a wait against set", || {
        let cell = Arc::new(OnceCell::new());
        let wait = |cell: &Arc<OnceCell<usize>>| -> Call {
            let cell = cell.clone();
            let mut wait: Call = Box::pin(async move { *cell.wait().await });
            assert!(poll_once(wait.as_mut()).is_pending());
            wait
        };
        let (cancelled, other) = (wait(&cell), wait(&cell));
        let canceller = spawn(move || drop(cancelled));
        let setter = spawn({
            let cell = cell.clone();
            move || cell.set(7).unwrap()
        });
        assert_eq!(block_on(other), 7);
        canceller.join().unwrap();
        setter.join().unwrap();
    });
}

/// Threads that block wait behind a future.
#[test]
fn a_blocking_call_behind_a_future() {
    model("once cell: a blocking call behind a future", || {
        let cell = Arc::new(OnceCell::new());
        let mut first = call(&cell, 1, 1);
        assert!(poll_once(first.as_mut()).is_pending());
        let blocking = spawn({
            let cell = cell.clone();
            move || *cell.get_or_init_blocking(|| 2)
        });
        assert_eq!((block_on(first), blocking.join().unwrap()), (1, 1));
        assert_eq!(*block_on(cell.get_or_init(|| ready(3))), 1);
    });
}
