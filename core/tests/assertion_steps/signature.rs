//! Steps 20 and 21: the signature covers authenticator data and the hash of client data, and has one spelling
//! (section 6.5.5; RFC 3279, section 2.2.3; RFC 8032, section 5.1.7; RFC 8017, section 8.2.2).

use crate::answer::{Answer, outcome};
use crate::support::{CredentialKey, Passkey, sha256};
use aldgate_core::webauthn::assertion::AssertionRefused::{self, BadSignature};
use num_bigint::BigUint;

fn outcome_of_signature(sign: impl Fn(&Passkey, &[u8], &[u8]) -> Vec<u8> + 'static) -> Result<(), AssertionRefused> {
    outcome(|answer| answer.signature = Some(Box::new(sign)))
}

#[test]
fn a_signature_over_anything_else_is_refused() {
    let hash = |bytes: &[u8]| sha256(bytes).to_vec();
    assert_eq!(
        outcome_of_signature(move |p, a, c| p.key.sign(&[&hash(c)[..], a].concat())),
        Err(BadSignature),
        "order"
    );
    assert_eq!(outcome_of_signature(|p, a, c| p.key.sign(&[a, c].concat())), Err(BadSignature), "unhashed");
    assert_eq!(outcome_of_signature(|p, a, _| p.key.sign(a)), Err(BadSignature), "authenticatorData alone");
    assert_eq!(outcome_of_signature(move |p, _, c| p.key.sign(&hash(c))), Err(BadSignature), "client data alone");
    assert_eq!(outcome_of_signature(move |p, a, c| p.key.sign(&[hash(a), hash(c)].concat())), Err(BadSignature));
    assert_eq!(outcome_of_signature(|p, a, c| p.sign(a, &[c, b" "].concat())), Err(BadSignature));
    assert_eq!(outcome_of_signature(|p, a, c| p.sign(&[a, b"\0"].concat(), c)), Err(BadSignature));
    assert_eq!(
        outcome_of_signature(|_, a, c| CredentialKey::es256(&[9; 32]).sign(&[a, &sha256(c)].concat())),
        Err(BadSignature)
    );
}

/// The order of the group of P-256 (SEC 2, section 2.4.2).
fn order() -> BigUint {
    let digits = b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    BigUint::parse_bytes(digits, 16).expect("digits")
}

fn scalars(signature: &[u8]) -> (BigUint, BigUint) {
    let signature = p256::ecdsa::Signature::from_der(signature).expect("DER");
    let (r, s) = signature.split_bytes();
    (BigUint::from_bytes_be(&r), BigUint::from_bytes_be(&s))
}

/// A DER INTEGER with the shortest content.
fn integer(value: &BigUint) -> Vec<u8> {
    let mut content = value.to_bytes_be();
    if content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    [&[0x02, u8::try_from(content.len()).expect("short")], &content[..]].concat()
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, u8::try_from(content.len()).expect("short")], content].concat()
}

fn der(r: &BigUint, s: &BigUint) -> Vec<u8> {
    sequence(&[integer(r), integer(s)].concat())
}

#[test]
fn the_helper_spells_der_as_the_authenticator_does() {
    assert_eq!(
        outcome_of_signature(|p, a, c| {
            let right = p.sign(a, c);
            let (r, s) = scalars(&right);
            assert_eq!(der(&r, &s), right);
            right
        }),
        Ok(())
    );
}

#[test]
fn a_signature_in_raw_form_is_refused() {
    assert_eq!(
        outcome_of_signature(|p, a, c| {
            let raw = p256::ecdsa::Signature::from_der(&p.sign(a, c)).expect("DER").to_bytes().to_vec();
            assert_eq!(raw.len(), 64);
            raw
        }),
        Err(BadSignature)
    );
}

