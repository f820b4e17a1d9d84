//! Who there is, random choices, and the policies and repositories that worlds begin with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::base::name::MemberId;
use countersign::statement::governance::{
    Accepted, AddKey, Operation, SetAdmins, SetBaseline, SetMember, SetPolicy,
};
use countersign::statement::words::{Assistance, Duty, MemberKind};

use super::ledger::{SECURITY_KEYS, public_key};
use super::repository::{Named, Repository, Tree, email, places, sheet};

/// Splitmix64: a run is its seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub(crate) fn shuffle<T>(&mut self, of: &mut [T]) {
        for at in (1..of.len()).rev() {
            of.swap(at, self.below(at + 1));
        }
    }
}

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const HOUR: u64 = 3_600_000;
pub(crate) const START: u64 = 1_800_000_000_000;

/// Id, number of the first key, kind, level, teams, duties.
pub(crate) type Person =
    (&'static str, u8, MemberKind, Option<&'static str>, &'static [&'static str], &'static [Duty]);

const REVIEWER: &[Duty] = &[Duty::Review, Duty::Override];
pub(crate) const PEOPLE: &[Person] = &[
    ("ada", 1, MemberKind::Human, Some("senior"), &["sre"], REVIEWER),
    ("ben", 2, MemberKind::Human, Some("mid"), &["web"], REVIEWER),
    ("cy", 3, MemberKind::Human, Some("junior"), &["sre", "web"], &[Duty::Review]),
    ("dee", 4, MemberKind::Human, Some("senior"), &["web"], REVIEWER),
    ("eve", 5, MemberKind::Human, Some("junior"), &[], &[Duty::Declare]),
    ("flo", 6, MemberKind::Human, Some("mid"), &["sre"], REVIEWER),
    ("bot", 7, MemberKind::Bot, None, &[], &[]),
    ("agent", 8, MemberKind::Agent, None, &[], &[Duty::Review]),
    ("gate", 9, MemberKind::Service, None, &[], &[Duty::Decide, Duty::Deploy]),
    ("rogue", 10, MemberKind::Service, None, &[], &[Duty::Decide, Duty::Deploy]),
    ("ci", 11, MemberKind::Service, None, &[], &[Duty::Declare, Duty::Build]),
    ("builder", 12, MemberKind::Service, None, &[], &[Duty::Build]),
];
pub(crate) const REVIEWERS: &[&str] = &["ada", "ben", "cy", "dee", "flo"];
pub(crate) const LEVELS: &[&str] = &["junior", "mid", "senior"];

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

pub(crate) fn person(name: &str) -> Person {
    *PEOPLE.iter().find(|person| person.0 == name).unwrap()
}

pub(crate) fn set_member(name: &str, level: Option<&str>, duties: &[Duty]) -> Operation {
    let (_, _, kind, _, teams, _) = person(name);
    Operation::SetMember(SetMember {
        member: id(name),
        kind,
        level: level.map(|level| level.parse().unwrap()),
        teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
        duties: duties.to_vec(),
        operator: (kind == MemberKind::Agent).then(|| id("ben")),
        profile: None,
        emails: vec![email(name)],
    })
}

pub(crate) fn add_key(name: &str, number: u8) -> Operation {
    Operation::AddKey(AddKey { member: id(name), key: public_key(number), attestation: None })
}

/// Durations that lie close to the steps of time, so that boundaries are hit.
const SPANS: &[&str] = &["1h", "2h", "5h", "1d", "3d"];

