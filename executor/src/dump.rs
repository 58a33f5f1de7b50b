//! [`Dump`]: the table of unfinished tasks, made from the list of tasks and the record of waits.

use crate::{registry, task::TaskId, time::now};
use std::{fmt, panic::Location};
use waitline::diagnostics::{self, Holding, Holds, Target, TaskKey, Thing, Waiting, Who};

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
    place: Option<&'static Location<'static>>,
    waits: Vec<DumpedWait>,
}

#[derive(Clone)]
struct DumpedWait {
    /// What is waited for, in short.
    what: String,
    text: String,
    holders: Vec<Holder>,
}

#[derive(Clone)]
struct Holder {
    task: Option<TaskKey>,
    text: String,
}

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
#[cfg(feature = "diagnostics")]
pub fn dump() -> Dump {
    Dump::of(None)
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
                place: Some(entry.place),
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
        self.place
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
    fn waits_of(&self, is_meant: impl Fn(&Who) -> bool) -> Vec<DumpedWait> {
        self.waits.iter().filter(|wait| is_meant(&wait.who)).map(|wait| self.tell(wait)).collect()
    }

    /// The threads that wait outside of any task.
    fn threads(&self) -> Vec<DumpedTask> {
        let mut names: Vec<&str> =
            self.waits.iter().filter(|wait| wait.who.task.is_none()).map(|wait| &*wait.who.text).collect();
        names.dedup();
        let thread = |text: &str| DumpedTask {
            key: None,
            name: None,
            text: text.to_owned(),
            place: None,
            waits: self.waits_of(|who| who.task.is_none() && who.text == text),
        };
        names.into_iter().map(thread).collect()
    }

    fn tell(&self, wait: &Waiting) -> DumpedWait {
        let called = wait.place.map(|place| format!(", called at {place},")).unwrap_or_default();
        match wait.target {
            Target::Primitive(thing, call) if wait.granted => {
                let what = name(&thing);
                let text = format!("was given {what} in {call}(){called} and has not been polled since");
                DumpedWait { what, text, holders: Vec::new() }
            }
            Target::Primitive(thing, call) => {
                let what = name(&thing);
                let text = format!("waits in {call}(){called} for {what}, created at {}", thing.created);
                DumpedWait { what, text, holders: self.holders(&thing, call) }
            }
            Target::Task(key) => {
                let what = registry::describe(key);
                let text = format!("waits for the end of {what}");
                DumpedWait { what: what.clone(), text, holders: vec![Holder { task: Some(key), text: String::new() }] }
            }
            Target::Time(Some(time)) => {
                let left = time.saturating_duration_since(now());
                DumpedWait {
                    what: "a timer".to_owned(),
                    text: format!("sleeps for another {left:?}"),
                    holders: Vec::new(),
                }
            }
            Target::Time(None) => {
                DumpedWait { what: "a timer".to_owned(), text: "sleeps for ever".to_owned(), holders: Vec::new() }
            }
        }
    }

    /// Who holds up those who wait for `thing` in the method `call`.
    fn holders(&self, thing: &Thing, call: &str) -> Vec<Holder> {
        let holds = self.holds.iter().filter(|hold| hold.thing == thing.id);
        let taken = holds.filter_map(|Holding { who, place, holds, .. }| match holds {
            Holds::Turn => Some(("held by", who, "which took it at", *place)),
            // Items hold up nobody but those who wait until all are done.
            Holds::Item if call == "join" => {
                Some(("an item of it is with", who, "which took it and has not done it, at", *place))
            }
            Holds::Item => None,
        });
        // What was given to a waiter is as good as taken by it.
        let granted = self.waits.iter().filter_map(|wait| match wait.target {
            Target::Primitive(other, _) if wait.granted && other.id == thing.id => {
                Some(("given to", &wait.who, "which has not been polled since it called at", wait.place?))
            }
            _ => None,
        });
        let holder = |(how, who, since, place): (&str, &Who, &str, &Location<'_>)| {
            let finished = who.task.is_some_and(|(runtime, id)| !registry::contains(runtime, TaskId(id)));
            let finished = if finished { " (finished by now)" } else { "" };
            Holder { task: who.task, text: format!("{how} {}{finished}, {since} {place}", who.text) }
        };
        taken.chain(granted).map(holder).collect()
    }
}

/// A primitive in short: its type, and what the user calls it.
fn name(Thing { kind, label, .. }: &Thing) -> String {
    match label {
        Some(label) => format!("{kind} \"{label}\""),
        None => (*kind).to_owned(),
    }
}

/// The circles among those who wait for somebody.
fn cycles(tasks: &[DumpedTask]) -> Vec<String> {
    let mut cycles = Vec::new();
    // Each search starts at a task and goes on only to later ones, so that each circle is found once, at its first task.
    for start in 0..tasks.len() {
        let mut path = vec![(start, String::new())];
        find_cycles(tasks, start, &mut path, &mut cycles);
    }
    cycles
}

/// Goes on from the end of `path`, whose steps are tasks with what the step before them waits for.
fn find_cycles(tasks: &[DumpedTask], start: usize, path: &mut Vec<(usize, String)>, cycles: &mut Vec<String>) {
    /// So many are told; a crowd of waiters for a semaphore has a great many.
    const MAX_CYCLES: usize = 8;
    let (from, _) = path[path.len() - 1];
    for wait in &tasks[from].waits {
        for holder in wait.holders.iter().filter_map(|holder| holder.task) {
            let Some(to) = tasks.iter().position(|task| task.key == Some(holder)) else { continue };
            let step = if wait.what == tasks[to].text { String::new() } else { format!("{}, held by ", wait.what) };
            if cycles.len() == MAX_CYCLES {
                return;
            }
            if to == start {
                let steps = path[1..].iter().cloned().chain([(to, step)]);
                let told = steps.map(|(task, step)| format!("waits for {step}{}", tasks[task].text));
                let told: Vec<String> = told.collect();
                let cycle = format!("{} {}", tasks[start].text, told.join(", which "));
                if !cycles.contains(&cycle) {
                    cycles.push(cycle);
                }
            } else if to > start && path.iter().all(|(task, _)| *task != to) {
                path.push((to, step));
                find_cycles(tasks, start, path, cycles);
                path.pop();
            }
        }
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for task in &self.tasks {
            writeln!(f, "{task}")?;
            if task.waits.is_empty() && cfg!(feature = "diagnostics") {
                writeln!(f, "└─ waits for something that is not on record")?;
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
        match (self.place, self.id()) {
            (None, _) => write!(f, "{}", self.text),
            (Some(place), None) => write!(f, "{}, run at {place}", self.text),
            (Some(place), Some(_)) => write!(f, "{}, spawned at {place}", self.text),
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
