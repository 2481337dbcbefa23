//! What a service is told of a session or an access token: the signed assertion and the plain headers, made once for
//! each, service and half minute and given out again, so that the hot path signs nothing and formats nothing.

use crate::exchange::Exchange;
use crate::state::{BACKEND_INDEX, EdgeState};
use aldgate_core::hot::{HotSession, MintedIdentity};
use aldgate_core::identity_header::{self as names, IdentityLines};
use aldgate_core::policy::alias::Alias;
use aldgate_core::policy::platform::BACKEND_AUDIENCE;
use aldgate_core::policy::route::Target;
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Grant;
use aldgate_core::token::identity_assertion::{BrokenSigningKey, REUSE};
use aldgate_core::token::kept::ToldValues;
use aldgate_core::verdict::{Permit, Principal};
use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue};
use std::sync::{Arc, LazyLock};

/// What whoever answers a permitted request is told of who passes.
#[derive(Debug)]
pub struct Told {
    values: Values,
    /// Whether they pass by an access token. What opened the gate would open it again in a service's hands: it goes no
    /// further.
    pub by_token: bool,
}

/// The names of `identity_header::IDENTITY`.
static NAMES: LazyLock<[HeaderName; 6]> = LazyLock::new(|| names::IDENTITY.map(HeaderName::from_static));

/// The values of `identity_header::IDENTITY`, as they are kept.
#[derive(Debug)]
enum Values {
    OfSession(Arc<IdentityLines>),
    OfGrant(Arc<ToldValues>),
}

/// What is told of who passes; `None` where nobody is known, or the edge itself answers. The backend knows people by
/// their sessions, and nobody else.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
pub fn for_permit(state: &EdgeState, permit: &Permit, now: Timestamp) -> Result<Option<Told>, BrokenSigningKey> {
    let Some(principal) = permit.principal() else { return Ok(None) };
    let (audience, index) = match &permit.route().target {
        Target::Edge(_) => return Ok(None),
        Target::Backend => (BACKEND_AUDIENCE, BACKEND_INDEX),
        Target::Service(service) => (service.name.as_str(), service.index),
    };
    Ok(match principal {
        Principal::Session(session) => {
            let lines = for_audience(state, session, audience, index, now)?;
            Some(Told { values: Values::OfSession(lines), by_token: false })
        }
        Principal::Grant(_) if permit.route().target == Target::Backend => None,
        Principal::Grant(grant) => {
            let values = of_grant(state, grant, audience, index, now)?;
            Some(Told { values: Values::OfGrant(values), by_token: true })
        }
    })
}

/// What the backend is told of the certificate that a client has shown, signed; nothing where it has shown none, or
/// somebody else answers.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
pub fn of_certificate(
    state: &EdgeState,
    permit: &Permit,
    exchange: &Exchange,
) -> Result<Option<String>, BrokenSigningKey> {
    let (Target::Backend, Some(certificate)) = (&permit.route().target, &exchange.certificate) else { return Ok(None) };
    let (sha256, names) = (&certificate.sha256, &certificate.names);
    let signed = state.signing_key.mint_for_certificate(&state.issuer, BACKEND_AUDIENCE, sha256, names, exchange.now);
    signed.map(Some)
}

/// The other gateways' names that whoever answers by this target knows.
pub fn aliases(target: &Target) -> &[Alias] {
    match target {
        Target::Service(service) => &service.aliases,
        Target::Edge(_) | Target::Backend => &[],
    }
}

impl Told {
    /// What stands at a place of `identity_header::IDENTITY`, if it is known.
    fn value(&self, place: usize) -> Option<Bytes> {
        match &self.values {
            Values::OfSession(lines) => lines.value(place),
            Values::OfGrant(values) => values.get(place)?.clone(),
        }
    }

    /// The lines that say what [`Self::fields`] says, where they are written already.
    pub fn lines(&self) -> Option<&[u8]> {
        match &self.values {
            Values::OfSession(lines) => Some(lines.lines()),
            Values::OfGrant(_) => None,
        }
    }

    /// Our fields that say it.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Bytes)> {
        let ours = names::IDENTITY.into_iter().enumerate();
        ours.filter_map(|(place, name)| Some((name, self.value(place)?)))
    }

    /// Those of other gateways' that say it.
    pub fn aliased(&self, aliases: &[Alias]) -> impl Iterator<Item = (&'static str, Bytes)> {
        let theirs = aliases.iter().flat_map(|alias| alias.headers());
        theirs.filter_map(|(name, fact)| Some((*name, self.value(fact.place())?)))
    }

    /// The same as headers.
    pub fn headers(
        &self,
        aliases: &[Alias],
    ) -> impl Iterator<Item = Result<(HeaderName, HeaderValue), InvalidHeaderValue>> {
        let named = NAMES.iter().enumerate().filter_map(|(place, name)| Some((name.clone(), self.value(place)?)));
        let aliased = self.aliased(aliases).map(|(name, value)| (HeaderName::from_static(name), value));
        named.chain(aliased).map(|(name, value)| Ok((name, HeaderValue::from_maybe_shared(value)?)))
    }
}

/// What `identity_header::IDENTITY` says to one audience, whose place among the services is `index`.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
pub fn for_audience(
    state: &EdgeState,
    session: &HotSession,
    audience: &str,
    index: u16,
    now: Timestamp,
) -> Result<Arc<IdentityLines>, BrokenSigningKey> {
    if let Some(lines) = state.hot.identity(session.session, index, now) {
        return Ok(lines);
    }
    let record = &session.record;
    let jwt = state.signing_key.mint(&state.issuer, audience, session.session, record, now)?;
    let lines = IdentityLines::of([
        &jwt,
        &record.account.to_string(),
        &session.session.to_string(),
        record.identity.as_str(),
        &record.components.to_string(),
        &record.authenticated.as_secs().to_string(),
    ]);
    let lines = Arc::new(lines.ok_or(BrokenSigningKey)?);
    let minted = MintedIdentity { service: index, lines: lines.clone(), reuse_until: now.plus(REUSE) };
    state.hot.keep_identity(session.session, minted);
    Ok(lines)
}

/// The values of `identity_header::IDENTITY` for one service, about an access token: no session, and no time of sign-in
/// that it does not say.
///
/// # Errors
/// [`BrokenSigningKey`]: the request must not go on without it.
fn of_grant(
    state: &EdgeState,
    grant: &Arc<Grant>,
    audience: &str,
    index: u16,
    now: Timestamp,
) -> Result<Arc<ToldValues>, BrokenSigningKey> {
    if let Some(values) = state.kept_tokens.told(grant, index, now) {
        return Ok(values);
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
    state.kept_tokens.keep_told(grant, index, values.clone(), reuse_until);
    Ok(values)
}
