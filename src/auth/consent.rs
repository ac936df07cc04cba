//! The link by which an administrator consents for the whole organisation (reference A.8).

use reqwest::Url;

use super::Cloud;
use super::scopes::Needs;

/// Where the administrator lands afterwards: the registered redirect address. Nothing needs to
/// listen there; what the browser then shows, the guide explains.
const RETURN: &str = "http://localhost";

/// `None` if the login URL of the settings is not one. `common` is no tenant to consent in, so it
/// becomes `organizations`.
pub fn admin_consent_url(cloud: &Cloud, needs: Needs, tenant: Option<&str>) -> Option<String> {
    let tenant = match tenant.unwrap_or(&cloud.tenant) {
        "common" | "consumers" => "organizations",
        tenant => tenant,
    };
    let scopes: Vec<String> = needs
        .scopes()
        .into_iter()
        .map(|name| match name.contains('.') && cloud.graph.starts_with("https://") {
            true => format!("{}/{name}", cloud.graph),
            false => name.to_owned(),
        })
        .collect();
    let mut url = Url::parse(&format!("{}/{tenant}/v2.0/adminconsent", cloud.login)).ok()?;
    url.query_pairs_mut()
        .append_pair("client_id", &cloud.client_id)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("redirect_uri", RETURN)
        .append_pair("state", "footbridge");
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scopes::Ownership;
    use crate::config::connections::ConnectionUse;

    #[test]
    fn common_is_never_where_an_administrator_consents() {
        let cloud = Cloud {
            login: "https://login.microsoftonline.com".to_owned(),
            graph: "https://graph.microsoft.com".to_owned(),
            tenant: "common".to_owned(),
            client_id: "app".to_owned(),
        };
        let needs = Needs { purpose: ConnectionUse::Outbound, mailbox: Ownership::Own };
        let url = admin_consent_url(&cloud, needs, None).unwrap();
        assert!(url.starts_with("https://login.microsoftonline.com/organizations/v2.0/adminconsent?client_id=app&scope=https%3A%2F%2Fgraph.microsoft.com%2FMail.Send+"), "{url}");
        assert!(
            admin_consent_url(&cloud, needs, Some("contoso.com"))
                .unwrap()
                .contains("/contoso.com/")
        );
    }
}
