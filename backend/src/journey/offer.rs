//! A passkey for whoever has just signed in with a password: whether it is offered on the way to where they go.
//!
//! It is offered where it can be made at once and by the rules for every other ([`super::passkeys`]): to an account that
//! has none, in a session that may add one. Nobody waits for that, and where anything fails they go on. Nothing is stored
//! of it: the browser says itself that it can make one, and a cookie in it that its owner has said "not now".

use super::enrol::suffices;
use super::{Caller, Journeys, OpenedSession};
use crate::fault::Fault;
use std::time::Duration;

/// The cookie of a browser in which somebody has said "not now". It says nothing else, and nothing about whom.
pub(crate) const COOKIE: &str = "__Host-aldgate-not-now";

/// For how long nobody is asked again there.
pub(crate) const NOT_NOW: Duration = Duration::from_hours(30 * 24);

impl Journeys {
    /// Whether somebody who has just signed in with a password is offered a passkey.
    pub(crate) async fn offers_passkey(&self, opened: &OpenedSession, caller: &Caller) -> bool {
        if caller.has_said_not_now || !suffices(opened.by.identity, opened.by.components) {
            return false;
        }
        self.has_no_passkey(opened).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a passkey is not offered: nobody knows whether the account has one");
            false
        })
    }

    async fn has_no_passkey(&self, opened: &OpenedSession) -> Result<bool, Fault> {
        Ok(self.accounts.passkeys(&opened.by.account).await?.is_empty())
    }
}
