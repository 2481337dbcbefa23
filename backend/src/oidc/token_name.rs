//! The names (`jti`) of the tokens that we sign: the grant that they come from, under a keyed tag.
//!
//! So a token leads to its grant without a table of tokens; and a name tells of which kind its token is, so that an ID
//! token is never taken for an access token, whatever else it says.
//!
//! A request that is good for one code names the grant of that code, too: whatever is lost of what was used up, it makes one
//! grant.

use crate::model::GrantId;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::SingleUse;
use aldgate_core::secret::{MasterKey, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq as _;

const GRANT_BYTES: usize = 16;
const UNIQUE_BYTES: usize = 8; // Tokens of one grant differ: a refresh every minute for a month makes 43,200.
const TAG_BYTES: usize = 16;
const NAME_BYTES: usize = GRANT_BYTES + UNIQUE_BYTES + TAG_BYTES;

/// Which kind of token a name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// An ID token.
    Id,
    /// An access token.
    Access,
}

impl Named {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Id => b"id",
            Self::Access => b"access",
        }
    }
}

/// Who makes and reads names.
pub(crate) struct TokenNames(hmac::Key);

impl TokenNames {
    /// The deployment's.
    pub(crate) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::TokenName, 0).expose()))
    }

    /// A new name for a token of a grant.
    pub(crate) fn name(&self, kind: Named, grant: &GrantId, entropy: &dyn Entropy) -> Result<String, EntropyFailed> {
        let unique: [u8; UNIQUE_BYTES] = entropy.bytes()?;
        let tag = self.tag(kind, grant.as_bytes(), &unique);
        Ok(URL_SAFE_NO_PAD.encode([&grant.as_bytes()[..], &unique, &tag].concat()))
    }

    /// The grant of whatever code is made of a request that is good for one.
    pub(crate) fn grant_of_request(&self, used: &SingleUse) -> GrantId {
        let mut context = hmac::Context::with_key(&self.0);
        [b"request\0".as_slice(), used.as_bytes()].iter().for_each(|part| context.update(part));
        let mut grant = [0; GRANT_BYTES];
        grant.copy_from_slice(&context.sign().as_ref()[..GRANT_BYTES]);
        GrantId::from_bytes(grant)
    }

    /// The grant of a token of this kind; nothing for a name that was not made here.
    pub(crate) fn grant(&self, kind: Named, name: &str) -> Option<GrantId> {
        let mut bytes = [0; NAME_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(name, &mut bytes) {
            Ok(NAME_BYTES) => {}
            _ => return None,
        }
        let (grant, rest) = bytes.split_first_chunk::<GRANT_BYTES>()?;
        let (unique, tag) = rest.split_first_chunk::<UNIQUE_BYTES>()?;
        let ours = bool::from(self.tag(kind, grant, unique).ct_eq(tag));
        ours.then(|| GrantId::from_bytes(*grant))
    }

    fn tag(&self, kind: Named, grant: &[u8; GRANT_BYTES], unique: &[u8; UNIQUE_BYTES]) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        [kind.label(), b"\0", grant, unique].iter().for_each(|part| context.update(part));
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::profile::Profile;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::token_issuer::{Signer, claims_with};
    use aldgate_core::testing::world::{NOW, master_key};
    use aldgate_core::token::access_token::UnverifiedToken;
    use aldgate_core::token::family;

    #[test]
    fn a_gateway_finds_the_grant_in_a_name_and_remembers_its_end_for_as_long_as_its_tokens_live() {
        let (names, entropy) = (TokenNames::of(&master_key()), SeededEntropy::new(1));
        let grant = GrantId::from_bytes([7; 16]);
        let name = names.name(Named::Access, &grant, &entropy).expect("a name");
        let token = Signer::new("ES256", "k").token(&claims_with(NOW, "jti", name.as_str().into()));
        let families = UnverifiedToken::parse(&token).expect("a token").families();
        assert_eq!(families[..2], [Some(family::of_name(&name)), Some(family::of_grant(grant.as_bytes()))]);
        for profile in [Profile::Nhs, Profile::CrossGovernment, Profile::Fapi2] {
            assert!(profile.rules().access_token <= family::LIFE_MAX, "{profile:?}");
        }
    }

    #[test]
    fn a_request_names_one_grant_that_nobody_else_can_name() {
        let (names, used) = (TokenNames::of(&master_key()), |text: &str| SingleUse::of(text.as_bytes()));
        assert_eq!(names.grant_of_request(&used("a")), names.grant_of_request(&used("a")));
        assert_ne!(names.grant_of_request(&used("a")), names.grant_of_request(&used("b")));
        let elsewhere = TokenNames::of(&MasterKey::new([1; 32]));
        assert_ne!(names.grant_of_request(&used("a")), elsewhere.grant_of_request(&used("a")));
    }

    #[test]
    fn a_name_leads_to_its_grant_for_its_own_kind_of_token() {
        let (names, entropy) = (TokenNames::of(&master_key()), SeededEntropy::new(1));
        let grant = GrantId::from_bytes([7; 16]);
        let name = names.name(Named::Id, &grant, &entropy).expect("a name");
        assert_ne!(name, names.name(Named::Id, &grant, &entropy).expect("a name"));
        assert_eq!(names.grant(Named::Id, &name), Some(grant));
        assert_eq!(names.grant(Named::Access, &name), None);
        for at in 0..name.len() {
            let other = if &name[at..=at] == "A" { "B" } else { "A" };
            assert_eq!(names.grant(Named::Id, &[&name[..at], other, &name[at + 1..]].concat()), None, "{at}");
            assert_eq!(names.grant(Named::Id, &name[..at]), None, "cut at {at}");
        }
        assert_eq!(TokenNames::of(&MasterKey::new([1; 32])).grant(Named::Id, &name), None);
    }
}
