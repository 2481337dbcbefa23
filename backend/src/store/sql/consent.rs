//! Consents: a row for each person and client.

use super::{Connection, Readers, client_session, client_text, grant, query, timestamp, unreadable};
use crate::model::{Consent, UsedService};
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

const SERVICES_OF: &str = "
    SELECT c.client, c.scopes, c.claims, c.level, c.at, c.first_at, c.scopes_ever, c.claims_ever, c.level_ever,
           CASE WHEN c.made > c.used THEN c.made ELSE c.used END AS last_used
    FROM (SELECT *, (SELECT MAX(g.created) FROM client_grant g WHERE g.account = consent.account
                     AND g.client = consent.client AND g.created >= consent.first_at) AS made
          FROM consent WHERE account = $1) AS c
    ORDER BY last_used DESC, c.client";

type ServiceRow = (String, i64, i64, i64, i64, i64, i64, i64, i64, i64);

/// The services that a person has allowed something, the last used first.
pub(in crate::store) async fn services_of(
    readers: &Readers,
    account: &AccountId,
) -> Result<Vec<UsedService>, StoreError> {
    let rows: Vec<ServiceRow> = query(SERVICES_OF).bind(account.as_bytes().to_vec()).all(readers).await?;
    rows.into_iter().map(service).collect()
}

fn service(
    (client, scopes, claims, level, at, first, scopes_ever, claims_ever, level_ever, used): ServiceRow,
) -> Result<UsedService, StoreError> {
    let (allowed, before) =
        (consent((scopes, claims, level, at))?, consent((scopes_ever, claims_ever, level_ever, at))?);
    Ok(UsedService {
        client,
        allowed,
        first: if first == 0 { allowed.at } else { timestamp(first) },
        scopes_ever: before.scopes | allowed.scopes,
        claims_ever: before.claims | allowed.claims,
        level_ever: before.level.max(allowed.level),
        used: (used > 0).then(|| timestamp(used)),
    })
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

const COVERS: &str = "
    SELECT EXISTS (SELECT 1 FROM consent WHERE account = $1 AND client = $2 AND at <= $3
                   AND (scopes & $4) = $4 AND (claims & $5) = $5 AND level >= $6)";

/// Whether a person allows a client all of this, and has since the time that it says.
pub(super) async fn covers(
    connection: &mut Connection,
    account: &AccountId,
    client: &str,
    needed: &Consent,
) -> Result<bool, StoreError> {
    let covers = query(COVERS).bind(*account).bind(client).bind(needed.at);
    let covers = covers.bind(i64::from(needed.scopes)).bind(needed.claims).bind(needed.level as u8);
    let (covered,): (bool,) = covers.one(connection).await?;
    Ok(covered)
}

/// Remembers what a person allows a client.
pub(in crate::store) struct Give {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) given: Consent,
}

const GIVE: &str = "
    INSERT INTO consent (account, client, scopes, claims, level, at, first_at, scopes_ever, claims_ever, level_ever)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $3, $4, $5)
    ON CONFLICT (account, client) DO UPDATE
    SET scopes = excluded.scopes, claims = excluded.claims, level = excluded.level, at = excluded.at,
        first_at = CASE WHEN consent.first_at = 0 THEN consent.at ELSE consent.first_at END,
        scopes_ever = consent.scopes_ever | consent.scopes | excluded.scopes,
        claims_ever = consent.claims_ever | consent.claims | excluded.claims,
        level_ever = CASE WHEN consent.level > consent.level_ever THEN consent.level ELSE consent.level_ever END";

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

/// Forgets a consent, ends what was granted by it, and forgets what the client keeps with us about the person.
pub(in crate::store) struct Withdraw {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) act: Act,
}

const REVOKE: &str = "
    UPDATE client_grant SET revoked = 1 WHERE account = $1 AND client = $2 AND revoked = 0 RETURNING id";

#[async_trait]
impl Write for Withdraw {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let account = || self.account.as_bytes().to_vec();
        let delete = query("DELETE FROM consent WHERE account = $1 AND client = $2");
        let deleted = delete.bind(account()).bind(self.client.clone()).execute(&mut *tx.connection).await?;
        let revoke = query(REVOKE).bind(account()).bind(self.client.clone());
        grant::end(tx.connection, revoke, self.act.at).await?;
        client_text::forget(tx, &self.account, &self.client).await?;
        client_session::leave(tx, &self.account, &self.client, self.act.at).await?;
        if deleted > 0 {
            let entry = AuditEntry::done(self.act.clone(), CONSENT_WITHDRAWN).about(self.account);
            tx.audit(entry.with("client", &self.client)).await?;
        }
        Ok(deleted > 0)
    }
}
