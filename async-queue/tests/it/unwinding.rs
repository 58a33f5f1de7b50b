//! Hazards 37 to 39: what a panic meets on its way loses nothing and aborts nothing.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};
use waitline::testing::{WakerCall, during_panic, hooked_waker, now, panic_message, poll_with, watched};
use waitline_queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue, TryGetError, channel};

/// Waits that have begun, each with a waker that counts and then panics with its number.
struct Angry<F>(Vec<Pin<Box<F>>>, Arc<AtomicUsize>);

impl<F: Future> Angry<F> {
    fn new(number: usize, mut future: impl FnMut(usize) -> F) -> Self {
        let woken = Arc::new(AtomicUsize::new(0));
        let waits = (0..number).map(|which| {
            let (mut wait, woken) = (Box::pin(future(which)), woken.clone());
            let waker = hooked_waker(move |call| {
                if call == WakerCall::Wake {
                    woken.fetch_add(1, Relaxed);
                    panic!("waker {which}");
                }
            });
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
            wait
        });
        Angry(waits.collect(), woken)
    }

    fn woken(&self) -> usize {
        self.1.load(Relaxed)
    }

    /// What they say when all were woken, once each.
    #[track_caller]
    fn outcomes(mut self) -> Vec<F::Output> {
        assert_eq!(self.woken(), self.0.len());
        self.0.iter_mut().map(|wait| now(wait.as_mut())).collect()
    }
}

/// Runs `end` in the middle of a panic, or else alone, where the panic of the first waker must go on.
#[track_caller]
fn ends(in_panic: bool, end: impl FnOnce()) {
    if in_panic {
        during_panic(end);
    } else {
        assert_eq!(panic_message(end).as_deref(), Some("waker 0"));
    }
}

/// Runs `end`, in the middle of a panic or alone; whether it panics.
fn panics(in_panic: bool, end: impl FnOnce()) -> bool {
    if in_panic {
        during_panic(end);
        return false;
    }
    panic_message(end).is_some()
}

/// With several numbers of waiters, each alone and in the middle of a panic.
fn each(mut test: impl FnMut(usize, bool)) {
    for number in [1, 2, 40] {
        test(number, false);
        test(number, true);
    }
}

#[test]
fn a_slot_that_is_dropped_wakes_all_and_does_not_abort() {
    each(|number, in_panic| {
        // The one that was promised to the getters of a closed queue.
        let queue = Queue::<usize>::bounded(1);
        let slot = queue.try_reserve().unwrap();
        let gets = Angry::new(number, |_| queue.get());
        assert!(queue.close());
        ends(in_panic, || drop(slot));
        assert_eq!(gets.outcomes(), vec![Err(GetError); number]);

        // Several, whose room goes to putters.
        let queue = Queue::bounded(number);
        let slots: Vec<_> = (0..number).map(|_| queue.try_reserve().unwrap()).collect();
        let puts = Angry::new(number, |item| queue.put(item));
        slots.into_iter().for_each(|slot| assert_eq!(panics(in_panic, || drop(slot)), !in_panic));
        assert_eq!(puts.outcomes(), vec![Ok(()); number]);
        assert!(queue.close_now().into_iter().eq(0..number));
    });
}

#[test]
fn a_put_into_a_slot_wakes_all_and_does_not_abort() {
    each(|number, in_panic| {
        let queue = Queue::bounded(1);
        let slot = queue.try_reserve().unwrap();
        let gets = Angry::new(number, |_| queue.get());
        assert!(queue.close());
        ends(in_panic, || slot.put("promised").unwrap());
        let outcomes = gets.outcomes();
        assert_eq!(outcomes[0], Ok("promised"));
        assert!(outcomes[1..].iter().all(|outcome| *outcome == Err(GetError)));
    });
}

#[test]
fn a_half_of_a_channel_that_is_dropped_wakes_all_and_does_not_abort() {
    each(|number, in_panic| {
        let (sender, receiver) = channel::bounded::<usize>(1);
        let gets = Angry::new(number, |_| receiver.get());
        ends(in_panic, || drop(sender));
        assert_eq!(gets.outcomes(), vec![Err(GetError); number]);

        let (sender, receiver) = channel::bounded(1);
        sender.try_put(number).unwrap();
        let puts = Angry::new(number, |item| sender.put(item));
        let joins = Angry::new(number, |_| sender.join());
        ends(in_panic, || drop(receiver));
        assert!(puts.outcomes().into_iter().eq((0..number).map(|item| Err(PutError(item)))));
        joins.outcomes();
        assert_eq!((sender.len(), sender.unfinished()), (0, 0));
    });
}

