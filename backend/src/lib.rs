//! Aldgate's identity backend: registration, passwords, the account pages and the store behind them.
//!
//! It answers on a Unix socket to the gate alone and never faces the internet. Who a request is for, the gate says in
//! a signed assertion (see [`AUDIENCE`]); nothing else about a request is believed.
//!
//! Layers, downward only: `http` › {`journey`, `oidc`} › {`passkey`, `password`, `one_time_code`} › `account` ›
//! `notifier` › `store` › `model`. The methods never import one another: a journey combines them. Only `http/problem` knows status
//! codes. `warm` is the shared tier on the same store, for a deployment of one machine. Where the tier is another,
//! `herald` tells it what is revoked, `settler` writes down the log-ins that it has settled, and `cold` is asked for
//! what it lacks.

mod account;
mod authenticator_app;
pub mod cold;
pub mod deliveries;
mod fault;
mod herald;
mod http;
mod journey;
mod link_token;
pub mod model;
mod moment;
mod notifier;
pub mod oidc;
mod one_time_code;
mod outbound;
mod passkey;
mod password;
mod recovery_code;
mod settler;
pub mod store;
pub mod warm;
mod words;

pub use notifier::{BadCarrier, Carrier, Channel, GovUkNotify, Message, Smtp, SmtpSecurity, Webhook};
pub use passkey::metadata::{BadMetadata, Metadata};
pub use password::{ALONE_CHARS_MIN, ARGON2ID, Breached, CHARS_MIN, NoFilter, PasswordCost};

use account::{Accounts, Letters};
use aldgate_core::entropy::Entropy;
use aldgate_core::secret::MasterKey;
use aldgate_core::seldom::Seldom;
use aldgate_core::session::opened_here::OpenedHere;
use aldgate_core::session::record::Lifetimes;
use aldgate_core::time::Clock;
use aldgate_core::token::identity_assertion::Verifier;
use aldgate_core::warm::Warm;
use aldgate_core::warm::login_event::LoginEvents;
use aldgate_core::webauthn::relying_party::RelyingParty;
use deliveries::Deliveries;
use fault::Fault;
use herald::Herald;
use http::Front;
use journey::Journeys;
use journey::known_device::KnownDevices;
use journey::sealed::Sealer;
use link_token::LinkTokens;
use model::telephone::Countries;
use notifier::{Carriers, FileOutbox, Links, Notices, Notifier, Post};
use oidc::keys::{Rules as KeyRules, SigningKeys};
use oidc::logout::NoOutbound;
use oidc::logout::reach::Reach;
use oidc::registry::Registry;
use oidc::{Ground, Provider};
use one_time_code::OneTimeCodes;
use passkey::Registration;
use password::{Passwords, Rules};
use recovery_code::RecoveryCodes;
use settler::Settler;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};

/// The `aud` of the identity assertions that the gate sends to this backend.
pub use aldgate_core::policy::platform::BACKEND_AUDIENCE as AUDIENCE;

/// How often expired values are deleted.
const SWEEP: Duration = Duration::from_secs(60);

/// What a deployment decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// For whom passkeys are made.
    pub relying_party: RelyingParty,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// The `Origin` values from which a form may be posted, each as a browser writes it.
    pub origins: Vec<String>,
    /// The gate's origin, as it stands in the `iss` of its assertions.
    pub issuer: String,
    /// The host of the log-in pages, in lower case: session cookies are for it.
    pub login_host: String,
    /// The gate's key set (RFC 7517).
    pub key_set: String,
    /// The folder that takes messages which nobody else carries.
    pub outbox: PathBuf,
    /// Who carries mail.
    pub email: Carrier,
    /// Who carries text messages.
    pub text: Carrier,
    /// Who makes calls.
    pub voice: Carrier,
    /// Countries whose telephones are written to and called.
    pub countries: Countries,
    /// Threads that hash passwords: each takes 19 MiB and a core while it works.
    pub argon2_threads: usize,
    /// The clients of the OpenID provider.
    pub clients: Registry,
    /// Whether clients are asked for certificates where TLS ends (RFC 8705).
    pub mutual_tls: bool,
    /// When its signing keys change.
    pub signing_keys: KeyRules,
    /// Which networks, besides the public ones, its clients may be called in.
    pub reach: Reach,
    /// Shortest password of an account that asks for nothing else, in characters; never less than 8.
    pub password_alone_chars_min: usize,
    /// Passwords that were breached.
    pub breached: Arc<Breached>,
    /// What is known of models of authenticators, if there is a list.
    pub models: Option<Arc<Metadata>>,
}

