//! The life of a request, in the order in which it runs.
//!
//! admit › cross › judge › limit › answer, or forward › record. Each is a line or two here, and the phases are in the
//! files of their names; crossing, the question of a page's origin, is in [`crate::cors`]. What the edge answers by
//! itself and what the fast lane ([`crate::lane`]) carries is done with here, beside Pingora's proxy and not inside it:
//! the future of that proxy has the size of all that it might come to do, seventy kilobytes, which every request would
//! allocate and fill. Whatever else has an upstream is handed over to it, judged ([`crate::general`]).

use crate::challenge;
use crate::cors::{self, Crossing};
use crate::deadline;
use crate::exchange::Exchange;
use crate::framing::Fault;
use crate::general::{self, General};
use crate::hsts;
use crate::lane;
use crate::phase::judge::Judgement;
use crate::phase::{Next, admit, answer, forward, judge, limit, record};
use crate::problem::Problem;
use crate::refusal::{method_not_allowed, refusal};
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::route::{EdgeEndpoint, Target};
use async_trait::async_trait;
use pingora::apps::{HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use pingora::{Error, ErrorType, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// The edge, as Pingora's listeners drive it.
pub struct Edge {
    state: Arc<EdgeState>,
    general: Arc<HttpProxy<General>>,
    ending: Ending,
}

/// Whether connections that wait for a request are to end.
#[derive(Default)]
struct Ending {
    begun: AtomicBool,
    told: Notify,
}

impl Ending {
    fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    async fn begun(&self) {
        let told = self.told.notified(); // First: what is told between the two is heard.
        if !self.begun.load(Ordering::Acquire) {
            told.await;
        }
    }
}

impl Edge {
    /// An edge over its parts; `general` carries what the edge does not carry by itself.
    pub fn new(state: Arc<EdgeState>, general: HttpProxy<General>) -> Self {
        Self { state, general: Arc::new(general), ending: Ending::default() }
    }

    /// The header of the next request; false if there is none, and the connection is over.
    async fn read_request(&self, session: &mut ServerSession) -> bool {
        let read = tokio::select! {
            biased; // A request that has come is answered.
            read = session.read_request() => read,
            () = self.ending.begun() => return false,
        };
        match read {
            Ok(is_one) => is_one,
            Err(error) => {
                tracing::debug!(%error, "no request on a connection");
                if let Some(problem) = unreadable(session, &error) {
                    let _ = session.respond_error(problem.status()).await; // The client may be gone.
                }
                session.shutdown().await;
                false
            }
        }
    }

    /// Sets the deadlines and notes where the request comes from.
    fn welcome(&self, session: &mut ServerSession, exchange: &mut Exchange, shutdown: &ShutdownWatch) {
        deadline::header_is_complete(session);
        admit::welcome(session, exchange, &self.state);
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
    }

    /// The phases, as far as they go here. An error is the client's or the service's, as
    /// [`general::fail`] tells them apart.
    async fn run(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        if self.admit(session, exchange).await? == Next::Answered
            || self.cross(session, exchange).await? == Next::Answered
            || self.judge(session, exchange).await? == Next::Answered
        {
            return Ok(Next::Answered);
        }
        if is_for_the_backend(exchange) {
            return Ok(Next::Continue); // It is limited where its body is read.
        }
        if self.limit(session, exchange).await? == Next::Answered
            || self.answer(session, exchange).await? == Next::Answered
            || lane::carry(session, exchange, &self.state).await?
        {
            return Ok(Next::Answered);
        }
        Ok(Next::Continue)
    }

    async fn refuse(&self, problem: Problem, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        let reply = refusal(problem, session.req_header(), exchange);
        write(reply, session, exchange).await
    }

    async fn admit(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        let admitted = admit::as_sent(session).and_then(|()| admit::admit(session.req_header(), exchange));
        match admitted {
            Ok(()) => Ok(Next::Continue),
            Err(problem) => {
                session.set_keepalive(None); // It cannot be told from the next request, which is therefore never read.
                self.refuse(problem, session, exchange).await
            }
        }
    }

    /// Answers preflights, and refuses what a page of another origin may not do.
    async fn cross(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        match cors::cross(session.req_header(), exchange) {
            Crossing::GoesOn => Ok(Next::Continue),
            Crossing::Granted(reply) => write(reply, session, exchange).await,
            Crossing::Refused(problem) => self.refuse(problem, session, exchange).await,
        }
    }

    async fn judge(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        match judge::judge(session.req_header(), exchange, &self.state).await {
            Judgement::Pass(permit) => {
                exchange.permit = Some(permit);
                Ok(Next::Continue)
            }
            Judgement::Refuse(problem) => self.refuse(problem, session, exchange).await,
            Judgement::Method(allowed) => {
                let reply = method_not_allowed(&allowed, session.req_header(), exchange);
                write(reply, session, exchange).await
            }
            Judgement::Challenge(route, challenge) => {
                let header = session.req_header();
                let reply = challenge::reply(&route, &challenge, header, exchange, &self.state);
                write(reply, session, exchange).await
            }
        }
    }

    /// Gives it a place among the requests of its class.
    async fn limit(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        match limit::limit(session, exchange, &self.state).await {
            Ok(ticket) => {
                exchange.ticket = Some(ticket);
                Ok(Next::Continue)
            }
            Err(reply) => write(reply, session, exchange).await,
        }
    }

    /// Answers what is the edge's own; lets everything else go on to its service.
    async fn answer(&self, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
        let Some(permit) = exchange.permit.take() else {
            return self.refuse(Problem::Internal, session, exchange).await;
        };
        let next = match &permit.route().target {
            Target::Edge(endpoint) => {
                let reply = answer::endpoint(*endpoint, &permit, session, exchange, &self.state).await;
                if let (Some(room), EdgeEndpoint::Login, 200) = (&self.state.waiting_room, endpoint, reply.status) {
                    room.leave(session.req_header());
                }
                write(reply, session, exchange).await?
            }
            // It stands behind another proxy, which asks the private listener: nothing leads to it from here.
            Target::Service(service) if service.upstream.is_none() => {
                self.refuse(Problem::NotFound, session, exchange).await?
            }
            Target::Backend | Target::Service(_) => {
                exchange.answered_by = forward::answers(&permit.route().target);
                Next::Continue
            }
        };
        exchange.permit = Some(permit);
        Ok(next)
    }

    /// The end of a request that was answered here: its connection, if it may carry another.
    async fn end(&self, session: ServerSession, exchange: &mut Exchange) -> Option<ReusedHttpStream> {
        record::ended(&session, exchange, &self.state);
        let settings = HttpPersistentSettings::for_session(&session);
        let reusable = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
    }

    /// The end of a request and of its connection.
    async fn fail(&self, mut session: ServerSession, error: Box<Error>, exchange: &mut Exchange) {
        let status = general::fail(&mut session, &error, exchange, &self.state).await;
        tracing::info!(%error, status, request = general::summary(session.req_header(), exchange), "a request failed");
        record::ended(&session, exchange, &self.state);
        session.on_proxy_failure(error);
    }
}

/// Why a header could not be read, if its client is there to be told.
fn unreadable(session: &ServerSession, error: &Error) -> Option<Problem> {
    match deadline::fault(session) {
        Some(Fault::TooLong) => Some(Problem::HeadersTooLarge),
        Some(_) => Some(Problem::BadRequest),
        None => (error.etype == ErrorType::InvalidHTTPHeader).then_some(Problem::BadRequest),
    }
}

fn is_for_the_backend(exchange: &Exchange) -> bool {
    exchange.permit.as_ref().is_some_and(|permit| permit.route().target == Target::Backend)
}

async fn write(reply: Reply, session: &mut ServerSession, exchange: &mut Exchange) -> Result<Next> {
    exchange.ticket = None; // However slowly it is read.
    hsts::on_reply(exchange, reply).write(session).await?;
    Ok(Next::Answered)
}

#[async_trait]
impl HttpServerApp for Edge {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if !self.read_request(&mut session).await {
            return None;
        }
        let mut exchange = Box::new(Exchange::begin(&self.state));
        self.welcome(&mut session, &mut exchange, shutdown);
        match self.run(&mut session, &mut exchange).await {
            Ok(Next::Answered) => self.end(session, &mut exchange).await,
            Ok(Next::Continue) => general::hand_over(&self.general, session, exchange, shutdown).await,
            Err(error) => {
                self.fail(session, error, &mut exchange).await;
                None
            }
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.general.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.general.server_options()
    }

    async fn http_cleanup(&self) {
        self.ending.begin();
        self.general.http_cleanup().await;
    }
}
