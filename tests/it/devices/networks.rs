//! `login = "network"`: where a device is, is who it is.

use footbridge::config::Config;
use footbridge::config::connections::ConnectionUse;

use super::{BOB, PRINTER, hand_in, held, letter, printer, take_over, world};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World};

fn trusted(config: &mut Config) {
    let text = r#"
[networks]
printers = "127.0.0.2"
[device.scanner]
networks = ["printers"]
login = "network"
connection = "ada@contoso.example"
"#;
    take_over(config, text);
}

fn on_its_own_address(config: &mut Config) {
    let text = r#"
[networks]
printers = "127.0.0.2"
[device.scanner]
listen = "127.0.0.1:0"
networks = ["printers"]
login = "network"
connection = "ada@contoso.example"
"#;
    take_over(config, text);
}

#[tokio::test]
async fn who_is_in_the_network_sends_without_a_login_and_who_is_not_does_not() {
    let world = world(trusted).await;
    let reply = hand_in(printer(&world).await, ADA, &letter("Scan")).await;
    assert!(reply.starts_with("250 2.0.0 Ok: taken by Microsoft 365 as "), "{reply}");
    assert_eq!(held(&world, BOB), [letter("Scan")]);
    let stranger = SmtpClient::connect(world.smtp_address()).await;
    let reply = hand_in(stranger, ADA, &letter("Forged")).await;
    assert!(reply.starts_with("530 5.7.0 "), "{reply}");
    assert_eq!(world.tenant.sent().len(), 1);
}

#[tokio::test]
async fn a_guest_is_told_the_limits_of_its_mailbox_and_may_log_in_all_the_same() {
    let world = world(trusted).await;
    let limit = world.accounts().all()[0].limits().submission;
    let mut smtp = printer(&world).await;
    let ehlo = smtp.command("EHLO device").await;
    assert!(ehlo.contains(&format!("250-SIZE {limit}\r\n")), "{ehlo}");
    assert!(ehlo.contains("AUTH PLAIN LOGIN"), "{ehlo}");
    smtp.log_in(ADA, &world.password).await;
    assert!(smtp.submit(ADA, &[BOB], letter("Scan").as_bytes()).await.starts_with("250 2.0.0 "));
    let mut smtp = printer(&world).await;
    assert!(smtp.command("EHLO device").await.starts_with("250-"));
    world
        .while_delays_pass(async {
            let reply = smtp.command("AUTH PLAIN AGFkYUBjb250b3NvLmV4YW1wbGUAd3Jvbmc=").await;
            assert!(reply.starts_with("535 5.7.8 "), "{reply}");
        })
        .await;
    assert!(smtp.submit(ADA, &[BOB], letter("Two").as_bytes()).await.starts_with("250 2.0.0 "));
}

#[tokio::test]
async fn a_device_sends_by_the_rules_of_its_connection_and_not_as_anyone() {
    let world = world(trusted).await;
    let reply = hand_in(printer(&world).await, "eve@fabrikam.example", &letter("Forged")).await;
    assert!(reply.starts_with("550 5.7.1 MAIL FROM names no address"), "{reply}");
    let forged = letter("Forged").replace("From: ada@contoso", "From: eve@fabrikam");
    let reply = hand_in(printer(&world).await, ADA, &forged).await;
    assert!(reply.starts_with("550 5.7.1 From names no address"), "{reply}");
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn on_a_devices_own_address_everyone_else_is_turned_away() {
    let world = world(on_its_own_address).await;
    let address = world.device_address("scanner");
    let stranger = SmtpClient::turned_away(address).await;
    assert!(stranger.starts_with("554 5.7.1 "), "{stranger}");
    let printer = SmtpClient::connect_from(PRINTER.parse().unwrap(), address).await;
    assert!(hand_in(printer, ADA, &letter("Scan")).await.starts_with("250 2.0.0 "));
    assert_eq!(held(&world, BOB), [letter("Scan")]);
    // It is no device at the address for everyone.
    let elsewhere = super::printer(&world).await;
    assert!(hand_in(elsewhere, ADA, &letter("Scan")).await.starts_with("530 5.7.0 "));
}

/// The answer to a device whose connection cannot send, and nothing is sent.
async fn told_to_try_later(world: &World) {
    let reply = hand_in(printer(world).await, ADA, &letter("Scan")).await;
    assert!(reply.starts_with(&format!("451 4.3.5 The connection {ADA}, ")), "{reply}");
    assert!(world.tenant.sent().is_empty());
}

#[tokio::test]
async fn a_device_is_told_to_try_later_while_its_connection_is_not_there_or_only_reads() {
    let world = world(trusted).await;
    let mut kept = Vec::new();
    world.edit(|connections| kept = std::mem::take(&mut connections.list));
    world.two_seconds_pass().await;
    told_to_try_later(&world).await;
    kept[0].purpose = ConnectionUse::Source;
    world.edit(|connections| connections.list = kept);
    world.two_seconds_pass().await;
    told_to_try_later(&world).await;
    world.edit(|connections| connections.list[0].purpose = ConnectionUse::Outbound);
    world.two_seconds_pass().await;
    let reply = hand_in(printer(&world).await, ADA, &letter("Scan")).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
}

#[tokio::test]
async fn who_is_a_guest_of_a_connection_leaves_with_it() {
    let world = world(trusted).await;
    let mut idle = printer(&world).await;
    assert!(idle.command("HELO device").await.starts_with("250 "));
    let mut busy = printer(&world).await;
    assert!(busy.command("HELO device").await.starts_with("250 "));
    busy.begin(&format!("<{ADA}>"), &[BOB]).await;
    assert!(busy.chunk(letter("Scan").as_bytes()).await.starts_with("250 "));
    world.edit(|connections| connections.list[0].purpose = ConnectionUse::Source);
    world.two_seconds_pass().await;
    for mut client in [idle, busy] {
        let told = client.reply().await;
        assert!(told.starts_with("421 4.7.0 This login was taken back"), "{told}");
        assert_eq!(client.reply().await, "");
    }
    assert!(world.tenant.sent().is_empty());
}
