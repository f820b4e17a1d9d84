//! The certificate of a carried sign-off, and its strict parser (`spec/change.md`, "Certificate").

use crate::base::digest::{ChangeHash, ContentDigest};
use crate::base::encoding::undecimal;
use crate::base::limits::{
    CARRY_CERTIFICATE_BYTES_MAX, CARRY_EDITS_MAX, CARRY_FILE_BYTES_MAX, CARRY_PATHS_MAX,
    PATH_BYTES_MAX,
};
use crate::change::path::{ChangePath, PathError};

/// First line of every certificate.
const HEADER: &[u8] = b"countersign carry v1\n";
/// Digits of the greatest number in a certificate.
const DIGITS_MAX: usize = 8;

/// Bytes or edits that are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The first line is another.
    #[error("not a certificate: the first line is not \"countersign carry v1\"")]
    Header,
    /// More bytes, files or edits than a certificate may have.
    #[error("certificate with more than {limit} {what}")]
    TooLarge {
        /// Of what there are too many.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Bytes that are not spelt as the format has it.
    #[error("certificate is malformed at byte {at_bytes}")]
    Malformed {
        /// Where, from 0.
        at_bytes: usize,
    },
    /// A path that no tree may hold.
    #[error("certificate: {0}")]
    Path(#[from] PathError),
    /// A path stands twice, or after a greater one.
    #[error("{path}: files are not in strictly ascending order")]
    Order {
        /// The first path out of order.
        path: ChangePath,
    },
    /// An edit that breaks a rule of the format.
    #[error("{path}: edit {edit} {fault}")]
    Edit {
        /// The file.
        path: ChangePath,
        /// Which of its edits, from 0.
        edit: usize,
        /// What is wrong with it.
        fault: EditFault,
    },
    /// A file that only one side edits is carried by nothing.
    #[error("{path}: there is no edit of the {side}")]
    OneSided {
        /// The file.
        path: ChangePath,
        /// The side without an edit.
        side: EditSide,
    },
}

/// What is wrong with an edit, whatever the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditFault {
    /// It removes nothing and inserts nothing.
    #[error("changes nothing")]
    Idle,
    /// It begins before the edit before it ends, or right there.
    #[error("overlaps or touches the one before, or stands before it")]
    Touching,
    /// It inserts a NUL byte.
    #[error("inserts a NUL byte")]
    Binary,
    /// It is not the last edit, and inserts a part of a line.
    #[error("inserts a line without its end in the middle of a file")]
    OpenLine,
    /// Its numbers are beyond every file.
    #[error("is beyond the end of every file")]
    Beyond,
}

/// Whose edit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EditSide {
    /// `a`: of the change that was approved.
    Approved,
    /// `m`: of what landed on the branch meanwhile.
    Main,
}

impl EditSide {
    const fn tag(self) -> u8 {
        match self {
            Self::Approved => b'a',
            Self::Main => b'm',
        }
    }
}

impl std::fmt::Display for EditSide {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Approved => "approved change",
            Self::Main => "branch",
        })
    }
}

/// Lines of a file that are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Whose it is.
    pub side: EditSide,
    /// The first line that is removed, or the one before which is inserted; from 0.
    pub first: usize,
    /// How many lines are removed.
    pub removed: usize,
    /// What stands there instead.
    pub inserted: Vec<u8>,
}

impl Edit {
    /// The first line after the edit.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.first.saturating_add(self.removed)
    }

    /// Whether what is inserted ends inside a line.
    pub(super) fn is_open(&self) -> bool {
        self.inserted.last().is_some_and(|byte| *byte != b'\n')
    }
}

/// The edits of both sides of one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdits {
    path: ChangePath,
    edits: Vec<Edit>,
}

