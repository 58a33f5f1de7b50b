use std::{future::Future, ops::Deref, pin::Pin, sync::atomic::Ordering::Relaxed};
use waitline::{
    sync::{Arc, UnsafeCell, atomic::AtomicBool},
    testing::{block_on, model, poll_once, spawn},
};
use waitline_event::Event;

/// An event, and data that its set hands over. Derefs to the event.
struct Shared {
    event: Event,
    data: UnsafeCell<u32>,
}

// SAFETY: loom checks every access to the data; that is what the models are for.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Shared { event: Event::new(), data: UnsafeCell::new(0) })
    }

    /// Loom stops here if a `read` of the same data may happen at the same time.
    fn write(&self) {
        // SAFETY: see above.
        self.data.with_mut(|data| unsafe { *data += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: see above.
        self.data.with(|data| unsafe { *data })
    }
}

impl Deref for Shared {
    type Target = Event;
    fn deref(&self) -> &Event {
        &self.event
    }
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A wait that owns its way to the event, so that it can begin here and go on in another thread.
fn wait(shared: &Arc<Shared>) -> Waiting {
    let shared = shared.clone();
    Box::pin(async move { shared.wait().await })
}

/// A wait that has begun.
fn begun(shared: &Arc<Shared>) -> Waiting {
    let mut wait = wait(shared);
    assert!(poll_once(wait.as_mut()).is_pending());
    wait
}

/// No wake-up is lost between the look at the flag and the place in the queue, and what came before the set is seen
/// after the wait, whether it was ready at once, had to queue, or was granted.
#[test]
fn set_against_wait() {
    model("event: set against wait", || {
        let shared = Shared::new();
        let setter = spawn({
            let shared = shared.clone();
            move || {
                shared.write();
                assert!(shared.set());
            }
        });
        block_on(shared.wait());
        assert_eq!(shared.read(), 1);
        setter.join().unwrap();
    });
}

/// Two waiters in two threads: both are woken, in whatever order they came, and both see what came before the set.
#[test]
fn set_against_two_waiters() {
    model("event: set against two waiters", || {
        let shared = Shared::new();
        let other = spawn({
            let shared = shared.clone();
            move || {
                block_on(shared.wait());
                assert_eq!(shared.read(), 1);
            }
        });
        let setter = spawn({
            let shared = shared.clone();
            move || {
                shared.write();
                assert!(shared.set());
            }
        });
        block_on(shared.wait());
        assert_eq!(shared.read(), 1);
        other.join().unwrap();
        setter.join().unwrap();
        assert_eq!(shared.waiters(), 0);
    });
}

/// `is_set` hands over what came before the set, without the mutex; and a set that is seen stays seen.
#[test]
fn set_against_is_set() {
    model("event: set against is_set", || {
        let shared = Shared::new();
        let setter = spawn({
            let shared = shared.clone();
            move || {
                shared.write();
                shared.set();
            }
        });
        if shared.is_set() {
            assert_eq!(shared.read(), 1);
            assert!(poll_once(wait(&shared).as_mut()).is_ready());
        }
        setter.join().unwrap();
        assert!(shared.is_set());
    });
}

/// A waiter that is dropped while a set is on its way to it is not touched any more, and costs the one behind it nothing.
#[test]
fn set_against_cancel() {
    model("event: set against cancel", || {
        let shared = Shared::new();
        let (first, second) = (begun(&shared), begun(&shared));
        let canceller = spawn(move || drop(first));
        let setter = spawn({
            let shared = shared.clone();
            move || {
                shared.write();
                assert!(shared.set());
            }
        });
        block_on(second);
        assert_eq!(shared.read(), 1);
        canceller.join().unwrap();
        setter.join().unwrap();
    });
}

/// The same for a waiter at the end of the queue, which leaves the setter with nobody in its second round.
#[test]
fn set_against_cancel_of_the_last() {
    model("event: set against cancel of the last", || {
        let shared = Shared::new();
        let (first, second, third) = (begun(&shared), begun(&shared), begun(&shared));
        let canceller = spawn(move || drop(third));
        shared.write();
        assert!(shared.set());
        block_on(first);
        block_on(second);
        assert_eq!(shared.read(), 1);
        canceller.join().unwrap();
    });
}

/// A set completes the waits that have begun, even if the event is clear again before any of them is polled or woken.
#[test]
fn set_and_clear_against_two_waiters() {
    model("event: set and clear against two waiters", || {
        let shared = Shared::new();
        let (first, second) = (begun(&shared), begun(&shared));
        let other = spawn({
            let shared = shared.clone();
            move || {
                block_on(first);
                assert_eq!(shared.read(), 1);
            }
        });
        let setter = spawn({
            let shared = shared.clone();
            move || {
                shared.write();
                assert!(shared.set());
                assert!(shared.clear());
            }
        });
        block_on(second);
        assert_eq!(shared.read(), 1);
        other.join().unwrap();
        setter.join().unwrap();
        assert!(!shared.is_set());
    });
}

/// A clear in another thread, at any moment of the set, takes nothing from those whom the set lets go.
#[test]
fn clear_in_the_middle_of_a_set() {
    model("event: clear in the middle of a set", || {
        let shared = Shared::new();
        let mut waits = [begun(&shared), begun(&shared), begun(&shared)];
        let clearer = spawn({
            let shared = shared.clone();
            move || shared.clear()
        });
        assert!(shared.set());
        assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
        let cleared = clearer.join().unwrap();
        assert_eq!(shared.is_set(), !cleared);
    });
}

/// Of two sets at once one changes the event; whichever returns, all waits that began before it are over, though it may
/// have been the other one that took them up.
#[test]
fn two_setters() {
    model("event: two setters", || {
        let shared = Shared::new();
        let mut waits = [begun(&shared), begun(&shared), begun(&shared)];
        let other = spawn({
            let shared = shared.clone();
            move || shared.set()
        });
        let changed = shared.set();
        assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
        assert_ne!(changed, other.join().unwrap());
    });
}

/// A wait that begins after a clear is not completed by the set before it, even if that is still at work on others.
#[test]
fn a_wait_after_a_clear_needs_another_set() {
    model("event: a wait after a clear needs another set", || {
        let shared = Shared::new();
        let (first, _second, _third) = (begun(&shared), begun(&shared), begun(&shared));
        let setter = spawn({
            let shared = shared.clone();
            move || assert!(shared.set())
        });
        block_on(first);
        assert!(shared.clear());
        let mut again = begun(&shared);
        assert_eq!(shared.waiters(), 1);
        setter.join().unwrap();
        assert!(poll_once(again.as_mut()).is_pending());
        assert!(shared.set());
        assert!(poll_once(again.as_mut()).is_ready());
    });
}

/// A producer that finds the event set, and so changes nothing, is still seen by the consumer that clears it and then
/// looks: either the data is there by then, or the event is set again afterwards.
#[test]
fn clear_and_look_misses_no_producer() {
    model("event: clear and look misses no producer", || {
        let event = Arc::new((Event::new(), AtomicBool::new(false)));
        event.0.set();
        let producer = spawn({
            let event = event.clone();
            move || {
                // Ordering: Relaxed, so that all the order comes from the event.
                event.1.store(true, Relaxed);
                event.0.set();
            }
        });
        event.0.clear();
        if !event.1.load(Relaxed) {
            block_on(event.0.wait());
            assert!(event.1.load(Relaxed));
        }
        producer.join().unwrap();
    });
}
