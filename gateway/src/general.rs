//! The general way to an upstream: Pingora's `ProxyHttp`, for every judged request that the fast lane does not carry:
//! those for the backend, with bodies, with upgrades, and what an idle connection handed back.
//!
//! A request comes here with its exchange, which holds the proof that it may pass; one that came without would be refused.
//! Over HTTP/1 the proxy reads the header again, from the bytes that the edge has read; over HTTP/2 it goes on with the
//! stream. Caching, compression and CONNECT stay off.

use crate::deadline;
use crate::door::watch;
use crate::exchange::Exchange;
use crate::hsts;
use crate::metrics::AnsweredBy;
use crate::passkey::body::BODY_BYTES_MAX;
use crate::phase::record::Unfinished;
use crate::phase::{Next, admit, forward, limit, record};
use crate::problem::Problem;
use crate::receive;
use crate::refusal::refusal;
use crate::request::declared_length;
use crate::returned;
use crate::state::EdgeState;
use crate::upstream::UPGRADED_IDLE;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use pingora::apps::{HttpServerApp as _, ReusedHttpStream};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v1::server::HttpSession;
use pingora::proxy::{FailToProxy, HttpProxy, ProxyHttp, Session};
use pingora::server::ShutdownWatch;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How often a request that can be repeated is tried on another connection.
pub const RETRIES_MAX: usize = 2;

/// How long an HTTP/2 connection may lie idle.
pub const H2_IDLE: Duration = Duration::from_secs(30);

thread_local! {
    /// The exchange of the request that is being handed over by this thread, until the proxy takes it.
    static JUDGED: Cell<Option<Box<Exchange>>> = const { Cell::new(None) };
}

/// The proxy's work on a request that was handed over. The proxy makes the context of a request by a hook that is given
/// nothing, within some poll of this future; so the exchange lies ready whenever it is polled.
struct HandedOver<F> {
    proxy: F,
    exchange: Option<Box<Exchange>>,
}

impl<F: Future + Unpin> Future for HandedOver<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(exchange) = self.exchange.take() else { return Pin::new(&mut self.proxy).poll(context) };
        JUDGED.set(Some(exchange));
        let polled = Pin::new(&mut self.proxy).poll(context);
        self.exchange = JUDGED.take();
        polled
    }
}

/// Hands a judged request over to the proxy, which answers it; nothing of its body was read.
pub async fn hand_over(
    proxy: &Arc<HttpProxy<General>>,
    session: ServerSession,
    exchange: Box<Exchange>,
    shutdown: &ShutdownWatch,
) -> Option<ReusedHttpStream> {
    let session = match session {
        ServerSession::H1(session) => ServerSession::H1(begun_anew(session)),
        session => session,
    };
    HandedOver { proxy: proxy.process_new_http(session, shutdown), exchange: Some(exchange) }.await
}

/// A session of which the same request can be read once more.
fn begun_anew(session: HttpSession) -> HttpSession {
    let mut bytes = BytesMut::from(session.get_headers_raw_bytes());
    bytes.extend_from_slice(deadline::behind_header(session.stream()));
    let reuses = session.get_keepalive_reuses_remaining();
    let mut anew = HttpSession::new(session.into_inner());
    anew.set_keepalive_reuses_remaining(reuses);
    anew.set_pipelined_prefix(bytes);
    anew
}

/// What Pingora's proxy asks of us.
pub struct General {
    state: Arc<EdgeState>,
}

impl General {
    /// Over a gateway's parts.
    pub const fn new(state: Arc<EdgeState>) -> Self {
        Self { state }
    }

    async fn refuse(&self, problem: Problem, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        exchange.ticket = None; // However slowly the answer is read.
        let reply = refusal(problem, session.req_header(), exchange);
        hsts::on_reply(exchange, reply).write(session).await?;
        Ok(Next::Answered)
    }

