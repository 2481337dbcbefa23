//! The kinds of user, by name.

/// A kind of user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PersonaName {
    /// `GET /session` with a session: answered at the edge.
    ReturningSession,
    /// The same with a cookie that was made up: refused at the edge.
    ForgedSession,
    /// A page of a service that demands a session, through the proxy.
    ProxiedSession,
    /// A public page of a service, through the proxy.
    ProxiedPublic,
    /// A whole passkey log-in: options, signature, log-in.
    PasskeyLogin,
    /// A whole sign-in with a password: page, address, password.
    PasswordLogin,
    /// The same with a wrong password: as dear as a right one.
    WrongPassword,
}

impl PersonaName {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::ReturningSession,
        Self::ForgedSession,
        Self::ProxiedSession,
        Self::ProxiedPublic,
        Self::PasskeyLogin,
        Self::PasswordLogin,
        Self::WrongPassword,
    ];

    /// Its name on the command line and in reports.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ReturningSession => "returning-session",
            Self::ForgedSession => "forged-session",
            Self::ProxiedSession => "proxied-session",
            Self::ProxiedPublic => "proxied-public",
            Self::PasskeyLogin => "passkey-login",
            Self::PasswordLogin => "password-login",
            Self::WrongPassword => "wrong-password",
        }
    }

    /// The persona of that name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| format!("'{text}' is not a persona; known are {}", Self::ALL.map(Self::as_str).join(", ")))
    }

    /// Whether it needs sessions that were opened before.
    pub(crate) const fn needs_sessions(self) -> bool {
        matches!(self, Self::ReturningSession | Self::ForgedSession | Self::ProxiedSession)
    }
}
