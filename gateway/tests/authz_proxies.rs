//! The real nginx, HAProxy and Caddy in front of a service, with the very configurations of `config/`: who passes, what
//! the service gets, what the client gets, and that nothing passes when the gate is gone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::identity_header::{IDENTITY, is_ours};
use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims, claims_with, key_set};
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::Warm as _;
use std::net::SocketAddr;
use support::asker::Asker;
use support::front::{self, Addresses, Front, Kind};
use support::http::Answer;
use support::issuer::IssuerServer;
use support::world::{World, cookie_of, parse, received};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ROUTES: &str = r#"
    [[service]]
    name = "behind"
    [[route]]
    path = "/behind/"
    service = "behind"
    [[route]]
    path = "/behind/public/"
    service = "behind"
    access = "public"
    [[route]]
    path = "/behind/optional/"
    service = "behind"
    access = "optional"
    [[route]]
    host = "public.example"
    path = "/"
    service = "behind"
    access = "public"
"#;

const HTML: (&str, &str) = ("accept", "text/html");

/// A gate, a proxy in front of a service that says what it received, and the service's address.
struct Stand {
    world: World,
    asker: Option<Asker>,
    front: Front,
}

impl Stand {
    async fn new(kind: Kind) -> Self {
        Self::with(kind, "").await
    }

    /// A stand with more in the gate's configuration.
    async fn with(kind: Kind, more: &str) -> Self {
        let world = World::with(&format!("{ROUTES}{more}")).await;
        let asker = Asker::of(&world).await;
        let service = echo().await;
        let addresses = Addresses { private: asker.private, public: asker.private, service };
        let front = Front::start(kind, addresses).await;
        Self { world, asker: Some(asker), front }
    }

    async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("host: localhost:{}\r\n", self.front.address.port()));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str(&format!("\r\n{body}"));
        let mut stream = TcpStream::connect(self.front.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        parse(&String::from_utf8_lossy(&answer))
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", target, headers, "").await
    }

    async fn session(&self) -> String {
        self.world.log_in(&self.world.register(1).await).await
    }
}

/// A service that answers with the header and body that it received.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut piece = [0; 4096];
                loop {
                    let text = String::from_utf8_lossy(&seen).to_lowercase();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                        if body.len() >= length.unwrap_or(0) {
                            break;
                        }
                    }
                    match stream.read(&mut piece).await {
                        Ok(n @ 1..) => seen.extend_from_slice(&piece[..n]),
                        _ => return,
                    }
                }
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", seen.len());
                let _ = stream.write_all(&[head.as_bytes(), &seen].concat()).await;
            });
        }
    });
    address
}

#[test]
fn each_proxy_finds_its_sample_good() {
    for kind in Kind::ALL {
        front::check(kind).unwrap_or_else(|said| panic!("{kind:?}: {said}"));
    }
}

/// Envoy and Traefik are not in Debian: their samples are held to the names that the service must get by nobody but the
/// gate. What they ask and are told is shown in `authz.rs`.
#[test]
fn every_sample_names_every_identity_header_and_the_cookie() {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    for sample in ["nginx/aldgate-identity.conf", "haproxy/aldgate.lua", "caddy/Caddyfile", "traefik/dynamic.yml"] {
        let text = std::fs::read_to_string(config.join(sample)).expect(sample).to_lowercase();
        for name in IDENTITY.iter().chain(&[
            "aldgate-request-id",
            "aldgate-client-certificate",
            "cookie",
            "authorization",
            "dpop",
        ]) {
            assert!(text.contains(name), "{name} in {sample}");
        }
    }
    let envoy = std::fs::read_to_string(config.join("envoy/http.yaml")).expect("the sample");
    for text in ["prefix: aldgate-", "exact: cookie", "path_prefix: /authz/envoy", "failure_mode_allow: false"] {
        assert!(envoy.contains(text), "{text}");
    }
}

