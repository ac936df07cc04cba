//! TLS, where a device can do it, and where it cannot.

use footbridge::config::{Config, TlsMode};
use m365_sim::Tenant;

use super::{BOB, PRINTER, letter, password_of, printer, take_over, world};
use crate::authority::{self, Trust};
use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World};

fn starttls(config: &mut Config) {
    authority::settle(&config.state_dir);
    config.smtp.tls = TlsMode::StartTls;
}

fn old_devices(config: &mut Config) {
    let text = r#"
[networks]
printers = "127.0.0.2"
[device.copier]
networks = "printers"
auth_without_tls = true
"#;
    take_over(config, text);
    starttls(config);
}

#[tokio::test]
async fn a_device_may_log_in_without_tls_from_its_network_and_nobody_else_may() {
    let world = world(old_devices).await;
    let mut smtp = printer(&world).await;
    let ehlo = smtp.command("EHLO device").await;
    assert!(ehlo.contains("STARTTLS") && ehlo.contains("AUTH PLAIN LOGIN"), "{ehlo}");
    smtp.log_in(ADA, &world.password).await;
    assert!(smtp.submit(ADA, &[BOB], letter("Scan").as_bytes()).await.starts_with("250 2.0.0 "));
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    let ehlo = smtp.command("EHLO device").await;
    assert!(ehlo.contains("STARTTLS") && !ehlo.contains("AUTH"), "{ehlo}");
    assert!(smtp.command("AUTH PLAIN AGFkYQBwdw==").await.starts_with("538 5.7.11 "));
}

#[tokio::test]
async fn a_device_that_can_do_tls_may_begin_it() {
    let world = world(old_devices).await;
    let smtp = printer(&world).await;
    let mut smtp = smtp.start_tls(&Trust::in_state(world.state.path())).await;
    let ehlo = smtp.command("EHLO device").await;
    assert!(ehlo.contains("AUTH PLAIN LOGIN") && !ehlo.contains("STARTTLS"), "{ehlo}");
    smtp.log_in(ADA, &world.password).await;
    assert!(smtp.submit(ADA, &[BOB], letter("Scan").as_bytes()).await.starts_with("250 2.0.0 "));
}

fn guests(config: &mut Config) {
    let text = r#"
[networks]
printers = "127.0.0.2"
[device.scanner]
networks = "printers"
login = "network"
connection = "ada@contoso.example"
"#;
    take_over(config, text);
    starttls(config);
}

#[tokio::test]
async fn a_guest_may_send_without_tls_and_keeps_its_standing_under_it() {
    let world = world(guests).await;
    let mut smtp = printer(&world).await;
    assert!(smtp.command("EHLO device").await.starts_with("250-"));
    assert!(smtp.submit(ADA, &[BOB], letter("1").as_bytes()).await.starts_with("250 2.0.0 "));
    let mut smtp = smtp.start_tls(&Trust::in_state(world.state.path())).await;
    assert!(smtp.command(&format!("MAIL FROM:<{ADA}>")).await.starts_with("503 "));
    assert!(smtp.command("EHLO device").await.starts_with("250-"));
    assert!(smtp.submit(ADA, &[BOB], letter("2").as_bytes()).await.starts_with("250 2.0.0 "));
    assert_eq!(world.tenant.sent_to(BOB).len(), 2);
}

fn own_addresses(config: &mut Config) {
    authority::settle(&config.state_dir);
    let text = r#"
[networks]
printers = "127.0.0.2"
[device.old]
listen = "127.0.0.1:0"
tls = "off"
esmtp = false
[device.new]
listen = "127.0.0.1:0"
tls = "starttls"
listen_tls = "127.0.0.1:0"
"#;
    take_over(config, text);
}

#[tokio::test]
async fn a_devices_addresses_are_protected_as_its_settings_say() {
    let adjust: fn(&mut Config) = own_addresses;
    let world = World::following(Tenant::builder().user(ADA), adjust).await;
    let trust = Trust::in_state(world.state.path());
    let mut old = SmtpClient::connect(world.device_address("old")).await;
    assert!(old.command("EHLO device").await.starts_with("502 5.5.1 "));
    assert_eq!(old.command("HELO device").await, "250 footbridge");
    assert!(old.command("STARTTLS").await.starts_with("502 5.5.1 "));
    let new = SmtpClient::connect(world.device_address("new")).await;
    new.start_tls(&trust).await.log_in(ADA, &world.password).await;
    let mut tls = SmtpClient::connect_tls(world.device_addresses("new")[1], &trust).await;
    tls.log_in(ADA, &world.password).await;
    assert!(tls.submit(ADA, &[BOB], letter("Scan").as_bytes()).await.starts_with("250 2.0.0 "));
}

#[tokio::test]
async fn a_password_of_a_device_is_no_leave_to_go_without_tls_elsewhere() {
    let world = world(old_devices).await;
    let password = password_of(&world, "copier").await;
    let mut smtp = SmtpClient::connect(world.smtp_address()).await;
    assert!(smtp.command("EHLO device").await.starts_with("250-"));
    assert!(smtp.command("AUTH LOGIN").await.starts_with("538 5.7.11 "));
    let from = PRINTER.parse().unwrap();
    SmtpClient::connect_from(from, world.smtp_address()).await.log_in(ADA, &password).await;
}
