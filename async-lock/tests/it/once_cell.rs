//! The cell that is set once. Hazards 1, 3, 6, 8, 10, 11, 13, 15, 16, 28, 38, 39 where they apply.

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn, ready},
    mem,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};
use waitline::testing::{
    CountingWaker, WakeOrder, WakerCall, block_on, during_panic, hooked_waker, now, panic_message, panicking_waker,
    poll_once, poll_with, queued, queued_with, yield_until,
};
use waitline_lock::OnceCell;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A call that has begun to initialize the cell, and goes on once `go` is set.
fn initializing<'a>(cell: &'a OnceCell<u32>, go: &'a Cell<Option<u32>>) -> Boxed<'a, u32> {
    let wait = move || poll_fn(move |_| go.get().map_or(Poll::Pending, Poll::Ready));
    let call: Boxed<'a, u32> = Box::pin(async move { *cell.get_or_init(wait).await });
    queued(call)
}

#[test]
fn the_first_call_initializes_and_the_others_wait_for_it() {
    let (cell, go) = (OnceCell::new(), Cell::new(None));
    let mut first = initializing(&cell, &go);
    let order = WakeOrder::new();
    let unused = || -> std::future::Ready<u32> { panic!("the cell is initialized already") };
    let mut others: Vec<_> = (0..100).map(|i| queued_with(cell.get_or_init(unused), &order.waker(i))).collect();
    let mut waits: Vec<_> = (100..200).map(|i| queued_with(cell.wait(), &order.waker(i))).collect();
    assert_eq!((cell.get(), cell.waiters()), (None, 200));
    go.set(Some(7));
    assert_eq!(now(first.as_mut()), 7);
    assert_eq!((cell.get(), cell.waiters()), (Some(&7), 0));
    assert_eq!(order.take(), (0..200).collect::<Vec<_>>());
    assert!(others.iter_mut().all(|other| *now(other.as_mut()) == 7));
    assert!(waits.iter_mut().all(|wait| *now(wait.as_mut()) == 7));
    // Later calls are ready at once.
    assert_eq!((now(pin!(cell.get_or_init(unused))), now(pin!(cell.wait())), cell.set(8)), (&7, &7, Err(8)));
}

#[test]
fn when_the_initializing_call_is_dropped_the_next_waiter_takes_over() {
    let (cell, go) = (OnceCell::new(), Cell::new(None));
    let first = initializing(&cell, &go);
    let order = WakeOrder::new();
    let mut wait = queued_with(cell.wait(), &order.waker(0));
    let second = queued_with(cell.get_or_init(|| ready(2)), &order.waker(2));
    let mut third = queued_with(cell.get_or_init(|| ready(3)), &order.waker(3));
    drop(first);
    assert_eq!(order.take(), [2]);
    // Granted the right, and dropped before its poll.
    drop(second);
    assert_eq!(order.take(), [3]);
    assert_eq!(*now(third.as_mut()), 3);
    assert_eq!(order.take(), [0]);
    assert_eq!(*now(wait.as_mut()), 3);
}

#[test]
fn a_newcomer_does_not_pass_the_waiter_that_was_granted_the_right() {
    let (cell, go) = (OnceCell::new(), Cell::new(None));
    let first = initializing(&cell, &go);
    let mut second = queued(cell.get_or_init(|| ready(2)));
    drop(first);
    let mut newcomer = queued(cell.get_or_init(|| ready(3)));
    assert_eq!(*now(second.as_mut()), 2);
    assert_eq!(*now(newcomer.as_mut()), 2);
}

#[test]
fn when_the_initialization_fails_its_call_has_the_error_and_the_next_waiter_takes_over() {
    let cell = OnceCell::new();
    let fail = Cell::new(false);
    let wait = || poll_fn(|_| if fail.get() { Poll::Ready(Err("failed")) } else { Poll::Pending });
    let mut first = queued(cell.get_or_try_init(wait));
    let mut second = queued(cell.get_or_try_init(|| ready(Err::<u32, _>("failed again"))));
    let mut third = queued(cell.get_or_init(|| ready(3)));
    fail.set(true);
    assert_eq!(now(first.as_mut()), Err("failed"));
    assert!(poll_once(third.as_mut()).is_pending());
    assert_eq!(now(second.as_mut()), Err("failed again"));
    assert_eq!(*now(third.as_mut()), 3);
    assert_eq!(now(pin!(cell.get_or_try_init(|| ready(Err("unused"))))), Ok(&3));
}

