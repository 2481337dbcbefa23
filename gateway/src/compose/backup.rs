//! `aldgate backup` and `aldgate restore`.
//!
//! A backup is a directory: the database as of one moment, taken while the backend runs; the deployment's keys; and
//! `backup.json`, written last, which names each file with its digest. Whoever has it whole can do what the deployment
//! can: keep the keys apart from the database, or leave them out. It can be written as one tar archive, also to standard
//! output, from where another program takes it away; unpacked, it is the directory.
//!
//! A database on PostgreSQL is backed up by PostgreSQL's own tools (`pg_dump`, or a base backup with its log); the keys
//! and the manifest are made here all the same. What is in Redis is in no backup: sessions end, passkeys are published
//! anew.

use super::operator::{Operator, now, say};
use super::place::{Place, Role};
use super::tar::Archive;
use super::{CannotStart, keys};
use aldgate_backend::store::audit::{AuditEntry, BACKUP_MADE};
use aldgate_gateway::config::{Config, Store};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

const DATABASE: &str = "aldgate.db";
const KEYS: &str = "keys";
const MANIFEST: &str = "backup.json";

/// The version of the manifest.
const FORM: u32 = 1;

/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// What a backup holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    form: u32,
    /// The program that made it.
    program: String,
    /// Milliseconds since 1970.
    made: u64,
    /// Where the database is, if it is not a file of this backup.
    elsewhere: Option<String>,
    files: Vec<Listed>,
}

/// A file of a backup: its path in it, and its SHA-256 in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    path: String,
    sha256: String,
}

fn failed<E: std::fmt::Display>(what: &Path) -> impl FnOnce(E) -> CannotStart {
    move |error| CannotStart::because(&format!("cannot use {}", what.display()), error)
}

/// Where a backup goes.
pub(crate) enum To {
    /// Into a new directory.
    Directory(PathBuf),
    /// Into a new tar archive.
    Archive(PathBuf),
    /// To standard output, as a tar archive.
    Stdout,
}

impl To {
    /// An archive's name, or `-`.
    pub(crate) fn of_tar(name: Option<PathBuf>) -> Self {
        name.filter(|name| name.as_os_str() != "-").map_or(Self::Stdout, Self::Archive)
    }

    /// The place that must be free.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) | Self::Archive(path) => Some(path),
            Self::Stdout => None,
        }
    }

    /// A line for the operator: not into the archive.
    #[expect(clippy::print_stderr, reason = "a command speaks to its user")]
    fn say(&self, line: impl std::fmt::Display) {
        match self {
            Self::Directory(_) | Self::Archive(_) => say(line),
            Self::Stdout => eprintln!("{line}"),
        }
    }
}

/// Makes a backup. An archive of one is made of the directory that it would be, which is gathered beside the database:
/// what it holds, its manifest must list with its digest, and a stream cannot be read twice.
///
/// # Errors
/// One line that says what to do. What was begun is taken away.
pub(crate) async fn backup(config: Config, to: To, without_keys: bool) -> Result<(), CannotStart> {
    if let Some(path) = to.path().filter(|path| path.exists()) {
        let line = format!("{} is there already: a backup is never written over another", path.display());
        return Err(CannotStart(line));
    }
    let operator = Operator::open(config).await?;
    let gathered = gathering_place(&operator.config, &to);
    let made = make(&operator, &gathered, without_keys).await.and_then(|()| deliver(&gathered, &to));
    if made.is_err() || !matches!(to, To::Directory(_)) {
        let _ = std::fs::remove_dir_all(&gathered); // What failed is said; this is the rest of it.
    }
    made?;
    let entry = AuditEntry::done(Operator::act(), BACKUP_MADE);
    let noted = operator.store.audit(entry.with("keys", if without_keys { "left out" } else { "included" })).await;
    noted.map_err(|error| CannotStart::because("the backup is made, and could not be noted in the audit", error))?;
    operator.store.close().await;
    if let Some(path) = to.path() {
        to.say(format!("The backup is in {}.", path.display()));
    }
    if without_keys {
        to.say(format!("Without the keys of {} it opens nothing: back them up too.", operator.config.keys.display()));
    } else {
        to.say("It holds the deployment's keys: whoever has it can sign in as anybody. Keep it so.");
    }
    if let Store::Postgres(postgres) = &operator.config.store {
        to.say("The database is NOT in it: it is on PostgreSQL. Back it up by its own tools, such as:");
        to.say(format!("  pg_dump --format=custom --file=aldgate.dump {}", postgres.url));
    }
    Ok(())
}

