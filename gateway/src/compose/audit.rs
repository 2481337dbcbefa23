//! `aldgate audit`: proves the audit whole, and lists it.

use super::CannotStart;
use super::operator::{Operator, date, say};
use aldgate_backend::store::StoreError;
use aldgate_backend::store::audit::{Audited, CHAINS, Head};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use aldgate_gateway::config::Config;
use std::path::{Path, PathBuf};

/// Entries that are read at a time.
const READ_MAX: u32 = 500;

/// Most entries of one account that are listed.
const OF_ACCOUNT_MAX: u32 = 100_000;

fn failed(error: StoreError) -> CannotStart {
    CannotStart::because("the audit cannot be read", error)
}

/// Goes through every chain and prints where each ends. `since` is a file with what an earlier run has printed.
///
/// # Errors
/// Where the audit breaks.
pub(crate) async fn verify(config: Config, since: Option<PathBuf>) -> Result<(), CannotStart> {
    let earlier = since.as_deref().map(heads).transpose()?.unwrap_or_default();
    let operator = Operator::open(config).await?;
    let verified = operator.store.verify_audit(&earlier).await.map_err(failed)?;
    operator.store.close().await;
    let heads = verified.map_err(|broken| CannotStart(format!("the audit is not whole: {broken}")))?;
    for head in heads {
        say(head);
    }
    Ok(())
}

fn heads(path: &Path) -> Result<Vec<Head>, CannotStart> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| CannotStart::because(&format!("cannot read {}", path.display()), error))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            line.parse().map_err(|error| CannotStart(format!("{}, line {}: {error}", path.display(), at + 1)))
        })
        .collect()
}

/// Prints the entries, a JSON object a line: all, chain by chain, or those about an account, newest first.
///
/// # Errors
/// If they cannot be read.
pub(crate) async fn list(config: Config, account: Option<String>) -> Result<(), CannotStart> {
    let account: Option<AccountId> = account
        .map(|text| text.parse().map_err(|_| CannotStart(format!("--account {text}: is not an account's id"))))
        .transpose()?;
    let operator = Operator::open(config).await?;
    let store = &operator.store;
    if let Some(account) = account {
        for entry in store.audited_of(&account, OF_ACCOUNT_MAX).await.map_err(failed)? {
            say(line(&entry));
        }
    } else {
        for chain in 0..CHAINS {
            let mut after = 0;
            loop {
                let entries = store.audited(chain, after, READ_MAX).await.map_err(failed)?;
                let Some(last) = entries.last() else { break };
                after = last.n();
                entries.iter().for_each(|entry| say(line(entry)));
            }
        }
    }
    store.close().await;
    Ok(())
}

/// An entry, with its moment as people read it beside the one that its tag covers.
fn line(entry: &Audited) -> serde_json::Value {
    let mut line = entry.json();
    let at = line["at"].as_u64().map(Timestamp::from_millis).map(date);
    line["time"] = at.into();
    line
}
