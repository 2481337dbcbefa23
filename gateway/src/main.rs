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
    /// Run everything in one process: gateway, backend, demonstration service.
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
    /// Work on lists of breached passwords.
    BreachedPasswords {
        #[command(subcommand)]
        command: BreachedPasswords,
    },
    /// Prove the audit whole, or list it.
    #[command(subcommand)]
    Audit(Audit),
    /// The keys under which what is personal stands sealed in the database.
    #[command(subcommand)]
    Keys(Keys),
    /// Copy database and keys into a new directory, while the backend runs.
    Backup {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The new directory.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Leave the keys out; they must be backed up elsewhere.
        #[arg(long)]
        without_keys: bool,
    },
    /// Put a backup in place, where no database is yet.
    Restore {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The backup.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// Where its keys are, if they were backed up elsewhere.
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
    },
    /// Check a configuration file and say everything that is wrong with it.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// What is done with breached passwords.
#[derive(Subcommand)]
enum BreachedPasswords {
    /// Make a filter of a list: one password, or one SHA-1 digest with or without a count, a line.
    Build {
        /// The list.
        #[arg(long, value_name = "LIST")]
        from: PathBuf,
        /// The filter, for `password.breached` in the configuration.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Go through every chain; print where each ends, or where one breaks.
    Verify {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// What an earlier run has printed: the chains must lead on from there.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Print the entries, a JSON object a line.
    List {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Only those about an account.
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Print them, and how much is sealed under each.
    List {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make the next one. The backend then seals anew whatever is under an older one.
    Rotate {
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Seconds until it seals: every backend must have it by then.
        #[arg(long, value_name = "SECONDS", default_value_t = compose::data_keys::ANNOUNCED_SECS)]
        wait: u32,
    },
    /// Drop one that nothing is sealed under any more.
    Drop {
        /// Its number.
        key: u16,
        /// The configuration file; without it the built-in defaults stand.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

fn audit(command: Audit) -> ExitCode {
    use compose::audit::{list, verify};
    match command {
        Audit::Verify { config, since } => compose::operator::run(config.as_deref(), |it| verify(it, since)),
        Audit::List { config, account } => compose::operator::run(config.as_deref(), |it| list(it, account)),
    }
}

fn keys(command: Keys) -> ExitCode {
    use compose::data_keys::{drop_key, list, rotate};
    match command {
        Keys::List { config } => compose::operator::run(config.as_deref(), list),
        Keys::Rotate { config, wait } => compose::operator::run(config.as_deref(), |it| rotate(it, wait)),
        Keys::Drop { key, config } => compose::operator::run(config.as_deref(), |it| drop_key(it, key)),
    }
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
        Command::BreachedPasswords { command: BreachedPasswords::Build { from, to } } => {
            compose::breached::build(&from, &to)
        }
        Command::Audit(command) => audit(command),
        Command::Keys(command) => keys(command),
        Command::Backup { config, to, without_keys } => {
            compose::operator::run(config.as_deref(), |it| compose::backup::backup(it, to, without_keys))
        }
        Command::Restore { config, from, keys } => {
            compose::operator::run(config.as_deref(), |it| compose::backup::restore(it, from, keys))
        }
        Command::Check { config } => compose::check::run(&config),
    }
}
