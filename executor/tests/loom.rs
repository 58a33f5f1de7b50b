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
#[path = "../src/run/watcher.rs"]
mod watcher;

#[cfg(all(loom, feature = "loom"))]
mod models {
    use crate::{
        injector::Injector,
        parker::Parker,
        sleepers::{Sleepers, Watched},
        steal::{Owned, StealQueue, Thin},
        watcher::{Look, Watcher},
    };
    use std::{
        cell::Cell,
        collections::VecDeque,
        io::Write,
        ptr::NonNull,
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

    // SAFETY: it is boxed and unboxed.
    unsafe impl Thin for Item {
        fn into_raw(self) -> NonNull<()> {
            NonNull::from(Box::leak(Box::new(self))).cast()
        }

        unsafe fn from_raw(raw: NonNull<()>) -> Self {
            // SAFETY: it is from `into_raw`, and is turned back once.
            *unsafe { Box::from_raw(raw.cast().as_ptr()) }
        }
    }

    /// A queue that others may steal from.
    fn queue() -> StealQueue<Item> {
        StealQueue::new(true)
    }

    /// The owner's side of a queue.
    fn owned(queue: &StealQueue<Item>) -> Owned<'_, Item> {
        // SAFETY: one thread of a model owns it.
        unsafe { queue.owned() }
    }

    /// Everything that the owner finds.
    fn drain(queue: &StealQueue<Item>) -> Vec<usize> {
        std::iter::from_fn(|| owned(queue).pop()).map(Item::read).collect()
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
            let shared = Arc::new((Injector::new(), Parker::new()));
            let take = |shared: &(Injector<Item>, Parker)| {
                loop {
                    let mut items = VecDeque::new();
                    shared.0.drain_into(&mut items);
                    if let Some(item) = items.pop_front() {
                        // What is left is for the other one.
                        if let Some(other) = items.pop_front() {
                            shared.0.push(other);
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

    /// The owner pushes and pops while a thief steals: every item comes out once, and the owner's in their order. The slots
    /// are used again meanwhile.
    #[test]
    fn owner_and_thief_share_the_items() {
        model("executor: pop against steal", || {
            let shared = Arc::new(queue());
            owned(&shared).push(Item::new(1), false);
            let thief = spawn({
                let shared = shared.clone();
                move || {
                    let mine = queue();
                    let first = owned(&mine).steal_from(&shared).map(Item::read);
                    first.into_iter().chain(drain(&mine)).collect::<Vec<_>>()
                }
            });
            owned(&shared).push(Item::new(2), false);
            let mut own: Vec<usize> = owned(&shared).pop().into_iter().map(Item::read).collect();
            owned(&shared).push(Item::new(3), false);
            own.extend(drain(&shared));
            let stolen = thief.join().unwrap();
            assert!(own.is_sorted() && stolen.is_sorted());
            let mut all = [own, stolen].concat();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3]);
        });
    }

    /// The owner replaces the slots by more and by fewer while a thief steals several items.
    #[test]
    fn slots_are_replaced_under_a_thief() {
        model("executor: resize against steal", || {
            let shared = Arc::new(queue());
            for value in [1, 2] {
                owned(&shared).push(Item::new(value), false);
            }
            let thief = spawn({
                let shared = shared.clone();
                move || {
                    let mine = queue();
                    let first = owned(&mine).steal_from(&shared).map(Item::read);
                    first.into_iter().chain(drain(&mine)).collect::<Vec<_>>()
                }
            });
            owned(&shared).append([3, 4].into_iter().map(Item::new).collect());
            let own = drain(&shared);
            let stolen = thief.join().unwrap();
            assert!(own.is_sorted() && stolen.is_sorted());
            let mut all = [own, stolen].concat();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3, 4]);
        });
    }

    /// Two thieves take from one queue while its owner does.
    #[test]
    fn two_thieves_share_a_queue() {
        model_of_three("executor: steal against steal and pop", || {
            let shared = Arc::new(queue());
            for value in [1, 2, 4] {
                owned(&shared).push(Item::new(value), false);
            }
            let thieves = [(); 2].map(|()| {
                let shared = shared.clone();
                spawn(move || {
                    let mine = queue();
                    let first = owned(&mine).steal_from(&shared).map_or(0, Item::read);
                    first + drain(&mine).iter().sum::<usize>()
                })
            });
            let own: usize = owned(&shared).pop().map_or(0, Item::read);
            let stolen: usize = thieves.map(|thief| thief.join().unwrap()).iter().sum();
            assert_eq!(own + stolen + drain(&shared).iter().sum::<usize>(), 7);
        });
    }

    /// Two thieves that rob each other while they hold items do not deadlock, and lose nothing.
    #[test]
    fn thieves_may_rob_each_other() {
        model("executor: steal against steal", || {
            let queues = Arc::new([queue(), queue()]);
            // Three each, so that there is something to put into the own queue.
            for (queue, values) in queues.iter().zip([[1, 2, 4], [8, 16, 32]]) {
                values.into_iter().for_each(|value| _ = owned(queue).push(Item::new(value), false));
            }
            let rob = |queues: &[StealQueue<Item>; 2], me: usize| {
                owned(&queues[me]).steal_from(&queues[1 - me]).map_or(0, Item::read)
            };
            let other = spawn({
                let queues = queues.clone();
                move || rob(&queues, 1)
            });
            let mut sum = rob(&queues, 0) + other.join().unwrap();
            for queue in queues.iter() {
                sum += drain(queue).iter().sum::<usize>();
            }
            assert_eq!(sum, 63);
        });
    }

    /// The queues of workers, and who of them sleeps; the parts of `Workers` without its tasks. The last queue belongs to a
    /// worker that never comes back to it.
    struct Pool {
        queues: [StealQueue<Item>; 3],
        injector: Injector<Item>,
        sleepers: Sleepers,
        left: AtomicUsize,
    }

    /// The number of the worker that does not come back.
    const BLOCKED: usize = 2;

    impl Pool {
        fn new(items: usize) -> Arc<Self> {
            Arc::new(Self {
                queues: [queue(), queue(), queue()],
                injector: Injector::new(),
                sleepers: Sleepers::new(),
                left: AtomicUsize::new(items),
            })
        }

        fn is_over(&self) -> bool {
            self.left.load(Ordering::Relaxed) == 0
        }

        /// As `Workers::schedule` on the worker that does not come back.
        fn push_and_block(&self, value: usize, may_claim: bool) {
            if owned(&self.queues[BLOCKED]).push(Item::new(value), may_claim) {
                self.sleepers.work_claimed();
            } else {
                self.sleepers.work_published();
            }
        }

        /// As `Worker::work`, until all items were taken by somebody.
        fn work(&self, me: usize) -> usize {
            let worker = PoolWorker { pool: self, me, watcher: Watcher::default() };
            let mut sum = 0;
            while !self.is_over() {
                match worker.search() {
                    Some(value) => {
                        sum += value;
                        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                            self.sleepers.wake_all();
                        }
                    }
                    None if self.is_over() => break,
                    None => self.sleepers.sleep(&worker),
                }
            }
            sum
        }

        /// As `Worker::work`, for a worker that is busy for ever with the first item that it gets.
        fn take_one(&self, me: usize) -> usize {
            let worker = PoolWorker { pool: self, me, watcher: Watcher::default() };
            loop {
                if let Some(value) = worker.search() {
                    return value;
                }
                self.sleepers.sleep(&worker);
            }
        }
    }

