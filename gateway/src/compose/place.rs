//! The directory in which a process works, and what nobody else may do there meanwhile.

use super::{CannotStart, keys};
use aldgate_gateway::config::Config;
use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// What a process is, by which its files in the directory are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything, or the backend alone: the database is its own.
    Backend,
    /// A gateway alone.
    Gateway,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Backend => "aldgate",
            Self::Gateway => "gateway",
        }
    }

    const fn dirs(self) -> &'static [&'static str] {
        match self {
            Self::Backend => &["", "run", "outbox", "log"],
            Self::Gateway => &["", "run", "log"],
        }
    }

    fn taken(self, data: &Path) -> CannotStart {
        let data = data.display();
        CannotStart(match self {
            Self::Backend => format!("another Aldgate runs on {data}: stop that one first"),
            Self::Gateway => format!("another gateway runs on {data}: give this one a data.dir of its own"),
        })
    }
}

/// A directory that is claimed, while this value lives.
pub(crate) struct Place {
    left_behind: Vec<PathBuf>,
    _lock: Option<File>,
}

impl Place {
    /// Claims the configured directory for a role, and makes what is missing in it.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) fn claim(config: &Config, role: Role) -> Result<Self, CannotStart> {
        let lock = lock_of(config, role)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(role.taken(&config.data)),
            Err(TryLockError::Error(error)) => return Err(cannot_write(&config.data, &error)),
        }
        let pid_file = file_of(config, role, "pid");
        std::fs::write(&pid_file, own_pid()).map_err(|error| cannot_write(&config.data, &error))?;
        Ok(Self { left_behind: vec![pid_file], _lock: Some(lock) })
    }

    /// The same for a process that takes over from one which still holds the claim: it is claimed, and the number of the
    /// process written down, when that one has ended. Until then the other's number stands there: it may yet go on.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) fn inherit(config: &Config, role: Role) -> Result<Self, CannotStart> {
        let lock = lock_of(config, role)?;
        let pid_file = file_of(config, role, "pid");
        let left_behind = vec![pid_file.clone()];
        let waiting = std::thread::Builder::new().name("claim".into()).spawn(move || {
            if let Err(error) = lock.lock().and_then(|()| std::fs::write(&pid_file, own_pid())) {
                tracing::warn!(%error, "the data directory cannot be claimed");
            }
            loop {
                std::thread::park(); // It holds the claim until the process ends.
            }
        });
        waiting.map_err(|error| CannotStart::because("cannot start a thread", error))?;
        Ok(Self { left_behind, _lock: None })
    }

    /// Listens on a Unix socket that only this user may open.
    ///
    /// # Errors
    /// One line that names the socket.
    pub(crate) fn listen(&mut self, socket: &Path) -> Result<UnixListener, CannotStart> {
        let failed = |error| CannotStart::because(&format!("cannot listen on {}", socket.display()), error);
        if let Some(dir) = socket.parent() {
            keys::private_dir(dir)?;
        }
        if socket.exists() {
            std::fs::remove_file(socket).map_err(failed)?; // Ours, from a run that was killed: the lock says so.
        }
        let listener = UnixListener::bind(socket).map_err(failed)?;
        self.left_behind.push(socket.to_owned());
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(listener)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for path in &self.left_behind {
            // It may be the number of another process: of one that took over, or of the one that goes on.
            if path.extension().is_some_and(|it| it == "pid") && std::fs::read_to_string(path).ok() != Some(own_pid()) {
                continue;
            }
            // What is left behind is replaced by the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn file_of(config: &Config, role: Role, ending: &str) -> PathBuf {
    config.data.join(format!("run/{}.{ending}", role.name()))
}

fn cannot_write(data: &Path, error: &dyn std::fmt::Display) -> CannotStart {
    CannotStart(format!("cannot write in the directory {}: {error}", data.display()))
}

fn own_pid() -> String {
    format!("{}\n", std::process::id())
}

/// The file that is locked by whoever has the directory, which is made if it is missing.
fn lock_of(config: &Config, role: Role) -> Result<File, CannotStart> {
    for dir in role.dirs() {
        keys::private_dir(&config.data.join(dir))?;
    }
    File::create(file_of(config, role, "lock")).map_err(|error| cannot_write(&config.data, &error))
}
