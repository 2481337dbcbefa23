//! PostgreSQL: how it is reached, and the connections to it.
//!
//! The password is in a file of its own, never in the URL, which is printed. What leaves this machine is encrypted, and
//! the server's certificate is verified against its name; a Unix socket and a loopback address need neither.

use super::OpenError;
use crate::store::sql::schema::{Schema, postgres};
use aldgate_core::secret::Secret;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, PgPool};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

/// How long a statement waits for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long the first connection may take: the server may just be starting.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(10);

/// What the server itself ends, in milliseconds: a statement, the wait for a row's lock, and a transaction of a process
/// that hangs.
const BOUNDS: [(&str, &str); 3] =
    [("statement_timeout", "30000"), ("lock_timeout", "5000"), ("idle_in_transaction_session_timeout", "10000")];

/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 256;

/// How to reach a database on PostgreSQL.
#[derive(Debug, Clone)]
pub struct Server {
    options: PgConnectOptions,
    shown: String,
}

/// What an operator says of it.
#[derive(Debug)]
pub struct ServerOptions {
    /// `postgres://user@host:port/database`, without a password.
    pub url: String,
    /// The password, if the server asks for one.
    pub password: Option<Secret<String>>,
    /// The authorities (PEM) that may have signed the server's certificate; `None` for those of the system.
    pub authorities: Option<PathBuf>,
}

/// Why a URL is refused. The sentences are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another scheme, or no URL.
    #[error("is not postgres://user@host/database")]
    Malformed,
    /// It holds a password.
    #[error("must not hold a password: put it in a file and name that in store.password_file")]
    Password,
    /// It says how to encrypt.
    #[error("must have no parameters: TLS is used, and verified, wherever the server is not on this machine")]
    Parameters,
}

impl Server {
    /// Reads what an operator has said.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn new(said: ServerOptions) -> Result<Self, BadUrl> {
        let rest = said.url.strip_prefix("postgres://").or_else(|| said.url.strip_prefix("postgresql://"));
        let rest = rest.ok_or(BadUrl::Malformed)?;
        if rest.contains(['?', '#']) {
            return Err(BadUrl::Parameters);
        }
        let (user, place) = rest.split_once('@').ok_or(BadUrl::Malformed)?;
        if user.contains(':') {
            return Err(BadUrl::Password);
        }
        let named = |text: &str| !text.is_empty();
        if !named(user)
            || place.contains('@')
            || !place.split_once('/').is_some_and(|(host, db)| named(host) && named(db))
        {
            return Err(BadUrl::Malformed);
        }
        let options = PgConnectOptions::from_str(&said.url).map_err(|_| BadUrl::Malformed)?;
        let local = is_local(&options);
        let mut options = options
            .ssl_mode(if local { PgSslMode::Prefer } else { PgSslMode::VerifyFull })
            .application_name("aldgate")
            .statement_cache_capacity(STATEMENTS_MAX)
            .options(BOUNDS)
            .disable_statement_logging();
        if let Some(authorities) = &said.authorities {
            options = options.ssl_root_cert(authorities);
        }
        if let Some(password) = &said.password {
            options = options.password(password.expose());
        }
        Ok(Self { options, shown: place.into() })
    }

    /// The server and the database, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A connection beside those of the pool.
    pub(in crate::store) async fn dial(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.options).await
    }

    fn failed(&self, cause: impl std::fmt::Display) -> OpenError {
        OpenError::Postgres { server: self.shown.clone(), cause: cause.to_string() }
    }
}

/// A Unix socket or a loopback address. A name is not: it may be anybody's tomorrow.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Connections to a database that is up to date.
pub(in crate::store) async fn connect(server: &Server, connections: u32) -> Result<PgPool, OpenError> {
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(FIRST_WAIT_MAX).min_connections(1);
    let first = pool.connect_with(server.options.clone()).await.map_err(|error| server.failed(error))?;
    let schema = postgres::migrate(&first).await.map_err(|error| server.failed(error))?;
    first.close().await;
    match schema {
        Schema::Current => {}
        Schema::Newer(found, known) => {
            let cause = format!("it has schema {found}, and this program knows only {known}: run a newer version");
            return Err(server.failed(cause));
        }
        Schema::Foreign => return Err(server.failed("the database holds another program's tables: name an empty one")),
        Schema::SqliteTooOld(version) => return Err(server.failed(version)),
    }
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECTION_WAIT_MAX)
        .idle_timeout(Duration::from_mins(10));
    pool.connect_with(server.options.clone()).await.map_err(|error| server.failed(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, BadUrl> {
        Server::new(ServerOptions { url: url.into(), password: None, authorities: None })
    }

    #[test]
    fn a_url_names_user_host_and_database_and_nothing_else() {
        assert!(server("postgres://aldgate@db.example.org/aldgate").is_ok());
        assert!(server("postgresql://aldgate@[::1]:5433/aldgate").is_ok());
        assert!(server("postgres://aldgate@%2Frun%2Fpostgresql/aldgate").is_ok());
        let refused = |url| server(url).err();
        assert_eq!(refused("postgres://aldgate:secret@db.example.org/aldgate"), Some(BadUrl::Password));
        assert_eq!(refused("postgres://aldgate@db.example.org/aldgate?sslmode=disable"), Some(BadUrl::Parameters));
        for url in ["mysql://a@b/c", "postgres://a@b", "postgres://b/c", "postgres://a@b/", "postgres://@b/c", ""] {
            assert_eq!(refused(url), Some(BadUrl::Malformed), "{url}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_for_a_verified_server() {
        let mode = |url| match server(url).expect("a server").options.get_ssl_mode() {
            PgSslMode::VerifyFull => "verified",
            PgSslMode::Prefer => "local",
            other => panic!("{other:?}"),
        };
        for url in ["postgres://a@10.0.0.1/b", "postgres://a@db.example.org/b", "postgres://a@localhost/b"] {
            assert_eq!(mode(url), "verified", "{url}");
        }
        for url in ["postgres://a@127.0.0.1/b", "postgres://a@[::1]/b", "postgres://a@%2Frun%2Fpg/b"] {
            assert_eq!(mode(url), "local", "{url}");
        }
    }
}
