//! `cargo bench -p waitline-benches --bench queue`

fn main() {
    waitline_benches::bench(waitline_benches::queue::workloads());
}
