//! Grants: made once, replaced by compare-and-set, ended for good.

use super::{
    Connection, Query, Readers, account_id, client_session, consent, query, session_id, standing, timestamp,
    unreadable, untold,
};
use crate::model::{Consent, Grant, GrantId};
use crate::store::job::{Tx, Write};
use crate::store::{InSession, Redemption, Rotation, ServedFrom, StoreError};
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
    /// The session that must not have been put out, and what the person must have allowed by the time it says.
    pub(in crate::store) rests_on: Option<(InSession, Consent)>,
    pub(in crate::store) served: Option<ServedFrom>,
}

impl Redeem {
    /// Whether what it rests on stands: asked in the transaction that makes the grant, since whoever locks the account or
    /// takes a consent back ends the grants that they find.
    async fn may_be_made(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        let Some((session, needed)) = &self.rests_on else { return Ok(true) };
        let stands = standing::stands(connection, session).await?;
        Ok(stands && consent::covers(connection, &self.new.account, &self.new.client, needed).await?)
    }

    async fn end(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        Revoke { grant: self.new.id, at: self.new.created }.write(tx).await
    }
}

const INSERT: &str = "
    INSERT INTO client_grant (id, account, client, record, generation, created, expires, revoked, session)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8) ON CONFLICT (id) DO NOTHING";

/// Ends grants by a statement that gives their names, and notes that every gateway must hear of it: whatever ends any goes
/// by this. Gives how many.
pub(super) async fn end(connection: &mut Connection, ending: Query, at: Timestamp) -> Result<usize, StoreError> {
    let ended: Vec<(Vec<u8>,)> = ending.all(&mut *connection).await?;
    let ended: Vec<GrantId> = ended.iter().map(|(id,)| grant_id(id)).collect::<Result<_, _>>()?;
    untold::note_grants(connection, &ended, at).await?;
    Ok(ended.len())
}

fn grant_id(bytes: &[u8]) -> Result<GrantId, StoreError> {
    bytes.try_into().map(GrantId::from_bytes).map_err(|_| unreadable("the name of a grant"))
}

const REVOKE: &str = "UPDATE client_grant SET revoked = 1 WHERE id = $1 AND revoked = 0 RETURNING id";

#[async_trait]
impl Write for Redeem {
    type Outcome = Redemption;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Redemption, StoreError> {
        if !self.may_be_made(tx.connection).await? {
            self.end(tx).await?; // If it was made before, this is a second use.
            return Ok(Redemption::Gone);
        }
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
        self.end(tx).await?;
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
    UPDATE client_grant SET revoked = 1 WHERE id = $1 AND client = $2 AND generation > $3 RETURNING id";

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
            .bind(i64::from(self.generation));
        let reused = end(tx.connection, reused, self.now).await?;
        Ok(if reused > 0 { Rotation::Reused } else { Rotation::Gone })
    }
}

/// Ends a grant.
pub(in crate::store) struct Revoke {
    pub(in crate::store) grant: GrantId,
    pub(in crate::store) at: Timestamp,
}

#[async_trait]
impl Write for Revoke {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let revoke = query(REVOKE).bind(self.grant.as_bytes().to_vec());
        Ok(end(tx.connection, revoke, self.at).await? > 0)
    }
}
