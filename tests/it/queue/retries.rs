//! What happens to a queued message until it is sent.

use m365_sim::{Fault, Kind, RetryAfter, Rule};

use super::bench::{
    BOB, HOUR, MINUTE, away, denied, id_of, named, pass, queued, queueing, received, reports,
    settle, submit, until_empty, world,
};
use crate::world::{ADA, SCOPES, World};

#[tokio::test]
async fn waits_double_and_one_message_finds_out_for_all() {
    let world = world().await;
    // Tokens are to be had, so that each try gets as far as a request of its own.
    let fault = Fault::status(503, "ServiceUnavailable");
    world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(fault).always());
    for number in 1..=6 {
        id_of(&submit(&world, named(number)).await);
    }
    settle(&world).await;
    let mut tries = Vec::new();
    for _ in 0..6 {
        // Past the next try, whenever the first ones ended.
        pass(&world, 70 * MINUTE).await;
        let creations = world.tenant.journal().entries();
        let creations = creations.iter().filter(|entry| entry.kind == Kind::CreateMime).count();
        tries.push(creations);
        world.forget();
    }
    // One try makes a few requests; six messages would make six times as many.
    assert!(tries.iter().skip(1).all(|tries| (1..=8).contains(tries)), "{tries:?}");
    assert_eq!(queued(&world).len(), 6);
    world.tenant.faults().clear();
    // Two hours are longer than the longest wait, and than any asked for.
    pass(&world, 2 * HOUR).await;
    assert!(queued(&world).is_empty(), "the first one's success takes the others along");
    for number in 1..=6 {
        assert_eq!(received(&world, number), 1, "{number}");
    }
}

#[tokio::test]
async fn a_longer_wait_that_the_service_asks_for_is_kept() {
    let world = world().await;
    let fault = Fault::throttled(RetryAfter::Seconds(2 * 60 * 60));
    world.tenant.faults().push(Rule::on(Kind::CreateMime).answer(fault).times(1));
    id_of(&submit(&world, named(1)).await);
    settle(&world).await;
    world.forget();
    for _ in 0..7 {
        pass(&world, 16 * MINUTE).await;
    }
    let asked = world.tenant.journal().entries();
    assert!(asked.iter().all(|entry| entry.kind != Kind::CreateMime), "too early");
    assert_eq!(queued(&world).len(), 1);
    pass(&world, 10 * MINUTE).await;
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn mail_that_waits_for_a_sign_in_goes_out_when_someone_signs_in() {
    let world = World::following(m365_sim::Tenant::builder().user(ADA), queueing).await;
    world.ready().await;
    world.tenant.revoke(ADA);
    let id = id_of(&submit(&world, named(1)).await);
    let state = std::fs::read_to_string(super::bench::outbox(&world).join(format!("{id}.state")));
    assert!(state.unwrap().contains("4.7.0"));
    pass(&world, 2 * HOUR).await;
    assert_eq!(queued(&world), [id]);
    world.sign_in(ADA, ADA, SCOPES).await;
    world.edit(|connections| connections.list[0].signed_in += 1);
    world.two_seconds_pass().await;
    settle(&world).await;
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
}

#[tokio::test]
async fn a_message_that_is_never_taken_is_given_up_and_reported_once() {
    let world = world().await;
    away(&world);
    id_of(&submit(&world, named(1)).await);
    for _ in 0..(5 * 24 + 2) {
        pass(&world, HOUR).await;
    }
    assert_eq!(queued(&world).len(), 1, "a report cannot be filed either");
    assert_eq!(received(&world, 1), 0);
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 1));
    assert!(world.ada().items("Drafts").is_empty());
    let item = world.ada().items("Inbox").remove(0);
    assert!(!item.is_read, "it is new mail");
    let mut imap = world.selected("INBOX").await;
    let report = imap.message(1).await;
    let report = String::from_utf8(report).unwrap();
    for line in [
        "In-Reply-To: <1@client.example>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Final-Recipient: rfc822; bob@fabrikam.example\r\nAction: failed\r\nStatus: 4.4.7\r\n",
        "Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@client.example>\r\n",
        "Page one.\r\n",
    ] {
        assert!(report.contains(line), "{line} in {report}");
    }
    assert!(report.contains("report-type=\"delivery-status\""), "{report}");
}

