//! Many people at work in one mailbox, in an order that chance decides: in the end the clients see
//! what the service has, no UID ever named two messages, and nothing went that nobody removed.

use std::collections::{BTreeMap, BTreeSet};

use m365_sim::switch::DeltaExpand;
use m365_sim::{Snapshot, Switches, Tenant};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

const FOLDERS: [&str; 3] = ["Inbox", "Archive", "Work"];

/// Numbers that look like chance and are the same at each run (Numerical Recipes' generator).
struct Chance(u32);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(self.0 >> 8).unwrap() % bound
    }

    fn folder(&mut self) -> usize {
        self.below(FOLDERS.len())
    }
}

struct Walk {
    world: World,
    chance: Chance,
    /// One session for each folder.
    clients: Vec<ImapClient>,
    made: usize,
    /// Subjects of what someone meant to be rid of.
    unwanted: BTreeSet<String>,
    /// What was ever seen under a UID of a folder.
    seen: BTreeMap<(usize, u32), String>,
}

impl Walk {
    async fn begin(seed: u32, change: impl FnOnce(&mut Switches)) -> Self {
        let mut switches = Switches::default();
        change(&mut switches);
        let builder = Tenant::builder().switches(switches).user(ADA);
        let world = World::made(builder, |tenant| {
            for folder in FOLDERS {
                for number in 0..4 {
                    let subject = format!("{folder}{number}");
                    tenant.person(ADA).folder(folder).deliver(mail(&subject));
                }
            }
        })
        .await;
        let mut clients = Vec::new();
        for folder in FOLDERS {
            clients.push(world.selected(folder).await);
        }
        let (made, unwanted, seen) = (0, BTreeSet::new(), BTreeMap::new());
        Self { world, chance: Chance(seed), clients, made, unwanted, seen }
    }

    async fn go(mut self, steps: usize) {
        for _ in 0..steps {
            match self.chance.below(10) {
                0..=4 => self.outlook(),
                5..=8 => self.client().await,
                _ => self.look().await,
            }
        }
        for _ in 0..3 {
            self.look().await;
        }
        self.compare().await;
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("Made{}", self.made)
    }

    fn outlook(&mut self) {
        let outlook = self.world.ada().outlook();
        let folder = FOLDERS[self.chance.folder()];
        let items = self.world.ada().items(folder);
        if items.is_empty() || self.chance.below(6) == 0 {
            let subject = self.name();
            self.world.ada().folder(folder).deliver(mail(&subject));
            return;
        }
        let item = &items[self.chance.below(items.len())];
        match self.chance.below(8) {
            0 => outlook.mark_read(&id(item), !item.is_read),
            1 => outlook.flag(&id(item), ["flagged", "notFlagged"][self.chance.below(2)]),
            2 => outlook.categorize(&id(item), &["Red", "Blue"][self.chance.below(2)..]),
            3 => outlook.copy(&id(item), FOLDERS[self.chance.folder()]),
            4 => {
                self.unwanted.insert(item.subject.clone());
                outlook.purge(&id(item));
            }
            5 => {
                outlook.relocate(&id(item), FOLDERS[self.chance.folder()]);
                outlook.relocate(&id(item), folder);
            }
            _ => outlook.relocate(&id(item), FOLDERS[self.chance.folder()]),
        }
    }

    async fn client(&mut self) {
        let (here, there) = (self.chance.folder(), FOLDERS[self.chance.folder()]);
        let uids = self.clients[here].uids().await;
        if uids.is_empty() || self.chance.below(6) == 0 {
            let subject = self.name();
            let client = &mut self.clients[here];
            client.append(&format!("{there} (\\Seen)"), &mail(&subject)).await.ok();
            return;
        }
        let uid = uids[self.chance.below(uids.len())];
        let sign = ["+", "-"][self.chance.below(2)];
        let command = match self.chance.below(6) {
            0 => format!("UID STORE {uid} {sign}FLAGS (\\Seen)"),
            1 => format!("UID STORE {uid} {sign}FLAGS.SILENT (\\Flagged Mine)"),
            2 => format!("UID COPY {uid} {there}"),
            3 => {
                self.remove(here, uid).await;
                return;
            }
            _ => format!("UID MOVE {uid} {there}"),
        };
        self.clients[here].command(&command).await.ok();
    }

