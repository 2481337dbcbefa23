//! First phase: is this a request that means one thing? Deadlines are set, bounds held, the host is found.
//!
//! What is ambiguous is refused here, before any route can match (threats: message framing, path confusion).

use crate::deadline;
use crate::exchange::Exchange;
use crate::framing::Fault;
use crate::problem::Problem;
use crate::state::EdgeState;
use crate::tls::shown;
use aldgate_core::session::cookie::COOKIE_HEADER_BYTES_MAX;
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use std::sync::atomic::Ordering;
use std::time::Duration;

const KEEPALIVE_SECS: u64 = 15; // Browsers reopen cheaply; idle connections cost memory.
const READ: Duration = Duration::from_secs(5); // Between two pieces of a body.
const WRITE: Duration = Duration::from_secs(10);
const DRAIN: Duration = Duration::from_secs(2);
const HEADERS_MAX: usize = 100; // Browsers send about 20.
const HEADER_BYTES_MAX: usize = 32 * 1024; // Names and values together.
const HOST_BYTES_MAX: usize = 255; // A DNS name and a port.

/// Sets the connection's deadlines, of which a session knows nothing before its request was read.
pub fn set_deadlines(session: &mut ServerSession, state: &EdgeState) {
    let last = state.closing.load(Ordering::Relaxed); // Its client comes back to whoever goes on.
    session.set_keepalive((!last).then_some(KEEPALIVE_SECS));
    session.set_read_timeout(Some(READ));
    session.set_write_timeout(Some(WRITE));
    session.set_total_drain_timeout(Some(DRAIN));
}

/// Sets the connection's deadlines and notes where the request comes from.
pub fn welcome(session: &mut ServerSession, exchange: &mut Exchange, state: &EdgeState) {
    set_deadlines(session, state);
    exchange.client = session.client_addr().and_then(|address| address.as_inet()).map(|address| address.ip());
    exchange.tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    exchange.certificate = shown::certificate(session, &exchange.generation, exchange.now);
}

/// Whether what Pingora has read is what came over the wire, and means one thing there (see [`crate::framing`]). HTTP/2
/// has no lines that could be read in two ways.
///
/// # Errors
/// The problem to answer with.
pub fn as_sent(session: &ServerSession) -> Result<(), Problem> {
    let Some(http1) = session.as_http1() else { return Ok(()) };
    deadline::header_as_sent(session, http1.get_headers_raw_bytes().len()).map_err(|fault| {
        tracing::debug!(%fault, "a request was refused");
        if fault == Fault::TooLong { Problem::HeadersTooLarge } else { Problem::BadRequest }
    })
}

/// Judges the header's form.
///
/// # Errors
/// The problem to answer with.
pub fn admit(header: &RequestHeader, exchange: &mut Exchange) -> Result<(), Problem> {
    bounds(header)?;
    if matches!(header.method.as_str(), "TRACE" | "CONNECT") {
        return Err(Problem::MethodNotAllowed);
    }
    if header.raw_path().first() != Some(&b'/') {
        return Err(Problem::AmbiguousPath); // Absolute form names a second host, asterisk form no path.
    }
    let authority = authority(header)?;
    exchange.host = host_without_port(authority).to_ascii_lowercase();
    exchange.authority = authority.to_owned();
    Ok(())
}

fn bounds(header: &RequestHeader) -> Result<(), Problem> {
    let mut bytes = header.raw_path().len();
    let mut cookie_bytes = 0;
    for (name, value) in &header.headers {
        bytes += name.as_str().len() + value.len();
        if name == http::header::COOKIE {
            cookie_bytes += value.len();
        }
    }
    let within =
        header.headers.len() <= HEADERS_MAX && bytes <= HEADER_BYTES_MAX && cookie_bytes <= COOKIE_HEADER_BYTES_MAX;
    if within { Ok(()) } else { Err(Problem::HeadersTooLarge) }
}

/// The one authority that the request names: `:authority` (HTTP/2) or `Host`, and where both stand they agree.
fn authority(header: &RequestHeader) -> Result<&str, Problem> {
    let mut hosts = header.headers.get_all(http::header::HOST).iter();
    let host = hosts.next().map(|value| value.to_str().map_err(|_| Problem::BadRequest)).transpose()?;
    if hosts.next().is_some() {
        return Err(Problem::BadRequest);
    }
    let authority = match (header.uri.authority().map(http::uri::Authority::as_str), host) {
        (Some(target), Some(host)) if target.eq_ignore_ascii_case(host) => target,
        (Some(_), Some(_)) | (None, None) => return Err(Problem::BadRequest),
        (Some(only), None) | (None, Some(only)) => only,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    let well_formed = !authority.is_empty() && authority.len() <= HOST_BYTES_MAX && authority.bytes().all(plain);
    if well_formed { Ok(authority) } else { Err(Problem::BadRequest) }
}

fn host_without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::snapshot::Generations;
    use aldgate_core::testing::world;

    fn admitted(path: &str, headers: &[(&'static str, &str)]) -> Result<(String, String), Problem> {
        let mut header = RequestHeader::build("GET", path.as_bytes(), None).expect("header");
        for (name, value) in headers {
            header.append_header(*name, *value).expect("header");
        }
        let config = Config::parse("").expect("the defaults");
        let generations = Generations::of(&config);
        let mut exchange = Exchange::new("r".into(), world::NOW, generations.current());
        admit(&header, &mut exchange).map(|()| (exchange.host, exchange.authority))
    }

    #[test]
    fn the_host_is_found_without_its_port() {
        assert_eq!(admitted("/", &[("host", "Localhost:8080")]), Ok(("localhost".into(), "Localhost:8080".into())));
        assert_eq!(admitted("/", &[("host", "[::1]:8080")]), Ok(("[::1]".into(), "[::1]:8080".into())));
        assert_eq!(admitted("/", &[("host", "[::1]")]).map(|h| h.0), Ok("[::1]".into()));
    }

    #[test]
    fn ambiguous_hosts_are_refused() {
        assert_eq!(admitted("/", &[]), Err(Problem::BadRequest));
        assert_eq!(admitted("/", &[("host", "a"), ("host", "a")]), Err(Problem::BadRequest));
        assert_eq!(admitted("http://a/", &[("host", "a")]), Err(Problem::AmbiguousPath), "absolute form");
        assert_eq!(admitted("*", &[("host", "a")]), Err(Problem::AmbiguousPath), "asterisk form");
        for host in ["", "a b", "user@a", "a,b", "a/b", "a\u{e9}"] {
            assert_eq!(admitted("/", &[("host", host)]), Err(Problem::BadRequest), "{host}");
        }
    }

    #[test]
    fn header_bombs_are_refused() {
        let big = "x".repeat(HEADER_BYTES_MAX);
        assert_eq!(admitted("/", &[("host", "a"), ("x", &big)]), Err(Problem::HeadersTooLarge));
        let many: Vec<_> = std::iter::repeat_n(("x", "y"), HEADERS_MAX + 1).collect();
        assert_eq!(admitted("/", &many), Err(Problem::HeadersTooLarge));
        let cookies = "x".repeat(COOKIE_HEADER_BYTES_MAX + 1);
        assert_eq!(admitted("/", &[("host", "a"), ("cookie", &cookies)]), Err(Problem::HeadersTooLarge));
    }
}
