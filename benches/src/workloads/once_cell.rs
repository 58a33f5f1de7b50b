//! Cells that are set once: `get` of a cell that is set, and `get_or_init` of it.

use crate::{
    Workload,
    drive::{ready, timed},
};
use std::{hint::black_box, time::Duration};

/// Sums what `get` finds.
fn get<C>(n: u64, cell: C, get: impl Fn(&C) -> Option<&u64>) -> Duration {
    let mut sum = 0;
    let took = timed(|| (0..n).for_each(|_| sum += get(black_box(&cell)).expect("it is set")));
    assert_eq!(sum, n);
    took
}

/// Sums what the call's future has at its first poll.
fn get_or_init<C>(n: u64, cell: C, get: impl AsyncFn(&C) -> u64) -> Duration {
    let mut sum = 0;
    let took = timed(|| {
        ready(async {
            for _ in 0..n {
                sum += get(black_box(&cell)).await;
            }
        })
    });
    assert_eq!(sum, n);
    took
}

/// All workloads on cells. Times are per call.
pub fn workloads() -> Vec<Workload> {
    let ours = || waitline_lock::OnceCell::from(1);
    let tokio = || tokio::sync::OnceCell::new_with(Some(1));
    let async_lock = || smol_async_lock::OnceCell::from(1);
    let asyncband = || asyncband::once::OnceCell::from_value(1);
    let std = || std::sync::OnceLock::from(1);
    vec![
        Workload::new("once cell: get, set")
            .case("waitline", move |n| get(n, ours(), |cell| cell.get()))
            .case("async-lock", move |n| get(n, async_lock(), |cell| cell.get()))
            .case("asyncband", move |n| get(n, asyncband(), |cell| cell.get()))
            .case("tokio", move |n| get(n, tokio(), |cell| cell.get()))
            .case("limit: std OnceLock", move |n| get(n, std(), |cell| cell.get())),
        Workload::new("once cell: get_or_init, set")
            .case("waitline", move |n| get_or_init(n, ours(), async |cell| *cell.get_or_init(async || 2).await))
            .case("async-lock", move |n| get_or_init(n, async_lock(), async |cell| *cell.get_or_init(async || 2).await))
            .case("asyncband", move |n| get_or_init(n, asyncband(), async |cell| *cell.get_or_init(async || 2).await))
            .case("tokio", move |n| get_or_init(n, tokio(), async |cell| *cell.get_or_init(async || 2).await)),
    ]
}
