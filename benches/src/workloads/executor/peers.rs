//! The executors behind one interface: on the calling thread alone, or on two workers while the calling thread waits.

use futures_lite::future;
use futures_util::{future::RemoteHandle, task::LocalSpawnExt};
use std::{future::Future, rc::Rc, sync::Arc, thread, time::Duration};

/// A peer's executor while it runs, with what its users spawn, join and yield by.
pub(crate) trait Peer: Clone + 'static {
    type Handle<T: Send + 'static>: Send + 'static;
    /// Runs `main` on this thread, to its end.
    fn run<F: Future>(main: impl FnOnce(Self) -> F) -> F::Output;
    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Handle<T>;
    fn join<T: Send + 'static>(handle: Self::Handle<T>) -> impl Future<Output = T> + Send;
    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// One that has timers, or is used with those of its family.
pub(crate) trait Sleeps: Peer {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The executors that are known by the thread that one is on: on this thread alone for 0 workers.
macro_rules! of_this_thread {
    ($name:ident, $handle:ty, $spawn:path, $yield_now:path, $sleep:path, |$main:ident| $run:expr) => {
        #[derive(Clone)]
        pub(crate) struct $name<const WORKERS: usize>;

        impl<const WORKERS: usize> Peer for $name<WORKERS> {
            type Handle<T: Send + 'static> = $handle;
            fn run<F: Future>(main: impl FnOnce(Self) -> F) -> F::Output {
                let $main = async { main($name).await };
                $run
            }
            #[inline]
            fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Handle<T> {
                $spawn(future)
            }
            #[inline]
            async fn join<T: Send + 'static>(handle: Self::Handle<T>) -> T {
                handle.await.expect("no task panics")
            }
            #[inline]
            fn yield_now() -> impl Future<Output = ()> + Send {
                $yield_now()
            }
        }

        impl<const WORKERS: usize> Sleeps for $name<WORKERS> {
            fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
                $sleep(duration)
            }
        }
    };
}

of_this_thread!(
    Ours,
    waitline_executor::JoinHandle<T>,
    waitline_executor::spawn,
    waitline_executor::yield_now,
    waitline_executor::sleep,
    |main| match WORKERS {
        0 => waitline_executor::run(main),
        _ => waitline_executor::Executor::builder().threads(WORKERS).build().run(main),
    }
);
of_this_thread!(Tokio, tokio::task::JoinHandle<T>, tokio::spawn, tokio::task::yield_now, tokio::time::sleep, |main| {
    let mut builder = match WORKERS {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(WORKERS.max(1)).enable_time().build().expect("a runtime").block_on(main)
});

/// The executors of async-executor, by the `block_on` that runs them and the type that is spawned on.
macro_rules! async_executor {
    ($(#[$doc:meta])* $name:ident, $spawner:ty, $run:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) struct $name($spawner);

        impl Peer for $name {
            type Handle<T: Send + 'static> = async_executor::Task<T>;
            fn run<F: Future>(main: impl FnOnce(Self) -> F) -> F::Output {
                let spawner = <$spawner>::default();
                $run(&spawner, main($name(spawner.clone())))
            }
            #[inline]
            fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Handle<T> {
                self.0.spawn(future)
            }
            #[inline]
            fn join<T: Send + 'static>(handle: Self::Handle<T>) -> impl Future<Output = T> + Send {
                handle
            }
            #[inline]
            fn yield_now() -> impl Future<Output = ()> + Send {
                future::yield_now()
            }
        }
    };
}

type Local = Rc<async_executor::LocalExecutor<'static>>;
type Shared = Arc<async_executor::Executor<'static>>;

async_executor!(
    /// Its `LocalExecutor`, and the smallest `block_on`.
    AsyncLocal,
    Local,
    |local: &Local, main| future::block_on(local.run(main))
);
async_executor!(
    /// The same with smol's `block_on`, which runs the timers and sockets of async-io meanwhile.
    SmolLocal,
    Local,
    |local: &Local, main| smol::block_on(local.run(main))
);
async_executor!(
    /// Its `Executor` on two threads.
    AsyncWorkers,
    Shared,
    |shared: &Shared, main| on_workers(2, shared, main, future::block_on, future::block_on)
);
async_executor!(
    /// Its `Executor` on one thread beside the caller's.
    AsyncWorker,
    Shared,
    |shared: &Shared, main| on_workers(1, shared, main, future::block_on, future::block_on)
);
async_executor!(
    /// The same on two threads as smol does it, with its `block_on`.
    SmolWorkers,
    Shared,
    |shared: &Shared, main| on_workers(2, shared, main, smol::block_on, smol::block_on)
);

impl Sleeps for SmolLocal {
    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
    }
}

impl Sleeps for SmolWorkers {
    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
    }
}

/// Runs `main` on this thread, and what it spawns on `workers` others, as the examples of async-executor do it.
fn on_workers<F: Future>(
    workers: usize,
    executor: &Shared,
    main: F,
    block_on: fn(F) -> F::Output,
    work: fn(future::Boxed<()>),
) -> F::Output {
    let (stop, stopped) = async_channel::bounded::<()>(1);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (executor, stopped) = (executor.clone(), stopped.clone());
            scope.spawn(move || work(Box::pin(async move { _ = executor.run(stopped.recv()).await })));
        }
        let _stop = stop; // Dropped at the end, which closes the channel.
        block_on(main)
    })
}

/// The `LocalPool` of the futures crate. Not there: a yield, for which the others' smallest is taken.
#[derive(Clone)]
pub(crate) struct FuturesPool(futures_executor::LocalSpawner);

impl Peer for FuturesPool {
    type Handle<T: Send + 'static> = RemoteHandle<T>;
    fn run<F: Future>(main: impl FnOnce(Self) -> F) -> F::Output {
        let mut pool = futures_executor::LocalPool::new();
        let spawner = FuturesPool(pool.spawner());
        pool.run_until(main(spawner))
    }
    #[inline]
    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Handle<T> {
        self.0.spawn_local_with_handle(future).expect("the pool is here")
    }
    #[inline]
    fn join<T: Send + 'static>(handle: Self::Handle<T>) -> impl Future<Output = T> + Send {
        handle
    }
    #[inline]
    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
}
