//! The document as the git program gives it: `git diff-tree` for the rows, `git cat-file` for the
//! contents. Nothing of the crate's own reading is used.

use std::collections::HashMap;
use std::fmt::Write as _;

use countersign::base::digest::ContentDigest;
use countersign::base::name::Revision;

use crate::scratch::Scratch;

const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn digest(scratch: &Scratch, id: &str, memory: &mut HashMap<String, String>) -> String {
    if let Some(digest) = memory.get(id) {
        return digest.clone();
    }
    let content = scratch.git_bytes(&["cat-file", "blob", id], b"");
    let digest = ContentDigest::of(&content).to_string();
    memory.insert(id.to_owned(), digest.clone());
    digest
}

/// The bytes of the document between two commits, or of a root commit.
pub(crate) fn document(
    scratch: &Scratch,
    old: Option<&Revision>,
    new: &Revision,
    memory: &mut HashMap<String, String>,
) -> Vec<u8> {
    let empty = if new.as_str().len() == 64 {
        scratch.git(&["hash-object", "-t", "tree", "/dev/null"])
    } else {
        EMPTY_TREE.to_owned()
    };
    let old = old.map_or(empty, |old| old.as_str().to_owned());
    let raw = scratch.git_bytes(
        &[
            "--no-replace-objects",
            "diff-tree",
            "-r",
            "--no-renames",
            "--raw",
            "--no-abbrev",
            "--ignore-submodules=none",
            "-z",
            &old,
            new.as_str(),
        ],
        b"",
    );
    let mut rows: Vec<(Vec<u8>, String)> = Vec::new();
    let mut fields = raw.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    while let (Some(about), Some(path)) = (fields.next(), fields.next()) {
        let about = std::str::from_utf8(about).unwrap().strip_prefix(':').unwrap();
        let words: Vec<&str> = about.split(' ').collect();
        let mut row = String::new();
        for (mode, id) in [(words[0], words[2]), (words[1], words[3])] {
            let content = match mode {
                "000000" => "-".to_owned(),
                "160000" if id.len() == 64 => format!("git-sha256:{id}"),
                "160000" => format!("git-sha1:{id}"),
                _ => digest(scratch, id, memory),
            };
            write!(row, "{mode} {content} ").unwrap();
        }
        rows.push((path.to_vec(), row));
    }
    rows.sort();
    let mut bytes = b"countersign change v1\n".to_vec();
    for (path, row) in rows {
        bytes.extend_from_slice(row.as_bytes());
        bytes.extend_from_slice(&path);
        bytes.push(0);
    }
    bytes
}