#[tokio::test]
async fn who_is_signed_in_reaches_the_service_which_learns_who_they_are() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let session = stand.session().await;
        let cookies = format!("a=1; {session}; b=2");
        let answer = stand.send("POST", "/behind/x?y=z", &[("cookie", &cookies)], "the body").await;
        let seen = received(&answer);
        assert!(answer.body.starts_with("POST /behind/x?y=z HTTP/1.1\r\n"), "{kind:?}: {answer:?}");
        assert!(answer.body.ends_with("\r\n\r\nthe body"), "{kind:?}: {answer:?}");
        let now = support::world_now(&stand.world);
        let identity = stand.world.verifier("behind").verify(&seen["aldgate-identity"], now).expect("an identity");
        assert_eq!(seen["aldgate-subject"], identity.account().to_string(), "{kind:?}");
        assert!(IDENTITY.iter().all(|name| seen.contains_key(*name)), "{kind:?}: {seen:?}");
        assert_eq!(seen["cookie"], "a=1; b=2", "{kind:?}");
        let basic = [("cookie", session.as_str()), ("authorization", "Basic b3du")];
        let own = received(&stand.get("/behind/", &basic).await);
        assert_eq!(own["authorization"], "Basic b3du", "{kind:?}: a credential that is not the gate's stays");
        let alone = received(&stand.get("/behind/", &[("cookie", &session)]).await);
        assert_eq!(alone.get("cookie").map_or("", String::as_str), "", "{kind:?}: our cookie never reaches a service");
    }
}

#[tokio::test]
async fn an_access_token_opens_the_gate_and_goes_no_further() {
    let (signer, key) = (Signer::new("ES256", "k1"), Signer::new("ES256", "c"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let more = format!(
        r#"
        [[route]]
        path = "/behind/api/"
        service = "behind"
        access_tokens = true
        [[token_issuer]]
        issuer = "{ISSUER}"
        audience = "{AUDIENCE}"
        jwks_uri = {:?}
        dpop_nonce = true
        "#,
        server.url()
    );
    for kind in Kind::ALL {
        let stand = Stand::with(kind, &more).await;
        let mut of_a_machine = claims(NOW);
        of_a_machine.as_object_mut().expect("an object").remove("auth_time");
        let token = signer.token(&of_a_machine);
        let seen = received(&stand.get("/behind/api/", &[("authorization", &format!("Bearer {token}"))]).await);
        assert_eq!(seen["aldgate-subject"], "alice", "{kind:?}");
        let said = stand.world.verifier("behind").verify_for_grant(&seen["aldgate-identity"], NOW);
        assert_eq!(said.expect("an assertion").token_iss, ISSUER, "{kind:?}");
        for name in ["authorization", "dpop", "aldgate-session", "aldgate-auth-time"] {
            assert_eq!(seen.get(name).map_or("", String::as_str), "", "{kind:?}: {name} in {seen:?}");
        }

        let url = format!("http://localhost:{}/behind/api/", stand.front.address.port());
        let bound = signer.token(&claims_with(NOW, "cnf", serde_json::json!({"jkt": key.thumbprint()})));
        let proof = |id: &str, nonce: &str| {
            let (header, mut claims) = key.proof_parts("GET", &url, &bound, id, NOW);
            claims["nonce"] = nonce.into();
            key.sign(header.to_string(), claims.to_string())
        };
        let shown = async |authorization: &str, proof: &str| {
            stand.get("/behind/api/", &[("authorization", authorization), ("dpop", proof)]).await
        };
        let as_dpop = format!("DPoP {bound}");
        let told = shown(&as_dpop, &proof("1", "")).await;
        assert_eq!(told.status, 401, "{kind:?}: {told:?}");
        assert!(told.header("www-authenticate").contains("use_dpop_nonce"), "{kind:?}: {told:?}");
        let good = proof("2", told.header("dpop-nonce"));
        let seen = received(&shown(&as_dpop, &good).await);
        assert_eq!(seen["aldgate-subject"], "alice", "{kind:?}");
        assert_eq!(seen.get("dpop").map_or("", String::as_str), "", "{kind:?}: {seen:?}");
        let replayed = shown(&as_dpop, &good).await;
        assert_eq!(replayed.status, 401, "{kind:?}: {replayed:?}");
        assert!(replayed.header("www-authenticate").contains("invalid_dpop_proof"), "{kind:?}: {replayed:?}");
        assert_eq!(shown(&format!("Bearer {bound}"), "").await.status, 401, "{kind:?}");
    }
}

#[tokio::test]
async fn a_program_without_a_session_is_told_so() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let answer = stand.get("/behind/", &[]).await;
        assert_eq!(answer.status, 401, "{kind:?}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="aldgate""#, "{kind:?}: {answer:?}");
        assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1, "{kind:?}: {answer:?}");
        assert!(answer.headers.get("location").is_none(), "{kind:?}");
        let head = stand.send("HEAD", "/behind/", &[], "").await;
        assert_eq!(head.status, 401, "{kind:?}: {head:?}");
    }
}

