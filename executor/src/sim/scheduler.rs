//! The scheduler of a simulated event loop: which task is next, what time it is, and when nothing is left to do.

use super::{
    Order, Stalled,
    rng::{SplitMix, mix},
    stalled::Reason,
};
use crate::{
    dump::Dump,
    run::local::{Driver, Turns},
    task::{
        TaskId, registry,
        runtime::{Job, here},
    },
    time::{clock, now},
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::{Duration, Instant},
};

/// The state of a simulation, which its thread can reach while it runs.
///
/// Invariants:
///
/// - SC1: everything that happens is a function of the seed and the program. No thread, clock, address or hash order
///   has any influence.
/// - SC2: the time changes only when no task is ready, and then to the deadline of the next timer.
pub(super) struct Simulation {
    seed: u64,
    random: SplitMix,
    begin: Instant,
    polls: Cell<u64>,
    trace: Cell<u64>,
    /// The tasks that are to be cancelled at random.
    doomed: RefCell<BTreeMap<TaskId, Doom>>,
}

/// When a task is cancelled.
#[derive(Debug, Clone, Copy)]
struct Doom {
    /// The key of the task in the map of its loop.
    key: u64,
    polls_left: u64,
}

/// A step of the trace.
enum Step {
    Poll(TaskId),
    Ready(usize),
    Time(Duration),
    Draw(u64),
}

impl Simulation {
    fn new(seed: u64, begin: Instant) -> Self {
        Self {
            seed,
            random: SplitMix::new(seed),
            begin,
            polls: Cell::new(0),
            trace: Cell::new(0),
            doomed: RefCell::default(),
        }
    }

    pub(super) fn trace(&self) -> u64 {
        self.trace.get()
    }

    /// A random number for the program.
    pub(super) fn draw(&self, draw: impl FnOnce(&SplitMix) -> u64) -> u64 {
        let number = draw(&self.random);
        self.note(Step::Draw(number));
        number
    }

    pub(super) fn doom(&self, id: TaskId, key: u64) {
        let magnitude = self.random.below(7);
        let polls_left = self.random.below(1 << magnitude);
        self.doomed.borrow_mut().insert(id, Doom { key, polls_left });
    }

    fn note(&self, step: Step) {
        let (kind, value) = match step {
            Step::Poll(id) => (1, id.0),
            Step::Ready(count) => (2, count as u64),
            Step::Time(since_begin) => (3, since_begin.as_nanos() as u64),
            Step::Draw(number) => (4, number),
        };
        self.trace.set(mix(mix(self.trace.get() ^ kind).wrapping_add(value)));
    }

    fn elapsed(&self) -> Duration {
        now() - self.begin
    }
}

thread_local! {
    /// The simulation that this thread runs.
    static SIMULATION: RefCell<Option<Rc<Simulation>>> = const { RefCell::new(None) };
}

/// Calls `f` with the simulation that this thread runs, if any. May be called at any time.
pub(super) fn try_with_simulation<R>(f: impl FnOnce(&Simulation) -> R) -> Option<R> {
    let simulation = SIMULATION.try_with(|simulation| simulation.borrow().clone()).ok().flatten();
    simulation.map(|simulation| f(&simulation))
}

/// Calls `f` with the simulation that this thread runs.
///
/// # Panics
///
/// If it runs none. `caller` is the public function that needs one.
#[track_caller]
pub(super) fn with_simulation<R>(caller: &str, f: impl FnOnce(&Simulation) -> R) -> R {
    match try_with_simulation(f) {
        Some(result) => result,
        None => panic!("`{caller}` needs a simulation: call it inside the future given to `sim::run` or `sim::many`"),
    }
}

/// The driver of a simulated loop.
pub(super) struct Scheduler {
    simulation: Rc<Simulation>,
    order: Order,
    max_polls: u64,
    /// The task that has just been polled.
    polled: Cell<Option<TaskId>>,
    /// Why there is no next turn.
    stalled: RefCell<Option<Stalled>>,
    /// The state of the thread's generator from outside: `futures_lite::future::race` draws from it, and maybe the
    /// program.
    outside: Cell<u64>,
}

