//! Receipts in an inbox after the ledger's own key was replaced (`spec/inbox.md` section 4): a real
//! bare repository, and a ledger that a server answers for.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::base::encoding::{base64, unbase64};
use countersign::ledger::tlog_proof::TlogProof;
use countersign::note::key::NoteSigner;
use serde_json::Value;

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::serving::Serving;

/// A statement of cleo's that is left in the inbox, and the machine that it was left from.
struct Sender<'a> {
    there: Elsewhere<'a>,
    file: PathBuf,
}

impl<'a> Sender<'a> {
    fn new(stage: &'a Stage, serving: &Serving, hash: &str) -> Self {
        let bare = stage.root().join("remote.git");
        stage.git(["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
        stage.git(["remote", "add", "origin", bare.to_str().unwrap()]);
        let this = Self {
            there: Elsewhere { stage, url: serving.url.clone() },
            file: stage.root().join("signed.json"),
        };
        let range = ["approve", "main..retry", "--expect", hash, "-m", "good", "-o"];
        this.at_url("cleo", &[&range[..], &[this.file.to_str().unwrap()]].concat()).ok();
        this
    }

    /// At the server, with what belongs to whoever runs the ledger.
    fn at_url(&self, who: &str, arguments: &[&str]) -> Output {
        let mut command = self.there.stage.as_user(who).command(arguments);
        Output::of(command.env("COUNTERSIGN_LEDGER", &self.there.url))
    }

    /// Leaves it, or asks what became of it, where the ledger cannot be reached.
    fn ask(&self, more: &[&str]) -> Output {
        let file = self.file.to_str().unwrap();
        let arguments = [&["submit", file, "--inbox", "origin"], more].concat();
        let mut command = self.there.command("cleo", &arguments);
        Output::of(command.env_remove("COUNTERSIGN_LEDGER"))
    }

    fn take_up(&self) {
        self.at_url("ada", &["submit", "--inbox", "origin"]).ok();
        assert_eq!(self.answers().len(), 1);
    }

    fn answers(&self) -> Vec<String> {
        let listed = self.there.stage.git(["ls-remote", "origin", "refs/countersign/answers/*"]);
        listed.lines().map(|line| line.split('\t').nth(1).unwrap().to_owned()).collect()
    }

    /// Puts another key's signature under the checkpoint of the receipt that waits.
    fn forge(&self, key: &NoteSigner) {
        let (stage, answer) = (self.there.stage, self.answers().remove(0));
        stage.git(["fetch", "-q", "origin", &answer]);
        let text = stage.git(["show", "FETCH_HEAD:answer.json"]);
        let said: Value = serde_json::from_str(&text).unwrap();
        let receipt = said["receipt"].as_str().unwrap();
        let mut proof = TlogProof::parse(&unbase64(receipt).unwrap()).unwrap();
        proof.checkpoint = key.sign(proof.checkpoint.text()).unwrap();
        let forged = base64(proof.to_string().as_bytes());
        let content = stage.root().join("answer.json");
        fs::write(&content, text.replace(receipt, &forged)).unwrap();
        let blob = stage.git(["hash-object", "-w", content.to_str().unwrap()]);
        let list = stage.root().join("list");
        fs::write(&list, format!("100644 blob {blob}\tanswer.json\n")).unwrap();
        let mut make = stage.program("git");
        make.arg("mktree").stdin(fs::File::open(&list).unwrap());
        let tree = Output::of(&mut make).ok().trim().to_owned();
        let commit = stage.as_user("ada").git(["commit-tree", &tree, "-m", "x"]);
        stage.git(["push", "-q", "--force", "origin", &format!("{commit}:{answer}")]);
    }
}

fn key_in(file: &Path) -> NoteSigner {
    NoteSigner::from_text(&fs::read_to_string(file).unwrap()).unwrap()
}

/// Section 4: a receipt that a later key signed is believed by whoever knows that key: by the proof
/// of its entry, by a copy of the ledger, by the ledger's own folder. To others nothing is wrong,
/// and nothing is proved.
#[test]
fn receipts_of_a_later_key_are_believed_where_that_is_known() {
    let stage = Stage::with_branch("receipts");
    let hash = stage.change_of("main..retry");
    let serving = Serving::start(&stage);
    let sender = Sender::new(&stage, &serving, &hash);
    let key = stage.home().join(".config/countersign/keys/localhost_shop.ledger");
    let old = key_in(&key);
    assert!(sender.ask(&[]).ok().starts_with("LEFT  "));
    let rotated = sender.at_url("ada", &["ledger", "rotate-key", "-y", "--json"]).json();
    let rotated = rotated["proof"].as_str().unwrap();
    sender.take_up();

    let unknown = sender.ask(&[]);
    unknown.refused(4, "the ledger's key may have been replaced");
    let talk = unknown.talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(talk.contains("countersign status") && talk.contains("--rotated FILE"), "{talk}");
    assert_eq!(sender.answers().len(), 1, "an answer that was not understood stays");
    // What is named as its proof is one.
    sender.at_url("ada", &["ledger", "prove", "1", "-o", "other.tlog-proof"]).ok();
    sender.ask(&["--rotated", "other.tlog-proof"]).refused(2, "does not verify");
    let both = ["--rotated", rotated, "--rotated", "other.tlog-proof"];
    sender.ask(&both).refused(2, "other.tlog-proof brings no key of the ledger");
    let known = sender.ask(&["--rotated", rotated]);
    assert!(known.ok().starts_with("TAKEN UP  "), "{}", known.out);
    let without = ["submit", "signed.json", "--rotated", rotated];
    sender.at_url("cleo", &without).refused(2, "--inbox");

    // Whoever has read the ledger since knows it without.
    sender.ask(&[]).ok();
    sender.take_up();
    sender.ask(&[]).refused(4, "the ledger's key may have been replaced");
    sender.there.run("cleo", &["status"]).ok();
    assert!(sender.ask(&[]).ok().starts_with("TAKEN UP  "));

    // Nor is a key believed that was replaced, or that nothing brought.
    sender.ask(&[]).ok();
    sender.take_up();
    sender.forge(&old);
    sender.ask(&[]).refused(3, "does not verify");
    sender.forge(&NoteSigner::new("localhost/shop", &[7; 32]).unwrap());
    sender.ask(&[]).refused(4, "the ledger's key may have been replaced");
    sender.forge(&NoteSigner::new("localhost/other", &[7; 32]).unwrap());
    sender.ask(&[]).refused(3, "does not verify");
    sender.forge(&key_in(&key));
    assert!(sender.ask(&[]).ok().starts_with("TAKEN UP  "));

    // Where the ledger itself is no copy is needed.
    sender.ask(&[]).ok();
    sender.take_up();
    serving.kill();
    let mut own = stage.command(["submit", sender.file.to_str().unwrap(), "--inbox", "origin"]);
    let own = Output::of(own.env("XDG_CACHE_HOME", stage.root().join("no-copy")));
    assert!(own.ok().starts_with("TAKEN UP  "), "{}", own.out);
}
