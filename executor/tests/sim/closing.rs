//! Semaphores that are closed somewhere in the middle of random work, with tasks that are cancelled anywhere.
//!
//! Whatever the schedule, everybody comes to an end, nobody is given a permit after the close, and the one who closes gets
//! all of them back. A stall fails the seed.

use super::storms::{join, pause, spawn_doomed};
use std::{cell::Cell, rc::Rc};
use waitline_executor::{
    sim, spawn_local,
    sync::{BoundedSemaphore, Semaphore, sem::Closed},
    yield_now,
};

const PERMITS: usize = 4;

fn size() -> usize {
    1 + sim::rng().below(PERMITS as u64) as usize
}

#[test]
fn semaphores_that_are_closed() {
    let (closed_on, granted_late) = (Cell::new(0), Cell::new(0));
    sim::many(0..5000, || async {
        let semaphore = Rc::new(Semaphore::new(PERMITS));
        let ends = Rc::new(Cell::new(0));
        let tasks = (0..6).map(|_| {
            let (semaphore, ends) = (semaphore.clone(), ends.clone());
            spawn_doomed(async move {
                loop {
                    let was_closed = semaphore.is_closed();
                    let permits = match sim::rng().below(4) {
                        0 => match semaphore.try_acquire_many(size()) {
                            Some(permits) => Ok(permits),
                            None if semaphore.is_closed() => Err(Closed),
                            None => {
                                yield_now().await;
                                continue;
                            }
                        },
                        _ => semaphore.acquire_many(size()).or_closed().await,
                    };
                    let Ok(mut permits) = permits else { return ends.set(ends.get() + 1) };
                    assert!(!was_closed, "it was closed, and is open again");
                    pause().await;
                    match sim::rng().below(3) {
                        0 => drop(permits.split(permits.num_permits() / 2)),
                        1 => {
                            let n = permits.num_permits();
                            permits.forget();
                            semaphore.release(n);
                        }
                        _ => {}
                    }
                    pause().await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for _ in 0..sim::rng().below(10) {
            pause().await;
        }
        assert!(semaphore.close() && !semaphore.close());
        assert_eq!(semaphore.waiters(), 0);
        let (out, before) = (PERMITS - semaphore.available_permits(), ends.get());
        // Another one closes, too, and may be cancelled while it waits.
        let other = semaphore.clone();
        let other = spawn_doomed(async move { drop(other.acquire_many(PERMITS).after_close().await) });
        let all = semaphore.acquire_many(PERMITS).after_close().await;
        granted_late.set(granted_late.get() + usize::from(out > 0));
        drop(all);
        join(tasks).await;
        join(vec![other]).await;
        closed_on.set(closed_on.get() + ends.get() - before);
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (PERMITS, 0));
        assert!(semaphore.is_closed() && semaphore.try_acquire_many(0).is_none());
    });
    let (closed_on, granted_late) = (closed_on.get(), granted_late.get());
    assert!(closed_on > 1000, "only {closed_on} waits were told of a close");
    assert!(granted_late > 1000, "only {granted_late} closes had to wait for permits");
}

#[test]
fn bounded_semaphores_that_are_closed() {
    sim::many(0..2000, || async {
        let semaphore = Rc::new(BoundedSemaphore::new(PERMITS));
        let forgotten = Rc::new(Cell::new(0));
        let tasks = (0..4).map(|_| {
            let (semaphore, forgotten) = (semaphore.clone(), forgotten.clone());
            spawn_doomed(async move {
                while let Ok(permits) = semaphore.acquire_many(size()).or_closed().await {
                    pause().await;
                    if sim::chance(0.3) {
                        forgotten.set(forgotten.get() + permits.num_permits());
                        permits.forget();
                    }
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let returns = spawn_local({
            let (semaphore, forgotten) = (semaphore.clone(), forgotten.clone());
            async move {
                for _ in 0..20 {
                    pause().await;
                    semaphore.release(forgotten.take()).unwrap();
                }
            }
        });
        pause().await;
        pause().await;
        assert!(semaphore.close());
        join(tasks).await;
        join(vec![returns]).await;
        semaphore.release(forgotten.take()).unwrap();
        assert_eq!(semaphore.acquire_many(PERMITS).after_close().await.num_permits(), semaphore.bound());
        assert!(semaphore.release(1).is_err());
    });
}
