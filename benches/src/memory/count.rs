//! An allocator that counts when it is asked to.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, Ordering},
};
use waitline::testing::{CountingAllocator, allocations};

/// The system's allocator, as it is while time is measured. The memory tables switch the counts of [`CountingAllocator`] on,
/// which would be felt elsewhere.
#[derive(Debug)]
pub struct Allocator;

static COUNTING: AtomicBool = AtomicBool::new(false);

/// Counts from now on.
///
/// # Panics
///
/// If the program has another global allocator.
pub(super) fn count() {
    COUNTING.store(true, Ordering::Relaxed);
    let counted = allocations(|| drop(std::hint::black_box(Box::new(0))));
    assert_eq!(counted, 1, "the program's global allocator is not `memory::Allocator`");
}

fn counting() -> bool {
    COUNTING.load(Ordering::Relaxed)
}

// SAFETY: all calls go to the system's allocator as they come, by way of `CountingAllocator` or not, which adds nothing to them.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's word.
        unsafe { if counting() { CountingAllocator.alloc(layout) } else { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by the caller's word.
        unsafe { if counting() { CountingAllocator.dealloc(block, layout) } else { System.dealloc(block, layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's word.
        unsafe { if counting() { CountingAllocator.alloc_zeroed(layout) } else { System.alloc_zeroed(layout) } }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the caller's word.
        unsafe {
            if counting() {
                CountingAllocator.realloc(block, layout, size)
            } else {
                System.realloc(block, layout, size)
            }
        }
    }
}