#[test]
fn when_the_initialization_panics_the_next_waiter_takes_over_even_if_the_future_is_kept() {
    // In the closure, and in its future.
    for in_future in [false, true] {
        let (cell, fail) = (OnceCell::new(), Cell::new(false));
        let dropped = Rc::new(());
        let mut first = Box::pin(cell.get_or_init(|| {
            assert!(in_future, "in the closure");
            let (fail, dropped) = (&fail, dropped.clone());
            poll_fn(move |_| {
                assert!(!fail.get() || Rc::strong_count(&dropped) == 0, "in the future");
                Poll::Pending
            })
        }));
        let message = if in_future {
            assert!(poll_once(first.as_mut()).is_pending());
            let mut second = queued(cell.get_or_init(|| ready(2)));
            fail.set(true);
            let message = panic_message(|| poll_once(first.as_mut()).is_ready());
            assert_eq!(*now(second.as_mut()), 2);
            assert_eq!(Rc::strong_count(&dropped), 1, "the closure's future is dropped");
            message
        } else {
            let message = panic_message(|| poll_once(first.as_mut()).is_ready());
            assert_eq!(*now(pin!(cell.get_or_init(|| ready(2)))), 2);
            message
        };
        assert!(message.unwrap().starts_with(if in_future { "in the future" } else { "in the closure" }));
        let message = panic_message(|| poll_once(first.as_mut()).is_ready());
        assert_eq!(message.as_deref(), Some("a waiting future was polled after it was ready"));
    }
}

#[test]
fn set_does_not_wait_and_wins_over_a_call_that_is_initializing() {
    let (mut cell, go) = (OnceCell::new(), Cell::new(None));
    let mut first = initializing(&cell, &go);
    let woken = CountingWaker::new();
    let mut second = queued_with(cell.get_or_init(|| ready(2)), &woken.waker());
    let mut wait = queued_with(cell.wait(), &woken.waker());
    assert_eq!(cell.set(9), Ok(()));
    assert_eq!(woken.count(), 2);
    assert_eq!((now(second.as_mut()), now(wait.as_mut())), (&9, &9));
    go.set(Some(1));
    assert_eq!(now(first.as_mut()), 9, "its own value is dropped");
    assert_eq!(cell.set(10), Err(10));
    drop((first, second, wait));
    // Nobody has the right to initialize by now.
    assert_eq!((cell.take(), *now(pin!(cell.get_or_init(|| ready(11))))), (Some(9), 11));
}

#[test]
fn a_cell_that_was_taken_from_is_initialized_again() {
    let mut cell = OnceCell::new();
    for round in 0..3 {
        assert_eq!(*now(pin!(cell.get_or_init(|| ready(round)))), round);
        *cell.get_mut().unwrap() += 1;
        assert_eq!((cell.take(), cell.take(), cell.get()), (Some(round + 1), None, None));
    }
    assert_eq!(cell.into_inner(), None);
}

#[test]
fn values_are_dropped_exactly_once() {
    let value = Arc::new(());
    let count = || Arc::strong_count(&value) - 1;
    let cell = OnceCell::from(value.clone());
    assert!(cell.set(value.clone()).is_err());
    assert_eq!(count(), 1);
    drop(cell);
    assert_eq!(count(), 0);
    let mut cell = OnceCell::new();
    block_on(cell.get_or_init(async || value.clone()));
    assert_eq!(count(), 1);
    drop(cell.take());
    assert_eq!(count(), 0);
    cell.set(value.clone()).unwrap();
    assert_eq!(cell.into_inner().map(|value| Arc::strong_count(&value)), Some(2));
    drop(OnceCell::<Arc<()>>::new());
    assert_eq!(count(), 0);
}

