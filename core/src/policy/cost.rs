//! Cost classes: how dear it is to answer a request.

/// How dear an answer is, the cheapest first. When there is more to do than can be done, the dear ones wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CostClass {
    /// A session is checked: microseconds.
    #[default]
    Check,
    /// A signature is verified and a session opened: tenths of a millisecond.
    Passkey,
    /// A token is signed, or the backend asked for something small: milliseconds.
    Refresh,
    /// A password is hashed: tens of milliseconds of a core.
    Password,
}

impl CostClass {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Check, Self::Passkey, Self::Refresh, Self::Password];

    /// Its name in the configuration and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Passkey => "passkey",
            Self::Refresh => "refresh",
            Self::Password => "password",
        }
    }
}
