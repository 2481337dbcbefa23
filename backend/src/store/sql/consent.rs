//! Consents: a row for each person and client.

use super::{Readers, query, timestamp, unreadable};
use crate::model::Consent;
use crate::store::StoreError;
use crate::store::audit::{Act, AuditEntry, CONSENT_GIVEN, CONSENT_WITHDRAWN};
use crate::store::job::{Tx, Write};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;
use async_trait::async_trait;

const OF: &str = "SELECT scopes, claims, level, at FROM consent WHERE account = $1 AND client = $2";

/// What a person has allowed a client.
pub(in crate::store) async fn of(
    readers: &Readers,
    account: &AccountId,
    client: &str,
) -> Result<Option<Consent>, StoreError> {
    let row: Option<(i64, i64, i64, i64)> =
        query(OF).bind(account.as_bytes().to_vec()).bind(client.to_owned()).optional(readers).await?;
    row.map(consent).transpose()
}

const ALL_OF: &str = "SELECT client, scopes, claims, level, at FROM consent WHERE account = $1 ORDER BY client";

/// What a person has allowed each client.
pub(in crate::store) async fn all_of(
    readers: &Readers,
    account: &AccountId,
) -> Result<Vec<(String, Consent)>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, i64)> = query(ALL_OF).bind(account.as_bytes().to_vec()).all(readers).await?;
    let read = |(client, scopes, claims, level, at)| Ok((client, consent((scopes, claims, level, at))?));
    rows.into_iter().map(read).collect()
}

fn consent((scopes, claims, level, at): (i64, i64, i64, i64)) -> Result<Consent, StoreError> {
    let level = u8::try_from(level).ok().and_then(IdentityLevel::from_byte);
    Ok(Consent {
        scopes: u16::try_from(scopes).map_err(|_| unreadable("the scopes of a consent"))?,
        claims: u32::try_from(claims).map_err(|_| unreadable("the claims of a consent"))?,
        level: level.ok_or_else(|| unreadable("the level of a consent"))?,
        at: timestamp(at),
    })
}

/// Remembers what a person allows a client.
pub(in crate::store) struct Give {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) given: Consent,
}

const GIVE: &str = "
    INSERT INTO consent (account, client, scopes, claims, level, at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account, client) DO UPDATE
    SET scopes = excluded.scopes, claims = excluded.claims, level = excluded.level, at = excluded.at";

#[async_trait]
impl Write for Give {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        query(GIVE)
            .bind(self.account.as_bytes().to_vec())
            .bind(self.client.clone())
            .bind(i64::from(self.given.scopes))
            .bind(i64::from(self.given.claims))
            .bind(i64::from(self.given.level as u8))
            .bind(self.given.at)
            .execute(&mut *tx.connection)
            .await?;
        let Consent { scopes, claims, level, at } = self.given;
        let entry = AuditEntry::done(Act::own(self.account, at), CONSENT_GIVEN).about(self.account);
        let entry = entry.with("client", &self.client).with("scopes", scopes).with("claims", claims);
        tx.audit(entry.with("level", level.as_str())).await
    }
}

/// Forgets a consent and ends what was granted by it.
pub(in crate::store) struct Withdraw {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) act: Act,
}

const REVOKE: &str = "UPDATE client_grant SET revoked = 1 WHERE account = $1 AND client = $2 AND revoked = 0";

#[async_trait]
impl Write for Withdraw {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let account = || self.account.as_bytes().to_vec();
        let delete = query("DELETE FROM consent WHERE account = $1 AND client = $2");
        let deleted = delete.bind(account()).bind(self.client.clone()).execute(&mut *tx.connection).await?;
        let revoke = query(REVOKE).bind(account()).bind(self.client.clone());
        revoke.execute(&mut *tx.connection).await?;
        if deleted > 0 {
            let entry = AuditEntry::done(self.act.clone(), CONSENT_WITHDRAWN).about(self.account);
            tx.audit(entry.with("client", &self.client)).await?;
        }
        Ok(deleted > 0)
    }
}
