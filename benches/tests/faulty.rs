//! Peers that fail, and a run that goes on.

use std::{fs, path::Path, process::Command};

/// `compare` on the group of bad peers, whose page and chart are returned.
fn compare_the_faulty() -> (String, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faulty");
    let mut compare = Command::new(env!("CARGO_BIN_EXE_waitline-benches"));
    compare.args(["compare", "faulty", "--quick", "--patience", "5", "--to"]).arg(&folder);
    assert!(compare.status().expect("it starts").success());
    let read = |name| fs::read_to_string(folder.join(name)).expect(name);
    (read("faulty.md"), read("charts/faulty-peers-that-do-not-do-the-work.svg"))
}

#[test]
fn a_peer_that_panics_stalls_or_dies_is_reported_and_the_others_are_measured() {
    let (page, chart) = compare_the_faulty();
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
