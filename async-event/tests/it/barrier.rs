//! What the methods of `Barrier` promise.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, panic_message, poll_once, queued_with};
use waitline_event::{Barrier, BarrierTurn, BarrierWait, BrokenBarrier};

type Turn = Poll<Result<BarrierTurn, BrokenBarrier>>;

/// `n` parties that have arrived and wait, with wakers that count together.
fn arrived<'a>(barrier: &'a Barrier, n: usize, waker: &CountingWaker) -> Vec<Pin<Box<BarrierWait<'a>>>> {
    (0..n).map(|_| queued_with(barrier.wait(), &waker.waker())).collect()
}

fn polled(waits: &mut [Pin<Box<BarrierWait<'_>>>]) -> Vec<Turn> {
    waits.iter_mut().map(|wait| poll_once(wait.as_mut())).collect()
}

fn index(turn: &Turn) -> usize {
    match turn {
        Poll::Ready(Ok(turn)) => turn.index(),
        other => panic!("no turn but {other:?}"),
    }
}

const BROKEN: Turn = Poll::Ready(Err(BrokenBarrier));

#[test]
fn a_new_barrier_is_whole_and_empty() {
    let barrier = Barrier::new(3);
    assert_eq!((barrier.parties(), barrier.n_waiting(), barrier.is_broken()), (3, 0, false));
}

#[test]
fn zero_parties_are_refused() {
    let message = panic_message(|| Barrier::new(0)).unwrap();
    assert_eq!(message, "Barrier::new: parties is 0, but must be at least 1");
}

#[test]
fn the_last_party_completes_the_round_and_does_not_wait() {
    for parties in [1, 2, 3, 32, 33, 34, 100] {
        let barrier = Barrier::new(parties);
        for _ in 0..3 {
            let waker = CountingWaker::new();
            let mut waits = arrived(&barrier, parties - 1, &waker);
            assert_eq!(barrier.n_waiting(), parties - 1);
            assert!(waits.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_pending()));
            let Poll::Ready(Ok(leader)) = waker.poll(pin!(barrier.wait())) else { panic!("the last one waits") };
            assert_eq!((leader.index(), leader.is_leader()), (parties - 1, true));
            assert_eq!((waker.count(), waker.held(), barrier.n_waiting()), (parties - 1, 0, 0));
            for (n, turn) in polled(&mut waits).into_iter().enumerate() {
                let Poll::Ready(Ok(turn)) = turn else { panic!("{turn:?}") };
                assert_eq!((turn.index(), turn.is_leader()), (n, false));
            }
        }
    }
}

#[test]
fn a_future_that_was_not_polled_has_not_arrived() {
    let barrier = Barrier::new(2);
    let unpolled = barrier.wait();
    assert_eq!(barrier.n_waiting(), 0);
    let mut polled = pin!(barrier.wait());
    assert!(poll_once(polled.as_mut()).is_pending(), "it is the first");
    drop(unpolled);
    assert_eq!(barrier.n_waiting(), 1);
}

