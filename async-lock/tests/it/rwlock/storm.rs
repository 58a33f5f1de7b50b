//! Random work on threads, and random steps on one thread against a sequential model.

use super::Shared;
use fastrand::Rng;
use std::{
    collections::VecDeque,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use waitline::testing::{CountingWaker, block_on, poll_once};
use waitline_lock::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockUpgradableReadGuard,
    RwLockWriteGuard,
    rwlock::{Read, RwAcquire, RwUpgrade, Upgradable, Write},
};

/// Polls up to `polls` times, and then drops the future: a cancellation in whatever phase it is by then.
fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = CountingWaker::new().waker();
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        std::thread::yield_now();
    }
    None
}

/// Readers see two equal numbers, which writers change one after the other.
#[test]
fn storm_of_readers_writers_upgrades_and_cancels() {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 30_000;
    let lock = Arc::new(RwLock::new((0_usize, 0_usize)));
    let written = Arc::new(AtomicUsize::new(0));
    fn read(pair: &(usize, usize)) {
        assert_eq!(pair.0, pair.1, "a reader beside a writer");
    }
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let (lock, written) = (lock.clone(), written.clone());
            std::thread::spawn(move || {
                let write = |pair: &mut (usize, usize)| {
                    pair.0 += 1;
                    std::hint::black_box(&pair);
                    pair.1 += 1;
                    written.fetch_add(1, Ordering::Relaxed);
                };
                let mut rng = Rng::with_seed(seed);
                for _ in 0..ROUNDS {
                    let polls = rng.usize(0..4);
                    match rng.u8(0..12) {
                        0 => drop(lock.try_read().map(|pair| read(&pair))),
                        1 => drop(lock.try_write().map(|mut pair| write(&mut pair))),
                        2 => read(&lock.read_blocking()),
                        3 => write(&mut lock.write_blocking()),
                        4 | 5 => drop(poll_and_drop(lock.read(), polls).map(|pair| read(&pair))),
                        6 => drop(poll_and_drop(lock.write(), polls).map(|mut pair| write(&mut pair))),
                        7 => {
                            let mut guard = block_on(lock.write());
                            write(&mut guard);
                            read(&RwLockWriteGuard::downgrade(guard));
                        }
                        8 => {
                            let guard = block_on(lock.upgradable_read());
                            let before = *guard;
                            if let Some(mut guard) = poll_and_drop(RwLockUpgradableReadGuard::upgrade(guard), polls) {
                                assert_eq!(*guard, before, "a writer came before the upgrade");
                                write(&mut guard);
                            }
                        }
                        9 => {
                            let guard = lock.upgradable_read_blocking();
                            let mut guard = RwLockUpgradableReadGuard::upgrade_blocking(guard);
                            write(&mut guard);
                            drop(RwLockWriteGuard::downgrade_to_upgradable(guard));
                        }
                        10 => {
                            let guard = poll_and_drop(lock.upgradable_read(), polls);
                            match guard.map(RwLockUpgradableReadGuard::try_upgrade) {
                                Some(Ok(mut guard)) => write(&mut guard),
                                Some(Err(guard)) => read(&RwLockUpgradableReadGuard::downgrade(guard)),
                                None => {}
                            }
                        }
                        _ => read(&block_on(lock.read())),
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(lock.waiters(), 0);
    let total = written.load(Ordering::Relaxed);
    assert_eq!(*lock.try_write().expect("nobody keeps the lock"), (total, total));
}

/// A wait or a guard of the lock, as the sequential model numbers them.
enum Hand {
    WaitRead(Pin<Box<RwAcquire<Shared<u32>, Read>>>),
    WaitUpgradable(Pin<Box<RwAcquire<Shared<u32>, Upgradable>>>),
    WaitWrite(Pin<Box<RwAcquire<Shared<u32>, Write>>>),
    WaitUpgrade(Pin<Box<RwUpgrade<Shared<u32>>>>),
    Read(OwnedRwLockReadGuard<u32>),
    Upgradable(OwnedRwLockUpgradableReadGuard<u32>),
    Write(OwnedRwLockWriteGuard<u32>),
}

/// What the model says of a hand's right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Right {
    Read,
    Upgradable,
    Write,
}

/// The sequential model: who holds what, and who waits for what in which order. It is settled after each step.
#[derive(Default)]
struct Model {
    held: Vec<(u32, Right)>,
    queue: VecDeque<(u32, Right)>,
    upgrade: Option<u32>,
}

impl Model {
    fn fits(&self, right: Right) -> bool {
        let has = |right| self.held.iter().any(|(_, held)| *held == right);
        match right {
            Right::Read => !has(Right::Write),
            Right::Upgradable => !has(Right::Write) && !has(Right::Upgradable),
            Right::Write => self.held.is_empty(),
        }
    }

    fn settle(&mut self) {
        if let Some(upgrade) = self.upgrade {
            if self.held.len() > 1 {
                return;
            }
            self.upgrade = None;
            self.held = vec![(upgrade, Right::Write)];
        }
        while let Some(next) = self.queue.front().copied() {
            if !self.fits(next.1) {
                return;
            }
            self.queue.pop_front();
            self.held.push(next);
        }
    }

    fn try_acquire(&mut self, id: u32, right: Right) -> bool {
        let fits = self.queue.is_empty() && self.upgrade.is_none() && self.fits(right);
        if fits {
            self.held.push((id, right));
        }
        fits
    }

    fn drop(&mut self, id: u32) {
        self.held.retain(|(held, _)| *held != id);
        self.queue.retain(|(waits, _)| *waits != id);
        if self.upgrade == Some(id) {
            self.upgrade = None;
        }
        self.settle();
    }

    fn exchange(&mut self, id: u32, right: Right) {
        self.held.iter_mut().find(|(held, _)| *held == id).expect("it holds a right").1 = right;
        self.settle();
    }

    fn holds(&self, id: u32, right: Right) -> bool {
        self.held.contains(&(id, right))
    }
}

/// Random sequences of all operations have the results that the model has, and every wait is granted exactly when the
/// model's is.
#[test]
fn random_steps_agree_with_a_sequential_model() {
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let (lock, mut model) = (Shared::<u32>::default(), Model::default());
        let mut hands: Vec<(u32, Hand)> = Vec::new();
        for id in 0..200_u32 {
            if hands.is_empty() || rng.u8(0..5) < 2 {
                let right = [Right::Read, Right::Read, Right::Read, Right::Upgradable, Right::Write][rng.usize(0..5)];
                let only_try = rng.bool();
                let fits = model.try_acquire(id, right);
                if !fits && !only_try {
                    model.queue.push_back((id, right));
                }
                macro_rules! acquire {
                    ($try:ident, $wait:ident, $Guard:ident, $Wait:ident) => {
                        if only_try {
                            lock.clone().$try().map(Hand::$Guard)
                        } else {
                            let mut wait = Box::pin(lock.clone().$wait());
                            Some(match poll_once(wait.as_mut()) {
                                Poll::Ready(guard) => Hand::$Guard(guard),
                                Poll::Pending => Hand::$Wait(wait),
                            })
                        }
                    };
                }
                let hand = match right {
                    Right::Read => acquire!(try_read_owned, read_owned, Read, WaitRead),
                    Right::Upgradable => {
                        acquire!(try_upgradable_read_owned, upgradable_read_owned, Upgradable, WaitUpgradable)
                    }
                    Right::Write => acquire!(try_write_owned, write_owned, Write, WaitWrite),
                };
                let has = matches!(hand, Some(Hand::Read(_) | Hand::Upgradable(_) | Hand::Write(_)));
                assert_eq!(has, fits, "seed {seed}, step {id}");
                hands.extend(hand.map(|hand| (id, hand)));
            } else {
                let (id, hand) = hands.swap_remove(rng.usize(0..hands.len()));
                let exchanges = rng.bool();
                let hand = match hand {
                    Hand::Write(guard) if exchanges && rng.bool() => {
                        model.exchange(id, Right::Read);
                        Some(Hand::Read(OwnedRwLockWriteGuard::downgrade(guard)))
                    }
                    Hand::Write(guard) if exchanges => {
                        model.exchange(id, Right::Upgradable);
                        Some(Hand::Upgradable(OwnedRwLockWriteGuard::downgrade_to_upgradable(guard)))
                    }
                    Hand::Upgradable(guard) if exchanges => match rng.u8(0..4) {
                        0 => {
                            model.exchange(id, Right::Read);
                            Some(Hand::Read(OwnedRwLockUpgradableReadGuard::downgrade(guard)))
                        }
                        1 => match OwnedRwLockUpgradableReadGuard::try_upgrade(guard) {
                            Ok(guard) => {
                                assert_eq!(model.held.len(), 1, "seed {seed}");
                                model.exchange(id, Right::Write);
                                Some(Hand::Write(guard))
                            }
                            Err(guard) => {
                                assert!(model.held.len() > 1, "seed {seed}");
                                Some(Hand::Upgradable(guard))
                            }
                        },
                        _ => {
                            model.upgrade = Some(id);
                            model.settle();
                            let mut upgrade = Box::pin(OwnedRwLockUpgradableReadGuard::upgrade(guard));
                            Some(match poll_once(upgrade.as_mut()) {
                                Poll::Ready(guard) => Hand::Write(guard),
                                Poll::Pending => Hand::WaitUpgrade(upgrade),
                            })
                        }
                    },
                    dropped => {
                        drop(dropped);
                        model.drop(id);
                        None
                    }
                };
                hands.extend(hand.map(|hand| (id, hand)));
            }
            // Half of the time the granted ones are polled, and the others stay as they are.
            for (id, hand) in &mut hands {
                macro_rules! poll {
                    ($wait:expr, $right:expr, $Guard:ident) => {{
                        let is_granted = format!("{:?}", $wait).contains("granted");
                        assert_eq!(is_granted, model.holds(*id, $right), "seed {seed}, {id}, {:?}", $right);
                        if is_granted && rng.bool() {
                            match poll_once($wait.as_mut()) {
                                Poll::Ready(guard) => *hand = Hand::$Guard(guard),
                                Poll::Pending => panic!("granted, and not ready"),
                            }
                        }
                    }};
                }
                match hand {
                    Hand::WaitRead(wait) => poll!(wait, Right::Read, Read),
                    Hand::WaitUpgradable(wait) => poll!(wait, Right::Upgradable, Upgradable),
                    Hand::WaitWrite(wait) => poll!(wait, Right::Write, Write),
                    Hand::WaitUpgrade(wait) => poll!(wait, Right::Write, Write),
                    Hand::Read(guard) => assert!(**guard == 0 && model.holds(*id, Right::Read)),
                    Hand::Upgradable(_) => assert!(model.holds(*id, Right::Upgradable)),
                    Hand::Write(_) => assert!(model.holds(*id, Right::Write)),
                }
            }
            assert_eq!(lock.waiters(), model.queue.len() + usize::from(model.upgrade.is_some()), "seed {seed}");
            assert_eq!(lock.is_locked(), !model.held.is_empty());
        }
        drop(hands);
        super::assert_free(&lock);
    }
}
