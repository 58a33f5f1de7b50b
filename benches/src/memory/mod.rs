//! What a type, a guard and a waiter cost in memory: sizes, and what comes from the heap. The same in every run.

mod channels;
mod count;
mod tables;

use crate::drive::poll;
use std::{fmt, future::Future, task::Waker};
use waitline::testing::{allocated_bytes, allocations};

pub use count::Allocator;
pub use tables::tables;

/// The group's name on the command line.
pub const NAME: &str = "memory";

/// So many waiters wait at once, and the heap's part of each is their average.
const WAITERS: usize = 1000;

/// The figures of one primitive.
#[derive(Debug)]
pub struct Table {
    name: &'static str,
    about: &'static str,
    columns: &'static [&'static str],
    rows: Vec<(&'static str, Vec<Cell>)>,
}

/// What is in a table.
#[derive(Debug, Clone, Copy)]
enum Cell {
    /// The bytes of a value.
    Size(usize),
    /// Of the heap, per waiter.
    Heap(Heap),
    /// Not offered.
    Nothing,
}

/// What the heap gives for each of some waiters or tasks.
#[derive(Debug, Clone, Copy)]
struct Heap {
    allocations: f64,
    bytes: f64,
}

impl Heap {
    const NONE: Heap = Heap { allocations: 0.0, bytes: 0.0 };

    /// The costs of `make`, which makes one of [`WAITERS`] things that stay. `own` is what each takes by the hand of the
    /// bench itself.
    fn of<T>(own: Heap, mut make: impl FnMut() -> T) -> Heap {
        let mut made = Vec::with_capacity(WAITERS);
        let before = allocated_bytes();
        let allocations = allocations(|| (0..WAITERS).for_each(|_| made.push(make())));
        let bytes = allocated_bytes() - before;
        Heap {
            allocations: allocations as f64 / WAITERS as f64 - own.allocations,
            bytes: bytes as f64 / WAITERS as f64 - own.bytes,
        }
    }

    /// Many waiters, each polled once.
    fn of_waiters<F: Future>(mut wait: impl FnMut() -> F) -> Heap {
        let own = Heap { allocations: 1.0, bytes: size_of::<F>() as f64 };
        Self::of(own, || {
            let mut waiter = Box::pin(wait());
            assert!(poll(waiter.as_mut(), Waker::noop()).is_pending(), "there was nothing to wait for");
            waiter
        })
    }
}

/// The size of a future that is not there yet.
fn size_of_future<F: Future>(_: &impl FnMut() -> F) -> Cell {
    Cell::Size(size_of::<F>())
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Two digits, as a list that grows by doubling costs its waiters parts of an allocation.
        let number = |number: f64| match format!("{number:.2}").trim_end_matches('0').trim_end_matches('.') {
            "-0" => "0".to_owned(),
            trimmed => trimmed.to_owned(),
        };
        match self {
            Cell::Size(0) | Cell::Nothing => write!(f, "–"),
            Cell::Size(bytes) => write!(f, "{bytes}"),
            Cell::Heap(Heap { allocations, bytes }) => write!(f, "{} / {}", number(*allocations), number(*bytes)),
        }
    }
}

/// As Markdown.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### memory: {}\n\n{}\n", self.name, self.about)?;
        writeln!(f, "| peer | {} |", self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(self.columns.len()))?;
        for (peer, cells) in &self.rows {
            let peer = if peer.starts_with("waitline") { format!("**{peer}**") } else { peer.to_string() };
            write!(f, "| {peer} |")?;
            cells.iter().try_for_each(|cell| write!(f, " {cell} |"))?;
            writeln!(f)?;
        }
        Ok(())
    }
}