#[tokio::test]
async fn a_refusal_that_comes_too_late_to_be_told_is_reported_once() {
    let world = world().await;
    away(&world);
    id_of(&submit(&world, named(1)).await);
    world.tenant.faults().clear();
    denied(&world);
    pass(&world, 5 * MINUTE).await;
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 1));
    assert!(world.ada().items("Drafts").is_empty());
}

#[tokio::test]
async fn who_wants_no_report_gets_none() {
    let world = world().await;
    away(&world);
    let mut smtp = world.smtp().await;
    smtp.command(&format!("MAIL FROM:<{ADA}> RET=HDRS ENVID=QQ")).await;
    smtp.command(&format!("RCPT TO:<{BOB}> NOTIFY=NEVER")).await;
    smtp.command("DATA").await;
    smtp.send(&named(1)).await;
    smtp.send(b".\r\n").await;
    id_of(&smtp.reply().await);
    world.tenant.faults().clear();
    denied(&world);
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 0));
}

#[tokio::test]
async fn a_report_gives_back_what_was_asked_for() {
    let world = world().await;
    away(&world);
    let mut smtp = world.smtp().await;
    smtp.command(&format!("MAIL FROM:<{ADA}> RET=HDRS ENVID=QQ314159")).await;
    smtp.command(&format!("RCPT TO:<{BOB}> NOTIFY=FAILURE ORCPT=rfc822;Bob@fabrikam.example"))
        .await;
    smtp.command("DATA").await;
    smtp.send(&named(1)).await;
    smtp.send(b".\r\n").await;
    id_of(&smtp.reply().await);
    world.tenant.faults().clear();
    denied(&world);
    until_empty(&world).await;
    assert_eq!(reports(&world), 1);
    let mut imap = world.selected("INBOX").await;
    let report = String::from_utf8(imap.message(1).await).unwrap();
    for line in [
        "Original-Envelope-Id: QQ314159\r\n",
        "Original-Recipient: rfc822;Bob@fabrikam.example\r\n",
        "Status: 5.7.60\r\nDiagnostic-Code: smtp; 550 5.7.60 Microsoft 365 does not let",
        "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1@client.example>\r\n",
    ] {
        assert!(report.contains(line), "{line} in {report}");
    }
    assert!(!report.contains("Page one."), "{report}");
}

#[tokio::test]
async fn a_report_tells_what_was_wrong_with_the_recipients() {
    for (code, line) in [
        ("ErrorInvalidRecipients", "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 "),
        ("ErrorExceededMaxRecipientLimit", "Status: 5.5.3\r\nDiagnostic-Code: smtp; 554 5.5.3 "),
    ] {
        let world = world().await;
        away(&world);
        id_of(&submit(&world, named(1)).await);
        world.tenant.faults().clear();
        world.tenant.faults().push(Rule::on(Kind::Send).answer(Fault::status(400, code)).always());
        until_empty(&world).await;
        assert_eq!((received(&world, 1), reports(&world)), (0, 1), "{code}");
        let report = String::from_utf8(world.selected("INBOX").await.message(1).await).unwrap();
        assert!(report.contains(line), "{line} in {report}");
    }
}

