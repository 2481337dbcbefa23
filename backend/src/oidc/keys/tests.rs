//! The keys' promises on a real store: one key a period whoever makes it, nothing readable on the disk, and a key that
//! was removed is gone everywhere.

use super::*;
use crate::oidc::jws::{Kind, NotSigned};
use crate::store::audit::{Actor, CHAINS};
use crate::store::tests::Home;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::world::{NOW, master_key};
use aldgate_core::token::claims::Claims;
use aldgate_core::token::jws::Compact;
use aldgate_core::token::key_set::KeySet;
use serde_json::json;

const DAY: Duration = Duration::from_hours(24);

/// Another process on the same store.
fn process(home: &Home, seed: u64) -> SigningKeys {
    SigningKeys::new(home.store.clone(), &master_key(), Arc::new(SeededEntropy::new(seed)), Rules::default())
}

fn signed(keys: &SigningKeys, algorithm: SigningAlgorithm, now: Timestamp) -> String {
    keys.sign(algorithm, Kind::Jwt, &json!({"sub": "ada"}), now).expect("signed")
}

/// An operator.
fn by(at: Timestamp) -> Act {
    Act { by: Actor::Operator("test".into()), at }
}

/// The `kid` of a token, if the published set verifies it.
fn verified(document: &[u8], token: &str) -> Option<String> {
    let set = KeySet::parse(document).expect("a key set");
    let jws = Compact::parse(token).expect("a compact JWS");
    let payload = set.find(jws.key_id())?.verify(&jws).expect("verified");
    assert_eq!(Claims::read(payload).expect("claims").text("sub"), Ok(Some("ada")));
    jws.key_id().map(str::to_owned)
}

fn standings(keys: &SigningKeys, algorithm: SigningAlgorithm, now: Timestamp) -> Vec<Standing> {
    let listed = keys.ring().list(now).into_iter();
    listed.filter(|key| key.algorithm == algorithm).map(|key| key.standing).collect()
}

#[tokio::test]
async fn from_the_first_look_on_it_signs_by_every_algorithm_and_the_published_set_verifies_it() {
    let home = Home::new().await;
    let keys = process(&home, 1);
    let none = keys.sign(SigningAlgorithm::Es256, Kind::Jwt, &json!({}), NOW);
    assert_eq!(none, Err(NotSigned::NoKey(SigningAlgorithm::Es256)), "nothing is signed before there is a key");
    keys.look(NOW).await.expect("looked");
    for algorithm in SigningAlgorithm::ALL {
        let token = signed(&keys, algorithm, NOW);
        let key_id = verified(keys.ring().document(), &token).expect("a published key");
        let jws = Compact::parse(&token).expect("a compact JWS");
        assert_eq!(jws.header("alg"), Some(&json!(algorithm.as_str())));
        assert_eq!((jws.header("typ"), jws.kind().as_deref()), (Some(&json!("JWT")), Some("jwt")));
        let ours = keys.verifying(&key_id, NOW).await.expect("read").expect("a key of ours");
        assert!(ours.verify(&jws).is_ok(), "{algorithm}");
    }
    let token = keys.sign(SigningAlgorithm::Rs512, Kind::LogoutToken, &json!({}), NOW).expect("signed");
    assert_eq!(Compact::parse(&token).expect("a compact JWS").kind().as_deref(), Some("logout+jwt"));
    assert_eq!(keys.verifying("nobody's", NOW).await.expect("read").map(|_| ()), None);
}

#[tokio::test]
async fn a_restart_finds_the_keys_that_there_were() {
    let home = Home::new().await;
    let before = process(&home, 1);
    before.look(NOW).await.expect("looked");
    let after = process(&home, 2);
    assert!(after.ring().is_empty());
    after.look(NOW).await.expect("loaded");
    assert_eq!(before.ring().document(), after.ring().document());
    let token = signed(&before, SigningAlgorithm::Ps256, NOW);
    assert!(verified(after.ring().document(), &token).is_some());
}

