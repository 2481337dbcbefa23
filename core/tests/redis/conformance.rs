//! The one suite of the warm tier, over one Redis server.

use crate::server::Server;
use crate::tier;
use aldgate_core::testing::conformance::{Publishing, login_events, suite};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_conforms() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let registry = Arc::new(Publishing(warm.clone()));
    suite(warm.clone(), registry.clone()).await;
    login_events(warm.clone(), registry).await;
    assert_eq!(warm.refused(), 0);
    assert_eq!((warm.feed_state().gaps, warm.feed_state().forged), (0, 0));
}
