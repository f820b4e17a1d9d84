//! A ledger in which everything has happened once, among people who write markup, turn text around
//! and use very long words.

use std::fs;

use crate::common::{Output, Stage};

/// A word that no line has room for.
const LONG: &str = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamten\
    gesellschaftDonaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft";

/// What people wrote, which some page shows as it is; hidden characters are spelt out there.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>alert(\"name\")</script> 'Dan' & \u{202e}Co",
    "</title><script>alert(\"title\")</script>",
    "<img src=x onerror=alert(\"path\")>.rs",
    "\u{202e}gnp.rs",
    "</bdi><iframe src=javascript:alert(1)>",
    "<svg onload=alert(\"rule\")>",
    "\u{645}\u{631}\u{62d}\u{628}\u{627} \u{628}\u{627}\u{644}\u{639}\u{627}\u{644}\u{645}",
    LONG,
];

/// Reading is open, words too, and the server has a clone.
pub(crate) fn settings(stage: &Stage, lines: &str) {
    let path = stage.home().join(".config/countersign/config.toml");
    let before = fs::read_to_string(&path).unwrap();
    let before = before.split("\n[ledger.\"localhost/shop\".serve]").next().unwrap();
    let text = format!(
        "{before}\n[ledger.\"localhost/shop\".serve]\n{lines}\n\
         [ledger.\"localhost/shop\".serve.repository]\nshop = \"{}\"\n",
        stage.repository().display()
    );
    fs::write(&path, text).unwrap();
}

const POLICY: &str = r#"version = 1
levels  = ["mid", "senior"]

[environment.production]
mode = "enforce"

[environment.staging]
mode = "observe"

[service.shop]
repository = "shop"

[[rule]]
name      = "<svg onload=alert(\"rule\")> payments need a senior"
when      = { paths = ["pay/**"] }
require   = [{ level = "senior", count = 1 }]
checklist = ["rollback plan"]
"#;

/// Somebody signs off what a revision changes.
fn approve(stage: &Stage, who: &str, what: &str, comment: &str) {
    let change = change_of(stage, what);
    let mut arguments = vec!["approve", what, "--expect", &change, "-m", comment, "-y"];
    arguments.extend(["--check", "rollback plan=go back to </td><b>the one before</b>"]);
    stage.as_user(who).run(&arguments).ok();
}

/// The hash of what a revision changes.
pub(crate) fn change_of(stage: &Stage, what: &str) -> String {
    let hash = stage.run(["hash", what, "--json"]);
    hash.ok();
    hash.json()["change"].as_str().unwrap().to_owned()
}

fn deploy(stage: &Stage, environment: &str) -> Output {
    stage.run(["gate", "--env", environment, "--", "true"])
}

/// The roster: an admin, a senior whose name is markup, one with a very long name, one who leaves.
pub(crate) fn people(stage: &Stage) -> String {
    let key = |name: &str| {
        let text = fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
        text.trim().to_owned()
    };
    let member = |id: &str, name: &str, level: &str, key: &str| {
        format!(
            "[[member]]\nid = {id:?}\nname = {}\nemails = [\"{id}@shop.example\"]\n\
             level = {level:?}\nduties = [\"review\", \"override\"]\nkeys = [{key:?}]\n",
            serde_json::Value::from(name)
        )
    };
    [
        member("dan", HOSTILE[0], "senior", &key("dan")),
        member("ben", HOSTILE[6], "mid", &key("ben")),
        member("cleo", &format!("Cleo {LONG}"), "senior", &key("cleo")),
    ]
    .concat()
}

/// Everything, once: a signed deployment and one that would have been refused, a denial, a release
/// by override, open changes on branches, somebody who left.
pub(crate) fn begin(test: &str) -> Stage {
    let stage = Stage::new(test);
    stage.run(["init", "-y"]).ok();
    stage.write("../policy.toml", POLICY);
    stage.run(["policy", "apply", "../policy.toml", "-y"]).ok();
    let gone = "[[member]]\nid = \"gone\"\nname = \"Gone\"\nduties = [\"review\"]\n";
    stage.write("../people.toml", &(people(&stage) + gone));
    stage.run(["roster", "apply", "../people.toml", "-y"]).ok();
    stage.write("../people.toml", "[[member]]\nid = \"gone\"\nretired = true\n");
    stage.run(["roster", "apply", "../people.toml", "-y"]).ok();
    settings(&stage, "reading = \"open\"\nwords = \"open\"\n");
    let ben = stage.as_user("ben");
    // Signed off, and deployed to both.
    ben.commit("pay/fee.rs", "fee = 1\n", HOSTILE[1]);
    ben.run(["declare", "HEAD", "--assistance", "generated", "--tool", "Claude Code"]).ok();
    approve(&stage, "dan", "HEAD", &format!("{}\nwas read,\n{LONG}", HOSTILE[4]));
    stage.run(["baseline", "HEAD~1", "--env", "staging", "-y"]).ok();
    deploy(&stage, "staging").ok();
    deploy(&stage, "production").ok();
    // Landed unsigned: staging would have refused it, production refuses it.
    ben.commit(&format!("lib/{}", HOSTILE[2]), "one\n", "Add a file of a strange name");
    deploy(&stage, "staging").ok();
    deploy(&stage, "production").expect_status(1);
    // By override, in an emergency: its sign-offs are owed.
    stage.as_user("dan").run(["override", "-m", "the shop is <i>down</i>", "-y"]).ok();
    deploy(&stage, "production").ok();
    // Open on branches: one that needs a senior, one whose path and title are long or turned.
    stage.git(["checkout", "-q", "-b", "open"]);
    ben.commit("pay/fee.rs", "fee = 2\n", &format!("Raise the fee {LONG}"));
    ben.run(["declare", "open", "--assistance", "assisted"]).ok();
    let (change, cleo) = (change_of(&stage, "open"), stage.as_user("cleo"));
    cleo.run(["reject", "open", "--expect", &change, "-m", "No </p><b>reason", "-y"]).ok();
    stage.git(["checkout", "-q", "main"]);
    stage.git(["checkout", "-q", "-b", "hostile"]);
    ben.commit(&format!("{}/{}", &LONG[..80], HOSTILE[3]), "one\n", HOSTILE[6]);
    ben.commit("image.bin", "\0\u{1}\u{2}", "And a file that nobody can read");
    stage.git(["checkout", "-q", "main"]);
    stage
}