impl Driver for Scheduler {
    type End = Option<Stalled>;

    const HAS_OWN_IDS: bool = true;
    const TAKES_BLOCKING_CALLS: bool = true;

    fn start(&self) {
        let simulation = &self.simulation;
        SIMULATION.set(Some(simulation.clone()));
        clock::stop_at(Some(simulation.begin));
        waitline::sync::set_alone(true);
        self.outside.set(fastrand::get_seed());
        fastrand::seed(simulation.seed);
    }

    /// None, with a report in `stalled`, if there is no next turn.
    fn next_job(&self, turns: &Turns<'_>) -> Option<Job> {
        let simulation = &self.simulation;
        self.end_turn(turns);
        turns.trim_queue();
        if simulation.polls.get() >= self.max_polls {
            return self.stall(turns, Reason::MaxPolls);
        }
        let job = loop {
            turns.look_outside();
            if let Some(job) = here(|here| self.pick(&mut here.queue.borrow_mut())) {
                break job;
            }
            let Some(deadline) = turns.next_timer() else { return self.stall(turns, Reason::NothingReady) };
            // SC2.
            clock::stop_at(Some(deadline.max(now())));
            simulation.note(Step::Time(simulation.elapsed()));
        };
        simulation.polls.set(simulation.polls.get() + 1);
        let id = match &job {
            Job::Main => TaskId::MAIN,
            Job::Task(runnable) => runnable.metadata().id(),
        };
        simulation.note(Step::Poll(id));
        if let Job::Task(runnable) = &job {
            if simulation.doomed.borrow().get(&id).is_some_and(|doom| doom.polls_left == 0) {
                runnable.metadata().cancel();
            }
        }
        self.polled.set(Some(id));
        Some(job)
    }

    /// The report, if the simulation has stalled.
    fn finish(self) -> Option<Stalled> {
        fastrand::seed(self.outside.get());
        waitline::sync::set_alone(false);
        clock::stop_at(None);
        SIMULATION.take();
        self.stalled.take()
    }
}

impl Scheduler {
    pub(super) fn new(seed: u64, begin: Instant, order: Order, max_polls: u64) -> Self {
        Self {
            simulation: Rc::new(Simulation::new(seed, begin)),
            order,
            max_polls,
            polled: Cell::new(None),
            stalled: RefCell::default(),
            outside: Cell::new(0),
        }
    }

    fn pick(&self, ready: &mut VecDeque<Job>) -> Option<Job> {
        if ready.is_empty() {
            return None;
        }
        self.simulation.note(Step::Ready(ready.len()));
        match self.order {
            Order::Fifo => ready.pop_front(),
            Order::Random => ready.swap_remove_back(self.simulation.random.below(ready.len() as u64) as usize),
        }
    }

    /// After a poll: brings the cancellation of a doomed task nearer.
    fn end_turn(&self, turns: &Turns<'_>) {
        let Some(id) = self.polled.take() else { return };
        let mut doomed = self.simulation.doomed.borrow_mut();
        let Some(doom) = doomed.get_mut(&id) else { return };
        if !registry::contains(turns.event_loop.address().addr(), id) {
            doomed.remove(&id);
            return;
        }
        doom.polls_left = doom.polls_left.saturating_sub(1);
        if doom.polls_left == 0 {
            let key = doom.key;
            drop(doomed);
            turns.event_loop.wake_task(key);
        }
    }

    #[cold]
    fn stall(&self, turns: &Turns<'_>, reason: Reason) -> Option<Job> {
        let simulation = &self.simulation;
        let tasks = Dump::of(Some(turns.event_loop.address()));
        let stalled = Stalled::new(simulation.seed, reason, simulation.elapsed(), simulation.polls.get(), tasks);
        // The first one is the cause.
        self.stalled.borrow_mut().get_or_insert(stalled);
        None
    }
}
