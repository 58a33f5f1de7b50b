//! The registry of unfinished tasks, for reports. It is kept in simulations, and everywhere with the feature
//! `diagnostics`.

use super::{Name, TaskId};
use parking_lot::Mutex;
use std::{collections::BTreeMap, panic::Location};
use waitline::diagnostics::TaskKey;

/// Whether tasks are registered outside of simulations as well.
pub(crate) const ALWAYS: bool = cfg!(feature = "diagnostics");

/// By the address of their runtime and their id.
static TASKS: Mutex<BTreeMap<(usize, TaskId), Entry>> = Mutex::new(BTreeMap::new());

/// What reports show of a task.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Option<String>,
    /// Where it was spawned.
    #[cfg_attr(not(any(feature = "sim", feature = "diagnostics")), expect(dead_code))]
    pub(crate) location: &'static Location<'static>,
}

#[cold]
pub(crate) fn add(runtime: *const (), id: TaskId, name: &Name, location: &'static Location<'static>) {
    let name = name.as_deref().map(|name| name.to_string());
    TASKS.lock().insert((runtime.addr(), id), Entry { name, location });
}

#[cold]
pub(crate) fn remove(runtime: *const (), id: TaskId) {
    TASKS.lock().remove(&(runtime.addr(), id));
}

/// How reports name the task.
pub(crate) fn describe((runtime, id): TaskKey) -> String {
    let id = TaskId(id);
    match name((runtime, id.0)) {
        _ if id == TaskId::MAIN => "the main future".to_owned(),
        Some(name) => format!("task {id} \"{name}\""),
        None => format!("task {id}"),
    }
}

/// The name of the task, if it is listed and has one.
pub(crate) fn name((runtime, id): TaskKey) -> Option<String> {
    TASKS.lock().get(&(runtime, TaskId(id)))?.name.clone()
}

/// The unfinished tasks: those of the runtime at the address `of`, or all.
#[cfg(any(feature = "sim", feature = "diagnostics"))]
pub(crate) fn list(of: Option<usize>) -> BTreeMap<(usize, TaskId), Entry> {
    let is_wanted = |runtime: usize| of.is_none_or(|of| of == runtime);
    TASKS
        .lock()
        .iter()
        .filter(|((runtime, _), _)| is_wanted(*runtime))
        .map(|(key, entry)| (*key, entry.clone()))
        .collect()
}

#[cfg(any(feature = "sim", feature = "diagnostics"))]
pub(crate) fn contains(runtime: usize, id: TaskId) -> bool {
    TASKS.lock().contains_key(&(runtime, id))
}
