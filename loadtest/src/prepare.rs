//! What stands ready before the first window: passkeys, open sessions, and one request of each persona that proves
//! that the plan can work at all.

use crate::client::{Connection, Failure, Target};
use crate::persona::name::PersonaName;
use crate::persona::passkey_login::{PasskeyLogin, log_in};
use crate::persona::password_login::PasswordLogin;
use crate::persona::proxied::Proxied;
use crate::persona::returning_session::ReturningSession;
use crate::persona::wrong_password::WrongPassword;
use crate::persona::{Persona, Sessions};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::trouble::Trouble;
use crate::wallet::Wallet;
use aldgate_core::session::cookie;
use hyper::Uri;
use hyper::header::HeaderValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Log-ins at a time while sessions are opened: enough to keep a core busy, and no storm.
const OPENING_AT_ONCE: usize = 8;

/// From which number on first sign-ins have their addresses.
const FIRST_SIGN_INS: u64 = 0x00f0_0000;

/// Longest that one request may take outside of a window.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the personas need.
pub(crate) struct Prepared {
    wallet: Option<Arc<Wallet>>,
    sessions: Option<Sessions>,
    with_password: Option<Arc<Persona>>,
}

impl Prepared {
    /// Derives passkeys and opens sessions by log-ins at `target`, as far as the plan needs them.
    ///
    /// # Errors
    /// [`Trouble`], if a log-in is refused.
    pub(crate) async fn new(plan: &Plan, target: &Arc<Target>, progress: &mut Progress) -> Result<Self, Trouble> {
        let wants = |wish: fn(PersonaName) -> bool| plan.persona.iter().any(|part| wish(part.persona));
        let logs_in = wants(|persona| persona == PersonaName::PasskeyLogin);
        let with_password = if wants(|persona| persona == PersonaName::PasswordLogin) {
            Some(Arc::new(Persona::Password(known_browsers(plan, target, progress).await?)))
        } else {
            None
        };
        let sessions = if wants(PersonaName::needs_sessions) { plan.sessions } else { 0 };
        let passkeys = sessions.max(if logs_in { plan.authenticators } else { 0 });
        if passkeys == 0 {
            return Ok(Self { wallet: None, sessions: None, with_password });
        }
        let wallet = Arc::new(Wallet::derive(plan.seed, plan.accounts, passkeys, progress));
        first_log_in(plan, target, &wallet).await?;
        let sessions = open_sessions(plan, target, &wallet, sessions, progress).await?;
        Ok(Self { wallet: Some(wallet), sessions, with_password })
    }

    /// How many passkeys take part.
    pub(crate) fn passkeys(&self) -> usize {
        self.wallet.as_ref().map_or(0, |wallet| wallet.len())
    }

    /// How many sessions were opened.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.as_ref().map_or(0, |sessions| sessions.0.len())
    }

    /// The persona of a name; it acts once, to prove that it can.
    ///
    /// # Errors
    /// [`Trouble`], if it cannot.
    pub(crate) async fn persona(
        &self,
        name: PersonaName,
        plan: &Plan,
        target: &Arc<Target>,
    ) -> Result<Arc<Persona>, Trouble> {
        if let (PersonaName::PasswordLogin, Some(persona)) = (name, &self.with_password) {
            return Ok(Arc::clone(persona));
        }
        let sessions = || self.sessions.clone().unwrap_or_else(|| Sessions(Arc::from([])));
        let persona = match (name, &self.wallet) {
            (PersonaName::ReturningSession, _) => {
                let path = path(&plan.session_path)?;
                Persona::Returning(ReturningSession { path, sessions: sessions(), status: 200 })
            }
            (PersonaName::ForgedSession, _) => {
                let path = path(&plan.session_path)?;
                Persona::Returning(ReturningSession { path, sessions: sessions().forged(), status: 401 })
            }
            (PersonaName::ProxiedSession, _) => {
                Persona::Proxied(Proxied { path: path(&plan.proxied_path)?, sessions: Some(sessions()) })
            }
            (PersonaName::WrongPassword, _) => Persona::WrongPassword(WrongPassword { seed: plan.seed }),
            (PersonaName::PasskeyLogin, Some(wallet)) => Persona::Login(PasskeyLogin { wallet: wallet.clone() }),
            (PersonaName::ProxiedPublic, _) | (PersonaName::PasskeyLogin | PersonaName::PasswordLogin, _) => {
                Persona::Proxied(Proxied { path: path(&plan.public_path)?, sessions: None })
            }
        };
        let mut connection = Connection::new(target.clone());
        let acted = patient(persona.act(&mut connection, 0)).await;
        acted.map_err(|failure| cannot_act(name, plan, failure))?;
        Ok(Arc::new(persona))
    }
}

fn path(text: &str) -> Result<Uri, Trouble> {
    let uri = text.parse::<Uri>().ok().filter(|uri| uri.authority().is_none() && text.starts_with('/'));
    uri.ok_or_else(|| Trouble::new(format!("'{text}' is not a path"), "give one that begins with a slash"))
}

async fn patient<T>(acting: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, acting).await.unwrap_or(Err(Failure::Timeout))
}

