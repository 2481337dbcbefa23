//! The one suite of the store's facts, over both databases: what a fact is must not depend on where it lies.
//!
//! PostgreSQL is started by the tests; each case has a database of its own.

use super::audit::{Actor, AuditEntry, Break, Head, SESSIONS_ENDED};
use super::client::{ClientChange, TokenOfClient};
use super::data_key::tests::MemoryKeys;
use super::delivery::{Kind, Outgoing};
use super::reseal::Step;
use super::tests::{ACT, credential, email, race, with_passkey, with_password};
use super::*;
use crate::model::second_step::{AppKey, RememberedBrowser, SecondStep, StepKind};
use crate::model::telephone::PhoneNumber;
use crate::model::{
    ChangedPasskeys, Consent, Grant, GrantId, LogoutNotice, NhsNumber, Person, Revocation, UsedService,
};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::device::Device;
use aldgate_core::id::TokenDigest;
use aldgate_core::language::Language;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::token::family;
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
    a_session_that_was_put_out_changes_nothing_more
    a_password_stands_only_in_the_place_of_the_one_that_was_verified
    the_last_way_in_stays_whatever_races
    parallel_guesses_get_no_more_than_the_limit
    a_population_is_inserted_whole_or_not_at_all
    a_failing_job_spoils_none_of_its_batch
    log_ins_of_another_tier_are_settled_once_and_never_backwards
    of_a_log_in_in_a_new_browser_somebody_is_told_once
    a_revocation_is_noted_with_its_fact_until_it_is_told
    whatever_ends_a_grant_or_stops_a_client_notes_that_gateways_must_hear
    a_client_is_changed_as_it_was_read_and_its_name_is_nobodys_when_it_is_gone
    a_disabled_account_is_so_at_once_in_everything_and_an_enabled_one_begins_anew
    disabling_overtakes_whatever_races
    a_fact_and_its_audit_entry_are_one
    an_nhs_number_is_of_one_account_and_finds_it
    of_many_who_have_one_nhs_number_one_gets_it
    nhs_numbers_of_a_version_before_are_found_when_they_have_been_filled_in
    what_is_verified_of_a_person_stands_in_the_audit_and_moves_their_passkeys
    a_chain_that_many_append_to_at_once_stays_whole
    refused_sign_ins_are_one_entry_an_account_and_window_whatever_an_attacker_does
    what_is_allowed_and_remembered_stands_in_the_audit_without_secrets
    what_is_due_is_taken_by_one_and_again_when_its_lease_ends
    a_new_data_key_takes_over_and_the_old_one_goes_when_nothing_needs_it
    two_backends_seal_anew_through_two_rotations_at_once
    of_many_who_rotate_at_once_one_has_made_the_key
    a_missing_or_wrong_data_key_seals_nothing_and_says_so
    a_new_data_key_reaches_second_steps_and_former_contacts
    a_value_that_does_not_open_holds_up_no_other_and_its_key_back
    a_client_is_told_of_a_session_once_whatever_races
    a_change_of_contact_is_taken_back_once
    whoever_changed_a_contact_keeps_nothing_of_what_they_added_when_it_is_taken_back
    what_a_thief_put_there_does_not_stand_there_again
    what_is_done_once_is_done_once_whatever_races
    the_last_second_step_stays_beside_a_short_password
    an_app_code_and_a_recovery_code_open_once_whatever_races
    a_locked_account_keeps_what_it_had_before_and_a_closed_one_nothing
    when_a_service_was_used_outlives_its_grants_and_not_its_consent
    a_consent_is_what_was_given_last_until_it_is_taken_back
    a_code_is_redeemed_while_what_it_rests_on_stands_and_whatever_races
    what_a_client_keeps_is_sealed_and_what_lay_open_is_sealed_too
    of_many_who_begin_to_keep_something_one_does
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
    assert_eq!(store.rename_passkey(&account, &digest, "Key ring", ACT).await, Ok(true));
    assert_eq!(store.rename_passkey(&AccountId::from_bytes([0; 16]), &digest, "Mine", ACT).await, Ok(false));
    let passkeys = store.passkeys(&account).await.expect("read");
    assert!(passkeys.iter().any(|passkey| passkey.digest == digest && passkey.name == "Key ring"));
    assert_eq!(store.remove_passkey(&account, &digest, None, ACT).await, Ok(Removal::Removed));
    assert_eq!(store.remove_passkey(&account, &digest, None, ACT).await, Ok(Removal::NotFound));
    assert_eq!(store.credential(&digest).await, Ok(None));
    assert_eq!(store.passkeys(&account).await.expect("read").len(), 19);
}

async fn a_hash_is_renewed_only_while_the_password_is_the_same(store: Store) {
    let (store, account) = (&store, with_passkey(0).id);
    let _ = store.create_account(&with_passkey(0)).await.expect("written");
    let hash = |text: &str| PasswordHash::new(text.into());
    assert_eq!(store.set_password(&account, None, &hash("changed"), None, ACT).await, Ok(true));
    assert_eq!(store.renew_hash(&account, &hash("old"), &hash("old, stronger")).await, Ok(false));
    let password = async || store.account(&account).await.expect("read").and_then(|account| account.password);
    assert_eq!(password().await, Some(hash("changed")));
    assert_eq!(store.renew_hash(&account, &hash("changed"), &hash("changed, stronger")).await, Ok(true));
    assert_eq!(password().await, Some(hash("changed, stronger")));
}

async fn a_session_that_was_put_out_changes_nothing_more(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let session = |byte, secs| InSession {
        account,
        session: SessionId::from_bytes([byte; 16]),
        authenticated: NOW.plus(Duration::from_secs(secs)),
    };
    let (thief, owner, later) = (session(1, 0), session(2, 0), session(3, 60));
    let at = NOW.plus(Duration::from_secs(60));
    let hash = PasswordHash::new("$argon2id$".into());
    let act = Act::own(account, at);
    assert_eq!(store.set_password(&account, None, &hash, Some(owner.session), act).await, Ok(true));
    let added = |by: InSession, user| {
        let store = store.within(by);
        async move { store.add_passkey(&account, &credential(&Authenticator::derived(1, user))).await }
    };
    assert_eq!(added(thief, 2).await, Err(StoreError::SessionEnded), "it came before and was put out");
    assert_eq!(added(owner, 3).await, Ok(Addition::Added), "it stays");
    assert_eq!(added(later, 4).await, Ok(Addition::Added), "it came after");
    let locked = at.plus(Duration::from_secs(60));
    assert_eq!(store.lock(&account, locked, None, Act::system("link", locked)).await, Ok(true));
    for by in [thief, owner, later] {
        let store = store.within(by);
        let number = phone("07700 900123");
        let app = SecondStep::App(AppKey::new([1; 20]));
        assert_eq!(added(by, 5).await, Err(StoreError::SessionEnded));
        assert_eq!(store.set_phone(&account, &number, [1; 16], locked).await, Err(StoreError::SessionEnded));
        assert_eq!(store.set_second_step(&account, &app, 0, locked).await, Err(StoreError::SessionEnded));
    }
    assert_eq!(added(session(4, 120), 5).await, Ok(Addition::Added));
}

async fn a_password_stands_only_in_the_place_of_the_one_that_was_verified(store: Store) {
    let hash = |text: &str| PasswordHash::new(format!("$argon2id${text}"));
    let account = with_password(1).id;
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let password = async || store.account(&account).await.expect("read").expect("an account").password;
    let changes = race(10, |n| {
        let (store, new) = (store.clone(), hash(&n.to_string()));
        async move { store.set_password(&account, Some(&hash("one")), &new, None, ACT).await.expect("written") }
    })
    .await;
    assert_eq!(changes.iter().filter(|changed| **changed).count(), 1, "{changes:?}");
    let stolen = password().await;
    // Whoever had verified it before the owner locked the account comes too late.
    assert_eq!(store.lock(&account, NOW, None, Act::system("link", NOW)).await, Ok(true));
    assert_eq!(store.set_password(&account, stolen.as_ref(), &hash("a thief's"), None, ACT).await, Ok(false));
    assert_eq!(password().await, None);
    let recovered = store.recover(&account, None, &hash("the owner's"), None, ACT).await;
    assert_eq!(recovered, Ok(Recovery::Recovered));
    for verified in [None, stolen.as_ref()] {
        assert_eq!(store.set_password(&account, verified, &hash("a thief's"), None, ACT).await, Ok(false));
    }
    assert_eq!(password().await, Some(hash("the owner's")));
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
        async move { store.remove_passkey(&account, &digest, None, ACT).await.expect("written") }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Removal::Removed).count(), 9);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Removal::LastWayIn).count(), 1);
    let last = store.passkeys(&account).await.expect("read")[0].digest;
    assert_eq!(store.set_password(&account, None, &PasswordHash::new("$argon2id$".into()), None, ACT).await, Ok(true));
    assert_eq!(store.remove_passkey(&account, &last, None, ACT).await, Ok(Removal::Removed));
}

async fn parallel_guesses_get_no_more_than_the_limit(store: Store) {
    const WINDOW: Duration = Duration::from_mins(15);
    let under = |key, limit| vec![Reservation { key: [key; 32], limit, window: WINDOW }];
    let outcomes = race(50, |_| {
        let store = store.clone();
        async move { store.reserve_attempt(under(9, 5), NOW).await.expect("written") }
    })
    .await;
    let granted = outcomes.iter().filter(|outcome| matches!(outcome, Attempt::Granted { .. })).count();
    assert_eq!(granted, 5);
    let exhausted = Attempt::Exhausted { until: NOW.plus(WINDOW), at: 0 };
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == exhausted).count(), 45);
    let later = NOW.plus(WINDOW);
    assert_eq!(store.reserve_attempt(under(9, 5), later).await, Ok(Attempt::Granted { left: vec![4] }));
    store.clear_attempts(vec![[9; 32]]).await.expect("written");
    assert_eq!(store.reserve_attempt(under(9, 1), NOW).await, Ok(Attempt::Granted { left: vec![0] }));
    assert_eq!(store.reserve_attempt(under(1, 0), NOW).await, Ok(exhausted));
    let several = [under(2, 5), under(9, 1), under(3, 5)].concat();
    let middle = Attempt::Exhausted { until: NOW.plus(WINDOW), at: 1 };
    assert_eq!(store.reserve_attempt(several, NOW).await, Ok(middle), "the one in the middle has none left");
    store.give_back_attempt(vec![[9; 32]]).await.expect("written");
    let counted = [under(3, 5), under(2, 5)].concat();
    assert_eq!(
        store.reserve_attempt(counted, NOW).await,
        Ok(Attempt::Granted { left: vec![4, 3] }),
        "and stood before it"
    );
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
        passkey: Some(PasskeyUsed {
            credential: record.digest,
            sign_count,
            backup_state,
            revision: at,
            new_browser: None,
        }),
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

