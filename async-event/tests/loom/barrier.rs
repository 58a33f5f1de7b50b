use std::{future::Future, ops::Deref, pin::Pin, task::Poll};
use waitline::{
    sync::{Arc, UnsafeCell},
    testing::{block_on, model, poll_once, spawn},
};
use waitline_event::{Barrier, BarrierTurn, BrokenBarrier};

/// A barrier, and a place for each party to write into. Derefs to the barrier.
struct Shared {
    barrier: Barrier,
    places: [UnsafeCell<u32>; 2],
}

// SAFETY: loom checks every access to the places; that is what the models are for.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(parties: usize) -> Arc<Self> {
        Arc::new(Shared { barrier: Barrier::new(parties), places: [UnsafeCell::new(0), UnsafeCell::new(0)] })
    }

    fn write(&self, place: usize) {
        // SAFETY: see above.
        self.places[place].with_mut(|value| unsafe { *value += 1 });
    }

    fn read(&self, place: usize) -> u32 {
        // SAFETY: see above.
        self.places[place].with(|value| unsafe { *value })
    }
}

impl Deref for Shared {
    type Target = Barrier;
    fn deref(&self) -> &Barrier {
        &self.barrier
    }
}

type Turn = Result<BarrierTurn, BrokenBarrier>;
type Waiting = Pin<Box<dyn Future<Output = Turn> + Send>>;

/// A wait that owns its way to the barrier.
fn wait(shared: &Arc<Shared>) -> Waiting {
    let shared = shared.clone();
    Box::pin(async move { shared.wait().await })
}

/// A party that has arrived and waits.
fn arrived(shared: &Arc<Shared>) -> Waiting {
    let mut wait = wait(shared);
    assert!(poll_once(wait.as_mut()).is_pending());
    wait
}

fn index(turn: Poll<Turn>) -> usize {
    match turn {
        Poll::Ready(Ok(turn)) => turn.index(),
        other => panic!("no turn but {other:?}"),
    }
}

/// Two parties meet twice. Each sees what the other did before the meeting, nobody passes a meeting alone, and each
/// meeting has one leader.
#[test]
fn two_parties_over_two_rounds() {
    model("barrier: two parties over two rounds", || {
        let shared = Shared::new(2);
        let party = |shared: Arc<Shared>, me: usize| {
            shared.write(me);
            let first = block_on(shared.wait()).unwrap();
            assert_eq!(shared.read(1 - me), 1);
            let second = block_on(shared.wait()).unwrap();
            // The other one has read it by now.
            shared.write(me);
            [first, second].map(|turn| {
                assert_eq!(turn.is_leader(), turn.index() == 1);
                turn.index()
            })
        };
        let other = spawn({
            let shared = shared.clone();
            move || party(shared, 1)
        });
        let mine = party(shared.clone(), 0);
        let theirs = other.join().unwrap();
        assert_eq!([mine[0] + theirs[0], mine[1] + theirs[1]], [1, 1]);
        assert_eq!(shared.n_waiting(), 0);
    });
}

/// A party that has its turn arrives at the next round while the leader still works on telling the others: it is counted
/// there, and the slow one gets the turn of its own round.
#[test]
fn a_fast_party_is_in_the_next_round() {
    model("barrier: a fast party is in the next round", || {
        let shared = Shared::new(4);
        let (fast, mut middle, slow) = (arrived(&shared), arrived(&shared), arrived(&shared));
        let leader = spawn({
            let shared = shared.clone();
            move || {
                shared.write(0);
                assert_eq!(index(poll_once(wait(&shared).as_mut())), 3);
            }
        });
        let fast = spawn({
            let shared = shared.clone();
            move || {
                assert_eq!(block_on(fast).unwrap().index(), 0);
                let again = arrived(&shared);
                assert_eq!(shared.n_waiting(), 1);
                again
            }
        });
        assert_eq!(block_on(slow).unwrap().index(), 2);
        assert_eq!(shared.read(0), 1);
        leader.join().unwrap();
        assert_eq!(index(poll_once(middle.as_mut())), 1);
        let mut again = fast.join().unwrap();
        let _others = [arrived(&shared), arrived(&shared)];
        assert_eq!(index(poll_once(wait(&shared).as_mut())), 3);
        assert_eq!(index(poll_once(again.as_mut())), 0);
    });
}

