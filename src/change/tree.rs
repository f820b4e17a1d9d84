//! A strict reader of git's tree objects: it refuses what `git fsck --strict` would, and more.

use std::cmp::Ordering;
use std::ops::Range;

use super::object_id::ObjectId;

/// Bytes that are not a well-formed tree object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// An entry is cut off, or its mode or name has no end.
    #[error("entry {entry} is cut off")]
    CutOff {
        /// Which, from 0.
        entry: usize,
    },
    /// A mode that trees do not have.
    #[error("entry {entry} has the mode {mode:?}")]
    Mode {
        /// Which, from 0.
        entry: usize,
        /// The mode, made printable.
        mode: String,
    },
    /// A name that is empty, `.`, `..`, holds `/`, or reads as `.git` on some file system.
    #[error("entry {entry} has the forbidden name {name:?}")]
    Name {
        /// Which, from 0.
        entry: usize,
        /// The name, made printable.
        name: String,
    },
    /// The id of no object.
    #[error("entry {entry} has the null id")]
    NullId {
        /// Which, from 0.
        entry: usize,
    },
    /// Entries that are not in git's order.
    #[error("entry {entry} is out of order")]
    Order {
        /// Which, from 0.
        entry: usize,
    },
    /// A name that stands twice.
    #[error("entry {entry} has a name that stands twice: {name:?}")]
    Duplicate {
        /// Which, from 0.
        entry: usize,
        /// The name, made printable.
        name: String,
    },
}

/// What a tree entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// `100644`; `100664` of old histories reads as this, as git has it.
    File,
    /// `100755`.
    Executable,
    /// `120000`.
    Symlink,
    /// `160000`.
    Submodule,
    /// `40000`.
    Tree,
}

impl EntryKind {
    fn from_digits(digits: &[u8]) -> Option<Self> {
        Some(match digits {
            b"100644" | b"100664" => Self::File,
            b"100755" => Self::Executable,
            b"120000" => Self::Symlink,
            b"160000" => Self::Submodule,
            b"40000" => Self::Tree,
            _ => return None,
        })
    }
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// What it is.
    pub kind: EntryKind,
    /// Its name: one part of a path.
    pub name: &'a [u8],
    /// The object: a blob, a tree, or the commit of a submodule.
    pub id: ObjectId,
}

impl TreeEntry<'_> {
    /// Git's order: by name, a tree's name ending in `/`.
    #[must_use]
    pub fn order(&self, other: &TreeEntry<'_>) -> Ordering {
        let end = |kind| if kind == EntryKind::Tree { &b"/"[..] } else { &b""[..] };
        let left = self.name.iter().chain(end(self.kind));
        left.cmp(other.name.iter().chain(end(other.kind)))
    }
}

/// A tree object, checked: names in strict order, each once, modes and names as they may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    bytes: Vec<u8>,
    entries: Vec<(EntryKind, Range<u32>)>,
    id_bytes: usize,
}

impl Tree {
    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes it keeps in memory, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<(EntryKind, Range<u32>)>()
    }

    /// The entry at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<TreeEntry<'_>> {
        let (kind, name) = self.entries.get(index)?;
        let name = name.start as usize..name.end as usize;
        let id_start = name.end + 1;
        let id = ObjectId::from_bytes(self.bytes.get(id_start..id_start + self.id_bytes)?).ok()?;
        Some(TreeEntry { kind: *kind, name: self.bytes.get(name)?, id })
    }

    /// The entries, in git's order.
    pub fn entries(&self) -> impl Iterator<Item = TreeEntry<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The entry with this name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<TreeEntry<'_>> {
        let probe = |kind| TreeEntry { kind, name, id: ObjectId::Sha1([0; 20]) };
        self.search(&probe(EntryKind::File)).or_else(|| self.search(&probe(EntryKind::Tree)))
    }

    fn search(&self, probe: &TreeEntry<'_>) -> Option<TreeEntry<'_>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.get(middle)?;
            match entry.order(probe) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(entry),
            }
        }
        None
    }
}

