//! Passwords that were breached: a binary fuse filter over their SHA-1 digests (NIST SP 800-63B-4, section 3.1.1.2: a
//! new password is compared with a list of compromised ones).
//!
//! The filter answers from memory: 18 bits a password, no look-up anywhere, and nobody learns what was asked. One
//! password in 65,536 that was never breached is refused too; whoever meets that chooses another. SHA-1 is the digest
//! of the public lists (one `DIGEST:COUNT` a line), so that such a list can be taken as it is; it protects nothing here.
//!
//! A file holds: a line that says what it is, the filter's descriptor, its fingerprints, and the SHA-256 of all that.
//!
//! One such file is in the program, and asked where the configuration names none. It was built as any other is, of those of
//! eight characters and more of the 20,000 passwords that were breached most often: the list that Django brings along
//! (`django/contrib/auth/common-passwords.txt.gz` of version 5.2.19, by Royce Williams, from Have I Been Pwned; BSD 3-Clause).

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use std::io::{self, BufRead, Write};
use xorf::{BinaryFuse16, Descriptor, Filter as _};

/// What a file begins with.
const HEAD: &[u8] = b"aldgate breached passwords 1\n";

const DESCRIPTOR_BYTES: usize = 8 + 3 * 4;
const CHECKSUM_BYTES: usize = 32;
const SHA1_HEX_CHARS: usize = 40;

/// Longest line of a list: a password of 256 characters, or a digest with its count.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// The filter that is in the program.
const BUNDLED: &[u8] = include_bytes!("breached.filter");

/// A filter.
#[derive(Debug)]
pub struct Breached(BinaryFuse16);

/// Why a list or a file gave no filter.
#[derive(Debug, thiserror::Error)]
pub enum NoFilter {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The list holds no password.
    #[error("the list holds no password")]
    Empty,
    /// A line that is longer than any password.
    #[error("line {0} is longer than {LINE_BYTES_MAX} bytes")]
    LongLine(usize),
    /// The filter could not be built, which happens to no list in practice.
    #[error("no filter could be built: {0}")]
    Unbuildable(&'static str),
    /// The file is no filter of ours, was cut or was altered.
    #[error("it is no filter that `aldgate breached-passwords build` has made, or was cut or altered")]
    Unreadable,
}

impl Breached {
    /// Builds a filter from a list, one password or one SHA-1 digest in hexadecimal (with or without `:COUNT`) a line.
    /// Gives how many different ones it holds. It takes some 60 bytes of memory a line.
    ///
    /// # Errors
    /// [`NoFilter`].
    pub fn build(mut list: impl BufRead) -> Result<(Self, usize), NoFilter> {
        let (mut keys, mut line, mut number) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            line.clear();
            number += 1;
            let mut bounded = io::Read::take(&mut list, LINE_BYTES_MAX as u64);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.len() == LINE_BYTES_MAX {
                return Err(NoFilter::LongLine(number));
            }
            if !text.is_empty() {
                keys.push(listed(text).unwrap_or_else(|| key(text)));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(NoFilter::Empty);
        }
        let filter = BinaryFuse16::try_from(&keys).map_err(NoFilter::Unbuildable)?;
        Ok((Self(filter), keys.len()))
    }

    /// The small one that is in the program.
    ///
    /// # Errors
    /// [`NoFilter::Unreadable`], if the program is damaged.
    pub fn bundled() -> Result<Self, NoFilter> {
        Self::parse(BUNDLED)
    }

    /// Writes the filter.
    ///
    /// # Errors
    /// When `to` fails.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let Descriptor { seed, segment_length, segment_length_mask, segment_count_length } = self.0.descriptor;
        let mut bytes = Vec::with_capacity(HEAD.len() + DESCRIPTOR_BYTES + self.0.fingerprints.len() * 2);
        bytes.extend_from_slice(HEAD);
        bytes.extend_from_slice(&seed.to_le_bytes());
        for number in [segment_length, segment_length_mask, segment_count_length] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.0.fingerprints.iter().for_each(|fingerprint| bytes.extend_from_slice(&fingerprint.to_le_bytes()));
        to.write_all(&bytes)?;
        to.write_all(digest(&SHA256, &bytes).as_ref())?;
        to.flush()
    }

    /// Reads what [`Breached::write`] wrote. Nothing in a file can make a look-up reach beyond its fingerprints.
    ///
    /// # Errors
    /// [`NoFilter::Unreadable`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoFilter> {
        Self::read(bytes).ok_or(NoFilter::Unreadable)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (covered, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if digest(&SHA256, covered).as_ref() != checksum {
            return None;
        }
        let rest = covered.strip_prefix(HEAD)?;
        let (seed, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (mask, rest) = rest.split_first_chunk::<4>()?;
        let (count_length, fingerprints) = rest.split_first_chunk::<4>()?;
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(*seed),
            segment_length: u32::from_le_bytes(*length),
            segment_length_mask: u32::from_le_bytes(*mask),
            segment_count_length: u32::from_le_bytes(*count_length),
        };
        let (fingerprints, odd) = fingerprints.as_chunks::<2>();
        let fits = odd.is_empty() && is_sound(&descriptor, fingerprints.len());
        let fingerprints = fingerprints.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect();
        fits.then_some(Self(BinaryFuse16 { descriptor, fingerprints }))
    }

