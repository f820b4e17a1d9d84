//! Away.
