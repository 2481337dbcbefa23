//! Log-outs that clients have not been told of yet.

use super::{Readers, query, timestamp, unreadable};
use crate::model::GrantId;
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use crate::store::logout_notice::{DueNotice, LogoutNotice};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Notices to note, and the grants whose clients are told by them.
pub(in crate::store) struct Note {
    pub(in crate::store) notices: Vec<LogoutNotice>,
    pub(in crate::store) grants: Vec<GrantId>,
}

const NOTE: &str = "INSERT INTO logout_notice (id, client, subject, session, noted, tried, due)
                    VALUES ($1, $2, $3, $4, $5, 0, $5)";

#[async_trait]
impl Write for Note {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for notice in &self.notices {
            query(NOTE)
                .bind(notice.id.to_vec())
                .bind(notice.client.clone())
                .bind(notice.subject.clone())
                .bind(notice.session.clone())
                .bind(notice.noted)
                .execute(&mut *tx.connection)
                .await?;
        }
        for grant in &self.grants {
            let told = query("UPDATE client_grant SET told = 1 WHERE id = $1").bind(grant.as_bytes().to_vec());
            told.execute(&mut *tx.connection).await?;
        }
        Ok(())
    }
}

type Row = (Vec<u8>, String, String, String, i64, i64, i64);

const DUE: &str = "SELECT id, client, subject, session, noted, tried, due FROM logout_notice
                   WHERE due <= $1 ORDER BY due LIMIT $2";

/// Those that are due, the longest first.
pub(in crate::store) async fn due(readers: &Readers, now: Timestamp, max: u32) -> Result<Vec<DueNotice>, StoreError> {
    let rows: Vec<Row> = query(DUE).bind(now).bind(i64::from(max)).all(readers).await?;
    rows.into_iter().map(notice).collect()
}

fn notice((id, client, subject, session, noted, tried, due): Row) -> Result<DueNotice, StoreError> {
    let id = id.try_into().map_err(|_| unreadable("a log-out notice's id"))?;
    let notice = LogoutNotice { id, client, subject, session, noted: timestamp(noted) };
    Ok(DueNotice { notice, tried: u32::try_from(tried).unwrap_or(u32::MAX), due: timestamp(due) })
}

/// A notice to take, if it is still due when it was.
pub(in crate::store) struct Take {
    pub(in crate::store) id: [u8; 16],
    pub(in crate::store) due: Timestamp,
    pub(in crate::store) next: Timestamp,
}

#[async_trait]
impl Write for Take {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let take = query("UPDATE logout_notice SET due = $3, tried = tried + 1 WHERE id = $1 AND due = $2")
            .bind(self.id.to_vec())
            .bind(self.due)
            .bind(self.next);
        Ok(take.execute(&mut *tx.connection).await? == 1)
    }
}

/// A notice to forget.
pub(in crate::store) struct Forget(pub(in crate::store) [u8; 16]);

#[async_trait]
impl Write for Forget {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        query("DELETE FROM logout_notice WHERE id = $1").bind(self.0.to_vec()).execute(&mut *tx.connection).await?;
        Ok(())
    }
}
