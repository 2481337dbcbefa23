//! The word to an account's owner that somebody has signed in in a browser in which nobody had: with a password at once,
//! with a passkey as soon as the log-in is written down here, since the edge that took it knows no addresses.

use super::attempts::Limit;
use super::{Caller, Journeys};
use crate::fault::{Fault, NotDone};
use crate::model::Account;
use crate::notifier::Changed;
use crate::store::NewBrowser;
use crate::words::Words;
use aldgate_core::id::AccountId;
use aldgate_core::time::{Clock, Timestamp};
use std::time::Duration;

/// Log-ins that are looked at in one go.
const BATCH_MAX: u32 = 100;

/// How long to rest when there is nothing to tell.
const REST: Duration = Duration::from_secs(1);

impl Journeys {
    /// Tells the owner of an account that somebody has just signed in with its password, if the browser is new to it. Nobody is
    /// given the session's token before that is written.
    pub(super) async fn tell_if_new(&self, account: &Account, is_known: bool, caller: &Caller) -> Result<(), Fault> {
        if is_known || self.opened_here.knows(&caller.opened_here, &account.id, caller.now) {
            return Ok(());
        }
        if self.may_be_told(&account.id, caller.now).await? {
            self.accounts.tell(account, Changed::NewBrowser, caller.words(), caller.now).await?;
        }
        Ok(())
    }

    /// Tells owners of log-ins with passkeys, for as long as it is polled.
    pub(crate) async fn tell_of_new_browsers(&self, clock: &dyn Clock) {
        let mut failing = false;
        loop {
            let told = self.tell_of_those_there_are(clock.now()).await;
            match &told {
                Err(error) if !failing => tracing::warn!(%error, "owners of accounts hear later of new browsers"),
                Ok(_) if failing => tracing::warn!("owners of accounts hear of new browsers again"),
                _ => {}
            }
            failing = told.is_err();
            if !told.is_ok_and(|told| told == BATCH_MAX as usize) {
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Once, and no more than [`BATCH_MAX`]. Gives how many log-ins there were.
    pub(crate) async fn tell_of_those_there_are(&self, now: Timestamp) -> Result<usize, Fault> {
        let log_ins = self.store.new_browsers(BATCH_MAX).await?;
        for log_in in &log_ins {
            self.tell_of_log_in(log_in, now).await?;
        }
        Ok(log_ins.len())
    }

    /// What its owner says was not they is looked for from the log-in on, and not from when they were told.
    async fn tell_of_log_in(&self, log_in: &NewBrowser, now: Timestamp) -> Result<(), Fault> {
        let told = match self.accounts.find(&log_in.account).await? {
            Some(account) if self.may_be_told(&account.id, now).await? => {
                vec![self.accounts.notice(&account, Changed::NewBrowser, Words(log_in.language), log_in.at)?]
            }
            _ => Vec::new(),
        };
        self.store.telling(told).new_browser_told(log_in).await?;
        Ok(())
    }

    /// Whether they have not been told of a few in the last hour.
    async fn may_be_told(&self, account: &AccountId, now: Timestamp) -> Result<bool, Fault> {
        match self.attempts().reserve(&[Limit::NewBrowsersOf(account)], now).await {
            Ok(()) => Ok(true),
            Err(NotDone::Refused(_)) => Ok(false),
            Err(NotDone::Failed(fault)) => Err(fault),
        }
    }
}
