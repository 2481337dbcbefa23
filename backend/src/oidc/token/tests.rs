//! What fails of ours at the token endpoint costs a client nothing.

use super::*;
use crate::fault::Fault;
use crate::model::{Grant, GrantId};
use crate::oidc::claim::ClaimSet;
use crate::oidc::client_assertion::ASSERTION_TYPE;
use crate::oidc::grant_record::GrantRecord;
use crate::oidc::refresh_token::RefreshToken;
use crate::oidc::registration::tests::provider;
use crate::oidc::scope::Scopes;
use crate::oidc::trust;
use crate::store::Redemption;
use crate::store::tests::{Home, with_password};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::SessionId;
use aldgate_core::testing::token_issuer::Signer;
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::memory::MemoryWarm;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const CLIENT: &str = "configured";

/// What the client sends for a refresh token.
fn refreshing(token: &str) -> Parameters {
    let now = NOW.as_secs();
    let aud = "https://login.example/token";
    let claims = json!({"iss": CLIENT, "sub": CLIENT, "aud": aud, "iat": now, "exp": now + 60, "jti": "one"});
    let header = json!({"alg": "RS512", "kid": "key"});
    let assertion = Signer::new("RS512", "key").sign(header.to_string(), claims.to_string());
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ];
    let pairs = pairs.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    Parameters::read(pairs).expect("parameters")
}

#[tokio::test]
async fn what_cannot_be_signed_leaves_a_refresh_token_as_it_was() {
    let home = Home::new().await;
    let provider = provider(home.store.clone(), Arc::new(MemoryWarm::default()), 1); // It has no keys so far.
    let (account, scopes) = (with_password(1), Scopes::requested("openid email"));
    let _ = home.store.create_account(&account).await.expect("written");
    let allowed = Consent { scopes: scopes.bits(), claims: 0, level: IdentityLevel::P0, at: NOW };
    home.store.give_consent(&account.id, CLIENT, allowed).await.expect("written");
    let record = GrantRecord {
        session: SessionId::from_bytes([1; 16]),
        scopes,
        claims: ClaimSet::NONE,
        vector: trust::parse("P0.Cp").expect("a vector"),
        authenticated: NOW,
        resources: Vec::new(),
    };
    let grant = Grant {
        id: GrantId::from_bytes([2; 16]),
        account: account.id,
        session: None,
        client: CLIENT.into(),
        record: record.encode(),
        generation: 0,
        created: NOW,
        expires: NOW.plus(Duration::from_hours(1)),
        revoked: false,
    };
    assert_eq!(home.store.redeem(&grant, None).await, Ok(Redemption::Redeemed));
    let token = provider.refresh_tokens.write(RefreshToken { grant: grant.id, generation: 0 }, NOW);
    let failed = provider.exchange(&refreshing(&token), Holding::default(), NOW).await;
    assert!(matches!(failed, Err(NotDone::Failed(Fault::NotSigned(_)))), "{failed:?}");
    assert_eq!(home.store.grant(&grant.id).await, Ok(Some(grant)), "whoever tries again is no thief");
}
