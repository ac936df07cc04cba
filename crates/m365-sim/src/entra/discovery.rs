//! What a client may ask before it signs anybody in: OpenID discovery, keys, and which hosts are Microsoft's.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::tenant::State;

use super::aadsts::Refusal;
use super::directory::PERSONAL_TENANT;
use super::{issue, tenant_is_known};

/// Host names that all mean the global cloud.
const GLOBAL: [&str; 4] =
    ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`
pub(super) fn openid(state: &State, call: &Call, alias: &str) -> Result<Value, Refusal> {
    if !tenant_is_known(state, alias) {
        return Err(Refusal::about(90002, alias));
    }
    let id = match alias {
        "common" | "organizations" => "{tenantid}",
        "consumers" => PERSONAL_TENANT,
        _ => &state.tenant_id,
    };
    let cloud = state.switches.entra.cloud;
    let root = format!("{}/{alias}", call.origin);
    Ok(json!({
        "issuer": format!("https://{}/{id}/v2.0", cloud.login()),
        "authorization_endpoint": format!("{root}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{root}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{root}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{root}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "oid", "ver", "email"],
        "tenant_region_scope": null,
        "cloud_instance_name": cloud.name(),
        "msgraph_host": cloud.graph(),
    }))
}

/// `GET /{tenant}/discovery/v2.0/keys`: a key of the right shape that signed nothing.
pub(super) fn keys() -> Reply {
    let key = json!({
        "kty": "RSA", "use": "sig", "kid": issue::KEY, "e": "AQAB", "n": "AQAB".repeat(85),
    });
    Reply::json(200, json!({"keys": [key]}))
}

/// `GET /common/discovery/instance?authorization_endpoint=…`: every authority that is asked about is a good one.
pub(super) fn instance(call: &Call) -> Result<Value, Refusal> {
    let asked = call.query.option("authorization_endpoint").unwrap_or_default();
    let rest = asked.strip_prefix("https://").or_else(|| asked.strip_prefix("http://"));
    let mut words = rest.unwrap_or_default().split('/');
    let (Some(host), Some(tenant)) = (words.next().filter(|host| !host.is_empty()), words.next())
    else {
        return Err(Refusal::new(400, "invalid_instance", 50049, "Unknown or invalid instance."));
    };
    let scheme = &asked[..asked.find("://").unwrap_or_default()];
    let endpoint = format!("{scheme}://{host}/{tenant}/v2.0/.well-known/openid-configuration");
    let entry = |hosts: &[&str]| json!({"preferred_network": hosts[0], "preferred_cache": hosts[0], "aliases": hosts});
    Ok(json!({
        "tenant_discovery_endpoint": endpoint,
        "api-version": "1.1",
        "metadata": [entry(&GLOBAL), entry(&[host])],
    }))
}
