//! What a client asks with and whom it believes to be the server (`spec/server.md` sections 2, 6;
//! `spec/settings.md` section 3): tokens and certificates, against `countersign serve` itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::base::digest::ContentDigest;

use crate::authority::{self, Authority, Files};
use crate::common::{Output, Stage};
use crate::copies::Elsewhere;
use crate::serving::Serving;

const TOKEN: &str = "cmVhZGVyLXJlYWRlci1yZWFkZXItcmVhZGVyLXJlYQ";
const READER: &str = "b25seS1vbmx5LW9ubHktb25seS1vbmx5LW9ubHktb24";

/// Another machine whose settings name the server.
struct Client<'a> {
    there: Elsewhere<'a>,
    settings: PathBuf,
}

impl<'a> Client<'a> {
    fn new(stage: &'a Stage, url: &str, more: &str) -> Self {
        let there = Elsewhere { stage, url: url.to_owned() };
        let config = there.home().join("config/countersign");
        fs::create_dir_all(config.join("trust")).unwrap();
        let trust = stage.home().join(".config/countersign/trust/localhost_shop.toml");
        fs::copy(trust, config.join("trust/localhost_shop.toml")).unwrap();
        let client = Self { there, settings: config.join("config.toml") };
        client.name(url, more);
        client
    }

