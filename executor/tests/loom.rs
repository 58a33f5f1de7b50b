//! Models of what the executor's threads share: the parker, the injector, the stealing queue, and who sleeps and is woken.
//! `cargo loom` runs them.
//!
//! The sources under test are compiled in here once more, because they are no part of the public interface.
#![allow(dead_code, unreachable_pub)]

/// `cargo loom` sets `EXPECT_LOOM`. Without `--cfg loom` in effect it would run no model at all, and be green.
#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "`--cfg loom` got lost: is RUSTFLAGS exported?");
}

#[cfg(all(loom, feature = "loom"))]
#[path = "../src/run/injector.rs"]
mod injector;
#[cfg(all(loom, feature = "loom"))]
#[path = "../src/key_map.rs"]
mod key_map;
#[cfg(all(loom, feature = "loom"))]
#[path = "../src/run/parker.rs"]
mod parker;
#[cfg(all(loom, feature = "loom"))]
#[path = "../src/run/sleepers.rs"]
mod sleepers;
#[cfg(all(loom, feature = "loom"))]
#[path = "../src/run/steal.rs"]
mod steal;

#[cfg(all(loom, feature = "loom"))]
mod models {
    use crate::{injector::Injector, parker::Parker, sleepers::Sleepers, steal::StealQueue};
    use std::{
        cell::Cell,
        collections::VecDeque,
        io::Write,
        time::{Duration, Instant},
    };
    use waitline::{
        sync::{
            Arc, Mutex, UnsafeCell,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
        testing::{model, spawn},
    };

    /// [`model`] at preemption bound 2 at most, for three threads around an event-listener: at bound 3 these take many minutes.
    /// Two of the three at bound 3 are in the models beside them.
    fn model_of_three(name: &str, body: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        let bound = builder.preemption_bound.map_or(2, |bound| bound.min(2));
        builder.preemption_bound = Some(bound);
        let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = runs.clone();
        builder.check(move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            body();
        });
        let runs = runs.load(std::sync::atomic::Ordering::Relaxed);
        // Past the test harness, as `model` does: CI adds these lines up.
        _ = writeln!(std::io::stderr(), "loom model: {name}: {runs} interleavings at bound {bound}");
    }

    /// An item whose content loom checks for races: it is written before it is pushed, and read after it is taken.
    struct Item(UnsafeCell<usize>);

    // SAFETY: only one thread has the item at a time, which is what the models check.
    unsafe impl Send for Item {}

    impl Item {
        fn new(value: usize) -> Self {
            let item = Self(UnsafeCell::new(0));
            // SAFETY: nobody else has it.
            item.0.with_mut(|place| unsafe { *place = value });
            item
        }

        fn read(self) -> usize {
            // SAFETY: whoever took it has it alone.
            self.0.with_mut(|place| unsafe { *place })
        }
    }

    /// The loop's side: takes in until it has `count` items, and parks in between.
    fn receive(injector: &Injector<Item>, parker: &Parker, count: usize) -> Vec<usize> {
        let mut items = VecDeque::new();
        loop {
            injector.drain_into(&mut items);
            if items.len() == count {
                return items.into_iter().map(Item::read).collect();
            }
            parker.park(None, || !injector.is_empty());
        }
    }

    /// A push and an unpark on one thread, a last look and a park on another: the item always arrives.
    #[test]
    fn a_push_reaches_a_thread_that_parks() {
        model("executor: push against park", || {
            let shared = Arc::new((Injector::new(), Parker::new()));
            let pusher = spawn({
                let shared = shared.clone();
                move || {
                    shared.0.push(Item::new(1));
                    shared.1.unpark();
                }
            });
            assert_eq!(receive(&shared.0, &shared.1, 1), [1]);
            pusher.join().unwrap();
        });
    }

    /// Two threads push to a third that parks: nothing is lost or doubled, and each thread's items keep their order.
    #[test]
    fn two_pushers_reach_a_thread_that_parks() {
        model("executor: two pushers against park", || {
            let shared = Arc::new((Injector::new(), Parker::new()));
            let pushers = [1, 2].map(|value| {
                let shared = shared.clone();
                spawn(move || {
                    shared.0.push(Item::new(value));
                    shared.1.unpark();
                })
            });
            let mut got = receive(&shared.0, &shared.1, 2);
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
            pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        });
    }

