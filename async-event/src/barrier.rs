//! [`Barrier`], the future that waits at it, and its output.
//!
//! | party | linked in | its [`Outcome`] | counted in `arrived` | next |
//! |---|---|---|---|---|
//! | not arrived | nothing | `Undecided` | no | arrived; granted (the leader, or the barrier is broken) |
//! | arrived | WAITING | `Undecided` | yes | released; gone (cancelled) |
//! | released | RELEASED | `Complete` or `Broken` | no | granted; gone (cancelled) |
//! | granted | nothing | `Complete` or `Broken` | no | |
//!
//! - **B1** `arrived` is the length of WAITING, and less than the number of parties. The party that would make it reach
//!   that number does not wait: it is the leader.
//! - **B2** A leader, an abort or a reset ends a round in one section of the mutex, which sets the outcome of every
//!   party in WAITING and moves it to RELEASED (see [`release`](mod@crate::release)). So rounds never mix, however long
//!   it takes to grant the parties of the last one, and an outcome never changes once it is set.
//! - **B3** While the barrier is broken, WAITING is empty: the section that breaks it empties it, and no party enters.

use crate::release::{RELEASED, WAITING, release};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{Handle, List, Locked, Protocol, WaitQueue, Waiter, busy_or, const_unless_loom};

/// A meeting point for a fixed number of tasks, round after round.
///
/// Like `asyncio.Barrier`. A task that [waits](Self::wait) is held until as many tasks wait as the barrier has
/// [`parties`](Self::parties). Then all of them continue, and the barrier is ready for the next round. A task that
/// continues may wait again at once: it counts for the next round, even if other parties of this round have not run
/// yet.
///
/// # Fairness
///
/// A party arrives at its future's first poll. A complete round gives each party its [index](BarrierTurn::index), in
/// the order of arrival, and wakes the parties in this order. The last one, the leader, does not wait.
///
/// # Cancel safety
///
/// A party whose future is dropped while it waits takes its arrival back: the barrier needs another party for the
/// round, and the parties that arrived after it move up. Dropping a future whose round is complete has no effect on
/// other parties.
///
/// # Broken barriers
///
/// If a party cannot come, [`abort`](Self::abort) breaks the barrier for all present and future waits.
/// [`reset`](Self::reset) repairs a broken barrier, and ends the present round of a sound one with an error. Neither
/// takes back a complete round, whether or not its parties have run yet.
///
/// # Memory ordering
///
/// Everything that each party did before it arrived happens before the return of every `wait` of that round.
///
/// # Panics
///
/// The call that ends a round (the leader's poll, `abort` or `reset`) calls the wakers of the other parties. If one
/// panics, the panic goes to that caller, after all others are woken. The round stays ended, and a leader's future that
/// is polled again returns its [`BarrierTurn`].
///
/// # Examples
///
/// ```
/// use futures_lite::future::{block_on, zip};
/// use waitline_event::Barrier;
///
/// let barrier = Barrier::new(2);
/// let (first, second) = block_on(zip(barrier.wait(), barrier.wait()));
/// assert_eq!(first?.index(), 0);
/// assert!(second?.is_leader());
/// # Ok::<(), waitline_event::BrokenBarrier>(())
/// ```
#[doc(alias = "CyclicBarrier")]
pub struct Barrier {
    queue: WaitQueue<BarrierProtocol>,
    parties: usize,
}

#[derive(Debug)]
enum BarrierProtocol {}

impl Protocol for BarrierProtocol {
    const NAME: &'static str = "Barrier";

    type Word = ();
    type State = State;
    type Data = Outcome;
    type Lists = [List<Outcome>; 2];
}

/// The state of the present round.
struct State {
    arrived: usize,
    broken: bool,
}

/// How the round ended for a party.
#[derive(Clone, Copy)]
enum Outcome {
    Undecided,
    /// With the party's index.
    Complete(usize),
    Broken,
}

