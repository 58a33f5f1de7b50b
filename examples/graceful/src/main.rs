//! Orders come in, 3 sources at a time, and 4 workers hash them. Ctrl-C or SIGTERM stops it, within a second, with nothing
//! lost.

mod signals;

use graceful::{Plan, serve};
use std::{
    process::{ExitCode, exit},
    sync::Arc,
    time::Duration,
};
use waitline_event::Event;
use waitline_executor::{run, run_blocking, sleep};

const PLAN: Plan = Plan { sources: 3, waiting: 16, workers: 4, grace: Duration::from_secs(1) };

fn main() -> ExitCode {
    let stop = Arc::new(Event::new());
    let handler = {
        let stop = stop.clone();
        move |status| {
            if !stop.set() {
                // A second Ctrl-C does not wait for anything.
                exit(status);
            }
        }
    };
    if let Err(error) = signals::on_each(handler) {
        eprintln!("graceful: Ctrl-C will not end this in order: {error}");
    }
    println!("accepting orders; press Ctrl-C to stop");
    let outcome = run(serve(PLAN, stop, receive, work));
    println!("accepted {}, done {}, stopped in {} ms", outcome.accepted, outcome.done, outcome.took.as_millis());
    if outcome.accepted == outcome.done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An order comes every two milliseconds.
async fn receive() -> Vec<u8> {
    sleep(Duration::from_millis(2)).await;
    vec![7; 100_000]
}

/// Blocking work, on the pool.
async fn work(order: Vec<u8>) {
    let sum = run_blocking(move || order.iter().fold(0_u64, |hash, byte| hash.rotate_left(5) ^ u64::from(*byte)));
    std::hint::black_box(sum.await.expect("it does not panic"));
}
