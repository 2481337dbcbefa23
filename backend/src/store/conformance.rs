//! The one suite of the store's facts, over both databases: what a fact is must not depend on where it lies.
//!
//! PostgreSQL is started by the tests; each case has a database of its own.

use super::tests::{credential, email, race, with_passkey, with_password};
use super::*;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::warm::login_event::PasskeyUsed;

#[path = "../../tests/support/postgres.rs"]
#[allow(unreachable_pub, reason = "other crates' tests use it too")]
mod postgres;

/// Connections of a store under test: fewer than those who race, so that some wait and some overtake.
const CONNECTIONS: u32 = 12;

/// A store on PostgreSQL.
async fn connect(url: &str) -> Result<Store, OpenError> {
    let said = ServerOptions { url: url.into(), password: None, authorities: None };
    let server = Server::new(said).expect("a server");
    Store::connect(&server, CONNECTIONS, &world::master_key(), Arc::new(SeededEntropy::new(1))).await
}

/// Each case is a test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($case:ident)*) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    let home = crate::store::tests::Home::new().await;
                    super::$case(home.store.clone()).await;
                    home.store.close().await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    let server = super::postgres::Postgres::shared();
                    let store = super::connect(&server.database()).await.expect("a store");
                    super::$case(store.clone()).await;
                    store.close().await;
                }
            )*
        }
    };
}

on_both! {
    an_account_is_found_by_id_and_by_address
    of_many_who_want_one_address_one_gets_it
    a_passkey_belongs_to_one_account
    passkeys_are_added_to_a_bound_renamed_and_removed
    a_hash_is_renewed_only_while_the_password_is_the_same
    the_last_way_in_stays_whatever_races
    parallel_guesses_get_no_more_than_the_limit
    a_population_is_inserted_whole_or_not_at_all
    a_failing_job_spoils_none_of_its_batch
    log_ins_of_another_tier_are_settled_once_and_never_backwards
    a_revocation_is_noted_with_its_fact_until_it_is_told
}

async fn an_account_is_found_by_id_and_by_address(store: Store) {
    let new = with_passkey(1);
    assert_eq!(store.create_account(&new).await, Ok(Creation::Created));
    let account = store.account(&new.id).await.expect("read").expect("an account");
    assert_eq!((account.id, &account.email, account.created), (new.id, &new.email, NOW));
    assert_eq!(account.password, None);
    let found = store.account_by_email(&email("USER1@Example.Org")).await.expect("read");
    assert_eq!(found, Some(account));
    assert_eq!(store.account_by_email(&email("user2@example.org")).await, Ok(None));
    let passkeys = store.passkeys(&new.id).await.expect("read");
    assert_eq!((passkeys.len(), passkeys[0].name.as_str(), passkeys[0].aaguid), (1, "Phone", [7; 16]));
    let record = Authenticator::derived(1, 1).record();
    assert_eq!(store.credential(&record.digest).await, Ok(Some(record)));
}

async fn of_many_who_want_one_address_one_gets_it(store: Store) {
    let outcomes = race(50, |user| {
        let (store, mut new) = (store.clone(), with_passkey(user));
        new.email = email("ada@example.org");
        async move { store.create_account(&new).await.expect("written") }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Creation::Created).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Creation::EmailTaken).count(), 49);
}

async fn a_passkey_belongs_to_one_account(store: Store) {
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let thief = NewAccount { way_in: with_passkey(1).way_in, ..with_password(9) };
    assert_eq!(store.create_account(&thief).await, Ok(Creation::CredentialTaken));
    assert_eq!(store.account(&thief.id).await, Ok(None));
    let _ = store.create_account(&with_password(2)).await.expect("written");
    let taken = credential(&Authenticator::derived(1, 1));
    assert_eq!(store.add_passkey(&with_password(2).id, &taken).await, Ok(Addition::Taken));
}

