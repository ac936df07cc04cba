//! Each kind of fault, brought about and met by a client in the words of the table.

use std::collections::BTreeSet;
use std::time::Duration;

use footbridge::mailbox::{By, Flaw, Kind as Bad, Misnomer};
use footbridge::verdict::Verdict;
use m365_sim::{Fault, Kind, RetryAfter, Rule};

use crate::imap_client::{Answer, ImapClient};
use crate::logins;
use crate::world::{ADA, World, id, mail};

/// A world with two messages and a few folders, and a client that looks at them.
async fn opened() -> (World, ImapClient) {
    let world = World::with(|tenant| {
        let ada = tenant.person(ADA);
        ada.outlook().create_folder("Work");
        ada.outlook().create_folder("Work/Sub");
        ada.inbox().deliver(mail("one"));
        ada.inbox().deliver(mail("two"));
    });
    let world = world.await;
    let imap = world.selected("INBOX").await;
    (world, imap)
}

#[tokio::test]
async fn every_kind_of_fault_is_told_in_the_words_of_the_table() {
    let mut met = BTreeSet::new();
    for (kind, command) in BY_IMAP {
        let (world, mut imap) = opened().await;
        trouble(&world, &kind);
        let answer = imap.command(command).await;
        check(&kind, &answer);
        met.insert(format!("{kind:?}"));
    }
    for (kind, answer) in
        [too_large().await, unacceptable().await, wrong_password().await, locked_out().await]
    {
        check(&kind, &answer);
        met.insert(format!("{kind:?}"));
    }
    let (kind, reply) = sender_refused().await;
    let Verdict { smtp: (code, enhanced), text, .. } = Verdict::of(&kind);
    assert_eq!(reply, format!("{code} {enhanced} {text}"));
    met.insert(format!("{kind:?}"));
    // Answered before they reach a client: by a listing, and by the protocols' own words for a
    // folder that shall go below itself.
    let inside = [Bad::CursorExpired, Bad::NotSupported];
    // Of submissions, met in `smtp` and `sending`.
    let is_elsewhere = |kind: &Bad| match kind {
        Bad::PartTooLarge | Bad::RecipientRefused => true,
        Bad::SenderRefused(by) => *by != By::Envelope,
        Bad::Unacceptable(flaw) => *flaw != Flaw::Service,
        Bad::QueueFull | Bad::TooMuch(_) => true,
        _ => false,
    };
    let every = Verdict::every_kind()
        .into_iter()
        .filter(|kind| !inside.contains(kind) && !is_elsewhere(kind));
    let every: BTreeSet<String> = every.map(|kind| format!("{kind:?}")).collect();
    assert_eq!(met, every, "left what was met, right what there is");
}

const BY_IMAP: [(Bad, &str); 16] = [
    (Bad::AlreadyExists, "CREATE Work"),
    (Bad::Busy, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::Conflict, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::Defect, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::Denied, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::HasChildren, "DELETE Work"),
    (Bad::InDoubt, "COPY 1 Work"),
    (Bad::Misnamed(Misnomer::Blank), "CREATE \"Work \""),
    (Bad::Misnamed(Misnomer::Escape), "CREATE W_x006f_rk"),
    (Bad::NoSuchFolder, "STATUS Nowhere (MESSAGES)"),
    (Bad::NoSuchMessage, "FETCH 1 BODY.PEEK[]"),
    (Bad::NoSuchTarget, "COPY 1 Nowhere"),
    (Bad::OverQuota, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::SignInNeeded, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::Throttled { retry_after: None }, "STORE 1 +FLAGS (\\Flagged)"),
    (Bad::Unreachable, "STORE 1 +FLAGS (\\Flagged)"),
];

/// Makes the tenant behave so that a client meets this fault.
fn trouble(world: &World, kind: &Bad) {
    let always =
        |on: Kind, fault: Fault| world.tenant.faults().push(Rule::on(on).always().answer(fault));
    match kind {
        Bad::Busy => always(Kind::Patch, Fault::status(423, "ResourceLocked")),
        Bad::Conflict => always(Kind::Patch, Fault::conflict()),
        Bad::Defect => always(Kind::Patch, Fault::status(400, "BadRequest")),
        Bad::Denied => always(Kind::Patch, Fault::status(403, "ErrorAccessDenied")),
        Bad::OverQuota => always(Kind::Patch, Fault::status(507, "ErrorQuotaExceeded")),
        Bad::Unreachable => always(Kind::Patch, Fault::status(503, "ServiceUnavailable")),
        Bad::Throttled { .. } => {
            always(Kind::Patch, Fault::throttled(RetryAfter::Seconds(3_000)));
        }
        Bad::InDoubt => {
            always(Kind::Copy, Fault::CutAfter);
            always(Kind::GetMessage, Fault::CutBefore);
        }
        Bad::SignInNeeded => world.tenant.revoke(ADA),
        Bad::NoSuchMessage => {
            let ada = world.ada();
            ada.outlook().purge(&id(&ada.items("Inbox")[0]));
        }
        _ => {}
    }
}

fn check(kind: &Bad, answer: &Answer) {
    let Verdict { imap, text, .. } = Verdict::of(kind);
    assert_eq!(answer.tagged, format!("NO [{imap}] {text}"), "{kind:?}: {answer}");
}

async fn too_large() -> (Bad, Answer) {
    let (_world, mut imap) = opened().await;
    (Bad::TooLarge { limit: 0 }, imap.command("APPEND Work {200000000}").await)
}

async fn unacceptable() -> (Bad, Answer) {
    let (world, mut imap) = opened().await;
    let refusal = Fault::status(400, "ErrorMimeContentInvalid");
    world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(refusal));
    (Bad::Unacceptable(Flaw::Service), imap.append("Drafts", &mail("odd")).await)
}

async fn wrong_password() -> (Bad, Answer) {
    let world = World::new().await;
    let mut imap = world.stranger().await;
    // The answer comes after a pause.
    let time = async {
        loop {
            world.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::select! {
        answer = imap.command("LOGIN ada@contoso.example wrong") => answer,
        () = time => unreachable!("time does not end"),
    };
    (Bad::WrongPassword, answer)
}

async fn locked_out() -> (Bad, Answer) {
    let world = World::new().await;
    logins::guess(&world, 10).await;
    let mut imap = world.stranger().await;
    let answer = logins::login(&world, &mut imap, "wrong").await;
    (Bad::LockedOut, answer)
}

async fn sender_refused() -> (Bad, String) {
    let world = World::new().await;
    world.ready().await;
    let mut smtp = world.smtp().await;
    let message = mail("forged");
    (
        Bad::SenderRefused(By::Envelope),
        smtp.submit("stranger@elsewhere.example", &[ADA], &message).await,
    )
}