#[test]
fn a_signature_with_a_byte_more_or_less_is_refused() {
    assert_eq!(outcome_of_signature(|p, a, c| [&p.sign(a, c)[..], &[0]].concat()), Err(BadSignature));
    assert_eq!(outcome_of_signature(|p, a, c| [&[0], &p.sign(a, c)[..]].concat()), Err(BadSignature));
    assert_eq!(outcome_of_signature(|p, a, c| p.sign(a, c)[1..].to_vec()), Err(BadSignature));
    assert_eq!(outcome_of_signature(|p, a, c| p.sign(a, c).split_last().expect("bytes").1.to_vec()), Err(BadSignature));
    assert_eq!(outcome_of_signature(|_, _, _| vec![]), Err(BadSignature));
    assert_eq!(outcome_of_signature(|_, _, _| vec![0x30; 1024]), Err(BadSignature));
    assert_eq!(outcome_of_signature(|_, _, _| vec![0x00; 1024]), Err(BadSignature));
    assert_eq!(outcome_of_signature(|_, _, _| vec![0xff; 1024]), Err(BadSignature));
}

#[test]
fn a_signature_in_another_spelling_of_ber_is_refused() {
    let spelled = |spell: fn(BigUint, BigUint) -> Vec<u8>| {
        outcome_of_signature(move |p, a, c| {
            let (r, s) = scalars(&p.sign(a, c));
            spell(r, s)
        })
    };
    // The length in two bytes, the length left open, an INTEGER with an idle zero, other tags, something after s.
    assert_eq!(
        spelled(|r, s| {
            let content = [integer(&r), integer(&s)].concat();
            [&[0x30, 0x81, u8::try_from(content.len()).expect("short")], &content[..]].concat()
        }),
        Err(BadSignature)
    );
    assert_eq!(spelled(|r, s| [&[0x30, 0x80], &integer(&r)[..], &integer(&s), &[0, 0]].concat()), Err(BadSignature));
    assert_eq!(
        spelled(|r, s| {
            let mut idle = integer(&r);
            idle[1] += 1;
            idle.insert(2, 0);
            sequence(&[idle, integer(&s)].concat())
        }),
        Err(BadSignature)
    );
    assert_eq!(spelled(|r, s| [&[0x31], &der(&r, &s)[1..]].concat()), Err(BadSignature));
    assert_eq!(
        spelled(|r, s| {
            let mut tagged = der(&r, &s);
            tagged[2] = 0x04;
            tagged
        }),
        Err(BadSignature)
    );
    assert_eq!(spelled(|r, s| sequence(&[integer(&r), integer(&s), vec![0x05, 0x00]].concat())), Err(BadSignature));
    assert_eq!(spelled(|r, _| sequence(&integer(&r))), Err(BadSignature));
    assert_eq!(spelled(|r, s| der(&s, &r)), Err(BadSignature), "exchanged");
}

#[test]
fn a_signature_with_a_scalar_out_of_range_is_refused() {
    let with = |change: fn(BigUint, BigUint) -> (BigUint, BigUint)| {
        outcome_of_signature(move |p, a, c| {
            let (r, s) = scalars(&p.sign(a, c));
            let (r, s) = change(r, s);
            der(&r, &s)
        })
    };
    assert_eq!(with(|_, s| (BigUint::ZERO, s)), Err(BadSignature), "r = 0");
    assert_eq!(with(|r, _| (r, BigUint::ZERO)), Err(BadSignature), "s = 0");
    assert_eq!(with(|_, _| (BigUint::ZERO, BigUint::ZERO)), Err(BadSignature));
    assert_eq!(with(|_, s| (order(), s)), Err(BadSignature), "r = n");
    assert_eq!(with(|r, _| (r, order())), Err(BadSignature), "s = n");
    assert_eq!(with(|_, _| (order(), order())), Err(BadSignature));
    assert_eq!(with(|r, s| (r + order(), s)), Err(BadSignature), "r + n");
    assert_eq!(with(|r, s| (r, s + order())), Err(BadSignature), "s + n");
    assert_eq!(with(|r, _| (r, BigUint::from(1_u8))), Err(BadSignature));
    assert_eq!(with(|_, _| (BigUint::from(1_u8), BigUint::from(1_u8))), Err(BadSignature));
    assert_eq!(
        outcome_of_signature(|p, a, c| {
            // An INTEGER that lacks its leading zero, and so is negative.
            let (_, s) = scalars(&p.sign(a, c));
            let high = (order() - BigUint::from(1_u8)).to_bytes_be();
            sequence(&[&[0x02, 32], &high[..], &integer(&s)].concat())
        }),
        Err(BadSignature)
    );
}

