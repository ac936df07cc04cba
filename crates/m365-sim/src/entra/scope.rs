//! Scope names: whose they are, how they are spelled, and who may grant them. (reference A.8)

use super::instance::{CloudInstance, is_local};

/// Scopes that steer the answer and are not permissions of a resource.
pub(crate) const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";

/// Graph's root in each cloud. (reference A.1)
const GRAPH_HOSTS: [&str; 4] = [
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];
/// What the Microsoft-managed policy keeps from users.
const BLOCKED: [&str; 15] = [
    "Mail.Read",
    "Mail.ReadBasic",
    "Mail.ReadWrite",
    "Mail.Read.Shared",
    "Mail.ReadWrite.Shared",
    "Mail.ReadBasic.Shared",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "MailboxItem.Read",
    "MailboxFolder.Read",
    "MailboxFolder.ReadWrite",
    "EWS.AccessAsUser.All",
    "IMAP.AccessAsUser.All",
    "POP.AccessAsUser.All",
    "EAS.AccessAsUser.All",
];

/// The resource a scope belongs to. A scope without one is Graph's, in every spelling of Graph.
pub(crate) fn resource(scope: &str) -> &str {
    let Some((scheme, rest)) = scope.split_once("://") else { return GRAPH };
    let Some(slash) = rest.find('/') else { return GRAPH };
    if is_graph(&rest[..slash]) { GRAPH } else { &scope[..scheme.len() + 3 + slash] }
}

fn is_graph(host: &str) -> bool {
    GRAPH_HOSTS.contains(&host) || is_local(host)
}

/// Graph scopes lose their prefix, those of other resources keep it.
pub(crate) fn bare(scope: &str) -> &str {
    if scope.contains("://") && resource(scope) == GRAPH {
        return scope.rsplit('/').next().unwrap_or(scope);
    }
    scope
}

pub(crate) fn prefixed(scope: &str, cloud: CloudInstance) -> String {
    let qualified = || format!("https://{}/{scope}", cloud.graph());
    if scope.contains("://") { scope.to_owned() } else { qualified() }
}

/// The permission without any resource.
pub(crate) fn permission(scope: &str) -> &str {
    if scope.contains("://") { scope.rsplit('/').next().unwrap_or(scope) } else { scope }
}

pub(crate) fn is_default(scope: &str) -> bool {
    permission(scope) == ".default"
}

/// The Microsoft-managed policy does not let users grant it.
pub(crate) fn blocked_for_users(scope: &str) -> bool {
    BLOCKED.iter().any(|name| name.eq_ignore_ascii_case(permission(scope)))
}

/// Only an administrator may ever grant it.
pub(crate) fn admin_only(scope: &str) -> bool {
    let name = permission(scope);
    name.ends_with(".All") && !name.ends_with(".AccessAsUser.All")
}

/// Personal accounts have it.
pub(crate) fn personal_may(scope: &str) -> bool {
    let name = permission(scope);
    !name.ends_with(".Shared") && !name.starts_with("EWS.") && name != "Mail.ReadBasic"
}

/// What a consent page says about it.
pub(crate) fn title(scope: &str) -> &'static str {
    match permission(scope) {
        "Mail.Read" | "Mail.ReadBasic" => "Read your mail",
        "Mail.ReadWrite" => "Read and write access to your mail",
        "Mail.Send" => "Send mail as you",
        "Mail.Read.Shared" => "Read mail you can access",
        "Mail.ReadWrite.Shared" => "Read and write mail you can access",
        "Mail.Send.Shared" => "Send mail on behalf of others or yourself",
        "EWS.AccessAsUser.All" => "Access your mailboxes",
        "User.Read" => "View your basic profile",
        "offline_access" => "Maintain access to data you have given it access to",
        "openid" => "Sign you in",
        "profile" | "email" => "View your profile",
        _ => "Use this permission",
    }
}

/// Each scope once, in order, bare.
pub(crate) fn normal(scopes: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for scope in scopes.split_whitespace().map(bare) {
        if !all.iter().any(|known| known.eq_ignore_ascii_case(scope)) {
            all.push(scope.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_belongs_to_graph_in_every_spelling_and_to_exchange_only_with_its_prefix() {
        for scope in [
            "Mail.Send",
            "https://graph.microsoft.com/Mail.Send",
            "https://graph.microsoft.us/Mail.Send",
            "http://127.0.0.1:8365/Mail.Send",
        ] {
            assert_eq!((resource(scope), bare(scope)), (GRAPH, "Mail.Send"));
        }
        let ews = "https://outlook.office365.com/EWS.AccessAsUser.All";
        assert_eq!((resource(ews), bare(ews)), ("https://outlook.office365.com", ews));
        assert!(blocked_for_users(ews) && blocked_for_users("mail.readwrite"));
        assert!(!blocked_for_users("Mail.Send"));
        assert_eq!(normal("Mail.Send https://graph.microsoft.com/mail.send"), ["Mail.Send"]);
    }
}
