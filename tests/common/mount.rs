//! Small file systems of a test's own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A small file system in memory, mounted in a folder of the test's own.
pub(crate) struct Mount(pub(crate) PathBuf);

impl Mount {
    /// None where this may not be done here.
    pub(crate) fn new(name: &str, options: &str) -> Option<Self> {
        Self::at(std::env::temp_dir().join(format!("mount-{name}-{}", std::process::id())), options)
    }

    /// The same over a folder that is there.
    pub(crate) fn at(path: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            drop(fs::remove_dir(&path));
            println!("skipped: a small file system cannot be mounted here (it takes root)");
            return None;
        }
        Some(Self(path))
    }

    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mount = || Command::new("mount").args(["-o", &options]).arg(&self.0).output().unwrap();
        let mut output = mount();
        // A program that another test starts just now has our files until it begins.
        for _ in 0..100 {
            if output.status.success() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
            output = mount();
        }
        panic!("{output:?}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
        drop(fs::remove_dir(&self.0));
    }
}

/// Takes all room but so many bytes.
pub(crate) fn fill(filler: &Path, free_bytes: usize) {
    let mut file = fs::File::create(filler).unwrap();
    let block = vec![1; 64 * 1024];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&[1; 512]).is_ok() {}
    let length = file.metadata().unwrap().len();
    // tmpfs takes and gives whole pages.
    let length = (length / 4_096 * 4_096).saturating_sub(free_bytes as u64);
    file.set_len(length).unwrap();
}
