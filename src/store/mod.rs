//! Storage: the embedded store, the oracle in memory, injected faults and crashes, durable files,
//! the lock.

pub mod checkpoint;
pub mod crash;
pub mod durable;
pub mod fault;
pub mod files;
pub mod lock;
pub mod memory;
pub mod mirror;
pub mod shared;
#[cfg(feature = "sled")]
pub mod sled;

#[cfg(test)]
pub(crate) mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A folder of its own for a test, removed with the value.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            static NUMBER: AtomicU64 = AtomicU64::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("countersign-{name}-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}