#[test]
fn closing_wakes_all_and_does_not_abort() {
    each(|number, in_panic| {
        for now_too in [false, true] {
            let queue = Queue::bounded(1);
            let slot = queue.try_reserve().unwrap();
            let puts = Angry::new(number, |item| queue.put(item));
            let reserves = Angry::new(number, |_| queue.reserve());
            let gets = Angry::new(number, |_| queue.get());
            ends(in_panic, || {
                if now_too {
                    assert_eq!(queue.close_now(), []);
                } else {
                    assert!(queue.close());
                }
            });
            // After a close that is not now, the getters wait for the slot.
            assert_eq!((puts.woken(), gets.woken()), (number, if now_too { number } else { 0 }));
            if !now_too {
                ends(in_panic, || drop(slot));
            }
            assert!(puts.outcomes().iter().all(Result::is_err));
            assert!(reserves.outcomes().iter().all(Result::is_err));
            assert_eq!(gets.outcomes(), vec![Err(GetError); number]);
        }
        let queue = Queue::bounded(1);
        queue.try_put(0).unwrap();
        let joins = Angry::new(number, |_| queue.join());
        ends(in_panic, || drop(queue.close_now()));
        joins.outcomes();
    });
}

#[test]
fn granted_puts_and_reserves_that_are_dropped_pass_their_room_on_and_do_not_abort() {
    fn pass_on<F: Future>(queue: &Queue<usize>, number: usize, in_panic: bool, granted: impl Fn(usize) -> F) {
        (0..number).for_each(|item| queue.try_put(item).unwrap());
        let granted: Vec<_> = (0..number).map(|item| watched(granted(item)).0).collect();
        let heirs = Angry::new(number, |item| queue.put(100 + item));
        (0..number).for_each(|_| assert!(queue.try_get().is_ok()));
        assert_eq!(heirs.woken(), 0);
        let drops = granted.into_iter().map(|wait| panics(in_panic, || drop(wait)));
        assert_eq!(drops.filter(|panicked| *panicked).count(), if in_panic { 0 } else { number });
        assert_eq!(heirs.outcomes(), vec![Ok(()); number]);
        assert!((0..number).map(|_| queue.try_get()).eq((100..100 + number).map(Ok)));
    }
    each(|number, in_panic| {
        let queue = Queue::bounded(number);
        pass_on(&queue, number, in_panic, |item| queue.put(item));
        pass_on(&queue, number, in_panic, |_| queue.reserve());
    });
}

macro_rules! handed {
    ($queue:expr, $number:expr, $in_panic:expr) => {{
        let queue = $queue;
        let handed: Vec<_> = (0..$number).map(|_| watched(queue.get()).0).collect();
        (0..$number).for_each(|item| queue.try_put(item).unwrap());
        let heirs = Angry::new($number, |_| queue.get());
        let drops = handed.into_iter().map(|get| panics($in_panic, || drop(get)));
        assert_eq!(drops.filter(|panicked| *panicked).count(), if $in_panic { 0 } else { $number });
        assert!(heirs.outcomes().into_iter().eq((0..$number).map(Ok)));
        assert_eq!((queue.len(), queue.unfinished()), (0, $number));
    }};
}

#[test]
fn handed_gets_that_are_dropped_pass_their_item_on_and_do_not_abort() {
    each(|number, in_panic| {
        handed!(Queue::bounded(1), number, in_panic);
        handed!(LifoQueue::bounded(1), number, in_panic);
        handed!(PriorityQueue::bounded(1), number, in_panic);
    });
}

