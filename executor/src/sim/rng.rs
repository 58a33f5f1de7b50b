//! The generator behind every choice of a simulation.

use super::scheduler::with_simulation;
use std::{cell::Cell, marker::PhantomData};

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// Implemented here, because a seed must mean the same schedule for ever, and published generators with a stable stream
/// have many dependencies.
#[derive(Debug)]
pub(crate) struct SplitMix(Cell<u64>);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        mix(self.0.get())
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        // The upper half of the product. The bias is less than `limit` in 2^64.
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// `true` with a probability of `p`.
    pub(crate) fn chance(&self, p: f64) -> bool {
        // 53 bits, all that an f64 has: the same on every machine.
        ((self.next() >> 11) as f64) < p * (1_u64 << 53) as f64
    }
}

/// Spreads every bit of `z` over all of the result.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The random numbers of the running simulation, for the program in it: the same for the same seed.
///
/// # Panics
///
/// Outside of a simulation. [`chance`](super::chance) may be called anywhere.
///
/// # Examples
///
/// ```
/// use waitline_executor::sim;
///
/// let draw = || sim::run(7, async { (sim::rng().below(6), sim::rng().u64()) }).unwrap();
/// assert_eq!(draw(), draw());
/// ```
#[track_caller]
pub fn rng() -> Rng {
    with_simulation("sim::rng", |_| ());
    Rng(PhantomData)
}

/// The random numbers of a simulation; made by [`rng`]. Every draw is part of the [trace](super::trace_hash).
#[derive(Debug, Clone, Copy)]
pub struct Rng(PhantomData<*const ()>);

impl Rng {
    /// Any number.
    ///
    /// # Panics
    ///
    /// Here and below: outside of a simulation.
    #[track_caller]
    pub fn u64(self) -> u64 {
        with_simulation("Rng::u64", |simulation| simulation.draw(SplitMix::next))
    }

    /// A number from 0 to one less than `limit`.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    #[track_caller]
    pub fn below(self, limit: u64) -> u64 {
        assert!(limit > 0, "`Rng::below(0)`: there is no number below 0");
        with_simulation("Rng::below", |simulation| simulation.draw(|random| random.below(limit)))
    }

    /// Brings `items` into a random order.
    #[track_caller]
    pub fn shuffle<T>(self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_published_algorithm() {
        let random = SplitMix::new(1_234_567);
        let stream: Vec<u64> = (0..5).map(|_| random.next()).collect();
        assert_eq!(
            stream,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn numbers_below_a_limit_are_all_drawn_and_chances_keep_their_word() {
        let random = SplitMix::new(1);
        let mut drawn = [0; 7];
        (0..7000).for_each(|_| drawn[random.below(7) as usize] += 1);
        assert!(drawn.iter().all(|n| (800..1200).contains(n)), "{drawn:?}");
        let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2300..2700).contains(&hits), "{hits}");
        assert!((0..100).all(|_| random.chance(1.0) && !random.chance(0.0)));
    }
}
