//! A gate of few lines, in this process: it seals challenges, verifies assertions and knows its sessions, all by the
//! core's own rules, so that what passes here is what a real gate is asked.

use aldgate_core::session::cookie::{self, Found};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::{SeededEntropy, world};
use aldgate_core::time::Timestamp;
use aldgate_core::webauthn::assertion;
use aldgate_core::webauthn::challenge::{Ceremony, ChallengeKey};
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::json::{AuthenticationResponse, request_options};
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const BINDING: &str = "0123456789012345678901";

/// What the gate remembers.
struct Gate {
    relying_party: RelyingParty,
    key: ChallengeKey,
    entropy: SeededEntropy,
    /// The population, by credential ID: passkey and last counter.
    passkeys: Mutex<HashMap<Vec<u8>, (Authenticator, u32)>>,
    used: Mutex<HashSet<Vec<u8>>>,
}

/// Starts a gate for `accounts` accounts of a seed on threads that are called `gate`; gives back its address.
pub(crate) fn start(seed: u64, accounts: u64) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    let passkeys = (0..accounts).map(|user| Authenticator::derived(seed, user));
    let passkeys = passkeys.map(|passkey| (passkey.credential_id.to_vec(), (passkey, 0))).collect();
    let serve = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            let address = listener.local_addr().expect("an address");
            let origins = vec![format!("http://localhost:{}", address.port())];
            let gate = Arc::new(Gate {
                relying_party: RelyingParty::new("localhost", "Gate", origins, UserVerification::Required),
                key: ChallengeKey::of(&world::master_key()),
                entropy: SeededEntropy::new(9),
                passkeys: Mutex::new(passkeys),
                used: Mutex::default(),
            });
            tell.send(address).expect("somebody waits");
            while let Ok((stream, _)) = listener.accept().await {
                let gate = gate.clone();
                let answer = service_fn(move |request| answer(gate.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
    };
    std::thread::Builder::new().name("gate".into()).spawn(serve).expect("a thread");
    told.recv().expect("an address")
}

async fn answer(gate: Arc<Gate>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let cookies: Vec<&[u8]> = head.headers.get_all(COOKIE).iter().map(|value| value.as_bytes()).collect();
    let cookie = |name| match cookie::find(cookies.iter().copied(), name) {
        Found::One(value) => Some(value),
        Found::Nothing | Found::Several => None,
    };
    let signed_in = cookie(cookie::SESSION) == Some(b"a-session".as_slice());
    let origin = &gate.relying_party.origins[0];
    assert_eq!(head.headers.get(HOST).expect("a host"), &origin["http://".len()..]);
    Ok(match (&head.method, head.uri.path()) {
        (&Method::POST, "/passkey/login/options") => options(&gate, &body),
        (&Method::POST, "/passkey/login") => {
            assert_eq!(head.headers.get(ORIGIN).expect("an origin"), origin);
            login(&gate, &body, cookie(cookie::CEREMONY)).unwrap_or_else(|| reply(401, "{}", None))
        }
        (&Method::GET, "/session" | "/demo/") => reply(if signed_in { 200 } else { 401 }, "{}", None),
        (&Method::GET, "/asked") => {
            reply(if head.headers.contains_key("x-original-url") { 200 } else { 400 }, "{}", None)
        }
        (&Method::GET, "/public/") => reply(200, "{}", None),
        _ => reply(404, "{}", None),
    })
}

fn reply(status: u16, body: &str, set_cookie: Option<String>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    if let Some(value) = set_cookie {
        response = response.header(SET_COOKIE, value);
    }
    response.body(Full::new(body.to_owned().into())).expect("a response")
}

fn options(gate: &Gate, body: &[u8]) -> Response<Full<Bytes>> {
    assert_eq!(body, b"{}");
    let challenge = gate.key.seal(Ceremony::Authentication, BINDING.as_bytes(), NOW, &gate.entropy).expect("entropy");
    let cookie = cookie::set(cookie::CEREMONY, BINDING, Some(3_600));
    reply(200, &request_options(&gate.relying_party, &challenge), Some(cookie))
}

fn login(gate: &Gate, body: &[u8], binding: Option<&[u8]>) -> Option<Response<Full<Bytes>>> {
    let response = AuthenticationResponse::parse(body).expect("an AuthenticationResponseJSON");
    let response = response.as_assertion();
    let presented = ClientData::parse(response.client_data).expect("client data").challenge_bytes()?;
    let challenge = gate.key.open(&presented, Ceremony::Authentication, binding?, NOW).ok()?;
    let mut passkeys = gate.passkeys.lock().expect("a lock");
    let (passkey, counter) = passkeys.get_mut(response.credential_id)?;
    let mut record = passkey.record();
    record.sign_count = *counter;
    let verified = assertion::verify(&gate.relying_party, &challenge, &response, &record).ok()?;
    *counter = verified.sign_count();
    let once = gate.used.lock().expect("a lock").insert(challenge.bytes().to_vec());
    once.then(|| reply(200, "{}", Some(cookie::set(cookie::SESSION, "a-session", None))))
}
