//! Back-channel log-out from the outside: whichever way a session ends, each service that served the person from it is
//! told once, by its own name of it; and what was to be told outlives the process.

use super::*;
use crate::steps::with_phone;
use crate::world::{PASSWORD, token_in};
use aldgate_core::id::{CredentialDigest, SessionId};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use std::sync::Mutex;
use std::time::Duration;

/// A service's address for log-outs: it notes the tokens that it is told, and answers what it is told to.
#[derive(Clone)]
struct Ear {
    told: Arc<Mutex<Vec<String>>>,
    status: Arc<Mutex<StatusCode>>,
}

async fn hear(State(ear): State<Ear>, body: String) -> StatusCode {
    let token = body.strip_prefix("logout_token=").expect("a form").to_owned();
    ear.told.lock().expect("lock").push(token);
    *ear.status.lock().expect("lock")
}

/// A world in which `rp` and `other` want to be told, and `third` does not.
struct Told {
    world: World,
    ear: Ear,
    registrations: Vec<Registration>,
}

impl Told {
    async fn new() -> Self {
        let ear = Ear { told: Arc::default(), status: Arc::new(Mutex::new(StatusCode::OK)) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let uri = format!("http://{}/logout", listener.local_addr().expect("an address"));
        let router = Router::new().route("/logout", post(hear)).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut registrations = registrations();
        for registration in registrations.iter_mut().filter(|from| from.id != "third") {
            registration.backchannel_logout_uri = Some(uri.clone());
        }
        let world = World::with_clients(&database().await, registry(&registrations)).await;
        Self { world, ear, registrations }
    }

    /// What services have been told once nothing waits any more: client and session, as the client knows it.
    async fn told(&self) -> Vec<(String, String)> {
        while self.world.store.undelivered().await.expect("read") > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let tokens = std::mem::take(&mut *self.ear.told.lock().expect("lock"));
        let mut told = Vec::new();
        for token in tokens {
            let claims = verified(&self.world, &token).await;
            told.push((text(&claims, "aud"), text(&claims, "sid")));
        }
        told.sort();
        told
    }
}

/// Tokens for a service; gives what it calls the session.
async fn served(service: Service, world: &World, browser: &mut Browser<'_>) -> (String, String) {
    let tokens = service.tokens(world, browser, &[]).await;
    let claims = verified(world, &text(&tokens, "id_token")).await;
    (service.0.to_owned(), text(&claims, "sid"))
}

/// Somebody in two browsers, both of which a service is served from; the second also serves another.
struct Somebody<'w> {
    email: String,
    one: Browser<'w>,
    two: Browser<'w>,
    of_one: Vec<(String, String)>,
    of_two: Vec<(String, String)>,
}

impl<'w> Somebody<'w> {
    async fn new(told: &'w Told, n: usize) -> Self {
        let (world, email) = (&told.world, format!("somebody{n}@example.org"));
        let mut one = world.with_password(&email).await;
        let mut two = world.browser();
        assert_eq!(two.sign_in(&email, PASSWORD).await.status, 303);
        let of_one = vec![served(RP, world, &mut one).await];
        THIRD.tokens(world, &mut one, &[]).await;
        let mut of_two = vec![served(RP, world, &mut two).await, served(OTHER, world, &mut two).await];
        assert_eq!(served(RP, world, &mut two).await, of_two[0], "a second time from the same session");
        of_two.sort();
        Self { email, one, two, of_one, of_two }
    }

    fn of_both(&self) -> Vec<(String, String)> {
        let mut all = [self.of_one.clone(), self.of_two.clone()].concat();
        all.sort();
        all
    }
}

/// The token of the newest link that went to an address.
fn link_to(world: &World, email: &str) -> String {
    let to = world.messages().into_iter().rev().filter(|message| message.to == email);
    to.filter_map(|message| token_in(&message.body)).next().expect("a link")
}

#[tokio::test]
async fn whichever_way_one_session_ends_its_services_are_told_once_and_no_others() {
    let told = Told::new().await;
    for (n, way) in ["sign out", "by a service", "from the list"].into_iter().enumerate() {
        let mut ada = Somebody::new(&told, n).await;
        let session = ada.two.session().await.expect("a session");
        match way {
            "sign out" => assert_eq!(ada.two.post("/sign-out", &[]).await.location(), "/signed-out"),
            "by a service" => {
                let id_token = text(&RP.tokens(&told.world, &mut ada.two, &[]).await, "id_token");
                let answer = ada.two.get(&format!("/logout?{}", form(&[("id_token_hint", &id_token)]))).await;
                assert_eq!(answer.location(), "/signed-out");
            }
            _ => {
                let answer = ada.one.post(&format!("/account/sessions/{session}/end"), &[]).await;
                assert_eq!(answer.location(), "/account/sessions?done=session-ended");
            }
        }
        assert!(ada.two.session().await.is_none() && ada.one.session().await.is_some(), "{way}");
        assert_eq!(told.told().await, ada.of_two, "{way}");
        ada.two.post("/sign-out", &[]).await;
        assert_eq!(told.told().await, [], "{way}: once");
        ada.one.post("/sign-out", &[]).await;
        assert_eq!(told.told().await, ada.of_one, "{way}");
    }
}

