//! Tiles (C2SP tlog-tiles): rows of 256 hashes, every eighth level of the tree, and entry bundles.

use crate::base::limits::LEAF_BYTES_MAX;
use crate::base::position::TreeSize;

/// Hashes in a full tile, and entries in a full entry bundle.
pub const TILE_WIDTH: u64 = 256;
/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;
/// Largest level of a tile that 2^64 entries can have.
const LEVEL_MAX: u8 = 7;

/// Which tile: its level (0 holds leaf hashes), its position on that level and its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Level, from 0 to 7: one hash stands for 256^level entries.
    pub level: u8,
    /// Position on the level, from 0.
    pub index: u64,
    /// Hashes in it, from 1 to 256; below 256 it is a partial tile.
    pub width: u16,
}

/// A path that names no tile, or names one in another spelling than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile")]
pub struct TilePathError;

impl Tile {
    /// The tile at a position, as wide as a tree of `size` entries has it; `None` where it has
    /// none.
    #[must_use]
    pub fn within(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        if level > LEVEL_MAX {
            return None;
        }
        let hashes = size.get() >> (8 * u32::from(level));
        let before = index.checked_mul(TILE_WIDTH)?;
        let width = u16::try_from(hashes.checked_sub(before)?.min(TILE_WIDTH)).ok()?;
        (width > 0).then_some(Self { level, index, width })
    }

    /// Whether the tile has all its 256 hashes.
    #[must_use]
    pub fn is_full(self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// Bytes of the tile.
    #[must_use]
    pub fn bytes_count(self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// The path below the log's prefix, as in `tile/1/x001/x234/067.p/8`.
    #[must_use]
    pub fn path(self) -> String {
        format!("tile/{}/{}", self.level, position(self.index, self.width))
    }

    /// The path of the entry bundle beside a tile of level 0, as in `tile/entries/000.p/8`.
    #[must_use]
    pub fn bundle_path(self) -> String {
        format!("tile/entries/{}", position(self.index, self.width))
    }

    /// The tile that a path names.
    ///
    /// # Errors
    /// [`TilePathError`] on any path that [`Tile::path`] does not write.
    pub fn from_path(path: &str) -> Result<Self, TilePathError> {
        let rest = path.strip_prefix("tile/").ok_or(TilePathError)?;
        let (level, place) = rest.split_once('/').ok_or(TilePathError)?;
        let level = level.parse().ok().filter(|level| *level <= LEVEL_MAX).ok_or(TilePathError)?;
        let (index, width) = unposition(place).ok_or(TilePathError)?;
        let tile = Self { level, index, width };
        if tile.path() == path { Ok(tile) } else { Err(TilePathError) }
    }

    /// The level-0 tile whose entry bundle a path names.
    ///
    /// # Errors
    /// [`TilePathError`] on any path that [`Tile::bundle_path`] does not write.
    pub fn from_bundle_path(path: &str) -> Result<Self, TilePathError> {
        let place = path.strip_prefix("tile/entries/").ok_or(TilePathError)?;
        let (index, width) = unposition(place).ok_or(TilePathError)?;
        let tile = Self { level: 0, index, width };
        if tile.bundle_path() == path { Ok(tile) } else { Err(TilePathError) }
    }
}

/// Every tile of a tree, lowest level first, each level from the left.
pub fn tiles_of(size: TreeSize) -> impl Iterator<Item = Tile> {
    (0..=LEVEL_MAX).flat_map(move |level| {
        let hashes = size.get() >> (8 * u32::from(level));
        (0..hashes.div_ceil(TILE_WIDTH)).filter_map(move |index| Tile::within(level, index, size))
    })
}

/// The last part of a path: groups of three digits, and the width of a partial tile.
fn position(index: u64, width: u16) -> String {
    let mut text = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1_000);
        rest /= 1_000;
    }
    if u64::from(width) < TILE_WIDTH {
        text = format!("{text}.p/{width}");
    }
    text
}

