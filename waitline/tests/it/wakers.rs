//! A batch of wakers: order, and panics that cost nobody a wake-up.

use std::sync::{Arc, Mutex};
use waitline::{
    FirstPanic, Wakers,
    testing::{CountingWaker, WakerCall, hooked_waker, panic_message},
};

#[test]
fn wakers_are_woken_in_order_and_let_go() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut batch = Wakers::<4>::new();
    for i in 0..4 {
        assert!(!batch.is_full());
        let order = order.clone();
        batch.push(hooked_waker(move |call| order.lock().unwrap().push((i, call))));
    }
    assert!(batch.is_full());
    batch.wake_all();
    assert_eq!(*order.lock().unwrap(), (0..4).map(|i| (i, WakerCall::Wake)).collect::<Vec<_>>());
    assert!(batch.is_empty());
}

#[test]
fn panicking_wakers_at_any_places_leave_the_others_woken() {
    for panicking in 1_u32..1 << 4 {
        let mut batch = Wakers::<4>::new();
        let counts: Vec<_> = (0..4)
            .map(|i| {
                let count = CountingWaker::new();
                batch.push(if panicking & 1 << i == 0 {
                    count.waker()
                } else {
                    hooked_waker(move |call| assert_ne!(call, WakerCall::Wake, "waker {i}"))
                });
                count
            })
            .collect();
        let message = panic_message(|| batch.wake_all()).expect("the panic goes on");
        assert!(message.contains(&format!("waker {}", panicking.trailing_zeros())), "not the first one: {message}");
        for (i, count) in counts.iter().enumerate() {
            assert_eq!(count.count(), usize::from(panicking & 1 << i == 0), "waker {i} of {panicking:04b}");
            assert_eq!(count.held(), 0);
        }
        assert!(batch.is_empty());
    }
}

#[test]
fn a_batch_that_is_dropped_wakes_nobody() {
    let count = CountingWaker::new();
    let mut batch = Wakers::<1>::default();
    batch.push(count.waker());
    assert_eq!(format!("{batch:?}"), "Wakers(1 of 1)");
    drop(batch);
    assert_eq!((count.count(), count.held()), (0, 0));
}

#[test]
fn a_first_panic_does_not_go_on_in_the_middle_of_another() {
    struct Unwinding;
    impl Drop for Unwinding {
        fn drop(&mut self) {
            let mut panic = FirstPanic::new();
            panic.catch(|| panic!("in a destructor"));
            assert_eq!(format!("{panic:?}"), "FirstPanic(true)");
            // The process would abort.
            panic.resume();
        }
    }
    let message = panic_message(|| {
        let _unwinding = Unwinding;
        panic!("the one that is under way");
    });
    assert_eq!(message.as_deref(), Some("the one that is under way"));
}
