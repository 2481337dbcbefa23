//! How the backend calls others over HTTP: in bounded time, by ring, following no redirection, through no proxy of the
//! environment, and saying nothing of itself but its name.

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use std::time::Duration;

/// What every client of ours begins with: how long an answer may take, and a connection to it.
pub(crate) fn client(deadline: Duration, connect: Duration) -> ClientBuilder {
    // An error means that it was installed before, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(deadline)
        .connect_timeout(connect)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent("aldgate")
}
