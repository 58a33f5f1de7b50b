//! [`CountingAllocator`], for tests of allocations.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, with counts for each thread: for tests of code that must not allocate.
///
/// ```
/// use waitline::testing::{CountingAllocator, allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
/// assert_eq!(allocations(|| ()), 0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: all calls are forwarded to the system's allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as isize);
        // SAFETY: by the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        // SAFETY: by the caller's word.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The number of allocations of `work` on this thread if [`CountingAllocator`] is the global allocator; otherwise 0.
///
/// ```
/// use waitline::testing::{CountingAllocator, allocations};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// assert_eq!(allocations(|| drop(vec![7_u8; 100])), 1);
/// ```
pub fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// The number of bytes that this thread has allocated minus the number that it has freed, under [`CountingAllocator`].
/// Negative if it freed memory that other threads allocated.
///
/// ```
/// use waitline::testing::{CountingAllocator, allocated_bytes};
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let before = allocated_bytes();
/// let kept = std::hint::black_box(vec![7_u8; 100]);
/// assert_eq!(allocated_bytes() - before, 100);
/// # drop(kept);
/// ```
pub fn allocated_bytes() -> isize {
    BYTES.get()
}
