//! Random sequences of calls against sequential models that a reader can check by eye.

use proptest::prelude::*;
use std::{collections::VecDeque, pin::Pin, task::Poll};
use waitline::testing::{WakeOrder, poll_with};
use waitline_event::{Barrier, BarrierWait, BrokenBarrier, Event, Wait};

const SLOTS: usize = 80;

#[derive(Debug, Clone)]
enum EventCall {
    /// Polls the slots from here on, so many of them, beginning a wait in those that are empty.
    Poll(usize, usize),
    Drop(usize),
    Set,
    Clear,
}

fn event_call() -> impl Strategy<Value = EventCall> {
    prop_oneof![
        8 => (0..SLOTS, 0..SLOTS).prop_map(|(from, n)| EventCall::Poll(from, n)),
        6 => (0..SLOTS).prop_map(EventCall::Drop),
        1 => Just(EventCall::Set),
        2 => Just(EventCall::Clear),
    ]
}

#[derive(Debug, Clone)]
enum BarrierCall {
    Poll(usize, usize),
    Drop(usize),
    Abort,
    Reset,
}

fn barrier_call() -> impl Strategy<Value = BarrierCall> {
    prop_oneof![
        24 => (0..SLOTS, 0..SLOTS).prop_map(|(from, n)| BarrierCall::Poll(from, n)),
        16 => (0..SLOTS).prop_map(BarrierCall::Drop),
        1 => Just(BarrierCall::Abort),
        2 => Just(BarrierCall::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The model of an event: a flag, a queue, and the set of those who were let go.
    #[test]
    fn an_event_is_a_flag_and_a_queue(calls in prop::collection::vec(event_call(), 0..100)) {
        let event = Event::new();
        let order = WakeOrder::new();
        let mut slots: [Option<Pin<Box<Wait<'_>>>>; SLOTS] = [const { None }; SLOTS];
        let (mut is_set, mut waiting, mut let_go) = (false, VecDeque::new(), Vec::new());
        for call in calls {
            match call {
                EventCall::Poll(from, n) => for slot in (from..SLOTS).take(n) {
                    let future = slots[slot].get_or_insert_with(|| Box::pin(event.wait()));
                    let ready = poll_with(future.as_mut(), &order.waker(slot)).is_ready();
                    if waiting.contains(&slot) {
                        prop_assert!(!ready);
                    } else if let_go.contains(&slot) || is_set {
                        prop_assert!(ready);
                        let_go.retain(|gone| *gone != slot);
                        slots[slot] = None;
                    } else {
                        prop_assert!(!ready);
                        waiting.push_back(slot);
                    }
                }
                EventCall::Drop(slot) => {
                    slots[slot] = None;
                    waiting.retain(|gone| *gone != slot);
                    let_go.retain(|gone| *gone != slot);
                }
                EventCall::Set => {
                    prop_assert_eq!(event.set(), !is_set);
                    is_set = true;
                    prop_assert!(order.take().iter().eq(waiting.iter()), "all who waited are woken, in order");
                    let_go.extend(waiting.drain(..));
                }
                EventCall::Clear => {
                    prop_assert_eq!(event.clear(), is_set);
                    is_set = false;
                }
            }
            prop_assert_eq!(event.is_set(), is_set);
            prop_assert_eq!(event.waiters(), waiting.len());
            prop_assert_eq!(order.take(), []);
        }
    }

    /// The model of a barrier: a queue, and the outcomes of those who were let go.
    #[test]
    fn a_barrier_is_a_queue_with_a_limit(
        parties in 1..SLOTS - 10,
        calls in prop::collection::vec(barrier_call(), 0..100),
    ) {
        let barrier = Barrier::new(parties);
        let order = WakeOrder::new();
        let mut slots: [Option<Pin<Box<BarrierWait<'_>>>>; SLOTS] = [const { None }; SLOTS];
        let (mut broken, mut waiting) = (false, Vec::new());
        let mut outcomes = [None; SLOTS];
        for call in calls {
            match call {
                BarrierCall::Poll(from, n) => for slot in (from..SLOTS).take(n) {
                    let future = slots[slot].get_or_insert_with(|| Box::pin(barrier.wait()));
                    let polled = poll_with(future.as_mut(), &order.waker(slot));
                    let expected = if waiting.contains(&slot) {
                        None
                    } else if let Some(outcome) = outcomes[slot].take() {
                        Some(outcome)
                    } else if broken {
                        Some(Err(BrokenBarrier))
                    } else if waiting.len() + 1 == parties {
                        prop_assert_eq!(&order.take(), &waiting, "all who waited are woken, in order");
                        for (index, told) in waiting.drain(..).enumerate() {
                            outcomes[told] = Some(Ok(index));
                        }
                        Some(Ok(parties - 1))
                    } else {
                        waiting.push(slot);
                        None
                    };
                    match (polled, expected) {
                        (Poll::Pending, None) => {}
                        (Poll::Ready(Ok(turn)), Some(Ok(index))) => {
                            prop_assert_eq!((turn.index(), turn.is_leader()), (index, index + 1 == parties));
                            slots[slot] = None;
                        }
                        (Poll::Ready(Err(_)), Some(Err(_))) => slots[slot] = None,
                        (polled, expected) => prop_assert!(false, "{:?} instead of {:?}", polled, expected),
                    }
                }
                BarrierCall::Drop(slot) => {
                    slots[slot] = None;
                    waiting.retain(|gone| *gone != slot);
                    outcomes[slot] = None;
                }
                BarrierCall::Abort | BarrierCall::Reset => {
                    broken = matches!(call, BarrierCall::Abort);
                    if broken { barrier.abort() } else { barrier.reset() };
                    prop_assert_eq!(&order.take(), &waiting, "all who waited are woken, in order");
                    for told in waiting.drain(..) {
                        outcomes[told] = Some(Err(BrokenBarrier));
                    }
                }
            }
            prop_assert_eq!((barrier.n_waiting(), barrier.is_broken()), (waiting.len(), broken));
            prop_assert_eq!(order.take(), []);
        }
    }
}
