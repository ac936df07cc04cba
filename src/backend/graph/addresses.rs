//! By which addresses the mailbox goes (reference A.6: the sign-in name need not be one).

use super::Graph;
use super::model::User;
use crate::backend::Urgency;
use crate::http::Request;
use crate::mailbox::{Address, Fault, Kind, Outcome};

impl Graph {
    /// The mailbox's own address, then its sign-in name and its aliases. Whose mailbox is shared may
    /// keep their entry in the directory to themselves: then the address is all there is.
    pub(super) async fn own_addresses(&self) -> Outcome<Vec<Address>> {
        let answer = match self.user("mail,userPrincipalName,proxyAddresses").await {
            // Whoever does not know of aliases still knows the mailbox.
            Err(fault) if *fault.kind() == Kind::Defect => {
                self.user("mail,userPrincipalName").await
            }
            answer => answer,
        };
        let user = match (answer, &self.shared) {
            (Err(fault), Some(own)) if *fault.kind() == Kind::Denied => {
                tracing::debug!(%fault, "the shared mailbox's other addresses are not told");
                return Ok(vec![own.clone()]);
            }
            (answer, _) => answer?,
        };
        let named = [user.mail.as_deref(), user.user_principal_name.as_deref()];
        let proxies = user.proxy_addresses.iter().filter_map(|proxy| mail_address(proxy));
        let mut addresses: Vec<Address> = Vec::new();
        for text in named.into_iter().flatten().chain(proxies) {
            if let Some(address) = Address::new(text)
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    async fn user(&self, properties: &str) -> Outcome<User> {
        let path = format!("{}?$select={properties}", self.prefix.as_str());
        let patience = self.http.patience(Urgency::Interactive);
        let user: Result<User, _> = self.http.json(&Request::get("GET user", path), patience).await;
        user.map_err(Fault::from)
    }
}

/// `SMTP:` stands before the first address, `smtp:` before the others, and other words before other kinds.
fn mail_address(proxy: &str) -> Option<&str> {
    let (kind, address) = proxy.split_once(':')?;
    kind.eq_ignore_ascii_case("smtp").then_some(address)
}
