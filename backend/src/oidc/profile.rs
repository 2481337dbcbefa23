//! The rules by which a client is served: one table, a row a profile, so that no handler asks which one it is.

use super::claim::{Claim, ClaimSet};
use super::client::ConsentRefused;
use super::jws::Kind;
use super::keys::SigningAlgorithm;
use super::scope::{Scope, Scopes};
use super::trust::Words;
use jsonwebtoken::Algorithm;
use std::time::Duration;

/// Whose rules hold for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As NHS login serves its clients.
    Nhs,
    /// As GOV.UK One Login serves clients of other departments.
    CrossGovernment,
    /// FAPI 2.0 Security Profile.
    Fapi2,
}

/// What a client learns of who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    /// The same name for every client.
    Public,
    /// Another name in each sector.
    Pairwise,
}

/// Where a client may say whom it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HintCounts {
    /// Nowhere: it is passed over.
    Nowhere,
    /// In a request object; elsewhere it is passed over.
    WhereSigned,
    /// In every request.
    Everywhere,
}

/// What a profile demands and gives.
#[derive(Debug)]
pub(crate) struct Rules {
    /// By what our tokens are signed.
    pub(crate) signing: SigningAlgorithm,
    /// By what ID tokens and log-out tokens may be signed, for a client that says so; else they are as all others.
    pub(crate) id_token_signing: &'static [SigningAlgorithm],
    /// By what clients may sign.
    pub(crate) client_signing: &'static [Algorithm],
    /// Of which algorithm a client's RSA key is that does not say so.
    pub(crate) client_key: &'static str,
    /// How far ahead the end of a client's assertion may lie.
    pub(crate) assertion_life: Duration,
    /// How long a code can be redeemed.
    pub(crate) code: Duration,
    /// Life of an ID token.
    pub(crate) id_token: Duration,
    /// Life of an access token.
    pub(crate) access_token: Duration,
    /// Life of a refresh token; `None` where there is none.
    pub(crate) refresh_token: Option<Duration>,
    /// Whether a refresh token is replaced by the next at each use; else it is good as it is for its whole life (FAPI 2.0
    /// Security Profile, section 5.3.2.1: it is bound to a client that proves itself, and a lost answer must not cost it).
    pub(crate) rotates: bool,
    /// What an access token says that it is.
    pub(crate) access_token_kind: Kind,
    /// What `sub` is.
    pub(crate) subject: SubjectKind,
    /// What a client may be registered to ask for.
    pub(crate) scopes: Scopes,
    /// Whether a scope that is not known is refused; else it is passed over.
    pub(crate) unknown_scope_refused: bool,
    /// What is told of people at all, by whatever it is asked for.
    pub(crate) claims: ClaimSet,
    /// In which words trust is asked for and told.
    pub(crate) trust: Words,
    /// Whether a client's assertion must name the issuer, and nobody else.
    pub(crate) issuer_alone: bool,
    /// Whether requests must be pushed.
    pub(crate) par: bool,
    /// Whether access tokens must be bound to a key of the client's.
    pub(crate) bound_tokens: bool,
    /// Whether every code is bound to a PKCE challenge.
    pub(crate) pkce: bool,
    /// Whether `state` and `nonce` must be there.
    pub(crate) state_and_nonce: bool,
    /// Whether a redirect URI may have a query.
    pub(crate) redirect_query: bool,
    /// Whether `prompt` may be more than one of `none` and `login`: `consent`, `select_account`, and several.
    pub(crate) prompts_more: bool,
    /// Whether `max_age` is more than accepted.
    pub(crate) max_age: bool,
    /// Where `id_token_hint` is more than accepted.
    pub(crate) id_token_hint: HintCounts,
    /// Whether claims may be asked for in ID tokens (`claims`), and not just of the userinfo endpoint.
    pub(crate) claims_in_id_token: bool,
    /// Whether a request object must say since when it is good (`nbf`).
    pub(crate) object_not_before: bool,
    /// What a client is told of somebody who does not agree, unless it says otherwise.
    pub(crate) consent_refused: ConsentRefused,
    /// What `prompt=none` is refused with where nobody is signed in.
    pub(crate) login_required: &'static str,
    /// What a request is refused with whose person cannot sign in in any of the ways that it asks for.
    pub(crate) unmet: &'static str,
    /// Whether a client that is registered for nothing of what a request without `vtr` means asks by such a one for what it is
    /// registered for: a client that knows OpenID Connect alone sends none.
    pub(crate) own_vectors: bool,
    /// Whether log-out tokens name the session; else they do for a client that says that it must know
    /// (`backchannel_logout_session_required`), and mean all sessions of the person at all others.
    pub(crate) logout_session: bool,
}

/// OpenID Connect Core Error Code `unmet_authentication_requirements` 1.0.
const UNMET: &str = "unmet_authentication_requirements";