async fn of_a_log_in_in_a_new_browser_somebody_is_told_once(store: Store) {
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let in_new_browser = |at, language| {
        let mut event = log_in(1, at, false);
        event.passkey = event.passkey.map(|used| PasskeyUsed { new_browser: language, ..used });
        event
    };
    let account = log_in(1, 1, false).account;
    let events = vec![(5, in_new_browser(1, None)), (6, in_new_browser(2, Some(Language::Welsh)))];
    assert_eq!(store.settle_log_ins(account.lane(), events).await, Ok(2));
    let untold = store.new_browsers(10).await.expect("read");
    let [log_in] = untold[..] else { panic!("{untold:?}") };
    let at = NOW.plus(Duration::from_secs(2));
    assert_eq!((log_in.account, log_in.at, log_in.language), (account, at, Language::Welsh));
    let told = race(8, |_| {
        let message = Outgoing { kind: Kind("test"), payload: b"told".to_vec().into(), at: NOW, lifetime: MINUTE };
        let store = store.telling(vec![message]);
        async move { store.new_browser_told(&log_in).await.expect("written") }
    })
    .await;
    assert_eq!(told.into_iter().filter(|first| *first).count(), 1);
    assert_eq!(store.take_due(NOW, MINUTE, 10).await.expect("read").len(), 1, "and one message with it");
    assert_eq!(store.new_browsers(10).await, Ok(Vec::new()));
}

async fn a_revocation_is_noted_with_its_fact_until_it_is_told(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let keep = SessionId::from_bytes([3; 16]);
    let hash = PasswordHash::new("$argon2id$".into());
    assert_eq!(store.set_password(&AccountId::from_bytes([0; 16]), None, &hash, None, ACT).await, Ok(false));
    assert_eq!(store.set_password(&account, None, &hash, Some(keep), ACT).await, Ok(true));
    let digest = Authenticator::derived(1, 1).record().digest;
    assert_eq!(store.remove_passkey(&account, &digest, None, ACT).await, Ok(Removal::Removed));
    let (numbers, untold): (Vec<_>, Vec<_>) =
        store.untold(Queue::Sessions, 0, 10).await.expect("read").into_iter().unzip();
    let ends = |credential, keep| News::Sessions(Revocation { account, credential, keep });
    assert_eq!(untold, [ends(None, Some(keep)), ends(Some(digest), None)]);
    store.told(Queue::Sessions, numbers[..1].to_vec()).await.expect("told");
    assert_eq!(store.untold(Queue::Sessions, 0, 10).await, Ok(vec![(numbers[1], untold[1])]), "the other waits");
    store.told(Queue::Sessions, numbers[1..].to_vec()).await.expect("told");
    assert_eq!(store.untold(Queue::Sessions, 0, 10).await, Ok(vec![]));
}

/// What gateways must hear of the ends of access tokens; it is forgotten by this.
async fn take_untold(store: &Store) -> Vec<TokenDigest> {
    let untold = store.untold(Queue::Tokens, 0, 1_000).await.expect("read");
    store.told(Queue::Tokens, untold.iter().map(|(n, _)| *n).collect()).await.expect("told");
    let digest = |news: News| match news {
        News::Tokens(ended) if ended.until > NOW.plus(family::LIFE_MAX) => ended.digest,
        other => panic!("{other:?} among the ends of tokens"),
    };
    untold.into_iter().map(|(_, news)| digest(news)).collect()
}

async fn whatever_ends_a_grant_or_stops_a_client_notes_that_gateways_must_hear(store: Store) {
    let account = with_password(1).id;
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let (here, act) = (SessionId::from_bytes([1; 16]), || Act::own(account, NOW));
    let grant = |n, session| Grant {
        id: GrantId::from_bytes([n; 16]),
        account,
        session: Some(session),
        client: if n % 2 == 0 { "even".into() } else { "odd".into() },
        record: Vec::new(),
        generation: 0,
        created: NOW,
        expires: NOW.plus(MINUTE),
        revoked: false,
    };
    let elsewhere = SessionId::from_bytes([2; 16]);
    for n in 0..8 {
        let grant = grant(n, if n == 7 { here } else { elsewhere });
        assert_eq!(store.redeem(&grant, None).await, Ok(Redemption::Redeemed));
    }
    let ended = |all: &[u8]| all.iter().map(|n| family::of_grant(&[*n; 16])).collect::<Vec<_>>();
    assert_eq!(take_untold(&store).await, []);
    assert_eq!(store.revoke_grant(&GrantId::from_bytes([0; 16]), NOW).await, Ok(true));
    assert_eq!(store.revoke_grant(&GrantId::from_bytes([0; 16]), NOW).await, Ok(false));
    assert_eq!(take_untold(&store).await, ended(&[0]), "once");
    assert_eq!(store.redeem(&grant(1, elsewhere), None).await, Ok(Redemption::Replayed));
    assert_eq!(take_untold(&store).await, ended(&[1]));
    assert_eq!(store.rotate(&grant(3, elsewhere), 0, NOW.plus(MINUTE), NOW).await, Ok(Rotation::Rotated));
    assert_eq!(take_untold(&store).await, []);
    assert_eq!(store.rotate(&grant(3, elsewhere), 0, NOW.plus(MINUTE), NOW).await, Ok(Rotation::Reused));
    assert_eq!(take_untold(&store).await, ended(&[3]));
    assert_eq!(store.withdraw_consent(&account, "even", act()).await, Ok(false), "there was none, and yet");
    let mut of_client = take_untold(&store).await;
    of_client.sort_unstable();
    let mut expected = ended(&[2, 4, 6]);
    expected.sort_unstable();
    assert_eq!(of_client, expected);
    let [old, new] = ["one", "two"].map(|text| PasswordHash::new(format!("$argon2id${text}")));
    assert_eq!(store.set_password(&account, Some(&old), &new, Some(here), ACT).await, Ok(true));
    assert_eq!(take_untold(&store).await, ended(&[5]), "but not what was given in the session that stays");
    assert_eq!(store.lock(&account, NOW, None, act()).await, Ok(true));
    assert_eq!(take_untold(&store).await, ended(&[7]));
    for disabled in [true, false] {
        store.set_client_disabled("even", disabled, act()).await.expect("written");
        let stopped: Vec<_> = if disabled { family::all_of_client("even", NOW).collect() } else { Vec::new() };
        assert_eq!(take_untold(&store).await, stopped, "{disabled}");
    }
    assert_eq!(store.add_client("odd", Vec::new(), act()).await, Ok(true));
    for removed in [true, false] {
        assert_eq!(store.remove_client("odd", act()).await, Ok(removed));
        let stopped: Vec<_> = if removed { family::all_of_client("odd", NOW).collect() } else { Vec::new() };
        assert_eq!(take_untold(&store).await, stopped, "{removed}");
    }
}

async fn a_client_is_changed_as_it_was_read_and_its_name_is_nobodys_when_it_is_gone(store: Store) {
    let act = || Act { by: Actor::System("test"), at: NOW };
    let change = |revision, record: u8, ends_tokens| ClientChange {
        id: "rp".into(),
        revision,
        record: vec![record],
        token: TokenOfClient::Kept,
        ends_tokens,
        members: Vec::new(),
        act: act(),
    };
    assert_eq!(store.change_client(change(0, 0, true)).await, Ok(false), "there is none");
    assert_eq!(store.add_client("rp", vec![0], act()).await, Ok(true));
    let changed = race(8, |_| {
        let (store, change) = (store.clone(), change(0, 1, false));
        async move { store.change_client(change).await.expect("written") }
    })
    .await;
    assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "of many who have read the same");
    let standing = async || {
        let stored = store.client("rp").await.expect("read").expect("a row");
        (stored.record, stored.revision, stored.generation, stored.disabled)
    };
    assert_eq!(standing().await, (Some(vec![1]), 1, 0, false));
    assert_eq!(take_untold(&store).await, []);
    assert_eq!(store.change_client(change(1, 2, true)).await, Ok(true));
    assert_eq!(take_untold(&store).await, family::all_of_client("rp", NOW).collect::<Vec<_>>());
    let by_itself = ClientChange { token: TokenOfClient::Renewed, ..change(2, 3, false) };
    assert_eq!(store.change_client(by_itself).await, Ok(true));
    assert_eq!(store.renew_client_token("rp", act()).await, Ok(Some(2)));
    assert_eq!(standing().await, (Some(vec![3]), 4, 2, false));
    store.set_client_disabled("rp", true, act()).await.expect("written");
    assert_eq!(store.renew_client_token("rp", act()).await, Ok(None), "it is out of use");
    store.set_client_disabled("rp", false, act()).await.expect("written");
    assert_eq!(store.remove_client("rp", act()).await, Ok(true));
    assert_eq!(standing().await, (None, 7, 4, true), "its name stays behind, out of use");
    assert_eq!(store.add_client("rp", vec![9], act()).await, Ok(false));
    assert_eq!(store.change_client(change(7, 9, false)).await, Ok(false));
    assert_eq!(store.renew_client_token("rp", act()).await, Ok(None));
    assert_eq!(store.remove_client("rp", act()).await, Ok(false));
}

