//! What a service is told of a session or an access token: the signed assertion and the plain headers, made once for each,
//! service and half minute and given out again, so that the hot path signs nothing and formats nothing.

use crate::state::EdgeState;
use aldgate_core::hot::{HotSession, MintedIdentity};
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Grant;
use aldgate_core::token::identity_assertion::{BrokenSigningKey, REUSE};
use aldgate_core::token::kept::Told;
use bytes::Bytes;
use std::sync::Arc;

/// The values of `identity_header::IDENTITY` for one audience, whose place among the session's cached ones is `index`.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
pub fn for_audience(
    state: &EdgeState,
    session: &HotSession,
    audience: &str,
    index: u16,
    now: Timestamp,
) -> Result<Arc<[Bytes; 6]>, BrokenSigningKey> {
    if let Some(values) = session.identity(index, now) {
        return Ok(values);
    }
    let record = &session.record;
    let jwt = state.signing_key.mint(&state.issuer, audience, session.session, record, now)?;
    let values = Arc::new([
        Bytes::from(jwt),
        Bytes::from(record.account.to_string()),
        Bytes::from(session.session.to_string()),
        Bytes::from_static(record.identity.as_str().as_bytes()),
        Bytes::from(record.components.to_string()),
        Bytes::from(record.authenticated.as_secs().to_string()),
    ]);
    session.keep_identity(MintedIdentity { service: index, values: values.clone(), reuse_until: now.plus(REUSE) });
    Ok(values)
}

/// The values of `identity_header::IDENTITY` for one service, about an access token: no session, and no time of sign-in
/// that it does not say.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
pub fn of_grant(
    state: &EdgeState,
    grant: &Grant,
    audience: &str,
    index: u16,
    now: Timestamp,
) -> Result<Arc<[Option<Bytes>; 6]>, BrokenSigningKey> {
    if let Some(told) = state.tokens.kept.told(&grant.token, index, now) {
        return Ok(told.values);
    }
    let jwt = state.signing_key.mint_for_grant(&state.issuer, audience, grant, now)?;
    let values = Arc::new([
        Some(Bytes::from(jwt)),
        Some(Bytes::from(grant.subject.clone())),
        None,
        Some(Bytes::from_static(grant.identity.as_str().as_bytes())),
        Some(Bytes::from(grant.components.to_string())),
        grant.authenticated.map(|at| Bytes::from(at.as_secs().to_string())),
    ]);
    let reuse_until = now.plus(REUSE).min(grant.expires);
    state.tokens.kept.keep_told(&grant.token, index, Told { values: values.clone(), reuse_until });
    Ok(values)
}
