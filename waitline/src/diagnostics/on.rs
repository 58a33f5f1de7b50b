//! The record, kept.

use super::{Holding, Holds, Target, Task, TaskKey, Thing, Waiting, Who};
use parking_lot::Mutex;
use std::{
    cell::Cell,
    collections::BTreeMap,
    marker::PhantomData,
    mem,
    panic::{Location, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

/// All that is recorded, by numbers in the order of time.
///
/// The mutex is the innermost of all: it is taken under those of primitives, and nothing foreign is called under it.
static RECORDS: Mutex<Records> = Mutex::new(Records { last: 0, waits: BTreeMap::new(), holds: BTreeMap::new() });

struct Records {
    last: u64,
    waits: BTreeMap<u64, Waiting>,
    holds: BTreeMap<u64, Holding>,
}

impl Records {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The numbers of the items of `thing` that are not done.
    fn items(&self, thing: u64) -> impl Iterator<Item = (u64, &Who)> {
        let is_item = move |hold: &Holding| hold.thing == thing && hold.holds == Holds::Item;
        self.holds.iter().filter(move |(_, hold)| is_item(hold)).map(|(number, hold)| (*number, &hold.who))
    }
}

/// So many items of one queue are on record at most: not everybody calls `task_done`.
const MAX_ITEMS: usize = 64;

thread_local! {
    static CURRENT: Cell<Option<Task>> = const { Cell::new(None) };
}

/// Who runs on this thread now.
///
/// Found without a mutex, as its name is foreign code: see [`Task::describe`].
#[derive(Debug, Default)]
pub struct Current(Option<Who>);

impl Current {
    /// Asks for the name of the task that is announced, or of the thread.
    pub fn get() -> Self {
        Current(Some(current()))
    }
}

fn current() -> Who {
    match CURRENT.get() {
        Some(task) => {
            let text = catch_unwind(|| (task.describe)(task.key)).unwrap_or_else(|panic| {
                // What goes wrong with a report must cost nobody a grant. The payload's own drop may panic as well.
                mem::forget(panic);
                format!("task {} (its name panicked)", task.key.1)
            });
            Who { task: Some(task.key), text }
        }
        None => {
            let thread = thread::current();
            let text = match thread.name() {
                Some(name) => format!("thread \"{name}\""),
                None => format!("{:?}", thread.id()),
            };
            Who { task: None, text }
        }
    }
}

/// A place in the source.
#[derive(Debug, Clone, Copy)]
pub struct Caller(&'static Location<'static>);

impl Caller {
    /// The place of the caller.
    #[track_caller]
    pub const fn here() -> Self {
        Caller(Location::caller())
    }
}

/// What a primitive is called in reports.
#[derive(Debug)]
pub struct Origin {
    /// 0 until it is needed: constructors are `const`.
    id: AtomicU64,
    kind: &'static str,
    label: Option<&'static str>,
    created: &'static Location<'static>,
    /// The number of the record of who holds it alone; 0 if nobody does.
    holder: AtomicU64,
    /// Whether items of it may be on record.
    has_items: AtomicU64,
}

impl Origin {
    /// That of a primitive of type `kind`, made by the caller.
    #[track_caller]
    pub const fn new(kind: &'static str) -> Self {
        let created = Location::caller();
        Origin {
            id: AtomicU64::new(0),
            kind,
            label: None,
            created,
            holder: AtomicU64::new(0),
            has_items: AtomicU64::new(0),
        }
    }

    /// Sets the type.
    pub const fn set_kind(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// Sets what the user calls it.
    pub const fn set_label(&mut self, label: &'static str) {
        self.label = Some(label);
    }

    fn thing(&self) -> Thing {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let mut id = self.id.load(Ordering::Relaxed);
        if id == 0 {
            let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            id = match self.id.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => fresh,
                Err(id) => id,
            };
        }
        Thing { id, kind: self.kind, label: self.label, created: self.created }
    }

    fn add_hold(&self, holds: Holds, place: Caller) -> u64 {
        let holding = Holding { who: current(), place: place.0, thing: self.thing().id, holds };
        let mut records = RECORDS.lock();
        let number = records.next();
        records.holds.insert(number, holding);
        number
    }

    /// Notes that the caller holds it alone from now on.
    pub fn hold_alone(&self, place: Caller) {
        self.let_go();
        let number = self.add_hold(Holds::Turn, place);
        // Relaxed: who holds the primitive is ordered by the primitive.
        self.holder.store(number, Ordering::Relaxed);
    }

    /// Notes that it is not held alone any more.
    pub fn let_go(&self) {
        let number = self.holder.swap(0, Ordering::Relaxed);
        if number != 0 {
            RECORDS.lock().holds.remove(&number);
        }
    }

    /// Notes that the caller holds a part of it.
    pub fn hold(&self, place: Caller) -> Hold {
        Hold(self.add_hold(Holds::Turn, place))
    }

    /// Notes that the caller has taken an item out of it.
    pub fn take_item(&self, place: Caller) {
        self.has_items.store(1, Ordering::Relaxed);
        self.add_hold(Holds::Item, place);
        let thing = self.thing().id;
        let mut records = RECORDS.lock();
        if records.items(thing).count() > MAX_ITEMS {
            let oldest = records.items(thing).next().map(|(number, _)| number);
            oldest.map(|number| records.holds.remove(&number));
        }
    }

    /// Notes that an item was done: one that the caller took, if it took any, or else the oldest.
    pub fn item_done(&self) {
        let (who, thing) = (current(), self.thing().id);
        let mut records = RECORDS.lock();
        let own = records.items(thing).find(|(_, taker)| **taker == who);
        let number = own.or_else(|| records.items(thing).next()).map(|(number, _)| number);
        number.map(|number| records.holds.remove(&number));
    }

    /// Notes that all items were done.
    pub fn all_done(&self) {
        if self.has_items.swap(0, Ordering::Relaxed) != 0 {
            let thing = self.thing().id;
            RECORDS.lock().holds.retain(|_, hold| hold.thing != thing || hold.holds != Holds::Item);
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // A guard may have been forgotten, and items need not be done.
        self.let_go();
        self.all_done();
    }
}

/// A part of a primitive that is held, until it is dropped.
#[derive(Debug)]
pub struct Hold(u64);

impl Clone for Hold {
    fn clone(&self) -> Self {
        let mut records = RECORDS.lock();
        let number = records.next();
        if let Some(holding) = records.holds.get(&self.0).cloned() {
            records.holds.insert(number, holding);
        }
        Hold(number)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        RECORDS.lock().holds.remove(&self.0);
    }
}

/// A wait, until it is dropped.
#[derive(Debug)]
pub struct Wait(u64);

impl Wait {
    /// One that has not begun.
    pub const fn new() -> Self {
        Wait(0)
    }

    fn begin(&mut self, current: Current, target: Target, place: Option<&'static Location<'static>>) {
        let who = current.0.unwrap_or_else(|| Who { task: None, text: "nobody".to_owned() });
        let waiting = Waiting { who, place, target, granted: false };
        let mut records = RECORDS.lock();
        if self.0 == 0 {
            self.0 = records.next();
        }
        records.waits.insert(self.0, waiting);
    }

    fn change(&mut self, change: impl FnOnce(&mut Waiting)) {
        RECORDS.lock().waits.get_mut(&self.0).map(change);
    }

    /// The `current` task waits for a turn at a primitive, by the method `call`.
    pub fn for_primitive(&mut self, current: Current, origin: &Origin, call: &'static str, place: Caller) {
        self.begin(current, Target::Primitive(origin.thing(), call), Some(place.0));
    }

    /// The wait goes on at another primitive.
    pub fn moved_to(&mut self, origin: &Origin) {
        let to = origin.thing();
        self.change(|waiting| {
            if let Target::Primitive(thing, _) = &mut waiting.target {
                *thing = to;
            }
        });
    }

    /// The current task waits for the end of another.
    pub fn for_task(&mut self, task: impl FnOnce() -> TaskKey) {
        self.begin(Current::get(), Target::Task(task()), None);
    }

    /// The current task waits for a point in time.
    pub fn for_time(&mut self, time: Option<Instant>) {
        self.begin(Current::get(), Target::Time(time), None);
    }

    /// What was waited for is there, and nobody has looked yet.
    pub fn granted(&mut self) {
        self.change(|waiting| waiting.granted = true);
    }

    /// The wait is over.
    pub fn end(&mut self) {
        if self.0 != 0 {
            RECORDS.lock().waits.remove(&self.0);
            self.0 = 0;
        }
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.end();
    }
}

/// Announces the task that this thread polls, until the guard is dropped.
pub fn enter(task: impl FnOnce() -> Task) -> Announced {
    Announced(CURRENT.replace(Some(task())), PhantomData)
}

/// The end of an announcement. Belongs to its thread.
#[derive(Debug)]
pub struct Announced(Option<Task>, PhantomData<*const ()>);

impl Drop for Announced {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The waits that are going on, in the order in which they began.
pub fn waits() -> Vec<Waiting> {
    RECORDS.lock().waits.values().cloned().collect()
}

/// What is held, in the order in which it was taken.
pub fn holds() -> Vec<Holding> {
    RECORDS.lock().holds.values().cloned().collect()
}
