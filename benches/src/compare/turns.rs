//! The process that measures one workload.

use crate::{Effort, Workload};
use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
    time::Duration,
};
use waitline::testing::panic_message;

/// How long and how often.
struct Plan {
    /// A round of one peer takes at least this long.
    round: Duration,
    /// Rounds per peer.
    rounds: usize,
    /// Rounds per peer in workloads of which a round is one run.
    runs: usize,
}

impl Effort {
    fn plan(self) -> Plan {
        match self {
            Effort::Full => Plan { round: Duration::from_millis(20), rounds: 25, runs: 7 },
            Effort::Quick => Plan { round: Duration::from_millis(5), rounds: 7, runs: 3 },
        }
    }
}

/// What this process says, a line each. Peers are named by their place in the workload.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// This peer's turn begins.
    Turn(usize),
    /// It took so many nanoseconds per operation.
    Sample(usize, f64),
    /// It panicked, and gets no other turn.
    Failed(usize, String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Turn(peer) => write!(f, "turn {peer}"),
            Line::Sample(peer, nanoseconds) => write!(f, "sample {peer} {nanoseconds}"),
            Line::Failed(peer, message) => write!(f, "failed {peer} {}", message.replace('\n', " ")),
        }
    }
}

/// A line that a peer printed, perhaps.
#[derive(Debug)]
pub(super) struct NotOurs;

impl FromStr for Line {
    type Err = NotOurs;

    fn from_str(line: &str) -> Result<Self, NotOurs> {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().ok_or(NotOurs);
        let (kind, peer) = (word()?, word()?.parse().map_err(|_| NotOurs)?);
        match kind {
            "turn" => Ok(Line::Turn(peer)),
            "sample" => Ok(Line::Sample(peer, word()?.parse().map_err(|_| NotOurs)?)),
            "failed" => Ok(Line::Failed(peer, word()?.to_owned())),
            _ => Err(NotOurs),
        }
    }
}

/// Measures all cases of `workload` but those `without`, taking turns, and prints what happens to the standard output.
///
/// # Panics
///
/// If nobody reads it any more.
pub fn turns(workload: &Workload, effort: Effort, without: &[usize]) {
    let plan = effort.plan();
    let mut counts: Vec<(usize, u64)> = (0..workload.cases.len())
        .filter(|peer| !without.contains(peer))
        .filter_map(|peer| Some((peer, if workload.once { 1 } else { calibrate(workload, peer, plan.round)? })))
        .collect();
    for _ in 0..if workload.once { plan.runs } else { plan.rounds } {
        counts.retain(|&(peer, count)| {
            let took = turn(workload, peer, count);
            took.inspect(|took| say(&Line::Sample(peer, took.as_nanos() as f64 / count as f64))).is_some()
        });
        if let Some(last) = counts.len().checked_sub(1) {
            counts.rotate_right(last);
        }
    }
}

/// How many operations make a round; `None` if the peer fails.
fn calibrate(workload: &Workload, peer: usize, round: Duration) -> Option<u64> {
    let mut n = 64;
    loop {
        let took = turn(workload, peer, n)?;
        if took >= round {
            return Some(n);
        }
        let factor = round.as_nanos() as f64 / took.as_nanos().max(1) as f64;
        n = (n as f64 * (factor * 1.2).clamp(1.5, 16.0)) as u64;
    }
}

/// Lets a peer do `n` operations, and returns the time they took; `None` if it fails.
fn turn(workload: &Workload, peer: usize, n: u64) -> Option<Duration> {
    say(&Line::Turn(peer));
    let mut took = None;
    if let Some(message) = panic_message(|| took = Some(workload.cases[peer].run(n))) {
        say(&Line::Failed(peer, message));
    }
    took
}

fn say(line: &Line) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent listens");
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn what_is_said_is_understood_and_a_peers_own_output_is_not() {
        for line in [Line::Turn(3), Line::Sample(12, 0.25), Line::Failed(0, "two words".to_owned())] {
            assert_eq!(line.to_string().parse::<Line>().ok(), Some(line));
        }
        for noise in ["", "turn", "turn around", "sample 1", "hello 1 2"] {
            assert!(noise.parse::<Line>().is_err(), "{noise:?}");
        }
    }
}
