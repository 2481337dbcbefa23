//! Who may speak to the server, and what the gateways' user may not do there: the samples of `config/redis`, as they
//! are shipped, but for where their files lie and which port is free.

use crate::sample::{self, Authority};
use crate::server::eventually;
use crate::tier;
use aldgate_core::secret::Secret;
use aldgate_core::testing::conformance::{Publishing, suite};
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::redis::{Options, Tls, library};
use aldgate_core::warm::{PasskeyLogin, Settlement, Warm as _};
use redis::{ErrorKind, ServerErrorKind};
use std::sync::Arc;

/// A start is refused, and the operator is told why; whatever a busy machine was late with is tried again.
async fn refused(options: &Options, why: &str) {
    eventually(why, async || {
        let said = tier::connect(tier::again(options)).await.err().expect("refused").to_string();
        said.contains(why)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_gateway_does_all_its_work() {
    let server = sample::start(&Authority::new(), &[]).await;
    refused(&sample::options(&[&server]), "FUNCTION LOAD").await; // The operator is told what to run.
    sample::load(&server);

    let warm = tier::connected(sample::options(&[&server])).await;
    tier::live(&warm).await;
    suite(warm.clone(), Arc::new(Publishing(warm.clone()))).await;
    let (first, second) = (tier::opening(0, 1), tier::opening(0, 2));
    warm.open_session(&first).await.expect("opened");
    let _: String = server.ask(&["XADD", "aldgate:{04s}l", "*", "c", "planted"]).await;
    warm.open_session(&second).await.expect("opened, and what was planted is cleared away");
    let log_ins = warm.login_events(first.session.lane(), 0, 1_000).await.expect("read");
    assert_eq!(log_ins.last().map(|(_, event)| event.session), Some(second.session));
    warm.forget_login_events(first.session.lane(), log_ins[0].0).await.expect("forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_gateway_may_do_nothing_else() {
    let server = sample::loaded().await;
    for words in [
        &["EVAL", "return 1", "0"][..],
        &["EVAL_RO", "return 1", "0"],
        &["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
        &["SCRIPT", "LOAD", "return 1"],
        &["SCRIPT", "FLUSH"],
        &["FUNCTION", "LOAD", "REPLACE", library()],
        &["FUNCTION", "DELETE", "aldgate_1"],
        &["FUNCTION", "FLUSH"],
        &["FUNCTION", "DUMP"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "dir", "/tmp"],
        &["CONFIG", "REWRITE"],
        &["MODULE", "LIST"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["RANDOMKEY"],
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["SWAPDB", "0", "1"],
        &["SAVE"],
        &["BGREWRITEAOF"],
        &["ACL", "LIST"],
        &["ACL", "SETUSER", "aldgate", "+@all"],
        &["SHUTDOWN"],
        &["REPLICAOF", "127.0.0.1", "1"],
        &["CLUSTER", "RESET"],
        &["CLUSTER", "FAILOVER"],
        &["MONITOR"],
        &["CLIENT", "LIST"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["PUBLISH", "channel", "message"],
        &["DUMP", "aldgate:x"],
        &["RESTORE", "aldgate:x", "0", "bytes"],
        &["RENAME", "aldgate:x", "aldgate:y"],
        &["OBJECT", "FREQ", "aldgate:x"],
        &["GET", "another:key"],
        &["SET", "another:key", "value"],
        &["DEL", "another:key"],
        &["FCALL", "aldgate_1_keep", "1", "another:key", "value", "1000"],
    ] {
        let refused = sample::as_gateway(&server, words).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Server(ServerErrorKind::NoPerm), "{words:?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_or_none_is_refused_at_the_start() {
    let server = sample::loaded().await;
    tier::connected(sample::options(&[&server])).await;
    let wrong = Options { password: Some(Secret::new("wrong".into())), ..sample::options(&[&server]) };
    refused(&wrong, "authentication failed").await;
    // The default user is off.
    refused(&Options { user: None, password: None, ..sample::options(&[&server]) }, "NOAUTH").await;
}

/// An older `users.acl`: the operator is told what it lacks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_not_wait_for_replicas_is_refused_at_the_start() {
    let server = sample::loaded().await;
    let () = server.ask(&["ACL", "SETUSER", sample::GATEWAY.0, "-wait"]).await;
    refused(&sample::options(&[&server]), "+wait").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_servers_own_name_under_the_configured_authority_is_trusted() {
    let server = sample::loaded().await;
    let other = Some(Tls { authorities: Some(Authority::new().pem()) });
    refused(&Options { tls: other, ..sample::options(&[&server]) }, "invalid peer certificate").await;
    let system = Some(Tls { authorities: None });
    refused(&Options { tls: system, ..sample::options(&[&server]) }, "invalid peer certificate").await;
    let clear = Options { tls: None, ..sample::options(&[&server]) };
    assert!(tier::connect(clear).await.is_err(), "there is no port without TLS");
    let named = vec![format!("localhost:{}", server.port).parse().expect("an address")];
    tier::connected(Options { addresses: named, ..sample::options(&[&server]) }).await;

    let somebody_else = sample::spawn(&Authority::new(), &["elsewhere.example"], &[]);
    refused(&sample::options(&[&somebody_else]), "not valid for name").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sample_acknowledged_survives_a_kill_and_the_feed_goes_on_without_a_gap() {
    let mut server = sample::loaded().await;
    let warm = tier::connected(sample::options(&[&server])).await;
    tier::live(&warm).await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let (ended, standing) = (tier::login(&passkey, 1, 1), tier::login(&passkey, 2, 2));
    assert_eq!(warm.settle(&ended).await, Ok(Settlement::Settled));
    assert_eq!(warm.settle(&standing).await, Ok(Settlement::Settled));
    assert_eq!(warm.end_session(&passkey.account, &ended.opening.session).await, Ok(true));
    server.kill();
    server.revive();
    server.answers().await;
    eventually("the tier is back", async || warm.session(&standing.opening.session).await.is_ok()).await;
    assert_eq!(warm.session(&standing.opening.session).await, Ok(Some(standing.opening.record)));
    assert_eq!(warm.session(&ended.opening.session).await, Ok(None), "what ended stays ended");
    assert_eq!(warm.settle(&tier::login(&passkey, 3, 2)).await, Ok(Settlement::CounterRegressed));
    let again = PasskeyLogin { challenge: standing.challenge, ..tier::login(&passkey, 4, 3) };
    assert_eq!(warm.settle(&again).await, Ok(Settlement::ChallengeUsed));
    tier::live(&warm).await;
    assert_eq!(warm.feed_state().gaps, 0);
}
