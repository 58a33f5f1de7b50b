//! The wait queue under a primitive as small as can be, polled by hand.

use crate::toy::{DESK, Office, Post, receive, receive_by_way_of_the_hall};
use std::{
    mem::size_of,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use waitline::{
    Handle, List, Protocol, SideList, WaitQueue, Waiter,
    testing::{CountingWaker, WakerCall, hooked_waker, panic_message, poll_once, poll_with},
};

fn queued(office: &Arc<Office>) -> std::pin::Pin<Box<crate::toy::Receive>> {
    let mut wait = Box::pin(receive(office));
    assert!(poll_once(wait.as_mut()).is_pending());
    wait
}

#[test]
fn gifts_go_out_in_the_order_of_the_first_polls() {
    let office = Arc::new(Office::default());
    let mut unpolled = Box::pin(receive(&office));
    let mut waits: Vec<_> = (0..100).map(|_| queued(&office)).collect();
    assert_eq!(office.waiters(), 100);
    (0..101).for_each(|gift| office.give(gift));
    for (i, wait) in waits.iter_mut().enumerate() {
        assert_eq!(poll_once(wait.as_mut()), Poll::Ready(i));
    }
    assert_eq!(poll_once(unpolled.as_mut()), Poll::Ready(100));
}

#[test]
fn dropping_any_subset_leaves_the_rest_in_order() {
    const N: usize = 6;
    for dropped in 0_u32..1 << N {
        let office = Arc::new(Office::default());
        let mut waits: Vec<_> = (0..N).map(|i| Some((i, queued(&office)))).collect();
        for (i, wait) in waits.iter_mut().enumerate() {
            if dropped & 1 << i != 0 {
                *wait = None;
            }
        }
        let left = N - dropped.count_ones() as usize;
        assert_eq!(office.waiters(), left);
        (1..=left).for_each(|gift| office.give(gift));
        for (gift, (_, wait)) in waits.iter_mut().flatten().enumerate() {
            assert_eq!(poll_once(wait.as_mut()), Poll::Ready(gift + 1), "dropped {dropped:06b}");
        }
        assert!(office.queue.lock().is_empty());
    }
}

#[test]
fn dropping_any_of_those_who_leave_does_not_hold_up_the_rest() {
    for dropped in 0..5 {
        let office = Arc::new(Office::default());
        let waits: Arc<Mutex<Vec<_>>> = Arc::default();
        for i in 0..5 {
            let mut wait = Box::pin(receive(&office));
            let others = waits.clone();
            // The first one's wake-up drops another, in the middle of the rounds.
            let waker = hooked_waker(move |call| {
                if (i, call) == (0, WakerCall::Wake) {
                    let other = std::mem::take(&mut others.lock().unwrap()[dropped]);
                    drop(other);
                }
            });
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
            waits.lock().unwrap().push(Some(wait));
        }
        office.give_all();
        for wait in waits.lock().unwrap().iter_mut().flatten() {
            assert_eq!(poll_once(wait.as_mut()), Poll::Ready(7), "dropped {dropped}");
        }
        assert_eq!(office.waiters(), 0);
    }
}

#[test]
fn who_enters_during_the_rounds_is_not_of_them() {
    let office = Arc::new(Office::default());
    let late = Arc::new(Mutex::new(None));
    let mut early: Vec<_> = (0..5)
        .map(|_| {
            let mut wait = Box::pin(receive(&office));
            let (office, late) = (office.clone(), late.clone());
            let waker = hooked_waker(move |call| {
                if call == WakerCall::Wake && late.lock().unwrap().is_none() {
                    *late.lock().unwrap() = Some(queued(&office));
                }
            });
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
            wait
        })
        .collect();
    office.give_all();
    assert!(early.iter_mut().all(|wait| poll_once(wait.as_mut()) == Poll::Ready(7)));
    let mut late = late.lock().unwrap().take().expect("a waker registered it");
    assert!(poll_once(late.as_mut()).is_pending());
    office.give(1);
    assert_eq!(poll_once(late.as_mut()), Poll::Ready(1));
}

#[test]
fn the_side_list_keeps_order_and_count_and_moves_without_a_wake() {
    let office = Arc::new(Office::default());
    let wakers: Vec<_> = (0..4).map(|_| CountingWaker::new()).collect();
    let mut waits: Vec<_> = wakers
        .iter()
        .map(|waker| {
            let mut wait = Box::pin(receive_by_way_of_the_hall(&office));
            assert!(waker.poll(wait.as_mut()).is_pending());
            wait
        })
        .collect();
    assert_eq!((office.waiters(), office.hall.len()), (0, 4));
    assert_eq!(format!("{:?}", office.hall), "SideList { waiters: 4 }");
    drop(waits.remove(1));
    assert_eq!(office.call(2), 2);
    assert_eq!((office.waiters(), office.hall.len()), (2, 1));
    assert_eq!(office.call(9), 1);
    assert!(office.hall.is_empty());
    assert!(wakers.iter().all(|waker| waker.count() == 0));
    (1..4).for_each(|gift| office.give(gift));
    for (i, wait) in waits.iter_mut().enumerate() {
        assert_eq!(poll_once(wait.as_mut()), Poll::Ready(i + 1));
    }
}

#[test]
fn polling_after_the_end_panics_and_says_why() {
    let office = Arc::new(Office::default());
    let mut wait = queued(&office);
    office.give(1);
    assert_eq!(poll_once(wait.as_mut()), Poll::Ready(1));
    assert!(panic_message(|| poll_once(wait.as_mut())).unwrap().contains("polled after it was ready"));
}

#[test]
fn a_queue_costs_a_pointer_and_eight_bytes() {
    struct Bare;
    impl Protocol for Bare {
        type Word = ();
        type State = ();
        type Data = ();
        type Lists = [List<()>; 1];
    }
    let origin = size_of::<waitline::diagnostics::Origin>();
    assert_eq!(size_of::<WaitQueue<Bare>>(), 16 + origin);
    assert_eq!(size_of::<SideList<Bare>>(), 24 + origin);
}

#[test]
fn a_waiter_that_is_ready_at_once_leaves_no_trace() {
    let (office, calls) = (Arc::new(Office::default()), Arc::new(Mutex::new(Vec::new())));
    office.give(5);
    let waker = hooked_waker({
        let (office, calls) = (office.clone(), calls.clone());
        move |call| {
            // Foreign code; it hangs here if it runs under the mutex.
            office.waiters();
            calls.lock().unwrap().push(call);
        }
    });
    let mut wait = Box::pin(receive(&office));
    assert_eq!(poll_with(wait.as_mut(), &waker), Poll::Ready(5));
    assert_eq!(*std::mem::take(&mut *calls.lock().unwrap()), [WakerCall::Clone, WakerCall::Drop]);
    assert_eq!(office.waiters(), 0);
    drop(wait);
    let mut wait = Box::pin(receive(&office));
    assert!(poll_with(wait.as_mut(), &waker).is_pending());
    assert_eq!(*calls.lock().unwrap(), [WakerCall::Clone]);
    drop(wait);
    assert_eq!(*calls.lock().unwrap(), [WakerCall::Clone, WakerCall::Drop]);
}

#[test]
fn a_waiter_gives_its_handle_and_its_data_out_or_drops_them() {
    /// A handle and data that are counted.
    struct Counted(Arc<Office>);
    impl Handle for Counted {
        type Protocol = Post;
        fn queue(&self) -> &WaitQueue<Post> {
            &self.0.queue
        }
        fn cancel_granted(&self, gift: &mut usize) {
            self.0.give(*gift);
        }
    }
    let office = Arc::new(Office::default());
    let counts = || Arc::strong_count(&office);
    let enter = |waiter: Pin<&mut Waiter<Counted>>| {
        waiter.poll_wait(&mut Context::from_waker(Waker::noop()), |entry| entry.wait_in::<DESK>())
    };
    // Never polled, queued, granted and cancelled.
    drop(Waiter::new(Counted(office.clone()), 0));
    assert_eq!(counts(), 1);
    let [mut queued, mut granted, mut taken] = [0; 3].map(|_| Box::pin(Waiter::new(Counted(office.clone()), 0)));
    assert!(enter(granted.as_mut()).is_pending() && enter(taken.as_mut()).is_pending());
    assert!(enter(queued.as_mut()).is_pending());
    office.give(1);
    office.give(2);
    drop((queued, granted));
    assert_eq!(counts(), 2);
    // Taken out: the handle is the caller's now.
    let Poll::Ready((handle, 2)) = enter(taken.as_mut()) else { panic!("granted") };
    drop(taken);
    assert_eq!(counts(), 2);
    drop(handle);
    let mut fast = Box::pin(Waiter::new(Counted(office.clone()), 3));
    assert!(fast.as_mut().finish_if(|_, _| false).is_none());
    let finished = fast.as_mut().finish_if(|_, gift| std::mem::replace(gift, 4) == 3);
    assert!(matches!(finished, Some((_, 4))) && counts() == 2);
    assert!(fast.as_mut().finish_if(|_, _| true).is_none(), "it is over");
    assert!(panic_message(|| _ = enter(fast.as_mut())).unwrap().contains("polled after it was ready"));
    drop((fast, finished));
    assert_eq!(counts(), 1);
}
