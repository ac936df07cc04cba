//! Whole dialogues of devices as they are reported, word by word.

use std::time::Duration;

use footbridge::config::Config;
use footbridge::config::connections::StoredPassword;

use super::{BOB, EVE, held, printer, take_over, world};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World, fresh_password};

/// What a multifunction printer makes of a page: no Message-ID, no Date, its own idea of From.
fn scan(from: &str, page: u32) -> String {
    let line = "JVBERi0xLjQKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoKJSVFT0YK\r\n";
    format!(
        "From: {from}\r\nTo: <{BOB}>\r\nSubject: Scan from a device\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"DEV\"\r\n\r\n--DEV\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\nPage {page}\r\n.\r\n\r\n--DEV\r\n\
         Content-Type: application/pdf; name=\"img-{page}.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"img-{page}.pdf\"\r\n\r\n{}--DEV--\r\n",
        line.repeat(200)
    )
}

/// As the recipient holds it, without the Message-ID and Date that were added at the top.
fn without_added(held: &str) -> String {
    let (message_id, rest) = held.split_once("\r\n").unwrap();
    let (date, rest) = rest.split_once("\r\n").unwrap();
    assert!(message_id.starts_with("Message-ID: <") && message_id.ends_with("@contoso.example>"));
    assert!(date.starts_with("Date: Mon, 2 Nov 2026 09:"), "{date}");
    rest.to_owned()
}

fn copier(config: &mut Config) {
    let text = r#"
[device.copier]
rewrite_from = ["copier@* -> own"]
"#;
    take_over(config, text);
}

/// Says one line, and compares the answer literally, as such firmware does.
async fn says(smtp: &mut SmtpClient, line: &str, expected: &str) {
    let reply = smtp.command(line).await;
    assert!(reply.starts_with(expected), "{line}: {reply}, not {expected}");
}

/// A Xerox: EHLO, AUTH LOGIN with the prompts compared letter by letter, addresses without angle brackets, and it
/// does not wait for the answer to QUIT.
#[tokio::test]
async fn a_xerox_logs_in_by_prompts_and_leaves_without_waiting() {
    let world = world(copier).await;
    let (password, stored) = fresh_password("copier");
    let stored = StoredPassword { device: Some("copier".to_owned()), ..stored };
    world.edit(|connections| connections.list[0].passwords.push(stored));
    world.two_seconds_pass().await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    let ehlo = smtp.command("EHLO XRX9C934E5A1B2C").await;
    assert!(ehlo.contains("250-AUTH PLAIN LOGIN\r\n") && ehlo.contains("AUTH=PLAIN LOGIN"));
    assert_eq!(smtp.command("AUTH LOGIN").await, format!("334 {}", base64("Username:")));
    assert_eq!(smtp.command(&base64(ADA)).await, format!("334 {}", base64("Password:")));
    says(&mut smtp, &base64(&password), "235 ").await;
    says(&mut smtp, "MAIL FROM:copier@xerox.local", "250 ").await;
    says(&mut smtp, &format!("RCPT TO:{BOB}"), "250 ").await;
    says(&mut smtp, "DATA", "354 ").await;
    let scan = scan("copier@xerox.local", 1);
    let stuffed = scan.replace("\r\n.", "\r\n..");
    smtp.send(format!("{stuffed}.\r\nQUIT\r\n").as_bytes()).await;
    assert!(smtp.reply().await.starts_with("250 2.0.0 Ok: "));
    drop(smtp);
    let [held] = &held(&world, BOB)[..] else { panic!("not one") };
    assert_eq!(without_added(held), scan.replace("copier@xerox.local", ADA));
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

fn scanner(config: &mut Config) {
    let text = r#"
[networks]
printers = "127.0.0.2"
[device.scanner]
networks = "printers"
login = "network"
connection = "ada@contoso.example"
esmtp = false
rewrite_from = ["root@* -> own"]
"#;
    take_over(config, text);
}

/// One job of a Ricoh: HELO, one RCPT after the other, its sender is root at whatever its host is called.
async fn ricoh_sends(world: &World, recipients: &[&str], scan: &str) -> String {
    let mut smtp = printer(world).await;
    says(&mut smtp, "EHLO RNP002673", "502 ").await;
    says(&mut smtp, "HELO RNP002673", "250 ").await;
    says(&mut smtp, "MAIL FROM:<root@RNP002673>", "250 ").await;
    for recipient in recipients {
        says(&mut smtp, &format!("RCPT TO:<{recipient}>"), "250 ").await;
    }
    says(&mut smtp, "DATA", "354 ").await;
    smtp.send(scan.replace("\r\n.", "\r\n..").as_bytes()).await;
    let reply = smtp.command(".").await;
    says(&mut smtp, "QUIT", "221 ").await;
    reply
}

#[tokio::test]
async fn a_ricoh_says_helo_and_root_and_sends_the_same_scan_five_times() {
    let world = world(scanner).await;
    let scan = scan("root@RNP002673", 1);
    for number in 1..=5 {
        let reply = ricoh_sends(&world, &[BOB, EVE], &scan).await;
        assert!(reply.starts_with("250 2.0.0 Ok: "), "scan {number}: {reply}");
        world.advance(Duration::from_secs(5));
    }
    for recipient in [BOB, EVE] {
        let held = held(&world, recipient);
        assert_eq!(held.len(), 5, "{recipient}");
        for held in held {
            assert_eq!(without_added(&held), scan.replace("root@RNP002673", ADA));
        }
    }
}

#[tokio::test]
async fn a_ricoh_sends_five_scans_over_one_connection() {
    let world = world(scanner).await;
    let mut smtp = printer(&world).await;
    says(&mut smtp, "HELO RNP002673", "250 ").await;
    for page in 1..=5 {
        says(&mut smtp, "MAIL FROM:<root@RNP002673>", "250 ").await;
        says(&mut smtp, &format!("RCPT TO:<{BOB}>"), "250 ").await;
        let scan = scan("root@RNP002673", page);
        assert!(smtp.data(scan.as_bytes()).await.starts_with("250 2.0.0 Ok: "));
        let held = held(&world, BOB).pop().unwrap();
        assert_eq!(without_added(&held), scan.replace("root@RNP002673", ADA));
    }
    assert_eq!(held(&world, BOB).len(), 5);
}

/// Others of the same make log in, though after HELO.
#[tokio::test]
async fn a_ricoh_that_logs_in_does_so_after_helo() {
    let world = world(scanner).await;
    let mut smtp = printer(&world).await;
    says(&mut smtp, "HELO RNP002673", "250 ").await;
    let token = base64(&format!("\0{ADA}\0{}", world.password));
    says(&mut smtp, &format!("AUTH PLAIN {token}"), "235 ").await;
    says(&mut smtp, "MAIL FROM:<root@RNP002673>", "250 ").await;
    says(&mut smtp, &format!("RCPT TO:<{BOB}>"), "250 ").await;
    let scan = scan("root@RNP002673", 1);
    assert!(smtp.data(scan.as_bytes()).await.starts_with("250 2.0.0 Ok: "));
    assert_eq!(held(&world, BOB).len(), 1);
}
