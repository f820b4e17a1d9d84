//! A repository that is made up: commits with parents, whole trees, authors and marks. Both the
//! evidence for the program and the input of the naive evaluator follow from it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use countersign::base::digest::{ChangeHash, ContentDigest, EmailDigest, sha256};
use countersign::base::encoding;
use countersign::base::name::Revision;
use countersign::carry::find;
use countersign::change::carry::{Carried, CarryContents};
use countersign::change::{
    ChangePath, Content, Document, GitObject, Mode, ObjectHash, ObjectKind, Row, Side, object_bytes,
};
use countersign::statement::commitment::EmailSalt;
use countersign::statement::words::Assistance;

/// Path to content. Content that begins with `~` is one that nobody can read.
pub(crate) type Tree = BTreeMap<String, String>;

/// Whoever a commit names: an address, and whether it is a tool's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) email: String,
    pub(crate) tool: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) id: Revision,
    pub(crate) parents: Vec<usize>,
    pub(crate) tree: Tree,
    /// Author and co-authors.
    pub(crate) authors: Vec<Named>,
    pub(crate) detected: Option<Assistance>,
    pub(crate) label: String,
    /// The whole commit object, of which `id` is the id.
    pub(crate) object: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Repository {
    pub(crate) commits: Vec<Commit>,
    /// Between which two commits a change lies; of so many commits.
    changes: RefCell<(usize, BTreeMap<ChangeHash, Ends>)>,
}

/// Two commits, or the empty tree.
type Ends = (Option<usize>, Option<usize>);

/// The salt of every world's e-mail digests.
pub(crate) fn salt() -> EmailSalt {
    EmailSalt::from_bytes([5; 32])
}

/// Whoever is a tool writes from an address that is known for it.
fn address(name: &str) -> String {
    if name == TOOL { TOOL_ADDRESS.to_owned() } else { format!("{name}@x.example") }
}

pub(crate) fn email(name: &str) -> EmailDigest {
    salt().digest(address(name).as_bytes())
}

const TOOL: &str = "helper";
const TOOL_ADDRESS: &str = "noreply@anthropic.com";

/// What commits can say: a tool that is named took part, and one that wrote is the author.
fn as_commits_say(
    mut authors: Vec<Named>,
    detected: Option<Assistance>,
) -> (Vec<Named>, Option<Assistance>) {
    if detected == Some(Assistance::Generated) {
        authors.retain(|named| !named.tool);
        authors.insert(0, Named { email: TOOL.to_owned(), tool: true });
    }
    let detected = match authors.iter().position(|named| named.tool) {
        Some(0) => Some(Assistance::Generated),
        Some(_) => detected.max(Some(Assistance::Assisted)),
        None => detected,
    };
    (authors, detected)
}

pub(crate) fn is_opaque(content: &str) -> bool {
    content.starts_with('~')
}

impl Repository {
    /// Adds a commit; its id follows from its place, so that a repository is reproducible.
    pub(crate) fn add(
        &mut self,
        parents: Vec<usize>,
        tree: Tree,
        authors: Vec<Named>,
        detected: Option<Assistance>,
    ) -> usize {
        let at = self.commits.len();
        let label = format!("c{at}");
        let (authors, detected) = as_commits_say(authors, detected);
        let object = self.object(&parents, &tree, &authors, detected, &label);
        let id = GitObject::read(&object, ObjectHash::Sha1).unwrap().id().revision();
        self.commits.push(Commit { id, parents, tree, authors, detected, label, object });
        at
    }