/// A party is dropped while another one arrives. Either it was there, and the round is complete; or it has taken its
/// arrival back, and the round needs one more.
#[test]
fn arrival_against_cancel() {
    model("barrier: arrival against cancel", || {
        let shared = Shared::new(2);
        let doomed = arrived(&shared);
        let canceller = spawn(move || drop(doomed));
        let mut wait_here = wait(&shared);
        match poll_once(wait_here.as_mut()) {
            Poll::Ready(turn) => {
                assert_eq!(turn.unwrap().index(), 1);
                canceller.join().unwrap();
            }
            Poll::Pending => {
                canceller.join().unwrap();
                assert_eq!(shared.n_waiting(), 1);
                assert_eq!(index(poll_once(wait(&shared).as_mut())), 1);
                assert_eq!(index(poll_once(wait_here.as_mut())), 0);
            }
        }
        assert_eq!(shared.n_waiting(), 0);
    });
}

/// The first of three waiting parties is dropped while the last one arrives: if the round is complete the others keep
/// their indices, otherwise they have moved up.
#[test]
fn a_full_round_against_cancel() {
    model("barrier: a full round against cancel", || {
        let shared = Shared::new(4);
        let (doomed, mut second, mut third) = (arrived(&shared), arrived(&shared), arrived(&shared));
        let canceller = spawn(move || drop(doomed));
        let last = spawn({
            let shared = shared.clone();
            move || {
                let mut last = wait(&shared);
                let turn = poll_once(last.as_mut());
                (last, turn)
            }
        });
        canceller.join().unwrap();
        match last.join().unwrap() {
            (_, turn @ Poll::Ready(_)) => {
                assert_eq!(index(turn), 3);
                assert_eq!(index(poll_once(second.as_mut())), 1);
                assert_eq!(index(poll_once(third.as_mut())), 2);
            }
            (mut last, Poll::Pending) => {
                assert_eq!(shared.n_waiting(), 3);
                assert_eq!(index(poll_once(wait(&shared).as_mut())), 3);
                assert_eq!(index(poll_once(second.as_mut())), 0);
                assert_eq!(index(poll_once(third.as_mut())), 1);
                assert_eq!(index(poll_once(last.as_mut())), 2);
            }
        }
        assert_eq!(shared.n_waiting(), 0);
    });
}

/// An abort while two parties meet: both meet, or both are told; nobody is left waiting.
#[test]
fn two_parties_against_abort() {
    model("barrier: two parties against abort", || {
        let shared = Shared::new(2);
        let party = |shared: &Shared, me: usize| {
            shared.write(me);
            let turn = block_on(shared.wait());
            if turn.is_ok() {
                assert_eq!(shared.read(1 - me), 1);
            }
            turn.is_ok()
        };
        let other = spawn({
            let shared = shared.clone();
            move || party(&shared, 1)
        });
        let aborter = spawn({
            let shared = shared.clone();
            move || shared.abort()
        });
        let met = party(&shared, 0);
        assert_eq!(met, other.join().unwrap());
        aborter.join().unwrap();
        assert!(shared.is_broken());
        assert_eq!(block_on(shared.wait()), Err(BrokenBarrier));
        assert_eq!(shared.n_waiting(), 0);
    });
}

/// An abort while the leader of a full round arrives: all of the round have their turns, or none has, also while they
/// wait to be told.
#[test]
fn a_full_round_against_abort() {
    model("barrier: a full round against abort", || {
        let shared = Shared::new(4);
        let mut waits = [arrived(&shared), arrived(&shared), arrived(&shared)];
        let leader = spawn({
            let shared = shared.clone();
            move || block_on(shared.wait()).is_ok()
        });
        shared.abort();
        let complete = leader.join().unwrap();
        let turns = waits.each_mut().map(|wait| poll_once(wait.as_mut()));
        if complete {
            assert_eq!(turns.map(index), [0, 1, 2]);
        } else {
            assert_eq!(turns, [Poll::Ready(Err(BrokenBarrier)); 3]);
        }
    });
}

/// A reset while two parties meet breaks off nothing, or the one that waits, which comes again: they meet all the same.
#[test]
fn two_parties_against_reset() {
    model("barrier: two parties against reset", || {
        let shared = Shared::new(2);
        let party = |shared: &Shared, me: usize| {
            shared.write(me);
            let turn = loop {
                if let Ok(turn) = block_on(shared.wait()) {
                    break turn;
                }
            };
            assert_eq!(shared.read(1 - me), 1);
            turn.index()
        };
        let other = spawn({
            let shared = shared.clone();
            move || party(&shared, 1)
        });
        let resetter = spawn({
            let shared = shared.clone();
            move || shared.reset()
        });
        let mine = party(&shared, 0);
        assert_eq!(mine + other.join().unwrap(), 1);
        resetter.join().unwrap();
        assert!(!shared.is_broken());
        assert_eq!(shared.n_waiting(), 0);
    });
}
