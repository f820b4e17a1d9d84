//! A tour of all commands on another machine than the ledger's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;

use countersign::base::encoding::base64;

use crate::common::{Output, Stage};
use crate::copies::Elsewhere;

const SOURCE: &str = "git+https://git.example/acme/shop";
/// What the tour adds to the policy.
const POLICY: &str = "\n[environment.staging]\n\n[override]\nlongest = \"3h\"\n\n\
                      [repository.shop]\nuri = \"git+https://git.example/acme/shop\"\n";
/// ada may break the glass, and a service says what landed and was built.
const PEOPLE: &str = "[[member]]\nname = \"Ada\"\nemails = [\"ada@shop.example\"]\n\
                      duties = [\"review\", \"override\"]\n\n\
                      [[member]]\nid = \"ci\"\nkind = \"service\"\n\
                      duties = [\"build\", \"declare\"]\n";
const CASES: &str = "version = 1\n[[case]]\nname = \"alone\"\ngiven.paths = [\"a\"]\n\
                     expect.answer = \"no\"\n";

/// Another machine, and which commands were tried there.
pub(crate) struct Tour<'a> {
    there: Elsewhere<'a>,
    commands: BTreeSet<String>,
    tried: RefCell<BTreeSet<String>>,
    /// The newest entry after the last that was signed.
    seen: Cell<u64>,
}

impl<'a> Tour<'a> {
    pub(crate) fn new(stage: &'a Stage, url: &str) -> Self {
        let mut commands = BTreeSet::new();
        commands_below(stage, "", &mut commands);
        let there = Elsewhere { stage, url: url.to_owned() };
        let tour = Self { there, commands, tried: RefCell::default(), seen: Cell::default() };
        tour.seen.set(tour.newest());
        tour
    }