    /// Whether a password was breached, but for one in 65,536 that was not.
    pub(super) fn holds(&self, password: &str) -> bool {
        self.0.contains(&key(password.as_bytes()))
    }
}

/// A look-up takes one fingerprint of each of three neighbouring segments, the first of which is counted.
fn is_sound(descriptor: &Descriptor, fingerprints: usize) -> bool {
    let Descriptor { segment_length, segment_length_mask, segment_count_length, .. } = *descriptor;
    let all = u64::from(segment_count_length) + 2 * u64::from(segment_length);
    segment_length.is_power_of_two()
        && segment_length_mask == segment_length - 1
        && segment_count_length > 0
        && segment_count_length.is_multiple_of(segment_length)
        && usize::try_from(all).is_ok_and(|all| all == fingerprints)
}

/// The key of a password: the first eight bytes of its SHA-1.
fn key(password: &[u8]) -> u64 {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
    digest.as_ref().first_chunk().map_or(0, |head| u64::from_be_bytes(*head))
}

/// The key that a line gives as a digest.
fn listed(line: &[u8]) -> Option<u64> {
    let (hex, count) = line.split_at_checked(SHA1_HEX_CHARS)?;
    if !(count.is_empty() || count.first() == Some(&b':')) || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(hex.get(..16)?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "hunter2!x\r\ncorrect horse battery staple\n\n\
                        5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\nhunter2!x\n";

    fn file() -> Vec<u8> {
        let (filter, count) = Breached::build(LIST.as_bytes()).expect("a filter");
        assert_eq!(count, 3);
        let mut bytes = Vec::new();
        filter.write(&mut bytes).expect("written");
        bytes
    }

    #[test]
    fn what_a_list_holds_is_found_after_a_round_trip_and_other_things_are_not() {
        let filter = Breached::parse(&file()).expect("read");
        for breached in ["hunter2!x", "correct horse battery staple", "password"] {
            assert!(filter.holds(breached), "{breached}");
        }
        let found = (0..10_000).filter(|n| filter.holds(&format!("never breached {n}"))).count();
        assert!(found < 10, "{found} of 10,000; one in 65,536 is to be expected");
    }

    #[test]
    fn what_is_breached_most_often_is_in_the_program() {
        let filter = Breached::bundled().expect("read");
        for breached in ["password", "1q2w3e4r5t", "homelesspa", "zag12wsx", "target123"] {
            assert!(filter.holds(breached), "{breached}");
        }
        let found = (0..10_000).filter(|n| filter.holds(&format!("never breached {n}"))).count();
        assert!(found < 10, "{found} of 10,000; one in 65,536 is to be expected");
        assert!(filter.0.fingerprints.len() > 8_359, "a place for each at least: {}", filter.0.fingerprints.len());
    }

    #[test]
    fn a_large_list_is_held_whole() {
        let list: String = (0..50_000).map(|n| format!("password number {n}\n")).collect();
        let (filter, count) = Breached::build(list.as_bytes()).expect("a filter");
        assert_eq!(count, 50_000);
        assert!(list.lines().all(|password| filter.holds(password)));
        assert!(filter.0.fingerprints.len() < 65_000, "some 18 bits each: {}", filter.0.fingerprints.len());
    }

    #[test]
    fn a_file_that_was_cut_or_altered_is_refused() {
        let good = file();
        for at in 0..good.len() {
            let mut altered = good.clone();
            altered[at] ^= 1;
            assert!(matches!(Breached::parse(&altered), Err(NoFilter::Unreadable)), "byte {at}");
            assert!(matches!(Breached::parse(&good[..at]), Err(NoFilter::Unreadable)), "cut at {at}");
        }
    }

    #[test]
    fn a_descriptor_that_points_beyond_its_fingerprints_is_refused() {
        let sound = Descriptor { seed: 1, segment_length: 4, segment_length_mask: 3, segment_count_length: 8 };
        assert!(is_sound(&sound, 16));
        for (bad, fingerprints) in [
            (sound.clone(), 15),
            (Descriptor { segment_length: 0, ..sound.clone() }, 8),
            (Descriptor { segment_length: 3, segment_length_mask: 2, ..sound.clone() }, 14),
            (Descriptor { segment_length_mask: 7, ..sound.clone() }, 16),
            (Descriptor { segment_count_length: 6, ..sound.clone() }, 14),
            (Descriptor { segment_count_length: 0, ..sound }, 8),
        ] {
            assert!(!is_sound(&bad, fingerprints), "{bad:?}");
        }
    }

    #[test]
    fn a_list_without_passwords_or_with_an_endless_line_is_refused() {
        assert!(matches!(Breached::build(&b"\n\r\n"[..]), Err(NoFilter::Empty)));
        let long = [&b"a good one\n"[..], &[b'x'; LINE_BYTES_MAX + 1]].concat();
        assert!(matches!(Breached::build(&long[..]), Err(NoFilter::LongLine(2))));
    }
}