fn told(failure: Failure) -> String {
    match failure {
        Failure::Status(status) => format!("status {status}"),
        failure => failure.kind().to_owned(),
    }
}

fn cannot_act(name: PersonaName, plan: &Plan, failure: Failure) -> Trouble {
    let (asked, next) = match name {
        PersonaName::ReturningSession | PersonaName::ForgedSession => {
            (&plan.session_path, "see the gateway's log; --session-path names the endpoint")
        }
        PersonaName::ProxiedSession => {
            (&plan.proxied_path, "give --proxied-path a route whose service runs (aldgate-loadtest upstream is one)")
        }
        PersonaName::ProxiedPublic => {
            (&plan.public_path, "give --public-path a public route whose service runs (config/loadtest.toml has one)")
        }
        PersonaName::PasskeyLogin => return refused(plan, failure),
        PersonaName::PasswordLogin => {
            let what = format!("a sign-in with a password, of seed {}, failed: {}", plan.seed, told(failure));
            let next = "make the accounts (aldgate-loadtest populate --way-in password …, with a seed of its own)";
            return Trouble::new(what, next);
        }
        PersonaName::WrongPassword => {
            let what = format!("wrong-password: {} instead of a page that says \"not correct\"", told(failure));
            return Trouble::new(what, "see the gateway's log; nothing has to be populated for it");
        }
    };
    let right = if name == PersonaName::ForgedSession { 401 } else { 200 };
    Trouble::new(format!("{}: {} of {asked} instead of {right}", name.as_str(), told(failure)), next)
}

fn refused(plan: &Plan, failure: Failure) -> Trouble {
    let what = format!("a passkey log-in of seed {} failed: {}", plan.seed, told(failure));
    let populate = format!(
        "make the accounts (aldgate-loadtest populate --data data --accounts {} --seed {}), and see that --origin is \
         one that the gateway knows",
        plan.accounts, plan.seed,
    );
    match failure {
        Failure::Status(400..=499) => Trouble::new(what, populate),
        _ => Trouble::new(what, "see the gateway's log"),
    }
}

/// Everybody with a password who takes part, each signed in once: in a browser that is not known yet, a sign-in also sends
/// a message, which few sign-ins do.
async fn known_browsers(plan: &Plan, target: &Arc<Target>, progress: &mut Progress) -> Result<PasswordLogin, Trouble> {
    let people = plan.passwords.min(plan.accounts);
    let persona = PasswordLogin::new(plan.seed, people);
    let connection = Connection::new(target.clone());
    for person in 0..people {
        // Addresses that no arrival comes from: what is counted against an unknown browser is not counted against those.
        let signed_in = patient(persona.sign_in(&connection, person, FIRST_SIGN_INS + person)).await;
        signed_in.map_err(|failure| cannot_act(PersonaName::PasswordLogin, plan, failure))?;
        progress.show(|| format!("signing in for the first time: {} of {people}", person + 1));
    }
    Ok(persona)
}

/// Proves that the population is there, before thousands of log-ins fail.
async fn first_log_in(plan: &Plan, target: &Arc<Target>, wallet: &Wallet) -> Result<(), Trouble> {
    let mut connection = Connection::new(target.clone());
    let logged_in = patient(log_in(&mut connection, wallet.next())).await;
    logged_in.map(|_| ()).map_err(|failure| refused(plan, failure))
}

/// Opens sessions by real log-ins.
async fn open_sessions(
    plan: &Plan,
    target: &Arc<Target>,
    wallet: &Arc<Wallet>,
    count: u64,
    progress: &mut Progress,
) -> Result<Option<Sessions>, Trouble> {
    if count == 0 {
        return Ok(None);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let begun = Arc::new(AtomicUsize::new(0));
    let mut openers = JoinSet::new();
    for _ in 0..OPENING_AT_ONCE.min(count) {
        openers.spawn(open_some(target.clone(), wallet.clone(), begun.clone(), count));
    }
    let mut cookies = Vec::with_capacity(count);
    while !openers.is_empty() {
        let look = tokio::time::timeout(Duration::from_millis(250), openers.join_next()).await;
        if let Ok(Some(opened)) = look {
            let opened = opened.unwrap_or(Err(Failure::Closed)).map_err(|failure| refused(plan, failure))?;
            cookies.extend(opened);
        }
        progress.show(|| format!("opening sessions: {} of {count}", begun.load(Ordering::Relaxed).min(count)));
    }
    Ok(Some(Sessions(cookies.into())))
}

/// Opens sessions until all are begun; gives back their `Cookie` headers.
async fn open_some(
    target: Arc<Target>,
    wallet: Arc<Wallet>,
    begun: Arc<AtomicUsize>,
    count: usize,
) -> Result<Vec<HeaderValue>, Failure> {
    let mut connection = Connection::new(target);
    let mut cookies = Vec::new();
    while begun.fetch_add(1, Ordering::Relaxed) < count {
        let (token, _) = patient(log_in(&mut connection, wallet.next())).await?;
        let cookie = HeaderValue::from_str(&format!("{}={token}", cookie::SESSION));
        cookies.push(cookie.map_err(|_| Failure::Answer("session cookie unreadable"))?);
    }
    Ok(cookies)
}
