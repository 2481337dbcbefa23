//! `aldgate`: the one binary, and the one composition root.
//!
//! It parses the command, reads the whole configuration, and runs. A configuration that is wrong ends with one line a
//! fault and exit status 78 (`EX_CONFIG`); anything else that stops it from starting, with one line and status 1.

mod compose;

use clap::{Parser, Subcommand};
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
    /// Print the functions that an administrator loads into Redis (config/redis).
    RedisFunctions,
    /// Work on lists of breached passwords.
    BreachedPasswords {
        #[command(subcommand)]
        command: BreachedPasswords,
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

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Up { config } => compose::run(compose::up, config.as_deref()),
        Command::Gateway { config, take_over } => {
            compose::run(if take_over { compose::take_over } else { compose::gateway }, Some(&config))
        }
        Command::Backend { config } => compose::run(compose::backend, Some(&config)),
        Command::RedisFunctions => compose::redis_functions(),
        Command::BreachedPasswords { command: BreachedPasswords::Build { from, to } } => {
            compose::breached::build(&from, &to)
        }
        Command::Check { config } => compose::check::run(&config),
    }
}