/// Where a backup is gathered: beside the directory that it becomes, else in the data directory.
fn gathering_place(config: &Config, to: &To) -> PathBuf {
    let new = format!("new.{}", std::process::id());
    match to {
        To::Directory(path) => {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{new}"));
            path.with_file_name(name)
        }
        To::Archive(_) | To::Stdout => config.database().with_file_name(format!("backup.{new}")),
    }
}

/// Puts what was gathered where it is to go.
fn deliver(gathered: &Path, to: &To) -> Result<(), CannotStart> {
    match to {
        To::Directory(path) => std::fs::rename(gathered, path).map_err(failed(path)),
        To::Archive(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let mut file = file.map_err(failed(path))?;
            let written = archive(gathered, &mut file).and_then(|()| file.sync_all().map_err(failed(path)));
            if written.is_err() {
                let _ = std::fs::remove_file(path); // What failed is said; this is the rest of it.
            }
            written
        }
        To::Stdout => archive(gathered, &mut std::io::stdout().lock()),
    }
}

/// Writes a directory of a backup as an archive: the manifest first, so that whoever reads a stream knows what comes.
fn archive(gathered: &Path, to: &mut impl Write) -> Result<(), CannotStart> {
    let mut archive = Archive::to(to);
    let listed = manifest(gathered)?.files.into_iter().map(|file| file.path);
    for path in [MANIFEST.to_owned()].into_iter().chain(listed) {
        let from = gathered.join(&path);
        let mut file = File::open(&from).map_err(failed(&from))?;
        let length = file.metadata().map_err(failed(&from))?.len();
        archive.file(&path, length, now(), &mut file).map_err(failed(&from))?;
    }
    archive.end().map_err(failed(gathered))
}

async fn make(operator: &Operator, to: &Path, without_keys: bool) -> Result<(), CannotStart> {
    keys::private_dir(to)?;
    let mut files = Vec::new();
    let mut elsewhere = None;
    match &operator.config.store {
        Store::Embedded => {
            let copied = operator.store.copy_to(&to.join(DATABASE)).await;
            copied.map_err(|error| CannotStart::because("the database cannot be copied", error))?;
            files.push(listed(to, DATABASE.into())?);
        }
        Store::Postgres(postgres) => elsewhere = Some(postgres.url.clone()),
    }
    if !without_keys {
        // After the database: a key that has come meanwhile does no harm, one that was missing would.
        keys::private_dir(&to.join(KEYS))?;
        for name in key_files(&operator.config.keys)? {
            copy(&operator.config.keys.join(&name), &to.join(KEYS).join(&name))?;
            files.push(listed(to, format!("{KEYS}/{name}"))?);
        }
    }
    let program = concat!("aldgate ", env!("CARGO_PKG_VERSION")).into();
    let manifest = Manifest { form: FORM, program, made: now().as_millis(), elsewhere, files };
    let text = serde_json::to_vec_pretty(&manifest).map_err(failed(to))?;
    write_new(&to.join(MANIFEST), &text)?;
    File::open(to).and_then(|dir| dir.sync_all()).map_err(failed(to))
}

/// The names of the key files in a directory.
fn key_files(dir: &Path) -> Result<Vec<String>, CannotStart> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed(dir))? {
        let name = entry.map_err(failed(dir))?.file_name();
        let is_key = |name: &&str| [".key", ".p8", ".wrapped"].iter().any(|ending| name.ends_with(ending));
        if let Some(name) = name.to_str().filter(is_key) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn listed(dir: &Path, path: String) -> Result<Listed, CannotStart> {
    let sha256 = sha256(&dir.join(&path))?;
    Ok(Listed { path, sha256 })
}

fn sha256(path: &Path) -> Result<String, CannotStart> {
    let mut file = File::open(path).map_err(failed(path))?;
    let mut context = Context::new(&SHA256);
    let mut buffer = zeroize::Zeroizing::new(vec![0; READ_BYTES]);
    loop {
        let read = file.read(&mut buffer).map_err(failed(path))?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        context.update(part);
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CannotStart> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed(path))
}

/// Copies into a new file, for the owner of its directory alone: whoever restores may be root, and the backend not.
fn copy(from: &Path, to: &Path) -> Result<(), CannotStart> {
    let mut source = File::open(from).map_err(failed(from))?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed(to))?;
    let dir = std::fs::metadata(to.parent().unwrap_or(to)).map_err(failed(to))?;
    if target.metadata().map_err(failed(to))?.uid() != dir.uid() {
        fchown(&target, Some(dir.uid()), Some(dir.gid())).map_err(failed(to))?;
    }
    std::io::copy(&mut source, &mut target).and_then(|_| target.sync_all()).map_err(failed(to))
}

