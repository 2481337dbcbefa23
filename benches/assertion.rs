//! A passkey assertion: parse and verify, beside ring's raw P-256 verification of the same bytes.
//!
//! Run with `cargo bench -p aldgate-benches --bench assertion`.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has no result")]

use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::{SeededEntropy, world};
use aldgate_core::webauthn::assertion;
use aldgate_core::webauthn::challenge::{Ceremony, ChallengeKey};
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::json::AuthenticationResponse;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const ORIGIN: &str = "http://localhost:8080";
const BINDING: &[u8] = b"a browser";

fn benches(c: &mut Criterion) {
    let rp = world::relying_party();
    let key = ChallengeKey::of(&world::master_key());
    let authenticator = Authenticator::derived(1, 1);
    let record = authenticator.record();
    let sealed = key.seal(Ceremony::Authentication, BINDING, world::NOW, &SeededEntropy::new(1)).expect("a challenge");
    let options = aldgate_core::webauthn::json::request_options(&rp, &sealed);
    let challenge = options.split('"').nth(3).expect("a challenge");
    let body = authenticator.login_body(&rp.id, ORIGIN, challenge);

    c.bench_function("assertion/whole: JSON, challenge, steps, signature", |b| {
        b.iter(|| {
            let response = AuthenticationResponse::parse(black_box(body.as_bytes())).expect("a response");
            let response = response.as_assertion();
            let data = ClientData::parse(response.client_data).expect("client data");
            let presented = data.challenge_bytes().expect("a challenge");
            let opened = key.open(&presented, Ceremony::Authentication, BINDING, world::NOW).expect("ours");
            assertion::verify(&rp, &opened, &response, &record).expect("verified")
        });
    });

    let response = AuthenticationResponse::parse(body.as_bytes()).expect("a response");
    let response = response.as_assertion();
    let hash = ring::digest::digest(&ring::digest::SHA256, response.client_data);
    let message = [response.authenticator_data, hash.as_ref()].concat();
    c.bench_function("floor/ring's P-256 verification alone", |b| {
        b.iter(|| record.public_key.verify(black_box(&message), response.signature).expect("verified"));
    });
}

criterion_group!(assertion_benches, benches);
criterion_main!(assertion_benches);
