//! Address lists as ENVELOPE wants them (RFC 5322 §3.4, §4.4; RFC 3501 §7.4.2), not decoded.

use super::media::{comment_end, quoted_string};

/// Octets of a domain literal (`[IPv6:…]`), generously.
const DOMAIN_LITERAL_LONGEST: usize = 100;

/// One element of an envelope address list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Mailbox(Mailbox),
    GroupStart(Vec<u8>),
    GroupEnd,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// Display name, else the comment after the address (the older custom).
    pub(super) name: Option<Vec<u8>>,
    /// Obsolete source route (`@a,@b`).
    pub(super) route: Option<Vec<u8>>,
    pub(super) local: Vec<u8>,
    /// Empty when the sender wrote no domain. A made-up one would be shown, and replied to.
    pub(super) host: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Token {
    /// Atom, quoted string or domain literal; `spaced` when a blank stands before it.
    Text {
        octets: Vec<u8>,
        spaced: bool,
    },
    At,
    Comment(Vec<u8>),
    Mark(u8),
}

/// Reads an unfolded address list. Nothing is refused: what is no address becomes a mailbox without a host.
pub(super) fn parse(value: &[u8]) -> Vec<Address> {
    let mut list = Vec::new();
    let mut in_group = false;
    let mut phrase: Vec<Token> = Vec::new();
    let mut angle: Option<Mailbox> = None;
    let mut tokens = tokens(value).into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Mark(b'<') => {
                let mut inside = Vec::new();
                while let Some(token) = tokens.next_if(|token| !ends_angle(token, &inside)) {
                    inside.push(token);
                }
                tokens.next_if(|token| matches!(token, Token::Mark(b'>')));
                angle = Some(angle_address(inside));
            }
            Token::Mark(b':') if !in_group && angle.is_none() => {
                list.push(Address::GroupStart(joined(&std::mem::take(&mut phrase))));
                in_group = true;
            }
            Token::Mark(mark @ (b',' | b';')) => {
                push_mailbox(&mut list, std::mem::take(&mut phrase), angle.take());
                if mark == b';' && std::mem::take(&mut in_group) {
                    list.push(Address::GroupEnd);
                }
            }
            Token::Mark(mark) => phrase.push(Token::Text { octets: vec![mark], spaced: false }),
            token => phrase.push(token),
        }
    }
    push_mailbox(&mut list, phrase, angle);
    if in_group {
        list.push(Address::GroupEnd);
    }
    list
}

/// The addresses alone, without the comments and line breaks that may stand inside them.
pub(super) fn bare(value: &[u8]) -> Vec<u8> {
    let mut bare = Vec::new();
    for address in parse(value) {
        if let Address::Mailbox(Mailbox { local, host, .. }) = address {
            bare.extend([local.as_slice(), b"@", &host, b"\n"].concat());
        }
    }
    bare
}

/// A comma ends an address that was never closed, but belongs to a source route.
fn ends_angle(token: &Token, inside: &[Token]) -> bool {
    match token {
        Token::Mark(b'>') => true,
        Token::Mark(b',') => !matches!(inside.first(), Some(Token::At)),
        _ => false,
    }
}

fn push_mailbox(list: &mut Vec<Address>, words: Vec<Token>, angle: Option<Mailbox>) {
    let comment = words.iter().find_map(|token| match token {
        Token::Comment(text) => Some(text.clone()),
        _ => None,
    });
    let mut words = words;
    words.retain(|token| !matches!(token, Token::Comment(_)));
    if words.is_empty() && angle.is_none() {
        return; // A comment alone names no one.
    }
    let mut mailbox = match angle {
        Some(angle) => Mailbox { name: Some(joined(&words)), ..angle },
        None => bare_address(&words),
    };
    mailbox.name =
        mailbox.name.filter(|name| !name.is_empty()).or(comment).filter(|name| !name.is_empty());
    if mailbox != Mailbox::default() {
        list.push(Address::Mailbox(mailbox));
    }
}

/// An address outside angle brackets; words before it that do not touch it are taken for its name.
fn bare_address(words: &[Token]) -> Mailbox {
    let Some(at) = words.iter().rposition(|token| matches!(token, Token::At)) else {
        return Mailbox { local: joined(words), ..Mailbox::default() };
    };
    let before = &words[..at];
    let touches = |token: &Token| !matches!(token, Token::Text { spaced: true, .. });
    let local = match before.split_last() {
        Some((_, rest)) => {
            before.iter().rposition(|token| !touches(token)).unwrap_or(0).min(rest.len())
        }
        None => 0,
    };
    Mailbox {
        name: Some(joined(&before[..local])),
        route: None,
        local: joined(&before[local..]),
        host: concatenated(&words[at + 1..]),
    }
}

fn angle_address(mut inside: Vec<Token>) -> Mailbox {
    inside.retain(|token| !matches!(token, Token::Comment(_)));
    let mut route = None;
    if matches!(inside.first(), Some(Token::At))
        && let Some(colon) = inside.iter().position(|token| matches!(token, Token::Mark(b':')))
    {
        route = Some(concatenated(&inside[..colon]));
        inside.drain(..=colon);
    }
    let at = inside.iter().rposition(|token| matches!(token, Token::At));
    let (local, host) = inside.split_at(at.unwrap_or(inside.len()));
    Mailbox {
        name: None,
        route,
        local: concatenated(local),
        host: concatenated(host.get(1..).unwrap_or_default()),
    }
}

/// Words as a display name: one blank where blanks stood.
fn joined(tokens: &[Token]) -> Vec<u8> {
    let mut text = Vec::new();
    for token in tokens {
        let spaced = matches!(token, Token::Text { spaced: true, .. });
        if spaced && !text.is_empty() {
            text.push(b' ');
        }
        push_token(&mut text, token);
    }
    text
}

