//! `instructions [--accept]`: how many instructions each hot path takes, against the committed baseline.
//!
//! Time moves with the machine, instructions do not: callgrind counts the same number in every run. The baseline holds for one
//! compiler and target, which it names; with others, or without valgrind, nothing is compared and the output says so.
//!
//! This is a program of its own, so that what the compiler inlines into a path does not depend on the other benches.

mod paths;

use std::{
    env, fs,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode, Stdio},
};
use toml::{Table, Value};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");
const RUSTC: &str = env!("BENCHES_RUSTC_VERSION");
const TARGET: &str = env!("BENCHES_TARGET");

/// A path that grows by more than this many per cent fails.
const TOLERANCE: u64 = 5;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["--accept"] => accept(),
        // What runs under valgrind.
        ["run"] => {
            run();
            Ok(())
        }
        _ => Err("usage: instructions [--accept]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Compares with the baseline, and prints all figures.
fn compare() -> Result<(), String> {
    if let Some(why) = cannot_count()? {
        println!("!!! SKIPPED: {why}");
        return Ok(());
    }
    let text = fs::read_to_string(BASELINE).map_err(|error| format!("cannot read {BASELINE}: {error}"))?;
    let baseline: Table = text.parse().map_err(|error| format!("{BASELINE}: {error}"))?;
    for (key, here) in [("rustc", RUSTC), ("target", TARGET)] {
        let there = baseline.get(key).and_then(Value::as_str).unwrap_or("an unknown one");
        if there != here {
            println!("!!! SKIPPED: the baseline was taken with {key} {there:?}, this is {here:?}");
            return Ok(());
        }
    }
    let mut failed = Vec::new();
    println!("| path | baseline | now | |\n|---|---:|---:|---|");
    for (path, now) in count()? {
        let before = baseline.get("instructions").and_then(|table| table.get(path)).and_then(Value::as_integer);
        let verdict = Verdict::of(before.and_then(|before| u64::try_from(before).ok()), now);
        if matches!(verdict, Verdict::Grown | Verdict::Unknown) {
            failed.push(path);
        }
        let before = before.map_or("–".to_owned(), |before| before.to_string());
        println!("| {path} | {before} | {now} | {} |", verdict.text());
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more than {TOLERANCE} % over the baseline, or not in it: {}\nIf that is meant: cargo run --release -p waitline-benches \
         --bin instructions -- --accept",
        failed.join(", ")
    ))
}

/// Makes the counts of now the baseline.
fn accept() -> Result<(), String> {
    if let Some(why) = cannot_count()? {
        return Err(why);
    }
    let mut text = format!(
        "# Instructions per operation, by `cargo run --release -p waitline-benches --bin instructions -- --accept`.\n\n\
         rustc = {RUSTC:?}\ntarget = {TARGET:?}\n\n[instructions]\n"
    );
    for (path, now) in count()? {
        text += &format!("{path:?} = {now}\n");
    }
    print!("{text}");
    fs::write(BASELINE, text).map_err(|error| format!("cannot write {BASELINE}: {error}"))
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Level,
    Shrunk,
    Grown,
    Unknown,
}

impl Verdict {
    fn of(before: Option<u64>, now: u64) -> Self {
        match before {
            None => Verdict::Unknown,
            Some(before) if now * 100 > before * (100 + TOLERANCE) => Verdict::Grown,
            Some(before) if now * 100 < before * (100 - TOLERANCE) => Verdict::Shrunk,
            Some(_) => Verdict::Level,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Verdict::Level => "",
            Verdict::Shrunk => "less: accept it, to keep it",
            Verdict::Grown => "**more**",
            Verdict::Unknown => "**not in the baseline**",
        }
    }
}

/// Why nothing can be counted here, if so.
fn cannot_count() -> Result<Option<String>, String> {
    if cfg!(debug_assertions) {
        return Err("instructions are counted in release builds: cargo run --release …".to_owned());
    }
    let valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    Ok(valgrind.is_err().then(|| "there is no valgrind to count instructions with".to_owned()))
}

/// Operations per section of the run.
const OPERATIONS: u64 = 1000;

/// Runs each path three times, and ends each as a part of callgrind's output: to warm it up, for [`OPERATIONS`], and for twice
/// as many. What the last takes more than the second is the operations alone, without setting up.
fn run() {
    for (_, path) in paths::PATHS {
        for operations in [OPERATIONS, OPERATIONS, 2 * OPERATIONS] {
            path(black_box(operations));
            end_of_part();
        }
    }
}

/// Callgrind writes out and resets its counts when this is called.
#[inline(never)]
fn end_of_part() {
    black_box(());
}

/// The instructions of one operation, for each path.
fn count() -> Result<Vec<(&'static str, u64)>, String> {
    let program = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let folder = program.with_file_name("instructions-out");
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(folder.join("part"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--dump-before=*end_of_part*"]).arg(out).arg(program).arg("run");
    let status = valgrind.status().map_err(|error| format!("cannot run valgrind: {error}"))?;
    if !status.success() {
        return Err(format!("valgrind: {status}"));
    }
    let part = |number: usize| total(&folder.join(format!("part.{number}")));
    let counts = paths::PATHS.iter().enumerate().map(|(index, (name, _))| {
        let (once, twice) = (part(3 * index + 2)?, part(3 * index + 3)?);
        Ok((*name, (twice - once + OPERATIONS / 2) / OPERATIONS))
    });
    counts.collect()
}

/// The count of all instructions in a part.
fn total(part: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(part).map_err(|error| format!("cannot read {}: {error}", part.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| format!("no total in {}", part.display()))
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn a_path_may_grow_by_five_per_cent_and_no_more() {
        assert_eq!(Verdict::of(Some(100), 105), Verdict::Level);
        assert_eq!(Verdict::of(Some(100), 106), Verdict::Grown);
        assert_eq!(Verdict::of(Some(19), 20), Verdict::Grown);
        assert_eq!(Verdict::of(Some(100), 95), Verdict::Level);
        assert_eq!(Verdict::of(Some(100), 94), Verdict::Shrunk);
        assert_eq!(Verdict::of(None, 1), Verdict::Unknown);
    }
}