// A panic inside a method leaves the barrier unchanged or completely changed, never half changed.
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl Barrier {
    const_unless_loom! {
        /// A barrier for `parties` tasks. `const`, except under loom.
        ///
        /// ```
        /// static BARRIER: waitline_event::Barrier = waitline_event::Barrier::new(3);
        /// assert_eq!(BARRIER.parties(), 3);
        /// ```
        ///
        /// # Panics
        ///
        /// If `parties` is 0: no task could ever complete a round.
        #[inline]
        #[track_caller]
        pub const fn new(parties: usize) -> Self {
            assert!(parties > 0, "Barrier::new: parties is 0, but must be at least 1");
            Barrier { queue: WaitQueue::new((), State { arrived: 0, broken: false }), parties }
        }
    }

    const_unless_loom! {
        /// Sets the barrier's name in reports, with the feature `diagnostics`. Does nothing without it.
        ///
        /// ```
        /// static ROUND: waitline_event::Barrier = waitline_event::Barrier::new(3).with_label("round");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.queue.set_label(label);
            self
        }
    }

    /// Arrives, and waits until all parties have arrived. Like `asyncio.Barrier.wait`.
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use std::task::Poll;
    /// # use waitline::testing::poll_once;
    /// # use waitline_event::Barrier;
    /// let barrier = Barrier::new(2);
    /// let mut early = pin!(barrier.wait());
    /// assert!(poll_once(early.as_mut()).is_pending());
    /// let Poll::Ready(turn) = poll_once(pin!(barrier.wait())) else { panic!("the last one does not wait") };
    /// assert!(turn?.is_leader());
    /// assert!(poll_once(early).is_ready());
    /// # Ok::<(), waitline_event::BrokenBarrier>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`], if the barrier is broken, or if it is aborted or reset while this party waits.
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { waiter: Waiter::new(BarrierHandle(self), Outcome::Undecided) }
    }

    /// Ends the present round with an error for all waiting parties, and repairs a broken barrier. Like
    /// `asyncio.Barrier.reset`.
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use std::task::Poll;
    /// # use waitline::testing::poll_once;
    /// # use waitline_event::{Barrier, BrokenBarrier};
    /// let barrier = Barrier::new(2);
    /// let mut wait = pin!(barrier.wait());
    /// assert!(poll_once(wait.as_mut()).is_pending());
    /// barrier.reset();
    /// assert_eq!(poll_once(wait), Poll::Ready(Err(BrokenBarrier)));
    /// assert!(!barrier.is_broken());
    /// ```
    ///
    /// # Panics
    ///
    /// If a waker panics. The barrier is reset, and all other parties are woken first.
    pub fn reset(&self) {
        self.break_off(false);
    }

    /// Breaks the barrier: all waits end with an error, and new waits fail until [`reset`](Self::reset). Like
    /// `asyncio.Barrier.abort`.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// # use waitline_event::{Barrier, BrokenBarrier};
    /// let barrier = Barrier::new(2);
    /// barrier.abort();
    /// assert_eq!(barrier.wait().await, Err(BrokenBarrier));
    /// barrier.reset();
    /// assert!(!barrier.is_broken());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If a waker panics. The barrier is broken, and all other parties are woken first.
    pub fn abort(&self) {
        self.break_off(true);
    }

    fn break_off(&self, for_good: bool) {
        let mut queue = self.queue.lock();
        queue.broken = for_good;
        end_round(&mut queue, |outcome| *outcome = Outcome::Broken);
        release(queue);
    }

    /// The number of parties that complete a round. Like `asyncio.Barrier.parties`.
    ///
    /// ```
    /// assert_eq!(waitline_event::Barrier::new(3).parties(), 3);
    /// ```
    #[inline]
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// The number of parties that wait for the present round to complete. Like `asyncio.Barrier.n_waiting`.
    ///
    /// ```
    /// assert_eq!(waitline_event::Barrier::new(3).n_waiting(), 0);
    /// ```
    pub fn n_waiting(&self) -> usize {
        self.queue.lock().arrived
    }

    /// Whether the barrier was aborted and has not been reset since. Like `asyncio.Barrier.broken`.
    ///
    /// ```
    /// let barrier = waitline_event::Barrier::new(3);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// ```
    pub fn is_broken(&self) -> bool {
        self.queue.lock().broken
    }
}

/// Sets the outcome of all waiting parties, and moves them to RELEASED (B2). The caller calls [`release`] next.
fn end_round(queue: &mut Locked<'_, BarrierProtocol>, set_outcome: impl FnMut(&mut Outcome)) {
    queue.arrived = 0;
    queue.for_each::<WAITING>(set_outcome);
    queue.splice::<WAITING, RELEASED>();
}

/// `Barrier { parties: 3, n_waiting: 1, is_broken: false }`. Never blocks.
impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.queue.try_lock().map(|queue| (queue.arrived, queue.broken));
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("n_waiting", busy_or(&seen.map(|seen| seen.0)))
            .field("is_broken", busy_or(&seen.map(|seen| seen.1)))
            .finish()
    }
}

