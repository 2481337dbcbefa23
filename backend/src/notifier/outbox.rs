//! The file outbox: one file a message, for development and for a mail program that takes its messages from a folder.
//!
//! A message is written under a name that no reader takes, flushed to disk and then renamed, so that nobody reads half
//! of one. The names sort by time. Only the backend's own user may read them: some carry a code.

use super::{Channel, Message, NotSent, Notifier};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::fs::{DirBuilder, OpenOptions, rename};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE_MODE: u32 = 0o600; // Codes are in there.
const DIRECTORY_MODE: u32 = 0o700; // As above.

/// A folder that takes messages.
pub(crate) struct FileOutbox {
    directory: PathBuf,
    entropy: Arc<dyn Entropy>,
}

impl FileOutbox {
    /// Opens the folder, and makes it if there is none.
    pub(crate) fn open(directory: PathBuf, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&directory)?;
        Ok(Self { directory, entropy })
    }

    /// Milliseconds, and a random part for two messages of one millisecond.
    fn name(&self, now: Timestamp) -> io::Result<String> {
        let random: [u8; 8] = self.entropy.bytes().map_err(io::Error::other)?;
        Ok(format!("{:014}-{:016x}", now.as_millis(), u64::from_be_bytes(random)))
    }
}

/// One header line: no value of ours holds a line break, and this makes sure.
fn header(name: &str, value: &str) -> String {
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    format!("{name}: {value}\n")
}

/// How whoever takes the file from the folder is to deliver it.
const fn by(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "email",
        Channel::Text => "text",
        Channel::Voice => "voice",
    }
}

fn write(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    let unfinished = directory.join(format!(".{name}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    rename(unfinished, directory.join(format!("{name}.txt")))
}

#[async_trait]
impl Notifier for FileOutbox {
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        let name = self.name(now).map_err(NotSent::Io)?;
        let Message { to, subject, body, .. } = message;
        let by = header("By", by(message.channel));
        let text = format!("{}{by}{}\n{body}\n", header("To", to), header("Subject", subject));
        let directory = self.directory.clone();
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &text)).await;
        written.map_err(io::Error::other).flatten().map_err(NotSent::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::language::Language;
    use aldgate_core::testing::SeededEntropy;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn a_message_is_one_private_file_and_names_sort_by_time() {
        let folder = tempfile::tempdir().expect("folder");
        let directory = folder.path().join("outbox");
        let outbox = FileOutbox::open(directory.clone(), Arc::new(SeededEntropy::new(1))).expect("outbox");
        for (seconds, subject) in [(2, "second\r\nBcc: x"), (1, "first")] {
            let message = Message {
                channel: Channel::Email,
                to: "a@b.example".into(),
                language: Language::English,
                subject: subject.into(),
                body: "Text.".into(),
                code: None,
            };
            outbox.send(&message, Timestamp::from_secs(seconds)).await.expect("sent");
        }
        let mut files: Vec<_> =
            fs::read_dir(&directory).expect("list").map(|entry| entry.expect("entry").path()).collect();
        files.sort();
        let texts: Vec<_> = files.iter().map(|file| fs::read_to_string(file).expect("text")).collect();
        assert_eq!(texts[0], "To: a@b.example\nBy: email\nSubject: first\n\nText.\n");
        assert!(texts[1].contains("Subject: secondBcc: x\n"), "{}", texts[1]);
        let mode = fs::metadata(&files[0]).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE);
    }
}
