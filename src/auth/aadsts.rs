//! What Entra's error numbers mean to a person, and what to do about each (reference A.7).

/// One line of the table: codes that are cured alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Advice {
    pub codes: &'static [u64],
    pub meaning: &'static str,
    pub cure: &'static str,
}

/// No user can lift these; an administrator's consent can (reference A.7, A.8).
pub const ADMIN_APPROVAL: [u64; 4] = [65001, 65004, 90094, 90095];
/// Throttled or transient: the same request may pass later (reference A.7).
pub const TRANSIENT: [u64; 5] = [50033, 90006, 90024, 90033, 90055];

/// The client asked the same too often: what it needs is a pause (reference A.7).
pub const LOOP: u64 = 50196;

const fn line(codes: &'static [u64], meaning: &'static str, cure: &'static str) -> Advice {
    Advice { codes, meaning, cure }
}

/// In the order of the guide.
#[rustfmt::skip]
pub const TABLE: &[Advice] = &[
    line(&[16000, 50020, 50034, 51004, 90072], "this account is not in the tenant", "check the spelling, set [cloud] tenant to the account's tenant (organizations takes any work account, consumers personal ones), or have the account invited as a guest"),
    line(&[50011], "the registration does not know the redirect address", "register http://localhost under the platform \"Mobile and desktop applications\""),
    line(&[500_113, 900_971], "the registration has no redirect address", "register http://localhost under the platform \"Mobile and desktop applications\""),
    line(&[500_011, 650_052], "Exchange Online or Graph is not enabled in the tenant", "check [cloud] name, since each cloud has its own Graph; have an administrator enable or subscribe to the service"),
    line(&[50053], "the account is locked, or the address of this network is", "wait, or have an administrator unlock it; the sign-in log tells why"),
    line(&[50055, 50144], "the Microsoft password has expired", "change the password at Microsoft, then sign in again"),
    line(&[50057], "the account is disabled", "have an administrator enable it"),
    line(&[50058], "no sign-in session was found", "sign in again in a browser"),
    line(&[50059, 90019], "the tenant could not be told from the request", "set [cloud] tenant to the tenant's id or domain"),
    line(&[50072, 50074, 50076, 50078, 50079], "a second factor is wanted, has lapsed or is not set up", "sign in again in a browser and complete what it asks for"),
    line(&[50097, 50129, 53000, 53001, 530_032], "the tenant admits only managed devices", "sign in on a managed device, or have an administrator exempt this application"),
    line(&[50105], "the tenant admits only assigned users, and this one is not", "have an administrator assign the user to the application under Enterprise applications"),
    line(&[50126], "user name or password was wrong", "type them again on Microsoft's page"),
    line(&[50132, 50133, 50173], "the session was revoked or the password was changed", "sign in again"),
    line(&[50194], "the application belongs to one tenant, and the shared sign-in address was used", "set [cloud] tenant to the tenant's id, or make the registration multitenant"),
    line(&[50196], "Entra met the same request too often", "wait some minutes: what runs in the background tries again by itself; report it if it returns"),
    line(&[50140, 50199], "Microsoft's page wants a confirmation", "go on in the browser, then try again"),
    line(&[50147, 501_481, 501_491], "the proof of the sign-in did not match", "start the sign-in again; report it if it returns"),
    line(&[53002, 53003, 530_035], "a Conditional Access policy or the security defaults block this sign-in", "have an administrator allow the application, place or flow (try --sign-in browser if the device code is blocked); give them the correlation id"),
    line(&[54005], "the answer of the sign-in was used already", "start the sign-in again and open the page once"),
    line(&[65001], "nobody has consented to the application's permissions yet", "sign in and accept, or send an administrator the link of: footbridge consent-url"),
    line(&[65004], "the consent was declined", "sign in again and accept, or send an administrator the link of: footbridge consent-url"),
    line(&[65005, 650_056, 650_057], "the registration lacks the permissions", "add the Graph permissions of docs/entra-app-registration.md to the registration"),
    line(&[65002], "the client id is one of Microsoft's own", "register an application and set [cloud] client_id to its id"),
    line(&[70000], "the stored sign-in is not valid", "sign in again"),
    line(&[70008, 700_082], "the sign-in was not used for too long and has lapsed", "sign in again"),
    line(&[700_084], "the redirect address is registered for single-page applications, whose sign-ins end after a day", "move http://localhost to the platform \"Mobile and desktop applications\", then sign in again"),
    line(&[70043], "a sign-in frequency policy wants a fresh sign-in", "sign in again; an administrator may relax the policy"),
    line(&[28002, 28003, 70011, 700_022], "the requested permissions do not go together or do not exist for this account", "check [cloud] name and tenant (personal accounts have no shared mailboxes); report it if they are right"),
    line(&[70016], "the sign-in was not completed yet", "finish it in the browser"),
    line(&[70018], "the device code was not recognised", "start the sign-in again; check [cloud] tenant"),
    line(&[70019, 70020], "the device code has expired", "start the sign-in again and finish it within a quarter of an hour"),
    line(&[70001, 700_016, 7_000_112], "the application is not known or is disabled in this tenant", "check [cloud] client_id and name, or have an administrator enable the application"),
    line(&[700_025], "a public client presented a secret", "report it: the bridge never sends one"),
    line(&[7_000_218], "the registration demands a secret", "set \"Allow public client flows\" to Yes, and register http://localhost under \"Mobile and desktop applications\", not \"Web\""),
    line(&[7_000_215, 7_000_222], "an application secret is wrong or has expired", "renew the secret in the registration"),
    line(&[90124, 90130, 500_201, 500_208, 9_001_023, 9_002_332], "this kind of account or grant is not allowed at this sign-in address", "set [cloud] tenant to organizations for work accounts or consumers for personal ones, and check which accounts the registration supports"),
    line(&[90002, 90038], "the tenant was not found in this cloud", "check the spelling of [cloud] tenant, and that [cloud] name is the cloud it lives in"),
    line(&[90094], "the tenant wants an administrator to consent", "send an administrator the link of: footbridge consent-url"),
    line(&[90095], "the tenant wants an administrator to consent, and takes requests", "request approval on Microsoft's page, or send an administrator the link of: footbridge consent-url"),
    line(&[50033, 90006, 90024, 90033, 90055], "Microsoft's sign-in is busy", "try again in a few minutes"),
    line(&[900_144], "the request lacked something", "report it"),
    line(&[500_112, 700_005], "the answer of the sign-in belongs to another tenant or address", "start the sign-in again"),
];

/// The line of the table that a code stands in.
pub fn advice(code: u64) -> Option<&'static Advice> {
    TABLE.iter().find(|advice| advice.codes.contains(&code))
}

/// The numbers that a text spells as `AADSTSnnnnn`.
pub fn codes_in(text: &str) -> Vec<u64> {
    let after = text.split("AADSTS").skip(1);
    let digits = after.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(rest));
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

/// The table as the guide shows it.
pub fn markdown() -> String {
    let mut text = String::from("| AADSTS | what it means | what to do |\n|---|---|---|\n");
    for Advice { codes, meaning, cure } in TABLE {
        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        text.push_str(&format!("| {} | {meaning} | {cure} |\n", codes.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_stands_in_one_line() {
        let all: Vec<u64> = TABLE.iter().flat_map(|advice| advice.codes).copied().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for code in ADMIN_APPROVAL.iter().chain(&TRANSIENT) {
            assert!(advice(*code).is_some(), "{code}");
        }
    }

    #[test]
    fn the_guide_holds_the_table() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/entra-app-registration.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        assert!(guide.contains(&markdown()), "put this into the guide:\n{}", markdown());
    }
}
