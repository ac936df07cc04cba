//! Which profile a client gets, and what each setting of one does.

use std::time::Duration;

use footbridge::config::Config;
use m365_sim::Tenant;

use super::{BOB, EVE, PRINTER, hand_in, held, letter, password_of, printer, take_over, world};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World};

/// Each way of being known has a number of recipients of its own.
fn known(config: &mut Config) {
    let text = r#"
[networks]
printers = "127.0.0.2"
office = "127.0.0.3"
[submission]
recipients_per_message = 9
[device.a-listener]
listen = "127.0.0.1:0"
recipients_per_message = 1
[device.b-password]
networks = "printers"
recipients_per_message = 2
[device.c-network]
networks = ["printers", "office"]
login = "network"
connection = "ada@contoso.example"
recipients_per_message = 3
[device.d-network]
networks = "office"
auth_without_tls = true
recipients_per_message = 4
"#;
    take_over(config, text);
}

/// How many recipients this client is promised.
async fn promised(smtp: &mut SmtpClient) -> u32 {
    let ehlo = smtp.command("EHLO device").await;
    let after = ehlo.split("LIMITS RCPTMAX=").nth(1).unwrap();
    after.split("\r\n").next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_listener_goes_before_a_password_before_a_network_before_the_rules_for_all() {
    let world = world(known).await;
    let password = password_of(&world, "b-password").await;
    let (here, office) = ("127.0.0.1", "127.0.0.3");
    let own = world.device_address("a-listener");
    for (client, address, before, after) in [
        (PRINTER, own, 1, 1),
        (here, own, 1, 1),
        (PRINTER, world.smtp_address(), 3, 2),
        (office, world.smtp_address(), 3, 3),
        (here, world.smtp_address(), 9, 9),
    ] {
        let mut smtp = SmtpClient::connect_from(client.parse().unwrap(), address).await;
        assert_eq!(promised(&mut smtp).await, before, "{client} {address}");
        smtp.log_in(ADA, &password).await;
        assert_eq!(promised(&mut smtp).await, after, "{client} {address}");
    }
}

#[tokio::test]
async fn a_password_for_a_device_that_is_gone_opens_nothing_and_loses_nothing() {
    let world = world(known).await;
    let password = password_of(&world, "sold").await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    assert!(smtp.command("EHLO device").await.starts_with("250-"));
    let reply = smtp.command(&format!("AUTH PLAIN {}", token(&password))).await;
    assert!(reply.starts_with("454 4.7.0 This password is for a device"), "{reply}");
    assert!(smtp.command(&format!("MAIL FROM:<{ADA}>")).await.starts_with("530 "));
}

fn token(password: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(format!("\0{ADA}\0{password}"))
}

#[tokio::test]
async fn a_password_that_becomes_another_devices_ends_the_session() {
    let world = world(known).await;
    let password = password_of(&world, "b-password").await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    smtp.log_in(ADA, &password).await;
    world.edit(|connections| connections.list[0].passwords[1].device = None);
    world.two_seconds_pass().await;
    let told = smtp.reply().await;
    assert!(told.starts_with("421 4.7.0 This login was taken back"), "{told}");
}

/// A world with one device in the printers' network, which sends as Ada.
async fn ruled(adjust: fn(&mut Config)) -> World {
    World::following(Tenant::builder().user(ADA), adjust).await
}

/// The section of such a device, with these settings.
fn device(config: &mut Config, settings: &str) {
    let text = format!(
        "[networks]\nprinters = \"127.0.0.2\"\n[device.scanner]\nnetworks = \"printers\"\n\
         login = \"network\"\nconnection = \"{ADA}\"\n{settings}\n"
    );
    take_over(config, &text);
}

#[tokio::test]
async fn a_devices_sender_is_rewritten_and_everyone_elses_is_not() {
    let world = ruled(|config| device(config, "rewrite_from = [\"root@* -> own\"]")).await;
    let scan = letter("Scan").replace(ADA, "root@copier.local");
    let reply = hand_in(printer(&world).await, "root@copier.local", &scan).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    assert_eq!(held(&world, BOB), [letter("Scan")]);
    let reply = world.smtp().await.submit("root@copier.local", &[BOB], scan.as_bytes()).await;
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
}

#[tokio::test]
async fn a_device_may_say_whatever_microsoft_lets_pass() {
    let world = ruled(|config| device(config, "senders = \"any\"")).await;
    let scan = letter("Scan").replace(ADA, EVE);
    let reply = hand_in(printer(&world).await, EVE, &scan).await;
    assert!(reply.starts_with("550 5.7.60 "), "it was Microsoft who refused: {reply}");
    let reply = world.smtp().await.submit(EVE, &[BOB], scan.as_bytes()).await;
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
}

#[tokio::test]
async fn recipients_elsewhere_are_left_out_for_a_device() {
    let world = ruled(|config| device(config, "recipients_elsewhere = \"leave-out\"")).await;
    let both = letter("Scan").replace(&format!("To: {BOB}"), &format!("To: {BOB}, {EVE}"));
    let reply = hand_in(printer(&world).await, ADA, &both).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    assert_eq!((held(&world, BOB).len(), held(&world, EVE).len()), (1, 0));
    let reply = world.smtp().await.submit(ADA, &[BOB], both.as_bytes()).await;
    assert!(reply.starts_with("554 5.6.0 To or Cc names someone"), "{reply}");
}

#[tokio::test]
async fn what_a_device_hands_in_may_carry_a_received_field() {
    let world = ruled(|config| device(config, "add_received = true")).await;
    assert!(hand_in(printer(&world).await, ADA, &letter("Scan")).await.starts_with("250 "));
    let held = held(&world, BOB).remove(0);
    let received = "Received: from device ([127.0.0.2])\r\n\tby footbridge with SMTP;\r\n";
    assert!(held.starts_with(received) && held.ends_with(&letter("Scan")), "{held}");
}

#[tokio::test]
async fn a_device_has_limits_of_its_own() {
    let world = ruled(|config| {
        let limits = "recipients_per_message = 1\nmessages_per_minute = 2\nrecipients_per_day = 3";
        device(config, limits);
    })
    .await;
    let mut smtp = printer(&world).await;
    assert!(smtp.command("HELO device").await.starts_with("250 "));
    smtp.begin(&format!("<{ADA}>"), &[BOB]).await;
    let reply = smtp.command(&format!("RCPT TO:<{EVE}>")).await;
    assert!(reply.starts_with("452 4.5.3 "), "{reply}");
    assert!(smtp.data(letter("1").as_bytes()).await.starts_with("250 "));
    assert!(smtp.submit(ADA, &[BOB], letter("2").as_bytes()).await.starts_with("250 "));
    let reply = smtp.submit(ADA, &[BOB], letter("3").as_bytes()).await;
    assert!(reply.starts_with("451 4.7.0 This mailbox has sent as many"), "{reply}");
    world.advance(Duration::from_secs(61));
    assert!(smtp.submit(ADA, &[BOB], letter("3").as_bytes()).await.starts_with("250 "));
    let reply = smtp.submit(ADA, &[BOB], letter("4").as_bytes()).await;
    assert!(reply.starts_with("451 4.7.0 This mailbox has written to as many"), "{reply}");
    let mut others = world.smtp().await;
    assert!(others.submit(ADA, &[BOB], letter("5").as_bytes()).await.starts_with("250 "));
}
