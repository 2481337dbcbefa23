//! Envoy's ext_authz over gRPC: `envoy.service.auth.v3.Authorization/Check`, on a loopback listener of its own.
//!
//! A denial is an answer, not an error of the call: an error would be subject to `failure_mode_allow`.

use super::answer::{ENVOYS_OWN, to_remove, to_set};
use super::decision::{Allowed, Verdict, decide};
use super::original::{GrpcParts, NotOriginal, OriginalRequest, hides_a_cookie_of_ours};
use crate::exchange::Exchange;
use crate::phase::record;
use crate::private::places::Places;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::identity_header::{REQUEST_ID, is_ours, overrides_method};
use async_trait::async_trait;
use envoy_types::ext_authz::v3::CheckRequestExt as _;
use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue as EnvoyHeader,
    HeaderValueOption, HttpResponse, HttpStatus, OkHttpResponse,
};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use envoy_types::pb::google::protobuf::BoolValue;
use envoy_types::pb::google::rpc;
use http::{HeaderName, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pingora::apps::ServerApp;
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tonic::codegen::Service as _;
use tonic::{Code, Request, Response, Status};

/// Longest question: headers of 32 KiB, twice (Envoy may send both forms), and a certificate.
const QUESTION_BYTES_MAX: usize = 128 * 1024;

/// How long a question may take to come and to be answered: longer than the second that Envoy waits by `config/envoy`.
const QUESTION_DEADLINE: Duration = Duration::from_secs(2);

/// Connections at once: an Envoy opens one for each of its threads.
const CONNECTIONS_MAX: usize = 256;

/// Questions under way on one connection. Most are answered in far less than a millisecond, so a busy Envoy has few.
const STREAMS_MAX: u32 = 256;

/// What a question has for headers of its own: gRPC's, which are few.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// How long an idle connection is left before it is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How long a connection may bring nothing: no question, and no answer to that either.
const READ_DEADLINE: Duration = Duration::from_secs(90);

/// How long an answer may stand still because nobody reads it.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// What answers Envoy.
pub struct EnvoyGrpc {
    service: AuthorizationServer<Check>,
    state: Arc<EdgeState>,
    places: Places,
}

impl EnvoyGrpc {
    /// Over the gateway's parts.
    pub fn new(state: Arc<EdgeState>) -> Self {
        let service = AuthorizationServer::new(Check { state: state.clone() });
        let service = service.max_decoding_message_size(QUESTION_BYTES_MAX);
        Self { service, state, places: Places::new(CONNECTIONS_MAX) }
    }
}

/// Answers one question; a question that does not come whole gets the error by which Envoy lets nobody pass.
async fn answer(
    mut service: AuthorizationServer<Check>,
    question: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<tonic::body::Body>, Infallible> {
    match timeout(QUESTION_DEADLINE, service.call(question)).await {
        Ok(answered) => answered,
        Err(_) => Ok(Status::deadline_exceeded("the question took too long").into_http()),
    }
}

/// A connection: told to end when listening has stopped, so that Envoy asks elsewhere, once what it has asked is answered.
#[async_trait]
impl ServerApp for EnvoyGrpc {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _place = self.places.take(&self.state)?;
        let service = self.service.clone();
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(READ_DEADLINE));
        stream.set_write_timeout(Some(WRITE_DEADLINE));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADER_BYTES_MAX)
            .keep_alive_interval(KEEPALIVE)
            .serve_connection(
                TokioIo::new(Box::pin(stream)),
                service_fn(move |question| answer(service.clone(), question)),
            );
        let mut connection = pin!(connection);
        let mut shutdown = shutdown.clone();
        let stopped = async move { drop(shutdown.wait_for(|stop| *stop).await) }; // A sender that is gone: so is the server.
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stopped => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection of Envoy's broke");
        }
        None
    }
}

struct Check {
    state: Arc<EdgeState>,
}

#[async_trait]
impl Authorization for Check {
    async fn check(&self, question: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let question = question.into_inner();
        let mut exchange = Exchange::begin(&self.state);
        let client = question.get_client_address().map(String::as_str).filter(|address| !address.is_empty());
        let attributes = question.attributes.as_ref();
        let http = attributes.and_then(|attributes| attributes.request.as_ref()?.http.as_ref());
        let original = original(http, client, &self.state.issuer);
        let decision = decide(original, &mut exchange, &self.state).await;
        let (status, answer) = match decision.verdict {
            Verdict::Allow(allowed) => allow(allowed, http, &exchange),
            Verdict::Deny(denied) => deny(&denied.reply, &exchange),
        };
        record(decision.header, status, &exchange, &self.state);
        Ok(Response::new(answer))
    }
}

