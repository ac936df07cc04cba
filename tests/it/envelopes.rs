//! Who sends and who receives: what a client says, what its message says, and what the recipients get.

use std::time::Duration;

use footbridge::config::Config;
use footbridge::config::submission::{RecipientsElsewhere, Senders};
use m365_sim::switch::FromAlias;
use m365_sim::{Fault, Kind, Rule, Tenant};

use crate::world::{ADA, SCOPES, World};

const BOB: &str = "bob@fabrikam.example";
const EVE: &str = "eve@fabrikam.example";
const CAROL: &str = "carol@fabrikam.example";
const ALIAS: &str = "a.lovelace@contoso.example";
const SALES: &str = "sales@contoso.example";

const DATE: &str = "Date: Mon, 2 Nov 2026 09:00:00 +0000\r\n";

/// A message with these fields, which goes to Bob.
fn message(fields: &str) -> String {
    format!("{fields}{DATE}Message-ID: <1@client.example>\r\nSubject: x\r\n\r\nHello\r\n")
}

async fn ruled(adjust: fn(&mut Config)) -> World {
    World::adjusted(Tenant::builder().user(ADA), |_| {}, adjust).await
}

/// What one recipient got, which must be one message or none.
fn got(world: &World, recipient: &str) -> Option<String> {
    let mut sent = world.tenant.sent_to(recipient);
    assert!(sent.len() <= 1, "{recipient} got {} messages", sent.len());
    sent.pop().map(|sent| String::from_utf8(sent.mime.to_vec()).unwrap())
}

async fn send(world: &World, from: &str, to: &[&str], text: &str) -> String {
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(from, to, text.as_bytes()).await;
    // Whoever goes on has read the answer: the same message again is another one.
    smtp.command("QUIT").await;
    reply
}