    /// Two threads park in one place, and two pushes wake them both: a wake-up that one of them has not answered yet does
    /// not swallow the other's.
    #[test]
    fn two_parked_threads_get_an_item_each() {
        model_of_three("executor: a push each for two parked threads", || {
            let shared = Arc::new((StealQueue::new(), Parker::new()));
            let take = |shared: &(StealQueue<Item>, Parker)| {
                loop {
                    if let Some(item) = shared.0.pop() {
                        // What is left is for the other one.
                        if !shared.0.is_empty() {
                            shared.1.unpark();
                        }
                        return item.read();
                    }
                    shared.1.park(None, || !shared.0.is_empty());
                }
            };
            let other = spawn({
                let shared = shared.clone();
                move || take(&shared)
            });
            let pusher = spawn({
                let shared = shared.clone();
                move || {
                    for value in [1, 2] {
                        shared.0.push(Item::new(value));
                        shared.1.unpark();
                    }
                }
            });
            let got = take(&shared) + other.join().unwrap();
            assert_eq!(got, 3);
            pusher.join().unwrap();
        });
    }

    /// The owner pushes and pops while a thief steals: every item comes out once, and the owner's in their order.
    #[test]
    fn owner_and_thief_share_the_items() {
        model("executor: pop against steal", || {
            let queue = Arc::new(StealQueue::new());
            queue.push(Item::new(1));
            let thief = spawn({
                let queue = queue.clone();
                move || {
                    let mine = StealQueue::new();
                    let first = queue.steal_into(&mine);
                    let rest = std::iter::from_fn(|| mine.pop());
                    first.into_iter().chain(rest).map(Item::read).collect::<Vec<_>>()
                }
            });
            queue.push(Item::new(2));
            queue.push(Item::new(3));
            let mut own: Vec<usize> = queue.pop().into_iter().map(Item::read).collect();
            let stolen = thief.join().unwrap();
            own.extend(std::iter::from_fn(|| queue.pop()).map(Item::read));
            assert!(own.is_sorted() && stolen.is_sorted());
            let mut all = [own, stolen].concat();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3]);
        });
    }

    /// Two thieves that rob each other while they hold items do not deadlock, and lose nothing.
    #[test]
    fn thieves_may_rob_each_other() {
        model("executor: steal against steal", || {
            let queues = Arc::new([StealQueue::new(), StealQueue::new()]);
            // Three each, so that there is something to put into the own queue.
            for (queue, values) in queues.iter().zip([[1, 2, 4], [8, 16, 32]]) {
                values.into_iter().for_each(|value| queue.push(Item::new(value)));
            }
            let rob = |queues: &[StealQueue<Item>; 2], me: usize| {
                queues[1 - me].steal_into(&queues[me]).map_or(0, Item::read)
            };
            let other = spawn({
                let queues = queues.clone();
                move || rob(&queues, 1)
            });
            let mut sum = rob(&queues, 0) + other.join().unwrap();
            for queue in queues.iter() {
                sum += std::iter::from_fn(|| queue.pop()).map(Item::read).sum::<usize>();
            }
            assert_eq!(sum, 63);
        });
    }

    /// Two workers' queues, and who of them sleeps; the parts of `Workers` without its tasks.
    struct Pool {
        queues: [StealQueue<Item>; 2],
        injector: Injector<Item>,
        sleepers: Sleepers,
        left: AtomicUsize,
    }

    impl Pool {
        fn new(items: usize) -> Arc<Self> {
            Arc::new(Self {
                queues: [StealQueue::new(), StealQueue::new()],
                injector: Injector::new(),
                sleepers: Sleepers::new(),
                left: AtomicUsize::new(items),
            })
        }

        fn is_over(&self) -> bool {
            self.left.load(Ordering::Relaxed) == 0
        }

        fn has_work(&self) -> bool {
            !self.injector.is_empty() || self.queues.iter().any(|queue| !queue.is_empty())
        }

        /// As the search in `Worker::next`.
        fn search(&self, me: usize) -> Option<usize> {
            self.sleepers.start_searching();
            let mut injected = VecDeque::new();
            self.injector.drain_into(&mut injected);
            if !injected.is_empty() {
                self.queues[me].append(&mut injected);
            }
            let found = self.queues[me].pop().or_else(|| self.queues[1 - me].steal_into(&self.queues[me]));
            self.sleepers.stop_searching(found.is_some(), || self.has_work(), || false);
            found.map(Item::read)
        }

        /// As `Worker::next`, until all items were taken by somebody.
        fn work(&self, me: usize) -> usize {
            let mut sum = 0;
            while !self.is_over() {
                match self.search(me) {
                    Some(value) => {
                        sum += value;
                        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                            self.sleepers.wake_all();
                        }
                    }
                    None if self.is_over() => break,
                    None => self.sleepers.sleep(|| None, || self.has_work() || self.is_over()),
                }
            }
            sum
        }

        /// As `Worker::next`, for a worker that is busy for ever with the first item that it gets.
        fn take_one(&self, me: usize) -> usize {
            loop {
                if let Some(value) = self.search(me) {
                    return value;
                }
                self.sleepers.sleep(|| None, || self.has_work());
            }
        }
    }

    /// An item injected while two workers search, go to sleep or sleep: one of them takes it, and both end.
    #[test]
    fn an_injected_item_is_taken_by_a_worker() {
        model_of_three("executor: inject against two workers", || {
            let pool = Pool::new(1);
            let other = spawn({
                let pool = pool.clone();
                move || pool.work(1)
            });
            let injecting = spawn({
                let pool = pool.clone();
                move || {
                    pool.injector.push(Item::new(1));
                    pool.sleepers.work_published();
                }
            });
            assert_eq!(pool.work(0) + other.join().unwrap(), 1);
            injecting.join().unwrap();
        });
    }

    /// The same with one worker: whether it searches, goes to sleep or sleeps, it takes the item.
    #[test]
    fn an_injected_item_is_taken_by_a_lone_worker() {
        model("executor: inject against a worker", || {
            let pool = Pool::new(1);
            let injecting = spawn({
                let pool = pool.clone();
                move || {
                    pool.injector.push(Item::new(1));
                    pool.sleepers.work_published();
                }
            });
            assert_eq!(pool.work(0), 1);
            injecting.join().unwrap();
        });
    }

    /// Two items for two workers, each busy for ever with one: whoever finds the first passes the wake on, although nobody
    /// was woken for what came during its search.
    #[test]
    fn each_worker_gets_an_item() {
        model_of_three("executor: two items for two busy workers", || {
            let pool = Pool::new(2);
            let other = spawn({
                let pool = pool.clone();
                move || pool.take_one(1)
            });
            let injecting = spawn({
                let pool = pool.clone();
                move || {
                    pool.injector.push(Item::new(1));
                    pool.injector.push(Item::new(2));
                    pool.sleepers.work_published();
                }
            });
            assert_eq!(pool.take_one(0) + other.join().unwrap(), 3);
            injecting.join().unwrap();
        });
    }

    /// A worker publishes in its own queue and never looks there again, as one that blocks: the other worker takes it.
    #[test]
    fn an_item_of_a_blocked_worker_is_stolen() {
        model("executor: a blocked worker's queue", || {
            let pool = Pool::new(2);
            let other = spawn({
                let pool = pool.clone();
                move || pool.work(1)
            });
            for value in [1, 2] {
                pool.queues[0].push(Item::new(value));
                pool.sleepers.work_published();
            }
            assert_eq!(other.join().unwrap(), 3);
        });
    }

    /// The timers and the run queue of workers, each of which is busy for ever with the first thing that it gets: a timer that
    /// it fires, or an item. For the clock of [`Sleepers`].
    struct Clock {
        sleepers: Sleepers,
        timers: Mutex<usize>,
        /// Whether the time of the timers has come.
        are_due: AtomicBool,
        items: StealQueue<Item>,
        now: Instant,
    }

    impl Clock {
        fn new(timers: usize) -> Arc<Self> {
            let (sleepers, timers, are_due) = (Sleepers::new(), Mutex::new(timers), AtomicBool::new(false));
            Arc::new(Self { sleepers, timers, are_due, items: StealQueue::new(), now: Instant::now() })
        }

        /// Time reaches nobody but the keeper, who waits for it.
        fn time_comes(&self) {
            self.are_due.store(true, Ordering::Relaxed);
            self.sleepers.keeper.unpark();
        }

        fn has_timers(&self) -> bool {
            *self.timers.lock() > 0
        }

        fn are_due(&self) -> bool {
            self.are_due.load(Ordering::Relaxed) && self.has_timers()
        }

        /// As `Worker::next`: fires a timer when its time has come, or takes an item.
        fn take_one(&self) {
            // A keeper does not sleep when its time has come: the second answer then differs from the first.
            let answers = Cell::new(0);
            let next_timer = || {
                answers.set(answers.get() + u64::from(self.are_due()));
                Some(self.now + Duration::from_secs(answers.get())).filter(|_| self.has_timers())
            };
            loop {
                self.sleepers.start_searching();
                let fires = self.are_due.load(Ordering::Relaxed) && {
                    let mut timers = self.timers.lock();
                    let left = timers.checked_sub(1);
                    *timers = left.unwrap_or(0);
                    left.is_some()
                };
                let found = fires || self.items.pop().map(Item::read).is_some();
                self.stop_searching(found);
                if found {
                    return;
                }
                self.sleepers.sleep(&next_timer, || !self.items.is_empty());
            }
        }

        fn stop_searching(&self, found: bool) {
            self.sleepers.stop_searching(found, || !self.items.is_empty(), || self.has_timers());
        }

        /// A worker comes to sleep, and does not, because there is work: it may keep the clock for a moment.
        fn pass_by_the_clock(&self) {
            self.sleepers.sleep(|| self.has_timers().then_some(self.now), || true);
        }

        /// A worker searches, and publishes what the timers that it fires make ready, more than it takes.
        fn fire_an_item(&self) {
            self.sleepers.start_searching();
            self.items.push(Item::new(1));
            self.sleepers.work_published();
            self.stop_searching(true);
        }
    }

    /// A worker sets a timer, and is busy ever after: the other one fires it, be it asleep without a deadline by then.
    #[test]
    fn a_timer_of_a_blocked_worker_fires() {
        model("executor: a blocked worker's timer", || {
            let clock = Clock::new(0);
            let other = spawn({
                let clock = clock.clone();
                move || clock.take_one()
            });
            *clock.timers.lock() += 1;
            clock.sleepers.earlier_timer();
            clock.time_comes();
            other.join().unwrap();
        });
    }

    /// A keeper of the clock that leaves for a timer, and is busy ever after, leaves the next timer to the other worker.
    #[test]
    fn the_clock_is_handed_over() {
        model("executor: two timers for two busy workers", || {
            let clock = Clock::new(2);
            let workers = [(); 2].map(|()| {
                let clock = clock.clone();
                spawn(move || clock.take_one())
            });
            clock.time_comes();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
    }

    /// The keeper leaves, wakes a worker for the clock, publishes an item, and is busy ever after. The one notification of
    /// that worker is now for both: it may take the item and be busy as well. The last worker fires the timer all the same.
    #[test]
    fn the_clock_is_kept_although_its_wake_up_is_used_up_by_work() {
        model_of_three("executor: the clock's wake-up is used up by work", || {
            let clock = Clock::new(1);
            let workers = [(); 2].map(|()| {
                let clock = clock.clone();
                spawn(move || clock.take_one())
            });
            clock.pass_by_the_clock();
            clock.fire_an_item();
            clock.time_comes();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
    }

    /// The same for the wake-up of a worker that is to keep the clock because a timer was set and nobody keeps it.
    #[test]
    fn a_new_timer_fires_although_its_wake_up_is_used_up_by_work() {
        model_of_three("executor: a new timer's wake-up is used up by work", || {
            let clock = Clock::new(0);
            let workers = [(); 2].map(|()| {
                let clock = clock.clone();
                spawn(move || clock.take_one())
            });
            clock.pass_by_the_clock();
            *clock.timers.lock() += 1;
            clock.sleepers.earlier_timer();
            clock.fire_an_item();
            clock.time_comes();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
    }
}
