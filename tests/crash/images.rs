//! What a power failure may leave of sled's own files: pages of the last commit that are there or
//! not, names of snapshots that are there or not, files half written. It opens, and the commit is
//! there whole or not at all; or the tool says that it does not open, and what to do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use countersign::ledger::store::{Store as _, StoreError};
use countersign::store::sled::SledStore;

use crate::place::{Random, copy_folder};
use crate::support::{Folder, Known, append, check_all, open};

const PAGE: usize = 4_096;

/// Appends in batches of these sizes.
fn grow(folder: &Folder, sizes: impl IntoIterator<Item = u64>) {
    let store = folder.sled();
    let mut known = Known::of(&store);
    let mut ledger = open(store, folder.checkpoint()).unwrap();
    for count in sizes {
        let size = ledger.checkpoint().size().get();
        append(&mut ledger, &mut known, size..size + count);
    }
}

/// Opens a folder as it is and checks everything; gives the number of entries.
fn opened(folder: &Folder, what: &str) -> u64 {
    let store = SledStore::open(folder.path(), "test", Duration::from_secs(10));
    let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
    let ledger = open(&store, folder.checkpoint());
    let size = ledger.unwrap_or_else(|error| panic!("{what}: {error}")).checkpoint().size().get();
    let damage = check_all(&store, &folder.checkpoint()).damage;
    assert_eq!(damage, None, "{what}");
    size
}

/// `new` with some of its pages as in `old`, which may be shorter.
fn mix(old: &[u8], new: &[u8], is_new: &mut dyn FnMut(usize) -> bool) -> Vec<u8> {
    let mut mixed = new.to_vec();
    for (number, page) in mixed.chunks_mut(PAGE).enumerate() {
        if !is_new(number) {
            let at = number * PAGE;
            page.fill(0);
            let from = old.get(at..old.len().min(at + page.len())).unwrap_or_default();
            page[..from.len()].copy_from_slice(from);
        }
    }
    mixed
}

/// The numbers of pages that differ.
fn changed(old: &[u8], new: &[u8]) -> Vec<usize> {
    let page = |bytes: &[u8], number: usize| {
        let at = (number * PAGE).min(bytes.len());
        bytes[at..bytes.len().min(at + PAGE)].to_vec()
    };
    let count = new.len().div_ceil(PAGE);
    (0..count).filter(|number| page(old, *number) != page(new, *number)).collect()
}

/// Tears one commit of `batch` entries after those of `before`, in so many ways.
fn tear(before: &[u64], batch: u64, random_count: usize, random: &mut Random) -> (usize, usize) {
    let folder = Folder::new();
    grow(&folder, before.iter().copied());
    let size: u64 = before.iter().sum();
    // Open, as a writer has it: the snapshot of that opening belongs to the state before.
    let store = folder.sled();
    let old_folder = Folder::new();
    copy_folder(folder.path(), old_folder.path());
    let old = fs::read(folder.path().join("sled/db")).unwrap();
    let mut known = Known::of(&store);
    let mut ledger = open(store, folder.checkpoint()).unwrap();
    append(&mut ledger, &mut known, size..size + batch);
    let new = fs::read(folder.path().join("sled/db")).unwrap();
    drop(ledger);
    let pages = changed(&old, &new);
    assert!(!pages.is_empty() && new.len() >= old.len());
    let mut kinds: Vec<Vec<usize>> = vec![Vec::new(), pages.clone()];
    // Prefixes and suffixes of what was written, then one page missing, then any half of them.
    for cut in [1, pages.len() / 4, pages.len() / 2, pages.len().saturating_sub(1)] {
        kinds.push(pages[..cut].to_vec());
        kinds.push(pages[cut..].to_vec());
    }
    for number in 0..random_count {
        let missing = random.below(pages.len());
        let keeps = |at: usize, random: &mut Random| match number % 3 {
            0 => at != missing,
            1 => random.below(2) == 0,
            _ => random.below(pages.len()) > 0,
        };
        let kept = (0..pages.len()).filter(|at| keeps(*at, random)).collect::<Vec<_>>();
        kinds.push(kept.into_iter().map(|at| pages[at]).collect());
    }
    let (mut tried, mut whole) = (0, 0);
    for kept in kinds {
        let image = Folder::new();
        copy_folder(old_folder.path(), image.path());
        let mixed = mix(&old, &new, &mut |page| {
            kept.binary_search(&page).is_ok() || pages.binary_search(&page).is_err()
        });
        // The file may end where the last page that was written ends.
        let end = kept.last().map_or(old.len(), |page| (page + 1) * PAGE).max(old.len());
        let cut = if random.below(2) == 0 { end.min(new.len()) } else { new.len() };
        fs::write(image.path().join("sled/db"), &mixed[..cut]).unwrap();
        let what = format!("{} of {} pages, {cut} of {}", kept.len(), pages.len(), new.len());
        let found = opened(&image, &what);
        assert!(found == size || found == size + batch, "{what}: half of a batch, {found}");
        assert!(kept.len() < pages.len() || found == size + batch, "{what}: a whole commit lost");
        // It goes on from there, and the next opening finds that as well.
        grow(&image, [3]);
        assert_eq!(opened(&image, &what), found + 3);
        tried += 1;
        whole += usize::from(found == size + batch);
    }
    (tried, whole)
}

