//! A password sign-in that is overtaken: by a change of the password, so that what was verified is no longer true when the
//! session is opened, or by an administrator who disables the account.
//!
//! Method: a warm tier in which that happens between the two, just before it opens the session.

use super::world::{Answer, PASSWORD, World};
use aldgate_backend::model::{DisabledFor, PasswordHash};
use aldgate_backend::store::audit::Act;
use aldgate_backend::store::{Store, Switching};
use aldgate_backend::warm::embedded::EmbeddedWarm;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId, SingleUse, TokenDigest};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::change::Follower;
use aldgate_core::warm::{Consumption, Opening, PasskeyLogin, Settlement, Unavailable, Warm};
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What comes between.
#[derive(Debug, Clone, Copy)]
enum Between {
    NewPassword,
    Disabling,
}

struct Overtaking {
    warm: EmbeddedWarm,
    store: Store,
    armed: Arc<AtomicBool>,
    between: Between,
}

impl Overtaking {
    async fn overtake(&self, id: AccountId, at: Timestamp) {
        match self.between {
            Between::NewPassword => {
                let changed = PasswordHash::new("$argon2id$changed".into());
                let present = self.store.account(&id).await.expect("read").expect("an account").password;
                let done = self.store.set_password(&id, present.as_ref(), &changed, None, Act::own(id, at)).await;
                assert_eq!(done, Ok(true));
            }
            Between::Disabling => {
                let done = self.store.disable_account(&id, DisabledFor::Compromise, Act::system("test", at)).await;
                assert_eq!(done, Ok(Switching::Done));
            }
        }
    }
}

#[async_trait]
impl Warm for Overtaking {
    async fn open_session(&self, opening: &Opening) -> Result<(), Unavailable> {
        if self.armed.load(Ordering::SeqCst) {
            self.overtake(opening.record.account, opening.record.opened).await;
        }
        self.warm.open_session(opening).await
    }

    async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, Unavailable> {
        self.warm.session(session).await
    }

    async fn credential(&self, digest: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        self.warm.credential(digest).await
    }

    async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable> {
        self.warm.settle(login).await
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Unavailable> {
        self.warm.touch(seen).await
    }

    async fn end_session(&self, account: &AccountId, session: &SessionId) -> Result<bool, Unavailable> {
        self.warm.end_session(account, session).await
    }

    async fn end_sessions(&self, account: &AccountId, keep: Option<&SessionId>) -> Result<usize, Unavailable> {
        self.warm.end_sessions(account, keep).await
    }

    async fn end_sessions_of_credential(
        &self,
        account: &AccountId,
        credential: &CredentialDigest,
        keep: Option<&SessionId>,
    ) -> Result<usize, Unavailable> {
        self.warm.end_sessions_of_credential(account, credential, keep).await
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, Unavailable> {
        self.warm.sessions_of(account).await
    }

    async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Consumption, Unavailable> {
        self.warm.consume(value, until).await
    }

    async fn publish_credential(&self, record: &CredentialRecord) -> Result<(), Unavailable> {
        self.warm.publish_credential(record).await
    }

    async fn retire_credential(&self, account: &AccountId, digest: &CredentialDigest) -> Result<(), Unavailable> {
        self.warm.retire_credential(account, digest).await
    }

    async fn revoke_token(&self, token: &TokenDigest, until: Timestamp) -> Result<(), Unavailable> {
        self.warm.revoke_token(token, until).await
    }

    async fn token_revoked(&self, token: &TokenDigest) -> Result<bool, Unavailable> {
        self.warm.token_revoked(token).await
    }

    async fn provider_keys_changed(&self) -> Result<(), Unavailable> {
        self.warm.provider_keys_changed().await
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.warm.follow(follower);
    }
}

/// A sign-in with the right password that is overtaken; gives its answer. Nobody is in after it.
async fn overtaken(between: Between) -> Answer {
    const EMAIL: &str = "ada@example.org";
    let armed = Arc::new(AtomicBool::new(false));
    let seam = armed.clone();
    let world = World::with_warm(move |store| {
        Arc::new(Overtaking { warm: EmbeddedWarm::new(store.clone()), store, armed: seam, between })
    })
    .await;
    let owner = world.with_password(EMAIL).await;
    assert!(owner.session().await.is_some());
    armed.store(true, Ordering::SeqCst);
    let mut thief = world.browser();
    let answer = thief.sign_in(EMAIL, PASSWORD).await;
    assert!(thief.session().await.is_none());
    assert!(owner.session().await.is_none(), "the change ended every session");
    answer
}

#[tokio::test]
async fn a_sign_in_that_a_new_password_overtakes_opens_nothing() {
    assert_eq!(overtaken(Between::NewPassword).await.status, 422, "as a wrong password");
}

#[tokio::test]
async fn a_sign_in_that_an_administrator_overtakes_opens_nothing() {
    let answer = overtaken(Between::Disabling).await;
    assert!(answer.location().starts_with("/sign-in/problem?reason=account-disabled"), "{answer:?}");
}
