//! Asking an issuer about an opaque access token (RFC 7662): one question a token at a time, however many requests show it,
//! and no more than [`QUESTIONS_MAX`] at once.

use crate::config::Introspection;
use crate::token::CannotTakeTokens;
use crate::token::outbound::{NoAnswer, Outbound};
use aldgate_core::id::TokenDigest;
use aldgate_core::secret::Secret;
use aldgate_core::seldom::Seldom;
use aldgate_core::time::Timestamp;
use aldgate_core::token::access_token::Expected;
use aldgate_core::token::grant::Grant;
use aldgate_core::token::introspection::{self, ANSWER_BYTES_MAX};
use aldgate_core::verdict::TokenRefused;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use reqwest::Url;
use reqwest::header::HeaderValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many questions may be under way at once. More would only wait in the issuer's queue, past our deadline.
pub const QUESTIONS_MAX: usize = 256;

/// The issuer gave no answer that could be read: nothing is known of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token's issuer does not answer")]
pub struct Unanswered;

/// What the issuer says of the token.
type Answer = Result<Result<Arc<Grant>, TokenRefused>, Unanswered>;
type Question = BoxFuture<'static, Answer>;

/// One issuer's introspection endpoint.
pub struct Introspector {
    endpoint: String,
    outbound: Outbound,
    /// The value of our `Authorization`.
    credentials: HeaderValue,
    issuer: String,
    audience: String,
    cache: Duration,
    under_way: Mutex<HashMap<TokenDigest, WeakShared<Question>>>,
    full_told: Seldom,
    unanswered_told: Seldom,
}

/// A text as it stands in a form (WHATWG URL, `application/x-www-form-urlencoded`).
fn form_encoded(pairs: &[(&str, &str)]) -> String {
    // A URL of which only the query is used: the encoder of forms that reqwest brings along.
    Url::parse_with_params("http://form.invalid/", pairs)
        .ok()
        .and_then(|url| url.query().map(str::to_owned))
        .unwrap_or_default()
}

/// The value of our `Authorization`, by the bytes of the file with our secret; `None` if there is no secret in them.
pub(super) fn credentials(client_id: &str, secret: &Secret<Vec<u8>>) -> Option<HeaderValue> {
    let secret = std::str::from_utf8(secret.expose()).ok()?.trim_ascii();
    if secret.is_empty() {
        return None;
    }
    // RFC 6749, section 2.3.1: both halves are encoded as in a form before they are joined.
    let encoded = |text: &str| form_encoded(&[("", text)]).trim_start_matches('=').to_owned();
    let pair = Secret::new(format!("{}:{}", encoded(client_id), encoded(secret)));
    let value = Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())));
    let mut credentials = HeaderValue::from_str(value.expose()).ok()?;
    credentials.set_sensitive(true);
    Some(credentials)
}

impl Introspector {
    /// Makes the client; `credentials` are the value of our `Authorization`.
    ///
    /// # Errors
    /// [`CannotTakeTokens`].
    pub fn new(
        how: &Introspection,
        credentials: HeaderValue,
        issuer: &str,
        audience: &str,
    ) -> Result<Self, CannotTakeTokens> {
        Ok(Self {
            endpoint: how.endpoint.clone(),
            outbound: Outbound::new()?,
            credentials,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            cache: how.cache,
            under_way: Mutex::default(),
            full_told: Seldom::default(),
            unanswered_told: Seldom::default(),
        })
    }

    /// For how long an answer may be used.
    pub const fn cache(&self) -> Duration {
        self.cache
    }

    /// Asks about a token, or joins whoever is asking about it.
    ///
    /// # Errors
    /// [`Unanswered`], also if too many questions are under way.
    pub async fn ask(self: &Arc<Self>, token: &str, digest: TokenDigest, now: Timestamp) -> Answer {
        self.question(token, digest, now)?.await
    }

    fn question(
        self: &Arc<Self>,
        token: &str,
        digest: TokenDigest,
        now: Timestamp,
    ) -> Result<Shared<Question>, Unanswered> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = under_way.get(&digest).and_then(WeakShared::upgrade) {
            return Ok(question);
        }
        if under_way.len() >= QUESTIONS_MAX {
            // A question lives as long as somebody waits for it; what nobody waits for any more leaves only its name here.
            under_way.retain(|_, question| question.upgrade().is_some());
        }
        if under_way.len() >= QUESTIONS_MAX {
            if self.full_told.may(now) {
                tracing::warn!(issuer = self.issuer, "too many questions to a token issuer are under way");
            }
            return Err(Unanswered);
        }
        let this = self.clone();
        let form = form_encoded(&[("token", token), ("token_type_hint", "access_token")]);
        let question = async move { this.answer(form, digest, now).await }.boxed().shared();
        if let Some(weak) = question.downgrade() {
            under_way.insert(digest, weak);
        }
        Ok(question)
    }

    async fn answer(&self, form: String, digest: TokenDigest, now: Timestamp) -> Answer {
        let unanswered = |error: &dyn std::fmt::Display| {
            if self.unanswered_told.may(now) {
                tracing::warn!(issuer = self.issuer, %error, "a token issuer gave no answer that could be read");
            }
            Unanswered
        };
        let body = self.outbound.post(&self.endpoint, self.credentials.clone(), form, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error: NoAnswer| unanswered(&error))?;
        let expected = Expected { issuer: &self.issuer, audience: &self.audience };
        let answer = introspection::read(&body, digest, expected, now).map_err(|error| unanswered(&error))?;
        Ok(answer.map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn introspector() -> Arc<Introspector> {
        let how = Introspection {
            endpoint: "http://127.0.0.1:1/".into(),
            client_id: "gate".into(),
            client_secret: PathBuf::new(),
            cache: Duration::from_secs(30),
        };
        let credentials = credentials("gate", &Secret::new(b"secret\n".to_vec())).expect("credentials");
        Arc::new(Introspector::new(&how, credentials, "https://as.example", "https://api.example").expect("a client"))
    }

    #[test]
    fn questions_are_bounded_and_one_that_nobody_waits_for_takes_no_place() {
        let introspector = introspector();
        let ask = |token: &str| introspector.question(token, TokenDigest::of(token.as_bytes()), NOW);
        let mut under_way: Vec<_> = (0..QUESTIONS_MAX).map(|at| ask(&at.to_string()).expect("a place")).collect();
        assert!(ask("one more").is_err());
        assert!(ask("0").is_ok(), "who joins needs no place");
        under_way.truncate(10);
        assert!(ask("one more").is_ok());
        assert_eq!(introspector.under_way.lock().expect("lock").len(), 11);
    }
}
