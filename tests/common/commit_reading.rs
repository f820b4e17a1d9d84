//! What the program reads of a commit, in the words of `spec/vectors/change/commits.json`.

use countersign::base::encoding::hex;
use countersign::change::marks::{CommitText, marks};
use countersign::change::{Identity, co_authors, parse_commit};
use serde_json::{Value, json};

/// What is read of the content of a commit; null: it is refused.
pub(crate) fn read(content: &[u8]) -> Value {
    let Ok(commit) = parse_commit(content) else { return Value::Null };
    let Ok(named) = co_authors(&commit.message) else { return Value::Null };
    let text = CommitText::of(&commit.author, &commit.committer, &commit.message);
    let person = |who: &Identity| json!({ "name": hex(&who.name), "email": hex(&who.email) });
    json!({
        "parents": commit.parents.len(),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "co_authors": named.iter().map(person).collect::<Vec<_>>(),
        "assistance": marks(&text).iter().map(|mark| mark.assistance).max(),
    })
}
