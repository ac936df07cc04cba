//! Chance decides what goes wrong, when the bridge dies, whether its index is lost or an older one is put
//! back, and what people order by hand. In the end each accepted message was delivered once, or returned to its sender once, or
//! dropped by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use footbridge::store::QueueId;
use footbridge::store::queue::{Found, Order, QueueFolder, Reply};
use m365_sim::{Fault, Kind, RetryAfter, Rule, Tenant};

use super::bench::{
    BOB, HOUR, MINUTE, files, named, nameless, outbox, queueing, reply_to, settle, until_empty,
};
use crate::world::{ADA, World};

/// Histories in one run; `FOOTBRIDGE_QUEUE_HISTORIES` asks for more, `FOOTBRIDGE_TEST_SEED` begins with one.
const HISTORIES: u64 = 8;
const STEPS: usize = 14;

/// What became of a message, as far as its client and the people know.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    /// 250.
    Accepted,
    /// 4yz or 5yz.
    Refused,
    /// Its client never heard.
    Unanswered,
    /// By hand; a try before may have sent it.
    Dropped,
}

struct History {
    world: World,
    random: u64,
    /// By number, with the id in the queue where it was told.
    fates: BTreeMap<usize, (Fate, Option<String>)>,
    log: Vec<String>,
    /// An index that was copied: its files.
    backup: Option<[Option<Vec<u8>>; 2]>,
    /// Dropped before an index was lost that may have been the last to know of their drafts.
    forgotten: BTreeSet<usize>,
}

