//! Which workers of an executor sleep, and which one to wake.

use super::{
    parker::{Parker, Woken},
    watcher::Look,
};
use std::{
    hint,
    time::{Duration, Instant},
};
use waitline::sync::atomic::{AtomicU8, AtomicUsize, Ordering, fence};

/// The workers that have nothing to do.
///
/// New work is offered to all workers, or claimed by the worker that pushed it (see
/// [`StealQueue`](super::steal::StealQueue)). Work that is offered wakes one sleeper, or none while another worker is
/// searching, because that worker will find it. Work that is claimed wakes nobody, so that a wake from one task to another
/// stays on its worker. Its price is that somebody has to notice a worker that blocks: the keeper of the clock.
///
/// ```text
///             nothing found                     nothing published meanwhile
/// searching ───────────────▶ about to sleep ──────────────────────────────▶ asleep
///     ▲  │ found something         │                                          │
///     │  ▼                         ▼ published meanwhile                      │ woken, or it is time
///     │ working ─────┐             │                                          │
///     └──────────────┴─────────────┴──────────────────────────────────────────┘
///
///           becomes the keeper               nothing has moved, no queue has anything
/// (nobody) ────────────────────▶ watching ─────────────────────────────────────────────▶ dozing
///     ▲                          │  │  ▲                                                 │
///     │                          │  └──┘ a tick is over, and the others move             │
///     └──────────────────────────┴───────────────────────────────────────────────────────┘
///       there is work, a queue is stuck, a timer is due, or it is woken
/// ```
///
/// One sleeper is the keeper: it sleeps until the next timer, and no longer than a tick while it watches. The others sleep
/// until they are woken.
///
/// Invariants:
///
/// - Z1: a worker counts in `searching` from before its first look into any queue until it has found something or is
///   about to sleep. It leaves with a full fence and looks once more before it sleeps.
/// - Z2: a thread that publishes work executes a full fence before it reads `searching` or `keeping`. So either it sees no
///   searcher and wakes a sleeper, or the last searcher that it saw reaches its own fence later, and finds the work when
///   it looks once more.
/// - Z3: the last searcher that finds something wakes another worker if more is offered, because work that was published
///   during its search woke no worker.
/// - Z4: a worker counts in `idle` from before it registers itself as a sleeper (other than the keeper) until after it has
///   woken, and `keeping` is not `NOBODY` as long for the keeper. The parker's fence follows: either the thread that
///   publishes work sees the sleeper, or the sleeper sees the work. A thread that sees `idle == 0` may wake the keeper.
/// - Z5: a sleeper other than the keeper looks, after the parker's fence, whether there is a keeper. A keeper that leaves
///   sets `NOBODY` and then searches. So there is a keeper, or no worker is idle, or a worker searches, or a worker that
///   searched found something.
/// - Z6: in the last case the last searcher that found something wakes another worker if nobody keeps the clock although
///   there is a timer or a claim. It looks after the fence that ends its search. So either it sees a new timer or claim,
///   or the thread that made it sees that there is no keeper. All woken workers search: whoever finds nothing becomes the
///   keeper.
/// - Z7: a new keeper begins as a watcher. It dozes only after a look in which no queue had anything and none had moved
///   since the look before; and it looks at the queues once more after it has stored `DOZING` and executed the parker's
///   fence. So either it sees a claim, or the thread that claims sees that it dozes, and wakes it.
/// - Z8: a claim that a watcher sees unmoved in two looks is void: the watcher seizes it. A tick separates the looks.
#[derive(Debug)]
pub(crate) struct Sleepers {
    searching: AtomicUsize,
    idle: AtomicUsize,
    others: Parker,
    pub(crate) keeper: Parker,
    /// What the keeper does: one of the constants below.
    keeping: AtomicU8,
}

/// There is no keeper.
const NOBODY: u8 = 0;
/// The keeper sleeps until the next timer.
const DOZING: u8 = 1;
/// The keeper sleeps for a tick at most, and then looks whether the others move.
const WATCHING: u8 = 2;

/// How long a queue with a claim must not move for the claim to be void, and the first tick.
const SHORTEST_TICK: Duration = Duration::from_micros(125);

/// A watcher doubles its tick up to this while all is well.
const LONGEST_TICK: Duration = Duration::from_millis(8);

/// What the sleepers of an executor know of it.
pub(crate) trait Watched {
    /// When the next timer is due.
    fn next_timer(&self) -> Option<Instant>;
    /// Whether work is offered, or all workers are to end.
    fn has_work(&self) -> bool;
    /// Whether any queue has anything, offered or claimed.
    fn has_claims(&self) -> bool;
    /// Looks at the queues. If one is stuck, the next search of this worker seizes from it.
    fn look(&self) -> Look;
}

impl Sleepers {
    pub(crate) fn new() -> Self {
        Self {
            searching: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            others: Parker::new(),
            keeper: Parker::new(),
            keeping: AtomicU8::new(NOBODY),
        }
    }

