//! Which workers of an executor sleep, and which one to wake.

use super::parker::Parker;
use std::time::Instant;
use waitline::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// The workers that have nothing to do.
///
/// One of them keeps the clock: it sleeps until the next timer. The others sleep until they are woken. New work wakes
/// one sleeper, or none while another worker is searching, because that worker will find it.
///
/// ```text
///             nothing found                     nothing published meanwhile
/// searching ───────────────▶ about to sleep ──────────────────────────────▶ asleep
///     ▲  │ found something         │                                          │
///     │  ▼                         ▼ published meanwhile                      │ woken, or it is time
///     │ working ─────┐             │                                          │
///     └──────────────┴─────────────┴──────────────────────────────────────────┘
/// ```
///
/// Invariants:
///
/// - Z1: a worker counts in `searching` from before its first look into any queue until it has found something or is
///   about to sleep. It leaves with a full fence and looks once more before it sleeps.
/// - Z2: a thread that publishes work executes a full fence before it reads `searching`. So either it sees no searcher
///   and wakes a sleeper, or the last searcher that it saw reaches its own fence later, and finds the work when it
///   looks once more.
/// - Z3: the last searcher that finds something wakes another worker if there is more, because work that was published
///   during its search woke no worker.
/// - Z4: a worker counts in `idle` from before it registers itself as a sleeper (other than the clock's keeper) until
///   after it has woken, and `kept` is set as long for the keeper. The parker's fence follows: either the thread that
///   publishes work sees the sleeper, or the sleeper sees the work. A thread that sees `idle == 0` may wake the keeper.
/// - Z5: a keeper that leaves clears `kept`, and after a fence looks at `idle` and at the timers. So either it sees a
///   worker that goes to sleep, or that worker sees that there is no keeper. And either it sees a new timer, or the
///   thread that sets the timer sees that there is no keeper.
/// - Z6: a worker that is woken to keep the clock may find work instead, because one notification serves both. So the
///   last searcher that finds something also wakes another worker if there are timers and no keeper. All woken workers
///   search, so the clock is without a keeper only while no worker is idle, and a worker that becomes idle later looks
///   for the keeper (Z5).
#[derive(Debug)]
pub(crate) struct Sleepers {
    searching: AtomicUsize,
    idle: AtomicUsize,
    others: Parker,
    pub(crate) keeper: Parker,
    /// Whether there is a keeper.
    kept: AtomicBool,
}

impl Sleepers {
    pub(crate) fn new() -> Self {
        Self {
            searching: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            others: Parker::new(),
            keeper: Parker::new(),
            kept: AtomicBool::new(false),
        }
    }

    /// Called after work was published. Ensures that a worker that is awake will look for it.
    #[inline]
    pub(crate) fn work_published(&self) {
        // Ordering: the fence is Z2's, and pairs with the ones in `stop_searching` and in the parker.
        fence(Ordering::SeqCst);
        if self.searching.load(Ordering::Relaxed) == 0 {
            self.wake_one();
        }
    }

    /// Wakes one sleeper; the keeper of the clock only if there is no other. After a full fence.
    fn wake_one(&self) {
        if self.idle.load(Ordering::Relaxed) > 0 {
            self.others.unpark_after_fence();
        } else if self.kept.load(Ordering::Relaxed) {
            self.keeper.unpark_after_fence();
        }
    }

    pub(crate) fn start_searching(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends a search.
    pub(crate) fn stop_searching(
        &self,
        found: bool,
        has_more: impl FnOnce() -> bool,
        has_timers: impl FnOnce() -> bool,
    ) {
        let was_last = self.searching.fetch_sub(1, Ordering::SeqCst) == 1;
        // Ordering: Z1's fence, for the look that follows; and Z2's, for what was published meanwhile.
        fence(Ordering::SeqCst);
        if found && was_last && (has_more() || self.is_unkept() && has_timers()) {
            self.wake_one();
        }
    }

    /// Whether no worker keeps the clock although one is idle. After a full fence.
    fn is_unkept(&self) -> bool {
        !self.kept.load(Ordering::Relaxed) && self.idle.load(Ordering::Relaxed) > 0
    }

    /// Sleeps, unless `has_work` finds something. The caller has stopped searching.
    ///
    /// If there is no keeper of the clock, this worker becomes it, and sleeps at most until `next_timer`.
    pub(crate) fn sleep(&self, next_timer: impl Fn() -> Option<Instant>, has_work: impl Fn() -> bool) {
        // Ordering: AcqRel, so that one keeper follows the other.
        if !self.kept.swap(true, Ordering::AcqRel) {
            let deadline = next_timer();
            self.keeper.park(deadline, || has_work() || next_timer() != deadline);
            // Ordering: AcqRel, as above.
            self.kept.swap(false, Ordering::AcqRel);
            // Ordering: Z5.
            fence(Ordering::SeqCst);
            // This worker may be busy for long. Another one becomes the keeper if there is a timer to wait for.
            if self.idle.load(Ordering::Relaxed) > 0 && next_timer().is_some() {
                self.others.unpark();
            }
        } else {
            self.idle.fetch_add(1, Ordering::SeqCst);
            // Ordering: Z5, with the parker's fence.
            self.others.park(None, || has_work() || !self.kept.load(Ordering::Relaxed));
            self.idle.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Called after a timer was set that is earlier than all others.
    pub(crate) fn earlier_timer(&self) {
        // Ordering: Z5.
        fence(Ordering::SeqCst);
        if self.kept.load(Ordering::Relaxed) {
            self.keeper.unpark_after_fence();
        } else {
            self.others.unpark_after_fence();
        }
    }

    pub(crate) fn wake_all(&self) {
        self.others.unpark_all();
        self.keeper.unpark_all();
    }
}
