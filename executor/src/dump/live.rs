//! Reports of live tasks, which the feature `diagnostics` keeps on record.

use super::Dump;
use crate::run::Executor;

/// All unfinished tasks of the process, of every event loop and executor, and what they and other threads wait for, at this moment.
///
/// May be called anywhere, for instance by a watchdog thread. Only with the feature `diagnostics`.
///
/// # Examples
///
/// ```
/// use waitline_executor::{dump, run, spawn_named, sync::Event, yield_now};
///
/// static READY: Event = Event::new().with_label("ready");
///
/// run(async {
///     let task = spawn_named("waiter", READY.wait());
///     yield_now().await;
///     let report = dump().to_string();
///     assert!(report.contains("\"waiter\", spawned at") && report.contains("for Event \"ready\", created at"));
///     READY.set();
///     task.await.unwrap();
/// });
/// ```
#[doc(alias = "all_tasks")]
pub fn dump() -> Dump {
    Dump::of(None)
}

impl Executor {
    /// The unfinished tasks of this executor, and what each waits for, at this moment; see [`dump`](crate::dump()).
    pub fn dump(&self) -> Dump {
        Dump::of(Some(self.address()))
    }
}