async fn a_disabled_account_is_so_at_once_in_everything_and_an_enabled_one_begins_anew(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let digest = Authenticator::derived(1, 1).record().digest;
    let at = |secs| NOW.plus(Duration::from_secs(secs));
    let act = |secs| Act { by: Actor::Operator("ada".into()), at: at(secs) };
    let session = |secs| InSession { account, session: SessionId::from_bytes([1; 16]), authenticated: at(secs) };
    let grant = |n, session: Option<SessionId>| Grant {
        id: GrantId::from_bytes([n; 16]),
        account,
        session,
        client: "rp".into(),
        record: Vec::new(),
        generation: 0,
        created: NOW,
        expires: at(1_000),
        revoked: false,
    };
    for n in [1, 2] {
        let grant = grant(n, (n == 1).then_some(session(0).session));
        assert_eq!(store.redeem(&grant, None).await, Ok(Redemption::Redeemed));
    }
    let browser = RememberedBrowser { id: [5; 32], device: Device::default(), created: NOW, used: NOW };
    store.remember_browser(&account, browser).await.expect("written");
    let nobody = AccountId::from_bytes([9; 16]);
    assert_eq!(store.disable_account(&nobody, DisabledFor::Fraud, act(1)).await, Ok(Switching::NoAccount));
    assert_eq!(store.enable_account(&nobody, act(1)).await, Ok(Switching::NoAccount));
    assert_eq!(store.enable_account(&account, act(1)).await, Ok(Switching::AsItWas));

    assert_eq!(store.disable_account(&account, DisabledFor::Fraud, act(10)).await, Ok(Switching::Done));
    assert_eq!(store.disable_account(&account, DisabledFor::Death, act(11)).await, Ok(Switching::AsItWas));
    let told = DisabledAccount { at: at(10), reason: DisabledFor::Fraud, actor: "operator:ada".into() };
    assert_eq!(store.disabled_account(&account).await, Ok(Some(told)));
    let disabled = async || {
        let by_email = store.account_by_email(&email("user1@example.org")).await.expect("read").expect("an account");
        let passkey = store.credential(&digest).await.expect("read").expect("a passkey");
        let by_id = store.account(&account).await.expect("read").expect("an account");
        [by_id.disabled, by_email.disabled, passkey.disabled]
    };
    assert_eq!(disabled().await, [true; 3]);
    for n in [1, 2] {
        let id = GrantId::from_bytes([n; 16]);
        assert!(store.grant(&id).await.expect("read").expect("a grant").revoked, "{n}");
        let rotated = store.rotate(&grant(n, None), 0, at(2_000), at(12)).await;
        assert_eq!(rotated, Ok(Rotation::Gone));
    }
    assert_eq!(store.remembered_browsers(&account).await, Ok(vec![]));
    assert_eq!(take_untold(&store).await.len(), 2, "every gateway hears of both grants");
    let ends = News::Sessions(Revocation { account, credential: None, keep: None });
    let worth_nothing = News::Passkeys(ChangedPasskeys { account, ends_all: true });
    let newest = async |queue| store.untold(queue, 0, 10).await.expect("read").last().map(|(_, news)| *news);
    assert_eq!([newest(Queue::Sessions).await, newest(Queue::Passkeys).await], [Some(ends), Some(worth_nothing)]);

    // Nothing that its owner does, or whoever has what opens it, changes that; nor does a session that opened too late.
    let new = PasswordHash::new("$argon2id$new".into());
    assert_eq!(store.recover(&account, None, &new, None, Act::system("link", at(20))).await, Ok(Recovery::Recovered));
    assert_eq!(store.lock(&account, NOW, None, Act::system("link", at(30))).await, Ok(true));
    let store_within = store.within(session(1_000));
    let phone = phone("07700 900123");
    assert_eq!(store_within.set_phone(&account, &phone, [1; 16], at(40)).await, Err(StoreError::SessionEnded));
    let needed = Consent { scopes: 1, claims: 0, level: IdentityLevel::P0, at: NOW };
    store.give_consent(&account, "rp", needed).await.expect("written");
    let late = grant(3, Some(session(1_000).session));
    assert_eq!(store.redeem_resting_on(&late, session(1_000), needed, None).await, Ok(Redemption::Gone));
    assert_eq!(store.account(&account).await.expect("read").map(|account| account.disabled), Some(true));

    let before = store.credential(&digest).await.expect("read").map(|passkey| passkey.revision);
    assert_eq!(before, None, "the lock took what had been added in the day before");
    assert_eq!(store.add_passkey(&account, &credential(&Authenticator::derived(1, 1))).await, Ok(Addition::Added));
    assert_eq!(store.enable_account(&account, act(50)).await, Ok(Switching::Done));
    assert_eq!(disabled().await, [false; 3]);
    assert_eq!(store.disabled_account(&account).await, Ok(None));
    assert_eq!(newest(Queue::Passkeys).await, Some(News::Passkeys(ChangedPasskeys { account, ends_all: false })));
    let rested_on = GrantId::from_bytes([1; 16]);
    assert!(store.grant(&rested_on).await.expect("read").expect("a grant").revoked, "what has ended stays so");
    assert_eq!(store_within.set_phone(&account, &phone, [1; 16], at(60)).await, Ok(None));
    let actions = actions(&store, &account).await;
    let disablings: Vec<_> = actions.iter().filter(|action| action.contains("abled")).collect();
    assert_eq!(disablings, ["account.disabled", "account.enabled"]);
    let entries = store.audited_of(&account, 100).await.expect("read");
    let entry = entries.iter().map(audit::Audited::json).find(|entry| entry["action"] == "account.disabled");
    let entry = entry.expect("an entry");
    assert_eq!((&entry["actor"], &entry["detail"]["reason"]), (&"operator:ada".into(), &"fraud".into()));
    // An account that is closed leaves nothing of it.
    assert_eq!(store.disable_account(&account, DisabledFor::Request, act(70)).await, Ok(Switching::Done));
    assert_eq!(store.close_account(&account, act(80)).await, Ok(true));
    assert_eq!(store.disabled_account(&account).await, Ok(None));
}

async fn disabling_overtakes_whatever_races(store: Store) {
    let account = with_password(1).id;
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let session =
        InSession { account, session: SessionId::from_bytes([1; 16]), authenticated: NOW.plus(Duration::from_secs(1)) };
    let needed = Consent { scopes: 1, claims: 0, level: IdentityLevel::P0, at: NOW };
    store.give_consent(&account, "rp", needed).await.expect("written");
    let left = race(20, |n| {
        let store = store.clone();
        let grant = Grant {
            id: GrantId::from_bytes([u8::try_from(n).expect("few"); 16]),
            account,
            session: Some(session.session),
            client: "rp".into(),
            record: Vec::new(),
            generation: 0,
            created: NOW,
            expires: NOW.plus(MINUTE),
            revoked: false,
        };
        async move {
            if n == 10 {
                let done = store.disable_account(&account, DisabledFor::Compromise, ACT).await;
                assert_eq!(done, Ok(Switching::Done));
            } else {
                let _ = store.redeem_resting_on(&grant, session, needed, None).await.expect("written");
            }
            grant.id
        }
    })
    .await;
    for id in left {
        assert!(store.grant(&id).await.expect("read").is_none_or(|grant| grant.revoked));
    }
}

fn person(number: &str) -> Person {
    Person { nhs_number: Some(NhsNumber::parse(number).expect("a number")), ..Person::default() }
}

async fn an_nhs_number_is_of_one_account_and_finds_it(store: Store) {
    let (one, other) = (with_passkey(1).id, with_passkey(2).id);
    for user in [1, 2] {
        let _ = store.create_account(&with_passkey(user)).await.expect("written");
    }
    let ada = person("9000000009");
    let set = async |account, facts: &Person| store.set_person(account, IdentityLevel::P9, facts, ACT).await;
    let found = async |text| {
        let number = NhsNumber::parse(text).expect("a number");
        store.account_by_nhs_number(&number).await.expect("read").map(|account| account.id)
    };
    let nobody = AccountId::from_bytes([9; 16]);
    assert_eq!(set(&nobody, &ada).await, Ok(Verification::NoAccount));
    assert_eq!(found("9000000009").await, None);
    assert_eq!(set(&one, &ada).await, Ok(Verification::Written));
    assert_eq!(set(&one, &ada).await, Ok(Verification::Written), "it is the same account's");
    assert_eq!(set(&other, &ada).await, Ok(Verification::NumberTaken));
    assert_eq!(store.person(&other).await, Ok(Person::default()), "nothing was changed");
    let account = store.account(&other).await.expect("read").expect("an account");
    assert_eq!(account.identity, IdentityLevel::P0);
    let refused = store.audited_of(&other, 1).await.expect("read")[0].json();
    assert_eq!((&refused["action"], &refused["outcome"]), (&"person.verified".into(), &"refused".into()));
    assert_eq!(refused["detail"]["why"], "nhs-number-taken");
    assert_eq!((found("900 000 0009").await, found("9000000017").await), (Some(one), None));
    // A number that was corrected, and one of an account that is closed, are free again.
    assert_eq!(set(&one, &person("9000000017")).await, Ok(Verification::Written));
    assert_eq!((found("9000000009").await, found("9000000017").await), (None, Some(one)));
    assert_eq!(set(&other, &ada).await, Ok(Verification::Written));
    assert_eq!(store.close_account(&one, Act::own(one, NOW)).await, Ok(true));
    assert_eq!(found("9000000017").await, None);
    assert_eq!(set(&other, &person("9000000017")).await, Ok(Verification::Written));
    assert_eq!(set(&other, &Person::default()).await, Ok(Verification::Written));
    assert_eq!(found("9000000017").await, None);
}

async fn of_many_who_have_one_nhs_number_one_gets_it(store: Store) {
    let population: Vec<_> = (0..20).map(with_passkey).collect();
    store.insert_accounts(&population).await.expect("inserted");
    let outcomes = race(20, |user| {
        let (store, account) = (store.clone(), population[usize::try_from(user).expect("few")].id);
        async move {
            let set = store.set_person(&account, IdentityLevel::P5, &person("9912003071"), ACT).await;
            set.expect("written")
        }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Verification::Written).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Verification::NumberTaken).count(), 19);
}

