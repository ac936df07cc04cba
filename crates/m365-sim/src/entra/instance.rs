//! Which of Microsoft's clouds the tenant lives in, and the hosts that its resources are named after. (reference A.1)

use serde::{Deserialize, Serialize};

use super::aadsts::Refusal;
use super::scope::OPENID;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudInstance {
    /// Also takes this very server for Graph, whatever its address is.
    #[default]
    Global,
    GccHigh,
    Dod,
    China,
}

/// What a permission without a resource means in a national cloud: the documents leave it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BareScopes {
    /// That cloud's Graph.
    #[default]
    Graph,
    /// 70011
    Refused,
}

impl CloudInstance {
    pub(crate) fn login(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    pub(crate) fn graph(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::GccHigh => "graph.microsoft.us",
            Self::Dod => "dod-graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Exchange Online as a resource.
    fn exchange(self) -> &'static [&'static str] {
        match self {
            Self::Global => &["outlook.office365.com", "outlook.office.com"],
            Self::GccHigh => &["outlook.office365.us"],
            Self::Dod => &["outlook-dod.office365.us"],
            Self::China => &["partner.outlook.cn"],
        }
    }

    /// `cloud_instance_name` of the discovery document.
    pub(super) fn name(self) -> &'static str {
        let login = self.login();
        login.strip_prefix("login.").unwrap_or(login)
    }

    fn knows(self, host: &str) -> bool {
        host == self.graph()
            || self.exchange().contains(&host)
            || (self == Self::Global && is_local(host))
    }

    /// Every resource among these scopes is one that this cloud's tenants know.
    pub(super) fn check(self, scopes: &str, bare: BareScopes) -> Result<(), Refusal> {
        for scope in scopes.split_whitespace() {
            match scope.split_once("://") {
                Some((scheme, rest)) => {
                    let host = rest.split('/').next().unwrap_or_default();
                    if !self.knows(host) {
                        let principal = format!("{scheme}://{host}");
                        return Err(Refusal::about(500_011, &principal));
                    }
                }
                None if self == Self::Global || bare == BareScopes::Graph => {}
                None if OPENID.contains(&scope) => {}
                None => return Err(Refusal::about(70011, scope)),
            }
        }
        Ok(())
    }
}

/// A bridge under test may have its Graph on this machine.
pub(super) fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_knows_its_own_resources_and_no_others() {
        let number = |cloud: CloudInstance, scopes: &str, bare: BareScopes| {
            cloud.check(scopes, bare).err().map(|refusal| refusal.aadsts)
        };
        let clouds = [
            CloudInstance::Global,
            CloudInstance::GccHigh,
            CloudInstance::Dod,
            CloudInstance::China,
        ];
        for cloud in clouds {
            for other in clouds {
                let scope = format!("https://{}/Mail.Send openid", other.graph());
                let expected = (cloud != other).then_some(500_011);
                assert_eq!(number(cloud, &scope, BareScopes::Refused), expected);
            }
        }
        let (gcc_high, bare) = (CloudInstance::GccHigh, "Mail.Send openid");
        assert_eq!(number(gcc_high, bare, BareScopes::Graph), None);
        assert_eq!(number(gcc_high, bare, BareScopes::Refused), Some(70011));
        assert_eq!(
            number(CloudInstance::Global, "http://127.0.0.1:1/Mail.Send", BareScopes::Graph),
            None
        );
        assert_eq!(
            number(gcc_high, "http://127.0.0.1:1/Mail.Send", BareScopes::Graph),
            Some(500_011)
        );
    }
}