#[test]
fn unpolled_and_cancelled_waits_leave_nothing_behind() {
    let cell = OnceCell::new();
    drop(cell.get_or_init(pending::<u32>));
    assert_eq!(cell.waiters(), 0);
    let first = queued(cell.get_or_init(pending));
    let woken = CountingWaker::new();
    for _ in 0..100_000 {
        drop((queued_with(cell.get_or_init(pending), &woken.waker()), queued_with(cell.wait(), &woken.waker())));
    }
    assert_eq!((cell.waiters(), woken.held(), woken.count()), (0, 0, 0));
    drop(first);
    assert_eq!(*now(pin!(cell.get_or_init(|| ready(1)))), 1);
}

#[test]
fn a_forgotten_initialization_keeps_the_others_waiting_until_the_cell_is_set() {
    let cell = OnceCell::new();
    mem::forget(queued(cell.get_or_init(pending)));
    let mut next = queued(cell.get_or_init(|| ready(2)));
    assert!(poll_once(next.as_mut()).is_pending());
    cell.set(3).unwrap();
    assert_eq!(*now(next.as_mut()), 3);
}

#[test]
fn threads_wait_in_line_with_futures() {
    let cell = Arc::new(OnceCell::new());
    let go = Arc::new(AtomicUsize::new(0));
    let first = std::thread::spawn({
        let (cell, go) = (cell.clone(), go.clone());
        move || {
            let wait = || {
                go.store(1, Ordering::Release);
                yield_until(|| go.load(Ordering::Acquire) == 2);
                7
            };
            *cell.get_or_init_blocking(wait)
        }
    });
    yield_until(|| go.load(Ordering::Acquire) == 1);
    let second = std::thread::spawn({
        let cell = cell.clone();
        move || *cell.get_or_init_blocking(|| 8)
    });
    let third = std::thread::spawn({
        let cell = cell.clone();
        move || *cell.wait_blocking()
    });
    yield_until(|| cell.waiters() == 2);
    let mut future = queued(cell.get_or_init(|| ready(9)));
    go.store(2, Ordering::Release);
    assert_eq!([first, second, third].map(|thread| thread.join().unwrap()), [7; 3]);
    assert_eq!(*now(future.as_mut()), 7);
    assert_eq!(*cell.get_or_init_blocking(|| 10), 7);
}

#[test]
fn wakers_may_use_the_cell_when_they_are_cloned_woken_and_dropped() {
    let cell = Arc::new(OnceCell::new());
    let waker = hooked_waker({
        let cell = cell.clone();
        move |_| {
            assert!(cell.waiters() < 100);
            assert!(format!("{cell:?}").starts_with("OnceCell("));
            assert_eq!(cell.get().copied().unwrap_or(7), 7);
            let mut call = pin!(cell.get_or_init(pending));
            _ = poll_once(call.as_mut());
        }
    });
    let first = queued(cell.get_or_init(pending));
    drop(queued_with(cell.get_or_init(pending), &waker));
    let waits: Vec<_> = (0..40).map(|_| queued_with(cell.wait(), &waker)).collect();
    let second = queued_with(cell.get_or_init(pending), &waker);
    drop(first);
    drop(second);
    cell.set(7).unwrap();
    drop(waits);
}

#[test]
fn wakers_that_panic_cost_nobody_the_value_or_the_right() {
    for panics_at in [0, 31, 32, 39] {
        let cell = OnceCell::new();
        let woken = CountingWaker::new();
        let mut waits: Vec<_> = (0..40)
            .map(|i| queued_with(cell.wait(), &if i == panics_at { panicking_waker() } else { woken.waker() }))
            .collect();
        let message = panic_message(|| cell.set(7));
        assert!(message.unwrap().contains("panics when it is woken"));
        assert_eq!((woken.count(), cell.get()), (39, Some(&7)));
        assert!(waits.iter_mut().all(|wait| *now(wait.as_mut()) == 7));
    }
    // The right, passed on by a call that is dropped during a panic.
    let cell = OnceCell::new();
    let first = queued(cell.get_or_init(pending));
    let mut second = queued_with(cell.get_or_init(|| ready(2)), &panicking_waker());
    during_panic(|| drop(first));
    assert_eq!(*now(second.as_mut()), 2);
}