#[tokio::test]
async fn of_several_processes_that_make_a_key_for_one_period_one_has_made_it() {
    let home = Home::new().await;
    let processes: Vec<_> = (0..4).map(|seed| Arc::new(process(&home, seed))).collect();
    for now in [NOW, NOW.plus(DAY * 89), NOW.plus(DAY * 91)] {
        let looks = processes.iter().cloned().map(|keys| async move { keys.look(now).await });
        let looked = looks.collect::<tokio::task::JoinSet<_>>().join_all().await;
        assert!(looked.iter().all(Result::is_ok), "{looked:?}");
        for keys in &processes {
            keys.look(now).await.expect("looked");
            assert_eq!(keys.ring().document(), processes[0].ring().document());
        }
        let signing = processes.iter().map(|keys| signed(keys, SigningAlgorithm::EdDsa, now));
        let signers: BTreeSet<_> =
            signing.map(|token| verified(processes[0].ring().document(), &token).expect("published")).collect();
        assert_eq!(signers.len(), 1, "all sign with one key");
    }
    let listed = processes[0].ring().list(NOW.plus(DAY * 91));
    assert_eq!(listed.len(), SigningAlgorithm::ALL.len(), "the first ones are forgotten: {listed:?}");
}

#[tokio::test]
async fn a_token_verifies_until_it_has_expired_and_its_key_is_published_before_it_signs() {
    let home = Home::new().await;
    let keys = process(&home, 1);
    keys.look(NOW).await.expect("looked");
    keys.look(NOW.plus(DAY * 89)).await.expect("looked");
    let (change, algorithm) = (NOW.plus(DAY * 90), SigningAlgorithm::Es256);
    let announced = keys.ring().document().clone();
    let last_of_old = signed(&keys, algorithm, Timestamp::from_millis(change.as_millis() - 1));
    let first_of_new = signed(&keys, algorithm, change);
    assert!(verified(&announced, &first_of_new).is_some(), "a client that fetched the set a day ago");
    assert_ne!(verified(&announced, &first_of_new), verified(&announced, &last_of_old));
    keys.look(change.plus(DAY - Duration::from_millis(1))).await.expect("looked");
    assert!(verified(keys.ring().document(), &last_of_old).is_some());
    keys.look(change.plus(DAY)).await.expect("looked");
    assert_eq!(verified(keys.ring().document(), &last_of_old), None);
}

#[tokio::test]
async fn a_rotation_by_command_is_announced_and_happens_once() {
    let home = Home::new().await;
    let (keys, algorithm) = (process(&home, 1), SigningAlgorithm::EdDsa);
    keys.look(NOW).await.expect("looked");
    let later = NOW.plus(DAY);
    let begins = later.plus(DAY);
    assert_eq!(keys.rotate(algorithm, by(later)).await.expect("rotated"), Rotation::Announced(begins));
    assert_eq!(keys.rotate(algorithm, by(later)).await.expect("rotated"), Rotation::AnnouncedBefore(begins));
    assert_eq!(standings(&keys, algorithm, later), [Standing::Signs, Standing::Announced]);
    assert_eq!(standings(&keys, algorithm, begins), [Standing::Outlives(begins.plus(DAY)), Standing::Signs]);
    assert_eq!(standings(&keys, SigningAlgorithm::Es256, later), [Standing::Signs], "the others stay");
}

#[tokio::test]
async fn a_compromised_key_verifies_nothing_from_the_next_look_of_each_process_on() {
    let home = Home::new().await;
    let (operator, server, algorithm) = (process(&home, 1), process(&home, 2), SigningAlgorithm::Es256);
    server.look(NOW).await.expect("looked");
    let _ = operator.rotate(algorithm, by(NOW.plus(DAY))).await.expect("rotated");
    server.look(NOW.plus(DAY)).await.expect("looked");
    assert_eq!(standings(&server, algorithm, NOW.plus(DAY)).len(), 2);
    let now = NOW.plus(DAY + Duration::from_secs(1));
    let (stolen, other) = (signed(&server, algorithm, now), signed(&server, SigningAlgorithm::EdDsa, now));
    operator.replace(algorithm, by(now)).await.expect("replaced");
    server.look(now).await.expect("looked");
    assert_eq!(verified(server.ring().document(), &stolen), None);
    assert_eq!(standings(&server, algorithm, now), [Standing::Signs], "the announced one is gone too");
    assert!(verified(server.ring().document(), &signed(&server, algorithm, now)).is_some(), "it signs on at once");
    assert!(verified(server.ring().document(), &other).is_some());
}

