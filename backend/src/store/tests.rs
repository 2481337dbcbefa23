//! The store's promises, on a real file: races are decided once, nothing acknowledged is lost, nothing readable lies
//! on the disk.

use super::audit::{AuditEntry, Break, PASSWORD_SET};
use super::*;
use crate::model::second_step::RememberedBrowser;
use crate::model::{Grant, GrantId, NewCredential, WayIn};
use aldgate_core::device::Device;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::testing::{ManualClock, SeededEntropy};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// By nobody in particular.
pub(crate) const ACT: Act = Act::system("test", NOW);

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

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("aldgate.db")
    }

    /// The same folder, with another store on it.
    pub(crate) fn with(self, store: Store) -> Self {
        Self { store, ..self }
    }
}

pub(crate) async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, &world::master_key(), Arc::new(SeededEntropy::new(1))).await
}

/// The message of a refusal to open.
async fn refusal(path: &Path) -> String {
    open(path).await.err().expect("a refusal").to_string()
}

pub(crate) fn email(text: &str) -> EmailAddress {
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

pub(crate) fn with_password(user: u8) -> NewAccount {
    NewAccount {
        id: AccountId::from_bytes([user; 16]),
        email: email(&format!("password{user}@example.org")),
        way_in: WayIn::Password(PasswordHash::new("$argon2id$one".into())),
        created: NOW,
    }
}

/// Runs `task` on `count` tasks at once; gives what each gave.
pub(crate) async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: u64,
    task: impl Fn(u64) -> F,
) -> Vec<T> {
    (0..count).map(task).collect::<JoinSet<_>>().join_all().await
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
    assert_eq!(store.remove_passkey(&account, &digest, Some(mine), ACT).await, Ok(Removal::Removed));
    let stands = async |session: SessionId| store.session(&session).await.expect("read").is_some();
    assert_eq!([stands(mine).await, stands(by_passkey).await, stands(by_password).await], [true, false, true]);
    let new = PasswordHash::new("$argon2id$new".into());
    assert_eq!(store.set_password(&account, None, &new, Some(mine), ACT).await, Ok(true));
    assert_eq!([stands(mine).await, stands(by_password).await], [true, false]);
}

