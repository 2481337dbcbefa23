//! Who may speak to the server, and what the gateways' user may not do there: the samples of `config/redis`, as they
//! are shipped, but for where their files lie and which port is free.

use crate::server::{Server, eventually, free_port, home};
use crate::tier;
use aldgate_core::secret::Secret;
use aldgate_core::testing::conformance::{Publishing, suite};
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::redis::{Options, Tls, library};
use aldgate_core::warm::{Settlement, Warm as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};
use redis::{Client, ErrorKind, RedisResult, ServerErrorKind, TlsCertificates, Value, cmd};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Where the samples are.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/redis");

/// Where they say that their files lie.
const FILES: &str = "/etc/redis";

/// The passwords that the sample says to replace.
const PASSWORD: &str = "replace-this-password";
const ADMIN_PASSWORD: &str = "replace-this-admin-password";

/// A server of the samples.
struct Sample {
    server: Server,
    authority: Vec<u8>,
}

impl Sample {
    /// A server whose certificate is for these names; not yet answering.
    fn spawn(names: &[&str]) -> Self {
        let home = home();
        let authority = Authority::new();
        authority.certify(names, home.path());
        for name in ["redis.conf", "users.acl"] {
            let text = std::fs::read_to_string(Path::new(SAMPLES).join(name)).expect("the sample is there");
            let here = text.replace(FILES, &home.path().display().to_string());
            std::fs::write(home.path().join(name), here).expect("written");
        }
        let (port, conf) = (free_port(), home.path().join("redis.conf").display().to_string());
        let server = Server::with(port, home, vec![&conf, "--tls-port", &port.to_string()]);
        Self { server, authority: authority.pem() }
    }

    async fn start() -> Self {
        let sample = Self::spawn(&["localhost", "127.0.0.1"]);
        sample.answers().await;
        sample
    }

    async fn answers(&self) {
        eventually("the server answers", async || self.as_admin(&["PING"]).await.is_ok()).await;
    }

    async fn as_user(&self, user: &str, password: &str, words: &[&str]) -> RedisResult<Value> {
        let address = format!("rediss://{user}:{password}@{}", self.server.address());
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(self.authority.clone()) };
        let client = Client::build_with_tls(address, certificates)?;
        cmd(words[0]).arg(&words[1..]).query_async(&mut client.get_multiplexed_async_connection().await?).await
    }

    async fn as_admin(&self, words: &[&str]) -> RedisResult<Value> {
        self.as_user("admin", ADMIN_PASSWORD, words).await
    }

    fn as_gateway(&self) -> Options {
        Options {
            user: Some("aldgate".into()),
            password: Some(Secret::new(PASSWORD.into())),
            tls: Some(Tls { authorities: Some(self.authority.clone()) }),
            ..tier::options(&[self.server.address()])
        }
    }

    async fn with_library() -> Self {
        let sample = Self::start().await;
        sample.as_admin(&["FUNCTION", "LOAD", library()]).await.expect("loaded");
        sample
    }
}

/// One that signs the certificates of servers.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut authority = CertificateParams::default();
        // A name of its own: OpenSSL takes a certificate whose issuer has its own name for one that signed itself.
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed"))
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// Puts a certificate for these names into a directory, as the sample expects it there.
    fn certify(&self, names: &[&str], home: &Path) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let issuer: &Issuer<'static, KeyPair> = &self.0;
        let certificate = CertificateParams::new(names).expect("names").signed_by(&key, issuer).expect("signed");
        let write = |name: &str, text: String| std::fs::write(home.join(name), text).expect("written");
        write("authority.pem", self.0.pem());
        write("server.pem", certificate.pem());
        write("server.key", key.serialize_pem());
    }
}

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
    let sample = Sample::start().await;
    refused(&sample.as_gateway(), "FUNCTION LOAD").await; // The operator is told what to run.
    sample.as_admin(&["FUNCTION", "LOAD", library()]).await.expect("loaded");

    let warm = tier::connected(sample.as_gateway()).await;
    tier::live(&warm).await;
    suite(warm.clone(), Arc::new(Publishing(warm.clone()))).await;
    let (first, second) = (tier::opening(0, 1), tier::opening(0, 2));
    warm.open_session(&first).await.expect("opened");
    sample.as_admin(&["XADD", "aldgate:{04s}l", "*", "c", "planted"]).await.expect("written");
    warm.open_session(&second).await.expect("opened, and what was planted is cleared away");
    let log_ins = warm.login_events(first.session.lane(), 0, 1_000).await.expect("read");
    assert_eq!(log_ins.last().map(|(_, event)| event.session), Some(second.session));
    warm.forget_login_events(first.session.lane(), log_ins[0].0).await.expect("forgotten");
}

