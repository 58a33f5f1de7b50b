//! [`Dump`]: the table of unfinished tasks, made from the list of tasks and the record of waits.

use crate::{
    task::{TaskId, registry},
    time::now,
};
use std::{collections::BTreeSet, fmt, panic::Location};
use waitline::diagnostics::{self, HeldAs, Holding, Primitive, Target, TaskKey, TaskOrThread, Waiting};

/// The unfinished tasks and, with the feature `diagnostics`, what each waits for and who holds it.
///
/// Its `Display` prints a tree:
///
/// ```text
/// task 1 "teller", spawned at src/bank.rs:20:13
/// └─ waits in lock(), called at src/bank.rs:31:32, for Lock "savings", created at src/bank.rs:12:20
///    └─ held by task 2 "auditor", which took it at src/bank.rs:40:35
/// task 2 "auditor", spawned at src/bank.rs:24:13
/// └─ waits in lock(), called at src/bank.rs:41:32, for Lock "current", created at src/bank.rs:11:20
///    └─ held by task 1 "teller", which took it at src/bank.rs:30:35
///
/// cycle: task 1 "teller" waits for Lock "savings", held by task 2 "auditor", which waits for Lock "current", held by
/// task 1 "teller"
/// ```
#[derive(Clone)]
pub struct Dump {
    tasks: Vec<DumpedTask>,
    cycles: Vec<String>,
}

/// A task in a [`Dump`]; or, without an id, a future that was given to `run`, or a thread.
#[derive(Clone)]
pub struct DumpedTask {
    key: Option<TaskKey>,
    name: Option<String>,
    /// What it is called.
    text: String,
    location: Option<&'static Location<'static>>,
    waits: Vec<DumpedWait>,
}

#[derive(Clone)]
struct DumpedWait {
    /// What is waited for, in short, unless it is a task or a time.
    primitive: Option<String>,
    text: String,
    holders: Vec<Holder>,
}

#[derive(Clone)]
struct Holder {
    task: Option<TaskKey>,
    text: String,
}

impl Dump {
    /// The tasks of the runtime at this address, or all.
    pub(crate) fn of(runtime: Option<*const ()>) -> Self {
        let record = Record { waits: diagnostics::waits(), holds: diagnostics::holds() };
        let tasks = registry::list(runtime.map(<*const ()>::addr)).into_iter().map(|((runtime, id), entry)| {
            let key = (runtime, id.0);
            DumpedTask {
                key: Some(key),
                text: registry::describe(key),
                name: entry.name,
                location: Some(entry.location),
                waits: record.waits_of(|who| who.task == Some(key)),
            }
        });
        let mut tasks: Vec<DumpedTask> = tasks.collect();
        if runtime.is_none() {
            tasks.extend(record.threads());
        }
        let cycles = cycles(&tasks);
        Self { tasks, cycles }
    }

    /// The unfinished tasks, in the order of their ids. The future given to `run` comes first.
    pub fn tasks(&self) -> &[DumpedTask] {
        &self.tasks
    }

    /// Circles of tasks that wait for each other, each in a sentence.
    pub fn cycles(&self) -> &[String] {
        &self.cycles
    }
}

impl DumpedTask {
    /// The task; None for the future that was given to `run`, and for a thread.
    pub fn id(&self) -> Option<TaskId> {
        self.key.map(|(_, id)| TaskId(id)).filter(|id| *id != TaskId::MAIN)
    }

    /// Its name, if it was spawned with one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned; None for a thread.
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// What it waits for, each in a sentence. More than one if it waits for the first of several.
    pub fn waits(&self) -> impl Iterator<Item = &str> {
        self.waits.iter().map(|wait| &*wait.text)
    }
}

/// Who waits and who holds at one moment.
struct Record {
    waits: Vec<Waiting>,
    holds: Vec<Holding>,
}

impl Record {
    fn waits_of(&self, is_meant: impl Fn(&TaskOrThread) -> bool) -> Vec<DumpedWait> {
        self.waits.iter().filter(|wait| is_meant(&wait.by)).map(|wait| self.tell(wait)).collect()
    }

    /// The threads that wait outside of any task.
    fn threads(&self) -> Vec<DumpedTask> {
        let outside = self.waits.iter().filter(|wait| wait.by.task.is_none());
        let names: BTreeSet<&str> = outside.map(|wait| &*wait.by.name).collect();
        let thread = |text: &str| DumpedTask {
            key: None,
            name: None,
            text: text.to_owned(),
            location: None,
            waits: self.waits_of(|who| who.task.is_none() && who.name == text),
        };
        names.into_iter().map(thread).collect()
    }

