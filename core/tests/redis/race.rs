//! What may be used once is used once, whichever gateway the requests reach.

use crate::server::Server;
use crate::tier;
use aldgate_core::id::SingleUse;
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::{Consumption, PasskeyLogin, Settlement, Warm as _};
use std::time::Duration;
use tokio::task::JoinSet;

const GATEWAYS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_consumed_by_one_of_three_gateways() {
    let server = Server::start(&[]).await;
    let until = NOW.plus(Duration::from_mins(1));
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(tier::on(&server).await);
    }
    for n in 0..50_u64 {
        let value = SingleUse::of(&n.to_be_bytes());
        let mut tasks = JoinSet::new();
        for at in 0..10 * GATEWAYS {
            let warm = gateways[at % GATEWAYS].clone();
            tasks.spawn(async move { warm.consume(&value, until).await.expect("warm answers") });
        }
        let outcomes = tasks.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Consumption::Consumed).count(), 1, "value {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_assertion_presented_to_three_gateways_opens_one_session() {
    let server = Server::start(&[]).await;
    let passkey = tier::passkey(1);
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(tier::on(&server).await);
    }
    gateways[0].publish_credential(&passkey).await.expect("published");
    let challenge = tier::login(&passkey, 0, 0).challenge;
    let mut tasks = JoinSet::new();
    for (n, warm) in (0_u64..).zip(gateways.iter().cycle().take(30)) {
        let (warm, login) = (warm.clone(), PasskeyLogin { challenge, ..tier::login(&passkey, n, 0) });
        tasks.spawn(async move { warm.settle(&login).await.expect("warm answers") });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settlement::Settled).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settlement::ChallengeUsed).count(), 29);
    let sessions = gateways[1].sessions_of(&passkey.account).await.expect("warm answers");
    let events = gateways[2].login_events(passkey.account.lane(), 0, 10).await.expect("warm answers");
    assert_eq!((sessions.len(), events.len()), (1, 1));
    assert_eq!(events[0].1.session, sessions[0].0);
}
