use std::{
    cell::RefCell,
    future::{pending, ready},
    rc::Rc,
    time::{Duration, Instant},
};
use waitline_executor::{
    interval, now,
    sim::{self, Builder, Order},
    sleep, sleep_until, spawn_local, timeout, timeout_at,
};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn ten_thousand_sleeps_of_an_hour_end_in_order() {
    let sleepers = |hours: fn(u32) -> u32| {
        let log = Rc::new(RefCell::new(Vec::new()));
        async move {
            let begin = now();
            let tasks: Vec<_> = (0..10_000)
                .map(|n| {
                    let log = log.clone();
                    spawn_local(async move {
                        sleep(HOUR * hours(n)).await;
                        assert_eq!(now() - begin, HOUR * hours(n));
                        log.borrow_mut().push(n);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            log.take()
        }
    };
    // One after the other, in any order of turns; all in the same hour, in the order in which they began.
    let log = sim::run(0, sleepers(|n| 1 + n)).unwrap();
    assert!(log.is_sorted() && log.len() == 10_000);
    let log = Builder::new().order(Order::Fifo).run(0, sleepers(|_| 1)).unwrap();
    assert!(log.is_sorted() && log.len() == 10_000);
}

#[test]
fn time_stands_still_while_a_task_is_ready() {
    let times = sim::run(0, async {
        let begin = now();
        for _ in 0..1000 {
            waitline_executor::yield_now().await;
        }
        let after_turns = now() - begin;
        sleep(HOUR).await;
        (after_turns, now() - begin)
    });
    assert_eq!(times.unwrap(), (Duration::ZERO, HOUR));
}

#[test]
fn timeouts_are_exact() {
    sim::many(0..20, || async {
        let begin = now();
        assert_eq!(timeout(HOUR, ready(1)).await, Ok(1));
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        assert_eq!(now() - begin, HOUR);
        assert!(timeout(HOUR, sleep(2 * HOUR)).await.is_err());
        assert!(timeout(2 * HOUR, sleep(HOUR)).await.is_ok());
        assert_eq!(now() - begin, 3 * HOUR);
        assert!(timeout_at(begin, pending::<()>()).await.is_err());
        sleep_until(begin).await;
        assert_eq!(now() - begin, 3 * HOUR);
    });
}

#[test]
fn an_interval_keeps_its_beat_to_the_nanosecond() {
    sim::many(0..20, || async {
        let begin = now();
        let mut interval = interval(HOUR);
        for beat in 0..3 {
            assert_eq!(interval.tick().await, begin + HOUR * beat);
            assert_eq!(now(), begin + HOUR * beat);
        }
        sleep(HOUR * 7 / 2).await;
        assert_eq!(interval.tick().await, begin + HOUR * 3, "the one that was due");
        assert_eq!(interval.tick().await, begin + HOUR * 6, "those that had passed are skipped");
    });
}

#[test]
fn sleeps_beyond_the_clock_are_a_stall() {
    let stalled = sim::run(0, sleep(Duration::MAX)).unwrap_err();
    assert!(!stalled.is_livelock());
}

#[test]
fn time_outside_is_real_again() {
    let later = sim::run(0, async {
        sleep(1000 * HOUR).await;
        now()
    });
    assert!(now() < later.unwrap());
    assert!(now() >= Instant::now() - HOUR);
}
