//! Data keys as files that hold them wrapped: `data-N.wrapped` among the deployment's keys, which [`KeyProgram`] has wrapped and
//! it alone can unwrap.
//!
//! A key that lies there plain, from before there was the program, is used as it is until it is rotated away: the next one
//! is wrapped. What is derived from the master key (key 0, the digests, what gates and links are made with) is not wrapped
//! by this: after the first rotation nothing that is sealed in the database opens with the master key alone.

use super::data_key::{DATA_KEY_BYTES, DataKeys, KeyId, KeysFailed};
use super::key_files::{KeyFiles, failed, new_file};
use super::key_program::{KeyProgram, WRAPPED_BYTES_MAX};
use aldgate_core::secret::Secret;
use async_trait::async_trait;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;

/// Wrapped keys of a directory.
#[derive(Debug, Clone)]
pub struct WrappedKeys {
    plain: KeyFiles,
    program: KeyProgram,
}

impl WrappedKeys {
    /// Of this directory, which exists, by this program.
    pub const fn new(dir: PathBuf, program: KeyProgram) -> Self {
        Self { plain: KeyFiles::new(dir), program }
    }

    fn read(&self, id: KeyId) -> Result<Option<Vec<u8>>, KeysFailed> {
        let path = self.plain.wrapped_path(id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        let mut wrapped = Vec::new();
        let most = u64::try_from(WRAPPED_BYTES_MAX).unwrap_or(u64::MAX);
        file.take(most.saturating_add(1)).read_to_end(&mut wrapped).map_err(|error| failed(&path, &error))?;
        if wrapped.len() > WRAPPED_BYTES_MAX {
            return Err(KeysFailed(format!("{} is longer than any wrapped key", path.display())));
        }
        Ok(Some(wrapped))
    }
}

fn name(id: KeyId) -> String {
    format!("data-{id}")
}

#[async_trait]
impl DataKeys for WrappedKeys {
    async fn load(&self, id: KeyId) -> Result<Option<Secret<[u8; DATA_KEY_BYTES]>>, KeysFailed> {
        match self.read(id)? {
            Some(wrapped) => self.program.unwrap(&name(id), &wrapped).await.map(Some),
            None => self.plain.load(id).await,
        }
    }

    async fn keep(&self, id: KeyId, key: &Secret<[u8; DATA_KEY_BYTES]>) -> Result<(), KeysFailed> {
        let plain = self.plain.path(id);
        if plain.exists() {
            return Err(KeysFailed(format!("{} is there already", plain.display())));
        }
        let wrapped = self.program.wrap(&name(id), key).await?;
        new_file(&self.plain.wrapped_path(id), &wrapped)
    }

    async fn destroy(&self, id: KeyId) -> Result<(), KeysFailed> {
        self.plain.destroy(id).await // What is wrapped goes with it.
    }

    fn place(&self, id: KeyId) -> PathBuf {
        self.plain.wrapped_path(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::audit::Act;
    use crate::store::tests::{Home, open, with_passkey};
    use aldgate_core::testing::world::NOW;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::time::Duration;

    /// What an operator would write for a KMS, with openssl in its place: the key of keys lies where the program has it and
    /// Aldgate does not. What is wrapped is bound to its name.
    const WITH_OPENSSL: &str = r#"set -eu
pass="file:$1" verb=$2 name=$3
case $verb in
wrap) printf '%s\n' "$name"; openssl enc -aes-256-ctr -pbkdf2 -iter 1000 -salt -pass "$pass" -base64 -A ;;
unwrap)
    IFS= read -r bound
    [ "$bound" = "$name" ] || { echo "this is $bound and not $name" >&2; exit 3; }
    openssl enc -d -aes-256-ctr -pbkdf2 -iter 1000 -pass "$pass" -base64 -A ;;
*) echo "no such verb" >&2; exit 64 ;;
esac
"#;

    fn program(command: &[&Path]) -> KeyProgram {
        let command: Vec<_> = command.iter().map(|part| part.display().to_string()).collect();
        KeyProgram::new(&command).expect("a program")
    }

    /// A script, which the shell reads: a file that was just written cannot always be executed in a process that forks.
    fn script(dir: &Path, text: &str, arguments: &[&Path]) -> KeyProgram {
        let path = dir.join("wrap-key");
        std::fs::write(&path, text).expect("a script");
        let mut command = vec![Path::new("/bin/sh"), path.as_path()];
        command.extend(arguments);
        program(&command)
    }

    fn key() -> Secret<[u8; 32]> {
        Secret::new(std::array::from_fn(|n| u8::try_from(n).expect("small").wrapping_mul(7)))
    }

    async fn addresses_open(store: &Store) -> bool {
        store.account(&with_passkey(1).id).await.is_ok_and(|account| account.is_some())
    }

