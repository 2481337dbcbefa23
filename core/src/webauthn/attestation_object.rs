//! The attestation object (WebAuthn Level 3, section 6.5.4): the outer map of a registration, parsed strictly.
//!
//! It is one CBOR map of definite length with `fmt`, `attStmt` and `authData`, each once, and nothing behind it. What
//! the statement says is not judged here: Aldgate asks for no attestation, and whoever verifies one reads the same
//! bytes again.

use crate::webauthn::authenticator_data::AUTHENTICATOR_DATA_BYTES_MAX;
use minicbor::Decoder;

/// Longest attestation object that is read: authenticator data, and a statement with a chain of certificates.
pub const ATTESTATION_OBJECT_BYTES_MAX: usize = AUTHENTICATOR_DATA_BYTES_MAX + 12 * 1024;

/// The format of a statement that says nothing (section 8.7).
pub const NONE: &str = "none";

const EMPTY_MAP: &[u8] = &[0xa0];

/// Not an attestation object: too long, not such a map, a member missing, doubled, alien or of the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attestation object is malformed")]
pub struct MalformedAttestationObject;

/// A parsed attestation object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttestationObject<'a> {
    /// `fmt`: the format of the statement.
    pub format: &'a str,
    /// `attStmt`, its CBOR as received.
    pub statement: &'a [u8],
    /// `authData`.
    pub authenticator_data: &'a [u8],
}

impl<'a> AttestationObject<'a> {
    /// Parses all of `bytes`.
    ///
    /// # Errors
    /// [`MalformedAttestationObject`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedAttestationObject> {
        let mut cbor = Decoder::new(bytes);
        let three = cbor.map().ok().flatten() == Some(3);
        if bytes.len() > ATTESTATION_OBJECT_BYTES_MAX || !three {
            return Err(MalformedAttestationObject);
        }
        let (mut format, mut statement, mut authenticator_data) = (None, None, None);
        for _ in 0..3 {
            let doubled = match cbor.str().map_err(|_| MalformedAttestationObject)? {
                "fmt" => format.replace(cbor.str().map_err(|_| MalformedAttestationObject)?).is_some(),
                "attStmt" => statement.replace(map(&mut cbor, bytes)?).is_some(),
                "authData" => {
                    authenticator_data.replace(cbor.bytes().map_err(|_| MalformedAttestationObject)?).is_some()
                }
                _ => true,
            };
            if doubled {
                return Err(MalformedAttestationObject);
            }
        }
        let ((format, statement), authenticator_data) =
            format.zip(statement).zip(authenticator_data).ok_or(MalformedAttestationObject)?;
        if cbor.position() == bytes.len() {
            Ok(Self { format, statement, authenticator_data })
        } else {
            Err(MalformedAttestationObject)
        }
    }

    /// Whether there is no statement (section 8.7): the format is `none` and the map is empty.
    pub fn is_none(&self) -> bool {
        self.format == NONE && self.statement == EMPTY_MAP
    }
}

/// Steps over a map of definite length; gives its bytes.
fn map<'a>(cbor: &mut Decoder<'a>, bytes: &'a [u8]) -> Result<&'a [u8], MalformedAttestationObject> {
    let from = cbor.position();
    let mut ahead = Decoder::new(bytes.get(from..).ok_or(MalformedAttestationObject)?);
    ahead.map().ok().flatten().ok_or(MalformedAttestationObject)?;
    cbor.skip().map_err(|_| MalformedAttestationObject)?;
    bytes.get(from..cbor.position()).ok_or(MalformedAttestationObject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &[u8] = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x43abc";

    #[test]
    fn the_three_members_are_read() {
        let object = AttestationObject::parse(GOOD).expect("object");
        assert_eq!((object.format, object.authenticator_data, object.is_none()), ("none", &b"abc"[..], true));
    }

    #[test]
    fn a_statement_is_kept_as_it_came() {
        let packed = b"\xa3\x63fmt\x66packed\x67attStmt\xa1\x63alg\x26\x68authData\x43abc";
        let object = AttestationObject::parse(packed).expect("object");
        assert_eq!((object.statement, object.is_none()), (&b"\xa1\x63alg\x26"[..], false));
    }

    #[test]
    fn anything_else_is_refused() {
        let more = [GOOD, b"\x00"].concat();
        for bytes in [
            &more[..],
            &GOOD[..GOOD.len() - 1],
            b"\xa3\x63fmt\x64none\x63fmt\x64none\x68authData\x43abc",
            b"\xa3\x63fmt\x64none\x67attStmt\x00\x68authData\x43abc",
            b"\xa3\x63fmt\x64none\x67attStmt\xbf\xff\x68authData\x43abc",
            b"\xa3\x63fmt\x64none\x67another\xa0\x68authData\x43abc",
            b"\xa2\x63fmt\x64none\x67attStmt\xa0",
            b"\xbf\x63fmt\x64none\x67attStmt\xa0\x68authData\x43abc\xff",
            b"",
        ] {
            assert_eq!(AttestationObject::parse(bytes), Err(MalformedAttestationObject), "{bytes:?}");
        }
        assert!(AttestationObject::parse(&[0xa3; ATTESTATION_OBJECT_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = AttestationObject::parse(&bytes);
        }

        #[test]
        fn no_damage_to_a_good_one_makes_it_panic(at in 0..GOOD.len(), byte: u8) {
            let mut bytes = GOOD.to_vec();
            bytes[at] = byte;
            let _ = AttestationObject::parse(&bytes);
        }
    }
}
