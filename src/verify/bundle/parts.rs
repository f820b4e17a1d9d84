//! Blobs of a bundle: each is asked for, and none is missing (`spec/bundle.md` section 4, step 12).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::wire::Bundle;
use super::{TamperCode, Tampered, ensure};
use crate::base::digest::{ChangeHash, ContentDigest};
use crate::change::Document;
use crate::verify::cover::Cover;

/// Blobs by their SHA-256.
pub(super) struct Blobs<'a> {
    known: BTreeMap<ContentDigest, &'a [u8]>,
    asked: RefCell<BTreeSet<ContentDigest>>,
    // However often a bundle names them, they are read once.
    documents: RefCell<BTreeMap<ChangeHash, Document>>,
    covers: RefCell<BTreeMap<ContentDigest, Arc<Cover>>>,
}

impl<'a> Blobs<'a> {
    /// Hashes every blob.
    pub(super) fn read(bundle: &'a Bundle) -> Result<Self, Tampered> {
        let mut known = BTreeMap::new();
        let mut last = None;
        for blob in &bundle.blobs {
            let digest = ContentDigest::of(&blob.0);
            ensure(last.is_none_or(|last| last < digest), TamperCode::Blob, || {
                "its blobs do not stand in order".to_owned()
            })?;
            last = Some(digest);
            known.insert(digest, blob.0.as_slice());
        }
        Ok(Self {
            known,
            asked: RefCell::default(),
            documents: RefCell::default(),
            covers: RefCell::default(),
        })
    }

    /// The blob of a digest, which is asked for by that.
    pub(super) fn get(&self, digest: ContentDigest) -> Result<&'a [u8], Tampered> {
        self.asked.borrow_mut().insert(digest);
        let found = self.known.get(&digest).copied();
        found.ok_or_else(|| {
            Tampered::new(TamperCode::Blob, format!("the blob {} is missing", digest.short()))
        })
    }

    /// The document of a change.
    pub(super) fn document(&self, change: ChangeHash) -> Result<Document, Tampered> {
        if let Some(read) = self.documents.borrow().get(&change) {
            return Ok(read.clone());
        }
        let bytes = self.get(ContentDigest::from_bytes(*change.as_bytes()))?;
        let read = Document::parse(bytes).map_err(Tampered::at(TamperCode::Blob))?;
        self.documents.borrow_mut().insert(change, read.clone());
        Ok(read)
    }

    /// A cover.
    pub(super) fn cover(&self, digest: ContentDigest) -> Result<Arc<Cover>, Tampered> {
        if let Some(read) = self.covers.borrow().get(&digest) {
            return Ok(Arc::clone(read));
        }
        let read = Cover::parse(self.get(digest)?).map_err(Tampered::at(TamperCode::Blob))?;
        let read = Arc::new(read);
        self.covers.borrow_mut().insert(digest, Arc::clone(&read));
        Ok(read)
    }

    /// Whether there is nothing that nobody asked for.
    pub(super) fn check_all_asked(&self) -> Result<(), Tampered> {
        let asked = self.asked.borrow();
        let needless = self.known.keys().find(|digest| !asked.contains(digest));
        needless.map_or(Ok(()), |digest| {
            let what = format!("nobody asked for the blob {}", digest.short());
            Err(Tampered::new(TamperCode::Blob, what))
        })
    }
}
