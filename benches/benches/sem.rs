//! `cargo bench -p waitline-benches --bench sem`

fn main() {
    waitline_benches::bench("sem");
}
