//! HTTP/1.1 in both directions, with a limit on everything. What travels is signed, so that nothing
//! that is believed rests on this room.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod tls;