#[test]
fn the_mirror_of_a_signature_proves_the_same_and_no_more() {
    // (r, n - s) is as good an ECDSA signature as (r, s), and anyone can make it. WebAuthn does not refuse it; what is
    // used once is the challenge, never the signature.
    assert_eq!(
        outcome_of_signature(|p, a, c| {
            let (r, s) = scalars(&p.sign(a, c));
            der(&r, &(order() - s))
        }),
        Ok(())
    );
}

#[test]
fn signatures_of_the_other_algorithms_are_exact_too() {
    type Spoil = fn(&[u8]) -> Vec<u8>;
    let spoils: [Spoil; 7] = [
        |_| vec![],
        |right| [right, &[0]].concat(),
        |right| [&[0], right].concat(),
        |right| right[..right.len() - 1].to_vec(),
        |right| right[1..].to_vec(),
        |right| vec![0; right.len()],
        |_| vec![0xff; 1024],
    ];
    let keys: [fn() -> CredentialKey; 4] = [
        || CredentialKey::es256(&[3; 32]),
        || CredentialKey::es384(&[3; 48]),
        || CredentialKey::eddsa(&[3; 32]),
        CredentialKey::rs256,
    ];
    for key in keys {
        let mut answer = Answer::with(key());
        assert!(answer.verify().is_ok());
        for spoil in spoils {
            answer.signature = Some(Box::new(move |passkey, a, c| spoil(&passkey.sign(a, c))));
            assert_eq!(answer.verify(), Err(BadSignature), "algorithm {}", answer.record.public_key.algorithm());
        }
        // A right signature of another kind of key.
        for other in keys {
            let other = other();
            if other.cose() != key().cose() {
                answer.signature = Some(Box::new(move |_, a, c| other.sign(&[a, &sha256(c)].concat())));
                assert_eq!(answer.verify(), Err(BadSignature));
            }
        }
    }
}

#[test]
fn an_ed25519_scalar_beyond_the_group_order_is_refused() {
    // RFC 8032, section 5.1.7: S must be below L = 2^252 + 27742317777372353535851937790883648493.
    let l = (BigUint::from(1_u8) << 252_u32)
        + BigUint::parse_bytes(b"27742317777372353535851937790883648493", 10).expect("digits");
    let mut answer = Answer::with(CredentialKey::eddsa(&[3; 32]));
    answer.signature = Some(Box::new(move |passkey, a, c| {
        let right = passkey.sign(a, c);
        let mut s = (BigUint::from_bytes_le(&right[32..]) + &l).to_bytes_le();
        s.resize(32, 0);
        [&right[..32], &s].concat()
    }));
    assert_eq!(answer.verify(), Err(BadSignature));
}

#[test]
fn an_rsa_signature_beyond_the_modulus_is_refused() {
    let mut answer = Answer::with(CredentialKey::rs256_mersenne());
    answer.signature = Some(Box::new(|passkey, a, c| {
        let right = passkey.sign(a, c);
        // The modulus stands in the COSE key behind its head of 11 bytes.
        let n = BigUint::from_bytes_be(&passkey.key.cose()[11..11 + right.len()]);
        let beyond = (BigUint::from_bytes_be(&right) + n).to_bytes_be();
        assert_eq!(beyond.len(), right.len());
        beyond
    }));
    assert_eq!(answer.verify(), Err(BadSignature));
}
