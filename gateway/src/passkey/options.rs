//! `POST /passkey/login/options`: a sealed challenge in `PublicKeyCredentialRequestOptionsJSON`. Nothing is stored.

use crate::exchange::Exchange;
use crate::passkey::{binding, body};
use crate::problem::Problem;
use crate::refusal::{refusal, refusal_with};
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::entropy::EntropyFailed;
use aldgate_core::session::cookie;
use aldgate_core::webauthn::challenge::Ceremony;
use aldgate_core::webauthn::json::request_options;
use pingora::protocols::http::ServerSession;

/// How long the browser keeps the ceremony cookie: it serves several attempts, each with a challenge of its own.
const BINDING_SECS: u64 = 3_600;

/// Answers with options.
pub async fn answer(session: &mut ServerSession, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    if let Err((problem, detail)) = readable(session).await {
        return refusal_with(problem, session.req_header(), exchange, detail, detail.map(|_| "body"));
    }
    let (kept, binding) = match binding::presented(session) {
        Some(binding) => (true, Ok(binding.to_owned())),
        None => (false, binding::fresh(&*state.entropy)),
    };
    let sealed = binding.and_then(|binding| {
        let key = &state.challenge_key;
        let challenge = key.seal(Ceremony::Authentication, binding.as_bytes(), exchange.now, &*state.entropy)?;
        Ok((binding, challenge))
    });
    match sealed {
        Err(EntropyFailed) => refusal(Problem::Internal, session.req_header(), exchange),
        Ok((binding, challenge)) => {
            let reply = Reply::json(200, request_options(&state.relying_party, &challenge));
            let set = || cookie::set(cookie::CEREMONY, &binding, Some(BINDING_SECS));
            if kept { reply } else { reply.with("set-cookie", set()) }
        }
    }
}

/// The body says nothing, but a broken one is refused, so that a client's mistake shows at once.
async fn readable(session: &mut ServerSession) -> Result<(), (Problem, Option<&'static str>)> {
    let body = body::read_json(session).await.map_err(|problem| (problem, None))?;
    let parsed = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body);
    if body.trim_ascii().is_empty() || parsed.is_ok() {
        Ok(())
    } else {
        Err((Problem::BadRequest, Some("body: is not a JSON object")))
    }
}