async fn passkeys_are_added_to_a_bound_renamed_and_removed(store: Store) {
    let (store, account) = (&store, with_passkey(0).id);
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    for user in 1..u64::from(PASSKEYS_MAX) {
        let added = store.add_passkey(&account, &credential(&Authenticator::derived(1, user))).await;
        assert_eq!(added, Ok(Addition::Added));
    }
    let more = credential(&Authenticator::derived(1, 99));
    assert_eq!(store.add_passkey(&account, &more).await, Ok(Addition::TooMany));
    assert_eq!(store.add_passkey(&AccountId::from_bytes([0; 16]), &more).await, Ok(Addition::NoAccount));
    let digest = Authenticator::derived(1, 1).record().digest;
    assert_eq!(store.rename_passkey(&account, &digest, "Key ring").await, Ok(true));
    assert_eq!(store.rename_passkey(&AccountId::from_bytes([0; 16]), &digest, "Mine").await, Ok(false));
    let passkeys = store.passkeys(&account).await.expect("read");
    assert!(passkeys.iter().any(|passkey| passkey.digest == digest && passkey.name == "Key ring"));
    assert_eq!(store.remove_passkey(&account, &digest, None).await, Ok(Removal::Removed));
    assert_eq!(store.remove_passkey(&account, &digest, None).await, Ok(Removal::NotFound));
    assert_eq!(store.credential(&digest).await, Ok(None));
    assert_eq!(store.passkeys(&account).await.expect("read").len(), 19);
}

async fn a_hash_is_renewed_only_while_the_password_is_the_same(store: Store) {
    let (store, account) = (&store, with_passkey(0).id);
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    let hash = |text: &str| PasswordHash::new(text.into());
    assert_eq!(store.set_password(&account, &hash("changed"), None).await, Ok(true));
    store.renew_hash(&account, &hash("old"), &hash("old, stronger")).await.expect("written");
    let password = async || store.account(&account).await.expect("read").and_then(|account| account.password);
    assert_eq!(password().await, Some(hash("changed")));
    store.renew_hash(&account, &hash("changed"), &hash("changed, stronger")).await.expect("written");
    assert_eq!(password().await, Some(hash("changed, stronger")));
}

async fn the_last_way_in_stays_whatever_races(store: Store) {
    let account = with_passkey(0).id;
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    for user in 1..10 {
        let added = store.add_passkey(&account, &credential(&Authenticator::derived(1, user))).await;
        assert_eq!(added, Ok(Addition::Added));
    }
    let outcomes = race(10, |user| {
        let (store, digest) = (store.clone(), Authenticator::derived(1, user).record().digest);
        async move { store.remove_passkey(&account, &digest, None).await.expect("written") }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Removal::Removed).count(), 9);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Removal::LastWayIn).count(), 1);
    let last = store.passkeys(&account).await.expect("read")[0].digest;
    assert_eq!(store.set_password(&account, &PasswordHash::new("$argon2id$".into()), None).await, Ok(true));
    assert_eq!(store.remove_passkey(&account, &last, None).await, Ok(Removal::Removed));
}

async fn parallel_guesses_get_no_more_than_the_limit(store: Store) {
    const WINDOW: Duration = Duration::from_mins(15);
    let key = [9; 32];
    let outcomes = race(50, |_| {
        let store = store.clone();
        async move { store.reserve_attempt(&key, 5, WINDOW, NOW).await.expect("written") }
    })
    .await;
    let granted = outcomes.iter().filter(|outcome| matches!(outcome, Attempt::Granted { .. })).count();
    assert_eq!(granted, 5);
    let exhausted = Attempt::Exhausted { until: NOW.plus(WINDOW) };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == exhausted).count(), 45);
    let later = NOW.plus(WINDOW);
    assert_eq!(store.reserve_attempt(&key, 5, WINDOW, later).await, Ok(Attempt::Granted { left: 4 }));
    store.clear_attempts(&key).await.expect("written");
    assert_eq!(store.reserve_attempt(&key, 1, WINDOW, NOW).await, Ok(Attempt::Granted { left: 0 }));
    assert_eq!(store.reserve_attempt(&[1; 32], 0, WINDOW, NOW).await, Ok(exhausted));
}

async fn a_population_is_inserted_whole_or_not_at_all(store: Store) {
    let population: Vec<_> = (0..1000).map(with_passkey).collect();
    store.insert_accounts(&population).await.expect("inserted");
    assert!(store.account(&population[999].id).await.expect("read").is_some());
    assert_eq!(store.passkeys(&population[500].id).await.expect("read").len(), 1);
    let overlapping: Vec<_> = (999..1010).map(with_passkey).collect();
    assert!(matches!(store.insert_accounts(&overlapping).await, Err(StoreError::Broken(_))));
    assert_eq!(store.account(&overlapping[10].id).await, Ok(None));
    store.insert_accounts(&overlapping[1..]).await.expect("inserted");
}

async fn a_failing_job_spoils_none_of_its_batch(store: Store) {
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    let outcomes = race(60, |user| {
        let store = store.clone();
        async move {
            match user % 3 {
                0 => store.insert_accounts(&[with_passkey(0)]).await.is_ok(), // Taken: an error of the database.
                _ => store.create_account(&with_passkey(user)).await.expect("written") == Creation::Created,
            }
        }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|written| **written).count(), 40);
}

