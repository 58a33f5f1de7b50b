//! Futures that were polled in one event loop and are awaited in another one.

use std::{
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::mpsc,
    task::{Poll, Waker},
    thread,
    time::Duration,
};
use waitline::testing::{CountingWaker, inline_waker, panic_message, panicking_waker, poll_once, poll_with};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{
    CancelToken, Executor, TaskGroup, gather, interval, now, run, sleep, sleep_until, spawn, timeout,
};

const SHORT: Duration = Duration::from_millis(10);

/// For waits whose end is in a simulation, which takes no time.
const LONG: Duration = Duration::from_secs(3600);

/// Polls `future` once in an event loop of its own, with the waker of its main future. Whether it is pending.
fn poll_in_a_loop<F: Future>(mut future: Pin<&mut F>) -> bool {
    run(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())))
}

#[test]
fn a_sleep_that_began_in_a_loop_that_has_ended_goes_on_in_the_next() {
    let begin = now();
    let mut sleep = Box::pin(sleep(SHORT));
    // On a busy machine the time is over sooner.
    if (0..3).all(|_| poll_in_a_loop(sleep.as_mut())) {
        run(sleep);
    }
    assert!(now() - begin >= SHORT, "it keeps its deadline");
}

#[cfg(feature = "sim")]
#[test]
fn a_sleep_moves_between_all_kinds_of_loops() {
    let executor = Executor::builder().threads(1).build();
    let (begin, mut sleep) = (now(), Box::pin(sleep(LONG)));
    assert!(poll_in_a_loop(sleep.as_mut()));
    let [mut sleep] = executor.run(async move {
        let polls = spawn(async move {
            assert!(poll_once(sleep.as_mut()).is_pending());
            [sleep]
        });
        polls.await.unwrap()
    });
    assert!(poll_in_a_loop(sleep.as_mut()));
    assert!(executor.run(async { poll_once(sleep.as_mut()).is_pending() }));
    let end = sim::run(0, async {
        sleep.await;
        now()
    });
    assert!(end.unwrap() >= begin + LONG);
}

#[test]
fn a_sleep_that_began_elsewhere_ends_in_a_task_of_an_executor() {
    let executor = Executor::builder().threads(1).build();
    let mut sleep = Box::pin(sleep(SHORT));
    assert!(poll_in_a_loop(sleep.as_mut()));
    executor.run(executor.spawn(sleep)).unwrap();
}

#[test]
fn a_sleep_moves_to_another_loop_while_the_first_one_is_blocked() {
    run(async {
        let mut sleep = Box::pin(sleep(SHORT));
        assert!(poll_once(sleep.as_mut()).is_pending());
        // The timers of this loop fire for nobody until this has returned.
        thread::spawn(move || run(sleep)).join().unwrap();
    });
}

#[test]
fn a_sleep_outlives_the_executor_that_it_began_in() {
    for dropped_by_a_worker in [false, true] {
        let executor = Executor::builder().threads(2).build();
        let mut sleep = Box::pin(sleep(SHORT));
        executor.run(async { assert!(poll_once(sleep.as_mut()).is_pending()) });
        if dropped_by_a_worker {
            let (give, take) = mpsc::channel::<Executor>();
            drop(executor.spawn(async move { drop(take.recv().unwrap()) }));
            give.send(executor).unwrap();
        } else {
            drop(executor);
        }
        run(sleep);
    }
}

#[cfg(feature = "sim")]
#[test]
fn a_timer_that_fired_in_the_old_loop_has_fired() {
    let mut sleep = Box::pin(sleep(LONG));
    sim::run(0, async {
        assert!(poll_once(sleep.as_mut()).is_pending());
        waitline_executor::sleep(LONG).await;
    })
    .unwrap();
    run(sleep);
}

