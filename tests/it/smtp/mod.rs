//! Submission through the front door, against a whole tenant.

mod bytes;
mod chunking;
mod extensions;
mod pipelining;
mod recipients;
mod smuggling;

use m365_sim::{Fault, Kind, Rule};

use crate::world::{ADA, World};

const BOB: &str = "bob@fabrikam.example";
const EVE: &str = "eve@fabrikam.example";
const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\
    Date: Mon, 2 Nov 2026 09:00:00 +0000\r\n\
    From: Ada <ada@contoso.example>\r\n\
    To: Bob <bob@fabrikam.example>\r\n\
    Subject: Minutes\r\n\
    \r\n\
    Hello\r\n\
    .\r\n";

fn subjects(world: &World, folder: &str) -> Vec<String> {
    world.ada().items(folder).into_iter().map(|item| item.subject).collect()
}

#[tokio::test]
async fn a_message_reaches_its_header_and_its_blind_recipients_once() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(ADA, &[BOB, EVE], MESSAGE).await;
    assert!(reply.starts_with("250 2.0.0 Ok: taken by Microsoft 365 as "), "{reply}");
    assert_eq!(smtp.command("QUIT").await, "221 2.0.0 Until next time");
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
    assert_eq!(world.tenant.sent_to(EVE).len(), 1);
    assert_eq!(subjects(&world, "Sent Items"), ["Minutes"]);
    assert!(subjects(&world, "Drafts").is_empty());
}

#[tokio::test]
async fn a_lost_answer_at_any_step_sends_once() {
    for kind in [Kind::CreateMime, Kind::Send] {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, "ServiceUnavailable")] {
            let world = World::new().await;
            let case = format!("{kind:?} {fault:?}");
            world.tenant.faults().push(Rule::on(kind).answer(fault));
            let reply = world.smtp().await.submit(ADA, &[BOB], MESSAGE).await;
            assert!(reply.starts_with("250 "), "{case}: {reply}");
            assert_eq!(world.tenant.sent_to(BOB).len(), 1, "{case}");
            assert!(subjects(&world, "Drafts").is_empty(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_client_that_files_its_own_sent_copy_makes_no_second_one() {
    let world = World::new().await;
    let reply = world.smtp().await.submit(ADA, &[BOB], MESSAGE).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let mut imap = world.imap().await;
    imap.append("\"Sent Items\" (\\Seen)", MESSAGE).await.ok();
    assert_eq!(subjects(&world, "Sent Items"), ["Minutes"]);
}

#[tokio::test]
async fn a_refusal_is_told_and_leaves_no_draft() {
    let world = World::new().await;
    let fault = Fault::status(403, "ErrorSendAsDenied");
    world.tenant.faults().push(Rule::on(Kind::Send).answer(fault));
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(ADA, &[BOB], MESSAGE).await;
    assert!(reply.starts_with("550 5.7.60 "), "{reply}");
    assert!(subjects(&world, "Drafts").is_empty());
    assert!(world.tenant.sent().is_empty());
    let reply = smtp.submit(EVE, &[BOB], MESSAGE).await;
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    let reply = smtp.submit(ADA, &[EVE], MESSAGE).await;
    assert!(reply.starts_with("554 5.6.0 "), "{reply}");
    assert!(world.tenant.sent().is_empty());
}
