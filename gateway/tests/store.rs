//! The store, as its operator has it: on PostgreSQL, backed up, restored, audited, its keys changed. With the real
//! binary.
#![allow(dead_code, reason = "what all tests share")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod support;

use aldgate_core::testing::authenticator::Authenticator;
use hyper::Method;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::deployment::Deployment;
use support::http::{Answer, Client};
use support::instance::Instance;
use support::person::{log_in, register};
use support::postgres::OnPostgres;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// A form, sent as a browser does.
async fn post(client: &mut Client, path: &str, fields: &str) -> Answer {
    let origin = client.origin();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    client.send(Method::POST, path, &form, fields).await
}

async fn register_with_password(instance: &Instance, client: &mut Client, email: &str) {
    assert_eq!(post(client, "/register", &format!("email={email}")).await.status, 303);
    let message = instance.message_to(email).expect("a message");
    let code = message.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).expect("a code");
    assert_eq!(post(client, "/register/code", &format!("code={code}")).await.status, 303);
    let done = post(client, "/register/password", &format!("password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(done.status, 303, "{done:?} {}", instance.errors());
}

async fn sign_in(client: &mut Client, email: &str) -> Answer {
    assert_eq!(post(client, "/sign-in", &format!("email={email}")).await.status, 303);
    post(client, "/sign-in/password", &format!("password={}", PASSWORD.replace(' ', "+"))).await
}

/// An operator's command on a configuration file.
fn operator(words: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aldgate"));
    command.args(words).arg("--config").arg(config).env_remove("RUST_LOG").env("USER", "olga").env_remove("SUDO_USER");
    command.output().expect("the binary")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("in time: {what}");
}

#[tokio::test]
async fn on_postgresql_people_register_sign_in_and_change_what_opens_their_account() {
    let deployment = Deployment::start_on(OnPostgres::start().await, 1, "", "").await;
    let mut ann = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut ann, "ann@example.org", 1).await;
    assert_eq!(ann.get("/session").await.status, 200);
    authenticator.sign_count.store(41, Ordering::SeqCst);
    assert!(log_in(&mut deployment.gateways[0].client(), &authenticator).await);
    let mut bob = deployment.gateways[0].client();
    register_with_password(&deployment.backend, &mut bob, "bob@example.org").await;
    let mut elsewhere = deployment.gateways[0].client();
    assert_eq!(sign_in(&mut elsewhere, "bob@example.org").await.status, 303);
    let fields = "current_password=correct+horse+battery&new_password=another+long+password";
    assert_eq!(post(&mut bob, "/account/password", fields).await.status, 303);
    eventually("a new password ends the other session", async || elsewhere.get("/session").await.status == 401).await;
    let OnPostgres { postgres, url, .. } = &deployment.redis;
    let counter = async || postgres.run(url, "SELECT max(sign_count) FROM credential") == "42";
    eventually("the log-in is settled in PostgreSQL", counter).await;
    assert_eq!(postgres.run(url, "SELECT count(*) FROM account"), "2");
    assert!(!deployment.dir.path().join("data/aldgate.db").exists(), "there is no second database");

    let config = deployment.dir.path().join("backend.toml");
    let heads = said(&operator(&["audit", "verify"], &config));
    assert_eq!(heads.lines().count(), 17);
    let entries = said(&operator(&["audit", "list"], &config));
    assert_eq!(entries.matches("\"account.created\"").count(), 2, "{entries}");
    postgres.run(url, "UPDATE audit SET actor = 'system:nobody' WHERE action = 'password.set'");
    assert!(refused(&operator(&["audit", "verify"], &config)).contains("the audit is not whole: chain "));

    let to = deployment.dir.path().join("backup");
    let backup = said(&operator(&["backup", "--to", to.to_str().expect("text")], &config));
    assert!(backup.contains("The database is NOT in it") && backup.contains("pg_dump"), "{backup}");
    assert!(to.join("keys/master.key").exists() && !to.join("aldgate.db").exists());
}

#[test]
fn postgresql_without_redis_and_with_a_password_in_its_url_is_refused_in_one_line() {
    let dir = TempDir::new().expect("a folder");
    let config = dir.path().join("aldgate.toml");
    let data = format!("[data]\ndir = {:?}\n", dir.path().join("data"));
    std::fs::write(&config, format!("{data}[store]\nurl = \"postgres://a@127.0.0.1/b\"\n")).expect("a file");
    let output = operator(&["up"], &config);
    assert_eq!(output.status.code(), Some(78));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("warm.kind: must be \"redis\" where store.url names PostgreSQL"), "{error}");
    let redis = "[warm]\nkind = \"redis\"\naddresses = [\"127.0.0.1:1\"]\n";
    for (url, why) in [
        ("postgres://a:secret@127.0.0.1/b", "must not hold a password"),
        ("postgres://a@127.0.0.1:1/b", "cannot use PostgreSQL (store.url, 127.0.0.1:1/b): "),
        ("postgres://a@127.0.0.1/b?sslmode=disable", "must have no parameters"),
    ] {
        std::fs::write(&config, format!("{data}[store]\nurl = {url:?}\n{redis}")).expect("a file");
        let error = refused(&operator(&["backend"], &config));
        assert!(error.contains(why) && !error.contains("secret"), "{error}");
    }
}