async fn nhs_numbers_of_a_version_before_are_found_when_they_have_been_filled_in(store: Store) {
    let (one, none) = (with_passkey(1).id, with_passkey(2).id);
    for user in [1, 2] {
        let _ = store.create_account(&with_passkey(user)).await.expect("written");
    }
    let number = NhsNumber::parse("9000000009").expect("a number");
    let set = async |account, facts: &Person| store.set_person(account, IdentityLevel::P9, facts, ACT).await;
    assert_eq!(set(&one, &person("9000000009")).await, Ok(Verification::Written));
    assert_eq!(set(&none, &Person::default()).await, Ok(Verification::Written));
    store.writer.write(sql::person::Unfill).await.expect("as before");
    let found = async || store.account_by_nhs_number(&number).await.expect("read").map(|account| account.id);
    assert_eq!(found().await, None);
    assert_eq!(store.fill_nhs_numbers().await, Ok(false), "all that there are");
    assert_eq!(found().await, Some(one));
    assert_eq!(set(&none, &person("9000000009")).await, Ok(Verification::NumberTaken));
    // Two that a version before had given one number: the first is found, and neither is changed or held up.
    store.writer.write(sql::person::Unfill).await.expect("as before");
    assert_eq!(set(&none, &person("9000000009")).await, Ok(Verification::Written), "it is not known yet");
    assert_eq!(store.fill_nhs_numbers().await, Ok(false));
    assert_eq!(found().await, Some(none));
    assert_eq!(store.person(&one).await, Ok(person("9000000009")));
    assert_eq!(store.fill_nhs_numbers().await, Ok(false), "it is not gone through again");
}

async fn what_is_verified_of_a_person_stands_in_the_audit_and_moves_their_passkeys(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let digest = Authenticator::derived(1, 1).record().digest;
    let act = |secs| Act { by: Actor::Operator("ada".into()), at: NOW.plus(Duration::from_secs(secs)) };
    let untold = async || {
        let untold = store.untold(Queue::Passkeys, 0, 10).await.expect("read");
        store.told(Queue::Passkeys, untold.iter().map(|(n, _)| *n).collect()).await.expect("told");
        untold.into_iter().map(|(_, news)| news).collect::<Vec<_>>()
    };
    let mut revision = 1;
    for (n, level, ends_all) in [
        (1, IdentityLevel::P9, Some(false)),
        (2, IdentityLevel::P9, None),
        (3, IdentityLevel::P5, Some(true)),
        (4, IdentityLevel::P5, None),
    ] {
        let set = store.set_person(&account, level, &person("9000000009"), act(n)).await;
        assert_eq!(set, Ok(Verification::Written));
        let moved: Vec<_> =
            ends_all.map(|ends_all| News::Passkeys(ChangedPasskeys { account, ends_all })).into_iter().collect();
        revision += u64::try_from(moved.len()).expect("one or none");
        assert_eq!(untold().await, moved, "{n}");
        let passkey = store.credential(&digest).await.expect("read").expect("a passkey");
        assert_eq!((passkey.identity, passkey.revision), (level, revision), "{n}");
    }
    let entries = store.audited_of(&account, 4).await.expect("read");
    let levels: Vec<_> = entries.iter().rev().map(|entry| entry.json()["detail"]["level"].clone()).collect();
    assert_eq!(levels, ["P9", "P9", "P5", "P5"]);
    for entry in entries {
        let entry = entry.json();
        assert_eq!((&entry["actor"], &entry["outcome"]), (&"operator:ada".into(), &"done".into()));
        assert_eq!((&entry["action"], &entry["subject"]), (&"person.verified".into(), &account.to_string().into()));
        assert!(!entry.to_string().contains("9000000009"), "{entry}");
    }
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

/// Everything that is done to an account, in the words of the audit, oldest first.
async fn actions(store: &Store, account: &AccountId) -> Vec<String> {
    let mut entries = store.audited_of(account, 100).await.expect("read");
    entries.reverse();
    entries.iter().map(|entry| entry.json()["action"].as_str().expect("an action").to_owned()).collect()
}

async fn a_fact_and_its_audit_entry_are_one(store: Store) {
    let account = with_passkey(1).id;
    let act = |secs| Act::own(account, NOW.plus(Duration::from_secs(secs)));
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let second =
        NewCredential { created: NOW.plus(Duration::from_secs(1)), ..credential(&Authenticator::derived(1, 2)) };
    assert_eq!(store.add_passkey(&account, &second).await, Ok(Addition::Added));
    let digest = second.record.digest;
    assert_eq!(store.rename_passkey(&account, &digest, "Key ring", act(2)).await, Ok(true));
    let hash = PasswordHash::new("$argon2id$secret".into());
    assert_eq!(store.set_password(&account, None, &hash, None, act(3)).await, Ok(true));
    assert_eq!(store.remove_passkey(&account, &digest, None, act(4)).await, Ok(Removal::Removed));
    let facts = ["account.created", "passkey.added", "passkey.renamed", "password.set", "passkey.removed"];
    assert_eq!(actions(&store, &account).await, facts);
    let entry = store.audited_of(&account, 1).await.expect("read")[0].json();
    assert_eq!(entry["actor"], format!("account:{account}"));
    assert_eq!((&entry["subject"], &entry["outcome"]), (&account.to_string().into(), &"done".into()));
    assert_eq!(entry["detail"]["passkey"], digest.to_string());
    // What did not happen has no entry.
    let nobody = AccountId::from_bytes([9; 16]);
    assert_eq!(store.set_password(&nobody, None, &hash, None, act(5)).await, Ok(false));
    assert_eq!(store.rename_passkey(&account, &digest, "Gone", act(5)).await, Ok(false));
    assert_eq!(store.create_account(&with_passkey(1)).await, Ok(Creation::EmailTaken));
    assert_eq!(actions(&store, &nobody).await, Vec::<String>::new());
    assert_eq!(actions(&store, &account).await.len(), 5);
    for entry in store.audited_of(&account, 100).await.expect("read") {
        let text = entry.json().to_string();
        assert!(!text.contains("secret") && !text.contains("Key ring") && !text.contains("example.org"), "{text}");
    }
}

async fn a_chain_that_many_append_to_at_once_stays_whole(store: Store) {
    let account = AccountId::from_bytes([0x35; 16]);
    let written = race(40, |n| {
        let store = store.clone();
        let act = Act::system("test", NOW.plus(Duration::from_secs(n)));
        async move { store.audit(AuditEntry::done(act, SESSIONS_ENDED).about(account)).await }
    })
    .await;
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let heads = store.verify_audit(&[]).await.expect("read").expect("whole");
    let head = heads.iter().find(|head| usize::from(head.chain) == account.lane().index()).expect("a chain");
    assert_eq!((heads.len(), head.n), (17, 40));
    let earlier = *head;
    store.audit(AuditEntry::done(Act::system("test", NOW), SESSIONS_ENDED).about(account)).await.expect("written");
    assert!(store.verify_audit(&[earlier]).await.expect("read").is_ok(), "it leads on from where it was");
    let other = Head { tag: [7; 32], ..earlier };
    let rewritten = Break::Rewritten { chain: earlier.chain, n: 40 };
    assert_eq!(store.verify_audit(&[other]).await.expect("read"), Err(rewritten));
    assert_eq!(earlier.to_string().parse(), Ok(earlier));
}

async fn refused_sign_ins_are_one_entry_an_account_and_window_whatever_an_attacker_does(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let (known, unknown) = (email("user1@example.org"), email("nobody@example.org"));
    let refusals = race(60, |n| {
        let (store, known, unknown) = (store.clone(), known.clone(), unknown.clone());
        let of = if n % 3 == 0 { SignInRefusal::SecondStep } else { SignInRefusal::Throttled };
        async move {
            store.count_refusal(&unknown, of, NOW).await.expect("counted");
            store.count_refusal(&known, of, NOW.plus(Duration::from_secs(n))).await
        }
    })
    .await;
    assert!(refusals.iter().all(Result::is_ok), "{refusals:?}");
    store.sweep(NOW.plus(REFUSALS_WINDOW / 2)).await.expect("swept");
    assert_eq!(actions(&store, &account).await, ["account.created"], "its window has not ended");
    let later = NOW.plus(REFUSALS_WINDOW * 2);
    store.sweep(later).await.expect("swept");
    store.sweep(later).await.expect("swept");
    assert_eq!(actions(&store, &account).await, ["account.created", "sign-in.refused"]);
    let entry = store.audited_of(&account, 1).await.expect("read")[0].json();
    assert_eq!((&entry["outcome"], &entry["actor"]), (&"refused".into(), &"system:sign-in".into()));
    assert_eq!((&entry["detail"]["throttled"], &entry["detail"]["wrong_second_steps"]), (&"40".into(), &"20".into()));
    let of_none = store.audited(audit::CHAINS - 1, 0, 10).await.expect("read");
    assert!(of_none.is_empty(), "of an address without an account nothing is said");
    assert!(store.verify_audit(&[]).await.expect("read").is_ok());
}

async fn what_is_allowed_and_remembered_stands_in_the_audit_without_secrets(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let given = Consent { scopes: 3, claims: 0, level: IdentityLevel::P9, at: NOW };
    store.give_consent(&account, "rp", given).await.expect("written");
    let at = |secs| Act::own(account, NOW.plus(Duration::from_secs(secs)));
    assert_eq!(store.withdraw_consent(&account, "rp", at(1)).await, Ok(true));
    assert_eq!(store.withdraw_consent(&account, "rp", at(2)).await, Ok(false));
    let created = NOW.plus(Duration::from_secs(3));
    let browser = RememberedBrowser { id: [5; 32], device: Device::default(), created, used: created };
    store.remember_browser(&account, browser).await.expect("written");
    assert_eq!(store.forget_browser(&account, [5; 32], at(4)).await, Ok(true));
    assert_eq!(store.forget_browser(&account, [5; 32], at(5)).await, Ok(false));
    let wanted = ["account.created", "consent.given", "consent.withdrawn", "browser.remembered", "browser.forgotten"];
    assert_eq!(actions(&store, &account).await, wanted);
    let entries = store.audited_of(&account, 10).await.expect("read");
    let detail = |n: usize| entries[n].json()["detail"].clone();
    assert_eq!((&detail(3)["client"], &detail(3)["level"]), (&"rp".into(), &"P9".into()));
    assert!(store.verify_audit(&[]).await.expect("read").is_ok());
}

const TEST: Kind = Kind("test");
const MINUTE: Duration = Duration::from_mins(1);

async fn what_is_due_is_taken_by_one_and_again_when_its_lease_ends(store: Store) {
    let hour = Duration::from_hours(1);
    store.deliver_later(TEST, b"to ada@example.org", NOW, hour).await.expect("written");
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    assert_eq!(store.take_due(before, MINUTE, 10).await.expect("read"), vec![]);
    let taken = race(10, |_| {
        let store = store.clone();
        async move { store.take_due(NOW, MINUTE, 10).await.expect("read") }
    })
    .await;
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1, "one of many has it");
    assert_eq!((taken[0].payload.as_slice(), taken[0].attempts), (&b"to ada@example.org"[..], 0));
    let lease_over = NOW.plus(MINUTE);
    let again = store.take_due(lease_over, MINUTE, 10).await.expect("read");
    assert_eq!((again.len(), again[0].attempts), (1, 1), "whoever had it is gone");
    store.postpone(&again[0].id, lease_over.plus(MINUTE)).await.expect("written");
    assert_eq!(store.take_due(lease_over, MINUTE, 10).await.expect("read"), vec![]);
    store.delivered(&again[0].id).await.expect("written");
    assert_eq!(store.take_due(lease_over.plus(MINUTE), MINUTE, 10).await.expect("read"), vec![]);
    let long = vec![0; delivery::PAYLOAD_BYTES_MAX + 1];
    assert!(store.deliver_later(TEST, &long, NOW, MINUTE).await.is_err());
}

