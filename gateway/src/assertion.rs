//! Minting identity assertions, and giving out again the ones that were minted: a signature a session, service and
//! half minute, none on the hot path.

use crate::state::EdgeState;
use aldgate_core::hot::{HotSession, MintedAssertion};
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::{BrokenSigningKey, REUSE};
use std::sync::Arc;

/// The assertion about a session for one audience, whose place among the session's cached ones is `index`.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
pub fn for_audience(
    state: &EdgeState,
    session: &HotSession,
    audience: &str,
    index: u16,
    now: Timestamp,
) -> Result<Arc<str>, BrokenSigningKey> {
    if let Some(jwt) = session.assertion(index, now) {
        return Ok(jwt);
    }
    let jwt = state.signing_key.mint(&state.issuer, audience, session.session, &session.record, now)?;
    let jwt: Arc<str> = jwt.into();
    session.keep_assertion(MintedAssertion { service: index, jwt: jwt.clone(), reuse_until: now.plus(REUSE) });
    Ok(jwt)
}