    /// Called after work was offered. Ensures that a worker that is awake will look for it.
    #[inline]
    pub(crate) fn work_published(&self) {
        // Ordering: the fence is Z2's, and pairs with the ones in `stop_searching` and in the parker.
        fence(Ordering::SeqCst);
        if self.searching.load(Ordering::Relaxed) == 0 {
            self.wake_one();
        }
    }

    /// Called after a worker has claimed work. Ensures that there is or will be a watcher if any worker is idle.
    #[inline]
    pub(crate) fn work_claimed(&self) {
        // Ordering: the fence is Z2's, and pairs with the ones in `stop_searching` and in the parker.
        fence(Ordering::SeqCst);
        let keeping = self.keeping.load(Ordering::Relaxed);
        if keeping != WATCHING {
            self.find_watcher(keeping);
        }
    }

    #[cold]
    fn find_watcher(&self, keeping: u8) {
        if keeping == DOZING {
            // Even while another worker searches: that one may end as one of the others.
            self.keeper.unpark_after_fence();
        } else if self.searching.load(Ordering::Relaxed) == 0 && self.idle.load(Ordering::Relaxed) > 0 {
            self.others.unpark_after_fence();
        }
    }

    /// Wakes one sleeper; the keeper of the clock only if there is no other. After a full fence.
    fn wake_one(&self) {
        if self.idle.load(Ordering::Relaxed) > 0 {
            self.others.unpark_after_fence();
        } else if !self.is_unkept() {
            self.keeper.unpark_after_fence();
        }
    }

    fn is_unkept(&self) -> bool {
        self.keeping.load(Ordering::Relaxed) == NOBODY
    }

    pub(crate) fn start_searching(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends a search.
    pub(crate) fn stop_searching(&self, found: bool, watched: &impl Watched) {
        let was_last = self.searching.fetch_sub(1, Ordering::SeqCst) == 1;
        // Ordering: Z1's fence, for the look that follows; and Z2's, for what was published meanwhile.
        fence(Ordering::SeqCst);
        if found && was_last {
            let needs_keeper = || {
                self.is_unkept()
                    && self.idle.load(Ordering::Relaxed) > 0
                    && (watched.has_claims() || watched.next_timer().is_some())
            };
            if watched.has_work() || needs_keeper() {
                self.wake_one();
            }
        }
    }

    /// Sleeps, unless there is work. The caller has stopped searching.
    ///
    /// If there is no keeper of the clock, this worker becomes it.
    pub(crate) fn sleep(&self, watched: &impl Watched) {
        // Ordering: AcqRel, so that one keeper follows the other.
        if self.keeping.compare_exchange(NOBODY, WATCHING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.keep(watched);
            // Ordering: AcqRel, as above. The fence of Z6 is the one at the end of the search that follows.
            self.keeping.swap(NOBODY, Ordering::AcqRel);
        } else {
            self.idle.fetch_add(1, Ordering::SeqCst);
            // Ordering: Z5, with the parker's fence.
            self.others.park(None, || watched.has_work() || self.is_unkept());
            self.idle.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Watches and dozes until there is something to do.
    fn keep(&self, watched: &impl Watched) {
        let (mut tick, mut suspects, mut watches) = (SHORTEST_TICK, false, true);
        watched.look();
        loop {
            let timer = watched.next_timer();
            let end_of_tick = watches.then(|| Instant::now() + if suspects { SHORTEST_TICK } else { tick });
            let deadline = timer.into_iter().chain(end_of_tick).min();
            let is_over = || watched.has_work() || !watches && watched.has_claims() || watched.next_timer() != timer;
            if cfg!(loom) && watches {
                // There is no time in a model. A tick is over at once.
                if is_over() {
                    return;
                }
            } else if self.keeper.park(deadline, is_over) == Woken::ByWork || deadline != end_of_tick {
                return;
            }
            match watched.look() {
                Look::Stuck => return,
                // Unless it moves, it will be stuck by the end of a short tick.
                Look::Waiting if !suspects && !moves_soon(watched) => suspects = true,
                Look::Waiting | Look::Moving => {
                    suspects = false;
                    tick = (2 * tick).min(LONGEST_TICK);
                }
                Look::Quiet => {
                    watches = false;
                    // Ordering: the parker's fence follows (Z7).
                    self.keeping.store(DOZING, Ordering::Relaxed);
                }
            }
        }
    }

    /// Called after a timer was set that is earlier than all others.
    pub(crate) fn earlier_timer(&self) {
        // Ordering: Z6.
        fence(Ordering::SeqCst);
        if self.is_unkept() {
            self.others.unpark_after_fence();
        } else {
            self.keeper.unpark_after_fence();
        }
    }

    pub(crate) fn wake_all(&self) {
        self.others.unpark_all();
        self.keeper.unpark_all();
    }
}

/// Whether what a queue has moves within some microseconds, which most tasks take at most. Spares a tick.
fn moves_soon(watched: &impl Watched) -> bool {
    const LOOKS: usize = if cfg!(loom) { 0 } else { 32 };
    (0..LOOKS).any(|_| {
        (0..32).for_each(|_| hint::spin_loop());
        watched.look() != Look::Stuck
    })
}
