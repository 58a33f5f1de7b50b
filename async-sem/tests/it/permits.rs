//! Permits: the same methods on four types, each tested on all of them.

use std::sync::Arc;
use waitline::testing::panic_message;
use waitline_sem::{BoundedSemaphore, OwnedPermit, Permit, Semaphore};

/// Runs the tests on one type of permit: `$take` acquires `$n` permits of `$semaphore`, an `Arc`.
macro_rules! tests_of {
    ($module:ident: $kind:ident, $permit:ty, |$semaphore:ident, $n:ident| $take:expr) => {
        mod $module {
            use super::*;

            fn take($semaphore: &Arc<$kind>, $n: usize) -> $permit {
                $take
            }

            #[test]
            fn drop_gives_all_back() {
                let semaphore = Arc::new($kind::new(5));
                let permits = take(&semaphore, 3);
                assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
                drop(permits);
                assert_eq!(semaphore.available_permits(), 5);
            }

            #[test]
            fn forget_gives_nothing_back() {
                let semaphore = Arc::new($kind::new(5));
                take(&semaphore, 3).forget();
                assert_eq!(semaphore.available_permits(), 2);
                _ = semaphore.release(3);
                assert_eq!(semaphore.available_permits(), 5);
                assert_eq!(Arc::strong_count(&semaphore), 1);
            }

            #[test]
            fn split_moves_some_none_or_all() {
                let semaphore = Arc::new($kind::new(5));
                let mut permits = take(&semaphore, 4);
                let one = permits.split(1).unwrap();
                assert_eq!((one.num_permits(), permits.num_permits()), (1, 3));
                let none = permits.split(0).unwrap();
                assert_eq!((none.num_permits(), permits.num_permits()), (0, 3));
                assert!(permits.split(4).is_none());
                assert_eq!(permits.num_permits(), 3);
                let rest = permits.split(3).unwrap();
                assert_eq!((rest.num_permits(), permits.num_permits()), (3, 0));
                assert_eq!(semaphore.available_permits(), 1);
                drop((permits, none));
                assert_eq!(semaphore.available_permits(), 1);
                drop(one);
                assert_eq!(semaphore.available_permits(), 2);
                drop(rest);
                assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (5, 1));
            }

            #[test]
            fn merge_takes_all_of_the_other() {
                let semaphore = Arc::new($kind::new(5));
                let mut permits = take(&semaphore, 1);
                permits.merge(take(&semaphore, 3));
                permits.merge(take(&semaphore, 0));
                assert_eq!((permits.num_permits(), semaphore.available_permits()), (4, 1));
                drop(permits);
                assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (5, 1));
            }

            #[test]
            fn merging_permits_of_two_semaphores_panics_and_moves_nothing() {
                let (semaphore, another) = (Arc::new($kind::new(5)), Arc::new($kind::new(5)));
                let mut permits = take(&semaphore, 2);
                let foreign = take(&another, 3);
                let message = panic_message(|| permits.merge(foreign)).unwrap();
                assert!(message.contains("merge: the permits are of two different semaphores"), "{message}");
                assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 3));
                assert_eq!(another.available_permits(), 5);
                drop(permits);
                assert_eq!((semaphore.available_permits(), another.available_permits()), (5, 5));
            }

            #[test]
            fn a_permit_dropped_by_a_panic_comes_back() {
                let semaphore = Arc::new($kind::new(2));
                assert!(
                    panic_message(|| {
                        let _permit = take(&semaphore, 2);
                        panic!("at work");
                    })
                    .is_some()
                );
                assert_eq!(semaphore.available_permits(), 2);
            }
        }
    };
}

tests_of!(borrowed: Semaphore, Permit<'_>, |semaphore, n| semaphore.try_acquire_many(n).unwrap());
tests_of!(owned: Semaphore, OwnedPermit, |semaphore, n| semaphore.clone().try_acquire_many_owned(n).unwrap());
tests_of!(bounded: BoundedSemaphore, Permit<'_, BoundedSemaphore>, |semaphore, n| semaphore
    .try_acquire_many(n)
    .unwrap());
tests_of!(bounded_owned: BoundedSemaphore, OwnedPermit<BoundedSemaphore>, |semaphore, n| semaphore
    .clone()
    .try_acquire_many_owned(n)
    .unwrap());

#[test]
fn permits_of_either_semaphore_serve_waiters() {
    use waitline::testing::{now, queued};
    let semaphore = Arc::new(Semaphore::new(4));
    let mut borrowed = semaphore.try_acquire_many(2).unwrap();
    let mut owned = semaphore.clone().try_acquire_many_owned(2).unwrap();
    // Each way in which a permit gives something back, against a waiter.
    for give_back in [
        &mut (|| drop(borrowed.split(1))) as &mut dyn FnMut(),
        &mut (|| drop(owned.split(1))),
        &mut (|| semaphore.release(1)),
    ] {
        let waiter = queued(semaphore.acquire());
        give_back();
        now(waiter).forget();
    }
    let waiter = queued(semaphore.acquire());
    drop(borrowed);
    now(waiter).forget();
    let waiter = queued(semaphore.clone().acquire_owned());
    drop(owned);
    now(waiter).forget();
    assert_eq!(semaphore.available_permits(), 0);
}