#[test]
fn a_cancelled_party_takes_its_arrival_back_and_later_ones_move_up() {
    for gone in 0..3 {
        let barrier = Barrier::new(4);
        let waker = CountingWaker::new();
        let mut waits = arrived(&barrier, 3, &waker);
        drop(waits.remove(gone));
        assert_eq!(barrier.n_waiting(), 2);
        let mut late = arrived(&barrier, 1, &waker);
        assert_eq!(barrier.n_waiting(), 3);
        assert_eq!(waker.count(), 0);
        assert_eq!(index(&poll_once(pin!(barrier.wait()))), 3);
        assert_eq!(polled(&mut waits).iter().map(index).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(index(&poll_once(late[0].as_mut())), 2);
        assert_eq!(waker.count(), 3);
    }
}

#[test]
fn abort_breaks_the_barrier_for_present_and_later_parties() {
    let barrier = Barrier::new(100);
    let waker = CountingWaker::new();
    let mut waits = arrived(&barrier, 99, &waker);
    barrier.abort();
    assert!(barrier.is_broken());
    assert_eq!((waker.count(), barrier.n_waiting()), (99, 0));
    assert_eq!(polled(&mut waits), vec![BROKEN; 99]);
    assert_eq!(poll_once(pin!(barrier.wait())), BROKEN);
    assert_eq!((waker.held(), barrier.n_waiting()), (0, 0));
    barrier.abort();
    assert!(barrier.is_broken());
    // A reset repairs it; one of a whole and empty barrier changes nothing.
    for _ in 0..2 {
        barrier.reset();
        assert!(!barrier.is_broken());
    }
    let mut waits = arrived(&barrier, 99, &waker);
    assert_eq!(index(&poll_once(pin!(barrier.wait()))), 99);
    assert!(polled(&mut waits).iter().map(index).eq(0..99));
}

#[test]
fn reset_breaks_off_the_round_and_starts_anew() {
    let barrier = Barrier::new(100);
    let waker = CountingWaker::new();
    let mut waits = arrived(&barrier, 99, &waker);
    barrier.reset();
    assert!(!barrier.is_broken());
    assert_eq!((waker.count(), barrier.n_waiting()), (99, 0));
    let mut next = arrived(&barrier, 99, &waker);
    assert_eq!(polled(&mut waits), vec![BROKEN; 99]);
    assert_eq!(index(&poll_once(pin!(barrier.wait()))), 99);
    assert!(polled(&mut next).iter().map(index).eq(0..99));
}

/// A round of 100 is told in rounds of 32 wake-ups; what happens in between, from inside the wake-ups, does not touch it.
#[test]
fn a_complete_round_is_decided_also_for_those_who_are_not_told_yet() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum InBetween {
        Abort,
        Reset,
        /// The party comes again, and two more.
        NextRound,
        /// Three arrive at the next round, and the last but one of this round is dropped.
        Cancel,
    }
    for action in [InBetween::Abort, InBetween::Reset, InBetween::NextRound, InBetween::Cancel] {
        let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(100)));
        let waker = CountingWaker::new();
        let waits: Arc<Mutex<Vec<_>>> = Arc::default();
        let next_round: Arc<Mutex<Vec<_>>> = Arc::default();
        let hook = hooked_waker({
            let (waits, next_round, waker) = (waits.clone(), next_round.clone(), waker.clone());
            move |call| {
                if call != WakerCall::Wake {
                    return;
                }
                assert_eq!(barrier.n_waiting(), 0);
                match action {
                    InBetween::Abort => barrier.abort(),
                    InBetween::Reset => barrier.reset(),
                    InBetween::NextRound => {
                        *next_round.lock().unwrap() = arrived(barrier, 3, &waker);
                        assert_eq!(barrier.n_waiting(), 3);
                    }
                    InBetween::Cancel => {
                        *next_round.lock().unwrap() = arrived(barrier, 3, &waker);
                        drop(waits.lock().unwrap().remove(96));
                        assert_eq!(barrier.n_waiting(), 3, "its own arrival was used up");
                    }
                }
            }
        });
        let mut first = queued_with(barrier.wait(), &hook);
        *waits.lock().unwrap() = arrived(barrier, 98, &waker);
        assert_eq!(index(&poll_once(pin!(barrier.wait()))), 99);

        let mut expected: Vec<usize> = (1..99).collect();
        if action == InBetween::Cancel {
            expected.remove(96);
        }
        assert_eq!(waker.count(), expected.len(), "{action:?}");
        assert_eq!(index(&poll_once(first.as_mut())), 0);
        assert_eq!(polled(&mut waits.lock().unwrap()).iter().map(index).collect::<Vec<_>>(), expected, "{action:?}");
        assert_eq!(barrier.is_broken(), action == InBetween::Abort);
        let mut next_round = std::mem::take(&mut *next_round.lock().unwrap());
        assert!(polled(&mut next_round).iter().all(Poll::is_pending));
        assert_eq!(barrier.n_waiting(), next_round.len());
    }
}

/// The whole next round completes inside a wake-up of this one, and the one after it, too.
#[test]
fn rounds_that_complete_while_another_is_told_do_not_mix() {
    let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(70)));
    type Round = Vec<Pin<Box<BarrierWait<'static>>>>;
    let later: Arc<Mutex<Vec<Round>>> = Arc::default();
    let waker = CountingWaker::new();
    let hook = hooked_waker({
        let (later, waker) = (later.clone(), waker.clone());
        move |call| {
            if call == WakerCall::Wake {
                for _ in 0..2 {
                    later.lock().unwrap().push(arrived(barrier, 69, &waker));
                    assert_eq!(index(&poll_once(pin!(barrier.wait()))), 69);
                }
            }
        }
    });
    let mut first = queued_with(barrier.wait(), &hook);
    let mut this = arrived(barrier, 68, &waker);
    assert_eq!(index(&poll_once(pin!(barrier.wait()))), 69);
    assert_eq!(waker.count(), 68 + 2 * 69);
    assert_eq!(index(&poll_once(first.as_mut())), 0);
    assert!(polled(&mut this).iter().map(index).eq(1..69));
    for round in later.lock().unwrap().iter_mut() {
        assert!(polled(round).iter().map(index).eq(0..69));
    }
}

#[test]
fn the_number_of_parties_has_no_upper_limit() {
    let barrier = Barrier::new(usize::MAX);
    let waker = CountingWaker::new();
    let waits = arrived(&barrier, 2, &waker);
    assert_eq!((barrier.parties(), barrier.n_waiting()), (usize::MAX, 2));
    drop(waits);
    assert_eq!(barrier.n_waiting(), 0);
}

#[test]
fn debug_tells_the_state_without_blocking() {
    let barrier = Barrier::new(3);
    let wait = arrived(&barrier, 1, &CountingWaker::new());
    assert_eq!(format!("{barrier:?}"), "Barrier { parties: 3, n_waiting: 1, is_broken: false }");
    assert_eq!(format!("{:?}", wait[0]), "BarrierWait(Waiter(queued))");
    barrier.abort();
    assert_eq!(format!("{barrier:?}"), "Barrier { parties: 3, n_waiting: 0, is_broken: true }");
}

#[test]
fn the_error_tells_what_happened() {
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(BrokenBarrier);
    assert_eq!(error.to_string(), "the barrier was aborted or reset");
}
