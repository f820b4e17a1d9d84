//! The world of a story: people with homes and keys, one host, one repository.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::{Output, Stage};
use crate::template::Captures;

/// 5 January 2026, 09:00 UTC: when the first commit of every story was made. Each git command is a
/// minute later. So commits are the same in every run.
const FIRST_COMMIT_SECONDS: u64 = 1_767_603_600;

/// Everybody, and what they have.
#[derive(Debug)]
pub(crate) struct World {
    stage: Stage,
    /// Where each person stands.
    folders: BTreeMap<String, PathBuf>,
    /// The fingerprint of each person's key.
    fingerprints: BTreeMap<String, String>,
    git_commands: u64,
}

impl World {
    /// A repository `shop` with one commit by the first of `people`, who begins a ledger for it;
    /// then all of them are on the roster, and the policy is in force.
    pub(crate) fn new(test: &str, people: &[String], policy: &[String]) -> Self {
        let stage = Stage::empty(test);
        let mut world = Self {
            stage,
            folders: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            git_commands: 0,
        };
        let name = |line: &String| line.split_whitespace().next().unwrap().to_owned();
        let admin = people.first().map_or_else(|| "ada".to_owned(), name);
        world.must(&admin, "git init -q -b main");
        world.must(&admin, "write README A shop.");
        world.must(&admin, "git add .");
        world.must(&admin, "git commit -q -m Begin");
        if people.is_empty() {
            return world;
        }
        world.must(&admin, "countersign init -y");
        if !policy.is_empty() {
            fs_write(&world.stage.root().join("policy.toml"), &(policy.join("\n") + "\n"));
            world.must(&admin, "countersign policy apply ../policy.toml -y");
        }
        let members: Vec<_> = {
            let people = people.iter().enumerate();
            people.map(|(number, line)| world.member(line, number == 0)).collect()
        };
        fs_write(&world.stage.root().join("people.toml"), &members.concat());
        world.must(&admin, "countersign roster apply ../people.toml -y");
        world
    }

    /// A line such as `ben junior review deploy team:sre` or `coder agent of:ben`, for the roster.
    fn member(&mut self, line: &str, is_admin: bool) -> String {
        const DUTIES: [&str; 7] =
            ["review", "declare", "build", "decide", "deploy", "override", "observe"];
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        self.meet(name);
        let (mut kind, mut level, mut operator) = ("human", None, None);
        let (mut duties, mut teams) = (Vec::new(), Vec::new());
        for word in words {
            match word {
                "bot" | "agent" | "service" => kind = word,
                duty if DUTIES.contains(&duty) => duties.push(duty),
                _ => match word.split_once(':') {
                    Some(("team", team)) => teams.push(team),
                    Some(("of", human)) => operator = Some(human),
                    _ => level = Some(word),
                },
            }
        }
        if duties.is_empty() && kind == "human" {
            duties.push("review");
        }
        let key = fs::read_to_string(self.key(name).with_extension("pub")).unwrap();
        let level = level.map(|level| format!("level = {level:?}\n")).unwrap_or_default();
        // Ids in the order of the names: answers that list people by id are the same each run.
        let id = (!is_admin).then(|| format!("id = {name:?}\n"));
        let operator = operator.map(|human| format!("operator = \"{human}@shop.example\"\n"));
        format!(
            "[[member]]\n{}name = {:?}\nemails = [\"{name}@shop.example\"]\nkind = {kind:?}\n\
             {level}{}duties = {duties:?}\nteams = {teams:?}\nkeys = [{:?}]\n",
            id.unwrap_or_default(),
            capital(name),
            operator.unwrap_or_default(),
            key.trim(),
        )
    }

    fn home(&self, name: &str) -> PathBuf {
        self.stage.root().join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.home(name).join(".ssh/id_ed25519")
    }

