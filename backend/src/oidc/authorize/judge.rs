//! The judgement on a request: given who is there and what they have allowed, what comes next. Made anew at every step,
//! from facts that were just read; nothing of an earlier judgement is believed.

use super::{AuthorizationRequest, ErrorCode, Present, Prompt, Refusal};
use crate::model::Consent;
use crate::oidc::claim::ClaimSet;
use crate::oidc::hint::Called;
use crate::oidc::trust::{self, Met};
use aldgate_core::assurance::{Components, IdentityLevel, Vector};
use aldgate_core::time::Timestamp;
use std::time::Duration;

/// Who is there, as the store and the shared tier know it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct There {
    /// Who, in which session.
    pub(crate) present: Present,
    /// How well the person's identity was verified.
    pub(crate) identity: IdentityLevel,
    /// What they showed when they signed in.
    pub(crate) components: Components,
    /// When they last proved who they are.
    pub(crate) authenticated: Timestamp,
    /// What the client calls them.
    pub(crate) called: Called,
}

/// Why somebody has to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody is there.
    Nobody,
    /// The client wants a proof that is newer.
    Again,
    /// A passkey is needed.
    Passkey,
    /// A password is needed.
    Password,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Somebody has to sign in.
    SignIn(Why),
    /// The person has to show more than they did when they signed in.
    ShowMore(There),
    /// The person is asked whether the client may know what it asks for.
    AskConsent(There, Vector),
    /// The client gets a code.
    Issue(There, Vector),
}

/// Judges a request; a refusal goes to the client.
pub(crate) fn judge(
    request: &AuthorizationRequest,
    there: Option<There>,
    consent: Option<&Consent>,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let Some(there) = there else { return sign_in(request, Why::Nobody) };
    // Strictly after: whoever signed in before the request came has not signed in for it. Whoever has, is as fresh as can be,
    // however long the way from there took: `max_age=0`, which means `prompt=login`, would never be met otherwise.
    let before = there.authenticated <= request.began;
    let anew = request.prompt.wants_login() || request.max_age == Some(Duration::ZERO);
    let old = request.max_age.is_some_and(|age| now.since(there.authenticated) > age);
    if before && (anew || old) {
        return sign_in(request, Why::Again);
    }
    if request.about.is_some_and(|about| about != there.called) {
        return somebody_else(request, there);
    }
    let vector = match trust::best(&request.vectors, there.identity, there.components) {
        Met::By(vector) => vector,
        Met::Components => return more(request, there),
        Met::Identity if request.prompt == Prompt::None => {
            return Err(request.refuse(ErrorCode::InteractionRequired, "the person's identity is not verified so far"));
        }
        Met::Identity => {
            return Err(request.refuse(ErrorCode::AccessDenied, "the person's identity is not verified so far"));
        }
    };
    if consent.is_some_and(|consent| covers(consent, request, vector.identity)) {
        return Ok(Step::Issue(there, vector));
    }
    if request.prompt == Prompt::None {
        return Err(request.refuse(ErrorCode::ConsentRequired, "the person has to be asked for consent"));
    }
    Ok(Step::AskConsent(there, vector))
}

/// Whom the client does not mean may sign in as whom it means, once (OpenID Connect Core, section 3.1.2.1).
fn somebody_else(request: &AuthorizationRequest, there: There) -> Result<Step, Refusal> {
    if there.authenticated <= request.began {
        return sign_in(request, Why::Again);
    }
    let error = ErrorCode::LoginRequired("login_required");
    Err(request.refuse(error, "somebody else has signed in than the person whom this request is about"))
}

fn sign_in(request: &AuthorizationRequest, why: Why) -> Result<Step, Refusal> {
    with_a_page(request, Step::SignIn(why))
}

fn more(request: &AuthorizationRequest, there: There) -> Result<Step, Refusal> {
    with_a_page(request, Step::ShowMore(there))
}