#[test]
fn calls_in_a_destructor_wake_all_and_do_not_abort() {
    each(|number, in_panic| {
        let queue = Queue::bounded(number);
        (0..number).for_each(|item| queue.try_put(item).unwrap());
        let puts = Angry::new(number, |item| queue.put(100 + item));
        if in_panic {
            during_panic(|| assert_eq!(now(pin!(queue.get_many(&mut Vec::new(), 100))), number));
        } else {
            // A call that has taken an item drops it when the wake-up that it causes panics.
            (0..number).for_each(|_| assert!(panics(false, || _ = queue.try_get())));
        }
        assert_eq!((puts.outcomes(), queue.unfinished()), (vec![Ok(()); number], 2 * number));

        let queue = Queue::bounded(1);
        queue.try_put(0).unwrap();
        let joins = Angry::new(number, |_| queue.join());
        ends(in_panic, || queue.task_done().unwrap());
        joins.outcomes();
        queue.try_get().unwrap();
        let gets = Angry::new(1, |_| queue.get());
        ends(in_panic, || queue.try_put(7).unwrap());
        assert_eq!(gets.outcomes(), [Ok(7)]);
    });
}

/// Panics when it is dropped without a wake, and runs `once` at its first clone: after a call found that it would have to
/// wait, and before it looks again under the mutex.
fn angry_when_dropped(once: impl FnOnce() + Send + 'static) -> Waker {
    let once = Mutex::new(Some(once));
    hooked_waker(move |call| match call {
        WakerCall::Clone => {
            let once = once.lock().unwrap().take();
            once.map(|once| once()).unwrap_or_default()
        }
        WakerCall::Wake => {}
        WakerCall::Drop => panic!("angry when dropped"),
    })
}

/// Polls with a waker of that kind, which must not be needed.
#[track_caller]
fn meets<F: Future>(future: Pin<&mut F>, once: impl FnOnce() + Send + 'static) {
    let waker = angry_when_dropped(once);
    assert_eq!(panic_message(|| _ = poll_with(future, &waker)).as_deref(), Some("angry when dropped"));
    std::mem::forget(waker);
}

#[test]
fn what_is_there_in_spite_of_an_angry_waker_is_not_lost() {
    let queue: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    // An item that came between the two looks is the get's, as if it had been handed to it.
    let mut get = Box::pin(queue.get());
    meets(get.as_mut(), || queue.try_put(1).unwrap());
    assert_eq!((queue.len(), queue.unfinished()), (0, 1));
    assert_eq!(now(get.as_mut()), Ok(1));
    let mut out = Vec::new();
    let mut batch = Box::pin(queue.get_many(&mut out, 5));
    meets(batch.as_mut(), || queue.try_put(2).unwrap());
    drop(batch);
    assert_eq!((out.len(), queue.len()), (0, 1));

    // Room that came is granted to the put, or to the reserve, which passes it on if it is dropped.
    let mut put = Box::pin(queue.put(3));
    meets(put.as_mut(), || assert_eq!(queue.try_get(), Ok(2)));
    assert!(queue.is_empty() && queue.is_full());
    assert_eq!(now(put.as_mut()), Ok(()));
    let mut reserve = Box::pin(queue.reserve());
    meets(reserve.as_mut(), || assert_eq!(queue.try_get(), Ok(3)));
    assert!(queue.is_full());
    drop(now(reserve.as_mut()).unwrap());
    assert!(!queue.is_full());
    queue.try_put(4).unwrap();
    let mut put = Box::pin(queue.put(5));
    meets(put.as_mut(), || assert_eq!(queue.try_get(), Ok(4)));
    drop(put);
    assert!(queue.is_empty() && !queue.is_full());

    // The end of all work, and of the queue.
    let mut join = Box::pin(queue.join());
    meets(join.as_mut(), || while queue.task_done().is_ok() {});
    now(join.as_mut());
    let mut get = Box::pin(queue.get());
    meets(get.as_mut(), || assert!(queue.close()));
    assert_eq!(now(get.as_mut()), Err(GetError));
    let full: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    full.try_put(1).unwrap();
    let mut put = Box::pin(full.put(2));
    meets(put.as_mut(), || assert!(full.close()));
    assert_eq!(now(put.as_mut()), Err(PutError(2)));
    assert!(format!("{queue:?}{full:?}").matches("waiters: 0").count() == 2);
}