fn log_in(sign_count: u32, at: u64, backup_state: bool) -> LoginEvent {
    let record = Authenticator::derived(1, 1).record();
    LoginEvent {
        account: record.account,
        session: SessionId::from_bytes([1; 16]),
        at: NOW.plus(Duration::from_secs(at)),
        passkey: Some(PasskeyUsed { credential: record.digest, sign_count, backup_state, revision: at }),
    }
}

async fn log_ins_of_another_tier_are_settled_once_and_never_backwards(store: Store) {
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let record = Authenticator::derived(1, 1).record();
    let lane = record.account.lane();
    let without_passkey = LoginEvent { passkey: None, ..log_in(0, 9, false) };
    let events = vec![(5, log_in(4, 1, false)), (6, log_in(9, 2, true)), (7, without_passkey)];
    assert_eq!(store.settle_log_ins(lane, events.clone()).await, Ok(3));
    assert_eq!(store.settle_log_ins(lane, events).await, Ok(0));
    assert_eq!(store.settled_through(lane).await, Ok(7));
    assert_eq!(store.settle_log_ins(lane, vec![(8, log_in(4, 1, false))]).await, Ok(1));
    let now = store.credential(&record.digest).await.expect("read").expect("a passkey");
    assert_eq!((now.sign_count, now.backup_state, now.revision), (9, true, 2));
    let last_used = store.passkeys(&record.account).await.expect("read")[0].last_used;
    assert_eq!(last_used, Some(NOW.plus(Duration::from_secs(2))));
}

async fn a_revocation_is_noted_with_its_fact_until_it_is_told(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let keep = SessionId::from_bytes([3; 16]);
    let hash = PasswordHash::new("$argon2id$".into());
    assert_eq!(store.set_password(&AccountId::from_bytes([0; 16]), &hash, None).await, Ok(false));
    assert_eq!(store.set_password(&account, &hash, Some(keep)).await, Ok(true));
    let digest = Authenticator::derived(1, 1).record().digest;
    assert_eq!(store.remove_passkey(&account, &digest, None).await, Ok(Removal::Removed));
    let untold = store.untold_revocations(0, 10).await.expect("read");
    let of_account: Vec<_> = untold.iter().filter(|(_, revocation)| revocation.account == account).collect();
    assert_eq!(of_account[0].1, Revocation { account, credential: None, keep: Some(keep) });
    assert_eq!(of_account[1].1, Revocation { account, credential: Some(digest), keep: None });
    for (n, _) in &untold {
        store.revocation_told(*n).await.expect("told");
    }
    assert_eq!(store.untold_revocations(0, 10).await, Ok(vec![]));
}

/// Any number of processes start at once on an empty database, and later ones find it as they left it.
#[tokio::test]
async fn many_start_at_once_on_an_empty_postgresql() {
    let server = postgres::Postgres::shared();
    let url = server.database();
    let opened = race(8, |_| {
        let url = url.clone();
        async move { connect(&url).await }
    })
    .await;
    for store in opened {
        store.expect("a store").close().await;
    }
    assert_eq!(server.run(&url, "SELECT steps FROM aldgate_schema"), sql::schema::MIGRATIONS.len().to_string());
}

#[tokio::test]
async fn a_postgresql_that_is_not_ours_or_too_new_is_refused_in_one_line_without_a_password() {
    let server = postgres::Postgres::shared();
    let foreign = server.database();
    server.run(&foreign, "CREATE TABLE theirs (a BIGINT)");
    let refusal = async |url: &str| connect(url).await.err().expect("a refusal").to_string();
    assert!(refusal(&foreign).await.contains("holds another program's tables"));
    let newer = server.database();
    connect(&newer).await.expect("a store").close().await;
    server.run(&newer, "UPDATE aldgate_schema SET steps = 99, oldest = 98");
    assert!(refusal(&newer).await.contains("it has schema 99"));
    server.run(&newer, "UPDATE aldgate_schema SET oldest = 1");
    connect(&newer).await.expect("a newer schema that only added is no hindrance").close().await;
    let gone = refusal("postgres://aldgate@127.0.0.1:1/none").await;
    assert!(
        gone.starts_with("cannot use PostgreSQL (store.url, 127.0.0.1:1/none): ") && !gone.contains('\n'),
        "{gone}"
    );
}