    /// Gives it a place among the requests of its class, unless it has one.
    async fn limit(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        if exchange.ticket.is_some() {
            return Ok(Next::Continue);
        }
        match limit::limit(session, exchange, &self.state).await {
            Ok(ticket) => {
                exchange.ticket = Some(ticket);
                Ok(Next::Continue)
            }
            Err(reply) => {
                hsts::on_reply(exchange, reply).write(session).await?;
                Ok(Next::Answered)
            }
        }
    }

    /// Whether its upstream may be asked at all.
    async fn open(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        let Some(permit) = &exchange.permit else {
            return self.refuse(Problem::Internal, session, exchange).await;
        };
        let answers = forward::answers(&permit.route().target);
        if answers == AnsweredBy::Backend {
            if declares_too_much(session.req_header()) {
                return self.refuse(Problem::TooLarge, session, exchange).await;
            }
            if self.state.breaker.is_open() {
                return self.refuse(Problem::Unavailable, session, exchange).await;
            }
        }
        exchange.answered_by = answers;
        Ok(Next::Continue)
    }

    /// Reads the body, as far as it must have come before the upstream is asked.
    async fn receive(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        // A form for the backend has its deadline where it is read ([`receive::whole`]).
        if exchange.answered_by == AnsweredBy::Service && !session.is_upgrade_req() && !session.is_body_done() {
            exchange.unfinished = Some(Unfinished::begin(session.req_header(), exchange, &self.state));
            watch::body_begins(watch::UPLOAD_DEADLINE);
        }
        let received = match exchange.answered_by {
            AnsweredBy::Backend => receive::whole(session).await,
            _ => receive::ahead(session).await,
        };
        match received {
            Ok(()) => Ok(Next::Continue),
            Err(problem) => {
                session.set_keepalive(None); // Where the next request begins cannot be told.
                self.refuse(problem, session, exchange).await
            }
        }
    }
}

/// Whether a request for the backend declares a larger body than any of its forms has.
fn declares_too_much(header: &RequestHeader) -> bool {
    declared_length(header).is_some_and(|length| length > BODY_BYTES_MAX as u64)
}

fn refuse_body() -> Box<Error> {
    Error::explain(ErrorType::HTTPStatus(413), "the body is larger than the backend takes")
}

#[async_trait]
impl ProxyHttp for General {
    type CTX = Box<Exchange>;

    fn new_ctx(&self) -> Box<Exchange> {
        // Without one there is no permit either, and the request is refused below.
        JUDGED.take().unwrap_or_else(|| Box::new(Exchange::begin(&self.state)))
    }

    /// No modules: compression is the services' affair (BREACH), and the default module costs every request a map.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, _: &mut Box<Exchange>) -> Result<()> {
        admit::set_deadlines(session.as_downstream_mut(), &self.state);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<bool> {
        let session = session.as_downstream_mut();
        Ok(self.limit(session, exchange).await? == Next::Answered
            || self.open(session, exchange).await? == Next::Answered
            || self.receive(session, exchange).await? == Next::Answered)
    }

