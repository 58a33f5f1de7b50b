//! Four threads that do everything at once. Conservation: at the end every permit is accounted for.

use futures_lite::future::block_on;
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    thread,
};
use waitline::testing::poll_once;
use waitline_sem::{AnySemaphore, BoundedSemaphore, Closed, OwnedPermit, Permit, Semaphore};

const THREADS: usize = 4;
const TURNS: usize = 50_000;
const PERMITS: usize = 5;

/// A small xorshift: the storm needs variety, not randomness.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// What differs between the two semaphores and their borrowed and owned permits.
trait Storm: AnySemaphore + Send + Sync + Sized + 'static {
    fn new(permits: usize) -> Self;
    fn take(&self, n: usize) -> impl Future<Output = Permit<'_, Self>>;
    fn take_owned(self: Arc<Self>, n: usize) -> impl Future<Output = OwnedPermit<Self>>;
    fn try_take(&self, n: usize) -> Option<Permit<'_, Self>>;
    fn take_blocking(&self, n: usize) -> Permit<'_, Self>;
    fn give(&self, n: usize);
    fn take_away(&self, n: usize) -> usize;
    fn take_or_closed(&self, n: usize) -> impl Future<Output = Result<Permit<'_, Self>, Closed>>;
    fn take_owned_or_closed(self: Arc<Self>, n: usize) -> impl Future<Output = Result<OwnedPermit<Self>, Closed>>;
    fn take_blocking_or_closed(&self, n: usize) -> Result<Permit<'_, Self>, Closed>;
    fn shut(&self) -> bool;
    fn is_shut(&self) -> bool;
    fn state(&self) -> (usize, usize);
}

macro_rules! storm {
    ($semaphore:ty, |$this:ident, $n:ident| $give:expr) => {
        impl Storm for $semaphore {
            fn new(permits: usize) -> Self {
                Self::new(permits)
            }
            fn take(&self, n: usize) -> impl Future<Output = Permit<'_, Self>> {
                self.acquire_many(n)
            }
            fn take_owned(self: Arc<Self>, n: usize) -> impl Future<Output = OwnedPermit<Self>> {
                self.acquire_many_owned(n)
            }
            fn try_take(&self, n: usize) -> Option<Permit<'_, Self>> {
                self.try_acquire_many(n)
            }
            fn take_blocking(&self, n: usize) -> Permit<'_, Self> {
                self.acquire_many_blocking(n)
            }
            fn give(&self, n: usize) {
                let ($this, $n) = (self, n);
                $give
            }
            fn take_away(&self, n: usize) -> usize {
                self.forget_permits(n)
            }
            fn take_or_closed(&self, n: usize) -> impl Future<Output = Result<Permit<'_, Self>, Closed>> {
                self.acquire_many(n).or_closed()
            }
            fn take_owned_or_closed(
                self: Arc<Self>,
                n: usize,
            ) -> impl Future<Output = Result<OwnedPermit<Self>, Closed>> {
                self.acquire_many_owned(n).or_closed()
            }
            fn take_blocking_or_closed(&self, n: usize) -> Result<Permit<'_, Self>, Closed> {
                self.acquire_many_blocking_or_closed(n)
            }
            fn shut(&self) -> bool {
                self.close()
            }
            fn is_shut(&self) -> bool {
                self.is_closed()
            }
            fn state(&self) -> (usize, usize) {
                (self.available_permits(), self.waiters())
            }
        }
    };
}

storm!(Semaphore, |this, n| this.release(n));
storm!(BoundedSemaphore, |this, n| this.release(n).expect("as many were forgotten"));

/// Counts what is held: raised after permits were got, lowered before they are given back, so never past the bound.
struct Watch(AtomicUsize);

impl Watch {
    fn got(&self, n: usize) {
        let held = self.0.fetch_add(n, Ordering::SeqCst) + n;
        assert!(held <= PERMITS, "{held} of {PERMITS} permits are held");
    }

    fn gives(&self, n: usize) {
        self.0.fetch_sub(n, Ordering::SeqCst);
    }

    /// They are held for a moment.
    fn pass(&self, n: usize) {
        self.got(n);
        self.gives(n);
    }
}