/// Reads [`position`] leniently: the caller compares with the one spelling.
fn unposition(place: &str) -> Option<(u64, u16)> {
    // 64 bits have 20 digits: seven groups of at most five bytes, and a width.
    if place.len() > 48 {
        return None;
    }
    let (groups, width) = match place.split_once(".p/") {
        Some((groups, width)) => (groups, width.parse().ok().filter(|width| *width < 256)?),
        None => (place, 256),
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    (width > 0).then_some((index, width))
}

/// An entry bundle that cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry of more than 65,535 bytes does not fit its 16-bit length.
    #[error("an entry of {found} bytes does not fit a bundle")]
    EntryTooLarge {
        /// Bytes of that entry.
        found: usize,
    },
    /// The bundle ends within an entry, or holds more than 256.
    #[error("not an entry bundle")]
    Malformed,
}

/// Frames entries as a bundle: each behind its length in 16 bits, big-endian.
///
/// # Errors
/// [`BundleError::EntryTooLarge`].
pub fn bundle<'entry>(
    entries: impl IntoIterator<Item = &'entry [u8]>,
) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| BundleError::EntryTooLarge { found: entry.len() })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle.
///
/// # Errors
/// [`BundleError::Malformed`].
pub fn unbundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    const ENTRIES_MAX: usize = 256;
    // At most 256 slices are ever held, whatever the length of the input.
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(LEAF_BYTES_MAX);
        let (entry, rest) = rest.split_at_checked(length).ok_or(BundleError::Malformed)?;
        if entries.len() == ENTRIES_MAX {
            return Err(BundleError::Malformed);
        }
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(entries) } else { Err(BundleError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (index, width, path) in [
            (0, 256, "tile/0/000"),
            (1_000, 256, "tile/0/x001/000"),
            (1_234_067, 8, "tile/0/x001/x234/067.p/8"),
        ] {
            let tile = Tile { level: 0, index, width };
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::from_path(path), Ok(tile));
            // The reference implementation agrees.
            let theirs = tlog_tiles::Tile::new(8, 0, index, width.into(), false);
            assert_eq!(theirs.path().replace("tile/8/", "tile/"), path);
        }
        for path in [
            "tile/0/1",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/00/000",
            "tile/8/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/08",
            "tile/0/+01",
            "tile/0/000/",
            "tile/0/",
            "tile/",
            "",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::from_path(path), Err(TilePathError), "{path}");
        }
        let bundle = Tile { level: 0, index: 5, width: 3 };
        assert_eq!(Tile::from_bundle_path("tile/entries/005.p/3"), Ok(bundle));
    }

    #[test]
    fn tiles_of_70_000_entries() {
        let tiles: Vec<_> = tiles_of(TreeSize::new(70_000)).collect();
        let count = |level| tiles.iter().filter(|tile| tile.level == level).count();
        assert_eq!((count(0), count(1), count(2)), (274, 2, 1));
        assert_eq!(tiles[273].path(), "tile/0/273.p/112");
        assert_eq!(tiles[275].path(), "tile/1/001.p/17");
        assert_eq!(tiles[276].path(), "tile/2/000.p/1");
        assert_eq!(tiles_of(TreeSize::new(0)).count(), 0);
        let paths: Vec<_> = tiles_of(TreeSize::new(256)).map(Tile::path).collect();
        assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn bundles_round_trip_and_are_bounded() {
        let bytes = bundle([&b"a"[..], b"", b"bcd"]).unwrap();
        assert_eq!(bytes, b"\0\x01a\0\0\0\x03bcd");
        assert_eq!(unbundle(&bytes).unwrap(), [&b"a"[..], b"", b"bcd"]);
        assert_eq!(unbundle(&bytes[..bytes.len() - 1]), Err(BundleError::Malformed));
        assert_eq!(unbundle(&[0]), Err(BundleError::Malformed));
        assert_eq!(unbundle(&[0; 2 * 257]), Err(BundleError::Malformed));
        assert!(bundle([&vec![0; 65_536][..]]).is_err());
    }
}