/// The output of a [`Barrier::wait`] whose round is complete.
///
/// ```
/// # use futures_lite::future::{block_on, zip};
/// let barrier = waitline_event::Barrier::new(2);
/// let (first, second) = block_on(zip(barrier.wait(), barrier.wait()));
/// let (first, second) = (first?, second?);
/// assert_eq!((first.index(), first.is_leader()), (0, false));
/// assert_eq!((second.index(), second.is_leader()), (1, true));
/// # Ok::<(), waitline_event::BrokenBarrier>(())
/// ```
#[doc(alias = "BarrierWaitResult")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BarrierTurn {
    index: usize,
    is_leader: bool,
}

impl BarrierTurn {
    /// The party's position in the order of arrival among the parties that completed the round, from 0 to one less than
    /// [`Barrier::parties`]. Like the return value of `asyncio.Barrier.wait`.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let shards = [["a", "b"]];
    /// let barrier = waitline_event::Barrier::new(1);
    /// // Each party of the round takes a part of the work.
    /// let part = barrier.wait().await?.index();
    /// assert_eq!(shards[part], ["a", "b"]);
    /// # Ok::<(), waitline_event::BrokenBarrier>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether the party was the last to arrive. There is one leader in each round.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let barrier = waitline_event::Barrier::new(1);
    /// if barrier.wait().await?.is_leader() {
    ///     // Once per round.
    /// }
    /// # Ok::<(), waitline_event::BrokenBarrier>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

/// The error of [`Barrier::wait`]: the barrier was aborted, or it was reset while this party waited. Like
/// `asyncio.BrokenBarrierError`.
///
/// ```
/// # use waitline_event::{Barrier, BrokenBarrier};
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// assert_eq!(futures_lite::future::block_on(barrier.wait()), Err(BrokenBarrier));
/// assert_eq!(BrokenBarrier.to_string(), "the barrier was aborted or reset");
/// ```
#[doc(alias = "BrokenBarrierError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BrokenBarrier;

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was aborted or reset")
    }
}

impl Error for BrokenBarrier {}

pin_project! {
    /// The future of [`Barrier::wait`]. Dropping it takes the arrival back, unless its round is complete.
    ///
    /// ```
    /// use waitline_event::{Barrier, BarrierWait};
    /// let barrier = Barrier::new(1);
    /// let wait: BarrierWait<'_> = barrier.wait();
    /// assert!(futures_lite::future::block_on(wait).unwrap().is_leader());
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct BarrierWait<'a> {
        #[pin]
        waiter: Waiter<BarrierHandle<'a>>,
    }
}

impl Future for BarrierWait<'_> {
    type Output = Result<BarrierTurn, BrokenBarrier>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = self.project().waiter.poll_wait(cx, |mut entry| {
            let parties = entry.handle().0.parties;
            if entry.broken {
                *entry.data() = Outcome::Broken;
                return entry.ready();
            }
            // B1: no overflow.
            let index = entry.arrived;
            if index + 1 < parties {
                entry.arrived += 1;
                return entry.wait_in::<WAITING>();
            }
            *entry.data() = Outcome::Complete(index);
            entry.ready_then(|mut queue| {
                let mut next = 0;
                end_round(&mut queue, |outcome| {
                    *outcome = Outcome::Complete(next);
                    next += 1;
                });
                release(queue);
            })
        });
        let (BarrierHandle(barrier), outcome) = ready!(wait);
        Poll::Ready(match outcome {
            Outcome::Complete(index) => Ok(BarrierTurn { index, is_leader: index + 1 == barrier.parties }),
            Outcome::Broken => Err(BrokenBarrier),
            Outcome::Undecided => unreachable!("B2: a released party has an outcome"),
        })
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BarrierWait").field(&self.waiter).finish()
    }
}

/// The handle of a future that waits at a barrier.
struct BarrierHandle<'a>(&'a Barrier);

impl Handle for BarrierHandle<'_> {
    type Protocol = BarrierProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<BarrierProtocol> {
        &self.0.queue
    }

    fn cancel_queued(&self, mut queue: Locked<'_, BarrierProtocol>, outcome: &mut Outcome) {
        // A released party is still linked, but no longer counted in `arrived`.
        if matches!(outcome, Outcome::Undecided) {
            queue.arrived -= 1;
        }
    }

    /// The outcome was this party's alone.
    fn cancel_granted(&self, _outcome: &mut Outcome) {}
}