impl FileEdits {
    /// Takes edits in their order.
    ///
    /// # Errors
    /// [`CertificateError`] where one of them, or their order, breaks a rule of the format.
    pub fn new(path: ChangePath, edits: Vec<Edit>) -> Result<Self, CertificateError> {
        let mut end_before = None;
        for (at, edit) in edits.iter().enumerate() {
            let fault = if edit.first.max(edit.removed) > CARRY_FILE_BYTES_MAX {
                Some(EditFault::Beyond)
            } else if edit.removed == 0 && edit.inserted.is_empty() {
                Some(EditFault::Idle)
            } else if end_before.is_some_and(|end| edit.first <= end) {
                Some(EditFault::Touching)
            } else if edit.inserted.contains(&0) {
                Some(EditFault::Binary)
            } else if edit.is_open() && at + 1 < edits.len() {
                Some(EditFault::OpenLine)
            } else {
                None
            };
            if let Some(fault) = fault {
                return Err(CertificateError::Edit { path, edit: at, fault });
            }
            end_before = Some(edit.end());
        }
        for side in [EditSide::Approved, EditSide::Main] {
            if !edits.iter().any(|edit| edit.side == side) {
                return Err(CertificateError::OneSided { path, side });
            }
        }
        Ok(Self { path, edits })
    }

    /// The file.
    #[must_use]
    pub const fn path(&self) -> &ChangePath {
        &self.path
    }

    /// Its edits, in the order of its lines.
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// The fewest unchanged lines between an edit of one side and one of the other, and the line
    /// at which the later of the two begins.
    #[must_use]
    pub fn closest(&self) -> (usize, usize) {
        let pairs = self.edits.windows(2).filter(|pair| pair[0].side != pair[1].side);
        let distances = pairs.map(|pair| (pair[1].first - pair[0].end(), pair[1].first));
        distances.min().unwrap_or((usize::MAX, 0))
    }
}

/// A claim that one change is carried to another, with what is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    approved: ChangeHash,
    landed: ChangeHash,
    files: Vec<FileEdits>,
}

impl Certificate {
    /// Makes a certificate of the files' edits, in any order of the files.
    ///
    /// # Errors
    /// [`CertificateError`] where a path stands twice, or there is too much of something.
    pub fn new(
        approved: ChangeHash,
        landed: ChangeHash,
        mut files: Vec<FileEdits>,
    ) -> Result<Self, CertificateError> {
        files.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        let certificate = Self { approved, landed, files };
        certificate.check_files()?;
        let size = |edit: &Edit| edit.inserted.len() + 4 + 3 * DIGITS_MAX + 2;
        let sizes = certificate.files.iter().map(|file| {
            3 + file.path.as_bytes().len() + file.edits.iter().map(size).sum::<usize>()
        });
        // The estimate takes each number at its longest; near the limit the exact sum is due.
        let too_large = sizes.sum::<usize>() + 200 > CARRY_CERTIFICATE_BYTES_MAX
            && certificate.to_bytes().len() > CARRY_CERTIFICATE_BYTES_MAX;
        if too_large { Err(too_many_bytes()) } else { Ok(certificate) }
    }

