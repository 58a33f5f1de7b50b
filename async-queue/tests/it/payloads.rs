//! Hazards 28 and 37, and more: what the items themselves may do, and how large they may be.

use crate::until_waiting;
use std::{
    cell::Cell,
    cmp::Ordering,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};
use waitline::testing::{now, panic_message, watched};
use waitline_queue::{LifoQueue, PriorityQueue, Queue, TryPutError, channel};

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn dropping_the_queue_drops_what_is_inside_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let item = || Dropped(drops.clone());
    let queue = Queue::bounded(8);
    (0..5).for_each(|_| assert!(queue.try_put(item()).is_ok()));
    drop(queue.try_get());
    assert_eq!(drops.load(Relaxed), 1);
    {
        let (_handed, _) = {
            drop((0..4).map(|_| queue.try_get()).collect::<Vec<_>>());
            watched(queue.get())
        };
        assert!(queue.try_put(item()).is_ok());
        assert!(queue.try_put(item()).is_ok());
        assert_eq!(drops.load(Relaxed), 5);
    }
    drop(queue);
    assert_eq!(drops.load(Relaxed), 7);
    drop(LifoQueue::<Dropped>::unbounded());
    let queue = LifoQueue::unbounded();
    (0..5).for_each(|_| assert!(queue.try_put(item()).is_ok()));
    drop(queue);
    assert_eq!(drops.load(Relaxed), 12);
}

#[test]
fn an_item_that_is_not_put_is_dropped_or_given_back_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let item = || Dropped(drops.clone());
    let queue = Queue::bounded(1);
    drop(queue.put(item()));
    assert_eq!(drops.load(Relaxed), 1);
    assert!(queue.try_put(item()).is_ok());
    let (queued, _) = watched(queue.put(item()));
    drop(queued);
    assert_eq!(drops.load(Relaxed), 2);
    let refused = queue.try_put(item()).unwrap_err();
    assert_eq!(drops.load(Relaxed), 2);
    drop(refused.into_inner());
    assert_eq!(drops.load(Relaxed), 3);
    let (mut queued, _) = watched(queue.put(item()));
    queue.close();
    let failed = now(queued.as_mut()).unwrap_err();
    drop(queued);
    assert_eq!(drops.load(Relaxed), 3);
    drop(failed.into_inner());
    drop(queue);
    assert_eq!(drops.load(Relaxed), 5);
}

/// Uses the queue when it is dropped: a deadlock if that happened under the mutex.
struct Reentrant(std::sync::Weak<Queue<Reentrant>>);

impl Drop for Reentrant {
    fn drop(&mut self) {
        if let Some(queue) = self.0.upgrade() {
            _ = (queue.len(), queue.is_full(), queue.unfinished(), queue.task_done());
            drop(queue.try_reserve());
            drop(format!("{queue:?}"));
        }
    }
}

#[test]
fn items_may_use_the_queue_when_they_are_dropped() {
    let queue = Arc::new(Queue::bounded(2));
    let item = || Reentrant(Arc::downgrade(&queue));
    drop(queue.put(item()));
    assert!(queue.try_put(item()).is_ok());
    assert!(queue.try_put(item()).is_ok());
    drop(queue.try_put(item()));
    let (queued, _) = watched(queue.put(item()));
    drop(queued);
    let (granted, _) = watched(queue.put(item()));
    drop(queue.try_get());
    drop(granted);
    drop(queue.try_get());
    queue.try_reserve().unwrap().put(item()).ok().unwrap();
    let slot = queue.try_reserve().unwrap();
    drop(queue.close_now());
    drop(slot.put(item()));
    assert_eq!(queue.len(), 0);
}