/// As the background does it, but at once.
async fn reseal(store: &Store, now: Timestamp) {
    for _ in 0..20 {
        if store.reseal_step(now).await.expect("resealed") == Step::Nothing {
            return;
        }
    }
    panic!("it does not end");
}

async fn a_new_data_key_takes_over_and_the_old_one_goes_when_nothing_needs_it(store: Store) {
    let (keys, act) = (MemoryKeys::default(), Act::system("test", NOW));
    let population: Vec<_> = (0..450).map(with_passkey).collect();
    store.insert_accounts(&population).await.expect("inserted");
    let from = NOW.plus(MINUTE);
    assert_eq!(store.make_data_key(&keys, from, act.clone()).await, Ok(KeyId(1)));
    store.look_at_keys(&keys, NOW).await.expect("in order");
    let values = async || store.data_keys().await.expect("read").iter().map(|key| key.values).collect::<Vec<_>>();
    let _ = store.create_account(&with_passkey(1000)).await.expect("written");
    assert_eq!(values().await, [451, 0], "it is announced and not used yet");

    store.look_at_keys(&keys, from).await.expect("in order");
    let _ = store.create_account(&with_passkey(1001)).await.expect("written");
    assert_eq!(values().await, [451, 1], "what is new is under the new one");
    assert_eq!(store.reseal_step(from).await, Ok(Step::Nothing), "another process may not know it yet");
    let later = from.plus(MINUTE);
    assert_eq!(store.reseal_step(later).await, Ok(Step::More));
    assert!((200..=201).contains(&values().await[1]), "step by step: {:?}", values().await);
    reseal(&store, later).await;
    assert_eq!(values().await, [0, 452]);
    let found = store.account_by_email(&email("user7@example.org")).await.expect("read").expect("an account");
    assert_eq!(found.email, email("user7@example.org"), "found as before, and opened by the new key");

    assert_eq!(store.make_data_key(&keys, later, act.clone()).await, Ok(KeyId(2)));
    let dropping = async |id| store.drop_data_key(&keys, KeyId(id), act.clone()).await.expect("read");
    assert_eq!(dropping(0).await, Err(NotDropped::Derived));
    assert_eq!(dropping(2).await, Err(NotDropped::Newest));
    assert_eq!(dropping(7).await, Err(NotDropped::Unknown));
    assert_eq!(dropping(1).await, Err(NotDropped::NotResealed));
    store.look_at_keys(&keys, later).await.expect("in order");
    reseal(&store, later.plus(MINUTE)).await;
    assert_eq!(dropping(1).await, Ok(()));
    assert!(keys.load(KeyId(1)).await.expect("read").is_none(), "it is destroyed");
    store.look_at_keys(&keys, later).await.expect("in order without it");
    assert!(store.account(&population[7].id).await.expect("read").is_some());
}

/// Two backends on one database, of which one is late: it hears of the second key when the other has sealed under it for a
/// while, and its clock is behind. Each does a step in turn.
async fn two_backends_seal_anew_through_two_rotations_at_once(store: Store) {
    let (keys, act) = (MemoryKeys::default(), Act::system("test", NOW));
    let population: Vec<_> = (0..1_000).map(with_passkey).collect();
    store.insert_accounts(&population).await.expect("inserted");
    let late = store.another(&world::master_key(), Arc::new(SeededEntropy::new(2)));
    let minutes = |n: u32| NOW.plus(MINUTE * n);
    assert_eq!(store.make_data_key(&keys, NOW, act.clone()).await, Ok(KeyId(1)));
    assert_eq!(store.make_data_key(&keys, minutes(10), act.clone()).await, Ok(KeyId(2)));
    late.look_at_keys(&keys, minutes(1)).await.expect("in order");
    for _ in 0..2 {
        assert_eq!(late.reseal_step(minutes(1)).await, Ok(Step::More), "the first is under way");
    }
    store.look_at_keys(&keys, minutes(11)).await.expect("in order");
    let (mut steps, mut behind) = (0, 0);
    while store.reseal_step(minutes(11)).await.expect("resealed") == Step::More {
        behind += usize::from(late.reseal_step(minutes(1)).await.expect("resealed") == Step::More);
        steps += 1;
        assert!(steps < 40, "neither comes to an end");
    }
    assert_eq!(behind, 0, "who is late leaves it to the other");
    let values = async || store.data_keys().await.expect("read").iter().map(|key| key.values).collect::<Vec<_>>();
    assert_eq!(values().await, [0, 0, 1_000]);
    // Late to the end: what it seals goes under the old key until it looks, and the newest is what the rest stays under.
    assert_eq!(late.reseal_step(minutes(5)).await, Ok(Step::Nothing));
    assert_eq!(values().await, [0, 0, 1_000], "nothing goes back under the old one");
    assert_eq!(store.drop_data_key(&keys, KeyId(1), act).await, Ok(Ok(())));
    late.look_at_keys(&keys, minutes(12)).await.expect("in order");
    assert!(late.account(&population[7].id).await.expect("read").is_some());
}

async fn of_many_who_rotate_at_once_one_has_made_the_key(store: Store) {
    let (shared, act) = (Arc::new(MemoryKeys::default()), Act::system("test", NOW));
    let made = race(8, |_| {
        let (store, shared, act) = (store.clone(), shared.clone(), act.clone());
        async move { store.make_data_key(&*shared, NOW, act).await.expect("made") }
    })
    .await;
    // Whoever came when it was made has made the next one, and nobody has made one of the same number.
    let keys = store.data_keys().await.expect("read");
    assert_eq!(u16::try_from(keys.len() - 1).expect("few"), made.iter().map(|id| id.0).max().expect("eight"));
    store.look_at_keys(&*shared, NOW).await.expect("each is the one of its number");
    // On machines of their own, each has another key in mind.
    let before = keys.len();
    let apart = race(8, |_| {
        let (store, act) = (store.clone(), act.clone());
        async move {
            let own = MemoryKeys::default();
            let made = store.make_data_key(&own, NOW, act).await;
            let id = KeyId(u16::try_from(before).expect("few"));
            (made.is_ok(), own.load(id).await.expect("read").is_some())
        }
    })
    .await;
    assert!(apart.iter().any(|(made, _)| *made), "{apart:?}");
    assert!(apart.iter().all(|(made, left)| *made || !left), "who was late keeps no key that is of nothing: {apart:?}");
}

async fn a_missing_or_wrong_data_key_seals_nothing_and_says_so(store: Store) {
    let (keys, act) = (MemoryKeys::default(), Act::system("test", NOW));
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    assert_eq!(store.make_data_key(&keys, NOW, act).await, Ok(KeyId(1)));
    let missing = store.look_at_keys(&MemoryKeys::default(), NOW).await;
    assert!(missing.is_err_and(|error| error.to_string().contains("data key 1 is missing")));
    let refused = store.create_account(&with_passkey(2)).await;
    assert!(refused.is_err(), "nothing goes under a key that is on its way out");
    assert!(store.account(&with_passkey(1).id).await.expect("read").is_some(), "what is there opens");
    let wrong = MemoryKeys::default();
    wrong.replace(1, [9; 32]);
    let told = store.look_at_keys(&wrong, NOW).await;
    assert!(told.is_err_and(|error| error.to_string().contains("is not the one of this database")));
    store.look_at_keys(&keys, NOW).await.expect("in order");
    assert_eq!(store.create_account(&with_passkey(2)).await, Ok(Creation::Created));
}

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("a number")
}

async fn phone_of(store: &Store, account: &AccountId) -> Vec<SecondStep> {
    store.second_steps(account).await.expect("read").0.into_iter().map(|(step, _)| step).collect()
}

