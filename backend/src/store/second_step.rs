//! Second steps, recovery codes and remembered browsers of accounts.

use super::audit::Act;
use super::sql::contact::Remembered;
use super::{ChangeId, Store, StoreError, UNDO_WITHIN, sql};
use crate::model::second_step::{RememberedBrowser, SecondStep, SecondSteps, StepKind};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;

/// How the removal of a second step ended. Only `Removed` has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum StepRemoval {
    /// It is asked for no more.
    Removed,
    /// There is none of this kind.
    NotFound,
    /// A password would be all that is left, and it is too short for that.
    ShortPassword,
}

/// Most browsers that are remembered for one account.
const BROWSERS_MAX: usize = 20;

impl Store {
    /// The second steps of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn second_steps(&self, account: &AccountId) -> Result<SecondSteps, StoreError> {
        sql::second_step::of_account(&self.readers, &self.sealer, account).await
    }

    /// Adds a second step, or puts it in the place of the one of its kind. `used` is the time step by whose code an app
    /// was proven: its code is used up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_second_step(
        &self,
        account: &AccountId,
        step: &SecondStep,
        used: u64,
        added: Timestamp,
    ) -> Result<(), StoreError> {
        let kind = step.kind();
        let plain: &[u8] = match step {
            SecondStep::Phone(number) => number.as_str().as_bytes(),
            SecondStep::App(key) => key.expose(),
        };
        let row = sql::second_step::row(account, kind);
        let sealed = self.sealer.seal_bytes(sql::second_step::PLACE, &row, plain)?;
        self.writer.write(sql::second_step::Set { account: *account, kind, sealed, added, used }).await
    }

    /// Takes the code of a time step of an account's app. False if one of this step or a later one was taken before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_app_step(&self, account: &AccountId, step: u64) -> Result<bool, StoreError> {
        self.writer.write(sql::second_step::UseStep { account: *account, step }).await
    }

    /// Removes the second step of a kind, unless it is the last and the password has fewer characters, as far as is known,
    /// than one that stands alone must have. A telephone is remembered, so that it can be put back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_second_step(
        &self,
        account: &AccountId,
        kind: StepKind,
        change: ChangeId,
        alone_chars_min: usize,
        act: Act,
    ) -> Result<StepRemoval, StoreError> {
        let remembered = Remembered { id: change, ends: act.at.plus(UNDO_WITHIN) };
        let remove = sql::second_step::Remove { account: *account, kind, remembered, alone_chars_min, act };
        self.writer.write(remove).await
    }

    /// How many recovery codes an account has left.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recovery_codes(&self, account: &AccountId) -> Result<usize, StoreError> {
        let count = sql::second_step::recovery_codes(&self.readers, account).await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Replaces an account's recovery codes by those of these digests.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_recovery_codes(
        &self,
        account: &AccountId,
        digests: Vec<[u8; 32]>,
        act: Act,
    ) -> Result<(), StoreError> {
        self.writer.write(sql::second_step::SetRecoveryCodes { account: *account, digests, act }).await
    }

    /// Uses a recovery code up. False if the account has no such code, or no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_recovery_code(&self, account: &AccountId, digest: [u8; 32], act: Act) -> Result<bool, StoreError> {
        self.writer.write(sql::second_step::UseRecoveryCode { account: *account, digest, act }).await
    }

    /// The remembered browsers of an account, the last used first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remembered_browsers(&self, account: &AccountId) -> Result<Vec<RememberedBrowser>, StoreError> {
        sql::remembered_browser::of_account(&self.readers, account).await
    }

    /// Remembers a browser; too many of an account push out those that lay unused longest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember_browser(&self, account: &AccountId, browser: RememberedBrowser) -> Result<(), StoreError> {
        self.writer.write(sql::remembered_browser::Remember { account: *account, browser, most: BROWSERS_MAX }).await
    }

    /// Whether a browser is remembered for this account, was used after `used_since` and made after `made_since`. It is
    /// used now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recognise_browser(
        &self,
        account: &AccountId,
        id: [u8; 32],
        used_since: Timestamp,
        made_since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let recognise = sql::remembered_browser::Recognise { account: *account, id, used_since, made_since, now };
        self.writer.write(recognise).await
    }

    /// Forgets one browser of an account. False if it has no such.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_browser(&self, account: &AccountId, id: [u8; 32], act: Act) -> Result<bool, StoreError> {
        self.writer.write(sql::remembered_browser::Forget { account: *account, id, act }).await
    }
}
