//! Judging one segment: its authors, its assistance, what the policy asks and who has signed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::entry::VerifiedEntry;
use super::evidence::{KnownCover, Question, SeenAuthor, SeenKind, StepEvidence};
use super::signoff::{self, Discounted, Reject};
use crate::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use crate::base::name::{MemberId, Revision};
use crate::base::position::EntryIndex;
use crate::change::{Document, Mode, Row, Side};
use crate::policy::{
    Assessment, Author, AuthorKind, Facts, PathFact, Policy, ReasonCode, Service, SignOff,
    Standing, assess,
};
use crate::roster::Member;
use crate::statement::Says;
use crate::statement::change::{Declaration, DeclaredAuthor};
use crate::statement::words::{Assistance, Duty, MemberKind, SubjectType};
use crate::view::View;

/// What every segment of a verdict is judged with.
pub(super) struct Judge<'a> {
    question: &'a Question,
    view: &'a View,
    policy: &'a Policy,
    service: &'a Service,
    entries: &'a [VerifiedEntry],
    covers: &'a [KnownCover],
    /// Approvals below this entry are not heard; all are where it is not set.
    approvals_after: Option<EntryIndex>,
    known: Rc<Known<'a>>,
}

/// What is asked of the same evidence again and again, for each of many segments.
#[derive(Default)]
struct Known<'a> {
    /// Who is meant by an address, as of the view's size.
    addresses: BTreeMap<EmailDigest, &'a Member>,
    /// Approvals, rejects and withdrawals by what they are about, as given.
    words: BTreeMap<ContentDigest, Vec<&'a VerifiedEntry>>,
    /// Declarations by change, as given.
    declarations: BTreeMap<ChangeHash, Vec<&'a VerifiedEntry>>,
}

impl<'a> Known<'a> {
    fn new(view: &'a View, entries: &'a [VerifiedEntry]) -> Self {
        // Whoever left, or has another address now, is still who wrote what they wrote: an agent
        // stays an agent, and its operator an author (ATTACKS 9).
        let addresses = view.roster().by_address(view.size());
        let mut known = Self { addresses, ..Self::default() };
        for entry in entries.iter().filter(|entry| view.size().covers(entry.index())) {
            match &entry.statement().says {
                Says::Approval(said) => {
                    for row in &said.rows {
                        known.words.entry(row.hash).or_default().push(entry);
                    }
                }
                Says::Change(said) => {
                    known.declarations.entry(said.change).or_default().push(entry);
                }
                _ => {}
            }
        }
        known
    }
}

/// A segment and what was found about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The hash of its composed document.
    pub change: ChangeHash,
    /// Its first and last step; equal for a single step.
    pub first: Revision,
    /// Its last step.
    pub last: Revision,
    /// How many steps it has.
    pub steps: usize,
    /// First line of the last commit's message, for people.
    pub title: String,
    /// How many paths it changes.
    pub paths: usize,
    /// Who wrote it.
    pub authors: Vec<Author>,
    /// Requests that declarations name.
    pub requests: Vec<String>,
    /// What the policy asks, and what fills it.
    pub assessment: Assessment,
    /// Every sign-off that stands, whether or not the policy needs it.
    pub sign_offs: Vec<SignOff>,
    /// Sign-offs that do not stand.
    pub discounted: Vec<Discounted>,
    /// Rejects that block.
    pub rejects: Vec<Reject>,
    /// Whether the segment is covered.
    pub satisfied: bool,
}

impl<'a> Judge<'a> {
    /// A judge for a question under one policy.
    #[must_use]
    pub(super) fn new(
        question: &'a Question,
        view: &'a View,
        policy: &'a Policy,
        service: &'a Service,
        entries: &'a [VerifiedEntry],
    ) -> Self {
        let (covers, approvals_after) = (&[], None);
        let known = Rc::new(Known::new(view, entries));
        Self { question, view, policy, service, entries, covers, approvals_after, known }
    }

    /// The same judge, who knows what earlier decisions covered.
    #[must_use]
    pub(super) fn with_covers(mut self, covers: &'a [KnownCover]) -> Self {
        self.covers = covers;
        self
    }