#[tokio::test]
async fn a_reopened_store_finds_everything() {
    let home = Home::new().await;
    let _ = home.store.create_account(&with_passkey(1)).await.expect("written");
    let _ = home.store.create_account(&with_password(2)).await.expect("written");
    home.store.close().await;
    assert!(
        home.store.set_password(&with_password(2).id, None, &PasswordHash::new("x".into()), None, ACT).await.is_err()
    );
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
async fn a_full_queue_refuses_and_never_grows() {
    let home = Home::new().await;
    let store = home.store.clone();
    let outcomes = race(2 * u64::try_from(writer::QUEUE_JOBS_MAX).expect("small"), |n| {
        let store = store.clone();
        let key = SingleUse::of(&n.to_be_bytes());
        async move {
            store.reserve_attempt(vec![Reservation { key: *key.as_bytes(), limit: 5, window: SWEEP_GRACE }], NOW).await
        }
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

/// Entries about one account, in its chain, on a file that is then closed.
async fn audited_home() -> (Home, AccountId, u8) {
    let home = Home::new().await;
    let account = AccountId::from_bytes([0x53; 16]);
    for n in 0..5 {
        let act = Act::own(account, NOW.plus(Duration::from_secs(n)));
        home.store.audit(AuditEntry::done(act, PASSWORD_SET).about(account)).await.expect("written");
    }
    let chain = u8::try_from(account.lane().index()).expect("small");
    (home, account, chain)
}

/// What somebody does who can write in the database and has not the key.
#[tokio::test]
async fn whatever_is_done_to_the_audit_without_the_key_is_seen() {
    type Wanted = fn(u8) -> Result<(), Break>;
    let attacks: [(&str, Wanted); 9] = [
        ("UPDATE audit SET outcome = 'refused' WHERE n = 2", |chain| Err(Break::Altered { chain, n: 2 })),
        ("UPDATE audit SET actor = 'system:settler' WHERE n = 5", |chain| Err(Break::Altered { chain, n: 5 })),
        ("UPDATE audit SET at = at + 1 WHERE n = 1", |chain| Err(Break::Altered { chain, n: 1 })),
        ("UPDATE audit SET subject = NULL WHERE n = 3", |chain| Err(Break::Altered { chain, n: 3 })),
        ("UPDATE audit SET detail = '{\"a\":\"b\"}' WHERE n = 3", |chain| Err(Break::Altered { chain, n: 3 })),
        ("DELETE FROM audit WHERE n = 3", |chain| Err(Break::Missing { chain, n: 3 })),
        ("DELETE FROM audit WHERE n > 3", |chain| Err(Break::Missing { chain, n: 4 })),
        // Two entries change places: each has its tag, and neither has its place.
        (
            "UPDATE audit SET n = 99 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 99",
            |chain| Err(Break::Altered { chain, n: 2 }),
        ),
        ("UPDATE audit_head SET tag = x'00'", |chain| Err(Break::Rewritten { chain, n: 5 })),
    ];
    for (attack, wanted) in attacks {
        let (home, _, chain) = audited_home().await;
        assert!(home.store.verify_audit(&[]).await.expect("read").is_ok());
        home.store.close().await;
        sql::scratch(&home.path(), attack).await.expect("done");
        let store = open(&home.path()).await.expect("a store");
        assert_eq!(store.verify_audit(&[]).await.expect("read").map(drop), wanted(chain), "{attack}");
    }
    let (home, account, chain) = audited_home().await;
    let noted = home.store.verify_audit(&[]).await.expect("read").expect("whole");
    home.store.close().await;
    let cut = "UPDATE audit_head SET n = 3, tag = (SELECT tag FROM audit WHERE n = 3); DELETE FROM audit WHERE n > 3";
    sql::scratch(&home.path(), cut).await.expect("done");
    let store = open(&home.path()).await.expect("a store");
    assert!(store.verify_audit(&[]).await.expect("read").is_ok(), "the chain alone cannot show it");
    assert_eq!(
        store.verify_audit(&noted).await.expect("read").map(drop),
        Err(Break::Missing { chain, n: 4 }),
        "a note of its head does"
    );
    store.audit(AuditEntry::done(Act::own(account, NOW), PASSWORD_SET).about(account)).await.expect("written");
    store.audit(AuditEntry::done(Act::own(account, NOW), PASSWORD_SET).about(account)).await.expect("written");
    let rewritten = Err(Break::Rewritten { chain, n: 5 });
    assert_eq!(store.verify_audit(&noted).await.expect("read").map(drop), rewritten, "also when it has grown again");
}

/// Lets a service in, and has a browser remembered. Gives the grant.
async fn let_in(store: &Store, account: AccountId, session: SessionId) -> GrantId {
    let (id, ends) = (GrantId::from_bytes([1; 16]), NOW.plus(SWEEP_GRACE));
    let grant = Grant {
        id,
        account,
        session: Some(session),
        client: "rp".into(),
        record: Vec::new(),
        generation: 0,
        created: NOW,
        expires: ends,
        revoked: false,
    };
    assert_eq!(store.redeem(&grant, Some(ServedFrom { session, ends })).await, Ok(Redemption::Redeemed));
    let browser = RememberedBrowser { id: [5; 32], device: Device::default(), created: NOW, used: NOW };
    store.remember_browser(&account, browser).await.expect("written");
    assert_eq!(store.client_sessions(&account, NOW).await.map(|served| served.len()), Ok(1));
    id
}

#[tokio::test]
async fn a_copy_is_whole_while_others_write() {
    let home = Home::new().await;
    let population: Vec<_> = (0..300).map(with_passkey).collect();
    home.store.insert_accounts(&population).await.expect("inserted");
    let account = population[0].id;
    let opening = opened(&home.store, account, 1, None).await;
    let grant = let_in(&home.store, account, opening).await;
    let copy = home.folder.path().join("copy.db");
    let writing = home.store.clone();
    let writer = tokio::spawn(async move {
        for user in 1000..1100 {
            let _ = writing.create_account(&with_passkey(user)).await.expect("written");
        }
    });
    home.store.copy_to(&copy).await.expect("copied");
    writer.await.expect("written");
    assert!(home.store.copy_to(&copy).await.is_err(), "a copy is never written over another");
    assert_eq!(std::fs::metadata(&copy).expect("a file").permissions().mode() & 0o777, 0o600);
    let store = open(&copy).await.expect("a store");
    assert_eq!(store.fit().await, Ok(Ok(())));
    assert!(store.account(&population[299].id).await.expect("read").is_some());
    assert!(store.session(&opening).await.expect("read").is_some());
    store.restored(Act::system("test", NOW)).await.expect("written");
    assert!(store.session(&opening).await.expect("read").is_none(), "what has ended since must not stand again");
    let revoked = store.grant(&grant).await.expect("read").expect("a grant").revoked;
    assert!(revoked, "a refresh token that was revoked since must not be good again");
    assert_eq!(store.client_sessions(&account, NOW).await, Ok(vec![]));
    assert_eq!(store.remembered_browsers(&account).await, Ok(vec![]), "nor a browser that was forgotten since");
    store.close().await;
    let other = MasterKey::new([9; 32]);
    let stranger = Store::open(&copy, &other, Arc::new(SeededEntropy::new(1))).await.expect("a store");
    assert!(matches!(stranger.fit().await, Ok(Err(Unfit::Keys(_)))));
}

#[tokio::test]
async fn what_is_to_be_delivered_stands_sealed() {
    let home = Home::new().await;
    let later = home.store.deliver_later(delivery::Kind("test"), b"to ada@analytical.example", NOW, SWEEP_GRACE);
    later.await.expect("written");
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(home.folder.path().join(format!("aldgate.db{suffix}"))).expect("a file");
        assert!(!bytes.windows(10).any(|window| window == b"analytical"), "{suffix}");
    }
}

/// With its address, its look-up by it, one passkey and every index: what the file grows by, once it is tidy.
#[tokio::test]
async fn an_account_takes_no_more_than_500_bytes() {
    const ACCOUNTS: u64 = 10_000;
    let home = Home::new().await;
    home.store.close().await;
    let size = || std::fs::metadata(home.path()).expect("a file").len();
    let empty = size();
    let store = open(&home.path()).await.expect("a store");
    for first in (0..ACCOUNTS).step_by(1000) {
        let population: Vec<_> = (first..first + 1000).map(with_passkey).collect();
        store.insert_accounts(&population).await.expect("inserted");
    }
    store.close().await;
    let each = (size() - empty) / ACCOUNTS;
    assert!((100..=500).contains(&each), "{each} bytes");
}
