//! What somebody signs (`spec/statement.md`): in-toto statements in DSSE envelopes.

pub mod words;
