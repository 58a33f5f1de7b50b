//! Where a misuse is reported: at the call, not inside the crate. Alone in its process, because it listens to all panics.
#![cfg(not(loom))]

use std::{panic, pin::pin, sync::Mutex, time::Duration};
use waitline::testing::{panic_message, poll_once};
use waitline_executor::{Executor, TaskGroup, interval, run, spawn, spawn_local, spawn_named, spawn_with_cleanup};

static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// The file in which the panic of `f` is reported.
fn file_of<R>(f: impl FnOnce() -> R) -> String {
    PLACE.lock().unwrap().take();
    panic_message(f).expect("it is a misuse");
    PLACE.lock().unwrap().take().expect("the hook was called")
}

#[test]
fn a_misuse_is_reported_at_the_call() {
    panic::set_hook(Box::new(|info| *PLACE.lock().unwrap() = info.location().map(|place| place.file().to_owned())));
    let executor = Executor::builder().threads(1).build();
    let files = [
        file_of(|| drop(spawn(async {}))),
        file_of(|| drop(spawn_named("name", async {}))),
        file_of(|| drop(spawn_local(async {}))),
        file_of(|| drop(spawn_with_cleanup(async {}, async {}))),
        file_of(|| TaskGroup::new().spawn(async {})),
        file_of(|| TaskGroup::new().spawn_local(async {})),
        file_of(|| run(async { run(async {}) })),
        file_of(|| run(async { executor.run(async {}) })),
        file_of(|| executor.run(async { drop(spawn_local(async {})) })),
        file_of(|| interval(Duration::ZERO)),
    ];
    assert_eq!(files, [(); 10].map(|()| file!()));
    #[cfg(feature = "sim")]
    {
        use waitline_executor::sim;
        let files = [
            file_of(|| run(async { sim::run(0, async {}) })),
            file_of(|| run(async { sim::many(0..1, || async {}) })),
            file_of(|| sim::chance(2.0)),
            file_of(|| sim::rng()),
        ];
        assert_eq!(files, [(); 4].map(|()| file!()));
    }
    // Nobody can tell who polls.
    assert!(file_of(|| poll_once(pin!(waitline_executor::sleep(Duration::ZERO)))).ends_with("sleep.rs"));
}