/// Reads the content of a tree object whose ids are `id_bytes` long: 20 or 32.
///
/// # Errors
/// [`TreeError`] for the first thing that is not as it must be.
pub fn parse_tree(bytes: Vec<u8>, id_bytes: usize) -> Result<Tree, TreeError> {
    let mut tree = Tree { bytes, entries: Vec::new(), id_bytes };
    let mut at = 0;
    while at < tree.bytes.len() {
        let entry = tree.entries.len();
        let cut_off = TreeError::CutOff { entry };
        let rest = &tree.bytes[at..];
        // The longest mode has six digits, so the space is among the first seven bytes.
        let Some(space) = rest.iter().take(7).position(|byte| *byte == b' ') else {
            return Err(cut_off);
        };
        let kind = EntryKind::from_digits(&rest[..space]).ok_or_else(|| TreeError::Mode {
            entry,
            mode: rest[..space].escape_ascii().to_string(),
        })?;
        let Some(name_length) = rest[space + 1..].iter().position(|byte| *byte == 0) else {
            return Err(cut_off);
        };
        let name = at + space + 1..at + space + 1 + name_length;
        let end = name.end + 1 + id_bytes;
        let Some(id) = tree.bytes.get(name.end + 1..end) else { return Err(cut_off) };
        if id.iter().all(|byte| *byte == 0) {
            return Err(TreeError::NullId { entry });
        }
        if is_forbidden(&tree.bytes[name.clone()]) {
            return Err(TreeError::Name { entry, name: printable(&tree.bytes[name]) });
        }
        let (Ok(start), Ok(name_end)) = (u32::try_from(name.start), u32::try_from(name.end)) else {
            return Err(cut_off);
        };
        tree.entries.push((kind, start..name_end));
        at = end;
    }
    check_order(&tree)?;
    Ok(tree)
}

fn printable(name: &[u8]) -> String {
    name.iter().take(60).copied().flat_map(std::ascii::escape_default).map(char::from).collect()
}

/// Strictly ascending in git's order, and no name both as a tree and as something else: those two
/// need not stand side by side (`a`, `a.b`, `a/`).
fn check_order(tree: &Tree) -> Result<(), TreeError> {
    let mut last: Option<TreeEntry<'_>> = None;
    for (index, entry) in tree.entries().enumerate() {
        match last.map(|last| last.order(&entry)) {
            Some(Ordering::Greater) => return Err(TreeError::Order { entry: index }),
            Some(Ordering::Equal) => return Err(duplicate(index, &entry)),
            _ => {}
        }
        if entry.kind == EntryKind::Tree {
            let file = TreeEntry { kind: EntryKind::File, ..entry };
            // Only entries before this one can be it, and those are known to be in order.
            if tree.search(&file).is_some() {
                return Err(duplicate(index, &entry));
            }
        }
        last = Some(entry);
    }
    Ok(())
}

fn duplicate(index: usize, entry: &TreeEntry<'_>) -> TreeError {
    TreeError::Duplicate { entry: index, name: printable(entry.name) }
}

/// Names that no tree may hold: empty, `.`, `..`, with a `/`, and `.git` in the spellings that
/// NTFS and HFS+ take for it.
fn is_forbidden(name: &[u8]) -> bool {
    matches!(name, b"" | b"." | b"..")
        || name.contains(&b'/')
        || is_ntfs_dot_git(name)
        || is_hfs_dot_git(name)
}

/// NTFS drops trailing spaces and dots, has alternate streams after `:`, and short names. A
/// backslash parts folders there.
fn is_ntfs_dot_git(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'\\').any(|part| {
        let plain = part.split(|byte| *byte == b':').next().unwrap_or(part);
        let end =
            plain.iter().rposition(|byte| !matches!(byte, b' ' | b'.')).map_or(0, |at| at + 1);
        let plain = &plain[..end];
        plain.eq_ignore_ascii_case(b".git") || plain.eq_ignore_ascii_case(b"git~1")
    })
}

