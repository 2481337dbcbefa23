//! What is done to the header of every answer that comes back from an upstream, whichever way it came: through
//! `ProxyHttp` or through the fast lane. Whatever else has to hold for all answers belongs here, and in neither of them.

use crate::cors;
use crate::exchange::Exchange;
use crate::hsts;
use crate::metrics::AnsweredBy;
use aldgate_core::session::cookie;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, SET_COOKIE,
    TRAILER, TRANSFER_ENCODING, VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;

/// What an upstream says to us alone, whether its `Connection` names it or not (RFC 9110, section 7.6.1). Trailers are
/// not passed on, so none are announced. `Transfer-Encoding` is not among them: it tells Pingora's session how the body
/// is to be written to the client.
const HOP_BY_HOP: [HeaderName; 4] =
    [CONNECTION, HeaderName::from_static("keep-alive"), HeaderName::from_static("proxy-connection"), TRAILER];

/// What `Connection` cannot name away, since it is meant for every recipient (RFC 9110, section 7.6.1): where the body
/// ends, what it is, who may keep it, and whose browser it is.
const FOR_ALL: [HeaderName; 9] = [
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    CACHE_CONTROL,
    VARY,
    SET_COOKIE,
    DATE,
];

/// Applies the gate's rules to the header of an answer to a request with this method.
///
/// # Errors
/// When a field cannot be set; the answer must not go on as it is.
pub fn rule(response: &mut ResponseHeader, exchange: &Exchange, method: &Method) -> Result<()> {
    strike_hop_by_hop(response); // First: it cannot name what the gate says below.
    if exchange.answered_by == AnsweredBy::Service {
        undress(response);
    }
    hsts::on_answer(exchange, response);
    cors::overrule(response, exchange, method)
}

/// Strikes what the upstream said to us alone; in an answer that switches protocols, it is said to the client.
fn strike_hop_by_hop(response: &mut ResponseHeader) {
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    for name in named(response) {
        response.remove_header(&name);
    }
    strike(response, &HOP_BY_HOP);
}

/// Removes fields. Most answers have none of them, which one walk shows sooner than a search for each.
fn strike(response: &mut ResponseHeader, names: &[HeaderName]) {
    if response.headers.keys().any(|there| names.contains(there)) {
        for name in names {
            response.remove_header(name);
        }
    }
}

/// What a service may not say for the whole log-in host: a worker beyond its own path, or that our cookies be cleared.
const NOT_A_SERVICES: [HeaderName; 2] =
    [HeaderName::from_static("service-worker-allowed"), HeaderName::from_static("clear-site-data")];

/// Removes from a service's answer what would set or remove a cookie of ours or take over our pages.
fn undress(response: &mut ResponseHeader) {
    strike(response, &NOT_A_SERVICES);
    let values: Vec<HeaderValue> = response.headers.get_all(SET_COOKIE).iter().cloned().collect();
    if values.iter().any(|value| cookie::is_ours(value.as_bytes())) {
        response.remove_header(&SET_COOKIE);
        for value in values.into_iter().filter(|value| !cookie::is_ours(value.as_bytes())) {
            // It was a valid header a moment ago; if it no longer is, the service's cookie is lost, not ours let in.
            let _ = response.append_header(SET_COOKIE, value);
        }
    }
}

/// The fields that `Connection` names. It usually names none, which costs no memory.
fn named(response: &ResponseHeader) -> Vec<HeaderName> {
    let lines = response.headers.get_all(CONNECTION).iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let is_no_field =
        |option: &&[u8]| option.eq_ignore_ascii_case(b"close") || option.eq_ignore_ascii_case(b"keep-alive");
    let names = options.filter(|option| !is_no_field(option)).filter_map(|option| HeaderName::from_bytes(option).ok());
    names.filter(|name| !FOR_ALL.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(status: u16, fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut response = ResponseHeader::build(status, None).expect("a header");
        for (name, value) in fields {
            response.append_header(*name, *value).expect("a field");
        }
        strike_hop_by_hop(&mut response);
        response.headers.iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn what_an_upstream_says_to_us_alone_goes_no_further() {
        let all = [
            ("Connection", "close"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("Trailer", "x-checksum"),
            ("X-Kept", "1"),
        ];
        assert_eq!(struck(200, &all), ["x-kept"]);
        assert_eq!(struck(103, &all), ["x-kept"]);
    }

    #[test]
    fn what_connection_names_goes_no_further_in_whatever_line_and_spelling() {
        let fields = [
            ("Connection", "keep-alive , X-One,,\tupgrade"),
            ("Connection", "no field, x-two"),
            ("x-one", "1"),
            ("X-Two", "2"),
            ("x-two", "3"),
            ("Upgrade", "h2c"),
            ("X-Kept", "1"),
        ];
        assert_eq!(struck(200, &fields), ["x-kept"]);
    }

    #[test]
    fn connection_cannot_name_away_where_an_answer_ends_or_who_may_keep_it() {
        for name in FOR_ALL {
            let mut response = ResponseHeader::build(200, None).expect("a header");
            response.append_header(name.clone(), "1").expect("a field");
            response.append_header(CONNECTION, format!("close, {name}")).expect("a field");
            strike_hop_by_hop(&mut response);
            assert!(response.headers.contains_key(&name), "{name}");
        }
    }

    #[test]
    fn an_answer_that_switches_protocols_says_so_to_the_client() {
        let fields = [("connection", "upgrade"), ("upgrade", "websocket")];
        assert_eq!(struck(101, &fields), ["connection", "upgrade"]);
    }

    #[test]
    fn a_service_cannot_set_our_cookie() {
        let mut response = ResponseHeader::build(200, None).expect("header");
        for value in ["a=1", "__Host-aldgate=stolen; Path=/", "__HOST-ALDGATE=x", "=__Host-aldgate=x", "b=2"] {
            response.append_header("set-cookie", value).expect("header");
        }
        response.append_header("Service-Worker-Allowed", "/").expect("header");
        response.append_header("clear-site-data", "*").expect("header");
        undress(&mut response);
        assert_eq!(response.headers.keys_len(), 1, "{response:?}");
        let kept: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
        assert_eq!(kept, ["a=1", "b=2"]);
    }
}
