//! Hazards 1, 2, 6, 15, 16, 30, 32: futures that are dropped, at every point.

use crate::{Crowd, WAYS, Way};
use std::{
    mem,
    pin::pin,
    sync::{Arc, Mutex},
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, now, queued, queued_with};

#[test]
fn a_dropped_waiter_takes_nothing_from_the_others_wherever_it_was() {
    for (way, gone) in WAYS.into_iter().flat_map(|way| (0..4).map(move |gone| (way, gone))) {
        // Before it was let go.
        let (crowd, waker) = (Crowd::new(way, 4), CountingWaker::new());
        let mut waits: Vec<_> = (0..4).map(|_| queued_with(crowd.wait(), &waker.waker())).collect();
        drop(waits.remove(gone));
        assert_eq!((crowd.waiters(), waker.count(), waker.held()), (3, 0, 3));
        crowd.let_go();
        assert_eq!((waker.count(), waker.held()), (3, 0));
        crowd.all_are_let_go(&mut waits);

        // After it was let go: the others keep what they have, and a newcomer's wait is another one.
        let (crowd, waker) = (Crowd::new(way, 5), CountingWaker::new());
        let mut waits: Vec<_> = (0..5).map(|_| queued_with(crowd.wait(), &waker.waker())).collect();
        crowd.let_go();
        drop(waits.pop());
        crowd.is_over();
        let dropped = waits.remove(gone);
        crowd.renew();
        let _newcomer = queued(crowd.wait());
        drop(dropped);
        assert_eq!(crowd.waiters(), 1);
        for (position, wait) in (0..4).filter(|position| *position != gone).zip(&mut waits) {
            assert_eq!(now(wait), crowd.outcome(position), "{way:?}");
        }
        assert_eq!((crowd.waiters(), waker.count()), (1, 5));
    }
}

/// Those who are dropped inside the first wake-up have been let go, and are not woken yet, but for the first round's.
#[test]
fn waiters_dropped_while_they_leave_are_not_woken_and_cost_the_others_nothing() {
    for way in WAYS {
        let (crowd, waker) = (Crowd::leaked(way, 122), CountingWaker::new());
        let doomed: Arc<Mutex<Vec<_>>> = Arc::default();
        let hook = hooked_waker({
            let doomed = doomed.clone();
            move |call| {
                if call == WakerCall::Wake {
                    assert_eq!(crowd.waiters(), 0);
                    assert_eq!(mem::take(&mut *doomed.lock().unwrap()).len(), 40);
                    assert_eq!(crowd.waiters(), 0, "they were counted off when they were let go");
                }
            }
        });
        let mut first = queued_with(crowd.wait(), &hook);
        let mut rest: Vec<_> = (1..122).map(|place| (place, queued_with(crowd.wait(), &waker.waker()))).collect();
        // Every third one, the very last among them.
        for n in (0..121).rev().step_by(3).take(40) {
            doomed.lock().unwrap().push(rest.remove(n));
        }
        // Of those, the first round has chosen 10 already: they are woken, but nobody is there.
        let chosen = 10;
        crowd.let_go();
        assert_eq!((waker.count(), waker.held()), (rest.len() + chosen, 0), "{way:?}");
        assert_eq!(now(&mut first), crowd.outcome(0));
        for (place, wait) in &mut rest {
            assert_eq!(now(wait), crowd.outcome(*place), "{way:?}");
        }
        assert_eq!(crowd.waiters(), 0);
    }
}

#[test]
fn cancelled_waits_and_idle_polls_keep_nothing() {
    for way in [Way::Set, Way::Round] {
        let (crowd, waker) = (Crowd::new(way, 1), CountingWaker::new());
        for _ in 0..100_000 {
            assert!(waker.poll(pin!(crowd.wait())).is_pending());
        }
        assert_eq!((crowd.waiters(), waker.held()), (0, 0));
        let mut wait = pin!(crowd.wait());
        for _ in 0..100_000 {
            assert!(waker.poll(wait.as_mut()).is_pending());
        }
        assert_eq!((crowd.waiters(), waker.held(), waker.count()), (1, 1, 0));
    }
}

/// A forgotten future stays in the queue; it is let go like any other, and outlives what it waits for.
#[test]
fn a_forgotten_future_does_no_harm() {
    for way in WAYS {
        let (crowd, waker) = (Box::new(Crowd::new(way, 2)), CountingWaker::new());
        mem::forget(queued_with(crowd.wait(), &waker.waker()));
        let mut wait = queued_with(crowd.wait(), &waker.waker());
        assert_eq!(crowd.waiters(), 2);
        crowd.let_go();
        assert_eq!(waker.count(), 2);
        assert_eq!(now(&mut wait), crowd.outcome(1));
        drop(wait);
        crowd.renew();
        mem::forget(queued_with(crowd.wait(), &waker.waker()));
        drop(crowd);
        assert_eq!((waker.count(), waker.held()), (2, 1));
    }
}