    async fn upstream_peer(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<Box<HttpPeer>> {
        let permit = exchange.permit.as_ref();
        let peer = permit.and_then(|permit| exchange.generation.upstreams.peer(&permit.route().target));
        let mut peer = Box::new(peer.ok_or_else(|| Error::new(ErrorType::InternalError))?.clone());
        if exchange.answered_by == AnsweredBy::Backend {
            if self.state.breaker.is_open() {
                return Err(Error::explain(ErrorType::ConnectRefused, "the backend does not answer"));
            }
            peer.options.custom_l4 = Some(self.state.breaker.clone());
        }
        if session.is_upgrade_req() {
            // A WebSocket may be silent for longer than any request.
            session.set_read_timeout(Some(UPGRADED_IDLE));
            peer.options.read_timeout = Some(UPGRADED_IDLE);
        }
        Ok(peer)
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        header: &mut RequestHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        forward::dress(header, exchange, &self.state)
            .map_err(|error| Error::because(ErrorType::InternalError, "forwarding", error))?;
        if exchange.answered_by == AnsweredBy::Backend {
            header.insert_header(http::header::CONNECTION, "close")?; // Why: see breaker/connection.rs.
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        is_over: bool,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        let bytes = body.as_ref().map_or(0, Bytes::len);
        exchange.body_bytes += bytes;
        if is_over {
            watch::body_is_over();
            if let Some(unfinished) = &mut exchange.unfinished {
                unfinished.body_has_come();
            }
        } else if exchange.answered_by == AnsweredBy::Service {
            watch::upload_goes_on(bytes);
        }
        let too_much = exchange.answered_by == AnsweredBy::Backend && exchange.body_bytes > BODY_BYTES_MAX;
        if too_much { Err(refuse_body()) } else { Ok(()) }
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        if !response.status.is_informational() || response.status == StatusCode::SWITCHING_PROTOCOLS {
            exchange.ticket = None; // The work is done, however slowly its answer is read.
        }
        if !forward::is_clear(response) {
            let unclear = Error::explain(ErrorType::InvalidHTTPHeader, "the upstream's answer can be read in two ways");
            return Err(unclear.into_up());
        }
        if let (Some(room), AnsweredBy::Backend) = (&self.state.waiting_room, exchange.answered_by) {
            room.leave_with(response, session.req_header());
            if let Some(cookie) = exchange.cookie.take() {
                response.append_header("set-cookie", cookie)?;
            }
        }
        returned::rule(response, exchange, &session.req_header().method)
    }

    fn request_summary(&self, session: &Session, exchange: &Box<Exchange>) -> String {
        summary(session.req_header(), exchange)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, exchange: &mut Box<Exchange>) -> FailToProxy {
        let status = fail(session.as_downstream_mut(), error, exchange, &self.state).await;
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, exchange: &mut Box<Exchange>) {
        record::ended(session.as_downstream(), exchange, &self.state);
    }
}

/// A request in one line, for the log: without query and headers, where codes and tokens may stand.
pub fn summary(header: &RequestHeader, exchange: &Exchange) -> String {
    format!("{} {} ({})", header.method, header.uri.path(), exchange.reference)
}

/// Answers a request that could not be served to its end, if its client is still there; gives the status.
pub async fn fail(session: &mut ServerSession, error: &Error, exchange: &mut Exchange, state: &EdgeState) -> u16 {
    let faulty = deadline::fault(session).map(|_| Problem::BadRequest);
    let Some(problem) = faulty.or_else(|| problem_of(error, exchange)) else { return 0 };
    if exchange.answered_by == AnsweredBy::Backend && state.backend_told.may(exchange.now) {
        tracing::warn!(%error, request = exchange.reference, "the backend did not answer a request");
    }
    session.set_keepalive(None);
    exchange.ticket = None;
    if session.response_written().is_none() {
        let reply = refusal(problem, session.req_header(), exchange);
        if let Err(error) = hsts::on_reply(exchange, reply).write(session).await {
            tracing::debug!(%error, "the client went away");
        }
    }
    problem.status()
}

/// What the client is told about an error of the proxy; nothing if the client itself is gone.
fn problem_of(error: &Error, exchange: &Exchange) -> Option<Problem> {
    use ErrorType::{
        ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError,
        ReadTimedout, SocketError, WriteError, WriteTimedout,
    };
    let to_backend = exchange.answered_by == AnsweredBy::Backend;
    match (error.esource(), error.etype()) {
        (_, HTTPStatus(413)) => Some(Problem::TooLarge),
        (ErrorSource::Downstream, ReadError | WriteError | ConnectionClosed) => None,
        (ErrorSource::Downstream, ReadTimedout | WriteTimedout) => Some(Problem::Timeout),
        (ErrorSource::Downstream, _) => Some(Problem::BadRequest),
        (_, ConnectError | ConnectRefused | ConnectNoRoute | ConnectTimedout | SocketError) => {
            Some(Problem::Unavailable)
        }
        (ErrorSource::Upstream, _) if to_backend => Some(Problem::Unavailable),
        (ErrorSource::Upstream, ReadTimedout | WriteTimedout) => Some(Problem::GatewayTimeout),
        (ErrorSource::Upstream, _) => Some(Problem::BadGateway),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Problem::Internal),
    }
}
