//! The core, and the program with a signal.

use graceful::{Plan, serve};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use waitline_event::Event;
use waitline_executor::{run, sim, sleep, spawn, yield_now};

const PLAN: Plan = Plan { sources: 3, waiting: 2, workers: 2, grace: Duration::from_secs(600) };

/// Sets the event when it is called for the n-th time.
fn stop_at(n: usize, stop: &Arc<Event>) -> impl Fn() + Clone + Send + 'static {
    let (calls, stop) = (Arc::new(AtomicUsize::new(0)), stop.clone());
    move || {
        if calls.fetch_add(1, Ordering::Relaxed) + 1 == n {
            stop.set();
        }
    }
}

#[test]
fn what_was_accepted_is_done() {
    for stop_after in 1..20 {
        let stop = Arc::new(Event::new());
        let called = stop_at(stop_after, &stop);
        let accept = move || {
            called();
            yield_now()
        };
        let outcome = run(serve(PLAN, stop, accept, |()| async {
            yield_now().await;
            yield_now().await;
        }));
        assert_eq!(outcome.accepted, outcome.done);
        // The others may have been in the middle of it.
        assert!(outcome.accepted + PLAN.sources >= stop_after, "{outcome:?}");
    }
}

#[test]
fn in_every_schedule_what_was_accepted_is_done_or_the_time_was_over() {
    let grace = Duration::from_secs(10);
    let plan = Plan { grace, ..PLAN };
    sim::many(0..2000, || async move {
        let seconds = |limit| Duration::from_secs(sim::rng().below(limit));
        let stop = Arc::new(Event::new());
        let there = stop.clone();
        drop(spawn(async move {
            sleep(seconds(20)).await;
            there.set();
        }));
        let outcome = serve(plan, stop, move || sleep(seconds(3)), move |()| sleep(seconds(8))).await;
        assert!(outcome.took <= grace, "{outcome:?}");
        assert!(outcome.done == outcome.accepted || outcome.took == grace, "{outcome:?}");
    });
}

#[test]
fn sources_that_wait_for_room_stop_as_well() {
    let stop = Arc::new(Event::new());
    let called = stop_at(2, &stop);
    // The workers take one each and hold it until the stop. So no more can come in than they and the queue hold, unless a
    // source that waited for room accepts another one after the stop.
    let work = {
        let stop = stop.clone();
        move |()| {
            called();
            let stop = stop.clone();
            async move { stop.wait().await }
        }
    };
    let outcome = run(serve(PLAN, stop, yield_now, work));
    assert_eq!(outcome.accepted, outcome.done);
    assert!(outcome.accepted <= PLAN.workers + PLAN.waiting, "{outcome:?}");
}

#[test]
fn work_that_does_not_end_is_cancelled_after_the_grace_time() {
    let stop = Arc::new(Event::new());
    let called = stop_at(1, &stop);
    let plan = Plan { grace: Duration::from_millis(10), ..PLAN };
    let work = move |()| {
        called();
        std::future::pending()
    };
    let outcome = run(serve(plan, stop, yield_now, work));
    assert!(outcome.accepted > 0 && outcome.done == 0, "{outcome:?}");
}

#[cfg(unix)]
#[test]
fn the_program_ends_by_ctrl_c_and_by_sigterm_with_everything_done() {
    use std::{
        io::{BufRead, BufReader, Read},
        process::{Command, Stdio},
    };
    for signal in ["-INT", "-TERM"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_graceful")).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("accepting orders"), "{line}");
        let killed = Command::new("kill").args([signal, &program.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        // By its own clock it has at most a second, and fails if something is not done by then.
        let ended = program.wait().unwrap();
        assert!(ended.success(), "{signal}: {ended}, {rest}");
        assert!(rest.starts_with("accepted "), "{rest}");
    }
}
