//! The backend as a part of this process: its pages on one socket, its facts for gateways elsewhere on another.

use super::place::Place;
use super::tier::Tier;
use super::{CannotStart, breached, clients, database, keys, messages, models, oidc_keys};
use aldgate_backend::cold::StoreCold;
use aldgate_backend::model::telephone::Countries;
use aldgate_backend::oidc::logout::reach::Reach;
use aldgate_backend::oidc::registry::Registry;
use aldgate_backend::store::{DataKeys, Store};
use aldgate_backend::{Backend, OnMessage};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::{Clock, Timestamp};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_gateway::assemble::Shared;
use aldgate_gateway::clock::{SystemClock, SystemEntropy};
use aldgate_gateway::config::fault::Fault;
use aldgate_gateway::config::{Config, Warm};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long it may take to end.
pub(crate) const END: Duration = Duration::from_secs(2);

/// A backend that runs.
pub(crate) struct ColdTier {
    store: Store,
    stop: watch::Sender<bool>,
}

/// What a backend of this process stands on.
pub(crate) struct Ground {
    /// Its store.
    pub(crate) store: Store,
    /// Where the data keys lie.
    pub(crate) data_keys: Arc<dyn DataKeys>,
    /// The warm tier that the configuration puts beside it.
    pub(crate) tier: Tier,
    /// What all parts share.
    pub(crate) shared: Shared,
}

impl Ground {
    /// Opens it, on the runtime that it shall live on; also gives the key of identity assertions.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) async fn open(config: &Config) -> Result<(Self, SigningKey), CannotStart> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let keys = keys::of_deployment(&config.keys, &*entropy)?;
        let master = Arc::new(keys.master);
        let store = database::open(config, &master, entropy.clone()).await?;
        let data_keys = keys::data_keys(config)?;
        store.look_at_keys(&*data_keys, clock.now()).await.map_err(|error| CannotStart(error.to_string()))?;
        let tier = match &config.warm {
            Warm::Embedded => Tier::embedded(store.clone()),
            Warm::Redis(redis) => {
                let cold = Arc::new(StoreCold::new(store.clone()));
                Tier::redis(redis, &master, clock.clone(), cold).await?
            }
        };
        let shared = Shared { master, clock, entropy, warm: tier.warm.clone() };
        Ok((Self { store, data_keys, tier, shared }, keys.signing))
    }
}

impl ColdTier {
    /// Starts it on the runtime that this is called on. `on_message` hears what is sent to people.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) async fn start(
        config: &Config,
        key_set: String,
        ground: Ground,
        place: &mut Place,
        on_message: Option<OnMessage>,
    ) -> Result<Self, CannotStart> {
        let Ground { store, data_keys, tier, shared } = ground;
        let clock = shared.clock.clone();
        let told = |faults: Vec<Fault>| {
            let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
            CannotStart(lines.join("\naldgate: "))
        };
        let (clients, reach) = (clients::registry(config).map_err(told)?, clients::reach(config).map_err(told)?);
        let countries = messages::countries(config).map_err(told)?;
        let backend = Backend::new(
            backend_config(config, key_set, clients, reach, countries, shared.clock.now())?,
            store.clone(),
            shared.warm,
            shared.master,
            shared.clock,
            shared.entropy,
            on_message,
        );
        let backend = backend.map_err(|error| CannotStart(error.to_string()))?;
        let (stop, stopped) = watch::channel(false);
        let until = move || {
            let mut stopped = stopped.clone();
            async move { drop(stopped.wait_for(|stop| *stop).await) }
        };
        backend.prepare().await;
        let pages = place.listen(&config.backend_socket())?;
        let (tended, administered, log_ins) = (backend.clone(), backend.clone(), tier.log_ins());
        let stop_pages = until();
        serve("the backend", async move { backend.serve(pages, stop_pages).await });
        let administrators = place.listen(&config.admin_socket())?;
        let stop_admin = until();
        serve("the administrators' socket", async move { administered.serve_admin(administrators, stop_admin).await });
        if config.warm != Warm::Embedded {
            let facts = place.listen(&config.cold_socket())?;
            let cold = StoreCold::new(store.clone());
            serve("the socket for gateways", cold.serve(facts, until()));
        }
        tokio::spawn(async move { tended.tend(log_ins).await });
        let sealed = store.clone();
        tokio::spawn(async move { sealed.run_resealer(&*data_keys, &*clock).await });
        Ok(Self { store, stop })
    }

    /// Ends it: what was begun is answered, what was acknowledged is on the disk.
    pub(crate) async fn end(self) {
        let _ = self.stop.send(true); // Gone already: then there is nothing to stop.
        if tokio::time::timeout(END, self.store.close()).await.is_err() {
            tracing::warn!("the store did not close in time; nothing that was acknowledged is lost");
        }
    }
}

fn serve(what: &'static str, serving: impl Future<Output = io::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "{what} has ended");
        }
    });
}

fn backend_config(
    config: &Config,
    key_set: String,
    clients: Registry,
    reach: Reach,
    countries: Countries,
    now: Timestamp,
) -> Result<aldgate_backend::Config, CannotStart> {
    Ok(aldgate_backend::Config {
        relying_party: config.relying_party.clone(),
        lifetimes: config.lifetimes,
        origins: config.relying_party.origins.clone(),
        issuer: config.issuer.clone(),
        login_host: config.login_host.clone(),
        key_set,
        outbox: config.data.join("outbox"),
        argon2_threads: config.password.threads,
        password_alone_chars_min: config.password.alone_length,
        breached: breached::read(config.password.breached.as_deref())?,
        models: models::read(config.models.as_ref(), now)?,
        email: messages::carrier(&config.messages.email)?,
        text: messages::carrier(&config.messages.text)?,
        voice: messages::carrier(&config.messages.voice)?,
        countries,
        clients,
        signing_keys: oidc_keys::rules(config),
        mutual_tls: config.edge.client_authorities.is_some(),
        reach,
    })
}
