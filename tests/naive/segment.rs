//! A segment's facts and the words on it, straight from `spec/verdict.md` section 5.

use std::collections::{BTreeMap, BTreeSet};

use countersign::base::digest::{ChangeHash, ContentDigest, EmailDigest};
use countersign::base::name::{LevelName, MemberId, Revision};
use countersign::change::carry::Carried;
use countersign::key::Presence as Shown;
use countersign::policy::{
    Author, AuthorKind, Facts, PathFact, Policy, Presence, ReasonCode, Service, SignOff, Standing,
};
use countersign::statement::Says;
use countersign::statement::approval::ApprovalRow;
use countersign::statement::change::DeclaredAuthor;
use countersign::statement::words::{ApprovalVerdict, Assistance, Duty, MemberKind, SubjectType};

use super::evaluator::{Asked, Model};
use super::fold::{Log, Logged, group_of, places_of};
use super::repository::{Tree, carried_to, collisions, difference, differing, email, is_opaque};

/// A step, or a pseudo-step: commits between two trees.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) old: Tree,
    pub(crate) new: Tree,
    pub(crate) first: Revision,
    pub(crate) last: Revision,
    pub(crate) commits: BTreeSet<usize>,
}

/// How each author of one step is known.
type Known = BTreeMap<Who, (Standing, AuthorKind)>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Member(MemberId),
    Address(EmailDigest),
    Tool(EmailDigest),
    /// A member whom a declaration names and who left.
    Gone(MemberId),
    Nobody,
}

/// What is said of a change or an artifact.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) sign_offs: Vec<SignOff>,
    pub(crate) rejected: bool,
    /// The entries of the rejects that stand.
    pub(crate) rejects: BTreeSet<u64>,
    /// Whether anybody approved it at all.
    pub(crate) approved: bool,
    /// Changes whose sign-offs stand here too, with their certificates.
    pub(crate) carried: BTreeMap<ChangeHash, ContentDigest>,
    /// Why a sign-off does not count.
    pub(crate) codes: BTreeSet<ReasonCode>,
}

/// One segment under one policy.
pub(crate) struct Segments<'a> {
    pub(crate) model: &'a Model<'a>,
    pub(crate) asked: &'a Asked,
    pub(crate) policy: &'a Policy,
    pub(crate) service: &'a Service,
    /// Approvals below it are not heard.
    pub(crate) approvals_after: Option<u64>,
    /// Changes whose sign-offs another landing of the chain uses up.
    pub(crate) elsewhere: Option<&'a BTreeSet<ChangeHash>>,
}

