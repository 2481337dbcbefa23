//! The units of `config/systemd`: they say only what systemd knows, start this program, and what they promise of an
//! upgrade holds: the processes here are started by their very words.

use crate::support::deployment::Deployment;
use crate::support::instance::Instance;
use aldgate_gateway::config::Config;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The word by which an operator has a new process take over.
const TAKE_OVER: &str = "ALDGATE_TAKE_OVER";

/// What systemd 252 knows, as far as it is used here; a key that it does not know it ignores.
const KNOWN: [(&str, &[&str]); 3] = [
    ("Unit", &["Description", "Documentation", "Wants", "After", "StartLimitIntervalSec"]),
    ("Install", &["WantedBy"]),
    (
        "Service",
        &[
            "Type",
            "User",
            "Group",
            "PassEnvironment",
            "ExecStart",
            "ExecReload",
            "Restart",
            "RestartSec",
            "RestartPreventExitStatus",
            "TimeoutStopSec",
            "CPUWeight",
            "OOMScoreAdjust",
            "LimitNOFILE",
            "TasksMax",
            "LimitCORE",
            "StateDirectory",
            "StateDirectoryMode",
            "UMask",
            "NoNewPrivileges",
            "AmbientCapabilities",
            "CapabilityBoundingSet",
            "ProtectSystem",
            "ProtectHome",
            "ProtectProc",
            "PrivateTmp",
            "PrivateDevices",
            "ProtectClock",
            "ProtectControlGroups",
            "ProtectHostname",
            "ProtectKernelLogs",
            "ProtectKernelModules",
            "ProtectKernelTunables",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "RemoveIPC",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "SystemCallArchitectures",
            "SystemCallFilter",
        ],
    ),
];

/// What a process of ours never needs: (key, value) that each unit has.
const CONFINED: [(&str, &str); 7] = [
    ("User", "aldgate"),
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("LimitCORE", "0"),
    ("StateDirectoryMode", "0700"),
];

const BACKEND: &str = "aldgate-backend.service";
const GATEWAY: &str = "aldgate-gateway@.service";

/// A unit by section and key; a key that stands twice has its values one after the other.
struct Unit(BTreeMap<(String, String), Vec<String>>);

impl Unit {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/systemd").join(name);
        let text = std::fs::read_to_string(path).expect("the sample is there");
        let (mut keys, mut section) = (BTreeMap::<_, Vec<_>>::new(), None);
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = KNOWN.iter().find(|(known, _)| *known == name);
                assert!(section.is_some(), "systemd knows no section {name}");
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line:?} is no key"));
            let (section, known) = section.expect("a key stands in a section");
            assert!(known.contains(&key), "systemd knows no {key} in {section}");
            keys.entry(((*section).to_owned(), key.to_owned())).or_default().push(value.to_owned());
        }
        for ((_, key), values) in &keys {
            assert!(values.len() == 1 || key == "SystemCallFilter", "{key} stands twice");
        }
        Self(keys)
    }

    fn says(&self, section: &str, key: &str) -> &str {
        let values = self.0.get(&(section.to_owned(), key.to_owned()));
        values.map_or_else(|| panic!("{key} is said"), |values| values[0].as_str())
    }

    fn number(&self, key: &str) -> u64 {
        self.says("Service", key).parse().expect("a number")
    }

    /// In seconds or minutes, as systemd writes them.
    fn span(&self, key: &str) -> Duration {
        let text = self.says("Service", key);
        let (count, unit) = match text.strip_suffix("min") {
            Some(minutes) => (minutes, 60),
            None => (text.trim_end_matches('s'), 1),
        };
        Duration::from_secs(count.parse::<u64>().expect("a number") * unit)
    }

    /// The command, with this program and this file in the place of those that are installed. As systemd does it, a
    /// variable that is a word of its own is its words, or none.
    fn command(&self, config: &Path, take_over: Option<&str>) -> Command {
        let mut words = self.says("Service", "ExecStart").split(' ');
        assert_eq!(words.next(), Some("/usr/bin/aldgate"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_aldgate"));
        for word in words {
            match word.strip_prefix('$') {
                Some(TAKE_OVER) => drop(command.args(take_over)),
                Some(other) => panic!("{other} is passed on by nobody"),
                None if word.starts_with("/etc/aldgate/") => drop(command.arg(config)),
                None => drop(command.arg(word)),
            }
        }
        command.env_remove("RUST_LOG");
        command
    }
}

#[test]
fn the_units_confine_what_they_start_and_give_the_gateway_more_of_the_machine() {
    let (backend, gateway) = (Unit::read(BACKEND), Unit::read(GATEWAY));
    for unit in [&backend, &gateway] {
        for (key, value) in CONFINED {
            assert_eq!(unit.says("Service", key), value, "{key}");
        }
        assert_eq!(unit.says("Service", "RestartPreventExitStatus"), "78", "a wrong configuration");
        // Nobody waits for Redis with a limit: it may be away for long.
        assert_eq!(unit.says("Unit", "StartLimitIntervalSec"), "0");
    }
    assert!(10 * backend.number("CPUWeight") <= gateway.number("CPUWeight"), "a storm of passwords is the backend's");
    // Whatever is configured, nobody is killed who drains.
    let longest = Config::parse("[edge]\nannounce = \"5m\"\ndrain = \"5m\"\n").expect("allowed").edge;
    assert!(
        Config::parse("[edge]\nannounce = \"301s\"\n").is_err() && Config::parse("[edge]\ndrain = \"301s\"\n").is_err()
    );
    assert!(gateway.span("TimeoutStopSec") > longest.announce + longest.drain);
    assert_eq!(gateway.says("Service", "PassEnvironment"), TAKE_OVER);
}

#[test]
fn a_wrong_configuration_ends_what_the_units_start_with_the_status_that_they_do_not_repeat() {
    let missing = Path::new("/nowhere/aldgate.toml");
    for (unit, take_over) in [(BACKEND, None), (GATEWAY, None), (GATEWAY, Some("--take-over"))] {
        let ended = Unit::read(unit).command(missing, take_over).output().expect("the binary");
        assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    }
}

/// The upgrade that the unit describes: instance b takes over from a, which ends well; b is killed, and starts anew
/// without the word; then it is a's turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_of_the_gateways_unit_take_over_from_one_another_and_restart_by_themselves() {
    let mut deployment = Deployment::start(1, "").await;
    let ports = deployment.gateways[0].ports;
    let config = deployment.dir.path().join(format!("gateway-{}.toml", ports.private));
    let unit = Unit::read(GATEWAY);
    let dir = deployment.dir.clone();
    let start = async |take_over: Option<&str>| {
        Instance::run(dir.clone(), ports, unit.command(&config, take_over), "Aldgate is ready").await
    };
    let mut a = deployment.gateways.remove(0);
    let mut b = start(Some("--take-over")).await;
    assert!(a.ended().await.success(), "an end that is not repeated: {}", a.errors());
    assert_eq!(b.client().get("/session").await.status, 401);
    b.signal("KILL");
    b.ended().await;
    let mut b = start(None).await;
    assert_eq!(b.client().get("/session").await.status, 401);
    let a = start(Some("--take-over")).await;
    assert!(b.ended().await.success(), "{}", b.errors());
    assert_eq!(a.client().get("/session").await.status, 401);
}