fn with_a_page(request: &AuthorizationRequest, step: Step) -> Result<Step, Refusal> {
    if request.prompt == Prompt::None {
        let word = request.client.profile().rules().login_required;
        return Err(request.refuse(ErrorCode::LoginRequired(word), "the person has to sign in"));
    }
    Ok(step)
}

/// Whether what was allowed is what is asked for: these scopes, at this level or one below (NHS login, EIS 3.4: asked at
/// the first sign-in, at a new level, and when the scopes change), and every claim that the scopes do not tell; allowed for
/// this very request, where its client wants that.
fn covers(consent: &Consent, request: &AuthorizationRequest, level: IdentityLevel) -> bool {
    let claims = request.claims_beside_scopes().is_within(ClaimSet::from_bits(consent.claims));
    let lately = !request.prompt.wants_consent() || consent.at >= request.began;
    consent.scopes == request.scopes.bits() && claims && consent.level >= level && lately
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::claim::Claim;
    use crate::oidc::claims_request::AskedClaims;
    use crate::oidc::client::tests::client;
    use crate::oidc::resource::Resources;
    use crate::oidc::scope::Scopes;
    use aldgate_core::id::{AccountId, SessionId};
    use aldgate_core::testing::world::NOW;
    use std::sync::Arc;

    fn request(prompt: Prompt, vectors: &[&str]) -> AuthorizationRequest {
        let client = Arc::new(client("rp"));
        AuthorizationRequest {
            redirect_uri: client.redirect_uri("https://rp.example/cb").expect("an address").clone(),
            scopes: client.scopes(),
            resources: Resources::default(),
            claims: AskedClaims::default(),
            state: None,
            nonce: None,
            vectors: vectors.iter().filter_map(|text| trust::parse(text).ok()).collect(),
            prompt,
            max_age: None,
            challenge: None,
            language: None,
            allow_registration: true,
            began: NOW,
            key: None,
            once: None,
            about: None,
            client,
        }
    }

    fn there(identity: IdentityLevel, components: Components) -> There {
        let present = Present { account: AccountId::from_bytes([1; 16]), session: SessionId::from_bytes([2; 16]) };
        There { present, identity, components, authenticated: NOW, called: Called::of("ada") }
    }

    fn allowed(request: &AuthorizationRequest, level: IdentityLevel) -> Consent {
        Consent { scopes: request.scopes.bits(), claims: 0, level, at: NOW }
    }

    const PASSKEY: Components = Components::PASSKEY;

    #[test]
    fn one_signs_in_then_allows_then_goes_on() {
        let request = request(Prompt::AsNeeded, &["P0.Cm"]);
        let person = there(IdentityLevel::P0, PASSKEY);
        let vector = request.vectors[0];
        let judge = |there, consent: Option<&Consent>| judge(&request, there, consent, NOW);
        assert_eq!(judge(None, None), Ok(Step::SignIn(Why::Nobody)));
        assert_eq!(judge(Some(person), None), Ok(Step::AskConsent(person, vector)));
        let consent = allowed(&request, IdentityLevel::P0);
        assert_eq!(judge(Some(person), Some(&consent)), Ok(Step::Issue(person, vector)));
        let other = Consent { scopes: 1, ..consent };
        assert_eq!(judge(Some(person), Some(&other)), Ok(Step::AskConsent(person, vector)), "other scopes");
    }

    #[test]
    fn a_claim_that_the_scopes_do_not_tell_is_asked_for() {
        let set = |claims: &[Claim]| claims.iter().copied().fold(ClaimSet::NONE, ClaimSet::with);
        let asking = |claims: &[Claim]| AuthorizationRequest {
            scopes: Scopes::requested("openid email"),
            claims: AskedClaims { userinfo: set(claims), id_token: ClaimSet::NONE },
            ..request(Prompt::AsNeeded, &["P0.Cm"])
        };
        let asked = |claims: &[Claim], allowed: &[Claim]| {
            let request = asking(claims);
            let given = Consent { claims: set(allowed).bits(), ..self::allowed(&request, IdentityLevel::P0) };
            let step = judge(&request, Some(there(IdentityLevel::P0, PASSKEY)), Some(&given), NOW);
            matches!(step, Ok(Step::AskConsent(..)))
        };
        assert!(asked(&[Claim::Birthdate], &[]));
        assert!(asked(&[Claim::Birthdate, Claim::NhsNumber], &[Claim::Birthdate]));
        assert!(!asked(&[Claim::Birthdate], &[Claim::Birthdate, Claim::NhsNumber]));
        assert!(!asked(&[Claim::EmailVerified], &[]), "its scope is asked for too");
    }

    #[test]
    fn a_new_level_is_asked_for_and_a_lower_one_is_not() {
        let request = request(Prompt::AsNeeded, &["P5.Cm", "P9.Cm"]);
        let asked = |identity, level| {
            let consent = allowed(&request, level);
            matches!(judge(&request, Some(there(identity, PASSKEY)), Some(&consent), NOW), Ok(Step::AskConsent(..)))
        };
        assert!(asked(IdentityLevel::P9, IdentityLevel::P5));
        assert!(!asked(IdentityLevel::P5, IdentityLevel::P9));
        assert!(!asked(IdentityLevel::P9, IdentityLevel::P9));
    }

    #[test]
    fn a_session_that_is_too_weak_shows_more_and_an_identity_that_is_too_weak_is_refused() {
        let passkey = request(Prompt::AsNeeded, &["P0.Cm"]);
        let with_password = there(IdentityLevel::P0, Components::PASSWORD);
        assert_eq!(judge(&passkey, Some(with_password), None, NOW), Ok(Step::ShowMore(with_password)));
        let password = request(Prompt::AsNeeded, &["P0.Cp"]);
        let with_passkey = there(IdentityLevel::P0, PASSKEY);
        assert_eq!(judge(&password, Some(with_passkey), None, NOW), Ok(Step::ShowMore(with_passkey)));
        let high = request(Prompt::AsNeeded, &["P9.Cm"]);
        assert_eq!(judge(&high, Some(with_passkey), None, NOW).expect_err("refused").error, ErrorCode::AccessDenied);
    }

    #[test]
    fn prompt_login_is_met_by_what_happens_after_the_request_alone() {
        let request = request(Prompt::Login, &["P0.Cm"]);
        let at = |authenticated| There { authenticated, ..there(IdentityLevel::P0, PASSKEY) };
        let consent = allowed(&request, IdentityLevel::P0);
        let judge = |there| judge(&request, Some(there), Some(&consent), NOW.plus(Duration::from_mins(1)));
        assert_eq!(judge(at(NOW)), Ok(Step::SignIn(Why::Again)));
        assert!(matches!(judge(at(NOW.plus(Duration::from_millis(1)))), Ok(Step::Issue(..))));
    }

    #[test]
    fn prompt_consent_is_met_by_what_is_allowed_for_the_request_alone() {
        for (prompt, first) in [(Prompt::Consent, "consent"), (Prompt::LoginAndConsent, "login")] {
            let request = request(prompt, &["P0.Cm"]);
            let later = NOW.plus(Duration::from_mins(1));
            let before =
                Consent { at: Timestamp::from_millis(NOW.as_millis() - 1), ..allowed(&request, IdentityLevel::P0) };
            let judge = |authenticated, consent: &Consent| {
                let person = There { authenticated, ..there(IdentityLevel::P0, PASSKEY) };
                judge(&request, Some(person), Some(consent), later)
            };
            match judge(NOW, &before) {
                Ok(Step::AskConsent(..)) if first == "consent" => {}
                Ok(Step::SignIn(Why::Again)) if first == "login" => {}
                other => panic!("{first}: {other:?}"),
            }
            assert!(matches!(judge(later, &before), Ok(Step::AskConsent(..))), "{first}");
            assert!(matches!(judge(later, &Consent { at: later, ..before }), Ok(Step::Issue(..))), "{first}");
        }
    }

    #[test]
    fn whoever_is_not_meant_may_sign_in_as_who_is_and_is_told_of_to_the_client_else() {
        let about = |prompt| AuthorizationRequest { about: Some(Called::of("eve")), ..request(prompt, &["P0.Cm"]) };
        let later = NOW.plus(Duration::from_mins(1));
        let ada = |authenticated| Some(There { authenticated, ..there(IdentityLevel::P0, PASSKEY) });
        let judge = |prompt, there| judge(&about(prompt), there, None, later).map_err(|refusal| refusal.error.as_str());
        assert_eq!(judge(Prompt::AsNeeded, ada(NOW)), Ok(Step::SignIn(Why::Again)));
        assert_eq!(judge(Prompt::AsNeeded, ada(later)), Err("login_required"));
        assert_eq!(judge(Prompt::Login, ada(later)), Err("login_required"));
        assert_eq!(judge(Prompt::None, ada(NOW)), Err("sso_login_required"));
        let eve = Some(There { called: Called::of("eve"), ..there(IdentityLevel::P0, PASSKEY) });
        assert!(matches!(judge(Prompt::AsNeeded, eve), Ok(Step::AskConsent(..))));
    }

    #[test]
    fn max_age_is_how_long_ago_one_may_have_signed_in() {
        let request =
            AuthorizationRequest { max_age: Some(Duration::from_mins(5)), ..request(Prompt::AsNeeded, &["P0.Cm"]) };
        let consent = allowed(&request, IdentityLevel::P0);
        let after = |minutes| {
            let person = there(IdentityLevel::P0, PASSKEY);
            judge(&request, Some(person), Some(&consent), NOW.plus(Duration::from_mins(minutes)))
        };
        assert!(matches!(after(5), Ok(Step::Issue(..))));
        assert_eq!(after(6), Ok(Step::SignIn(Why::Again)));
    }

    #[test]
    fn no_age_at_all_is_met_by_whoever_signs_in_for_the_request() {
        let request = AuthorizationRequest { max_age: Some(Duration::ZERO), ..request(Prompt::AsNeeded, &["P0.Cm"]) };
        let consent = allowed(&request, IdentityLevel::P0);
        let judge = |authenticated, now| {
            let person = There { authenticated, ..there(IdentityLevel::P0, PASSKEY) };
            judge(&request, Some(person), Some(&consent), now)
        };
        assert_eq!(judge(NOW, NOW), Ok(Step::SignIn(Why::Again)));
        let signed_in = NOW.plus(Duration::from_secs(20));
        assert!(matches!(judge(signed_in, signed_in.plus(Duration::from_mins(2))), Ok(Step::Issue(..))));
    }

    #[test]
    fn without_a_page_there_is_a_code_or_the_error_that_says_why() {
        let silent = request(Prompt::None, &["P0.Cm"]);
        let error = |request: &AuthorizationRequest, there, consent: Option<&Consent>| {
            judge(request, there, consent, NOW).expect_err("refused").error.as_str()
        };
        let person = there(IdentityLevel::P0, PASSKEY);
        assert_eq!(error(&silent, None, None), "sso_login_required");
        assert_eq!(error(&silent, Some(there(IdentityLevel::P0, Components::PASSWORD)), None), "sso_login_required");
        assert_eq!(error(&silent, Some(person), None), "consent_required");
        assert_eq!(error(&request(Prompt::None, &["P9.Cm"]), Some(person), None), "interaction_required");
        let consent = allowed(&silent, IdentityLevel::P0);
        assert!(matches!(judge(&silent, Some(person), Some(&consent), NOW), Ok(Step::Issue(..))));
    }
}