#[test]
fn the_last_receiver_may_drop_items_that_use_the_channel() {
    struct Uses(channel::Sender<Uses>, Arc<AtomicUsize>);
    impl Drop for Uses {
        fn drop(&mut self) {
            assert!(self.0.is_closed() && self.0.is_empty());
            self.1.fetch_add(1, Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel::bounded(4);
    (0..3).for_each(|_| assert!(sender.try_put(Uses(sender.clone(), drops.clone())).is_ok()));
    drop(receiver);
    assert_eq!(drops.load(Relaxed), 3);
}

#[test]
fn a_drop_that_panics_costs_no_other_item() {
    struct Bomb(Arc<AtomicUsize>, bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
            assert!(!self.1, "a payload's drop panics");
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let queue = Queue::bounded(4);
    for bad in [false, true, false] {
        assert!(queue.try_put(Bomb(drops.clone(), bad)).is_ok());
    }
    assert!(panic_message(|| drop(queue.close_now())).unwrap().contains("a payload's drop panics"));
    assert_eq!((drops.load(Relaxed), queue.len(), queue.unfinished()), (3, 0, 0));

    let (sender, receiver) = channel::bounded(4);
    assert!(sender.try_put(Bomb(drops.clone(), true)).is_ok());
    assert!(sender.try_put(Bomb(drops.clone(), false)).is_ok());
    assert!(panic_message(|| drop(receiver)).is_some());
    assert!(sender.is_closed() && sender.is_empty());
    assert_eq!(drops.load(Relaxed), 5);

    // A put that is dropped while its item panics has given its slot up.
    let queue = Queue::bounded(1);
    assert!(queue.try_put(Bomb(drops.clone(), false)).is_ok());
    let (granted, _) = watched(queue.put(Bomb(drops.clone(), true)));
    let (mut next, next_waker) = watched(queue.put(Bomb(drops.clone(), false)));
    drop(queue.try_get());
    assert!(panic_message(|| drop(granted)).is_some());
    assert_eq!(next_waker.count(), 1);
    assert!(now(next.as_mut()).is_ok());
}

#[test]
fn items_of_no_size_and_of_four_kibibytes() {
    let queue = Queue::bounded(2);
    queue.try_put(()).unwrap();
    let (get, _) = watched({
        assert_eq!(queue.try_get(), Ok(()));
        queue.get()
    });
    queue.try_put(()).unwrap();
    queue.try_put(()).unwrap();
    drop(get);
    assert_eq!((queue.len(), queue.try_put(())), (2, Err(TryPutError::Full(()))));
    assert_eq!(queue.close_now(), [(); 2]);

    let page = |fill: u8| [fill; 4096];
    let queue = PriorityQueue::bounded(2);
    queue.try_put(page(2)).unwrap();
    queue.try_put(page(1)).unwrap();
    let (mut put, _) = watched(queue.put(page(0)));
    assert!(queue.try_get() == Ok(page(1)));
    assert!(now(put.as_mut()).is_ok());
    assert!(queue.close_now() == [page(0), page(2)]);
    let queue = Queue::bounded(1);
    let (mut get, _) = watched(queue.get());
    assert!(queue.try_put(page(7)).is_ok());
    assert!(now(get.as_mut()) == Ok(page(7)));
}

thread_local! {
    /// How many comparisons go well before one panics; negative: all.
    static FUSE: Cell<isize> = const { Cell::new(-1) };
}

/// An item whose comparison panics when the fuse has burnt down.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Fickle(u32, Arc<()>);

impl Ord for Fickle {
    fn cmp(&self, other: &Self) -> Ordering {
        FUSE.set(FUSE.get() - 1);
        assert!(FUSE.get() != -1, "a comparison that panics");
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Fickle {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Runs `f` with a comparison that panics after `fuse` others; whether it did.
fn burning<R>(fuse: isize, f: impl FnOnce() -> R) -> Result<R, ()> {
    FUSE.set(fuse);
    let result = catch_unwind(AssertUnwindSafe(f)).map_err(drop);
    FUSE.set(-1);
    result
}

#[test]
fn a_comparison_that_panics_changes_nothing() {
    let life = Arc::new(());
    let ranks = [8, 3, 5, 1, 9, 2, 7, 4, 6, 0];
    let mut panics = 0;
    for fuse in 0..8 {
        let queue = PriorityQueue::unbounded();
        for rank in ranks {
            let item = Fickle(rank, life.clone());
            if burning(fuse, || queue.try_put(item)).is_err() {
                // It was not put; the count says so.
                panics += 1;
                let before = queue.len();
                assert_eq!(queue.unfinished(), before);
                queue.try_put(Fickle(rank, life.clone())).unwrap();
            }
        }
        assert_eq!((queue.len(), Arc::strong_count(&life)), (10, 11));
        let mut got = Vec::new();
        while !queue.is_empty() {
            match burning(fuse, || queue.try_get()) {
                Ok(item) => got.push(item.unwrap().0),
                Err(()) => {
                    panics += 1;
                    got.push(queue.try_get().unwrap().0);
                }
            }
            assert_eq!(queue.unfinished(), 10);
        }
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    }
    assert!(panics > 30, "the fuse hardly ever burnt down: {panics}");
    assert_eq!(Arc::strong_count(&life), 1);
}

#[test]
fn a_granted_put_whose_comparison_panics_passes_its_room_on() {
    let life = Arc::new(());
    let queue = PriorityQueue::bounded(2);
    queue.try_put(Fickle(1, life.clone())).unwrap();
    queue.try_put(Fickle(2, life.clone())).unwrap();
    let (mut put, _) = watched(queue.put(Fickle(3, life.clone())));
    let (mut next, next_waker) = watched(queue.put(Fickle(4, life.clone())));
    assert_eq!(queue.try_get().unwrap().0, 1);
    assert!(burning(0, || now(put.as_mut())).is_err());
    assert_eq!(next_waker.count(), 1);
    drop(put);
    assert_eq!(Arc::strong_count(&life), 3);
    assert!(now(next.as_mut()).is_ok());
    assert_eq!(queue.close_now().iter().map(|item| item.0).collect::<Vec<_>>(), [2, 4]);

    // The same for a slot.
    let queue = PriorityQueue::bounded(2);
    queue.try_put(Fickle(1, life.clone())).unwrap();
    let slot = queue.try_reserve().unwrap();
    let (_next, next_waker) = watched(queue.put(Fickle(4, life.clone())));
    assert!(burning(0, || slot.put(Fickle(5, life.clone()))).is_err());
    assert_eq!(next_waker.count(), 1);
}

#[test]
fn a_blocked_thread_compares_its_item_itself() {
    let (queue, life) = (PriorityQueue::bounded(2), Arc::new(()));
    (1..=2).for_each(|rank| queue.try_put(Fickle(rank, life.clone())).unwrap());
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| burning(0, || queue.put_blocking(Fickle(3, life.clone())).unwrap()));
        until_waiting(&queue, 1);
        // The put's first comparison panics on its own thread, and not here.
        assert_eq!(burning(0, || queue.try_get().unwrap().0).unwrap(), 1);
        assert!(thread.join().unwrap().is_err());
    });
    assert_eq!(queue.try_put(Fickle(4, life.clone())), Ok(()));
}

#[test]
fn an_order_that_is_none_loses_and_doubles_nothing() {
    #[derive(Debug, PartialEq, Eq)]
    struct Chaos(u32);
    impl Ord for Chaos {
        fn cmp(&self, other: &Self) -> Ordering {
            (self.0.wrapping_mul(0x9E37_79B9) % 7).cmp(&(other.0.wrapping_mul(0x85EB_CA6B) % 5))
        }
    }
    impl PartialOrd for Chaos {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    let queue = PriorityQueue::unbounded();
    let mut got = Vec::new();
    for item in 0..300 {
        queue.try_put(Chaos(item)).unwrap();
        if item % 3 == 0 {
            got.push(queue.try_get().unwrap().0);
        }
    }
    got.extend(std::iter::from_fn(|| queue.try_get().ok()).map(|item| item.0));
    got.sort_unstable();
    assert_eq!(got, (0..300).collect::<Vec<_>>());
}

#[test]
fn close_now_sorts_outside_the_mutex() {
    struct Peeks(u32, std::sync::Weak<PriorityQueue<Peeks>>, Arc<AtomicBool>);
    impl PartialEq for Peeks {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Peeks {}
    impl PartialOrd for Peeks {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Peeks {
        fn cmp(&self, other: &Self) -> Ordering {
            if self.2.load(Relaxed) {
                assert!(self.1.upgrade().unwrap().is_empty());
            }
            self.0.cmp(&other.0)
        }
    }
    let (queue, peek) = (Arc::new(PriorityQueue::unbounded()), Arc::new(AtomicBool::new(false)));
    for rank in [2, 1, 3] {
        assert!(queue.try_put(Peeks(rank, Arc::downgrade(&queue), peek.clone())).is_ok());
    }
    peek.store(true, Relaxed);
    assert_eq!(queue.close_now().iter().map(|item| item.0).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn get_many_fills_what_it_is_given() {
    let queue = Queue::bounded(100);
    (0..100).for_each(|item| queue.try_put(item).unwrap());
    let mut out = Vec::with_capacity(3);
    assert_eq!(now(pin!(queue.get_many(&mut out, 60))), 60);
    assert_eq!(now(pin!(queue.get_many(&mut out, 60))), 40);
    assert_eq!(out, (0..100).collect::<Vec<_>>());
}
