//! CPython's asyncio, in a process of its own.

use super::sleeps::Measure;
use std::{process::Command, time::Duration};

/// Prints the CPU time and the wall time of the loop alone, in seconds.
const SLEEPS: &str = "
import asyncio, sys, time

async def main(count, seconds):
    await asyncio.gather(*(asyncio.sleep(seconds) for _ in range(count)))

cpu, wall = time.process_time(), time.perf_counter()
asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
print(time.process_time() - cpu, time.perf_counter() - wall)
";

/// As many sleeps in a `gather`, which makes a task of each.
///
/// # Panics
///
/// If there is no Python 3.
pub(super) fn sleeps(count: u32, duration: Duration, measure: Measure) -> Duration {
    let seconds = duration.as_secs_f64();
    let python = Command::new("python3").args(["-c", SLEEPS, &count.to_string(), &seconds.to_string()]).output();
    let output = python.expect("there is no python3 to compare with");
    assert!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("two numbers");
    let figures: Vec<f64> = printed.split_whitespace().map(|figure| figure.parse().expect("a number")).collect();
    match measure {
        Measure::Cpu => Duration::from_secs_f64(figures[0]) / count,
        Measure::Lateness => Duration::from_secs_f64(figures[1] - seconds),
    }
}
