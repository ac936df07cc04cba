//! How many, and whom.

use footbridge::config::Config;
use m365_sim::{Fault, Kind, Rule, Tenant};

use super::{BOB, EVE, MESSAGE};
use crate::world::{ADA, World};

const POSTMASTER: &str = "postmaster@contoso.example";

#[tokio::test]
async fn more_recipients_than_the_settings_allow_are_put_off_and_the_others_get_it() {
    let adjust = |config: &mut Config| config.submission.recipients_per_message = 2;
    let world = World::adjusted(Tenant::builder().user(ADA), |_| {}, adjust).await;
    let mut smtp = world.smtp().await;
    assert!(smtp.command("EHLO me").await.contains("250-LIMITS RCPTMAX=2\r\n"));
    smtp.begin(&format!("<{ADA}>"), &[BOB, EVE]).await;
    let reply = smtp.command("RCPT TO:<more@fabrikam.example>").await;
    assert!(reply.starts_with("452 4.5.3 "), "{reply}");
    let reply = smtp.command(&format!("RCPT TO:<{EVE}>")).await;
    assert!(reply.starts_with("250 2.1.5 "), "named before: {reply}");
    assert!(smtp.data(MESSAGE).await.starts_with("250 2.0.0 "));
    let mut to: Vec<String> = world.tenant.sent().into_iter().map(|sent| sent.to).collect();
    to.sort();
    assert_eq!(to, [BOB, EVE]);
}

#[tokio::test]
async fn what_the_service_has_against_recipients_is_told_as_such() {
    for (code, expected) in [
        ("ErrorInvalidRecipients", "550 5.1.1 Microsoft 365 refuses a recipient"),
        ("ErrorExceededMaxRecipientLimit", "554 5.5.3 The message has more recipients than"),
    ] {
        for kind in [Kind::CreateMime, Kind::Send] {
            let world = World::new().await;
            world.tenant.faults().push(Rule::on(kind).answer(Fault::status(400, code)));
            let reply = world.smtp().await.submit(ADA, &[BOB], MESSAGE).await;
            assert!(reply.starts_with(expected), "{kind:?}: {reply}");
            assert!(world.tenant.sent().is_empty());
            assert!(world.ada().items("Drafts").is_empty(), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn the_postmaster_needs_no_domain() {
    let world = World::made(Tenant::builder().user(ADA).user(POSTMASTER), |_| {}).await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB, "Postmaster"]).await;
    assert!(smtp.data(MESSAGE).await.starts_with("250 2.0.0 "));
    assert_eq!(world.tenant.sent_to(POSTMASTER).len(), 1);
}

#[tokio::test]
async fn addresses_come_in_every_form_that_old_clients_send() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    for (mail, rcpts) in [
        ("ada@contoso.example", vec!["bob@fabrikam.example"]),
        (" <ada@contoso.example>", vec![" <bob@fabrikam.example>"]),
        ("<@relay.example:ada@contoso.example>", vec!["<\"bob\"@fabrikam.example>"]),
    ] {
        let reply = smtp.command(&format!("MAIL FROM:{mail}")).await;
        assert!(reply.starts_with("250 2.1.0 "), "{mail}: {reply}");
        for rcpt in rcpts {
            let reply = smtp.command(&format!("RCPT TO:{rcpt}")).await;
            assert!(reply.starts_with("250 2.1.5 "), "{rcpt}: {reply}");
        }
        assert!(smtp.data(MESSAGE).await.starts_with("250 2.0.0 "), "{mail}");
    }
    assert_eq!(world.tenant.sent_to(BOB).len(), 3);
}

#[tokio::test]
async fn a_quoted_name_and_an_address_literal_keep_their_form() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let odd = ["\"john,doe\"@fabrikam.example", "scan@[10.0.0.1]"];
    let message = String::from_utf8(MESSAGE.to_vec())
        .unwrap()
        .replace("To: Bob <bob@fabrikam.example>\r\n", "");
    smtp.begin(&format!("<{ADA}>"), &odd).await;
    let reply = smtp.data(message.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    for recipient in odd {
        assert_eq!(world.tenant.sent_to(recipient).len(), 1, "{recipient}");
    }
}
