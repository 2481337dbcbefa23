//! Making people: accounts with one passkey each, whose keys follow from seed and number, written through the
//! backend's own store. So a population of millions needs no list, and `run` signs for any of them.
//!
//! Accounts are written in their order, a batch in one transaction. So what is there already is found by halving, and
//! a population that was interrupted, or that is to grow, is continued where it ends.

use crate::clock;
use crate::people::{email_address, password_hash};
use crate::progress::Progress;
use crate::trouble::Trouble;
use crate::wallet::derive_all;
use aldgate_backend::model::{EmailAddress, NewAccount, NewCredential, PasswordHash, WayIn};
use aldgate_backend::store::{Server, ServerOptions, Store};
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MASTER_KEY_BYTES, MasterKey};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::time::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Accounts in one transaction: a second's work, so that progress shows and an interruption costs little.
const BATCH: u64 = 5_000;

/// Connections to PostgreSQL: one batch is written at a time.
const CONNECTIONS: u32 = 2;

/// Most accounts: thrice the yardstick's.
const ACCOUNTS_MAX: u64 = 150_000_000;

/// The options of `aldgate-loadtest populate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  aldgate-loadtest populate --data data --accounts 100000 --seed 7

Existing accounts of the same seed are left alone, and the population is continued after them; those of other seeds
and of real people are not touched. It may be done while Aldgate runs.")]
pub(crate) struct Population {
    /// Aldgate's data directory; it must have run there once, since it makes the keys.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,

    /// The database, if Aldgate's is on PostgreSQL: `postgres://user@host/database`; the password from `~/.pgpass`.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,

    /// How people log in. Accounts with a password need a seed of their own.
    #[arg(long, default_value = "passkey", value_enum)]
    way_in: Way,

    /// How many accounts there are to be in the end.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=ACCOUNTS_MAX))]
    accounts: u64,

    /// The seed from which accounts and keys follow; give the same to `run`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How people log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// With a passkey, whose key follows from the seed.
    Passkey,
    /// With a password, everybody's the same.
    Password,
}

/// The system's randomness.
struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        self.0.fill(out).map_err(|_| EntropyFailed)
    }
}

/// `aldgate-loadtest populate`.
///
/// # Errors
/// [`Trouble`], if the data directory is not Aldgate's or its database does not take the accounts.
pub(crate) async fn command(population: &Population) -> Result<(), Trouble> {
    let store = open(&population.data, population.postgres.as_deref()).await?;
    let populated = populate(&store, population).await;
    store.close().await;
    println!("{}", populated?);
    Ok(())
}

/// Makes what is missing; gives back a sentence that says what was done.
async fn populate(store: &Store, population: &Population) -> Result<String, Trouble> {
    let Population { accounts, seed, way_in, .. } = *population;
    let hash = (way_in == Way::Password).then(password_hash).transpose()?;
    let existing = existing(store, seed, accounts).await?;
    if existing == accounts {
        return Ok(format!("all {accounts} accounts of seed {seed} exist already; nothing was written"));
    }
    let mut progress = Progress::on_stderr();
    if existing > 0 {
        progress.say(&format!("{existing} accounts of seed {seed} exist already; continuing after them"));
    }
    let (begun, mut written) = (clock::now(), existing);
    let per_second = |written: u64| (written - existing) as f64 / begun.elapsed().as_secs_f64().max(1e-9);
    while written < accounts {
        let users: Vec<u64> = (written..accounts.min(written + BATCH)).collect();
        let batch = batch(seed, &users, hash.as_ref())?;
        store.insert_accounts(&batch).await.map_err(|error| {
            let next = "see that no other population of this seed is being written, and start again: it continues";
            Trouble::new(format!("accounts {written} and following were not written: {error}"), next)
        })?;
        written += u64::try_from(users.len()).unwrap_or(0);
        progress.show(|| format!("{written} of {accounts} accounts, {:.0}/s", per_second(written)));
    }
    progress.clear();
    Ok(format!(
        "{} accounts of seed {seed} written in {:.1} s ({:.0}/s); there are {accounts} now",
        accounts - existing,
        begun.elapsed().as_secs_f64(),
        per_second(written),
    ))
}

async fn open(data: &Path, postgres: Option<&str>) -> Result<Store, Trouble> {
    let key_path = data.join("keys/master.key");
    let next = "start Aldgate on this directory once (./scripts/up makes it), or give --data another";
    let bytes = std::fs::read(&key_path)
        .map_err(|error| Trouble::new(format!("{} cannot be read: {error}", key_path.display()), next))?;
    let bytes: [u8; MASTER_KEY_BYTES] = bytes
        .try_into()
        .map_err(|_| Trouble::new(format!("{} is not a key of {MASTER_KEY_BYTES} bytes", key_path.display()), next))?;
    let entropy = Arc::new(SystemEntropy(SystemRandom::new()));
    let master = MasterKey::new(bytes);
    let Some(url) = postgres else {
        let store = Store::open(&data.join("aldgate.db"), &master, entropy).await;
        let next = "see that --data is Aldgate's data directory and can be written";
        return store.map_err(|error| Trouble::new(error, next));
    };
    let next = "give --postgres what the configuration says in store.url";
    let server = Server::new(ServerOptions { url: url.into(), password: None, authorities: None });
    let server = server.map_err(|bad| Trouble::new(format!("--postgres {bad}"), next))?;
    let store = Store::connect(&server, CONNECTIONS, &master, entropy).await;
    store.map_err(|error| Trouble::new(error, next))
}

