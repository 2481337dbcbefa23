//! The door of the hot path, for every combination of what a route asks, what is presented, what is hot and what was
//! looked up: the rules written down once more, plainly, and compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::decide::{Lookup, Presented, Snapshot, decide};
use aldgate_core::hot::{Capacity, Hot, HotSession};
use aldgate_core::id::{SessionId, TokenDigest};
use aldgate_core::policy::demand::{Demand, Lack};
use aldgate_core::policy::route::{Access, CertificateDemand, PathPattern, Route, RouteTable, Target};
use aldgate_core::session::cookie::Found;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::session::token::TagKeys;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Grant;
use aldgate_core::verdict::{Challenge, Principal, Refusal, TokenRefused, Verdict};
use aldgate_core::warm::change::{Change, Feed, Follower as _};
use std::sync::Arc;
use std::time::Duration;

const HOST: &str = "login.example";
const SESSION: SessionId = SessionId::from_bytes([3; 16]);
const OTHER: SessionId = SessionId::from_bytes([4; 16]);

/// What a route asks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asks {
    Nothing,
    ToBeTold,
    Somebody,
    Passkey,
    Identity,
    Lately,
}

/// What the request holds as its session cookie.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cookie {
    None,
    Twice,
    Forged,
    OfAnotherHost,
    Genuine,
}

/// What this process knows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Here {
    Nothing,
    Confirmed,
    /// Unheard of since so many seconds.
    Silent(u64),
    /// A gap came so many seconds after it was confirmed.
    Gap(u64),
    Ended,
}

/// How the session's record stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stands {
    Live,
    Idle,
    Expired,
}

/// What the look-up said.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    NotAsked,
    Nothing,
    This,
    AnotherSession,
    NoAnswer,
}

/// What is to become of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    PassesUnknown,
    PassesKnown,
    SignIn,
    SignInAgain,
    StepUp,
    LookUp,
    Undecidable,
}

/// Who has come, by the rules.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Nobody,
    Dead,
    Known,
    AskWarm,
    CannotTell,
}

fn ago(secs: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - secs * 1_000)
}

fn record(stands: Stands) -> SessionRecord {
    // Signed in two hours ago by password; used just now unless idle.
    let record =
        SessionRecord { components: Components::PASSWORD, authenticated: ago(7_200), ..world::session_record() };
    match stands {
        Stands::Live => record,
        Stands::Idle => SessionRecord { seen: Timestamp::from_millis(NOW.as_millis() - 30 * 60_000), ..record },
        Stands::Expired => SessionRecord { expires: NOW, ..record },
    }
}

fn access(asks: Asks) -> Access {
    let signed_in = Demand::SIGNED_IN;
    match asks {
        Asks::Nothing => Access::Public,
        Asks::ToBeTold => Access::Optional,
        Asks::Somebody => Access::Demand(signed_in),
        Asks::Passkey => Access::Demand(Demand { components: Components::PASSKEY, ..signed_in }),
        Asks::Identity => Access::Demand(Demand { identity: IdentityLevel::P5, ..signed_in }),
        Asks::Lately => Access::Demand(Demand { max_age: Some(Duration::from_hours(1)), ..signed_in }),
    }
}

fn route(access: Access) -> Route {
    let path = PathPattern::parse("/app/").expect("a pattern");
    Route::new(HOST.into(), path, Target::Backend, access)
}

fn snapshot(route: Route) -> Snapshot {
    let routes = RouteTable::new(vec![route]).expect("one route");
    Snapshot { routes, tag_keys: TagKeys::at(&world::master_key(), NOW) }
}

fn empty() -> Hot {
    Hot::new(Capacity::LEAST)
}

fn hot(here: Here, stands: Stands) -> Hot {
    let hot = empty();
    let kept = |at| assert!(hot.admit_session(SESSION, record(stands), hot.ask(at)).is_some());
    match here {
        Here::Nothing => {}
        Here::Confirmed => kept(NOW),
        Here::Silent(secs) => {
            kept(ago(secs + 10));
            hot.feed(Feed::Silent(ago(secs)));
        }
        Here::Gap(secs) => {
            kept(ago(secs));
            hot.feed(Feed::Gap);
        }
        Here::Ended => {
            kept(NOW);
            hot.apply(&Change::SessionEnded(SESSION));
        }
    }
    hot
}

fn lookup(said: Said, stands: Stands) -> Lookup {
    let found = |session| Lookup::Found(HotSession::new(session, record(stands), empty().ask(NOW)));
    match said {
        Said::NotAsked => Lookup::NotYet,
        Said::Nothing => Lookup::Nothing,
        Said::This => found(SESSION),
        Said::AnotherSession => found(OTHER),
        Said::NoAnswer => Lookup::Unavailable,
    }
}

