//! The store's promises, on a real file: races are decided once, nothing acknowledged is lost, nothing readable lies
//! on the disk.

use super::*;
use crate::model::{NewCredential, WayIn};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::testing::{ManualClock, SeededEntropy};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A store in a folder of its own.
pub(crate) struct Home {
    pub(crate) store: Store,
    folder: TempDir,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(&folder.path().join("aldgate.db")).await.expect("a store");
        Self { store, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("aldgate.db")
    }
}

async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, &world::master_key(), Arc::new(SeededEntropy::new(1))).await
}

/// The message of a refusal to open.
async fn refusal(path: &Path) -> String {
    open(path).await.err().expect("a refusal").to_string()
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

pub(crate) fn credential(authenticator: &Authenticator) -> NewCredential {
    NewCredential {
        credential_id: authenticator.credential_id.to_vec(),
        record: authenticator.record(),
        name: "Phone".into(),
        aaguid: [7; 16],
        transports: vec!["internal".into(), "hybrid".into()],
        created: NOW,
    }
}

/// The account of derived user `user`, with its passkey.
pub(crate) fn with_passkey(user: u64) -> NewAccount {
    let authenticator = Authenticator::derived(1, user);
    NewAccount {
        id: authenticator.account,
        email: email(&format!("user{user}@example.org")),
        way_in: WayIn::Passkey(credential(&authenticator)),
        created: NOW,
    }
}

fn with_password(user: u8) -> NewAccount {
    NewAccount {
        id: AccountId::from_bytes([user; 16]),
        email: email(&format!("password{user}@example.org")),
        way_in: WayIn::Password(PasswordHash::new("$argon2id$one".into())),
        created: NOW,
    }
}

/// Runs `task` on `count` tasks at once; gives what each gave.
async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: u64,
    task: impl Fn(u64) -> F,
) -> Vec<T> {
    (0..count).map(task).collect::<JoinSet<_>>().join_all().await
}

#[tokio::test]
async fn an_account_is_found_by_id_and_by_address() {
    let home = Home::new().await;
    let new = with_passkey(1);
    assert_eq!(home.store.create_account(&new).await, Ok(Creation::Created));
    let account = home.store.account(&new.id).await.expect("read").expect("an account");
    assert_eq!((account.id, &account.email, account.created), (new.id, &new.email, NOW));
    assert_eq!(account.password, None);
    let found = home.store.account_by_email(&email("USER1@Example.Org")).await.expect("read");
    assert_eq!(found, Some(account));
    assert_eq!(home.store.account_by_email(&email("user2@example.org")).await, Ok(None));
    let passkeys = home.store.passkeys(&new.id).await.expect("read");
    assert_eq!((passkeys.len(), passkeys[0].name.as_str(), passkeys[0].aaguid), (1, "Phone", [7; 16]));
    let record = Authenticator::derived(1, 1).record();
    assert_eq!(home.store.credential(&record.digest).await, Ok(Some(record)));
}

#[tokio::test]
async fn of_many_who_want_one_address_one_gets_it() {
    let home = Home::new().await;
    let store = home.store.clone();
    let outcomes = race(50, |user| {
        let (store, mut new) = (store.clone(), with_passkey(user));
        new.email = email("ada@example.org");
        async move { store.create_account(&new).await.expect("written") }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Creation::Created).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Creation::EmailTaken).count(), 49);
}

#[tokio::test]
async fn a_passkey_belongs_to_one_account() {
    let home = Home::new().await;
    let _ = home.store.create_account(&with_passkey(1)).await.expect("written");
    let thief = NewAccount { way_in: with_passkey(1).way_in, ..with_password(9) };
    assert_eq!(home.store.create_account(&thief).await, Ok(Creation::CredentialTaken));
    assert_eq!(home.store.account(&thief.id).await, Ok(None));
    let _ = home.store.create_account(&with_password(2)).await.expect("written");
    let taken = credential(&Authenticator::derived(1, 1));
    assert_eq!(home.store.add_passkey(&with_password(2).id, &taken).await, Ok(Addition::Taken));
}

