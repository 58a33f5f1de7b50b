//! What a `Debug` that never blocks shows of values that are being changed.

use std::fmt;

/// The value, or `<busy>` while it is being changed: for a `Debug` that only tries to take a mutex.
///
/// ```
/// use waitline::busy_or;
/// assert_eq!(format!("{:?} {:?}", busy_or(&Some(7)), busy_or::<u8>(&None)), "7 <busy>");
/// ```
pub fn busy_or<T: fmt::Debug>(value: &Option<T>) -> &dyn fmt::Debug {
    struct Busy;

    impl fmt::Debug for Busy {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("<busy>")
        }
    }

    match value {
        Some(value) => value,
        None => &Busy,
    }
}
