//! The fast lane: plain requests to services are forwarded here, by a small HTTP/1 client of our own, in place of
//! Pingora's `ProxyHttp`, which costs about a third more for each (two channels, two state machines, a task for each
//! connection that goes back to its pool). Everything else falls back to `ProxyHttp`, and `edge.fast_lane = false` sends
//! everything there.
//!
//! It begins after the decision, in [`crate::edge`]: admission, judgement, record and refusals are the same for both
//! ways. What leaving `ProxyHttp` would lose, and where it is kept:
//!
//! 1. **Hop-by-hop fields**: [`plain`] strikes the same as `ProxyHttp`; a request whose `Connection` names a field does
//!    not fit. Answers lose theirs in [`crate::returned`], as on the other way. Tests: `lane/differential.rs`,
//!    `lane/requests.rs`, `lane/hop_by_hop.rs`.
//! 2. **Host and authority**: judged by the first phase for both ways; [`plain`] gives `Host` the authority of HTTP/2,
//!    once. Tests: `lane/http2.rs`, `lane/differential.rs`.
//! 3. **Framing of requests**: a request with a body, or a word about one, does not fit. Tests: `lane/requests.rs`.
//! 4. **Framing of answers**: [`head`] and [`body`]. A connection is kept only with a [`body::Reusable`], which only an
//!    answer that has provably ended gives. Tests: `lane/differential.rs`, `lane/poisoning.rs`, `lane/framing.rs`
//!    against a reader written another way, and `gateway/fuzz`.
//! 5. **Retries**: a reused connection that ends before the first byte of an answer hands the request back to
//!    `ProxyHttp`; all methods that fit may be repeated. Nothing is handed back after a byte of an answer has come.
//!    Tests: `lane/idle.rs`.
//! 6. **Interim answers**: passed on (HTTP/1) or swallowed (HTTP/2) by Pingora's session as on the other way, at most
//!    [`INTERIM_MAX`]; 101 is refused, and requests with `Upgrade` or `Expect` do not fit. Tests:
//!    `lane/differential.rs`, `lane/poisoning.rs`.
//! 7. **Streaming**: a piece is written before the next is read; while the service is waited for, the client is watched,
//!    and the service's connection closed when it goes; deadlines as in [`crate::upstream`]. Tests: `lane/streaming.rs`,
//!    `lane/failures.rs`.
//! 8. **Idle connections**: [`pool`]: bounded in number and age, checked before use, ended with their generation. Tests:
//!    `lane/idle.rs`, `lane/unix_socket.rs`.

pub mod body;
pub mod head;
pub mod plain;
pub mod pool;
pub mod socket;

use crate::exchange::Exchange;
use crate::metrics::LaneOutcome;
use crate::returned;
use crate::state::EdgeState;
use body::{Body, Step, Truncated};
use bytes::BytesMut;
use head::{BadAnswer, Head, HeadReader};
use http::header::TRANSFER_ENCODING;
use http::{HeaderValue, Version};
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::{Error, ErrorType, Result};
use plain::PlainRequest;
use pool::Pool;
use socket::{Deadlines, Socket};
use std::io;
use std::sync::Arc;

/// The most interim answers (1xx) before the final one.
pub const INTERIM_MAX: usize = 8;

/// Room for a head and the beginning of its body: most answers come in one piece.
const FIRST_READ_BYTES: usize = 8 * 1024;

/// Room for a piece of a body; also what a client that reads slowly makes us hold.
const READ_BYTES: usize = 32 * 1024;

/// Pieces that are written in one go, if so many have come: small chunks need not be small writes.
const PIECES_MAX: usize = 16;

/// What came of a request in the lane.
enum Carried {
    /// The client has its answer.
    Answered,
    /// An idle connection had ended: nothing was heard, and `ProxyHttp` may try again.
    ConnectionWasOver,
}

