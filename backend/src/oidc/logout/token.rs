//! The log-out token (OpenID Connect Back-Channel Logout 1.0, section 2.4): who is to be signed out, and from which
//! session, in the words of the ID token; without a session, from all of them, as at GOV.UK One Login. It has a `typ` and an event of its own and no `nonce`, so that it can never be
//! taken for one.

use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// Its life: two minutes, which section 4 calls preferable.
const LIFETIME: Duration = Duration::from_mins(2);

/// What it says happened.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Its claims, but for those of the moment.
pub(super) struct LogoutClaims<'a> {
    /// Who says so.
    pub(super) iss: &'a str,
    /// The person, as the client knows them.
    pub(super) sub: String,
    /// The client.
    pub(super) aud: &'a str,
    /// The session, as the client knows it; nothing for a client that is told whose sessions all end.
    pub(super) sid: Option<String>,
}

/// All its claims.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    events: Value,
}

impl<'a> LogoutClaims<'a> {
    /// Of one try. Each has an ID of its own: a client that took the first and whose answer was lost would take the second
    /// for a replay.
    pub(super) fn at(self, now: Timestamp, entropy: &dyn Entropy) -> Result<Claims<'a>, EntropyFailed> {
        let id: [u8; 16] = entropy.bytes()?;
        Ok(Claims {
            iss: self.iss,
            sub: self.sub,
            aud: self.aud,
            iat: now.as_secs(),
            exp: now.plus(LIFETIME).as_secs(),
            jti: URL_SAFE_NO_PAD.encode(id),
            sid: self.sid,
            events: Value::Object(Map::from_iter([(EVENT.to_owned(), Value::Object(Map::new()))])),
        })
    }
}