async fn a_new_data_key_reaches_second_steps_and_former_contacts(store: Store) {
    let (keys, act, account) = (MemoryKeys::default(), Act::system("test", NOW), with_password(1).id);
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let (old, new) = (phone("07700 900123"), phone("07700 900456"));
    assert_eq!(store.set_phone(&account, &old, [1; 16], NOW).await, Ok(None));
    let later = NOW.plus(MINUTE);
    assert_eq!(store.set_phone(&account, &new, [2; 16], later).await, Ok(Some(old.clone())));
    let keep = SessionId::from_bytes([3; 16]);
    let changed = store.set_email(&account, &email("new@example.org"), keep, [3; 16], None, NOW).await;
    assert_eq!(changed, Ok(EmailChange::Changed));
    assert_eq!(store.make_data_key(&keys, NOW, act.clone()).await, Ok(KeyId(1)));
    store.look_at_keys(&keys, NOW).await.expect("in order");
    reseal(&store, NOW.plus(MINUTE)).await;
    let values: Vec<_> = store.data_keys().await.expect("read").iter().map(|key| key.values).collect();
    assert_eq!(values, [0, 4], "address, telephone, and what each was before");
    assert_eq!(phone_of(&store, &account).await, [SecondStep::Phone(new)]);
    let taken = TakenAway { password: true, second_steps: 1, ..TakenAway::default() };
    assert_eq!(store.undo_contact_change(&account, [2; 16], act.clone()).await, Ok(Undoing::Undone(taken)));
    assert_eq!(phone_of(&store, &account).await, [SecondStep::Phone(old)]);
    assert_eq!(store.undo_contact_change(&account, [3; 16], act).await, Ok(Undoing::Used), "it was of the day before");
    let restored = store.account(&account).await.expect("read").expect("an account").email;
    assert_eq!(restored, with_password(1).email);
}

/// What somebody does to an account's sealed address who has the database and not the keys.
struct PutEmail(AccountId, Vec<u8>);

#[async_trait::async_trait]
impl job::Write for PutEmail {
    type Outcome = ();

    async fn write(&self, tx: &mut job::Tx<'_>) -> Result<(), StoreError> {
        let put = sql::statement::query("UPDATE account SET email = $2 WHERE id = $1").bind(self.0);
        put.bind(self.1.as_slice()).execute(&mut *tx.connection).await?;
        Ok(())
    }
}

async fn a_value_that_does_not_open_holds_up_no_other_and_its_key_back(store: Store) {
    let (keys, act) = (MemoryKeys::default(), Act::system("test", NOW));
    let population: Vec<_> = (0..450).map(with_passkey).collect();
    store.insert_accounts(&population).await.expect("inserted");
    let rotate = async |now: Timestamp| {
        let id = store.make_data_key(&keys, now, act.clone()).await.expect("made");
        store.look_at_keys(&keys, now).await.expect("in order");
        reseal(&store, now.plus(MINUTE)).await;
        id
    };
    assert_eq!(rotate(NOW).await, KeyId(1));
    let emails = &sql::reseal::PLACES[0];
    let sealed = async |account: &AccountId| {
        let found = sql::reseal::value(&store.readers, emails, account.as_bytes()).await.expect("read");
        found.expect("a value")
    };
    let (victim, other) = (population[7].id, population[8].id);
    let (good, of_other) = (sealed(&victim).await, sealed(&other).await);
    store.writer.write(PutEmail(victim, of_other)).await.expect("written");
    let later = NOW.plus(MINUTE * 10);
    assert_eq!(rotate(later).await, KeyId(2));
    let values = async || store.data_keys().await.expect("read").iter().map(|key| key.values).collect::<Vec<_>>();
    assert_eq!(values().await, [0, 1, 449], "all others were sealed anew");
    assert!(store.data_keys().await.expect("read")[2].resealed_at.is_some());
    let unopened = Unopened { place: "account.email".into(), row: sql::hex(victim.as_bytes()), key: KeyId(1) };
    assert_eq!(store.unopened(10).await, Ok(vec![unopened]));
    let dropping = async || store.drop_data_key(&keys, KeyId(1), act.clone()).await.expect("read");
    assert_eq!(dropping().await, Err(NotDropped::InUse { values: 1, unopened: 1 }));
    assert_eq!(store.reseal_step(later.plus(MINUTE * 2)).await, Ok(Step::Nothing), "it does not begin again");
    // Somebody puts it back from a backup.
    store.writer.write(PutEmail(victim, good)).await.expect("written");
    assert_eq!(store.reseal_step(later.plus(MINUTE * 3)).await, Ok(Step::Nothing));
    assert_eq!((values().await, store.unopened(10).await), (vec![0, 0, 450], Ok(vec![])));
    let mended = store.account(&victim).await.expect("read").expect("an account");
    assert_eq!(mended.email, population[7].email);
    assert_eq!(dropping().await, Ok(()));
}

async fn a_client_is_told_of_a_session_once_whatever_races(store: Store) {
    let account = with_passkey(1).id;
    let session = SessionId::from_bytes([1; 16]);
    for n in 0..3 {
        let grant = Grant {
            id: GrantId::from_bytes([n; 16]),
            account,
            session: None,
            client: if n == 2 { "other".into() } else { "rp".into() },
            record: Vec::new(),
            generation: 0,
            created: NOW,
            expires: NOW.plus(MINUTE),
            revoked: false,
        };
        let served = Some(ServedFrom { session, ends: NOW.plus(MINUTE) });
        assert_eq!(store.redeem(&grant, served).await, Ok(Redemption::Redeemed));
        assert_eq!(store.redeem(&grant, served).await, Ok(Redemption::Replayed));
    }
    assert_eq!(store.client_sessions(&account, Timestamp::from_millis(NOW.as_millis() - 1)).await, Ok(vec![]));
    let served = store.client_sessions(&account, NOW).await.expect("read");
    assert_eq!(served.len(), 2, "one a client");
    let announced = race(10, |_| {
        let (store, served) = (store.clone(), served.clone());
        async move { store.announce(&account, served, NOW).await }
    })
    .await;
    assert!(announced.iter().all(Result::is_ok), "{announced:?}");
    let due = store.take_due(NOW, MINUTE, 100).await.expect("read");
    let mut told: Vec<_> = due.iter().map(|due| LogoutNotice::decode(&due.payload).expect("a notice").client).collect();
    told.sort();
    assert_eq!(told, ["other", "rp"]);
    assert_eq!(store.client_sessions(&account, NOW).await, Ok(vec![]));
}

async fn a_change_of_contact_is_taken_back_once(store: Store) {
    let account = with_password(1).id;
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let _ = store.create_account(&with_password(2)).await.expect("written");
    let (keep, other) = (SessionId::from_bytes([3; 16]), with_password(2));
    let new = email("new@example.org");
    assert_eq!(store.set_email(&account, &other.email, keep, [8; 16], None, NOW).await, Ok(EmailChange::Taken));
    assert_eq!(store.set_email(&account, &new, keep, [9; 16], None, NOW).await, Ok(EmailChange::Changed));
    let stolen = store.set_email(&other.id, &with_password(1).email, keep, [7; 16], None, NOW).await;
    assert_eq!(stolen, Ok(EmailChange::Taken), "its former owner may want it back");
    let undone = race(10, |_| {
        let store = store.clone();
        async move { store.undo_contact_change(&account, [9; 16], Act::system("link", NOW)).await.expect("written") }
    })
    .await;
    assert_eq!(undone.iter().filter(|outcome| matches!(outcome, Undoing::Undone(_))).count(), 1);
    assert_eq!(undone.iter().filter(|outcome| **outcome == Undoing::Used).count(), 9);
    assert!(store.account_by_email(&with_password(1).email).await.expect("read").is_some());
    assert_eq!(store.account_by_email(&new).await, Ok(None));
    let others = store.undo_contact_change(&other.id, [9; 16], Act::system("link", NOW)).await;
    assert_eq!(others, Ok(Undoing::NotFound), "a change is its account's");
    assert_eq!(actions(&store, &account).await, ["account.created", "email.changed", "contact-change.undone"]);
}

/// A thief is in: they change the address, then the number, and make ways of their own to come back.
async fn whoever_changed_a_contact_keeps_nothing_of_what_they_added_when_it_is_taken_back(store: Store) {
    let (account, keep) = (with_passkey(1).id, SessionId::from_bytes([3; 16]));
    let (original, mine) = (email("user1@example.org"), phone("07700 900123"));
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    assert_eq!(store.set_phone(&account, &mine, [1; 16], NOW).await, Ok(None));
    store.set_recovery_codes(&account, vec![[1; 32]], ACT).await.expect("written");
    let at = |minutes| NOW.plus(UNDO_WITHIN + MINUTE * minutes);
    let own = |minutes| Act::own(account, at(minutes));
    // In the day before, and nobody is told how to take that back.
    let before = NewCredential { created: at(0), ..credential(&Authenticator::derived(1, 3)) };
    assert_eq!(store.add_passkey(&account, &before).await, Ok(Addition::Added));
    let changed = store.set_email(&account, &email("thief@evil.example"), keep, [2; 16], None, at(1)).await;
    assert_eq!(changed, Ok(EmailChange::Changed));
    let theirs = phone("07700 900456");
    assert_eq!(store.set_phone(&account, &theirs, [3; 16], at(2)).await, Ok(Some(mine.clone())));
    let landline = phone("020 7946 0000");
    assert_eq!(store.set_phone(&account, &landline, [4; 16], at(2)).await, Ok(None));
    store.set_second_step(&account, &SecondStep::App(AppKey::new([4; 20])), 1, at(3)).await.expect("written");
    store.set_recovery_codes(&account, vec![[2; 32], [3; 32]], own(4)).await.expect("written");
    let passkey = NewCredential { created: at(5), ..credential(&Authenticator::derived(1, 2)) };
    assert_eq!(store.add_passkey(&account, &passkey).await, Ok(Addition::Added));
    let hash = PasswordHash::new("$argon2id$theirs".into());
    assert_eq!(store.set_password(&account, None, &hash, None, own(6)).await, Ok(true));
    let browser = RememberedBrowser { id: [5; 32], device: Device::default(), created: at(7), used: at(7) };
    store.remember_browser(&account, browser).await.expect("written");
    let again = store.set_email(&account, &email("thief@other.example"), keep, [5; 16], None, at(8)).await;
    assert_eq!(again, Ok(EmailChange::Changed));

    let act = Act::system("link", at(60));
    let undone = store.undo_contact_change(&account, [2; 16], act.clone()).await;
    let taken = TakenAway { password: true, recovery_codes: true, second_steps: 3, passkeys: 2 };
    assert_eq!(undone, Ok(Undoing::Undone(taken)), "mobile, landline and app");
    let found = store.account(&account).await.expect("read").expect("an account");
    assert_eq!((found.email, found.password), (original.clone(), None));
    assert_eq!(phone_of(&store, &account).await, [SecondStep::Phone(mine.clone())]);
    assert_eq!(store.passkeys(&account).await.expect("read").len(), 1, "what was there before stays");
    assert_eq!((store.recovery_codes(&account).await, store.remembered_browsers(&account).await), (Ok(0), Ok(vec![])));
    for link in [[3; 16], [5; 16]] {
        let by_thief = store.undo_contact_change(&account, link, act.clone()).await;
        assert_eq!(by_thief, Ok(Undoing::Used), "a link that went to a contact of theirs takes nothing back");
    }
    let entry = store.audited_of(&account, 1).await.expect("read")[0].json();
    assert_eq!((&entry["detail"]["email"], &entry["detail"]["passkeys_removed"]), (&"restored".into(), &"2".into()));
}