#[tokio::test]
async fn a_key_that_another_process_has_just_made_is_found_by_its_id_and_unknown_ids_ask_seldom() {
    let home = Home::new().await;
    let (one, other, algorithm) = (process(&home, 1), process(&home, 2), SigningAlgorithm::Es256);
    one.look(NOW).await.expect("looked");
    other.look(NOW).await.expect("looked");
    one.replace(algorithm, by(NOW)).await.expect("replaced");
    let token = signed(&one, algorithm, NOW);
    let key_id = Compact::parse(&token).expect("a compact JWS").key_id().expect("a kid").to_owned();
    assert!(other.verifying(&key_id, NOW).await.expect("read").is_some());
    one.replace(algorithm, by(NOW)).await.expect("replaced");
    let token = signed(&one, algorithm, NOW);
    let key_id = Compact::parse(&token).expect("a compact JWS").key_id().expect("a kid").to_owned();
    let soon = NOW.plus(LOOK_AGAIN / 2);
    assert!(other.verifying(&key_id, soon).await.expect("read").is_none(), "the store was asked a moment ago");
    assert!(other.verifying(&key_id, NOW.plus(LOOK_AGAIN)).await.expect("read").is_some());
}

#[tokio::test]
async fn a_key_that_somebody_put_into_the_database_signs_and_verifies_nothing() {
    let home = Home::new().await;
    let keys = process(&home, 1);
    keys.look(NOW).await.expect("looked");
    let mut planted = home.store.signing_keys().await.expect("read").remove(0);
    let algorithm: SigningAlgorithm = planted.name.algorithm.parse().expect("an algorithm");
    let before = signed(&keys, algorithm, NOW);
    planted.name.number = 2;
    assert_eq!(home.store.add_signing_key(planted, by(NOW)).await, Ok(KeyAddition::Added));
    keys.look(NOW).await.expect("looked");
    assert_eq!(standings(&keys, algorithm, NOW), [Standing::Signs], "the old one signs on");
    assert!(verified(keys.ring().document(), &before).is_some());
    let stranger = SigningKeys::new(
        home.store.clone(),
        &MasterKey::new([9; 32]),
        Arc::new(SeededEntropy::new(3)),
        Rules::default(),
    );
    stranger.look(NOW).await.expect("looked");
    assert!(stranger.ring().list(NOW).is_empty(), "under another master key nothing opens, and nothing is made anew");
    assert!(stranger.sign(algorithm, Kind::Jwt, &json!({}), NOW).is_err());
}

#[tokio::test]
async fn who_made_and_withdrew_keys_stands_in_the_audit() {
    let home = Home::new().await;
    let keys = process(&home, 1);
    keys.look(NOW).await.expect("looked");
    let algorithm = SigningAlgorithm::Es256;
    let _ = keys.rotate(algorithm, by(NOW.plus(DAY))).await.expect("rotated");
    keys.replace(algorithm, by(NOW.plus(DAY))).await.expect("replaced");
    let entries = home.store.audited(CHAINS - 1, 0, 100).await.expect("read");
    let said = |entry: &crate::store::audit::Audited| {
        let entry = entry.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        (text(&entry["actor"]), text(&entry["action"]), text(&entry["detail"]["algorithm"]))
    };
    let of_es256: Vec<_> = entries.iter().map(said).filter(|(_, _, of)| of == "ES256").collect();
    let made = |actor: &str| (actor.to_owned(), "signing-key.made".to_owned(), "ES256".to_owned());
    let withdrawn = ("operator:test".to_owned(), "signing-keys.withdrawn".to_owned(), "ES256".to_owned());
    let operator = || made("operator:test");
    assert_eq!(of_es256, [made("system:signing-keys"), operator(), withdrawn, operator()]);
    assert!(home.store.verify_audit(&[]).await.expect("read").is_ok());
}