    fn path(&self, name: &str) -> String {
        self.there.stage.root().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, and gives its path.
    fn file(&self, name: &str, text: &str) -> String {
        self.there.stage.write(self.path(name), text);
        self.path(name)
    }

    fn public_key(&self, name: &str) -> String {
        self.there.stage.key(name).with_extension("pub").to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, who: &str, arguments: &[&str]) -> Output {
        let named = |words: usize| arguments[..words.min(arguments.len())].join(" ");
        let command = [named(2), named(1)].into_iter().find(|name| self.commands.contains(name));
        self.tried.borrow_mut().insert(command.unwrap());
        self.there.run(who, arguments)
    }

    /// Commands that were not tried, `others` aside.
    pub(crate) fn untried(&self, others: &[&str]) -> Vec<&str> {
        let tried = self.tried.borrow();
        let is_tried = |name: &&str| tried.contains(*name) || others.contains(name);
        self.commands.iter().map(String::as_str).filter(|name| !is_tried(name)).collect()
    }

    pub(crate) fn change_of(&self, range: &str) -> String {
        let answer = self.run("cleo", &["status", range, "--json"]);
        answer.json()["segments"][0]["change"].as_str().unwrap().to_owned()
    }

    /// Makes a key, and gives the path of its public half.
    fn generate(&self, name: &str) -> String {
        let file = self.path(name);
        self.run("ada", &["key", "generate", &file, "--no-passphrase"]).ok();
        format!("{file}.pub")
    }

    fn newest(&self) -> u64 {
        let log = self.run("ada", &["log", "--json"]);
        let entries = log.json()["entries"].as_array().unwrap().clone();
        entries.iter().map(|row| row["entry"].as_u64().unwrap()).max().unwrap()
    }

    /// Runs a signing command, which adds entries.
    #[track_caller]
    fn signs(&self, who: &str, arguments: &[&str]) -> Output {
        let done = self.run(who, arguments);
        done.ok();
        let newest = self.newest();
        assert!(self.seen.replace(newest) < newest, "{arguments:?} added nothing:\n{}", done.out);
        done
    }

    /// Everything that people say of changes.
    pub(crate) fn sign_off(&self, hash: &str) {
        self.signs("ben", &["declare", "main..retry", "--assistance", "none", "-y"]);
        self.signs("cleo", &["approve", "retry", "--expect", hash, "-m", "read it"]);
        self.signs("ada", &["reject", "retry", "--expect", hash, "-m", "not yet"]);
        let reject = self.newest().to_string();
        self.signs("ada", &["withdraw", &reject, "-y"]);
        self.signs("cleo", &["reject", "retry", "--expect", hash, "-m", "no"]);
        let reject = self.newest().to_string();
        self.signs("ada", &["lift", &reject, "-m", "she left", "-y"]);
        self.signs("cleo", &["approve", "retry", "--expect", hash]);
        // Written to a file there, handed in there.
        let file = self.path("s.json");
        let signed = ["approve", "--change", &hash[..12], "--expect", hash, "-o", &file, "-m", "w"];
        self.run("cleo", &signed).ok();
        self.signs("ben", &["submit", &file]);
        let known = self.run("ben", &["submit", &file]);
        assert!(known.ok().starts_with("KNOWN"), "{}", known.out);
        let spooled = self.run("ben", &["submit", "--spooled"]);
        assert_eq!(spooled.ok(), "nothing waits for the ledger\n");
    }

    /// Everything that admins do.
    pub(crate) fn govern(&self) {
        let dan = self.public_key("dan");
        let add = ["roster", "add", "Dan", "--email", "dan@shop.example", "--public-key"];
        self.signs("ada", &[&add[..], &[&dan, "-y"]].concat());
        self.signs("ada", &["key", "revoke", "dan@shop.example", "--retired", "-y"]);
        let more = self.generate("more");
        self.signs("ada", &["key", "enroll", "ben@shop.example", &more, "-y"]);
        let policy = self.run("ada", &["policy", "show"]).out;
        let (version, rest) = policy[policy.find("version").unwrap()..].split_once('\n').unwrap();
        let levels = "levels = [\"junior\", \"senior\"]\n";
        let file = self.file("policy.toml", &format!("{version}\n{levels}{rest}{POLICY}"));
        self.signs("ada", &["policy", "apply", &file, "-y"]);
        let key = fs::read_to_string(self.generate("ci")).unwrap();
        let people = format!("{PEOPLE}keys = [\"{}\"]\n", key.trim());
        let file = self.file("people.toml", &people);
        self.signs("ada", &["roster", "apply", &file, "-y"]);
        self.signs("ada", &["roster", "delegate", "ci", "--below", "senior", "-y"]);
        self.file("people.csv", "id,name,email\ngus,Gus,gus@shop.example\n");
        self.file("cases.toml", CASES);
        // What a command refuses for its own reasons it refuses here as well.
        let eve = ["roster", "add", "Eve", "--email", "e@x.example", "--public-key", &dan, "-y"];
        self.run("cleo", &eve).expect_status(2);
    }

    /// cleo leaves a statement in the repository, and the job takes it up into the ledger that a
    /// server answers for.
    pub(crate) fn leave_in_the_inbox(&self, hash: &str) {
        let bare = self.path("remote.git");
        self.there.stage.git(["init", "-q", "--bare", "-b", "main", &bare]);
        self.there.stage.git(["remote", "add", "inbox", &bare]);
        let file = self.path("left.json");
        let sign = ["approve", "retry", "--expect", hash, "-m", "good", "-o", &file];
        self.run("cleo", &sign).ok();
        let leave = ["submit", file.as_str(), "--inbox", "inbox"];
        assert!(self.run("cleo", &leave).ok().starts_with("LEFT"));
        let taken = self.signs("ada", &["submit", "--inbox", "inbox"]);
        assert!(taken.out.starts_with("TAKEN UP"), "{}", taken.out);
        let told = self.run("cleo", &leave);
        assert!(told.ok().starts_with("TAKEN UP"), "{}", told.out);
    }

    pub(crate) fn land(&self) {
        let stage = self.there.stage;
        stage.git(["checkout", "-q", "main"]);
        stage.git(["merge", "-q", "--squash", "retry"]);
        stage.as_user("ben").git(["commit", "-q", "-m", "Retry card capture"]);
    }

    /// What a gate does, and whoever goes around it.
    pub(crate) fn decide(&self) {
        self.signs("ada", &["gate"]);
        let bundle = self.path("a.bundle");
        self.signs("ada", &["gate", "-o", &bundle]);
        let proof = self.path("entry.tlog-proof");
        self.run("ada", &["ledger", "prove", "2", "-o", &proof]).ok();
        self.run("ada", &["verify", &bundle]).ok();
        self.run("ada", &["verify", &proof]).ok();
        let ran = self.signs("ada", &["gate", "--", "true"]);
        assert!(ran.talk.contains("outcome: succeeded"), "{}", ran.talk);
        self.signs("ada", &["record", "deployment", "-y"]);
        self.signs("ada", &["baseline", "--env", "staging", "-y"]);
        self.signs("ada", &["override", "--drill", "-m", "an exercise", "-y"]);
    }

    /// What a service says of what landed and was built, with the files that it names.
    pub(crate) fn record(&self) {
        let artifact = "sha256:".to_owned() + &"7".repeat(64);
        let build = ["record", "build", "--artifact", &artifact, "--key", &self.path("ci"), "-y"];
        self.signs("ben", &build);
        let revision = self.there.stage.as_user("ben").commit("more", "1\n", "Say more");
        let file = self.file("slsa.json", &provenance(&"7".repeat(64), &revision));
        let told = ["--provenance", &file, "--detached"];
        self.signs("ben", &[&build[..], &told].concat());
        self.signs("ben", &["record", "change", "--key", &self.path("ci")]);
        self.run("ada", &["gate", "-n", "--attested", "--revision", &revision]).ok();
        self.signs("ada", &["baseline", "HEAD~2", "--replace", "-m", "why not", "-y"]);
    }

    /// What two admins sign, and the rotation of the ledger's own key, which lies with the server.
    pub(crate) fn sign_together(&self) {
        self.signs("ada", &["ledger", "rotate-key", "-y"]);
        let two = "admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n";
        let file = self.file("two.toml", two);
        self.signs("ada", &["roster", "apply", &file, "-y"]);
        for (name, arguments) in [
            ("add.json", &["roster", "add", "Fay", "--email", "fay@shop.example"][..]),
            ("rotate.json", &["ledger", "rotate-key"]),
        ] {
            self.run("ada", &[arguments, &["-y"]].concat()).refused(2, "2 admins must sign this");
            let file = self.path(name);
            self.run("ada", &[arguments, &["-y", "-o", &file]].concat()).ok();
            let early = self.run("cleo", &["submit", &file]);
            early.refused(2, "1 of 2 admins have signed (THRESHOLD)");
            let talk = early.talk.split_whitespace().collect::<Vec<_>>().join(" ");
            let next = format!("countersign sign {file}, then submit it again");
            assert!(talk.contains(&next), "{talk}");
            self.run("ben", &["sign", &file, "-y"]).ok();
            let taken = self.signs("cleo", &["submit", &file]);
            assert!(taken.out.starts_with("TAKEN UP"), "{}", taken.out);
        }
    }

    /// What keeps the ledger and checks it.
    pub(crate) fn keep(&self) {
        let (mirror, backup) = (self.path("mirror"), self.path("ledger.tar"));
        self.run("ada", &["ledger", "check"]).ok();
        self.run("ada", &["ledger", "mirror", "--to", &mirror]).ok();
        self.run("ada", &["ledger", "check", "--mirror", &mirror]).ok();
        let openings = self.path("openings");
        let apart = ["ledger", "mirror", "--to", &self.path("m2"), "--openings", &openings];
        self.run("ada", &apart).refused(2, "where the ledger is");
        self.run("ada", &["ledger", "backup", "--to", &backup]).ok();
        let again = ["ledger", "restore", "--from", &backup, "--to", &self.path("again")];
        self.run("ada", &again).ok();
        let watched = self.path("watched");
        let looked = self.run("ada", &["monitor", &self.there.url, "--folder", &watched, "--once"]);
        assert!(matches!(looked.status, 0 | 1), "{looked:?}");
        let pinned = self.run("ada", &["trust", "show", "--json"]).json();
        let [file, digest] = ["file", "digest"].map(|name| pinned[name].as_str().unwrap());
        self.run("ada", &["trust", "pin", file, "--expect", digest]).ok();
        self.run("ada", &["demo"]).ok();
    }
}

/// A provenance of an artifact that was built from a commit of the shop.
fn provenance(artifact: &str, commit: &str) -> String {
    let source = serde_json::json!({ "uri": SOURCE, "digest": { "gitCommit": commit } });
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "digest": { "sha256": artifact } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": { "buildDefinition": { "resolvedDependencies": [source] } },
    });
    let envelope = serde_json::json!({
        "payload": base64(statement.to_string().as_bytes()),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{ "sig": "AA==" }],
    });
    envelope.to_string()
}

/// The commands that have none below them, as `--help` tells them.
fn commands_below(stage: &Stage, above: &str, found: &mut BTreeSet<String>) {
    let help = stage.run(above.split_whitespace().chain(["--help"]));
    let listed = help.ok().lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<_> = listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    if names.is_empty() {
        found.insert(above.to_owned());
    }
    for name in names {
        commands_below(stage, format!("{above} {name}").trim_start(), found);
    }
}