/// Forwards the request and writes the answer, if it fits; false if `ProxyHttp` has to.
///
/// # Errors
/// Pingora's, of the same kinds and sources as `ProxyHttp` has: [`crate::general::fail`] answers them.
pub async fn carry(session: &mut ServerSession, exchange: &mut Exchange, state: &EdgeState) -> Result<bool> {
    let Some(pool) = pool(exchange, state) else { return Ok(false) };
    let request = PlainRequest::of(session, exchange, state)
        .map_err(|error| Error::because(ErrorType::InternalError, "forwarding", error))?;
    let Some(request) = request else { return Ok(false) };
    let carried = forward(session, &request, &pool, exchange).await;
    state.metrics.carried(match &carried {
        Ok(Carried::Answered) => LaneOutcome::Answered,
        Ok(Carried::ConnectionWasOver) => LaneOutcome::HandedBack,
        Err(_) => LaneOutcome::Failed,
    });
    Ok(matches!(carried?, Carried::Answered))
}

/// The service's connections, if the lane is open and leads to it.
fn pool(exchange: &Exchange, state: &EdgeState) -> Option<Arc<Pool>> {
    if !state.fast_lane {
        return None;
    }
    let permit = exchange.permit.as_ref()?;
    exchange.generation.upstreams.lane(&permit.route().target).cloned()
}

async fn forward(
    session: &mut ServerSession,
    request: &PlainRequest,
    pool: &Arc<Pool>,
    exchange: &mut Exchange,
) -> Result<Carried> {
    let taken = pool.take().await?;
    let mut answer = Answer { socket: taken.socket, come: BytesMut::new(), deadlines: pool.deadlines() };
    let head = match answer.ask(session, request).await {
        Err(Failed::BeforeAnswer(_)) if taken.reused => return Ok(Carried::ConnectionWasOver),
        Err(Failed::BeforeAnswer(error) | Failed::Otherwise(error)) => return Err(error),
        Ok(head) => head,
    };
    let head = answer.pass_interim(session, head, request, exchange).await?;
    exchange.ticket = None; // The work is done, however slowly its answer is read.
    let body = answer.pass(session, head, exchange).await?;
    if let Some(proof) = body.reusable(&answer.come) {
        pool.give_back(answer.socket, proof);
    }
    Ok(Carried::Answered)
}

/// Why there is no head.
enum Failed {
    /// The connection ended, or broke, before a byte of the answer.
    BeforeAnswer(Box<Error>),
    /// Anything else: the request must not be sent again.
    Otherwise(Box<Error>),
}

/// A connection that answers.
struct Answer {
    socket: Socket,
    /// What has come and was not taken.
    come: BytesMut,
    deadlines: Deadlines,
}

