//! Browsers that are remembered: in them the second step need not be shown, since it was, and their owner asked for it.
//!
//! Not to be mixed up with a browser that is *known* ([`super::known_device`]): a password that was right makes one
//! known, that opens nothing, and nothing is stored for it. A remembered browser stands for the component `Cd`, so it is
//! a row that its owner can see and revoke; its cookie holds 256 random bits, the row their digest.

use super::{Caller, Journeys};
use crate::fault::Fault;
use crate::model::second_step::{RememberedBrowser, UNUSED_MAX};
use crate::store::audit::Act;
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use std::time::Duration;

/// The cookie's name.
pub(crate) const COOKIE: &str = "__Host-aldgate-remembered";

/// After this time the second step is asked for again, however often the browser is used.
pub(crate) const LIFETIME: Duration = Duration::from_hours(365 * 24);

/// What a browser presents; whether it is remembered, and for whom, is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownBrowser([u8; 32]);

impl ShownBrowser {
    /// Reads a cookie's value.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let mut secret = [0; 32];
        (URL_SAFE_NO_PAD.decode_slice(value, &mut secret) == Ok(secret.len())).then(|| Self(row_id(&secret)))
    }
}

fn row_id(secret: &[u8; 32]) -> [u8; 32] {
    let mut id = [0; 32];
    id.copy_from_slice(digest(&SHA256, secret).as_ref());
    id
}

impl Journeys {
    /// Remembers the browser that asks. Gives its cookie's value.
    pub(super) async fn remember_browser(&self, account: &AccountId, caller: &Caller) -> Result<String, Fault> {
        let secret: [u8; 32] = self.entropy.bytes()?;
        let browser =
            RememberedBrowser { id: row_id(&secret), device: caller.device, created: caller.now, used: caller.now };
        self.store.remember_browser(account, browser).await?;
        Ok(URL_SAFE_NO_PAD.encode(secret))
    }

    /// Whether the browser that asks is remembered for this account. It is used now.
    pub(super) async fn is_remembered(&self, account: &AccountId, caller: &Caller) -> Result<bool, Fault> {
        let Some(shown) = caller.shown_browser else { return Ok(false) };
        let (used_since, made_since) = (ago(caller.now, UNUSED_MAX), ago(caller.now, LIFETIME));
        Ok(self.store.recognise_browser(account, shown.0, used_since, made_since, caller.now).await?)
    }

    /// The browsers that are remembered for an account.
    pub(crate) async fn remembered_browsers(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<RememberedBrowser>, Fault> {
        let mut browsers = self.store.remembered_browsers(account).await?;
        browsers.retain(|browser| browser.used > ago(now, UNUSED_MAX) && browser.created > ago(now, LIFETIME));
        Ok(browsers)
    }

    /// Forgets one of them. Nothing happens if it was forgotten before.
    pub(crate) async fn forget_browser(&self, account: &AccountId, id: [u8; 32], now: Timestamp) -> Result<(), Fault> {
        self.store.forget_browser(account, id, Act::own(*account, now)).await?;
        Ok(())
    }
}

fn ago(now: Timestamp, span: Duration) -> Timestamp {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(span))
}