/// HFS+ ignores some code points and compares without case.
fn is_hfs_dot_git(name: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(name) else { return false };
    if !text.contains(['i', 'I']) {
        return false;
    }
    let ignored = |character: &char| {
        !matches!(u32::from(*character),
            0x200c..=0x200f | 0x202a..=0x202e | 0x206a..=0x206f | 0xfeff)
    };
    let kept: String = text.chars().filter(ignored).take(5).collect();
    kept.eq_ignore_ascii_case(".git")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (mode, name) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(&[7; 20]);
        }
        bytes
    }

    fn parse(entries: &[(&str, &[u8])]) -> Result<Tree, TreeError> {
        parse_tree(bytes(entries), 20)
    }

    #[test]
    fn tree_is_read_in_git_order() {
        let tree = parse(&[
            ("100644", b"a"),
            ("100644", b"a.b"),
            ("40000", b"a0"),
            ("120000", b"link"),
            ("160000", b"sub"),
        ])
        .unwrap();
        assert_eq!(tree.len(), 5);
        assert_eq!(tree.find(b"a0").unwrap().kind, EntryKind::Tree);
        assert_eq!(tree.find(b"sub").unwrap().id, ObjectId::Sha1([7; 20]));
        assert!(tree.find(b"b").is_none());
        assert!(parse(&[]).unwrap().is_empty());
    }

    #[test]
    fn attack_23_trees_that_fsck_refuses_are_refused() {
        let duplicate = parse(&[("100644", b"a"), ("100644", b"a")]);
        assert!(matches!(duplicate, Err(TreeError::Duplicate { .. })));
        let apart = parse(&[("100644", b"a"), ("100644", b"a.b"), ("40000", b"a")]);
        assert!(matches!(apart, Err(TreeError::Duplicate { .. })));
        let unsorted = parse(&[("100644", b"b"), ("100644", b"a")]);
        assert!(matches!(unsorted, Err(TreeError::Order { .. })));
        assert!(parse(&[("40000", b"a"), ("100644", b"a.b")]).is_err(), "a/ sorts after a.b");
        for mode in ["040000", "100600", "0100644", "100640", "100755x", "", "644", "140000"] {
            assert!(parse(&[(mode, b"a")]).is_err(), "{mode}");
        }
    }

    #[test]
    fn ambiguity_d_old_file_mode_reads_as_a_plain_file() {
        let tree = parse(&[("100664", b"a")]).unwrap();
        assert_eq!(tree.get(0).unwrap().kind, EntryKind::File);
    }

    #[test]
    fn attack_23_names_that_reach_outside_are_refused() {
        for name in [
            &b""[..],
            b".",
            b"..",
            b"a/b",
            b".git",
            b".GIT",
            b".Git ",
            b".git.",
            b".git::$INDEX",
            b"GIT~1",
            b"git~1 .",
            b"x\\.git",
            b".git\\hooks",
            ".g\u{200c}it".as_bytes(),
            "\u{feff}.GIT".as_bytes(),
        ] {
            assert!(parse(&[("100644", name)]).is_err(), "{name:?}");
        }
        for name in [&b".gitignore"[..], b"...", b".github", b"git", b".git2", b"\xff", b"git~10"] {
            parse(&[("100644", name)]).unwrap();
        }
    }

    #[test]
    fn cut_off_trees_are_refused() {
        let whole = bytes(&[("100644", b"a")]);
        for end in 1..whole.len() {
            assert!(parse_tree(whole[..end].to_vec(), 20).is_err(), "{end}");
        }
        assert!(parse_tree(whole.clone(), 32).is_err());
        let mut null = whole;
        let length = null.len();
        null[length - 20..].fill(0);
        assert_eq!(parse_tree(null, 20), Err(TreeError::NullId { entry: 0 }));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            entries in proptest::collection::vec("(100644|40000|100755) [a-c.]{0,3}", 0..6),
        ) {
            let _ = parse_tree(bytes, 20);
            let mut tree = Vec::new();
            for entry in &entries {
                tree.extend_from_slice(entry.as_bytes());
                tree.push(0);
                tree.extend_from_slice(&[7; 32]);
            }
            // What is read has each name once, and each is found again.
            if let Ok(read) = parse_tree(tree, 32) {
                proptest::prop_assert_eq!(read.len(), entries.len());
                let names: std::collections::BTreeSet<&[u8]> =
                    read.entries().map(|entry| entry.name).collect();
                proptest::prop_assert_eq!(names.len(), read.len());
                for entry in read.entries() {
                    proptest::prop_assert_eq!(read.find(entry.name), Some(entry));
                }
            }
        }
    }
}
