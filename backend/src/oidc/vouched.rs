//! `asserted_login_identity`: a client tells another one's request who is there (NHS login, "single sign-on").
//!
//! It is a JWT that the first client has signed: `iss` its name, `code` the `jti` of an ID token that it was given, `jti`,
//! `iat`, and `exp` at most 60 seconds later. It is good once, and only from clients that the second one is registered to
//! continue, itself among them: that is how a session at P5 asks for P9 without a second log-in.
//!
//! The log-in is continued as far as it still stands: if its session has ended, nobody is there.

use super::Provider;
use super::authorize::Present;
use super::client::{Client, ClientId};
use super::grant_record::GrantRecord;
use super::token_name::Named;
use crate::fault::NotDone;
use crate::model::GrantId;
use aldgate_core::id::SingleUse;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::{CLOCK_SKEW, Claims};
use aldgate_core::token::jws::Compact;
use aldgate_core::warm::Consumption;
use std::time::Duration;

/// How long one may live.
const LIFE_MAX: Duration = Duration::from_secs(60);

/// For how long after its end a used one is remembered: the clocks of two backends may differ.
const REMEMBERED_LONGER: Duration = Duration::from_secs(50);

/// Why nobody is vouched for. The sentences are for whoever writes the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVouched {
    /// Not a signed JWT with these claims.
    #[error("asserted_login_identity is not a signed JWT with iss, code, jti, iat and exp")]
    Malformed,
    /// From a client that this one may not continue, or that is not known.
    #[error("asserted_login_identity is from a client that this one may not continue")]
    NotAllowed,
    /// Not signed by that client as its profile demands.
    #[error("asserted_login_identity is not signed by its iss")]
    Signature,
    /// Too old, or made to live too long.
    #[error("asserted_login_identity must be less than 60 seconds old and live no longer")]
    OutOfDate,
    /// Used before.
    #[error("asserted_login_identity was used before")]
    Replayed,
    /// Its `code` names no ID token of that client's.
    #[error("the code of asserted_login_identity is not the jti of an ID token of its iss")]
    Code,
}

/// What a verified one says.
struct Vouching {
    client: ClientId,
    code: String,
    single_use: SingleUse,
    remember_until: Timestamp,
}

impl Provider {
    /// Who is vouched for; nobody, if their log-in has ended meanwhile.
    pub(crate) async fn vouched(
        &self,
        asking: &Client,
        assertion: &str,
        now: Timestamp,
    ) -> Result<Option<Present>, NotDone<NotVouched>> {
        let vouching = self.verify_vouching(asking, assertion, now).map_err(NotDone::Refused)?;
        let grant = self.names.grant(Named::Id, &vouching.code).ok_or(NotDone::Refused(NotVouched::Code))?;
        match self.warm.consume(&vouching.single_use, vouching.remember_until).await? {
            Consumption::Consumed => {}
            Consumption::AlreadyUsed => return Err(NotDone::Refused(NotVouched::Replayed)),
        }
        self.log_in_of(&grant, &vouching.client).await
    }

    fn verify_vouching(&self, asking: &Client, assertion: &str, now: Timestamp) -> Result<Vouching, NotVouched> {
        let jws = Compact::parse(assertion).map_err(|_| NotVouched::Malformed)?;
        let unverified = Claims::read(jws.unverified_payload()).map_err(|_| NotVouched::Malformed)?;
        let issuer = unverified.text("iss").ok().flatten().ok_or(NotVouched::Malformed)?;
        let issuer = self.registry.in_use(issuer).filter(|issuer| asking.continues(issuer.id()));
        let issuer = issuer.ok_or(NotVouched::NotAllowed)?;
        if !issuer.profile().rules().client_signing.contains(&jws.algorithm()) {
            return Err(NotVouched::Signature);
        }
        let key = issuer.keys().find(jws.key_id()).ok_or(NotVouched::Signature)?;
        let claims = Claims::read(key.verify(&jws).map_err(|_| NotVouched::Signature)?);
        read(&claims.map_err(|_| NotVouched::Malformed)?, issuer.id(), now)
    }

    /// The log-in by which a grant of that client's was made.
    async fn log_in_of(&self, grant: &GrantId, client: &ClientId) -> Result<Option<Present>, NotDone<NotVouched>> {
        let Some(grant) = self.store.grant(grant).await? else { return Err(NotDone::Refused(NotVouched::Code)) };
        if grant.client != client.as_str() {
            return Err(NotDone::Refused(NotVouched::Code));
        }
        let record = GrantRecord::decode(&grant.record).filter(|_| !grant.revoked);
        Ok(record.map(|record| Present { account: grant.account, session: record.session }))
    }
}

/// What the claims say, if their time is now.
fn read(claims: &Claims, client: &ClientId, now: Timestamp) -> Result<Vouching, NotVouched> {
    let text = |name| claims.text(name).ok().flatten().ok_or(NotVouched::Malformed);
    let date = |name| claims.date(name).ok().flatten().ok_or(NotVouched::Malformed);
    let (issued, expires) = (date("iat")?, date("exp")?);
    let lives = expires.since(issued);
    let in_time = claims.in_time(now).is_ok() && now.since(issued) <= LIFE_MAX && issued <= now.plus(CLOCK_SKEW);
    if !in_time || lives > LIFE_MAX || lives.is_zero() {
        return Err(NotVouched::OutOfDate);
    }
    let used = [b"asserted-login-identity\0", client.as_str().as_bytes(), b"\0", text("jti")?.as_bytes()].concat();
    Ok(Vouching {
        client: client.clone(),
        code: text("code")?.to_owned(),
        single_use: SingleUse::of(&used),
        remember_until: expires.plus(REMEMBERED_LONGER),
    })
}
