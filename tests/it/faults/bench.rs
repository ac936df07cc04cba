//! A world in which one trouble after the other happens to the same mailbox and the same client.

use std::collections::BTreeSet;
use std::time::Duration;

use m365_sim::Tenant;

use super::truth::{self, Ledger, fetched};
use crate::imap_client::{Answer, ImapClient};
use crate::world::{ADA, World, id, mail};

pub(crate) const WORK: &str = "Work";
pub(crate) const TARGET: &str = "Target";
pub(crate) const DRAFTS: &str = "Drafts";
pub(crate) const SENT: &str = "\"Sent Items\"";

pub(super) struct Bench {
    pub(super) world: World,
    /// The client to which it happens. It has `WORK` selected.
    pub(super) imap: ImapClient,
    /// Another one, which looks at everything when it is over.
    auditor: ImapClient,
    pub(super) ledger: Ledger,
    serial: u32,
    /// Folders that have ever held anything.
    used: BTreeSet<&'static str>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let builder = Tenant::builder().user(ADA);
        let folders = |tenant: &Tenant| {
            for folder in [WORK, TARGET] {
                tenant.person(ADA).outlook().create_folder(folder);
            }
        };
        // Time makes leaps here; nobody is to be sent away for that.
        let world = World::adjusted(builder, folders, |config| {
            config.limits.idle = Duration::from_secs(30 * 24 * 60 * 60);
        });
        let world = world.await;
        world.ready().await;
        let imap = world.selected(WORK).await;
        let auditor = world.imap().await;
        let mut bench = Self {
            world,
            imap,
            auditor,
            ledger: Ledger::default(),
            serial: 0,
            used: BTreeSet::new(),
        };
        bench.deliver(WORK, 2);
        bench.settle().await;
        bench
    }

    pub(super) fn fresh_name(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}", self.serial)
    }

    pub(super) fn fresh_message(&mut self) -> (String, Vec<u8>) {
        let subject = self.fresh_name("message-");
        let message = mail(&subject);
        self.ledger.note(&subject, &message);
        (subject, message)
    }

    /// Messages that arrive in a folder of the tenant.
    pub(super) fn deliver(&mut self, folder: &str, messages: usize) -> Vec<String> {
        let mut subjects = Vec::new();
        for _ in 0..messages {
            let (subject, message) = self.fresh_message();
            self.world.ada().folder(folder).deliver(message);
            subjects.push(subject);
        }
        subjects
    }

    /// Messages that arrive in `WORK` and that the client knows: their subjects and UIDs.
    pub(super) async fn arrived(&mut self, messages: usize) -> (Vec<String>, Vec<u32>) {
        let before: BTreeSet<u32> = self.uids().await.into_iter().collect();
        let subjects = self.deliver(WORK, messages);
        self.recover().await;
        let uids = self.uids().await.into_iter().filter(|uid| !before.contains(uid)).collect();
        (subjects, uids)
    }

    /// The end of all trouble: faults are lifted, every wait is over, and the bridge has looked again.
    pub(super) async fn recover(&mut self) {
        self.world.tenant.faults().clear();
        // Twice in a row: a request that was in flight may have met the trouble after the first.
        let mut good = 0;
        while good < 2 {
            good = if self.world.look_later().await { good + 1 } else { 0 };
            self.imap.command("NOOP").await.ok();
            self.auditor.command("NOOP").await.ok();
        }
    }

    async fn uids(&mut self) -> Vec<u32> {
        self.imap.command("NOOP").await.ok();
        let answer = self.imap.command("UID FETCH 1:* (FLAGS)").await.ok();
        fetched(&answer).into_iter().map(|seen| seen.uid).collect()
    }

    /// How many messages with this subject a folder of the tenant holds.
    pub(super) fn copies(&self, folder: &str, subject: &str) -> usize {
        let items = self.world.ada().items(folder.trim_matches('"'));
        items.iter().filter(|item| item.subject == subject).count()
    }

    pub(super) fn has_folder(&self, path: &str) -> bool {
        self.world.ada().folders().iter().any(|known| known == path)
    }

    /// Flags that the client was shown are flags that the tenant holds.
    pub(super) fn check_shown(&self, answer: &Answer) {
        let held = truth::held(&self.world.ada(), WORK);
        for seen in fetched(answer) {
            let Some(subject) = self.ledger.subject(WORK, seen.uid) else { continue };
            let true_flags = held.iter().find(|(known, _)| known == subject);
            if let Some((_, flags)) = true_flags {
                assert_eq!(seen.flags, *flags, "flags were shown that are not stored: {answer}");
            }
        }
    }

    /// The trouble is over: what every client sees now is what the tenant holds.
    ///
    /// # Panics
    /// If it is not.
    pub(super) async fn settle(&mut self) {
        self.recover().await;
        // Folders that were empty and stay so say nothing.
        let of_interest = |folder: &&str| {
            let filed = *folder == DRAFTS || *folder == SENT;
            !filed
                || self.used.contains(*folder)
                || !self.world.ada().items(folder.trim_matches('"')).is_empty()
        };
        let folders: Vec<&str> =
            [WORK, TARGET, DRAFTS, SENT].into_iter().filter(of_interest).collect();
        for folder in folders {
            self.used.insert(folder);
            let place = folder.trim_matches('"');
            let ada = self.world.ada();
            truth::compare(&mut self.auditor, &ada, (folder, place), &mut self.ledger).await;
        }
        self.imap.command("NOOP").await.ok();
        let mut answer = self.imap.command("UID FETCH 1:* (FLAGS)").await;
        if answer.tagged.starts_with("BAD") {
            // A SELECT that failed has left no folder selected (RFC 3501 §6.3.1).
            self.imap.command(&format!("SELECT {WORK}")).await.ok();
            answer = self.imap.command("UID FETCH 1:* (FLAGS)").await.ok();
        }
        self.check_shown(&answer);
        assert_eq!(fetched(&answer).len(), self.world.ada().items(WORK).len(), "{answer}");
    }

    /// Keeps the mailbox small.
    pub(super) fn clean(&self) {
        let ada = self.world.ada();
        for folder in [TARGET, DRAFTS, "Sent Items"] {
            for item in ada.items(folder) {
                ada.outlook().purge(&id(&item));
            }
        }
        let items = ada.items(WORK);
        for item in items.iter().skip(2) {
            ada.outlook().purge(&id(item));
        }
    }

    /// Does `work` while the clock moves for as long as the tenant keeps a request waiting.
    pub(super) async fn patiently<T>(world: &World, work: impl Future<Output = T>) -> T {
        const STEP: Duration = Duration::from_millis(100);
        let time = async {
            loop {
                if world.tenant.faults().stalling() > 0 {
                    world.advance(STEP);
                }
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = time => unreachable!("time does not end"),
        }
    }
}
