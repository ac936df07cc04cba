//! What is wrong and what to do about it, in plain words, by what Graph or the network said.

use crate::auth::scopes::Ownership;
use crate::mailbox::Kind;

/// What is wrong, and the cure.
pub(super) type Words = (&'static str, &'static str);

/// By Graph's own code (reference B.13), where that says more than its class.
pub(super) fn of_code(code: &str, mailbox: Ownership) -> Option<Words> {
    Some(match (code.to_ascii_lowercase().as_str(), mailbox) {
        ("mailboxnotenabledforrestapi", _) => (
            "the account has no mailbox in Exchange Online: without a licence, removed, or still on-premises",
            "have an administrator assign an Exchange Online licence or move the mailbox; a new one takes some minutes to appear",
        ),
        (
            "errorinvaliduser"
            | "errornonexistentmailbox"
            | "request_resourcenotfound"
            | "resourcenotfound",
            _,
        ) => (
            "there is no such mailbox in this organisation",
            "check how the address is spelled, remove the connection and add it again (connection add --mailbox)",
        ),
        ("erroraccessdenied" | "authorization_requestdenied", Ownership::Shared) => (
            "the account may not open the shared mailbox",
            "have an administrator give it Full Access to the mailbox; that takes up to an hour to arrive",
        ),
        ("errorsendasdenied" | "errorsendonbehalfofdenied", _) => (
            "the account may not send as this mailbox",
            "have an administrator give it Send As (or Send on Behalf) for the mailbox",
        ),
        ("errormessagesubmissionblocked" | "erroraccountsuspend", _) => (
            "Microsoft has blocked sending for this account",
            "have an administrator look into the restricted entities of Microsoft Defender, and unblock it",
        ),
        ("errorexceededmessagelimit" | "errorsubmissionquotaexceeded", _) => {
            ("the account has sent too many messages", "wait until tomorrow")
        }
        _ => return None,
    })
}

/// By the class of the fault.
pub(super) fn of_kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Denied => {
            "check that the permission was granted, that the account has a right on the mailbox, and \
             that no application access policy excludes it"
        }
        Kind::NoSuchFolder | Kind::NoSuchMessage | Kind::NotSupported => {
            "check that the account has an Exchange Online mailbox, and its licence"
        }
        Kind::SenderRefused(_) => "ask an administrator for the right to send as this mailbox",
        Kind::SignInNeeded => "run: footbridge connection sign-in",
        Kind::Throttled { .. } => "wait some minutes",
        Kind::Unreachable => "check network, proxy and firewall",
        _ => "try again; report it if it stays",
    }
}

/// Why Microsoft was not reached. The libraries give no types for this, so their words have to do;
/// what is in none of the lines keeps its own words.
pub(super) fn of_network(cause: &str) -> Option<Words> {
    const LINES: [(&[&str], Words); 5] = [
        (
            &["dns error", "invalid dns name"],
            (
                "the server's name cannot be resolved",
                "check the name server (DNS) of this machine, and [cloud] name in the settings",
            ),
        ),
        (
            &["tunnel error", "proxy"],
            (
                "the proxy does not let the connection through",
                "check HTTPS_PROXY, the proxy's user and password, and that it allows Microsoft's hosts",
            ),
        ),
        (
            &["certificate", "tls", "corrupt message", "handshake"],
            (
                "no trusted TLS connection came about",
                "check this machine's clock and certificates (ca-certificates), and whether a proxy inspects TLS",
            ),
        ),
        (
            &["timed out", "in time"],
            (
                "no answer came in time",
                "check network, proxy and firewall: something on the way swallows the connection",
            ),
        ),
        (
            &["refused", "unreachable", "cannot connect", "reset", "closed"],
            (
                "no connection to Microsoft came about",
                "check network, proxy and firewall; HTTPS to Microsoft's hosts must be open",
            ),
        ),
    ];
    let cause = cause.to_ascii_lowercase();
    let line = LINES.iter().find(|(marks, _)| marks.iter().any(|mark| cause.contains(mark)));
    line.map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_microsoft_is_named_by_what_blocks_it() {
        let told = |cause| of_network(cause).unwrap().0;
        let dns = "cannot connect: client error (Connect): dns error: failed to lookup address";
        assert!(told(dns).contains("resolved"));
        let proxy =
            "cannot connect: client error (Connect): tunnel error: proxy authorization required";
        assert!(told(proxy).contains("proxy"));
        let tls = "cannot connect: client error (Connect): invalid peer certificate: UnknownIssuer";
        assert!(told(tls).contains("TLS"));
        assert!(told("no answer in time").contains("in time"));
        let refused = "cannot connect: tcp connect error: Connection refused (os error 111)";
        assert!(told(refused).contains("no connection"));
        assert_eq!(of_network("something else"), None);
    }

    #[test]
    fn a_refused_shared_mailbox_is_another_thing_than_a_refused_own_one() {
        assert!(of_code("ErrorAccessDenied", Ownership::Shared).unwrap().1.contains("Full Access"));
        assert_eq!(of_code("ErrorAccessDenied", Ownership::Own), None);
    }
}
