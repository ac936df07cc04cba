//! The settings, resolved: built once at start, immutable after.
//!
//! `Config::default()` is what config/footbridge.example.toml says; a test holds the two together.

pub mod certificate;
mod cloud;
pub mod connections;
mod device;
mod listener;
mod network;
mod queue;
mod reader;
pub mod submission;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mailbox::Timestamp;
pub use cloud::{Cloud, CloudName};
pub use device::{Device, DeviceLogin};
use listener::parse_address;
pub use listener::{Listener, TlsMode};
pub use network::Network;
pub use queue::Queue;
use reader::Reader;
pub use reader::{Origin, Problem};
pub use submission::Submission;

/// The commented example, every key with its default.
pub const EXAMPLE: &str = include_str!("../../config/footbridge.example.toml");

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Everything the user cannot recreate lives under this one directory.
    pub state_dir: PathBuf,
    /// Where the key that seals the stored tokens is read from.
    pub key_file: Option<PathBuf>,
    /// Whether a build that knows the desktop's keyring may keep the key there.
    pub keyring: bool,
    pub cloud: Cloud,
    pub imap: Listener,
    pub smtp: Listener,
    pub pop3: Listener,
    pub submission: Submission,
    /// In the order of their names.
    pub devices: Vec<Device>,
    pub queue: Queue,
    pub console: Option<SocketAddr>,
    pub sync: Sync,
    pub cache: Cache,
    pub limits: Limits,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sync {
    /// How often a watched mailbox is asked for changes.
    pub poll: Duration,
    /// A command that asks for news (NOOP, CHECK) is answered from what is known if that is younger.
    pub freshness: Duration,
    /// How often the whole folder is counted against the service, polls aside.
    pub audit: Duration,
    /// Whether bytes of messages in opened folders are fetched before a client asks for them.
    pub hydrate: bool,
    pub size: Size,
}

/// What RFC822.SIZE says of a message whose bytes were never fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// The bytes are fetched, then counted.
    Exact,
    /// Exchange's own figure, without fetching anything.
    Estimate,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cache {
    /// Octets of message bytes kept on disk for each connection.
    pub max_bytes: u64,
}

/// Bounds on what one peer can make the bridge do; each with its reason in the example file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    pub message_bytes: u64,
    pub connections: usize,
    pub connections_per_address: usize,
    /// How long a client's command waits for Microsoft before it is told to try later.
    pub patience: Duration,
    /// How long Microsoft may stay silent before a request is given up.
    pub answer: Duration,
    /// How long the download of one message may take.
    pub download: Duration,
    /// An IMAP session that says nothing for so long is ended (RFC 3501 §5.4 wants 30 minutes at least).
    pub idle: Duration,
    /// The same for SMTP (RFC 5321 §4.5.3.2 wants five minutes at least).
    pub idle_smtp: Duration,
    /// The same for who has not logged in.
    pub idle_stranger: Duration,
    /// How long shutdown waits for commands in flight.
    pub drain: Duration,
    /// Wrong local passwords for one user name before it is locked for a while.
    pub login_failures: usize,
    /// The same from one address.
    pub login_failures_per_address: usize,
    /// How long such a lockout lasts.
    pub login_lockout: Duration,
    /// The wait after the first wrong password; it doubles with each further one.
    pub login_delay: Duration,
    /// The longest such wait.
    pub login_delay_max: Duration,
}

/// Whether certificates are looked at: only who serves needs to be able to read them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Certificates {
    Read,
    Unread,
}