fn tear_many(random_count: usize, small_commits: usize, seed: u64) {
    let mut random = Random(seed);
    let (mut tried, mut whole) = (0, 0);
    let small = vec![1; small_commits];
    let shapes: [(&[u64], u64); 5] =
        [(&[1], 1), (&[1, 40], 60), (&[300, 1, 1], 1_000), (&small, 1), (&small, 30)];
    for (before, batch) in shapes {
        let (more, of_them) = tear(before, batch, random_count, &mut random);
        tried += more;
        whole += of_them;
    }
    println!("{tried} torn commits over sled's files: {whole} whole, {} absent", tried - whole);
}

#[test]
fn a_torn_commit_is_there_whole_or_not_at_all() {
    tear_many(6, 60, 1);
}

#[test]
#[ignore = "takes minutes"]
fn a_torn_commit_campaign() {
    tear_many(200, 3_000, 2);
}

/// sled does not sync the names of its snapshots, and writes one at each opening: an old one may
/// come back, a new one may be gone, and one that was being written may be cut anywhere.
#[test]
fn any_snapshot_may_be_gone_old_or_cut() {
    let folder = Folder::new();
    grow(&folder, [1, 5, 30]);
    let old = Folder::new();
    drop(folder.sled());
    copy_folder(folder.path(), old.path());
    grow(&folder, [100, 1, 1, 1]);
    drop(folder.sled());
    let snapshots = |folder: &Folder| -> Vec<_> {
        let names = fs::read_dir(folder.path().join("sled")).unwrap();
        let paths = names.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_string_lossy().contains("/snap.")).collect()
    };
    let name = |path: &Path| path.file_name().unwrap().to_owned();
    let (older, newer) = (snapshots(&old), snapshots(&folder));
    assert_eq!((older.len(), newer.len()), (1, 1));
    assert_ne!(name(&older[0]), name(&newer[0]));
    for (keeps_old, keeps_new) in [(true, true), (true, false), (false, true), (false, false)] {
        let content = fs::read(&newer[0]).unwrap();
        for cut in [None, Some(0), Some(1), Some(content.len() / 2), Some(content.len() - 1)] {
            let image = Folder::new();
            copy_folder(folder.path(), image.path());
            let sled = image.path().join("sled");
            if keeps_old {
                fs::copy(&older[0], sled.join(name(&older[0]))).unwrap();
            }
            if !keeps_new {
                fs::remove_file(sled.join(name(&newer[0]))).unwrap();
            }
            if let Some(cut) = cut {
                let generating = format!("{}.generating", name(&newer[0]).to_string_lossy());
                fs::write(sled.join(generating), &content[..cut]).unwrap();
            }
            let what = format!("old {keeps_old}, new {keeps_new}, generating {cut:?}");
            assert_eq!(opened(&image, &what), 139, "{what}");
        }
    }
}

/// Without our mend sled does not open beside a snapshot that a kill left half-written.
#[test]
fn a_half_written_snapshot_alone_would_stop_sled() {
    let folder = Folder::new();
    grow(&folder, [1, 5]);
    fs::write(folder.path().join("sled/snap.00FFFFFFFFFFFFFF.generating"), b"cut").unwrap();
    assert!(sled::open(folder.path().join("sled")).is_err());
    assert_eq!(opened(&folder, "swept"), 6);
}

/// sled never syncs what it keeps in `blobs/`: where a file is there, the store is refused.
#[test]
fn a_value_in_blobs_is_refused() {
    let folder = Folder::new();
    grow(&folder, [1, 5]);
    fs::create_dir_all(folder.path().join("sled/blobs")).unwrap();
    fs::write(folder.path().join("sled/blobs/0000000000000042"), b"half").unwrap();
    let error = SledStore::open(folder.path(), "test", Duration::ZERO).unwrap_err();
    assert!(matches!(error, StoreError::Integrity { .. }), "{error}");
    fs::remove_file(folder.path().join("sled/blobs/0000000000000042")).unwrap();
    assert_eq!(opened(&folder, "mended"), 6);
}

/// A folder that is moved away, removed or replaced while it is open takes nothing more.
#[test]
fn nothing_is_acknowledged_into_files_that_have_no_name() {
    for how in ["moved", "removed", "replaced"] {
        let folder = Folder::new();
        grow(&folder, [2]);
        let (copy, aside) = (Folder::new(), Folder::new());
        copy_folder(folder.path(), copy.path());
        let store = folder.sled();
        let mut known = Known::of(&store);
        let mut ledger = open(store, folder.checkpoint()).unwrap();
        append(&mut ledger, &mut known, 2..3);
        if how == "removed" {
            fs::remove_dir_all(folder.path()).unwrap();
        } else {
            fs::rename(folder.path(), aside.path().join("ledger")).unwrap();
        }
        if how == "replaced" {
            fs::create_dir_all(folder.path()).unwrap();
            copy_folder(copy.path(), folder.path());
        }
        let envelope = crate::support::envelope(3);
        let error = ledger.append(&mut known, crate::support::NOW, &[&envelope]).unwrap_err();
        assert!(error.to_string().contains("moved, removed or replaced"), "{how}: {error}");
        drop(ledger);
        if how == "replaced" {
            assert_eq!(opened(&folder, how), 2);
        }
        if how != "removed" {
            let store =
                SledStore::open(&aside.path().join("ledger"), "test", Duration::from_secs(10));
            assert_eq!(store.unwrap().head().unwrap().unwrap().size.get(), 3);
        }
    }
}
