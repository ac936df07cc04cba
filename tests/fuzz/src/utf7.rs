//! Modified UTF-7: every name survives the way out and back, in our eyes and in those of a decoder that is written
//! from RFC 3501 section 5.1.3 alone; what cannot be read is kept as it is.

use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Data, Response};
use wire::imap::{MailboxName, NameEncoding, utf7};

use crate::opinion;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

pub fn check(data: &[u8]) {
    match utf7::decode(data) {
        Ok(name) => survives(&name),
        Err(_) => assert!(std::str::from_utf8(data).is_err(), "UTF-8 is always taken"),
    }
    survives(&String::from_utf8_lossy(data));
    // Pairs of octets as code units reach every plane.
    let units: Vec<u16> =
        data.as_chunks::<2>().0.iter().map(|two| u16::from_be_bytes(*two)).collect();
    survives(&String::from_utf16_lossy(&units));
}

fn survives(name: &str) {
    let wire = utf7::encode(name);
    assert!(wire.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{wire:?}");
    assert_eq!(utf7::decode(wire.as_bytes()).as_deref(), Ok(name));
    assert_eq!(reference(&wire).as_deref(), Some(name), "{wire:?}");
    if let Ok(mailbox) = MailboxName::new(name) {
        // Separators of lines are taken from no client (RFC 6855 section 3).
        let taken = !name.contains(['\u{2028}', '\u{2029}']);
        for names in [NameEncoding::Utf7, NameEncoding::Utf8].into_iter().filter(|_| taken) {
            let wire = mailbox.to_wire(names);
            assert_eq!(MailboxName::from_wire(wire.as_bytes(), names).as_ref(), Ok(&mailbox));
        }
        listed(&mailbox);
    }
}

/// In a LIST response, whatever quoting the name takes.
fn listed(mailbox: &MailboxName) {
    let mut out = Vec::new();
    let (attributes, delimiter) = (Vec::new(), Some('/'));
    wire::imap::Data::List { attributes, delimiter, mailbox: mailbox.clone() }.write(&mut out);
    let Response::Data(Data::List { mailbox: read, .. }) = opinion::response(&out) else {
        panic!("no LIST: {}", out.escape_ascii())
    };
    let read = match &read {
        Mailbox::Inbox => "INBOX".to_owned(),
        Mailbox::Other(other) => reference(std::str::from_utf8(other.as_ref()).unwrap()).unwrap(),
    };
    assert_eq!(read, mailbox.as_str());
}

/// Strict: what an encoder may write and nothing else.
fn reference(wire: &str) -> Option<String> {
    let mut units = Vec::new();
    let mut octets = wire.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'&' {
            units.push(u16::from(octet));
            continue;
        }
        let (mut bits, mut count, mut shifted) = (0_u32, 0, 0);
        loop {
            let octet = octets.next()?;
            if octet == b'-' {
                break;
            }
            let digit = DIGITS.iter().position(|known| *known == octet)?;
            bits = bits << 6 | u32::try_from(digit).ok()?;
            count += 6;
            shifted += 1;
            if count >= 16 {
                count -= 16;
                units.push(u16::try_from(bits >> count & 0xffff).ok()?);
                bits &= (1 << count) - 1;
            }
        }
        if shifted == 0 {
            units.push(u16::from(b'&'));
        } else if bits != 0 || count >= 6 {
            return None;
        }
    }
    String::from_utf16(&units).ok()
}
