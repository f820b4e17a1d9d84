//! What a step shows beside its document: who wrote it, and what nobody can read in it.

use super::commit::{Identity, Trailer};
use super::path::ChangePath;
use crate::base::digest::ContentDigest;
use crate::base::limits::{PATH_BYTES_MAX, READABLE_BYTES_MAX, READABLE_LINES_MAX};
use crate::base::name::Revision;

/// Why a person cannot read the content of a path; in files the word is that of reports.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Opaque {
    /// A commit of another repository.
    Submodule,
    /// A pointer to a file that git LFS keeps elsewhere.
    LfsPointer,
    /// A NUL byte somewhere.
    Binary,
    /// More lines or bytes than anybody reads.
    TooLong,
}

impl Opaque {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submodule => "submodule",
            Self::LfsPointer => "lfs-pointer",
            Self::Binary => "binary",
            Self::TooLong => "too-long",
        }
    }
}

/// What is known of a blob's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobFacts {
    /// Its SHA-256.
    pub digest: ContentDigest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Why it cannot be read, if so.
    pub opaque: Option<Opaque>,
}

impl BlobFacts {
    /// The facts of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let mut reader = BlobReader::default();
        reader.update(content);
        reader.finish(ContentDigest::of(content))
    }
}

/// Longest git LFS pointer in bytes, by its specification.
const LFS_POINTER_BYTES_MAX: u64 = 1_024;
/// First bytes of a git LFS pointer, in all of its versions.
const LFS_POINTER_STARTS: [&[u8]; 3] = [
    b"version https://git-lfs.github.com/spec/",
    b"version https://hawser.github.com/spec/",
    b"version http://git-media.io/v/",
];

/// Reads a blob piece by piece, without keeping it.
#[derive(Debug, Default)]
pub struct BlobReader {
    start: Vec<u8>,
    size_bytes: u64,
    lines: usize,
    has_nul: bool,
}

impl BlobReader {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        let wanted = 64_usize.saturating_sub(self.start.len()).min(piece.len());
        self.start.extend_from_slice(&piece[..wanted]);
        self.size_bytes += piece.len() as u64;
        self.has_nul = self.has_nul || piece.contains(&0);
        if !self.has_nul && self.lines <= READABLE_LINES_MAX {
            self.lines += piece.iter().map(|byte| usize::from(*byte == b'\n')).sum::<usize>();
        }
    }

    /// The facts, with the digest of all the pieces.
    #[must_use]
    pub fn finish(self, digest: ContentDigest) -> BlobFacts {
        let is_pointer = self.size_bytes < LFS_POINTER_BYTES_MAX
            && LFS_POINTER_STARTS.iter().any(|start| self.start.starts_with(start));
        let opaque = if is_pointer {
            Some(Opaque::LfsPointer)
        } else if self.has_nul {
            Some(Opaque::Binary)
        } else if self.lines > READABLE_LINES_MAX || self.size_bytes > READABLE_BYTES_MAX {
            Some(Opaque::TooLong)
        } else {
            None
        };
        BlobFacts { digest, size_bytes: self.size_bytes, opaque }
    }
}

/// What a document does not say about one of its paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFacts {
    /// The path.
    pub path: ChangePath,
    /// Why it cannot be read: the new side's reason, else the old side's.
    pub opaque: Option<Opaque>,
    /// Size of the new side in bytes; `None` where it is absent or a submodule.
    pub new_size_bytes: Option<u64>,
    /// Where a symbolic link on either side leads inside the repository: rules about paths see
    /// these as well. Empty for whatever is no link, and where it leads outside.
    pub link_targets: Vec<ChangePath>,
}

/// The path that a symbolic link leads to, by its text alone: from the link's folder, no other
/// link followed. `None` where that is outside the repository, its root, absolute, or no path.
#[must_use]
pub fn link_target(link: &ChangePath, target: &[u8]) -> Option<ChangePath> {
    if target.len() > PATH_BYTES_MAX || target.starts_with(b"/") {
        return None;
    }
    let mut parts: Vec<&[u8]> = link.as_bytes().split(|byte| *byte == b'/').collect();
    // The link itself is no folder.
    parts.pop();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    ChangePath::new(parts.join(&b'/')).ok()
}

/// What a step takes from one of the commits that it brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// Which commit.
    pub id: Revision,
    /// Its parents, in order.
    pub parents: Vec<Revision>,
    /// Who wrote it, says the commit.
    pub author: Identity,
    /// Who made the commit; never an author.
    pub committer: Identity,
    /// Who wrote it too, say `Co-authored-by` trailers.
    pub co_authors: Vec<Identity>,
    /// Every line of the message that reads as a trailer.
    pub trailers: Vec<Trailer>,
    /// The message, as it is.
    pub message: Vec<u8>,
    /// Whether the author counts: always, but of a merge only where some path differs from every
    /// parent by mode or whole blob. Pressing "merge" is not writing; whether git could have merged
    /// the contents, too, is settled where evidence is gathered.
    pub author_counts: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_20_what_nobody_reads_is_opaque() {
        let opaque = |content: &[u8]| BlobFacts::of(content).opaque;
        assert_eq!(opaque(b"fn main() {}\n"), None);
        assert_eq!(opaque(b""), None);
        assert_eq!(opaque(b"caf\xe9\n"), None);
        let mut late = vec![b'a'; 100_000];
        late.push(0);
        assert_eq!(opaque(&late), Some(Opaque::Binary), "git itself looks at 8,000 bytes only");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert_eq!(opaque(pointer), Some(Opaque::LfsPointer));
        assert_eq!(opaque(&[&pointer[..], &[b'x'; 1_024]].concat()), None);
        assert_eq!(opaque(&vec![b'\n'; READABLE_LINES_MAX]), None);
        assert_eq!(opaque(&vec![b'\n'; READABLE_LINES_MAX + 1]), Some(Opaque::TooLong));
        let limit = usize::try_from(READABLE_BYTES_MAX).unwrap();
        assert_eq!(opaque(&vec![b'x'; limit]), None);
        assert_eq!(opaque(&vec![b'x'; limit + 1]), Some(Opaque::TooLong));
    }

    #[test]
    fn attack_25_a_link_leads_where_its_text_says() {
        let leads = |link: &str, target: &[u8]| {
            let found = link_target(&ChangePath::new(link).unwrap(), target)?;
            Some(String::from_utf8(found.as_bytes().to_vec()).unwrap())
        };
        for (link, target, found) in [
            ("checkout/x", "../infra/main.tf", Some("infra/main.tf")),
            ("checkout/x", "infra", Some("checkout/infra")),
            ("x", "infra/", Some("infra")),
            ("a/b/c", "./../.././infra//a", Some("infra/a")),
            ("a/b/c", "../../..", None),
            ("a/b/c", "../../../infra", None),
            ("a/b", "..", None),
            ("a/b", "/infra", None),
            ("a/b", "", Some("a")),
        ] {
            assert_eq!(leads(link, target.as_bytes()).as_deref(), found, "{link} -> {target}");
        }
        assert_eq!(leads("a", &vec![b'x'; PATH_BYTES_MAX + 1]), None);
        assert_eq!(leads("a", b"x\0y"), None);
    }

    #[test]
    fn pieces_and_whole_agree() {
        let content: Vec<u8> = (0..200_u8).collect();
        let mut reader = BlobReader::default();
        content.chunks(7).for_each(|piece| reader.update(piece));
        assert_eq!(reader.finish(ContentDigest::of(&content)), BlobFacts::of(&content));
    }
}