/// All that is wrong with the settings, at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl Config {
    /// Reads `file` (or, without one, only defaults and the environment).
    ///
    /// # Errors
    /// Every mistake, with file, line and key.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        Self::load_with(file, Certificates::Unread)
    }

    /// The same for who is going to listen: certificates are looked at, too.
    ///
    /// # Errors
    /// Every mistake, with file, line and key.
    pub fn load_to_serve(file: Option<&Path>) -> Result<Self, Problems> {
        Self::load_with(file, Certificates::Read)
    }

    fn load_with(file: Option<&Path>, certificates: Certificates) -> Result<Self, Problems> {
        let text = match file {
            Some(path) => Some((path, read(path)?)),
            None => None,
        };
        let borrowed = text.as_ref().map(|(path, text)| (*path, text.as_str()));
        Self::read(Reader::new(borrowed, environment()), certificates)
    }

    /// # Errors
    /// Every mistake, with file, line and key.
    pub fn parse(
        file: Option<(&Path, &str)>,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, Problems> {
        Self::read(Reader::new(file, environment), Certificates::Unread)
    }

    fn read(mut reader: Reader<'_>, certificates: Certificates) -> Result<Self, Problems> {
        let smtp = listener::read(&mut reader, "smtp", Listener::at("127.0.0.1:1025"));
        let submission = submission::read(&mut reader, "submission", Submission::default());
        let networks = network::read(&mut reader);
        let config = Self {
            state_dir: PathBuf::from(reader.string("state_dir", "state")),
            key_file: Some(reader.string("key_file", ""))
                .filter(|p| !p.is_empty())
                .map(PathBuf::from),
            cloud: cloud::read(&mut reader),
            keyring: reader.switch("keyring", true),
            imap: listener::read(&mut reader, "imap", Listener::at("127.0.0.1:1143")),
            pop3: listener::read(&mut reader, "pop3", Listener::default()),
            devices: device::read(&mut reader, &networks, &smtp, &submission),
            smtp,
            submission,
            queue: queue::read(&mut reader),
            console: read_console(&mut reader),
            sync: Sync {
                poll: reader.duration("sync.poll", Duration::from_secs(15)),
                freshness: reader.duration("sync.freshness", Duration::from_secs(1)),
                audit: reader.duration("sync.audit", Duration::from_secs(3600)),
                hydrate: reader.switch("sync.hydrate", true),
                size: read_size(&mut reader),
            },
            cache: Cache { max_bytes: reader.size("cache.max_bytes", 2 << 30) },
            limits: read_limits(&mut reader),
        };
        if config.pop3.addresses().next().is_some() {
            reader.problem("pop3.listen", "cannot be used yet: POP3 is not part of this release");
        }
        if config.sync.poll < Duration::from_secs(1) {
            reader.problem("sync.poll", "must be at least \"1s\": Microsoft counts requests");
        }
        if certificates == Certificates::Read {
            for (section, listener) in config.listeners() {
                listener::check_files(&mut reader, &section, listener, &config.state_dir);
            }
        }
        let problems = reader.finish();
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// What works today and may not tomorrow.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let of = |(section, listener): (String, &Listener)| {
            let identity = listener.certificate(&self.state_dir)?.load().ok()?;
            Some(format!("{section}.certificate: {}", identity.warning(now)?))
        };
        self.listeners().into_iter().filter_map(of).collect()
    }

    /// Every address that mail clients come to.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners().into_iter().flat_map(|(_, listener)| listener.addresses()).collect()
    }

    /// Those that are in use, by section.
    fn listeners(&self) -> Vec<(String, &Listener)> {
        let protocols = [("imap".to_owned(), &self.imap), ("smtp".to_owned(), &self.smtp)];
        let devices = self.devices.iter().filter(|device| device.has_addresses());
        let devices = devices.map(|device| (format!("device.{}", device.name), &device.listener));
        protocols.into_iter().chain(devices).collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::parse(None, BTreeMap::new()).expect("the defaults are valid, a test reads them")
    }
}

fn read_console(reader: &mut Reader<'_>) -> Option<SocketAddr> {
    let address = reader.parsed("console.listen", "127.0.0.1:8025".to_owned(), |value| {
        value.as_str().map(str::to_owned).ok_or_else(|| "wants an address in quotes".to_owned())
    });
    if address.is_empty() {
        return None;
    }
    match parse_address(&address) {
        Ok(address) if address.ip().is_loopback() => Some(address),
        Ok(_) => {
            reader.problem("console.listen", "must be a loopback address in this release");
            None
        }
        Err(text) => {
            reader.problem("console.listen", text);
            None
        }
    }
}

fn read_size(reader: &mut Reader<'_>) -> Size {
    let choices = [("exact", Size::Exact), ("estimate", Size::Estimate)];
    reader.choice("sync.size", Size::Exact, &choices)
}

fn read_limits(reader: &mut Reader<'_>) -> Limits {
    Limits {
        message_bytes: reader.size("limits.message_bytes", 150 << 20),
        connections: reader.count("limits.connections", 1_000),
        connections_per_address: reader.count("limits.connections_per_address", 100),
        patience: reader.duration("limits.patience", Duration::from_secs(25)),
        answer: reader.duration("limits.answer", Duration::from_secs(20)),
        download: reader.duration("limits.download", Duration::from_secs(15 * 60)),
        idle: reader.duration("limits.idle", Duration::from_secs(31 * 60)),
        idle_smtp: reader.duration("limits.idle_smtp", Duration::from_secs(5 * 60)),
        idle_stranger: reader.duration("limits.idle_stranger", Duration::from_secs(3 * 60)),
        drain: reader.duration("limits.drain", Duration::from_secs(10)),
        login_failures: reader.count("limits.login_failures", 10),
        login_failures_per_address: reader.count("limits.login_failures_per_address", 50),
        login_lockout: reader.duration("limits.login_lockout", Duration::from_secs(5 * 60)),
        login_delay: reader.duration("limits.login_delay", Duration::from_secs(1)),
        login_delay_max: reader.duration("limits.login_delay_max", Duration::from_secs(8)),
    }
}

