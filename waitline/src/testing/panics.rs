//! Panics that a test expects, and code that runs during one.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f` and returns the message of its panic, or `None` if it did not panic.
///
/// ```
/// use waitline::testing::panic_message;
/// assert_eq!(panic_message(|| panic!("at {}", 7)).as_deref(), Some("at 7"));
/// assert_eq!(panic_message(|| 7), None);
/// ```
pub fn panic_message<R>(f: impl FnOnce() -> R) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    let message = payload.downcast_ref::<&str>().map(|text| text.to_string());
    Some(message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default())
}

/// Runs `f` in a destructor while a panic unwinds, and checks that this first panic continues.
///
/// For tests of hazards: a guard that is dropped by a panic, an event that is set in a destructor. A panic that leaves
/// `f` aborts the process.
///
/// # Panics
///
/// If a panic other than the first one comes out.
///
/// ```
/// let mut ran = false;
/// waitline::testing::during_panic(|| ran = std::thread::panicking());
/// assert!(ran);
/// ```
#[track_caller]
pub fn during_panic(f: impl FnOnce()) {
    struct RunOnDrop<F: FnOnce()>(Option<F>);

    impl<F: FnOnce()> Drop for RunOnDrop<F> {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }

    const FIRST: &str = "the first panic, which continues";
    let message = panic_message(|| {
        let _run = RunOnDrop(Some(f));
        panic!("{FIRST}");
    });
    assert_eq!(message.as_deref(), Some(FIRST));
}
