//! An administrator's consent for the whole organisation: the link, and what comes back (reference A.8).

use std::time::Duration;

use oauth2::CsrfToken;
use reqwest::Url;

use super::oauth::Audience;
use super::scopes::{Granted, Needs};
use super::sign_in::{Ending, Loopback};
use super::{Cloud, EntraError};
use crate::clock::Clock;

/// A link for an administrator.
#[derive(Clone, Debug)]
pub struct ConsentRequest {
    pub url: String,
    /// What the answer repeats. It guards nothing: an answer is shown and never acted upon.
    state: String,
}

/// The administrator accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Consented {
    /// The organisation's tenant id, as the browser told it: for showing only.
    pub tenant: String,
    pub granted: Granted,
}

/// Why there is no consent, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    #[error(
        "personal accounts have no administrator: each person consents at the first sign-in \
         ([cloud] tenant is consumers; name an organisation with --tenant)"
    )]
    Personal,
    #[error("cloud.login is not a URL")]
    NoUrl,
    #[error("the administrator declined, and nothing was granted: open the link again and accept")]
    Declined,
    #[error("the consent was refused: {0}")]
    Refused(EntraError),
    #[error(
        "nobody consented within {} seconds; if Microsoft's page shows an error, run: footbridge explain AADSTSnnnnn", .0.as_secs()
    )]
    TimedOut(Duration),
    #[error("the address belongs to another link: use the newest one, with the same settings")]
    Foreign,
    #[error(
        "this is not the address that the consent ended on; copy all of it from the address bar (it \
         starts with http://localhost and holds admin_consent=), or paste the AADSTS number that the page shows"
    )]
    NotAnAnswer,
}

/// Where the browser ends if nobody listens: the registered address itself.
const NOWHERE: &str = "http://localhost";

impl ConsentRequest {
    /// A link to be opened anywhere, at any time. Every link of one registration is answered alike.
    ///
    /// # Errors
    /// `Personal`, `NoUrl`.
    pub fn to_send(
        cloud: &Cloud,
        needs: Needs,
        tenant: Option<&str>,
    ) -> Result<Self, ConsentError> {
        let state = format!("footbridge-{}", cloud.client_id);
        Self::new(cloud, needs, tenant, (NOWHERE, state))
    }

    /// A link to be opened on this machine, whose answer comes to `loopback`.
    ///
    /// # Errors
    /// `Personal`, `NoUrl`.
    pub fn to_open(
        cloud: &Cloud,
        needs: Needs,
        tenant: Option<&str>,
        loopback: &Loopback,
    ) -> Result<Self, ConsentError> {
        let state = CsrfToken::new_random().into_secret();
        Self::new(cloud, needs, tenant, (&loopback.redirect_uri(), state))
    }

    fn new(
        cloud: &Cloud,
        needs: Needs,
        tenant: Option<&str>,
        (redirect, state): (&str, String),
    ) -> Result<Self, ConsentError> {
        let tenant = match (tenant, cloud.audience()) {
            (Some("consumers"), _) | (None, Audience::Personal) => {
                return Err(ConsentError::Personal);
            }
            // `common` is no tenant to consent in.
            (Some("common"), _) | (None, Audience::Anyone) => "organizations",
            (Some(tenant), _) => tenant,
            (None, Audience::Work) => &cloud.tenant,
        };
        let url = format!("{}/{tenant}/v2.0/adminconsent", cloud.login);
        let mut url = Url::parse(&url).map_err(|_| ConsentError::NoUrl)?;
        url.query_pairs_mut()
            .append_pair("client_id", &cloud.client_id)
            .append_pair("scope", &cloud.wanted(needs).join(" "))
            .append_pair("redirect_uri", redirect)
            .append_pair("state", &state);
        Ok(Self { url: url.into(), state })
    }

    /// Waits for the answer. If one came, a browser waits to be shown what it came to.
    ///
    /// # Errors
    /// `Declined`, `Refused`, `TimedOut`.
    pub async fn wait(
        &self,
        loopback: Loopback,
        limit: Duration,
        clock: &Clock,
    ) -> (Result<Consented, ConsentError>, Option<Ending>) {
        let is_answer = |outcome: &Result<Consented, ConsentError>| {
            !matches!(outcome, Err(ConsentError::Foreign | ConsentError::NotAnAnswer))
        };
        let read = |query: &str| Some(self.read(query)).filter(is_answer);
        match clock.timeout(limit, loopback.hear(read, clock)).await {
            Ok((outcome, ending)) => (outcome, Some(ending)),
            Err(_) => (Err(ConsentError::TimedOut(limit)), None),
        }
    }

