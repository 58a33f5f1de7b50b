//! Futures that are polled after they were ready: all say the same, and change nothing.

use std::{
    future::{Future, pending, ready},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use waitline::testing::{panic_message, poll_once};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{
    ReturnWhen, TaskGroup, as_completed, gather, interval, now, run, run_blocking, sleep, sleep_until, spawn,
    spawn_with_cleanup, timeout, timeout_at, try_gather, wait, yield_now,
};

/// Awaits `future` to its end, and polls it twice again.
async fn poll_again<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let output = future.as_mut().await;
    for _ in 0..2 {
        let message = panic_message(|| poll_once(future.as_mut()));
        assert_eq!(message.as_deref(), Some("a waiting future was polled after it was ready"));
    }
    output
}

const SHORT: Duration = Duration::from_millis(1);

#[cfg(feature = "sim")]
#[test]
fn a_sleep_or_a_turn_polled_again_says_so() {
    sim::run(0, async {
        poll_again(pin!(sleep(SHORT))).await;
        poll_again(pin!(sleep(Duration::ZERO))).await;
        poll_again(pin!(sleep_until(now()))).await;
        poll_again(pin!(yield_now())).await;
    })
    .unwrap();
}

#[cfg(feature = "sim")]
#[test]
fn a_timeout_polled_again_says_so_whether_it_was_in_time_or_not() {
    sim::run(0, async {
        assert_eq!(poll_again(pin!(timeout(SHORT, ready(1)))).await, Ok(1));
        assert_eq!(poll_again(pin!(timeout(SHORT, async { 1 }))).await, Ok(1));
        assert!(poll_again(pin!(timeout(SHORT, pending::<()>()))).await.is_err());
        assert!(poll_again(pin!(timeout_at(now(), pending::<()>()))).await.is_err());
    })
    .unwrap();
}

#[cfg(feature = "sim")]
#[test]
fn a_tick_polled_again_says_so_and_takes_no_other_tick() {
    sim::run(0, async {
        let mut ticks = interval(SHORT);
        let first = poll_again(pin!(ticks.tick())).await;
        sleep(SHORT * 5 / 2).await;
        assert_eq!(poll_again(pin!(ticks.tick())).await, first + SHORT);
        assert_eq!(poll_again(pin!(ticks.tick())).await, first + 3 * SHORT);
    })
    .unwrap();
}

#[test]
fn a_handle_polled_again_says_so_and_still_knows_its_task() {
    run(async {
        let mut task = spawn(async { 1 });
        let id = task.id();
        assert_eq!(poll_again(Pin::new(&mut task)).await.unwrap(), 1);
        assert!(task.is_finished() && !task.cancel());
        assert_eq!(task.id(), id);
        let mut cancelled = spawn(pending::<()>());
        cancelled.cancel();
        assert!(poll_again(Pin::new(&mut cancelled)).await.unwrap_err().is_cancelled());
        assert_eq!(poll_again(pin!(run_blocking(|| 1))).await.unwrap(), 1);
    });
}

#[test]
fn a_group_polled_again_says_so() {
    run(async {
        assert_eq!(poll_again(pin!(gather([ready(1), ready(2)]))).await, [1, 2]);
        assert_eq!(poll_again(pin!(try_gather([async { Ok::<_, ()>(1) }]))).await, Ok(vec![1]));
        assert_eq!(poll_again(pin!(try_gather([ready(Ok(1)), ready(Err(2))]))).await, Err(2));
        let tasks = [spawn(async { 1 }), spawn(pending())];
        let (done, left) = poll_again(pin!(wait(tasks, ReturnWhen::FirstCompleted))).await;
        assert_eq!((done.len(), left.len()), (1, 1));
        let mut group = TaskGroup::new();
        (0..3).for_each(|n| _ = group.spawn(async move { n }));
        assert_eq!(poll_again(pin!(group.join_next())).await.unwrap().unwrap(), 0);
        assert_eq!(group.len(), 2, "the second poll took none");
        assert_eq!(poll_again(pin!(group.join_all())).await.unwrap(), [1, 2]);
        let mut failing = TaskGroup::<()>::new();
        failing.spawn(async { panic!("a member") });
        assert!(poll_again(pin!(failing.join_all())).await.unwrap_err().is_panic());
    });
}

#[test]
fn a_stream_of_what_is_completed_stays_at_its_end() {
    use futures_lite::StreamExt;

    run(async {
        let mut both = as_completed([ready(1), ready(2)]);
        assert_eq!((both.next().await, both.next().await), (Some(1), Some(2)));
        for _ in 0..2 {
            assert_eq!(poll_once(pin!(both.next())), Poll::Ready(None));
        }
    });
}

#[cfg(feature = "sim")]
#[test]
fn the_handle_of_a_task_that_a_stalled_simulation_has_dropped_says_so() {
    let mut handles = Vec::new();
    let stalled = sim::run(0, async {
        handles.push(spawn_with_cleanup(pending::<()>(), pending()));
        handles.push(spawn_with_cleanup(pending::<()>(), pending()));
        assert!(poll_once(Pin::new(&mut handles[0])).is_pending());
    });
    assert!(stalled.is_err(), "the cleanups wait for ever");
    for mut task in handles {
        assert!(run(poll_again(Pin::new(&mut task))).unwrap_err().is_cancelled());
    }
}