    fn check_files(&self) -> Result<(), CertificateError> {
        if self.files.len() > CARRY_PATHS_MAX {
            return Err(CertificateError::TooLarge { what: "files", limit: CARRY_PATHS_MAX });
        }
        if self.files.iter().map(|file| file.edits.len()).sum::<usize>() > CARRY_EDITS_MAX {
            return Err(CertificateError::TooLarge { what: "edits", limit: CARRY_EDITS_MAX });
        }
        match self.files.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            Some(pair) => Err(CertificateError::Order { path: pair[1].path.clone() }),
            None => Ok(()),
        }
    }

    /// Reads a certificate; only the bytes that [`Certificate::to_bytes`] writes are one.
    ///
    /// # Errors
    /// [`CertificateError`] for any other bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        if bytes.len() > CARRY_CERTIFICATE_BYTES_MAX {
            return Err(too_many_bytes());
        }
        let rest = bytes.strip_prefix(HEADER).ok_or(CertificateError::Header)?;
        let mut reader = Reader { rest, length: bytes.len() };
        let approved = reader.hash(b"approved ").ok_or_else(|| reader.malformed())?;
        let landed = reader.hash(b"landed ").ok_or_else(|| reader.malformed())?;
        let (mut files, mut edits_left) = (Vec::new(), CARRY_EDITS_MAX);
        while !reader.rest.is_empty() {
            if files.len() == CARRY_PATHS_MAX {
                return Err(CertificateError::TooLarge { what: "files", limit: CARRY_PATHS_MAX });
            }
            reader.take(b"f ").ok_or_else(|| reader.malformed())?;
            let path = reader.until(0, PATH_BYTES_MAX).ok_or_else(|| reader.malformed())?;
            let path = ChangePath::new(path)?;
            let mut edits = Vec::new();
            while !matches!(reader.rest, [] | [b'f', ..]) {
                edits_left = edits_left
                    .checked_sub(1)
                    .ok_or(CertificateError::TooLarge { what: "edits", limit: CARRY_EDITS_MAX })?;
                edits.push(reader.edit().ok_or_else(|| reader.malformed())?);
            }
            files.push(FileEdits::new(path, edits)?);
        }
        let certificate = Self { approved, landed, files };
        certificate.check_files()?;
        Ok(certificate)
    }

    /// The bytes that the side store keeps.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        let hashes = format!("approved {}\nlanded {}\n", self.approved, self.landed);
        bytes.extend_from_slice(hashes.as_bytes());
        for file in &self.files {
            bytes.extend_from_slice(b"f ");
            bytes.extend_from_slice(file.path.as_bytes());
            bytes.push(0);
            for edit in &file.edits {
                bytes.push(edit.side.tag());
                let size = edit.inserted.len();
                let numbers = format!(" {} {} {size}\n", edit.first, edit.removed);
                bytes.extend_from_slice(numbers.as_bytes());
                bytes.extend_from_slice(&edit.inserted);
            }
        }
        bytes
    }

    /// What it is called in the side store: the SHA-256 of its bytes.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        ContentDigest::of(&self.to_bytes())
    }

    /// The change that was approved.
    #[must_use]
    pub const fn approved(&self) -> ChangeHash {
        self.approved
    }

    /// The change that landed.
    #[must_use]
    pub const fn landed(&self) -> ChangeHash {
        self.landed
    }

    /// The files whose edits it shows, in ascending order of their paths.
    #[must_use]
    pub fn files(&self) -> &[FileEdits] {
        &self.files
    }

    /// The edits of the file `path`.
    #[must_use]
    pub fn file(&self, path: &ChangePath) -> Option<&FileEdits> {
        let at = self.files.binary_search_by(|file| file.path.cmp(path)).ok()?;
        self.files.get(at)
    }
}

const fn too_many_bytes() -> CertificateError {
    CertificateError::TooLarge { what: "bytes", limit: CARRY_CERTIFICATE_BYTES_MAX }
}

/// What is left to read of a certificate.
struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    const fn malformed(&self) -> CertificateError {
        CertificateError::Malformed { at_bytes: self.length - self.rest.len() }
    }

    fn take(&mut self, what: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(what)?;
        Some(())
    }

    /// What stands before the next `end`, which is at most `limit` bytes away.
    fn until(&mut self, end: u8, limit: usize) -> Option<&'a [u8]> {
        let at = self.rest.iter().take(limit + 1).position(|byte| *byte == end)?;
        let (found, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest.get(1..)?;
        Some(found)
    }

    fn hash(&mut self, word: &[u8]) -> Option<ChangeHash> {
        self.take(word)?;
        std::str::from_utf8(self.until(b'\n', 64)?).ok()?.parse().ok()
    }

    fn number(&mut self, end: u8) -> Option<usize> {
        let digits = self.until(end, DIGITS_MAX)?;
        usize::try_from(undecimal(std::str::from_utf8(digits).ok()?).ok()?).ok()
    }

    fn edit(&mut self) -> Option<Edit> {
        let side = match self.rest {
            [b'a', b' ', ..] => EditSide::Approved,
            [b'm', b' ', ..] => EditSide::Main,
            _ => return None,
        };
        self.rest = self.rest.get(2..)?;
        let (first, removed) = (self.number(b' ')?, self.number(b' ')?);
        let inserted_bytes = self.number(b'\n')?;
        let (inserted, rest) = self.rest.split_at_checked(inserted_bytes)?;
        self.rest = rest;
        Some(Edit { side, first, removed, inserted: inserted.to_vec() })
    }
}