fn record(header: Option<RequestHeader>, status: u16, exchange: &Exchange, state: &EdgeState) {
    // What was no request has no method and path.
    let header = header.or_else(|| RequestHeader::build_no_case("GET", b"/", None).ok());
    if let Some(header) = header {
        record::record(&header, status, exchange, state);
    }
}

fn original(http: Option<&HttpRequest>, client: Option<&str>, issuer: &str) -> Result<OriginalRequest, NotOriginal> {
    let http = http.ok_or(NotOriginal::Missing("the request"))?;
    let headers = headers(http)?;
    for (name, said, what) in [
        (":method", &http.method, "the method"),
        (":path", &http.path, "the path"),
        (":authority", &http.host, "the host"),
        (":scheme", &http.scheme, "the scheme"),
        ("x-forwarded-proto", &http.scheme, "the scheme"),
    ] {
        let mut others = headers.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value);
        if others.any(|other| !other.eq_ignore_ascii_case(said.as_bytes())) {
            return Err(NotOriginal::Conflict(name, what));
        }
    }
    let parts = GrpcParts { method: &http.method, scheme: &http.scheme, host: &http.host, path: &http.path, client };
    // A name or value that is none cannot be one that the gate looks at.
    let kept = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    OriginalRequest::over_grpc(&parts, kept, issuer)
}

/// The client's headers: as they came (`encode_raw_headers`), else as Envoy joined them.
fn headers(http: &HttpRequest) -> Result<Vec<(&str, &[u8])>, NotOriginal> {
    if let Some(raw) = &http.header_map {
        return Ok(raw.headers.iter().map(|header| (header.key.as_str(), value(header))).collect());
    }
    if http.headers.get("cookie").is_some_and(|value| hides_a_cookie_of_ours(value.as_bytes())) {
        return Err(NotOriginal::Doubled("cookie"));
    }
    Ok(http.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect())
}

/// Envoy sends one of two: text, or bytes that need be none.
fn value(header: &EnvoyHeader) -> &[u8] {
    if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value }
}

/// A header that takes the place of whatever stands there.
#[expect(deprecated, reason = "every version of Envoy understands it; the new field is not in those still in use")]
fn header(name: &str, value: &[u8]) -> HeaderValueOption {
    let value = String::from_utf8_lossy(value).into_owned();
    HeaderValueOption {
        header: Some(EnvoyHeader { key: name.to_owned(), value, ..EnvoyHeader::default() }),
        append: Some(BoolValue { value: false }),
        ..HeaderValueOption::default()
    }
}

fn allow(allowed: Allowed, http: Option<&HttpRequest>, exchange: &Exchange) -> (u16, CheckResponse) {
    let judges_method = allowed.route.judges_method();
    let Ok(set) = to_set(allowed, exchange) else {
        return deny(&Reply::empty(Problem::Internal.status()), exchange);
    };
    let mut remove: Vec<String> = to_remove(&set, judges_method).into_iter().map(str::to_owned).collect();
    // Here alone every header of the client's is seen: those in other spellings go too.
    let sent = http.and_then(|http| headers(http).ok()).unwrap_or_default();
    let lies = sent.iter().map(|(name, _)| *name).filter(|name| {
        let ours = is_ours(name.as_bytes()) && !ENVOYS_OWN.contains(name);
        ours || (judges_method && overrides_method(name.as_bytes()))
    });
    for name in lies {
        if !remove.iter().any(|there| there == name) && !set.iter().any(|(there, _)| there == name) {
            remove.push(name.to_owned());
        }
    }
    let ok = OkHttpResponse {
        headers: set.iter().map(|(name, value)| header(name.as_str(), value.as_bytes())).collect(),
        headers_to_remove: remove,
        ..OkHttpResponse::default()
    };
    (200, response(Code::Ok, HttpResponse::OkResponse(ok)))
}

fn deny(reply: &Reply, exchange: &Exchange) -> (u16, CheckResponse) {
    let code = if matches!(reply.status, 303 | 401) { Code::Unauthenticated } else { Code::PermissionDenied };
    let said = reply.headers.iter().map(|(name, value)| header(name, value.as_bytes()));
    let always = [
        header("cache-control", b"no-store"),
        header("x-content-type-options", b"nosniff"),
        header(REQUEST_ID, exchange.reference.as_bytes()),
    ];
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(reply.status) }),
        headers: said.chain(always).collect(),
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    };
    (reply.status, response(code, HttpResponse::DeniedResponse(denied)))
}

fn response(code: Code, http_response: HttpResponse) -> CheckResponse {
    let status = rpc::Status { code: code.into(), ..rpc::Status::default() };
    CheckResponse { status: Some(status), http_response: Some(http_response), ..CheckResponse::default() }
}
