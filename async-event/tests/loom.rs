//! Models of the event, the barrier and the watch, in every interleaving up to the preemption bound. `cargo loom` runs them; in an
//! ordinary build each body runs once, on real threads.
//!
//! Under loom a round of wake-ups is two waiters, so that a third one takes `set` to its second round.

/// `cargo loom` sets `EXPECT_LOOM`. Without `--cfg loom` in effect it would run no model at all, and be green.
#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn models_run_under_loom_when_loom_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "`--cfg loom` got lost: is RUSTFLAGS exported?");
}

#[path = "loom/barrier.rs"]
mod barrier;
#[path = "loom/event.rs"]
mod event;
#[path = "loom/timeout.rs"]
mod timeout;
#[path = "loom/watch.rs"]
mod watch;
