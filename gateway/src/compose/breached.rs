//! Breached passwords: the filter that the backend reads, and the command that makes one of a list.

use super::CannotStart;
use aldgate_backend::Breached;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The filter that the configuration names; the one that is in the program if it names none.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn read(path: Option<&Path>) -> Result<Arc<Breached>, CannotStart> {
    let Some(path) = path else {
        let bundled = Breached::bundled().map(Arc::new);
        return bundled.map_err(|error| CannotStart(format!("this program is damaged (breached passwords): {error}")));
    };
    let cannot = |error: &dyn std::fmt::Display| {
        CannotStart(format!("cannot use {} (password.breached): {error}", path.display()))
    };
    let bytes = std::fs::read(path).map_err(|error| cannot(&error))?;
    Breached::parse(&bytes).map(Arc::new).map_err(|error| cannot(&error))
}

/// `aldgate breached-passwords build`: makes a filter of a list.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]
pub(crate) fn build(from: &Path, to: &Path) -> ExitCode {
    match try_build(from, to) {
        Ok(count) => {
            println!("{}: {count} passwords", to.display());
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("aldgate: {message}");
            ExitCode::FAILURE
        }
    }
}

fn try_build(from: &Path, to: &Path) -> Result<usize, String> {
    let list = File::open(from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
    let built = Breached::build(BufReader::new(list));
    let (filter, count) = built.map_err(|error| format!("cannot use {}: {error}", from.display()))?;
    let file = File::create(to).map_err(|error| format!("cannot write {}: {error}", to.display()))?;
    filter.write(BufWriter::new(file)).map_err(|error| format!("cannot write {}: {error}", to.display()))?;
    Ok(count)
}
