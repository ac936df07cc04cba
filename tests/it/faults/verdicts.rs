//! The table of verdicts as operators read it, and each of its rows met by a client.

use std::collections::BTreeSet;
use std::path::Path;

use footbridge::mailbox::Kind;
use footbridge::verdict::Verdict;

const RENEW: &str = "FOOTBRIDGE_RENEW";

#[test]
fn errors_md_is_what_the_table_of_verdicts_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&file, printed()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let renew = "docs/errors.md is out of date; renew it with: FOOTBRIDGE_RENEW=1 cargo test --test it errors_md";
    assert!(written == printed(), "{renew}");
}

#[test]
fn every_kind_has_its_row() {
    let rows: BTreeSet<String> = Verdict::every_kind().iter().map(name).collect();
    assert_eq!(rows.len(), Verdict::every_kind().len());
}

/// The whole file.
fn printed() -> String {
    let mut text = String::from(HEAD);
    for kind in Verdict::every_kind() {
        let Verdict { imap, smtp: (reply, enhanced), pop3, http, text: sentence } =
            Verdict::of(&kind);
        let name = name(&kind);
        text.push_str(&format!(
            "| {name} | {sentence} | `NO [{imap}]` | `{reply} {enhanced}` | `-ERR [{pop3}]` | {http} |\n"
        ));
    }
    text
}

fn name(kind: &Kind) -> String {
    let text = format!("{kind:?}");
    text.split(' ').next().unwrap_or_default().to_owned()
}

const HEAD: &str = "\
# What the bridge says when something goes wrong

Printed from `src/verdict.rs` by a test; do not edit. The first column is what the log calls it. A
client always gets the sentence, never what the service said: that is in the log, with request ids.

Every SMTP answer that begins with 4 may pass: a client with a queue keeps the mail and tries again.

| kind | sentence | IMAP | SMTP | POP3 | HTTP |
|---|---|---|---|---|---|
";
