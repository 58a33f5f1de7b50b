//! Interleaved comparison: the peers of a workload take turns in short rounds, in rotating order, so that a machine that
//! drifts (frequency, neighbours) drifts under all of them alike. Reported are medians over the rounds, and ratios.

use crate::{Case, Workload};
use std::{fmt, time::Duration};

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// A round of one peer takes at least this long.
    pub round: Duration,
    /// Rounds per peer.
    pub rounds: usize,
}

impl Plan {
    /// For figures that are published.
    pub const FULL: Plan = Plan { round: Duration::from_millis(20), rounds: 25 };
    /// For a look: every workload in a fraction of a second.
    pub const QUICK: Plan = Plan { round: Duration::from_millis(5), rounds: 7 };
}

/// One peer's figures, in nanoseconds per operation.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub peer: &'static str,
    /// The median over the rounds.
    pub median: f64,
    /// The lower and the upper quartile.
    pub quartiles: (f64, f64),
}

/// The figures of one workload.
#[derive(Debug, Clone)]
pub struct Table {
    /// The workload's name.
    pub name: String,
    /// In the order of the workload's cases.
    pub rows: Vec<Row>,
}

/// Measures all cases of `workload`, taking turns.
pub fn compare(workload: &Workload, plan: Plan) -> Table {
    let counts: Vec<u64> = workload.cases.iter().map(|case| calibrate(case, plan.round)).collect();
    let mut samples = vec![Vec::with_capacity(plan.rounds); workload.cases.len()];
    for round in 0..plan.rounds {
        for turn in 0..workload.cases.len() {
            let who = (round + turn) % workload.cases.len();
            let took = workload.cases[who].run(counts[who]);
            samples[who].push(took.as_nanos() as f64 / counts[who] as f64);
        }
    }
    let rows = workload.cases.iter().zip(samples).map(|(case, mut samples)| {
        samples.sort_by(f64::total_cmp);
        let at = |quarter: usize| samples[(samples.len() - 1) * quarter / 4];
        Row { peer: case.peer, median: at(2), quartiles: (at(1), at(3)) }
    });
    Table { name: workload.name.clone(), rows: rows.collect() }
}

/// How many operations make a round.
fn calibrate(case: &Case, round: Duration) -> u64 {
    let mut n = 64;
    loop {
        let took = case.run(n);
        if took >= round {
            return n;
        }
        let factor = round.as_nanos() as f64 / took.as_nanos().max(1) as f64;
        n = (n as f64 * (factor * 1.2).clamp(1.5, 16.0)) as u64;
    }
}

/// A Markdown table; the ratio is to the best row that is no limit, ours is 1.00 or less where we win.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.name)?;
        writeln!(f, "| peer | median ns | of the best peer | quartiles |\n|---|---:|---:|---|")?;
        let rivals = self.rows.iter().filter(|row| !row.peer.starts_with("waitline") && !row.peer.starts_with("limit"));
        let best = rivals.map(|row| row.median).fold(f64::INFINITY, f64::min);
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by(|a, b| a.median.total_cmp(&b.median));
        for row in rows {
            let (low, high) = row.quartiles;
            let ratio = if best.is_finite() { format!("{:.2}", row.median / best) } else { "–".to_owned() };
            writeln!(f, "| {} | {:.1} | {ratio} | {low:.1} – {high:.1} |", row.peer, row.median)?;
        }
        writeln!(f)
    }
}
