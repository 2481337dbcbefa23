//! The rules by which a client is served: one table, a row a profile, so that no handler asks which one it is.

use super::jws::Kind;
use super::keys::SigningAlgorithm;
use jsonwebtoken::Algorithm;
use std::time::Duration;

/// Whose rules hold for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As NHS login serves its clients.
    Nhs,
}

/// What a profile demands and gives.
#[derive(Debug)]
pub(crate) struct Rules {
    /// By what our tokens are signed.
    pub(crate) signing: SigningAlgorithm,
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
    /// What an access token says that it is.
    pub(crate) access_token_kind: Kind,
    /// Whether every code is bound to a PKCE challenge.
    pub(crate) pkce: bool,
    /// Whether `state` and `nonce` must be there.
    pub(crate) state_and_nonce: bool,
    /// Whether a redirect URI may have a query.
    pub(crate) redirect_query: bool,
    /// Whether `max_age` is more than accepted.
    pub(crate) max_age: bool,
    /// What `prompt=none` is refused with where nobody is signed in.
    pub(crate) login_required: &'static str,
}

const NHS: Rules = Rules {
    signing: SigningAlgorithm::Rs512,
    client_signing: &[Algorithm::RS512],
    client_key: "RS512",
    assertion_life: Duration::from_hours(1),
    code: Duration::from_mins(10),
    id_token: Duration::from_hours(1),
    access_token: Duration::from_mins(5),
    refresh_token: Some(Duration::from_hours(30 * 24)),
    access_token_kind: Kind::Jwt,
    pkce: false,
    state_and_nonce: true,
    redirect_query: false,
    max_age: false,
    login_required: "sso_login_required",
};

/// The name of no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"nhs\"")]
pub(crate) struct UnknownProfile;

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        match text {
            "nhs" => Ok(Self::Nhs),
            _ => Err(UnknownProfile),
        }
    }
}

impl Profile {
    /// Its rules.
    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Nhs => &NHS,
        }
    }
}