    #[tokio::test]
    async fn a_deployment_whose_keys_openssl_wraps_rotates_restarts_and_opens_nothing_without_it() {
        let (dir, kms) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let secret = kms.path().join("key-of-keys");
        std::fs::write(&secret, "correct horse battery staple").expect("a secret");
        let keys = WrappedKeys::new(dir.path().into(), script(kms.path(), WITH_OPENSSL, &[&secret]));
        let home = Home::new().await;
        let _ = home.store.create_account(&with_passkey(1)).await.expect("created");
        let act = Act::system("test", NOW);
        assert_eq!(home.store.make_data_key(&keys, NOW, act.clone()).await, Ok(KeyId(1)));
        home.store.look_at_keys(&keys, NOW).await.expect("in order");
        let later = NOW.plus(Duration::from_mins(1));
        while home.store.reseal_step(later).await.expect("resealed") == crate::store::reseal::Step::More {}
        home.store.close().await;

        let plain = keys.load(KeyId(1)).await.expect("unwrapped").expect("a key");
        let wrapped = std::fs::read(keys.place(KeyId(1))).expect("a file");
        assert!(!wrapped.windows(32).any(|part| part == plain.expose()));
        let mode = std::fs::metadata(keys.place(KeyId(1))).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let restarted = open(&home.path()).await.expect("a store");
        restarted.look_at_keys(&keys, later).await.expect("in order");
        assert!(addresses_open(&restarted).await);
        restarted.close().await;

        std::fs::write(&secret, "another").expect("a secret");
        let without = open(&home.path()).await.expect("a store");
        let failed = without.look_at_keys(&keys, later).await.expect_err("another key of keys").to_string();
        assert!(failed.contains("data key 1") || failed.contains("wrap-key unwrap data-1"), "{failed}");
        assert!(!addresses_open(&without).await);
        let plain_alone = KeyFiles::new(dir.path().into());
        let failed = without.look_at_keys(&plain_alone, later).await.expect_err("no program").to_string();
        assert!(failed.contains("keys.wrap"), "{failed}");
    }

    #[tokio::test]
    async fn what_is_wrapped_is_of_its_number_and_a_plain_key_stays_until_it_is_rotated_away() {
        let (dir, kms) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let secret = kms.path().join("key-of-keys");
        std::fs::write(&secret, "correct horse battery staple").expect("a secret");
        let keys = WrappedKeys::new(dir.path().into(), script(kms.path(), WITH_OPENSSL, &[&secret]));
        KeyFiles::new(dir.path().into()).keep(KeyId(1), &key()).await.expect("kept before there was a program");
        assert_eq!(keys.load(KeyId(1)).await, Ok(Some(key())));
        assert!(keys.keep(KeyId(1), &key()).await.is_err(), "a key in use is never replaced");
        keys.keep(KeyId(2), &key()).await.expect("kept");
        assert!(keys.keep(KeyId(2), &key()).await.is_err(), "nor is a wrapped one");
        assert_eq!(keys.load(KeyId(2)).await, Ok(Some(key())));
        std::fs::rename(keys.place(KeyId(2)), keys.place(KeyId(3))).expect("moved");
        let failed = keys.load(KeyId(3)).await.expect_err("of another number");
        assert!(failed.0.contains("exit status: 3: this is data-2 and not data-3"), "{failed}");
        for id in [KeyId(1), KeyId(3)] {
            keys.destroy(id).await.expect("destroyed");
            assert_eq!(keys.load(id).await, Ok(None));
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn a_program_that_does_not_do_it_is_named_and_leaves_no_key() {
        let (dir, kms) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        for (text, why) in [
            ("echo the KMS is away >&2\nexit 7\n", "exit status: 7: the KMS is away"),
            ("cat\n", "holds the key readable"),
            ("cat >/dev/null\n", "it gave nothing"),
            ("head -c 20000 /dev/zero\n", "more than 16384 bytes"),
            ("exec cat /dev/zero\n", "more than 16384 bytes"),
            ("cat /dev/zero >&2\n", "it did not end within 1 s"),
            ("exec sleep 60\n", "it did not end within 1 s"),
            ("cat >/dev/null; head -c 32 /dev/zero\n", "it gave another key than was wrapped"),
            ("cat >/dev/null; echo short\n", "it did not give the 32 bytes of a key"),
        ] {
            let program = script(kms.path(), text, &[]).within(Duration::from_secs(1));
            let keys = WrappedKeys::new(dir.path().into(), program);
            let failed = keys.keep(KeyId(1), &key()).await.expect_err(text);
            assert!(failed.0.starts_with("keys.wrap: ") && failed.0.contains("wrap-key"), "{failed}");
            assert!(failed.0.contains(why) && !failed.0.contains('\n'), "{text}: {failed}");
            assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0, "{text}");
        }
        let absent = program(&[Path::new("/nowhere/wrap-key")]);
        let failed = WrappedKeys::new(dir.path().into(), absent).keep(KeyId(1), &key()).await.expect_err("absent");
        assert!(failed.0.contains("/nowhere/wrap-key wrap data-1: No such file"), "{failed}");
        for command in [&[][..], &["wrap-key".to_owned()], &["./wrap-key".to_owned()]] {
            assert!(KeyProgram::new(command).is_err(), "{command:?}");
        }
    }
}
