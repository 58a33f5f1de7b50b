//! The workloads on which the primitives are measured beside their peers, each defined once.
//!
//! A [`Workload`] is a table of [`Case`]s, one per peer, that do the same work and check their own result. Two programs
//! run them: `cargo bench` (criterion, one case after the other, for the statistics of a single one) and
//! `cargo run --release -p waitline-benches -- compare` ([`runner`], all cases of a workload in turns, for the ratios).

pub mod condition;
pub mod drive;
pub mod event;
pub mod lock;
pub mod queue;
pub mod runner;
pub mod sem;

use criterion::{BenchmarkId, Criterion, Throughput};
use std::{fmt, time::Duration};

/// One peer's way through a workload: does at least `n` operations and returns the time that they took.
type Run = Box<dyn Fn(u64) -> Duration>;

/// A peer in a workload.
pub struct Case {
    /// The peer's name: its crate, or `limit: …` for what no peer can beat.
    pub peer: &'static str,
    run: Run,
}

impl Case {
    /// Does `n` operations and returns the time they took.
    pub fn run(&self, n: u64) -> Duration {
        (self.run)(n)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.peer).finish()
    }
}

/// The same work for several peers.
#[derive(Debug)]
pub struct Workload {
    /// `primitive: what is done`, the heading of its table.
    pub name: String,
    /// One row each.
    pub cases: Vec<Case>,
}

impl Workload {
    /// A workload without cases.
    pub fn new(name: impl Into<String>) -> Self {
        Workload { name: name.into(), cases: Vec::new() }
    }

    /// Adds a peer. `run(n)` does `n` operations, asserts that they had the right effect, and returns the time taken.
    pub fn case(mut self, peer: &'static str, run: impl Fn(u64) -> Duration + 'static) -> Self {
        self.cases.push(Case { peer, run: Box::new(run) });
        self
    }
}

/// The workloads of one primitive, or of all.
///
/// # Errors
///
/// The known groups, if there is none of that name.
pub fn workloads(group: Option<&str>) -> Result<Vec<Workload>, String> {
    type Group = (&'static str, fn() -> Vec<Workload>);
    const GROUPS: &[Group] =
        &[("event", event::workloads), ("lock", lock::workloads), ("queue", queue::workloads), ("sem", sem::workloads)];
    let chosen: Vec<Workload> = GROUPS
        .iter()
        .filter(|(name, _)| group.is_none_or(|wanted| wanted == *name))
        .flat_map(|(_, all)| all())
        .collect();
    if chosen.is_empty() {
        let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no workloads named {:?}; there are: {}", group.unwrap_or_default(), known.join(", ")));
    }
    Ok(chosen)
}

/// Runs workloads under criterion: the body of the files in `benches/`.
pub fn bench(workloads: Vec<Workload>) {
    let mut criterion = Criterion::default().configure_from_args();
    for workload in workloads {
        let mut group = criterion.benchmark_group(&workload.name);
        group.throughput(Throughput::Elements(1));
        for case in &workload.cases {
            group
                .bench_function(BenchmarkId::from_parameter(case.peer), |bencher| bencher.iter_custom(|n| case.run(n)));
        }
        group.finish();
    }
    criterion.final_summary();
}
