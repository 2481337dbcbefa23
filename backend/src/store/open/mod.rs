//! Opening the database. Whatever is wrong is said in one line that names the file or the server, since an operator
//! reads it.

pub(super) mod postgres;
pub(super) mod sqlite;

use std::path::PathBuf;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created, or neither read nor written.
    #[error("the database {} cannot be opened for writing: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file of another kind.
    #[error("{} is not a database", .0.display())]
    NotADatabase(PathBuf),
    /// A database, but not of this program.
    #[error("the database {} belongs to another program", .0.display())]
    Foreign(PathBuf),
    /// A database that a later version of this program has changed.
    #[error("the database {} has schema {found}, and this program knows only {known}: run a newer version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// This program's.
        known: usize,
    },
    /// The program was built with an SQLite that can corrupt the database.
    #[error("the database {} needs SQLite 3.51.3 or later, and this program has {version}", path.display())]
    SqliteTooOld {
        /// The file.
        path: PathBuf,
        /// The version that is linked.
        version: String,
    },
    /// Anything else of a file.
    #[error("the database {} cannot be opened: {cause}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// PostgreSQL does not answer, does not let us in, or is not to be used.
    #[error("cannot use PostgreSQL (store.url, {server}): {cause}")]
    Postgres {
        /// Host and database, without the password.
        server: String,
        /// What is wrong.
        cause: String,
    },
}
