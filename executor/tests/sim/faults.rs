use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use waitline_executor::{
    run, sim, spawn, spawn_local,
    sync::{Event, Semaphore},
    yield_now,
};

#[test]
fn chance_is_never_outside_of_a_simulation() {
    assert!(!sim::chance(1.0));
    assert!(!run(async { sim::chance(1.0) }));
    assert!(sim::run(0, async { sim::chance(1.0) }).unwrap());
}

#[test]
fn a_cancellation_comes_at_every_await_or_not_at_all() {
    const AWAITS: usize = 5;
    let mut counts = HashMap::new();
    for seed in 0..500 {
        let reached = Rc::new(Cell::new(None));
        let there = reached.clone();
        let outcome = sim::run(seed, async move {
            let task = spawn_local(async move {
                for awaits in 0..AWAITS {
                    there.set(Some(awaits));
                    yield_now().await;
                }
                there.set(Some(AWAITS));
            });
            sim::cancel_at_random(&task);
            task.await
        });
        assert_eq!(outcome.unwrap().is_ok(), reached.get() == Some(AWAITS), "seed {seed}");
        *counts.entry(reached.get()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2 + AWAITS, "before the first, at each, and not at all: {counts:?}");
    assert!(counts.values().all(|n| *n > 5), "{counts:?}");
}

#[test]
fn a_cancellation_finds_waiters_queued_and_granted() {
    let ends = Rc::new(RefCell::new(HashMap::new()));
    for seed in 0..300 {
        sim::run(seed, async {
            let (semaphore, released) = (Arc::new(Semaphore::new(0)), Rc::new(Cell::new(false)));
            let mut logged = EndLog { ends: ends.clone(), released: released.clone(), finished: false };
            let there = semaphore.clone();
            let task = spawn_local(async move {
                let permit = there.acquire().await;
                logged.finish();
                drop(permit);
            });
            sim::cancel_at_random(&task);
            yield_now().await;
            yield_now().await;
            released.set(true);
            semaphore.release(1);
            _ = task.await;
            assert_eq!(semaphore.available_permits(), 1, "a cancelled waiter passes its permit on");
        })
        .unwrap();
    }
    let ends = ends.borrow();
    assert!(ends.len() == 3 && ends.values().all(|n| *n > 10), "{ends:?}");
}

/// Tells in which state its task was dropped.
struct EndLog {
    ends: Rc<RefCell<HashMap<&'static str, u32>>>,
    released: Rc<Cell<bool>>,
    finished: bool,
}

impl EndLog {
    fn finish(&mut self) {
        self.finished = true;
    }
}

impl Drop for EndLog {
    fn drop(&mut self) {
        let end = match (self.finished, self.released.get()) {
            (true, _) => "finished",
            (false, false) => "cancelled in the queue",
            (false, true) => "cancelled with a permit",
        };
        *self.ends.borrow_mut().entry(end).or_default() += 1;
    }
}

#[test]
fn a_task_that_is_gone_is_not_cancelled_and_neither_is_its_successor() {
    sim::many(0..100, || async {
        let finished = spawn(async {});
        sim::cancel_at_random(&finished);
        _ = finished.await;
        // At the same place in the registry.
        let (event, polls) = (Arc::new(Event::new()), Arc::new(AtomicUsize::new(0)));
        let (there, counted) = (event.clone(), polls.clone());
        let next = spawn(async move {
            for _ in 0..70 {
                counted.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
            there.wait().await;
        });
        event.set();
        next.await.unwrap();
        assert_eq!(polls.load(Ordering::Relaxed), 70);
    });
}
