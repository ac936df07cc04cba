//! Who is taken for which device.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::Config;

const SETTINGS: &str = r#"
[networks]
printers = "192.168.7.0/24"
office = ["192.168.0.0/16", "127.0.0.1"]
[submission]
recipients_per_message = 100
[device.a-listener]
listen = "127.0.0.1:0"
networks = "printers"
login = "network"
connection = "a@contoso.com"
recipients_per_message = 1
[device.b-password]
networks = "printers"
recipients_per_message = 2
[device.c-trusted]
networks = "printers"
login = "network"
connection = "c@contoso.com"
recipients_per_message = 3
[device.d-plain]
networks = "office"
auth_without_tls = true
esmtp = false
recipients_per_message = 4
[device.e-anywhere]
recipients_per_message = 5
"#;

const PRINTER: &str = "192.168.7.9";
const OFFICE: &str = "192.168.9.9";
const ELSEWHERE: &str = "10.0.0.1";

fn begun(listener: Option<&str>, client: &str) -> Option<Treatment> {
    let config = Config::parse(Some((Path::new("f.toml"), SETTINGS)), BTreeMap::new()).unwrap();
    let policy = Policy::new(Silence::default(), config.submission, &config.devices, 1000);
    Treatment::begin(policy, listener, client.parse().unwrap())
}

/// Each profile has its own number of recipients.
fn known_as(treatment: &Treatment) -> usize {
    assert_eq!(treatment.terms(7).message, 7);
    treatment.first_terms().recipients
}

#[test]
fn the_device_of_the_listener_goes_first_and_only_from_its_networks() {
    assert_eq!(known_as(&begun(Some("a-listener"), PRINTER).unwrap()), 1);
    assert!(begun(Some("a-listener"), OFFICE).is_none());
    let mut treatment = begun(Some("a-listener"), PRINTER).unwrap();
    treatment.log_in(Some("e-anywhere")).unwrap();
    assert_eq!(known_as(&treatment), 1);
    assert_eq!(treatment.connection(), Some("a@contoso.com"));
}

#[test]
fn the_device_of_a_password_goes_before_that_of_the_network() {
    for (client, device, expected) in [
        (PRINTER, Some("b-password"), 2),
        (PRINTER, Some("e-anywhere"), 5),
        (PRINTER, None, 3),
        (OFFICE, Some("b-password"), 4),
        (ELSEWHERE, Some("b-password"), 100),
        (ELSEWHERE, Some("e-anywhere"), 5),
        (ELSEWHERE, None, 100),
    ] {
        let mut treatment = begun(None, client).unwrap();
        treatment.log_in(device).unwrap();
        assert_eq!(known_as(&treatment), expected, "{client} {device:?}");
    }
    assert!(begun(None, OFFICE).unwrap().log_in(Some("gone")).is_err());
}

#[test]
fn a_network_tells_a_device_where_that_matters_before_a_login() {
    let printer = begun(None, PRINTER).unwrap();
    assert_eq!((known_as(&printer), printer.connection()), (3, Some("c@contoso.com")));
    let office = begun(None, OFFICE).unwrap();
    assert_eq!((known_as(&office), office.connection()), (4, None));
    assert!(!office.is_esmtp() && printer.is_esmtp());
    let refused = Security::Offered(PlainLogin::Refused);
    let allowed = Security::Offered(PlainLogin::Allowed);
    assert_eq!(office.security(refused), allowed);
    assert_eq!(printer.security(refused), refused);
    assert_eq!(office.security(Security::Plain), Security::Plain);
    let mapped = begun(None, "::ffff:192.168.7.9").unwrap();
    assert_eq!(known_as(&mapped), 3);
}
