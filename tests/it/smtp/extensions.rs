//! What EHLO offers, and each of it used.

use super::{BOB, EVE, MESSAGE};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World};

const CHANGE: &str = "the message is another one";

/// The largest message that Ada may send.
fn limit(world: &World) -> u64 {
    world.accounts().all()[0].limits().submission
}

fn keywords(ehlo: &str) -> Vec<&str> {
    ehlo.lines().skip(1).map(|line| &line[4..]).collect()
}

#[tokio::test]
async fn ehlo_tells_the_truth_before_and_after_a_login() {
    let world = World::new().await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    let offered = |size: u64| {
        let size = format!("SIZE {size}");
        let always = ["PIPELINING", &size, "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME"];
        let more = ["ENHANCEDSTATUSCODES", "DSN", "LIMITS RCPTMAX=500", "HELP"];
        let login = ["AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"];
        let all = always.into_iter().chain(more).chain(login);
        all.map(str::to_owned).collect::<Vec<String>>()
    };
    let before = smtp.command("EHLO client.example").await;
    assert_eq!(keywords(&before), offered(150 * 1024 * 1024));
    smtp.log_in(ADA, &world.password).await;
    let after = smtp.command("EHLO client.example").await;
    assert_eq!(keywords(&after), offered(limit(&world)));
}

#[tokio::test]
async fn a_bridge_that_takes_less_than_the_service_says_so_at_once() {
    let adjust = |config: &mut footbridge::config::Config| config.limits.message_bytes = 50_000;
    let world = World::adjusted(m365_sim::Tenant::builder().user(ADA), |_| {}, adjust).await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    assert!(keywords(&smtp.command("EHLO me").await).contains(&"SIZE 50000"));
    smtp.log_in(ADA, &world.password).await;
    let reply = smtp.command(&format!("MAIL FROM:<{ADA}> SIZE=50001")).await;
    assert!(reply.starts_with("552 5.3.4 "), "{reply}");
    assert!(reply.contains("50000"), "{reply}");
}

#[tokio::test]
async fn what_is_announced_as_too_large_is_refused_before_a_byte_is_read() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let mail = |size: u64| format!("MAIL FROM:<{ADA}> SIZE={size}");
    let limit = limit(&world);
    for size in [limit + 1, u64::MAX] {
        let reply = smtp.command(&mail(size)).await;
        assert!(reply.starts_with("552 5.3.4 "), "{reply}");
    }
    let reply = smtp.command(&mail(limit)).await;
    assert!(reply.starts_with("250 2.1.0 "), "{reply}");
    let reply = smtp.command("RSET").await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert!(smtp.submit(ADA, &[BOB], MESSAGE).await.starts_with("250 "));
}

#[tokio::test]
async fn helo_alone_is_enough_to_log_in_and_send() {
    let world = World::new().await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    assert_eq!(smtp.command("HELO printer").await, "250 footbridge");
    assert_eq!(smtp.command("AUTH LOGIN").await, "334 VXNlcm5hbWU6");
    assert_eq!(smtp.command("YWRhQGNvbnRvc28uZXhhbXBsZQ==").await, "334 UGFzc3dvcmQ6");
    let password = base64(&world.password);
    assert!(smtp.command(&password).await.starts_with("235 2.7.0 "));
    assert!(smtp.submit(ADA, &[BOB], MESSAGE).await.starts_with("250 2.0.0 "));
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn the_small_commands_are_answered_and_change_nothing() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    for (command, code) in [
        ("HELP", "214 2.0.0 "),
        ("VRFY bob SMTPUTF8", "252 2.0.0 "),
        ("EXPN all SMTPUTF8", "502 5.5.1 "),
        ("NOOP", "250 2.0.0 "),
        ("TURN", "500 5.5.1 "),
    ] {
        let reply = smtp.command(command).await;
        assert!(reply.starts_with(code), "{command}: {reply}");
    }
    assert!(smtp.data(MESSAGE).await.starts_with("250 2.0.0 "));
    assert_eq!(world.tenant.sent_to(BOB).len(), 1);
}