/// A policy text. `extra` is put at its end.
pub(crate) fn policy(random: &mut Random, extra: &str) -> String {
    let mut text = String::from("version = 1\nlevels = [\"junior\", \"mid\", \"senior\"]\n\n");
    text.push_str("[defaults]\n");
    let mut set = |name: &str, value: String| writeln!(text, "{name} = {value}").unwrap();
    let quoted = |value: &str| format!("\"{value}\"");
    set("undeclared", quoted(random.pick(&["none", "assisted", "generated", "generated"])));
    let unproved = &["add-one", "lowest-level", "accept", "accept"];
    set("unproved_authors", quoted(random.pick(unproved)));
    set("approval_ttl", quoted(random.pick(&["5h", "3d", "30d", "90d"])));
    set("rollback_within", quoted(random.pick(&["5h", "3d", "30d", "30d"])));
    set("weaken_delay", quoted(random.pick(SPANS)));
    set("decision_ttl", quoted(random.pick(&["1h", "5h", "1d"])));
    set("key_cooling", quoted(random.pick(SPANS)));
    if random.chance(15) {
        set("exempt", "[\"docs/**\"]".to_owned());
    }
    if random.chance(10) {
        set("carry", quoted("never"));
    }
    if random.chance(15) {
        set("carry_gap", random.pick(&["2", "3"]).to_owned());
    }
    if random.chance(25) {
        set("allow_collisions", "true".to_owned());
    }
    text.push_str("\n[override]\n");
    writeln!(text, "longest = \"{}\"", random.pick(&["1h", "5h", "24h"])).unwrap();
    writeln!(text, "debt_due = \"{}\"", random.pick(&["1h", "5h", "1d"])).unwrap();
    if random.chance(10) {
        text.push_str("presence = \"touch\"\n");
    }
    text.push_str("\n[environment.production]\nmode = \"enforce\"\n");
    if random.chance(95) {
        text.push_str("\n[environment.staging]\nmode = \"observe\"\n");
    }
    if random.chance(8) {
        text.push_str("\n[environment.\"production/eu\"]\nmode = \"enforce\"\n");
    }
    text.push_str("\n[service.shop]\n");
    let repository = if random.chance(3) { "other" } else { "shop" };
    writeln!(text, "repository = \"{repository}\"").unwrap();
    if random.chance(3) {
        text.push_str("branch = \"refs/heads/next\"\n");
    }
    if random.chance(6) {
        text.push_str("mode = \"observe\"\n");
    }
    if random.chance(96) {
        text.push_str("\n[service.pay]\nrepository = \"shop\"\n");
        text.push_str(random.pick(&["", "paths = [\"pay/**\", \"infra/**\"]\n"]));
        text.push_str(random.pick(&["", "artifact = \"required\"\n"]));
        text.push_str(random.pick(&["", "builders = [\"ci\"]\n"]));
    }
    for number in 0..random.below(3) {
        let next = rule(random, number, &text);
        text.push_str(&next);
    }
    text.push_str(extra);
    text
}

/// A rule of its own name, for the end of a policy.
pub(crate) fn rule(random: &mut Random, number: usize, policy: &str) -> String {
    let kinds = if policy.contains("[service.pay]") { 10 } else { 9 };
    let mut text = format!("\n[[rule]]\nname = \"rule {number}\"\n");
    text.push_str(match random.below(kinds) {
        0 => "when = { assistance = [\"assisted\", \"generated\"], author_below = \"mid\" }\n",
        1 => "when = { author_below = \"senior\" }\n",
        2 => "when = { paths = [\"infra/**\"] }\n",
        3 => "when = { author_kind = [\"agent\", \"bot\"] }\n",
        4 => "when = { author_kind = [\"unknown\", \"tool\"] }\n",
        5 => "when = { opaque = true }\n",
        6 => "when = { environments = [\"production\"], services = [\"shop\"] }\n",
        7 => "when = { assistance = [\"generated\"] }\n",
        8 => "when = { paths_outside = [\"infra/**\"] }\n",
        _ => "when = { artifact = true, services = [\"pay\"] }\n",
    });
    text.push_str(match random.below(8) {
        0 => "require = [{ level = \"mid\", count = 1 }]\n",
        1 => "require = [{ level = \"senior\", count = 1 }]\n",
        2 => "require = [{ team = \"sre\", count = 1 }]\n",
        3 => "require = [{ level = \"mid\", count = 1 }, { team = \"web\", count = 1 }]\n",
        4 => "require = [{ count = 2 }]\n",
        5 => "require = [{ count = 1 }]\nchecklist = [\"rollback plan\"]\n",
        6 => "require = [{ count = 1 }]\npresence = \"touch\"\n",
        _ => "require = [{ count = 1 }]\n",
    });
    text
}

pub(crate) fn baseline(service: &str, environment: &str, accepted: Accepted) -> Operation {
    Operation::SetBaseline(SetBaseline {
        service: service.parse().unwrap(),
        environment: environment.parse().unwrap(),
        accepted,
        replaces: None,
        reason: None,
    })
}

/// What entry 0 does.
pub(crate) fn beginning(random: &mut Random, repository: &Repository) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (name, number, _, level, _, duties) in PEOPLE {
        operations.push(set_member(name, *level, duties));
        operations.push(add_key(name, *number));
    }
    if random.chance(30) {
        // Somebody whose only key is in a device.
        operations.push(add_key("dee", SECURITY_KEYS));
    }
    let admins = vec![id("ada")];
    operations.push(Operation::SetAdmins(SetAdmins { admins, threshold: 1 }));
    if random.chance(2) {
        return operations;
    }
    let text = policy(random, "");
    let staging = text.contains("[environment.staging]");
    let pay = text.contains("[service.pay]");
    operations.push(Operation::SetPolicy(SetPolicy { text }));
    let early = |random: &mut Random| {
        if random.chance(12) {
            return Accepted::Nothing;
        }
        let commit = random.below(repository.commits.len().min(3));
        Accepted::UpTo(repository.commits[commit].id.clone())
    };
    if random.chance(96) {
        operations.push(baseline("shop", "production", early(random)));
    }
    if pay && random.chance(70) {
        operations.push(baseline("pay", "production", early(random)));
    }
    if staging && random.chance(70) {
        operations.push(baseline("shop", "staging", early(random)));
    }
    operations
}

