//! Mailbox names and what is said of mailboxes.

use std::fmt::{self, Display, Formatter};

use super::{is_atom_char, put, write_ascii, write_list, write_string};
use crate::imap::{
    ListAttribute, ListExtended, ListSelection, MailboxName, NameEncoding, Namespace, StatusValue,
};

impl ListAttribute {
    fn name(self) -> &'static str {
        match self {
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Marked => "\\Marked",
            Self::NoInferiors => "\\Noinferiors",
            Self::NonExistent => "\\NonExistent",
            Self::NoSelect => "\\Noselect",
            Self::Remote => "\\Remote",
            Self::Subscribed => "\\Subscribed",
            Self::Unmarked => "\\Unmarked",
            Self::SpecialUse(special_use) => special_use.name(),
        }
    }
}

pub(super) fn write_listing(
    out: &mut Vec<u8>,
    attributes: &[ListAttribute],
    delimiter: Option<char>,
    (mailbox, names): (&MailboxName, NameEncoding),
) {
    write_list(out, attributes.iter().map(|attribute| attribute.name()));
    out.push(b' ');
    write_delimiter(out, delimiter);
    out.push(b' ');
    write_mailbox(out, mailbox, names);
}

pub(super) fn write_extended(out: &mut Vec<u8>, extended: &ListExtended, names: NameEncoding) {
    match extended {
        ListExtended::ChildInfo(options) => {
            put(out, " (\"CHILDINFO\" ");
            write_list(out, options.iter().map(|option| format!("\"{}\"", option.name())));
        }
        ListExtended::OldName(mailbox) => {
            put(out, " (\"OLDNAME\" (");
            write_string(out, mailbox.to_wire(names).as_bytes(), names);
            out.push(b')');
        }
    }
    out.push(b')');
}

impl ListSelection {
    fn name(self) -> &'static str {
        match self {
            Self::Subscribed => "SUBSCRIBED",
            Self::Remote => "REMOTE",
            Self::RecursiveMatch => "RECURSIVEMATCH",
            Self::SpecialUse => "SPECIAL-USE",
        }
    }
}

impl Display for StatusValue {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::ObjectId(id) => write!(formatter, "({id})"),
        }
    }
}

pub(super) fn write_namespaces(out: &mut Vec<u8>, namespaces: &[Namespace], names: NameEncoding) {
    if namespaces.is_empty() {
        return put(out, "NIL");
    }
    out.push(b'(');
    for Namespace { prefix, delimiter } in namespaces {
        out.push(b'(');
        write_string(out, names.encode(prefix).as_bytes(), names);
        out.push(b' ');
        write_delimiter(out, *delimiter);
        out.push(b')');
    }
    out.push(b')');
}

pub(super) fn write_mailbox(out: &mut Vec<u8>, mailbox: &MailboxName, names: NameEncoding) {
    let name = mailbox.to_wire(names);
    // As an atom NIL would be no name at all.
    let is_atom = !name.is_empty() && name.bytes().all(is_atom_char);
    if is_atom && !name.eq_ignore_ascii_case("NIL") {
        out.extend_from_slice(name.as_bytes());
    } else {
        write_string(out, name.as_bytes(), names);
    }
}

fn write_delimiter(out: &mut Vec<u8>, delimiter: Option<char>) {
    match delimiter {
        Some(delimiter) => write_ascii(out, delimiter.to_string().as_bytes()),
        None => put(out, "NIL"),
    }
}
