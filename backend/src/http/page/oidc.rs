//! The pages of the OpenID provider: what a service asks to know, and what a service did wrong.

use crate::oidc::claim::{Claim, ClaimSet};
use crate::oidc::scope::{Scope, Scopes};
use crate::oidc::trust::Ways;
use crate::words::Words;
use aldgate_core::assurance::IdentityLevel;
use askama::Template;

/// `GET /authorize`: may the service know this? Posts `question` and `decision` to `/authorize/consent`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The service.
    pub(crate) client: &'a str,
    /// What it asks to know, each as a person would say it.
    pub(crate) facts: Vec<&'static str>,
    /// The question itself, sealed.
    pub(crate) question: &'a str,
}

/// What scopes, and claims besides, mean at a level, in the words of people; each once.
pub(crate) fn facts(words: Words, scopes: Scopes, claims: ClaimSet, level: IdentityLevel) -> Vec<&'static str> {
    let medium = level >= IdentityLevel::P5;
    let shown = |scope, fact| scopes.has(scope).then_some(fact);
    let at = |enough: bool, scope, fact| shown(scope, fact).filter(|_| enough);
    let by_scope = [
        shown(Scope::OpenId, words.fact_it_is_you()),
        at(medium, Scope::Profile, words.fact_profile()),
        at(medium, Scope::BasicDemographics, words.fact_basic_demographics()),
        at(medium, Scope::ProfileExtended, words.fact_first_name()),
        shown(Scope::Email, words.fact_email()),
        shown(Scope::Phone, words.fact_phone()),
        shown(Scope::Landline, words.fact_landline()),
        at(medium, Scope::GpRegistrationDetails, words.fact_gp_surgery()),
        at(level >= IdentityLevel::P9, Scope::GpIntegrationCredentials, words.fact_gp_record()),
        shown(Scope::ClientMetadata, words.fact_metadata()),
    ]
    .into_iter()
    .flatten();
    let asked = Claim::ALL.into_iter().filter(|claim| claims.has(*claim) && level >= claim.least());
    let mut facts: Vec<&str> = Vec::new();
    for fact in by_scope.chain(asked.map(|claim| fact(words, claim))) {
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

/// What a claim tells, in the words of people.
const fn fact(words: Words, claim: Claim) -> &'static str {
    match claim {
        Claim::NhsNumber => words.fact_nhs_number(),
        Claim::FamilyName | Claim::Surname => words.fact_family_name(),
        Claim::Birthdate => words.fact_birthdate(),
        Claim::IdentityProofingLevel => words.fact_identity_level(),
        Claim::GivenName => words.fact_first_name(),
        Claim::Email | Claim::EmailVerified => words.fact_email(),
        Claim::PhoneNumber | Claim::PhoneNumberVerified | Claim::PhoneNumberPdsMatched => words.fact_phone(),
        Claim::LandlineNumber | Claim::LandlineNumberVerified => words.fact_landline(),
        Claim::GpRegistrationDetails => words.fact_gp_surgery(),
        Claim::GpIntegrationCredentials => words.fact_gp_record(),
        Claim::ClientUserMetadata => words.fact_metadata(),
        Claim::CoreIdentity => words.fact_core_identity(),
    }
}

/// `GET /authorize`: the service needs a way of signing in that the account lacks. Posts `request` to
/// `/authorize/without` for whoever adds none.
#[derive(Debug, Template)]
#[template(path = "add_a_way.html")]
pub(crate) struct AddAWay<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The service.
    pub(crate) client: &'a str,
    /// One of these would do.
    pub(crate) ways: Ways,
    /// The request that waits, sealed.
    pub(crate) waiting: &'a str,
}

/// `GET /logout`: does the person want to be signed out? Posts what the service sent to `/logout/confirm`.
#[derive(Debug, Template)]
#[template(path = "end_session.html")]
pub(crate) struct EndSession<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The service's parameters, to be judged again.
    pub(crate) kept: Vec<(&'static str, &'a str)>,
}

/// A service has sent somebody with a request that cannot be answered to the service.
#[derive(Debug, Template)]
#[template(path = "service_problem.html")]
pub(crate) struct ServiceProblem<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// Whether it was a good request that took too long.
    pub(crate) expired: bool,
    /// What is wrong, for the service's people.
    pub(crate) reason: &'a str,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::*;

    #[test]
    fn one_is_asked_for_what_the_level_tells_and_can_say_no() {
        let all = Scopes::requested("openid profile profile_extended email phone landline gp_integration_credentials");
        let facts_at = |level| facts(Words::ENGLISH, all, ClaimSet::NONE, level);
        let shown = facts_at(IdentityLevel::P9);
        let html = rendered(&Consent { words: Words::ENGLISH, client: HOSTILE, facts: shown, question: HOSTILE });
        assert!(html.contains("<form method=\"post\" action=\"/authorize/consent\">"), "{html}");
        assert!(html.contains("value=\"agree\">") && html.contains("value=\"refuse\">"), "{html}");
        assert!(html.contains("your NHS number") && html.contains("at your GP surgery"), "{html}");
        assert_eq!(facts_at(IdentityLevel::P5).len(), 6);
        assert_eq!(facts_at(IdentityLevel::P0).len(), 4);
        let claims = [Claim::Birthdate, Claim::EmailVerified, Claim::PhoneNumber, Claim::PhoneNumberVerified];
        let claims = claims.into_iter().fold(ClaimSet::NONE, ClaimSet::with);
        let openid = Scopes::requested("openid email");
        let told = facts(Words::ENGLISH, openid, claims, IdentityLevel::P5);
        assert_eq!(told[1..], ["your email address", "your date of birth", "your mobile phone number"]);
        assert_eq!(facts(Words::ENGLISH, openid, claims, IdentityLevel::P0).len(), 3);
    }

    #[test]
    fn what_an_account_lacks_is_said_in_plain_words_with_the_way_to_it() {
        let page = |password, second_step, passkey| {
            let ways = Ways { password, second_step, passkey };
            rendered(&AddAWay { words: Words::ENGLISH, client: HOSTILE, ways, waiting: HOSTILE })
        };
        let html = page(false, true, true);
        assert!(
            html.contains("href=\"/account/passkeys/add\"") && html.contains("href=\"/account/second-step\""),
            "{html}"
        );
        assert!(!html.contains("href=\"/account/password\""), "{html}");
        assert!(html.contains("<form method=\"post\" action=\"/authorize/without\">"), "{html}");
        assert!(page(true, false, false).contains("href=\"/account/password\""));
    }

    #[test]
    fn a_service_does_not_sign_anybody_out_by_a_link() {
        let html = rendered(&EndSession { words: Words::ENGLISH, kept: vec![("state", HOSTILE)] });
        assert!(html.contains("<form method=\"post\" action=\"/logout/confirm\">"), "{html}");
    }

    #[test]
    fn a_services_fault_is_told_to_the_person_without_blame() {
        let html = rendered(&ServiceProblem { words: Words::ENGLISH, expired: false, reason: HOSTILE });
        assert!(html.contains("You have done nothing wrong"), "{html}");
        let html = rendered(&ServiceProblem { words: Words::ENGLISH, expired: true, reason: "" });
        assert!(html.contains("<h1>This took too long</h1>"), "{html}");
    }
}
