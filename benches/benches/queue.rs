//! `cargo bench -p waitline-benches --bench queue`

fn main() {
    waitline_benches::bench("queue");
}
