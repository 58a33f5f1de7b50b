//! What safe code can do wrong with the wait queue: each case ends in a panic without harm, in the documented abort, or in
//! nothing at all. AddressSanitizer runs over these.

use crate::toy::{DESK, Office, Post, Store, Visit, receive, receive_by_way_of_the_hall};
use std::{
    cell::Cell,
    mem,
    pin::Pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};
use waitline::{
    Handle, List, Locked, Protocol, SideList, WaitQueue, Waiter,
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
        waiter.as_mut().entry(Waker::noop()).wait_in(DESK);
        waiter
    }
}

impl Handle for &'static Fickle {
    type Protocol = Post;
    fn queue(&self) -> &WaitQueue<Post> {
        assert!(!self.panics.load(Ordering::Relaxed), "the handle panics");
        &self.queues[usize::from(self.later.load(Ordering::Relaxed))]
    }
    fn cancel_queued(&self, _: Locked<'_, Post>, _: &mut usize) {}
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
    assert!(panic_message(|| drop(waiter.as_mut().entry(&waker.waker()))).is_some());
    assert!(!waiter.has_begun());
    assert_eq!(waker.held(), 0);
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
    fn cancel_queued(&self, _: Locked<'_, WithSide>, (): &mut ()) {}
    fn cancel_granted(&self, (): &mut ()) {}
}

#[test]
fn a_side_list_inside_its_queue_is_not_taken_for_the_queue() {
    let queue: &SideFirst = Box::leak(Box::new(SideFirst(WaitQueue::new(SideList::new(), ()))));
    let by = BySide(queue);
    let enter = |aside: bool| {
        let mut waiter = Box::pin(Waiter::new(by, ()));
        let mut entry = waiter.as_mut().entry(Waker::noop());
        if aside {
            entry.wait_in_side_list().unwrap()
        } else {
            entry.wait_in(0)
        }
        drop(entry);
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
    assert_eq!(queue.0.word.transfer(&mut queue.0.lock(), 1, 0), Ok(1));
    drop(first);
    drop(second);
    assert!(queue.0.word.is_empty() && queue.0.lock().is_empty());
}

#[test]
fn an_entry_whose_queue_was_exchanged_enters_no_list() {
    let handle = Fickle::new();
    for aside in [false, true] {
        let waker = CountingWaker::new();
        let mut waiter = Box::pin(Waiter::new(handle, 0));
        // The other queue lives as long as the program here; it need not.
        let mut other = handle.queues[1].lock();
        let message = panic_message(|| {
            let mut entry = waiter.as_mut().entry(&waker.waker());
            mem::swap(&mut *entry, &mut other);
            if aside { _ = entry.wait_in_side_list() } else { entry.wait_in(DESK) }
        });
        assert!(message.unwrap().contains("exchanged for another one"));
        drop(other);
        assert_eq!(waker.held(), 0);
        assert!(handle.queues.iter().all(|queue| queue.lock().is_empty()));
        assert!(!waiter.has_begun());
    }
}

#[test]
fn a_wrong_list_number_panics_and_leaves_the_waiter_out() {
    let office = Arc::new(Office::default());
    let visit = Visit { office: office.clone(), by_way_of_the_hall: false };
    let mut waiter = Box::pin(Waiter::new(visit, 0));
    let waker = CountingWaker::new();
    assert!(panic_message(|| waiter.as_mut().entry(&waker.waker()).wait_in(2)).is_some());
    assert_eq!(waker.held(), 0);
    assert_eq!(*waiter.as_mut().data(), 0, "the waiter is idle");
    drop(waiter);
    assert_eq!(office.waiters(), 0);
}

#[test]
fn a_wrong_list_number_moves_and_grants_nobody() {
    let office = Arc::new(Office::default());
    let mut desk = Box::pin(receive(&office));
    let mut hall = Box::pin(receive_by_way_of_the_hall(&office));
    assert!(poll_once(desk.as_mut()).is_pending());
    assert!(poll_once(hall.as_mut()).is_pending());
    for (from, to) in [(DESK, 2), (2, DESK), (DESK, usize::MAX)] {
        assert!(panic_message(|| office.queue.lock().splice(from, to)).is_some());
        assert_eq!((office.waiters(), office.hall.len()), (1, 1), "{from} to {to}");
    }
    for n in [0, 1, usize::MAX] {
        assert!(panic_message(|| office.hall.transfer(&mut office.queue.lock(), n, 2)).is_some());
        assert_eq!((office.waiters(), office.hall.len()), (1, 1), "{n} waiters");
    }
    assert!(panic_message(|| office.queue.lock().front(2).is_some()).is_some());
    office.queue.lock().splice(DESK, DESK);
    office.give(1);
    assert_eq!(poll_once(desk.as_mut()), Poll::Ready(1));
    assert_eq!(office.call(1), 1);
    office.give(2);
    assert_eq!(poll_once(hall.as_mut()), Poll::Ready(2));
}

#[test]
fn entering_twice_panics_and_the_first_entry_stands() {
    let office = Arc::new(Office::default());
    let visit = Visit { office: office.clone(), by_way_of_the_hall: false };
    let mut waiter = Box::pin(Waiter::new(visit, 0));
    assert!(
        panic_message(|| {
            let mut entry = waiter.as_mut().entry(Waker::noop());
            entry.wait_in(DESK);
            entry.wait_in(DESK);
        })
        .unwrap()
        .contains("in a list already")
    );
    assert_eq!(office.waiters(), 1);
    assert!(panic_message(|| waiter.as_mut().entry(Waker::noop()).wait_in(DESK)).is_some());
    drop(waiter);
    assert_eq!(office.waiters(), 0);
}

#[test]
fn a_queue_may_be_moved_and_freed_with_leaked_waiters_in_it() {
    struct ByRef<'a>(&'a WaitQueue<Post>);
    impl Handle for ByRef<'_> {
        type Protocol = Post;
        fn queue(&self) -> &WaitQueue<Post> {
            self.0
        }
        fn cancel_queued(&self, _: Locked<'_, Post>, _: &mut usize) {}
        fn cancel_granted(&self, _: &mut usize) {}
    }
    let counter = CountingWaker::new();
    let queue = WaitQueue::<Post>::new((), Store::default());
    for _ in 0..3 {
        let mut waiter = Box::pin(Waiter::new(ByRef(&queue), 0));
        waiter.as_mut().entry(&counter.waker()).wait_in(DESK);
        mem::forget(waiter);
    }
    let moved = Box::new(queue);
    let mut locked = moved.lock();
    let waker = locked.front(DESK).map(|first| first.grant());
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
    mem::swap(office.queue.lock().front(DESK).unwrap().data(), &mut mine);
    let mut locked = office.queue.lock();
    let waker = locked.front(DESK).map(|first| first.grant());
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
    struct Nosy(Arc<Office>, AtomicUsize);
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
    let mut waiter = Box::pin(Waiter::new(Nosy(office.clone(), AtomicUsize::new(0)), 0));
    waiter.as_mut().entry(Waker::noop()).wait_in(DESK);
    let (a, b) = (CountingWaker::new(), CountingWaker::new());
    for counter in [&a, &b] {
        let waker = counter.waker();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(waiter.as_mut().poll_grant(&mut cx).is_pending());
    }
    assert_eq!((a.held(), b.held()), (0, 1));
    assert_eq!(waiter.handle().1.load(Ordering::Relaxed), 1);
    drop(waiter);
    assert!(ASKED.get() >= 4);
    let mut next = Box::pin(receive(&office));
    assert_eq!(poll_once(next.as_mut()), Poll::Ready(4));
}
