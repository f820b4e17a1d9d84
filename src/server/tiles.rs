//! Full tiles that were read lately. One never changes: whoever reads it next gets the same bytes,
//! and the store is not asked again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;

use crate::ledger::tiles::LogFile;

/// Bytes of tiles that are kept: those of the newest 10,000 entries or so.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Full tiles, by which they are.
#[derive(Debug, Default)]
pub(super) struct FullTiles(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    tiles: HashMap<LogFile, Bytes>,
}

impl FullTiles {
    /// A tile, if it is kept.
    pub(super) fn get(&self, file: LogFile) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tiles.get(&file).cloned()
    }

    /// Keeps a tile that was read, if it is full. Where there is no room the others are forgotten:
    /// those that are asked for come back.
    pub(super) fn keep(&self, file: LogFile, content: &Bytes) {
        let (LogFile::Entries(tile) | LogFile::Hashes(tile)) = file;
        if !tile.is_full() || content.len() > KEPT_BYTES_MAX {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + content.len() > KEPT_BYTES_MAX {
            *kept = Kept::default();
        }
        if kept.tiles.insert(file, content.clone()).is_none() {
            kept.bytes += content.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::tile::Tile;

    fn tile(index: u64, width: u16) -> LogFile {
        LogFile::Entries(Tile { level: 0, index, width })
    }

    #[test]
    fn full_tiles_are_kept_in_bounded_memory() {
        let tiles = FullTiles::default();
        let half = Bytes::from(vec![0; KEPT_BYTES_MAX / 2]);
        tiles.keep(tile(0, 255), &half);
        assert_eq!(tiles.get(tile(0, 255)), None, "it still grows");
        tiles.keep(tile(0, 256), &half);
        tiles.keep(tile(0, 256), &half);
        tiles.keep(tile(1, 256), &half);
        assert!(tiles.get(tile(0, 256)).is_some() && tiles.get(tile(1, 256)).is_some());
        tiles.keep(tile(2, 256), &Bytes::from_static(b"x"));
        assert_eq!(tiles.get(tile(0, 256)), None);
        assert!(tiles.get(tile(2, 256)).is_some());
        tiles.keep(tile(3, 256), &Bytes::from(vec![0; KEPT_BYTES_MAX + 1]));
        assert_eq!(tiles.get(tile(3, 256)), None);
        assert!(tiles.get(tile(2, 256)).is_some());
    }
}
