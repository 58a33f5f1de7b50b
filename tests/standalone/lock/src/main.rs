//! `waitline-lock` alone: threads, and a future polled by hand.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};
use waitline_lock::{Condition, Lock};

static TOTAL: Lock<u32> = Lock::new(0);
static CHANGED: Condition = Condition::new();

fn main() {
    let mut cx = Context::from_waker(Waker::noop());
    let guard = TOTAL.try_lock().expect("nobody has it yet");
    let mut until_ten = pin!(CHANGED.wait_while(guard, |total| *total < 10));
    assert!(until_ten.as_mut().poll(&mut cx).is_pending());

    let adders = [(); 10].map(|()| {
        thread::spawn(|| {
            let mut total = TOTAL.lock_blocking();
            *total += 1;
            // Who is notified gets the lock with it, and this one is polled only at the end.
            if *total == 10 {
                assert!(CHANGED.notify_one(&total));
            }
        })
    });
    for adder in adders {
        adder.join().expect("the adders do not panic");
    }

    match until_ten.as_mut().poll(&mut cx) {
        Poll::Ready(total) => assert_eq!(*total, 10),
        Poll::Pending => panic!("the notification is lost"),
    }
    println!("waitline-lock stands alone");
}