#[tokio::test]
async fn blind_recipients_stay_blind_and_others_see_what_was_written() {
    let world = World::new().await;
    let text = message(&format!("From: Ada <{ADA}>\r\nTo: Bob <{BOB}>\r\nBcc: {EVE}\r\n"));
    let reply = send(&world, ADA, &[BOB, EVE, CAROL], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    for recipient in [BOB, EVE, CAROL] {
        let got = got(&world, recipient).unwrap();
        assert_eq!(got, text.replace(&format!("Bcc: {EVE}\r\n"), ""), "{recipient}");
    }
}

#[tokio::test]
async fn recipients_of_two_fields_of_one_name_all_get_it_and_who_it_was_resent_to_stays_hidden() {
    let world = World::new().await;
    let named = format!("To: Bob <{BOB}>\r\nTo: Carol <{CAROL}>\r\n");
    let text = message(&format!("From: Ada <{ADA}>\r\n{named}Resent-Bcc: {EVE}\r\n"));
    let reply = send(&world, ADA, &[BOB, EVE, CAROL], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let seen = message(&format!("From: Ada <{ADA}>\r\nTo: Bob <{BOB}>,\r\n Carol <{CAROL}>\r\n"));
    for recipient in [BOB, EVE, CAROL] {
        assert_eq!(got(&world, recipient).unwrap(), seen, "{recipient}");
    }
}

#[tokio::test]
async fn who_is_in_the_header_and_not_in_the_envelope_gets_nothing() {
    let text = message(&format!("From: {ADA}\r\nTo: {BOB}, Eve <{EVE}>\r\nCc: {CAROL}\r\n"));
    let world = World::new().await;
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("554 5.6.0 To or Cc names someone whom"), "{reply}");
    assert!(world.tenant.sent().is_empty());
    let rule = |config: &mut Config| {
        config.submission.recipients_elsewhere = RecipientsElsewhere::LeaveOut;
    };
    let world = ruled(rule).await;
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let expected = text.replace(&format!(", Eve <{EVE}>\r\nCc: {CAROL}"), "");
    assert_eq!(got(&world, BOB).unwrap(), expected);
    assert_eq!(world.tenant.sent().len(), 1);
}

#[tokio::test]
async fn to_and_cc_that_name_no_one_for_certain_are_refused() {
    let world = World::new().await;
    let text = message(&format!("From: {ADA}\r\nTo: {BOB} {EVE}\r\n"));
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("554 5.6.0 To or Cc cannot be read"), "{reply}");
    let text = format!("From: {ADA}\r\nTo: {BOB}\r\nX-Odd: \0\r\n\r\nHello\r\n");
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("554 5.6.0 The header of the message"), "{reply}");
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_mailbox_sends_under_its_aliases_and_under_no_other_name() {
    let world = World::with(|tenant| tenant.alias(ADA, ALIAS)).await;
    let text = message(&format!("From: Ada <{ALIAS}>\r\nTo: {BOB}\r\n"));
    let reply = send(&world, ALIAS, &[BOB], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(got(&world, BOB).unwrap(), text);
    let forged = message(&format!("From: Eve <{EVE}>\r\nTo: {BOB}\r\n"));
    let reply = send(&world, ADA, &[BOB], &forged).await;
    assert!(reply.starts_with("550 5.7.1 From names no address of this connection"), "{reply}");
    let reply = send(&world, EVE, &[BOB], &text).await;
    assert!(reply.starts_with("550 5.7.1 MAIL FROM names no address"), "{reply}");
    assert_eq!(world.tenant.sent().len(), 1);
    world.tenant.set_switches(|switches| switches.sending.from_alias = FromAlias::Denied);
    let reply = send(&world, ALIAS, &[BOB], &text).await;
    assert!(reply.starts_with("550 5.7.60 Microsoft 365 does not let this account"), "{reply}");
    assert_eq!(world.tenant.sent().len(), 1);
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn a_listed_mailbox_may_be_the_sender_where_microsoft_agrees() {
    let text = message(&format!("From: Sales <{SALES}>\r\nTo: {BOB}\r\n"));
    let shared = format!("{SCOPES} Mail.Send.Shared");
    for (scopes, expected) in
        [(shared.as_str(), "250 "), (SCOPES, "550 5.7.1 Microsoft 365 denies")]
    {
        let tenant = Tenant::builder().user(ADA).user(SALES);
        let world = World::sending_for(tenant, SALES, scopes).await;
        let send_as = vec![format!("{ADA}={SALES}")];
        world.tenant.set_switches(|switches| switches.sending.send_as = send_as);
        let reply = send(&world, SALES, &[BOB], &text).await;
        assert!(reply.starts_with(expected), "{scopes}: {reply}");
        assert_eq!(got(&world, BOB).is_some(), expected == "250 ");
        assert!(world.ada().items("Drafts").is_empty());
    }
}

#[tokio::test]
async fn the_sent_copy_of_anothers_mail_is_where_the_tenant_puts_it() {
    let scopes = format!("{SCOPES} Mail.Send.Shared");
    let text = message(&format!("From: {SALES}\r\nTo: {BOB}\r\n"));
    for twice in [false, true] {
        let world =
            World::sending_for(Tenant::builder().user(ADA).user(SALES), SALES, &scopes).await;
        world.tenant.set_switches(|switches| {
            switches.sending.send_as = vec![format!("{ADA}={SALES}")];
            switches.sending.copy_for_from = twice;
        });
        let reply = send(&world, SALES, &[BOB], &text).await;
        assert!(reply.starts_with("250 "), "{reply}");
        let mut imap = world.imap().await;
        imap.append("\"Sent Items\" (\\Seen)", text.as_bytes()).await.ok();
        assert_eq!(world.ada().items("Sent Items").len(), 1);
        let theirs = world.tenant.person(SALES).items("Sent Items").len();
        assert_eq!(theirs, usize::from(twice));
    }
}

#[tokio::test]
async fn any_sender_is_left_to_microsoft_where_the_rules_say_so() {
    let world = ruled(|config| config.submission.senders = Senders::Any).await;
    let text = message(&format!("From: {EVE}\r\nTo: {BOB}\r\n"));
    let reply = send(&world, EVE, &[BOB], &text).await;
    assert!(reply.starts_with("550 5.7.60 "), "{reply}");
}

#[tokio::test]
async fn a_device_that_says_root_at_host_gets_another_sender_by_rule() {
    let rule = |config: &mut Config| {
        let rules = "rewrite_from = [\"root@* -> own\"]";
        let file = format!("[submission]\n{rules}\n");
        let read = Config::parse(Some((std::path::Path::new("x"), &file)), Default::default());
        config.submission = read.unwrap().submission;
    };
    let world = ruled(rule).await;
    let text = message(&format!("From: root@host (Cron Daemon)\r\nTo: {BOB}\r\n"));
    let reply = send(&world, "root@host", &[BOB], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(got(&world, BOB).unwrap(), text.replace("root@host", ADA));
    let reply = send(&world, "daemon@host", &[BOB], &text).await;
    assert!(reply.starts_with("550 5.7.1 MAIL FROM"), "{reply}");
}

#[tokio::test]
async fn a_device_that_says_root_alone_gets_the_sender_of_the_first_rule_that_fits_and_no_other() {
    let rule = |config: &mut Config| {
        let rules =
            format!("rewrite_from = [\"root@* -> own\", \"root -> {ALIAS}\", \"a* -> own\"]");
        let file = format!("[submission]\n{rules}\n");
        let read = Config::parse(Some((std::path::Path::new("x"), &file)), Default::default());
        config.submission = read.unwrap().submission;
    };
    let prepare = |tenant: &Tenant| tenant.alias(ADA, ALIAS);
    let world = World::adjusted(Tenant::builder().user(ADA), prepare, rule).await;
    let text = message(&format!("From: root\r\nTo: {BOB}\r\n"));
    let mut smtp = world.smtp().await;
    let reply = smtp.submit("root", &[BOB], text.as_bytes()).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(got(&world, BOB).unwrap(), text.replace("root", &format!("root <{ALIAS}>")));
    let reply = smtp.command("MAIL FROM:<daemon>").await;
    assert!(reply.starts_with("501 5.1.7 The sender's address has no domain"), "{reply}");
    let reply = smtp.command("MAIL FROM:<r\u{f6}t>").await;
    assert!(reply.starts_with("553 5.6.7 "), "{reply}");
}

#[tokio::test]
async fn a_message_without_an_author_is_its_senders() {
    let world = World::with(|tenant| tenant.alias(ADA, ALIAS)).await;
    let reply = send(&world, ALIAS, &[BOB], &message(&format!("To: {BOB}\r\n"))).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let text = got(&world, BOB).unwrap();
    assert!(text.starts_with(&format!("From: {ALIAS}\r\nTo: ")), "{text}");
    let world = World::new().await;
    let text = message(&format!("From: Scanner, 2nd floor\r\nTo: {BOB}\r\n"));
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let expected = text.replace("Scanner, 2nd floor", &format!("\"Scanner, 2nd floor\" <{ADA}>"));
    assert_eq!(got(&world, BOB).unwrap(), expected);
}

#[tokio::test]
async fn someone_elses_mail_cannot_be_resent_in_their_name() {
    let world = World::new().await;
    let text = message(&format!(
        "Resent-From: {ADA}\r\nResent-To: {BOB}\r\nFrom: Eve <{EVE}>\r\nTo: {BOB}\r\n"
    ));
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("554 5.6.0 Microsoft 365 cannot resend"), "{reply}");
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_null_sender_is_refused_before_any_mail_is_read() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let reply = smtp.command("MAIL FROM:<>").await;
    assert!(reply.starts_with("550-5.7.1 Microsoft 365 cannot send"), "{reply}");
}

#[tokio::test]
async fn mail_that_goes_in_circles_is_stopped() {
    let world = World::new().await;
    let received = "Received: from a by b; Mon, 2 Nov 2026 09:00:00 +0000\r\n".repeat(100);
    let text = message(&format!("{received}From: {ADA}\r\nTo: {BOB}\r\n"));
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("554 5.4.6 "), "{reply}");
}

#[tokio::test]
async fn trace_fields_are_kept_added_by_rule_and_return_path_goes() {
    let world = ruled(|config| config.submission.add_received = true).await;
    let rest = message(&format!("Received: by a; x\r\nFrom: {ADA}\r\nTo: {BOB}\r\n"));
    let reply = send(&world, ADA, &[BOB], &format!("Return-Path: <x@y.example>\r\n{rest}")).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let expected = "Received: from client.example ([127.0.0.1])\r\n\tby footbridge with ESMTPA;\r\n\t\
                    Mon, 2 Nov 2026 09:00:00 +0000\r\n";
    assert_eq!(got(&world, BOB).unwrap(), format!("{expected}{rest}"));
}

#[tokio::test]
async fn a_mailbox_sends_so_many_messages_a_minute_and_then_is_told_to_wait() {
    let mut world = ruled(|config| config.submission.messages_per_minute = 3).await;
    let text = |number: u32| {
        format!("From: {ADA}\r\nTo: {BOB}\r\n{DATE}Message-ID: <{number}@c>\r\n\r\nHello\r\n")
    };
    for number in 0..3 {
        let reply = send(&world, ADA, &[BOB], &text(number)).await;
        assert!(reply.starts_with("250 "), "{reply}");
    }
    let reply = send(&world, ADA, &[BOB], &text(3)).await;
    assert!(reply.starts_with("451 4.7.0 This mailbox has sent as many messages"), "{reply}");
    world.restart().await;
    let reply = send(&world, ADA, &[BOB], &text(3)).await;
    assert!(reply.starts_with("451 4.7.0 "), "after a restart: {reply}");
    world.advance(Duration::from_secs(60));
    let reply = send(&world, ADA, &[BOB], &text(3)).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(world.tenant.sent_to(BOB).len(), 4);
}

#[tokio::test]
async fn a_mailbox_writes_to_so_many_recipients_a_day() {
    let world = ruled(|config| config.submission.recipients_per_day = 3).await;
    let text = message(&format!("From: {ADA}\r\nTo: {BOB}\r\n"));
    let reply = send(&world, ADA, &[BOB, EVE], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = send(&world, ADA, &[BOB, EVE], &text).await;
    assert!(reply.starts_with("451 4.7.0 This mailbox has written to as many"), "{reply}");
    let reply = send(&world, ADA, &[BOB], &text).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(world.tenant.sent().len(), 3);
}

#[tokio::test]
async fn who_may_not_send_is_told_at_mail_and_what_was_sent_ahead_is_answered() {
    let world = ruled(|config| config.submission.messages_per_minute = 1).await;
    let mut smtp = world.smtp().await;
    let reply = smtp.command(&format!("MAIL FROM:<{EVE}>")).await;
    assert!(reply.starts_with("550 5.7.1 MAIL FROM names no address"), "{reply}");
    for command in [format!("RCPT TO:<{BOB}>"), "DATA".to_owned()] {
        let reply = smtp.command(&command).await;
        assert!(reply.starts_with("503 "), "{command}: {reply}");
    }
    let text = message(&format!("From: {ADA}\r\nTo: {BOB}\r\n"));
    let reply = smtp.submit(ADA, &[BOB], text.as_bytes()).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = smtp.command(&format!("MAIL FROM:<{ADA}>")).await;
    assert!(reply.starts_with("451 4.7.0 This mailbox has sent as many messages"), "{reply}");
    world.advance(Duration::from_secs(60));
    let reply = smtp.command(&format!("MAIL FROM:<{ADA}>")).await;
    assert!(reply.starts_with("250 "), "{reply}");
}

/// Whether an alias may send is for the service to say; if it is away, the message is looked at when it is there.
#[tokio::test]
async fn a_sender_who_cannot_be_asked_about_is_not_refused_at_mail() {
    let world = World::new().await;
    world.ready().await;
    world.tenant.faults().push(Rule::on(Kind::User).answer(Fault::Stall).always());
    let mut smtp = world.smtp().await;
    let waiting = async { smtp.command(&format!("MAIL FROM:<{ALIAS}>")).await };
    let passing = async {
        loop {
            world.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    let reply = tokio::select! { reply = waiting => reply, () = passing => unreachable!() };
    assert!(reply.starts_with("250 "), "{reply}");
}