#[tokio::test]
async fn whichever_way_everybody_is_put_out_each_service_is_told_once() {
    let told = Told::new().await;
    let world = &told.world;
    let ways = ["everywhere", "reset", "undo of an address", "not me", "own lock", "closing"];
    for (n, way) in ways.into_iter().enumerate() {
        let mut ada = Somebody::new(&told, n).await;
        let (email, mut anybody, mut all) = (ada.email.clone(), world.browser(), ada.of_both());
        let status = match way {
            "everywhere" => ada.one.post("/sign-out/everywhere", &[]).await.status,
            "reset" => {
                anybody.post("/reset", &[("email", &email)]).await;
                let fields = [("token", link_to(world, &email)), ("password", "an entirely new password".into())];
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                anybody.post("/reset/new", &fields).await.status
            }
            "undo of an address" => {
                ada.one.post("/account/email", &[("email", "ada@new.example")]).await;
                assert_eq!(ada.one.post("/account/prove", &[("code", &world.code())]).await.status, 303);
                assert_eq!(told.told().await, ada.of_two, "the change itself has ended the other session");
                all.clone_from(&ada.of_one);
                anybody.post("/cancel-change", &[("token", &link_to(world, &email))]).await.status
            }
            "not me" => {
                // Something has changed, of which its owner is told.
                assert_eq!(ada.one.register_passkey(&Authenticator::derived(9, 1)).await.status, 200);
                anybody.post("/not-me", &[("token", &link_to(world, &email))]).await.status
            }
            "own lock" => ada.one.post("/account/lock", &[]).await.status,
            _ => ada.one.post("/account/close", &[("email", &email)]).await.status,
        };
        assert!(status == 200 || status == 303, "{way}: {status}");
        assert!(ada.one.session().await.is_none() && ada.two.session().await.is_none(), "{way}");
        assert_eq!(told.told().await, all, "{way}");
    }
}

#[tokio::test]
async fn what_changes_how_one_signs_in_tells_the_services_of_the_sessions_that_end_by_it() {
    let told = Told::new().await;
    let world = &told.world;
    let mut ada = Somebody::new(&told, 1).await;
    let change = [("current_password", PASSWORD), ("new_password", "another good password")];
    assert_eq!(ada.one.post("/account/password", &change).await.status, 303);
    assert_eq!(told.told().await, ada.of_two);

    let passkey = Authenticator::derived(9, 2);
    let mut by_passkey = world.with_passkey("bob@example.org", &passkey).await;
    let of_passkey = served(RP, world, &mut by_passkey).await;
    by_passkey.post("/account/password", &[("new_password", PASSWORD)]).await;
    world.after(Duration::from_secs(1)); // That has ended all that began before it.
    let mut bob = world.browser();
    bob.sign_in("bob@example.org", PASSWORD).await;
    served(RP, world, &mut bob).await;
    let id = CredentialDigest::of(&passkey.credential_id);
    assert_eq!(bob.post(&format!("/account/passkeys/{id}/remove"), &[]).await.status, 303);
    assert_eq!(told.told().await, [of_passkey], "and not those of the session in which it was done");
}

#[tokio::test]
async fn a_changed_number_that_is_taken_back_tells_services_too() {
    let told = Told::new().await;
    let world = &told.world;
    let mut ada = world.with_password("ada@example.org").await;
    with_phone(&mut ada, world, "07700 900123").await;
    with_phone(&mut ada, world, "07700 900456").await;
    let token = world.token_sent_to("+447700900123");
    let of_ada = served(RP, world, &mut ada).await;
    assert_eq!(world.browser().post("/cancel-change", &[("token", &token)]).await.status, 200);
    assert_eq!(told.told().await, [of_ada]);
}

/// As documented: a session that has run out is told of with the next that its owner ends, and never by itself.
#[tokio::test]
async fn of_a_session_that_ran_out_services_hear_with_the_next_end() {
    let told = Told::new().await;
    let mut ada = Somebody::new(&told, 1).await;
    told.world.after(world::LIFETIMES.idle + Duration::from_mins(2));
    assert_eq!(told.told().await, []);
    let mut three = told.world.browser();
    three.sign_in(&ada.email, PASSWORD).await;
    let of_three = served(OTHER, &told.world, &mut three).await;
    ada.one = three;
    ada.one.post("/sign-out", &[]).await;
    let mut all = [ada.of_both(), vec![of_three]].concat();
    all.sort();
    assert_eq!(told.told().await, all);
}

#[tokio::test]
async fn what_a_service_was_not_told_before_the_process_ended_the_next_process_tells() {
    let mut told = Told::new().await;
    *told.ear.status.lock().expect("lock") = StatusCode::SERVICE_UNAVAILABLE;
    let (of_ada, session) = {
        let mut ada = told.world.with_password("ada@example.org").await;
        let of_ada = served(RP, &told.world, &mut ada).await;
        let session: SessionId = ada.session().await.expect("a session");
        ada.post("/sign-out", &[]).await;
        while told.ear.told.lock().expect("lock").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (of_ada, session)
    };
    let registrations = told.registrations.clone();
    told.world = told.world.restarted(registry(&registrations)).await;
    told.ear.told.lock().expect("lock").clear();
    *told.ear.status.lock().expect("lock") = StatusCode::OK;
    assert_eq!(told.world.warm.session(&session).await, Ok(None));
    told.world.after(Duration::from_mins(2));
    assert_eq!(told.told().await, [of_ada]);
}

#[tokio::test]
async fn nobody_signs_others_out_of_their_services() {
    let told = Told::new().await;
    let ada = Somebody::new(&told, 1).await;
    let mut eve = told.world.with_password("eve@example.org").await;
    let of_eve = served(RP, &told.world, &mut eve).await;
    let session = ada.two.session().await.expect("a session");
    eve.post(&format!("/account/sessions/{session}/end"), &[]).await;
    eve.post("/sign-out/everywhere", &[]).await;
    assert!(ada.two.session().await.is_some());
    assert_eq!(told.told().await, [of_eve]);
}
