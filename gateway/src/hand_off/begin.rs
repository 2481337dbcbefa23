//! `GET /.aldgate/sign-in` on a service's host: gives the browser its binding and sends it to the log-in host.

use super::query::{BadQuery, Query};
use super::return_to::ReturnTo;
use super::why::Why;
use super::{attempts, binding, failed, go_on, login_origin};
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::platform::GIVE_HAND_OFF;
use aldgate_core::session::hand_off::Binding;
use pingora::http::RequestHeader;

/// Begins a walk.
pub(super) fn answer(header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    let Ok((return_to, why)) = asked(header) else {
        return failed(Problem::BadRequest, &ReturnTo::default(), header, exchange);
    };
    if attempts::are_too_many(header) {
        let reply = failed(Problem::HandOffEndless, &return_to, header, exchange);
        return reply.with("set-cookie", attempts::forget());
    }
    // Several windows may be on their way at once: they share the binding that came first.
    let kept = binding::presented(header).map(|kept| Ok(kept.to_owned()));
    let Ok(value) = kept.unwrap_or_else(|| binding::fresh(&*state.entropy)) else {
        return failed(Problem::Internal, &return_to, header, exchange);
    };
    let location = format!(
        "{}{GIVE_HAND_OFF}?host={}&return_to={}&binding={}{}",
        login_origin(exchange.tls, state),
        exchange.host,
        return_to.for_travel(),
        Binding::of(value.as_bytes()),
        why.parameter()
    );
    go_on::reply(header, &location).with("set-cookie", binding::set(&value))
}

fn asked(header: &RequestHeader) -> Result<(ReturnTo, Why), BadQuery> {
    let query = Query::of(header);
    Ok((ReturnTo::parse(query.one("return_to")?.as_deref()), Why::parse(query.one("why")?.as_deref())))
}
