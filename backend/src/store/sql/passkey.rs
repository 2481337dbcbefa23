//! Passkeys: the credential rows, as a log-in needs them and as their owner's list shows them.

use super::connection::On;
use super::ending::end_sessions;
use super::{
    Connection, Readers, Value, account_id, credential_digest, identity_level, query, timestamp, unreadable, untold,
    write_rows,
};
use crate::model::{ChangedPasskeys, Ending, NewCredential, Passkey};
use crate::store::audit::{Act, AuditEntry, PASSKEY_ADDED, PASSKEY_REMOVED, PASSKEY_RENAMED};
use crate::store::job::{Tx, Write};
use crate::store::{Addition, PASSKEYS_MAX, Removal, StoreError};
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::warm::change::Change;
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::public_key::PublicKey;
use async_trait::async_trait;
use std::sync::Arc;

/// A passkey to write.
#[derive(Clone)]
pub(in crate::store) struct NewPasskey(pub(in crate::store) NewCredential);

impl NewPasskey {
    /// Its key.
    pub(in crate::store) const fn digest(&self) -> CredentialDigest {
        self.0.record.digest
    }

    fn row(&self, owner: i64) -> [Value; 12] {
        let NewCredential { credential_id, record, name, aaguid, transports, created } = &self.0;
        let mut key = Vec::new();
        record.public_key.encode(&mut key);
        [
            record.digest.into(),
            owner.into(),
            credential_id.clone().into(),
            key.into(),
            record.sign_count.into(),
            record.backup_eligible.into(),
            record.backup_state.into(),
            i64::try_from(record.revision).unwrap_or(i64::MAX).into(),
            name.clone().into(),
            (*aaguid != [0; 16]).then_some(*aaguid).into(),
            transports.join(",").into(),
            (*created).into(),
        ]
    }
}

const INSERT: &str = "
    INSERT INTO credential (digest, account, credential_id, public_key, sign_count, backup_eligible, backup_state,
                            revision, name, aaguid, transports, created)
    VALUES {rows}";

/// Inserts passkeys with their owners.
pub(super) async fn insert(
    connection: &mut Connection,
    mut passkeys: Vec<(i64, &NewPasskey)>,
) -> Result<(), StoreError> {
    passkeys.sort_unstable_by_key(|(_, passkey)| passkey.digest());
    let rows: Vec<_> = passkeys.into_iter().map(|(owner, passkey)| passkey.row(owner)).collect();
    write_rows(connection, INSERT, &rows).await?;
    Ok(())
}

/// A credential row as a log-in needs it: account, identity, key, counter, eligible, backed up, revision, whether the account is
/// disabled.
pub(super) type RecordRow = (Vec<u8>, i64, Vec<u8>, i64, i64, i64, i64, bool);

pub(super) fn record(digest: CredentialDigest, row: RecordRow) -> Result<CredentialRecord, StoreError> {
    let (account, identity, key, sign_count, backup_eligible, backup_state, revision, disabled) = row;
    Ok(CredentialRecord {
        digest,
        account: account_id(&account)?,
        identity: identity_level(identity)?,
        public_key: PublicKey::decode(&key).ok_or_else(|| unreadable("a public key"))?,
        sign_count: u32::try_from(sign_count).map_err(|_| unreadable("a signature counter"))?,
        backup_eligible: backup_eligible != 0,
        backup_state: backup_state != 0,
        disabled,
        revision: u64::try_from(revision).map_err(|_| unreadable("a revision"))?,
    })
}

const RECORD: &str = "
    SELECT a.id, a.identity, c.public_key, c.sign_count, c.backup_eligible, c.backup_state, c.revision,
           EXISTS (SELECT 1 FROM disabled_account d WHERE d.account = a.id)
    FROM credential c JOIN account a ON a.n = c.account WHERE c.digest = $1";

/// The record of a passkey.
pub(in crate::store) async fn credential(
    readers: &Readers,
    digest: &CredentialDigest,
) -> Result<Option<CredentialRecord>, StoreError> {
    let row: Option<RecordRow> = query(RECORD).bind(*digest).optional(readers).await?;
    row.map(|row| record(*digest, row)).transpose()
}

const RECORDS: &str = "
    SELECT c.digest, a.id, a.identity, c.public_key, c.sign_count, c.backup_eligible, c.backup_state, c.revision,
           EXISTS (SELECT 1 FROM disabled_account d WHERE d.account = a.id)
    FROM account a JOIN credential c ON c.account = a.n WHERE a.id = $1";

/// What log-ins need of the passkeys of an account.
pub(in crate::store) async fn records<'a>(
    on: impl Into<On<'a>>,
    account: &AccountId,
) -> Result<Vec<CredentialRecord>, StoreError> {
    type Row = (Vec<u8>, Vec<u8>, i64, Vec<u8>, i64, i64, i64, i64, bool);
    let rows: Vec<Row> = query(RECORDS).bind(*account).all(on).await?;
    let read = |(digest, account, identity, key, count, eligible, state, revision, disabled): Row| {
        record(credential_digest(&digest)?, (account, identity, key, count, eligible, state, revision, disabled))
    };
    rows.into_iter().map(read).collect()
}

const REVISE: &str = "
    UPDATE credential SET revision = revision + 1 WHERE account = (SELECT n FROM account WHERE id = $1)";

