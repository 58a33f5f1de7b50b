//! Hazards 37 to 39: what a panic meets on its way loses nothing and aborts nothing.

use std::sync::{Arc, Mutex};
use waitline::testing::{WakerCall, during_panic, hooked_waker, panic_message, panicking_waker, poll_once, poll_with};
use waitline_sem::{BoundedSemaphore, Semaphore};

#[test]
fn permits_dropped_by_a_panic_wake_and_do_not_abort() {
    for n in [1, 2, 40] {
        let semaphore = Arc::new(Semaphore::new(n));
        let ends: [Box<dyn FnOnce() + '_>; 4] = [
            Box::new({
                let permit = semaphore.clone().try_acquire_many_owned(n);
                move || drop(permit)
            }),
            Box::new(|| semaphore.release(n)),
            Box::new(|| {
                // A part of a permit, and then the rest.
                semaphore.release(n);
                let mut all = semaphore.clone().try_acquire_many_owned(0).unwrap();
                drop(all.split(0));
            }),
            Box::new(|| semaphore.release(n)),
        ];
        for end in ends {
            let mut waits: Vec<_> = (0..n)
                .map(|_| {
                    let mut wait = Box::pin(semaphore.acquire());
                    assert!(poll_with(wait.as_mut(), &panicking_waker()).is_pending());
                    wait
                })
                .collect();
            during_panic(end);
            for wait in &mut waits {
                match poll_once(wait.as_mut()) {
                    std::task::Poll::Ready(permit) => permit.forget(),
                    std::task::Poll::Pending => panic!("a waiter among {n} was left behind"),
                }
            }
            assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
        }
    }
}

#[test]
fn granted_and_queued_waits_dropped_by_a_panic_pass_on_and_do_not_abort() {
    let semaphore = BoundedSemaphore::new(1);
    let angry = || {
        let mut wait = Box::pin(semaphore.acquire());
        assert!(poll_with(wait.as_mut(), &panicking_waker()).is_pending());
        wait
    };
    let permit = semaphore.try_acquire().unwrap();
    let (granted, mut heir) = (angry(), angry());
    assert!(panic_message(|| drop(permit)).is_some());
    during_panic(|| drop(granted));
    let std::task::Poll::Ready(permit) = poll_once(heir.as_mut()) else { panic!("the permit is lost") };
    let large = angry();
    during_panic(|| drop(large));
    drop(permit);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn permits_taken_in_spite_of_an_angry_waker_are_not_lost() {
    let semaphore = Arc::new(Semaphore::new(3));
    let permit = Mutex::new(semaphore.clone().try_acquire_many_owned(2));
    let mut wait = Box::pin(semaphore.acquire_many(3));
    // The permits become free between the look without the mutex and the one with it: the clone is not needed.
    let waker = hooked_waker(move |call| match call {
        WakerCall::Clone => drop(permit.lock().unwrap().take()),
        WakerCall::Wake => {}
        WakerCall::Drop => panic!("an angry waker"),
    });
    assert_eq!(panic_message(|| _ = poll_with(wait.as_mut(), &waker)).as_deref(), Some("an angry waker"));
    std::mem::forget(waker);
    // The future has them, as if they had been granted.
    assert_eq!(semaphore.available_permits(), 0);
    drop(wait);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
}

/// With a record of who waits, the name of a task is foreign code.
#[cfg(feature = "diagnostics")]
#[test]
fn a_task_whose_name_panics_waits_and_holds_like_any_other() {
    use waitline::diagnostics::{Task, enter};
    let _announced = enter(|| Task { key: (23, 4), describe: |_| panic!("no name") });
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let mut first = Box::pin(semaphore.acquire());
    let mut second = Box::pin(semaphore.acquire());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    drop(permit);
    drop(poll_once(first.as_mut()));
    assert!(poll_once(second.as_mut()).is_ready());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}
