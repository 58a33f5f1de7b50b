//! Hazards 6 to 8: who is let go, and in which order they are woken.

use crate::{Crowd, WAYS, Way};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use waitline::testing::{WakeOrder, WakerCall, hooked_waker, now, poll_once, poll_with, queued_with};
use waitline_event::Event;

#[test]
fn a_hundred_waiters_are_woken_once_each_in_the_order_in_which_they_came() {
    for way in WAYS {
        let (crowd, order) = (Crowd::new(way, 100), WakeOrder::new());
        // They are created in one order and begin in another.
        let mut waits: Vec<_> = (0..100).map(|_| Box::pin(crowd.wait())).collect();
        for n in (0..100).rev() {
            assert!(poll_with(waits[n].as_mut(), &order.waker(n)).is_pending());
        }
        crowd.let_go();
        assert!(order.take().into_iter().eq((0..100).rev()), "{way:?}");
        crowd.all_are_let_go(waits.iter_mut().rev());
        assert_eq!(order.take(), []);
    }
}

#[test]
fn a_future_waits_from_its_first_poll_on() {
    for way in WAYS {
        let crowd = Crowd::new(way, 1);
        let mut wait = Box::pin(crowd.wait());
        assert_eq!(crowd.waiters(), 0);
        crowd.let_go();
        crowd.renew();
        assert_eq!(crowd.waiters(), 0);
        assert!(poll_once(wait.as_mut()).is_pending(), "they were let go before it began: {way:?}");
        assert_eq!(crowd.waiters(), 1);
        crowd.let_go();
        crowd.all_are_let_go([&mut wait]);
    }
    let crowd = Crowd::new(Way::Set, 1);
    let wait = Box::pin(crowd.wait());
    crowd.let_go();
    assert_eq!(now(wait), None, "nobody waits for a set event");
}

/// asyncio's set marks all waiters in one step; so does ours, though it wakes them in rounds of 32.
#[test]
fn a_task_that_waits_again_inside_its_wake_is_not_woken_by_the_same_set() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let wakes = Arc::new(AtomicUsize::new(0));
    let again = Arc::new(Mutex::new(Vec::new()));
    let hook = || {
        let (wakes, again) = (wakes.clone(), again.clone());
        hooked_waker(move |call| {
            if call == WakerCall::Wake {
                if wakes.fetch_add(1, SeqCst) == 0 {
                    assert_eq!(format!("{event:?}"), "Event { is_set: true, waiters: 0 }");
                }
                event.clear();
                let wakes = wakes.clone();
                let waker = hooked_waker(move |call| {
                    if call == WakerCall::Wake {
                        wakes.fetch_add(1000, SeqCst);
                    }
                });
                let mut again = again.lock().unwrap();
                again.push(queued_with(event.wait(), &waker));
                assert_eq!(event.waiters(), again.len(), "those who are leaving do not count");
            }
        })
    };
    let waits: Vec<_> = (0..100).map(|_| queued_with(event.wait(), &hook())).collect();
    assert!(event.set());
    assert_eq!(wakes.load(SeqCst), 100);
    assert_eq!(event.waiters(), 100);
    waits.into_iter().for_each(now);
    let mut again = std::mem::take(&mut *again.lock().unwrap());
    assert!(again.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
    drop(again);
    assert_eq!(event.waiters(), 0);
}
