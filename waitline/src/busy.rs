//! [`busy_or`], for `Debug` implementations that never block.

use std::fmt;

/// Formats as the value, or as `<busy>` if there is none: for a `Debug` that only tries to take a mutex.
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
