//! The life of a request, in the order in which it runs.
//!
//! admit › cross › judge › limit › answer, or receive and forward › record. Pingora calls the hooks; each is a line or
//! two, and the phases are in the files of their names; crossing, the question of a page's origin, is in
//! [`crate::cors`]. Plain requests to services are forwarded by [`crate::lane`], all others by Pingora. Caching,
//! compression and CONNECT stay off.

use crate::challenge;
use crate::cors::{self, Crossing};
use crate::deadline;
use crate::door::watch;
use crate::exchange::Exchange;
use crate::hsts;
use crate::lane;
use crate::metrics::AnsweredBy;
use crate::passkey::body::BODY_BYTES_MAX;
use crate::phase::judge::Judgement;
use crate::phase::{Next, admit, answer, forward, judge, limit, record};
use crate::problem::Problem;
use crate::receive;
use crate::refusal::{method_not_allowed, refusal};
use crate::reply::Reply;
use crate::request::declared_length;
use crate::returned;
use crate::state::EdgeState;
use crate::upstream::UPGRADED_IDLE;
use aldgate_core::policy::route::{EdgeEndpoint, Target};
use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The edge, as Pingora drives it.
pub struct Edge {
    state: Arc<EdgeState>,
}

impl Edge {
    /// An edge over its parts.
    pub const fn new(state: Arc<EdgeState>) -> Self {
        Self { state }
    }

    async fn refuse(&self, problem: Problem, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        let reply = refusal(problem, session.req_header(), exchange);
        self.write(reply, session, exchange).await
    }

    async fn write(&self, reply: Reply, session: &mut Session, exchange: &Exchange) -> Result<Next> {
        hsts::on_reply(exchange, reply).write(session).await?;
        Ok(Next::Answered)
    }

    async fn admit(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        let admitted = admit::as_sent(session).and_then(|()| admit::admit(session.req_header(), exchange));
        match admitted {
            Ok(()) => Ok(Next::Continue),
            Err(problem) => self.refuse_and_close(problem, session, exchange).await,
        }
    }

    /// Refuses what cannot be told from the next request, which is therefore never read.
    async fn refuse_and_close(&self, problem: Problem, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        session.set_keepalive(None);
        self.refuse(problem, session, exchange).await
    }

    /// Reads the body, as far as it must have come before the upstream is asked.
    async fn receive(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        let received = match exchange.answered_by {
            AnsweredBy::Backend => receive::whole(session).await,
            _ => receive::ahead(session).await,
        };
        match received {
            Ok(()) => Ok(Next::Continue),
            Err(problem) => self.refuse_and_close(problem, session, exchange).await,
        }
    }

    /// Answers preflights, and refuses what a page of another origin may not do.
    async fn cross(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        match cors::cross(session.req_header(), exchange) {
            Crossing::GoesOn => Ok(Next::Continue),
            Crossing::Granted(reply) => self.write(reply, session, exchange).await,
            Crossing::Refused(problem) => self.refuse(problem, session, exchange).await,
        }
    }

    async fn judge(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        match judge::judge(session.req_header(), exchange, &self.state).await {
            Judgement::Pass(permit) => {
                exchange.permit = Some(permit);
                Ok(Next::Continue)
            }
            Judgement::Refuse(problem) => self.refuse(problem, session, exchange).await,
            Judgement::Method(allowed) => {
                let reply = method_not_allowed(&allowed, session.req_header(), exchange);
                self.write(reply, session, exchange).await
            }
            Judgement::Challenge(route, challenge) => {
                let header = session.req_header();
                let reply = challenge::reply(&route, &challenge, header, exchange, &self.state);
                self.write(reply, session, exchange).await
            }
        }
    }

    /// Gives it a place among the requests of its class.
    async fn limit(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        match limit::limit(session, exchange, &self.state).await {
            Ok(ticket) => {
                exchange.ticket = Some(ticket);
                Ok(Next::Continue)
            }
            Err(reply) => self.write(reply, session, exchange).await,
        }
    }

