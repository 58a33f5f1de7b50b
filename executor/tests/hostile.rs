//! Tasks, handles and wakers that misbehave, one by one and all at once across threads. Meant to be run under AddressSanitizer, too.
#![cfg(not(loom))]

use std::{
    cell::Cell,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::Waker,
    thread,
    time::Duration,
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, poll_once, poll_with};
use waitline_executor::{
    CancelToken, Executor, JoinHandle, ReturnWhen, TaskGroup, gather, run, run_blocking, sleep, spawn, spawn_local,
    spawn_with_cleanup, wait, yield_now,
};

/// Panics without a report by the panic hook, of which there would be thousands.
fn panic_quietly(message: &'static str) -> ! {
    resume_unwind(Box::new(message))
}

/// A waker that panics at calls of this kind.
fn angry_waker(at: WakerCall) -> Waker {
    hooked_waker(move |call| {
        if call == at {
            panic_quietly("an angry waker");
        }
    })
}

/// A waker that panics when it is woken or dropped.
fn furious_waker() -> Waker {
    hooked_waker(|call| {
        if call != WakerCall::Clone {
            panic_quietly("a furious waker");
        }
    })
}

/// What the panic of `f` says.
fn message_of<R>(f: impl FnOnce() -> R) -> Option<&'static str> {
    catch_unwind(AssertUnwindSafe(f)).err().map(|panic| *panic.downcast::<&str>().unwrap())
}

/// Calls its closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

async fn settle() {
    for _ in 0..5 {
        yield_now().await;
    }
}

#[test]
fn a_waker_that_panics_when_its_task_is_done_costs_nothing() {
    run(async {
        for waker in [angry_waker(WakerCall::Wake), furious_waker()] {
            let mut task = spawn(async { 1 });
            assert!(poll_with(Pin::new(&mut task), &waker).is_pending());
            std::mem::forget(waker);
            settle().await;
            assert!(task.is_finished());
            assert_eq!(task.await.unwrap(), 1);
        }
    });
}

#[test]
fn a_waker_that_panics_when_it_is_replaced_costs_nothing() {
    run(async {
        let (waker, counter) = (furious_waker(), CountingWaker::new());
        let mut task = spawn(async { 1 });
        for _ in 0..3 {
            assert!(poll_with(Pin::new(&mut task), &waker).is_pending());
            assert!(counter.poll(Pin::new(&mut task)).is_pending());
        }
        std::mem::forget(waker);
        settle().await;
        assert_eq!(counter.count(), 1);
        assert_eq!(task.await.unwrap(), 1);
        assert_eq!(counter.held(), 0);
    });
}

#[test]
fn a_waker_that_panics_when_it_is_cloned_panics_in_the_poll() {
    run(async {
        let waker = angry_waker(WakerCall::Clone);
        let mut task = spawn(async { 1 });
        for _ in 0..3 {
            assert_eq!(message_of(|| poll_with(Pin::new(&mut task), &waker)), Some("an angry waker"));
        }
        assert_eq!((&mut task).await.unwrap(), 1);
        let mut finished = spawn(async { 2 });
        settle().await;
        assert!(poll_with(Pin::new(&mut finished), &waker).is_ready(), "it is not needed");
    });
}

#[test]
fn a_detached_or_cancelled_task_drops_a_furious_waker() {
    let executor = Executor::builder().threads(1).build();
    for cancels in [true, false] {
        let waker = furious_waker();
        let mut task = executor.spawn(pending::<()>());
        assert!(poll_with(Pin::new(&mut task), &waker).is_pending());
        std::mem::forget(waker);
        if cancels {
            task.cancel();
        }
        drop(task);
    }
    drop(executor);
}

