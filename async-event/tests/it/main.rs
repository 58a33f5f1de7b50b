//! Behaviour of the event and the barrier, by polling by hand and on threads. The models are in `tests/loom.rs`.
//!
//! What holds for both is tested once, over all [`Way`]s to let a crowd go.
//!
//! The hazards that comments number are those of `docs/hazards.md`.
#![cfg(not(all(loom, feature = "loom")))]

mod auto_traits;
mod barrier;
mod cancel;
mod event;
mod fairness;
mod reference;
mod storm;
mod timeout;
mod unwinding;
mod wakers;
mod watch;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use waitline::testing::{now, queued};
use waitline_event::{Barrier, BarrierWait, BrokenBarrier, Event, Wait};

/// How a crowd is let go.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Set,
    /// The last party of a barrier arrives.
    Round,
    Abort,
    Reset,
}

const WAYS: [Way; 4] = [Way::Set, Way::Round, Way::Abort, Way::Reset];

/// An event, or a barrier with one more party than the crowd has.
#[derive(Debug)]
struct Crowd {
    way: Way,
    event: Event,
    barrier: Barrier,
}

/// What a waiter gets: nothing from an event, a turn from a barrier that is not broken.
type Outcome = Option<Result<usize, BrokenBarrier>>;

impl Crowd {
    fn new(way: Way, size: usize) -> Self {
        Crowd { way, event: Event::new(), barrier: Barrier::new(size + 1) }
    }

    /// For wakers, which may use the crowd.
    fn leaked(way: Way, size: usize) -> &'static Self {
        Box::leak(Box::new(Crowd::new(way, size)))
    }

    fn wait(&self) -> Waiting<'_> {
        match self.way {
            Way::Set => Waiting::Event(Box::pin(self.event.wait())),
            Way::Round | Way::Abort | Way::Reset => Waiting::Barrier(Box::pin(self.barrier.wait())),
        }
    }

    fn waiters(&self) -> usize {
        match self.way {
            Way::Set => self.event.waiters(),
            Way::Round | Way::Abort | Way::Reset => self.barrier.n_waiting(),
        }
    }

    fn let_go(&self) {
        match self.way {
            Way::Set => assert!(self.event.set()),
            Way::Round => {
                // Where some were cancelled, others have to come.
                let _more: Vec<_> = (self.barrier.n_waiting() + 1..self.barrier.parties())
                    .map(|_| queued(self.barrier.wait()))
                    .collect();
                assert!(now(Box::pin(self.barrier.wait())).unwrap().is_leader());
            }
            Way::Abort => self.barrier.abort(),
            Way::Reset => self.barrier.reset(),
        }
    }

    /// Makes newcomers wait again.
    fn renew(&self) {
        self.event.clear();
        if self.barrier.is_broken() {
            self.barrier.reset();
        }
    }

    /// What the waiter at this position of the queue gets when it is let go.
    fn outcome(&self, position: usize) -> Outcome {
        match self.way {
            Way::Set => None,
            Way::Round => Some(Ok(position)),
            Way::Abort | Way::Reset => Some(Err(BrokenBarrier)),
        }
    }

    /// All of the crowd have got what they were to get, and it is over.
    #[track_caller]
    fn all_are_let_go<'w, 'c: 'w>(&self, waits: impl IntoIterator<Item = &'w mut Pin<Box<Waiting<'c>>>>) {
        for (position, wait) in waits.into_iter().enumerate() {
            assert_eq!(now(wait), self.outcome(position), "{:?}, {position}", self.way);
        }
        self.is_over();
    }

    /// Nobody waits, and the event or barrier is as the way leaves it.
    #[track_caller]
    fn is_over(&self) {
        assert_eq!(self.waiters(), 0);
        assert_eq!((self.event.is_set(), self.barrier.is_broken()), (self.way == Way::Set, self.way == Way::Abort));
    }
}

/// A wait for an event or at a barrier.
enum Waiting<'a> {
    Event(Pin<Box<Wait<'a>>>),
    Barrier(Pin<Box<BarrierWait<'a>>>),
}

impl Future for Waiting<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        match &mut *self {
            Waiting::Event(wait) => wait.as_mut().poll(cx).map(|()| None),
            Waiting::Barrier(wait) => wait.as_mut().poll(cx).map(|turn| Some(turn.map(|turn| turn.index()))),
        }
    }
}