    /// A commit object that says all that.
    fn object(
        &self,
        parents: &[usize],
        tree: &Tree,
        authors: &[Named],
        detected: Option<Assistance>,
        label: &str,
    ) -> Vec<u8> {
        let who = |named: &Named| format!("{} <{}>", named.email, address(&named.email));
        let digest = encoding::hex(&sha256(&[format!("{tree:?}").as_bytes()]));
        let mut text = format!("tree {}\n", &digest[..40]);
        for parent in parents {
            writeln!(text, "parent {}", self.commits[*parent].id).unwrap();
        }
        let author = authors.first().map_or_else(|| "nobody <>".to_owned(), who);
        writeln!(text, "author {author} 0 +0000\ncommitter c <c@x.example> 0 +0000\n\n{label}")
            .unwrap();
        let is_tool = authors.iter().any(|named| named.tool);
        if detected >= Some(Assistance::Assisted) && !is_tool {
            text += "\n\u{1f916} Generated with [Claude Code](https://claude.com/claude-code)\n";
        }
        // Whoever only merged is not named either.
        let wrote = self.wrote_tree(parents, tree);
        let others: Vec<&Named> = authors.iter().skip(1).filter(|_| wrote).collect();
        if !others.is_empty() {
            text.push('\n');
        }
        for other in others {
            writeln!(text, "Co-authored-by: {}", who(other)).unwrap();
        }
        object_bytes(ObjectKind::Commit, text.as_bytes())
    }

    pub(crate) fn find(&self, id: &Revision) -> Option<usize> {
        self.commits.iter().position(|commit| commit.id == *id)
    }

    /// The commit, its first parent, that one's first parent, and so on to the root.
    pub(crate) fn walk(&self, from: usize) -> Vec<usize> {
        let mut walk = vec![from];
        while let Some(parent) = self.commits[*walk.last().unwrap()].parents.first() {
            walk.push(*parent);
        }
        walk
    }

    /// Everything that is reachable from a commit, itself too.
    pub(crate) fn reachable(&self, from: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([from]);
        for parent in &self.commits[from].parents {
            found.extend(self.reachable(*parent));
        }
        found
    }

    /// What a step brings in: reachable from it, and not from its first parent.
    pub(crate) fn brings_in(&self, step: usize) -> BTreeSet<usize> {
        let mut found = self.reachable(step);
        if let Some(parent) = self.commits[step].parents.first() {
            for known in self.reachable(*parent) {
                found.remove(&known);
            }
        }
        found
    }

    /// Commits that one of the two has and the other has not.
    pub(crate) fn apart(&self, left: usize, right: usize) -> BTreeSet<usize> {
        self.reachable(left).symmetric_difference(&self.reachable(right)).copied().collect()
    }

    /// Whether the author of a commit wrote anything: of a merge only where some path is as in no
    /// parent.
    pub(crate) fn wrote(&self, commit: usize) -> bool {
        let commit = &self.commits[commit];
        self.wrote_tree(&commit.parents, &commit.tree)
    }

    fn wrote_tree(&self, parents: &[usize], tree: &Tree) -> bool {
        if parents.len() < 2 {
            return true;
        }
        let mut paths: BTreeSet<&String> = tree.keys().collect();
        for parent in parents {
            paths.extend(self.commits[*parent].tree.keys());
        }
        paths.iter().any(|path| {
            let of = |tree: &Tree| tree.get(*path).cloned();
            let mine = of(tree);
            parents.iter().all(|parent| of(&self.commits[*parent].tree) != mine)
        })
    }

    /// The authors that commits name, and their strongest mark.
    pub(crate) fn authors_of(
        &self,
        commits: &BTreeSet<usize>,
    ) -> (BTreeSet<Named>, Option<Assistance>) {
        let wrote = commits.iter().filter(|commit| self.wrote(**commit));
        let authors = wrote.flat_map(|commit| self.commits[*commit].authors.clone()).collect();
        (authors, commits.iter().filter_map(|commit| self.commits[*commit].detected).max())
    }

