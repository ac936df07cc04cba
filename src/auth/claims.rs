//! Claims challenges (reference A.5): what a resource demands of the next token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The `claims` parameter of a sign-in or token request: that challenges are understood, which is
/// what makes the service send them, and what the last one demanded.
pub(super) fn wanted(challenge: Option<&str>) -> String {
    let mut claims = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    if let Some(demanded) = challenge.and_then(|text| serde_json::from_str(text).ok()) {
        merge(&mut claims, demanded);
    }
    claims.to_string()
}

/// Both demands as one, if there is any.
pub(super) fn joined(one: Option<&str>, other: Option<&str>) -> Option<String> {
    let mut all = Value::Null;
    for demanded in [one, other].into_iter().flatten().filter_map(decoded) {
        merge(&mut all, serde_json::from_str(&demanded).ok()?);
    }
    all.is_object().then(|| all.to_string())
}

/// The JSON of a challenge, which the service sends in base64 and the token endpoint as it is.
pub(super) fn decoded(challenge: &str) -> Option<String> {
    let text = match challenge.trim_start().starts_with('{') {
        true => challenge.to_owned(),
        false => String::from_utf8(STANDARD.decode(challenge.trim()).ok()?).ok()?,
    };
    serde_json::from_str::<Value>(&text).ok()?.is_object().then_some(text)
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_demands_become_one_and_what_is_none_is_left_out() {
        let other = r#"{"access_token":{"acrs":{"value":"c1"}}}"#;
        let all: Value = serde_json::from_str(&joined(Some(DEMAND), Some(other)).unwrap()).unwrap();
        assert_eq!(all["access_token"]["nbf"]["value"], "1604106651");
        assert_eq!(all["access_token"]["acrs"]["value"], "c1");
        assert_eq!(joined(Some("nonsense"), None), None);
        assert_eq!(joined(None, None), None);
    }

    const DEMAND: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

    #[test]
    fn a_challenge_joins_what_is_always_said() {
        let claims: Value = serde_json::from_str(&wanted(Some(DEMAND))).unwrap();
        assert_eq!(claims["access_token"]["nbf"]["value"], "1604106651");
        assert_eq!(claims["access_token"]["xms_cc"]["values"][0], "cp1");
    }

    #[test]
    fn a_challenge_is_read_in_both_spellings_and_never_if_it_is_none() {
        assert_eq!(decoded(&STANDARD.encode(DEMAND)).as_deref(), Some(DEMAND));
        assert_eq!(decoded(DEMAND).as_deref(), Some(DEMAND));
        assert_eq!(decoded("not base64"), None);
    }
}
