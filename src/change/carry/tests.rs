//! Limits and shapes that no vector can hold; the rest is in `tests/carry`.

use super::*;
use crate::base::limits::{CARRY_CERTIFICATE_BYTES_MAX, CARRY_EDITS_MAX, CARRY_PATHS_MAX};

fn path(name: &str) -> ChangePath {
    ChangePath::new(name).unwrap()
}

fn edit(side: EditSide, first: usize, inserted: Vec<u8>) -> Edit {
    Edit { side, first, removed: 0, inserted }
}

fn file(name: &str, inserted_bytes: usize) -> FileEdits {
    let mut inserted = vec![b'x'; inserted_bytes];
    inserted.push(b'\n');
    let edits = [(EditSide::Approved, 0), (EditSide::Main, 1)];
    let edits = edits.map(|(side, first)| edit(side, first, inserted.clone()));
    FileEdits::new(path(name), edits.to_vec()).unwrap()
}

fn certificate(files: Vec<FileEdits>) -> Result<Certificate, CertificateError> {
    let hash = ChangeHash::from_bytes([1; 32]);
    Certificate::new(hash, hash, files)
}

fn too_large(what: &'static str, limit: usize) -> CertificateError {
    CertificateError::TooLarge { what, limit }
}

#[test]
fn a_certificate_has_at_most_so_many_bytes() {
    let half = CARRY_CERTIFICATE_BYTES_MAX / 2;
    let rest = certificate(vec![file("a", 1_000_000)]).unwrap().to_bytes().len() - 2 * 1_000_000;
    // The two size fields get no digit longer by what is left over.
    let largest = certificate(vec![file("a", half - rest.div_ceil(2))]).unwrap();
    let bytes = largest.to_bytes();
    assert!(bytes.len() <= CARRY_CERTIFICATE_BYTES_MAX);
    assert!(bytes.len() > CARRY_CERTIFICATE_BYTES_MAX - 4);
    assert_eq!(Certificate::parse(&bytes), Ok(largest));
    let error = too_large("bytes", CARRY_CERTIFICATE_BYTES_MAX);
    assert_eq!(certificate(vec![file("a", half)]), Err(error.clone()));
    assert_eq!(Certificate::parse(&vec![b' '; CARRY_CERTIFICATE_BYTES_MAX + 1]), Err(error));
}

#[test]
fn a_certificate_has_at_most_so_many_files_and_edits() {
    let files = |count| (0..count).map(|number| file(&format!("{number:05}"), 0)).collect();
    let most = certificate(files(CARRY_PATHS_MAX)).unwrap();
    assert_eq!(Certificate::parse(&most.to_bytes()), Ok(most));
    let more = certificate(files(CARRY_PATHS_MAX + 1));
    assert_eq!(more, Err(too_large("files", CARRY_PATHS_MAX)));

    let side = |at: usize| if at == 0 { EditSide::Main } else { EditSide::Approved };
    let removal = |at: usize| Edit { side: side(at), first: 2 * at, removed: 1, inserted: vec![] };
    let edits: Vec<Edit> = (0..=CARRY_EDITS_MAX).map(removal).collect();
    let most = FileEdits::new(path("a"), edits[..CARRY_EDITS_MAX].to_vec()).unwrap();
    let more = FileEdits::new(path("a"), edits).unwrap();
    assert_eq!(certificate(vec![more]), Err(too_large("edits", CARRY_EDITS_MAX)));
    let most = certificate(vec![most]).unwrap();
    let mut bytes = most.to_bytes();
    assert_eq!(Certificate::parse(&bytes).unwrap(), most);
    bytes.extend_from_slice(b"a 9000000 1 0\n");
    assert_eq!(Certificate::parse(&bytes), Err(too_large("edits", CARRY_EDITS_MAX)));
}

#[test]
fn a_file_above_the_limit_is_not_hashed() {
    let digest = ContentDigest::of(b"");
    let sides = FourSides { base: digest, approved: digest, before: digest, landed: digest };
    let check = |length: usize| {
        let mut source = CarryContents::default();
        source.contents.insert(digest, vec![b'\n'; length]);
        check_file(&file("a", 1), &sides, 1, &source)
    };
    assert_eq!(check(CARRY_FILE_BYTES_MAX), Err(CarryFault::WrongContent));
    let fault = CarryFault::FileTooLarge { limit_bytes: CARRY_FILE_BYTES_MAX };
    assert_eq!(check(CARRY_FILE_BYTES_MAX + 1), Err(fault));
}

#[test]
fn the_files_of_a_certificate_are_hashed_up_to_a_sum() {
    let mut hashed = Hashed(0);
    for _ in 0..CARRY_BYTES_MAX / CARRY_FILE_BYTES_MAX {
        assert_eq!(hashed.add(CARRY_FILE_BYTES_MAX), Ok(()));
    }
    assert_eq!(hashed.add(1), Err(CarryError::TooLarge { limit_bytes: CARRY_BYTES_MAX }));
}

#[test]
fn errors_tell_what_is_missing_from_what_is_wrong() {
    let of = |fault| CarryError::Path { path: path("a"), fault };
    assert!(of(CarryFault::MissingContent).is_missing());
    assert!(of(CarryFault::UnknownSide).is_missing());
    assert!(of(CarryFault::WrongContent).is_integrity());
    let refused = of(CarryFault::LandedDiffers);
    assert!(!refused.is_missing() && !refused.is_integrity());
    assert_eq!(refused.to_string(), "a: what landed is not what both edits make");
}