    /// Writes what the settings say of the server.
    fn name(&self, url: &str, more: &str) {
        let common = self.there.stage.repository().join(".git");
        let text = format!(
            "version = 1\n\n[ledger.\"localhost/shop\"]\nurl = \"{url}\"\n{more}\n\
             [[repository]]\npath = \"{}\"\nledger = \"localhost/shop\"\nname = \"shop\"\n",
            common.display()
        );
        fs::write(&self.settings, text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.there.command("cleo", arguments);
        command.env("XDG_CONFIG_HOME", self.there.home().join("config"));
        command.env_remove("COUNTERSIGN_LEDGER");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    fn run_with(&self, token: &str, arguments: &[&str]) -> Output {
        Output::of(self.command(arguments).env("COUNTERSIGN_TOKEN", token))
    }
}

fn table(name: &str, token: &str, may: &str) -> String {
    let sha256 = ContentDigest::of(token.as_bytes());
    let table = "[[ledger.\"localhost/shop\".serve.token]]";
    format!("\n{table}\nname = \"{name}\"\nsha256 = \"{sha256}\"\nmay = [{may}]\n")
}

fn serve(stage: &Stage, more: &str) -> Serving {
    let settings = stage.home().join(".config/countersign/config.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}\n[ledger.\"localhost/shop\".serve]\n{more}")).unwrap();
    Serving::start_at(stage, "127.0.0.1:0")
}

/// A server that nobody reads without a token: which one does, and what is told where none does.
#[test]
fn a_token_opens_the_ledger() {
    let stage = Stage::with_branch("credentials-token");
    let all = table("cleo", TOKEN, "\"read\", \"words\"");
    let serving = serve(&stage, &format!("{all}{}", table("some", READER, "\"read\"")));
    let file = stage.write(stage.root().join("token"), &format!("{TOKEN}\n"));
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let by_file = format!("token_file = \"{}\"\n", file.display());
    let client = Client::new(&stage, &serving.url, "");
    let nobody = "does not let anybody without a token read the ledger";
    client.run(&["log"]).refused(2, nobody);
    client.run_with(READER, &["log"]).refused(2, "does not let this token read what is said in");
    client.run_with("unknown", &["log"]).refused(2, "does not let this token read the ledger");
    client.name(&serving.url, &by_file);
    client.run(&["log"]).ok();
    client.run(&["status", "main..retry"]).ok();
    // The variable goes before the file.
    client.run_with("unknown", &["log"]).refused(2, "does not let this token read the ledger");
    // One that the server does not know any more, an empty file, none, and one that others read.
    stage.write(&file, "withdrawn\n");
    client.run(&["log"]).refused(2, "does not let this token read the ledger");
    stage.write(&file, "\n");
    client.run(&["log"]).refused(2, "holds no token of a server");
    fs::remove_file(&file).unwrap();
    client.run(&["log"]).refused(2, "is not there, and the settings name it");
    stage.write(&file, TOKEN);
    for bits in [0o644, 0o604] {
        mode(bits);
        client.run(&["log"]).refused(2, "may be read by everybody");
    }
    mode(0o640);
    client.run(&["log"]).ok();
}

/// Whom a certificate proves to be the server: by the roots of the settings, in its time, under its
/// name. Any other is nobody, to which nothing is sent.
#[test]
fn a_certificate_is_traced_to_the_roots_of_the_settings() {
    if !authority::is_there() {
        return;
    }
    let stage = Stage::begun("credentials-tls");
    let (ours, others) = (Authority::new(&stage, "ours"), Authority::new(&stage, "others"));
    let roots = |authority: &Authority<'_>| format!("tls_roots = \"{}\"\n", authority.path("pem"));
    let files = Files::below(stage.root());
    ours.issue(&files, "IP:127.0.0.1", "2");
    let serving = serve(&stage, &files.settings());
    let client = Client::new(&stage, &serving.url, &roots(&ours));
    client.run(&["log"]).ok();
    let refused = |url: &str, more: &str| {
        client.name(url, more);
        let refused = client.run(&["log"]);
        refused.refused(4, "is not known to be the server: invalid peer certificate");
        refused.refused(4, "tls_roots");
    };
    refused(&serving.url, "");
    refused(&serving.url, &roots(&others));
    refused(&serving.url.replace("127.0.0.1", "localhost"), &roots(&ours));
    // Renewed, it is the next connection's: one that has expired, one of another name, a good one.
    for (name, days) in [("IP:127.0.0.1", "-1"), ("DNS:other.example", "2")] {
        ours.issue(&files, name, days);
        refused(&serving.url, &roots(&ours));
    }
    ours.issue(&files, "IP:127.0.0.1", "2");
    client.name(&serving.url, &roots(&ours));
    client.run(&["log"]).ok();
    client.name(&serving.url, "tls_roots = \"/nowhere\"\n");
    client.run(&["log"]).refused(2, "is not there, and the settings name it");
    let empty = stage.write(stage.root().join("empty.pem"), "nothing\n");
    client.name(&serving.url, &format!("tls_roots = \"{}\"\n", empty.display()));
    client.run(&["log"]).refused(2, "holds no certificate in PEM");
}

/// What a token may not read is told otherwise than what nobody can read any more; and a title is
/// the same text for programs wherever it stands.
#[test]
fn what_a_token_may_not_read_is_told_as_that() {
    let stage = Stage::with_branch("credentials-words");
    let policy = stage.run(["policy", "show"]).ok().replace("\"observe\"", "\"enforce\"");
    stage.write("../policy.toml", &policy);
    stage.run(["policy", "apply", "../policy.toml", "-y"]).ok();
    let people = "[[member]]\nname = \"Ada\"\nemails = [\"ada@shop.example\"]\n\
                  duties = [\"review\", \"override\"]\n";
    stage.write("../people.toml", people);
    stage.run(["roster", "apply", "../people.toml", "-y"]).ok();
    let hostile = "gnp\u{202e}.rs";
    stage.as_user("cleo").commit("more.rs", "more\n", hostile);
    stage.run(["override", "-m", "the shop is down", "-y"]).ok();
    stage.run(["gate", "--", "true"]).ok();
    let audit = stage.run(["audit", "--json"]);
    assert!(audit.json().to_string().contains(hostile), "{}", audit.out);
    assert!(audit.out.contains("gnp\\u202e.rs"), "{}", audit.out);
    assert!(stage.run(["audit"]).ok().contains("gnp\\u{202e}.rs"));
    let all = table("cleo", TOKEN, "\"read\", \"words\"");
    let serving = serve(&stage, &format!("{all}{}", table("some", READER, "\"read\"")));
    let client = Client::new(&stage, &serving.url, "");
    let told = |token: &str| {
        let told = client.run_with(token, &["audit"]);
        told.ok().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // The salt comes with a token that may read words; the opening is asked for with one that may
    // not.
    client.run_with(TOKEN, &["log"]).ok();
    let reader = told(READER);
    assert!(reader.contains("the reason is not for this token"), "{reader}");
    let reader = told(TOKEN);
    assert!(reader.contains("the shop is down"), "{reader}");
}

/// One that signs itself is a server's own only where it is made as no authority, as
/// `spec/server.md` section 6 has it.
#[test]
fn a_certificate_that_signs_itself_is_no_authoritys() {
    if !authority::is_there() {
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/server.md");
    let page = fs::read_to_string(page).unwrap();
    let start = page.find("    openssl req -x509").unwrap();
    let command = page[start..].split("\n\n").next().unwrap();
    let stage = Stage::begun("credentials-itself");
    let files = Files::below(stage.root());
    let command = command
        .replace("-out chain.pem", &format!("-out {}", files.certificate.display()))
        .replace("-keyout key.pem", &format!("-keyout {}", files.key.display()))
        .replace("DNS:ledger.example", "IP:127.0.0.1");
    let make = |command: &str| {
        Output::of(stage.program("sh").arg("-c").arg(command)).ok();
    };
    let usual = command.replace(" -addext basicConstraints=critical,CA:FALSE", "");
    assert_ne!(usual, command);
    make(&usual);
    let serving = serve(&stage, &files.settings());
    let roots = format!("tls_roots = \"{}\"\n", files.certificate.display());
    let client = Client::new(&stage, &serving.url, &roots);
    let refused = client.run(&["log"]);
    refused.refused(4, "that of an authority (CA:TRUE)");
    refused.refused(4, "basicConstraints=critical,CA:FALSE");
    assert!(!refused.talk.contains("OtherError"), "{}", refused.talk);
    // Made as the page says, it is taken once it is there, and the same file is the root.
    make(&command);
    client.run(&["log"]).ok();
}
