//! The door of the hot path.
//!
//! [`decide`] is a function of what the request presents, the snapshot, this process's hot state and the time. It
//! waits for nothing. If it needs the warm tier's record or the meaning of an access token, it says so; the shell
//! fetches it and asks again with what it found, and the second answer is final.

use crate::hot::{Hot, HotSession, Known};
use crate::id::SessionId;
use crate::policy::demand::{Demand, Shown};
use crate::policy::path::{AmbiguousPath, NormalPath};
use crate::policy::route::{Access, CertificateDemand, Route, RouteTable};
use crate::session::cookie::Found;
use crate::session::record::Standing;
use crate::session::token::TagKeys;
use crate::time::Timestamp;
use crate::token::grant::Grant;
use crate::verdict::{Challenge, NoSession, Permit, Principal, Refusal, TokenRefused, Verdict};
use std::sync::Arc;

/// All that a request claims about itself, parsed and not yet believed.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The host, in lower case, without port.
    pub host: &'a str,
    /// The method, in upper case.
    pub method: &'a str,
    /// The path, without query.
    pub path: &'a str,
    /// The session cookie.
    pub token: Found<'a>,
    /// Whether an access token is presented (`Authorization: Bearer` or `DPoP`).
    pub access_token: bool,
    /// The names of the client's certificate, once the listener has verified it.
    pub certificate: Option<&'a [String]>,
}

/// What the shell knows beyond what is hot.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// It has not asked.
    NotYet,
    /// There is no such session.
    Nothing,
    /// This session.
    Found(HotSession),
    /// The shared tier does not answer.
    Unavailable,
    /// What the access token says, or why it is worth nothing.
    Grant(Result<Arc<Grant>, TokenRefused>),
}

/// The immutable facts by which one request is judged, whole.
pub struct Snapshot {
    /// The routes.
    pub routes: RouteTable,
    /// The keys of session tokens.
    pub tag_keys: TagKeys,
}

/// What the presented credential opens.
enum Bearer {
    Nobody,
    Refused(Challenge),
    Principal(Principal),
    Undecidable,
    NeedsLookup(SessionId),
    NeedsGrant,
}

/// Decides about one request.
pub fn decide(presented: &Presented<'_>, lookup: &Lookup, snapshot: &Snapshot, hot: &Hot, now: Timestamp) -> Verdict {
    let Ok(path) = NormalPath::parse(presented.path) else { return Verdict::Refuse(Refusal::AmbiguousPath) };
    let route = match snapshot.routes.find(presented.host, path) {
        Ok(Some(route)) => route,
        Ok(None) => return Verdict::Refuse(Refusal::NoRoute),
        Err(AmbiguousPath) => return Verdict::Refuse(Refusal::AmbiguousPath),
    };
    if let Some(refusal) = refusal_by_form(presented, route) {
        return Verdict::Refuse(refusal);
    }
    let demand = match &route.access {
        Access::Public => return Verdict::Allow(Permit::new(route.clone(), None, false)),
        Access::Optional => None,
        Access::Demand(demand) => Some(demand),
    };
    match bearer(presented, lookup, route, snapshot, hot, now) {
        Bearer::NeedsLookup(session) => Verdict::NeedsLookup(session),
        Bearer::NeedsGrant => Verdict::NeedsGrant(route.clone()),
        Bearer::Undecidable => Verdict::Refuse(Refusal::Undecidable),
        Bearer::Principal(principal) => judge(route, demand, principal, hot, now),
        Bearer::Nobody => without_principal(route, demand, Challenge::SignIn),
        // Who presents a broken token wants to be known by it: they are told, also where nobody need be known.
        Bearer::Refused(challenge @ Challenge::Token(_)) => Verdict::Challenge(route.clone(), challenge),
        Bearer::Refused(challenge) => without_principal(route, demand, challenge),
    }
}

/// What can be refused before anybody is looked at.
fn refusal_by_form(presented: &Presented<'_>, route: &Route) -> Option<Refusal> {
    if let Some(methods) = &route.methods
        && !route.takes(presented.method)
    {
        return Some(Refusal::Method(methods.clone()));
    }
    let certified = match route.client_certificate.as_deref() {
        None => true,
        Some(CertificateDemand::Any) => presented.certificate.is_some(),
        Some(CertificateDemand::Named(names)) => {
            presented.certificate.is_some_and(|shown| shown.iter().any(|name| names.contains(name)))
        }
    };
    (!certified).then_some(Refusal::Certificate)
}

