//! Calling clients: the one place from which the backend calls an address that somebody else has given. No redirection
//! is followed, no proxy of the environment is used, nothing of an answer but its status is read, and every address,
//! also each that a name leads to, is judged by [`Reach`] in the moment in which it is called: a name that led somewhere
//! else when it was registered (DNS rebinding) helps nobody.

use super::reach::Reach;
use super::uri::LogoutUri;
use crate::outbound;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take. Shorter than the first pause before another try.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

const CONNECT: Duration = Duration::from_secs(2);

/// A form's type.
const FORM: &str = "application/x-www-form-urlencoded";

/// Why a client was not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTold {
    /// Its address is none that may be called.
    #[error("its address is not public, and in no network that the configuration allows")]
    OutOfReach,
    /// It did not answer, or not in time.
    #[error("no answer")]
    NoAnswer,
    /// It answered something else than that it is done.
    #[error("status {0}")]
    Status(u16),
}

/// The HTTP client.
pub(super) struct Outbound {
    client: Client,
    reach: Arc<Reach>,
}

/// Looks names up, and gives only what may be called.
struct Judging(Arc<Reach>);

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotTold::OutOfReach.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Outbound {
    /// A client over ring, with the system's certificate authorities.
    ///
    /// # Errors
    /// What the TLS library says if it cannot be set up.
    pub(super) fn new(reach: Reach) -> Result<Self, String> {
        let reach = Arc::new(reach);
        let judging = Arc::new(Judging(Arc::clone(&reach)));
        let client = outbound::client(DEADLINE, CONNECT).dns_resolver(judging).build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self { client, reach })
    }

    /// Posts a log-out token (section 2.5). 200 means that it is done; 204 is what some libraries say instead.
    ///
    /// # Errors
    /// [`NotTold`].
    pub(super) async fn tell(&self, uri: &LogoutUri, token: &str) -> Result<(), NotTold> {
        if uri.address().is_some_and(|address| !self.reach.allows(address)) {
            return Err(NotTold::OutOfReach);
        }
        // A compact JWS has no character that a form would write otherwise.
        let body = format!("logout_token={token}");
        let answer = self.client.post(uri.url().clone()).header(CONTENT_TYPE, FORM).body(body).send().await;
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(200 | 204) => Ok(()),
            Ok(status) => Err(NotTold::Status(status)),
            Err(error) if is_out_of_reach(&error) => Err(NotTold::OutOfReach),
            Err(_) => Err(NotTold::NoAnswer),
        }
    }
}

/// Whether it failed because no address of the name may be called.
fn is_out_of_reach(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<NotTold>() == Some(&NotTold::OutOfReach) {
            return true;
        }
        cause = error.source();
    }
    false
}
