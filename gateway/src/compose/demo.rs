//! A small service behind the gate, as anybody could write one: it believes nobody but the signature.
//!
//! It fetches the gate's published key set over HTTP, verifies the identity assertion of each request by itself, and
//! shows what it was told.

use super::CannotStart;
use aldgate_core::identity_header as names;
use aldgate_core::policy::platform::PAGE_POLICY;
use aldgate_core::time::Clock;
use aldgate_core::token::identity_assertion::{VerifiedIdentity, Verifier};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// The service's name: the audience that its assertions must have.
const NAME: &str = "demo";

const KEY_SET_BYTES_MAX: usize = 64 * 1024; // A key takes 200 bytes.

/// How long the gate may take to give its key set.
const KEY_SET_DEADLINE: Duration = Duration::from_secs(2);

/// What the service knows of the gate.
pub(crate) struct Demo {
    /// Where the gate serves its key set.
    pub(crate) gate: SocketAddr,
    /// The host that the gate goes by.
    pub(crate) host: String,
    /// The gate's name in its assertions.
    pub(crate) issuer: String,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The verifier, once the key set was fetched.
    pub(crate) verifier: Mutex<Option<Arc<Verifier>>>,
}

/// Listens until the process ends.
///
/// # Errors
/// One line when the address cannot be listened on.
pub(crate) async fn serve(listen: SocketAddr, demo: Demo) -> Result<(), CannotStart> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| CannotStart::because(&format!("demo service on {listen}"), error))?;
    let router = Router::new()
        .route("/demo", get(page))
        .route("/demo/", get(page))
        .route("/demo/identity.json", get(json))
        .with_state(Arc::new(demo));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

#[derive(Template)]
#[template(path = "demo.html")]
struct Page<'a> {
    identity: Result<&'a VerifiedIdentity, &'a str>,
    headers: Vec<(&'static str, String)>,
}

async fn page(State(demo): State<Arc<Demo>>, headers: HeaderMap) -> Response {
    let identity = demo.identity(&headers).await;
    let status = if identity.is_ok() { StatusCode::OK } else { StatusCode::FORBIDDEN };
    let page = Page { identity: identity.as_ref().map_err(String::as_str), headers: told(&headers) };
    match page.render() {
        Ok(html) => {
            let policy = [(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
            (status, policy, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn json(State(demo): State<Arc<Demo>>, headers: HeaderMap) -> Response {
    match demo.identity(&headers).await {
        Ok(identity) => axum::Json(identity.claims().clone()).into_response(),
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// The plain headers that the gate set.
fn told(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    [names::SUBJECT, names::SESSION, names::IDENTITY_LEVEL, names::COMPONENTS, names::AUTH_TIME]
        .into_iter()
        .filter_map(|name| Some((name, text(name)?)))
        .collect()
}

impl Demo {
    /// Who the request is for, by the signature alone.
    async fn identity(&self, headers: &HeaderMap) -> Result<VerifiedIdentity, String> {
        let jwt = headers.get(names::ASSERTION).and_then(|value| value.to_str().ok());
        let jwt = jwt.ok_or("The request carries no identity assertion: it did not come through the gate.")?;
        let verifier = self.verifier().await?;
        verifier.verify(jwt, self.clock.now()).map_err(|refused| refused.to_string())
    }

    async fn verifier(&self) -> Result<Arc<Verifier>, String> {
        let mut kept = self.verifier.lock().await;
        if let Some(verifier) = &*kept {
            return Ok(verifier.clone());
        }
        let fetched = tokio::time::timeout(KEY_SET_DEADLINE, self.fetch_key_set()).await;
        let key_set = fetched.unwrap_or_else(|_| Err("no answer in time".into()));
        let key_set = key_set.map_err(|error| format!("The gate's key set cannot be fetched: {error}"))?;
        let verifier = Verifier::new(&key_set, &self.issuer, NAME).map_err(|error| error.to_string())?;
        Ok(kept.insert(Arc::new(verifier)).clone())
    }

    async fn fetch_key_set(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.gate).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = hyper::Request::get("/.well-known/aldgate/jwks.json").header(header::HOST, &self.host);
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the gate answered {}", answer.status()).into());
        }
        let body = Limited::new(answer.into_body(), KEY_SET_BYTES_MAX).collect().await?;
        Ok(String::from_utf8(body.to_bytes().into())?)
    }
}
