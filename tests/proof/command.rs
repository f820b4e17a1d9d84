//! The program: `ledger checkpoint`, `ledger prove` and `verify`, on a real ledger and without it.

use std::fs;
use std::path::PathBuf;

use countersign::note::SignedNote;
use countersign::note::cosignature::Cosigner;

use crate::common::{Output, Stage};

/// A ledger of three entries whose proofs were written to files, then its folder is gone: what is
/// left is what a verifier has.
struct Files {
    stage: Stage,
    trust: PathBuf,
}

impl Files {
    fn new(test: &str) -> Self {
        let stage = Stage::begun(test);
        let trust = stage.home().join(".config/countersign/trust/localhost_shop.toml");
        assert!(trust.exists());
        let this = Self { stage, trust };
        this.make(&["ledger", "checkpoint", "-o", "checkpoint-3.txt"]);
        let eve = ["roster", "add", "Eve", "--email", "eve@shop.example", "-y"];
        this.stage.run(eve).ok();
        this.make(&["ledger", "checkpoint", "-o", "checkpoint-4.txt"]);
        this.make(&["ledger", "prove", "2", "-o", "entry-2.tlog-proof"]);
        this.make(&["ledger", "prove", "--since", "3", "-o", "since-3.tlog-consistency"]);
        this.make(&["ledger", "prove", "--since", "1", "-o", "since-1.tlog-consistency"]);
        this
    }

    fn make(&self, arguments: &[&str]) {
        let made = self.stage.run(arguments);
        assert!(made.ok().contains("next: countersign verify "), "{}", made.out);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.stage.repository().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.stage.repository().join(name), text).unwrap();
    }

    /// Verifies in a folder that is no repository, with a home that knows nothing.
    fn verify(&self, arguments: &[&str]) -> Output {
        let empty = self.stage.root().join("elsewhere");
        fs::create_dir_all(&empty).unwrap();
        let mut command = self.stage.program(env!("CARGO_BIN_EXE_countersign"));
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            command.env(name, &empty);
        }
        command.current_dir(self.stage.repository()).arg("verify").args(arguments);
        command.arg("--trust").arg(&self.trust);
        let output = Output::of(&mut command);
        // Evidence is printed byte for byte, signatures too.
        let is_evidence = |line: &str| line.starts_with("    \u{2014} ");
        let is_narrow =
            output.out.lines().all(|line| line.chars().count() <= 80 || is_evidence(line));
        assert!(is_narrow || arguments.contains(&"--json"), "{}", output.out);
        output
    }
}

