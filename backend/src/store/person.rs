//! Facts about people, and what clients keep with us about them.

use super::audit::Act;
use super::sql::person::{self, PLACE};
use super::sql::{self, client_text, hex};
use super::{Store, StoreError};
use crate::model::{Account, NhsNumber, Person};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;

/// Rows of one step of filling in: a few milliseconds of the writer's time.
const STEP_ROWS_MAX: u32 = 200;

/// How the writing down of what was verified of a person ended. Only `Written` has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verification {
    /// It stands.
    Written,
    /// The NHS number is another account's. The audit says that it was tried.
    NumberTaken,
    /// There is no such account.
    NoAccount,
}

impl Store {
    /// What was verified of the person whose account it is; nothing of somebody who has proven no more than an address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn person(&self, account: &AccountId) -> Result<Person, StoreError> {
        let Some(sealed) = person::sealed(&self.readers, account).await? else { return Ok(Person::default()) };
        let facts = self.sealer.open_bytes(PLACE, account.as_bytes(), &sealed)?;
        read(&facts)
    }

    /// Writes down what was verified of a person, and the level that it supports, together, unless the NHS number is
    /// another account's. A lower level than before ends the account's sessions: they were opened at the old one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_person(
        &self,
        account: &AccountId,
        level: IdentityLevel,
        facts: &Person,
        act: Act,
    ) -> Result<Verification, StoreError> {
        let nhs_number = facts.nhs_number.as_ref().map(|number| self.sealer.nhs_digest(number));
        let facts = serde_json::to_vec(facts).map_err(|error| StoreError::Broken(error.to_string()))?;
        let sealed = self.sealer.seal_bytes(PLACE, account.as_bytes(), &facts)?;
        self.writer.write(person::Set { account: *account, level, sealed, nhs_number, act }).await
    }

    /// The account of whoever has this NHS number, if it was verified that somebody has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_by_nhs_number(&self, number: &NhsNumber) -> Result<Option<Account>, StoreError> {
        sql::account::by_nhs_number(&self.readers, &self.sealer, self.sealer.nhs_digest(number)).await
    }

    /// Fills in by what people are found from their NHS numbers, some rows at a time, where a version before this one has
    /// written down the facts. Gives whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn fill_nhs_numbers(&self) -> Result<bool, StoreError> {
        let (after, done) = person::filled(&self.readers).await?;
        if done {
            return Ok(false);
        }
        let rows = person::unfilled(&self.readers, &after, STEP_ROWS_MAX).await?;
        let done = rows.len() < usize::try_from(STEP_ROWS_MAX).unwrap_or(usize::MAX);
        let after = rows.last().map_or(after, |(account, _)| account.clone());
        let mut digests = Vec::new();
        for (account, record) in rows {
            // One that does not open is told of where it is sealed anew; it has no number that could be known.
            let facts = self.sealer.open_bytes(PLACE, &account, &record).and_then(|facts| read(&facts));
            if let Some(number) = facts.ok().and_then(|facts| facts.nhs_number) {
                digests.push((account, record, self.sealer.nhs_digest(&number)));
            }
        }
        for account in self.writer.write(person::Fill { digests, after, done }).await? {
            tracing::error!(
                account = hex(&account),
                "another account has the same NHS number: this one is not found by it"
            );
        }
        Ok(!done)
    }

    /// What a client keeps about a person, if it ever did; empty where it has cleared that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client_metadata(&self, account: &AccountId, client: &str) -> Result<Option<String>, StoreError> {
        if let Some(open) = client_text::left_open(&self.readers, account, client).await? {
            return Ok(Some(open));
        }
        let row = client_text::row(account, client);
        let Some(sealed) = client_text::sealed(&self.readers, &row).await? else { return Ok(None) };
        let text = self.sealer.open_bytes(client_text::PLACE, &row, &sealed)?;
        String::from_utf8(text).map(Some).map_err(|_| StoreError::Broken("what a client keeps is no text".into()))
    }

    /// What each client keeps about a person, by the client's name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn clients_notes(&self, account: &AccountId) -> Result<Vec<(String, String)>, StoreError> {
        let mut notes = Vec::new();
        for client in client_text::clients_of(&self.readers, account).await? {
            let text = self.client_metadata(account, &client).await?.filter(|text| !text.is_empty());
            notes.extend(text.map(|text| (client, text)));
        }
        Ok(notes)
    }

    /// Keeps a text for a client about a person, in the place of what it kept before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_client_metadata(&self, account: &AccountId, client: &str, text: &str) -> Result<(), StoreError> {
        let row = client_text::row(account, client);
        let sealed = self.sealer.seal_bytes(client_text::PLACE, &row, text.as_bytes())?;
        self.writer.write(client_text::Keep { account: *account, client: client.to_owned(), sealed }).await
    }

    /// Keeps a text for a client that has kept none about a person so far. Gives what is kept: of several that begin at
    /// once, one does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_client_metadata(
        &self,
        account: &AccountId,
        client: &str,
        text: &str,
    ) -> Result<String, StoreError> {
        let row = client_text::row(account, client);
        let sealed = self.sealer.seal_bytes(client_text::PLACE, &row, text.as_bytes())?;
        if self.writer.write(client_text::Begin { account: *account, client: client.to_owned(), sealed }).await? {
            return Ok(text.to_owned());
        }
        let kept = self.client_metadata(account, client).await?;
        kept.ok_or_else(|| StoreError::Broken("what a client keeps was there a moment ago".into()))
    }

    /// Seals what a version before this one has left open, some rows at a time. Gives whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn seal_client_metadata(&self) -> Result<bool, StoreError> {
        let open = client_text::all_left_open(&self.readers).await?;
        let mut rows = Vec::new();
        for (account, client, text) in open {
            let row = client_text::row(&account, &client);
            let sealed = self.sealer.seal_bytes(client_text::PLACE, &row, text.as_bytes())?;
            rows.push(client_text::Carried { account, client, text, sealed });
        }
        let some = !rows.is_empty();
        if some {
            self.writer.write(client_text::Carry(rows)).await?;
        }
        Ok(some)
    }
}

fn read(facts: &[u8]) -> Result<Person, StoreError> {
    serde_json::from_slice(facts).map_err(|_| StoreError::Broken("facts about a person cannot be read".into()))
}
