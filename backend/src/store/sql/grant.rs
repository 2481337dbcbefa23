//! Grants: made once, replaced by compare-and-set, ended for good.

use super::{Readers, account_id, client_session, query, session_id, timestamp, unreadable};
use crate::model::{Grant, GrantId};
use crate::store::job::{Tx, Write};
use crate::store::{Redemption, Rotation, ServedFrom, StoreError};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

type Row = (Vec<u8>, String, Vec<u8>, i64, i64, i64, i64, Option<Vec<u8>>);

const BY_ID: &str = "
    SELECT account, client, record, generation, created, expires, revoked, session FROM client_grant WHERE id = $1";

/// The grant of this name.
pub(in crate::store) async fn by_id(readers: &Readers, id: &GrantId) -> Result<Option<Grant>, StoreError> {
    let row: Option<Row> = query(BY_ID).bind(id.as_bytes().to_vec()).optional(readers).await?;
    row.map(|row| grant(*id, row)).transpose()
}

fn grant(
    id: GrantId,
    (account, client, record, generation, created, expires, revoked, session): Row,
) -> Result<Grant, StoreError> {
    Ok(Grant {
        id,
        account: account_id(&account)?,
        session: session.map(|bytes| session_id(&bytes)).transpose()?,
        client,
        record,
        generation: u32::try_from(generation).map_err(|_| unreadable("a generation of a grant"))?,
        created: timestamp(created),
        expires: timestamp(expires),
        revoked: revoked != 0,
    })
}

/// Makes a grant, and notes from which session its client serves the person, if it wants to be told of its end. A grant
/// that stands already ends.
pub(in crate::store) struct Redeem {
    pub(in crate::store) new: Grant,
    pub(in crate::store) served: Option<ServedFrom>,
}

const INSERT: &str = "
    INSERT INTO client_grant (id, account, client, record, generation, created, expires, revoked, session)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8) ON CONFLICT (id) DO NOTHING";

const REVOKE: &str = "UPDATE client_grant SET revoked = 1 WHERE id = $1 AND revoked = 0";

#[async_trait]
impl Write for Redeem {
    type Outcome = Redemption;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Redemption, StoreError> {
        let Grant { id, account, session, client, record, generation, created, expires, .. } = &self.new;
        let made = query(INSERT)
            .bind(id.as_bytes().to_vec())
            .bind(*account)
            .bind(client.as_str())
            .bind(record.as_slice())
            .bind(*generation)
            .bind(*created)
            .bind(*expires)
            .bind(*session)
            .execute(&mut *tx.connection)
            .await?;
        if made > 0 {
            if let Some(served) = &self.served {
                client_session::begin(tx.connection, &self.new, served).await?;
            }
            return Ok(Redemption::Redeemed);
        }
        Revoke(self.new.id).write(tx).await?;
        Ok(Redemption::Replayed)
    }
}

/// Replaces a refresh token.
pub(in crate::store) struct Rotate {
    pub(in crate::store) grant: GrantId,
    pub(in crate::store) client: String,
    pub(in crate::store) generation: u32,
    pub(in crate::store) expires: Timestamp,
    pub(in crate::store) now: Timestamp,
}

const ADVANCE: &str = "
    UPDATE client_grant SET generation = generation + 1, expires = $5
    WHERE id = $1 AND client = $2 AND generation = $3 AND expires > $4 AND revoked = 0";

const REVOKE_REUSED: &str = "
    UPDATE client_grant SET revoked = 1 WHERE id = $1 AND client = $2 AND generation > $3";

#[async_trait]
impl Write for Rotate {
    type Outcome = Rotation;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Rotation, StoreError> {
        let advanced = query(ADVANCE)
            .bind(self.grant.as_bytes().to_vec())
            .bind(self.client.clone())
            .bind(i64::from(self.generation))
            .bind(self.now)
            .bind(self.expires)
            .execute(&mut *tx.connection)
            .await?;
        if advanced > 0 {
            return Ok(Rotation::Rotated);
        }
        let reused = query(REVOKE_REUSED)
            .bind(self.grant.as_bytes().to_vec())
            .bind(self.client.clone())
            .bind(i64::from(self.generation))
            .execute(&mut *tx.connection)
            .await?;
        Ok(if reused > 0 { Rotation::Reused } else { Rotation::Gone })
    }
}

/// Ends a grant.
pub(in crate::store) struct Revoke(pub(in crate::store) GrantId);

#[async_trait]
impl Write for Revoke {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let update = query(REVOKE).bind(self.0.as_bytes().to_vec());
        Ok(update.execute(&mut *tx.connection).await? > 0)
    }
}

/// Ends every grant of an account.
pub(in crate::store) struct RevokeAll(pub(in crate::store) AccountId);

#[async_trait]
impl Write for RevokeAll {
    type Outcome = u64;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let update = query("UPDATE client_grant SET revoked = 1 WHERE account = $1 AND revoked = 0");
        Ok(update.bind(self.0.as_bytes().to_vec()).execute(&mut *tx.connection).await?)
    }
}
