//! `waitline-sem` alone: threads, and a future polled by hand.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Waker},
    thread,
};
use waitline_sem::{BoundedSemaphore, Semaphore};

static LIMIT: Semaphore = Semaphore::new(2);
static BUCKET: BoundedSemaphore = BoundedSemaphore::new(1);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let threads = [(); 4].map(|()| {
        thread::spawn(|| {
            let _permit = LIMIT.acquire_blocking();
            assert!(INSIDE.fetch_add(1, Ordering::SeqCst) < 2);
            INSIDE.fetch_sub(1, Ordering::SeqCst);
        })
    });
    for thread in threads {
        thread.join().expect("never more than two inside");
    }

    let mut cx = Context::from_waker(Waker::noop());
    let permit = LIMIT.try_acquire().expect("two are free");
    let mut both = pin!(LIMIT.acquire_many(2));
    assert!(both.as_mut().poll(&mut cx).is_pending());
    assert!(LIMIT.try_acquire().is_none(), "one is free, but somebody waits for two");
    drop(permit);
    assert!(both.as_mut().poll(&mut cx).is_ready());

    assert!(BUCKET.release(1).is_err());
    println!("waitline-sem stands alone");
}
