//! A Redis Cluster of six nodes, three primaries and a replica of each, all started from the samples.

use crate::sample::{self, Authority};
use crate::server::{Server, eventually, free_port};
use crate::tier::{self, Notebook, Told};
use aldgate_core::testing::conformance::{Publishing, login_events, suite};
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::redis::{Options, RedisWarm};
use redis::cmd;
use std::sync::Arc;
use std::time::Duration;

const PRIMARIES: usize = 3;

struct Cluster {
    /// The primaries and then, in the same order, their replicas.
    nodes: Vec<Server>,
}

impl Cluster {
    async fn start() -> Self {
        let authority = Authority::new();
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..2 * PRIMARIES {
            let bus = free_port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
            nodes.push(sample::spawn(&authority, sample::HERE, &[&arguments[..], &["--tls-cluster", "yes"]].concat()));
            buses.push(bus);
        }
        for node in &nodes {
            node.answers().await;
        }
        for primary in &nodes[..PRIMARIES] {
            sample::load(primary);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (n, (first, last)) in slots.iter().enumerate() {
            let () = nodes[n].ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
            let () = nodes[n].ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]).await;
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let () = nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus]).await;
        }
        let cluster = Self { nodes };
        cluster.agrees("cluster_known_nodes:6").await;
        for n in 0..PRIMARIES {
            let id: String = cluster.nodes[n].ask(&["CLUSTER", "MYID"]).await;
            let replica = &cluster.nodes[n + PRIMARIES];
            eventually("the replica knows its primary", async || {
                let nodes: String = replica.ask(&["CLUSTER", "NODES"]).await;
                nodes.contains(&id)
            })
            .await;
            let () = replica.ask(&["CLUSTER", "REPLICATE", &id]).await;
        }
        cluster.agrees("cluster_state:ok").await;
        for replica in &cluster.nodes[PRIMARIES..] {
            eventually("the replica is in step", async || {
                replica.ask::<String>(&["INFO", "replication"]).await.contains("master_link_status:up")
            })
            .await;
        }
        cluster
    }

    async fn agrees(&self, line: &str) {
        for node in &self.nodes {
            eventually(line, async || node.ask::<String>(&["CLUSTER", "INFO"]).await.contains(line)).await;
        }
    }

    async fn tier(&self) -> Arc<RedisWarm> {
        // One node is enough to find all others.
        let options = Options { cluster: true, ..sample::options(&[&self.nodes[0]]) };
        let warm = tier::connected(options).await;
        tier::live(&warm).await;
        warm
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_six_nodes_conforms() {
    let cluster = Cluster::start().await;
    let warm = cluster.tier().await;
    let registry = Arc::new(Publishing(warm.clone()));
    suite(warm.clone(), registry.clone()).await;
    login_events(warm.clone(), registry).await;
    assert_eq!((warm.refused(), warm.feed_state().gaps, warm.feed_state().forged), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_of_a_cluster_is_replaced_and_its_lanes_go_on() {
    let mut cluster = Cluster::start().await;
    let (one, other) = (cluster.tier().await, cluster.tier().await);
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let openings: Vec<_> = (0..16_u8).map(|lane| tier::opening(lane << 4, u64::from(lane))).collect();
    for opening in &openings {
        one.open_session(opening).await.expect("opened");
    }
    let _: i64 = cluster.nodes[0].ask(&["WAIT", "1", "5000"]).await;
    cluster.nodes[0].kill();
    for opening in &openings {
        eventually("the session ends", async || {
            one.end_session(&opening.record.account, &opening.session).await.is_ok()
        })
        .await;
        eventually("the other process hears it", async || notebook.has(&Told::ended(opening.session))).await;
        assert_eq!(other.session(&opening.session).await, Ok(None));
    }
    tier::live(&other).await;
}

/// A slot on its way from one primary to another.
struct Move<'a> {
    slot: String,
    from: &'a Server,
    to: &'a Server,
    to_id: String,
}

impl<'a> Move<'a> {
    async fn begin(slot: u16, from: &'a Server, to: &'a Server) -> Self {
        let from_id: String = from.ask(&["CLUSTER", "MYID"]).await;
        let begun = Self { slot: slot.to_string(), from, to, to_id: to.ask(&["CLUSTER", "MYID"]).await };
        let () = to.ask(&["CLUSTER", "SETSLOT", &begun.slot, "IMPORTING", &from_id]).await;
        let () = from.ask(&["CLUSTER", "SETSLOT", &begun.slot, "MIGRATING", &begun.to_id]).await;
        begun
    }

    /// Moves the keys for which it is so; gives how many.
    async fn keys(&self, moves: impl Fn(&[u8]) -> bool) -> usize {
        let link = &mut self.from.link().await;
        let mut names = cmd("CLUSTER");
        let names: Vec<Vec<u8>> =
            names.arg("GETKEYSINSLOT").arg(&self.slot).arg(1_000).query_async(link).await.expect("names");
        let moving: Vec<Vec<u8>> = names.into_iter().filter(|name| moves(name)).collect();
        let mut migrate = cmd("MIGRATE");
        migrate
            .arg("127.0.0.1")
            .arg(self.to.port)
            .arg("")
            .arg(0)
            .arg(5_000)
            .arg("AUTH2")
            .arg(sample::ADMIN.0)
            .arg(sample::ADMIN.1)
            .arg("KEYS")
            .arg(&moving);
        let _: String = migrate.query_async(link).await.expect("moved");
        moving.len()
    }

    async fn end(&self, nodes: &[Server]) {
        for node in [self.to, self.from].into_iter().chain(&nodes[..PRIMARIES]) {
            let () = node.ask(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &self.to_id]).await;
        }
    }
}

/// Lane 0 lies in slot 512. While its keys are at two primaries, neither can tell what there is: nothing may open then,
/// and no end may be acknowledged that was not made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_moves_to_another_primary_is_read_meanwhile_and_goes_on_afterwards() {
    let cluster = Cluster::start().await;
    let options =
        Options { cluster: true, deadline: Duration::from_millis(500), ..sample::options(&[&cluster.nodes[0]]) };
    let one = tier::connected(options).await;
    let other = cluster.tier().await;
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let (first, second, elsewhere) = (tier::opening(0, 1), tier::opening(0, 2), tier::opening(0x10, 3));
    for opening in [&first, &second, &elsewhere] {
        one.open_session(opening).await.expect("opened");
    }
    let begun = tier::opening(0, 9);
    one.open_session(&begun).await.expect("opened");
    one.end_session(&begun.record.account, &begun.session).await.expect("ended");
    eventually("the feed has begun", async || notebook.has(&Told::ended(begun.session))).await;

    let moving = Move::begin(512, &cluster.nodes[0], &cluster.nodes[1]).await;
    assert_eq!(moving.keys(|name| name.ends_with(first.session.as_bytes())).await, 1);
    for opening in [&first, &second] {
        assert_eq!(one.session(&opening.session).await, Ok(Some(opening.record)), "wherever it is");
        assert!(one.end_session(&opening.record.account, &opening.session).await.is_err());
    }
    assert!(one.end_sessions(&first.record.account, None).await.is_err());
    assert!(one.open_session(&tier::opening(0, 4)).await.is_err());
    assert_eq!(one.end_session(&elsewhere.record.account, &elsewhere.session).await, Ok(true), "another lane");

    assert!(moving.keys(|_| true).await > 3, "the other session, the index, the logs");
    moving.end(&cluster.nodes).await;
    eventually("the lane goes on", async || one.sessions_of(&first.record.account).await.is_ok()).await;
    assert_eq!(one.end_sessions(&first.record.account, None).await, Ok(2), "nothing was lost on the way");
    eventually("the other process hears it", async || notebook.has(&Told::ended(second.session))).await;
    tier::live(&other).await;
    assert_eq!((other.feed_state().gaps, other.feed_state().forged, one.refused()), (0, 0, 0));
}
