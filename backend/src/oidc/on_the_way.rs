//! What the pages of a sign-in must know of the request that waits behind it.

use super::Provider;
use aldgate_core::time::Timestamp;

/// Where a request that has waited goes on.
pub(crate) const RESUME: &str = "/authorize/resume";

/// A request that waits behind a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnTheWay {
    /// Whether somebody without an account may be shown how to get one (`allow_registration`).
    pub(crate) allow_registration: bool,
    /// The origin to which it leads in the end.
    pub(crate) target: String,
}

/// The path at which a request that waits goes on.
pub(crate) fn path_to(waiting: &str) -> String {
    format!("{RESUME}?request={waiting}")
}

impl Provider {
    /// The request to which a path leads back, if it leads to one.
    pub(crate) fn on_the_way(&self, return_to: &str, now: Timestamp) -> Option<OnTheWay> {
        let waiting = return_to.strip_prefix(RESUME)?.strip_prefix("?request=")?;
        let request = self.waited(waiting, now).ok()?;
        let target = request.redirect_uri.origin().to_owned();
        Some(OnTheWay { allow_registration: request.allow_registration, target })
    }
}
