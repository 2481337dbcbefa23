//! Everything that we keep about somebody, as they may take it along. No secret is among it: what opens the account
//! cannot be read out of it by whoever sits at an open session.

use super::{Caller, Journeys};
use crate::fault::Fault;
use crate::model::second_step::SecondStep;
use crate::store::audit::{Act, AuditEntry, DATA_EXPORTED};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

impl Journeys {
    /// What we keep about whoever is signed in.
    pub(crate) async fn own_data(&self, identity: &VerifiedIdentity, caller: &Caller) -> Result<Value, Fault> {
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
        Ok(json!({
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
        }))
    }
}

fn session(record: &SessionRecord) -> Value {
    json!({
        "browser": record.device.to_string(), "opened": moment(record.opened), "last_used": moment(record.seen),
        "ends": moment(record.expires),
    })
}

/// RFC 3339, in UTC.
fn moment(at: Timestamp) -> Option<String> {
    let secs = i64::try_from(at.as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(secs).ok()?.format(&Rfc3339).ok()
}
