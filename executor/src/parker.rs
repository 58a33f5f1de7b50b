//! How an idle thread waits for work without using the processor.

use event_listener::{Event, IntoNotification, Listener, listener};
use std::time::Instant;
use waitline::sync::atomic::{Ordering, fence};

/// The place where the threads of a runtime wait.
///
/// No wake-up is lost between the last look for work and the wait:
///
/// ```text
/// parking thread                    waking thread
/// 1. registers its listener         a. publishes work
/// 2. full fence                     b. full fence (in `notify`, or the caller's)
/// 3. looks for work once more       c. looks for a listener, wakes it
/// ```
///
/// If 3 misses a, then 2 comes before b in the order of the fences, and c sees 1, and also what the parking thread wrote
/// before: who it is, for callers that first look whether anybody parks. The event itself would do without the fences, because
/// both 1 and c take its mutex.
#[derive(Debug)]
pub(crate) struct Parker(Event);

impl Parker {
    pub(crate) fn new() -> Self {
        Self(Event::new())
    }

    /// Waits until [`unpark`](Self::unpark) or until `deadline`, unless `has_work` says that there is something to do.
    ///
    /// May return early; the caller looks for work again.
    pub(crate) fn park(&self, deadline: Option<Instant>, has_work: impl FnOnce() -> bool) {
        listener!(self.0 => listener);
        // Ordering: step 2.
        fence(Ordering::SeqCst);
        if has_work() {
            return;
        }
        match deadline {
            // There is no time in a model; one that needs it unparks whoever waits for it.
            Some(_) if cfg!(loom) => listener.wait(),
            Some(deadline) => _ = listener.wait_deadline(deadline),
            None => listener.wait(),
        }
    }

    /// Has one thread awake: wakes a parked one, if there is one, and nothing if a thread that was woken earlier has
    /// not answered yet.
    pub(crate) fn unpark(&self) {
        self.0.notify(1);
    }

    /// [`unpark`](Self::unpark) for a caller that has put a full fence after publishing its work.
    pub(crate) fn unpark_after_fence(&self) {
        self.0.notify(1.relaxed());
    }

    /// Wakes all parked threads.
    pub(crate) fn unpark_all(&self) {
        self.0.notify(usize::MAX);
    }
}