/// Where an instance's configuration is, and another that names other data.
fn configs(instance: &Instance) -> (PathBuf, PathBuf, PathBuf) {
    let there = instance.dir.path().join("aldgate.toml");
    let text = std::fs::read_to_string(&there).expect("a file");
    let data = instance.dir.path().join("restored");
    let text = text.replace(&instance.data().display().to_string(), &data.display().to_string());
    let elsewhere = instance.dir.path().join("restored.toml");
    std::fs::write(&elsewhere, text).expect("a file");
    (there, elsewhere, data)
}

/// A backup as an archive, in a file and through a pipe, unpacked by the system's own tar; gives where the latter is.
fn unpacked_archives(instance: &Instance, config: &Path) -> String {
    let archive = instance.dir.path().join("backup.tar");
    said(&operator(&["backup", "--tar", archive.to_str().expect("text")], config));
    assert_eq!(std::fs::metadata(&archive).expect("a file").permissions().mode() & 0o777, 0o600);
    let streamed = operator(&["backup", "--tar", "-"], config);
    assert!(streamed.status.success() && !streamed.stderr.is_empty(), "what is said is not in the stream");
    let piped = instance.dir.path().join("piped.tar");
    std::fs::write(&piped, &streamed.stdout).expect("a file");
    let mut last = String::new();
    for (archive, name) in [(archive, "from-file"), (piped, "from-pipe")] {
        let to = instance.dir.path().join(name);
        std::fs::create_dir(&to).expect("a folder");
        let unpacking = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&to).status();
        assert!(unpacking.expect("tar").success(), "{name}");
        assert!(to.join("backup.json").exists() && to.join("keys/master.key").exists(), "{name}");
        last = to.to_str().expect("text").to_owned();
    }
    let left = std::fs::read_dir(instance.data()).expect("a folder").filter_map(Result::ok);
    assert!(
        left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("backup.new")),
        "nothing is left"
    );
    last
}

#[tokio::test]
async fn a_restored_backup_logs_people_in_with_passkey_and_password_and_opens_no_old_session() {
    let mut instance = Instance::start().await;
    let mut ann = instance.client();
    let authenticator: Authenticator = register(&instance, &mut ann, "ann@example.org", 1).await;
    register_with_password(&instance, &mut instance.client(), "bob@example.org").await;
    let (config, elsewhere, data) = configs(&instance);
    let to = instance.dir.path().join("backup");
    let path = to.to_str().expect("text");
    let made = said(&operator(&["backup", "--to", path], &config));
    assert!(made.contains("It holds the deployment's keys"), "{made}");
    assert!(refused(&operator(&["backup", "--to", path], &config)).contains("is there already"));
    let unpacked = unpacked_archives(&instance, &config);
    let listed = said(&operator(&["audit", "list"], &config));
    assert!(listed.contains("\"backup.made\"") && listed.contains("\"operator:olga\""), "{listed}");
    assert!(listed.contains("\"signing-key.made\"") && listed.contains("\"time\":\"20"), "{listed}");
    let mut late = instance.client();
    register_with_password(&instance, &mut late, "late@example.org").await;
    assert!(refused(&operator(&["restore", "--from", path], &config)).contains("another Aldgate runs on"));
    instance.signal("TERM");
    assert!(instance.ended().await.success());

    // What was altered is not put in place.
    let database = to.join("aldgate.db");
    let whole = std::fs::read(&database).expect("a file");
    let mut altered = whole.clone();
    altered[5000] ^= 1;
    std::fs::write(&database, &altered).expect("a file");
    assert!(refused(&operator(&["restore", "--from", path], &elsewhere)).contains("is not what was backed up"));
    std::fs::write(&database, &whole).expect("a file");
    assert!(!data.join("aldgate.db").exists());

    let restored = said(&operator(&["restore", "--from", &unpacked], &elsewhere));
    assert!(restored.contains("its keys fit"), "{restored}");
    assert!(refused(&operator(&["restore", "--from", path], &elsewhere)).contains("is there already"));
    let text = std::fs::read_to_string(&elsewhere).expect("a file");
    let again = Instance::start_as(instance.dir.clone(), instance.ports, &text).await;
    assert_eq!(ann.get("/session").await.status, 401, "a session of before the backup");
    let mut client = again.client();
    assert!(log_in(&mut client, &authenticator).await, "{}", again.errors());
    assert_eq!(client.get("/session").await.status, 200);
    let mut client = again.client();
    assert_eq!(sign_in(&mut client, "bob@example.org").await.status, 303);
    assert_eq!(client.get("/session").await.status, 200);
    assert_eq!(sign_in(&mut again.client(), "late@example.org").await.status, 422, "it was not there yet");
    let heads = said(&operator(&["audit", "verify"], &elsewhere));
    assert_eq!(heads.lines().count(), 17);
}