/// How many of the accounts `0..accounts` exist, counted from the first without a gap.
async fn existing(store: &Store, seed: u64, accounts: u64) -> Result<u64, Trouble> {
    let (mut there, mut missing) = (0, accounts);
    if exists(store, seed, accounts - 1).await? {
        return Ok(accounts);
    }
    while there < missing {
        let middle = there + (missing - there) / 2;
        if exists(store, seed, middle).await? {
            there = middle + 1;
        } else {
            missing = middle;
        }
    }
    Ok(there)
}

async fn exists(store: &Store, seed: u64, user: u64) -> Result<bool, Trouble> {
    let found = store.account_by_email(&email(seed, user)?).await;
    found.map(|account| account.is_some()).map_err(|error| Trouble::new(error, "see that --data is Aldgate's"))
}

fn batch(seed: u64, users: &[u64], password: Option<&PasswordHash>) -> Result<Vec<NewAccount>, Trouble> {
    let created = Timestamp::from_secs(clock::unix_secs());
    if let Some(password) = password {
        let account = |user: &u64| {
            let id = AccountId::from_bytes((u128::from(seed) << 64 | u128::from(*user)).to_be_bytes());
            Ok(NewAccount { id, email: email(seed, *user)?, way_in: WayIn::Password(password.clone()), created })
        };
        return users.iter().map(account).collect();
    }
    let passkeys = derive_all(seed, users);
    users.iter().zip(&passkeys).map(|(user, passkey)| account(seed, *user, passkey, created)).collect()
}

fn email(seed: u64, user: u64) -> Result<EmailAddress, Trouble> {
    let email = EmailAddress::parse(&email_address(seed, user));
    email.map_err(|error| Trouble::new(format!("{error:?}"), "report this: the address is made here"))
}

/// The account of one user with a passkey.
fn account(seed: u64, user: u64, passkey: &Authenticator, created: Timestamp) -> Result<NewAccount, Trouble> {
    let credential = NewCredential {
        credential_id: passkey.credential_id.to_vec(),
        record: passkey.record(),
        name: "Load test".into(),
        aaguid: [0; 16],
        transports: vec!["internal".into()],
        created,
    };
    Ok(NewAccount { id: passkey.account, email: email(seed, user)?, way_in: WayIn::Passkey(credential), created })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::id::CredentialDigest;

    fn data() -> tempfile::TempDir {
        let data = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(data.path().join("keys")).expect("a directory");
        std::fs::write(data.path().join("keys/master.key"), [7; 32]).expect("a key");
        data
    }

    async fn populated(data: &Path, accounts: u64) -> String {
        populated_by(data, Way::Passkey, 7, accounts).await
    }

    async fn populated_by(data: &Path, way_in: Way, seed: u64, accounts: u64) -> String {
        let store = open(data, None).await.expect("a store");
        let population = Population { data: data.into(), postgres: None, way_in, accounts, seed };
        let said = populate(&store, &population).await.expect("a population");
        store.close().await;
        said
    }

    #[tokio::test]
    async fn a_population_is_made_once_and_grows() {
        let data = data();
        assert!(populated(data.path(), 20).await.starts_with("20 accounts of seed 7 written"));
        assert!(populated(data.path(), 20).await.starts_with("all 20 accounts of seed 7 exist already"));
        assert!(populated(data.path(), 33).await.starts_with("13 accounts of seed 7 written"));
        let store = open(data.path(), None).await.expect("a store");
        let passkey = Authenticator::derived(7, 32);
        let record = store.credential(&CredentialDigest::of(&passkey.credential_id)).await.expect("a read");
        assert_eq!(record, Some(passkey.record()));
        store.close().await;
        assert!(populated_by(data.path(), Way::Password, 8, 20).await.starts_with("20 accounts of seed 8 written"));
        assert!(populated_by(data.path(), Way::Password, 8, 21).await.starts_with("1 accounts of seed 8 written"));
    }

    #[tokio::test]
    async fn without_keys_there_is_advice() {
        let empty = tempfile::tempdir().expect("a directory");
        let trouble = open(empty.path(), None).await.map(|_| ()).expect_err("no keys");
        assert!(trouble.to_string().contains("./scripts/up"), "{trouble}");
    }
}
