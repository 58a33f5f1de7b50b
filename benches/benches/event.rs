//! `cargo bench -p waitline-benches --bench event`

fn main() {
    waitline_benches::bench("event");
}
