//! Which clients are told when sessions end: those that were signed in to from them, once, and nobody else.

use super::farewell::Farewells;
use crate::deliveries::Deliveries;
use crate::model::{Consent, Ending, Grant, GrantId, LogoutNotice};
use crate::store::audit::Act;
use crate::store::tests::Home;
use crate::store::{LOGOUT, Redemption, ServedFrom, Store};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::world::{NOW, master_key, session_record};
use aldgate_core::testing::{ManualClock, SeededEntropy};
use aldgate_core::time::Timestamp;
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
}

impl World {
    /// Two sessions, the first by a passkey, and a grant in each for the client that wants to be told.
    async fn new() -> Self {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let world = Self { home, warm };
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
        self.grant_at(n, client, session, NOW).await;
    }

    async fn grant_at(&self, n: u8, client: &str, session: SessionId, created: Timestamp) {
        let expires = created.plus(Duration::from_hours(1));
        let grant = Grant {
            id: GrantId::from_bytes([n; 16]),
            account: ADA,
            session: None,
            client: client.into(),
            record: Vec::new(),
            generation: 0,
            created,
            expires,
            revoked: false,
        };
        let served = Some(ServedFrom { session, ends: expires });
        assert_eq!(self.home.store.redeem(&grant, served).await, Ok(Redemption::Redeemed));
    }

    /// Ends sessions in the store, as a handler does, and finds out who must hear; gives what waits for clients now.
    async fn end(&self, ending: Ending) -> Vec<(String, SessionId)> {
        self.home.store.end_sessions(&ADA, ending, NOW, None).await.expect("written");
        self.find_out(NOW).await;
        self.waiting().await
    }

    async fn find_out(&self, now: Timestamp) {
        let farewells = Farewells { store: self.home.store.clone(), warm: self.warm.clone() };
        let (clock, entropy) = (Arc::new(ManualClock::at(now)), Arc::new(SeededEntropy::new(9)));
        let deliveries = Deliveries::new(self.home.store.clone(), vec![Arc::new(farewells)], clock, entropy);
        deliveries.deliver_due().await.expect("worked");
    }

    /// The clients that are to be told, and of which sessions.
    async fn waiting(&self) -> Vec<(String, SessionId)> {
        let late = NOW.plus(Duration::from_hours(1_000));
        let due = self.home.store.take_due(late, Duration::ZERO, 100).await.expect("read");
        let notices = due.iter().filter(|due| due.kind == LOGOUT.0).map(|due| LogoutNotice::decode(&due.payload));
        let mut told: Vec<_> =
            notices.map(|notice| notice.expect("a notice")).map(|notice| (notice.client, notice.session)).collect();
        told.sort();
        told
    }
}

fn configured(session: SessionId) -> (String, SessionId) {
    ("configured".into(), session)
}

#[tokio::test]
async fn a_client_is_told_of_a_session_once_however_often_it_ends() {
    let world = World::new().await;
    world.grant(3, "configured", ONE).await; // The same client again, in the same session.
    assert_eq!(world.end(Ending::One(ONE)).await, [configured(ONE)]);
    world.warm.end_session(&ADA, &ONE).await.expect("warm");
    assert_eq!(world.end(Ending::One(ONE)).await, [configured(ONE)], "it was told");
    assert_eq!(world.end(Ending::AllBut(None)).await, [configured(ONE), configured(TWO)], "of the other session");
}

#[tokio::test]
async fn whoever_stays_signed_in_is_not_announced() {
    let world = World::new().await;
    assert_eq!(world.end(Ending::AllBut(Some(ONE))).await, [configured(TWO)]);
    let only = [configured(TWO)];
    assert_eq!(world.end(Ending::OfCredential(PASSKEY, Some(ONE))).await, only, "it is done in that session");
    assert_eq!(world.end(Ending::OfCredential(PASSKEY, Some(TWO))).await, [configured(ONE), configured(TWO)]);
}

#[tokio::test]
async fn of_a_session_that_another_took_the_place_of_clients_hear_with_the_next_end() {
    let world = World::new().await;
    let three = SessionId::from_bytes([3; 16]);
    world.open(three, None, Some(ONE)).await;
    assert_eq!(world.end(Ending::One(three)).await, [configured(ONE)]);
}

#[tokio::test]
async fn of_a_session_that_lay_unused_too_long_clients_hear_with_the_next_end() {
    let world = World::new().await;
    let three = SessionId::from_bytes([3; 16]);
    world.open(three, None, None).await;
    world.home.store.end_sessions(&ADA, Ending::One(three), NOW, None).await.expect("written");
    world.find_out(NOW.plus(session_record().idle + session_record().touch_after())).await;
    assert_eq!(world.waiting().await, [configured(ONE), configured(TWO)], "all lay unused");
}

#[tokio::test]
async fn with_the_shared_tier_down_clients_are_told_when_it_is_back() {
    let world = World::new().await;
    world.warm.set_down(true);
    world.home.store.end_sessions(&ADA, Ending::AllBut(None), NOW, None).await.expect("written");
    world.find_out(NOW).await;
    assert_eq!(world.home.store.undelivered().await, Ok(1), "it waits, and nobody is told");
    world.warm.set_down(false);
    world.find_out(NOW.plus(Duration::from_mins(1))).await;
    assert_eq!(world.waiting().await, [configured(ONE), configured(TWO)]);
}

#[tokio::test]
async fn who_signs_in_again_before_the_end_is_worked_off_is_not_signed_out_by_it() {
    let world = World::new().await;
    world.home.store.end_sessions(&ADA, Ending::AllBut(None), NOW, None).await.expect("written");
    world.warm.end_sessions(&ADA, None).await.expect("warm");
    let three = SessionId::from_bytes([3; 16]);
    world.open(three, None, None).await;
    world.grant_at(3, "configured", three, NOW.plus(Duration::from_millis(1))).await;
    world.find_out(NOW.plus(Duration::from_secs(1))).await;
    assert_eq!(world.waiting().await, [configured(ONE), configured(TWO)]);
}

#[tokio::test]
async fn an_end_outlives_the_process_and_without_clients_none_is_written_down() {
    let world = World::new().await;
    let nobody = AccountId::from_bytes([9; 16]);
    world.home.store.end_sessions(&nobody, Ending::AllBut(None), NOW, None).await.expect("written");
    assert_eq!(world.home.store.undelivered().await, Ok(0));
    world.home.store.end_sessions(&ADA, Ending::AllBut(None), NOW, None).await.expect("written");
    world.home.store.close().await;
    let entropy = Arc::new(SeededEntropy::new(2)); // Another process draws other names.
    let store = Store::open(&world.home.path(), &master_key(), entropy).await.expect("a store");
    let world = World { home: world.home.with(store), ..world };
    world.find_out(NOW).await;
    assert_eq!(world.waiting().await, [configured(ONE), configured(TWO)]);
}

#[tokio::test]
async fn a_client_from_which_consent_is_taken_back_is_told_of_each_session_and_no_other_client_is() {
    let world = World::new().await;
    world.grant(3, "other", ONE).await;
    let given = Consent { scopes: 1, claims: 0, level: IdentityLevel::P0, at: NOW };
    world.home.store.give_consent(&ADA, "configured", given).await.expect("written");
    for withdrawn in [true, false] {
        let act = Act::own(ADA, NOW);
        assert_eq!(world.home.store.withdraw_consent(&ADA, "configured", act).await, Ok(withdrawn));
    }
    let told = [("configured".to_owned(), ONE), ("configured".to_owned(), TWO)];
    assert_eq!(world.waiting().await, told, "each session once, though they stand");
}
