//! Scopes: what a client may ask to know (OpenID Connect Core, section 5.4; the names are NHS login's).

use std::fmt;

/// A scope that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Scope {
    OpenId,
    Profile,
    BasicDemographics,
    ProfileExtended,
    Email,
    Phone,
    Landline,
    GpRegistrationDetails,
    GpIntegrationCredentials,
    ClientMetadata,
    NhsAppCredentials,
}

impl Scope {
    /// Every one, in the order in which discovery lists them.
    pub(crate) const ALL: [Self; 11] = [
        Self::BasicDemographics,
        Self::ClientMetadata,
        Self::Email,
        Self::GpIntegrationCredentials,
        Self::GpRegistrationDetails,
        Self::Landline,
        Self::NhsAppCredentials,
        Self::OpenId,
        Self::Phone,
        Self::Profile,
        Self::ProfileExtended,
    ];

    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::BasicDemographics => "basic_demographics",
            Self::ProfileExtended => "profile_extended",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Landline => "landline",
            Self::GpRegistrationDetails => "gp_registration_details",
            Self::GpIntegrationCredentials => "gp_integration_credentials",
            Self::ClientMetadata => "client_metadata",
            Self::NhsAppCredentials => "nhs_app_credentials",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scopes(u16);

/// A name of no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope")]
pub(crate) struct UnknownScope(String);

impl Scopes {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// Every one.
    pub(crate) const EVERY: Self = Self((1 << Scope::ALL.len()) - 1);

    /// What a client is registered for: each name must be known.
    ///
    /// # Errors
    /// [`UnknownScope`].
    pub(crate) fn registered<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownScope> {
        names.into_iter().try_fold(Self::default(), |set, name| {
            find(name).map(|scope| set.with(scope)).ok_or_else(|| UnknownScope(name.to_owned()))
        })
    }

    /// What a request asks for; names that are not known are passed over, as NHS login does.
    pub(crate) fn requested(text: &str) -> Self {
        text.split(' ').filter_map(find).fold(Self::default(), Self::with)
    }

    /// Whether a request names one that is not known here. `offline_access` asks for a refresh token, and every client gets
    /// one or none by its profile (OpenID Connect Core, section 11).
    pub(crate) fn names_unknown(text: &str) -> bool {
        const OFFLINE_ACCESS: &str = "offline_access";
        text.split(' ').any(|name| !name.is_empty() && name != OFFLINE_ACCESS && find(name).is_none())
    }

    /// The set and one more.
    #[must_use]
    pub(crate) const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether a scope is in it.
    pub(crate) const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether everything in it is in another set too.
    pub(crate) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether anything in it is in another set too.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What is in both.
    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// As a record holds it.
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// From a record; a bit that is not known means nothing.
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits & Scope::ALL.into_iter().fold(0, |all, scope| all | scope.bit()))
    }
}

fn find(name: &str) -> Option<Scope> {
    Scope::ALL.into_iter().find(|scope| scope.as_str() == name)
}

impl fmt::Display for Scopes {
    /// `openid` first, as everybody writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = Scope::ALL.into_iter().filter(|scope| *scope != Scope::OpenId);
        let all = std::iter::once(Scope::OpenId).chain(rest).filter(|scope| self.has(*scope));
        for (at, scope) in all.enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_passed_over_in_requests_and_refused_in_registrations() {
        let set = Scopes::requested("phone  openid constructor openid.x PHONE email");
        assert_eq!(set.to_string(), "openid email phone");
        assert_eq!(Scopes::registered(["openid", "x"]), Err(UnknownScope("x".into())));
        assert!(Scopes::names_unknown("openid wallet-subject-id") && Scopes::names_unknown("PHONE"));
        assert!(!Scopes::names_unknown(" openid  phone offline_access ") && !Scopes::names_unknown(""));
        assert!(set.is_within(Scopes::registered(["openid", "email", "phone", "profile"]).expect("known")));
    }

    #[test]
    fn bits_and_back() {
        let all = Scope::ALL.into_iter().fold(Scopes::default(), Scopes::with);
        assert_eq!(all, Scopes::EVERY);
        assert_eq!(Scopes::from_bits(all.bits()), all);
        assert_eq!(Scopes::from_bits(u16::MAX), all);
    }
}
