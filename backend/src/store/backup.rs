//! A copy of the database that is consistent while others write, and what a copy needs before it serves.
//!
//! On SQLite it is one file (`VACUUM INTO`: as of one moment, without what was deleted). PostgreSQL's own tools do that
//! there. A copy is a step back in time: what was revoked after it was made is not revoked in it. So nothing by which somebody
//! was in at that time stands in a copy that is put in place: no session, no grant to a service, no remembered browser.
//! Passkeys and passwords are as they were then.

use super::audit::{Act, AuditEntry, BACKUP_RESTORED};
use super::job::{Tx, Write};
use super::sql::connection::Readers;
use super::{Store, StoreError, sql};
use async_trait::async_trait;
use std::path::Path;

/// Why a copy is not fit to serve: one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The file is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// What is sealed in it does not open.
    #[error("the keys are not those of this database: {0}")]
    Keys(String),
}

/// Backup.
impl Store {
    /// Whether the database is a file, which [`Store::copy_to`] copies.
    pub const fn is_a_file(&self) -> bool {
        matches!(self.readers, Readers::Sqlite(_))
    }

    /// Writes a copy into a new file, for its owner alone.
    ///
    /// # Errors
    /// [`StoreError`], also if there is such a file, or the database is none.
    pub async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        sql::backup::copy(self.readers.sqlite()?, path).await
    }

    /// Looks whether a copy is whole and its keys are here.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub async fn fit(&self) -> Result<Result<(), Unfit>, StoreError> {
        if let Some(damage) = sql::backup::damage(&self.readers).await? {
            return Ok(Err(Unfit::Damaged(damage)));
        }
        let some = sql::account::some(&self.readers).await?;
        let opened = some.iter().try_for_each(|(id, email)| self.sealer.open(id, email).map(drop));
        Ok(opened.map_err(|error| Unfit::Keys(error.to_string())))
    }

    /// Makes a copy fit to serve: the sessions of its time and what services were given are ended, the browsers that were
    /// remembered are forgotten, and it is noted what it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn restored(&self, act: Act) -> Result<(), StoreError> {
        self.writer.write(Restored(act)).await
    }
}

struct Restored(Act);

#[async_trait]
impl Write for Restored {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sql::session::forget_all(tx.connection).await?;
        sql::backup::nobody_is_in(tx.connection).await?;
        tx.audit(AuditEntry::done(self.0.clone(), BACKUP_RESTORED)).await
    }
}
