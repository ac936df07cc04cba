//! One history: what happens, and the comparison at its end.

use std::collections::BTreeSet;

use m365_sim::Snapshot;

use super::client::Client;
use super::{Chance, Kind, tell};
use crate::world::{World, id, mail};

const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "Mine"];
const STEPS: usize = 12;
/// After so many the bridge knows of all that happened, however late it is told.
const LOOKS: usize = 3;
/// What a client may be about when its folder goes.
const LAST_WORDS: [&str; 9] = [
    "NOOP",
    "FETCH 1:* (UID FLAGS)",
    "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)])",
    "UID FETCH 1:* (UID BODY[])",
    "UID SEARCH SUBJECT S",
    "UID STORE 1:* +FLAGS (\\Flagged \\Deleted)",
    "STORE 1:* +FLAGS.SILENT (\\Seen)",
    "UID MOVE 1:* Archive",
    "EXPUNGE",
];

pub(super) struct History<'a> {
    world: &'a mut World,
    chance: Chance,
    clients: [Client; 4],
    /// The two folders as they are called at the moment.
    names: [String; 2],
    seed: u64,
    made: usize,
}

impl<'a> History<'a> {
    pub(super) async fn begin(world: &'a mut World, seed: u64) -> Self {
        let kinds = [Kind::Plain, Kind::CondStore, Kind::QResync, Kind::QResync];
        let names = [format!("A{seed}"), format!("B{seed}")];
        let clients = kinds.map(Client::new);
        let chance = Chance::of(seed);
        let mut history = Self { world, chance, clients, names, seed, made: 0 };
        for at in [0, 0, 0, 1, 1] {
            history.deliver(at);
        }
        history.world.ready().await;
        history
    }

    pub(super) async fn go(mut self) {
        for step in 0..STEPS {
            let kind = self.chance.below(40);
            tell(&format!("{step}: {kind}, {:?}", self.names));
            match kind {
                0..=8 => self.outlook(),
                9..=11 => self.world.tick().await,
                12 => self.rename().await,
                13 if self.chance.heads() => self.replace().await,
                13 => self.vanish().await,
                14 => self.world.tenant.expire_cursors(),
                15 if self.chance.below(4) == 0 => self.restart().await,
                _ => self.client().await,
            }
        }
        self.end().await;
    }

    fn message(&mut self) -> Vec<u8> {
        self.made += 1;
        mail(&format!("S{}N{}", self.seed, self.made))
    }

    fn deliver(&mut self, at: usize) {
        let message = self.message();
        self.world.ada().folder(&self.names[at]).deliver(message);
    }

    // === Outlook ===

    fn outlook(&mut self) {
        let at = self.chance.below(2);
        let (ada, outlook) = (self.world.ada(), self.world.ada().outlook());
        let items = ada.items(&self.names[at]);
        if items.is_empty() || self.chance.below(4) == 0 {
            return self.deliver(at);
        }
        let item = id(&items[self.chance.below(items.len())]);
        let (here, there) = (&self.names[at], &self.names[1 - at]);
        let deed = self.chance.below(9);
        tell(&format!("Outlook, in {here} of {}: {deed}", items.len()));
        match deed {
            0 | 1 => outlook.mark_read(&item, self.chance.heads()),
            2 => outlook.flag(&item, ["flagged", "notFlagged"][self.chance.below(2)]),
            3 => outlook.categorize(&item, &["Mine", "Theirs"][self.chance.below(3)..]),
            4 => outlook.purge(&item),
            5 => outlook.relocate(&item, there),
            6 => outlook.copy(&item, there),
            7 => outlook.relocate(&item, "Archive"),
            _ => {
                outlook.relocate(&item, [there, "Archive"][self.chance.below(2)]);
                outlook.relocate(&item, here);
            }
        }
    }

    /// Who has the folder open keeps it; UIDs and their validity stay.
    async fn rename(&mut self) {
        let at = self.chance.below(2);
        self.made += 1;
        let name = format!("{}R{}", &self.names[at][..1], self.seed * 100 + self.made as u64);
        self.world.ada().outlook().rename_folder(&self.names[at], &name);
        self.names[at] = name;
        self.world.tick().await;
    }

    /// The folder goes for good, and another one of that name takes its place.
    async fn replace(&mut self) {
        let at = self.chance.below(2);
        for client in &mut self.clients {
            if client.is_here() && client.at == at {
                client.go();
            }
            client.forget(at);
        }
        self.remove(at);
        self.deliver(at);
        self.world.tick().await;
    }

    /// The same while some have it open. They may be told what was there, or nothing, but never of the
    /// other folder, and what they do is not done to it.
    async fn vanish(&mut self) {
        let at = self.chance.below(2);
        self.remove(at);
        let newcomer = format!("S{}N{}", self.seed, self.made + 1);
        self.deliver(at);
        let looks = self.chance.below(LOOKS + 1);
        for _ in 0..looks {
            self.world.tick().await;
        }
        for client in &mut self.clients {
            if client.is_here() && client.at == at {
                let commands = [self.chance.pick(&LAST_WORDS), "NOOP"];
                let heard = client.part(&commands).await;
                assert!(!heard.contains(&newcomer), "{heard}");
                assert!(
                    looks < LOOKS || heard.contains("* BYE The selected folder is gone"),
                    "{heard}"
                );
            }
            client.forget(at);
        }
        let items = self.world.ada().items(&self.names[at]);
        let untouched = |item: &Snapshot| !item.is_read && item.flag != "flagged";
        assert!(items.len() == 1 && items.iter().all(untouched), "{items:?}");
        self.world.tick().await;
    }