    /// Gives somebody a home, a key and a git identity, once.
    fn meet(&mut self, name: &str) {
        if self.folders.contains_key(name) {
            return;
        }
        self.folders.insert(name.to_owned(), self.stage.repository());
        fs::create_dir_all(self.home(name).join(".ssh")).unwrap();
        let mut command = self.stage.program("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(self.key(name));
        Output::of(&mut command).ok();
        let mut command = self.stage.program("ssh-keygen");
        let public = self.key(name).with_extension("pub");
        let printed = Output::of(command.arg("-l").arg("-f").arg(&public));
        let fingerprint = printed.ok().split_whitespace().nth(1).unwrap();
        self.fingerprints.insert(name.to_owned(), fingerprint.to_owned());
        let settings = format!(
            "[user]\n\tname = {}\n\temail = {name}@shop.example\n\tsigningkey = {}\n\
             [gpg]\n\tformat = ssh\n[advice]\n\tdetachedHead = false\n",
            capital(name),
            public.display(),
        );
        fs_write(&self.home(name).join(".gitconfig"), &settings);
    }

    /// What a story's beginning needs, and nobody is to read.
    fn must(&mut self, who: &str, typed: &str) {
        let answer = self.run(who, typed, &[], &Captures::new());
        let is_good = !answer.last().is_some_and(|line| line.starts_with("[exit "));
        assert!(is_good, "{who}$ {typed}\n{}", answer.join("\n"));
    }

    /// Runs what somebody typed; the lines of the answer.
    pub(crate) fn run(
        &mut self,
        who: &str,
        typed: &str,
        input: &[String],
        captures: &Captures,
    ) -> Vec<String> {
        self.meet(who);
        let words = split(typed);
        let words: Vec<_> = words.iter().map(|word| self.fill(who, word, captures)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let folder = self.folders[who].clone();
        match words[..] {
            ["write", file] => fs_write(&folder.join(file), &(input.join("\n") + "\n")),
            ["write", file, ref text @ ..] => {
                fs_write(&folder.join(file), &(text.join(" ") + "\n"));
            }
            ["commit", file, text, title] => {
                fs_write(&folder.join(file), &(text.to_owned() + "\n"));
                self.must(who, "git add .");
                self.must(who, &format!("git commit -q -m '{title}'"));
            }
            ["edit", file, old, new] => {
                let text = fs::read_to_string(folder.join(file)).unwrap();
                assert_eq!(text.matches(old).count(), 1, "{old:?} in {file}");
                fs_write(&folder.join(file), &text.replace(old, new));
            }
            ["cd", to] => {
                let to = fs::canonicalize(folder.join(to)).unwrap();
                self.folders.insert(who.to_owned(), to);
            }
            ["sleep", seconds] => {
                std::thread::sleep(Duration::from_secs_f64(seconds.parse().unwrap()));
            }
            ["countersign", ref arguments @ ..] => {
                let command = self.command(who, env!("CARGO_BIN_EXE_countersign"), arguments);
                return self.answer(command, input);
            }
            ["git", ref arguments @ ..] => {
                let mut command = self.command(who, "git", arguments);
                let seconds = FIRST_COMMIT_SECONDS + 60 * self.git_commands;
                self.git_commands += 1;
                for date in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
                    command.env(date, format!("{seconds} +0000"));
                }
                return self.answer(command, input);
            }
            _ => panic!("{who} does not know how to {typed:?}"),
        }
        Vec::new()
    }

    fn command(&self, who: &str, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.stage.program(program);
        command.args(arguments).current_dir(&self.folders[who]).env("HOME", self.home(who));
        command.env("XDG_STATE_HOME", self.home(who).join(".local/state"));
        command.env("XDG_CACHE_HOME", self.home(who).join(".cache"));
        command
    }

    /// Both streams in the order in which they were written, and the exit status if it is not 0.
    fn answer(&self, mut command: Command, input: &[String]) -> Vec<String> {
        let (mut reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        if !input.is_empty() {
            let file = self.stage.root().join("input");
            fs_write(&file, &(input.join("\n") + "\n"));
            command.stdin(fs::File::open(file).unwrap());
        }
        let mut child = command.spawn().unwrap();
        // The pipe ends when the last writer is closed.
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let status = child.wait().unwrap().code().unwrap_or(-1);
        let mut lines: Vec<_> = text.lines().map(|line| self.hide(line)).collect();
        if status != 0 {
            lines.push(format!("[exit {status}]"));
        }
        lines
    }

    /// Names what the stage made up: folders and keys.
    fn hide(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (name, fingerprint) in &self.fingerprints {
            line = line.replace(fingerprint, &format!("<key:{name}>"));
            // Seven or eight characters after `SHA256:` are enough in a table.
            line = line.replace(&fingerprint[7..15], &format!("<shortkey:{name}>"));
            line = line.replace(&fingerprint[..14], &format!("SHA256:<shortkey:{name}>"));
        }
        let root = self.stage.root();
        let line = line.replace(self.stage.home().to_str().unwrap(), "<host>");
        line.replace(root.to_str().unwrap(), "<root>")
    }

    /// Fills in what a person would copy from elsewhere: `<change:REVISIONS>`, `<key:NAME>`,
    /// `<sha256:FILE>`, or a value that stood in an earlier answer.
    fn fill(&mut self, who: &str, word: &str, captures: &Captures) -> String {
        if let Some(path) = word.strip_prefix("~/") {
            return self.home(who).join(path).to_str().unwrap().to_owned();
        }
        let Some((before, rest)) = word.split_once('<') else { return word.to_owned() };
        let Some((inner, after)) = rest.split_once('>') else { return word.to_owned() };
        let value = match inner.split_once(':') {
            Some(("change", revisions)) => {
                let command = ["hash", revisions];
                let program = env!("CARGO_BIN_EXE_countersign");
                let printed = Output::of(&mut self.command(who, program, &command));
                printed.ok().lines().next().unwrap().to_owned()
            }
            Some(("key", name)) => self.fingerprints[name].clone(),
            Some(("publickey", name)) => {
                self.meet(name);
                self.key(name).with_extension("pub").to_str().unwrap().to_owned()
            }
            Some(("sha256", file)) => {
                let bytes = fs::read(self.folders[who].join(file)).unwrap();
                countersign::base::digest::ContentDigest::of(&bytes).to_string()
            }
            _ if captures.contains_key(inner) => captures[inner].clone(),
            _ => return word.to_owned(),
        };
        format!("{before}{value}{after}")
    }
}

/// Words as a shell parts them, with quotes and nothing else.
fn split(typed: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in typed.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    assert!(quote.is_none(), "a quote is open in {typed:?}");
    words.extend(word);
    words
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
pub(crate) fn fs_write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