#[test]
fn groups_of_handles_may_have_a_furious_parent() {
    run(async {
        let waker = furious_waker();
        let tasks = || [spawn(async { 1 }), spawn(async { 2 })];
        let mut both = gather(tasks());
        assert!(poll_with(pin!(&mut both), &waker).is_pending());
        let mut group = TaskGroup::new();
        group.spawn(async { 3 });
        assert!(poll_with(pin!(group.join_next()), &waker).is_pending());
        let mut waiting = wait(tasks(), ReturnWhen::AllCompleted);
        assert!(poll_with(pin!(&mut waiting), &waker).is_pending());
        std::mem::forget(waker);
        settle().await;
        assert_eq!(both.await.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(group.join_all().await.unwrap(), [3]);
        assert_eq!(waiting.await.0.len(), 2);
    });
}

#[test]
fn a_token_cancelled_in_a_panic_wakes_all_and_lets_that_panic_go_on() {
    for waiters in 1..=3 {
        for angry in 0..waiters {
            let parent = CancelToken::new();
            let (token, other) = (parent.child(), parent.child());
            let counter = CountingWaker::new();
            let mut waits: Vec<_> = (0..waiters).map(|_| Box::pin(token.cancelled())).collect();
            for (n, wait) in waits.iter_mut().enumerate() {
                let waker = if n == angry { angry_waker(WakerCall::Wake) } else { counter.waker() };
                assert!(poll_with(wait.as_mut(), &waker).is_pending());
            }
            let message = message_of(|| {
                let _cancels = OnDrop(|| assert!(parent.cancel()));
                panic_quietly("the first panic");
            });
            assert_eq!(message, Some("the first panic"));
            assert_eq!(counter.count(), waiters - 1);
            assert!(token.is_cancelled() && other.is_cancelled());
        }
    }
}

#[test]
fn a_token_cancelled_outside_of_a_panic_tells_of_the_first_one() {
    let parent = CancelToken::new();
    let (one, two) = (parent.child(), parent.child());
    let (mut first, mut second) = (Box::pin(one.cancelled()), Box::pin(two.cancelled()));
    assert!(poll_with(first.as_mut(), &angry_waker(WakerCall::Wake)).is_pending());
    assert!(poll_with(second.as_mut(), &angry_waker(WakerCall::Wake)).is_pending());
    assert_eq!(message_of(|| parent.cancel()), Some("an angry waker"));
    assert!(one.is_cancelled() && two.is_cancelled());
}

#[test]
fn a_sleep_dropped_in_a_panic_may_hold_a_furious_waker() {
    run(async {
        for _ in 0..2 {
            let waker = furious_waker();
            let message = message_of(|| {
                let mut nap = Box::pin(sleep(Duration::from_secs(3600)));
                assert!(poll_with(nap.as_mut(), &waker).is_pending());
                panic_quietly("the first panic");
            });
            assert_eq!(message, Some("the first panic"));
            std::mem::forget(waker);
        }
        // The loop and its timers go on.
        sleep(Duration::from_millis(1)).await;
    });
}

#[test]
fn handles_and_groups_dropped_in_a_panic_cancel_their_tasks() {
    run(async {
        let drops = Rc::new(Cell::new(0));
        let angry = || {
            let drops = drops.clone();
            let guard = OnDrop(move || {
                drops.set(drops.get() + 1);
                panic_quietly("an angry task");
            });
            async move {
                let _guard = guard;
                pending::<()>().await
            }
        };
        let message = message_of(|| {
            let mut group = TaskGroup::new();
            (0..3).for_each(|_| _ = group.spawn_local(angry()));
            let _handle = spawn_local(angry()).cancel_on_drop();
            panic_quietly("the first panic");
        });
        assert_eq!(message, Some("the first panic"));
        settle().await;
        assert_eq!(drops.get(), 4);
    });
}

/// Counts the drops of tasks; each is on the thread that made it, and panics every now and then.
struct Angry {
    home: thread::ThreadId,
    drops: Arc<AtomicUsize>,
    /// So that the task is not `Send`.
    _rc: Rc<()>,
    panics: bool,
}

impl Drop for Angry {
    fn drop(&mut self) {
        // A task that is dropped elsewhere counts too often: nobody would see a panic here.
        let is_home = thread::current().id() == self.home;
        self.drops.fetch_add(if is_home { 1 } else { TASKS }, Ordering::SeqCst);
        if self.panics {
            panic_quietly("an angry destructor");
        }
    }
}

/// Does to a handle, on any thread, what the number says.
fn mistreat(mut task: JoinHandle<Box<usize>>, choice: usize) {
    match choice % 8 {
        0 => drop(task),
        1 => drop(task.cancel_on_drop()),
        2 => _ = task.cancel(),
        3 => _ = poll_once(Pin::new(&mut task)),
        4 => {
            let (angry, counter) = (angry_waker(WakerCall::Wake), CountingWaker::new());
            if poll_with(Pin::new(&mut task), &angry).is_pending() {
                _ = counter.poll(Pin::new(&mut task));
            }
        }
        5 => {
            let waker = furious_waker();
            _ = poll_with(Pin::new(&mut task), &waker);
            std::mem::forget(waker);
            task.cancel();
        }
        6 => {
            task.cancel();
            _ = futures_lite::future::block_on(task);
        }
        _ => _ = futures_lite::future::block_on(task),
    }
}

const ROUNDS: usize = 60;
const TASKS: usize = 24;

/// A handle, and what to do with it.
type Victim = (JoinHandle<Box<usize>>, usize);

/// Threads that take handles from a channel, and mistreat them until there are no more.
fn thugs(count: usize) -> (Vec<mpsc::Sender<Victim>>, Vec<thread::JoinHandle<()>>) {
    (0..count)
        .map(|_| {
            let (send, receive) = mpsc::channel();
            (send, thread::spawn(move || receive.iter().for_each(|(task, choice)| mistreat(task, choice))))
        })
        .unzip()
}

#[test]
fn handles_of_local_tasks_are_mistreated_on_other_threads() {
    for round in 0..ROUNDS {
        let drops = Arc::new(AtomicUsize::new(0));
        let (senders, threads) = thugs(2);
        run(async {
            let mut random = fastrand::Rng::with_seed(round as u64);
            for n in 0..TASKS {
                let (drops, panics) = (drops.clone(), n % 3 == 0);
                let angry = Angry { home: thread::current().id(), drops, _rc: Rc::new(()), panics };
                let turns = random.usize(..4);
                let task = spawn_local(async move {
                    let _angry = angry;
                    for _ in 0..turns {
                        yield_now().await;
                    }
                    if turns == 3 {
                        pending::<()>().await;
                    }
                    Box::new(turns)
                });
                senders[n % 2].send((task, random.usize(..8))).unwrap();
                if random.bool() {
                    yield_now().await;
                }
            }
            // The end of the loop is in the middle of what the others do.
            for _ in 0..random.usize(..40) {
                yield_now().await;
            }
        });
        assert_eq!(drops.load(Ordering::SeqCst), TASKS, "in round {round}");
        drop(senders);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn handles_of_an_executor_are_mistreated_on_other_threads() {
    struct Furious(Arc<AtomicUsize>);

    impl Drop for Furious {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic_quietly("a furious destructor");
        }
    }

    for round in 0..ROUNDS {
        let (drops, spawned) = (Arc::new(AtomicUsize::new(0)), TASKS);
        let executor = Executor::builder().threads(2).build();
        let (senders, threads) = thugs(2);
        let mut random = fastrand::Rng::with_seed(round as u64);
        for n in 0..spawned {
            let (furious, turns) = (Furious(drops.clone()), random.usize(..5));
            let body = async move {
                let _furious = furious;
                for _ in 0..turns {
                    yield_now().await;
                }
                match turns {
                    3 => pending().await,
                    4 => sleep(Duration::from_micros(50)).await,
                    _ => {}
                }
                Box::new(turns)
            };
            let [task] = match n % 3 {
                0 => [executor.spawn(body)],
                1 => executor.run(async { [spawn_with_cleanup(body, yield_now())] }),
                _ => [run_blocking(move || {
                    drop(body);
                    Box::new(0)
                })],
            };
            senders[n % 2].send((task, random.usize(..8))).unwrap();
        }
        drop(senders);
        // In the middle of what the others do, some of whom await tasks that would never end.
        drop(executor);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // Jobs on the shared pool are not waited for by anybody.
        while drops.load(Ordering::SeqCst) < spawned {
            thread::yield_now();
        }
    }
}

#[test]
fn wakers_of_tasks_are_used_everywhere_until_long_after_their_end() {
    for round in 0..ROUNDS {
        let (senders, threads): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (send, receive) = mpsc::channel::<Waker>();
                let thread = thread::spawn(move || {
                    let mut kept = Vec::new();
                    for (n, waker) in receive.iter().enumerate() {
                        waker.wake_by_ref();
                        match n % 3 {
                            0 => drop(waker),
                            1 => waker.wake(),
                            _ => kept.push(waker.clone()),
                        }
                    }
                    // The loop has ended.
                    kept.into_iter().for_each(Waker::wake);
                });
                (send, thread)
            })
            .unzip();
        let mut random = fastrand::Rng::with_seed(round as u64);
        run(async {
            for _ in 0..TASKS {
                let senders = senders.clone();
                let (mut left, rc) = (random.usize(..6), Rc::new(()));
                drop(spawn_local(std::future::poll_fn(move |cx| {
                    _ = rc.clone();
                    senders.iter().for_each(|send| send.send(cx.waker().clone()).unwrap());
                    left = left.saturating_sub(1);
                    if left == 0 && Rc::strong_count(&rc) == 1 {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })));
                yield_now().await;
            }
        });
        drop(senders);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// The handle of a future that is not `Send` may be sent if its output may.
#[allow(dead_code)]
fn handles_travel(task: JoinHandle<Box<usize>>) -> impl Future + Send {
    task
}
