//! One node of a Redis Cluster is down: nobody in the lanes of the others notices, and its own lanes go on with the
//! replica. What is hot goes on throughout.

use crate::people::{CLEAN, Checks, PATIENCE, ask_to_sign_out, eventually, nobody_else_is_let_in, sign_out};
use crate::support::cluster::{Cluster, PRIMARIES};
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::person::{attempt, log_in, register};
use aldgate_core::testing::authenticator::Authenticator;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Within which the log-ins of a lost primary's lanes are back, once its replica has taken its place.
const BACK: Duration = Duration::from_secs(10);

/// How many people register at most until two of them have lanes at different primaries: a third of all others has the
/// lane of the first one's.
const PEOPLE: u64 = 20;

struct Person {
    /// Signed in.
    client: Client,
    authenticator: Authenticator,
    /// A session of theirs that has ended.
    ended: Client,
}

impl Person {
    /// Somebody who has logged in at each gateway: their passkey is known there.
    async fn new(deployment: &Deployment<Cluster>, n: u64) -> Self {
        let mut client = deployment.gateways[0].client();
        let authenticator = register(&deployment.backend, &mut client, &format!("p{n}@example.org"), n).await;
        let mut other = client.clone();
        for gateway in &deployment.gateways {
            other = gateway.client();
            assert!(log_in(&mut other, &authenticator).await);
            let mut here = gateway.client();
            here.cookies.clone_from(&client.cookies);
            assert_eq!(here.get("/session").await.status, 200, "it is hot at each gateway");
        }
        let ended = sign_out(&other).await;
        Self { client, authenticator, ended }
    }

    fn primary(&self) -> usize {
        Cluster::primary_of(&self.authenticator.account)
    }

    /// Checks of their session, at each gateway.
    fn checks(&self, deployment: &Deployment<Cluster>) -> Vec<Checks> {
        let at_each = deployment.gateways.iter().map(|gateway| {
            let mut here = gateway.client();
            here.cookies.clone_from(&self.client.cookies);
            Checks::of(&here)
        });
        at_each.collect()
    }
}

/// Two people whose lanes lie at different primaries.
async fn two_apart(deployment: &Deployment<Cluster>) -> (Person, Person) {
    let lost = Person::new(deployment, 1).await;
    for n in 2..PEOPLE {
        let other = Person::new(deployment, n).await;
        if other.primary() != lost.primary() {
            return (lost, other);
        }
    }
    panic!("{PEOPLE} accounts lie at one primary");
}

async fn with_a_node_silent(silence: &str) {
    let deployment = Deployment::start_on(Cluster::start().await, 2, "", "").await;
    let (lost, other) = two_apart(&deployment).await;
    let (gone, replica) =
        (&deployment.redis.nodes[lost.primary()], &deployment.redis.nodes[lost.primary() + PRIMARIES]);
    replica.has_what(gone).await;
    let checks: Vec<_> = [&lost, &other].into_iter().flat_map(|person| person.checks(&deployment)).collect();
    gone.signal(silence);
    let begun = Instant::now();
    let (mut log_ins, mut refused) = (0, 0);
    while !replica.is_primary() {
        assert!(begun.elapsed() < PATIENCE, "the replica takes over");
        for gateway in &deployment.gateways {
            let mut fresh = gateway.client();
            assert!(log_in(&mut fresh, &other.authenticator).await, "another lane, after {log_ins} log-ins");
            assert_eq!(fresh.get("/session").await.status, 200);
            log_ins += 1;
            let (answer, took) = attempt(&mut gateway.client(), &lost.authenticator).await;
            if answer.status != 200 {
                assert_eq!(answer.status, 503, "{answer:?}");
                assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
                assert!(took < CLEAN, "{took:?}");
                refused += 1;
            }
            nobody_else_is_let_in(gateway, &lost.ended).await;
            nobody_else_is_let_in(gateway, &other.ended).await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let failed_over = Instant::now();
    for gateway in &deployment.gateways {
        let back = async || log_in(&mut gateway.client(), &lost.authenticator).await;
        eventually("log-ins of its lanes are back", back).await;
        assert!(failed_over.elapsed() < BACK, "{:?}", failed_over.elapsed());
        nobody_else_is_let_in(gateway, &lost.ended).await;
    }
    println!(
        "{silence}: failed over after {:?}, log-ins back {:?} later; meanwhile {log_ins} of other lanes, {refused} refused",
        failed_over - begun,
        failed_over.elapsed()
    );
    let last = deployment.gateways[0].client();
    let signed_out = async || {
        let mut last = last.clone();
        log_in(&mut last, &lost.authenticator).await && ask_to_sign_out(&last).await.status == 303
    };
    eventually("the backend has found the replica too", signed_out).await;
    assert!(failed_over.elapsed() < BACK, "{:?}", failed_over.elapsed());
    assert!(log_ins > 0 && refused > 0, "the node was missed: {log_ins}, {refused}");
    goes_on(&deployment, &lost, &other).await;
    if silence == "STOP" {
        gone.signal("CONT"); // It believes for a moment that it is primary still.
        for _ in 0..20 {
            goes_on(&deployment, &lost, &other).await;
        }
        eventually("it has become the replica", async || !gone.is_primary()).await;
        goes_on(&deployment, &lost, &other).await;
    }
    let answered: usize = checks.iter().map(Checks::none_failed).sum();
    println!("{silence}: {answered} session checks, none failed");
    assert!(answered > 500, "people went on: {answered}");
}

/// Log-ins of all lanes hold everywhere, so do ends, and nobody else is let in.
async fn goes_on(deployment: &Deployment<Cluster>, lost: &Person, other: &Person) {
    let [here, there] = &deployment.gateways[..] else { panic!("two gateways") };
    for person in [lost, other] {
        let mut fresh = here.client();
        assert!(log_in(&mut fresh, &person.authenticator).await);
        let mut elsewhere = there.client();
        elsewhere.cookies.clone_from(&fresh.cookies);
        assert_eq!(elsewhere.get("/session").await.status, 200);
        sign_out(&fresh).await;
        eventually("the end holds there", async || elsewhere.get("/session").await.status == 401).await;
        nobody_else_is_let_in(there, &person.ended).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_primary_of_a_cluster_killed_other_lanes_go_on_and_its_own_are_back_with_its_replica() {
    with_a_node_silent("KILL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_primary_of_a_cluster_hanging_other_lanes_go_on_and_its_own_are_back_with_its_replica() {
    with_a_node_silent("STOP").await;
}
