//! What was declared of a segment: by whom it was written, and how far a machine assisted.

use std::collections::{BTreeMap, BTreeSet};

use super::authors::{Authors, Who, add_author, add_member, nobody, seen_authors};
use super::entry::VerifiedEntry;
use super::evidence::StepEvidence;
use super::judge::Judge;
use crate::base::digest::ChangeHash;
use crate::base::name::MemberId;
use crate::policy::{Author, AuthorKind, Standing};
use crate::roster::Member;
use crate::statement::change::{Declaration, DeclaredAuthor};
use crate::statement::words::{Assistance, Duty, MemberKind};

/// Who wrote a segment, and what was declared of it.
pub(super) struct Written {
    pub(super) authors: Authors,
    pub(super) declared: Declared,
}

/// What the declarations that count add up to.
#[derive(Default)]
pub(super) struct Declared {
    /// The highest that a declaration in force says; none where a step is undeclared.
    pub(super) assistance: Option<Assistance>,
    /// What can raise and never lower: a declaration under a leaked key, and those of some steps
    /// where others are undeclared.
    pub(super) raised: Option<Assistance>,
    pub(super) requests: Vec<String>,
    /// Who says of themselves that they wrote it, though no commit does.
    own_words: BTreeSet<MemberId>,
}

/// Authors and declarations, step by step: what somebody signed for one step says nothing of
/// another, so an author is as well known as in the step where they are known least.
pub(super) fn written(judge: &Judge<'_>, steps: &[&StepEvidence], whole: ChangeHash) -> Written {
    // Whoever wrote nothing of it is no author of the whole (ATTACKS 26): an empty commit beside
    // somebody else's change makes nobody one who may declare it.
    let wrote = steps.iter().copied().filter(|step| !step.step.document.is_empty());
    let everybody = seen_authors(judge, &wrote.collect::<Vec<_>>());
    // What was declared of a change is declared of what it was carried to: the edits are the same,
    // whoever may sign them off.
    let landing = steps.last().map(|step| &step.step.commit);
    let carried = judge.carried_to(whole, landing).map(|to| to.carried.approved());
    let wholes: BTreeSet<ChangeHash> = carried.chain([whole]).collect();
    let mut written = Written { authors: Authors::new(), declared: Declared::default() };
    let mut undeclared = false;
    // Where nothing was written, nobody need have written or declared it.
    for step in steps.iter().filter(|step| !step.step.document.is_empty()) {
        let mut authors = seen_authors(judge, &[step]);
        let hash = step.step.document.hash();
        let declared = declared(judge, &mut authors, &everybody, hash, &wholes);
        let sum = &mut written.declared;
        sum.raised = sum.raised.max(declared.raised);
        sum.requests.extend(declared.requests);
        undeclared |= declared.assistance.is_none();
        sum.assistance = sum.assistance.max(declared.assistance);
        if authors.is_empty() {
            authors.insert(Who::Nobody, nobody());
        }
        // Their word makes nobody else known, and no step that names nobody better.
        for id in &declared.own_words {
            add_own_word(judge, &mut authors, id);
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

/// Declarations of a step, or of the whole segment, count if their signer is an author of what
/// they speak of, or a service with the duty to declare; each signer's newest (ATTACKS 26, r).
fn declared(
    judge: &Judge<'_>,
    authors: &mut Authors,
    everybody: &Authors,
    step: ChangeHash,
    wholes: &BTreeSet<ChangeHash>,
) -> Declared {
    let size = judge.view().size();
    let roster = judge.view().roster();
    // Whom declarations name does not make them one who may declare.
    let committed: BTreeSet<Who> = authors.keys().cloned().collect();
    let mut newest: BTreeMap<(&MemberId, ChangeHash), (&VerifiedEntry, &Declaration)> =
        BTreeMap::new();
    let about: Vec<_> = wholes.iter().copied().chain([step]).collect();
    for (entry, said) in judge.declarations(&about) {
        let key = (entry.by(), said.change);
        if newest.get(&key).is_none_or(|(old, _)| old.index() < entry.index()) {
            newest.insert(key, (entry, said));
        }
    }
    let mut declared = Declared::default();
    for ((by, change), (entry, said)) in newest {
        let who = Who::Member(by.clone());
        let of_step = change == step && committed.contains(&who);
        let of_whole = wholes.contains(&change) && everybody.contains_key(&who);
        let is_author = of_step || of_whole;
        let had_duty = |at| roster.member(by, at).is_some_and(|one| one.has_duty(Duty::Declare));
        let signer = roster.member(by, size).filter(|_| is_author || had_duty(size));
        let is_leaked = judge.is_leaked(entry);
        let Some(signer) = signer.filter(|_| !is_leaked) else {
            // What takes permission away stands, whoever left or lost a key since: more
            // assistance, and more authors (ATTACKS 19). Under a leaked key nobody proves anything.
            if is_author || is_leaked || had_duty(entry.index().size_after()) {
                declared.raised = declared.raised.max(Some(said.assistance));
                said.authors.iter().for_each(|named| bar_declared(judge, authors, named));
            } else if said.authors.iter().any(|named| is_named(judge, named, by)) {
                // Whoever signed that they wrote it did, under whatever name it landed; their word
                // gives nothing else, and takes all the same (ATTACKS 9).
                declared.raised = declared.raised.max(Some(said.assistance));
                declared.own_words.insert(by.clone());
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

/// Whether a declaration names a member.
fn is_named(judge: &Judge<'_>, named: &DeclaredAuthor, member: &MemberId) -> bool {
    match named {
        DeclaredAuthor::Member(id) => id == member,
        DeclaredAuthor::Email(email) => {
            judge.member_of(*email).is_some_and(|one| one.id == *member)
        }
    }
}

/// Somebody by their own word alone.
fn add_own_word(judge: &Judge<'_>, authors: &mut Authors, id: &MemberId) {
    let member = judge.view().roster().member_ever(id, judge.view().size());
    if let Some(member) = member {
        add_member(judge, authors, member, own_word(member), id.as_str());
    }
}

/// An author whom a declaration names that gives no permission any more: named all the same, and
/// so barred from signing off.
fn bar_declared(judge: &Judge<'_>, authors: &mut Authors, named: &DeclaredAuthor) {
    let member = match named {
        DeclaredAuthor::Member(id) => judge.view().roster().member_ever(id, judge.view().size()),
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
    let size = judge.view().size();
    let roster = judge.view().roster();
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
