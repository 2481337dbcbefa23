//! The one suite of the warm tier (`aldgate_core::testing::conformance`), over the memory tier and the embedded one.

use super::embedded::EmbeddedWarm;
use crate::model::{DisabledFor, NewAccount};
use crate::store::tests::ACT;
use crate::store::{Creation, Store, Switching};
use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::device::Device;
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::session::record::{Authentication, Lifetimes, SessionRecord};
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::conformance::{Publishing, Registry, suite};
use aldgate_core::testing::world::NOW;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::memory::MemoryWarm;
use aldgate_core::warm::{Opening, Warm as _};
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A store, as a journey uses it: the fact is written, then published.
struct Journeys(Store);

#[async_trait]
impl Registry for Journeys {
    async fn register(&self, user: u64) -> CredentialRecord {
        let new: NewAccount = crate::store::tests::with_passkey(user);
        assert_eq!(self.0.create_account(&new).await, Ok(Creation::Created));
        let record = Authenticator::derived(1, user).record();
        EmbeddedWarm::new(self.0.clone()).publish_credential(&record).await.expect("warm answers");
        record
    }

    async fn remove(&self, record: &CredentialRecord) {
        let password = crate::model::PasswordHash::new("$argon2id$".into());
        assert_eq!(self.0.set_password(&record.account, None, &password, None, ACT).await, Ok(true));
        let removal = self.0.remove_passkey(&record.account, &record.digest, None, ACT).await;
        assert_eq!(removal, Ok(crate::store::Removal::Removed));
        EmbeddedWarm::new(self.0.clone())
            .retire_credential(&record.account, &record.digest)
            .await
            .expect("warm answers");
    }

    async fn set_disabled(&self, record: &CredentialRecord, disabled: bool) -> CredentialRecord {
        let done = if disabled {
            self.0.disable_account(&record.account, DisabledFor::Other, ACT).await
        } else {
            self.0.enable_account(&record.account, ACT).await
        };
        assert_eq!(done, Ok(Switching::Done));
        self.0.credential(&record.digest).await.expect("read").expect("a passkey")
    }
}

#[tokio::test]
async fn the_memory_tier_conforms() {
    let warm = Arc::new(MemoryWarm::default());
    suite(warm.clone(), Arc::new(Publishing(warm))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_tier_conforms() {
    let home = crate::store::tests::Home::new().await;
    suite(Arc::new(EmbeddedWarm::new(home.store.clone())), Arc::new(Journeys(home.store.clone()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_and_one_sessions_of_an_account_the_first_to_expire_goes() {
    let home = crate::store::tests::Home::new().await;
    let warm = EmbeddedWarm::new(home.store.clone());
    let account = AccountId::from_bytes([7; 16]);
    let lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(8) };
    let open = async |n: u64, expires: Timestamp| {
        let session = SessionId::random(&account, &SeededEntropy::new(n)).expect("a session");
        let by =
            Authentication { account, credential: None, identity: IdentityLevel::P0, components: Components::PASSWORD };
        let record = SessionRecord { expires, ..SessionRecord::open(by, lifetimes, Device::default(), NOW) };
        warm.open_session(&Opening { session, record, replaces: None }).await.expect("opened");
        session
    };
    let later = NOW.plus(Duration::from_hours(8));
    let first = open(0, NOW.plus(Duration::from_mins(1))).await;
    for n in 1..1_000 {
        open(n, later).await;
    }
    assert!(warm.session(&first).await.is_ok_and(|session| session.is_some()));
    let last = open(1_000, later).await;
    assert_eq!(warm.session(&first).await, Ok(None));
    assert!(warm.session(&last).await.is_ok_and(|session| session.is_some()));
    assert_eq!(warm.end_sessions(&account, None).await, Ok(1_000));
}
