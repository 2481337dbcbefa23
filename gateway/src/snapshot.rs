//! What requests are judged and forwarded by: the routes, the token keys, the upstreams, the certificates and the issuers
//! of access tokens, as they stand at one moment. It is swapped whole, when the keys of session tokens rotate or another
//! configuration is taken over, and in one place, so that neither undoes the other.
//!
//! Whatever else is made of the configuration and can change with it belongs here: made in [`generation`] before
//! anything is swapped, and read by requests from the generation that they began with.

use crate::config::Config;
use crate::files::Files;
use crate::hsts;
use crate::state::{BACKEND_INDEX, EdgeState};
use crate::tls::Tls;
use crate::token::{CannotTakeTokens, Tokens};
use crate::upstream::{BadUpstream, Upstreams};
use aldgate_core::decide::Snapshot;
use aldgate_core::policy::platform;
use aldgate_core::policy::route::{DoubledRoute, Route, RouteTable, Service, Target};
use aldgate_core::secret::MasterKey;
use aldgate_core::session::token::TagKeys;
use aldgate_core::time::Timestamp;
use arc_swap::{ArcSwap, Guard};
use http::HeaderValue;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked whether the keys have to rotate; shorter than the time that the next key is accepted early.
const LOOK: Duration = Duration::from_secs(60);

