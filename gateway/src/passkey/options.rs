//! `POST /passkey/login/options`: a sealed challenge in `PublicKeyCredentialRequestOptionsJSON`. Nothing is stored.

use crate::exchange::Exchange;
use crate::passkey::body;
use crate::phase::answer::{refusal, refusal_with};
use crate::phase::judge::cookies;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::entropy::EntropyFailed;
use aldgate_core::session::cookie::{self, Found};
use aldgate_core::webauthn::challenge::Ceremony;
use aldgate_core::webauthn::json::request_options;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pingora::proxy::Session;

const BINDING_BYTES: usize = 16;
const BINDING_CHARS: usize = 22;

/// How long the browser keeps the ceremony cookie: it serves several attempts, each with a challenge of its own.
const BINDING_SECS: u64 = 3_600;

/// The value that binds a challenge to this browser: the ceremony cookie, if it is one of ours in form.
pub fn binding(session: &Session) -> Option<&str> {
    match cookie::find(cookies(session.req_header()), cookie::CEREMONY) {
        Found::One(value) if value.len() == BINDING_CHARS && value.iter().all(u8::is_ascii_graphic) => {
            std::str::from_utf8(value).ok()
        }
        Found::One(_) | Found::Nothing | Found::Several => None,
    }
}

/// Answers with options.
pub async fn answer(session: &mut Session, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    if let Err((problem, detail)) = readable(session).await {
        return refusal_with(problem, session.req_header(), exchange, detail, detail.map(|_| "body"));
    }
    let (kept, binding) = match binding(session) {
        Some(binding) => (true, Ok(binding.to_owned())),
        None => (false, fresh_binding(state)),
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

fn fresh_binding(state: &EdgeState) -> Result<String, EntropyFailed> {
    state.entropy.bytes::<BINDING_BYTES>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// The body says nothing, but a broken one is refused, so that a client's mistake shows at once.
async fn readable(session: &mut Session) -> Result<(), (Problem, Option<&'static str>)> {
    let body = body::read_json(session).await.map_err(|problem| (problem, None))?;
    let parsed = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body);
    if body.trim_ascii().is_empty() || parsed.is_ok() {
        Ok(())
    } else {
        Err((Problem::BadRequest, Some("body: is not a JSON object")))
    }
}
