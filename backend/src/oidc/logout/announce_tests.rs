//! Which clients are told when sessions end: those that were signed in to from them, once, and nobody else.

use super::Ending;
use crate::model::{Grant, GrantId};
use crate::oidc::Provider;
use crate::oidc::grant_record::GrantRecord;
use crate::oidc::registration::tests::provider;
use crate::oidc::scope::Scopes;
use crate::oidc::trust;
use crate::store::Redemption;
use crate::store::tests::Home;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::world::{NOW, session_record};
use aldgate_core::warm::memory::MemoryWarm;
use aldgate_core::warm::{Opening, Warm as _};
use std::sync::Arc;
use std::time::Duration;

const ADA: AccountId = AccountId::from_bytes([1; 16]);
const ONE: SessionId = SessionId::from_bytes([1; 16]);
const TWO: SessionId = SessionId::from_bytes([2; 16]);
const PASSKEY: CredentialDigest = CredentialDigest::from_bytes([7; 32]);

struct World {
    home: Home,
    warm: Arc<MemoryWarm>,
    provider: Provider,
}

impl World {
    /// Two sessions, the first by a passkey, and a grant in each for the client that wants to be told.
    async fn new() -> Self {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let provider = provider(home.store.clone(), warm.clone(), 1);
        let world = Self { home, warm, provider };
        world.open(ONE, Some(PASSKEY), None).await;
        world.open(TWO, None, None).await;
        world.grant(1, "configured", ONE).await;
        world.grant(2, "configured", TWO).await;
        world
    }

    async fn open(&self, session: SessionId, credential: Option<CredentialDigest>, replaces: Option<SessionId>) {
        let record = SessionRecord { account: ADA, credential, ..session_record() };
        self.warm.open_session(&Opening { session, record, replaces }).await.expect("warm");
    }

    async fn grant(&self, n: u8, client: &str, session: SessionId) {
        let vector = trust::parse("P0.Cm").expect("a vector");
        let record = GrantRecord { session, scopes: Scopes::requested("openid"), vector, authenticated: NOW };
        let grant = Grant {
            id: GrantId::from_bytes([n; 16]),
            account: ADA,
            client: client.into(),
            record: record.encode(),
            generation: 0,
            created: NOW,
            expires: NOW.plus(Duration::from_hours(1)),
            revoked: false,
        };
        assert_eq!(self.home.store.redeem(&grant).await, Ok(Redemption::Redeemed));
    }

    /// Signs out, as a handler does; gives how many notices there are now.
    async fn end(&self, ending: Ending) -> usize {
        let farewell = self.provider.farewell(&ADA, ending, NOW).await;
        self.provider.note_farewell(farewell).await;
        self.waiting().await.len()
    }

    /// The clients that are to be told, and what they call the sessions.
    async fn waiting(&self) -> Vec<(String, String)> {
        let due = self.home.store.due_logouts(NOW, 100).await.expect("read");
        due.into_iter().map(|due| (due.notice.client, due.notice.session)).collect()
    }
}

#[tokio::test]
async fn the_client_of_a_session_is_told_in_its_own_words_and_once() {
    let world = World::new().await;
    world.grant(3, "configured", ONE).await; // The same client again, in the same session.
    assert_eq!(world.end(Ending::One(ONE)).await, 1);
    let name = world.provider.sessions.name(&ONE, "configured");
    assert_eq!(world.waiting().await, [("configured".to_owned(), name)]);
    world.warm.end_session(&ADA, &ONE).await.expect("warm");
    assert_eq!(world.end(Ending::One(ONE)).await, 1, "it was told");
    assert_eq!(world.end(Ending::AllBut(None)).await, 2, "of the other session");
}

#[tokio::test]
async fn whoever_stays_signed_in_is_not_announced() {
    let world = World::new().await;
    assert_eq!(world.end(Ending::AllBut(Some(ONE))).await, 1);
    assert_eq!(world.waiting().await[0].1, world.provider.sessions.name(&TWO, "configured"));
    assert_eq!(world.end(Ending::OfPasskey { passkey: PASSKEY, keep: ONE }).await, 1, "it is done in that session");
    assert_eq!(world.end(Ending::OfPasskey { passkey: PASSKEY, keep: TWO }).await, 2);
}

#[tokio::test]
async fn of_a_session_that_another_took_the_place_of_clients_hear_with_the_next_end() {
    let world = World::new().await;
    let three = SessionId::from_bytes([3; 16]);
    world.open(three, None, Some(ONE)).await;
    assert_eq!(world.end(Ending::One(three)).await, 1);
    assert_eq!(world.waiting().await[0].1, world.provider.sessions.name(&ONE, "configured"));
}

#[tokio::test]
async fn clients_that_do_not_want_to_know_or_are_gone_are_passed_over() {
    let world = World::new().await;
    world.grant(4, "gone", ONE).await;
    assert_eq!(world.end(Ending::One(ONE)).await, 1);
}

#[tokio::test]
async fn with_the_shared_tier_down_nobody_is_told_and_nothing_fails() {
    let world = World::new().await;
    world.warm.set_down(true);
    assert_eq!(world.end(Ending::AllBut(None)).await, 0);
    world.warm.set_down(false);
    assert_eq!(world.end(Ending::AllBut(None)).await, 2, "they are told by the next end");
}
