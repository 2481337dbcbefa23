//! A Redis Cluster of six nodes, three primaries and a replica of each.

use crate::server::{Server, eventually, free_port, home};
use crate::tier::{self, Notebook, Told};
use aldgate_core::testing::conformance::{Publishing, suite};
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::redis::{Options, RedisWarm};
use std::sync::Arc;

const PRIMARIES: usize = 3;

struct Cluster {
    /// The primaries and then, in the same order, their replicas.
    nodes: Vec<Server>,
}

impl Cluster {
    async fn start() -> Self {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..2 * PRIMARIES {
            let bus = free_port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
            nodes.push(Server::spawn(free_port(), home(), &arguments));
            buses.push(bus);
        }
        for node in &nodes {
            node.answers().await;
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
        let options = Options { cluster: true, ..tier::options(&[self.nodes[0].address()]) };
        let warm = tier::connect(options).await.expect("connected");
        tier::live(&warm).await;
        warm
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_six_nodes_conforms() {
    let cluster = Cluster::start().await;
    let warm = cluster.tier().await;
    suite(warm.clone(), Arc::new(Publishing(warm.clone()))).await;
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
