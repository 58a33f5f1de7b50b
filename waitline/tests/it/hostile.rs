//! What safe code can do wrong with the wait queue: each case ends in a panic without harm, in the documented abort, or in
//! nothing at all. AddressSanitizer runs over these.

use crate::toy::{DESK, Office, Post, Store, receive};
use std::{
    cell::Cell,
    mem,
    pin::Pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};
use waitline::{
    Handle, List, Locked, OneList, Protocol, SideList, WaitQueue, Waiter,
    testing::{CountingWaker, WakerCall, hooked_waker, panic_message, poll_once, poll_with},
};

/// Runs `attack` in a child process, which must abort with `message`: some lies leave nothing else to do.
fn aborts(test: &str, message: &str, attack: impl FnOnce()) {
    const CHILD: &str = "WAITLINE_TEST_ATTACK";
    if std::env::var_os(CHILD).is_some() {
        attack();
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!child.status.success(), "{test} got through");
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(errors.contains(message), "{test} ended otherwise: {errors}");
}

/// Polls, to wait at the desk. Whether it waits.
fn enter<H: Handle<Protocol = Post>>(waiter: Pin<&mut Waiter<H>>, waker: &Waker) -> bool {
    waiter.poll_wait(&mut Context::from_waker(waker), |entry| entry.wait_in::<DESK>()).is_pending()
}

/// A handle that leads to one queue at first and to another later, or panics.
struct Fickle {
    queues: [WaitQueue<Post>; 2],
    later: AtomicBool,
    panics: AtomicBool,
}

impl Fickle {
    fn new() -> &'static Self {
        let queues = [0, 1].map(|_| WaitQueue::new((), Store::default()));
        Box::leak(Box::new(Fickle { queues, later: false.into(), panics: false.into() }))
    }

    fn queued(&'static self) -> Pin<Box<Waiter<&'static Self>>> {
        let mut waiter = Box::pin(Waiter::new(self, 0));
        assert!(enter(waiter.as_mut(), Waker::noop()));
        waiter
    }
}

impl Handle for &'static Fickle {
    type Protocol = Post;
    fn queue(&self) -> &WaitQueue<Post> {
        assert!(!self.panics.load(Ordering::Relaxed), "the handle panics");
        &self.queues[usize::from(self.later.load(Ordering::Relaxed))]
    }
    fn cancel_granted(&self, _: &mut usize) {}
}

#[test]
fn a_handle_that_changes_its_mind_aborts_instead_of_freeing_a_linked_waiter() {
    aborts(
        "hostile::a_handle_that_changes_its_mind_aborts_instead_of_freeing_a_linked_waiter",
        "leads to another queue than before",
        || {
            let handle = Fickle::new();
            let waiter = handle.queued();
            handle.later.store(true, Ordering::Relaxed);
            drop(waiter);
        },
    );
}

#[test]
fn a_handle_that_panics_at_the_end_aborts_instead_of_freeing_a_linked_waiter() {
    aborts(
        "hostile::a_handle_that_panics_at_the_end_aborts_instead_of_freeing_a_linked_waiter",
        "the handle panics",
        || {
            let handle = Fickle::new();
            let waiter = handle.queued();
            handle.panics.store(true, Ordering::Relaxed);
            drop(waiter);
        },
    );
}

#[test]
fn a_handle_that_panics_at_the_entry_leaves_the_waiter_out() {
    let (handle, waker) = (Fickle::new(), CountingWaker::new());
    let mut waiter = Box::pin(Waiter::new(handle, 0));
    handle.panics.store(true, Ordering::Relaxed);
    assert!(panic_message(|| enter(waiter.as_mut(), &waker.waker())).is_some());
    assert_eq!((format!("{waiter:?}").as_str(), waker.held()), ("Waiter(new)", 0));
}

/// A queue with its own side list in its word: both may begin at one address.
struct SideFirst(WaitQueue<WithSide>);

struct WithSide;

impl Protocol for WithSide {
    type Word = SideList<WithSide>;
    type State = ();
    type Data = ();
    type Lists = [List<()>; 1];
}

