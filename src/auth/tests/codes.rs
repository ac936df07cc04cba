//! What a running keeper makes of each number (reference A.7): park, wait, or leave alone.

use std::time::Duration;

use m365_sim::switch::{ConditionalAccess, Rotation};
use m365_sim::{ClientType, Entra, Fault, Kind as Call, Registration, Rule, Stage, Standing};

use super::{ADA, SCOPES, World};
use crate::auth::{Secret, SignInState, TokenVault as _};
use crate::http::Tokens as _;
use crate::mailbox::Kind;

const TRANSIENT: [u32; 5] = [50033, 90006, 90024, 90033, 90055];
/// Microsoft's lock on clients that loop.
const LOOP: u32 = 50196;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn what_only_a_person_can_lift_parks_and_what_passes_never_does() {
    for code in Entra::codes() {
        let world = World::new().await;
        world.tenant.entra().fail(Stage::Token, code);
        let tokens = world.start();
        let mut status = tokens.status();
        let settled = status.wait_for(|status| status.state != SignInState::Refreshing).await;
        let state = settled.unwrap().state.clone();
        let passing = TRANSIENT.contains(&code) || code == LOOP;
        match state {
            SignInState::Troubled { cause } if passing => {
                assert!(cause.contains(&format!("AADSTS{code}")), "{cause}");
                let fresh = async {
                    // Whoever asks meanwhile may be told to come back; the keeper goes on by itself.
                    let _ = tokens.access_token().await;
                    status.wait_for(|status| status.state == SignInState::Fresh).await.unwrap();
                };
                fresh.await;
                assert_eq!(world.refreshes(), 2, "{code}");
            }
            SignInState::NeedsSignIn { cause } if !passing => {
                assert!(cause.contains(&format!("AADSTS{code}")), "{cause}");
                world.advance(DAY);
                let fault = tokens.access_token().await.unwrap_err();
                assert_eq!(*fault.kind(), Kind::SignInNeeded);
                assert_eq!(world.refreshes(), 1, "{code}: no retry helps");
            }
            other => panic!("AADSTS{code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_passing_number_passes_whatever_error_it_comes_with() {
    for aadsts in TRANSIENT {
        for error in ["invalid_grant", "interaction_required", "invalid_request"] {
            let world = World::new().await;
            let fault = Fault::Entra { code: 400, error: error.into(), aadsts, suberror: None };
            world.tenant.faults().push(Rule::on(Call::Token).times(2).answer(fault));
            assert!(world.start().access_token().await.is_ok(), "{aadsts} {error}");
            assert_eq!(world.refreshes(), 3);
        }
    }
}

#[tokio::test]
async fn a_client_that_looped_leaves_microsoft_alone_for_five_minutes() {
    let world = World::new().await;
    for error in ["invalid_grant", "invalid_request"] {
        let fault = Fault::Entra { code: 400, error: error.into(), aadsts: LOOP, suberror: None };
        world.tenant.faults().push(Rule::on(Call::Token).answer(fault));
    }
    let tokens = world.start();
    let mut status = tokens.status();
    let troubled = |state: &SignInState| matches!(state, SignInState::Troubled { .. });
    status.wait_for(|status| troubled(&status.state)).await.unwrap();
    let before = world.clock.instant();
    // Nobody waits that long for a token: mail clients are told to come back.
    while let Err(fault) = tokens.access_token().await {
        assert_eq!(*fault.kind(), Kind::Unreachable, "{fault}");
    }
    assert!(world.clock.instant().since(before) >= Duration::from_secs(2 * 5 * 60));
    assert_eq!(world.refreshes(), 3);
}

/// What `happens` makes the next refresh meet `code`, and mail clients hear these words.
async fn parks(code: u32, words: &str, happens: impl FnOnce(&World)) {
    let world = World::new().await;
    happens(&world);
    let tokens = world.start();
    let fault = tokens.access_token().await.unwrap_err();
    assert_eq!(*fault.kind(), Kind::SignInNeeded, "{fault}");
    let told = fault.to_string();
    assert!(told.contains(&format!("AADSTS{code}")) && told.contains(words), "{code}: {told}");
    world.advance(DAY);
    assert!(tokens.access_token().await.is_err());
    assert_eq!(world.refreshes(), 1, "{code}: no retry helps");
}

#[tokio::test]
async fn what_ends_a_grant_in_truth_parks_with_its_cure() {
    parks(50173, "sign in again", |world| world.tenant.revoke(ADA)).await;
    for (code, words, standing) in [
        (50057, "have an administrator enable it", Standing::Disabled),
        (50053, "have an administrator unlock it", Standing::Locked),
        (50055, "change the password at Microsoft", Standing::PasswordExpired),
    ] {
        parks(code, words, |world| world.tenant.entra().set_standing(ADA, standing)).await;
    }
    parks(70008, "has lapsed; sign in again", |world| world.advance(90 * DAY)).await;
    parks(70043, "an administrator may relax the policy", |world| {
        world.tenant.set_switches(|switches| switches.entra.sign_in_frequency_hours = Some(12));
        world.advance(DAY);
    })
    .await;
    for (code, words, policy) in [
        (53003, "allow the application, place or flow", ConditionalAccess::Block),
        (53000, "sign in on a managed device", ConditionalAccess::CompliantDevice),
        (50076, "complete what it asks for", ConditionalAccess::MfaAtRefresh),
    ] {
        parks(code, words, |world| {
            world.tenant.set_switches(|switches| switches.entra.conditional_access = policy);
        })
        .await;
    }
    parks(65001, "footbridge consent-url", |world| world.tenant.entra().withdraw_consent("app"))
        .await;
    parks(7_000_218, "\"Allow public client flows\"", |world| {
        let client_type = ClientType::Confidential;
        let registration = Registration { client_type, ..Registration::default() };
        world.tenant.entra().register("app", registration);
    })
    .await;
    parks(700_016, "check [cloud] client_id", |world| {
        world.tenant.set_switches(|switches| switches.entra.open_registration = false);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_that_someone_else_used_up_parks_and_the_next_sign_in_lifts_it() {
    let world = World::new().await;
    world.tenant.set_switches(|switches| switches.login.rotation = Rotation::Strict);
    let copied = world.vault.load().await.unwrap().unwrap();
    world.start().access_token().await.unwrap();
    world.vault.save(&copied).await.unwrap();
    let tokens = world.start();
    let fault = tokens.access_token().await.unwrap_err();
    assert!(fault.to_string().contains("AADSTS70000"), "{fault}");
    let grant = world.tenant.grant(ADA, "app", SCOPES);
    world.vault.save(&Secret::new(grant)).await.unwrap();
    let mut status = tokens.status();
    tokens.signed_in();
    status.wait_for(|status| status.state == SignInState::Fresh).await.unwrap();
}
