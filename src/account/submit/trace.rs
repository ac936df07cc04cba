//! The fields that tell a message's way (RFC 5321 §4.4).

use super::header::Header;
use super::splice::Splice;
use crate::mailbox::{Flaw, Kind, Origin, Outcome};

/// Servers on the way of a message that is not in a loop (RFC 5321 §6.3: at least a hundred).
const HOPS: usize = 100;
/// Of the client's name for itself.
const LONGEST_NAME: usize = 255;

/// # Errors
/// `Unacceptable` for what seems to go in circles.
pub(super) fn check_loop(header: &Header) -> Outcome<()> {
    if header.lines("Received").count() >= HOPS {
        return Err(Kind::Unacceptable(Flaw::Loop).into());
    }
    Ok(())
}

/// Return-Path is for the last server to write: one that comes with a submission says who got an
/// earlier copy back.
pub(super) fn without_return_path(header: &Header) -> impl Iterator<Item = Splice> {
    header.lines("Return-Path").map(Splice::gone)
}

/// `date` is that of RFC 5322 §3.3.
pub(super) fn received(origin: &Origin, date: &str) -> String {
    let Origin { peer, hello, protocol, .. } = origin;
    let literal = match peer {
        std::net::IpAddr::V4(peer) => format!("[{peer}]"),
        std::net::IpAddr::V6(peer) => format!("[IPv6:{peer}]"),
    };
    let name = named(hello).unwrap_or("unknown");
    format!("Received: from {name} ({literal})\r\n\tby footbridge with {protocol};\r\n\t{date}\r\n")
}

/// Clients say what they like, and it must not become a field of its own.
fn named(hello: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let fits = !hello.is_empty() && hello.len() <= LONGEST_NAME && hello.bytes().all(is_plain);
    fits.then_some(hello)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(hello: &str) -> String {
        let peer = "192.0.2.7".parse().unwrap();
        let (login, profile) = ("ada@a.test".into(), None);
        let origin = Origin { login, profile, peer, hello: hello.into(), protocol: "ESMTPA" };
        received(&origin, "Mon, 23 Nov 2026 10:00:00 +0000")
    }

    #[test]
    fn a_trace_field_tells_who_came_from_where() {
        let expected = "Received: from printer.local ([192.0.2.7])\r\n\tby footbridge with ESMTPA;\r\n\
                        \tMon, 23 Nov 2026 10:00:00 +0000\r\n";
        assert_eq!(field("printer.local"), expected);
    }

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_not_repeated() {
        for hello in ["", "a b", "a;b", "a\r\nBcc: x", "ü", "(x)", &"x".repeat(256)] {
            assert!(field(hello).starts_with("Received: from unknown ("), "{hello}");
        }
    }

    #[test]
    fn what_goes_in_circles_is_noticed() {
        let header = |hops: usize| {
            Header::read(format!("{}\r\n", "Received: x\r\n".repeat(hops)).as_bytes()).unwrap()
        };
        check_loop(&header(HOPS - 1)).unwrap();
        assert_eq!(*check_loop(&header(HOPS)).unwrap_err().kind(), Kind::Unacceptable(Flaw::Loop));
    }
}
