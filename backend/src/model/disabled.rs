//! Accounts that an administrator has disabled, and why.

use aldgate_core::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Why an account is disabled: one of a few words, since what people write about others belongs in the file of a case and
/// not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledFor {
    /// Somebody deceived us about who they are, or is thought to have.
    Fraud,
    /// Somebody else is in it, or is thought to be, and its owner cannot be reached.
    Compromise,
    /// Its owner has died.
    Death,
    /// Its owner has another account.
    Duplicate,
    /// Its owner has asked for it.
    Request,
    /// Something else, which the file of the case says.
    Other,
}

/// A text is no reason to disable an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of fraud, compromise, death, duplicate, request, other")]
pub struct NoReason;

impl DisabledFor {
    const ALL: [Self; 6] = [Self::Fraud, Self::Compromise, Self::Death, Self::Duplicate, Self::Request, Self::Other];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fraud => "fraud",
            Self::Compromise => "compromise",
            Self::Death => "death",
            Self::Duplicate => "duplicate",
            Self::Request => "request",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for DisabledFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DisabledFor {
    type Err = NoReason;

    fn from_str(text: &str) -> Result<Self, NoReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(NoReason)
    }
}

/// A disabled account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledAccount {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: DisabledFor,
    /// Who has disabled it, as the audit names them.
    pub actor: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_one_reason() {
        for reason in DisabledFor::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert_eq!("Fraud".parse::<DisabledFor>(), Err(NoReason));
        assert!(DisabledFor::ALL.iter().all(|reason| NoReason.to_string().contains(reason.as_str())));
    }
}