    fn remove(&self, at: usize) {
        let outlook = self.world.ada().outlook();
        outlook.delete_folder(&self.names[at]);
        // From below Deleted Items it goes for good.
        outlook.delete_folder(&format!("Deleted Items/{}", self.names[at]));
    }

    async fn restart(&mut self) {
        self.clients.iter_mut().for_each(Client::go);
        self.world.restart().await;
        self.world.ready().await;
    }

    // === clients ===

    async fn client(&mut self) {
        let which = self.chance.below(4);
        let into = (self.chance.below(2), self.chance.heads());
        let client = &mut self.clients[which];
        if !client.is_here() {
            return client.come(self.world, &self.names[into.0], into).await;
        }
        let known = client.known();
        if known.is_empty() {
            client.command("NOOP").await.ok();
            return client.learn().await;
        }
        let index = self.chance.below(known.len());
        match self.chance.below(20) {
            0 => client.go(),
            1 => client.select(&self.names[into.0], into).await,
            2 => {
                let leave = self.chance.pick(&["CLOSE", "UNSELECT"]);
                client.command(leave).await.ok().silent();
                client.select(&self.names[into.0], into).await;
            }
            3..=6 => self.ask(which, index).await,
            7..=12 => self.transfer(which, (index, known[index])).await,
            13 => expunge(client, &mut self.chance, known[index]).await,
            _ => store(client, &mut self.chance, (index, known[index])).await,
        }
        if self.clients[which].is_here() {
            self.clients[which].learn().await;
        }
    }

    /// What changes nothing.
    async fn ask(&mut self, which: usize, index: usize) {
        let (client, chance) = (&mut self.clients[which], &mut self.chance);
        let uid = client.known()[index];
        match chance.below(6) {
            0 => drop(client.command(chance.pick(&["NOOP", "CHECK"])).await.ok()),
            1 => client.idle().await,
            2 => drop(client.fetch(&format!("FETCH {} (FLAGS", index + 1)).await),
            3 => drop(client.fetch(&format!("UID FETCH {uid}:* (FLAGS")).await.ok()),
            4 => drop(client.command(chance.pick(&["SEARCH 1:*", "UID SEARCH 1:*"])).await.ok()),
            _ => {
                let other = &self.names[1 - client.at];
                client.command(&format!("STATUS {other} (MESSAGES UIDNEXT UNSEEN)")).await.ok();
            }
        }
    }

    /// What makes or moves messages, here or in the other folder.
    async fn transfer(&mut self, which: usize, (index, uid): (usize, u32)) {
        let message = self.message();
        let (client, chance) = (&mut self.clients[which], &mut self.chance);
        let target = &self.names[chance.below(2)];
        if chance.below(3) == 0 {
            return client.append(target, &message).await;
        }
        // One that is gone refuses: then nothing is moved, which the end will show.
        let numbered = [format!("{}", index + 1), format!("UID {uid}")];
        let other = &self.names[1 - client.at];
        let command = match chance.below(5) {
            0 => format!("COPY {} {target}", numbered[0]),
            1 => format!("UID COPY {uid} {target}"),
            2 => format!("MOVE {} {other}", numbered[0]),
            3 => format!("UID MOVE {uid} Archive"),
            _ => format!("UID MOVE {uid} {other}"),
        };
        client.command(&command).await;
    }

    // === the end ===

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
            }
            // To the other folder first: what is known of the one that is open shows in coming back to it.
            for at in [1 - client.at, client.at] {
                match client.is_here() {
                    true => client.select(&self.names[at], (at, true)).await,
                    false => client.come(self.world, &self.names[at], (at, true)).await,
                }
                compare(client, &self.world.ada().items(&self.names[at]));
            }
        }
        if self.seed.is_multiple_of(8) {
            self.read().await;
        }
        self.clients.iter_mut().for_each(Client::go);
        self.remove(0);
        self.remove(1);
    }

    /// Message by message: none is lost, none is doubled.
    async fn read(&mut self) {
        let client = &mut self.clients[0];
        for (at, name) in self.names.iter().enumerate() {
            client.select(name, (at, false)).await;
            let items = self.world.ada().items(name);
            let mut expected: Vec<&str> = items.iter().map(|item| item.subject.as_str()).collect();
            expected.sort_unstable();
            assert_eq!(client.subjects().await, expected);
        }
    }
}

/// What a client believes of a folder that it knows in full, against the folder.
fn compare(client: &Client, items: &[Snapshot]) {
    let truth = |key: fn(&Snapshot) -> bool| items.iter().filter(|item| key(item)).count();
    let cache = &client.here().cache;
    let believed = |flag: &str| cache.values().filter(|one| one.flags.contains(flag)).count();
    assert_eq!(cache.len(), items.len());
    assert_eq!(believed("\\Seen"), truth(|item| item.is_read));
    assert_eq!(believed("\\Flagged"), truth(|item| item.flag == "flagged"));
    assert_eq!(believed("Mine"), truth(|item| item.categories.iter().any(|c| c == "Mine")));
    let uids: BTreeSet<u32> = client.known().into_iter().collect();
    assert!(uids.iter().eq(cache.keys()), "{uids:?}");
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
    let memory = client.here();
    let condition = match (client.kind, chance.below(4)) {
        (Kind::Plain, _) | (_, 0) => String::new(),
        (_, 1) => format!(" (UNCHANGEDSINCE {})", memory.highest),
        (_, _) => format!(" (UNCHANGEDSINCE {})", memory.cache[&uid].modseq),
    };
    let silent = chance.pick(&["", ".SILENT"]);
    let command = format!("{target}{condition} {sign}FLAGS{silent} ({flag})");
    client.store(&command, uid, (sign, flag)).await;
}
