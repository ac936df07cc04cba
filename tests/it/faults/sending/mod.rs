//! A message of any size on its way out, and something goes wrong, or two things: with any request of it, in any
//! way, the bridge killed among them. In the end it is with its recipient once and the client was told so, or the
//! client was told that it was not sent and it is nowhere; what was told with 4yz arrives once when the client
//! tries again; nothing is left in Drafts, and one copy is in Sent Items.
//!
//! Chance decides. `FOOTBRIDGE_SENDINGS=20000` plays that many runs in all, and `FOOTBRIDGE_SENDING_SEED=7` plays the
//! run of seed 7 and those after it; a failure tells its seed.

mod run;
mod setting;
mod trouble;

use self::run::Bench;
use self::setting::Size;

/// Runs of each size in the tests below; a thousand in all.
const SMALL: u64 = 163;
const MIDDLING: u64 = 60;
const LARGE: u64 = 24;
const HUGE: u64 = 3;
/// How many tests play runs of a size.
const TESTS: u64 = 4;

/// xorshift64: the same run for the same seed.
pub(super) struct Chance(u64);

impl Chance {
    fn of(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..8 {
            chance.below(2);
        }
        chance
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    pub(super) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(super) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

/// Names the run that a failure is about.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "who sees the failure must know the seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("FOOTBRIDGE_SENDING_SEED={} begins with this run", self.0);
        }
    }
}

#[expect(clippy::print_stdout, reason = "shown when the test fails")]
fn tell(what: &str) {
    println!("{what}");
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// So many runs of this size, in one world.
async fn play(size: Size, first: u64, runs: u64) {
    let all = (SMALL + MIDDLING + LARGE + HUGE) * TESTS;
    let runs = set("FOOTBRIDGE_SENDINGS").map_or(runs, |wanted| (runs * wanted).div_ceil(all));
    let first = set("FOOTBRIDGE_SENDING_SEED").unwrap_or(first);
    let mut bench = Bench::new(size).await;
    for seed in first..first + runs {
        let named = Seed(seed);
        tell(&format!("=== seed {seed}"));
        bench.play(&mut Chance::of(seed)).await;
        drop(named);
    }
}

macro_rules! runs {
    ($($name:ident: $size:ident from $first:literal,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let runs = match Size::$size {
                    Size::TwoKilobytes => SMALL,
                    Size::TwoMegabytes => MIDDLING,
                    Size::TenMegabytes => LARGE,
                    Size::SixtyMegabytes => HUGE,
                };
                play(Size::$size, $first, runs).await;
            }
        )*
    };
}

runs! {
    two_kilobytes_are_sent_once_one: TwoKilobytes from 1,
    two_kilobytes_are_sent_once_two: TwoKilobytes from 1_000_001,
    two_kilobytes_are_sent_once_three: TwoKilobytes from 2_000_001,
    two_kilobytes_are_sent_once_four: TwoKilobytes from 3_000_001,
    two_megabytes_are_sent_once_one: TwoMegabytes from 4_000_001,
    two_megabytes_are_sent_once_two: TwoMegabytes from 5_000_001,
    two_megabytes_are_sent_once_three: TwoMegabytes from 6_000_001,
    two_megabytes_are_sent_once_four: TwoMegabytes from 7_000_001,
    ten_megabytes_are_sent_once_one: TenMegabytes from 8_000_001,
    ten_megabytes_are_sent_once_two: TenMegabytes from 9_000_001,
    ten_megabytes_are_sent_once_three: TenMegabytes from 10_000_001,
    ten_megabytes_are_sent_once_four: TenMegabytes from 11_000_001,
    sixty_megabytes_are_sent_once_one: SixtyMegabytes from 12_000_001,
    sixty_megabytes_are_sent_once_two: SixtyMegabytes from 13_000_001,
    sixty_megabytes_are_sent_once_three: SixtyMegabytes from 14_000_001,
    sixty_megabytes_are_sent_once_four: SixtyMegabytes from 15_000_001,
}
