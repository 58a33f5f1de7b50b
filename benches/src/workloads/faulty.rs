//! Peers that fail in every way that `compare` has to survive. `compare faulty` shows it, and a test runs it.

use crate::{
    Workload,
    drive::{counted_waker, timed},
};
use std::{hint::black_box, process::abort, thread::park};

/// One workload of bad and good peers.
pub fn workloads() -> Vec<Workload> {
    let good = |n| timed(|| (0..n).for_each(|_| drop(black_box(counted_waker()))));
    vec![
        Workload::new("faulty: peers that do not do the work")
            .case("panics at once", |_| panic!("no such lock"))
            .case("works", good)
            .case("stalls at once", |_| {
                loop {
                    park()
                }
            })
            .case("dies at once", |_| abort())
            .case("panics in a long round", move |n| if n > 1_000 { panic!("too long") } else { good(n) })
            .case("limit: works as well", good),
    ]
}
