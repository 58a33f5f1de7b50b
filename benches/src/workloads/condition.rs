//! Conditions: a state under a lock, and waiting for it to change.

use crate::{
    Workload,
    drive::{On, poll, yield_now},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

/// A number under a peer's lock, with what the peer offers to wait for its change.
trait Watched: Send + Sync + 'static {
    fn new() -> Self;
    /// Changes the number and notifies all who wait.
    fn change(&self, change: fn(&mut u64)) -> impl Future<Output = ()> + Send;
    /// Waits until the number is as wanted, and changes it before anybody else can, without notifying.
    fn wait(&self, wanted: impl Fn(u64) -> bool + Send, change: fn(&mut u64)) -> impl Future<Output = ()> + Send;
}

struct Ours(waitline_lock::Lock<u64>, waitline_lock::Condition);

impl Watched for Ours {
    fn new() -> Self {
        Ours(waitline_lock::Lock::new(0), waitline_lock::Condition::new())
    }
    async fn change(&self, change: fn(&mut u64)) {
        let mut value = self.0.lock().await;
        change(&mut value);
        self.1.notify_all(&value);
    }
    async fn wait(&self, wanted: impl Fn(u64) -> bool + Send, change: fn(&mut u64)) {
        let guard = self.0.lock().await;
        change(&mut *self.1.wait_while(guard, move |value| !wanted(*value)).await);
    }
}

struct Asyncband(asyncband::mutex::Mutex<u64>, asyncband::condvar::Condvar);

impl Watched for Asyncband {
    fn new() -> Self {
        Asyncband(asyncband::mutex::Mutex::new(0), asyncband::condvar::Condvar::new())
    }
    async fn change(&self, change: fn(&mut u64)) {
        let mut value = self.0.lock().await;
        change(&mut value);
        self.1.notify_all();
    }
    async fn wait(&self, wanted: impl Fn(u64) -> bool + Send, change: fn(&mut u64)) {
        let guard = self.0.lock().await;
        change(&mut *self.1.wait_while(guard, move |value| !wanted(*value)).await);
    }
}

/// What tokio's users write in the place of a condition.
struct Tokio(tokio::sync::Mutex<u64>, tokio::sync::Notify);

impl Watched for Tokio {
    fn new() -> Self {
        Tokio(tokio::sync::Mutex::new(0), tokio::sync::Notify::new())
    }
    async fn change(&self, change: fn(&mut u64)) {
        let mut value = self.0.lock().await;
        change(&mut value);
        self.1.notify_waiters();
    }
    async fn wait(&self, wanted: impl Fn(u64) -> bool + Send, change: fn(&mut u64)) {
        loop {
            let mut value = self.0.lock().await;
            if wanted(*value) {
                return change(&mut value);
            }
            let mut notified = pin!(self.1.notified());
            notified.as_mut().enable();
            drop(value);
            notified.await;
        }
    }
}

/// What async-lock's users write.
struct EventListener(smol_async_lock::Mutex<u64>, event_listener::Event);

impl Watched for EventListener {
    fn new() -> Self {
        EventListener(smol_async_lock::Mutex::new(0), event_listener::Event::new())
    }
    async fn change(&self, change: fn(&mut u64)) {
        let mut value = self.0.lock().await;
        change(&mut value);
        self.1.notify(usize::MAX);
    }
    async fn wait(&self, wanted: impl Fn(u64) -> bool + Send, change: fn(&mut u64)) {
        loop {
            let mut value = self.0.lock().await;
            if wanted(*value) {
                return change(&mut value);
            }
            event_listener::listener!(self.1 => listener);
            drop(value);
            listener.await;
        }
    }
}

/// Two tasks take turns: each waits for its parity and hands over to the other.
fn ping_pong<W: Watched>(n: u64) -> Duration {
    let state = Arc::new(W::new());
    let each = n.div_ceil(2);
    let player = |state: Arc<W>, parity: u64| async move {
        for _ in 0..each {
            state.wait(|value| value % 2 == parity, |_| ()).await;
            state.change(|value| *value += 1).await;
        }
    };
    let took = On::OneThread.time([0, 1].map(|parity| player(state.clone(), parity)));
    check(&*state, each * 2);
    took
}

const CROWD: u64 = 1000;

/// Rounds in which 1000 waiters are notified at once, and each takes the lock once. Times are per waiter, from the
/// notification to the end of the last wait.
fn crowd<W: Watched>(n: u64, on: On) -> Duration {
    type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
    let rounds = n.div_ceil(CROWD);
    let state = Arc::new(W::new());
    let mut took = Duration::ZERO;
    for round in 0..rounds {
        let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0), Mutex::new(None), Mutex::new(None)));
        let waiter = || {
            let (state, counts) = (state.clone(), counts.clone());
            async move {
                counts.0.fetch_add(1, Ordering::Relaxed);
                state.wait(move |value| value > round * (CROWD + 1), |value| *value += 1).await;
                if counts.1.fetch_add(1, Ordering::Relaxed) == CROWD - 1 {
                    *counts.3.lock().expect("once") = Some(Instant::now());
                }
            }
        };
        let notifier = {
            let (state, counts) = (state.clone(), counts.clone());
            async move {
                while counts.0.load(Ordering::Relaxed) < CROWD {
                    yield_now().await;
                }
                *counts.2.lock().expect("once") = Some(Instant::now());
                state.change(|value| *value += 1).await;
            }
        };
        let tasks = (0..CROWD).map(|_| Box::pin(waiter()) as Task).chain([Box::pin(notifier) as Task]);
        on.time(tasks);
        let at = |moment: &Mutex<Option<Instant>>| moment.lock().expect("once").expect("all tasks have ended");
        took += at(&counts.3) - at(&counts.2);
    }
    check(&*state, rounds * (CROWD + 1));
    took
}

fn check(state: &impl Watched, value: u64) {
    let wait = state.wait(move |now| now == value, |_| ());
    assert!(poll(pin!(wait), Waker::noop()).is_ready(), "the count is off");
}

/// The crowd at our condition, which compares executors.
pub(super) fn our_crowd(n: u64, on: On) -> Duration {
    crowd::<Ours>(n, on)
}

/// Adds one case per peer.
macro_rules! every_condition {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<Ours>(n $(, $arg)*))
            .case("async-lock + event-listener", move |n| $run::<EventListener>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<Asyncband>(n $(, $arg)*))
            .case("tokio Mutex + Notify", move |n| $run::<Tokio>(n $(, $arg)*))
    };
}

/// All workloads on conditions.
pub fn workloads() -> Vec<Workload> {
    let notify_all = |place| Workload::new(format!("condition: notify_all over 1000 waiters, {place}, per waiter"));
    vec![
        every_condition!(Workload::new("condition: ping-pong of two tasks, one thread, per turn"), ping_pong),
        every_condition!(notify_all("one thread"), crowd, On::OneThread),
        pairs!(notify_all("two workers"), every_condition, crowd),
    ]
}
