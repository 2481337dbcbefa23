//! By what access tokens are ended before their time, beside their own text. Those of the deployment's own provider have in
//! common the grant that they are of, and their client with the minute in which they were given. Each of these has a digest as
//! a token has one, and is revoked in the same way; so has a token's name, and so has the part of any issuer's token that is
//! signed: by either it is ended alone, however its signature is written (of every ECDSA signature anybody can make a
//! second one). They are digests of no token: none holds a NUL.
//!
//! A client's minute and not the client alone: what a client is given that was stopped and is in use again is good.

use super::claims::Claims;
use crate::id::TokenDigest;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// The longest that an access token of the provider's lives, whoever it is for.
pub const LIFE_MAX: Duration = Duration::from_mins(5);

/// For how much longer an end is remembered: whoever gives tokens, whoever ends them and whoever judges them may have
/// clocks that differ.
const REMEMBERED_LONGER: Duration = Duration::from_mins(1);

/// For how long another process may still give tokens to a client that was stopped: it looks each second.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of the name (`jti`) of a token that is of a grant.
const NAME_BYTES: usize = 40;

/// Bytes of a grant's own name, with which that of its tokens begins.
pub const GRANT_BYTES: usize = 16;

const MINUTE: u64 = 60;

/// By what a token may be ended beside its own digest: its name, its grant, its client, its signed part.
pub type Families = [Option<TokenDigest>; 4];

/// The digest of a token's name.
pub fn of_name(name: &str) -> TokenDigest {
    named("name", name.as_bytes())
}

/// The digest of the part of a token that is signed, with the dot in it.
pub fn of_signed(part: &str) -> TokenDigest {
    named("signed", part.as_bytes())
}

/// The digest of all tokens of a grant.
pub fn of_grant(grant: &[u8; GRANT_BYTES]) -> TokenDigest {
    named("grant", grant)
}

/// The digest of all tokens that a client was given in the minute of `at`.
fn of_client(client: &str, at: Timestamp) -> TokenDigest {
    of_minute(client, at.as_secs() / MINUTE)
}

fn of_minute(client: &str, minute: u64) -> TokenDigest {
    named("client", &[&minute.to_be_bytes()[..], client.as_bytes()].concat())
}

/// The digests of all tokens that a client may have which is stopped `at` this moment.
pub fn all_of_client(client: &str, at: Timestamp) -> impl Iterator<Item = TokenDigest> {
    let first = at.as_secs().saturating_sub(LIFE_MAX.as_secs()) / MINUTE;
    let last = at.plus(STOPPED_WITHIN).as_secs() / MINUTE;
    (first..=last).map(move |minute| of_minute(client, minute))
}

/// Until when it is remembered that something ended `at` this moment: no token of before is good after that.
pub fn remembered_until(at: Timestamp) -> Timestamp {
    at.plus(LIFE_MAX).plus(REMEMBERED_LONGER)
}

fn named(kind: &str, what: &[u8]) -> TokenDigest {
    TokenDigest::of(&[b"\0", kind.as_bytes(), b"\0", what].concat())
}

/// What a token of the provider's says of the first three.
pub(super) fn of(claims: &Claims) -> [Option<TokenDigest>; 3] {
    let name = claims.text("jti").ok().flatten();
    let client = claims.text("client_id").ok().flatten().zip(claims.date("iat").ok().flatten());
    [
        name.map(of_name),
        name.and_then(grant_in).map(|grant| of_grant(&grant)),
        client.map(|(client, given)| of_client(client, given)),
    ]
}

/// The grant in the name of a token that is of one.
fn grant_in(name: &str) -> Option<[u8; GRANT_BYTES]> {
    let mut bytes = [0; NAME_BYTES];
    match URL_SAFE_NO_PAD.decode_slice(name, &mut bytes) {
        Ok(NAME_BYTES) => bytes.first_chunk().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn said(name: &str, client: &str, given: u64) -> [Option<TokenDigest>; 3] {
        let json = format!(r#"{{"jti":"{name}","client_id":"{client}","iat":{given}}}"#);
        of(&Claims::read(json.as_bytes()).expect("claims"))
    }

    #[test]
    fn a_token_has_its_grant_and_its_clients_minute_in_common_with_others() {
        let name = |unique: u8| URL_SAFE_NO_PAD.encode([&[7; GRANT_BYTES][..], &[unique; 24]].concat());
        let [one, grant, client] = said(&name(1), "app", AT.as_secs());
        assert_eq!(grant, Some(of_grant(&[7; GRANT_BYTES])));
        assert_eq!(said(&name(2), "app", AT.as_secs() + 59)[1..], [grant, client]);
        assert_ne!(said(&name(2), "app", AT.as_secs())[0], one);
        assert_ne!(said(&name(1), "app", AT.as_secs() + 60)[2], client);
        assert_ne!(said(&name(1), "other", AT.as_secs())[2], client);
        let of_a_client = said(&URL_SAFE_NO_PAD.encode([7; 16]), "app", AT.as_secs());
        assert_eq!((of_a_client[1], of_a_client[2]), (None, client), "it is of no grant");
        assert_eq!(of(&Claims::read(b"{}").expect("claims")), [None; 3]);
    }

    #[test]
    fn a_client_that_is_stopped_loses_what_it_has_and_not_what_it_gets_later() {
        let ends = |given: Timestamp| all_of_client("app", AT).any(|ended| ended == of_client("app", given));
        let before = |secs: u64| Timestamp::from_secs(AT.as_secs() - secs);
        assert!(ends(AT) && ends(before(1)) && ends(before(LIFE_MAX.as_secs())));
        assert!(ends(AT.plus(STOPPED_WITHIN)), "another process has not heard of it");
        assert!(!ends(AT.plus(Duration::from_mins(2))));
        assert!(all_of_client("app", AT).count() <= 7);
        assert!(!all_of_client("other", AT).any(|ended| ended == of_client("app", AT)));
    }
}
