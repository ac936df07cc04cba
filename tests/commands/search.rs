//! What was written, what must not be in it, and the search for one in the other.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

use crate::process::Ended;
use crate::world::{ADA, World};

#[derive(Default)]
pub(crate) struct Search {
    places: Vec<(String, String)>,
    secrets: BTreeSet<String>,
}

impl Search {
    pub(crate) fn place(&mut self, name: impl Into<String>, content: &[u8]) {
        self.places.push((name.into(), String::from_utf8_lossy(content).into_owned()));
    }

    /// Both outputs of a command. What it was asked to show once is cut out of the first.
    pub(crate) fn ended(&mut self, name: &str, ended: &Ended, shown_once: &[&str]) {
        let mut out = ended.out.join("\n");
        for secret in shown_once {
            assert!(out.contains(secret), "{name} shows {secret}");
            out = out.replace(secret, "");
        }
        self.place(format!("the output of {name}"), out.as_bytes());
        self.place(format!("the log of {name}"), ended.err.as_bytes());
    }

    /// Every file below a folder, names included.
    pub(crate) fn files(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if path.is_dir() {
                self.files(&path);
            } else {
                self.place(name.clone(), &std::fs::read(&path).unwrap());
            }
            self.place(format!("the name {name}"), name.as_bytes());
        }
    }

    pub(crate) fn secret(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 8, "{secret:?} may be found by chance");
        self.secrets.insert(secret);
    }

    /// Everything that the tenant issued and was shown so far.
    pub(crate) fn tenants(&mut self, world: &World) {
        world.tenant.entra().secrets().into_iter().for_each(|secret| self.secret(secret));
    }

    /// The parts of an authorization URL that are between the bridge and Microsoft.
    pub(crate) fn parameters(&mut self, url: &str) {
        for name in ["state", "nonce"] {
            let value =
                url.split(['?', '&']).find_map(|part| part.strip_prefix(&format!("{name}=")));
            self.secret(value.unwrap_or_else(|| panic!("no {name} in {url}")));
        }
    }

    #[track_caller]
    pub(crate) fn finds_nothing(&self) {
        for secret in &self.secrets {
            for form in forms(secret) {
                for (place, content) in &self.places {
                    assert!(!content.contains(&form), "{place} holds {secret} as {form}");
                }
            }
        }
    }

    /// A search that could not find anything would prove nothing.
    #[track_caller]
    pub(crate) fn looked_at(&self, place: &str, at_least: usize) {
        let found = self.places.iter().find(|(name, _)| name.contains(place));
        let (name, content) = found.unwrap_or_else(|| panic!("{place} was not looked at"));
        assert!(content.len() >= at_least, "{name} has {} octets only", content.len());
    }
}

/// A secret as programs are apt to write it.
fn forms(secret: &str) -> BTreeSet<String> {
    let mut percent = String::new();
    for byte in secret.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                percent.push(char::from(byte));
            }
            _ => write!(percent, "%{byte:02X}").unwrap(),
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let plain = format!("\0{ADA}\0{secret}");
    // Without its end, which depends on what follows; so it is found in a longer text as well.
    let cut = |text: String| text[..text.len() - 2].to_owned();
    BTreeSet::from([
        secret.to_owned(),
        percent,
        hex,
        format!("{:?}", secret.as_bytes()).trim_matches(['[', ']']).to_owned(),
        cut(BASE64_STANDARD_NO_PAD.encode(secret)),
        cut(BASE64_URL_SAFE_NO_PAD.encode(secret)),
        cut(BASE64_STANDARD_NO_PAD.encode(plain)),
    ])
}

#[test]
fn a_secret_is_found_in_every_form_it_may_take() {
    let base64 = base64::prelude::BASE64_STANDARD.encode(format!("\0{ADA}\0se/cret+1"));
    for text in ["x se/cret+1 y", "code=se%2Fcret%2B1&", "73652f637265742b31", &base64] {
        let mut search = Search::default();
        search.secret("se/cret+1");
        search.place("somewhere", text.as_bytes());
        assert!(std::panic::catch_unwind(|| search.finds_nothing()).is_err(), "{text}");
    }
}