    struct PoolWorker<'a> {
        pool: &'a Pool,
        me: usize,
        watcher: Watcher,
    }

    impl PoolWorker<'_> {
        /// As the search in `Worker::next`.
        fn search(&self) -> Option<usize> {
            let Pool { queues, injector, sleepers, .. } = self.pool;
            sleepers.start_searching();
            let queue = owned(&queues[self.me]);
            let mut injected = VecDeque::new();
            injector.drain_into(&mut injected);
            if !injected.is_empty() {
                queue.append(injected);
            }
            let stuck = self.watcher.take_stuck();
            let found =
                queue.pop().or_else(|| stuck.and_then(|stuck| queue.seize_from(&queues[stuck]))).or_else(|| {
                    let others = [(self.me + 1) % 3, (self.me + 2) % 3];
                    others.into_iter().find_map(|victim| queue.steal_from(&queues[victim]))
                });
            sleepers.stop_searching(found.is_some(), self);
            found.map(Item::read)
        }
    }

    impl Watched for PoolWorker<'_> {
        fn next_timer(&self) -> Option<Instant> {
            None
        }

        fn has_work(&self) -> bool {
            let Pool { queues, injector, .. } = self.pool;
            !injector.is_empty() || queues.iter().any(StealQueue::has_offers) || self.pool.is_over()
        }

        fn has_claims(&self) -> bool {
            self.pool.queues.iter().any(|queue| !queue.is_empty())
        }

        fn look(&self) -> Look {
            self.watcher.look(&self.pool.queues)
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
                pool.push_and_block(value, false);
            }
            assert_eq!(other.join().unwrap(), 3);
        });
    }

    /// The same with an item that it claims: the other worker watches, dozes, or searches, and seizes it in the end.
    #[test]
    fn a_claimed_item_of_a_blocked_worker_is_seized() {
        model("executor: a blocked worker's claim", || {
            let pool = Pool::new(1);
            let other = spawn({
                let pool = pool.clone();
                move || pool.work(1)
            });
            pool.push_and_block(1, true);
            assert_eq!(other.join().unwrap(), 1);
        });
    }

    /// Two others: one is the keeper, and one sleeps or searches. One of them seizes it.
    #[test]
    fn a_claimed_item_is_seized_by_one_of_two() {
        model_of_three("executor: a claim against two workers", || {
            let pool = Pool::new(1);
            let others = [0, 1].map(|me| {
                let pool = pool.clone();
                spawn(move || pool.work(me))
            });
            pool.push_and_block(1, true);
            assert_eq!(others.map(|other| other.join().unwrap()).iter().sum::<usize>(), 1);
        });
    }

    /// Two workers, each busy for ever with the first item that it gets: an injected one, and a claim of a blocked worker.
    /// Whoever takes the injected one may have been the watcher on whom the claim relied.
    #[test]
    fn a_claim_is_watched_although_its_watcher_found_work() {
        model_of_three("executor: a claim whose watcher found work", || {
            let pool = Pool::new(2);
            let others = [0, 1].map(|me| {
                let pool = pool.clone();
                spawn(move || pool.take_one(me))
            });
            pool.injector.push(Item::new(1));
            pool.sleepers.work_published();
            pool.push_and_block(2, true);
            assert_eq!(others.map(|other| other.join().unwrap()).iter().sum::<usize>(), 3);
        });
    }

    /// A second push offers the claimed item as well: two workers get one each, although nobody counts time.
    #[test]
    fn a_claim_ends_with_the_next_push() {
        model_of_three("executor: a claim and an offer for two busy workers", || {
            let pool = Pool::new(2);
            let others = [0, 1].map(|me| {
                let pool = pool.clone();
                spawn(move || pool.take_one(me))
            });
            pool.push_and_block(1, true);
            pool.push_and_block(2, true);
            assert_eq!(others.map(|other| other.join().unwrap()).iter().sum::<usize>(), 3);
        });
    }

    /// The timers and the run queue of workers, each of which is busy for ever with the first thing that it gets: a timer that
    /// it fires, or an item. For the clock of [`Sleepers`].
    struct Clock {
        sleepers: Sleepers,
        timers: Mutex<usize>,
        /// Whether the time of the timers has come.
        are_due: AtomicBool,
        items: Injector<Item>,
        now: Instant,
    }

    impl Clock {
        fn new(timers: usize) -> Arc<Self> {
            let (sleepers, timers, are_due) = (Sleepers::new(), Mutex::new(timers), AtomicBool::new(false));
            Arc::new(Self { sleepers, timers, are_due, items: Injector::new(), now: Instant::now() })
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

        /// As `Worker::work`: fires a timer when its time has come, or takes an item.
        fn take_one(&self) {
            let worker = ClockWorker { clock: self, answers: Cell::new(0), has_work: false };
            loop {
                self.sleepers.start_searching();
                let fires = self.are_due.load(Ordering::Relaxed) && {
                    let mut timers = self.timers.lock();
                    let left = timers.checked_sub(1);
                    *timers = left.unwrap_or(0);
                    left.is_some()
                };
                let found = fires || self.take_item();
                self.sleepers.stop_searching(found, &worker);
                if found {
                    return;
                }
                self.sleepers.sleep(&worker);
            }
        }

        /// Takes one item of those that there are.
        fn take_item(&self) -> bool {
            let mut items = VecDeque::new();
            self.items.drain_into(&mut items);
            let found = items.pop_front().map(Item::read).is_some();
            items.into_iter().for_each(|item| self.items.push(item));
            found
        }

        /// A worker comes to sleep, and does not, because there is work: it may keep the clock for a moment.
        fn pass_by_the_clock(&self) {
            self.sleepers.sleep(&ClockWorker { clock: self, answers: Cell::new(0), has_work: true });
        }

        /// A worker searches, and publishes what the timers that it fires make ready, more than it takes.
        fn fire_an_item(&self) {
            self.sleepers.start_searching();
            self.items.push(Item::new(1));
            self.sleepers.work_published();
            self.sleepers.stop_searching(true, &ClockWorker { clock: self, answers: Cell::new(0), has_work: false });
        }
    }

    struct ClockWorker<'a> {
        clock: &'a Clock,
        answers: Cell<u64>,
        has_work: bool,
    }

    impl Watched for ClockWorker<'_> {
        /// A keeper does not sleep when its time has come: the second answer then differs from the first.
        fn next_timer(&self) -> Option<Instant> {
            self.answers.set(self.answers.get() + u64::from(self.clock.are_due()));
            Some(self.clock.now + Duration::from_secs(self.answers.get())).filter(|_| self.clock.has_timers())
        }

        fn has_work(&self) -> bool {
            self.has_work || !self.clock.items.is_empty()
        }

        fn has_claims(&self) -> bool {
            false
        }

        fn look(&self) -> Look {
            Look::Quiet
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
