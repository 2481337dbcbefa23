//! `aldgate-loadtest`: what can Aldgate bear, and what does a request cost?
//!
//! Four commands: `populate` makes accounts whose passkeys can be derived again, `upstream` is a service to stand
//! behind the gate, `run` sends open-loop load and reports latency and CPU time, and `floor` measures what a passkey
//! log-in cannot be cheaper than. [`plan`] says what a run does; [`window`] does it.

mod arrival;
mod client;
mod clock;
mod cpu;
mod floor;
mod generator;
mod hashing;
mod line;
mod measure;
mod pacer;
mod people;
mod persona;
mod plan;
mod populate;
mod prepare;
mod progress;
mod random;
mod report;
mod run;
mod target;
mod threshold;
mod trouble;
mod upstream;
mod wallet;
mod window;

use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::process::ExitCode;
use trouble::Trouble;

#[derive(Parser)]
#[command(name = "aldgate-loadtest", version, about = ABOUT, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const ABOUT: &str = "Measures what Aldgate can bear: open-loop load, honest latencies, CPU time a request.";

const EXAMPLES: &str = "\
A first measurement, in three steps:
  ./scripts/up                                                       start Aldgate
  aldgate-loadtest populate --data data --accounts 10000 --seed 7    make people
  aldgate-loadtest run --persona returning-session,passkey-login --rate 200 --accounts 10000 --seed 7

`aldgate-loadtest run --help` explains the personas, the figures and the exit codes.";

#[derive(Subcommand)]
enum Command {
    /// Send load and report latency, errors and CPU time
    Run(Box<plan::Plan>),
    /// Make accounts, each with a passkey whose key follows from the seed
    Populate(populate::Population),
    /// Answer every request with a small fixed body: a service to stand behind the gate
    Upstream {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
        listen: SocketAddr,
    },
    /// Measure what one P-256 verification takes, and how many passwords this machine can hash: no log-in can be cheaper
    Floor {
        /// How many times one second is measured.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
        /// Print one line of JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(plan) => run::command(&plan),
        Command::Populate(population) => on_one_thread(populate::command(&population)).map(|()| 0),
        Command::Upstream { listen } => on_one_thread(upstream::command(listen)).map(|()| 0),
        Command::Floor { rounds, json } => floor::command(rounds, json).map(|()| 0),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(trouble) => {
            eprintln!("aldgate-loadtest: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn on_one_thread<T>(future: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Trouble::new(format!("no runtime: {error}"), "see the limits of this user"))?;
    runtime.block_on(future)
}
