//! Several sessions and Outlook at two folders, in an order that chance decides. Whatever happens,
//! each session believes in the end what is true: sequence numbers, UIDs, flags, mod-sequences; and
//! whoever went away and came back with what it remembered has exactly what a full listing gives.
//!
//! Hundreds of histories are played in each world, one after the other, each in folders of its own.
//! `FOOTBRIDGE_HISTORIES=5000` plays that many in each world, and `FOOTBRIDGE_HISTORY_SEED=7` begins with the
//! history of seed 7; a failure tells its seed.

mod client;
mod history;

use client::Kind;
use footbridge::config::Config;
use history::History;
use m365_sim::switch::DeltaExpand;
use m365_sim::{Switches, Tenant};

use crate::world::{ADA, POLL, World};

/// In each of the worlds below.
const HISTORIES: u64 = 250;

/// xorshift64: the same history for the same seed.
struct Chance(u64);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn heads(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// What happens in a history, shown when it fails.
#[expect(clippy::print_stdout, reason = "shown when the test fails")]
fn tell(what: &str) {
    println!("{what}");
}

/// Names the history that a failure is about.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "who sees the failure must know the seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("FOOTBRIDGE_HISTORY_SEED={} begins with this history", self.0);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Histories from this seed on.
async fn play(seed: u64, change: fn(&mut Switches)) {
    let mut switches = Switches::default();
    change(&mut switches);
    // Mail that moves in unseen, from where it was never seen, shows in the number of messages alone.
    let configure: fn(&mut Config) = match switches.delta.move_shows_only_removal {
        true => |config| config.sync.audit = 2 * POLL,
        false => |_| {},
    };
    let tenant = Tenant::builder().switches(switches).user(ADA);
    let mut world = World::adjusted(tenant, |_| {}, configure).await;
    let first = set("FOOTBRIDGE_HISTORY_SEED").unwrap_or(seed);
    for seed in first..first + set("FOOTBRIDGE_HISTORIES").unwrap_or(HISTORIES) {
        let named = Seed(seed);
        tell(&format!("=== seed {seed}"));
        History::begin(&mut world, seed).await.go().await;
        drop(named);
    }
}

#[tokio::test]
async fn sessions_believe_what_is_true_one() {
    play(1, |_| {}).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_two() {
    play(1_000_001, |_| {}).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_three() {
    play(2_000_001, |_| {}).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_the_feed_repeats_and_reorders() {
    play(3_000_001, |switches| {
        switches.delta.duplicates = true;
        switches.delta.replay = 4;
        switches.delta.reorder = true;
    })
    .await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_the_feed_tells_little() {
    play(4_000_001, |switches| {
        switches.delta.expand = DeltaExpand::Ignored;
        switches.delta.move_shows_only_removal = true;
        switches.delta.empty_first_page = true;
    })
    .await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_the_feed_is_late() {
    play(5_000_001, |switches| switches.delta.late_seconds = 20).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_pages_are_short_and_times_move() {
    play(6_000_001, |switches| {
        switches.messages.short_pages = Some(2);
        switches.messages.empty_first_page = true;
        switches.messages.patch_renumbers = true;
        switches.messages.read_moves_last_modified = true;
        switches.delta.short_read_change = false;
    })
    .await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_all_of_it_happens_together() {
    play(7_000_001, |switches| {
        switches.delta.duplicates = true;
        switches.delta.replay = 2;
        switches.delta.reorder = true;
        switches.delta.move_shows_only_removal = true;
        switches.messages.short_pages = Some(3);
        switches.messages.delete = m365_sim::switch::MessageDelete::DeletedItems;
        switches.folders.delta_reports_counts = false;
    })
    .await;
}
