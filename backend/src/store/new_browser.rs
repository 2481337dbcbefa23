//! Log-ins with a passkey in browsers that were new to their account, of which its owner has not been told yet: whoever settled
//! them has noted so with them, and knows no addresses.

use super::{Store, StoreError, sql};
use aldgate_core::id::AccountId;
use aldgate_core::language::Language;
use aldgate_core::time::Timestamp;

/// Such a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewBrowser {
    pub(super) n: i64,
    /// Whose account was opened.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// In which language its owner is told.
    pub language: Language,
}

impl Store {
    /// The oldest of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn new_browsers(&self, max: u32) -> Result<Vec<NewBrowser>, StoreError> {
        sql::new_browser::untold(&self.readers, max).await
    }

    /// Notes that the owner is told of one, by what this store tells with the write ([`Store::telling`]). False, and nothing is
    /// told, if somebody else has noted it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn new_browser_told(&self, log_in: &NewBrowser) -> Result<bool, StoreError> {
        self.writer.write(sql::new_browser::Told(log_in.n)).await
    }
}
