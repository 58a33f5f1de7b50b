use std::{future::pending, pin::pin, time::Duration};
use waitline::testing::{panic_message, poll_once};
use waitline_executor::{ThreadPool, interval, run, sleep, spawn, spawn_local, spawn_named, timeout};

fn assert_names_remedy(message: Option<String>, caller: &str) {
    let message = message.unwrap_or_else(|| panic!("`{caller}` did not panic"));
    assert!(message.contains(&format!("`{caller}`")) && message.contains("`waitline_executor::run`"), "{message}");
}

#[test]
fn spawning_outside_of_a_loop_names_the_remedy() {
    assert_names_remedy(panic_message(|| drop(spawn(async {}))), "spawn");
    assert_names_remedy(panic_message(|| drop(spawn_local(async {}))), "spawn_local");
    assert_names_remedy(panic_message(|| drop(spawn_named("name", async {}))), "spawn_named");
    run(async {});
    assert_names_remedy(panic_message(|| drop(spawn(async {}))), "spawn");
}

#[test]
fn sleeping_outside_of_a_loop_names_the_remedy() {
    for duration in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
        assert_names_remedy(panic_message(|| poll_once(pin!(sleep(duration)))), "sleep");
        assert_names_remedy(panic_message(|| poll_once(pin!(timeout(duration, pending::<()>())))), "timeout");
    }
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