/// The rules: who has come.
fn who(cookie: Cookie, here: Here, stands: Stands, said: Said, grace_secs: u64) -> Who {
    match (cookie, said, here, stands) {
        (Cookie::None, ..) => Who::Nobody,
        (Cookie::Twice | Cookie::Forged | Cookie::OfAnotherHost, ..) => Who::Dead,
        (Cookie::Genuine, Said::Nothing | Said::AnotherSession, ..) => Who::Dead,
        (Cookie::Genuine, Said::This, _, Stands::Live) => Who::Known,
        (Cookie::Genuine, Said::This, _, Stands::Idle | Stands::Expired) => Who::Dead,
        (Cookie::Genuine, _, Here::Ended, _) => Who::Dead,
        (Cookie::Genuine, Said::NotAsked, Here::Nothing | Here::Silent(_) | Here::Gap(_), _) => Who::AskWarm,
        (Cookie::Genuine, Said::NotAsked, Here::Confirmed, Stands::Live) => Who::Known,
        (Cookie::Genuine, Said::NotAsked, Here::Confirmed, Stands::Idle) => Who::AskWarm,
        (Cookie::Genuine, Said::NotAsked, Here::Confirmed, Stands::Expired) => Who::Dead,
        (Cookie::Genuine, Said::NoAnswer, Here::Nothing, _) => Who::CannotTell,
        (Cookie::Genuine, Said::NoAnswer, _, Stands::Expired) => Who::Dead,
        (Cookie::Genuine, Said::NoAnswer, _, Stands::Idle) => Who::CannotTell,
        (Cookie::Genuine, Said::NoAnswer, Here::Confirmed, Stands::Live) => Who::Known,
        (Cookie::Genuine, Said::NoAnswer, Here::Silent(secs) | Here::Gap(secs), Stands::Live) => {
            if secs < grace_secs {
                Who::Known
            } else {
                Who::CannotTell
            }
        }
    }
}

/// The rules: what becomes of them.
fn outcome(asks: Asks, who: Who) -> Outcome {
    match (asks, who) {
        (Asks::Nothing, _) | (Asks::ToBeTold, Who::Nobody | Who::Dead) => Outcome::PassesUnknown,
        (_, Who::AskWarm) => Outcome::LookUp,
        (_, Who::CannotTell) => Outcome::Undecidable,
        (Asks::ToBeTold | Asks::Somebody, Who::Known) => Outcome::PassesKnown,
        (Asks::Passkey | Asks::Identity | Asks::Lately, Who::Known) => Outcome::StepUp,
        (_, Who::Nobody) => Outcome::SignIn,
        (_, Who::Dead) => Outcome::SignInAgain,
    }
}

fn seen(verdict: &Verdict) -> Outcome {
    match verdict {
        Verdict::Allow(permit) if permit.principal().is_none() => Outcome::PassesUnknown,
        Verdict::Allow(_) => Outcome::PassesKnown,
        Verdict::Challenge(_, Challenge::SignIn) => Outcome::SignIn,
        Verdict::Challenge(_, Challenge::SignInAgain(_)) => Outcome::SignInAgain,
        Verdict::Challenge(_, Challenge::StepUp(_)) => Outcome::StepUp,
        Verdict::NeedsLookup(session) => {
            assert_eq!(*session, SESSION);
            Outcome::LookUp
        }
        Verdict::Refuse(Refusal::Undecidable) => Outcome::Undecidable,
        other => panic!("{other:?}"),
    }
}

const ASKS: [Asks; 6] = [Asks::Nothing, Asks::ToBeTold, Asks::Somebody, Asks::Passkey, Asks::Identity, Asks::Lately];
const COOKIES: [Cookie; 5] = [Cookie::None, Cookie::Twice, Cookie::Forged, Cookie::OfAnotherHost, Cookie::Genuine];
const HERE: [Here; 9] = [
    Here::Nothing,
    Here::Confirmed,
    Here::Silent(0),
    Here::Silent(299),
    Here::Silent(300),
    Here::Gap(0),
    Here::Gap(299),
    Here::Gap(86_400),
    Here::Ended,
];
const STANDS: [Stands; 3] = [Stands::Live, Stands::Idle, Stands::Expired];
const SAID: [Said; 5] = [Said::NotAsked, Said::Nothing, Said::This, Said::AnotherSession, Said::NoAnswer];
const GRACES: [u64; 3] = [0, 300, 3_600];

