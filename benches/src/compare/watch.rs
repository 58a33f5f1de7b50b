//! The process that lets others measure, and goes on when one of them does not.
//!
//! A thread that stalls cannot be ended, a process can. So each workload runs in one of its own, which says whose turn it is.
//! If that takes too long or the process dies, the culprit is known: it is marked, and the workload runs again without it.

use super::{
    Options,
    table::{Outcome, Table},
    turns::Line,
};
use crate::{Effort, Group, Workload};
use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

/// Measures the workload at `index` of `group`.
pub(super) fn measure(group: Group, index: usize, workload: &Workload, options: &Options) -> Result<Table, String> {
    let mut given_up: Vec<(usize, String)> = Vec::new();
    loop {
        let mut records: Vec<Record> = workload.cases.iter().map(|_| Record::default()).collect();
        let without: Vec<usize> = given_up.iter().map(|(peer, _)| *peer).collect();
        match attempt(group, index, options, &without, &mut records)? {
            End::Done => {
                given_up.into_iter().for_each(|(peer, why)| records[peer].failure = Some(why));
                let outcomes = workload.cases.iter().zip(records);
                let rows = outcomes.map(|(case, record)| (case.peer.clone(), record.outcome())).collect();
                return Ok(Table::new(workload.name.clone(), rows));
            }
            End::Stalled(peer) => given_up.push((peer, format!("stalled for {:?}", options.patience()))),
            End::Died(peer, status) => given_up.push((peer, format!("died: {status}"))),
        }
    }
}

/// What a peer has done so far.
#[derive(Default)]
struct Record {
    samples: Vec<f64>,
    failure: Option<String>,
}

impl Record {
    fn outcome(self) -> Outcome {
        self.failure.map_or_else(|| Outcome::of(self.samples), Outcome::Failed)
    }
}

/// How a run of the workload ended, and through whom.
enum End {
    Done,
    Stalled(usize),
    Died(usize, ExitStatus),
}

fn attempt(
    group: Group,
    index: usize,
    options: &Options,
    without: &[usize],
    records: &mut [Record],
) -> Result<End, String> {
    let mut child = start(group, index, options.effort, without).map_err(|error| format!("cannot measure: {error}"))?;
    let output = child.stdout.take().expect("piped");
    let (lines, said) = mpsc::channel();
    // It ends with the child's output.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Other lines are a peer's own.
            if let Ok(line) = line.parse() {
                _ = lines.send(line);
            }
        }
    });
    let mut at = None;
    loop {
        match said.recv_timeout(options.patience()) {
            Ok(Line::Turn(peer)) => at = Some(peer),
            Ok(Line::Sample(peer, nanoseconds)) => records[peer].samples.push(nanoseconds),
            Ok(Line::Failed(peer, message)) => records[peer].failure = Some(message),
            Err(error) => {
                let stalled = error == RecvTimeoutError::Timeout;
                if stalled {
                    _ = child.kill();
                }
                let status = child.wait().map_err(|error| format!("cannot wait for the measuring process: {error}"))?;
                return match at {
                    _ if status.success() => Ok(End::Done),
                    Some(peer) if stalled => Ok(End::Stalled(peer)),
                    Some(peer) => Ok(End::Died(peer, status)),
                    None => Err(format!("the measuring process did not begin: {status}")),
                };
            }
        }
    }
}

fn start(group: Group, index: usize, effort: Effort, without: &[usize]) -> std::io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["turns", group.name, &index.to_string()]);
    command.args((effort == Effort::Quick).then_some("--quick"));
    command.args(without.iter().map(|peer| format!("--without={peer}")));
    // The crate `blocking` has one pool, of 500 threads unless it is told otherwise here.
    command.env("BLOCKING_MAX_THREADS", "1000");
    // A panic is told in the table.
    command.env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}