    /// The member whose commits carry an address.
    fn member_of(&self, email: EmailDigest) -> Option<&'a Member> {
        self.known.addresses.get(&email).copied()
    }

    pub(super) const fn question(&self) -> &'a Question {
        self.question
    }

    pub(super) const fn view(&self) -> &'a View {
        self.view
    }

    pub(super) const fn policy(&self) -> &'a Policy {
        self.policy
    }

    pub(super) const fn service(&self) -> &'a Service {
        self.service
    }

    /// The same judge, deaf to approvals that stand below an entry.
    pub(super) fn after(&self, entry: EntryIndex) -> Self {
        Self { approvals_after: Some(entry), known: Rc::clone(&self.known), ..*self }
    }

    /// Whether an approval at an entry is heard.
    pub(super) fn hears(&self, approval: EntryIndex) -> bool {
        self.approvals_after.is_none_or(|after| approval > after)
    }

    pub(super) const fn covers(&self) -> &'a [KnownCover] {
        self.covers
    }

    /// The entries that the question may rest on: those below the view's size, whatever else was
    /// gathered.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'a VerifiedEntry> {
        let size = self.view.size();
        self.entries.iter().filter(move |entry| size.covers(entry.index()))
    }

    /// The words on a change or artifact, in whatever order they were given.
    pub(super) fn words(&self, hash: ContentDigest) -> &[&'a VerifiedEntry] {
        self.known.words.get(&hash).map_or(&[], Vec::as_slice)
    }

    /// The rejects that stand on a change.
    pub(super) fn rejects(&self, change: ChangeHash) -> Vec<Reject> {
        let hash = ContentDigest::from_bytes(*change.as_bytes());
        signoff::standing(self, SubjectType::Change, hash, None).rejects
    }

    /// Whether any rule asks for sign-offs of artifacts at this place.
    pub(super) fn asks_for_artifacts(&self) -> bool {
        !assess(self.policy, &self.artifact_facts(), &[]).requirements.is_empty()
    }

    /// What rules about artifacts ask of one, what fills it, and the rejects on it.
    pub(super) fn artifact(&self, artifact: ContentDigest) -> (Assessment, Vec<Reject>) {
        let standing = signoff::standing(self, SubjectType::Artifact, artifact, None);
        (assess(self.policy, &self.artifact_facts(), &standing.sign_offs), standing.rejects)
    }

    /// An artifact is judged apart from who wrote what went into it.
    fn artifact_facts(&self) -> Facts {
        Facts {
            service: self.question.service.clone(),
            environment: self.question.environment.clone(),
            declared: None,
            detected: None,
            authors: Vec::new(),
            paths: Vec::new(),
            collision: false,
            artifact: true,
        }
    }

    /// The declarations of a change or of one of its steps.
    fn declarations(
        &self,
        hashes: &[ChangeHash],
    ) -> impl Iterator<Item = (&'a VerifiedEntry, &'a Declaration)> {
        let repository = &self.service.repository;
        let hashes: BTreeSet<_> = hashes.iter().copied().collect();
        let about = hashes.into_iter().filter_map(|hash| self.known.declarations.get(&hash));
        let entries: Vec<_> = about.flatten().copied().collect();
        entries.into_iter().filter_map(move |entry| match &entry.statement().says {
            Says::Change(said) if said.repository == *repository => Some((entry, said)),
            _ => None,
        })
    }
}

/// Judges the change that `steps` compose to, `document` being its document.
#[must_use]
pub(super) fn judge_change(
    judge: &Judge<'_>,
    steps: &[&StepEvidence],
    document: &Document,
) -> Segment {
    let change = document.hash();
    let Written { authors, declared } = written(judge, steps, change);
    let (first, last) = (steps.first(), steps.last());
    let standing = signoff::standing(
        judge,
        SubjectType::Change,
        ContentDigest::from_bytes(*change.as_bytes()),
        last.map(|step| &step.step.commit),
    );
    let facts = Facts {
        service: judge.question.service.clone(),
        environment: judge.question.environment.clone(),
        declared: declared.assistance,
        detected: steps.iter().filter_map(|step| step.detected).max().max(declared.raised),
        authors: authors.into_values().collect(),
        paths: path_facts(steps, document),
        collision: steps.iter().any(|step| !step.step.collisions.is_empty()),
        artifact: false,
    };
    let assessment = assess(judge.policy, &facts, &standing.sign_offs);
    // An empty document needs no sign-off and cannot be approved (ATTACKS 52).
    let covered = document.is_empty() || (assessment.satisfied && standing.rejects.is_empty());
    let commit = |step: Option<&&StepEvidence>| step.map(|step| step.step.commit.clone());
    Segment {
        change,
        first: commit(first).unwrap_or_else(|| judge.question.revision.clone()),
        last: commit(last).unwrap_or_else(|| judge.question.revision.clone()),
        steps: steps.len(),
        title: last.map(|step| step.title.clone()).unwrap_or_default(),
        paths: document.rows().len(),
        authors: facts.authors,
        requests: declared.requests,
        assessment,
        sign_offs: standing.sign_offs,
        discounted: standing.discounted,
        rejects: standing.rejects,
        satisfied: covered,
    }
}