/// Puts a backup in place where nothing is yet. Its keys may be in another directory.
///
/// # Errors
/// One line that says what to do. A database that is not fit to serve is taken away again.
pub(crate) async fn restore(config: Config, from: PathBuf, keys_from: Option<PathBuf>) -> Result<(), CannotStart> {
    let manifest = manifest(&from)?;
    let _place = Place::claim(&config, Role::Backend)?;
    let database = config.database();
    let embedded = config.store == Store::Embedded;
    if embedded && database.exists() {
        let line = format!("{} is there already: move it away, if the backup is to take its place", database.display());
        return Err(CannotStart(line));
    }
    if embedded && manifest.elsewhere.is_some() {
        return Err(CannotStart("the backup is of a database on PostgreSQL: set store.url".into()));
    }
    if !embedded && manifest.elsewhere.is_none() {
        return Err(CannotStart("the backup is of an embedded database: take store.url out".into()));
    }
    restore_keys(&from.join(KEYS), keys_from.as_deref(), &config.keys)?;
    if embedded {
        copy(&from.join(DATABASE), &database)?;
    }
    let fit = make_fit(config).await;
    if fit.is_err() && embedded {
        for ending in ["", "-wal", "-shm"] {
            let mut path = database.clone().into_os_string();
            path.push(ending);
            let _ = std::fs::remove_file(path); // What failed is said; this is the rest of it.
        }
    }
    let accounts = fit?;
    say(format!("The backup is in place, whole, and its keys fit: {accounts}. Start the backend."));
    say(
        "Everybody signs in anew, with their second step, and every service asks for its tokens anew. What was changed \
         since the backup (a removed passkey, a new password, a used recovery code) is as before it.",
    );
    Ok(())
}

/// Reads the manifest, and holds every file against it.
fn manifest(from: &Path) -> Result<Manifest, CannotStart> {
    let path = from.join(MANIFEST);
    let text = std::fs::read(&path).map_err(failed(&path))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(failed(&path))?;
    if manifest.form != FORM {
        return Err(CannotStart(format!("{} is of another version: {}", path.display(), manifest.program)));
    }
    for Listed { path, sha256: wanted } in &manifest.files {
        let known = path == DATABASE || path.strip_prefix("keys/").is_some_and(|name| !name.contains('/'));
        if !known || path.contains("..") {
            return Err(CannotStart(format!("the backup lists {path}, which is no file of a backup")));
        }
        if sha256(&from.join(path))? != *wanted {
            return Err(CannotStart(format!("{} is not what was backed up", from.join(path).display())));
        }
    }
    if manifest.elsewhere.is_none() && !manifest.files.iter().any(|file| file.path == DATABASE) {
        return Err(CannotStart("the backup lists no database".into()));
    }
    Ok(manifest)
}

/// Puts the keys in place. One that is there already must be the same.
fn restore_keys(in_backup: &Path, apart: Option<&Path>, to: &Path) -> Result<(), CannotStart> {
    let from = apart.unwrap_or(in_backup);
    if !from.is_dir() {
        return if to.join("master.key").exists() {
            Ok(()) // They were put there before.
        } else {
            Err(CannotStart("the backup holds no keys: name their directory with --keys".into()))
        };
    }
    keys::private_dir(to)?;
    for name in key_files(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        if !to.exists() {
            copy(&from, &to)?;
        } else if sha256(&from)? != sha256(&to)? {
            return Err(CannotStart(format!("{} is another key than the backup's: move it away", to.display())));
        }
    }
    Ok(())
}

/// Proves the database whole, and ends what must not go on in it.
async fn make_fit(config: Config) -> Result<String, CannotStart> {
    let because = |error| CannotStart::because("the restored database", error);
    let operator = Operator::open(config).await?;
    let store = &operator.store;
    let proven = async {
        store.fit().await.map_err(because)?.map_err(|unfit| CannotStart(unfit.to_string()))?;
        let audit = store.verify_audit(&[]).await.map_err(because)?;
        let heads = audit.map_err(|broken| CannotStart(format!("the audit is not whole: {broken}")))?;
        store.restored(Operator::act()).await.map_err(because)?;
        Ok(format!("{} audit entries", heads.iter().map(|head| head.n).sum::<u64>()))
    };
    let proven = proven.await;
    store.close().await;
    proven
}
