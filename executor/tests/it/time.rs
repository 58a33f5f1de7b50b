use crate::{DropCount, SCHEDULES};
use std::{
    cell::RefCell,
    future::{Future, pending, ready},
    pin::pin,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};
use waitline::testing::CountingWaker;
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{gather, interval, now, run, sleep, sleep_until, spawn_local, timeout, timeout_at, yield_now};

const CENTURIES: Duration = Duration::from_secs(300 * 365 * 86_400);

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    let log = Rc::new(RefCell::new(Vec::new()));
    run(async {
        let begin = now();
        let tasks = [30, 10, 20, 10].into_iter().enumerate().map(|(index, delay)| {
            let log = log.clone();
            spawn_local(async move {
                sleep_until(begin + Duration::from_millis(delay)).await;
                assert!(now() >= begin + Duration::from_millis(delay), "a sleep never ends early");
                log.borrow_mut().push(index);
            })
        });
        gather(tasks.collect::<Vec<_>>()).await;
    });
    assert_eq!(*log.borrow(), [1, 3, 2, 0]);
}

#[cfg(feature = "sim")]
#[test]
fn a_sleep_begins_with_its_first_poll() {
    sim::many(SCHEDULES, || async {
        let late = sleep(Duration::from_millis(20));
        sleep(Duration::from_millis(10)).await;
        let begin = now();
        late.await;
        assert_eq!(now() - begin, Duration::from_millis(20));
    });
}

#[test]
fn a_sleep_of_zero_gives_the_others_one_turn() {
    let log = Rc::new(RefCell::new(Vec::new()));
    run(async {
        let there = log.clone();
        drop(spawn_local(async move {
            loop {
                there.borrow_mut().push("other");
                yield_now().await;
            }
        }));
        for sleep in [sleep(Duration::ZERO), sleep_until(now())] {
            log.borrow_mut().push("main");
            sleep.await;
        }
    });
    assert_eq!(*log.borrow(), ["main", "other", "main", "other"]);
}

#[test]
fn centuries_are_longer_than_any_test() {
    run(async {
        for duration in [CENTURIES, Duration::MAX, Duration::from_secs(u64::MAX)] {
            let expired = timeout(Duration::from_millis(1), sleep(duration)).await;
            assert!(expired.is_err());
            assert_eq!(timeout(duration, ready(1)).await, Ok(1));
        }
        // A loop with nothing but such timers still wakes for a nearer one.
        drop(spawn_local(sleep(CENTURIES)));
        drop(spawn_local(sleep(Duration::MAX)));
        sleep(Duration::from_millis(1)).await;
    });
}

#[test]
fn timeout_returns_what_is_ready_even_with_no_time() {
    run(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert_eq!(timeout_at(now(), ready(1)).await, Ok(1));
        let error = timeout(Duration::ZERO, pending::<()>()).await.unwrap_err();
        assert_eq!(error.to_string(), "the future was not done in time");
        assert!(timeout_at(now(), pending::<()>()).await.is_err());
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_timeout_drops_its_future() {
    sim::many(SCHEDULES, || async {
        let drops = DropCount::default();
        let guard = drops.guard();
        let expired = timeout(Duration::from_millis(1), async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(expired.await.is_err());
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn a_dropped_sleep_lets_go_of_its_waker() {
    run(async {
        let waker = CountingWaker::new();
        let mut sleep = Box::pin(sleep(Duration::from_secs(3600)));
        assert!(waker.poll(sleep.as_mut()).is_pending());
        assert_eq!(waker.held(), 1);
        drop(sleep);
        assert_eq!(waker.held(), 0);
    });
}

#[cfg(feature = "sim")]
#[test]
fn only_the_latest_waker_of_a_sleep_is_woken() {
    sim::many(SCHEDULES, || async {
        let (old, new) = (CountingWaker::new(), CountingWaker::new());
        let mut polled = pin!(sleep(Duration::from_millis(5)));
        assert!(old.poll(polled.as_mut()).is_pending());
        assert!(new.poll(polled.as_mut()).is_pending());
        assert_eq!(old.held(), 0);
        sleep(Duration::from_millis(10)).await;
        assert_eq!((old.count(), new.count()), (0, 1));
        assert!(new.poll(polled.as_mut()).is_ready());
    });
}

#[test]
fn a_sleep_may_change_threads_after_its_first_poll() {
    run(async {
        let mut moved = Box::pin(sleep(Duration::from_millis(5)));
        assert!(moved.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let thread = std::thread::spawn(move || futures_lite::future::block_on(moved));
        // This loop fires the timer, and the other thread is woken.
        waitline_executor::run_blocking(move || thread.join().unwrap()).await.unwrap();
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_panicking_waker_costs_other_timers_nothing() {
    sim::many(SCHEDULES, || async {
        let mut sleeps: Vec<_> = (0..3).map(|_| Box::pin(sleep(Duration::from_millis(1)))).collect();
        let counts: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
        for (index, sleep) in sleeps.iter_mut().enumerate() {
            let polled = if index == 1 {
                waitline::testing::poll_with(sleep.as_mut(), &waitline::testing::panicking_waker())
            } else {
                counts[index].poll(sleep.as_mut())
            };
            assert!(polled.is_pending());
        }
        sleep(Duration::from_millis(5)).await;
        assert_eq!((counts[0].count(), counts[2].count()), (1, 1));
    });
}

#[test]
fn ten_thousand_sleeps_end() {
    let ended = run(async {
        let tasks: Vec<_> = (0..10_000)
            .map(|_| {
                spawn_local(async {
                    sleep(Duration::from_millis(20)).await;
                    1
                })
            })
            .collect();
        let mut ended = 0;
        for task in tasks {
            ended += task.await.unwrap();
        }
        ended
    });
    assert_eq!(ended, 10_000);
}

#[test]
fn an_interval_ticks_at_once_and_then_at_its_beat() {
    run(async {
        let period = Duration::from_millis(3);
        let mut interval = interval(period);
        let first = interval.tick().await;
        assert!(now() >= first);
        // A dropped tick is not lost.
        assert!(timeout(Duration::ZERO, interval.tick()).await.is_err());
        for turn in 1..4 {
            let due = interval.tick().await;
            assert!(now() >= due);
            let beats = (due - first).as_nanos() / period.as_nanos();
            assert!(beats >= turn && (due - first).as_nanos() % period.as_nanos() == 0, "due {:?}", due - first);
        }
    });
}

#[cfg(feature = "sim")]
#[test]
fn an_interval_of_centuries_ticks_once() {
    sim::many(SCHEDULES, || async {
        let mut interval = interval(Duration::MAX);
        interval.tick().await;
        assert!(timeout(Duration::from_millis(1), interval.tick()).await.is_err());
    });
}
