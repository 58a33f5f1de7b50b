//! Random sequences of calls against a sequential model: a number of free permits, a queue of sizes, and an end.

use proptest::prelude::*;
use std::{collections::VecDeque, pin::Pin, task::Poll};
use waitline::testing::{CountingWaker, poll_once};
use waitline_sem::{Acquire, AnySemaphore, BoundedSemaphore, Closed, Permit, Semaphore};

#[derive(Debug, Clone)]
enum Call {
    /// Begins to acquire; what is not ready at once is kept as a waiter.
    Acquire(usize),
    TryAcquire(usize),
    /// Polls a waiter again.
    Poll(usize),
    /// Drops a waiter, granted or not.
    Cancel(usize),
    DropPermit(usize),
    Forget(usize),
    Split(usize, usize),
    Merge(usize, usize),
    Release(usize),
    ForgetPermits(usize),
    Close,
    /// Begins to wait at the closed semaphore.
    AfterClose(usize),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let (size, which) = (0..6_usize, 0..16_usize);
    prop::collection::vec(
        prop_oneof![
            6 => size.clone().prop_map(Call::Acquire),
            2 => size.clone().prop_map(Call::TryAcquire),
            3 => which.clone().prop_map(Call::Poll),
            3 => which.clone().prop_map(Call::Cancel),
            3 => which.clone().prop_map(Call::DropPermit),
            1 => which.clone().prop_map(Call::Forget),
            1 => (which.clone(), size.clone()).prop_map(|(which, n)| Call::Split(which, n)),
            1 => (which.clone(), which).prop_map(|(a, b)| Call::Merge(a, b)),
            3 => size.clone().prop_map(Call::Release),
            1 => size.clone().prop_map(Call::ForgetPermits),
            3 => size.prop_map(Call::AfterClose),
            // In about half of the sequences, and then at any point of them.
            1 => (0..2_usize).prop_map(|rarely| if rarely == 0 { Call::Close } else { Call::TryAcquire(1) }),
        ],
        0..80,
    )
}

/// What differs between the semaphores.
trait Subject: AnySemaphore + Sized {
    const BOUNDED: bool;
    fn new(permits: usize) -> Self;
    fn acquire_many(&self, n: usize) -> Acquire<'_, Self>;
    fn try_acquire_many(&self, n: usize) -> Option<Permit<'_, Self>>;
    /// Whether it was allowed.
    fn release(&self, n: usize) -> bool;
    fn forget_permits(&self, n: usize) -> usize;
    fn close(&self) -> bool;
    /// Free permits, waiters, and whether it is closed.
    fn state(&self) -> (usize, usize, bool);
}

macro_rules! subject {
    ($semaphore:ty, $bounded:expr, |$result:ident| $allowed:expr) => {
        impl Subject for $semaphore {
            const BOUNDED: bool = $bounded;
            fn new(permits: usize) -> Self {
                Self::new(permits)
            }
            fn acquire_many(&self, n: usize) -> Acquire<'_, Self> {
                self.acquire_many(n)
            }
            fn try_acquire_many(&self, n: usize) -> Option<Permit<'_, Self>> {
                self.try_acquire_many(n)
            }
            fn release(&self, n: usize) -> bool {
                let $result = self.release(n);
                $allowed
            }
            fn forget_permits(&self, n: usize) -> usize {
                self.forget_permits(n)
            }
            fn close(&self) -> bool {
                self.close()
            }
            fn state(&self) -> (usize, usize, bool) {
                (self.available_permits(), self.waiters(), self.is_closed())
            }
        }
    };
}

subject!(Semaphore, false, |done| {
    let () = done;
    true
});
subject!(BoundedSemaphore, true, |done| done.is_ok());

/// The semaphore as one would explain it.
struct Model {
    free: usize,
    forgotten: usize,
    /// Names and sizes of the waiters.
    queue: VecDeque<(usize, usize)>,
    /// Names of those who were granted and not polled since.
    granted: Vec<usize>,
    closed: bool,
    /// Names of those who were told so and not polled since.
    refused: Vec<usize>,
}

impl Model {
    fn add(&mut self, n: usize) {
        self.free += n;
        self.serve();
    }

    fn serve(&mut self) {
        while let Some(&(name, size)) = self.queue.front() {
            if size > self.free {
                break;
            }
            self.free -= size;
            self.granted.push(name);
            self.queue.pop_front();
        }
    }

    fn takes_at_once(&mut self, n: usize) -> bool {
        !self.closed && self.takes_in_turn(n)
    }

    fn takes_in_turn(&mut self, n: usize) -> bool {
        let now = n == 0 || self.queue.is_empty() && n <= self.free;
        self.free -= if now { n } else { 0 };
        now
    }

    /// Whether it was open.
    fn close(&mut self) -> bool {
        if !self.closed {
            self.refused.extend(self.queue.drain(..).map(|(name, _)| name));
        }
        !std::mem::replace(&mut self.closed, true)
    }
}

struct Waiting<'a, S: AnySemaphore> {
    name: usize,
    size: usize,
    future: Pin<Box<dyn Future<Output = Result<Permit<'a, S>, Closed>> + 'a>>,
    waker: CountingWaker,
}

