//! Chance that can be repeated.

use std::time::Duration;

/// SplitMix64; the seed is printed, and taken from `FOOTBRIDGE_TEST_SEED` if that is set.
pub(crate) struct Random(u64);

impl Random {
    #[expect(clippy::print_stdout, reason = "shown when the test fails")]
    pub(crate) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a setting of the test, not of the program")]
        let wanted = std::env::var("FOOTBRIDGE_TEST_SEED").ok();
        let fresh = || u64::from(uuid::Uuid::new_v4().as_fields().0);
        let seed = wanted.map_or_else(fresh, |text| text.parse().unwrap());
        println!("to repeat: FOOTBRIDGE_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn within(&mut self, whole: Duration) -> Duration {
        let nanos = u64::try_from(whole.as_nanos()).unwrap();
        Duration::from_nanos(self.below(nanos.max(1)))
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(u64::try_from(from.len()).unwrap());
        from[usize::try_from(index).unwrap()]
    }
}