fn read(path: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|error| {
        let origin = Origin::File { path: path.to_owned(), line: 1 };
        let text = format!("cannot be read: {error}");
        Problems(vec![Problem { origin, key: "(the file)".to_owned(), text }])
    })
}

/// The variables that set something, by full name.
fn environment() -> BTreeMap<String, String> {
    std::env::vars().filter(|(name, _)| name.starts_with("FOOTBRIDGE__")).collect()
}

/// Where a file is looked for when none is named: `FOOTBRIDGE_CONFIG`, `./footbridge.toml`, then the
/// platform's configuration folder.
#[expect(clippy::disallowed_methods, reason = "this is config")]
pub fn find_file() -> Option<PathBuf> {
    if let Ok(path) = std::env::var("FOOTBRIDGE_CONFIG") {
        return Some(PathBuf::from(path));
    }
    let home = std::env::var("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".config")));
    let platform = home.ok().map(|dir| dir.join("footbridge/footbridge.toml"));
    [Some(PathBuf::from("footbridge.toml")), platform]
        .into_iter()
        .flatten()
        .find(|path| path.exists())
}

/// `FOOTBRIDGE_KEY_FILE`: where the key that seals stored tokens is.
pub fn key_file_variable() -> Option<PathBuf> {
    variable("FOOTBRIDGE_KEY_FILE").map(PathBuf::from)
}

/// `FOOTBRIDGE_KEY`: the key itself, at least 32 characters.
pub fn key_variable() -> Option<String> {
    variable("FOOTBRIDGE_KEY")
}

/// `FOOTBRIDGE_PASSPHRASE`, or the first line of the file that `FOOTBRIDGE_PASSPHRASE_FILE` names.
///
/// # Errors
/// If that file cannot be read.
pub fn passphrase_variable() -> std::io::Result<Option<String>> {
    match (variable("FOOTBRIDGE_PASSPHRASE"), variable("FOOTBRIDGE_PASSPHRASE_FILE")) {
        (Some(passphrase), _) => Ok(Some(passphrase)),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)?;
            Ok(text.lines().next().map(str::to_owned))
        }
        (None, None) => Ok(None),
    }
}

/// Where a service manager puts this service's credentials (systemd's LoadCredential=).
pub fn credentials_directory() -> Option<PathBuf> {
    variable("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Whether there is a desktop that a browser could open on.
pub fn has_display() -> bool {
    cfg!(target_os = "macos")
        || variable("DISPLAY").is_some()
        || variable("WAYLAND_DISPLAY").is_some()
}

/// `BROWSER`: the person's browsers, as a list by colons.
pub fn browsers() -> Option<String> {
    variable("BROWSER")
}

/// Empty counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is config")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `NO_COLOR`: set and not empty means that nothing is coloured.
#[expect(clippy::disallowed_methods, reason = "this is config")]
pub fn no_color() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}

/// The default of `FOOTBRIDGE_LOG`.
pub const DEFAULT_LOG: &str = "footbridge=info,rustls=error,warn";

/// What to log, from `FOOTBRIDGE_LOG` (tracing's filter syntax). By default nothing of what rustls
/// says, since any stranger's handshake can make it warn.
#[expect(clippy::disallowed_methods, reason = "this is config")]
pub fn log_filter() -> String {
    std::env::var("FOOTBRIDGE_LOG").unwrap_or_else(|_| DEFAULT_LOG.to_owned())
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let file = Some((Path::new("f.toml"), text));
        let found = Config::parse(file, BTreeMap::new()).unwrap_err();
        found.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example = Config::parse(Some((Path::new("example"), EXAMPLE)), BTreeMap::new());
        assert_eq!(example.unwrap(), Config::default());
    }

    #[test]
    fn every_mistake_is_told_at_once_with_file_line_and_key() {
        let text = "state_dir = 5\n[imap]\nlisten = [\"0.0.0.0:143\"]\nlistne = []\n[sync]\npoll = \"soon\"\n";
        let found = problems(text);
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].starts_with("f.toml:1: state_dir wants a text"), "{found:#?}");
        assert!(found.iter().any(|p| p.starts_with("f.toml:3: imap.listen would send passwords")));
        assert!(
            found.iter().any(|p| p.starts_with("f.toml:4: imap.listne is not a known setting"))
        );
        assert!(found.iter().any(|p| p.starts_with("f.toml:6: sync.poll wants a time")));
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let environment = BTreeMap::from([
            ("FOOTBRIDGE__SYNC__POLL".to_owned(), "30s".to_owned()),
            ("FOOTBRIDGE__IMAP__LISTEN".to_owned(), "127.0.0.1:1, [::1]:2".to_owned()),
        ]);
        let config = Config::parse(Some((Path::new("f"), "[sync]\npoll = \"20s\"")), environment);
        let config = config.unwrap();
        assert_eq!(config.sync.poll, Duration::from_secs(30));
        assert_eq!(config.imap.listen.len(), 2);
    }
}
