//! `cargo bench -p waitline-benches --bench executor`

fn main() {
    waitline_benches::bench("executor");
}