fn bearer(
    presented: &Presented<'_>,
    lookup: &Lookup,
    route: &Route,
    snapshot: &Snapshot,
    hot: &Hot,
    now: Timestamp,
) -> Bearer {
    // An access token is believed or refused by itself: a cookie beside it never makes up for it.
    if route.access_tokens && presented.access_token {
        return match lookup {
            Lookup::Grant(Ok(grant)) if now < grant.expires => Bearer::Principal(Principal::Grant(grant.clone())),
            Lookup::Grant(Ok(_)) => Bearer::Refused(Challenge::Token(TokenRefused::OutOfDate)),
            Lookup::Grant(Err(refused)) => Bearer::Refused(Challenge::Token(*refused)),
            Lookup::Unavailable => Bearer::Undecidable,
            Lookup::NotYet | Lookup::Nothing | Lookup::Found(_) => Bearer::NeedsGrant,
        };
    }
    let no_session = |why| Bearer::Refused(Challenge::SignInAgain(why));
    let token = match presented.token {
        Found::Nothing => return Bearer::Nobody,
        Found::Several => return no_session(NoSession::Ambiguous),
        Found::One(token) => token,
    };
    let session = match snapshot.tag_keys.verify(token, presented.host, now) {
        Err(refused) => return no_session(NoSession::Token(refused)),
        Ok(presenter) => presenter.session(),
    };
    match lookup {
        Lookup::Nothing | Lookup::Grant(_) => no_session(NoSession::Ended),
        Lookup::Found(found) if found.session == session => standing(*found, now),
        Lookup::Found(_) => no_session(NoSession::Ended),
        Lookup::Unavailable => unconfirmed(session, route, hot, now),
        Lookup::NotYet => match hot.session(&session, now) {
            Known::Ended => no_session(NoSession::Ended),
            // Idle here may be busy elsewhere: only warm knows.
            Known::Confirmed(here) if here.record.standing(here.seen(), now) == Standing::Idle => {
                Bearer::NeedsLookup(session)
            }
            Known::Confirmed(here) => standing(here, now),
            Known::Unconfirmed(..) | Known::Nothing => Bearer::NeedsLookup(session),
        },
    }
}

/// Warm does not answer: what was confirmed a short while ago may pass where the route says so, and nothing else may.
fn unconfirmed(session: SessionId, route: &Route, hot: &Hot, now: Timestamp) -> Bearer {
    let (here, confirmed) = match hot.session(&session, now) {
        Known::Ended => return Bearer::Refused(Challenge::SignInAgain(NoSession::Ended)),
        Known::Nothing => return Bearer::Undecidable,
        Known::Confirmed(here) => (here, None), // Meanwhile: it is as good as its source.
        Known::Unconfirmed(here, confirmed) => (here, Some(confirmed)),
    };
    match here.record.standing(here.seen(), now) {
        Standing::Expired => Bearer::Refused(Challenge::SignInAgain(NoSession::Expired)),
        Standing::Live if confirmed.is_none_or(|at| now.since(at) < route.warm_grace) => {
            Bearer::Principal(Principal::Session(here))
        }
        Standing::Live | Standing::Idle => Bearer::Undecidable,
    }
}

fn standing(session: HotSession, now: Timestamp) -> Bearer {
    match session.record.standing(session.seen(), now) {
        Standing::Live => Bearer::Principal(Principal::Session(session)),
        Standing::Idle => Bearer::Refused(Challenge::SignInAgain(NoSession::Idle)),
        Standing::Expired => Bearer::Refused(Challenge::SignInAgain(NoSession::Expired)),
    }
}

fn judge(route: &Arc<Route>, demand: Option<&Demand>, mut principal: Principal, hot: &Hot, now: Timestamp) -> Verdict {
    let shown = match &principal {
        Principal::Session(session) => Shown::by_session(&session.record),
        Principal::Grant(grant) => Shown::by_grant(grant),
    };
    if let Some(lack) = demand.and_then(|demand| demand.lack(&shown, now)) {
        return Verdict::Challenge(route.clone(), Challenge::StepUp(lack));
    }
    let touch_due = match &mut principal {
        Principal::Session(session) => hot.touch(session, now),
        Principal::Grant(_) => false,
    };
    Verdict::Allow(Permit::new(route.clone(), Some(principal), touch_due))
}

fn without_principal(route: &Arc<Route>, demand: Option<&Demand>, challenge: Challenge) -> Verdict {
    match demand {
        None => Verdict::Allow(Permit::new(route.clone(), None, false)),
        Some(_) => Verdict::Challenge(route.clone(), challenge),
    }
}
