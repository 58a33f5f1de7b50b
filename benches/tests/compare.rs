//! The command line of the benches: peers that fail, and what does not depend on the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs `compare` with these arguments, and returns the folder of its results.
fn compare(args: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(args[0]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_waitline-benches"));
    command.arg("compare").args(args).arg("--to").arg(&folder);
    assert!(command.status().expect("it starts").success());
    folder
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect(name)
}

#[test]
fn our_waiters_take_nothing_from_the_heap() {
    let page = read(&compare(&["memory"]), "memory.md");
    let tables = page.split("### memory: ").skip(1).filter(|table| !table.starts_with("a task"));
    let ours = tables.flat_map(|table| table.lines().filter(|line| line.starts_with("| **waitline")));
    let rows: Vec<&str> = ours.collect();
    let of = "lock, rwlock, once cell, condition, two semaphores, event, barrier, watch, queue, two oneshots, two broadcasts";
    assert_eq!(rows.len(), 14, "{of}");
    for row in rows {
        assert!(row.ends_with("| 0 / 0 |"), "{row}");
    }
}

#[test]
fn the_committed_charts_are_those_that_the_pages_show() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    };
    let (groups, pages): (Vec<_>, Vec<_>) = entries(&results).into_iter().partition(|path| path.is_dir());
    let mut charts: Vec<PathBuf> = groups.iter().flat_map(|group| entries(group)).collect();
    let pages: Vec<String> = pages.iter().map(|page| fs::read_to_string(page).expect("a page")).collect();
    let links = pages.iter().flat_map(|page| page.lines().filter(|line| line.starts_with("![")));
    let mut shown: Vec<PathBuf> = links
        .map(|line| line.rsplit_once("](").expect("a link").1.trim_end_matches(')'))
        .map(|chart| results.join(chart))
        .collect();
    charts.sort();
    shown.sort();
    assert_eq!(charts, shown);
}

#[test]
fn a_peer_that_panics_stalls_or_dies_is_reported_and_the_others_are_measured() {
    let folder = compare(&["faulty", "--quick", "--patience", "5"]);
    let (page, chart) = (read(&folder, "faulty.md"), read(&folder, "faulty/faulty-peers-that-do-not-do-the-work.svg"));
    let row = |peer: &str| {
        let row = page.lines().find(|line| line.starts_with(&format!("| {peer} |")));
        row.unwrap_or_else(|| panic!("{peer:?} has no row in:\n{page}")).to_owned()
    };
    for (peer, why) in [
        ("panics at once", "no such lock"),
        ("panics in a long round", "too long"),
        ("stalls at once", "stalled for 5s"),
        ("dies at once", "died: "),
    ] {
        let row = row(peer);
        assert!(row.contains("| – | – |") && row.contains(why), "{row}");
        assert!(chart.contains(peer) && chart.contains(why), "{chart}");
    }
    for peer in ["works", "limit: works as well"] {
        let median: f64 = row(peer).split('|').nth(2).expect("a column").trim().parse().expect("a median");
        assert!(median > 0.0);
        assert!(chart.contains(peer));
    }
    assert!(row("works").contains("| 1.00 |"), "the ratio is to the best peer that is no limit");
}
