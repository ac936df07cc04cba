//! The service's feed of changes may repeat itself, come in another order, come late, tell too
//! little or be lost. None of that may be seen by a client: the same story is told through each.

use std::collections::BTreeMap;
use std::time::Duration;

use m365_sim::switch::{DeltaExpand, MessageDelete, Rotation};
use m365_sim::{Switches, Tenant};

use crate::imap_client::ImapClient;
use crate::world::{ADA, World, id, mail};

/// What was ever seen under a UID.
#[derive(Default)]
struct Ledger(BTreeMap<(String, u32), String>);

impl Ledger {
    /// Reads a folder anew and compares it with all that was seen before.
    async fn check(&mut self, imap: &mut ImapClient, folder: &str) -> Vec<String> {
        let mut subjects = Vec::new();
        for uid in imap.uids().await {
            let message = String::from_utf8(imap.message(uid).await).unwrap();
            let subject = message.lines().find_map(|line| line.strip_prefix("Subject: "));
            let subject = subject.unwrap_or_else(|| panic!("no subject: {message}")).to_owned();
            let known = self.0.entry((folder.to_owned(), uid)).or_insert_with(|| subject.clone());
            assert_eq!(*known, subject, "UID {uid} of {folder} is another message now");
            subjects.push(subject);
        }
        subjects.sort();
        subjects
    }
}

struct Story {
    world: World,
    inbox: ImapClient,
    archive: ImapClient,
    ledger: Ledger,
    validity: String,
}

impl Story {
    async fn begin(change: impl FnOnce(&mut Switches)) -> Self {
        let mut switches = Switches::default();
        change(&mut switches);
        let builder = Tenant::builder().switches(switches).user(ADA);
        let world = World::made(builder, |tenant| {
            for number in 0..12 {
                tenant.person(ADA).inbox().deliver(mail(&format!("First{number}")));
            }
        })
        .await;
        let (mut inbox, archive) = (world.imap().await, world.selected("Archive").await);
        let validity = inbox.command("SELECT INBOX").await.ok().code("UIDVALIDITY");
        Self { world, inbox, archive, ledger: Ledger::default(), validity }
    }

    fn item(&self, subject: &str) -> m365_sim::ItemId {
        let mut items = self.world.ada().items("Inbox");
        items.extend(self.world.ada().items("Archive"));
        id(items.iter().find(|item| item.subject == subject).unwrap())
    }

    /// Changes of every kind, a look after each.
    async fn tell(&mut self) {
        let outlook = self.world.ada().outlook();
        self.world.ada().inbox().deliver(mail("Second"));
        self.look().await;
        outlook.mark_read(&self.item("First1"), true);
        outlook.flag(&self.item("First2"), "flagged");
        self.look().await;
        outlook.relocate(&self.item("First3"), "Archive");
        outlook.purge(&self.item("First4"));
        self.look().await;
        outlook.relocate(&self.item("First5"), "Archive");
        outlook.relocate(&self.item("First5"), "Inbox");
        outlook.mark_read(&self.item("First1"), false);
        self.look().await;
        self.inbox.command("UID STORE 7 +FLAGS (\\Flagged Mine)").await.ok();
        self.inbox.command("UID MOVE 8 Archive").await.ok();
        outlook.categorize(&self.item("First8"), &["Theirs"]);
        self.look().await;
        outlook.relocate(&self.item("First3"), "Inbox");
        for number in 0..30 {
            self.world.ada().inbox().deliver(mail(&format!("Third{number}")));
        }
        self.look().await;
    }

    async fn look(&mut self) {
        self.world.tick().await;
        self.inbox.command("NOOP").await.ok();
        self.archive.command("NOOP").await.ok();
        self.ledger.check(&mut self.inbox, "Inbox").await;
        self.ledger.check(&mut self.archive, "Archive").await;
    }

