//! The record with the feature `diagnostics`.

use super::{HeldAs, Holding, Primitive, Target, Task, TaskKey, TaskOrThread, Waiting};
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

/// Everything that is recorded, under ascending numbers.
///
/// This mutex is the innermost one: it is taken under the mutexes of primitives, and no foreign code runs under it.
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

    /// The numbers of the items of `primitive` that are not done.
    fn items(&self, primitive: u64) -> impl Iterator<Item = (u64, &TaskOrThread)> {
        let is_item = move |hold: &Holding| hold.primitive == primitive && hold.held_as == HeldAs::Item;
        self.holds.iter().filter(move |(_, hold)| is_item(hold)).map(|(number, hold)| (*number, &hold.by))
    }
}

/// The maximum number of items on record for one queue, because not every program calls `task_done`.
const MAX_ITEMS: usize = 64;

thread_local! {
    static CURRENT: Cell<Option<Task>> = const { Cell::new(None) };
}

/// The task or thread that runs now.
///
/// Found without a mutex held, because finding the name is foreign code: see [`Task::describe`].
#[derive(Debug, Default)]
pub struct Current(Option<TaskOrThread>);

impl Current {
    /// Finds the name of the announced task, or of the thread if there is none.
    pub fn get() -> Self {
        Current(Some(current()))
    }
}

fn current() -> TaskOrThread {
    match CURRENT.get() {
        Some(task) => {
            let name = catch_unwind(|| (task.describe)(task.key)).unwrap_or_else(|panic| {
                // A failure in a report must not cost a waiter its grant. The payload's own drop may panic as well.
                mem::forget(panic);
                format!("task {} (its name panicked)", task.key.1)
            });
            TaskOrThread { task: Some(task.key), name }
        }
        None => {
            let thread = thread::current();
            let name = match thread.name() {
                Some(name) => format!("thread \"{name}\""),
                None => format!("{:?}", thread.id()),
            };
            TaskOrThread { task: None, name }
        }
    }
}

/// A source location.
#[derive(Debug, Clone, Copy)]
pub struct Caller(&'static Location<'static>);

impl Caller {
    /// The location of the caller.
    #[track_caller]
    pub const fn here() -> Self {
        Caller(Location::caller())
    }
}

/// The identity of a primitive in reports.
#[derive(Debug)]
pub struct Origin {
    /// 0 until it is needed, because constructors are `const`.
    id: AtomicU64,
    kind: &'static str,
    label: Option<&'static str>,
    created: &'static Location<'static>,
    /// The number of the only holder's record; 0 if there is none.
    holder: AtomicU64,
    /// Whether items may be on record.
    has_items: AtomicU64,
}

impl Origin {
    /// The identity of a primitive of type `kind`, created by the caller.
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

    /// Sets the primitive's type.
    pub const fn set_kind(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// Sets the label that the user gave the primitive.
    pub const fn set_label(&mut self, label: &'static str) {
        self.label = Some(label);
    }

    fn primitive(&self) -> Primitive {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let mut id = self.id.load(Ordering::Relaxed);
        if id == 0 {
            let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            id = match self.id.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => fresh,
                Err(id) => id,
            };
        }
        Primitive { id, kind: self.kind, label: self.label, created: self.created }
    }

    fn add_hold(&self, held_as: HeldAs, location: Caller) -> u64 {
        let holding = Holding { by: current(), location: location.0, primitive: self.primitive().id, held_as };
        let mut records = RECORDS.lock();
        let number = records.next();
        records.holds.insert(number, holding);
        number
    }

    /// Records that the caller is now the only holder.
    pub fn hold_alone(&self, location: Caller) {
        self.release();
        let number = self.add_hold(HeldAs::Primitive, location);
        // Relaxed: the primitive itself orders its holders.
        self.holder.store(number, Ordering::Relaxed);
    }

    /// Records that the only holder has released the primitive.
    pub fn release(&self) {
        let number = self.holder.swap(0, Ordering::Relaxed);
        if number != 0 {
            RECORDS.lock().holds.remove(&number);
        }
    }

    /// Records that the caller is one of several holders.
    pub fn hold(&self, location: Caller) -> Hold {
        self.hold_as(HeldAs::Primitive, location)
    }