#[derive(Clone, Copy)]
struct BySide(&'static SideFirst);

impl Handle for BySide {
    type Protocol = WithSide;
    fn queue(&self) -> &WaitQueue<WithSide> {
        &self.0.0
    }
    fn side_list(&self) -> Option<&SideList<WithSide>> {
        Some(&self.0.0.word)
    }
    fn cancel_granted(&self, (): &mut ()) {}
}

#[test]
fn a_side_list_inside_its_queue_is_not_taken_for_the_queue() {
    let queue: &SideFirst = Box::leak(Box::new(SideFirst(WaitQueue::new(SideList::new(), ()))));
    let by = BySide(queue);
    let enter = |aside: bool| {
        let mut waiter = Box::pin(Waiter::new(by, ()));
        let wait = waiter.as_mut().poll_wait(&mut Context::from_waker(Waker::noop()), |entry| {
            if aside { entry.wait_in_side_list(drop).unwrap() } else { entry.wait_in::<0>() }
        });
        assert!(wait.is_pending());
        waiter
    };
    // Each is the head of its list, where a cut from the wrong one would leave the head behind.
    let (aside, inside) = (enter(true), enter(false));
    assert_eq!((queue.0.word.len(), queue.0.lock().len()), (1, 1));
    drop(aside);
    assert_eq!((queue.0.word.len(), queue.0.lock().len()), (0, 1));
    drop(inside);
    assert_eq!((queue.0.word.len(), queue.0.lock().len()), (0, 0));
    let (first, second) = (enter(true), enter(true));
    assert_eq!(queue.0.word.transfer::<0>(&mut queue.0.lock(), 1), Ok(1));
    drop(first);
    drop(second);
    assert!(queue.0.word.is_empty() && queue.0.lock().is_empty());
}

#[test]
fn a_decision_that_panics_leaves_the_waiter_as_it_was() {
    let handle = Fickle::new();
    let counter = CountingWaker::new();
    let mut waiter = Box::pin(Waiter::new(handle, 0));
    let waker = counter.waker();
    let mut cx = Context::from_waker(&waker);
    for kind in 0..3 {
        let message = panic_message(|| {
            waiter.as_mut().poll_wait(&mut cx, |mut entry| {
                *entry.data() += 1;
                match kind {
                    0 => panic!("undecided"),
                    // A handle without a side list.
                    1 => entry.wait_in_side_list(drop).unwrap(),
                    _ => {
                        drop(entry);
                        panic!("dropped");
                    }
                }
            })
        });
        assert!(message.is_some());
        assert!(handle.queues.iter().all(|queue| queue.try_lock().is_some_and(|queue| queue.is_empty())));
        assert_eq!((format!("{waiter:?}").as_str(), counter.held()), ("Waiter(new)", 1));
    }
    // After the decision it stands.
    assert!(
        panic_message(|| {
            waiter.as_mut().poll_wait(&mut cx, |entry| {
                _ = entry.wait_in::<DESK>();
                panic!("too late")
            })
        })
        .is_some()
    );
    assert_eq!((handle.queues[0].lock().len(), counter.held()), (1, 2));
    drop(waiter);
    let mut waiter = Box::pin(Waiter::new(handle, 7));
    assert!(
        panic_message(|| {
            waiter.as_mut().poll_wait(&mut cx, |entry| {
                entry.ready_then(|queue| {
                    drop(queue);
                    panic!("too late")
                })
            })
        })
        .is_some()
    );
    assert_eq!((format!("{waiter:?}").as_str(), counter.held()), ("Waiter(granted)", 1));
    assert!(matches!(waiter.as_mut().poll_wait(&mut cx, |_| unreachable!()), Poll::Ready((_, 7))));
}

#[test]
fn splicing_a_list_into_itself_changes_nothing() {
    let office = Arc::new(Office::default());
    let mut waits = [0, 1].map(|_| Box::pin(receive(&office)));
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
    office.queue.lock().splice::<DESK, DESK>();
    (1..3).for_each(|gift| office.give(gift));
    for (i, wait) in waits.iter_mut().enumerate() {
        assert_eq!(poll_once(wait.as_mut()), Poll::Ready(i + 1));
    }
}

#[test]
fn a_queue_may_be_moved_and_freed_with_leaked_waiters_in_it() {
    struct ByRef<'a>(&'a WaitQueue<Post>);
    impl Handle for ByRef<'_> {
        type Protocol = Post;
        fn queue(&self) -> &WaitQueue<Post> {
            self.0
        }
        fn cancel_granted(&self, _: &mut usize) {}
    }
    let counter = CountingWaker::new();
    let queue = WaitQueue::<Post>::new((), Store::default());
    for _ in 0..3 {
        let mut waiter = Box::pin(Waiter::new(ByRef(&queue), 0));
        assert!(enter(waiter.as_mut(), &counter.waker()));
        mem::forget(waiter);
    }
    let moved = Box::new(queue);
    let mut locked = moved.lock();
    let waker = locked.front::<DESK>().map(|first| first.grant());
    locked.unlock_and_wake(waker);
    assert_eq!((counter.count(), moved.lock().len()), (1, 2));
    drop(moved);
}

#[test]
fn an_exchanged_data_is_only_another_value() {
    let office = Arc::new(Office::default());
    let mut waits = [0, 1].map(|_| Box::pin(receive(&office)));
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
    let mut mine = 9;
    mem::swap(office.queue.lock().front::<DESK>().unwrap().data(), &mut mine);
    let mut locked = office.queue.lock();
    let waker = locked.front::<DESK>().map(|first| first.grant());
    locked.unlock_and_wake(waker);
    assert_eq!((poll_once(waits[0].as_mut()), mine), (Poll::Ready(9), 0));
}