/// The very lines that the sample tells an operator to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_functions_are_loaded_as_the_sample_says() {
    let sample = Sample::start().await;
    let home = sample.server.home().display().to_string();
    std::fs::write(format!("{home}/admin-password"), ADMIN_PASSWORD).expect("written");
    let text = std::fs::read_to_string(format!("{SAMPLES}/redis.conf")).expect("the sample is there");
    let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#       ")).collect();
    let lines = told.join("\n");
    assert!(lines.contains("FUNCTION LOAD"), "{lines}");
    let here = lines
        .replace(FILES, &home)
        .replace("aldgate redis-functions", concat!("cat ", env!("CARGO_MANIFEST_DIR"), "/src/warm/redis/aldgate.lua"))
        .replace("redis-cli ", &format!("redis-cli -p {} ", sample.server.port));
    let done = Command::new("sh").args(["-c", &here]).output().expect("a shell");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(said.trim(), "aldgate_1", "{}", String::from_utf8_lossy(&done.stderr));
    tier::connected(sample.as_gateway()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_gateway_may_do_nothing_else() {
    let sample = Sample::with_library().await;
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
        let refused = sample.as_user("aldgate", PASSWORD, words).await.expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Server(ServerErrorKind::NoPerm), "{words:?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_or_none_is_refused_at_the_start() {
    let sample = Sample::with_library().await;
    tier::connected(sample.as_gateway()).await;
    let wrong = Options { password: Some(Secret::new("wrong".into())), ..sample.as_gateway() };
    refused(&wrong, "authentication failed").await;
    // The default user is off.
    refused(&Options { user: None, password: None, ..sample.as_gateway() }, "NOAUTH").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_servers_own_name_under_the_configured_authority_is_trusted() {
    let sample = Sample::with_library().await;
    let other = Some(Tls { authorities: Some(Authority::new().pem()) });
    refused(&Options { tls: other, ..sample.as_gateway() }, "invalid peer certificate").await;
    let system = Some(Tls { authorities: None });
    refused(&Options { tls: system, ..sample.as_gateway() }, "invalid peer certificate").await;
    let clear = Options { tls: None, ..sample.as_gateway() };
    assert!(tier::connect(clear).await.is_err(), "there is no port without TLS");
    let named = vec![format!("localhost:{}", sample.server.port).parse().expect("an address")];
    tier::connected(Options { addresses: named, ..sample.as_gateway() }).await;

    let somebody_else = Sample::spawn(&["elsewhere.example"]);
    refused(&somebody_else.as_gateway(), "not valid for name").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sample_acknowledged_survives_a_kill_and_the_feed_goes_on_without_a_gap() {
    let mut sample = Sample::with_library().await;
    let warm = tier::connected(sample.as_gateway()).await;
    tier::live(&warm).await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let (ended, standing) = (tier::login(&passkey, 1, 1), tier::login(&passkey, 2, 2));
    assert_eq!(warm.settle(&ended).await, Ok(Settlement::Settled));
    assert_eq!(warm.settle(&standing).await, Ok(Settlement::Settled));
    assert_eq!(warm.end_session(&passkey.account, &ended.opening.session).await, Ok(true));
    sample.server.kill();
    sample.server.revive();
    sample.answers().await;
    eventually("the tier is back", async || warm.session(&standing.opening.session).await.is_ok()).await;
    assert_eq!(warm.session(&standing.opening.session).await, Ok(Some(standing.opening.record)));
    assert_eq!(warm.session(&ended.opening.session).await, Ok(None), "what ended stays ended");
    assert_eq!(warm.settle(&tier::login(&passkey, 3, 2)).await, Ok(Settlement::CounterRegressed));
    let again = aldgate_core::warm::PasskeyLogin { challenge: standing.challenge, ..tier::login(&passkey, 4, 3) };
    assert_eq!(warm.settle(&again).await, Ok(Settlement::ChallengeUsed));
    tier::live(&warm).await;
    assert_eq!(warm.feed_state().gaps, 0);
}
