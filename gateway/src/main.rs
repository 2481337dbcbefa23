//! `aldgate`: the one binary, and the one composition root.
//!
//! It parses the command, reads the whole configuration, and runs. A configuration that is wrong ends with one line a
//! fault and exit status 78 (`EX_CONFIG`); anything else that stops it from starting, with one line and status 1.

mod compose;

use aldgate_backend::oidc::keys::SigningAlgorithm;
use clap::{Parser, Subcommand};
use compose::oidc_keys::Asked;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A login platform: passkeys verified at the edge, services behind the gate.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process: gateway, backend on SQLite, demonstration service.
    Up {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Run a gateway alone, one of several over a shared warm tier.
    Gateway {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Take the listening sockets over from the gateway that runs on the same data directory, which then ends.
        #[arg(long)]
        take_over: bool,
    },
    /// Run the identity backend alone, for gateways in other processes.
    Backend {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// The keys with which the OpenID provider signs: which there are, and new ones.
    OidcKeys {
        #[command(subcommand)]
        command: OidcKeys,
    },
    /// Print the functions that an administrator loads into Redis (config/redis).
    RedisFunctions,
    /// Check a configuration file and say everything that is wrong with it.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Subcommand)]
enum OidcKeys {
    /// List the keys that are published, and how each stands.
    List {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make the next key of an algorithm now. It is announced for a day before it signs.
    Rotate {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// RS512, ES256, PS256 or EdDSA; all of them if none is named.
        #[arg(value_name = "ALGORITHM")]
        algorithm: Option<SigningAlgorithm>,
        /// Remove every key of this algorithm at once and sign with a new one: what the old ones signed is refused.
        #[arg(long, value_name = "ALGORITHM", conflicts_with = "algorithm")]
        compromised: Option<SigningAlgorithm>,
    },
}

impl OidcKeys {
    fn run(self) -> ExitCode {
        let (config, asked) = match self {
            Self::List { config } => (config, Asked::List),
            Self::Rotate { config, compromised: Some(algorithm), .. } => (config, Asked::Replace(algorithm)),
            Self::Rotate { config, algorithm, compromised: None } => (config, Asked::Rotate(algorithm)),
        };
        compose::oidc_keys::run(asked, config.as_deref())
    }
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Up { config } => compose::run(compose::up, config.as_deref()),
        Command::Gateway { config, take_over } => {
            compose::run(if take_over { compose::take_over } else { compose::gateway }, Some(&config))
        }
        Command::Backend { config } => compose::run(compose::backend, Some(&config)),
        Command::OidcKeys { command } => command.run(),
        Command::RedisFunctions => compose::redis_functions(),
        Command::Check { config } => compose::check::run(&config),
    }
}
