//! Redirect URIs: which one a registration allows, and how it comes back. (reference A.2)

/// Longest redirect URI that can be registered.
const LONGEST: usize = 256;
const NATIVE: &str = "/common/oauth2/nativeclient";

struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    /// Without a lone slash.
    path: &'a str,
}

/// `asked` is the registered URI; on localhost its port does not matter.
pub(super) fn matches(registered: &str, asked: &str) -> bool {
    let (Some(known), Some(asked_for)) = (parts(registered), parts(asked)) else { return false };
    let loopback = known.scheme == "http" && matches!(known.host, "localhost" | "127.0.0.1");
    asked.len() <= LONGEST
        && !asked.contains(['!', '$', '\'', '(', ')', ',', ';', '#', '?'])
        && known.scheme == asked_for.scheme
        && known.host == asked_for.host
        && known.path == asked_for.path
        && (loopback || known.port == asked_for.port)
}

/// The page that every public client may be sent to, for copying the address by hand.
pub(super) fn is_native(asked: &str, origin: &str) -> bool {
    asked
        .strip_suffix(NATIVE)
        .is_some_and(|host| host == origin || host == "https://login.microsoftonline.com")
}

/// A URI without a path comes back with a slash.
pub(super) fn with_path(uri: &str) -> String {
    let after_host = uri.split_once("://").and_then(|(_, rest)| rest.find('/'));
    if after_host.is_none() { format!("{uri}/") } else { uri.to_owned() }
}

fn parts(uri: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = uri.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    Some(Parts { scheme, host, port, path: if path == "/" { "" } else { path } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_on_localhost_does_not_matter_and_a_path_does() {
        assert!(matches("http://localhost", "http://localhost:51234"));
        assert!(matches("http://localhost", "http://localhost:51234/"));
        assert!(matches("http://localhost/app", "http://localhost:1/app"));
        assert!(!matches("http://localhost/app", "http://localhost:1/App"));
        assert!(!matches("http://localhost", "http://localhost:1/app"));
        assert!(!matches("http://localhost", "http://127.0.0.1:1"));
        assert!(!matches("http://[::1]", "http://[::1]:80"));
        assert!(!matches("https://a.example", "https://a.example:8443"));
        assert_eq!(with_path("http://localhost:7071"), "http://localhost:7071/");
        assert_eq!(with_path("http://localhost:7071/app"), "http://localhost:7071/app");
    }
}
