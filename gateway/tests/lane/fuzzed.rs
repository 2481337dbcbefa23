//! The fuzz target, its very text, compiled and run by the stable compiler: whatever it is made of cannot change without
//! it. In the place of `libfuzzer-sys`, which is C++ and finds the inputs, stand a macro and a few inputs of ours.

#[allow(
    unused_attributes,
    dead_code,
    reason = "it has no `main` by an attribute of a crate, and modules that others use whole"
)]
#[path = "../../fuzz/fuzz_targets/answer.rs"]
mod answer;

/// What `libfuzzer-sys` makes a fuzz target of, as far as that is a function. Below the module, which finds it by its path alone.
macro_rules! fuzz_target {
    (|$data:ident: &[u8]| $body:block) => {
        pub fn run($data: &[u8]) $body
    };
}
pub(crate) use fuzz_target;

#[test]
fn the_fuzz_target_compiles_and_runs() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\nrest";
    for end in 0..=answer.len() {
        for first in [0, 1, 6, 7, 0xff] {
            answer::run(&[&[first], &answer[..end]].concat());
        }
    }
}