    async fn remove(&mut self, here: usize, uid: u32) {
        let answer = self.clients[here].command(&format!("UID FETCH {uid} BODY.PEEK[]")).await;
        self.unwanted.extend(answer.literal().map(|message| subject(&message)));
        let client = &mut self.clients[here];
        client.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")).await.ok();
        client.command(&format!("UID EXPUNGE {uid}")).await.ok();
    }

    /// Time passes; every client reads its folder and finds nothing renamed.
    async fn look(&mut self) {
        self.world.tick().await;
        for folder in 0..FOLDERS.len() {
            self.contents(folder).await;
        }
    }

    async fn contents(&mut self, folder: usize) -> Vec<String> {
        let client = &mut self.clients[folder];
        client.command("NOOP").await.ok();
        let mut found = Vec::new();
        for uid in client.uids().await {
            let answer = client.command(&format!("UID FETCH {uid} BODY.PEEK[]")).await.ok();
            // What has vanished is passed over; whether it should have is seen in the end.
            let Some(message) = answer.literal() else { continue };
            let subject = subject(&message);
            let known = self.seen.entry((folder, uid)).or_insert_with(|| subject.clone());
            assert_eq!(*known, subject, "UID {uid} of {} is another message now", FOLDERS[folder]);
            found.push(subject);
        }
        found.sort();
        found
    }

    async fn compare(&mut self) {
        let mut left = BTreeSet::new();
        for (folder, name) in FOLDERS.iter().enumerate() {
            let items = self.world.ada().items(name);
            let mut expected: Vec<String> = items.iter().map(|item| item.subject.clone()).collect();
            expected.sort();
            assert_eq!(self.contents(folder).await, expected, "{name}");
            let client = &mut self.clients[folder];
            for (keys, key) in KEYS {
                let found = client.command(&format!("SEARCH {keys}")).await.ok().search().len();
                assert_eq!(
                    found,
                    items.iter().filter(|item| key(item)).count(),
                    "{keys} in {name}"
                );
            }
            left.extend(expected);
        }
        let first = FOLDERS.iter().flat_map(|name| (0..4).map(move |n| format!("{name}{n}")));
        for subject in first.chain((1..=self.made).map(|number| format!("Made{number}"))) {
            let kept = left.contains(&subject) || self.unwanted.contains(&subject);
            assert!(kept, "{subject} is gone and nobody removed it");
        }
    }
}

type Key = (&'static str, fn(&Snapshot) -> bool);

const KEYS: [Key; 4] = [
    ("SEEN", |item| item.is_read),
    ("FLAGGED", |item| item.flag == "flagged"),
    ("KEYWORD Mine", |item| item.categories.iter().any(|name| name == "Mine")),
    ("KEYWORD Blue", |item| item.categories.iter().any(|name| name == "Blue")),
];

fn subject(message: &[u8]) -> String {
    let message = String::from_utf8_lossy(message);
    let subject = message.lines().find_map(|line| line.strip_prefix("Subject: "));
    subject.unwrap_or_else(|| panic!("no subject: {message}")).to_owned()
}

#[tokio::test]
async fn many_hands_and_a_feed_as_documented() {
    for seed in 1..=2 {
        Walk::begin(seed, |_| {}).await.go(60).await;
    }
}

#[tokio::test]
async fn many_hands_and_a_feed_that_repeats_and_reorders() {
    for seed in 11..=12 {
        let walk = Walk::begin(seed, |switches| {
            switches.delta.duplicates = true;
            switches.delta.replay = 4;
            switches.delta.reorder = true;
        });
        walk.await.go(60).await;
    }
}

#[tokio::test]
async fn many_hands_and_a_feed_that_tells_little() {
    for seed in 21..=24 {
        let walk = Walk::begin(seed, |switches| {
            switches.delta.expand = DeltaExpand::Ignored;
            switches.delta.move_shows_only_removal = true;
            switches.delta.empty_first_page = true;
        });
        walk.await.go(60).await;
    }
}

#[tokio::test]
async fn many_hands_and_a_feed_that_is_late() {
    for seed in 31..=32 {
        let walk = Walk::begin(seed, |switches| switches.delta.late_seconds = 20);
        walk.await.go(60).await;
    }
}
