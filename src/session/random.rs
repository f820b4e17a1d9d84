//! Random bytes from the operating system.

use ssh_key::getrandom::SysRng;
use ssh_key::rand_core::TryRng as _;

use crate::statement::Nonce;

/// `N` random bytes.
///
/// # Panics
/// Where the operating system has no randomness: nothing may be signed then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    match SysRng.try_fill_bytes(&mut bytes) {
        Ok(()) => bytes,
        #[expect(clippy::panic, reason = "without randomness a nonce or key would be guessable")]
        Err(error) => panic!("the operating system gives no random bytes: {error}"),
    }
}

/// A nonce for a new statement.
#[must_use]
pub fn fresh_nonce() -> Nonce {
    Nonce::from_bytes(random())
}