#[tokio::test]
async fn whatever_happens_each_accepted_message_is_delivered_or_returned_or_dropped_once() {
    let histories = number("FOOTBRIDGE_QUEUE_HISTORIES").unwrap_or(HISTORIES);
    let fresh = || u64::from(uuid::Uuid::new_v4().as_fields().0);
    let first = number("FOOTBRIDGE_TEST_SEED").unwrap_or_else(fresh);
    for seed in first..first + histories {
        println!("FOOTBRIDGE_TEST_SEED={seed}");
        let mut history = History::begin(seed).await;
        for _ in 0..STEPS {
            history.step().await;
        }
        history.end().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own settings")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

impl History {
    async fn begin(seed: u64) -> Self {
        let adjust = |config: &mut footbridge::config::Config| {
            queueing(config);
            config.limits.drain = Duration::ZERO;
            config.submission.messages_per_minute = 1_000;
        };
        let world = World::adjusted(Tenant::builder().user(ADA), |_| {}, adjust).await;
        world.ready().await;
        Self {
            world,
            random: seed,
            fates: BTreeMap::new(),
            log: Vec::new(),
            backup: None,
            forgotten: BTreeSet::new(),
        }
    }

    async fn step(&mut self) {
        match self.below(10) {
            0..=2 => self.hand_in().await,
            3 => self.trouble(),
            4 => {
                self.log.push("the trouble ends".to_owned());
                self.world.tenant.faults().clear();
            }
            5 | 6 => {
                let wait = [MINUTE, 5 * MINUTE, HOUR, 12 * HOUR][self.below(4)];
                self.log.push(format!("{wait:?} pass"));
                self.world.advance(wait);
                settle(&self.world).await;
            }
            7 => self.die().await,
            _ => self.order().await,
        }
    }

    async fn hand_in(&mut self) {
        let number = self.fates.len() + 1;
        let message = match self.below(2) {
            0 => named(number),
            _ => nameless(number).into_bytes(),
        };
        let mut smtp = self.world.smtp().await;
        let reply = self.world.while_delays_pass(smtp.submit(ADA, &[BOB], &message)).await;
        self.log.push(format!("{number}: {reply}"));
        let fate = if reply.starts_with("250 ") { Fate::Accepted } else { Fate::Refused };
        let id = reply.strip_prefix("250 2.0.0 Ok: queued as ").map(str::to_owned);
        self.fates.insert(number, (fate, id));
        self.world.while_delays_pass(smtp.command("NOOP")).await;
    }

    fn trouble(&mut self) {
        let kinds = [Kind::CreateMime, Kind::Send, Kind::GetMessage, Kind::Batch, Kind::CreateJson];
        let faults = [
            Fault::status(503, "ServiceUnavailable"),
            Fault::status(500, "ErrorInternalServerError"),
            Fault::throttled(RetryAfter::Seconds(90)),
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::CutMidBody { bytes: 1 },
            Fault::SilentOk,
            Fault::status(403, "ErrorSendAsDenied"),
        ];
        let (kind, fault) =
            (kinds[self.below(kinds.len())], faults[self.below(faults.len())].clone());
        let times = 1 + self.below(4);
        self.log.push(format!("{kind:?} meets {fault:?}, {times} times"));
        let rule = Rule::on(kind).answer(fault);
        self.world.tenant.faults().push(if times == 4 { rule.always() } else { rule.times(times) });
    }

    /// The bridge is cut off, perhaps with a message on its way in, and perhaps the index is lost.
    async fn die(&mut self) {
        let number = self.fates.len() + 1;
        if self.below(2) == 0 {
            let message = named(number);
            let mut smtp = self.world.smtp().await;
            let requests = 1 + self.below(4);
            self.world.forget();
            let reached = async {
                // It may be refused, or wait for something, before so many requests are made.
                for _ in 0..2_000 {
                    if self.world.requests() >= requests {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let fate = tokio::select! {
                reply = smtp.submit(ADA, &[BOB], &message) => match reply.starts_with("250 ") {
                    true => Fate::Accepted,
                    false => Fate::Refused,
                },
                () = reached => Fate::Unanswered,
            };
            self.log.push(format!("{number}: {fate:?}, and it dies"));
            self.fates.insert(number, (fate, None));
        }
        self.world.stop().await;
        self.change_index();
        self.log.push("it lives again".to_owned());
        self.world.start().await;
        settle(&self.world).await;
    }

    fn change_index(&mut self) {
        const INDEX: [&str; 3] = ["index.db", "index.db-wal", "index.db-shm"];
        let mailbox = outbox(&self.world).parent().unwrap().to_owned();
        let change = self.below(6);
        if change == 3 {
            self.log.push("the index is copied".to_owned());
            let read = |name: &str| std::fs::read(mailbox.join(name)).ok();
            self.backup = Some([read(INDEX[0]), read(INDEX[1])]);
        }
        if change > 2 {
            return;
        }
        INDEX.iter().for_each(|name| drop(std::fs::remove_file(mailbox.join(name))));
        let dropped = self.fates.iter().filter(|(_, (fate, _))| *fate == Fate::Dropped);
        self.forgotten.extend(dropped.map(|(number, _)| *number));
        match self.backup.take() {
            Some(backup) if change > 0 => {
                self.log.push("an older index is put back".to_owned());
                for (name, content) in INDEX.iter().zip(backup) {
                    if let Some(content) = content {
                        std::fs::write(mailbox.join(name), content).unwrap();
                    }
                }
            }
            backup => {
                self.backup = backup;
                self.log.push("the index is lost".to_owned());
            }
        }
    }

    async fn order(&mut self) {
        let folder = QueueFolder::of(outbox(&self.world).parent().unwrap());
        let found = folder.survey(self.world.clock.now()).unwrap();
        let Some(Found::Whole(entry, _)) = found.get(self.below(found.len().max(1))) else {
            return;
        };
        let order = [Order::Retry, Order::Hold, Order::Drop][self.below(3)];
        folder.leave_order(&entry.id, order).unwrap();
        let reply = self.reply(&folder, &entry.id).await;
        self.log.push(format!("{order:?} {}: {reply:?}", entry.id));
        if (order, reply) != (Order::Drop, Some(Reply::Done)) {
            return;
        }
        let id = entry.id.to_string();
        let is_it = |(number, (_, told)): (&usize, &(Fate, Option<String>))| {
            told.as_deref() == Some(&id) || entry.message_id.starts_with(&format!("<{number}@"))
        };
        let number = self.fates.iter().find(|one| is_it(*one)).map(|(number, _)| *number);
        match number {
            Some(number) => self.fates.get_mut(&number).unwrap().0 = Fate::Dropped,
            None => panic!("an unknown message was dropped: {:#?}", self.log),
        }
    }

    async fn reply(&self, folder: &QueueFolder, id: &QueueId) -> Option<Reply> {
        if let Some(reply) = reply_to(&self.world, folder, id).await {
            return Some(reply);
        }
        folder.withdraw_order(id).unwrap();
        folder.take_reply(id).unwrap()
    }

    /// Whoever gave an order and did not wait for long leaves its reply lying.
    fn take_late_replies(&self, folder: &QueueFolder) {
        for name in files(&self.world) {
            if let Some(id) = name.strip_suffix(".reply").and_then(QueueId::parse) {
                folder.take_reply(&id).unwrap();
            }
        }
    }

    async fn end(mut self) {
        self.world.tenant.faults().clear();
        self.log.push("all is well again".to_owned());
        let folder = QueueFolder::of(outbox(&self.world).parent().unwrap());
        // What people hold is for people to let go.
        for found in folder.survey(self.world.clock.now()).unwrap() {
            if let Found::Whole(entry, _) = found {
                folder.leave_order(&entry.id, Order::Retry).unwrap();
                self.reply(&folder, &entry.id).await;
            }
        }
        settle(&self.world).await;
        self.take_late_replies(&folder);
        until_empty(&self.world).await;
        for _ in 0..4 {
            self.world.look_later().await;
        }
        assert!(files(&self.world).is_empty(), "{:?}", files(&self.world));
        for (number, (fate, _)) in &self.fates {
            let ends = (self.received(*number), self.reported(*number));
            let is_right = match fate {
                Fate::Accepted => matches!(ends, (1, 0) | (0, 1)),
                Fate::Refused => ends == (0, 0),
                Fate::Unanswered => matches!(ends, (0, 0) | (1, 0) | (0, 1)),
                // It may have been given up before, and its report be out.
                Fate::Dropped => matches!(ends, (0 | 1, 0) | (0, 1)),
            };
            assert!(is_right, "{number} {fate:?} {ends:?}: {:#?}", self.log);
        }
        let mut drafts = self.world.ada().items("Drafts");
        drafts.retain(|draft| {
            !self.forgotten.iter().any(|it| draft.subject == format!("scan {it}."))
        });
        let subjects: Vec<&str> = drafts.iter().map(|draft| &*draft.subject).collect();
        assert!(drafts.is_empty(), "drafts are left, {subjects:?}: {:#?}", self.log);
    }

    fn received(&self, number: usize) -> usize {
        super::bench::received(&self.world, number)
    }

    /// Reports about this one.
    fn reported(&self, number: usize) -> usize {
        let line = format!("Subject: scan {number}.\r\n");
        let reports = self.world.ada().items("Inbox");
        let about =
            reports.iter().filter(|item| String::from_utf8_lossy(&item.mime).contains(&line));
        about.count()
    }

    /// A number below `end` (SplitMix64).
    fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }
}
