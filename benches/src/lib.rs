//! The workloads on which the primitives and the executor are measured beside their peers, each defined once.
//!
//! A [`Workload`] is a table of [`Case`]s, one per peer, that do the same work and check their own result. Two programs
//! run them: `cargo run --release -p waitline-benches -- compare` ([`compare`], all cases of a workload in turns, for the
//! ratios) and `cargo bench` (criterion, one case after the other, for the statistics of a single one).

pub mod compare;
pub mod drive;
pub mod memory;
pub mod workloads;

use criterion::{BenchmarkId, Criterion, Throughput};
use drive::On;
use std::{fmt, time::Duration};
use workloads::{event, executor, faulty, lock, queue, sem};

/// One peer's way through a workload: does at least `n` operations and returns the time that `n` of them took.
type Run = Box<dyn Fn(u64) -> Duration>;

/// A peer in a workload.
pub struct Case {
    /// The peer's name: its crate, `PRIMITIVE on EXECUTOR` for a pair, or `limit: …` for what no peer can beat.
    pub peer: String,
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
    /// Whether a round is one `run(1)`, however long that takes.
    pub once: bool,
    /// Where the cases to come run their tasks, if their names say it.
    on: Option<On>,
}

impl Workload {
    /// A workload of operations that are repeated until a round is long enough. No cases yet.
    pub fn new(name: impl Into<String>) -> Self {
        Workload { name: name.into(), cases: Vec::new(), once: false, on: None }
    }

    /// A workload that has a size of its own: a round is one `run(1)`, and what it returns is the figure.
    pub fn once(name: impl Into<String>) -> Self {
        Workload { once: true, ..Self::new(name) }
    }

    /// Adds a peer. `run(n)` does `n` operations, asserts that they had the right effect, and returns the time taken.
    pub fn case(mut self, peer: &'static str, run: impl Fn(u64) -> Duration + 'static) -> Self {
        let peer = self.on.map_or(peer.to_owned(), |on| format!("{peer} on {on}"));
        self.cases.push(Case { peer, run: Box::new(run) });
        self
    }

    /// The cases added from here on are pairs of a primitive and this executor, and named so, except on one thread.
    pub fn on(mut self, on: On) -> Self {
        self.on = Some(on).filter(|on| *on != On::OneThread);
        self
    }
}

/// How long a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For a look: everything in a few minutes.
    Quick,
    /// For figures that are published.
    Full,
}

/// The workloads on one primitive, or on the executor.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// As on the command line.
    pub name: &'static str,
    /// All of them.
    pub workloads: fn(Effort) -> Vec<Workload>,
}

impl Group {
    /// What `compare` runs if no group is named; [`memory`] comes after them.
    pub const ALL: [Group; 5] = [
        Group { name: "lock", workloads: |_| lock::workloads() },
        Group { name: "sem", workloads: |_| sem::workloads() },
        Group { name: "event", workloads: |_| event::workloads() },
        Group { name: "queue", workloads: |_| queue::workloads() },
        Group { name: "executor", workloads: executor::workloads },
    ];
    /// What shows that a bad peer does not stop a run. Only if it is named.
    pub const FAULTY: Group = Group { name: "faulty", workloads: |_| faulty::workloads() };

    /// The group of that name.
    pub fn named(name: &str) -> Option<Group> {
        Self::ALL.into_iter().chain([Self::FAULTY]).find(|group| group.name == name)
    }
}

/// Runs a group under criterion: the body of the files in `benches/`.
///
/// # Panics
///
/// If there is no such group.
pub fn bench(group: &str) {
    let group = Group::named(group).expect("the group's name");
    let mut criterion = Criterion::default().configure_from_args();
    // Criterion extrapolates from few operations to many, which has no meaning for a workload of one size.
    for workload in (group.workloads)(Effort::Quick).iter().filter(|workload| !workload.once) {
        let mut group = criterion.benchmark_group(&workload.name);
        group.throughput(Throughput::Elements(1));
        for case in &workload.cases {
            group.bench_function(BenchmarkId::from_parameter(&case.peer), |bencher| {
                bencher.iter_custom(|n| case.run(n))
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