#[tokio::test]
async fn passkeys_are_added_to_a_bound_renamed_and_removed() {
    let home = Home::new().await;
    let (store, account) = (&home.store, with_passkey(0).id);
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

/// A session of the account, opened by a passkey or a password.
async fn opened(store: &Store, account: AccountId, byte: u8, credential: Option<CredentialDigest>) -> SessionId {
    let session = SessionId::from_bytes([byte; 16]);
    let record = SessionRecord { account, credential, ..world::session_record() };
    let opening = Opening { session, record, replaces: None };
    assert_eq!(store.open_session(&opening).await, Ok(Settlement::Settled));
    session
}

#[tokio::test]
async fn a_new_password_and_a_removed_passkey_end_their_sessions_in_the_same_write() {
    let home = Home::new().await;
    let (store, account) = (&home.store, with_passkey(0).id);
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    let other = Authenticator::derived(1, 1);
    assert_eq!(store.add_passkey(&account, &credential(&other)).await, Ok(Addition::Added));
    let digest = other.record().digest;
    let mine = opened(store, account, 1, None).await;
    let by_passkey = opened(store, account, 2, Some(digest)).await;
    let by_password = opened(store, account, 3, None).await;
    assert_eq!(store.remove_passkey(&account, &digest, Some(mine)).await, Ok(Removal::Removed));
    let stands = async |session: SessionId| store.session(&session).await.expect("read").is_some();
    assert_eq!([stands(mine).await, stands(by_passkey).await, stands(by_password).await], [true, false, true]);
    let new = PasswordHash::new("$argon2id$new".into());
    assert_eq!(store.set_password(&account, &new, Some(mine)).await, Ok(true));
    assert_eq!([stands(mine).await, stands(by_password).await], [true, false]);
}

#[tokio::test]
async fn a_hash_is_renewed_only_while_the_password_is_the_same() {
    let home = Home::new().await;
    let (store, account) = (&home.store, with_passkey(0).id);
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    let hash = |text: &str| PasswordHash::new(text.into());
    assert_eq!(store.set_password(&account, &hash("changed"), None).await, Ok(true));
    store.renew_hash(&account, &hash("old"), &hash("old, stronger")).await.expect("written");
    let password = async || store.account(&account).await.expect("read").and_then(|account| account.password);
    assert_eq!(password().await, Some(hash("changed")));
    store.renew_hash(&account, &hash("changed"), &hash("changed, stronger")).await.expect("written");
    assert_eq!(password().await, Some(hash("changed, stronger")));
}

#[tokio::test]
async fn the_last_way_in_stays_whatever_races() {
    let home = Home::new().await;
    let (store, account) = (home.store.clone(), with_passkey(0).id);
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

#[tokio::test]
async fn parallel_guesses_get_no_more_than_the_limit() {
    const WINDOW: Duration = Duration::from_mins(15);
    let home = Home::new().await;
    let (store, key) = (home.store.clone(), [9; 32]);
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

#[tokio::test]
async fn a_reopened_store_finds_everything() {
    let home = Home::new().await;
    let _ = home.store.create_account(&with_passkey(1)).await.expect("written");
    let _ = home.store.create_account(&with_password(2)).await.expect("written");
    home.store.close().await;
    assert!(home.store.set_password(&with_password(2).id, &PasswordHash::new("x".into()), None).await.is_err());
    let store = open(&home.path()).await.expect("a store");
    let account = store.account_by_email(&email("password2@example.org")).await.expect("read").expect("an account");
    assert_eq!(account.password, Some(PasswordHash::new("$argon2id$one".into())));
    assert!(store.account(&with_passkey(1).id).await.expect("read").is_some());
    assert_eq!(store.passkeys(&with_passkey(1).id).await.expect("read").len(), 1);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_without_an_orderly_end() {
    let home = Home::new().await;
    let _ = home.store.create_account(&with_passkey(1)).await.expect("written");
    let copy = tempfile::tempdir().expect("a folder");
    for suffix in ["", "-wal"] {
        let name = format!("aldgate.db{suffix}");
        std::fs::copy(home.folder.path().join(&name), copy.path().join(&name)).expect("a copy");
    }
    let store = open(&copy.path().join("aldgate.db")).await.expect("a store");
    assert!(store.account(&with_passkey(1).id).await.expect("read").is_some());
}

#[tokio::test]
async fn the_files_are_the_owners_alone_and_hold_no_address() {
    let home = Home::new().await;
    let mut new = with_passkey(1);
    new.email = email("Ada.Lovelace@analytical.example");
    let _ = home.store.create_account(&new).await.expect("written");
    for suffix in ["", "-wal", "-shm"] {
        let path = home.folder.path().join(format!("aldgate.db{suffix}"));
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(&path).expect("a file").to_ascii_lowercase();
        for needle in [&b"lovelace"[..], b"analytical.example"] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{suffix}");
        }
    }
}

#[tokio::test]
async fn an_altered_address_is_an_error_and_no_panic() {
    let home = Home::new().await;
    let _ = home.store.create_account(&with_passkey(1)).await.expect("written");
    let _ = home.store.create_account(&with_passkey(2)).await.expect("written");
    home.store.close().await;
    sql::swap_emails(&home.path()).await.expect("swapped");
    let store = open(&home.path()).await.expect("a store");
    assert!(matches!(store.account(&with_passkey(1).id).await, Err(StoreError::Broken(_))));
}

#[tokio::test]
async fn a_population_is_inserted_whole_or_not_at_all() {
    let home = Home::new().await;
    let population: Vec<_> = (0..1000).map(with_passkey).collect();
    home.store.insert_accounts(&population).await.expect("inserted");
    assert!(home.store.account(&population[999].id).await.expect("read").is_some());
    assert_eq!(home.store.passkeys(&population[500].id).await.expect("read").len(), 1);
    let overlapping: Vec<_> = (999..1010).map(with_passkey).collect();
    assert!(matches!(home.store.insert_accounts(&overlapping).await, Err(StoreError::Broken(_))));
    assert_eq!(home.store.account(&overlapping[10].id).await, Ok(None));
    home.store.insert_accounts(&overlapping[1..]).await.expect("inserted");
}

#[tokio::test]
async fn a_failing_job_spoils_none_of_its_batch() {
    let home = Home::new().await;
    let store = home.store.clone();
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

#[tokio::test]
async fn a_full_queue_refuses_and_never_grows() {
    let home = Home::new().await;
    let store = home.store.clone();
    let outcomes = race(2 * u64::try_from(writer::QUEUE_JOBS_MAX).expect("small"), |n| {
        let store = store.clone();
        let key = SingleUse::of(&n.to_be_bytes());
        async move { store.reserve_attempt(key.as_bytes(), 5, SWEEP_GRACE, NOW).await }
    })
    .await;
    assert!(outcomes.iter().any(Result::is_ok));
    assert!(outcomes.contains(&Err(StoreError::Busy)));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(StoreError::Busy))));
}

#[tokio::test]
async fn a_sweep_takes_what_ended_and_leaves_the_rest() {
    let home = Home::new().await;
    let store = home.store.clone();
    let ends = |n: u64| if n < 700 { NOW } else { NOW.plus(Duration::from_hours(1)) };
    let used = race(800, |n| {
        let store = store.clone();
        async move { store.consume(&SingleUse::of(&n.to_be_bytes()), ends(n)).await }
    })
    .await;
    assert!(used.iter().all(|outcome| *outcome == Ok(Settlement::Settled)));
    assert_eq!(store.sweep(NOW).await, Ok(0), "a late request may still be on its way");
    let clock = Arc::new(ManualClock::at(NOW.plus(SWEEP_GRACE)));
    let swept = store.clone();
    let sweeper = tokio::spawn(async move { swept.run_sweeper(&*clock, Duration::from_millis(1)).await });
    let forgotten = SingleUse::of(&0_u64.to_be_bytes());
    while store.consume(&forgotten, NOW).await != Ok(Settlement::Settled) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sweeper.abort();
    let remembered = SingleUse::of(&799_u64.to_be_bytes());
    assert_eq!(store.consume(&remembered, NOW).await, Ok(Settlement::ChallengeUsed));
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_in_one_line_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing/aldgate.db");
    let text = refusal(&missing).await;
    assert!(text.contains("cannot be opened for writing") && text.contains("missing/aldgate.db"), "{text}");
    let junk = folder.path().join("junk.db");
    std::fs::write(&junk, vec![b'x'; 8192]).expect("a file");
    assert_eq!(refusal(&junk).await, format!("{} is not a database", junk.display()));
    let foreign = folder.path().join("foreign.db");
    sql::scratch(&foreign, "CREATE TABLE theirs (a)").await.expect("a database");
    assert_eq!(refusal(&foreign).await, format!("the database {} belongs to another program", foreign.display()));
    let newer = folder.path().join("newer.db");
    open(&newer).await.expect("a store").close().await;
    sql::scratch(&newer, "PRAGMA user_version = 99").await.expect("a database");
    let text = refusal(&newer).await;
    assert!(text.contains("newer.db has schema 99, and this program knows only "), "{text}");
    assert!(!text.contains('\n'));
}
