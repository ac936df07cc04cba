//! Printers, scanners and scripts: each with a profile of its own, told by listener, password or network.
//!
//! Everyone here is on this machine. A client that is to come from another network binds another of its
//! addresses: the settings below call 127.0.0.2 the printers' network.

mod dialogues;
mod networks;
mod profiles;
mod protection;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use footbridge::config::Config;
use footbridge::config::connections::StoredPassword;
use m365_sim::Tenant;

use crate::smtp_client::SmtpClient;
use crate::world::{ADA, World, fresh_password};

const BOB: &str = "bob@fabrikam.example";
const EVE: &str = "eve@fabrikam.example";
/// In the printers' network.
const PRINTER: &str = "127.0.0.2";

/// A message that says what it should.
fn letter(subject: &str) -> String {
    format!(
        "Message-ID: <{subject}@client.example>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n\
         From: {ADA}\r\nTo: {BOB}\r\nSubject: {subject}\r\n\r\nHello\r\n"
    )
}

/// Takes the devices, and the rules for all, out of a settings file.
fn take_over(config: &mut Config, text: &str) {
    let read = Config::parse(Some((Path::new("devices.toml"), text)), BTreeMap::new()).unwrap();
    config.devices = read.devices;
    config.submission = read.submission;
}

/// A bridge that follows its connections file, with these settings.
async fn world(adjust: fn(&mut Config)) -> World {
    World::following(Tenant::builder().user(ADA), adjust).await
}

/// A new password of Ada's for this device.
async fn password_of(world: &World, device: &str) -> String {
    let (password, stored) = fresh_password(device);
    let stored = StoredPassword { device: Some(device.to_owned()), ..stored };
    world.edit(|connections| connections.list[0].passwords.push(stored));
    world.two_seconds_pass().await;
    password
}

/// A client in the printers' network.
async fn printer(world: &World) -> SmtpClient {
    from(world, PRINTER).await
}

async fn from(world: &World, address: &str) -> SmtpClient {
    let address: IpAddr = address.parse().unwrap();
    SmtpClient::connect_from(address, world.smtp_address()).await
}

/// Says HELO and hands in a message; answers the last reply.
async fn hand_in(mut client: SmtpClient, sender: &str, message: &str) -> String {
    let reply = client.command("HELO device").await;
    assert!(reply.starts_with("250 "), "{reply}");
    client.submit(sender, &[BOB], message.as_bytes()).await
}

/// What one recipient holds.
fn held(world: &World, recipient: &str) -> Vec<String> {
    let sent = world.tenant.sent_to(recipient);
    sent.iter().map(|sent| String::from_utf8(sent.mime.to_vec()).unwrap()).collect()
}