#[tokio::test]
async fn who_has_no_sender_is_told_what_to_do() {
    let world = World::new().await;
    let reply = world.smtp().await.command("MAIL FROM:<>").await;
    assert!(reply.starts_with("550-5.7.1 "), "{reply}");
    assert!(reply.contains("Set the address of this mailbox as the sender"), "{reply}");
}

#[tokio::test]
async fn wishes_about_reports_are_taken_and_leave_the_message_alone() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.begin(&format!("<{ADA}> RET=HDRS ENVID=QQ+2B314159 AUTH=<>"), &[]).await;
    for rcpt in [
        format!("RCPT TO:<{BOB}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@old.example"),
        format!("RCPT TO:<{EVE}> NOTIFY=NEVER ORCPT=utf-8;\\x{{C8}}ve@old.example"),
    ] {
        let reply = smtp.command(&rcpt).await;
        assert!(reply.starts_with("250 2.1.5 "), "{rcpt}: {reply}");
    }
    assert!(smtp.data(MESSAGE).await.starts_with("250 2.0.0 "));
    for recipient in [BOB, EVE] {
        let [sent] = &world.tenant.sent_to(recipient)[..] else {
            panic!("not one for {recipient}")
        };
        assert!(sent.mime == MESSAGE, "{CHANGE}");
    }
}

#[tokio::test]
async fn wishes_that_cannot_be_meant_are_refused_one_by_one() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    for parameters in ["RET=ALL", "ENVID=a=b", "RET=FULL RET=HDRS", "SIZE=1 SIZE=1", "AUTH=a=b"] {
        let reply = smtp.command(&format!("MAIL FROM:<{ADA}> {parameters}")).await;
        assert!(reply.starts_with("501 5.5.4 "), "{parameters}: {reply}");
    }
    smtp.begin(&format!("<{ADA}>"), &[]).await;
    for parameters in ["NOTIFY=NEVER,DELAY", "ORCPT=bob", "NOTIFY=DELAY NOTIFY=DELAY"] {
        let reply = smtp.command(&format!("RCPT TO:<{BOB}> {parameters}")).await;
        assert!(reply.starts_with("501 5.5.4 "), "{parameters}: {reply}");
    }
    let reply = smtp.command(&format!("RCPT TO:<{BOB}> HOLD=1")).await;
    assert!(reply.starts_with("555 5.5.4 "), "{reply}");
}

#[tokio::test]
async fn utf8_is_taken_from_who_asks_for_it() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let message = MESSAGE.to_vec();
    let message = String::from_utf8(message).unwrap().replace("Minutes", "Grüße");
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    let reply = smtp.command("RCPT TO:<jörg@bücher.example>").await;
    assert!(reply.starts_with("553 5.6.7 "), "{reply}");
    assert!(smtp.command("RSET").await.starts_with("250 "));
    assert!(smtp.command("MAIL FROM:<ädä@contoso.example>").await.starts_with("553 5.6.7 "));
    smtp.begin(&format!("<{ADA}> SMTPUTF8"), &["jörg@bücher.example"]).await;
    assert!(smtp.command("RSET").await.starts_with("250 "));
    smtp.begin(&format!("<{ADA}> SMTPUTF8 BODY=8BITMIME"), &[BOB]).await;
    assert!(smtp.data(message.as_bytes()).await.starts_with("250 2.0.0 "));
    let [sent] = &world.tenant.sent_to(BOB)[..] else { panic!("not one") };
    assert!(sent.mime == message.as_bytes(), "{CHANGE}");
}

#[tokio::test]
async fn recipients_beyond_ascii_get_their_mail() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    let shown = "jörg@fabrikam.example";
    let message = String::from_utf8(MESSAGE.to_vec()).unwrap();
    let message = message.replace("To: Bob <bob@fabrikam.example>", &format!("To: Jörg <{shown}>"));
    smtp.begin(&format!("<{ADA}> SMTPUTF8 BODY=8BITMIME"), &[shown, "用户@例子.example"]).await;
    let reply = smtp.data(message.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    // A domain that the bridge writes is in its ASCII form.
    for recipient in [shown, "用户@xn--fsqu00a.example"] {
        let [sent] = &world.tenant.sent_to(recipient)[..] else {
            panic!("not one for {recipient}")
        };
        assert!(sent.mime == message.as_bytes(), "{CHANGE}");
    }
}
