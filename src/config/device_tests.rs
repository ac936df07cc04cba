//! Sections of devices, and what is wrong with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::submission::{RecipientsElsewhere, Senders, WhenUnreachable};
use crate::config::{Config, EXAMPLE, TlsMode};

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, value)| (format!("FOOTBRIDGE__{name}"), (*value).to_owned()))
        .collect();
    Config::parse(Some((Path::new("f.toml"), text)), environment)
        .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}

fn problems(text: &str) -> Vec<String> {
    read(text, &[]).unwrap_err()
}

const SCANNER: &str = r#"
[networks]
printers = ["192.168.7.0/24", "10.1.2.3"]
lab = "fd00:7::/32"
[submission]
save_to_sent = false
messages_per_minute = 20
[device.scanner]
networks = ["printers", "lab"]
login = "network"
connection = "scans@contoso.com"
esmtp = false
when_unreachable = "queue"
rewrite_from = ["root@* -> own"]
recipients_per_message = 5
"#;

#[test]
fn a_device_has_what_it_says_and_else_what_all_have() {
    let config = read(SCANNER, &[]).unwrap();
    let [scanner] = &config.devices[..] else { panic!("{:?}", config.devices) };
    assert_eq!(scanner.name, "scanner");
    assert_eq!(scanner.networks.as_ref().unwrap().len(), 3);
    for (address, is_at) in [
        ("192.168.7.9", true),
        ("10.1.2.3", true),
        ("fd00:7::1", true),
        ("192.168.8.9", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(scanner.is_at(address.parse().unwrap()), is_at, "{address}");
    }
    let connection = "scans@contoso.com".to_owned();
    assert_eq!(scanner.login, DeviceLogin::Network { connection });
    assert!(!scanner.esmtp && !scanner.auth_without_tls && !scanner.has_addresses());
    assert_eq!(scanner.rules.when_unreachable, WhenUnreachable::Queue);
    assert_eq!(scanner.rules.rewrite_from.len(), 1);
    assert_eq!(scanner.rules.recipients_per_message, 5);
    assert_eq!(scanner.rules.messages_per_minute, 20);
    assert!(!scanner.rules.save_to_sent);
    assert_eq!(scanner.rules.recipients_elsewhere, RecipientsElsewhere::Refuse);
    assert_eq!(config.submission.when_unreachable, WhenUnreachable::Refuse);
    assert_eq!(config.submission.recipients_per_message, 500);
}

#[test]
fn a_device_may_come_from_the_environment_alone() {
    let environment = [
        ("NETWORKS__PRINTERS", "192.168.7.0/24"),
        ("DEVICE__COPIER__NETWORKS", "printers"),
        ("DEVICE__COPIER__AUTH_WITHOUT_TLS", "true"),
        ("DEVICE__SCANNER__SENDERS", "any"),
    ];
    let config = read(SCANNER, &environment).unwrap();
    let names: Vec<&str> = config.devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["copier", "scanner"]);
    assert!(config.devices[0].auth_without_tls);
    assert_eq!(config.devices[1].rules.senders, Senders::Any);
    assert!(!config.devices[1].is_at("10.1.2.3".parse().unwrap()), "the environment goes first");
    assert!(config.devices[1].is_at("fd00:7::1".parse().unwrap()));
}

#[test]
fn a_device_with_addresses_is_as_well_protected_as_the_others() {
    let text = "[smtp]\ntls = \"starttls\"\n[device.old]\nlisten = [\"192.168.7.1:2525\"]\n\
                [device.older]\nlisten = \"127.0.0.1:2526\"\ntls = \"off\"\n";
    let config = read(text, &[]).unwrap();
    assert_eq!(config.devices[0].listener.tls, TlsMode::StartTls);
    assert_eq!(config.devices[1].listener.tls, TlsMode::Off);
    let addresses = config.addresses();
    assert!(addresses.contains(&"192.168.7.1:2525".parse().unwrap()));
    assert!(addresses.contains(&"127.0.0.1:2526".parse().unwrap()));
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = r#"
[networks]
all = "0.0.0.0/0"
none = []
bad = "10.0.0.1/8"
[device.a]
networks = ["printers"]
login = "network"
[device.b]
networks = ["all"]
login = "network"
connection = "scans"
[device.c]
login = "network"
connection = "scans@contoso.com"
listen = "192.168.7.1:25"
[device.d]
connection = "scans@contoso.com"
auth_without_tls = true
esmtp = false
conection = "x"
[device.Front__Desk]
rules = 5
"#;
    let found = problems(text);
    let expected = [
        "f.toml:4: networks.none has no address in it",
        "f.toml:5: networks.bad has \"10.0.0.1/8\"",
        "f.toml:7: device.a.networks names \"printers\", but [networks] has only all, bad, none",
        "f.toml:8: device.a.login needs to know who sends",
        "f.toml:10: device.b.networks has 0.0.0.0/0, and with device.b.login = \"network\"",
        "f.toml:12: device.b.connection wants the user name of a connection",
        "f.toml:14: device.c.login lets everyone send",
        "f.toml:16: device.c.listen would send passwords in plain text to others",
        "f.toml:18: device.d.connection is used with device.d.login = \"network\" only",
        "f.toml:19: device.d.auth_without_tls needs networks",
        "f.toml:20: device.d.esmtp cannot work before the device is known",
        "f.toml:21: device.d.conection is not a known setting",
        "f.toml:22: device.Front__Desk is not a name for a device",
        "f.toml:23: device.Front__Desk.rules is not a known setting",
    ];
    for problem in expected {
        assert!(found.iter().any(|found| found.starts_with(problem)), "{problem}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_is_no_section_is_no_device() {
    let found = problems("device = 5\n");
    assert_eq!(found, ["f.toml:1: device is not a known setting"]);
    let found = problems("[device]\nlisten = \"127.0.0.1:1\"\n");
    assert!(found[0].starts_with("f.toml:2: device.listen is not a known setting"), "{found:?}");
    let found = read("", &[("DEVICE__COPIER", "x")]).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn the_settings_in_the_guide_are_settings() {
    let guide = include_str!("../../docs/devices.md");
    let blocks: Vec<&str> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 4);
    for block in &blocks {
        let networks = if block.contains("[networks]") { "" } else { blocks[0] };
        let text = format!("{}\n{block}", networks.split("[device").next().unwrap());
        let config = read(&text, &[]).unwrap_or_else(|problems| panic!("{block}\n{problems:#?}"));
        assert_eq!(config.devices.len(), 1, "{block}");
    }
}

/// The defaults have no device, so the example shows one in comments.
#[test]
fn the_example_of_a_device_is_one() {
    let from = EXAMPLE.find("# [networks]").unwrap();
    let to = EXAMPLE.find("[pop3]").unwrap();
    let shown = EXAMPLE[from..to].lines().filter_map(|line| {
        let line = line.strip_prefix("# ")?;
        let is_setting = line.starts_with('[') || line.split_once(" = ").is_some();
        is_setting.then_some(line)
    });
    let text: Vec<&str> = shown.collect();
    let config = read(&text.join("\n"), &[]).unwrap();
    let names: Vec<&str> = config.devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["copier", "scanner"]);
    assert_eq!(config.limits.idle_smtp, Duration::from_secs(300));
}