    fn tell(&self, wait: &Waiting) -> DumpedWait {
        let called = wait.location.map(|place| format!(", called at {place},")).unwrap_or_default();
        let told = |primitive, text, holders| DumpedWait { primitive, text, holders };
        match wait.target {
            Target::Primitive(thing, call) => {
                let what = name(&thing);
                if wait.granted {
                    let text = format!("was given {what} in {call}(){called} and has not been polled since");
                    return told(Some(what), text, Vec::new());
                }
                let text = format!("waits in {call}(){called} for {what}, created at {}", thing.created);
                told(Some(what), text, self.holders(&thing, call))
            }
            Target::Task(key) => {
                let text = format!("waits for the end of {}", registry::describe(key));
                told(None, text, vec![Holder { task: Some(key), text: String::new() }])
            }
            Target::Time(Some(time)) => {
                let left = time.saturating_duration_since(now());
                told(None, format!("sleeps for another {left:?}"), Vec::new())
            }
            Target::Time(None) => told(None, "sleeps for ever".to_owned(), Vec::new()),
        }
    }

    /// Who holds up those who wait for `thing` in the method `call`.
    fn holders(&self, thing: &Primitive, call: &str) -> Vec<Holder> {
        let holds = self.holds.iter().filter(|hold| hold.primitive == thing.id);
        let taken = holds.filter_map(|Holding { by, location, held_as, .. }| match held_as {
            HeldAs::Primitive => Some(("held by", by, "which took it at", *location)),
            HeldAs::Reader => Some(("read by", by, "which took it at", *location)),
            HeldAs::UpgradableReader => Some(("read, to be upgraded, by", by, "which took it at", *location)),
            HeldAs::Writer => Some(("written by", by, "which took it at", *location)),
            // Items hold up nobody but those who wait until all are done.
            HeldAs::Item if call == "join" => {
                Some(("an item of it is with", by, "which took it and has not done it, at", *location))
            }
            HeldAs::Item => None,
        });
        // What was given to a waiter is as good as taken by it.
        let granted = self.waits.iter().filter_map(|wait| match wait.target {
            Target::Primitive(other, _) if wait.granted && other.id == thing.id => {
                Some(("given to", &wait.by, "which has not been polled since it called at", wait.location?))
            }
            _ => None,
        });
        let holder = |(how, who, since, place): (&str, &TaskOrThread, &str, &Location<'_>)| {
            let finished = who.task.is_some_and(|(runtime, id)| !registry::contains(runtime, TaskId(id)));
            let finished = if finished { " (finished by now)" } else { "" };
            Holder { task: who.task, text: format!("{how} {}{finished}, {since} {place}", who.name) }
        };
        taken.chain(granted).map(holder).collect()
    }
}

/// A primitive in short: its type, and what the user calls it.
fn name(Primitive { kind, label, .. }: &Primitive) -> String {
    match label {
        Some(label) => format!("{kind} \"{label}\""),
        None => (*kind).to_owned(),
    }
}

/// The circles among those who wait for somebody: for each task one that it is the first of, if there is any.
fn cycles(tasks: &[DumpedTask]) -> Vec<String> {
    let told = |start: usize| {
        let mut path = Vec::new();
        let is_cycle = leads_back(tasks, start, start, &mut BTreeSet::new(), &mut path);
        is_cycle.then(|| format!("{} {}", tasks[start].text, path.join(", which ")))
    };
    (0..tasks.len()).filter_map(told).collect()
}

/// Whether those who `from` waits for wait for `start` in the end, by way of later tasks only. The way there is added to `path`.
fn leads_back(
    tasks: &[DumpedTask],
    start: usize,
    from: usize,
    visited: &mut BTreeSet<usize>,
    path: &mut Vec<String>,
) -> bool {
    for wait in &tasks[from].waits {
        for holder in wait.holders.iter().filter_map(|holder| holder.task) {
            let Some(to) = tasks.iter().position(|task| task.key == Some(holder)) else { continue };
            if to < start || !visited.insert(to) {
                continue;
            }
            path.push(match &wait.primitive {
                Some(primitive) => format!("waits for {primitive}, held by {}", tasks[to].text),
                None => format!("waits for {}", tasks[to].text),
            });
            if to == start || leads_back(tasks, start, to, visited, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for task in &self.tasks {
            writeln!(f, "{task}")?;
            if task.waits.is_empty() && cfg!(feature = "diagnostics") {
                writeln!(f, "└─ waits for nothing that is on record")?;
            }
            for (n, wait) in task.waits.iter().enumerate() {
                let is_last = n + 1 == task.waits.len();
                writeln!(f, "{} {}", if is_last { "└─" } else { "├─" }, wait.text)?;
                for holder in wait.holders.iter().filter(|holder| !holder.text.is_empty()) {
                    writeln!(f, "{}  └─ {}", if is_last { " " } else { "│" }, holder.text)?;
                }
            }
        }
        for (n, cycle) in self.cycles.iter().enumerate() {
            writeln!(f, "{}cycle: {cycle}", if n == 0 { "\n" } else { "" })?;
        }
        if !cfg!(feature = "diagnostics") {
            writeln!(f, "(the feature `diagnostics` of waitline-executor tells what they wait for, and who holds it)")?;
        }
        Ok(())
    }
}

impl fmt::Display for DumpedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.location, self.id()) {
            (None, _) => write!(f, "{}", self.text),
            (Some(location), None) => write!(f, "{}, run at {location}", self.text),
            (Some(location), Some(_)) => write!(f, "{}, spawned at {location}", self.text),
        }
    }
}

impl fmt::Debug for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for DumpedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
