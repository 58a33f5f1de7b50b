//! `waitline-benches compare [GROUP] [--quick] [--only TEXT]`: interleaved comparison of all peers, as Markdown tables.

use std::process::ExitCode;
use waitline_benches::{
    runner::{Plan, compare},
    workloads,
};

const USAGE: &str = "usage: waitline-benches compare [GROUP] [--quick] [--only TEXT-IN-THE-NAME]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Vec<String>) -> Result<(), String> {
    let (mut plan, mut group, mut only) = (Plan::FULL, None, String::new());
    let mut args = args.into_iter();
    if args.next().as_deref() != Some("compare") {
        return Err(USAGE.to_owned());
    }
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => plan = Plan::QUICK,
            "--only" => only = args.next().ok_or(USAGE)?,
            name if !name.starts_with('-') && group.is_none() => group = Some(arg),
            _ => return Err(format!("unknown argument {arg:?}\n{USAGE}")),
        }
    }
    for workload in workloads(group.as_deref())?.iter().filter(|workload| workload.name.contains(&only)) {
        print!("{}", compare(workload, plan));
    }
    Ok(())
}
