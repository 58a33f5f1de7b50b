//! [`Barrier`], the future that waits at it, and what it gets.
//!
//! | party | linked in | its [`Outcome`] | counted in `arrived` | next |
//! |---|---|---|---|---|
//! | not arrived | nothing | `Undecided` | no | arrived; the leader's turn; broken |
//! | arrived | WAITING | `Undecided` | yes | decided, gone (cancelled) |
//! | decided | RELEASED | `Turn` or `Broken` | no | told, gone (cancelled) |
//! | told | nothing | `Turn` or `Broken` | no | |
//!
//! - **B1** `arrived` is the length of WAITING, and less than the number of parties. Who makes it up to that number does
//!   not wait: it is the leader.
//! - **B2** A round ends, by its leader, an abort or a reset, in one section of the mutex, which decides every party in
//!   WAITING and moves it to RELEASED (see [`release`](mod@crate::release)). So rounds never mix, however long the parties
//!   of the last one take to be told, and what is decided stays decided.
//! - **B3** While the barrier is broken WAITING is empty: the section that breaks it empties it, and nobody enters.

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
/// The meaning is that of Python's `asyncio.Barrier`: whoever [waits](Self::wait) is held until as many as there are
/// [`parties`](Self::parties) wait; then all go on, and the barrier is ready for the next round. Who has gone on may
/// wait again at once, it counts for the next round, even if others of this round have not run yet.
///
/// # Fairness
///
/// A party arrives at its future's first poll. The round gives each party its [index](BarrierTurn::index), in the order
/// of arrival, and wakes them in this order. The last one, the leader, does not wait.
///
/// # Cancel safety
///
/// A party whose future is dropped while it waits takes its arrival back: the barrier needs another one for the round,
/// and those who arrived after it move up. Dropping a future whose round is complete changes nothing for the others.
///
/// # Broken barriers
///
/// If a party cannot come, [`abort`](Self::abort) breaks the barrier for all who wait or will wait, and
/// [`reset`](Self::reset) repairs it, or breaks off the present round of a sound one. A turn, once its round is
/// complete, is not taken back by either, whether or not its party has run yet.
///
/// # Memory ordering
///
/// What each party did before it arrived happens before the return of every `wait` of that round.
///
/// # Panics
///
/// The call that ends a round (the leader's poll, `abort` or `reset`) calls the wakers of the others. If one panics, the
/// panic goes on to that caller after all others were woken. The round stays ended, and a leader's future that is polled again
/// gives it its turn.
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

/// What is known of the present round.
struct State {
    arrived: usize,
    broken: bool,
}

/// What a round's end gives to a party that waits.
#[derive(Clone, Copy)]
enum Outcome {
    Undecided,
    Complete(usize),
    Broken,
}

// A panic inside any method leaves the barrier as it was or as it is to be; nothing is half made.
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
        /// If `parties` is 0: nobody could ever complete a round.
        #[inline]
        #[track_caller]
        pub const fn new(parties: usize) -> Self {
            assert!(parties > 0, "Barrier::new: parties is 0, but must be at least 1");
            Barrier { queue: WaitQueue::new((), State { arrived: 0, broken: false }), parties }
        }
    }

    const_unless_loom! {
        /// Gives the barrier a name for reports, with the feature `diagnostics`; without it this does nothing.
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

    /// Arrives, and waits until all parties have. The meaning of `asyncio.Barrier.wait`.
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
    /// [`BrokenBarrier`], if the barrier is broken, or is broken or reset while this one waits.
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { waiter: Waiter::new(BarrierHandle(self), Outcome::Undecided) }
    }

    /// Ends the present round with an error for all who wait, and starts anew; repairs a broken barrier. The meaning of
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
    /// If a waker does; the barrier is reset, and all others were woken first.
    pub fn reset(&self) {
        self.break_off(false);
    }

    /// Breaks the barrier: an error for all who wait, and for all who come, until [`reset`](Self::reset). The meaning of
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
    /// If a waker does; the barrier is broken, and all others were woken first.
    pub fn abort(&self) {
        self.break_off(true);
    }

    fn break_off(&self, for_good: bool) {
        let mut queue = self.queue.lock();
        queue.broken = for_good;
        end_round(&mut queue, |outcome| *outcome = Outcome::Broken);
        release(queue);
    }

    /// How many it takes to complete a round. The meaning of `asyncio.Barrier.parties`.
    ///
    /// ```
    /// assert_eq!(waitline_event::Barrier::new(3).parties(), 3);
    /// ```
    #[inline]
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many wait for the present round to be complete. The meaning of `asyncio.Barrier.n_waiting`.
    ///
    /// ```
    /// assert_eq!(waitline_event::Barrier::new(3).n_waiting(), 0);
    /// ```
    pub fn n_waiting(&self) -> usize {
        self.queue.lock().arrived
    }

    /// Whether the barrier was aborted, and not reset since. The meaning of `asyncio.Barrier.broken`.
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

/// Decides all who wait, and lets them leave (B2). The caller goes on to [`release`].
fn end_round(queue: &mut Locked<'_, BarrierProtocol>, decide: impl FnMut(&mut Outcome)) {
    queue.arrived = 0;
    queue.for_each::<WAITING>(decide);
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

/// What a party gets from a complete round.
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
    /// The party's place in the order of arrival among those who completed the round: from 0 to one less than there are
    /// parties. The return value of `asyncio.Barrier.wait`.
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

/// The error of [`Barrier::wait`]: the barrier was aborted, or reset while this party waited. The meaning of Python's
/// `BrokenBarrierError`.
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
            Outcome::Undecided => unreachable!("B2: a party that leaves has been decided"),
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
        // One who was decided, and is still in the queue to be told, is counted no more.
        if matches!(outcome, Outcome::Undecided) {
            queue.arrived -= 1;
        }
    }

    /// The turn was this party's alone.
    fn cancel_granted(&self, _outcome: &mut Outcome) {}
}
