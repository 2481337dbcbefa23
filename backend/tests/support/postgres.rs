//! A PostgreSQL of the tests' own, from Debian's package, on a Unix socket in a folder of its own. Ended when dropped.
//!
//! It does not run as root, so a test that does runs it as the package's user `postgres`.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tempfile::TempDir;

/// A server.
pub struct Postgres {
    server: Option<Child>,
    bin: PathBuf,
    folder: TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// The server of this process: started by whoever needs it first, ended when nobody does any more.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// Starts one.
    pub fn start() -> Self {
        let bin = programs();
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().join("data");
        let owner = server_user();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("a folder of the server's");
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("permissions");
        let mut initdb = as_user(&bin.join("initdb"), owner);
        initdb.current_dir(folder.path());
        initdb.args(["--no-sync", "--auth=trust", "--username=aldgate", "--encoding=UTF8", "--no-locale", "-D"]);
        succeeded("initdb", initdb.arg(&data).output().expect("initdb runs"));
        let mut this = Self { server: None, bin, folder, databases: AtomicU32::new(0) };
        this.run_server();
        this
    }

    /// Starts the server again, after [`Self::stop`].
    #[expect(clippy::disallowed_methods, reason = "a test waits for its server before it does anything else")]
    pub fn run_server(&mut self) {
        let mut server = as_user(&self.bin.join("postgres"), server_user());
        server.current_dir(self.folder.path()).arg("-D").arg(self.folder.path().join("data"));
        server.arg("-k").arg(self.folder.path());
        server.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]);
        self.server = Some(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres runs"));
        for _ in 0..600 {
            if self.psql("postgres", "SELECT 1").status.success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL does not start");
    }

    /// The server's process.
    #[allow(dead_code, reason = "not every test sends signals")]
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("it runs").id()
    }

    /// Ends the server at once, and its own processes with it, which a killed one would leave to find out.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
            let _ = server.wait();
        }
    }

    /// Creates a database; gives the URL by which it is reached.
    pub fn database(&self) -> String {
        let name = format!("aldgate_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        succeeded("CREATE DATABASE", self.psql("postgres", &format!("CREATE DATABASE {name}")));
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://aldgate@{folder}/{name}")
    }

    /// Runs a statement on the database of a URL; gives what it found, a line a row.
    pub fn run(&self, url: &str, statement: &str) -> String {
        let database = url.rsplit('/').next().expect("a database");
        let output = succeeded(statement, self.psql(database, statement));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn psql(&self, database: &str, statement: &str) -> Output {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-U", "aldgate", "-d", database, "-c", statement]);
        psql.arg("-h").arg(self.folder.path()).output().expect("psql runs")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where Debian's package has put the programs; of several versions, the last.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|bin| bin.join("postgres").exists());
    found.sort();
    found.pop().expect("PostgreSQL is missing: scripts/test installs it (Debian's package postgresql)")
}

/// As whom the server runs, if it cannot run as whoever tests.
fn server_user() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let id = |flag: &str| {
        let output = Command::new("id").args([flag, "postgres"]).output().expect("id runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("the user postgres")
    };
    root.then(|| (id("-u"), id("-g")))
}

fn as_user(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let Some((user, group)) = owner else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).args(["--clear-groups", "--"]).arg(program);
    command
}

fn succeeded(what: &str, output: Output) -> Output {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
