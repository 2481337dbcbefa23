//! How a client signs its requests (RFC 9101, section 10.5; RFC 7591's metadata of OpenID Connect Dynamic Client
//! Registration, section 2).

use crate::oidc::profile::Profile;
use jsonwebtoken::Algorithm;

/// What is registered of a client's request objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestObjects {
    algorithms: Vec<Algorithm>,
    required: bool,
}

/// The name of no algorithm that a client of its profile may sign by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", names(.0))]
pub(crate) struct NotAllowed(Vec<Algorithm>);

impl RequestObjects {
    /// What is registered. No profile has `none` or a symmetric algorithm, so that no client can name one.
    ///
    /// # Errors
    /// [`NotAllowed`].
    pub(super) fn read(named: Option<&str>, required: bool, profile: Profile) -> Result<Self, NotAllowed> {
        let allowed = profile.rules().client_signing;
        let algorithms = match named {
            None => allowed.to_vec(),
            Some(name) => {
                let found = name.parse::<Algorithm>().ok().filter(|named| allowed.contains(named));
                vec![found.ok_or_else(|| NotAllowed(allowed.to_vec()))?]
            }
        };
        Ok(Self { algorithms, required })
    }

    /// By which algorithms they may be signed.
    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Whether each of its requests must be signed.
    pub(crate) const fn are_required(&self) -> bool {
        self.required
    }
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_names_an_algorithm_of_its_profile_or_means_all() {
        let read = |named, profile| RequestObjects::read(named, false, profile).map(|objects| objects.algorithms);
        assert_eq!(read(None, Profile::Nhs), Ok(vec![Algorithm::RS512]));
        assert_eq!(read(Some("PS256"), Profile::Fapi2), Ok(vec![Algorithm::PS256]));
        for (named, profile) in [
            ("none", Profile::Nhs),
            ("HS256", Profile::Nhs),
            ("HS512", Profile::CrossGovernment),
            ("RS256", Profile::Fapi2),
            ("RS256", Profile::Nhs),
            ("rs512", Profile::Nhs),
            ("", Profile::Nhs),
        ] {
            assert!(read(Some(named), profile).is_err(), "{named}");
        }
        let told = read(Some("none"), Profile::Fapi2).expect_err("refused").to_string();
        assert_eq!(told, "must be one of ES256, PS256, EdDSA");
    }
}
