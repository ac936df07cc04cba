//! The From field: whom it names, and what is written where it cannot go out as it is.
//!
//! Microsoft sends only in a name that it knows (reference B.8), so a device that says `root@host` gets
//! another by rule, and what no reader could take for an address gets the envelope's sender.

use super::addresses::{Named, canonical, entries};
use super::header::Header;
use super::splice::Splice;
use crate::config::Submission as Rules;
use crate::config::submission::Replacement;
use crate::mailbox::{Address, Fault, Flaw, Kind, Outcome};

/// The authors of a message as it goes out.
#[derive(Debug, Default)]
pub(super) struct Author {
    /// None of them: the message says nothing, and is given the envelope's sender.
    pub(super) addresses: Vec<Address>,
    pub(super) changes: Vec<Splice>,
}

/// Who stands in place of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewriter<'a> {
    pub(super) rules: &'a Rules,
    pub(super) own: &'a Address,
}

impl Rewriter<'_> {
    /// The address that a rule puts in the place of this one, or of a name without a domain.
    ///
    /// # Errors
    /// `Defect` for a rule with something else than an address.
    pub(super) fn rewritten(&self, address: &str) -> Outcome<Option<Address>> {
        let fits = |rule: &&crate::config::submission::Rewrite| rule.matches.fits(address);
        match self.rules.rewrite_from.iter().find(fits).map(|rule| &rule.with) {
            None => Ok(None),
            Some(Replacement::Own) => Ok(Some(self.own.clone())),
            Some(Replacement::Address(text)) => canonical(text)
                .map(Some)
                .ok_or_else(|| Fault::defect("a rule of rewrite_from holds no address")),
        }
    }
}

/// Reads all From fields. `sender` is the envelope's, rewritten if need be.
///
/// # Errors
/// `Unacceptable` if it cannot be told for certain whom they name.
pub(super) fn author(header: &Header, sender: &Address, rewriter: Rewriter<'_>) -> Outcome<Author> {
    let mut author = Author::default();
    for place in header.places("From") {
        let value = &header.bytes()[place.clone()];
        if value.trim_ascii().is_empty() {
            continue;
        }
        let Some(named) = entries(value) else {
            let (name, address) = unclear(value)?;
            let address = rewriter.rewritten(address.as_str())?.unwrap_or(address);
            author.changes.push(Splice::new(place, written(&name, &address)));
            author.addresses.push(address);
            continue;
        };
        if named.iter().all(|named| named.address.is_none()) {
            author.changes.push(Splice::new(place, written(value, sender)));
            author.addresses.push(sender.clone());
            continue;
        }
        for Named { text, angle, address } in named {
            let Some(address) = address else { continue };
            let Some(other) = rewriter.rewritten(address.as_str())? else {
                author.addresses.push(address);
                continue;
            };
            let within = angle.unwrap_or(text);
            let old = &value[within.clone()];
            let at = place.start + within.start..place.start + within.end;
            author.changes.push(Splice::new(at, in_place_of(old, &address, &other)));
            author.addresses.push(other);
        }
    }
    Ok(author)
}

/// `old` with the address exchanged; comments beside it (`root@host (Cron)`) stay.
fn in_place_of(old: &[u8], address: &Address, other: &Address) -> Vec<u8> {
    let wanted = address.as_str().as_bytes();
    let found = old.windows(wanted.len()).position(|piece| piece.eq_ignore_ascii_case(wanted));
    let Some(at) = found else { return other.as_str().into() };
    let mut new = old[..at].to_vec();
    new.extend_from_slice(other.as_str().as_bytes());
    new.extend_from_slice(&old[at + wanted.len()..]);
    new
}

/// `Printer @ 2nd floor <a@b>`: what stands before the only address in brackets can be nothing but a
/// name, though it is not written as one.
fn unclear(value: &[u8]) -> Outcome<(Vec<u8>, Address)> {
    let refused = || Fault::from(Kind::Unacceptable(Flaw::Header)).because("From is unclear");
    let value = value.trim_ascii();
    let inside = value.strip_suffix(b">").ok_or_else(refused)?;
    let open = inside.iter().rposition(|byte| *byte == b'<').ok_or_else(refused)?;
    let (name, address) = (&inside[..open], &inside[open + 1..]);
    let is_odd = |byte: &u8| matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'(' | b')' | b',' | b';');
    if name.iter().any(is_odd) {
        return Err(refused());
    }
    let address = std::str::from_utf8(address).ok().and_then(|text| canonical(text.trim()));
    Ok((name.to_vec(), address.ok_or_else(refused)?))
}

