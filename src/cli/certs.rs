//! `footbridge certs`: a certificate authority of one's own, for those who have no better one.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::certificate::CertificateFiles;

#[derive(Debug, Subcommand)]
pub(super) enum CertsCommand {
    /// Make a local CA and a certificate for this machine, in the state folder. Nothing is ever overwritten.
    #[command(
        after_help = "Example: footbridge certs init --name mail.example.com --name 192.168.1.10"
    )]
    Init {
        /// A host name or an IP address by which clients call this machine; give each one.
        #[arg(long = "name", value_name = "NAME", value_parser = host)]
        names: Vec<String>,
        #[arg(long)]
        json: bool,
    },
}

/// Days. Apple's systems take no server certificate of more than 825 days.
const SERVER_LIFE: i64 = 800;
const CA_LIFE: i64 = 3650;

/// A certificate and its key, as files.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

enum Found {
    Both,
    Neither,
}

pub(super) fn run(config: &Config, command: CertsCommand) -> anyhow::Result<()> {
    let CertsCommand::Init { names, json } = command;
    let names = all_names(config, names);
    let CertificateFiles { certificate, private_key } =
        CertificateFiles::in_state(&config.state_dir);
    let server = Pair { certificate, key: private_key };
    let folder = CertificateFiles::folder(&config.state_dir);
    let ca = Pair { certificate: folder.join("ca.pem"), key: folder.join("ca-key.pem") };
    if let Found::Both = server.look()? {
        return Err(anyhow!(
            "{server} are there already, and nothing is overwritten. For a new certificate move \
             both away and run this again; the CA stays, so clients go on trusting it",
            server = server.name()
        ));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let issuer = match ca.look()? {
        Found::Both => ca.load()?,
        Found::Neither => make_ca(&ca)?,
    };
    let until = make_server(&server, &names, &issuer)?;
    if json {
        let line = serde_json::json!({
            "ca": ca.certificate, "certificate": server.certificate, "private_key": server.key,
            "names": names, "until": until.to_string(),
        });
        return print(&line.to_string());
    }
    print(&explained(&ca, &server, &names, until))
}

fn explained(ca: &Pair, server: &Pair, names: &[String], until: Date) -> String {
    let ca = ca.certificate.display();
    format!(
        "Made for {names}, until {until}:\n  \
           certificate  {certificate}\n  \
           private key  {key}\n  \
           CA           {ca}\n\
         Give the CA to the mail clients, and only that file. To trust it:\n  \
           Debian       sudo cp {ca} /usr/local/share/ca-certificates/footbridge.crt && sudo update-ca-certificates\n  \
           Thunderbird  Settings, Privacy & Security, Manage Certificates, Authorities, Import\n  \
           curl         --cacert {ca}\n\
         Then set tls = \"starttls\" (or \"implicit\") under [imap] and [smtp]; docs/tls.md has more.",
        names = names.join(", "),
        certificate = server.certificate.display(),
        key = server.key.display(),
    )
}

// === making ===

fn make_ca(files: &Pair) -> anyhow::Result<Issuer<'static, KeyPair>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Two authorities of one name would be taken for one by some clients.
    let print = blake3::hash(key.public_key_raw()).to_hex();
    name(&mut params, &format!("Footbridge local CA {}", &print[..8]));
    live(&mut params, CA_LIFE)?;
    let certificate = params.self_signed(&key)?;
    files.write(&certificate.pem(), &key)?;
    Ok(Issuer::new(params, key))
}

/// Answers the last day.
fn make_server(
    files: &Pair,
    names: &[String],
    issuer: &Issuer<'_, KeyPair>,
) -> anyhow::Result<Date> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    name(&mut params, "Footbridge");
    let until = live(&mut params, SERVER_LIFE)?;
    let certificate = params.signed_by(&key, issuer)?;
    files.write(&certificate.pem(), &key)?;
    Ok(until)
}

fn name(params: &mut CertificateParams, name: &str) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
}

/// From yesterday on, since clocks differ; answers the last day.
fn live(params: &mut CertificateParams, days: i64) -> anyhow::Result<Date> {
    let now = jiff::Timestamp::from_second(Clock::system().now().0)?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |day: Date| -> anyhow::Result<_> {
        let month = u8::try_from(day.month())?;
        Ok(date_time_ymd(i32::from(day.year()), month, u8::try_from(day.day())?))
    };
    let until = today.checked_add(jiff::Span::new().days(days))?;
    params.not_before = day(today.yesterday()?)?;
    params.not_after = day(until)?;
    Ok(until)
}

// === names ===

/// What was asked for, this machine's own names, and the addresses of the settings.
fn all_names(config: &Config, asked: Vec<String>) -> Vec<String> {
    let mut names = asked;
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let listening = config.addresses();
    let named = listening.into_iter().filter(|address| !address.ip().is_unspecified());
    let of_settings = named.map(|address| address.ip().to_string());
    for name in host_name().into_iter().chain(own).chain(of_settings) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn host_name() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .ok()?;
    host(text.trim()).ok()
}

fn host(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*' | '_');
    let is_name = !text.is_empty() && text.len() <= 253 && text.chars().all(plain);
    if is_name || text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("wants a host name or an IP address (names with other letters: their xn-- form)".to_owned())
}

// === files ===

impl Pair {
    fn look(&self) -> anyhow::Result<Found> {
        match (self.certificate.try_exists()?, self.key.try_exists()?) {
            (true, true) => Ok(Found::Both),
            (false, false) => Ok(Found::Neither),
            _ => Err(anyhow!("only one of {} is there; move it away first", self.name())),
        }
    }

    fn name(&self) -> String {
        format!("{} and {}", self.certificate.display(), self.key.display())
    }

    fn load(&self) -> anyhow::Result<Issuer<'static, KeyPair>> {
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| path.display().to_string());
        let key = KeyPair::from_pem(&read(&self.key)?).with_context(|| self.name())?;
        Issuer::from_ca_cert_pem(&read(&self.certificate)?, key).with_context(|| self.name())
    }

    fn write(&self, certificate: &str, key: &KeyPair) -> anyhow::Result<()> {
        write_new(&self.key, &key.serialize_pem(), 0o600)?;
        write_new(&self.certificate, certificate, 0o644)
    }
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)?;
    file.sync_all().with_context(named)
}
