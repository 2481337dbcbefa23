//! Authenticator data (WebAuthn Level 3, section 6.1), parsed strictly: every byte is accounted for.

use crate::id::CREDENTIAL_ID_BYTES_MAX;
use crate::webauthn::public_key::{MalformedKey, PublicKey};
use minicbor::Decoder;
use minicbor::data::Type;

/// Longest authenticator data that is read: a credential ID of 1,023 bytes, a 4,096-bit RSA key, some extensions.
pub const AUTHENTICATOR_DATA_BYTES_MAX: usize = 4 * 1024;

const FIXED_BYTES: usize = 32 + 1 + 4;

/// The flags byte (section 6.1, "flags").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// UP: the person was present.
    pub const fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// UV: the authenticator verified the person.
    pub const fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// BE: the credential may be backed up (synchronised).
    pub const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// BS: the credential is backed up now.
    pub const fn backup_state(self) -> bool {
        self.0 & 0x10 != 0
    }

    const fn attested(self) -> bool {
        self.0 & 0x40 != 0
    }

    const fn extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// Why authenticator data was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAuthenticatorData {
    /// Too short, too long, or bytes left over.
    #[error("authenticatorData has the wrong length")]
    Length,
    /// The extension map is not a CBOR map with text keys.
    #[error("authenticatorData's extensions are malformed")]
    Extensions,
    /// The attested credential data cannot be read.
    #[error("authenticatorData's attested credential data are malformed")]
    Attested,
    /// The public key cannot be read or is of no kind that we take.
    #[error(transparent)]
    Key(#[from] MalformedKey),
}

/// A credential as the authenticator made it (section 6.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedCredential<'a> {
    /// The authenticator's model.
    pub aaguid: [u8; 16],
    /// The credential ID.
    pub credential_id: &'a [u8],
    /// The public key.
    pub public_key: PublicKey,
}

/// Parsed authenticator data. `raw` is what the signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// All bytes.
    pub raw: &'a [u8],
    /// SHA-256 of the RP ID that the authenticator was asked for.
    pub rp_id_hash: [u8; 32],
    /// The flags.
    pub flags: Flags,
    /// The signature counter; zero where the authenticator has none.
    pub sign_count: u32,
    /// The new credential; in registrations only.
    pub attested: Option<AttestedCredential<'a>>,
}

impl<'a> AuthenticatorData<'a> {
    /// Parses all of `raw`.
    ///
    /// # Errors
    /// [`MalformedAuthenticatorData`] if any byte is missing, left over or against the flags.
    pub fn parse(raw: &'a [u8]) -> Result<Self, MalformedAuthenticatorData> {
        use MalformedAuthenticatorData::Length;
        if raw.len() > AUTHENTICATOR_DATA_BYTES_MAX || raw.len() < FIXED_BYTES {
            return Err(Length);
        }
        let (rp_id_hash, rest) = raw.split_first_chunk::<32>().ok_or(Length)?;
        let (flags, rest) = rest.split_first().ok_or(Length)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(Length)?;
        let flags = Flags(*flags);
        let attested = if flags.attested() { Some(attested_credential(&mut rest)?) } else { None };
        if flags.extensions() {
            skip_extensions(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(Length);
        }
        Ok(Self { raw, rp_id_hash: *rp_id_hash, flags, sign_count: u32::from_be_bytes(*sign_count), attested })
    }
}

fn attested_credential<'a>(rest: &mut &'a [u8]) -> Result<AttestedCredential<'a>, MalformedAuthenticatorData> {
    use MalformedAuthenticatorData::Attested;
    let (aaguid, after) = rest.split_first_chunk::<16>().ok_or(Attested)?;
    let (len, after) = after.split_first_chunk::<2>().ok_or(Attested)?;
    let len = usize::from(u16::from_be_bytes(*len));
    if len == 0 || len > CREDENTIAL_ID_BYTES_MAX || len > after.len() {
        return Err(Attested);
    }
    let (credential_id, after) = after.split_at(len);
    let (public_key, used) = PublicKey::from_cose(after)?;
    *rest = after.get(used..).ok_or(Attested)?;
    Ok(AttestedCredential { aaguid: *aaguid, credential_id, public_key })
}

/// Steps over the extension map. Its contents decide nothing (section 7.2 step 23 allows to ignore them), but it must
/// be one well-formed map of definite length, so that nothing hides behind it.
fn skip_extensions(rest: &mut &[u8]) -> Result<(), MalformedAuthenticatorData> {
    use MalformedAuthenticatorData::Extensions;
    let mut cbor = Decoder::new(rest);
    let pairs = cbor.map().ok().flatten().ok_or(Extensions)?;
    for _ in 0..pairs {
        if cbor.datatype().ok() != Some(Type::String) {
            return Err(Extensions);
        }
        cbor.skip().and_then(|()| cbor.skip()).map_err(|_| Extensions)?;
    }
    *rest = rest.get(cbor.position()..).ok_or(Extensions)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(flags: u8, tail: &[u8]) -> Vec<u8> {
        let mut raw = vec![7; 32];
        raw.push(flags);
        raw.extend_from_slice(&[0, 0, 0, 9]);
        raw.extend_from_slice(tail);
        raw
    }

    #[test]
    fn the_fixed_part_is_read() {
        let raw = with(0x1d, &[]);
        let data = AuthenticatorData::parse(&raw).expect("data");
        assert_eq!((data.rp_id_hash, data.sign_count), ([7; 32], 9));
        let f = data.flags;
        assert!(f.user_present() && f.user_verified() && f.backup_eligible() && f.backup_state());
    }

    #[test]
    fn flags_and_content_must_agree() {
        use MalformedAuthenticatorData::*;
        assert_eq!(AuthenticatorData::parse(&with(1, &[0])), Err(Length));
        assert_eq!(AuthenticatorData::parse(&with(0x81, &[])), Err(Extensions));
        assert_eq!(AuthenticatorData::parse(&with(0x41, &[])), Err(Attested));
        assert_eq!(AuthenticatorData::parse(&with(1, &[])[..36]), Err(Length));
        assert_eq!(AuthenticatorData::parse(&[0; AUTHENTICATOR_DATA_BYTES_MAX + 1]), Err(Length));
    }

    #[test]
    fn an_extension_map_is_stepped_over_and_nothing_may_follow_it() {
        let map = [0xa1, 0x63, b'u', b'v', b'm', 0x81, 0x01];
        assert!(AuthenticatorData::parse(&with(0x81, &map)).is_ok());
        let mut longer = map.to_vec();
        longer.push(0);
        assert_eq!(AuthenticatorData::parse(&with(0x81, &longer)), Err(MalformedAuthenticatorData::Length));
        assert!(AuthenticatorData::parse(&with(0x81, &[0xbf, 0xff])).is_err(), "indefinite length");
        assert!(AuthenticatorData::parse(&with(0x81, &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255])).is_err());
        assert!(AuthenticatorData::parse(&with(0x81, &[0xa1, 0x01, 0x01])).is_err(), "a key that is no text");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = AuthenticatorData::parse(&raw);
        }
    }
}