/// A value of the field: a name, quoted where it must be, and the address.
fn written(name: &[u8], address: &Address) -> Vec<u8> {
    let is_bracket = |byte: &u8| matches!(byte, b'<' | b'>');
    let words: Vec<&[u8]> = name
        .split(|byte| byte.is_ascii_whitespace() || is_bracket(byte))
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join(&b' ');
    let mut value = b" ".to_vec();
    let is_atom = |byte: &u8| {
        byte.is_ascii_alphanumeric() || b" !#$%&'*+-/=?^_`{|}~".contains(byte) || !byte.is_ascii()
    };
    if !name.iter().all(is_atom) {
        value.push(b'"');
        for byte in name.iter().filter(|byte| !byte.is_ascii_control()) {
            if matches!(byte, b'"' | b'\\') {
                value.push(b'\\');
            }
            value.push(*byte);
        }
        value.extend_from_slice(b"\" ");
    } else if !name.is_empty() {
        value.extend_from_slice(&name);
        value.push(b' ');
    }
    value.extend_from_slice(format!("<{address}>").as_bytes());
    value
}

#[cfg(test)]
mod tests {
    use super::super::addresses::addresses;
    use super::super::splice::splice;
    use super::*;
    use crate::config::Config;
    use std::collections::BTreeMap;

    fn rules(rewrites: &str) -> Rules {
        let name = "FOOTBRIDGE__SUBMISSION__REWRITE_FROM".to_owned();
        Config::parse(None, BTreeMap::from([(name, rewrites.to_owned())])).unwrap().submission
    }

    fn told(field: &str, rewrites: &str) -> Outcome<(String, Vec<String>)> {
        let header = Header::read(format!("{field}\r\nTo: b@x.test\r\n\r\n").as_bytes())?;
        let (own, sender) =
            (Address::new("own@a.test").unwrap(), Address::new("me@a.test").unwrap());
        let rules = rules(rewrites);
        let author = author(&header, &sender, Rewriter { rules: &rules, own: &own })?;
        let out = String::from_utf8(splice(header.bytes(), author.changes)).unwrap();
        let field = out.strip_suffix("\r\nTo: b@x.test\r\n").unwrap().to_owned();
        Ok((field, author.addresses.iter().map(ToString::to_string).collect()))
    }

    fn becomes(field: &str, rewrites: &str, expected: &str, names: &str) {
        let (written, named) = told(field, rewrites).unwrap();
        assert_eq!((written.as_str(), named), (expected, vec![names.to_owned()]), "{field}");
        let value = expected.split_once(':').unwrap().1;
        let read: Vec<String> =
            addresses(value.as_bytes()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(read, [names], "{expected}");
    }

    #[test]
    fn what_needs_no_change_gets_none() {
        for field in ["From: Ada <a@b.test>", "from:a@b.test", "From: \"x@y\" <a@b.test>"] {
            becomes(field, "", field, "a@b.test");
        }
    }

    #[test]
    fn a_rule_puts_another_address_in_place_and_leaves_the_name() {
        let rule = "root@* -> scans@a.test, *@old.test -> own";
        becomes("From: Cron <root@host>", rule, "From: Cron <scans@a.test>", "scans@a.test");
        becomes("From: root@host (Cron)", rule, "From: scans@a.test (Cron)", "scans@a.test");
        becomes("From: root@host", rule, "From: scans@a.test", "scans@a.test");
        becomes("From: R <x@OLD.test>", rule, "From: R <own@a.test>", "own@a.test");
        becomes("From: <\"x\"@old.test>", rule, "From: <own@a.test>", "own@a.test");
        becomes("From: a@b.test", rule, "From: a@b.test", "a@b.test");
    }

    #[test]
    fn who_is_no_address_gets_the_senders() {
        becomes("From: root", "", "From: root <me@a.test>", "me@a.test");
        becomes("From: <scanner>", "", "From: scanner <me@a.test>", "me@a.test");
        becomes("From: Scan No. 5", "", "From: \"Scan No. 5\" <me@a.test>", "me@a.test");
        becomes("From: <>", "", "From: <me@a.test>", "me@a.test");
    }

    #[test]
    fn a_name_with_an_at_sign_is_put_into_quotes() {
        becomes("From: Scan @ Lab <a@b.test>", "", "From: \"Scan @ Lab\" <a@b.test>", "a@b.test");
        becomes("From: x@y <a@b.test>", "", "From: \"x@y\" <a@b.test>", "a@b.test");
    }

    #[test]
    fn two_who_could_be_meant_are_refused() {
        for field in ["From: a@b.test c@d.test", "From: \"open <a@b.test>", "From: <a@b> <c@d>"] {
            let refused = told(field, "").unwrap_err();
            assert_eq!(*refused.kind(), Kind::Unacceptable(Flaw::Header), "{field}");
        }
    }
}