    /// Two trees between which a change lies, where any commits have such.
    pub(crate) fn known_trees(&self, change: ChangeHash) -> Option<(Tree, Tree)> {
        let mut known = self.changes.borrow_mut();
        if known.0 != self.commits.len() {
            let commits = || (0..self.commits.len()).map(Some).chain([None]);
            let pairs = commits().flat_map(|old| commits().map(move |new| (old, new)));
            let change_of =
                |(old, new)| (difference(&self.tree(old), &self.tree(new)).hash(), (old, new));
            *known = (self.commits.len(), pairs.map(change_of).collect());
        }
        let (old, new) = known.1.get(&change)?;
        Some((self.tree(*old), self.tree(*new)))
    }

    pub(crate) fn tree(&self, commit: Option<usize>) -> Tree {
        commit.map(|commit| self.commits[commit].tree.clone()).unwrap_or_default()
    }
}

fn side(content: Option<&String>) -> Side {
    content.map_or(Side::ABSENT, |content| Side {
        mode: Mode::File,
        content: Content::Sha256(ContentDigest::of(content.as_bytes())),
    })
}

/// The difference between two trees.
pub(crate) fn difference(old: &Tree, new: &Tree) -> Document {
    let rows = differing(old, new).into_iter().map(|path| Row {
        old: side(old.get(&path)),
        new: side(new.get(&path)),
        path: ChangePath::new(path.into_bytes()).unwrap(),
    });
    Document::new(rows.collect()).unwrap()
}

/// Changes by their hash: what was there before and after.
pub(crate) type Forms = BTreeMap<ChangeHash, (Tree, Tree)>;

/// What is carried to a landing: a given fact, found and checked by the program.
pub(crate) fn carried_to(forms: &Forms, old: &Tree, new: &Tree) -> Vec<Carried> {
    let landed = difference(old, new);
    let mut found = Vec::new();
    let paths = differing(old, new);
    for (before, after) in forms.values() {
        // What nobody edited alike is not tried: it would take most of the time.
        let is_edited = |path: &String| {
            let four = [before, after, old, new].map(|tree| tree.get(path));
            (four[0], four[1]) == (four[2], four[3])
                || (before.get(path) != after.get(path)
                    && four.iter().all(|content| content.is_some_and(|c| places(c).is_some())))
        };
        if paths.is_empty() || !paths.iter().all(is_edited) {
            continue;
        }
        let approved = difference(before, after);
        if approved == landed {
            continue;
        }
        let mut source = CarryContents::default();
        for content in [old, new, before, after].into_iter().flat_map(BTreeMap::values) {
            let bytes = content.as_bytes();
            source.contents.insert(ContentDigest::of(bytes), bytes.to_vec());
        }
        for path in differing(before, after) {
            let side = side(new.get(&path));
            source.sides.insert(ChangePath::new(path.into_bytes()).unwrap(), side);
        }
        found.extend(find(&approved, &landed, 1, &source).ok().map(|(_, carried)| carried));
    }
    found
}

/// A file of two places far apart, either of which can be edited alone.
pub(crate) fn sheet(top: &str, bottom: &str) -> String {
    format!("{top}\n.\n.\n{bottom}\n")
}

/// The two places of such a file.
pub(crate) fn places(content: &str) -> Option<[&str; 2]> {
    let lines: Vec<&str> = content.lines().collect();
    (lines.len() == 4).then(|| [lines[0], lines[3]])
}

/// The paths that differ between two trees.
pub(crate) fn differing(old: &Tree, new: &Tree) -> Vec<String> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths.into_iter().filter(|path| old.get(*path) != new.get(*path)).cloned().collect()
}

/// Changed paths of the new tree that another path of it equals but for case. The generator makes
/// no other collisions.
pub(crate) fn collisions(old: &Tree, new: &Tree) -> Vec<String> {
    let collides = |path: &String| {
        let folded = path.to_ascii_lowercase();
        new.keys().any(|other| other != path && other.to_ascii_lowercase() == folded)
    };
    let changed = differing(old, new).into_iter();
    changed.filter(|path| new.contains_key(path) && collides(path)).collect()
}
