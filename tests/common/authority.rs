//! A certificate authority of one's own, by openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Output, Stage};

/// Whether there is an openssl; says what is not tried where there is none.
pub(crate) fn is_there() -> bool {
    let is_there = Command::new("openssl").arg("version").output().is_ok();
    if !is_there {
        println!("skipped: openssl is not installed, certificates were not tried");
    }
    is_there
}

/// A root that certificates are traced to.
pub(crate) struct Authority<'a> {
    stage: &'a Stage,
    name: &'static str,
}

impl<'a> Authority<'a> {
    pub(crate) fn new(stage: &'a Stage, name: &'static str) -> Self {
        let this = Self { stage, name };
        let root = this.path("pem");
        this.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=root",
            "-keyout",
            &this.path("key"),
            "-out",
            &root,
        ]);
        this
    }

    pub(crate) fn path(&self, ending: &str) -> String {
        self.stage.root().join(self.name).with_extension(ending).to_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &[&str]) {
        Output::of(self.stage.program("openssl").args(arguments)).ok();
    }

    /// Writes the files of a server: a new key, and a certificate of it for a name.
    pub(crate) fn issue(&self, files: &Files, name: &str, days: &str) {
        let request = self.path("csr");
        let key = files.key.with_extension("new");
        let key_text = key.to_str().unwrap();
        self.openssl(&[
            "req",
            "-newkey",
            "ed25519",
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            key_text,
            "-out",
            &request,
        ]);
        let extensions = self.path("ext");
        let text = format!("subjectAltName={name}\nbasicConstraints=critical,CA:FALSE\n");
        self.stage.write(&extensions, &text);
        let chain = files.certificate.with_extension("new");
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &self.path("pem"),
            "-CAkey",
            &self.path("key"),
            "-CAcreateserial",
            "-days",
            days,
            "-extfile",
            &extensions,
            "-out",
            chain.to_str().unwrap(),
        ]);
        fs::rename(chain, &files.certificate).unwrap();
        fs::rename(key, &files.key).unwrap();
    }
}

/// The files of a server: its chain and its key.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    pub(crate) fn below(folder: &Path) -> Self {
        Self { certificate: folder.join("chain.pem"), key: folder.join("server.pem") }
    }

    /// What the settings of a server say of them.
    pub(crate) fn settings(&self) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        format!(
            "reading = \"open\"\nwords = \"open\"\ntls_certificate = \"{certificate}\"\n\
             tls_key = \"{key}\"\n"
        )
    }
}