    /// Answers what is the edge's own; lets everything else go on to its upstream.
    async fn answer(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Next> {
        let Some(permit) = exchange.permit.take() else {
            return self.refuse(Problem::Internal, session, exchange).await;
        };
        let next = match &permit.route().target {
            Target::Edge(endpoint) => {
                let reply = answer::endpoint(*endpoint, &permit, session, exchange, &self.state).await;
                if let (Some(room), EdgeEndpoint::Login, 200) = (&self.state.waiting_room, endpoint, reply.status) {
                    room.leave(session.req_header());
                }
                self.write(reply, session, exchange).await?
            }
            Target::Backend if declares_too_much(session.req_header()) => {
                self.refuse(Problem::TooLarge, session, exchange).await?
            }
            Target::Backend if self.state.breaker.is_open() => {
                self.refuse(Problem::Unavailable, session, exchange).await?
            }
            // It stands behind another proxy, which asks the private listener: nothing leads to it from here.
            Target::Service(service) if service.upstream.is_none() => {
                self.refuse(Problem::NotFound, session, exchange).await?
            }
            Target::Backend | Target::Service(_) => Next::Continue,
        };
        exchange.answered_by =
            if next == Next::Continue { forward::answers(&permit.route().target) } else { AnsweredBy::Edge };
        // A form for the backend has its deadline where it is read ([`receive::whole`]).
        if exchange.answered_by == AnsweredBy::Service
            && !session.is_upgrade_req()
            && !session.as_downstream_mut().is_body_done()
        {
            watch::body_begins(watch::UPLOAD_DEADLINE);
        }
        exchange.permit = Some(permit);
        Ok(next)
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
impl ProxyHttp for Edge {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::begin(&self.state)
    }

    /// No modules: compression is the services' affair (BREACH), and the default module costs every request a map.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<()> {
        deadline::header_is_complete(session);
        admit::welcome(session, exchange);
        if self.state.closing.load(Ordering::Relaxed) {
            session.set_keepalive(None); // Its client comes back to whoever goes on.
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        if self.admit(session, exchange).await? == Next::Answered {
            return Ok(true);
        }
        if self.cross(session, exchange).await? == Next::Answered {
            return Ok(true);
        }
        if self.judge(session, exchange).await? == Next::Answered {
            return Ok(true);
        }
        if self.limit(session, exchange).await? == Next::Answered {
            return Ok(true);
        }
        if self.answer(session, exchange).await? == Next::Answered {
            return Ok(true);
        }
        if lane::carry(session.as_downstream_mut(), exchange, &self.state).await? {
            return Ok(true);
        }
        Ok(self.receive(session, exchange).await? == Next::Answered)
    }

    async fn upstream_peer(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
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
        exchange: &mut Exchange,
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
        exchange: &mut Exchange,
    ) -> Result<()> {
        let bytes = body.as_ref().map_or(0, Bytes::len);
        exchange.body_bytes += bytes;
        if is_over {
            watch::body_is_over();
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
        exchange: &mut Exchange,
    ) -> Result<()> {
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

    fn request_summary(&self, session: &Session, exchange: &Exchange) -> String {
        // Without query and headers: codes and tokens may stand there.
        format!("{} {} ({})", session.req_header().method, session.req_header().uri.path(), exchange.reference)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, exchange: &mut Exchange) -> FailToProxy {
        let faulty = deadline::fault(session).map(|_| Problem::BadRequest);
        let Some(problem) = faulty.or_else(|| problem_of(error, exchange)) else {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        };
        if exchange.answered_by == AnsweredBy::Backend && self.state.backend_told.may(exchange.now) {
            tracing::warn!(%error, request = exchange.reference, "the backend did not answer a request");
        }
        session.set_keepalive(None);
        if session.response_written().is_none() {
            let reply = refusal(problem, session.req_header(), exchange);
            if let Err(error) = hsts::on_reply(exchange, reply).write(session).await {
                tracing::debug!(%error, "the client went away");
            }
        }
        FailToProxy { error_code: problem.status(), can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, exchange: &mut Exchange) {
        let status = session.response_written().map_or(0, |response| response.status.as_u16());
        record::record(session.req_header(), status, exchange, &self.state);
        watch::body_is_over();
        deadline::request_is_over(session);
    }
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

/// How often a request that can be repeated is tried on another connection.
pub const RETRIES_MAX: usize = 2;

/// How long an HTTP/2 connection may lie idle.
pub const H2_IDLE: Duration = Duration::from_secs(30);