/// A thief puts a telephone of theirs there, then another in its place: what is remembered of that is theirs too.
async fn what_a_thief_put_there_does_not_stand_there_again(store: Store) {
    let (account, keep) = (with_passkey(1).id, SessionId::from_bytes([3; 16]));
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let (mine, theirs) = (phone("020 7946 0000"), [phone("07700 900456"), phone("07700 900789")]);
    assert_eq!(store.set_phone(&account, &mine, [1; 16], NOW).await, Ok(None));
    let at = |minutes| NOW.plus(UNDO_WITHIN + MINUTE * minutes);
    assert_eq!(store.set_phone(&account, &theirs[0], [2; 16], at(1)).await, Ok(None));
    assert_eq!(store.set_phone(&account, &theirs[1], [3; 16], at(2)).await, Ok(Some(theirs[0].clone())));
    let removed = store.remove_second_step(&account, StepKind::Landline, [4; 16], 8, Act::own(account, at(3))).await;
    assert_eq!(removed, Ok(StepRemoval::Removed));
    let changed = store.set_email(&account, &email("thief@evil.example"), keep, [5; 16], None, at(4)).await;
    assert_eq!(changed, Ok(EmailChange::Changed));
    let undone = store.undo_contact_change(&account, [5; 16], Act::system("link", at(5))).await;
    assert!(matches!(undone, Ok(Undoing::Undone(TakenAway { second_steps: 1, .. }))), "{undone:?}");
    assert_eq!(phone_of(&store, &account).await, [SecondStep::Phone(mine)]);
}

/// What a link did is not done again by it, also where the account is as it was before; and what failed was not done.
async fn what_is_done_once_is_done_once_whatever_races(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let once = |byte| Some(Once { value: SingleUse::from_bytes([byte; 32]), until: NOW.plus(MINUTE) });
    let locked = race(10, |_| {
        let store = store.clone();
        async move { store.lock(&account, NOW, once(1), Act::system("link", NOW)).await.expect("written") }
    })
    .await;
    assert_eq!(locked.iter().filter(|locked| **locked).count(), 1);
    let hash = PasswordHash::new("$argon2id$".into());
    let recovered = store.recover(&account, None, &hash, once(2), ACT).await;
    assert_eq!(recovered, Ok(Recovery::Recovered));
    assert_eq!(store.lock(&account, NOW, None, Act::system("link", NOW)).await, Ok(true));
    assert_eq!(store.recover(&account, None, &hash, once(2), ACT).await, Ok(Recovery::Overtaken));
    assert_eq!(store.account(&account).await.expect("read").expect("an account").password, None);
}

async fn the_last_second_step_stays_beside_a_short_password(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    assert_eq!(store.set_phone(&account, &phone("07700 900123"), [7; 16], NOW).await, Ok(None));
    assert_eq!(store.set_phone(&account, &phone("020 7946 0000"), [8; 16], NOW).await, Ok(None));
    let remove = |kind: StepKind| store.remove_second_step(&account, kind, [kind.number(); 16], 15, ACT);
    let hash = |text: &str| PasswordHash::new(format!("$argon2id${text}"));
    assert_eq!(store.set_password(&account, None, &hash("short"), None, ACT).await, Ok(true));
    assert_eq!(remove(StepKind::Landline).await, Ok(StepRemoval::Removed), "another is left");
    assert_eq!(remove(StepKind::Mobile).await, Ok(StepRemoval::ShortPassword));
    assert_eq!(remove(StepKind::App).await, Ok(StepRemoval::NotFound));
    let long = hash("long").of_at_least(15);
    assert_eq!(store.set_password(&account, Some(&hash("short")), &long, None, ACT).await, Ok(true));
    assert_eq!(store.renew_hash(&account, &long, &hash("the same, stronger")).await, Ok(true));
    assert_eq!(remove(StepKind::Mobile).await, Ok(StepRemoval::Removed));
}

async fn an_app_code_and_a_recovery_code_open_once_whatever_races(store: Store) {
    let account = with_password(1).id;
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let app = SecondStep::App(AppKey::new([4; 20]));
    store.set_second_step(&account, &app, 100, NOW).await.expect("written");
    assert_eq!(phone_of(&store, &account).await, [app]);
    assert_eq!(store.use_app_step(&account, 100).await, Ok(false), "it was used when the app was proven");
    store.set_recovery_codes(&account, vec![[1; 32], [2; 32]], ACT).await.expect("written");
    let used = race(10, |_| {
        let store = store.clone();
        async move {
            let step = store.use_app_step(&account, 101).await.expect("written");
            (step, store.use_recovery_code(&account, [1; 32], ACT).await.expect("written"))
        }
    })
    .await;
    assert_eq!(used.iter().filter(|(step, _)| *step).count(), 1);
    assert_eq!(used.iter().filter(|(_, code)| *code).count(), 1);
    assert_eq!(store.recovery_codes(&account).await, Ok(1));
    assert_eq!(store.remove_second_step(&account, StepKind::App, [9; 16], 8, ACT).await, Ok(StepRemoval::Removed));
    assert_eq!(store.remove_second_step(&account, StepKind::App, [9; 16], 8, ACT).await, Ok(StepRemoval::NotFound));
}

async fn a_locked_account_keeps_what_it_had_before_and_a_closed_one_nothing(store: Store) {
    let account = with_passkey(1).id;
    let _ = store.create_account(&with_passkey(1)).await.expect("written");
    let number = phone("07700 900123");
    assert_eq!(store.set_phone(&account, &number, [1; 16], NOW).await, Ok(None));
    let since = NOW.plus(MINUTE);
    let second = NewCredential { created: since, ..credential(&Authenticator::derived(1, 2)) };
    assert_eq!(store.add_passkey(&account, &second).await, Ok(Addition::Added));
    let hash = PasswordHash::new("$argon2id$secret".into());
    assert_eq!(store.set_password(&account, None, &hash, None, ACT).await, Ok(true));
    let browser = RememberedBrowser { id: [5; 32], device: Device::default(), created: NOW, used: NOW };
    store.remember_browser(&account, browser).await.expect("written");
    assert_eq!(store.lock(&account, since, None, Act::system("link", since)).await, Ok(true));
    assert_eq!(store.account(&account).await.expect("read").expect("an account").password, None);
    assert_eq!(store.passkeys(&account).await.expect("read").len(), 1);
    assert_eq!(phone_of(&store, &account).await, [SecondStep::Phone(number)]);
    assert_eq!(store.remembered_browsers(&account).await.expect("read"), vec![]);
    let locked = store.audited_of(&account, 1).await.expect("read")[0].json();
    assert_eq!((&locked["action"], &locked["actor"]), (&"account.locked".into(), &"system:link".into()));
    let closing = Act::own(account, since.plus(MINUTE));
    assert_eq!(store.close_account(&account, closing.clone()).await, Ok(true));
    assert_eq!(store.close_account(&account, closing).await, Ok(false));
    assert_eq!(store.account(&account).await, Ok(None));
    assert_eq!((store.passkeys(&account).await, phone_of(&store, &account).await), (Ok(vec![]), vec![]));
    assert_eq!(actions(&store, &account).await.last().map(String::as_str), Some("account.closed"));
    assert_eq!(store.create_account(&with_passkey(1)).await, Ok(Creation::Created), "the address is free again");
}

async fn a_consent_is_what_was_given_last_until_it_is_taken_back(store: Store) {
    let (account, other) = (with_password(1).id, with_password(2).id);
    let consent = |scopes, claims, level| Consent { scopes, claims, level, at: NOW };
    let first = consent(3, u32::MAX, IdentityLevel::P5);
    let last = consent(u16::MAX, 0, IdentityLevel::P9);
    for given in [first, last] {
        store.give_consent(&account, "rp", given).await.expect("written");
        assert_eq!(store.consent(&account, "rp").await, Ok(Some(given)));
    }
    store.give_consent(&account, "other", first).await.expect("written");
    let of = |used: UsedService| (used.client.clone(), used.allowed, used.claims_ever);
    let mut services: Vec<_> = store.used_services(&account).await.expect("read").into_iter().map(of).collect();
    services.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(services, [("other".into(), first, u32::MAX), ("rp".into(), last, u32::MAX)]);
    assert_eq!((store.consent(&other, "rp").await, store.consent(&account, "x").await), (Ok(None), Ok(None)));
    let act = Act::own(account, NOW);
    assert_eq!(store.withdraw_consent(&account, "rp", act.clone()).await, Ok(true));
    assert_eq!(store.withdraw_consent(&account, "rp", act).await, Ok(false));
    assert_eq!(store.consent(&account, "rp").await, Ok(None));
    assert_eq!(store.consent(&account, "other").await, Ok(Some(first)));
}