#[test]
fn a_waker_whose_drop_panics_costs_nobody_anything() {
    let office = Arc::new(Office::default());
    let angry = || hooked_waker(|call| assert_ne!(call, WakerCall::Drop, "a waker that panics when it is dropped"));
    let mut first = Box::pin(receive(&office));
    let mut second = Box::pin(receive(&office));
    let waker = angry();
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    mem::forget(waker);
    assert!(poll_once(second.as_mut()).is_pending());
    // Replaced: the new one stands.
    assert!(panic_message(|| _ = poll_once(first.as_mut())).is_some());
    office.give(1);
    assert_eq!(poll_once(first.as_mut()), Poll::Ready(1));
    // Dropped with its waiter, also in the middle of another panic.
    for panicking in [false, true] {
        let mut third = Box::pin(receive(&office));
        let waker = angry();
        assert!(poll_with(third.as_mut(), &waker).is_pending());
        mem::forget(waker);
        let message = panic_message(|| {
            let _third = third;
            assert!(!panicking, "the first panic");
        });
        assert_eq!(message.unwrap().contains("the first panic"), panicking);
        assert_eq!(office.waiters(), 1);
    }
    office.give(2);
    assert_eq!(poll_once(second.as_mut()), Poll::Ready(2));
}

#[test]
fn a_handle_may_use_its_queue_whenever_it_is_asked() {
    thread_local!(static ASKED: Cell<usize> = const { Cell::new(0) });
    struct Nosy(Arc<Office>, Arc<AtomicUsize>);
    impl Handle for Nosy {
        type Protocol = Post;
        fn queue(&self) -> &WaitQueue<Post> {
            ASKED.set(ASKED.get() + 1);
            self.1.fetch_max(self.0.waiters(), Ordering::Relaxed);
            &self.0.queue
        }
        fn cancel_queued(&self, queue: Locked<'_, Post>, _: &mut usize) {
            drop(queue);
            self.0.give(4);
        }
        fn cancel_granted(&self, gift: &mut usize) {
            self.0.give(*gift);
        }
    }
    let office = Arc::new(Office::default());
    let seen = Arc::new(AtomicUsize::new(0));
    let mut waiter = Box::pin(Waiter::new(Nosy(office.clone(), seen.clone()), 0));
    assert!(enter(waiter.as_mut(), Waker::noop()));
    let (a, b) = (CountingWaker::new(), CountingWaker::new());
    for counter in [&a, &b] {
        assert!(enter(waiter.as_mut(), &counter.waker()));
    }
    assert_eq!((a.held(), b.held()), (0, 1));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    drop(waiter);
    assert!(ASKED.get() >= 4);
    let mut next = Box::pin(receive(&office));
    assert_eq!(poll_once(next.as_mut()), Poll::Ready(4));
}

#[test]
fn a_handle_is_dropped_though_the_drop_of_the_data_panics() {
    /// Panics when it is dropped.
    struct Angry;
    impl Drop for Angry {
        fn drop(&mut self) {
            panic!("an angry drop");
        }
    }
    struct Counted(Arc<WaitQueue<OneList<(), Angry>>>);
    impl Handle for Counted {
        type Protocol = OneList<(), Angry>;
        fn queue(&self) -> &WaitQueue<Self::Protocol> {
            &self.0
        }
        fn cancel_granted(&self, _: &mut Angry) {}
    }
    let queue = Arc::new(WaitQueue::new((), ()));
    for polls in 0..2 {
        let mut waiter = Box::pin(Waiter::new(Counted(queue.clone()), Angry));
        for _ in 0..polls {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(waiter.as_mut().poll_wait(&mut cx, |entry| entry.wait_in::<0>()).is_pending());
        }
        assert_eq!(panic_message(|| drop(waiter)).as_deref(), Some("an angry drop"));
        assert_eq!((Arc::strong_count(&queue), queue.lock().len()), (1, 0));
    }
}

#[test]
fn a_round_that_panics_wakes_the_waiters_that_it_has_granted() {
    let office = Arc::new(Office::default());
    let counters: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
    let mut waits: Vec<_> = counters
        .iter()
        .map(|counter| {
            let mut wait = Box::pin(receive(&office));
            assert!(counter.poll(wait.as_mut()).is_pending());
            wait
        })
        .collect();
    // In the first round, and in the second.
    for (granted, rounds) in [(1, 1), (3, 2)] {
        let mut round = 0;
        let message = panic_message(|| {
            office.queue.lock().wake_in_rounds::<1>(|mut queue, wakers| {
                round += 1;
                wakers.push(queue.front::<DESK>().expect("a waiter is left").grant());
                assert!(round < rounds, "a round that panics");
                true
            });
        });
        assert_eq!(message.as_deref(), Some("a round that panics"));
        assert_eq!(counters.iter().map(CountingWaker::count).sum::<usize>(), granted);
        assert_eq!(office.waiters(), 3 - granted);
    }
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
}
