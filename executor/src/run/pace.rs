//! How often a thread that is never out of turns looks for timers, and for work from other threads.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// It looks after each block of turns. The length of a block follows the time that the last one took, so that short
/// turns cost few looks, and timers are not late behind long ones. The clock is read once for each block.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The turns that are left of this block.
    left: Cell<u32>,
    length: Cell<u32>,
    /// When the block began. None if the thread was idle in it.
    began: Cell<Option<Instant>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { left: Cell::new(0), length: Cell::new(1), began: Cell::new(None) }
    }
}

impl Pace {
    /// A block of more turns saves nothing more.
    const LONGEST: u32 = 61;

    /// A block is not to take longer.
    const AIM: Duration = Duration::from_millis(1);

    /// Counts a turn. Returns whether to look before it.
    #[inline]
    pub(crate) fn is_time_to_look(&self) -> bool {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                false
            }
            None => {
                self.end_block(Instant::now());
                true
            }
        }
    }

    /// Called when the thread has waited. That time says nothing about its turns.
    #[inline]
    pub(crate) fn was_idle(&self) {
        self.began.set(None);
    }

    fn end_block(&self, now: Instant) {
        let length = self.length.get();
        let took = self.began.replace(Some(now)).map(|began| now.saturating_duration_since(began));
        let length = match took {
            None => length,
            Some(took) if took <= Self::AIM => (2 * length).min(Self::LONGEST),
            Some(took) => (f64::from(length) * Self::AIM.as_secs_f64() / took.as_secs_f64()).max(1.0) as u32,
        };
        self.length.set(length);
        self.left.set(length - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of turns between looks, for turns that take as long as these.
    fn blocks(pace: &Pace, now: &mut Instant, turn: Duration, count: usize) -> Vec<u32> {
        let block = |_| {
            pace.end_block(*now);
            *now += turn * pace.length.get();
            pace.length.get()
        };
        (0..count).map(block).collect()
    }

    #[test]
    fn a_block_of_short_turns_grows_and_one_of_long_turns_shrinks() {
        let (pace, mut now) = (Pace::default(), Instant::now());
        let short = Duration::from_micros(1);
        assert_eq!(blocks(&pace, &mut now, short, 8), [1, 2, 4, 8, 16, 32, 61, 61]);
        // The first block of long turns has the old length.
        assert_eq!(blocks(&pace, &mut now, Duration::from_millis(5), 3), [61, 1, 1]);
        assert_eq!(blocks(&pace, &mut now, Duration::from_micros(100), 6), [1, 2, 4, 8, 16, 10]);
    }

    #[test]
    fn idle_time_does_not_count() {
        let (pace, mut now) = (Pace::default(), Instant::now());
        blocks(&pace, &mut now, Duration::from_micros(1), 7);
        pace.was_idle();
        now += Duration::from_secs(1);
        assert_eq!(blocks(&pace, &mut now, Duration::from_micros(1), 2), [61, 61]);
    }

    #[test]
    fn it_looks_before_the_first_turn_of_each_block() {
        let pace = Pace::default();
        pace.length.set(3);
        pace.was_idle();
        let looks: Vec<bool> = (0..4).map(|_| pace.is_time_to_look()).collect();
        assert_eq!(looks, [true, false, false, true]);
    }
}
