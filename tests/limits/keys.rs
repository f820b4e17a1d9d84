//! Limits of keys.

use countersign::base::limits::*;
use countersign::key::PublicKey;
use countersign::note::key::VerifierKey;
use countersign::signer::file;

use crate::both;
use crate::support::{Folder, signer};

limits! {
    a_key_file: KEY_FILE_BYTES_MAX => {
        let folder = Folder::new();
        both(KEY_FILE_BYTES_MAX, "large", |length| {
            let path = folder.path().join("key");
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            file::load(&path, &mut |_| None)
        });
    }
    a_line_of_a_public_key: PUBLIC_KEY_LINE_BYTES_MAX => {
        let key = PublicKey::ed25519(*signer().verifier_key().public_key()).unwrap();
        let line = format!("{} ", key.to_openssh());
        both(PUBLIC_KEY_LINE_BYTES_MAX, "bytes", |length| {
            PublicKey::from_openssh(&format!("{line}{}", "c".repeat(length - line.len())))
        });
    }
    an_application: APPLICATION_BYTES_MAX => {
        let public = *signer().verifier_key().public_key();
        both(APPLICATION_BYTES_MAX, "255", |length| {
            PublicKey::security_key(public, &format!("ssh:{}", "a".repeat(length - 4)))
        });
    }
    the_name_of_a_key: KEY_NAME_BYTES_MAX => {
        let public = *signer().verifier_key().public_key();
        both(KEY_NAME_BYTES_MAX, "key", |length| VerifierKey::new(&"a".repeat(length), public));
    }
}
