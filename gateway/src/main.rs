//! `aldgate`: the one binary, and the one composition root.
//!
//! It parses the command, reads the whole configuration, and runs. A configuration that is wrong ends with one line a
//! fault and exit status 78 (`EX_CONFIG`); anything else that stops it from starting, with one line and status 1.

mod compose;

use aldgate_backend::model::DisabledFor;
use aldgate_backend::oidc::keys::SigningAlgorithm;
use clap::{Args, Parser, Subcommand};
use compose::oidc_keys::Asked;
use std::path::{Path, PathBuf};
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

/// On which deployment something is done.
#[derive(Args)]
struct On {
    /// The configuration file; without it the built-in defaults stand.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl On {
    fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process: gateway, backend, demonstration service.
    Up {
        #[command(flatten)]
        on: On,
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
    /// Disable an account, enable it again, or say how it stands; through the backend that runs.
    #[command(subcommand)]
    Account(Account),
    /// Copy database and keys into a new directory or archive, while the backend runs.
    Backup {
        #[command(flatten)]
        on: On,
        /// The new directory.
        #[arg(long, value_name = "DIR", required_unless_present = "tar")]
        to: Option<PathBuf>,
        /// In its place a new tar archive (for the owner alone), or `-` for standard output.
        #[arg(long, value_name = "FILE", conflicts_with = "to")]
        tar: Option<PathBuf>,
        /// Leave the keys out; they must be backed up elsewhere.
        #[arg(long)]
        without_keys: bool,
    },
    /// Put a backup in place, where no database is yet.
    Restore {
        #[command(flatten)]
        on: On,
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
        #[command(flatten)]
        on: On,
        /// What an earlier run has printed: the chains must lead on from there.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Print the entries, a JSON object a line.
    List {
        #[command(flatten)]
        on: On,
        /// Only those about an account.
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Print them, and how much is sealed under each.
    List {
        #[command(flatten)]
        on: On,
    },
    /// Make the next one. The backend then seals anew whatever is under an older one.
    Rotate {
        #[command(flatten)]
        on: On,
        /// Seconds until it seals: every backend must have it by then.
        #[arg(long, value_name = "SECONDS", default_value_t = compose::data_keys::ANNOUNCED_SECS)]
        wait: u32,
    },
    /// Drop one that nothing is sealed under any more.
    Drop {
        /// Its number.
        key: u16,
        #[command(flatten)]
        on: On,
    },
}

#[derive(Subcommand)]
enum Account {
    /// Say since when it stands, at which level, and whether it is disabled.
    Show {
        /// Its id, its e-mail address, or its owner's NHS number.
        account: String,
        #[command(flatten)]
        on: On,
    },
    /// Let nobody in from now on, end every session and every grant. Nothing that its owner can do changes that.
    Disable {
        /// Its id, its e-mail address, or its owner's NHS number.
        account: String,
        /// Why: fraud, compromise, death, duplicate, request or other.
        #[arg(long)]
        reason: DisabledFor,
        #[command(flatten)]
        on: On,
    },
    /// Let its owner sign in again.
    Enable {
        /// Its id, its e-mail address, or its owner's NHS number.
        account: String,
        #[command(flatten)]
        on: On,
    },
}

fn account(command: Account) -> ExitCode {
    use compose::accounts::{disable, enable, show};
    match command {
        Account::Show { account, on } => compose::operator::run(on.config(), |it| show(it, account)),
        Account::Disable { account, reason, on } => {
            compose::operator::run(on.config(), |it| disable(it, account, reason))
        }
        Account::Enable { account, on } => compose::operator::run(on.config(), |it| enable(it, account)),
    }
}

fn audit(command: Audit) -> ExitCode {
    use compose::audit::{list, verify};
    match command {
        Audit::Verify { on, since } => compose::operator::run(on.config(), |it| verify(it, since)),
        Audit::List { on, account } => compose::operator::run(on.config(), |it| list(it, account)),
    }
}

fn keys(command: Keys) -> ExitCode {
    use compose::data_keys::{drop_key, list, rotate};
    match command {
        Keys::List { on } => compose::operator::run(on.config(), list),
        Keys::Rotate { on, wait } => compose::operator::run(on.config(), |it| rotate(it, wait)),
        Keys::Drop { key, on } => compose::operator::run(on.config(), |it| drop_key(it, key)),
    }
}

#[derive(Subcommand)]
enum OidcKeys {
    /// List the keys that are published, and how each stands.
    List {
        #[command(flatten)]
        on: On,
    },
    /// Make the next key of an algorithm now. It is announced for a day before it signs.
    Rotate {
        #[command(flatten)]
        on: On,
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
        let (on, asked) = match self {
            Self::List { on } => (on, Asked::List),
            Self::Rotate { on, compromised: Some(algorithm), .. } => (on, Asked::Replace(algorithm)),
            Self::Rotate { on, algorithm, compromised: None } => (on, Asked::Rotate(algorithm)),
        };
        compose::oidc_keys::run(asked, on.config())
    }
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Up { on } => compose::run(compose::up, on.config()),
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
        Command::Account(command) => account(command),
        Command::Backup { on, to, tar, without_keys } => {
            let to = to.map_or_else(|| compose::backup::To::of_tar(tar), compose::backup::To::Directory);
            compose::operator::run(on.config(), |it| compose::backup::backup(it, to, without_keys))
        }
        Command::Restore { on, from, keys } => {
            compose::operator::run(on.config(), |it| compose::backup::restore(it, from, keys))
        }
        Command::Check { config } => compose::check::run(&config),
    }
}