impl Answer {
    /// Sends the request and reads the first head.
    async fn ask(&mut self, session: &mut ServerSession, request: &PlainRequest) -> Result<Head, Failed> {
        if let Err(error) = self.socket.write(&request.bytes, self.deadlines.write).await {
            return Err(match error.kind() {
                io::ErrorKind::TimedOut => Failed::Otherwise(of_write(error)),
                _ => Failed::BeforeAnswer(of_write(error)),
            });
        }
        self.come.reserve(FIRST_READ_BYTES);
        match self.read(session).await.map_err(Failed::Otherwise)? {
            Ok(0) => Err(Failed::BeforeAnswer(closed())),
            Ok(_) => self.head(session, request).await.map_err(Failed::Otherwise),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Failed::Otherwise(of_read(error))),
            Err(error) => Err(Failed::BeforeAnswer(of_read(error))),
        }
    }

    /// Reads a head, of which a part may have come.
    async fn head(&mut self, session: &mut ServerSession, request: &PlainRequest) -> Result<Head> {
        let mut reader = HeadReader::default();
        loop {
            if let Some(head) = reader.take(&mut self.come, request.asked).map_err(of_answer)? {
                return Ok(head);
            }
            self.come.reserve(FIRST_READ_BYTES);
            if self.read(session).await?.map_err(of_read)? == 0 {
                return Err(closed());
            }
        }
    }

    /// Passes interim answers on; gives the final one.
    async fn pass_interim(
        &mut self,
        session: &mut ServerSession,
        mut head: Head,
        request: &PlainRequest,
        exchange: &Exchange,
    ) -> Result<Head> {
        for _ in 0..INTERIM_MAX {
            if !head.header.status.is_informational() {
                return Ok(head);
            }
            returned::rule(&mut head.header, exchange, &session.req_header().method)?;
            session.response_duplex_vec(vec![HttpTask::Header(head.header, false)]).await?;
            head = self.head(session, request).await?;
        }
        if head.header.status.is_informational() { Err(of_answer(BadAnswer::TooManyInterim)) } else { Ok(head) }
    }

    /// Passes the final answer on, piece by piece.
    async fn pass(&mut self, session: &mut ServerSession, head: Head, exchange: &Exchange) -> Result<Body> {
        let Head { mut header, mut body } = head;
        if body.is_until_close() {
            // As `ProxyHttp`: the client's connection need not end with the service's.
            header.set_version(Version::HTTP_11);
            header.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
        }
        returned::rule(&mut header, exchange, &session.req_header().method)?;
        let mut tasks = Vec::with_capacity(2);
        tasks.push(HttpTask::Header(header, body.has_ended()));
        loop {
            let all = gather(&mut body, &mut self.come, &mut tasks).map_err(of_answer)?;
            if !tasks.is_empty() {
                session.response_duplex_vec(std::mem::take(&mut tasks)).await?;
            }
            if body.has_ended() {
                return Ok(body);
            }
            if all == All::Taken {
                self.come.reserve(READ_BYTES);
                if self.read(session).await?.map_err(of_read)? == 0 {
                    body.closed().map_err(of_cut)?;
                }
            }
        }
    }

    /// Reads more, and watches the client meanwhile: an answer that nobody waits for is not read to its end.
    async fn read(&mut self, session: &mut ServerSession) -> Result<io::Result<usize>> {
        tokio::select! {
            biased;
            read = self.socket.read(&mut self.come, self.deadlines.read) => Ok(read),
            gone = session.read_body_or_idle(true) => Err(match gone {
                Err(error) => error.into_down(),
                Ok(_) => Error::explain(ErrorType::ReadError, "the client sent a body that it had not announced").into_down(),
            }),
        }
    }
}

/// Whether everything that has come was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum All {
    Taken,
    MayBeLeft,
}

/// The pieces that have come, as Pingora's session takes them.
fn gather(body: &mut Body, come: &mut BytesMut, tasks: &mut Vec<HttpTask>) -> Result<All, BadAnswer> {
    for _ in 0..PIECES_MAX {
        match body.step(come)? {
            Step::Piece(piece) => tasks.push(HttpTask::Body(Some(piece), body.has_ended())),
            Step::More => return Ok(All::Taken),
            Step::Ended => {
                if !tasks.last().is_some_and(HttpTask::is_end) {
                    tasks.push(HttpTask::Body(None, true));
                }
                return Ok(All::Taken);
            }
        }
    }
    Ok(All::MayBeLeft)
}

fn closed() -> Box<Error> {
    Error::explain(ErrorType::ConnectionClosed, "reading an answer").into_up()
}

fn of_cut(cut: Truncated) -> Box<Error> {
    Error::because(ErrorType::ConnectionClosed, "reading an answer", cut).into_up()
}

fn of_answer(bad: BadAnswer) -> Box<Error> {
    Error::because(ErrorType::InvalidHTTPHeader, "reading an answer", bad).into_up()
}

fn of_read(error: io::Error) -> Box<Error> {
    let kind = if error.kind() == io::ErrorKind::TimedOut { ErrorType::ReadTimedout } else { ErrorType::ReadError };
    Error::because(kind, "reading an answer", error).into_up()
}

fn of_write(error: io::Error) -> Box<Error> {
    let kind = if error.kind() == io::ErrorKind::TimedOut { ErrorType::WriteTimedout } else { ErrorType::WriteError };
    Error::because(kind, "sending a request", error).into_up()
}
