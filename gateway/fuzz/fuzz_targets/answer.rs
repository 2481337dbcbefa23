//! The framing of a service's answer in the fast lane: the reader never panics, agrees with the slow one of the tests
//! however the bytes are cut into pieces, and never proves an end that has not been reached.
//!
//! The first byte says whether a HEAD was asked with and how long the pieces are.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/lane/agree.rs"]
mod agree;
#[path = "../../tests/lane/reference.rs"]
mod reference;

fuzz_target!(|data: &[u8]| {
    let Some((first, answer)) = data.split_first() else { return };
    let piece = usize::from(first >> 1) + 1;
    let pieces: Vec<&[u8]> = answer.chunks(piece).collect();
    let (expected, got) = agree::both(answer, &pieces, first & 1 == 1);
    assert_eq!(expected, got, "{}", answer.escape_ascii());
});
