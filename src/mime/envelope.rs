//! ENVELOPE (RFC 3501 §7.4.2): values as they stand in the header, unfolded, not decoded.

use super::{
    Outline, Part,
    address::{self, Address, Mailbox},
    nstring::{push_nstring, push_string},
};

/// The finished text of ENVELOPE, parentheses included.
///
/// Of a field that may stand only once the first counts. Repeated To, Cc and Bcc fields are read as one list:
/// they are forbidden but seen, and a reply to all must not lose anyone.
pub fn envelope(outline: &Outline) -> Vec<u8> {
    let mut out = Vec::new();
    push_envelope(&mut out, outline.root());
    out
}

/// The same for a message anywhere in the tree.
pub(super) fn push_envelope(out: &mut Vec<u8>, message: &Part) {
    let first = |name: &str| -> Vec<Address> {
        message.value(name).map(|value| address::parse(&value)).unwrap_or_default()
    };
    let all = |name: &str| -> Vec<Address> {
        message.values(name).flat_map(|value| address::parse(&value)).collect()
    };
    let from = first("From");
    let or_from = |list: Vec<Address>| if list.is_empty() { from.clone() } else { list };

    out.push(b'(');
    push_value(out, message, "Date");
    out.push(b' ');
    push_value(out, message, "Subject");
    let lists = [
        from.clone(),
        or_from(first("Sender")),
        or_from(first("Reply-To")),
        all("To"),
        all("Cc"),
        all("Bcc"),
    ];
    for list in &lists {
        out.push(b' ');
        push_addresses(out, list);
    }
    out.push(b' ');
    push_value(out, message, "In-Reply-To");
    out.push(b' ');
    push_value(out, message, "Message-ID");
    out.push(b')');
}

fn push_value(out: &mut Vec<u8>, message: &Part, name: &str) {
    push_nstring(out, message.value(name).as_deref());
}

fn push_addresses(out: &mut Vec<u8>, list: &[Address]) {
    if list.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    out.push(b'(');
    for address in list {
        match address {
            Address::Mailbox(mailbox) => push_mailbox(out, mailbox),
            Address::GroupStart(name) => {
                out.extend_from_slice(b"(NIL NIL ");
                push_string(out, name);
                out.extend_from_slice(b" NIL)");
            }
            Address::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
    out.push(b')');
}

fn push_mailbox(out: &mut Vec<u8>, mailbox: &Mailbox) {
    out.push(b'(');
    push_nstring(out, mailbox.name.as_deref());
    out.push(b' ');
    push_nstring(out, mailbox.route.as_deref());
    out.push(b' ');
    push_string(out, &mailbox.local);
    out.push(b' ');
    push_string(out, &mailbox.host);
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn text(message: &[u8]) -> String {
        let mut scanner = Scanner::new();
        scanner.feed(message);
        String::from_utf8_lossy(&envelope(&scanner.finish())).into_owned()
    }

    #[test]
    fn the_example_of_rfc_3501_section_8() {
        let message = b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
            From: Terry Gray <gray@cac.washington.edu>\r\n\
            Subject: IMAP4rev1 WG mtg summary and minutes\r\n\
            To: imap@cac.washington.edu\r\n\
            cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
            Message-Id: <B27397-0100000@cac.washington.edu>\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n";
        let terry = r#"(("Terry Gray" NIL "gray" "cac.washington.edu"))"#;
        let expected = format!(
            r#"("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" {terry} {terry} {terry} ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>")"#
        );
        assert_eq!(text(message), expected);
    }

    #[test]
    fn an_empty_message_has_an_envelope_of_nothing() {
        assert_eq!(text(b""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    }

    #[test]
    fn repeated_recipients_are_all_shown_and_a_second_sender_is_not() {
        let shown = text(b"From: a@x\r\nFrom: b@x\r\nTo: c@x\r\nTo: Group: d@x;\r\nSubject: one\r\nSubject: two\r\n\r\n");
        assert_eq!(
            shown,
            r#"(NIL "one" ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) ((NIL NIL "c" "x")(NIL NIL "Group" NIL)(NIL NIL "d" "x")(NIL NIL NIL NIL)) NIL NIL NIL NIL)"#
        );
    }

    #[test]
    fn octets_beyond_ascii_travel_as_literals() {
        assert!(text("Subject: café\r\n\r\n".as_bytes()).starts_with("(NIL {5}\r\ncafé NIL"));
        assert!(text(b"Subject: a\0\"b\r\n\r\n").starts_with("(NIL {4}\r\na?\"b NIL"));
    }

    #[test]
    fn a_present_but_empty_subject_is_not_nil() {
        assert!(text(b"Subject:\r\n\r\n").starts_with("(NIL \"\" NIL"));
    }
}
