//! Several sessions and Outlook at one folder, in an order that chance decides. Whatever happens,
//! each session believes in the end what is true: sequence numbers, UIDs, flags, mod-sequences; and
//! whoever went away and came back with what it remembered has exactly what a full listing gives.

mod client;

use client::{Client, Kind};
use m365_sim::{Switches, Tenant};

use crate::world::{ADA, World, id, mail};

const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "Mine"];
const STEPS: usize = 30;

/// xorshift64: the same history for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

struct History {
    world: World,
    chance: Chance,
    clients: [Client; 4],
    made: usize,
}

/// Names the history that a failure is about.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "who sees the failure must know the seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history of seed {}", self.0);
        }
    }
}

impl History {
    async fn begin(seed: u64, change: fn(&mut Switches)) -> Self {
        let mut switches = Switches::default();
        change(&mut switches);
        let builder = Tenant::builder().switches(switches).user(ADA);
        let world = World::made(builder, |tenant| {
            for number in 0..5 {
                tenant.person(ADA).inbox().deliver(mail(&format!("First{number}")));
            }
        })
        .await;
        let kinds = [Kind::Plain, Kind::CondStore, Kind::QResync, Kind::QResync];
        let chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { world, chance, clients: kinds.map(Client::new), made: 0 }
    }

    async fn go(mut self) {
        for _ in 0..STEPS {
            match self.chance.below(20) {
                0..=4 => self.outlook(),
                5 | 6 => self.world.tick().await,
                7 if self.chance.below(6) == 0 => self.restart().await,
                _ => self.client().await,
            }
        }
        self.end().await;
    }

    fn outlook(&mut self) {
        let (ada, outlook) = (self.world.ada(), self.world.ada().outlook());
        let items = ada.items("Inbox");
        if items.is_empty() || self.chance.below(4) == 0 {
            self.made += 1;
            ada.inbox().deliver(mail(&format!("Made{}", self.made)));
            return;
        }
        let item = id(&items[self.chance.below(items.len())]);
        match self.chance.below(7) {
            0 | 1 => outlook.mark_read(&item, self.chance.below(2) == 0),
            2 => outlook.flag(&item, ["flagged", "notFlagged"][self.chance.below(2)]),
            3 => outlook.categorize(&item, &["Mine", "Theirs"][self.chance.below(3)..]),
            4 => outlook.purge(&item),
            5 => outlook.relocate(&item, "Archive"),
            _ => {
                outlook.relocate(&item, "Archive");
                outlook.relocate(&item, "Inbox");
            }
        }
    }

    async fn client(&mut self) {
        let (world, chance) = (&self.world, &mut self.chance);
        let client = &mut self.clients[chance.below(4)];
        if !client.is_here() {
            return client.come(world, chance.below(2) == 0).await;
        }
        let known = client.known();
        if known.is_empty() {
            client.command("NOOP").await.ok();
            return client.learn().await;
        }
        let index = chance.below(known.len());
        let uid = known[index];
        match chance.below(14) {
            0 => client.go(),
            1 | 2 => drop(client.command(chance.pick(&["NOOP", "CHECK"])).await.ok()),
            3 => client.idle().await,
            4 => drop(client.fetch(&format!("FETCH {} (FLAGS", index + 1)).await),
            5 => drop(client.fetch(&format!("UID FETCH {uid}:* (FLAGS")).await.ok()),
            6 => drop(client.command(chance.pick(&["SEARCH 1:*", "UID SEARCH 1:*"])).await.ok()),
            7 => {
                self.made += 1;
                client.append(&mail(&format!("Made{}", self.made))).await;
            }
            8 => drop(client.command(&format!("UID COPY {uid} INBOX")).await.ok()),
            9 => drop(client.command(&format!("UID MOVE {uid} Archive")).await.ok()),
            10 => expunge(client, chance, uid).await,
            _ => store(client, chance, (index, uid)).await,
        }
        if client.is_here() {
            client.learn().await;
        }
    }

    async fn restart(&mut self) {
        self.clients.iter_mut().for_each(Client::go);
        self.world.restart().await;
        self.world.ready().await;
    }

    async fn end(mut self) {
        // The holes of the service's feed close at the next comparison of counts.
        for _ in 0..3 {
            self.world.tick().await;
        }
        for client in &mut self.clients {
            if client.is_here() {
                client.command("NOOP").await.ok();
                client.learn().await;
                client.compare("in the end").await;
                client.go();
            }
            client.come(&self.world, true).await;
        }
        let items = self.world.ada().items("Inbox");
        let truth = |key: fn(&m365_sim::Snapshot) -> bool| items.iter().filter(|i| key(i)).count();
        let cache = &self.clients[0].cache;
        let believed = |flag: &str| cache.values().filter(|one| one.flags.contains(flag)).count();
        assert_eq!(cache.len(), items.len());
        assert_eq!(believed("\\Seen"), truth(|item| item.is_read));
        assert_eq!(believed("\\Flagged"), truth(|item| item.flag == "flagged"));
        assert_eq!(believed("Mine"), truth(|item| item.categories.iter().any(|c| c == "Mine")));
    }
}

async fn expunge(client: &mut Client, chance: &mut Chance, uid: u32) {
    let command = format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)");
    client.store(&command, uid, ("+", "\\Deleted")).await;
    let command = ["EXPUNGE".to_owned(), format!("UID EXPUNGE {uid}")];
    client.command(&command[chance.below(2)]).await.ok();
}

/// In every form: by number or by UID, in silence or not, with a condition or without.
async fn store(client: &mut Client, chance: &mut Chance, (index, uid): (usize, u32)) {
    let (sign, flag) = (chance.pick(&["+", "-"]), chance.pick(&FLAGS));
    let target = match chance.below(2) {
        0 => format!("STORE {}", index + 1),
        _ => format!("UID STORE {uid}"),
    };
    let condition = match (client.kind, chance.below(4)) {
        (Kind::Plain, _) | (_, 0) => String::new(),
        (_, 1) => format!(" (UNCHANGEDSINCE {})", client.highest),
        (_, _) => format!(" (UNCHANGEDSINCE {})", client.cache[&uid].modseq),
    };
    let silent = chance.pick(&["", ".SILENT"]);
    let command = format!("{target}{condition} {sign}FLAGS{silent} ({flag})");
    client.store(&command, uid, (sign, flag)).await;
}

async fn play(seeds: std::ops::Range<u64>, change: fn(&mut Switches)) {
    for seed in seeds {
        let named = Seed(seed);
        History::begin(seed, change).await.go().await;
        drop(named);
    }
}

#[tokio::test]
async fn sessions_believe_what_is_true_one() {
    play(1..60, |_| {}).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_two() {
    play(100..160, |_| {}).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_three() {
    play(200..260, |_| {}).await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_the_feed_repeats_and_reorders() {
    play(300..340, |switches| {
        switches.delta.duplicates = true;
        switches.delta.replay = 4;
        switches.delta.reorder = true;
    })
    .await;
}

#[tokio::test]
async fn sessions_believe_what_is_true_though_the_feed_tells_little() {
    play(400..440, |switches| {
        switches.delta.expand = m365_sim::switch::DeltaExpand::Ignored;
        switches.delta.move_shows_only_removal = true;
        switches.delta.empty_first_page = true;
    })
    .await;
}