#[tokio::test]
async fn a_browser_without_a_session_is_sent_to_sign_in_and_back() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let answer = stand.get("/behind/page?a=1", &[HTML]).await;
        let port = stand.front.address.port();
        let there = format!("http://localhost:{port}/sign-in?return_to=/behind/page%3Fa%3D1");
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, there.as_str()), "{kind:?}: {answer:?}");
    }
}

#[tokio::test]
async fn an_ended_session_is_refused_and_its_cookie_cleared() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let authenticator = stand.world.register(1).await;
        let session = stand.world.log_in(&authenticator).await;
        assert_eq!(stand.get("/behind/", &[("cookie", &session)]).await.status, 200, "{kind:?}");
        stand.world.warm.end_sessions(&authenticator.account, None).await.expect("ended");
        for (headers, status) in [(vec![("cookie", session.as_str())], 401), (vec![("cookie", &session), HTML], 303)] {
            let answer = stand.get("/behind/", &headers).await;
            assert_eq!(answer.status, status, "{kind:?}: {answer:?}");
            assert_eq!(cookie_of(&answer).as_deref(), Some("__Host-aldgate="), "{kind:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_that_a_client_says_in_the_gates_name_reaches_the_service() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let session = stand.session().await;
        let mut names: Vec<String> = Vec::new();
        let aliases = [
            "remote-user",
            "remote-groups",
            "x-forwarded-user",
            "x-forwarded-email",
            "x-auth-request-user",
            "x-pomerium-jwt-assertion",
            "cf-access-jwt-assertion",
            "x-amzn-oidc-identity",
            "aldgate-client-certificate",
        ];
        for name in IDENTITY.iter().chain(&aliases) {
            names.extend([(*name).to_owned(), name.to_uppercase(), name.replace('-', "_")]);
        }
        let forged: Vec<_> = names.iter().map(|name| (name.as_str(), "forged-by-client")).collect();
        for path in ["/behind/public/", "/behind/optional/", "/behind/"] {
            let mut headers = forged.clone();
            if path == "/behind/" {
                headers.push(("cookie", &session));
            }
            let answer = stand.get(path, &headers).await;
            assert_eq!(answer.status, 200, "{kind:?} {path}: {answer:?}");
            assert!(!answer.body.contains("forged-by-client"), "{kind:?} {path}: {}", answer.body);
        }
        let known = received(&stand.get("/behind/optional/", &[("cookie", &session)]).await);
        assert!(known.contains_key("aldgate-subject"), "{kind:?}: {known:?}");
        let public = received(&stand.get("/behind/public/", &[("cookie", &session)]).await);
        assert_eq!(public.get("cookie").map_or("", String::as_str), "", "{kind:?}: also where nobody is looked at");
        assert_eq!(public.get("aldgate-subject").map_or("", String::as_str), "", "{kind:?}");
    }
}

/// A service that believes one of these takes its client for somebody else, or for one that has shown a certificate.
#[tokio::test]
async fn nothing_that_only_a_proxy_may_say_reaches_the_service_as_the_client_said_it() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        for name in [
            "forwarded",
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-forwarded-server",
            "x-forwarded-client-cert",
            "x-real-ip",
            "x-client-ip",
            "true-client-ip",
            "proxy",
            "client-cert",
            "client-cert-chain",
            "x-client-cert",
            "x-client-certificate",
            "x-arr-clientcert",
            "x-ssl-client-cert",
            "x-ssl-client-verify",
            "x-ssl-client-s-dn",
            "ssl-client-cert",
            "ssl-client-verify",
            "x-amzn-mtls-clientcert",
        ] {
            assert!(is_ours(name.as_bytes()), "{name}: the edge strikes it");
            let headers = [name.to_owned(), name.to_uppercase(), name.replace('-', "_")];
            let headers: Vec<_> = headers.iter().map(|name| (name.as_str(), "forged-by-client")).collect();
            let answer = stand.get("/behind/public/", &headers).await;
            assert_eq!(answer.status, 200, "{kind:?} {name}: {answer:?}");
            assert!(!answer.body.contains("forged-by-client"), "{kind:?} {name}: {}", answer.body);
        }
    }
}

