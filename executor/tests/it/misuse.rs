use std::{cell::RefCell, future::pending, pin::pin, sync::mpsc, thread, time::Duration};
use waitline::testing::{panic_message, poll_once};
#[cfg(feature = "sim")]
use waitline_executor::sim;
use waitline_executor::{
    TaskGroup, ThreadPool, interval, now, run, run_blocking, sleep, sleep_until, spawn, spawn_local, spawn_named,
    spawn_with_cleanup, timeout, timeout_at,
};

fn assert_names_remedy(message: Option<String>, caller: &str) {
    let message = message.unwrap_or_else(|| panic!("`{caller}` did not panic"));
    assert!(message.starts_with(&format!("`{caller}` ")) && message.contains("`waitline_executor::run`"), "{message}");
    let is_local = caller.ends_with("spawn_local");
    assert_ne!(message.contains("`Executor::run`"), is_local, "{message}");
}

#[test]
fn spawning_outside_of_a_loop_names_the_remedy() {
    assert_names_remedy(panic_message(|| drop(spawn(async {}))), "spawn");
    assert_names_remedy(panic_message(|| drop(spawn_local(async {}))), "spawn_local");
    assert_names_remedy(panic_message(|| drop(spawn_named("name", async {}))), "spawn_named");
    assert_names_remedy(panic_message(|| drop(spawn_with_cleanup(async {}, async {}))), "spawn_with_cleanup");
    assert_names_remedy(panic_message(|| TaskGroup::new().spawn(async {})), "TaskGroup::spawn");
    assert_names_remedy(panic_message(|| TaskGroup::new().spawn_local(async {})), "TaskGroup::spawn_local");
    run(async {});
    assert_names_remedy(panic_message(|| drop(spawn(async {}))), "spawn");
}

#[test]
fn sleeping_outside_of_a_loop_names_the_remedy() {
    for duration in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
        assert_names_remedy(panic_message(|| poll_once(pin!(sleep(duration)))), "sleep");
        assert_names_remedy(panic_message(|| poll_once(pin!(timeout(duration, pending::<()>())))), "timeout");
    }
    let later = now() + Duration::from_secs(1);
    assert_names_remedy(panic_message(|| poll_once(pin!(sleep_until(later)))), "sleep_until");
    assert_names_remedy(panic_message(|| poll_once(pin!(timeout_at(later, pending::<()>())))), "timeout_at");
    let mut ticks = interval(Duration::from_secs(1));
    assert!(poll_once(pin!(ticks.tick())).is_ready(), "the first tick needs no wait");
    assert_names_remedy(panic_message(|| poll_once(pin!(ticks.tick()))), "interval");
}

#[test]
fn a_nested_run_says_so_and_leaves_the_outer_one_intact() {
    run(async {
        let message = panic_message(|| run(async {})).unwrap();
        assert!(message.contains("inside a running event loop"), "{message}");
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
        let in_task = spawn(async { run(async {}) }).await.unwrap_err();
        assert!(in_task.to_string().contains("inside a running event loop"), "{in_task}");
    });
}

#[test]
fn a_pool_without_threads_is_refused() {
    assert!(panic_message(|| ThreadPool::new(0)).unwrap().contains("`ThreadPool::new(0)`"));
}

#[test]
fn an_interval_of_zero_is_refused() {
    assert!(panic_message(|| interval(Duration::ZERO)).unwrap().contains("period of zero"));
}

#[cfg(feature = "sim")]
#[test]
fn a_simulation_inside_of_a_loop_names_itself() {
    run(async {
        let message = panic_message(|| sim::run(0, async {})).unwrap();
        assert!(message.starts_with("`sim::run` was called inside a running event loop"), "{message}");
    });
    sim::run(0, async {
        let message = panic_message(|| sim::many(0..1, || async {})).unwrap();
        assert!(message.starts_with("`sim::many` was called inside a running event loop"), "{message}");
        assert!(!message.contains("seed"), "no seed is to blame: {message}");
    })
    .unwrap();
}

#[cfg(feature = "sim")]
#[test]
fn a_chance_that_is_no_probability_is_refused_everywhere() {
    for wrong in [2.0, -0.1, f64::NAN, f64::INFINITY, 1.0 + f64::EPSILON] {
        let refused = || panic_message(|| sim::chance(wrong)).unwrap();
        let simulated = sim::run(0, async { refused() }).unwrap();
        assert_eq!(simulated, refused());
        assert!(simulated.starts_with(&format!("`sim::chance({wrong})`")), "{simulated}");
    }
    assert!(!sim::chance(1.0) && !sim::chance(0.0) && !sim::chance(-0.0));
}

#[cfg(feature = "sim")]
#[test]
fn a_thread_that_is_ending_may_ask_for_chances_and_is_told_what_it_lacks() {
    struct Last(mpsc::Sender<Option<String>>);

    impl Drop for Last {
        fn drop(&mut self) {
            assert!(!sim::chance(0.5));
            _ = now();
            _ = run_blocking(|| ());
            for message in [
                panic_message(|| drop(spawn(async {}))),
                panic_message(|| poll_once(pin!(sleep(Duration::from_secs(1))))),
                panic_message(|| sim::rng().u64()),
                panic_message(|| run(async {})),
            ] {
                self.0.send(message).unwrap();
            }
        }
    }

    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }

    let (send, receive) = mpsc::channel();
    // The thread-locals of the executor are made later, and so dropped earlier.
    thread::spawn(move || {
        LAST.set(Some(Last(send)));
        run(async {});
    })
    .join()
    .unwrap();
    let messages: Vec<String> = receive.iter().map(Option::unwrap).collect();
    assert_names_remedy(Some(messages[0].clone()), "spawn");
    assert_names_remedy(Some(messages[1].clone()), "sleep");
    assert!(messages[2].starts_with("`sim::rng` needs a simulation"), "{}", messages[2]);
    assert!(messages[3].starts_with("`run` was called by the destructor of a thread-local"), "{}", messages[3]);
}