/// All but what departments are told who somebody is.
const OF_HEALTH: ClaimSet = ClaimSet::EVERY.without(Claim::CoreIdentity);

/// What departments are told. By an NHS number or a surgery they could compare people whom they know by different names.
const OF_DEPARTMENTS: ClaimSet = ClaimSet::NONE
    .with(Claim::Email)
    .with(Claim::EmailVerified)
    .with(Claim::PhoneNumber)
    .with(Claim::PhoneNumberVerified)
    .with(Claim::CoreIdentity);

const NHS: Rules = Rules {
    signing: SigningAlgorithm::Rs512,
    id_token_signing: &[SigningAlgorithm::Rs512],
    client_signing: &[Algorithm::RS512],
    client_key: "RS512",
    assertion_life: Duration::from_hours(1),
    code: Duration::from_mins(10),
    id_token: Duration::from_hours(1),
    access_token: Duration::from_mins(5),
    refresh_token: Some(Duration::from_hours(30 * 24)),
    rotates: true,
    access_token_kind: Kind::Jwt,
    subject: SubjectKind::Public,
    scopes: Scopes::EVERY,
    unknown_scope_refused: false,
    claims: OF_HEALTH,
    trust: Words::Nhs,
    issuer_alone: false,
    par: false,
    bound_tokens: false,
    pkce: false,
    state_and_nonce: true,
    redirect_query: false,
    prompts_more: false,
    max_age: false,
    id_token_hint: HintCounts::Nowhere,
    claims_in_id_token: true,
    object_not_before: false,
    consent_refused: ConsentRefused::AccessDenied,
    login_required: "sso_login_required",
    unmet: UNMET,
    own_vectors: false,
    logout_session: true,
};

const CROSS_GOVERNMENT: Rules = Rules {
    signing: SigningAlgorithm::Es256,
    id_token_signing: &[SigningAlgorithm::Es256, SigningAlgorithm::Rs256],
    client_signing: &[Algorithm::ES256, Algorithm::PS256, Algorithm::RS256, Algorithm::RS512],
    client_key: "RS256",
    assertion_life: Duration::from_mins(10),
    code: Duration::from_mins(5),
    id_token: Duration::from_mins(2),
    access_token: Duration::from_mins(3),
    refresh_token: None,
    rotates: true, // There is none.
    access_token_kind: Kind::AccessToken,
    subject: SubjectKind::Pairwise,
    scopes: Scopes::NONE.with(Scope::OpenId).with(Scope::Email).with(Scope::Phone),
    unknown_scope_refused: true,
    claims: OF_DEPARTMENTS,
    trust: Words::OneLogin,
    issuer_alone: false,
    par: false,
    bound_tokens: false,
    pkce: false,
    state_and_nonce: true,
    redirect_query: true,
    prompts_more: true,
    max_age: true,
    id_token_hint: HintCounts::WhereSigned,
    claims_in_id_token: false,
    object_not_before: false,
    consent_refused: ConsentRefused::AccessDenied,
    login_required: "login_required",
    unmet: "access_denied",
    own_vectors: false,
    logout_session: false,
};

const FAPI2: Rules = Rules {
    signing: SigningAlgorithm::Es256,
    id_token_signing: &[SigningAlgorithm::Es256, SigningAlgorithm::Ps256, SigningAlgorithm::EdDsa],
    client_signing: &[Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA],
    client_key: "PS256",
    assertion_life: Duration::from_mins(10),
    code: Duration::from_mins(1),
    id_token: Duration::from_mins(5),
    access_token: Duration::from_mins(5),
    refresh_token: Some(Duration::from_hours(30 * 24)),
    rotates: false,
    access_token_kind: Kind::AccessToken,
    subject: SubjectKind::Public,
    scopes: Scopes::EVERY,
    unknown_scope_refused: false,
    claims: OF_HEALTH,
    trust: Words::Nhs,
    issuer_alone: true,
    par: true,
    bound_tokens: true,
    pkce: true,
    state_and_nonce: false,
    redirect_query: true,
    prompts_more: true,
    max_age: true,
    id_token_hint: HintCounts::Everywhere,
    claims_in_id_token: true,
    object_not_before: true,
    consent_refused: ConsentRefused::AccessDenied,
    login_required: "login_required",
    unmet: UNMET,
    own_vectors: true,
    logout_session: true,
};

/// The name of no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"nhs\", \"cross-government\" or \"fapi2\"")]
pub(crate) struct UnknownProfile;

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        match text {
            "nhs" => Ok(Self::Nhs),
            "cross-government" => Ok(Self::CrossGovernment),
            "fapi2" => Ok(Self::Fapi2),
            _ => Err(UnknownProfile),
        }
    }
}

impl Profile {
    /// Its rules.
    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Nhs => &NHS,
            Self::CrossGovernment => &CROSS_GOVERNMENT,
            Self::Fapi2 => &FAPI2,
        }
    }
}