/// Makes known that the passkeys of an account are worth another thing from now on: here at once, to a tier elsewhere as soon as
/// it can be told. With `ends_all`, whatever they open there until then ends when it is.
pub(super) async fn revise(tx: &mut Tx<'_>, account: &AccountId, ends_all: bool) -> Result<(), StoreError> {
    if query(REVISE).bind(*account).execute(&mut *tx.connection).await? == 0 {
        return Ok(());
    }
    let records = records(&mut *tx.connection, account).await?;
    tx.changes.extend(records.into_iter().map(|record| Change::CredentialChanged(Arc::new(record))));
    untold::note_passkeys(tx.connection, &ChangedPasskeys { account: *account, ends_all }).await
}

type ListRow = (Vec<u8>, Vec<u8>, String, i64, Option<i64>, i64, i64, Option<Vec<u8>>);

const LIST: &str = "
    SELECT c.digest, c.credential_id, c.name, c.created, c.last_used, c.backup_eligible, c.backup_state, c.aaguid
    FROM account a JOIN credential c ON c.account = a.n WHERE a.id = $1 ORDER BY c.created, c.digest";

/// The passkeys of an account, oldest first.
pub(in crate::store) async fn list(readers: &Readers, account: &AccountId) -> Result<Vec<Passkey>, StoreError> {
    let rows: Vec<ListRow> = query(LIST).bind(*account).all(readers).await?;
    rows.into_iter().map(passkey).collect()
}

fn passkey(row: ListRow) -> Result<Passkey, StoreError> {
    let (digest, credential_id, name, created, last_used, backup_eligible, backup_state, aaguid) = row;
    Ok(Passkey {
        digest: credential_digest(&digest)?,
        credential_id,
        name,
        created: timestamp(created),
        last_used: last_used.map(timestamp),
        backup_eligible: backup_eligible != 0,
        backup_state: backup_state != 0,
        aaguid: aaguid.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default(),
    })
}

/// Adds a passkey to an account.
pub(in crate::store) struct Add {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) passkey: NewPasskey,
}

const ROOM: &str = "
    SELECT n, (SELECT count(*) FROM credential WHERE account = n),
           EXISTS (SELECT 1 FROM credential WHERE digest = $2)
    FROM account WHERE id = $1";

#[async_trait]
impl Write for Add {
    type Outcome = Addition;

    fn is_done(outcome: &Addition) -> bool {
        *outcome == Addition::Added
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Addition, StoreError> {
        let room = query(ROOM).bind(self.account).bind(self.passkey.digest());
        let room: Option<(i64, i64, bool)> = room.optional(&mut *tx.connection).await?;
        let Some((owner, count, taken)) = room else { return Ok(Addition::NoAccount) };
        if taken {
            return Ok(Addition::Taken);
        }
        if count >= i64::from(PASSKEYS_MAX) {
            return Ok(Addition::TooMany);
        }
        insert(tx.connection, vec![(owner, &self.passkey)]).await?;
        let act = Act::own(self.account, self.passkey.0.created);
        let entry = AuditEntry::done(act, PASSKEY_ADDED).about(self.account).with("passkey", self.passkey.digest());
        tx.audit(entry).await?;
        Ok(Addition::Added)
    }
}

/// Gives a passkey another name. False if the account has no such passkey.
pub(in crate::store) struct Rename {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) digest: CredentialDigest,
    pub(in crate::store) name: String,
    pub(in crate::store) act: Act,
}

const RENAME: &str = "
    UPDATE credential SET name = $3 WHERE digest = $2 AND account = (SELECT n FROM account WHERE id = $1)";

#[async_trait]
impl Write for Rename {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let rename = query(RENAME).bind(self.account).bind(self.digest).bind(self.name.as_str());
        if rename.execute(&mut *tx.connection).await? == 0 {
            return Ok(false);
        }
        let entry = AuditEntry::done(self.act.clone(), PASSKEY_RENAMED).about(self.account);
        tx.audit(entry.with("passkey", self.digest)).await?;
        Ok(true)
    }
}

/// Removes a passkey, unless nothing would open the account any more, and ends the sessions that it opened but `keep`.
pub(in crate::store) struct Remove {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) digest: CredentialDigest,
    pub(in crate::store) keep: Option<SessionId>,
    pub(in crate::store) act: Act,
}

const OTHER_WAYS_IN: &str = "
    SELECT a.password IS NOT NULL OR EXISTS (SELECT 1 FROM credential o WHERE o.account = a.n AND o.digest <> $2)
    FROM account a JOIN credential c ON c.account = a.n WHERE a.id = $1 AND c.digest = $2";

#[async_trait]
impl Write for Remove {
    type Outcome = Removal;

    fn is_done(outcome: &Removal) -> bool {
        *outcome == Removal::Removed
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Removal, StoreError> {
        let other_ways_in = query(OTHER_WAYS_IN).bind(self.account).bind(self.digest);
        match other_ways_in.optional(&mut *tx.connection).await? {
            None => Ok(Removal::NotFound),
            Some((false,)) => Ok(Removal::LastWayIn),
            Some((true,)) => {
                let delete = query("DELETE FROM credential WHERE digest = $1");
                delete.bind(self.digest).execute(&mut *tx.connection).await?;
                tx.changes.push(Change::CredentialRetired(self.digest));
                let ending = Ending::OfCredential(self.digest, self.keep);
                end_sessions(tx, &self.account, ending, self.act.at).await?;
                let entry = AuditEntry::done(self.act.clone(), PASSKEY_REMOVED).about(self.account);
                tx.audit(entry.with("passkey", self.digest)).await?;
                Ok(Removal::Removed)
            }
        }
    }
}