    /// Records that the caller is one of several holders, and as what it holds the primitive.
    pub fn hold_as(&self, held_as: HeldAs, location: Caller) -> Hold {
        Hold(self.add_hold(held_as, location))
    }

    /// Records that the caller has taken an item out.
    pub fn take_item(&self, location: Caller) {
        self.has_items.store(1, Ordering::Relaxed);
        self.add_hold(HeldAs::Item, location);
        let primitive = self.primitive().id;
        let mut records = RECORDS.lock();
        if records.items(primitive).count() > MAX_ITEMS {
            let oldest = records.items(primitive).next().map(|(number, _)| number);
            oldest.map(|number| records.holds.remove(&number));
        }
    }

    /// Records that an item is done: one that the caller took, if there is one, otherwise the oldest.
    pub fn item_done(&self) {
        let (caller, primitive) = (current(), self.primitive().id);
        let mut records = RECORDS.lock();
        let own = records.items(primitive).find(|(_, taker)| **taker == caller);
        let number = own.or_else(|| records.items(primitive).next()).map(|(number, _)| number);
        number.map(|number| records.holds.remove(&number));
    }

    /// Records that all items are done.
    pub fn all_done(&self) {
        if self.has_items.swap(0, Ordering::Relaxed) != 0 {
            let primitive = self.primitive().id;
            RECORDS.lock().holds.retain(|_, hold| hold.primitive != primitive || hold.held_as != HeldAs::Item);
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // A guard may have been leaked, and items may not be done.
        self.release();
        self.all_done();
    }
}

/// The record of one of several holders, until it is dropped.
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

/// The record of a wait, until it is dropped.
#[derive(Debug)]
pub struct Wait(u64);

impl Wait {
    /// The record of a wait that has not begun.
    pub const fn new() -> Self {
        Wait(0)
    }

    fn begin(&mut self, current: Current, target: Target, location: Option<&'static Location<'static>>) {
        let by = current.0.unwrap_or_else(|| TaskOrThread { task: None, name: "nobody".to_owned() });
        let waiting = Waiting { by, location, target, granted: false };
        let mut records = RECORDS.lock();
        if self.0 == 0 {
            self.0 = records.next();
        }
        records.waits.insert(self.0, waiting);
    }

    fn change(&mut self, change: impl FnOnce(&mut Waiting)) {
        RECORDS.lock().waits.get_mut(&self.0).map(change);
    }

    /// Records that the `current` task waits for a grant of a primitive, by the method `call`.
    pub fn for_primitive(&mut self, current: Current, origin: &Origin, call: &'static str, location: Caller) {
        self.begin(current, Target::Primitive(origin.primitive(), call), Some(location.0));
    }

    /// Records that the waiter has moved to another primitive.
    pub fn moved_to(&mut self, origin: &Origin) {
        let next = origin.primitive();
        self.change(|waiting| {
            if let Target::Primitive(primitive, _) = &mut waiting.target {
                *primitive = next;
            }
        });
    }

    /// Records that the current task waits for the end of another.
    pub fn for_task(&mut self, task: impl FnOnce() -> TaskKey) {
        self.begin(Current::get(), Target::Task(task()), None);
    }

    /// Records that the current task waits for a point in time.
    pub fn for_time(&mut self, time: Option<Instant>) {
        self.begin(Current::get(), Target::Time(time), None);
    }

    /// Records that the waiter has been granted and has not been polled since.
    pub fn granted(&mut self) {
        self.change(|waiting| waiting.granted = true);
    }

    /// Records that the wait is over.
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

/// Announces the task that this thread polls, until the returned value is dropped.
pub fn enter(task: impl FnOnce() -> Task) -> Announced {
    Announced(CURRENT.replace(Some(task())), PhantomData)
}

/// An announcement. Its drop ends it, on the thread that made it.
#[derive(Debug)]
pub struct Announced(Option<Task>, PhantomData<*const ()>);

impl Drop for Announced {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The waits that have begun and are not over, in the order in which they began.
pub fn waits() -> Vec<Waiting> {
    RECORDS.lock().waits.values().cloned().collect()
}

/// All that is held, in the order in which it was taken.
pub fn holds() -> Vec<Holding> {
    RECORDS.lock().holds.values().cloned().collect()
}
