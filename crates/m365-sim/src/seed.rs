//! Filling a tenant: a TOML description, or a person's own mail from files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use crate::clock::{Clock, mail_date};
use crate::entra::{Home, Role};
use crate::ids::{scramble, tag};
use crate::mime::{Composed, addresses, word};
use crate::outlook::{Deed, Person};
use crate::switch::Switches;
use crate::tenant::Tenant;
use crate::view::{Attachment, View};

/// A believable small mailbox.
pub const DEMO: &str = include_str!("../seed/demo.toml");

/// A tenant in words: the shape of a seed file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default)]
    switches: Switches,
    people: Vec<SeedPerson>,
    #[serde(default)]
    mail: Vec<SeedMail>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedPerson {
    address: String,
    name: String,
    /// Paths as in [`Person::folder`].
    #[serde(default)]
    folders: Vec<String>,
    /// Generated messages in the inbox.
    #[serde(default)]
    messages: u32,
    /// `administrator` may consent for everybody.
    #[serde(default)]
    role: Role,
    /// `personal` for a personal Microsoft account.
    #[serde(default)]
    home: Home,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedMail {
    /// Whose mailbox; the first person's if it is missing.
    user: Option<String>,
    #[serde(default = "inbox")]
    folder: String,
    #[serde(deserialize_with = "timestamp")]
    received: Timestamp,
    #[serde(default)]
    read: bool,
    #[serde(default)]
    draft: bool,
    flag: Option<String>,
    #[serde(default)]
    categories: Vec<String>,
    /// The whole message; what follows is ignored then.
    raw: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    cc: String,
    #[serde(default)]
    subject: String,
    text: Option<String>,
    html: Option<String>,
    in_reply_to: Option<String>,
    message_id: Option<String>,
    #[serde(default)]
    attachments: Vec<SeedAttachment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedAttachment {
    name: String,
    content_type: String,
    text: Option<String>,
    base64: Option<String>,
    content_id: Option<String>,
}

fn inbox() -> String {
    "Inbox".into()
}

/// TOML has dates of its own.
fn timestamp<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let date = toml::value::Datetime::deserialize(deserializer)?;
    date.to_string().parse().map_err(serde::de::Error::custom)
}

impl Seed {
    /// # Errors
    /// What is wrong with the text, with its line.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The tenant this describes.
    pub fn build(self, clock: Clock) -> Tenant {
        let mut builder = Tenant::builder().clock(clock).switches(self.switches);
        for person in &self.people {
            builder = builder.named_user(&person.address, &person.name);
        }
        let tenant = builder.build();
        for person in &self.people {
            let owner = tenant.person(&person.address);
            for path in &person.folders {
                owner.folder(path);
            }
            owner.inbox().seed(person.messages);
            tenant.entra().set_role(&person.address, person.role);
            tenant.entra().set_home(&person.address, person.home);
        }
        for mail in &self.mail {
            let first = self.people.first().map(|person| person.address.clone());
            if let Some(user) = mail.user.clone().or(first) {
                mail.put(&tenant.person(&user));
            }
        }
        tenant
    }
}

impl SeedMail {
    fn put(&self, person: &Person) {
        let place = person.folder(&self.folder);
        let mime = self.mime();
        let id = if self.draft {
            place.draft_at(mime, self.received)
        } else {
            place.deliver_at(mime, self.received)
        };
        let outlook = person.outlook();
        let flag = self.flag.clone().map(|status| Deed::Flag { id: id.clone(), status });
        let read = self.read.then(|| Deed::MarkRead { id: id.clone(), read: true });
        let categories = Some(self.categories.clone()).filter(|names| !names.is_empty());
        let categories =
            categories.map(|categories| Deed::Categorize { id: id.clone(), categories });
        for deed in [flag, read, categories].into_iter().flatten() {
            outlook.perform(deed).expect("the message was just put there");
        }
    }

    fn mime(&self) -> Bytes {
        if let Some(raw) = &self.raw {
            return Bytes::from(with_crlf(raw.as_bytes()));
        }
        let number = tag(&format!("{}{}", self.subject, self.received));
        let own_id = || format!("<{:x}@seed.example>", scramble(number));
        let mut headers = vec![
            ("Date".to_owned(), mail_date(self.received)),
            ("From".to_owned(), people(&self.from)),
            ("To".to_owned(), people(&self.to)),
            ("Subject".to_owned(), word(&self.subject)),
            ("Message-ID".to_owned(), self.message_id.clone().unwrap_or_else(own_id)),
        ];
        if !self.cc.is_empty() {
            headers.push(("Cc".to_owned(), people(&self.cc)));
        }
        if let Some(id) = &self.in_reply_to {
            headers.push(("In-Reply-To".to_owned(), id.clone()));
            headers.push(("References".to_owned(), id.clone()));
        }
        let crlf = |text: &Option<String>| text.as_deref().map(|text| text.replace('\n', "\r\n"));
        let attachments = self.attachments.iter().map(SeedAttachment::decoded).collect();
        Composed { headers, text: crlf(&self.text), html: crlf(&self.html), attachments }
            .write(number)
    }
}

impl SeedAttachment {
    fn decoded(&self) -> Attachment {
        let encoded: String = self.base64.iter().flat_map(|text| text.split_whitespace()).collect();
        let bytes = match &self.text {
            Some(text) => text.replace('\n', "\r\n").into_bytes(),
            None => STANDARD.decode(encoded).unwrap_or_default(),
        };
        Attachment {
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            content_id: self.content_id.clone(),
            inline: self.content_id.is_some(),
            message: self.content_type == "message/rfc822",
            bytes: Bytes::from(bytes),
        }
    }
}

/// `Name <address>, …` with its names encoded.
fn people(list: &str) -> String {
    addresses(&View::of(format!("To: {list}\r\n\r\n").as_bytes()).to)
}

/// Messages of an .eml file, an mbox, a Maildir or a folder of them, with CRLF line ends.
///
/// # Errors
/// The first file or folder that cannot be read.
pub fn load_mail(path: &Path) -> io::Result<Vec<Bytes>> {
    let mut found = Vec::new();
    for file in files(path)? {
        let bytes = fs::read(&file)?;
        if bytes.starts_with(b"From ") {
            found.extend(mbox(&bytes));
        } else if !bytes.is_empty() {
            found.push(Bytes::from(with_crlf(&bytes)));
        }
    }
    Ok(found)
}

/// Puts messages into the inbox of `person`, each at the time its Date says.
pub fn put_mail(person: &Person, messages: Vec<Bytes>, now: Timestamp) {
    let inbox = person.inbox();
    for message in messages {
        let received = View::of(&message).date.filter(|date| *date < now).unwrap_or(now);
        inbox.deliver_at(message, received);
    }
}

/// In a Maildir, mail is in `cur` and `new` and never in `tmp`.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries: io::Result<Vec<PathBuf>> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries?;
    entries.sort();
    let is_maildir = path.join("cur").is_dir();
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let skipped =
            if is_maildir { !["cur", "new"].contains(&name) } else { name.starts_with('.') };
        if !skipped {
            found.extend(files(&entry)?);
        }
    }
    Ok(found)
}

