//! Everything that we keep about somebody, as they may take it along. No secret is among it: what opens the account
//! cannot be read out of it by whoever sits at an open session.
//!
//! What there is little of comes at once; log-ins and the entries of the audit come in pages, oldest first, since they
//! grow for as long as an account is used.

use super::{Caller, Journeys};
use crate::fault::Fault;
use crate::model::Person;
use crate::model::second_step::SecondStep;
use crate::moment::moment;
use crate::store::PastLogIn;
use crate::store::audit::{Act, Actor, AuditEntry, Audited, DATA_EXPORTED};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Rows of one page.
const PAGE_MAX: u32 = 500;

/// How far a list has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Up to this log-in.
    LogIns(u64),
    /// Up to this entry of the audit.
    Entries(Timestamp, u64),
}

impl Mark {
    /// Before all log-ins.
    pub(crate) const FIRST_LOG_IN: Self = Self::LogIns(0);
    /// Before all entries.
    pub(crate) const FIRST_ENTRY: Self = Self::Entries(Timestamp::from_millis(0), 0);
}

/// Whether a session shows enough for what was verified of the account's owner. It is the rule by which services are told:
/// what no service would be given in this session, nobody takes along in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfIdentity {
    /// It does.
    Shown,
    /// It was opened with a password alone, and the account is worth more than that.
    PasswordAlone,
    /// The account is worth less than when that was verified: a message was enough to get it back.
    Lowered,
}

/// What passkeys are called, by what log-ins and entries call them.
pub(crate) type PasskeyNames = HashMap<CredentialDigest, String>;

impl Journeys {
    /// What we keep about whoever is signed in, but for what comes in pages; and the names of their passkeys.
    pub(crate) async fn own_data(
        &self,
        identity: &VerifiedIdentity,
        caller: &Caller,
    ) -> Result<(Map<String, Value>, PasskeyNames), Fault> {
        // Noted first: what cannot be noted is not given.
        let act = Act::own(identity.account(), caller.now);
        self.store.audit(AuditEntry::done(act, DATA_EXPORTED).about(identity.account())).await?;
        let overview = self.overview(identity.account()).await?;
        let account = &overview.account;
        let sessions = self.live_sessions(account.id, caller.now).await?;
        let steps = self.second_steps(&account.id).await?;
        let browsers = self.remembered_browsers(&account.id, caller.now).await?;
        let passkeys = overview.passkeys.iter().map(|passkey| {
            json!({
                "name": passkey.name, "created": moment(passkey.created),
                "last_used": passkey.last_used.map(moment), "backed_up": passkey.backup_state,
            })
        });
        let steps = steps.0.iter().map(|(step, added)| match step {
            SecondStep::Phone(number) => json!({"telephone": number.as_str(), "added": moment(*added)}),
            SecondStep::App(_) => json!({"authenticator_app": true, "added": moment(*added)}),
        });
        let browsers = browsers.iter().map(|browser| {
            json!({
                "browser": browser.device.to_string(), "created": moment(browser.created),
                "last_used": moment(browser.used),
            })
        });
        let data = json!({
            "account": account.id.to_string(),
            "email": account.email.as_str(),
            "created": moment(account.created),
            "identity_level": account.identity.as_str(),
            "has_password": account.password.is_some(),
            "passkeys": passkeys.collect::<Vec<_>>(),
            "second_steps": steps.collect::<Vec<_>>(),
            "recovery_codes_left": self.recovery_codes_left(identity).await?,
            "remembered_browsers": browsers.collect::<Vec<_>>(),
            "sessions": sessions.iter().map(|(_, record)| session(record)).collect::<Vec<_>>(),
            "exported": moment(caller.now),
        });
        let Value::Object(data) = data else { return Err(Fault::Invariant("an object is an object")) };
        let names = overview.passkeys.into_iter().map(|passkey| (passkey.digest, passkey.name)).collect();
        Ok((data, names))
    }

    /// Whether whoever is signed in may take along what was verified of them, and what services keep of it.
    pub(crate) async fn of_identity(&self, identity: &VerifiedIdentity) -> Result<OfIdentity, Fault> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Ok(OfIdentity::PasswordAlone);
        }
        let lowered =
            account.identity == IdentityLevel::P0 && self.store.person(&account.id).await? != Person::default();
        Ok(if lowered { OfIdentity::Lowered } else { OfIdentity::Shown })
    }

    /// A page of what comes in pages, and how far it goes; the last page has no mark.
    pub(crate) async fn own_page(
        &self,
        account: &AccountId,
        after: Mark,
        names: &PasskeyNames,
    ) -> Result<(Vec<Value>, Option<Mark>), Fault> {
        let (page, last): (Vec<Value>, _) = match after {
            Mark::LogIns(after) => {
                let page = self.store.log_ins_of(account, after, PAGE_MAX).await?;
                let last = page.last().map(|last| Mark::LogIns(last.n));
                (page.iter().map(|past| log_in(past, names)).collect(), last)
            }
            Mark::Entries(at, n) => {
                let page = self.store.audited_of_after(account, (at, n), PAGE_MAX).await?;
                let last = page.last().map(|last| Mark::Entries(last.at(), last.n()));
                (page.iter().map(|entry| audited(entry, account)).collect(), last)
            }
        };
        let more = page.len() >= PAGE_MAX as usize;
        Ok((page, last.filter(|_| more)))
    }
}

fn session(record: &SessionRecord) -> Value {
    json!({
        "browser": record.device.to_string(), "opened": moment(record.opened), "last_used": moment(record.seen),
        "ends": moment(record.expires),
    })
}

fn log_in(past: &PastLogIn, names: &PasskeyNames) -> Value {
    match &past.passkey {
        None => json!({"at": moment(past.at), "with": "password"}),
        Some(passkey) => json!({"at": moment(past.at), "with": "passkey", "passkey": names.get(passkey)}),
    }
}

/// Who else has done something is said by what they are: the name of somebody who administers is not the owner's to take.
fn audited(entry: &Audited, owner: &AccountId) -> Value {
    let kind = entry.actor().split(':').next().unwrap_or_default();
    let by = if entry.actor() == Actor::Account(*owner).to_string() { "you" } else { kind };
    json!({
        "at": moment(entry.at()), "what": entry.action(), "by": by, "outcome": entry.outcome(),
        "detail": entry.detail(),
    })
}