/// Words as an address: without blanks.
fn concatenated(tokens: &[Token]) -> Vec<u8> {
    let mut text = Vec::new();
    tokens.iter().for_each(|token| push_token(&mut text, token));
    text
}

fn push_token(text: &mut Vec<u8>, token: &Token) {
    match token {
        Token::Text { octets, .. } => text.extend_from_slice(octets),
        Token::At => text.push(b'@'),
        Token::Mark(mark) => text.push(*mark),
        Token::Comment(_) => {}
    }
}

fn tokens(value: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut spaced = false;
    let mut at = 0;
    while at < value.len() {
        let octet = value[at];
        if octet.is_ascii_whitespace() {
            spaced = true;
            at += 1;
            continue;
        }
        if let Some(end) = comment_end(value, at) {
            tokens.push(Token::Comment(unescaped(&value[at + 1..end - 1])));
            (at, spaced) = (end, true);
            continue;
        }
        let (token, end) = match octet {
            b'"' => {
                let (octets, end) = quoted_string(value, at);
                (Token::Text { octets, spaced }, end)
            }
            b'@' => (Token::At, at + 1),
            b'<' | b'>' | b',' | b';' | b':' => (Token::Mark(octet), at + 1),
            _ => {
                let end = word_end(value, at);
                (Token::Text { octets: value[at..end].to_vec(), spaced }, end)
            }
        };
        tokens.push(token);
        (at, spaced) = (end, false);
    }
    tokens
}

fn word_end(value: &[u8], start: usize) -> usize {
    if value[start] == b'['
        && let Some(close) =
            value[start..].iter().take(DOMAIN_LITERAL_LONGEST).position(|octet| *octet == b']')
    {
        return start + close + 1;
    }
    let mut at = start + 1;
    while at < value.len()
        && !value[at].is_ascii_whitespace()
        && !matches!(value[at], b'"' | b'@' | b'<' | b'>' | b',' | b';' | b':')
        && comment_end(value, at).is_none()
    {
        at += 1;
    }
    at
}

fn unescaped(comment: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut octets = comment.iter();
    while let Some(octet) = octets.next() {
        let escaped = (*octet == b'\\').then(|| octets.next()).flatten();
        text.push(*escaped.unwrap_or(octet));
    }
    text.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name|route|local|host`, groups as `name:` and `;`.
    fn read(value: &str) -> Vec<String> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let nil = |octets: &Option<Vec<u8>>| {
            octets.as_ref().map_or_else(|| "NIL".to_owned(), |octets| text(octets))
        };
        let line = |address: &Address| match address {
            Address::Mailbox(mailbox) => {
                let Mailbox { name, route, local, host } = mailbox;
                [nil(name), nil(route), text(local), text(host)].join("|")
            }
            Address::GroupStart(name) => format!("{}:", text(name)),
            Address::GroupEnd => ";".to_owned(),
        };
        parse(value.as_bytes()).iter().map(line).collect()
    }

    #[test]
    fn names_and_addresses_come_apart() {
        assert_eq!(
            read("\"Lovelace, Ada\" <ada@example.org>, Bob  O. <bob@example.org>, eve@example.org"),
            [
                "Lovelace, Ada|NIL|ada|example.org",
                "Bob O.|NIL|bob|example.org",
                "NIL|NIL|eve|example.org"
            ]
        );
        assert_eq!(read("=?utf-8?q?Caf=C3=A9?= <c@x>"), ["=?utf-8?q?Caf=C3=A9?=|NIL|c|x"]);
        assert_eq!(read("a@x <b@y>"), ["a@x|NIL|b|y"]);
    }

    #[test]
    fn groups_open_and_close() {
        assert_eq!(
            read("Friends: a@x, B <b@y>;, c@z"),
            ["Friends:", "NIL|NIL|a|x", "B|NIL|b|y", ";", "NIL|NIL|c|z"]
        );
        assert_eq!(read("undisclosed-recipients:;"), ["undisclosed-recipients:", ";"]);
        assert_eq!(read("Unfinished: a@x"), ["Unfinished:", "NIL|NIL|a|x", ";"]);
    }

    #[test]
    fn comments_name_the_address_when_nothing_else_does() {
        assert_eq!(read("ada@x (Ada \\(L\\))"), ["Ada (L)|NIL|ada|x"]);
        assert_eq!(read("Ada (x) <(y)ada@(z)x>"), ["Ada|NIL|ada|x"]);
        assert_eq!(read("nobody: (no one) ;"), ["nobody:", ";"]);
    }

    #[test]
    fn obsolete_routes_are_kept_apart() {
        assert_eq!(
            read("A <@a.example,@b.example:ada@c.example>, d@e"),
            ["A|@a.example,@b.example|ada|c.example", "NIL|NIL|d|e"]
        );
    }

    #[test]
    fn what_is_no_address_is_still_shown() {
        assert_eq!(read("postmaster"), ["NIL|NIL|postmaster|"]);
        assert_eq!(read("Ada <ada>"), ["Ada|NIL|ada|"]);
        assert_eq!(read("Ada <>"), ["Ada|NIL||"]);
        assert_eq!(read("<>, ,"), Vec::<String>::new());
        assert_eq!(read("Ada ada@x"), ["Ada|NIL|ada|x"]);
        assert_eq!(read("Ada <ada@x, b@y"), ["Ada|NIL|ada|x", "NIL|NIL|b|y"]);
        assert_eq!(read("\"a b@c\"@x, i@[10.0.0.1]"), ["NIL|NIL|a b@c|x", "NIL|NIL|i|[10.0.0.1]"]);
        assert_eq!(read("a@x; b@y"), ["NIL|NIL|a|x", "NIL|NIL|b|y"]);
    }
}
