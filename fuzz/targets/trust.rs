#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "a target is one of them")]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = bodies::run("trust", bytes);
});
