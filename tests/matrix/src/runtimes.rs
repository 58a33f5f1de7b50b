//! The executors, each at its newest version, with nothing set that would help.

use crate::{Program, Runtime, Tasks, hostile};
use std::{cell::RefCell, sync::Arc, thread};

/// All of them.
pub fn all() -> Vec<Runtime> {
    let mut all = vec![
        Runtime { name: "waitline-run", run: waitline_run },
        Runtime { name: "waitline-executor", run: waitline_executor },
        Runtime { name: "tokio-current-thread", run: tokio_current_thread },
        Runtime { name: "tokio-multi-thread", run: tokio_multi_thread },
        Runtime { name: "smol", run: smol },
        Runtime { name: "async-executor", run: async_executor },
        Runtime { name: "futures-local-pool", run: futures_local_pool },
        Runtime { name: "futures-thread-pool", run: futures_thread_pool },
        Runtime { name: "pollster", run: pollster },
        Runtime { name: "hostile", run: hostile },
        Runtime { name: "hostile-polls-all", run: hostile_polls_all },
    ];
    #[cfg(target_os = "linux")]
    all.extend(linux::all());
    all
}

fn waitline_run(program: Program) -> Result<(), String> {
    waitline_executor::run(program(Tasks::new(|job| drop(waitline_executor::spawn(job)))));
    Ok(())
}

fn waitline_executor(program: Program) -> Result<(), String> {
    let executor = waitline_executor::Executor::builder().threads(2).build();
    executor.run(program(Tasks::new(|job| drop(waitline_executor::spawn(job)))));
    Ok(())
}

fn tokio_current_thread(program: Program) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without a driver");
    runtime.block_on(program(Tasks::new(|job| drop(tokio::spawn(job)))));
    Ok(())
}

fn tokio_multi_thread(program: Program) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("two threads");
    runtime.block_on(program(Tasks::new(|job| drop(tokio::spawn(job)))));
    Ok(())
}

fn smol(program: Program) -> Result<(), String> {
    smol::block_on(program(Tasks::new(|job| smol::spawn(job).detach())));
    Ok(())
}

/// On two threads.
fn async_executor(program: Program) -> Result<(), String> {
    let executor = Arc::new(async_executor::Executor::new());
    let main = program(Tasks::new({
        let executor = executor.clone();
        move |job| executor.spawn(job).detach()
    }));
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| futures_lite::future::block_on(executor.run(stopped)));
        // Dropped with this closure, in a panic as well.
        let _stop = stop;
        futures_lite::future::block_on(executor.run(main));
    });
    Ok(())
}

fn futures_local_pool(program: Program) -> Result<(), String> {
    use futures::{executor::LocalPool, task::SpawnExt};
    thread_local! {
        static SPAWNER: RefCell<Option<futures::executor::LocalSpawner>> = const { RefCell::new(None) };
    }
    let mut pool = LocalPool::new();
    SPAWNER.set(Some(pool.spawner()));
    let tasks = Tasks::new(|job| {
        SPAWNER.with_borrow(|spawner| spawner.as_ref().unwrap().spawn(job)).expect("the pool is alive");
    });
    pool.run_until(program(tasks));
    Ok(())
}

fn futures_thread_pool(program: Program) -> Result<(), String> {
    let pool = futures::executor::ThreadPool::builder().pool_size(2).create().expect("two threads");
    futures::executor::block_on(program(Tasks::new(move |job| pool.spawn_ok(job))));
    Ok(())
}

/// It has no tasks: each is a thread.
fn pollster(program: Program) -> Result<(), String> {
    pollster::block_on(program(Tasks::new(|job| drop(thread::spawn(|| pollster::block_on(job))))));
    Ok(())
}

fn hostile(program: Program) -> Result<(), String> {
    hostile::run(program, false);
    Ok(())
}

fn hostile_polls_all(program: Program) -> Result<(), String> {
    hostile::run(program, true);
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Program, Runtime, Tasks};
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    pub(super) fn all() -> [Runtime; 5] {
        [
            Runtime { name: "monoio-io-uring", run: monoio_io_uring },
            Runtime { name: "monoio-legacy", run: monoio_legacy },
            Runtime { name: "compio", run: compio },
            Runtime { name: "glommio", run: glommio },
            Runtime { name: "embassy", run: embassy },
        ]
    }

    fn monoio_io_uring(program: Program) -> Result<(), String> {
        let runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build();
        let mut runtime = runtime.map_err(|error| format!("no io_uring: {error}"))?;
        runtime.block_on(program(Tasks::new(|job| drop(monoio::spawn(job)))));
        Ok(())
    }

    fn monoio_legacy(program: Program) -> Result<(), String> {
        let mut runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().build().expect("epoll is there");
        runtime.block_on(program(Tasks::new(|job| drop(monoio::spawn(job)))));
        Ok(())
    }

    fn compio(program: Program) -> Result<(), String> {
        let runtime = compio::runtime::Runtime::new().map_err(|error| format!("no io_uring: {error}"))?;
        runtime.block_on(program(Tasks::new(|job| compio::runtime::spawn(job).detach())));
        Ok(())
    }

    fn glommio(program: Program) -> Result<(), String> {
        let executor = glommio::LocalExecutorBuilder::default().make();
        let executor = executor.map_err(|error| format!("no io_uring, or not enough locked memory: {error}"))?;
        executor.run(program(Tasks::new(|job| drop(glommio::spawn_local(job).detach()))));
        Ok(())
    }

    /// Its tasks are statics: a pool of them for all programs that run at a time.
    #[embassy_executor::task(pool_size = 1024)]
    async fn embassy_task(job: crate::Job) {
        job.await;
    }

    fn embassy(program: Program) -> Result<(), String> {
        let executor = Box::leak(Box::new(embassy_executor::Executor::new()));
        let done = Arc::new(AtomicBool::new(false));
        let main_done = done.clone();
        let init = |spawner: embassy_executor::Spawner| {
            let anywhere = spawner.make_send();
            let main =
                program(Tasks::new(move |job| anywhere.spawn(embassy_task(job).expect("1024 tasks are enough"))));
            let main = Box::pin(async move {
                main.await;
                main_done.store(true, Ordering::Relaxed);
            });
            spawner.spawn(embassy_task(main).expect("1024 tasks are enough"));
        };
        executor.run_until(init, || done.load(Ordering::Relaxed));
        Ok(())
    }
}
