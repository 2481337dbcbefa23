//! Asking the issuers of access tokens, over HTTP: the one place from which this gateway calls anybody by itself. Only
//! addresses of the configuration are called, no redirection is followed, no proxy of the environment is used, every
//! answer is bounded in time and size.

use crate::token::CannotTakeTokens;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use std::time::Duration;

/// How long an issuer may take: a request waits for it.
const DEADLINE: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(1);
const IDLE_CONNECTIONS_MAX: usize = 16; // An issuer.

/// Why there is no answer that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It did not answer, or not in time.
    #[error("no answer")]
    Unreachable,
    /// It answered with another status than 200.
    #[error("status {0}")]
    Status(u16),
    /// Its answer is longer than any that is read.
    #[error("the answer is too long")]
    TooLong,
}

/// The client.
#[derive(Clone)]
pub struct Outbound(Client);

impl Outbound {
    /// A client over ring, with the system's certificate authorities.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new() -> Result<Self, CannotTakeTokens> {
        // An error means that it was installed before, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(DEADLINE)
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .user_agent("aldgate")
            .build()
            .map_err(|error| CannotTakeTokens::Outbound(error.to_string()))?;
        Ok(Self(client))
    }

    /// Gets a document of at most `max` bytes.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn get(&self, url: &str, max: usize) -> Result<Vec<u8>, NoAnswer> {
        read(self.0.get(url), max).await
    }

    /// Posts a form with an `Authorization` of ours.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn post(&self, url: &str, by: HeaderValue, form: String, max: usize) -> Result<Vec<u8>, NoAnswer> {
        let form_type = "application/x-www-form-urlencoded";
        read(self.0.post(url).header(AUTHORIZATION, by).header(CONTENT_TYPE, form_type).body(form), max).await
    }
}

async fn read(request: RequestBuilder, max: usize) -> Result<Vec<u8>, NoAnswer> {
    let unreachable = |_: reqwest::Error| NoAnswer::Unreachable; // Its text may hold the address, and with it secrets.
    let mut answer = request.header(ACCEPT, "application/json").send().await.map_err(unreachable)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(NoAnswer::Status(answer.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + piece.len() > max {
            return Err(NoAnswer::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
