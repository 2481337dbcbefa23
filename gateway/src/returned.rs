//! What is done to the header of every answer that comes back from an upstream, whichever way it came: through
//! `ProxyHttp` or through the fast lane. Whatever else has to hold for all answers belongs here, and in neither of them.

use crate::cors;
use crate::exchange::Exchange;
use crate::hsts;
use crate::metrics::AnsweredBy;
use crate::phase::forward;
use http::Method;
use pingora::Result;
use pingora::http::ResponseHeader;

/// Applies the gate's rules to the header of an answer to a request with this method.
///
/// # Errors
/// When a field cannot be set; the answer must not go on as it is.
pub fn rule(response: &mut ResponseHeader, exchange: &Exchange, method: &Method) -> Result<()> {
    if exchange.answered_by == AnsweredBy::Service {
        forward::undress(response);
    }
    hsts::on_answer(exchange, response);
    cors::overrule(response, exchange, method)
}
