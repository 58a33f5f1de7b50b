//! Models of the event and the barrier: `cargo loom`.
//!
//! In these builds a round of wake-ups is two waiters, so that a third one takes `set` to its second round.

/// `cargo loom` sets `EXPECT_LOOM`. Without `--cfg loom` in effect it would run no model at all, and be green.
#[cfg(not(all(loom, feature = "loom")))]
#[test]
fn loom_is_on_where_it_is_expected() {
    assert!(std::env::var_os("EXPECT_LOOM").is_none(), "`--cfg loom` got lost: is RUSTFLAGS exported?");
}

#[cfg(all(loom, feature = "loom"))]
#[path = "loom/barrier.rs"]
mod barrier;
#[cfg(all(loom, feature = "loom"))]
#[path = "loom/event.rs"]
mod event;