#[test]
fn every_combination_is_decided_by_the_rules() {
    let mut decided = 0;
    for (asks, grace) in ASKS.into_iter().flat_map(|asks| GRACES.map(|grace| (asks, grace))) {
        let snapshot = snapshot(Route { warm_grace: Duration::from_secs(grace), ..route(access(asks)) });
        let genuine = snapshot.tag_keys.token(SESSION, HOST);
        let elsewhere = snapshot.tag_keys.token(SESSION, "app.example");
        for (here, stands) in HERE.into_iter().flat_map(|here| STANDS.map(|stands| (here, stands))) {
            for (cookie, said) in COOKIES.into_iter().flat_map(|cookie| SAID.map(|said| (cookie, said))) {
                let token = match cookie {
                    Cookie::None => Found::Nothing,
                    Cookie::Twice => Found::Several,
                    Cookie::Forged => Found::One(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                    Cookie::OfAnotherHost => Found::One(elsewhere.as_bytes()),
                    Cookie::Genuine => Found::One(genuine.as_bytes()),
                };
                let hot = hot(here, stands); // Anew: a verdict notes the time of use.
                let presented = presented("GET", token);
                let verdict = decide(&presented, &lookup(said, stands), &snapshot, &hot, NOW);
                let expected = outcome(asks, who(cookie, here, stands, said, grace));
                let case = (asks, grace, here, stands, cookie, said);
                assert_eq!(seen(&verdict), expected, "{case:?}: {verdict:?}");
                decided += 1;
            }
        }
    }
    assert_eq!(decided, 6 * 3 * 9 * 3 * 5 * 5);
}

const fn presented<'a>(method: &'a str, token: Found<'a>) -> Presented<'a> {
    Presented { host: HOST, method, path: "/app/x", token, access_token: false, certificate: None }
}

fn decided(route: Route, presented: &Presented<'_>, lookup: &Lookup) -> Verdict {
    decide(presented, lookup, &snapshot(route), &empty(), NOW)
}

#[test]
fn nothing_passes_where_no_route_leads() {
    for (host, path, refusal) in [
        ("elsewhere.example", "/app/x", Refusal::NoRoute),
        (HOST, "/other", Refusal::NoRoute),
        (HOST, "/app%2fx", Refusal::AmbiguousPath),
        (HOST, "/app/../app/", Refusal::AmbiguousPath),
        (HOST, "", Refusal::AmbiguousPath),
    ] {
        let presented = Presented { host, path, ..presented("GET", Found::Nothing) };
        let verdict = decided(route(Access::Public), &presented, &Lookup::NotYet);
        assert!(matches!(&verdict, Verdict::Refuse(why) if *why == refusal), "{host}{path}: {verdict:?}");
    }
}

#[test]
fn a_method_is_judged_before_anybody_is_looked_at() {
    let methods: Arc<[String]> = ["POST".to_owned()].into();
    for asks in ASKS {
        let route = || Route { methods: Some(methods.clone()), ..route(access(asks)) };
        for method in ["GET", "HEAD", "DELETE", "post", "OPTIONS", ""] {
            let verdict = decided(route(), &presented(method, Found::Nothing), &Lookup::NotYet);
            let told = matches!(&verdict, Verdict::Refuse(Refusal::Method(allowed)) if *allowed == methods);
            assert!(told, "{method} {asks:?}: {verdict:?}");
        }
        let verdict = decided(route(), &presented("POST", Found::Nothing), &Lookup::NotYet);
        assert!(!matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    }
}

#[test]
fn a_certificate_is_demanded_beside_everything_else() {
    let names = ["a.example".to_owned(), "spiffe://b".to_owned()];
    let demands = |demand| Route { client_certificate: Some(Arc::new(demand)), ..route(Access::Public) };
    let shown = |certificate| Presented { certificate, ..presented("GET", Found::Nothing) };
    let passes = |demand, certificate| match decided(demands(demand), &shown(certificate), &Lookup::NotYet) {
        Verdict::Allow(_) => true,
        Verdict::Refuse(Refusal::Certificate) => false,
        other => panic!("{other:?}"),
    };
    let named = |name: &str| CertificateDemand::Named(vec![name.into()]);
    assert!(!passes(CertificateDemand::Any, None));
    assert!(passes(CertificateDemand::Any, Some(&names)));
    assert!(passes(CertificateDemand::Any, Some(&[])), "vouched for, though it names nobody");
    assert!(!passes(named("a.example"), None));
    assert!(passes(named("spiffe://b"), Some(&names)));
    assert!(!passes(named("c.example"), Some(&names)));
    assert!(!passes(named("A.example"), Some(&names)), "names are compared byte for byte");
    assert!(!passes(CertificateDemand::Named(Vec::new()), Some(&names)));
}

fn grant() -> Grant {
    Grant {
        token: TokenDigest::of(b"token"),
        issuer: "https://issuer.example".into(),
        subject: "somebody".into(),
        client: None,
        scopes: vec!["read".into()],
        identity: IdentityLevel::P9,
        components: Components::PASSKEY,
        authenticated: Some(NOW),
        delegated: false,
        expires: NOW.plus(Duration::from_secs(1)),
        binding: None,
    }
}

#[test]
fn an_access_token_is_believed_or_refused_by_itself() {
    let genuine = snapshot(route(Access::Public)).tag_keys.token(SESSION, HOST);
    let live = || lookup(Said::This, Stands::Live);
    for asks in [Asks::ToBeTold, Asks::Somebody, Asks::Passkey, Asks::Identity, Asks::Lately] {
        // A cookie beside the token makes up for nothing.
        for token in [Found::Nothing, Found::One(genuine.as_bytes())] {
            let presented = Presented { access_token: true, ..presented("GET", token) };
            let verdict = |lookup: Lookup| {
                let route = Route { access_tokens: true, ..route(access(asks)) };
                decided(route, &presented, &lookup)
            };
            let good = verdict(Lookup::Grant(Ok(Arc::new(grant()))));
            let by_grant = |permit: &aldgate_core::verdict::Permit| {
                matches!(permit.principal(), Some(Principal::Grant(_))) && permit.session().is_none()
            };
            assert!(matches!(&good, Verdict::Allow(permit) if by_grant(permit)), "{asks:?}: {good:?}");
            let old = verdict(Lookup::Grant(Ok(Arc::new(Grant { expires: NOW, ..grant() }))));
            let out_of_date = Challenge::Token(TokenRefused::OutOfDate);
            assert!(matches!(&old, Verdict::Challenge(_, why) if *why == out_of_date), "{asks:?}: {old:?}");
            let bad = verdict(Lookup::Grant(Err(TokenRefused::Signature)));
            let signature = Challenge::Token(TokenRefused::Signature);
            assert!(matches!(&bad, Verdict::Challenge(_, why) if *why == signature), "{asks:?}: {bad:?}");
            assert!(matches!(verdict(Lookup::Unavailable), Verdict::Refuse(Refusal::Undecidable)), "{asks:?}");
            for unasked in [Lookup::NotYet, Lookup::Nothing, live()] {
                assert!(matches!(verdict(unasked), Verdict::NeedsGrant(_)), "{asks:?}");
            }
        }
    }
}

#[test]
fn an_access_token_is_nothing_where_a_route_takes_none() {
    let presented = Presented { access_token: true, ..presented("GET", Found::Nothing) };
    for lookup in [Lookup::NotYet, Lookup::Grant(Ok(Arc::new(grant())))] {
        let verdict = decided(route(access(Asks::Somebody)), &presented, &lookup);
        assert!(matches!(verdict, Verdict::Challenge(_, Challenge::SignIn)), "{verdict:?}");
    }
    let genuine = snapshot(route(Access::Public)).tag_keys.token(SESSION, HOST);
    let beside = Presented { token: Found::One(genuine.as_bytes()), ..presented };
    let verdict = decided(route(access(Asks::Somebody)), &beside, &Lookup::Grant(Ok(Arc::new(grant()))));
    assert!(matches!(verdict, Verdict::Challenge(_, Challenge::SignInAgain(_))), "a grant is no session: {verdict:?}");
}

#[test]
fn what_is_lacking_is_named_the_longest_to_mend_first() {
    let demand = Demand {
        identity: IdentityLevel::P9,
        components: Components::PASSKEY,
        max_age: Some(Duration::from_mins(5)),
        ..Demand::SIGNED_IN
    };
    let lacks = |change: fn(&mut SessionRecord)| {
        let snapshot = snapshot(route(Access::Demand(demand.clone())));
        let token = snapshot.tag_keys.token(SESSION, HOST);
        let mut record = record(Stands::Live);
        change(&mut record);
        let found = Lookup::Found(HotSession::new(SESSION, record, empty().ask(NOW)));
        match decide(&presented("GET", Found::One(token.as_bytes())), &found, &snapshot, &empty(), NOW) {
            Verdict::Challenge(_, Challenge::StepUp(lack)) => Some(lack),
            Verdict::Allow(_) => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(lacks(|_| {}), Some(Lack::Identity(IdentityLevel::P9)));
    assert_eq!(lacks(|r| r.identity = IdentityLevel::P9), Some(Lack::Components(Components::PASSKEY)));
    let strong = |r: &mut SessionRecord| (r.identity, r.components) = (IdentityLevel::P9, Components::PASSKEY);
    assert_eq!(lacks(strong), Some(Lack::Freshness(Duration::from_mins(5))));
    let fresh = |r: &mut SessionRecord| {
        (r.identity, r.components) = (IdentityLevel::P9, Components::PASSKEY);
        r.authenticated = ago(300);
    };
    assert_eq!(lacks(fresh), None, "to the second");
}