#[tokio::test]
async fn a_lost_answer_at_any_step_of_a_later_try_sends_once() {
    for kind in [Kind::CreateMime, Kind::Send] {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::status(503, "x"), Fault::SilentOk] {
            let world = world().await;
            away(&world);
            id_of(&submit(&world, named(1)).await);
            world.tenant.faults().clear();
            world.tenant.faults().push(Rule::on(kind).answer(fault.clone()).times(3));
            until_empty(&world).await;
            let case = format!("{kind:?} {fault:?}");
            assert_eq!((received(&world, 1), reports(&world)), (1, 0), "{case}");
            assert!(world.ada().items("Drafts").is_empty(), "{case}");
            assert_eq!(world.ada().items("Sent Items").len(), 1, "{case}");
        }
    }
}

#[tokio::test]
async fn a_draft_that_waits_for_days_in_doubt_is_not_sent_twice() {
    let world = world().await;
    // Sent, but nobody says so; then nothing can be asked for long.
    world.tenant.faults().push(Rule::on(Kind::Send).answer(Fault::CutAfter));
    let blind = Fault::status(503, "x");
    world.tenant.faults().push(Rule::on(Kind::GetMessage).or(Kind::Batch).answer(blind).always());
    let mut smtp = world.smtp().await;
    let reply = smtp.submit(ADA, &[BOB], &named(1)).await;
    id_of(&reply);
    for _ in 0..30 {
        pass(&world, HOUR).await;
    }
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (1, 0));
}

#[tokio::test]
async fn a_permission_to_send_and_nothing_else_is_enough_for_the_queue() {
    let scopes = "Mail.Send User.Read offline_access openid profile";
    let world = World::granted(scopes, queueing).await;
    // It knows what the sign-in allows.
    let reply = world.while_delays_pass(submit(&world, named(4))).await;
    assert!(reply.starts_with("250 "), "{reply}");
    until_empty(&world).await;
    // What was turned away was certainly not sent.
    let busy = || {
        let fault = Fault::throttled(RetryAfter::Seconds(60));
        world.tenant.faults().push(Rule::on(Kind::SendMail).answer(fault));
    };
    busy();
    id_of(&submit(&world, named(1)).await);
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
    // Cut in the middle nobody can tell: the client keeps it if it still waits, else its sender hears so.
    let cut = || world.tenant.faults().push(Rule::on(Kind::SendMail).answer(Fault::CutAfter));
    cut();
    let reply = submit(&world, named(2)).await;
    assert!(reply.starts_with("451 4.4.2 "), "{reply}");
    assert!(queued(&world).is_empty());
    busy();
    id_of(&submit(&world, named(3)).await);
    cut();
    until_empty(&world).await;
    assert_eq!((received(&world, 2), received(&world, 3)), (1, 1));
    assert_eq!(reports(&world), 1);
    let report = world.tenant.sent_to(ADA).remove(0).mime;
    let report = String::from_utf8_lossy(&report);
    assert!(report.contains("It may have arrived all the same"), "{report}");
}

#[tokio::test]
async fn a_sender_who_cannot_be_checked_now_is_checked_before_the_message_goes() {
    let world = world().await;
    away(&world);
    let sender = "mallory@contoso.example";
    let message = String::from_utf8(named(1)).unwrap().replace(ADA, sender);
    let mut smtp = world.smtp().await;
    id_of(&smtp.submit(sender, &[BOB], message.as_bytes()).await);
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!((received(&world, 1), reports(&world)), (0, 1));
    let report = String::from_utf8(world.selected("INBOX").await.message(1).await).unwrap();
    assert!(report.contains("5.7.1"), "{report}");
}

#[tokio::test]
async fn a_large_message_waits_as_well_as_a_small_one() {
    let world = world().await;
    away(&world);
    let mut large = named(1);
    for _ in 0..35_000 {
        large.extend_from_slice(
            b"Seventy octets of text in every line, so that no line is too long.\r\n",
        );
    }
    id_of(&submit(&world, &large).await);
    world.tenant.faults().clear();
    until_empty(&world).await;
    assert_eq!(received(&world, 1), 1);
    let sent = world.tenant.sent_to(BOB).remove(0);
    assert_eq!(sent.mime.len(), large.len());
}
