//! `cargo bench -p waitline-benches --bench lock`

fn main() {
    waitline_benches::bench("lock");
}