#[test]
fn a_right_taken_in_spite_of_an_angry_waker_is_not_lost() {
    for polled_again in [true, false] {
        let cell = OnceCell::new();
        let mut call = Box::pin(cell.get_or_init(|| ready(1)));
        // The unused clone of the waker is dropped after the right was taken.
        let waker = hooked_waker(|call| assert_ne!(call, WakerCall::Drop, "an angry waker"));
        assert!(panic_message(|| _ = poll_with(call.as_mut(), &waker)).unwrap().contains("an angry waker"));
        mem::forget(waker);
        if polled_again {
            assert_eq!(*now(call.as_mut()), 1);
        }
        drop(call);
        assert_eq!(*now(pin!(cell.get_or_init(|| ready(2)))), if polled_again { 1 } else { 2 });
    }
}

#[test]
fn debug_tells_the_value_and_the_stage() {
    static CELL: OnceCell<u32> = OnceCell::new().with_label("cell");
    let first = queued(CELL.get_or_init(pending));
    let second = queued(CELL.get_or_try_init(pending::<Result<u32, ()>>));
    assert_eq!(format!("{CELL:?} {first:?} {second:?} {:?}", CELL.wait()), {
        "OnceCell(<empty>) GetOrInit(initializing) GetOrTryInit(Waiter(queued)) WaitSet(Waiter(new))"
    });
    CELL.set(7).unwrap();
    assert_eq!(format!("{CELL:?} {:?}", OnceCell::<u8>::default()), "OnceCell(7) OnceCell(<empty>)");
    drop((first, second));
}

/// Threads that call, give up, fail and set: the value is made once, and all see the same.
#[test]
fn storm_of_calls_failures_and_cancellations() {
    const THREADS: u64 = 4;
    for round in 0..3_000 {
        let cell = Arc::new(OnceCell::new());
        let made = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                let (cell, made) = (cell.clone(), made.clone());
                std::thread::spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(round * THREADS + seed);
                    let make = async || {
                        futures_lite::future::yield_now().await;
                        made.fetch_add(1, Ordering::Relaxed) + 1
                    };
                    match rng.u8(0..5) {
                        0 => {
                            let mut call = pin!(cell.get_or_init(make));
                            for _ in 0..rng.usize(0..4) {
                                if poll_once(call.as_mut()).is_ready() {
                                    break;
                                }
                            }
                        }
                        1 => {
                            let fail = async || {
                                futures_lite::future::yield_now().await;
                                Err::<usize, _>(())
                            };
                            _ = block_on(cell.get_or_try_init(fail));
                        }
                        2 => _ = cell.set(1_000),
                        3 => _ = cell.get_or_init_blocking(|| made.fetch_add(1, Ordering::Relaxed) + 1),
                        _ => {}
                    }
                    *block_on(cell.get_or_init(make))
                })
            })
            .collect();
        let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(seen.iter().all(|value| Some(value) == cell.get()), "{seen:?}");
        assert_eq!(cell.waiters(), 0);
    }
}

/// With a record of who waits and holds.
#[cfg(feature = "diagnostics")]
#[test]
fn the_record_tells_who_initializes_and_who_waits() {
    use waitline::diagnostics::{Target, holds, waits};
    static CELL: OnceCell<u32> = OnceCell::new().with_label("recorded");
    let first = queued(CELL.get_or_init(pending));
    let second = queued(CELL.get_or_init(pending));
    let third = queued(CELL.wait());
    let recorded = || {
        let found = waits().into_iter().filter_map(|wait| match wait.target {
            Target::Primitive(primitive, call) if primitive.label == Some("recorded") => Some((primitive.id, call)),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    let waiting = recorded();
    let id = waiting[0].0;
    assert_eq!(waiting, [(id, "get_or_init"), (id, "wait")]);
    let holders = || holds().iter().filter(|hold| hold.primitive == id).count();
    assert_eq!(holders(), 1);
    CELL.set(1).unwrap();
    drop((second, third));
    assert_eq!((holders(), recorded()), (1, vec![]));
    drop(first);
    assert_eq!(holders(), 0);
}