    /// In the end the client sees what the service has, flags included.
    async fn end(mut self) {
        for _ in 0..3 {
            self.look().await;
        }
        for (imap, folder) in [(&mut self.inbox, "Inbox"), (&mut self.archive, "Archive")] {
            let mut expected: Vec<String> =
                self.world.ada().items(folder).into_iter().map(|item| item.subject).collect();
            expected.sort();
            assert_eq!(self.ledger.check(imap, folder).await, expected, "{folder}");
        }
        let items = self.world.ada().items("Inbox");
        let count = |key: &dyn Fn(&m365_sim::Snapshot) -> bool| {
            items.iter().filter(|item| key(item)).count()
        };
        let mut found = async |keys: &str| {
            self.inbox.command(&format!("SEARCH {keys}")).await.ok().search().len()
        };
        assert_eq!(found("SEEN").await, count(&|item| item.is_read));
        assert_eq!(found("FLAGGED").await, count(&|item| item.flag == "flagged"));
        assert_eq!(found("KEYWORD Mine").await, 1);
        assert_eq!(found("KEYWORD Theirs").await, 1);
        let answer = self.inbox.command("EXAMINE INBOX").await.ok();
        assert_eq!(answer.code("UIDVALIDITY"), self.validity);
    }
}

async fn play(change: impl FnOnce(&mut Switches)) {
    let mut story = Story::begin(change).await;
    story.tell().await;
    story.end().await;
}

#[tokio::test]
async fn a_feed_as_documented() {
    play(|_| {}).await;
}

#[tokio::test]
async fn a_feed_that_says_everything_twice() {
    play(|switches| switches.delta.duplicates = true).await;
}

#[tokio::test]
async fn a_feed_that_repeats_the_round_before() {
    play(|switches| switches.delta.replay = 5).await;
}

#[tokio::test]
async fn a_feed_in_another_order() {
    play(|switches| switches.delta.reorder = true).await;
}

#[tokio::test]
async fn a_feed_with_empty_pages() {
    play(|switches| switches.delta.empty_first_page = true).await;
}

#[tokio::test]
async fn a_feed_that_is_late() {
    play(|switches| switches.delta.late_seconds = 20).await;
}

#[tokio::test]
async fn a_feed_without_extended_properties() {
    play(|switches| switches.delta.expand = DeltaExpand::Ignored).await;
}

#[tokio::test]
async fn a_feed_that_refuses_extended_properties() {
    play(|switches| switches.delta.expand = DeltaExpand::Refused).await;
}

#[tokio::test]
async fn a_feed_that_tells_a_move_as_a_removal_only() {
    play(|switches| switches.delta.move_shows_only_removal = true).await;
}

#[tokio::test]
async fn a_feed_with_none_of_the_known_holes() {
    play(|switches| {
        switches.delta.away_and_back_hole = false;
        switches.delta.short_read_change = false;
        switches.messages.read_moves_last_modified = true;
    })
    .await;
}

#[tokio::test]
async fn a_feed_with_everything_at_once() {
    play(|switches| {
        switches.delta.duplicates = true;
        switches.delta.replay = 3;
        switches.delta.reorder = true;
        switches.delta.empty_first_page = true;
        switches.delta.expand = DeltaExpand::Ignored;
        switches.delta.move_shows_only_removal = true;
        switches.messages.short_pages = Some(7);
        switches.messages.empty_first_page = true;
        switches.limits.batch_shuffles = true;
    })
    .await;
}

#[tokio::test]
async fn a_service_with_the_rarer_habits() {
    play(|switches| {
        switches.folders.relocate_status = 201;
        switches.folders.delta_reports_counts = false;
        switches.messages.delete = MessageDelete::DeletedItems;
        switches.messages.patch_renumbers = true;
        switches.messages.normalise_property_ids = false;
        switches.messages.accept_either_id = false;
        switches.login.access_token_seconds = 60;
        switches.login.rotation = Rotation::Strict;
    })
    .await;
}

#[tokio::test]
async fn a_lost_cursor_costs_a_listing_and_no_uid() {
    let mut story = Story::begin(|_| {}).await;
    story.look().await;
    story.world.tenant.expire_cursors();
    story.tell().await;
    story.world.tenant.expire_cursors();
    story.world.ada().outlook().purge(&story.item("Second"));
    story.world.ada().inbox().deliver(mail("Fourth"));
    story.look().await;
    story.world.tenant.expire_cursors();
    story.inbox.command("SELECT INBOX").await.ok();
    story.end().await;
}

#[tokio::test]
async fn a_cursor_lost_while_the_bridge_was_down_costs_no_uid_either() {
    let mut story = Story::begin(|_| {}).await;
    story.tell().await;
    story.world.stop().await;
    story.world.tenant.expire_cursors();
    story.world.ada().outlook().purge(&story.item("First0"));
    story.world.advance(Duration::from_secs(40 * 24 * 3600));
    story.world.start().await;
    story.inbox = story.world.selected("INBOX").await;
    story.archive = story.world.selected("Archive").await;
    story.end().await;
}
