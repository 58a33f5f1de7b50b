//! An executor that does all that an executor may do and a primitive may not mind:
//!
//! - a task that was woken is polled twice in a row;
//! - every poll has a new waker, and that of the poll before is dead: waking it has no effect;
//! - the polls of a task come from two threads in turns;
//! - optionally, every task is polled whenever any task was woken.
//!
//! Without the last it polls nobody else: a primitive that wakes a stale waker, or none, is stuck here. With it, that would
//! not be noticed, which is why there are both.

use crate::{Job, Program, Tasks};
use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

struct Shared {
    polls_all: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: Vec<Task>,
    /// Whose round it is.
    turn: usize,
    /// Whether a live waker was woken, or a task spawned, since the last round began.
    rung: bool,
    done: bool,
}

struct Task {
    job: Job,
    is_main: bool,
    woken: Arc<AtomicBool>,
    last: Option<Arc<OneUse>>,
}

/// The waker of one poll.
struct OneUse {
    live: AtomicBool,
    woken: Arc<AtomicBool>,
    shared: Weak<Shared>,
}

impl Wake for OneUse {
    fn wake(self: Arc<Self>) {
        if self.live.load(Ordering::SeqCst)
            && let Some(shared) = self.shared.upgrade()
        {
            self.woken.store(true, Ordering::SeqCst);
            shared.ring();
        }
    }
}

/// Runs `program` under the worst conditions, with all tasks polled at every wake-up, or only the one that was woken.
pub fn run(program: Program, polls_all: bool) {
    let shared = Arc::new(Shared { polls_all, state: Mutex::default(), changed: Condvar::new() });
    let tasks = Tasks::new({
        let shared = shared.clone();
        move |job| {
            shared.lock().tasks.push(Task::new(job, false));
            shared.ring();
        }
    });
    shared.lock().tasks.push(Task::new(program(tasks), true));
    shared.ring();
    thread::scope(|scope| {
        for turn in 0..2 {
            scope.spawn({
                let shared = &shared;
                move || while shared.round(turn) {}
            });
        }
    });
    // What is left is dropped here; tasks hold the way to spawn, which holds `shared`.
    let left = mem::take(&mut shared.lock().tasks);
    drop(left);
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        self.lock().rung = true;
        self.changed.notify_all();
    }

    /// Waits for this thread's turn and a reason to poll, then polls all tasks. `false` at the end.
    fn round(self: &Arc<Self>, turn: usize) -> bool {
        let mut state = self.lock();
        while !(state.done || state.rung && state.turn == turn) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.done {
            return false;
        }
        state.rung = false;
        let mut tasks = mem::take(&mut state.tasks);
        drop(state);

        let mut done = false;
        tasks.retain_mut(|task| {
            if !task.woken.swap(false, Ordering::SeqCst) && !self.polls_all {
                return true;
            }
            // A task that panics has ended: whoever waits for its result is told so by the drop.
            let pending = catch_unwind(AssertUnwindSafe(|| task.is_pending(self) && task.is_pending(self)));
            let pending = pending.unwrap_or(false);
            done |= task.is_main && !pending;
            pending
        });

        let mut state = self.lock();
        // Tasks that were spawned in this round.
        tasks.append(&mut state.tasks);
        state.tasks = tasks;
        state.turn = 1 - turn;
        state.done = done;
        drop(state);
        self.changed.notify_all();
        true
    }
}

impl Task {
    fn new(job: Job, is_main: bool) -> Self {
        Task { job, is_main, woken: Arc::new(AtomicBool::new(true)), last: None }
    }

    fn is_pending(&mut self, shared: &Arc<Shared>) -> bool {
        if let Some(last) = self.last.take() {
            last.live.store(false, Ordering::SeqCst);
        }
        let (woken, shared) = (self.woken.clone(), Arc::downgrade(shared));
        let waker = Arc::new(OneUse { live: AtomicBool::new(true), woken, shared });
        self.last = Some(waker.clone());
        self.job.as_mut().poll(&mut Context::from_waker(&Waker::from(waker))) == Poll::Pending
    }
}