/// DESIGN 4, 8: what the ledger proves is checked with a trust root and nothing else.
#[test]
fn proofs_are_checked_without_the_ledger() {
    let files = Files::new("verify");
    fs::rename(files.stage.ledger(), files.stage.root().join("gone")).unwrap();
    let found = files.verify(&["entry-2.tlog-proof"]);
    let text = found.ok();
    assert!(text.starts_with("YES  entry-2.tlog-proof: entry 2 is in localhost/shop\n"), "{text}");
    for part in [
        "rests on    operator trusted for completeness, order and time",
        "checkpoint  4 entries, signed by localhost/shop",
        "says        governance by ",
        "not proved: that its signer was allowed to; the ledger admitted it",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    let json = files.verify(&["entry-2.tlog-proof", "--json"]).json();
    let file = &json["files"][0];
    assert_eq!((&file["answer"], &file["proves"]), (&"YES".into(), &"entry".into()));
    assert_eq!(file["entry"]["index"], 2);
    assert_eq!(file["checkpoint"]["size"], 4);

    let grown = files.verify(&["since-3.tlog-consistency", "--since", "checkpoint-3.txt"]);
    let says = "YES  since-3.tlog-consistency: localhost/shop only grew, from 3 to 4 entries\n";
    assert!(grown.ok().starts_with(says), "{}", grown.out);
    // Entry 0 is in the trust root; another size needs a checkpoint of it.
    files.verify(&["since-1.tlog-consistency"]).ok();
    files.verify(&["since-3.tlog-consistency"]).refused(2, "starts at 3 entries");
    let several = files.verify(&["checkpoint-3.txt", "checkpoint-4.txt", "entry-2.tlog-proof"]);
    assert_eq!(several.ok().matches("YES  ").count(), 3, "{}", several.out);
    let quiet = files.verify(&["-q", "checkpoint-4.txt"]);
    assert_eq!((quiet.status, quiet.out.as_str()), (0, ""));
}

/// What was altered is told with status 3; what is nothing of ours, with status 2.
#[test]
fn altered_proofs_are_refused() {
    let files = Files::new("altered");
    let entry = files.read("entry-2.tlog-proof");
    files.write("altered", &entry.replacen("index 2", "index 1", 1));
    let found = files.verify(&["altered"]);
    let text = found.expect_status(3);
    assert!(text.starts_with("TAMPERED  altered: the proof leads to another root hash"), "{text}");
    assert!(text.ends_with("next: keep the file as it is, and get another from the ledger\n"));
    let json = files.verify(&["altered", "entry-2.tlog-proof", "--json"]);
    json.expect_status(3);
    assert_eq!(json.json()["files"][0]["answer"], "TAMPERED");
    assert_eq!(json.json()["files"][1]["answer"], "YES");
    files.write("altered", &entry.replacen("\n4\n", "\n5\n", 1));
    assert!(files.verify(&["altered"]).expect_status(3).contains("does not verify"));
    let growth = files.read("since-3.tlog-consistency");
    files.write("altered", &growth.replacen("old 3", "old 4", 1));
    files.verify(&["altered", "--since", "checkpoint-4.txt"]).expect_status(3);
    files.write("altered", "{}\n");
    files.verify(&["altered"]).refused(2, "altered proves nothing that is known here");
    files.write("altered", &entry.replace("localhost/shop", "localhost/other"));
    files.verify(&["altered"]).refused(2, "altered says it is of localhost/other");
    let bare: Vec<_> = entry.lines().filter(|line| !line.starts_with("extra ")).collect();
    files.write("altered", &format!("{}\n", bare.join("\n")));
    files.verify(&["altered"]).refused(2, "it holds no entry, only the proof of one");
    files.verify(&["missing"]).refused(2, "missing");
    let later = files.stage.run(["ledger", "prove", "--since", "9"]);
    later.refused(2, "the ledger has 4 entries: there is none since 9");
    files.stage.run(["ledger", "prove"]).expect_status(2);
    files.stage.run(["ledger", "prove", "1", "--since", "1"]).expect_status(2);
}

/// ATTACKS 34: two checkpoints of one size and two roots are two histories; who saw one of them is
/// told at the sight of the other.
#[test]
fn attack_34_a_fork_is_told_to_who_saw_the_other_tree() {
    let files = Files::new("fork");
    let secret = files.stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    let secret = fs::read_to_string(secret).unwrap();
    let signer = countersign::note::key::NoteSigner::from_text(&secret).unwrap();
    let real = SignedNote::parse(files.read("checkpoint-4.txt").as_bytes()).unwrap();
    let mut forged: countersign::note::checkpoint::Checkpoint = real.text().parse().unwrap();
    forged.root = countersign::base::digest::RootHash::from_bytes([1; 32]);
    files.write("forged.txt", &forged.sign(&signer).unwrap().note().to_string());
    // Alone it is a checkpoint like any other: the operator is trusted.
    files.verify(&["forged.txt"]).ok();
    let found = files.verify(&["forged.txt", "--since", "checkpoint-4.txt"]);
    let text = found.expect_status(3).replace("\n          ", " ");
    assert!(text.contains("two trees of 4 entries: the ledger has two histories"), "{text}");
    assert!(text.contains("next: keep both files: they show it"), "{text}");
    // Whoever used the ledger at that size remembers its tree.
    let seen = files.stage.run(["verify", "forged.txt"]);
    assert!(seen.expect_status(3).contains("there are two trees of 4 entries"), "{}", seen.out);
    files.stage.run(["verify", "checkpoint-4.txt", "checkpoint-3.txt"]).ok();
    // Two files of one ledger are held against each other.
    let both = files.verify(&["checkpoint-4.txt", "forged.txt"]);
    assert!(both.expect_status(3).contains("TAMPERED  forged.txt: there are two trees"));
}

/// A trust root that asks for witnesses gets no yes from fewer, and says what a yes rests on.
#[test]
fn a_quorum_of_witnesses_decides() {
    let files = Files::new("witnessed");
    let witness =
        |number: u8| Cosigner::new(&format!("witness.example/w{number}"), &[number; 32]).unwrap();
    let mut trust = fs::read_to_string(&files.trust).unwrap();
    trust.push_str("quorum = \"both\"\n");
    for number in [1, 2] {
        let key = witness(number).key();
        let table = format!("[[witness]]\nname = \"w{number}\"\nkey = \"{key}\"\n");
        trust.push_str(&table);
    }
    trust.push_str("[[group]]\nname = \"both\"\nneed = \"all\"\nmembers = [\"w1\", \"w2\"]\n");
    let mut files = files;
    files.trust = files.stage.root().join("witnessed.toml");
    fs::write(&files.trust, trust).unwrap();
    let shown = files.stage.run(["trust", "show", "--trust", files.trust.to_str().unwrap()]);
    assert!(shown.ok().contains("witnesses  w1, w2; wanted: both\n"), "{}", shown.out);
    let found = files.verify(&["entry-2.tlog-proof"]);
    let text = found.expect_status(1);
    assert!(text.starts_with("NO  entry-2.tlog-proof: 0 of 2 witnesses cosigned"), "{text}");
    let entry = files.read("entry-2.tlog-proof");
    let note = SignedNote::parse(files.read("checkpoint-4.txt").as_bytes()).unwrap();
    let line = |number: u8| format!("{}\n", witness(number).sign(&note, 1_700_000_000).unwrap());
    files.write("cosigned", &format!("{entry}{}", line(1)));
    let found = files.verify(&["cosigned"]);
    assert!(found.expect_status(1).contains("1 of 2 witnesses"), "{}", found.out);
    files.write("cosigned", &format!("{entry}{}{}", line(2), line(1)));
    let found = files.verify(&["cosigned"]);
    assert!(found.ok().contains("rests on    witnessed 2 of 2, newest "), "{}", found.out);
    let json = files.verify(&["cosigned", "--json"]).json();
    assert_eq!(json["files"][0]["witnesses"][0]["name"], "w1");
    assert_eq!(json["files"][0]["witnesses"][0]["time"], "2023-11-14T22:13:20Z");
    let wrong = line(1).replacen("w1 ", "w2 ", 1);
    files.write("cosigned", &format!("{entry}{wrong}"));
    assert_eq!(files.verify(&["cosigned"]).status, 1, "a line under no known id is passed over");
}

/// `spec/proof.md` section 5 (ae): what a later key signed is a stranger's to a trust root that
/// names the first, until the proof of the entry that brought the key is shown before it.
#[test]
fn a_later_key_of_the_ledger_is_followed_by_its_proof() {
    let files = Files::new("later-key");
    let rotated = files.stage.run(["ledger", "rotate-key", "-y"]);
    assert!(rotated.ok().contains("wrote rotated-4.tlog-proof"), "{}", rotated.out);
    files.make(&["ledger", "checkpoint", "-o", "checkpoint-5.txt"]);
    // What it wrote is what can be proved until there is another entry.
    let proved = files.stage.run(["ledger", "prove", "4", "-o", "rotation.tlog-proof"]);
    proved.ok();
    assert!(!proved.talk.contains("was replaced"), "{}", proved.talk);
    assert_eq!(files.read("rotated-4.tlog-proof"), files.read("rotation.tlog-proof"));
    files.stage.run(["roster", "add", "Fay", "--email", "fay@shop.example", "-y"]).ok();
    // From then on whoever writes a proof is told what goes before it.
    for arguments in [
        &["prove", "2", "-o", "later.tlog-proof"][..],
        &["prove", "--since", "4", "-o", "later.tlog-consistency"],
        &["prove", "4", "-o", "late.tlog-proof"],
        &["checkpoint", "-o", "checkpoint-6.txt"],
    ] {
        let written = files.stage.run([&["ledger"], arguments].concat());
        let next = "next: countersign verify rotated-4.tlog-proof ";
        assert!(written.ok().contains(next), "{}", written.out);
        assert!(written.talk.contains("the ledger's key was replaced"), "{}", written.talk);
    }
    files.verify(&["rotated-4.tlog-proof", "late.tlog-proof"]).ok();
    files.verify(&["late.tlog-proof"]).expect_status(1);
    files.verify(&["rotation.tlog-proof"]).ok();
    let found = files.verify(&["later.tlog-proof"]);
    let text = found.expect_status(1);
    assert!(text.starts_with("NO  later.tlog-proof: not signed by any known key\n"), "{text}");
    assert!(text.contains("next: if the ledger's key was replaced, name the proof"), "{text}");
    // After the proof of the rotation the same file is good, and before it it is not.
    let both = ["rotation.tlog-proof", "later.tlog-proof", "entry-2.tlog-proof"];
    assert_eq!(files.verify(&both).ok().matches("YES  ").count(), 3);
    files.verify(&["later.tlog-proof", "rotation.tlog-proof"]).expect_status(1);
    let grown = ["rotation.tlog-proof", "later.tlog-consistency", "--since", "checkpoint-4.txt"];
    files.verify(&grown).ok();
    let later = ["rotation.tlog-proof", "later.tlog-proof", "--since", "checkpoint-6.txt"];
    files.verify(&later).ok();
    // From there on the old key signs nothing: a larger tree of its is a stranger's.
    let keys = files.stage.home().join(".config/countersign/keys");
    let new = fs::read_to_string(keys.join("localhost_shop.ledger")).unwrap();
    let new = countersign::note::key::NoteSigner::from_text(&new).unwrap();
    let note = SignedNote::parse(files.read("checkpoint-5.txt").as_bytes()).unwrap();
    let text = new.sign(note.text()).unwrap().to_string();
    files.write("too-early.txt", &text);
    files.verify(&["rotation.tlog-proof", "too-early.txt"]).expect_status(1);
    // A trust root that names the new key needs no proof of it.
    let before = fs::read_to_string(&files.trust).unwrap();
    let is_key = |line: &&str| line.starts_with("ledger_key");
    let key = new.verifier_key().to_string();
    let root =
        before.replace(before.lines().find(is_key).unwrap(), &format!("ledger_key = \"{key}\""));
    fs::write(&files.trust, root).unwrap();
    files.verify(&["later.tlog-proof"]).ok();
    // It is for files alone: the ledger is the one whose entry 0 has the first key.
    files.stage.run(["log"]).refused(3, "the ledger key: is not the pinned one");
}