const AUTHORS: &[&str] =
    &["ada", "ben", "cy", "cy", "dee", "eve", "eve", "bot", "agent", "stranger"];

fn authors(random: &mut Random) -> Vec<Named> {
    let mut named = vec![Named { email: random.pick(AUTHORS).to_owned(), tool: false }];
    if random.chance(12) {
        named.push(Named { email: random.pick(AUTHORS).to_owned(), tool: false });
    }
    if random.chance(8) {
        named.push(Named { email: "helper".to_owned(), tool: true });
    }
    if random.chance(2) {
        named.remove(0);
    }
    named
}

fn detected(random: &mut Random) -> Option<Assistance> {
    random.pick(&[
        None,
        None,
        None,
        None,
        Some(Assistance::None),
        Some(Assistance::Assisted),
        Some(Assistance::Generated),
    ])
}

const PATHS: &[&str] = &["app/a", "app/a", "app/b", "infra/x", "docs/r", "pay/p"];
const CONTENTS: &[&str] = &["0", "1", "1", "2", "~b"];

fn edit(random: &mut Random, tree: &mut Tree) {
    for _ in 0..=usize::from(random.chance(25)) {
        let path = if random.chance(2) { "app/A" } else { random.pick(PATHS) };
        let both = tree.get(path).and_then(|content| places(content));
        if random.chance(8) {
            tree.remove(path);
        } else if let Some([top, bottom]) = both.filter(|_| random.chance(80)) {
            let new = random.pick(&["0", "1", "1", "2"]);
            let (top, bottom) = if random.chance(50) { (new, bottom) } else { (top, new) };
            let content = sheet(top, bottom);
            tree.insert(path.to_owned(), content);
        } else {
            tree.insert(path.to_owned(), random.pick(CONTENTS).to_owned());
        }
    }
}

/// A line with branches, merges of several sorts, reverts, and changes that land again.
pub(crate) fn repository(random: &mut Random) -> Repository {
    let mut made = Repository::default();
    let tree: Tree = ["app/a", "docs/r", "infra/x", "pay/p"]
        .into_iter()
        .map(|path| {
            let content = if random.chance(60) { sheet("0", "0") } else { "0".to_owned() };
            (path.to_owned(), content)
        })
        .collect();
    let mut main = made.add(Vec::new(), tree, authors(random), None);
    let mut tips = Vec::new();
    for _ in 0..5 + random.below(6) {
        let (named, mark) = (authors(random), detected(random));
        let kind = random.below(100);
        let parent = made.commits[main].parents.first().copied();
        let Some(parent) = parent.filter(|_| kind >= 50) else {
            let mut tree = made.commits[main].tree.clone();
            if !random.chance(4) {
                edit(random, &mut tree);
            }
            main = made.add(vec![main], tree, named, mark);
            continue;
        };
        if kind < 62 {
            // A revert of the newest; and of that, later, the same change once more.
            let tree = made.commits[parent].tree.clone();
            main = made.add(vec![main], tree, named, mark);
        } else if kind < 82 {
            let from = random.below(made.commits.len());
            let mut tree = made.commits[from].tree.clone();
            edit(random, &mut tree);
            tips.push(made.add(vec![from], tree, named, mark));
        } else if kind < 84 {
            let mut tree = Tree::from([("app/a".to_owned(), "9".to_owned())]);
            edit(random, &mut tree);
            tips.push(made.add(Vec::new(), tree, named, mark));
        } else if let Some(tip) = tips.pop() {
            let (ours, theirs) = if random.chance(65) { (main, tip) } else { (tip, main) };
            let tree = merged(random, &made, ours, theirs);
            main = made.add(vec![ours, theirs], tree, named, mark);
        }
    }
    made
}

/// A merge's tree: theirs where ours left the first parent of theirs alone; or ours alone; or
/// with something that neither has.
fn merged(random: &mut Random, made: &Repository, ours: usize, theirs: usize) -> Tree {
    let mut tree = made.commits[ours].tree.clone();
    if random.chance(25) {
        return tree;
    }
    let base = made.walk(theirs).last().map(|root| made.commits[*root].tree.clone());
    let (base, their) = (base.unwrap_or_default(), &made.commits[theirs].tree);
    let changed: BTreeMap<_, _> =
        their.iter().filter(|(path, content)| base.get(*path) != Some(*content)).collect();
    for (path, content) in changed {
        tree.insert(path.clone(), content.clone());
    }
    if random.chance(20) {
        edit(random, &mut tree);
    }
    tree
}
