//! Names of keys. All that one step may touch lies in one lane, and each lane in one slot of a Redis Cluster.
//!
//! A slot is CRC-16 of the part of a key that stands in braces, modulo 16,384 (Redis Cluster specification, "Hash
//! tags"). The tags below put lane *i* into the middle of the *i*-th sixteenth of the slots: any equal division of the
//! slots over up to sixteen masters also divides the lanes equally.

use crate::id::{CredentialDigest, LANES, Lane, SingleUse};

/// How many slots a Redis Cluster has.
const SLOTS: u16 = 16_384;

/// The lanes' hash tags.
const TAGS: [&str; LANES] =
    ["04s", "003", "pt6", "4x6", "0ay", "0e9", "4mt", "4i4", "265", "22u", "c0h", "6zp", "gio", "5f", "6o2", "6kr"];

/// A place among the 16,384 of a Redis Cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(pub(super) u16);

/// A key, and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: Vec<u8>,
    pub(super) slot: Slot,
}

/// The names of one deployment's keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    lanes: [Key; LANES],
}

impl Keys {
    /// Names that begin with `prefix`, which must contain no brace.
    pub(super) fn new(prefix: &str) -> Self {
        let lanes = TAGS.map(|tag| Key::named(format!("{prefix}{{{tag}}}").into_bytes()));
        Self { prefix: prefix.into(), lanes }
    }

    /// The stem of all names in a lane.
    pub(super) fn lane(&self, lane: Lane) -> &Key {
        &self.lanes[lane.index() % LANES]
    }

    /// A lane's log of changes.
    pub(super) fn changes(&self, lane: Lane) -> Key {
        self.in_lane(lane, b"f")
    }

    /// A lane's log-ins.
    pub(super) fn log_ins(&self, lane: Lane) -> Key {
        self.in_lane(lane, b"l")
    }

    /// One name in a lane.
    pub(super) fn in_lane(&self, lane: Lane, rest: &[u8]) -> Key {
        let stem = self.lane(lane);
        Key { name: [&stem.name, rest].concat(), slot: stem.slot }
    }

    /// A passkey's published record: found by the digest alone, so it cannot lie in its account's lane.
    pub(super) fn published(&self, credential: &CredentialDigest) -> Key {
        Key::named(format!("{}c{credential}", self.prefix).into_bytes())
    }

    /// A value that may be used once, for whatever account.
    pub(super) fn single_use(&self, value: &SingleUse) -> Key {
        Key::named(format!("{}u{value}", self.prefix).into_bytes())
    }
}

impl Key {
    fn named(name: Vec<u8>) -> Self {
        let slot = slot(&name);
        Self { name, slot }
    }
}

fn slot(name: &[u8]) -> Slot {
    let tag = name.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &name[open + 1..];
        rest.iter().position(|byte| *byte == b'}').filter(|len| *len > 0).map(|len| &rest[..len])
    });
    Slot(crc16(tag.unwrap_or(name)) % SLOTS)
}

/// CRC-16/XMODEM: polynomial 0x1021, initial value 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"{user1000}.following"), slot(b"{user1000}.followers"));
        assert_eq!(slot(b"foo{}{bar}"), Slot(crc16(b"foo{}{bar}") % SLOTS), "an empty tag is none");
    }

    #[test]
    fn each_lane_lies_in_the_middle_of_its_sixteenth_of_the_slots() {
        let keys = Keys::new("a");
        for (lane, n) in Lane::all().zip(0_u16..) {
            assert_eq!(keys.lane(lane).slot, Slot(n * 1_024 + 512));
            let inside = keys.in_lane(lane, &[b's', b'{', 0, b'}']);
            assert_eq!(slot(&inside.name), inside.slot, "whatever bytes follow the tag");
        }
    }
}
