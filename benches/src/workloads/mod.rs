//! The workloads, a file per primitive; each says how its peers are used, and checks its own result.

/// Adds a case for each pair of a peer and an executor with two workers. `$peers!` adds a case per peer and hands the executor
/// to `$run` as its last argument. The peers of `$others!` are measured on async-executor only, to save time.
macro_rules! pairs {
    ($workload:expr, $peers:ident, $run:ident $(, $arg:expr)*) => {{
        let mut workload = $workload;
        for on in $crate::drive::On::TWO_WORKERS {
            workload = $peers!(workload.on(on), $run $(, $arg)*, on);
        }
        workload
    }};
    ($workload:expr, $peers:ident and $others:ident, $run:ident $(, $arg:expr)*) => {{
        let on = $crate::drive::On::AsyncExecutor;
        $others!(pairs!($workload, $peers, $run $(, $arg)*).on(on), $run $(, $arg)*, on)
    }};
}

pub mod barrier;
pub mod broadcast;
pub mod condition;
pub mod event;
pub mod executor;
pub mod faulty;
pub mod lock;
pub mod once_cell;
pub mod oneshot;
pub mod queue;
pub mod rwlock;
pub mod sem;
pub mod watch;