#[tokio::test]
async fn an_operator_disables_an_account_of_whoever_is_signed_in_and_enables_it_again() {
    let instance = Instance::start().await;
    let (config, elsewhere, _) = configs(&instance);
    let mut ann = instance.client();
    let authenticator: Authenticator = register(&instance, &mut ann, "ann@example.org", 1).await;
    let mut bob = instance.client();
    register_with_password(&instance, &mut bob, "bob@example.org").await;
    assert_eq!(ann.get("/session").await.status, 200);
    let disabled = said(&operator(&["account", "disable", "ann@example.org", "--reason", "fraud"], &config));
    assert!(disabled.contains("It is disabled since 20") && disabled.contains("operator:olga (fraud)"), "{disabled}");
    assert_eq!(ann.get("/session").await.status, 401, "at once");
    assert!(!log_in(&mut instance.client(), &authenticator).await);
    assert_eq!(bob.get("/session").await.status, 200, "nobody else");
    let id = disabled.split([' ', ':']).nth(1).expect("an id");
    assert_eq!(said(&operator(&["account", "show", id], &config)), disabled);
    said(&operator(&["account", "disable", "bob@example.org", "--reason", "request"], &config));
    let refused_in = sign_in(&mut instance.client(), "bob@example.org").await;
    let location = refused_in.headers.get("location").expect("an address").to_str().expect("text");
    assert!(location.starts_with("/sign-in/problem?reason=account-disabled"), "{location}");
    let enabled = said(&operator(&["account", "enable", id], &config));
    assert!(enabled.contains("It is in use."), "{enabled}");
    assert!(log_in(&mut instance.client(), &authenticator).await);
    let listed = said(&operator(&["audit", "list", "--account", id], &config));
    assert!(listed.contains("\"account.disabled\"") && listed.contains("\"account.enabled\""), "{listed}");
    assert!(!listed.contains("ann@example.org"), "{listed}");
    let nobody = refused(&operator(&["account", "enable", "nobody@example.org"], &config));
    assert!(nobody.contains("there is no such account"), "{nobody}");
    assert!(refused(&operator(&["account", "show", id], &elsewhere)).contains("the backend does not answer on"));
}

#[tokio::test]
async fn keys_are_changed_while_people_sign_in() {
    let instance = Instance::start().await;
    register_with_password(&instance, &mut instance.client(), "bob@example.org").await;
    let (config, elsewhere, _) = configs(&instance);
    let made = said(&operator(&["keys", "rotate", "--wait", "0"], &config));
    let key = instance.data().join("keys/data-1.key");
    assert!(made.contains("data-1.key") && std::fs::read(&key).expect("a key").len() == 32, "{made}");
    eventually("the backend seals everything anew", async || {
        let listed = said(&operator(&["keys", "list"], &config));
        listed.contains("key 0: 0 values") && listed.contains("key 1: 1 values") && listed.contains("sealed anew by")
    })
    .await;
    assert_eq!(sign_in(&mut instance.client(), "bob@example.org").await.status, 303);
    let mut cat = instance.client();
    register_with_password(&instance, &mut cat, "cat@example.org").await;
    assert!(cat.get("/account").await.body.contains("cat@example.org"));
    assert!(refused(&operator(&["keys", "drop", "1"], &config)).contains("key 1 stays: it is the newest key"));
    let listed = said(&operator(&["audit", "list"], &config));
    assert!(listed.contains("\"data-key.made\"") && listed.contains("\"data-key.resealed\""), "{listed}");

    // A backup needs every key that there is; one that lacks any is not put in place.
    let to = instance.dir.path().join("backup");
    let path = to.to_str().expect("text");
    said(&operator(&["backup", "--to", path], &config));
    let (in_backup, aside) = (to.join("keys/data-1.key"), to.join("aside"));
    std::fs::rename(&in_backup, &aside).expect("moved");
    assert!(refused(&operator(&["restore", "--from", path], &elsewhere)).contains("data-1.key"));
    std::fs::rename(&aside, &in_backup).expect("moved");
    said(&operator(&["restore", "--from", path], &elsewhere));
}