/// Whoever listens to the messages that are sent.
pub type OnMessage = Arc<dyn Fn(&Message) + Send + Sync>;

/// Why a backend cannot be made of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// No origin may post a form.
    #[error("no origin is configured")]
    NoOrigin,
    /// The relying party's ID and origins do not fit each other.
    #[error("the relying party's ID and origins do not fit each other")]
    RelyingParty,
    /// The gate's key set cannot be read.
    #[error("the gate's key set cannot be read")]
    KeySet,
    /// The folder for messages cannot be made.
    #[error("the outbox cannot be opened: {0}")]
    Outbox(#[source] std::io::Error),
    /// Clients cannot be called.
    #[error(transparent)]
    Outbound(#[from] NoOutbound),
    /// Messages cannot be carried as configured.
    #[error(transparent)]
    Carrier(#[from] BadCarrier),
    /// The source of randomness failed.
    #[error("the source of randomness failed")]
    Entropy,
}

/// The identity backend.
#[derive(Clone)]
pub struct Backend {
    front: Arc<Front>,
    store: Store,
    herald: Arc<Herald>,
    deliveries: Arc<Deliveries>,
}

impl Backend {
    /// Puts the backend together. `warm` is the tier that the gates share; `on_message` hears what is sent.
    ///
    /// # Errors
    /// [`BadConfig`].
    pub fn new(
        config: Config,
        store: Store,
        warm: Arc<dyn Warm>,
        master: Arc<MasterKey>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        on_message: Option<OnMessage>,
    ) -> Result<Self, BadConfig> {
        if config.origins.is_empty() {
            return Err(BadConfig::NoOrigin);
        }
        let verifier = Verifier::new(&config.key_set, &config.issuer, AUDIENCE).map_err(|_| BadConfig::KeySet)?;
        let outbox = FileOutbox::open(config.outbox, Arc::clone(&entropy)).map_err(BadConfig::Outbox)?;
        let outbox: Arc<dyn Notifier> = Arc::new(outbox);
        let carriers = Carriers::new(config.email, config.text, config.voice, &outbox)?;
        let post = Arc::new(Post::new(carriers, Links::new(config.issuer.clone()), on_message));
        let links = Arc::new(LinkTokens::of(&master));
        let registration = Registration::new(config.relying_party, config.models, &master, Arc::clone(&entropy));
        let herald = Arc::new(Herald::new(store.clone(), Arc::clone(&warm)));
        let passwords = Passwords::new(config.argon2_threads, Arc::clone(&entropy));
        let randomness = Arc::clone(&entropy);
        let signing_keys = SigningKeys::new(store.clone(), &master, Arc::clone(&entropy), config.signing_keys);
        let ground = Ground {
            issuer: config.issuer,
            host: config.login_host.clone(),
            registry: config.clients,
            reach: config.reach,
            store: store.clone(),
            warm: Arc::clone(&warm),
            herald: Arc::clone(&herald),
            keys: Arc::new(signing_keys),
            mutual_tls: config.mutual_tls,
            entropy: Arc::clone(&entropy),
        };
        let provider = Provider::new(ground, &master).map_err(BadConfig::Outbound)?;
        let journeys = Journeys {
            accounts: Accounts::new(
                store.clone(),
                Arc::clone(&warm),
                Arc::clone(&herald),
                Letters { links: Arc::clone(&links), entropy: Arc::clone(&entropy) },
            ),
            store: store.clone(),
            warm,
            post: Arc::clone(&post),
            codes: OneTimeCodes::of(&master),
            password_rules: Rules::new(config.password_alone_chars_min, config.breached),
            passwords: passwords.map_err(|_| BadConfig::Entropy)?,
            registration: registration.map_err(|_| BadConfig::RelyingParty)?,
            sealer: Sealer::new(Arc::clone(&master), Arc::clone(&entropy)),
            known_devices: KnownDevices::of(&master),
            opened_here: OpenedHere::of(&master),
            links: Arc::clone(&links),
            recovery_codes: RecoveryCodes::of(&master),
            master,
            entropy,
            lifetimes: config.lifetimes,
            countries: config.countries,
            login_host: config.login_host,
        };
        let mut deliverers = provider.deliverers();
        deliverers.extend(Notices::all(&post, &links));
        let deliveries = Deliveries::new(store.clone(), deliverers, Arc::clone(&clock), randomness);
        let front = Arc::new(Front {
            journeys,
            provider: Arc::new(provider),
            verifier,
            origins: config.origins,
            clock,
            refusals_told: Seldom::default(),
        });
        Ok(Self { front, store, herald, deliveries: Arc::new(deliveries) })
    }

    /// Does what nobody asks for, as long as it is polled: asks whether the database is there, deletes what has expired, tells the shared tier what it has
    /// missed, makes signing keys in time, tells owners of accounts of new browsers, delivers what is due (messages,
    /// log-outs to clients), and settles `log_ins`, where that tier keeps any.
    pub async fn tend(&self, log_ins: Option<Arc<dyn LoginEvents>>) {
        let settling = async {
            if let Some(log_ins) = log_ins {
                Settler { store: self.store.clone(), log_ins }.run().await;
            }
        };
        let clock = &*self.front.clock;
        tokio::join!(
            self.store.watch_database(),
            self.store.run_sweeper(clock, SWEEP),
            self.herald.run(),
            self.deliveries.run(),
            self.front.provider.tend(clock),
            self.front.journeys.tell_of_new_browsers(clock),
            settling,
        );
    }

    /// Tells owners of accounts of new browsers, and delivers what is due now, once; [`Backend::tend`] does so as long as it
    /// is polled.
    ///
    /// # Errors
    /// [`StoreError`]. What was taken is tried again later.
    pub async fn deliver(&self) -> Result<usize, StoreError> {
        let told = self.front.journeys.tell_of_those_there_are(self.front.clock.now()).await;
        let told = told.map_err(|fault| match fault {
            Fault::Store(error) => error,
            _ => StoreError::Busy,
        })?;
        Ok(told + self.deliveries.deliver_due().await?)
    }

    /// Answers administrators on a socket of their own until `shutdown` is done. Whoever can open it may do everything
    /// with clients, and disable accounts.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve_admin(
        &self,
        listener: tokio::net::UnixListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let router = http::admin_router(Arc::clone(&self.front));
        axum::serve(listener, router.into_make_service()).with_graceful_shutdown(shutdown).await
    }

    /// Makes ready what must be known before anybody is answered. To be awaited before [`Backend::serve`] and its socket:
    /// whoever finds one that nobody answers on takes the backend for dead.
    pub async fn prepare(&self) {
        self.front.provider.prepare(self.front.clock.now()).await;
    }

    /// The routes, for whoever serves them.
    pub fn router(&self) -> axum::Router {
        http::router(Arc::clone(&self.front))
    }

    /// Answers on a socket until `shutdown` is done, and then until the requests that were begun are answered.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(
        &self,
        listener: tokio::net::UnixListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router().into_make_service()).with_graceful_shutdown(shutdown).await
    }
}
