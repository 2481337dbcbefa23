//! A real Redis Cluster of six nodes: three primaries, and a replica of each. Killed when dropped.

use super::deployment::Tier;
use super::redis::{Redis, configuration, free_port, until};
use aldgate_core::id::{AccountId, LANES};
use std::path::Path;

/// How many of the nodes begin as primaries.
pub const PRIMARIES: usize = 3;

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// How many of them each primary gets; the last one what is left.
const SLOTS_EACH: usize = SLOTS / PRIMARIES + 1;

pub struct Cluster {
    /// The primaries and then, in the same order, their replicas.
    pub nodes: Vec<Redis>,
}

impl Cluster {
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..2 * PRIMARIES {
            let bus = free_port().to_string();
            let own = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
            // As `config/redis/redis.conf` says: what is lost with one primary is lost to its own lanes only.
            let rest = ["--cluster-require-full-coverage", "no", "--appendonly", "yes"];
            nodes.push(Redis::bare(&[&own[..], &rest].concat()).await);
            buses.push(bus);
        }
        let cluster = Self { nodes };
        cluster.divide();
        for (node, bus) in cluster.nodes.iter().zip(&buses).skip(1) {
            ok(&cluster.nodes[0], &["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), bus]);
        }
        cluster.agrees("cluster_known_nodes:6").await;
        cluster.pair_up().await;
        cluster.agrees("cluster_state:ok").await;
        cluster
    }

    /// Gives the primaries their slots, and the functions.
    fn divide(&self) {
        for (n, primary) in self.nodes[..PRIMARIES].iter().enumerate() {
            primary.load();
            let (first, last) = (n * SLOTS_EACH, ((n + 1) * SLOTS_EACH).min(SLOTS) - 1);
            ok(primary, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            ok(primary, &["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        }
    }

    /// Gives each primary its replica.
    async fn pair_up(&self) {
        let (primaries, replicas) = self.nodes.split_at(PRIMARIES);
        for (primary, replica) in primaries.iter().zip(replicas) {
            let id = primary.admin(&["CLUSTER", "MYID"]);
            until("it knows its primary", async || replica.admin(&["CLUSTER", "NODES"]).contains(&id)).await;
            ok(replica, &["CLUSTER", "REPLICATE", &id]);
            replica.has_what(primary).await;
        }
    }

    async fn agrees(&self, line: &str) {
        for node in &self.nodes {
            until(line, async || node.admin(&["CLUSTER", "INFO"]).contains(line)).await;
        }
    }

    /// Which primary has an account's lane: the *i*-th lane lies in the middle of the *i*-th sixteenth of the slots.
    pub fn primary_of(account: &AccountId) -> usize {
        let slot = (2 * account.lane().index() + 1) * SLOTS / (2 * LANES);
        slot / SLOTS_EACH
    }
}

impl Tier for Cluster {
    /// All nodes: whichever is gone, others are asked.
    fn configuration(&self, dir: &Path) -> String {
        configuration(&self.nodes.iter().collect::<Vec<_>>(), dir) + "cluster = true\n"
    }
}

fn ok(node: &Redis, words: &[&str]) {
    assert_eq!(node.admin(words), "OK", "{words:?}");
}
