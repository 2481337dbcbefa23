//! Who may speak to the server, and what the gateway's user may not do there.

use crate::server::{Server, eventually, free_port, home};
use crate::tier;
use aldgate_core::secret::Secret;
use aldgate_core::testing::conformance::{Publishing, suite};
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::redis::{Options, Tls, library};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use redis::{Client, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};
use std::path::Path;
use std::sync::Arc;

/// The sample of the documentation, as it is shipped.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/redis/users.acl");

/// The passwords that the sample says to replace.
const PASSWORD: &str = "replace-this-password";
const ADMIN_PASSWORD: &str = "replace-this-admin-password";

async fn with_sample() -> Server {
    let server = Server::spawn(free_port(), home(), &["--aclfile", SAMPLE]);
    eventually("the server answers", async || as_admin(&server, &["PING"]).await.is_ok()).await;
    server
}

async fn as_user(server: &Server, user: &str, password: &str, words: &[&str]) -> RedisResult<Value> {
    let client = Client::open(format!("redis://{user}:{password}@{}", server.address()))?;
    cmd(words[0]).arg(&words[1..]).query_async(&mut client.get_multiplexed_async_connection().await?).await
}

async fn as_admin(server: &Server, words: &[&str]) -> RedisResult<Value> {
    as_user(server, "admin", ADMIN_PASSWORD, words).await
}

fn as_gateway(server: &Server) -> Options {
    Options {
        user: Some("aldgate".into()),
        password: Some(Secret::new(PASSWORD.into())),
        ..tier::options(&[server.address()])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_user_can_do_its_work_and_nothing_else() {
    let server = with_sample().await;
    let said = tier::connect(as_gateway(&server)).await.err().expect("refused").to_string();
    assert!(said.contains("FUNCTION LOAD"), "the operator is told what to run: {said}");
    as_admin(&server, &["FUNCTION", "LOAD", library()]).await.expect("loaded");

    let warm = tier::connect(as_gateway(&server)).await.expect("connected");
    tier::live(&warm).await;
    suite(warm.clone(), Arc::new(Publishing(warm.clone()))).await;
    let lane = tier::opening(0, 1).session.lane();
    warm.open_session(&tier::opening(0, 1)).await.expect("opened");
    let log_ins = warm.login_events(lane, 0, 1).await.expect("read");
    warm.forget_login_events(lane, log_ins[0].0).await.expect("forgotten");

    for words in [
        &["EVAL", "return 1", "0"][..],
        &["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
        &["SCRIPT", "LOAD", "return 1"],
        &["FUNCTION", "LOAD", "REPLACE", library()],
        &["FUNCTION", "DELETE", "aldgate_1"],
        &["CONFIG", "GET", "*"],
        &["MODULE", "LIST"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["FLUSHALL"],
        &["ACL", "LIST"],
        &["SHUTDOWN"],
        &["REPLICAOF", "127.0.0.1", "1"],
        &["MONITOR"],
        &["CLIENT", "LIST"],
        &["GET", "another:key"],
    ] {
        let refused = as_user(&server, "aldgate", PASSWORD, words).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Server(ServerErrorKind::NoPerm), "{words:?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_or_none_is_refused_at_the_start() {
    let server = with_sample().await;
    let wrong = Options { password: Some(Secret::new("wrong".into())), ..as_gateway(&server) };
    assert!(tier::connect(wrong).await.is_err());
    assert!(tier::connect(tier::options(&[server.address()])).await.is_err(), "the default user is off");
}

/// An authority, and a server's certificate that it signed, as files in a directory.
fn certificates(home: &Path) -> Vec<u8> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).expect("names").signed_by(&key, &authority).expect("signed");
    let write = |name: &str, text: String| std::fs::write(home.join(name), text).expect("written");
    write("authority.pem", authority.pem());
    write("server.pem", certificate.pem());
    write("server.key", key.serialize_pem());
    authority.pem().into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_only_the_right_authority_is_trusted() {
    let home = home();
    let (trusted, other) = (certificates(home.path()), certificates(crate::server::home().path()));
    let file = |name: &str| home.path().join(name).display().to_string();
    let port = free_port();
    let arguments = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("authority.pem"),
        "--tls-auth-clients",
        "no",
        "--requirepass",
        PASSWORD,
    ];
    let _server = Server::spawn(0, crate::server::home(), &arguments);
    let options = |authorities: &[u8], password: &str| Options {
        tls: Some(Tls { authorities: Some(authorities.to_vec()) }),
        password: Some(Secret::new(password.into())),
        ..tier::options(&[format!("localhost:{port}")])
    };
    eventually("the server answers", async || tier::connect(options(&trusted, PASSWORD)).await.is_ok()).await;
    let warm = tier::connect(options(&trusted, PASSWORD)).await.expect("connected");
    tier::live(&warm).await;
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened");
    assert_eq!(warm.session(&opening.session).await, Ok(Some(opening.record)));
    assert!(warm.consume(&aldgate_core::id::SingleUse::of(b"v"), NOW).await.is_ok());
    assert!(tier::connect(options(&other, PASSWORD)).await.is_err(), "another authority");
    assert!(tier::connect(options(&trusted, "wrong")).await.is_err(), "another password");
}