    /// What a person copied from the address bar, or from an error page.
    ///
    /// # Errors
    /// `Declined`, `Refused`, `Foreign`, `NotAnAnswer`.
    pub fn pasted(&self, text: &str) -> Result<Consented, ConsentError> {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        match self.read(query.split('#').next().unwrap_or_default()) {
            Err(ConsentError::NotAnAnswer) => {
                Err(EntraError::of_page(text)
                    .map_or(ConsentError::NotAnAnswer, ConsentError::Refused))
            }
            outcome => outcome,
        }
    }

    /// `admin_consent=True&tenant=…&scope=…&state=…`, and `error=…&error_description=…` if it went
    /// wrong; `admin_consent` says `True` even then.
    fn read(&self, query: &str) -> Result<Consented, ConsentError> {
        let not_an_answer = |_| ConsentError::NotAnAnswer;
        let url = Url::parse(&format!("{NOWHERE}/?{query}")).map_err(not_an_answer)?;
        let value = |wanted: &str| {
            url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let accepted = value("admin_consent").is_some_and(|said| said.eq_ignore_ascii_case("true"));
        let error = value("error");
        let (Some(state), true) = (value("state"), accepted || error.is_some()) else {
            return Err(ConsentError::NotAnAnswer);
        };
        if state != self.state {
            return Err(ConsentError::Foreign);
        }
        if let Some(error) = error {
            let description = value("error_description").unwrap_or_default();
            let error = EntraError::of_redirect(&error, &description);
            return Err(ConsentError::of(error));
        }
        let tenant = value("tenant").filter(|tenant| !tenant.is_empty());
        let scopes = value("scope").unwrap_or_default();
        Ok(Consented {
            tenant: tenant.ok_or(ConsentError::NotAnAnswer)?,
            granted: Granted::new(scopes.split_whitespace()),
        })
    }
}

impl ConsentError {
    fn of(error: EntraError) -> Self {
        let declined = error.error == "access_denied" || error.error_codes.contains(&65004);
        match declined && error.error_codes.iter().all(|code| *code == 65004) {
            true => Self::Declined,
            false => Self::Refused(error),
        }
    }

    /// What Microsoft said, if it did.
    pub fn entra(&self) -> Option<&EntraError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scopes::Ownership;
    use crate::config::connections::ConnectionUse;

    const NEEDS: Needs = Needs { purpose: ConnectionUse::Outbound, mailbox: Ownership::Own };

    fn cloud(tenant: &str) -> Cloud {
        let settings = crate::config::Config::default().cloud;
        let client_id = "app".to_owned();
        Cloud::from(&crate::config::Cloud { tenant: tenant.to_owned(), client_id, ..settings })
    }

    #[test]
    fn common_is_never_where_an_administrator_consents_and_consumers_have_none() {
        let link = |tenant: &str, named: Option<&str>| {
            ConsentRequest::to_send(&cloud(tenant), NEEDS, named).map(|request| request.url)
        };
        let url = link("common", None).unwrap();
        assert!(url.starts_with("https://login.microsoftonline.com/organizations/v2.0/adminconsent?client_id=app&scope=https%3A%2F%2Fgraph.microsoft.com%2FMail.Send+"), "{url}");
        assert!(link("contoso.com", Some("common")).unwrap().contains("/organizations/"));
        assert!(link("common", Some("contoso.com")).unwrap().contains("/contoso.com/"));
        assert!(link("consumers", Some("contoso.com")).unwrap().contains("/contoso.com/"));
        for refused in [link("consumers", None), link("contoso.com", Some("consumers"))] {
            assert!(matches!(refused, Err(ConsentError::Personal)), "{refused:?}");
        }
    }

    #[test]
    fn a_pasted_address_is_told_from_everything_else() {
        let request = ConsentRequest::to_send(&cloud("contoso.com"), NEEDS, None).unwrap();
        let pasted = |text: &str| request.pasted(text);
        let good = "\"http://localhost/?admin_consent=True&tenant=t1&state=footbridge-app&scope=https%3a%2f%2fgraph.microsoft.com%2fMail.Send#\"";
        let done = pasted(good).unwrap();
        assert_eq!((done.tenant.as_str(), done.granted.has("Mail.Send")), ("t1", true));
        let declined = "http://localhost/?admin_consent=True&error=access_denied&error_description=AADSTS65004%3a+no&state=footbridge-app";
        assert!(matches!(pasted(declined), Err(ConsentError::Declined)));
        let foreign = good.replace("footbridge-app", "footbridge-other");
        assert!(matches!(pasted(&foreign), Err(ConsentError::Foreign)));
        for text in
            ["", "http://localhost/", "http://localhost/?code=1&state=footbridge-app", "abc"]
        {
            assert!(matches!(pasted(text), Err(ConsentError::NotAnAnswer)), "{text}");
        }
        let told =
            pasted("Sorry, AADSTS700016: Application was not found").unwrap_err().to_string();
        assert!(told.contains("check [cloud] client_id"), "{told}");
    }
}
