//! Header aliases: the names by which services that were written for another gateway learn who a request is for.
//!
//! A service that moves behind this gate keeps reading the names that it knows; what they carry is what the gate knows:
//! the account's ID where the other gateway put a user, the gate's own signed assertion where it put a JWT. E-mail
//! addresses, display names and groups are not known at the edge and are never given: a service that needs them asks
//! for them elsewhere. A service that verifies the JWT must be told this gate's issuer, its own name as the audience,
//! and the gate's key set.
//!
//! Whether or not a service has an alias, its names are the gate's alone: see
//! [`crate::identity_header::is_ours`].

use std::str::FromStr;

/// A gateway whose header names a service knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alias {
    /// oauth2-proxy, as a proxy (`X-Forwarded-User`) and as an authoriser (`X-Auth-Request-User`).
    Oauth2Proxy,
    /// Authelia, and what else speaks `Remote-User`.
    Authelia,
    /// Pomerium.
    Pomerium,
    /// Cloudflare Access.
    CloudflareAccess,
    /// The OIDC authentication of AWS' application load balancer.
    Alb,
}

/// What a header of an alias carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// The signed identity assertion.
    Assertion,
    /// The account's ID.
    Subject,
}

impl Fact {
    /// The place of its value among those of [`crate::identity_header::IDENTITY`].
    pub const fn place(self) -> usize {
        match self {
            Self::Assertion => 0,
            Self::Subject => 1,
        }
    }
}

/// No alias of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"oauth2-proxy\", \"authelia\", \"pomerium\", \"cloudflare-access\" or \"alb\"")]
pub struct UnknownAlias;

impl Alias {
    /// Every alias.
    pub const ALL: [Self; 5] = [Self::Oauth2Proxy, Self::Authelia, Self::Pomerium, Self::CloudflareAccess, Self::Alb];

    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oauth2Proxy => "oauth2-proxy",
            Self::Authelia => "authelia",
            Self::Pomerium => "pomerium",
            Self::CloudflareAccess => "cloudflare-access",
            Self::Alb => "alb",
        }
    }

    /// The headers that it sets, in lower case, and what they carry.
    pub const fn headers(self) -> &'static [(&'static str, Fact)] {
        match self {
            Self::Oauth2Proxy => &[
                ("x-forwarded-user", Fact::Subject),
                ("x-forwarded-preferred-username", Fact::Subject),
                ("x-auth-request-user", Fact::Subject),
                ("x-auth-request-preferred-username", Fact::Subject),
            ],
            Self::Authelia => &[("remote-user", Fact::Subject)],
            Self::Pomerium => &[
                ("x-pomerium-jwt-assertion", Fact::Assertion),
                ("x-pomerium-claim-sub", Fact::Subject),
                ("x-pomerium-claim-user", Fact::Subject),
            ],
            Self::CloudflareAccess => &[("cf-access-jwt-assertion", Fact::Assertion)],
            Self::Alb => &[("x-amzn-oidc-data", Fact::Assertion), ("x-amzn-oidc-identity", Fact::Subject)],
        }
    }

    /// What those gateways say of a person and this one does not know. Nobody sets these; a client that sent them would
    /// be believed.
    pub const NOT_GIVEN: [&'static str; 11] = [
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-access-token",
        "x-auth-request-email",
        "x-auth-request-groups",
        "x-auth-request-access-token",
        "remote-name",
        "remote-groups",
        "remote-email",
        "cf-access-authenticated-user-email",
        "x-amzn-oidc-accesstoken",
    ];
}

impl FromStr for Alias {
    type Err = UnknownAlias;

    fn from_str(name: &str) -> Result<Self, UnknownAlias> {
        Self::ALL.into_iter().find(|alias| alias.as_str() == name).ok_or(UnknownAlias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_header::{IDENTITY, is_ours};

    #[test]
    fn every_header_of_an_alias_is_struck_from_what_clients_send_in_every_spelling() {
        let set = Alias::ALL.iter().flat_map(|alias| alias.headers()).map(|(name, _)| *name);
        for name in set.chain(Alias::NOT_GIVEN) {
            for spelled in [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replacen('-', ".", 1)] {
                assert!(is_ours(spelled.as_bytes()), "{spelled}");
            }
        }
    }

    #[test]
    fn facts_stand_where_their_values_do() {
        assert_eq!(IDENTITY.get(Fact::Assertion.place()), Some(&crate::identity_header::ASSERTION));
        assert_eq!(IDENTITY.get(Fact::Subject.place()), Some(&crate::identity_header::SUBJECT));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for alias in Alias::ALL {
            assert_eq!(alias.as_str().parse(), Ok(alias));
        }
        assert_eq!("Authelia".parse::<Alias>(), Err(UnknownAlias));
    }
}