impl Segment {
    /// The codes of what keeps the segment from being covered.
    #[must_use]
    pub fn reasons(&self) -> Vec<ReasonCode> {
        if self.satisfied {
            return Vec::new();
        }
        let assessment = &self.assessment;
        let missing = assessment.requirements.iter().filter(|requirement| requirement.missing > 0);
        let mut codes: Vec<_> = missing.map(|requirement| requirement.code).collect();
        codes.extend(assessment.denials.iter().map(|denial| denial.code));
        if !self.rejects.is_empty() {
            codes.push(ReasonCode::Rejected);
        }
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// Authors by who they are. A member is one author however often named.
type Authors = BTreeMap<Who, Author>;

/// Who an author is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Somebody on the roster.
    Member(MemberId),
    /// An address that is nobody's on the roster; names are not unique.
    Address(EmailDigest),
    /// A member whom a declaration names and the roster no longer has.
    Gone(MemberId),
    /// Nobody is named at all.
    Nobody,
}

fn add_author(authors: &mut Authors, who: Who, author: Author) {
    let standing = author.standing;
    let slot = authors.entry(who).or_insert(author);
    // The strongest proof of an authorship counts (the weakest standing is the greatest).
    slot.standing = slot.standing.min(standing);
}

fn member_author(member: &Member, standing: Standing, label: String) -> Author {
    let kind = match member.kind {
        MemberKind::Human => AuthorKind::Human,
        MemberKind::Bot => AuthorKind::Bot,
        MemberKind::Agent => AuthorKind::Agent,
        MemberKind::Service => AuthorKind::Service,
    };
    Author { member: Some(member.id.clone()), kind, level: member.level.clone(), standing, label }
}

/// A member as an author, and for an agent the human who answers for it.
fn add_member(
    judge: &Judge<'_>,
    authors: &mut Authors,
    member: &Member,
    standing: Standing,
    label: &str,
) {
    let who = Who::Member(member.id.clone());
    let size = judge.view.size();
    if judge.view.roster().member(&member.id, size).is_none() {
        return add_former(judge, authors, member, label);
    }
    let operator = member.operator.as_ref().and_then(|id| judge.view.roster().member(id, size));
    if member.kind != MemberKind::Agent {
        add_author(authors, who, member_author(member, standing, label.to_owned()));
        return;
    }
    let Some(operator) = operator else {
        // Nobody answers for it any more, so no human author is known.
        add_author(authors, who, member_author(member, Standing::Claimed, label.to_owned()));
        return;
    };
    add_author(authors, who, member_author(member, standing, label.to_owned()));
    // The agent's own signature attests that it worked for its operator.
    let standing = if standing == Standing::Proved { Standing::Attested } else { standing };
    let label = format!("{} (operator)", operator.id);
    let who = Who::Member(operator.id.clone());
    add_author(authors, who, member_author(operator, standing, label));
}

/// Somebody who is a member no more: claimed, and of no level; of an agent, whoever answered for
/// it wrote it too.
fn add_former(judge: &Judge<'_>, authors: &mut Authors, member: &Member, label: &str) {
    let former =
        Author { level: None, ..member_author(member, Standing::Claimed, label.to_owned()) };
    add_author(authors, Who::Member(member.id.clone()), former);
    let size = judge.view.size();
    let operator = member.operator.as_ref().and_then(|id| judge.view.roster().member(id, size));
    if let Some(operator) = operator.filter(|_| member.kind == MemberKind::Agent) {
        let author =
            member_author(operator, Standing::Claimed, format!("{} (operator)", operator.id));
        add_author(authors, Who::Member(operator.id.clone()), author);
    }
}

/// Authors as the commits name them: claimed, until somebody signs for it (ATTACKS 9).
fn seen_authors(judge: &Judge<'_>, steps: &[&StepEvidence]) -> Authors {
    let mut authors = Authors::new();
    for seen in steps.iter().flat_map(|step| &step.authors) {
        let SeenAuthor { kind, email, label } = seen;
        match (kind, judge.member_of(*email)) {
            (_, Some(member)) => add_member(judge, &mut authors, member, Standing::Claimed, label),
            (kind, None) => {
                let kind = match kind {
                    SeenKind::Tool => AuthorKind::Tool,
                    SeenKind::Person => AuthorKind::Unknown,
                };
                let (standing, label) = (Standing::Claimed, label.clone());
                let author = Author { member: None, kind, level: None, standing, label };
                add_author(&mut authors, Who::Address(*email), author);
            }
        }
    }
    authors
}

/// Who wrote a segment, and what was declared of it.
struct Written {
    authors: Authors,
    declared: Declared,
}

/// What the declarations that count add up to.
#[derive(Default)]
struct Declared {
    /// The highest that a declaration in force says; none where a step is undeclared.
    assistance: Option<Assistance>,
    /// What can raise and never lower: a declaration under a leaked key, and those of some steps
    /// where others are undeclared.
    raised: Option<Assistance>,
    requests: Vec<String>,
}

/// Authors and declarations, step by step: what somebody signed for one step says nothing of
/// another, so an author is as well known as in the step where they are known least.
fn written(judge: &Judge<'_>, steps: &[&StepEvidence], whole: ChangeHash) -> Written {
    let everybody = seen_authors(judge, steps);
    let mut written = Written { authors: Authors::new(), declared: Declared::default() };
    let mut undeclared = false;
    for step in steps {
        let mut authors = seen_authors(judge, &[step]);
        let hash = step.step.document.hash();
        let declared = declared(judge, &mut authors, &everybody, hash, whole);
        let sum = &mut written.declared;
        sum.raised = sum.raised.max(declared.raised);
        sum.requests.extend(declared.requests);
        if step.step.document.is_empty() {
            // Nothing was written here, so nobody need have written it.
            continue;
        }
        undeclared |= declared.assistance.is_none();
        sum.assistance = sum.assistance.max(declared.assistance);
        if authors.is_empty() {
            authors.insert(Who::Nobody, nobody());
        }
        for (who, author) in authors {
            let standing = author.standing;
            let slot = written.authors.entry(who).or_insert(author);
            // The weakest standing is the greatest.
            slot.standing = slot.standing.max(standing);
        }
    }
    if undeclared {
        let sum = &mut written.declared;
        sum.raised = sum.raised.max(sum.assistance.take());
    }
    written.declared.requests.sort_unstable();
    written.declared.requests.dedup();
    written
}

/// Whoever wrote what no commit names an author of, such as a merge made by hand.
fn nobody() -> Author {
    let label = "nobody named".to_owned();
    let (kind, standing) = (AuthorKind::Unknown, Standing::Claimed);
    Author { member: None, kind, level: None, standing, label }
}

/// Declarations of a step, or of the whole segment, count if their signer is an author of what
/// they speak of, or a service with the duty to declare; each signer's newest (ATTACKS 26, r).
fn declared(
    judge: &Judge<'_>,
    authors: &mut Authors,
    everybody: &Authors,
    step: ChangeHash,
    whole: ChangeHash,
) -> Declared {
    let size = judge.view.size();
    let roster = judge.view.roster();
    // Whom declarations name does not make them one who may declare.
    let committed: BTreeSet<Who> = authors.keys().cloned().collect();
    let mut newest: BTreeMap<(&MemberId, ChangeHash), (&VerifiedEntry, &Declaration)> =
        BTreeMap::new();
    for (entry, said) in judge.declarations(&[step, whole]) {
        let key = (entry.by(), said.change);
        if newest.get(&key).is_none_or(|(old, _)| old.index() < entry.index()) {
            newest.insert(key, (entry, said));
        }
    }
    let mut declared = Declared::default();
    for ((by, change), (entry, said)) in newest {
        let who = Who::Member(by.clone());
        let of_step = change == step && committed.contains(&who);
        let is_author = of_step || (change == whole && everybody.contains_key(&who));
        let had_duty = |at| roster.member(by, at).is_some_and(|one| one.has_duty(Duty::Declare));
        let signer = roster.member(by, size).filter(|_| is_author || had_duty(size));
        let Some(signer) = signer.filter(|_| !judge.is_leaked(entry)) else {
            // What takes permission away stands, whoever left or lost a key since: more
            // assistance, and more authors (ATTACKS 19).
            if is_author || had_duty(entry.index().size_after()) {
                declared.raised = declared.raised.max(Some(said.assistance));
                said.authors.iter().for_each(|named| bar_declared(judge, authors, named));
            }
            continue;
        };
        declared.assistance = declared.assistance.max(Some(said.assistance));
        declared.requests.extend(said.request.iter().map(ToString::to_string));
        for named in &said.authors {
            add_declared(judge, authors, by, named);
        }
        if authors.contains_key(&who) {
            add_member(judge, authors, signer, own_word(signer), by.as_str());
        }
    }
    declared
}

/// An author whom a declaration names that gives no permission any more: named all the same, and
/// so barred from signing off.
fn bar_declared(judge: &Judge<'_>, authors: &mut Authors, named: &DeclaredAuthor) {
    let member = match named {
        DeclaredAuthor::Member(id) => judge.view.roster().member_ever(id, judge.view.size()),
        DeclaredAuthor::Email(email) => judge.member_of(*email),
    };
    if let Some(member) = member {
        add_member(judge, authors, member, Standing::Claimed, member.id.as_str());
    }
}

/// What a member's own signature makes of their authorship. A service or a bot has keys that
/// other people hold, so its word on itself proves no author.
fn own_word(signer: &Member) -> Standing {
    match signer.kind {
        MemberKind::Human | MemberKind::Agent => Standing::Proved,
        MemberKind::Bot | MemberKind::Service => Standing::Claimed,
    }
}

/// An author whom a declaration names: attested, for only one's own signature proves.
fn add_declared(judge: &Judge<'_>, authors: &mut Authors, by: &MemberId, named: &DeclaredAuthor) {
    let size = judge.view.size();
    let roster = judge.view.roster();
    let is_service =
        roster.member(by, size).is_some_and(|member| member.kind == MemberKind::Service);
    // A colleague's word names an author, and so bars them from signing off; it attests nothing.
    let member = match named {
        DeclaredAuthor::Member(id) => roster.member_ever(id, size),
        DeclaredAuthor::Email(email) => judge.member_of(*email),
    };
    let about_itself = member.is_some_and(|member| member.id == *by);
    let standing = if is_service && !about_itself { Standing::Attested } else { Standing::Claimed };
    match (member, named) {
        (Some(member), _) => {
            add_member(judge, authors, member, standing, member.id.as_str());
        }
        (None, DeclaredAuthor::Member(id)) => {
            let label = format!("{id} (declared)");
            let kind = AuthorKind::Unknown;
            let author = Author { member: None, kind, level: None, standing, label };
            add_author(authors, Who::Gone(id.clone()), author);
        }
        // An address that is nobody's: the commits name it as well, or it changes nothing that
        // the roster could weigh.
        (None, DeclaredAuthor::Email(_)) => {}
    }
}

/// Whether a row makes or changes a link or a submodule, or what may be executed.
fn is_more_than_text(row: &Row) -> bool {
    let linked = |side: &Side| matches!(side.mode, Mode::Symlink | Mode::Submodule);
    let executable = |side: &Side| side.mode == Mode::Executable;
    linked(&row.old) || linked(&row.new) || (executable(&row.new) && !executable(&row.old))
}

/// The paths that rules see in a segment. One is opaque if it is in any of the steps.
#[must_use]
pub fn path_facts(steps: &[&StepEvidence], document: &Document) -> Vec<PathFact> {
    let mut opaque: BTreeSet<&[u8]> = steps
        .iter()
        .flat_map(|step| &step.step.path_facts)
        .filter(|facts| facts.opaque.is_some())
        .map(|facts| facts.path.as_bytes())
        .collect();
    // What a path does changes with its mode, and a link leads elsewhere: no diff shows that.
    let rows = steps.iter().flat_map(|step| step.step.document.rows()).chain(document.rows());
    opaque.extend(rows.filter(|row| is_more_than_text(row)).map(|row| row.path.as_bytes()));
    // Rules see every path that a step touched, also where later steps took the change back.
    let mut paths: BTreeSet<&[u8]> =
        document.paths().map(crate::change::ChangePath::as_bytes).collect();
    let touched = steps.iter().flat_map(|step| step.step.document.paths());
    paths.extend(touched.map(crate::change::ChangePath::as_bytes));
    // What a link leads to is changed by the link as well (ATTACKS 25).
    let facts = steps.iter().flat_map(|step| &step.step.path_facts);
    let targets = facts.flat_map(|facts| &facts.link_targets);
    paths.extend(targets.map(crate::change::ChangePath::as_bytes));
    let fact = |path: &[u8]| PathFact { path: path.to_vec(), opaque: opaque.contains(path) };
    paths.into_iter().map(fact).collect()
}
