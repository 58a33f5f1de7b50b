//! Waits that block a thread: with a deadline, for owned permits, and of a closed semaphore.

use std::{sync::Arc, thread, time::Duration};
use waitline::testing::{now, panic_message, queued, yield_until};
use waitline_sem::{AcquireTimeoutError, BoundedSemaphore, Closed, Semaphore};

const SHORT: Duration = Duration::from_millis(1);
/// Never reached: a test that waits for it fails by hanging.
const LONG: Duration = Duration::from_secs(3600);

/// The tests, once for each semaphore.
macro_rules! tests {
    ($module:ident, $Tested:ty) => {
        mod $module {
            use super::*;

            type Tested = $Tested;

            #[test]
            fn free_permits_are_taken_and_missing_ones_are_left() {
                let semaphore = Arc::new(Tested::new(3));
                for timeout in [Duration::ZERO, SHORT, LONG, Duration::MAX] {
                    assert_eq!(semaphore.acquire_blocking_timeout(timeout).unwrap().num_permits(), 1);
                    assert_eq!(semaphore.acquire_many_blocking_timeout(3, timeout).unwrap().num_permits(), 3);
                    assert_eq!(semaphore.acquire_blocking_or_closed_timeout(timeout).unwrap().num_permits(), 1);
                    assert_eq!(semaphore.acquire_many_blocking_or_closed_timeout(3, timeout).unwrap().num_permits(), 3);
                    assert_eq!(semaphore.clone().acquire_owned_blocking_timeout(timeout).unwrap().num_permits(), 1);
                    assert_eq!(semaphore.clone().acquire_many_owned_blocking_timeout(3, timeout).unwrap().num_permits(), 3);
                }
                let all = semaphore.clone().acquire_many_owned_blocking(2);
                let one = semaphore.clone().acquire_owned_blocking();
                for timeout in [Duration::ZERO, SHORT] {
                    assert!(semaphore.acquire_blocking_timeout(timeout).is_none());
                    assert!(semaphore.acquire_many_blocking_timeout(3, timeout).is_none());
                    let timed_out = AcquireTimeoutError::TimedOut;
                    assert_eq!(semaphore.acquire_blocking_or_closed_timeout(timeout).unwrap_err(), timed_out);
                    assert_eq!(semaphore.acquire_many_blocking_or_closed_timeout(3, timeout).unwrap_err(), timed_out);
                    assert!(semaphore.clone().acquire_owned_blocking_timeout(timeout).is_none());
                    assert!(semaphore.clone().acquire_many_owned_blocking_timeout(3, timeout).is_none());
                }
                assert_eq!((semaphore.waiters(), Arc::strong_count(&semaphore)), (0, 3));
                drop((all, one));
                assert_eq!(semaphore.available_permits(), 3);
            }

            #[test]
            fn a_thread_is_granted_permits_in_time_and_in_order() {
                let semaphore = Tested::new(2);
                let held = semaphore.try_acquire_many(2);
                thread::scope(|scope| {
                    let first = scope.spawn(|| semaphore.acquire_many_blocking_timeout(2, LONG).is_some());
                    yield_until(|| semaphore.waiters() == 1);
                    let mut second = queued(semaphore.acquire());
                    drop(held);
                    assert!(first.join().unwrap());
                    drop(now(second.as_mut()));
                });
                assert_eq!(semaphore.available_permits(), 2);
            }

            /// Hazard 2: a large request that leaves the front lets those that fit go on.
            #[test]
            fn a_large_request_whose_time_has_passed_lets_smaller_ones_go_on() {
                let semaphore = Tested::new(3);
                let held = semaphore.try_acquire_many(2);
                thread::scope(|scope| {
                    let large = scope.spawn(|| semaphore.acquire_many_blocking_timeout(3, SHORT).is_none());
                    // Behind it while it waits, and served when it leaves.
                    drop(semaphore.acquire_blocking_timeout(LONG).unwrap());
                    assert!(large.join().unwrap());
                });
                let large = queued(semaphore.acquire_many(3));
                let mut small = queued(semaphore.acquire());
                assert!(waitline::sync::block_on_timeout(large, Duration::ZERO).is_none());
                drop(now(small.as_mut()));
                drop(held);
                assert_eq!(semaphore.available_permits(), 3);
            }

            #[test]
            fn a_close_ends_the_waits_of_threads() {
                let semaphore = Arc::new(Tested::new(1));
                let permit = semaphore.try_acquire();
                thread::scope(|scope| {
                    let waits = [
                        scope.spawn(|| semaphore.acquire_blocking_or_closed_timeout(LONG).err()),
                        scope.spawn(|| semaphore.acquire_many_blocking_or_closed_timeout(1, LONG).err()),
                        scope.spawn(|| semaphore.clone().acquire_owned().or_closed().wait_blocking_timeout(LONG).err()),
                    ];
                    let without_deadline = scope.spawn(|| semaphore.clone().acquire_owned().or_closed().wait_blocking().err());
                    yield_until(|| semaphore.waiters() == 4);
                    semaphore.close();
                    assert_eq!(waits.map(|wait| wait.join().unwrap()), [Some(AcquireTimeoutError::Closed); 3]);
                    assert_eq!(without_deadline.join().unwrap(), Some(Closed));
                });
                let all = || semaphore.acquire_many(1).after_close();
                assert!(all().wait_blocking_timeout(SHORT).is_none());
                assert_eq!(semaphore.waiters(), 0);
                thread::scope(|scope| {
                    let closer = scope.spawn(|| all().wait_blocking().num_permits());
                    yield_until(|| semaphore.waiters() == 1);
                    drop(permit);
                    assert_eq!(closer.join().unwrap(), 1);
                });
                assert_eq!(semaphore.acquire_many(1).after_close().wait_blocking_timeout(LONG).unwrap().num_permits(), 1);
            }

            #[test]
            fn a_call_that_cannot_fail_says_which_one_can() {
                let semaphore = Arc::new(Tested::new(1));
                semaphore.close();
                let messages = [
                    panic_message(|| semaphore.acquire_blocking_timeout(SHORT)),
                    panic_message(|| semaphore.acquire_many_blocking_timeout(1, SHORT)),
                    panic_message(|| semaphore.clone().acquire_owned_blocking()),
                    panic_message(|| semaphore.clone().acquire_many_owned_blocking_timeout(1, SHORT)),
                ];
                let instead = [
                    "acquire_blocking_timeout: the semaphore is closed; call `acquire_blocking_or_closed_timeout`",
                    "call `acquire_many_blocking_or_closed_timeout`",
                    "acquire_owned_blocking: the semaphore is closed; call `acquire_owned().or_closed().wait_blocking()`",
                    "call `acquire_many_owned().or_closed().wait_blocking_timeout()`",
                ];
                for (message, instead) in messages.into_iter().zip(instead) {
                    let message = message.unwrap();
                    assert!(message.contains(instead), "{message}");
                }
                let too_many = panic_message(|| semaphore.acquire_many_blocking_timeout(usize::MAX, SHORT)).unwrap();
                assert!(too_many.contains("acquire_many_blocking_timeout"), "{too_many}");
            }
        }
    };
}

tests!(semaphore, Semaphore);
tests!(bounded, BoundedSemaphore);

#[test]
fn errors_say_what_happened() {
    assert_eq!(AcquireTimeoutError::Closed.to_string(), Closed.to_string());
    assert_eq!(AcquireTimeoutError::TimedOut.to_string(), "the time of a wait for permits has passed");
}
