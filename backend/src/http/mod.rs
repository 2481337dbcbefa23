//! The HTTP face: routes, and what holds for every one of them.
//!
//! A handler is: extract (typed) › one call into a journey › map to an answer. Whatever is decided is decided below.

mod account;
mod account_admin;
mod admin;
mod answer;
mod asker;
mod dates;
mod done;
mod errand;
mod fields;
mod guard;
mod home;
mod json;
mod offer;
mod oidc;
mod own_data;
mod page;
mod passkey;
mod problem;
mod recover;
mod register;
mod render;
mod second_step;
mod services;
mod sign_in;
mod sign_in_step;
mod sign_out;
mod speech;
mod well_known;
mod wrong;

use crate::journey::Journeys;
use crate::oidc::Provider;
use aldgate_core::seldom::Seldom;
use aldgate_core::time::Clock;
use aldgate_core::token::identity_assertion::Verifier;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, handler::Handler};
use problem::Problem;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// Longest form: an address, a password, a path, all of them escaped.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// Longest JSON body: a registration with a chain of certificates, in base64url.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// What every handler is given.
pub(crate) struct Front {
    /// The journeys.
    pub(crate) journeys: Journeys,
    /// The OpenID provider.
    pub(crate) provider: Arc<Provider>,
    /// Verifies who the gate says it is.
    pub(crate) verifier: Verifier,
    /// From where forms may be posted.
    pub(crate) origins: Vec<String>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// When the log last said that a client was refused.
    pub(crate) refusals_told: Seldom,
}

/// Handlers' state.
pub(crate) type Shared = Arc<Front>;

/// A page that shows a form, and what the form is posted to.
fn form<G, P, S, T>(show: G, take: P) -> MethodRouter<Shared>
where
    G: Handler<S, Shared>,
    P: Handler<T, Shared>,
    S: 'static,
    T: 'static,
{
    get(show).post(take)
}

/// Bounds a form where it is read.
fn form_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(FORM_BYTES_MAX)
}

fn pages() -> Router<Shared> {
    Router::new()
        .route("/", get(home::show))
        .route("/register", form(register::show_email, register::take_email))
        .route("/register/code", form(register::show_code, register::take_code))
        .route("/register/code/resend", post(register::resend_code))
        .route("/register/method", get(register::show_method))
        .route("/register/password", form(register::show_password, register::take_password))
        .route("/register/done", get(register::show_done))
        .route("/sign-in", form(sign_in::show_email, sign_in::take_email))
        .route("/sign-in/password", form(sign_in::show_password, sign_in::take_password))
        .route("/sign-in/problem", get(sign_in::show_problem))
        .route("/sign-in/code", form(sign_in_step::show_code, sign_in_step::take_code))
        .route("/sign-in/code/resend", post(sign_in_step::resend_code))
        .route("/sign-in/other", form(sign_in_step::show_other, sign_in_step::take_other))
        .route("/sign-in/recovery-code", form(sign_in_step::show_recovery, sign_in_step::take_recovery))
        .route("/sign-out", form(sign_out::show, sign_out::here))
        .route("/sign-out/everywhere", post(sign_out::everywhere))
        .route("/signed-out", get(sign_out::show_done))
        .route("/language/{tag}", get(speech::choose))
        .route("/account", get(account::show))
        .route("/account/passkeys", get(account::show_passkeys))
        .route("/account/passkeys.json", get(account::accepted_passkeys))
        .route("/account/passkey-offer", form(offer::show, offer::decline))
        .route("/account/passkeys/add", get(account::show_add))
        .route("/account/passkeys/{id}/rename", form(account::show_rename, account::rename))
        .route("/account/passkeys/{id}/remove", form(account::show_remove, account::remove))
        .route("/account/authenticators/{aaguid}", get(account::show_picture))
        .route("/account/sessions", get(account::show_sessions))
        .route("/account/sessions/{id}/end", post(account::end_session))
        .route("/account/password", form(account::show_password, account::change_password))
        .route("/account/email", form(second_step::show_email, second_step::take_email))
        .route("/account/prove", form(second_step::show_prove, second_step::take_prove))
        .route("/account/prove/resend", post(second_step::resend))
        .route("/account/second-step", get(second_step::show))
        .route("/account/second-step/phone", form(second_step::show_phone, second_step::take_phone))
        .route("/account/second-step/app", form(second_step::show_app, second_step::take_app))
        .route("/account/second-step/{kind}/remove", form(second_step::show_remove, second_step::remove))
        .route("/account/recovery-codes", form(second_step::show_codes, second_step::new_codes))
        .route("/account/browsers", get(second_step::show_browsers))
        .route("/account/browsers/{id}/forget", post(second_step::forget))
        .route("/account/services", get(services::show))
        .route("/account/services/{client}/withdraw", form(services::show_withdraw, services::withdraw))
        .route("/account/lock", form(recover::show_lock, recover::lock_own))
        .route("/account/data.json", get(own_data::export))
        .route("/account/close", form(own_data::show_close, own_data::close))
        .route("/reset", form(recover::show_email, recover::take_email))
        .route("/reset/new", form(recover::show_password, recover::take_password))
        .route("/not-me", form(recover::show_not_me, recover::not_me))
        .route("/cancel-change", form(recover::show_undo, recover::undo))
        .layer(form_limit())
}

fn ceremonies() -> Router<Shared> {
    Router::new()
        .route("/passkey/register/options", post(passkey::options))
        .route("/passkey/register", post(passkey::register))
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
}

/// For gateways: whether it is of any use to send somebody here.
async fn readiness(State(front): State<Shared>) -> StatusCode {
    if front.journeys.store.answers() { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}

pub(crate) use admin::router as admin_router;

/// All routes. The last layer is the first to see a request.
pub(crate) fn router(front: Shared) -> Router {
    pages()
        .merge(ceremonies())
        .merge(oidc::routes())
        .route("/.well-known/webauthn", get(well_known::related_origins))
        .route("/.well-known/passkey-endpoints", get(well_known::passkey_endpoints))
        .route("/livez", get(async || StatusCode::NO_CONTENT)) // What gateways of an earlier version ask.
        .route("/readyz", get(readiness))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(from_fn_with_state(Arc::clone(&front), guard::refuse_foreign_origins))
        .layer(from_fn(guard::answer_in_time))
        .layer(CatchPanicLayer::custom(guard::answer_panic))
        .layer(from_fn(speech::speak))
        .layer(map_response(guard::set_security_headers))
        .layer(from_fn(guard::name_the_request))
        .with_state(front)
}
