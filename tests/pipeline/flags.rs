//! Flags of `verify` that say nothing of a file (`spec/proof.md` section 5, `spec/slsa.md`
//! section 4): whoever gives one believes that it was asked.

use std::path::Path;

use crate::stage::{Stage, policy};

/// The flags, each with something behind it, and of which of the three kinds of files it asks
/// something: a checkpoint, a bundle, a summary.
const FLAGS: [(&[&str], [bool; 3]); 9] = [
    (&["--trust", "../trust.toml"], [true, true, false]),
    (&["--since", "0"], [true, true, false]),
    (&["-o", "a.fork"], [true, false, false]),
    (&["--repo", "."], [false, true, false]),
    (&["--signer", "../gate.pub"], [false, false, true]),
    (&["--signer", "../gate.pub", "--subject", "gitCommit:0"], [false, false, true]),
    (&["--signer", "../gate.pub", "--resource", "git+https://x"], [false, false, true]),
    (&["--signer", "../gate.pub", "--verifier", "urn:x"], [false, false, true]),
    (&["--signer", "../gate.pub", "--level", "X"], [false, false, true]),
];

/// A flag is refused where it asks nothing of a file, whatever the file is called: a checkpoint or
/// bundle under the name of a summary is no yes to who expects a summary.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
fn a_flag_that_asks_nothing_of_a_file_is_refused() {
    let uri = "\n[repository.shop]\nuri = \"git+https://git.example/acme/shop\"\n";
    let stage = Stage::with("verify-flags", &(policy("enforce") + uri), true);
    let signer = crate::stage::key(&stage.root, "gate");
    let public = countersign::key::Signer::public_key(&signer).to_openssh();
    std::fs::write(stage.root.join("gate.pub"), public).unwrap();
    let files = ["checkpoint.vsa.json", "bundle.vsa.json", "summary.vsa.json"];
    let wrote = stage.run(&["ledger", "checkpoint", "-o", files[0]]);
    assert_eq!(wrote.status, 0, "{wrote:?}");
    let gated = stage.run(&["gate", "-o", "a.bundle", "-o", files[2]]);
    assert_eq!(gated.status, 0, "{gated:?}");
    std::fs::rename(stage.repository().join("a.bundle"), stage.repository().join(files[1]))
        .unwrap();
    for (flags, asks) in FLAGS {
        for (file, asks) in files.iter().zip(asks) {
            let verified = stage.run(&[&["verify", file][..], flags].concat());
            let refused = verified.all().contains("asks something of");
            assert_eq!(refused, !asks, "{file} {flags:?}: {verified:?}");
            if refused {
                verified.expect(2, &[flags[0], "is it the right file?"]);
            }
        }
    }
    // Without a flag, or with its own, each is answered.
    for (kind, more) in [(0, &[][..]), (1, &["--repo", "."]), (2, &["--signer", "../gate.pub"])] {
        let verified = stage.run(&[&["verify", files[kind]][..], more].concat());
        assert_eq!(verified.status, 0, "{verified:?}");
    }
    assert!(!Path::new(&stage.repository().join("a.fork")).exists());
    // Of several kinds none is answered.
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        for both in [[files[one], files[other]], [files[other], files[one]]] {
            let verified = stage.run(&["verify", both[0], both[1]]);
            verified.expect(2, &["are verified apart", "by itself"]);
        }
    }
}