fn agrees<S: Subject>(start: usize, calls: Vec<Call>) {
    let semaphore = S::new(start);
    let mut model = Model {
        free: start,
        forgotten: 0,
        queue: VecDeque::new(),
        granted: Vec::new(),
        closed: false,
        refused: Vec::new(),
    };
    let mut waiting: Vec<Waiting<'_, S>> = Vec::new();
    let mut permits: Vec<Permit<'_, S>> = Vec::new();
    for (name, call) in calls.into_iter().enumerate() {
        match call {
            Call::Acquire(n) if S::BOUNDED && n > start => {
                assert!(waitline::testing::panic_message(|| _ = semaphore.acquire_many(n)).is_some());
            }
            Call::Acquire(n) => {
                let waker = CountingWaker::new();
                let mut future = Box::pin(semaphore.acquire_many(n).or_closed());
                match waker.poll(future.as_mut()) {
                    Poll::Ready(Ok(permit)) => {
                        assert!(model.takes_at_once(n));
                        permits.push(permit);
                    }
                    Poll::Ready(Err(_)) => assert!(model.closed),
                    Poll::Pending => {
                        assert!(!model.closed && !model.takes_at_once(n));
                        model.queue.push_back((name, n));
                        waiting.push(Waiting { name, size: n, future, waker });
                    }
                }
            }
            Call::AfterClose(n) if model.closed && (!S::BOUNDED || n <= start) => {
                let (semaphore, waker) = (&semaphore, CountingWaker::new());
                let mut future = Box::pin(async move { Ok(semaphore.acquire_many(n).after_close().await) });
                match waker.poll(future.as_mut()) {
                    Poll::Ready(permit) => {
                        assert!(model.takes_in_turn(n));
                        permits.extend(permit);
                    }
                    Poll::Pending => {
                        assert!(!model.takes_in_turn(n));
                        model.queue.push_back((name, n));
                        waiting.push(Waiting { name, size: n, future, waker });
                    }
                }
            }
            Call::TryAcquire(n) => {
                let permit = semaphore.try_acquire_many(n);
                assert_eq!(permit.is_some(), model.takes_at_once(n));
                permits.extend(permit);
            }
            Call::Poll(which) if !waiting.is_empty() => {
                let at = which % waiting.len();
                let granted = model.granted.iter().position(|&name| name == waiting[at].name);
                let refused = model.refused.iter().position(|&name| name == waiting[at].name);
                match poll_once(waiting[at].future.as_mut()) {
                    Poll::Ready(Err(_)) => {
                        model.refused.remove(refused.expect("told that it is closed, and was not waiting then"));
                        waiting.remove(at);
                    }
                    Poll::Ready(Ok(permit)) => {
                        model.granted.remove(granted.expect("granted out of turn"));
                        assert_eq!(permit.num_permits(), waiting.remove(at).size);
                        permits.push(permit);
                    }
                    Poll::Pending => {
                        assert!(granted.is_none(), "not granted in its turn");
                        assert!(refused.is_none(), "not told that it is closed");
                        let waiter = &mut waiting[at];
                        assert!(waiter.waker.poll(waiter.future.as_mut()).is_pending());
                    }
                }
            }
            Call::Cancel(which) if !waiting.is_empty() => {
                let waiter = waiting.remove(which % waiting.len());
                if let Some(at) = model.granted.iter().position(|&name| name == waiter.name) {
                    model.granted.remove(at);
                    model.add(waiter.size);
                } else {
                    model.queue.retain(|&(name, _)| name != waiter.name);
                    model.refused.retain(|&name| name != waiter.name);
                    model.serve();
                }
            }
            Call::DropPermit(which) if !permits.is_empty() => {
                let permit = permits.remove(which % permits.len());
                model.add(permit.num_permits());
            }
            Call::Forget(which) if !permits.is_empty() => {
                let permit = permits.remove(which % permits.len());
                model.forgotten += permit.num_permits();
                permit.forget();
            }
            Call::Split(which, n) if !permits.is_empty() => {
                let at = which % permits.len();
                let before = permits[at].num_permits();
                match permits[at].split(n) {
                    Some(part) => {
                        assert_eq!((part.num_permits(), permits[at].num_permits()), (n, before - n));
                        permits.push(part);
                    }
                    None => assert!(n > before),
                }
            }
            Call::Merge(a, b) if permits.len() > 1 => {
                let other = permits.remove(a % permits.len());
                let at = b % permits.len();
                let sum = other.num_permits() + permits[at].num_permits();
                permits[at].merge(other);
                assert_eq!(permits[at].num_permits(), sum);
            }
            Call::Release(n) => {
                let allowed = !S::BOUNDED || n <= model.forgotten;
                assert_eq!(semaphore.release(n), allowed);
                if allowed {
                    model.forgotten = model.forgotten.saturating_sub(n);
                    model.add(n);
                }
            }
            Call::ForgetPermits(n) => {
                let taken = semaphore.forget_permits(n);
                assert_eq!(taken, n.min(model.free));
                model.free -= taken;
                model.forgotten += taken;
            }
            Call::Close => assert_eq!(semaphore.close(), model.close()),
            _ => {}
        }
        assert_eq!(semaphore.state(), (model.free, model.queue.len(), model.closed));
        for waiter in &waiting {
            let told = model.granted.contains(&waiter.name) || model.refused.contains(&waiter.name);
            // A waiter that was polled by another waker since is not woken by its first one.
            assert_eq!(
                waiter.waker.count(),
                usize::from(told),
                "woken if and only if granted or closed upon, and once"
            );
        }
        if S::BOUNDED {
            let held: usize = permits.iter().map(Permit::num_permits).sum();
            let on_the_way = waiting.iter().filter(|waiter| model.granted.contains(&waiter.name));
            let on_the_way: usize = on_the_way.map(|waiter| waiter.size).sum();
            assert_eq!(model.free + held + on_the_way + model.forgotten, start);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_agree_with_the_model(start in 0..8_usize, calls in calls()) {
        agrees::<Semaphore>(start, calls);
    }

    #[test]
    fn random_calls_on_a_bounded_semaphore_agree_with_the_model(start in 0..8_usize, calls in calls()) {
        agrees::<BoundedSemaphore>(start, calls);
    }
}