/// Splits at `From ` lines and takes the quoting of `>From ` away.
fn mbox(bytes: &[u8]) -> Vec<Bytes> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut blank_before = true;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if blank_before && line.starts_with(b"From ") {
            messages.push(Vec::new());
        } else if let Some(message) = messages.last_mut() {
            let quotes = line.iter().take_while(|byte| **byte == b'>').count();
            let quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
            message.extend_from_slice(&line[usize::from(quoted)..]);
        }
        blank_before = line == b"\n" || line == b"\r\n";
    }
    // The blank line before the next `From ` belongs to the mailbox, not to the message.
    let trimmed = messages.iter().map(|message| {
        let message = message
            .strip_suffix(b"\r\n\r\n")
            .map(|rest| [rest, b"\r\n"].concat())
            .unwrap_or_else(|| {
                message
                    .strip_suffix(b"\n\n")
                    .map(|rest| [rest, b"\n"].concat())
                    .unwrap_or_else(|| message.clone())
            });
        Bytes::from(with_crlf(&message))
    });
    trimmed.collect()
}

fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut before = 0;
    for byte in bytes {
        if *byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        before = *byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_seed_builds_a_mailbox_worth_looking_at() {
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let tenant = Seed::parse(DEMO).unwrap().build(Clock::manual(now));
        let ada = tenant.person("ada@contoso.example");
        assert!(ada.items("Inbox").len() >= 8);
        assert!(ada.folders().iter().any(|path| path.contains("\\/")));
    }

    #[test]
    fn an_mbox_gives_its_messages_without_their_quoting() {
        let messages =
            mbox(b"From a Mon\nSubject: 1\n\n>From here\n\nFrom b Tue\nSubject: 2\n\nx\n");
        assert_eq!(&messages[0][..], b"Subject: 1\r\n\r\nFrom here\r\n");
        assert_eq!(&messages[1][..], b"Subject: 2\r\n\r\nx\r\n");
    }
}
