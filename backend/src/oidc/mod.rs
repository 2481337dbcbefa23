//! The OpenID provider: the protocol, without HTTP.
//!
//! A person's service sends them to [`authorize`]; once they have signed in and agreed, it gets a [`code`]; that becomes a
//! grant and tokens at the [`token`] endpoint; and with an access token it learns of the person what they allowed
//! ([`userinfo`], [`claims`]). Who may ask for what is the [`registry`]'s to say, by whose rules the [`profile`]'s.
//!
//! What is stored of all this is a consent for each person and client, and a row for each grant that a code has made.
//! Requests, codes and tokens are sealed, tagged or signed, and are held by whoever was given them.

pub(crate) mod authorize;
pub(crate) mod bound;
pub(crate) mod claim;
mod claims;
mod claims_request;
pub mod client;
pub mod client_assertion;
mod code;
mod core_identity;
mod discovery;
pub(crate) mod end_session;
mod grant_record;
mod hint;
mod introspection;
pub mod jws;
pub mod keys;
pub mod logout;
pub(crate) mod on_the_way;
pub(crate) mod parameters;
mod pkce;
mod profile;
mod refresh_token;
pub(crate) mod registration;
pub mod registry;
pub mod resource;
pub(crate) mod scope;
mod sealed;
pub(crate) mod services;
mod session_name;
mod subject;
pub(crate) mod token;
mod token_name;
pub(crate) mod trust;
pub(crate) mod userinfo;
mod vouched;

use crate::deliveries::Deliverer;
use crate::herald::Herald;
use crate::store::Store;
use aldgate_core::entropy::Entropy;
use aldgate_core::secret::{MasterKey, Purpose};
use aldgate_core::time::{Clock, Timestamp};
use aldgate_core::warm::Warm;
use keys::SigningKeys;
use logout::NoOutbound;
use logout::reach::Reach;
use refresh_token::RefreshTokens;
use registration::{InitialAccess, RegistrationTokens};
use registry::Registry;
use sealed::Seal;
use session_name::SessionNames;
use std::sync::Arc;
use std::time::Duration;
use subject::Subjects;
use token_name::TokenNames;

/// How long after a failure it is tried again to begin.
const PREPARE_AGAIN: Duration = Duration::from_secs(1);

/// The provider.
pub(crate) struct Provider {
    /// Its name: the origin at which people sign in.
    issuer: String,
    /// The host of that.
    host: String,
    registry: Registry,
    store: Store,
    warm: Arc<dyn Warm>,
    /// Whoever ends a grant or stops a client has it tell of that.
    herald: Arc<Herald>,
    entropy: Arc<dyn Entropy>,
    pub(crate) keys: Arc<SigningKeys>,
    requests: Seal,
    consents: Seal,
    codes: Seal,
    pushes: Seal,
    subjects: Subjects,
    names: TokenNames,
    refresh_tokens: RefreshTokens,
    sessions: SessionNames,
    invitations: InitialAccess,
    registrations: RegistrationTokens,
    deliverers: Vec<Arc<dyn Deliverer>>,
    mutual_tls: bool,
}

/// What a provider stands on.
pub(crate) struct Ground {
    /// Its name: the origin at which people sign in.
    pub(crate) issuer: String,
    /// The host of that.
    pub(crate) host: String,
    /// Its clients.
    pub(crate) registry: Registry,
    /// Where grants and people are.
    pub(crate) store: Store,
    /// Where sessions and single-use values are.
    pub(crate) warm: Arc<dyn Warm>,
    /// Who tells every gateway of what has ended.
    pub(crate) herald: Arc<Herald>,
    /// The keys that it signs with.
    pub(crate) keys: Arc<SigningKeys>,
    /// Whether clients are asked for certificates where TLS ends.
    pub(crate) mutual_tls: bool,
    /// Which networks clients may be called in.
    pub(crate) reach: Reach,
    /// Randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Provider {
    /// A provider under the deployment's key of keys.
    ///
    /// # Errors
    /// [`NoOutbound`].
    pub(crate) fn new(on: Ground, master: &Arc<MasterKey>) -> Result<Self, NoOutbound> {
        let seal = |purpose| Seal::new(master.clone(), on.entropy.clone(), purpose);
        let (subjects, sessions) = (Subjects::of(master), SessionNames::of(master));
        let telling = logout::Ground {
            registry: on.registry.clone(),
            subjects: subjects.clone(),
            names: sessions.clone(),
            keys: on.keys.clone(),
            entropy: on.entropy.clone(),
            issuer: on.issuer.clone(),
        };
        let deliverers = logout::deliverers(telling, on.store.clone(), on.warm.clone(), on.reach)?;
        Ok(Self {
            requests: seal(Purpose::AuthorizationRequest),
            consents: seal(Purpose::ConsentRequest),
            codes: seal(Purpose::AuthorizationCode),
            pushes: seal(Purpose::PushedRequest),
            subjects,
            names: TokenNames::of(master),
            refresh_tokens: RefreshTokens::of(master.clone()),
            sessions,
            invitations: InitialAccess::under(seal(Purpose::InitialAccess)),
            registrations: RegistrationTokens::of(master),
            deliverers,
            mutual_tls: on.mutual_tls,
            issuer: on.issuer,
            host: on.host,
            registry: on.registry,
            store: on.store,
            warm: on.warm,
            herald: on.herald,
            entropy: on.entropy,
            keys: on.keys,
        })
    }

    /// Who delivers what it has to say to clients.
    pub(crate) fn deliverers(&self) -> Vec<Arc<dyn Deliverer>> {
        self.deliverers.clone()
    }

    /// Its name.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Reads what a process must know before it answers anybody: which clients are out of use, above all. Without that
    /// it does not begin. The first time of all the signing keys are made here, which takes a moment.
    pub(crate) async fn prepare(&self, now: Timestamp) {
        while let Err(error) = self.registry.look(&self.store).await {
            tracing::error!(%error, "the clients cannot be read; nothing is answered before");
            tokio::time::sleep(PREPARE_AGAIN).await;
        }
        if let Err(error) = self.keys.look(now).await {
            tracing::warn!(%error, "signing keys are not known yet");
        }
    }

    /// Does what nobody asks for, as long as it is polled.
    pub(crate) async fn tend(&self, clock: &dyn Clock) {
        let registry = self.registry.run(&self.store);
        tokio::join!(self.keys.run(clock, &*self.warm), registry);
    }
}
