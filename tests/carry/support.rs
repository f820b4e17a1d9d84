//! Changes made of the four contents of each path.

use countersign::base::digest::ContentDigest;
use countersign::change::carry::{
    CarryContents, Certificate, CertificateError, Edit, EditSide, FileEdits, FourSides,
};
use countersign::change::{ChangePath, Content, Document, Mode, Row, Side};

/// Two changes, and what a check of them may ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    approved: Vec<Row>,
    landed: Vec<Row>,
    pub(crate) source: CarryContents,
}

/// What a path has on one side; `None` is nothing.
pub(crate) type Has<'a> = Option<(Mode, &'a [u8])>;

pub(crate) fn path(name: &str) -> ChangePath {
    ChangePath::new(name).unwrap()
}

#[allow(clippy::unnecessary_wraps, reason = "beside others that are nothing")]
pub(crate) fn file(content: &[u8]) -> Has<'_> {
    Some((Mode::File, content))
}

impl World {
    /// A world of one file: before and after the approved change, before and after the landing.
    pub(crate) fn of(name: &str, four: [&[u8]; 4]) -> Self {
        let mut world = Self::default();
        world.add(name, four.map(file));
        world
    }

    fn side(&mut self, has: Has<'_>) -> Side {
        let Some((mode, content)) = has else { return Side::ABSENT };
        let digest = ContentDigest::of(content);
        self.source.contents.insert(digest, content.to_vec());
        Side { mode, content: Content::Sha256(digest) }
    }

    /// A path on all four sides.
    pub(crate) fn add(&mut self, name: &str, four: [Has<'_>; 4]) {
        let [base, new, before, after] = four.map(|has| self.side(has));
        let row = |old, new| Row { path: path(name), old, new };
        if base != new {
            self.approved.push(row(base, new));
        }
        if before == after {
            self.source.sides.insert(path(name), after);
        } else {
            self.landed.push(row(before, after));
        }
    }

    pub(crate) fn documents(&self) -> (Document, Document) {
        let document = |rows: &[Row]| Document::new(rows.to_vec()).unwrap();
        (document(&self.approved), document(&self.landed))
    }

    pub(crate) fn certificate(&self, files: &[(&str, &[Edit])]) -> Certificate {
        let (approved, landed) = self.documents();
        let files = files.iter().map(|(name, edits)| FileEdits::new(path(name), edits.to_vec()));
        let files: Result<Vec<_>, CertificateError> = files.collect();
        Certificate::new(approved.hash(), landed.hash(), files.unwrap()).unwrap()
    }
}

/// An edit of the approved change.
pub(crate) fn a(first: usize, removed: usize, inserted: &str) -> Edit {
    Edit { side: EditSide::Approved, first, removed, inserted: inserted.into() }
}

/// An edit of the branch.
pub(crate) fn m(first: usize, removed: usize, inserted: &str) -> Edit {
    Edit { side: EditSide::Main, first, removed, inserted: inserted.into() }
}

/// The four sides of one file, and a source that has them.
pub(crate) fn four_sides(four: [&[u8]; 4]) -> (FourSides, CarryContents) {
    let [base, approved, before, landed] = four.map(ContentDigest::of);
    let mut source = CarryContents::default();
    for content in four {
        source.contents.insert(ContentDigest::of(content), content.to_vec());
    }
    (FourSides { base, approved, before, landed }, source)
}