#[cfg(feature = "sim")]
#[test]
fn timeouts_ticks_and_groups_move_as_their_sleeps_do() {
    let mut expired = Box::pin(timeout(LONG, pending::<()>()));
    assert!(poll_in_a_loop(expired.as_mut()));
    assert!(sim::run(0, expired).unwrap().is_err());

    let mut ticks = interval(LONG);
    let first = run(async { ticks.tick().await });
    let mut tick = Box::pin(ticks.tick());
    assert!(poll_in_a_loop(tick.as_mut()));
    assert_eq!(sim::run(0, tick).unwrap(), first + LONG);

    // The sleeps are polled again only if their wakers are woken.
    let mut both = Box::pin(gather([sleep(LONG), sleep(2 * LONG)]));
    assert!(poll_in_a_loop(both.as_mut()));
    assert_eq!(sim::run(0, both).unwrap().len(), 2);
}

#[test]
fn the_end_of_a_loop_wakes_those_who_sleep_by_its_timers() {
    let (waker, mut sleep) = (CountingWaker::new(), Box::pin(sleep(LONG)));
    run(async { assert!(waker.poll(sleep.as_mut()).is_pending()) });
    assert_eq!((waker.count(), waker.held()), (1, 0));

    // Such as a thread that awaits it without a loop: it is told what it needs.
    let message = panic_message(|| poll_once(sleep.as_mut())).unwrap();
    assert!(message.starts_with("`sleep` needs a running event loop"), "{message}");
}

#[test]
fn the_end_of_a_loop_tells_a_thread_that_sleeps_without_one() {
    let (send, has_polled) = mpsc::channel();
    let thread = run(async {
        let mut sleep = Box::pin(sleep(LONG));
        assert!(poll_once(sleep.as_mut()).is_pending());
        let thread = thread::spawn(move || {
            let polls = poll_fn(|cx| {
                let poll = sleep.as_mut().poll(cx);
                send.send(()).unwrap();
                poll
            });
            panic_message(|| futures_lite::future::block_on(polls))
        });
        has_polled.recv().unwrap();
        thread
    });
    let message = thread.join().unwrap().unwrap();
    assert!(message.starts_with("`sleep` needs a running event loop"), "{message}");
}

#[test]
fn a_waker_that_panics_at_the_end_of_a_loop_costs_the_others_nothing() {
    let counter = CountingWaker::new();
    let mut sleeps = [(); 3].map(|()| Box::pin(sleep(LONG)));
    let wakers: [Waker; 3] = [panicking_waker(), counter.waker(), panicking_waker()];
    run(async {
        for (sleep, waker) in sleeps.iter_mut().zip(&wakers) {
            assert!(poll_with(sleep.as_mut(), waker).is_pending());
        }
    });
    assert_eq!(counter.count(), 1);
}

#[test]
fn a_waker_that_polls_at_the_end_of_a_loop_finds_none() {
    let (send, receive) = mpsc::channel();
    let nap = Box::pin(async move {
        sleep_until(now() + LONG).await;
    });
    let waker = inline_waker(nap, |()| unreachable!("nobody waits an hour"));
    run(async {
        // Polls the sleep in here; the loop's end wakes it, which polls it outside.
        waker.wake_by_ref();
        send.send(()).unwrap();
    });
    receive.recv().unwrap();
}

#[test]
fn handles_tokens_and_groups_can_be_awaited_in_another_loop() {
    let executor = Executor::builder().threads(1).build();
    let (release, released) = mpsc::channel::<()>();
    let mut task = Box::pin(executor.spawn(async move { released.recv().unwrap() }));
    assert!(poll_in_a_loop(task.as_mut()));
    release.send(()).unwrap();
    run(task).unwrap();

    // The end of the loop has cancelled it.
    let mut tasks = run(async { [spawn(pending::<()>())] });
    assert!(run(&mut tasks[0]).unwrap_err().is_cancelled());

    let token = CancelToken::new();
    let mut cancelled = Box::pin(token.cancelled());
    assert!(poll_in_a_loop(cancelled.as_mut()));
    token.cancel();
    run(cancelled);

    let mut group = executor.run(async {
        let mut group = TaskGroup::new();
        group.spawn(sleep(SHORT));
        group
    });
    run(async { group.join_next().await.unwrap().unwrap() });
}
