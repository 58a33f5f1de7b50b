//! Orders come in, 3 sources at a time, and 4 workers hash them. Ctrl-C stops it, within a second, with nothing lost.

use graceful::{Plan, serve};
use std::{
    process::{ExitCode, exit},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use waitline_event::Event;
use waitline_executor::{run, run_blocking, sleep};

const PLAN: Plan = Plan { sources: 3, waiting: 16, workers: 4, grace: Duration::from_secs(1) };

fn main() -> ExitCode {
    let stop = Arc::new(Event::new());
    let interrupted = AtomicBool::new(false);
    let handler = {
        let stop = stop.clone();
        move || {
            if interrupted.swap(true, Ordering::Relaxed) {
                // A second Ctrl-C does not wait for anything.
                exit(130);
            }
            stop.set();
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
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