fn turn<S: Storm>(semaphore: &Arc<S>, dice: &mut Dice, watch: &Watch, forgotten: &mut usize) {
    let n = dice.roll(PERMITS) + 1;
    match dice.roll(8) {
        0 => {
            let permits = block_on(semaphore.take(n));
            watch.got(n);
            watch.gives(n);
            drop(permits);
        }
        1 => {
            let mut permits = block_on(semaphore.clone().take_owned(n));
            watch.got(n);
            let part = permits.split(dice.roll(n + 1)).unwrap();
            assert_eq!(part.num_permits() + permits.num_permits(), n);
            watch.gives(part.num_permits());
            drop(part);
            watch.gives(permits.num_permits());
        }
        2 => {
            // Granted or not, the future is dropped.
            let mut future = pin!(semaphore.take(n));
            if poll_once(future.as_mut()).is_pending() && dice.roll(2) == 0 {
                thread::yield_now();
            }
        }
        3 => {
            let mut future = pin!(semaphore.clone().take_owned(n));
            for _ in 0..3 {
                if let Poll::Ready(permits) = poll_once(future.as_mut()) {
                    watch.got(n);
                    watch.gives(n);
                    drop(permits);
                    break;
                }
            }
        }
        4 => {
            if let Some(mut permits) = semaphore.try_take(n) {
                watch.got(n);
                if let Some(more) = semaphore.try_take(1) {
                    watch.got(1);
                    permits.merge(more);
                }
                watch.gives(permits.num_permits());
            }
        }
        5 => {
            let permits = block_on(semaphore.take(n));
            watch.got(n);
            watch.gives(n);
            permits.forget();
            *forgotten += n;
        }
        6 => *forgotten += semaphore.take_away(n),
        _ => {
            let permits = semaphore.take_blocking(1);
            watch.got(1);
            watch.gives(1);
            drop(permits);
        }
    }
    // All that this thread forgot comes back before it waits again, or everybody might wait for it.
    if *forgotten > 0 {
        let back = dice.roll(*forgotten) + 1;
        semaphore.give(back);
        semaphore.give(*forgotten - back);
        *forgotten = 0;
    }
}

fn storm<S: Storm>() {
    let semaphore = Arc::new(S::new(PERMITS));
    let watch = Watch(AtomicUsize::new(0));
    let start = std::sync::Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 1..=THREADS {
            let (semaphore, watch, start) = (&semaphore, &watch, &start);
            scope.spawn(move || {
                let (mut dice, mut forgotten) = (Dice(number as u64), 0);
                start.wait();
                for _ in 0..TURNS {
                    turn(semaphore, &mut dice, watch, &mut forgotten);
                }
                assert_eq!(forgotten, 0);
            });
        }
    });
    assert_eq!(watch.0.load(Ordering::SeqCst), 0);
    assert_eq!(semaphore.state(), (PERMITS, 0));
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

#[test]
fn four_threads_neither_lose_nor_make_permits() {
    storm::<Semaphore>();
}

#[test]
fn four_threads_neither_lose_nor_make_permits_of_a_bounded_semaphore() {
    storm::<BoundedSemaphore>();
}

