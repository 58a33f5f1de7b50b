//! On what the figures were taken, and with which versions.

use super::Options;
use crate::Effort;
use std::{env::consts, fs, process::Command, thread};
use toml::{Table, Value};

/// The head of a page: the command that makes it, the machine, the versions.
pub(super) fn header(group: &str, options: &Options) -> String {
    let quick = if options.effort == Effort::Quick { " --quick" } else { "" };
    let only = if options.only.is_empty() { String::new() } else { format!(" --only {:?}", options.only) };
    let cores = thread::available_parallelism().map_or(0, |cores| cores.get());
    format!(
        "# Results: {group}\n\n\
         Made by `cargo run --release -p waitline-benches -- compare {group}{quick}{only}`; do not edit. How to read it, and where we \
         lose: [benches/README.md](../README.md).\n\n\
         - Machine: {}, {cores} cores, {} {}\n\
         - Compiler: {}\n\
         - Versions: {}\n\n",
        cpu(),
        consts::OS,
        consts::ARCH,
        env!("BENCHES_RUSTC_VERSION"),
        versions(),
    )
}

/// The processor's name, as the system tells it.
fn cpu() -> String {
    let linux = || {
        let info = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let macos = || {
        let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    linux().or_else(macos).unwrap_or_else(|| "an unknown processor".to_owned())
}

/// What this package depends on, as locked when it was built. Packages of the workspace are left out: they are those of the
/// same commit.
fn versions() -> String {
    let lock: Table = include_str!("../../../Cargo.lock").parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("an array").iter().filter_map(Value::as_table);
    let text = |package: &Table, key| package.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let us = packages.clone().find(|package| text(package, "name") == env!("CARGO_PKG_NAME")).expect("we are locked");
    let used = us["dependencies"].as_array().expect("an array").iter().filter_map(Value::as_str);
    // A name, and behind it the version if the lock file has several.
    let is_used = |package: &Table| {
        let (name, version) = (text(package, "name"), text(package, "version"));
        used.clone().any(|wanted| wanted == name || wanted == format!("{name} {version}"))
    };
    let peers = packages.filter(|package| package.contains_key("source") && is_used(package));
    peers
        .map(|package| format!("{} {}", text(package, "name"), text(package, "version")))
        .collect::<Vec<_>>()
        .join(", ")
}
