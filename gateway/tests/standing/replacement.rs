//! Redis is lost and replaced by its replica, or everything is lost at once and starts again: what was acknowledged is
//! there.

use crate::people::{CLEAN, Checks, ask_to_sign_out, eventually, nobody_else_is_let_in, sign_out};
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::instance::Instance;
use crate::support::pair::Pair;
use crate::support::person::{attempt, log_in, register};
use crate::support::redis::{DURABLE, Redis};
use aldgate_core::testing::authenticator::Authenticator;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// Log-ins that are acknowledged before something is lost.
const LOG_INS: usize = 20;

/// The same session, shown to a gateway.
fn shown_to(gateway: &Instance, session: &Client) -> Client {
    Client { cookies: session.cookies.clone(), ..gateway.client() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_dead_and_its_replica_promoted_log_ins_come_back_and_acknowledged_sessions_live_on() {
    let mut deployment = Deployment::start_on(Pair::start().await, 2, "", "").await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let mut acknowledged = vec![client.clone()];
    for _ in 0..LOG_INS {
        let mut fresh = deployment.gateways[0].client();
        assert!(log_in(&mut fresh, &authenticator).await);
        acknowledged.push(fresh);
    }
    let ended = sign_out(&acknowledged.pop().expect("a session")).await;
    assert_eq!(client.get("/session").await.status, 200, "it is hot here");
    let Pair { primary, replica } = &mut deployment.redis;
    replica.has_what(primary).await;
    let checks = Checks::of(&client);
    primary.kill();
    for _ in 0..3 {
        for gateway in &deployment.gateways {
            let (answer, took) = attempt(&mut gateway.client(), &authenticator).await;
            assert_eq!(answer.status, 503, "a replica takes nothing: {answer:?}");
            assert!(took < CLEAN, "{took:?}");
            nobody_else_is_let_in(gateway, &ended).await;
        }
    }
    assert_eq!(deployment.redis.replica.admin(&["REPLICAOF", "NO", "ONE"]), "OK");
    for gateway in &deployment.gateways {
        let back = async || log_in(&mut gateway.client(), &authenticator).await;
        eventually("log-ins are back", back).await;
        for session in &acknowledged {
            let known = async || shown_to(gateway, session).get("/session").await.status == 200;
            eventually("what was acknowledged and replicated lives on", known).await;
        }
        let refused = async || shown_to(gateway, &ended).get("/session").await.status == 401;
        eventually("and what was ended does not", refused).await;
        nobody_else_is_let_in(gateway, &ended).await;
    }
    let mut elsewhere = shown_to(&deployment.gateways[1], &acknowledged[1]);
    let signs_out = async || ask_to_sign_out(&acknowledged[1]).await.status == 303;
    eventually("the backend has found it too", signs_out).await;
    eventually("an end holds everywhere", async || elsewhere.get("/session").await.status == 401).await;
    assert!(checks.none_failed() > 0, "what is hot passes meanwhile");
}

/// People who log in as fast as they can, until they are told to stop; what was acknowledged is noted.
struct Crowd {
    acknowledged: Arc<Mutex<Vec<Client>>>,
    tasks: JoinSet<()>,
}

impl Crowd {
    fn at(deployment: &Deployment, authenticator: &Arc<Authenticator>) -> Self {
        let mut crowd = Self { acknowledged: Arc::default(), tasks: JoinSet::new() };
        for gateway in &deployment.gateways {
            let (fresh, authenticator) = (gateway.client(), authenticator.clone());
            let acknowledged = crowd.acknowledged.clone();
            crowd.tasks.spawn(async move {
                loop {
                    let mut fresh = fresh.clone();
                    if !log_in(&mut fresh, &authenticator).await {
                        return; // It is down.
                    }
                    acknowledged.lock().expect("a lock").push(fresh);
                }
            });
        }
        crowd
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("a lock").len()
    }

    /// Whoever was told that they are signed in, once nobody asks any more.
    async fn end(mut self) -> Vec<Client> {
        while self.tasks.join_next().await.is_some() {}
        let all = self.acknowledged.lock().expect("a lock");
        all.clone()
    }
}

/// SIGKILL to every process while people log in: nobody can write down anything more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_process_killed_under_load_and_started_again_each_acknowledged_session_is_there() {
    let mut deployment = Deployment::start_on(Redis::start_with(&DURABLE).await, 2, "", "").await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let authenticator = Arc::new(authenticator);
    let mut other = deployment.gateways[1].client();
    assert!(log_in(&mut other, &authenticator).await);
    let ended = sign_out(&other).await;
    let crowd = Crowd::at(&deployment, &authenticator);
    eventually("people log in", async || crowd.acknowledged() >= LOG_INS).await;
    deployment.redis.signal("KILL"); // First: a gateway cannot have acknowledged what it has not heard of.
    for process in deployment.gateways.iter().chain([&deployment.backend]) {
        process.signal("KILL");
    }
    let mut acknowledged = crowd.end().await;
    acknowledged.push(client);
    for process in deployment.gateways.iter_mut().chain([&mut deployment.backend]) {
        process.ended().await;
    }
    deployment.redis.revive().await;
    deployment.restart_backend().await;
    for n in 0..deployment.gateways.len() {
        deployment.gateways[n] = deployment.start_again(n).await;
    }
    for gateway in &deployment.gateways {
        for session in &acknowledged {
            assert_eq!(shown_to(gateway, session).get("/session").await.status, 200, "it was acknowledged");
        }
        assert_eq!(shown_to(gateway, &ended).get("/session").await.status, 401, "so was the end");
        nobody_else_is_let_in(gateway, &ended).await;
        assert!(log_in(&mut gateway.client(), &authenticator).await, "and people log in");
    }
    println!("{} acknowledged sessions outlived every process", acknowledged.len());
}
