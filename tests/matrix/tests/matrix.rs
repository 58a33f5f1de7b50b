//! A test for each body on each executor. One that this machine cannot run is listed as ignored, with the reason.

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};
use waitline_matrix::{Runtime, bodies, bodies::Body, runtimes};

/// What takes so long is stuck: a body takes some milliseconds.
const STUCK: Duration = Duration::from_secs(60);

fn main() {
    let mut tests = vec![Trial::test("the table in docs/runtimes.md is complete", table_is_complete)];
    for runtime in runtimes::all() {
        for body in bodies::all() {
            let name = format!("{}::{}::{}", runtime.name, body.primitive, body.name);
            let run = runtime.run;
            tests.push(Trial::ignorable_test(name, move || test(run, body)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

fn test(run: fn(waitline_matrix::Program) -> Result<(), String>, body: Body) -> Result<Completion, Failed> {
    let (sender, outcome) = channel();
    // Not joined: a stuck one stays behind, and the end of the program ends it.
    thread::spawn(move || sender.send(run(Box::new(body.start))));
    match outcome.recv_timeout(STUCK) {
        Ok(Ok(())) => Ok(Completion::Completed),
        Ok(Err(reason)) => Ok(Completion::ignored_with(reason)),
        Err(RecvTimeoutError::Disconnected) => Err("it panicked".into()),
        Err(RecvTimeoutError::Timeout) => Err(format!("stuck for {STUCK:?}").into()),
    }
}

fn table_is_complete() -> Result<(), Failed> {
    let table = include_str!("../../../docs/runtimes.md");
    let is_missing = |runtime: &Runtime| !table.contains(&format!("| `{}` |", runtime.name));
    let missing: Vec<_> = runtimes::all().into_iter().filter(is_missing).map(|runtime| runtime.name).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not in the table: {missing:?}").into()) }
}
