//! Claims about a person, one by one: by which scope each is told, and from which level on (NHS login, scopes and claims).
//! This is the one table of it; what is not in it is never told.

use super::scope::{Scope, Scopes};
use aldgate_core::assurance::IdentityLevel;

/// A claim about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Claim {
    NhsNumber,
    FamilyName,
    /// The family name, as NHS login's ID tokens say it once more.
    Surname,
    Birthdate,
    IdentityProofingLevel,
    GivenName,
    Email,
    EmailVerified,
    PhoneNumber,
    PhoneNumberVerified,
    PhoneNumberPdsMatched,
    LandlineNumber,
    LandlineNumberVerified,
    GpRegistrationDetails,
    GpIntegrationCredentials,
    /// What the client itself keeps about the person.
    ClientUserMetadata,
    /// Who somebody is, as GOV.UK One Login tells it: a token of its own ([`super::core_identity`]).
    CoreIdentity,
}

impl Claim {
    /// Every one.
    pub(crate) const ALL: [Self; 17] = [
        Self::NhsNumber,
        Self::FamilyName,
        Self::Surname,
        Self::Birthdate,
        Self::IdentityProofingLevel,
        Self::GivenName,
        Self::Email,
        Self::EmailVerified,
        Self::PhoneNumber,
        Self::PhoneNumberVerified,
        Self::PhoneNumberPdsMatched,
        Self::LandlineNumber,
        Self::LandlineNumberVerified,
        Self::GpRegistrationDetails,
        Self::GpIntegrationCredentials,
        Self::ClientUserMetadata,
        Self::CoreIdentity,
    ];

    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NhsNumber => "nhs_number",
            Self::FamilyName => "family_name",
            Self::Surname => "surname",
            Self::Birthdate => "birthdate",
            Self::IdentityProofingLevel => "identity_proofing_level",
            Self::GivenName => "given_name",
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
            Self::PhoneNumber => "phone_number",
            Self::PhoneNumberVerified => "phone_number_verified",
            Self::PhoneNumberPdsMatched => "phone_number_pds_matched",
            Self::LandlineNumber => "landline_number",
            Self::LandlineNumberVerified => "landline_number_verified",
            Self::GpRegistrationDetails => "gp_registration_details",
            Self::GpIntegrationCredentials => "gp_integration_credentials",
            Self::ClientUserMetadata => "client_user_metadata",
            Self::CoreIdentity => "https://vocab.account.gov.uk/v1/coreIdentityJWT",
        }
    }

    /// The claim of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.as_str() == name)
    }

    /// Each scope by which it is told; none where it is told to whoever asks for it by name and may
    /// ([`super::client::Client::may_know`]).
    pub(crate) fn scopes(self) -> Scopes {
        let only = |scope| Scopes::NONE.with(scope);
        match self {
            Self::NhsNumber => only(Scope::Profile),
            Self::FamilyName | Self::Surname | Self::Birthdate | Self::IdentityProofingLevel => {
                only(Scope::Profile).with(Scope::BasicDemographics)
            }
            Self::GivenName => only(Scope::ProfileExtended),
            Self::Email | Self::EmailVerified => only(Scope::Email),
            Self::PhoneNumber | Self::PhoneNumberVerified | Self::PhoneNumberPdsMatched => only(Scope::Phone),
            Self::LandlineNumber | Self::LandlineNumberVerified => only(Scope::Landline),
            Self::GpRegistrationDetails => only(Scope::GpRegistrationDetails),
            Self::GpIntegrationCredentials => only(Scope::GpIntegrationCredentials),
            Self::ClientUserMetadata => only(Scope::ClientMetadata),
            Self::CoreIdentity => Scopes::NONE,
        }
    }

    /// The least level at which it is told.
    pub(crate) const fn least(self) -> IdentityLevel {
        match self {
            Self::NhsNumber
            | Self::FamilyName
            | Self::Surname
            | Self::Birthdate
            | Self::IdentityProofingLevel
            | Self::GivenName
            | Self::GpRegistrationDetails => IdentityLevel::P5,
            Self::GpIntegrationCredentials | Self::CoreIdentity => IdentityLevel::P9,
            Self::Email
            | Self::EmailVerified
            | Self::PhoneNumber
            | Self::PhoneNumberVerified
            | Self::PhoneNumberPdsMatched
            | Self::LandlineNumber
            | Self::LandlineNumberVerified
            | Self::ClientUserMetadata => IdentityLevel::P0,
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// A set of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ClaimSet(u32);

impl ClaimSet {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// Every one.
    pub(crate) const EVERY: Self = Self((1 << Claim::ALL.len()) - 1);

    /// The set and one more.
    #[must_use]
    pub(crate) const fn with(self, claim: Claim) -> Self {
        Self(self.0 | claim.bit())
    }

    /// The set without one.
    #[must_use]
    pub(crate) const fn without(self, claim: Claim) -> Self {
        Self(self.0 & !claim.bit())
    }

    /// What is in either.
    #[must_use]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether a claim is in it.
    pub(crate) const fn has(self, claim: Claim) -> bool {
        self.0 & claim.bit() != 0
    }

    /// The claims' names, as clients use them.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Claim::ALL.into_iter().filter(|claim| self.has(*claim)).map(Claim::as_str).collect()
    }

    /// Whether everything in it is in another set too.
    pub(crate) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What of it these scopes tell.
    #[must_use]
    pub(crate) fn told_by(self, scopes: Scopes) -> Self {
        let told = Claim::ALL.into_iter().filter(|claim| self.has(*claim) && claim.scopes().meets(scopes));
        told.fold(Self::NONE, Self::with)
    }

    /// What of it these scopes do not tell.
    #[must_use]
    pub(crate) fn not_told_by(self, scopes: Scopes) -> Self {
        Self(self.0 & !self.told_by(scopes).0)
    }

    /// As a record holds it.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// From a record; a bit that is not known means nothing.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits & Claim::ALL.into_iter().fold(0, |all, claim| all | claim.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_back() {
        let all = Claim::ALL.into_iter().fold(ClaimSet::NONE, ClaimSet::with);
        assert_eq!(all, ClaimSet::EVERY);
        assert_eq!(ClaimSet::from_bits(all.bits()), all);
        assert_eq!(ClaimSet::from_bits(u32::MAX), all);
        assert!(Claim::ALL.into_iter().all(|claim| Claim::named(claim.as_str()) == Some(claim) && all.has(claim)));
    }

    #[test]
    fn what_scopes_tell_is_told_apart_from_what_they_do_not() {
        let asked = [Claim::Email, Claim::NhsNumber, Claim::Birthdate].into_iter().fold(ClaimSet::NONE, ClaimSet::with);
        let basic = Scopes::requested("openid basic_demographics");
        assert_eq!(asked.told_by(basic), ClaimSet::NONE.with(Claim::Birthdate));
        assert_eq!(asked.not_told_by(basic), ClaimSet::NONE.with(Claim::Email).with(Claim::NhsNumber));
        assert!(asked.told_by(Scopes::requested("openid")).is_within(ClaimSet::NONE));
    }
}