#[test]
fn queued_waits_with_an_angry_waker_leave_no_trace_when_they_are_dropped() {
    let full: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    full.try_put(1).unwrap();
    for in_panic in [false, true] {
        fn queued<F: Future>(future: F) -> Pin<Box<F>> {
            let (mut future, waker) = (Box::pin(future), angry_when_dropped(|| ()));
            assert!(poll_with(future.as_mut(), &waker).is_pending());
            std::mem::forget(waker);
            future
        }
        let put = queued(full.put(2));
        let (mut next, woken) = watched(full.put(3));
        let join = queued(full.join());
        assert_eq!(panics(in_panic, || drop(put)), !in_panic);
        assert_eq!(panics(in_panic, || drop(join)), !in_panic);
        full.try_get().unwrap();
        assert_eq!((woken.count(), now(next.as_mut())), (1, Ok(())));
        assert_eq!(full.try_get(), Ok(3));
        let get = queued(full.get());
        assert_eq!(panics(in_panic, || drop(get)), !in_panic);
        assert_eq!(full.try_get(), Err(TryGetError::Empty));
        full.try_put(1).unwrap();
    }
    assert!(format!("{full:?}").ends_with("waiters: 0 }"));
}

#[test]
fn a_granted_wait_that_meets_an_angry_waker_keeps_its_grant() {
    // The new waker is cloned to replace the old one, and the grant comes in between.
    let queue: &'static Queue<u32> = Box::leak(Box::new(Queue::bounded(1)));
    let (mut get, _) = watched(queue.get());
    meets(get.as_mut(), || queue.try_put(1).unwrap());
    assert_eq!(now(get.as_mut()), Ok(1));
    let (mut get, _) = watched(queue.get());
    meets(get.as_mut(), || queue.try_put(2).unwrap());
    drop(get);
    let (mut put, _) = watched(queue.put(3));
    meets(put.as_mut(), || assert_eq!(queue.try_get(), Ok(2)));
    assert_eq!((queue.len(), queue.is_full(), now(put.as_mut())), (0, true, Ok(())));
}

/// Whether comparisons panic.
static COMPARISONS_PANIC: AtomicBool = AtomicBool::new(false);

#[derive(Debug, PartialEq, Eq)]
struct Fickle(u32);

impl Ord for Fickle {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        assert!(!COMPARISONS_PANIC.load(Relaxed), "a comparison that panics");
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Fickle {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn a_comparison_that_panics_where_an_item_goes_back_does_not_abort() {
    for in_panic in [false, true] {
        let queue = PriorityQueue::bounded(2);
        let (get, _) = watched(queue.get());
        (1..=3).for_each(|rank| queue.try_put(Fickle(rank)).unwrap());
        COMPARISONS_PANIC.store(true, Relaxed);
        assert_eq!(panics(in_panic, || drop(get)), !in_panic);
        COMPARISONS_PANIC.store(false, Relaxed);
        // As documented: that item is dropped, and is still unfinished.
        assert_eq!((queue.unfinished(), queue.close_now()), (3, vec![Fickle(2), Fickle(3)]));
    }
}

/// With a record of who waits, the name of a task is foreign code.
#[cfg(feature = "diagnostics")]
#[test]
fn a_task_whose_name_uses_the_queue_and_panics_is_as_any_other() {
    use waitline::diagnostics::{Task, enter};
    static QUEUE: Queue<u32> = Queue::bounded(1);
    // A deadlock if it was asked for under the mutex.
    let describe = |_| panic!("no name, but {} items, full: {}", QUEUE.len(), QUEUE.is_full());
    let _announced = enter(|| Task { key: (23, 5), describe });
    let (mut get, _) = watched(QUEUE.get());
    let (mut next, _) = watched(QUEUE.get());
    QUEUE.try_put(1).unwrap();
    QUEUE.try_put(2).unwrap();
    assert_eq!((now(get.as_mut()), now(next.as_mut())), (Ok(1), Ok(2)));
    QUEUE.try_put(3).unwrap();
    let (mut put, _) = watched(QUEUE.put(4));
    let (mut join, _) = watched(QUEUE.join());
    assert_eq!(QUEUE.try_get(), Ok(3));
    assert_eq!(now(put.as_mut()), Ok(()));
    assert_eq!(now(pin!(QUEUE.get_many(&mut Vec::new(), 2))), 1);
    (0..4).for_each(|_| QUEUE.task_done().unwrap());
    now(join.as_mut());
    assert_eq!((QUEUE.unfinished(), QUEUE.close_now()), (0, vec![]));
}