/// What was judged is the method and the path of the request line. Some servers act on others, if a header says so.
#[tokio::test]
async fn nothing_reaches_the_service_that_would_change_what_was_judged() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        for name in [
            "x-http-method-override",
            "x-http-method",
            "x-method-override",
            "x-original-url",
            "x-original-uri",
            "x-rewrite-url",
        ] {
            for spelled in [name.to_owned(), name.to_uppercase(), name.replace('-', "_")] {
                let answer = stand.get("/behind/public/", &[(&spelled, "changed-by-client")]).await;
                assert_eq!(answer.status, 200, "{kind:?} {spelled}: {answer:?}");
                assert!(!answer.body.contains("changed-by-client"), "{kind:?} {spelled}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn what_a_client_says_about_its_request_changes_no_decision() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        for (name, value) in [
            ("x-forwarded-uri", "/behind/public/"),
            ("x-original-uri", "/behind/public/"),
            ("x-original-url", "http://localhost/behind/public/"),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded-method", "HEAD"),
            ("x-original-method", "HEAD"),
            ("x-forwarded-proto", "https"),
        ] {
            let answer = stand.get("/behind/", &[(name, value)]).await;
            assert!(answer.status.is_client_error(), "{kind:?} {name}: {answer:?}");
            let open = stand.get("/behind/public/", &[(name, value)]).await;
            assert!(open.status == 200 || open.status.is_client_error(), "{kind:?} {name}: {open:?}");
        }
    }
}

#[tokio::test]
async fn a_target_that_names_another_host_than_the_header_does_is_refused_or_judged_as_it_is_routed() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let port = stand.front.address.port();
        let target = format!("http://localhost:{port}/behind/");
        let lied = stand.get(&target, &[("host", "public.example")]).await;
        assert!(!lied.status.is_success(), "{kind:?}: {lied:?}");
        let alien = stand.get("/behind/public/", &[("host", "public.example")]).await;
        assert!(!alien.body.starts_with("GET "), "{kind:?}: no other host reaches the service: {alien:?}");
    }
}

#[tokio::test]
async fn tricks_with_the_path_are_refused() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        for path in [
            "/behind/public/..%2fsecret",
            "/behind/public/../secret",
            "/behind/public/..;/secret",
            "/behind/public/%2e%2e/secret",
            "/behind/public/%252e%252e/secret",
            "/behind/public//secret",
            "/behind/public/..\\secret",
        ] {
            let answer = stand.get(path, &[]).await;
            assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{kind:?} {path}: {answer:?}");
            assert!(!answer.body.contains("GET "), "{kind:?} {path} reached the service");
        }
    }
}

#[tokio::test]
async fn nothing_passes_when_the_gate_does_not_answer() {
    for kind in Kind::ALL {
        let mut stand = Stand::new(kind).await;
        let session = stand.session().await;
        assert_eq!(stand.get("/behind/", &[("cookie", &session)]).await.status, 200, "{kind:?}");
        stand.asker = None;
        for path in ["/behind/", "/behind/public/"] {
            let answer = stand.get(path, &[("cookie", &session)]).await;
            assert!(answer.status.is_server_error(), "{kind:?} {path}: {answer:?}");
            assert!(!answer.body.contains("GET "), "{kind:?} {path} reached the service");
        }
    }
}

#[tokio::test]
async fn nothing_passes_when_the_gate_cannot_decide() {
    for kind in Kind::ALL {
        let stand = Stand::new(kind).await;
        let cold = aldgate_core::id::SessionId::from_bytes([9; 16]);
        let cold = format!("__Host-aldgate={}", stand.world.state.snapshot.load().tag_keys.token(cold, "localhost"));
        stand.world.warm.set_down(true);
        let answer = stand.get("/behind/", &[("cookie", &cold)]).await;
        assert!(answer.status.is_server_error(), "{kind:?}: {answer:?}");
    }
}
