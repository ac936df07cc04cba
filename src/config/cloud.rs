//! `[cloud]`: which Microsoft cloud, and as which application (reference A.1).

use super::reader::Reader;

/// Which Microsoft cloud, and as which application.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cloud {
    pub name: CloudName,
    /// The application registration; empty only in the demo.
    pub client_id: String,
    /// `organizations`, `common`, `consumers`, a tenant id or a domain.
    pub tenant: String,
    /// Base URL of the sign-in service, without a trailing slash.
    pub login: String,
    /// Base URL of Graph, without version and trailing slash.
    pub graph: String,
    /// What permissions are named after if that is not `graph`; only a custom cloud has one.
    pub resource: Option<String>,
    /// For connections of the kind `ews`, which are still to come; only of a custom cloud.
    pub ews: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloudName {
    /// Worldwide, and GCC.
    Global,
    GccHigh,
    Dod,
    /// Operated by 21Vianet.
    China,
    Custom,
}

impl CloudName {
    /// Sign-in and Graph.
    fn hosts(self) -> (&'static str, &'static str) {
        match self {
            Self::Global | Self::Custom => {
                ("https://login.microsoftonline.com", "https://graph.microsoft.com")
            }
            Self::GccHigh => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
            Self::Dod => ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
            Self::China => (
                "https://login.partner.microsoftonline.cn",
                "https://microsoftgraph.chinacloudapi.cn",
            ),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Cloud {
    let name = reader.parsed("cloud.name", CloudName::Global, |value| match value.as_str() {
        Some("global") => Ok(CloudName::Global),
        Some("gcc-high") => Ok(CloudName::GccHigh),
        Some("dod") => Ok(CloudName::Dod),
        Some("china") => Ok(CloudName::China),
        Some("custom") => Ok(CloudName::Custom),
        _ => Err("wants one of global, gcc-high, dod, china, custom".to_owned()),
    });
    let (login, graph) = name.hosts();
    let login = needed(reader, name, "cloud.login", login);
    let graph = needed(reader, name, "cloud.graph", graph);
    let resource = custom(reader, name, "cloud.resource");
    let ews = custom(reader, name, "cloud.ews");
    let client_id = reader.string("cloud.client_id", "");
    Cloud { name, client_id, tenant: read_tenant(reader, name), login, graph, resource, ews }
}

/// A custom cloud names its hosts; the others have theirs.
fn needed(reader: &mut Reader<'_>, name: CloudName, key: &str, preset: &str) -> String {
    let given = custom(reader, name, key);
    if name == CloudName::Custom && given.is_none() {
        reader.problem(key, "is needed with cloud.name = \"custom\"");
    }
    given.unwrap_or_else(|| preset.to_owned())
}

/// An address that only a custom cloud has, without a trailing slash.
fn custom(reader: &mut Reader<'_>, name: CloudName, key: &str) -> Option<String> {
    let url = reader.string(key, "");
    if url.is_empty() {
        return None;
    }
    if name != CloudName::Custom {
        reader.problem(key, "goes only with cloud.name = \"custom\"");
        return None;
    }
    if let Err(text) = check_base_url(&url) {
        reader.problem(key, text);
    }
    Some(url.trim_end_matches('/').to_owned())
}

fn read_tenant(reader: &mut Reader<'_>, name: CloudName) -> String {
    let tenant = reader.string("cloud.tenant", "organizations");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if tenant.is_empty() || !tenant.chars().all(plain) {
        let text = "wants organizations, common, consumers, a tenant id or a domain";
        reader.problem("cloud.tenant", text);
    }
    let national = matches!(name, CloudName::GccHigh | CloudName::Dod | CloudName::China);
    if national && tenant == "consumers" {
        let text = "cannot be \"consumers\" in this cloud: personal accounts exist only in \
                    cloud.name = \"global\"";
        reader.problem("cloud.tenant", text);
    }
    tenant
}

/// Tokens travel to these hosts, so plain http is for this machine only.
fn check_base_url(url: &str) -> Result<(), String> {
    if url.starts_with("https://") {
        return Ok(());
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return Err("wants an address that starts with https://".to_owned());
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if loopback || host == "localhost" {
        return Ok(());
    }
    Err("must be https://: plain http is allowed only for this machine".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use crate::config::{Config, Problems};

    fn parse(text: &str) -> Result<Config, Problems> {
        Config::parse(Some((Path::new("f.toml"), text)), BTreeMap::new())
    }

    fn problems(text: &str) -> Vec<String> {
        parse(text).unwrap_err().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_token_never_travels_in_plain_text_off_this_machine() {
        let text = "[cloud]\nname = \"custom\"\nlogin = \"http://login.example\"\ngraph = \"http://127.0.0.1:80\"";
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("cloud.login must be https"), "{found:#?}");
    }

    #[test]
    fn a_custom_cloud_may_name_its_permissions_after_another_host() {
        let custom = "[cloud]\nname = \"custom\"\nlogin = \"https://login.chinacloudapi.cn/\"\n\
                      graph = \"https://microsoftgraph.chinacloudapi.cn\"\n";
        let cloud = parse(custom).unwrap().cloud;
        assert_eq!(cloud.login, "https://login.chinacloudapi.cn");
        assert_eq!(cloud.resource, None);
        let more = format!(
            "{custom}resource = \"https://graph.microsoft.us/\"\news = \"http://localhost:1/EWS/Exchange.asmx\"\n"
        );
        let cloud = parse(&more).unwrap().cloud;
        assert_eq!(cloud.resource.as_deref(), Some("https://graph.microsoft.us"));
        assert_eq!(cloud.ews.as_deref(), Some("http://localhost:1/EWS/Exchange.asmx"));
    }

    #[test]
    fn what_does_not_belong_to_a_cloud_is_refused_and_never_passed_over() {
        let found = problems(
            "[cloud]\nname = \"china\"\ntenant = \"consumers\"\nresource = \"https://x\"\news = \"https://y\"\n",
        );
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(
            found.iter().any(|p| p.starts_with("f.toml:3: cloud.tenant cannot be \"consumers\""))
        );
        for key in ["f.toml:4: cloud.resource", "f.toml:5: cloud.ews"] {
            let told = format!("{key} goes only with cloud.name = \"custom\"");
            assert!(found.contains(&told), "{found:#?}");
        }
        let found = problems("[cloud]\nname = \"custom\"\news = \"http://mail.example/EWS\"\n");
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found.iter().any(|p| p.contains("cloud.ews must be https")), "{found:#?}");
    }
}
