//! Names of commits and ranges, as people type them.

use super::error::{GitError, detail};
use super::repository::{ObjectFormat, Repository};
use crate::base::name::Revision;
use crate::change::ObjectId;

/// At least so many digits of an id are written, as git has it.
const ABBREVIATED_MIN: usize = 4;

/// What lies between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The commit before it; `None` is the empty tree, before a root.
    pub base: Option<Revision>,
    /// Its last commit.
    pub head: Revision,
}

impl Repository {
    /// The commit that `text` names, in git's syntax: a branch, a tag, an id, `HEAD~2`.
    ///
    /// # Errors
    /// [`GitError::UnknownRevision`] where it names no commit; [`GitError::Shallow`] where a
    /// parent is beyond the border of a shallow clone.
    pub fn resolve(&self, text: &str) -> Result<Revision, GitError> {
        let (name, parents) = split_parents(text);
        let unknown = |detail: String| GitError::UnknownRevision { text: text.to_owned(), detail };
        let mut id = if let Ok(id) = name.parse::<ObjectId>() {
            id
        } else {
            match self.gix().rev_parse_single(name) {
                Ok(found) => ObjectId::from_bytes(found.as_bytes())
                    .map_err(|error| unknown(error.to_string()))?,
                Err(error) => self.abbreviated(name)?.ok_or_else(|| {
                    // Most often the name is wrong, and what gix tried says nothing more to people.
                    let tried = detail(&error);
                    let is_name = tried.contains("could not be found");
                    let called = "no branch, tag or id is called so".to_owned();
                    unknown(if is_name { called } else { tried })
                })?,
            }
        };
        // Tags may be of tags; git has no bound, people have.
        for _ in 0..8 {
            match self.objects().header(&id)? {
                Some((gix::objs::Kind::Tag, _)) => id = self.objects().tagged(&id)?,
                _ => break,
            }
        }
        match self.objects().header(&id)? {
            Some((gix::objs::Kind::Commit, _)) => {}
            Some((kind, _)) => return Err(unknown(format!("it is a {kind}"))),
            None => return Err(GitError::UnknownCommit { commit: id.revision() }),
        }
        let mut commit = self.objects().commit(&id)?;
        for index in parents {
            let parent = commit
                .parents
                .get(index)
                .ok_or_else(|| unknown(format!("commit {id} has no parent {}", index + 1)))?;
            let next = self.objects().parent(&id, parent)?;
            id = *parent;
            commit = next;
        }
        Ok(id.revision())
    }

    /// The commit whose id begins so: the git library looks for none in a SHA-256 repository. Every
    /// object is looked at, so it is the last that is tried.
    fn abbreviated(&self, digits: &str) -> Result<Option<ObjectId>, GitError> {
        let is_prefix = (ABBREVIATED_MIN..64).contains(&digits.len())
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_prefix || self.object_format() != ObjectFormat::Sha256 {
            return Ok(None);
        }
        let unknown =
            |detail: String| GitError::UnknownRevision { text: digits.to_owned(), detail };
        let objects = self.gix().objects.iter().map_err(|error| unknown(error.to_string()))?;
        let mut found: Option<ObjectId> = None;
        for object in objects {
            let object = object.map_err(|error| unknown(error.to_string()))?;
            if !object.to_hex_with_len(digits.len()).to_string().eq(digits) {
                continue;
            }
            let id = ObjectId::from_bytes(object.as_bytes())
                .map_err(|error| unknown(error.to_string()))?;
            let is_commit =
                matches!(self.objects().header(&id)?, Some((gix::objs::Kind::Commit, _)));
            if is_commit && found.is_some_and(|other| other != id) {
                return Err(unknown("several commits begin so: write more of it".to_owned()));
            }
            found = found.or(is_commit.then_some(id));
        }
        Ok(found)
    }

    /// The range that `text` names: `A..B`, `A...B` (from their merge base to `B`), or a commit
    /// `X` against its first parent. An end that is left out is `HEAD`.
    ///
    /// # Errors
    /// As [`Repository::resolve`] and [`Repository::merge_base`].
    pub fn range(&self, text: &str) -> Result<Range, GitError> {
        let or_head = |text: &str| self.resolve(if text.is_empty() { "HEAD" } else { text });
        if let Some((left, right)) = text.split_once("...") {
            let (left, head) = (or_head(left)?, or_head(right)?);
            return Ok(Range { base: Some(self.merge_base(&left, &head)?), head });
        }
        if let Some((left, right)) = text.split_once("..") {
            return Ok(Range { base: Some(or_head(left)?), head: or_head(right)? });
        }
        let head = self.resolve(text.strip_suffix("^!").unwrap_or(text))?;
        let commit = self.objects().commit(&ObjectId::from(&head))?;
        Ok(Range { base: commit.parents.first().map(ObjectId::revision), head })
    }

    /// The range from the merge base of `main` and `HEAD` to `HEAD`: what a branch adds.
    ///
    /// # Errors
    /// As [`Repository::resolve`] and [`Repository::merge_base`].
    pub fn merge_base_with(&self, main: &str) -> Result<Range, GitError> {
        let (main, head) = (self.resolve(main)?, self.resolve("HEAD")?);
        Ok(Range { base: Some(self.merge_base(&main, &head)?), head })
    }
}

/// Takes `~N`, `^` and `^N` off the end of a revision, so that the parents are found by reading
/// commits that are hashed. The indexes are of parents, from 0, in the order to follow them.
fn split_parents(text: &str) -> (&str, Vec<usize>) {
    let mut name = text;
    let mut found = Vec::new();
    loop {
        let digits_start = name.trim_end_matches(|digit: char| digit.is_ascii_digit()).len();
        let (rest, digits) = name.split_at(digits_start);
        let number: Option<usize> = if digits.is_empty() { Some(1) } else { digits.parse().ok() };
        match (rest.strip_suffix('~'), rest.strip_suffix('^'), number) {
            // So many are no history: gix refuses the text as it is.
            (Some(shorter), _, Some(number)) if number <= 100_000 => {
                found.push((0, number));
                name = shorter;
            }
            (None, Some(shorter), Some(number)) if number > 0 => {
                found.push((number - 1, 1));
                name = shorter;
            }
            (None, Some(shorter), Some(0)) => name = shorter,
            _ => break,
        }
        if name.is_empty() || found.len() > 1_000 {
            return (text, Vec::new());
        }
    }
    let parents =
        found.iter().rev().flat_map(|(index, times)| std::iter::repeat_n(*index, *times)).collect();
    (name, parents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_taken_off_the_end() {
        assert_eq!(split_parents("main"), ("main", vec![]));
        assert_eq!(split_parents("HEAD~2"), ("HEAD", vec![0, 0]));
        assert_eq!(split_parents("v1.2^2~1"), ("v1.2", vec![1, 0]));
        assert_eq!(split_parents("HEAD^^0"), ("HEAD", vec![0]));
        assert_eq!(split_parents("HEAD~0"), ("HEAD", vec![]));
        assert_eq!(split_parents("main@{1}"), ("main@{1}", vec![]));
        assert_eq!(split_parents("HEAD^{tree}"), ("HEAD^{tree}", vec![]));
        assert_eq!(split_parents("~1"), ("~1", vec![]));
    }
}
