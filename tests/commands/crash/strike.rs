//! When a process is killed: at a request, at a change of its files, or just so.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use footbridge::clock::Clock;
use m365_sim::{Hold, Kind};

use crate::process::Process;
use crate::random::Random;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// So long after its start.
    Time(Duration),
    /// At this change of the state folder that can be seen, and a little later.
    Change(u64, Duration),
    /// A request of this kind has come, and nothing has been done about it.
    Before(Kind),
    /// Its work is done, and nobody knows.
    After(Kind),
    /// Its answer is on the way, and a little later.
    Answered(Kind, Duration),
}

/// Set before the process starts, so that it cannot be missed.
pub(super) struct Trap {
    moment: Moment,
    hold: Option<Hold>,
    state: PathBuf,
    before: Vec<Trace>,
}

/// A file as far as a look at its folder tells.
type Trace = (PathBuf, u64, Option<SystemTime>);

/// What a process does between two things that can be seen takes about so long.
const A_LITTLE: Duration = Duration::from_micros(1500);
/// Between two looks at the state folder.
const A_LOOK: Duration = Duration::from_micros(100);
/// A command's files change about so often.
const CHANGES: u64 = 8;

impl Moment {
    /// In the life of a process that takes `whole`, and asks for `kinds`.
    pub(super) fn random(random: &mut Random, whole: Duration, kinds: &[Kind]) -> Self {
        let later = random.within(A_LITTLE);
        let ways = if kinds.is_empty() { 2 } else { 5 };
        match random.below(ways) {
            0 => Self::Time(random.within(whole)),
            1 => Self::Change(1 + random.below(CHANGES), later),
            2 => Self::Before(random.pick(kinds)),
            3 => Self::After(random.pick(kinds)),
            _ => Self::Answered(random.pick(kinds), later),
        }
    }
}

impl Trap {
    pub(super) fn set(world: &World, moment: Moment) -> Self {
        let hold = match moment {
            Moment::Time(_) | Moment::Change(..) => None,
            Moment::Before(kind) => Some(world.tenant.hold_before(kind)),
            Moment::After(kind) | Moment::Answered(kind, _) => Some(world.tenant.hold(kind)),
        };
        let state = world.state();
        Self { moment, hold, before: traces(&state), state }
    }

    /// Kills the process when the moment has come, or when it has done all that was wanted of it;
    /// answers whether it was in time.
    pub(super) async fn spring(
        mut self,
        process: &mut Process,
        all: impl Future<Output = ()>,
    ) -> bool {
        let ended = process.watch_end();
        tokio::select! {
            () = self.came() => {}
            () = all => {}
            () = ended => {}
        }
        process.kill()
    }

    async fn came(&mut self) {
        match self.moment {
            Moment::Time(wait) => linger(wait).await,
            Moment::Change(count, later) => {
                for _ in 0..count {
                    self.changed().await;
                }
                linger(later).await;
            }
            Moment::Before(_) | Moment::After(_) => self.arrived().await,
            Moment::Answered(_, later) => {
                self.arrived().await;
                self.hold = None;
                linger(later).await;
            }
        }
    }

    async fn arrived(&self) {
        if let Some(hold) = &self.hold {
            hold.arrived(1).await;
        }
    }

    async fn changed(&mut self) {
        loop {
            let now = traces(&self.state);
            if now != self.before {
                self.before = now;
                return;
            }
            // Whoever makes the change needs a processor.
            tokio::task::block_in_place(|| std::thread::park_timeout(A_LOOK));
            tokio::task::yield_now().await;
        }
    }
}

/// Finer than a timer.
async fn linger(wait: Duration) {
    let clock = Clock::system();
    let until = clock.instant().plus(wait);
    clock.sleep(wait.saturating_sub(A_LITTLE)).await;
    while clock.instant() < until {
        tokio::task::yield_now().await;
    }
}

fn traces(state: &Path) -> Vec<Trace> {
    let mut found = Vec::new();
    gather(state, &mut found);
    found.sort();
    found
}

/// What is gone before it was looked at is as good as never seen.
fn gather(folder: &Path, found: &mut Vec<Trace>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(facts) = entry.metadata() else { continue };
        if facts.is_dir() {
            gather(&entry.path(), found);
        }
        found.push((entry.path(), facts.len(), facts.modified().ok()));
    }
}
