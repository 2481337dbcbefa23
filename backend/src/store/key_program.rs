//! A program of the operator's that wraps data keys and unwraps them: how any KMS or HSM is attached without its software
//! in this process.
//!
//! It is run as `PROGRAM [ARGUMENT…] wrap NAME` or `… unwrap NAME`, with the key (32 bytes) or what wrapping it gave on its
//! standard input, and gives the other on its standard output. `NAME` is `data-1` and so on, for whoever wants to bind what is
//! wrapped to it (an encryption context). No shell is in between. A status other than 0, too much output, or no end within
//! [`DEADLINE`] is a failure, which names the program and the first line that it has said on standard error.

use super::data_key::{DATA_KEY_BYTES, KeysFailed};
use aldgate_core::secret::Secret;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long it may take: a KMS on another continent answers in one second.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest wrapped key, in bytes: what a KMS makes of 32 is some hundred.
pub(super) const WRAPPED_BYTES_MAX: usize = 16 * 1024;

/// How much of what it says on standard error is read, and shown, in bytes.
const SAID_BYTES_MAX: usize = 512;

/// The program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProgram {
    path: PathBuf,
    arguments: Vec<String>,
    deadline: Duration,
}

/// A command is no program that could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must begin with the absolute path of a program")]
pub struct BadProgram;

/// What is asked of it.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Wrap,
    Unwrap,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
        }
    }
}

impl KeyProgram {
    /// A program and its first arguments. Whether it is there, its first use tells.
    ///
    /// # Errors
    /// [`BadProgram`]: nothing is searched for in a path that somebody else may have set.
    pub fn new(command: &[String]) -> Result<Self, BadProgram> {
        let (path, arguments) = command.split_first().ok_or(BadProgram)?;
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            return Err(BadProgram);
        }
        Ok(Self { path, arguments: arguments.to_vec(), deadline: DEADLINE })
    }

    /// The same, which is waited for so long.
    #[cfg(test)]
    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Wraps a key, and sees that it can be unwrapped again: what is not is no place for the only copy of a key.
    pub(super) async fn wrap(&self, name: &str, key: &Secret<[u8; DATA_KEY_BYTES]>) -> Result<Vec<u8>, KeysFailed> {
        let wrapped = self.run(Verb::Wrap, name, key.expose(), WRAPPED_BYTES_MAX).await?;
        if wrapped.windows(DATA_KEY_BYTES).any(|part| part == key.expose()) {
            return Err(self.failed(Verb::Wrap, name, &"what it gave holds the key readable"));
        }
        if self.unwrap(name, &wrapped).await? != *key {
            return Err(self.failed(Verb::Unwrap, name, &"it gave another key than was wrapped"));
        }
        Ok(wrapped.to_vec())
    }

    /// Unwraps one.
    pub(super) async fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Secret<[u8; DATA_KEY_BYTES]>, KeysFailed> {
        let key = self.run(Verb::Unwrap, name, wrapped, DATA_KEY_BYTES).await?;
        match <[u8; DATA_KEY_BYTES]>::try_from(key.as_slice()) {
            Ok(key) => Ok(Secret::new(key)),
            Err(_) => Err(self.failed(Verb::Unwrap, name, &"it did not give the 32 bytes of a key")),
        }
    }

    fn failed(&self, verb: Verb, name: &str, why: &dyn fmt::Display) -> KeysFailed {
        let arguments: String = self.arguments.iter().map(|argument| format!(" {argument}")).collect();
        KeysFailed(format!("keys.wrap: {}{arguments} {} {name}: {why}", self.path.display(), verb.as_str()))
    }

    async fn run(
        &self,
        verb: Verb,
        name: &str,
        input: &[u8],
        output_max: usize,
    ) -> Result<Zeroizing<Vec<u8>>, KeysFailed> {
        let failed = |why: &dyn fmt::Display| self.failed(verb, name, why);
        let ran = tokio::time::timeout(self.deadline, self.exchange(verb, name, input, output_max)).await;
        let ran = ran.map_err(|_| failed(&format!("it did not end within {} s", self.deadline.as_secs())))?;
        let Ran { status, output, said } = ran.map_err(|error| failed(&error))?;
        let Some(output) = output else { return Err(failed(&format!("it gave more than {output_max} bytes"))) };
        if !status.success() {
            return Err(failed(&format!("{status}: {}", first_line(&said))));
        }
        if output.is_empty() { Err(failed(&"it gave nothing")) } else { Ok(output) }
    }

    /// Runs it to its end. Dropped before, it is killed.
    async fn exchange(&self, verb: Verb, name: &str, input: &[u8], output_max: usize) -> io::Result<Ran> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).arg(verb.as_str()).arg(name).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let write = async move {
            // One that ends without reading it says why by its status.
            let _ = stdin.write_all(input).await;
        };
        let ((), output, said) = tokio::join!(write, bounded(stdout, output_max), beginning(stderr));
        Ok(Ran { status: child.wait().await?, output: output?, said: said? })
    }
}

/// How it ended.
struct Ran {
    status: ExitStatus,
    /// `None` if it was too much.
    output: Option<Zeroizing<Vec<u8>>>,
    said: Vec<u8>,
}

/// All that comes, if it is no more than that; whoever gives more is no longer listened to.
async fn bounded(from: impl AsyncRead + Unpin, max: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // All of its room from the beginning: what grows leaves copies behind.
    let mut read = Zeroizing::new(Vec::with_capacity(max + 1));
    from.take(u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut read).await?;
    Ok((read.len() <= max).then_some(read))
}

/// The beginning of what comes; the rest is read and forgotten.
async fn beginning(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut said = Vec::with_capacity(SAID_BYTES_MAX);
    (&mut from).take(u64::try_from(SAID_BYTES_MAX).unwrap_or(u64::MAX)).read_to_end(&mut said).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(said)
}

/// What it has said first, for a line of the log.
fn first_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
