//! The door of the hot path.
//!
//! [`decide`] is a function of what the request presents, the snapshot, this process's hot state and the time. It
//! waits for nothing. If it needs the warm tier's record, it says so; the shell fetches it and asks again with what
//! it found, and the second answer is final.

use crate::hot::{Hot, HotSession};
use crate::policy::demand::Lack;
use crate::policy::path::NormalPath;
use crate::policy::route::{Access, Route, RouteTable};
use crate::session::cookie::Found;
use crate::session::record::Standing;
use crate::session::token::TagKeys;
use crate::time::Timestamp;
use crate::verdict::{Challenge, NoSession, Permit, Refusal, Verdict};
use std::sync::Arc;

/// All that a request claims about itself, parsed and not yet believed.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The host, without port.
    pub host: &'a str,
    /// The path, without query.
    pub path: &'a str,
    /// The session cookie.
    pub token: Found<'a>,
}

/// What the shell knows from the warm tier about the session that the token opens.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// It has not asked.
    NotYet,
    /// There is no such session.
    Nothing,
    /// This one.
    Found(Arc<HotSession>),
}

/// The immutable facts by which one request is judged, whole.
pub struct Snapshot {
    /// The routes.
    pub routes: RouteTable,
    /// The keys of session tokens.
    pub tag_keys: TagKeys,
}

/// What the presented cookie opens.
enum Bearer {
    Nobody,
    NoSession(NoSession),
    Session(Arc<HotSession>),
    Unknown(crate::id::SessionId),
}

/// Decides about one request.
pub fn decide(presented: &Presented<'_>, lookup: &Lookup, snapshot: &Snapshot, hot: &Hot, now: Timestamp) -> Verdict {
    let Ok(path) = NormalPath::parse(presented.path) else { return Verdict::Refuse(Refusal::AmbiguousPath) };
    let Some(route) = snapshot.routes.find(presented.host, path) else { return Verdict::Refuse(Refusal::NoRoute) };
    if route.access == Access::Public {
        return Verdict::Allow(Permit::new(route.clone(), None, false));
    }
    match bearer(presented.token, lookup, &snapshot.tag_keys, hot, now) {
        Bearer::Unknown(session) => Verdict::NeedsLookup(session),
        Bearer::Session(session) => judge(route, session, now),
        Bearer::Nobody => without_session(route, Challenge::SignIn),
        Bearer::NoSession(why) => without_session(route, Challenge::SignInAgain(why)),
    }
}

fn bearer(token: Found<'_>, lookup: &Lookup, keys: &TagKeys, hot: &Hot, now: Timestamp) -> Bearer {
    let token = match token {
        Found::Nothing => return Bearer::Nobody,
        Found::Several => return Bearer::NoSession(NoSession::Ambiguous),
        Found::One(token) => token,
    };
    let session = match keys.verify(token, now) {
        Err(refused) => return Bearer::NoSession(NoSession::Token(refused)),
        Ok(presenter) => presenter.session(),
    };
    match lookup {
        Lookup::Nothing => Bearer::NoSession(NoSession::Ended),
        Lookup::Found(found) if found.session == session => standing(found.clone(), now),
        Lookup::Found(_) => Bearer::NoSession(NoSession::Ended),
        Lookup::NotYet => match hot.session(&session) {
            // Idle here may be busy elsewhere: only warm knows.
            Some(here) if here.record.standing(here.seen(), now) == Standing::Idle => Bearer::Unknown(session),
            Some(here) => standing(here, now),
            None if hot.session_ended(&session) => Bearer::NoSession(NoSession::Ended),
            None => Bearer::Unknown(session),
        },
    }
}

fn standing(session: Arc<HotSession>, now: Timestamp) -> Bearer {
    match session.record.standing(session.seen(), now) {
        Standing::Live => Bearer::Session(session),
        Standing::Idle => Bearer::NoSession(NoSession::Idle),
        Standing::Expired => Bearer::NoSession(NoSession::Expired),
    }
}

fn judge(route: &Arc<Route>, session: Arc<HotSession>, now: Timestamp) -> Verdict {
    let lack = match route.access {
        Access::Public | Access::Optional => None,
        Access::Demand(demand) => demand.lack(&session.record, now),
    };
    match lack {
        Some(Lack::Identity(level)) => Verdict::Refuse(Refusal::IdentityTooLow(level)),
        Some(lack) => Verdict::Challenge(route.clone(), Challenge::StepUp(lack)),
        None => {
            let touch_due = session.touch(now);
            Verdict::Allow(Permit::new(route.clone(), Some(session), touch_due))
        }
    }
}

fn without_session(route: &Arc<Route>, challenge: Challenge) -> Verdict {
    match route.access {
        Access::Public | Access::Optional => Verdict::Allow(Permit::new(route.clone(), None, false)),
        Access::Demand(_) => Verdict::Challenge(route.clone(), challenge),
    }
}
