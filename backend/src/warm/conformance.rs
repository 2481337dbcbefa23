//! The one suite of the warm tier (`aldgate_core::testing::conformance`), over the memory tier and the embedded one.

use super::embedded::EmbeddedWarm;
use crate::model::NewAccount;
use crate::store::tests::ACT;
use crate::store::{Creation, Store};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::conformance::{Publishing, Registry, suite};
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::memory::MemoryWarm;
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::sync::Arc;

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