async fn what_a_client_keeps_is_sealed_and_what_lay_open_is_sealed_too(store: Store) {
    let (keys, account, other) = (MemoryKeys::default(), with_password(1).id, with_password(2).id);
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let kept = async |account, client| store.client_metadata(&account, client).await.expect("read");
    assert_eq!(kept(account, "rp").await, None);
    store.keep_client_metadata(&account, "rp", "mine").await.expect("written");
    assert_eq!(kept(account, "rp").await.as_deref(), Some("mine"));
    assert_eq!((kept(other, "rp").await, kept(account, "r").await), (None, None));
    let row = sql::client_text::row(&account, "rp");
    let sealed = sql::client_text::sealed(&store.readers, &row).await.expect("read").expect("a row");
    assert!(!sealed.windows(4).any(|bytes| bytes == b"mine"));
    // Left open by a version before this one, for another client, and after what is sealed here.
    store.writer.write(sql::client_text::LeaveOpen(account, "old", "old text")).await.expect("written");
    store.writer.write(sql::client_text::LeaveOpen(account, "rp", "newer")).await.expect("written");
    assert_eq!(kept(account, "old").await.as_deref(), Some("old text"));
    assert_eq!(kept(account, "rp").await.as_deref(), Some("newer"));
    assert_eq!((store.seal_client_metadata().await, store.seal_client_metadata().await), (Ok(true), Ok(false)));
    assert_eq!(sql::client_text::left_open(&store.readers, &account, "old").await, Ok(None));
    assert_eq!(kept(account, "old").await.as_deref(), Some("old text"));
    assert_eq!(kept(account, "rp").await.as_deref(), Some("newer"));
    store.writer.write(sql::client_text::LeaveOpen(account, "rp", "newest")).await.expect("written");
    store.keep_client_metadata(&account, "rp", "").await.expect("written");
    assert_eq!(kept(account, "rp").await.as_deref(), Some(""), "cleared, and no older text shows");
    assert_eq!(store.make_data_key(&keys, NOW, Act::system("test", NOW)).await, Ok(KeyId(1)));
    store.look_at_keys(&keys, NOW).await.expect("in order");
    reseal(&store, NOW.plus(MINUTE)).await;
    let values: Vec<_> = store.data_keys().await.expect("read").iter().map(|key| key.values).collect();
    assert_eq!(values, [0, 3], "an address and two texts");
    assert_eq!(kept(account, "old").await.as_deref(), Some("old text"));
    // Whoever takes back what they allowed a client has it forget them, and no other client.
    let keep = async |text| store.keep_client_metadata(&account, "rp", text).await.expect("written");
    keep("again").await;
    assert_eq!(store.withdraw_consent(&account, "rp", Act::own(account, NOW)).await, Ok(false));
    assert_eq!((kept(account, "rp").await, kept(account, "old").await.as_deref()), (None, Some("old text")));
    keep("again").await;
    assert_eq!(store.close_account(&account, Act::own(account, NOW)).await, Ok(true));
    assert_eq!((kept(account, "old").await, kept(account, "rp").await), (None, None));
}

async fn of_many_who_begin_to_keep_something_one_does(store: Store) {
    let account = with_password(1).id;
    let kept = race(20, |one| {
        let store = store.clone();
        async move { store.begin_client_metadata(&account, "rp", &one.to_string()).await.expect("written") }
    })
    .await;
    assert!(kept.iter().all(|text| *text == kept[0]), "{kept:?}");
    assert_eq!(store.client_metadata(&account, "rp").await, Ok(Some(kept[0].clone())));
}

/// What an operator does to it, and a crash: nobody has to start the backend again.
#[tokio::test]
async fn a_postgresql_that_was_away_is_found_again() {
    let mut server = postgres::Postgres::start();
    let store = connect(&server.database()).await.expect("a store");
    assert_eq!(store.create_account(&with_passkey(1)).await, Ok(Creation::Created));
    server.stop();
    assert_eq!(store.create_account(&with_passkey(2)).await, Err(StoreError::Busy));
    assert_eq!(store.account(&with_passkey(1).id).await, Err(StoreError::Busy), "it may work in a moment");
    server.run_server();
    assert_eq!(store.create_account(&with_passkey(2)).await, Ok(Creation::Created));
    assert!(store.account(&with_passkey(1).id).await.expect("read").is_some());
    store.close().await;
}

async fn when_a_service_was_used_outlives_its_grants_and_not_its_consent(store: Store) {
    let account = with_password(1).id;
    let at = |mins| NOW.plus(Duration::from_mins(mins));
    let grant = |n, client: &str, created| Grant {
        id: GrantId::from_bytes([n; 16]),
        account,
        session: None,
        client: client.into(),
        record: Vec::new(),
        generation: 0,
        created,
        expires: created.plus(Duration::from_hours(1)),
        revoked: false,
    };
    let allow = async |client, scopes, level, at| {
        store.give_consent(&account, client, Consent { scopes, claims: 0, level, at }).await.expect("written");
    };
    allow("rp", 0b011, IdentityLevel::P9, NOW).await;
    allow("rp", 0b101, IdentityLevel::P5, at(1)).await;
    allow("idle", 0b001, IdentityLevel::P0, NOW).await;
    for (n, client, made) in [(1, "rp", 2), (2, "rp", 5), (3, "rp", 3), (4, "nobody asked", 4)] {
        assert_eq!(store.redeem(&grant(n, client, at(made)), None).await, Ok(Redemption::Redeemed));
    }
    let service = |client: &str, scopes, level, given, scopes_ever, level_ever, used| UsedService {
        client: client.into(),
        allowed: Consent { scopes, claims: 0, level, at: given },
        first: NOW,
        scopes_ever,
        claims_ever: 0,
        level_ever,
        used,
    };
    let wanted = [
        service("rp", 0b101, IdentityLevel::P5, at(1), 0b111, IdentityLevel::P9, Some(at(5))),
        service("idle", 0b001, IdentityLevel::P0, NOW, 0b001, IdentityLevel::P0, None),
    ];
    assert_eq!(store.used_services(&account).await, Ok(wanted.to_vec()));
    assert_eq!(store.sweep(at(24 * 60)).await, Ok(4));
    assert_eq!(store.used_services(&account).await, Ok(wanted.to_vec()), "when it was used is still known");
    let withdraw = async || store.withdraw_consent(&account, "rp", Act::own(account, at(6))).await;
    assert_eq!((withdraw().await, withdraw().await), (Ok(true), Ok(false)));
    assert_eq!(store.used_services(&account).await, Ok(wanted[1..].to_vec()));
    // What was before a consent that was taken back is not told again with the next one.
    assert_eq!(store.redeem(&grant(5, "rp", at(7)), None).await, Ok(Redemption::Redeemed));
    allow("rp", 0b001, IdentityLevel::P0, at(8)).await;
    let again = store.used_services(&account).await.expect("read");
    assert_eq!(again.iter().find(|service| service.client == "rp").map(|service| service.used), Some(None));
    assert_eq!(store.sweep(at(24 * 60)).await, Ok(1));
}

async fn a_code_is_redeemed_while_what_it_rests_on_stands_and_whatever_races(store: Store) {
    let account = with_password(1).id;
    let _ = store.create_account(&with_password(1)).await.expect("written");
    let at = |secs| NOW.plus(Duration::from_secs(secs));
    let session = InSession { account, session: SessionId::from_bytes([1; 16]), authenticated: at(1) };
    let grant = |n| Grant {
        id: GrantId::from_bytes([n; 16]),
        account,
        session: Some(session.session),
        client: "rp".into(),
        record: Vec::new(),
        generation: 0,
        created: at(5),
        expires: at(500),
        revoked: false,
    };
    let consent = |scopes, claims, level, secs| Consent { scopes, claims, level, at: at(secs) };
    let good = consent(0b011, 0b01, IdentityLevel::P5, 4);
    let redeem = async |n, session, needed| store.redeem_resting_on(&grant(n), session, needed, None).await;
    assert_eq!(redeem(1, session, good).await, Ok(Redemption::Gone), "nothing is allowed");
    store.give_consent(&account, "rp", consent(0b111, 0b11, IdentityLevel::P9, 4)).await.expect("written");
    for (what, needed) in [
        ("a scope", consent(0b1001, 0b01, IdentityLevel::P5, 4)),
        ("a claim", consent(0b011, 0b101, IdentityLevel::P5, 4)),
        ("the time", consent(0b011, 0b01, IdentityLevel::P5, 3)),
    ] {
        assert_eq!(redeem(1, session, needed).await, Ok(Redemption::Gone), "{what}");
    }
    assert_eq!(store.grant(&GrantId::from_bytes([1; 16])).await, Ok(None));
    assert_eq!(redeem(1, session, good).await, Ok(Redemption::Redeemed));
    // A second use that comes too late for anything else ends what the first has made.
    store.give_consent(&account, "rp", consent(0b111, 0b11, IdentityLevel::P0, 4)).await.expect("written");
    assert_eq!(redeem(1, session, good).await, Ok(Redemption::Gone), "the level");
    assert!(store.grant(&GrantId::from_bytes([1; 16])).await.expect("read").expect("a grant").revoked);

    // Whoever takes it back, or locks the account, leaves no grant behind, whichever of them comes first.
    let allow = async |secs| store.give_consent(&account, "rp", consent(0b011, 0b01, IdentityLevel::P5, secs)).await;
    for (first, lock) in [(10, false), (40, true)] {
        allow(4).await.expect("written");
        let left = race(20, |n| {
            let (store, grant) = (store.clone(), grant(first + u8::try_from(n).expect("few")));
            async move {
                if n != 10 {
                    let _ = store.redeem_resting_on(&grant, session, good, None).await.expect("written");
                } else if lock {
                    store.end_sessions(&account, Ending::AllBut(None), at(6), None).await.expect("written");
                } else {
                    assert_eq!(store.withdraw_consent(&account, "rp", Act::own(account, at(6))).await, Ok(true));
                }
                grant.id
            }
        })
        .await;
        for id in left {
            let grant = store.grant(&id).await.expect("read");
            assert!(grant.is_none_or(|grant| grant.revoked), "locked: {lock}");
        }
    }
    let anew = InSession { authenticated: at(7), ..session };
    assert_eq!(redeem(80, session, good).await, Ok(Redemption::Gone), "the session was put out");
    assert_eq!(redeem(80, anew, good).await, Ok(Redemption::Redeemed));
}
