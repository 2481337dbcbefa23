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
    _lock: File,
}

impl Place {
    /// Claims the configured directory for a role, and makes what is missing in it.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) fn claim(config: &Config, role: Role) -> Result<Self, CannotStart> {
        let data = &config.data;
        for dir in role.dirs() {
            keys::private_dir(&data.join(dir))?;
        }
        let failed = |error: &dyn std::fmt::Display| {
            CannotStart(format!("cannot write in the directory {}: {error}", data.display()))
        };
        let file = |ending| data.join(format!("run/{}.{ending}", role.name()));
        let lock = File::create(file("lock")).map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(role.taken(data)),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let pid_file = file("pid");
        std::fs::write(&pid_file, format!("{}\n", std::process::id())).map_err(|error| failed(&error))?;
        Ok(Self { left_behind: vec![pid_file], _lock: lock })
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
            // What is left behind is replaced by the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}
