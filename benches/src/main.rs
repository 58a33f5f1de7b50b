//! `waitline-benches compare`: interleaved comparison of all peers, as Markdown tables and SVG charts.

use std::{process::ExitCode, time::Duration};
use waitline_benches::{
    Effort, Group,
    compare::{Options, compare, turns},
    memory,
};

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

const USAGE: &str = "\
usage: waitline-benches compare [lock|sem|event|queue|executor|memory] [OPTIONS]

  --quick             few and short rounds: everything in less than five minutes
  --only TEXT         only the workloads with TEXT in their names
  --to FOLDER         where the results go; without it complete results go to benches/results/, and all other results
                      and most charts to bench-results/
  --patience SECONDS  a peer that takes longer over a round is given up (20; 5 if quick)";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let done = match args.next().as_deref() {
        Some("compare") => options(args).and_then(|options| compare(&options)),
        // The process that `compare` starts for each workload.
        Some("turns") => take_turns(args),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} wants a value\n{USAGE}"));
        match arg.as_str() {
            "--quick" => options.effort = Effort::Quick,
            "--only" => options.only = value()?,
            "--to" => options.to = Some(value()?.into()),
            "--patience" => options.patience = Some(Duration::from_secs(value()?.parse().map_err(|_| USAGE)?)),
            name if !name.starts_with('-') && options.group.is_none() => options.group = Some(arg),
            _ => return Err(format!("unknown argument {arg:?}\n{USAGE}")),
        }
    }
    Ok(options)
}

/// `turns GROUP WORKLOAD [--quick] [--without=PEER]…`, all by number but the group.
fn take_turns(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let group = args.next().and_then(|name| Group::named(&name)).ok_or(USAGE)?;
    let index: usize = args.next().and_then(|index| index.parse().ok()).ok_or(USAGE)?;
    let (mut effort, mut without) = (Effort::Full, Vec::new());
    for arg in args {
        match arg.strip_prefix("--without=") {
            Some(peer) => without.push(peer.parse().map_err(|_| USAGE)?),
            None if arg == "--quick" => effort = Effort::Quick,
            None => return Err(USAGE.to_owned()),
        }
    }
    turns((group.workloads)(effort).get(index).ok_or(USAGE)?, effort, &without);
    Ok(())
}
