//! Somebody who can write into Redis, and what comes of it: nothing that opens a door.

use crate::server::{Server, eventually};
use crate::tier::{self, Notebook, Told};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::secret::MasterKey;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::ManualClock;
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::change::Feed;
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::redis::{Place, RedisWarm};
use aldgate_core::warm::{Settlement, Warm as _};
use aldgate_core::webauthn::credential::CredentialRecord;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use std::sync::Arc;

async fn get(link: &mut MultiplexedConnection, key: &[u8]) -> Vec<u8> {
    cmd("GET").arg(key).query_async::<Option<Vec<u8>>>(link).await.expect("a string").expect("a value")
}

async fn set(link: &mut MultiplexedConnection, key: &[u8], value: &[u8]) {
    cmd("SET").arg(key).arg(value).query_async::<()>(link).await.expect("written");
}

/// The names of all keys that end so.
async fn names(link: &mut MultiplexedConnection, end: &[u8]) -> Vec<Vec<u8>> {
    let all: Vec<Vec<u8>> = cmd("KEYS").arg("*").query_async(link).await.expect("names");
    all.into_iter().filter(|name| name.ends_with(end)).collect()
}

async fn name(link: &mut MultiplexedConnection, kind: u8, id: &[u8]) -> Vec<u8> {
    let found = names(link, &[&[kind], id].concat()).await;
    assert_eq!(found.len(), 1);
    found.into_iter().next().expect("one name")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_planted_altered_or_moved_is_refused() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let link = &mut server.link().await;
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened");
    let key = name(link, b's', opening.session.as_bytes()).await;
    let genuine = get(link, &key).await;

    let other = tier::opening(0, 2).session;
    let moved = [&key[..key.len() - 16], other.as_bytes()].concat();
    set(link, &moved, &genuine).await;
    assert_eq!(warm.session(&other).await, Ok(None), "a genuine value of another session");

    warm.open_session(&tier::opening(0, 2)).await.expect("opened");
    let theirs = get(link, &moved).await;
    let spliced = [&genuine[..genuine.len() - 24], &theirs[theirs.len() - 24..]].concat();
    set(link, &moved, &spliced).await;
    assert_eq!(warm.session(&other).await, Ok(None), "the record of one, the last use of the other");

    let victim = SessionRecord { account: AccountId::from_bytes([9; 16]), ..opening.record };
    let planted = [&[0_u8; 32][..], &victim.encode(), &[0_u8; 24]].concat();
    set(link, &moved, &planted).await;
    assert_eq!(warm.session(&other).await, Ok(None), "a record that was never tagged");

    for at in (0..16).chain(32..genuine.len()) {
        let mut altered = genuine.clone();
        altered[at] ^= 0x01;
        set(link, &key, &altered).await;
        assert_eq!(warm.session(&opening.session).await, Ok(None), "byte {at}");
    }
    assert_eq!(warm.sessions_of(&opening.record.account).await, Ok(Vec::new()), "nor are they listed");
    set(link, &key, &genuine).await;
    assert_eq!(warm.session(&opening.session).await, Ok(Some(opening.record)));
    assert!(warm.refused() > 140, "each was counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_another_deployment_on_the_same_server_is_refused() {
    let server = Server::start(&[]).await;
    let ours = tier::on(&server).await;
    let (clock, key) = (Arc::new(ManualClock::at(NOW)), MasterKey::new([0x66; 32]));
    let theirs = RedisWarm::connect(tier::options(&[server.address()]), &key, clock, None).await.expect("connected");
    let opening = tier::opening(0, 1);
    theirs.open_session(&opening).await.expect("opened");
    assert_eq!(theirs.session(&opening.session).await, Ok(Some(opening.record)));
    assert_eq!(ours.session(&opening.session).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_planted_altered_or_moved_is_refused() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let link = &mut server.link().await;
    let (mine, theirs) = (tier::passkey(1), tier::passkey(2));
    warm.publish_credential(&mine).await.expect("published");
    warm.publish_credential(&theirs).await.expect("published");
    let key = |record: &CredentialRecord| format!("aldgate:c{}", record.digest).into_bytes();
    let genuine = get(link, &key(&theirs)).await;

    let other = get(link, &key(&mine)).await;
    set(link, &key(&theirs), &other).await;
    assert_eq!(warm.credential(&theirs.digest).await, Ok(None), "my key under their passkey");
    for at in 0..genuine.len() {
        let mut altered = genuine.clone();
        altered[at] ^= 0x01;
        set(link, &key(&theirs), &altered).await;
        assert_eq!(warm.credential(&theirs.digest).await, Ok(None), "byte {at}");
    }
    set(link, &key(&theirs), &genuine).await;
    assert_eq!(warm.credential(&theirs.digest).await, Ok(Some(theirs)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_was_turned_back_by_hand_opens_nothing() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let link = &mut server.link().await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let cell = name(link, b'k', passkey.digest.as_bytes()).await;
    assert_eq!(warm.settle(&tier::login(&passkey, 1, 9)).await, Ok(Settlement::Settled));
    let mut turned = get(link, &cell).await;
    turned[3..7].copy_from_slice(&1_u32.to_be_bytes());
    set(link, &cell, &turned).await;
    let cloned = tier::login(&passkey, 2, 2);
    assert_eq!(warm.settle(&cloned).await, Ok(Settlement::CredentialGone), "an untagged state is no state");
    assert_eq!(warm.session(&cloned.opening.session).await, Ok(None));
    assert_eq!(warm.credential(&passkey.digest).await, Ok(None));
    assert!(warm.refused() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_change_is_not_applied_and_counts_as_a_gap() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened");
    warm.end_session(&opening.record.account, &opening.session).await.expect("ended");
    eventually("the end was read", async || warm.feed_state().applied[0] != Place::default()).await;
    let notebook = Arc::new(Notebook::default());
    warm.follow(notebook.clone());
    let set = warm.feed_state().applied[0].set;
    let victim = SessionId::from_bytes([0; 16]);
    let forged = [b"E".as_slice(), victim.as_bytes(), &[0; 16]].concat();
    let link = &mut server.link().await;
    let added = cmd("XADD").arg("aldgate:{04s}f").arg(format!("{set}-*")).arg("c").arg(forged).query_async(link).await;
    let _: String = added.expect("written");
    eventually("it is noticed", async || warm.feed_state().forged == 1).await;
    eventually("the gap is told", async || notebook.has(&Told::Feed(Feed::Gap))).await;
    assert!(!notebook.has(&Told::ended(victim)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_log_in_neither_reaches_the_cold_tier_nor_stops_the_next() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let openings: Vec<_> = (0..4).map(|n| tier::opening(0, n)).collect();
    let elsewhere = tier::opening(0x10, 9);
    warm.open_session(&openings[0]).await.expect("opened");
    warm.open_session(&elsewhere).await.expect("opened");
    let link = &mut server.link().await;
    let log = "aldgate:{04s}l";
    let genuine: Vec<(String, Vec<Vec<u8>>)> =
        cmd("XRANGE").arg("aldgate:{003}l").arg("-").arg("+").query_async(link).await.expect("read");
    let add = async |name: &str, value: &[u8]| {
        let link = &mut server.link().await;
        cmd("XADD").arg(log).arg(name).arg("c").arg(value).query_async::<String>(link).await.expect("written")
    };
    add("*", b"planted").await;
    add("*", &genuine[0].1[1]).await;
    plant_names_that_are_none_of_ours(&server, log).await;
    warm.open_session(&openings[1]).await.expect("opened");
    add("99999999999999-7", b"a name after all others").await;
    warm.open_session(&openings[2]).await.expect("opened");
    add("18446744073709551615-18446744073709551615", b"the last name there is").await;
    warm.open_session(&openings[3]).await.expect("opened");
    let (lane, mut events) = (openings[0].session.lane(), Vec::new());
    loop {
        let after = events.last().map_or(0, |(number, _)| *number);
        let more = warm.login_events(lane, after, 10).await.expect("read");
        if more.is_empty() {
            break;
        }
        events.extend(more);
    }
    assert!(events.iter().map(|(_, event)| event.session).eq(openings.iter().map(|opening| opening.session)));
}

/// As many as one answer holds, and more: whoever reads must not take them for the end of the log.
async fn plant_names_that_are_none_of_ours(server: &Server, log: &str) {
    let (secs, _): (u64, u64) = server.ask(&["TIME"]).await;
    let mut many = redis::pipe();
    for place in 0..1_100 {
        let name = format!("{}-{}", (secs + 1) * 1_000, 5_000_000 + place);
        many.cmd("XADD").arg(log).arg(name).arg("c").arg("planted").ignore();
    }
    many.query_async::<()>(&mut server.link().await).await.expect("written");
    let passed = async || server.ask::<(u64, u64)>(&["TIME"]).await.0 > secs + 1;
    eventually("the names are of the past", passed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_genuine_log_in_under_a_name_of_years_to_come_does_not_hide_those_of_today() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let (first, second) = (tier::opening(0, 1), tier::opening(0, 2));
    let lane = first.session.lane();
    warm.open_session(&first).await.expect("opened");
    let link = &mut server.link().await;
    let log = "aldgate:{04s}l";
    let genuine: Vec<(String, Vec<Vec<u8>>)> =
        cmd("XRANGE").arg(log).arg("-").arg("+").query_async(link).await.expect("read");
    let late = cmd("XADD").arg(log).arg("3700000000000-0").arg("c").arg(&genuine[0].1[1]).query_async(link).await;
    let _: String = late.expect("written");
    let settled = warm.login_events(lane, 0, 10).await.expect("read");
    assert_eq!(settled.len(), 1, "nothing of the year 2087 is settled today");
    warm.open_session(&second).await.expect("opened");
    let next = warm.login_events(lane, settled[0].0, 10).await.expect("read");
    assert_eq!(next.iter().map(|(_, event)| event.session).collect::<Vec<_>>(), [second.session]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_change_under_the_last_name_there_is_does_not_keep_a_session_alive() {
    let server = Server::start(&[]).await;
    let (warm, other) = (tier::on(&server).await, tier::on(&server).await);
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened");
    let last = "18446744073709551615-18446744073709551615";
    let _: String = server.ask(&["XADD", "aldgate:{04s}f", last, "c", "planted"]).await;
    assert_eq!(warm.end_session(&opening.record.account, &opening.session).await, Ok(true));
    assert_eq!(warm.session(&opening.session).await, Ok(None));
    eventually("the other process confirms what it has", async || notebook.has(&Told::Feed(Feed::Gap))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_change_with_a_name_after_all_others_does_not_keep_a_session_alive() {
    let server = Server::start(&[]).await;
    let (warm, other) = (tier::on(&server).await, tier::on(&server).await);
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    for (n, name) in (0..).zip(["99999999999999-7", "18446744073709551615-18446744073709551615", "99999999999999999-0"])
    {
        let opening = tier::opening(0, n);
        warm.open_session(&opening).await.expect("opened");
        let _: String = server.ask(&["XADD", "aldgate:{04s}f", name, "c", "planted"]).await;
        assert_eq!(warm.end_session(&opening.record.account, &opening.session).await, Ok(true));
        assert_eq!(warm.session(&opening.session).await, Ok(None));
        eventually("the other process hears of a gap", async || other.feed_state().gaps > n).await;
        let (next, gaps) = (tier::opening(0, n + 10), other.feed_state().gaps);
        warm.open_session(&next).await.expect("opened");
        assert_eq!(warm.end_session(&next.record.account, &next.session).await, Ok(true));
        eventually("and of what follows, or that it missed it", async || {
            notebook.has(&Told::ended(next.session)) || other.feed_state().gaps > gaps
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_counter_that_was_put_back_opens_nothing_where_a_newer_one_is_known() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let link = &mut server.link().await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let cell = name(link, b'k', passkey.digest.as_bytes()).await;
    assert_eq!(warm.settle(&tier::login(&passkey, 1, 5)).await, Ok(Settlement::Settled));
    let older = get(link, &cell).await;
    assert_eq!(warm.settle(&tier::login(&passkey, 2, 9)).await, Ok(Settlement::Settled));
    let known = warm.credential(&passkey.digest).await.expect("warm answers").expect("published");
    set(link, &cell, &older).await;
    assert_eq!(warm.settle(&tier::login(&known, 3, 7)).await, Ok(Settlement::CounterRegressed));
    assert_eq!(warm.settle(&tier::login(&known, 4, 10)).await, Ok(Settlement::Settled));
    let after = warm.credential(&passkey.digest).await.expect("warm answers").expect("published");
    assert_eq!((after.sign_count, after.revision), (10, known.revision + 1));
}
