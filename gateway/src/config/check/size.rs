//! Sizes of memory: `512 KiB`, `256 MiB`, `2 GiB`.
//!
//! Powers of two by their own names only. "MB" means two things, and a number without a unit looks like a count.

use super::Faults;

/// Bytes of a mebibyte.
pub(super) const MIB: u64 = 1024 * 1024;

/// The largest size that is taken for meant: room for 240 million sessions. More is a typing error.
const SIZE_MAX: u64 = 64 * 1024 * MIB;

fn parse(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim_start_matches(' ') {
        "KiB" => 1024,
        "MiB" => MIB,
        "GiB" => 1024 * MIB,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// A size of at least `min` bytes.
pub(super) fn size(path: &str, text: Option<&str>, default: u64, min: u64, faults: &mut Faults) -> u64 {
    let Some(text) = text else { return default };
    let Some(bytes) = parse(text) else {
        faults.add(path, format!("{text:?} is not a size such as \"512 KiB\", \"256 MiB\" or \"2 GiB\""));
        return default;
    };
    if !(min..=SIZE_MAX).contains(&bytes) {
        faults.add(path, format!("must be from {} MiB to {} GiB", min / MIB, SIZE_MAX / MIB / 1024));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit_and_never_without() {
        assert_eq!(parse("512 MiB"), Some(512 * MIB));
        assert_eq!(parse("2GiB"), Some(2 * 1024 * MIB));
        assert_eq!(parse("64 KiB"), Some(64 * 1024));
        for wrong in ["", "512", "MiB", "512 MB", "512 mib", "-1 MiB", "1.5 GiB", "1 TiB", "99999999999999999999 MiB"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse("18446744073709551615 GiB"), None, "too large to count");
    }
}