/// Why a configuration cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotServe {
    /// Two routes for one path, which the configuration's check has refused before.
    #[error(transparent)]
    Route(#[from] DoubledRoute),
    /// An upstream's address does not work; the check has refused that too.
    #[error(transparent)]
    Upstream(#[from] BadUpstream),
    /// The issuers of access tokens could not be asked.
    #[error("token_issuer: {0}")]
    Tokens(#[from] CannotTakeTokens),
    /// The TLS listener would be left without a certificate.
    #[error("edge.certificate: is missing: a certificate for development is made when the program starts")]
    NoCertificate,
    /// The process has seen so many names of services that it cannot tell another apart from all of them.
    #[error("this process has known too many services by now: start it again")]
    TooManyServices,
}

/// All that one request is judged and forwarded by.
pub struct Generation {
    snapshot: Snapshot,
    /// Where requests go.
    pub upstreams: Arc<Upstreams>,
    /// What the TLS listener serves with, if there is one.
    pub tls: Option<Arc<Tls>>,
    /// Whose access tokens are taken, and what they say.
    pub tokens: Arc<Tokens>,
    /// What browsers are told about coming over TLS only, if they are.
    pub hsts: Option<HeaderValue>,
    /// By what the files that it was made of are known.
    pub files: [u8; 32],
}

impl Deref for Generation {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// The generation that serves, and the one place where it is replaced.
pub struct Generations {
    current: ArcSwap<Generation>,
    /// Held while a generation is made of the one before it, so that no change is lost between the two.
    numbers: Mutex<ServiceNumbers>,
}

impl Generations {
    /// The first one; `nobody` is what its token issuers are added to.
    ///
    /// # Errors
    /// [`CannotServe`].
    pub fn first(
        config: &Config,
        files: Files,
        nobody: &Tokens,
        master: &MasterKey,
        now: Timestamp,
    ) -> Result<Self, CannotServe> {
        let mut numbers = ServiceNumbers::default();
        let first = generation(config, files, nobody, master, now, &mut numbers)?;
        Ok(Self { current: ArcSwap::from_pointee(first), numbers: Mutex::new(numbers) })
    }

    /// The one that serves now.
    pub fn load(&self) -> Guard<Arc<Generation>> {
        self.current.load()
    }

    /// The one that serves now, to be kept by a request until its end.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Serves another configuration, with the files that it names, from now on; requests that have begun keep what they
    /// began with.
    ///
    /// # Errors
    /// [`CannotServe`]: then nothing has changed.
    pub fn replace(
        &self,
        config: &Config,
        files: Files,
        master: &MasterKey,
        now: Timestamp,
    ) -> Result<(), CannotServe> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        if files.tls.is_none() && before.tls.is_some() {
            return Err(CannotServe::NoCertificate);
        }
        self.current.store(Arc::new(generation(config, files, &before.tokens, master, now, &mut numbers)?));
        Ok(())
    }

    /// Changes the keys of session tokens, if their period has ended. True if it had.
    pub fn rotate(&self, master: &MasterKey, now: Timestamp) -> bool {
        let _alone = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        if now < current.tag_keys.until() {
            return false;
        }
        let snapshot = Snapshot { routes: current.routes.clone(), tag_keys: TagKeys::at(master, now) };
        let (upstreams, tls, tokens) = (current.upstreams.clone(), current.tls.clone(), current.tokens.clone());
        self.current.store(Arc::new(Generation {
            snapshot,
            upstreams,
            tls,
            tokens,
            hsts: current.hsts.clone(),
            files: current.files,
        }));
        true
    }
}

/// Rotates the keys of session tokens when their period ends; runs for ever.
pub async fn rotate_keys(state: Arc<EdgeState>) {
    loop {
        if state.snapshot.rotate(&state.master, state.clock.now()) {
            tracing::info!("the keys of session tokens have rotated");
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn generation(
    config: &Config,
    files: Files,
    before: &Tokens,
    master: &MasterKey,
    now: Timestamp,
    numbers: &mut ServiceNumbers,
) -> Result<Generation, CannotServe> {
    let routes = routes(config);
    let services = numbers.number(config.services.iter().chain(routes.iter().filter_map(service_of)))?;
    let routes = routes.into_iter().map(|route| to_numbered(route, &services)).collect();
    let snapshot = Snapshot { routes: RouteTable::new(routes)?, tag_keys: TagKeys::at(master, now) };
    let upstreams = Arc::new(Upstreams::new(&config.backend_socket(), services.values().map(|service| &**service))?);
    let digest = files.digest();
    let tokens = Arc::new(before.taking(files.token_issuers, now)?);
    Ok(Generation {
        snapshot,
        upstreams,
        tls: files.tls.map(Arc::new),
        tokens,
        hsts: hsts::value(config.edge.hsts),
        files: digest,
    })
}

/// The platform's routes, and the configured ones.
fn routes(config: &Config) -> Vec<Route> {
    let mut routes = platform::routes(&config.login_host);
    routes.extend(platform::routes_on_service_hosts(&config.login_host, &config.routes));
    routes.extend(config.routes.iter().cloned());
    routes
}

/// Where a route leads, if that is a service.
const fn service_of(route: &Route) -> Option<&Arc<Service>> {
    match &route.target {
        Target::Service(service) => Some(service),
        Target::Edge(_) | Target::Backend => None,
    }
}

/// The route, to the numbered service of the same name.
fn to_numbered(route: Route, services: &HashMap<String, Arc<Service>>) -> Route {
    match service_of(&route).and_then(|service| services.get(&service.name)) {
        Some(numbered) => Route { target: Target::Service(numbered.clone()), ..route },
        None => route,
    }
}

/// The numbers of all services that this process has ever known.
///
/// A session's cached assertions are kept by the service's number. Were numbers given by place in the file, then after
/// a reload one service could be sent an assertion that was made for another: a number belongs to a name for as long as
/// the process lives.
#[derive(Default)]
struct ServiceNumbers(HashMap<String, u16>);

impl ServiceNumbers {
    /// The services with their numbers, by name. All or none get new ones, so that refused configurations use none up.
    fn number<'a>(
        &mut self,
        services: impl Iterator<Item = &'a Arc<Service>>,
    ) -> Result<HashMap<String, Arc<Service>>, CannotServe> {
        let mut added = HashMap::new();
        let mut numbered = HashMap::new();
        for service in services {
            if numbered.contains_key(&service.name) {
                continue;
            }
            let next = u16::try_from(self.0.len() + added.len()).ok().filter(|next| *next < BACKEND_INDEX);
            let known = self.0.get(&service.name).copied();
            let index = known.or(next).ok_or(CannotServe::TooManyServices)?;
            if known.is_none() {
                added.insert(service.name.clone(), index);
            }
            numbered.insert(service.name.clone(), Arc::new(Service { index, ..(**service).clone() }));
        }
        self.0.extend(added);
        Ok(numbered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use aldgate_core::testing::world;
    use aldgate_core::warm::memory::MemoryWarm;

    impl Generations {
        /// Of a configuration that names no files.
        pub(crate) fn of(config: &Config) -> Self {
            let (master, metrics) = (world::master_key(), Arc::new(Metrics::new().expect("metrics")));
            let warm = Arc::new(MemoryWarm::default());
            let nobody = Tokens::of_nobody(&config.issuer, Arc::default(), &master, warm, metrics);
            Self::first(config, Files::default(), &nobody, &master, world::NOW).expect("a generation")
        }
    }

    fn services(names: &[&str]) -> Vec<Arc<Service>> {
        let service = |name: &&str| Service { name: (*name).into(), index: 0, upstream: None, aliases: Vec::new() };
        names.iter().map(|name| Arc::new(service(name))).collect()
    }

    fn numbers(numbers: &mut ServiceNumbers, names: &[&str]) -> Vec<u16> {
        let numbered = numbers.number(services(names).iter()).expect("numbers");
        names.iter().map(|name| numbered[*name].index).collect()
    }

    #[test]
    fn a_number_belongs_to_a_name_for_ever() {
        let mut known = ServiceNumbers::default();
        assert_eq!(numbers(&mut known, &["a", "b"]), [0, 1]);
        assert_eq!(numbers(&mut known, &["b", "c", "a"]), [1, 2, 0]);
        assert_eq!(numbers(&mut known, &["d"]), [3], "not the number of one that is gone");
        assert_eq!(numbers(&mut known, &["a"]), [0], "and one that comes back has its own");
    }

    #[test]
    fn numbers_run_out_before_they_reach_the_backends() {
        let mut known = ServiceNumbers::default();
        let names: Vec<_> = (0..BACKEND_INDEX).map(|n| format!("s{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(numbers(&mut known, &names).last(), Some(&(BACKEND_INDEX - 1)));
        assert_eq!(known.number(services(&["one-more"]).iter()), Err(CannotServe::TooManyServices));
        assert_eq!(numbers(&mut known, &["s7"]), [7], "those that are known are served on");
    }
}