impl Segments<'_> {
    fn log(&self) -> Log<'_> {
        self.model.log
    }

    /// Point 7: what is carried to the change between two trees.
    pub(crate) fn carried(&self, old: &Tree, new: &Tree) -> Vec<Carried> {
        carried_to(self.model.forms, old, new)
    }

    /// Facts of the segment that these parts make, one after the other.
    pub(crate) fn facts(&self, parts: &[Part]) -> Facts {
        let (old, new) = (&parts[0].old, &parts[parts.len() - 1].new);
        let mut wholes = BTreeSet::from([difference(old, new).hash()]);
        wholes.extend(self.carried(old, new).iter().map(Carried::approved));
        let changing: Vec<&Part> = parts.iter().filter(|part| part.old != part.new).collect();
        // Authors by commits alone, of any step: they may declare the segment's change.
        let any: BTreeSet<Who> =
            changing.iter().flat_map(|part| self.committed(part).into_keys()).collect();
        let mut authors: Known = BTreeMap::new();
        let mut declared_all = Some(Assistance::None);
        let mut declared_some = None;
        // A mark only asks for more, so it counts where nothing changes as well.
        let marks = parts.iter().map(|part| self.model.repository.authors_of(&part.commits).1);
        let mut detected = marks.max().flatten();
        for part in &changing {
            let (known, declared, voided) = self.declarations(part, &wholes, &any);
            detected = detected.max(voided);
            declared_some = declared_some.max(declared);
            declared_all = declared_all.and_then(|all| declared.map(|this| all.max(this)));
            for (who, (standing, kind)) in known {
                let entry = authors.entry(who).or_insert((standing, kind));
                entry.0 = entry.0.max(standing);
            }
        }
        if declared_all.is_none() {
            detected = detected.max(declared_some);
        }
        // Rules see every path that a step touches, also where a later one takes it back, and a
        // path that nobody can read on the way is one that nobody can read.
        let touched: BTreeSet<String> =
            changing.iter().flat_map(|part| differing(&part.old, &part.new)).collect();
        let path = |path: &String| {
            let differs = |part: &&&Part| part.old.get(path) != part.new.get(path);
            let opaque = changing.iter().filter(differs).any(|part| {
                [&part.old, &part.new].iter().any(|t| t.get(path).is_some_and(|c| is_opaque(c)))
            });
            PathFact { path: path.clone().into_bytes(), opaque }
        };
        // What a later step of it mended collides no more.
        let collision = !collisions(old, new).is_empty();
        Facts {
            service: self.asked.place.service.clone(),
            environment: self.asked.place.environment.clone(),
            declared: declared_all,
            detected,
            authors: authors.into_iter().map(|(who, known)| self.author(&who, known)).collect(),
            paths: touched.iter().map(path).collect(),
            collision,
            artifact: false,
        }
    }

    fn author(&self, who: &Who, (standing, kind): (Standing, AuthorKind)) -> Author {
        let member = match who {
            Who::Member(id) => Some(id.clone()),
            _ => None,
        };
        let level = member.as_ref().and_then(|id| self.log().member(id)?.level.clone());
        Author { member, kind, level, standing, label: String::new() }
    }

    fn who(&self, address: EmailDigest) -> Who {
        self.log().member_of(address).map_or(Who::Address(address), Who::Member)
    }

    /// Point 1: whom the commits of a step name, and the operators of agents.
    fn committed(&self, part: &Part) -> Known {
        let mut known = Known::new();
        for named in self.model.repository.authors_of(&part.commits).0 {
            let address = email(&named.email);
            let who = if named.tool { Who::Tool(address) } else { self.who(address) };
            self.add(&mut known, who, Standing::Claimed);
        }
        if known.is_empty() {
            known.insert(Who::Nobody, (Standing::Claimed, AuthorKind::Unknown));
        }
        known
    }

    /// Adds an author; what is known better stays.
    fn add(&self, known: &mut Known, who: Who, standing: Standing) {
        let member = match &who {
            Who::Member(id) => self.log().member_ever(id),
            _ => None,
        };
        // Whoever left is still who wrote it.
        let left = matches!(&who, Who::Member(id) if self.log().member(id).is_none());
        let kind = match (&who, member.map(|member| member.kind)) {
            (Who::Tool(_), _) => AuthorKind::Tool,
            (_, Some(MemberKind::Human)) => AuthorKind::Human,
            (_, Some(MemberKind::Bot)) => AuthorKind::Bot,
            (_, Some(MemberKind::Agent)) => AuthorKind::Agent,
            (_, Some(MemberKind::Service)) => AuthorKind::Service,
            (_, None) => AuthorKind::Unknown,
        };
        let operator = member.and_then(|member| member.operator.clone());
        let is_gone = kind == AuthorKind::Agent
            && operator.as_ref().is_none_or(|operator| self.log().member(operator).is_none());
        let standing = if is_gone || left { Standing::Claimed } else { standing };
        let entry = known.entry(who).or_insert((standing, kind));
        entry.0 = entry.0.min(standing);
        if let Some(operator) = operator
            && !is_gone
        {
            // Its operator is an author by the roster, as well known as the agent is.
            let entry = known.entry(Who::Member(operator)).or_insert((standing, AuthorKind::Human));
            entry.0 = entry.0.min(standing);
        }
    }

    /// Points 2 and 3: the authors of a step after declarations, what was declared, and what
    /// declarations under leaked keys say.
    fn declarations(
        &self,
        part: &Part,
        segment: &BTreeSet<ChangeHash>,
        any: &BTreeSet<Who>,
    ) -> (Known, Option<Assistance>, Option<Assistance>) {
        let step = difference(&part.old, &part.new).hash();
        let mut known = self.committed(part);
        let committed: BTreeSet<Who> = known.keys().cloned().collect();
        let mut newest: BTreeMap<(&MemberId, ChangeHash), &Logged> = BTreeMap::new();
        for logged in self.log().0 {
            if let Says::Change(said) = &logged.statement.says
                && (said.change == step || segment.contains(&said.change))
                && said.repository == self.service.repository
            {
                newest.insert((&logged.statement.by, said.change), logged);
            }
        }
        let (mut declared, mut voided) = (None, None);
        let mut own_words = Vec::new();
        for ((by, _), logged) in newest {
            let Says::Change(said) = &logged.statement.says else { continue };
            let who = Who::Member(by.clone());
            let is_author = (said.change == step && committed.contains(&who))
                || (segment.contains(&said.change) && any.contains(&who));
            let then = self.log().below(logged.index);
            let has_duty = |log: Log<'_>| {
                log.member(by).is_some_and(|member| {
                    matches!(member.kind, MemberKind::Human | MemberKind::Service)
                        && member.duties.contains(&Duty::Declare)
                })
            };
            let leaked = self.log().under_leaked_key(logged);
            if !is_author && !has_duty(self.log()) && !has_duty(then) && !leaked {
                let names = |author: &DeclaredAuthor| match author {
                    DeclaredAuthor::Member(id) => id == by,
                    DeclaredAuthor::Email(address) => self.who(*address) == who,
                };
                if said.authors.iter().any(names) {
                    voided = voided.max(Some(said.assistance));
                    own_words.push(by.clone());
                }
                continue;
            }
            let signer = self.log().member(by).filter(|_| is_author || has_duty(self.log()));
            let signer = signer.filter(|_| !leaked);
            if signer.is_some() {
                declared = declared.max(Some(said.assistance));
            } else {
                voided = voided.max(Some(said.assistance));
            }
            for author in &said.authors {
                let author = match author {
                    // Whoever left is still who wrote it; whoever never was one is nobody known.
                    DeclaredAuthor::Member(id) if self.log().member_ever(id).is_none() => {
                        if signer.is_none() {
                            continue;
                        }
                        Who::Gone(id.clone())
                    }
                    DeclaredAuthor::Member(id) => Who::Member(id.clone()),
                    DeclaredAuthor::Email(address) => match self.who(*address) {
                        // What is nobody's address changes nothing: no one answers for it.
                        Who::Address(_) => continue,
                        who => who,
                    },
                };
                let attests = signer.is_some_and(|signer| signer.kind == MemberKind::Service);
                let attests = attests && author != who;
                let standing = if attests { Standing::Attested } else { Standing::Claimed };
                self.add(&mut known, author, standing);
            }
            let proves = signer
                .is_some_and(|signer| matches!(signer.kind, MemberKind::Human | MemberKind::Agent));
            if proves && (is_author || known.contains_key(&who)) {
                self.add(&mut known, who, Standing::Proved);
            }
        }
        // Somebody is named after all.
        if known.len() > 1 {
            known.remove(&Who::Nobody);
        }
        // Who says so of themselves wrote it, whatever the commits say; it gives nothing.
        for by in own_words.iter().filter(|_| part.old != part.new) {
            let kind = self.log().member_ever(by).map(|member| member.kind);
            let proves = matches!(kind, Some(MemberKind::Human | MemberKind::Agent));
            let standing = if proves { Standing::Proved } else { Standing::Claimed };
            self.add(&mut known, Who::Member(by.clone()), standing);
        }
        (known, declared, voided)
    }

    /// Point 4 for a change whose segment ends at `last`; without it nothing counts as spent.
    pub(crate) fn words(
        &self,
        change: ChangeHash,
        last: Option<&Revision>,
        carried: &[Carried],
    ) -> Words {
        let hash = ContentDigest::from_bytes(*change.as_bytes());
        let of_change = |row: &ApprovalRow| {
            row.repository.as_ref() == Some(&self.service.repository)
                && row.target.as_ref() == Some(&self.service.branch)
        };
        self.words_on(SubjectType::Change, (hash, carried), &of_change, last)
    }

    pub(crate) fn words_on_artifact(&self, artifact: ContentDigest) -> Words {
        let meant = |row: &ApprovalRow| row.service.as_ref() == Some(&self.asked.place.service);
        self.words_on(SubjectType::Artifact, (artifact, &[]), &meant, None)
    }

    fn words_on(
        &self,
        subject: SubjectType,
        (hash, carried): (ContentDigest, &[Carried]),
        meant: &dyn Fn(&ApprovalRow) -> bool,
        last: Option<&Revision>,
    ) -> Words {
        let mut words = Words::default();
        let mut members: BTreeMap<&MemberId, Member<'_>> = BTreeMap::new();
        let mut about = Vec::new();
        for logged in self.log().0 {
            let Says::Approval(said) = &logged.statement.says else { continue };
            if said.subject_type != subject {
                continue;
            }
            // Of one statement what it says of the subject itself is what it says last.
            for from in carried {
                let row = said.rows.iter().find(|row| hash_of(row) == from.approved());
                about.extend(row.map(|row| (logged, said, row, Some(from))));
            }
            let row = said.rows.iter().find(|row| row.hash == hash);
            about.extend(row.map(|row| (logged, said, row, None)));
        }
        for (logged, said, row, from) in about {
            let member = members.entry(&logged.statement.by).or_default();
            let leaked = self.log().under_leaked_key(logged);
            words.approved |= said.verdict == ApprovalVerdict::Approve && from.is_none();
            match said.verdict {
                ApprovalVerdict::Approve
                    if self.approvals_after.is_some_and(|after| logged.index <= after) => {}
                ApprovalVerdict::Approve => {
                    // A reject is of the change itself, wherever it was said.
                    if let Some(code) = self.left_out(logged, meant(row)) {
                        words.codes.insert(code);
                        continue;
                    }
                    member.rejects.remove(&row.hash);
                    if from.is_none() {
                        member.rejects.clear();
                    }
                    // One that is used up ended the reject before it all the same.
                    let lands_elsewhere = from.is_some_and(|from| {
                        self.elsewhere.is_some_and(|all| all.contains(&from.approved()))
                    });
                    if lands_elsewhere
                        || last.is_some_and(|last| self.is_spent(logged.index, hash_of(row), last))
                    {
                        words.codes.insert(ReasonCode::Spent);
                        continue;
                    }
                    member.approvals.push((logged, row, from));
                }
                ApprovalVerdict::Reject => {
                    member.approvals.clear();
                    if from.is_none_or(|from| from.there().is_empty()) {
                        member.rejects.insert(row.hash, logged.index);
                    }
                }
                ApprovalVerdict::Withdraw => {
                    let names = said.withdraws.map(|entry| entry.index.get());
                    let is_named = |reject: &u64| Some(*reject) == names;
                    if member.rejects.is_empty() {
                        words.codes.insert(ReasonCode::Withdrawn);
                        member.approvals.clear();
                    } else if !member.rejects.values().any(is_named) {
                    } else if leaked || self.cools(logged) {
                        words.codes.insert(ReasonCode::KeyRevoked);
                    } else {
                        words.codes.insert(ReasonCode::Withdrawn);
                        member.approvals.clear();
                        member.rejects.retain(|_, reject| !is_named(reject));
                    }
                }
            }
        }
        for member in members.into_values() {
            for index in member.rejects.into_values() {
                if !self.log().is_lifted(index) {
                    words.rejected = true;
                    words.rejects.insert(index);
                }
            }
            for (logged, row, from) in member.approvals {
                let far = from.and_then(Carried::closest_lines).unwrap_or(usize::MAX);
                let wanted = usize::try_from(self.policy.defaults().carry_gap).unwrap();
                if from.is_some() && far < wanted {
                    words.codes.insert(ReasonCode::CarryRefused);
                    continue;
                }
                match self.sign_off(logged, row, last) {
                    Ok(sign_off) => {
                        let carried = from.is_some();
                        words.carried.extend(from.map(|f| (f.approved(), f.certificate())));
                        words.sign_offs.push(SignOff { carried, ..sign_off });
                    }
                    Err(code) => {
                        words.codes.insert(code);
                    }
                }
            }
        }
        words
    }

    fn is_spent(&self, approval: u64, change: ChangeHash, last: &Revision) -> bool {
        // What landed in a cell's group has landed in the cell.
        let group = group_of(&self.asked.place);
        let of_group =
            if group == self.asked.place { Vec::new() } else { self.log().own_points(&group) };
        self.log().own_points(&self.asked.place).iter().chain(&of_group).any(|point| {
            let Some(deployed) = &point.deployed else { return false };
            let rows = deployed.cover.and_then(|cover| self.model.covers.get(&cover));
            rows.into_iter()
                .flatten()
                .any(|row| row.last != *last && row.is_of(change) && approval < point.entry)
        })
    }

    /// Why an approval is not heard at all.
    fn left_out(&self, logged: &Logged, is_meant: bool) -> Option<ReasonCode> {
        if !is_meant {
            Some(ReasonCode::WrongBranch)
        } else if self.log().under_leaked_key(logged) {
            Some(ReasonCode::KeyRevoked)
        } else if self.cools(logged) {
            Some(ReasonCode::KeyCooling)
        } else {
            None
        }
    }

    /// Whether the key is a further one of its member, enrolled too lately.
    fn cools(&self, logged: &Logged) -> bool {
        let keys = self.log().keys_of(&logged.statement.by);
        let (_, entry, enrolled) = keys.iter().find(|key| key.0 == logged.keys[0]).unwrap();
        let had_another = keys.iter().any(|key| key.1 < *entry);
        let cooling = self.policy.defaults().key_cooling.milliseconds();
        had_another && self.asked.now - enrolled < cooling
    }

    /// Points 5 and 6.
    fn sign_off(
        &self,
        logged: &Logged,
        row: &ApprovalRow,
        last: Option<&Revision>,
    ) -> Result<SignOff, ReasonCode> {
        let by = &logged.statement.by;
        let then = self.log().below(logged.index);
        if !then.human_with(by, Duty::Review) || !self.log().human_with(by, Duty::Review) {
            return Err(ReasonCode::NoReviewDuty);
        }
        let (old, new) = (then.member(by).unwrap(), self.log().member(by).unwrap());
        let teams = old.teams.iter().filter(|team| new.teams.contains(*team)).cloned().collect();
        let Says::Approval(said) = &logged.statement.says else { unreachable!() };
        Ok(SignOff {
            member: by.clone(),
            level: self.lower(old.level.as_ref(), new.level.as_ref()),
            teams,
            presence: presence(logged.presence),
            answered: said.checklist.iter().map(|answer| answer.item.clone()).collect(),
            assistance_seen: row.assistance_seen.unwrap_or(Assistance::Generated),
            carried: false,
            age: countersign::base::time::Span::from_milliseconds(self.age(logged, row, last)),
            entry: countersign::base::position::EntryIndex::new(logged.index),
        })
    }

    fn lower(&self, old: Option<&LevelName>, new: Option<&LevelName>) -> Option<LevelName> {
        let rank = |level: &LevelName| self.policy.levels().iter().position(|l| l == level);
        let (old, new) = (old?, new?);
        let (old_rank, new_rank) = (rank(old)?, rank(new)?);
        Some(if old_rank < new_rank { old.clone() } else { new.clone() })
    }

    fn age(&self, logged: &Logged, of: &ApprovalRow, last: Option<&Revision>) -> u64 {
        let mut until = self.asked.now;
        for place in places_of(self.log().0, &self.asked.place.service) {
            for point in self.log().own_points(&place) {
                let Some(deployed) = point.deployed.as_ref().filter(|_| point.stands()) else {
                    continue;
                };
                let rows = deployed.cover.and_then(|cover| self.model.covers.get(&cover));
                let rows = rows.into_iter().flatten().filter(|row| !row.contained);
                let has_row = rows.into_iter().any(|row| {
                    last.is_some_and(|last| row.is_of(hash_of(of)) && row.last == *last)
                });
                if has_row && point.entry > logged.index {
                    until = until.min(point.time);
                }
            }
        }
        until - logged.time
    }
}

/// A signature only ever claims a touch: the evidence holds no attestation.
pub(crate) fn presence(shown: Shown) -> Presence {
    match shown {
        Shown::None => Presence::NoTouch,
        Shown::TouchClaimed | Shown::VerifiedClaimed => Presence::TouchClaimed,
    }
}

/// What a member said of one subject, as far as it stands.
#[derive(Default)]
struct Member<'a> {
    /// By what they are about.
    rejects: BTreeMap<ContentDigest, u64>,
    approvals: Vec<(&'a Logged, &'a ApprovalRow, Option<&'a Carried>)>,
}

fn hash_of(row: &ApprovalRow) -> ChangeHash {
    ChangeHash::from_bytes(*row.hash.as_bytes())
}