/// As above, but what is forgotten stays so, and what is released is new: the books balance at the end.
#[test]
fn available_held_and_forgotten_permits_add_up() {
    let semaphore = Arc::new(Semaphore::new(8));
    let books: Vec<(usize, usize, Vec<OwnedPermit>)> = thread::scope(|scope| {
        let threads: Vec<_> = (1..=THREADS)
            .map(|number| {
                let semaphore = &semaphore;
                scope.spawn(move || {
                    let mut dice = Dice(number as u64 + 100);
                    let (mut released, mut forgotten, mut held) = (0, 0, Vec::<OwnedPermit>::new());
                    for _ in 0..TURNS {
                        let n = dice.roll(3) + 1;
                        match dice.roll(6) {
                            0 => {
                                semaphore.release(n);
                                released += n;
                            }
                            1 => forgotten += semaphore.forget_permits(n),
                            2 => _ = poll_once(pin!(semaphore.acquire_many(n))),
                            3 => held.extend(semaphore.clone().try_acquire_many_owned(n)),
                            4 if !held.is_empty() => {
                                let at = dice.roll(held.len());
                                let mut permits = held.swap_remove(at);
                                let part = permits.split(permits.num_permits().min(n)).unwrap();
                                forgotten += part.num_permits();
                                part.forget();
                                held.push(permits);
                            }
                            _ if held.len() > 1 => {
                                let at = dice.roll(held.len());
                                let permits = held.swap_remove(at);
                                if dice.roll(2) == 0 {
                                    held[0].merge(permits);
                                }
                            }
                            _ => {}
                        }
                    }
                    (released, forgotten, held)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let released: usize = books.iter().map(|book| book.0).sum();
    let forgotten: usize = books.iter().map(|book| book.1).sum();
    let held: usize = books.iter().flat_map(|book| &book.2).map(OwnedPermit::num_permits).sum();
    assert_eq!(semaphore.available_permits() + held + forgotten, 8 + released);
    drop(books);
    assert_eq!((semaphore.available_permits() + forgotten, semaphore.waiters()), (8 + released, 0));
}

/// Four threads acquire in all ways, give back and cancel while one of them closes: everybody comes to an end, nobody gets
/// anything after the close, and all permits are back.
fn closing_storm<S: Storm>() {
    for seed in 1..=300 {
        let semaphore = Arc::new(S::new(PERMITS));
        let watch = Watch(AtomicUsize::new(0));
        let start = std::sync::Barrier::new(THREADS);
        thread::scope(|scope| {
            for number in 1..=THREADS {
                let (semaphore, watch, start) = (&semaphore, &watch, &start);
                scope.spawn(move || {
                    let mut dice = Dice((seed * THREADS + number) as u64);
                    let closes_at = (number == THREADS).then(|| dice.roll(200));
                    start.wait();
                    for turn in 0.. {
                        if closes_at == Some(turn) {
                            assert!(semaphore.shut());
                        }
                        if closing_turn(semaphore, &mut dice, watch).is_err() {
                            break;
                        }
                    }
                    assert!(semaphore.is_shut() && semaphore.try_take(dice.roll(2)).is_none());
                    assert!(!semaphore.shut());
                });
            }
        });
        assert_eq!(watch.0.load(Ordering::SeqCst), 0);
        assert_eq!(semaphore.state(), (PERMITS, 0));
        assert_eq!(Arc::strong_count(&semaphore), 1);
    }
}

fn closing_turn<S: Storm>(semaphore: &Arc<S>, dice: &mut Dice, watch: &Watch) -> Result<(), Closed> {
    let n = dice.roll(PERMITS) + 1;
    let was_shut = semaphore.is_shut();
    let outcome = match dice.roll(5) {
        0 => block_on(semaphore.take_or_closed(n)).map(|permits| hold(&permits, watch)),
        1 => block_on(semaphore.clone().take_owned_or_closed(n)).map(|permits| watch.pass(permits.num_permits())),
        2 => semaphore.take_blocking_or_closed(n).map(|permits| hold(&permits, watch)),
        3 => {
            let mut future = pin!(semaphore.take_or_closed(n));
            match poll_once(future.as_mut()) {
                Poll::Ready(outcome) => outcome.map(|permits| hold(&permits, watch)),
                Poll::Pending => return Ok(()),
            }
        }
        _ => match semaphore.try_take(n) {
            Some(permits) => {
                hold(&permits, watch);
                permits.forget();
                semaphore.give(n);
                Ok(())
            }
            None => return Ok(()),
        },
    };
    assert!(outcome.is_err() || !was_shut, "it was closed, and is open again");
    outcome
}

fn hold<S: Storm>(permits: &Permit<'_, S>, watch: &Watch) {
    watch.pass(permits.num_permits());
}

#[test]
fn four_threads_come_to_an_end_when_it_is_closed() {
    closing_storm::<Semaphore>();
}

#[test]
fn four_threads_come_to_an_end_when_a_bounded_semaphore_is_closed() {
    closing_storm::<BoundedSemaphore>();
}
