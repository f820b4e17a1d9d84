//! What the commits of a step say of authors and assistance.

use super::evidence::{SeenAuthor, SeenKind, StepEvidence};
use crate::change::marks::{CommitText, is_tool_address, marks};
use crate::change::{CommitFacts, Identity, Step};
use crate::statement::commitment::EmailSalt;
use crate::statement::words::Assistance;

/// Longest name or title that is kept, in characters; what is longer is cut.
const TEXT_CHARACTERS_MAX: usize = 200;

/// Adds to a step who wrote it and what assisted: the authors that count and the co-authors of
/// every commit that it brings in, each address once, and the strongest mark of them all.
#[must_use]
pub fn step_evidence(step: Step, salt: &EmailSalt) -> StepEvidence {
    let mut authors: Vec<SeenAuthor> =
        step.commits.iter().flat_map(writers).map(|writer| seen(writer, salt)).collect();
    authors.sort_unstable();
    // An address is one author, under however many names.
    authors.dedup_by_key(|author| author.email);
    let title = step.commits.first().map(|own| first_line(&own.message)).unwrap_or_default();
    let detected = step.commits.iter().filter_map(strongest_mark).max();
    let colliding = step.collisions.clone();
    StepEvidence { step, title, authors, detected, colliding, attested_by: None }
}

/// What people call somebody: the name, else what stands before the `@`; empty without either.
/// No control characters, and no longer than 200 characters.
#[must_use]
pub fn person_label(who: &Identity) -> String {
    let name = plain(&who.name);
    if !name.is_empty() {
        return name;
    }
    plain(who.email.split(|byte| *byte == b'@').next().unwrap_or_default())
}

/// A merge's author counts only where the merge itself wrote something; its co-authors always
/// do, for somebody took the trouble to name them.
fn writers(commit: &CommitFacts) -> impl Iterator<Item = &Identity> {
    commit.author_counts.then_some(&commit.author).into_iter().chain(&commit.co_authors)
}

fn seen(who: &Identity, salt: &EmailSalt) -> SeenAuthor {
    let kind = if is_tool_address(&who.email) { SeenKind::Tool } else { SeenKind::Person };
    SeenAuthor { kind, email: salt.digest(&who.email), label: person_label(who) }
}

fn strongest_mark(commit: &CommitFacts) -> Option<Assistance> {
    let text = CommitText::of(&commit.author, &commit.committer, &commit.message);
    marks(&text).iter().map(|mark| mark.assistance).max()
}

/// The first line of a message, for people: no control characters, and no longer than 200
/// characters.
#[must_use]
pub fn first_line(message: &[u8]) -> String {
    plain(message.split(|byte| *byte == b'\n').next().unwrap_or_default())
}

/// Text for people: decoded as far as it can be, without control characters, not too long.
fn plain(bytes: &[u8]) -> String {
    // No character takes more than four bytes, so this loses nothing that would be kept.
    let bytes = &bytes[..bytes.len().min(8 * TEXT_CHARACTERS_MAX)];
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .filter(|character| !character.is_control())
        .take(TEXT_CHARACTERS_MAX)
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::Revision;
    use crate::change::{Document, co_authors, trailers};

    fn who(name: &str, email: &str) -> Identity {
        Identity { name: name.into(), email: email.into() }
    }

    fn commit(digit: char, author: Identity, message: &[u8], author_counts: bool) -> CommitFacts {
        CommitFacts {
            id: Revision::new(digit.to_string().repeat(40)).unwrap(),
            parents: Vec::new(),
            committer: author.clone(),
            author,
            co_authors: co_authors(message).unwrap(),
            trailers: trailers(message).collect(),
            message: message.to_vec(),
            author_counts,
        }
    }

    fn evidence(commits: Vec<CommitFacts>) -> StepEvidence {
        let step = Step {
            commit: commits[0].id.clone(),
            parent: None,
            document: Document::new(Vec::new()).unwrap(),
            author_counts: commits[0].author_counts,
            commits,
            path_facts: Vec::new(),
            collisions: Vec::new(),
        };
        step_evidence(step, &EmailSalt::from_bytes([7; 32]))
    }

    fn labels(evidence: &StepEvidence) -> Vec<&str> {
        let mut labels: Vec<&str> = evidence.authors.iter().map(|a| a.label.as_str()).collect();
        labels.sort_unstable();
        labels
    }

    /// ATTACKS 26: pressing "merge" is not writing, and naming a co-author is.
    #[test]
    fn authors_are_all_who_wrote_any_commit() {
        let found = evidence(vec![
            commit('a', who("Merger", "m@x"), b"Merge #7\n\nCo-authored-by: Cy <c@x>\n", false),
            commit('b', who("Ada", "a@x"), b"one\n", true),
            commit('c', who("Ada again", "A@X"), b"two\n\nCo-authored-by: Ben <b@x>\n", true),
        ]);
        assert_eq!(labels(&found), ["Ada", "Ben", "Cy"]);
        assert!(found.authors.iter().all(|author| author.kind == SeenKind::Person));
        assert!(found.authors.is_sorted());
        assert_eq!(found.title, "Merge #7");
        assert_eq!(found.detected, None);
    }

    #[test]
    fn the_strongest_mark_of_any_commit_is_detected() {
        let trailer = b"x\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n";
        let assisted = commit('b', who("Ada", "a@x"), trailer, true);
        let found = evidence(vec![commit('a', who("Ben", "b@x"), b"x\n", true), assisted.clone()]);
        assert_eq!(found.detected, Some(Assistance::Assisted));
        let tools: Vec<&str> = found
            .authors
            .iter()
            .filter(|author| author.kind == SeenKind::Tool)
            .map(|author| author.label.as_str())
            .collect();
        assert_eq!(tools, ["Claude"]);
        let generated = commit('c', who("Claude", "noreply@anthropic.com"), b"y\n", true);
        assert_eq!(
            evidence(vec![assisted, generated]).detected,
            Some(Assistance::Generated),
            "a tool that is the author wrote it"
        );
    }

    /// ATTACKS 57: labels and titles never move a cursor.
    #[test]
    fn labels_and_titles_are_for_people() {
        let author = Identity { name: Vec::new(), email: b"ada.l@x".to_vec() };
        let found = evidence(vec![commit('a', author, b"ti\x1b[2Jtle\xff\r\nbody\n", true)]);
        assert_eq!(labels(&found), ["ada.l"]);
        assert_eq!(found.title, "ti[2Jtle\u{fffd}");
        let long = evidence(vec![commit('a', who(&"n".repeat(9_999), ""), &[b'x'; 9_999], true)]);
        assert_eq!((long.title.len(), long.authors[0].label.len()), (200, 200));
        assert_eq!(person_label(&who("", "")), "");
    }
}
