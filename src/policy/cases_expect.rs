//! What a case expects: the answer, and as much of its reasons as it names.

use super::Policy;
use super::cases::Expected;
use super::cases_parse::{names, unlisted};
use super::error::nearest;
use super::parse::{assistance_words, set};
use super::read::{Reader, Value};
use super::reason::ReasonCode;

const ANSWERS: &[(&str, bool)] = &[("yes", true), ("no", false)];

fn code(reader: &mut Reader<'_>, value: &Value<'_>, field: &str) -> Option<ReasonCode> {
    let word = reader.string(value, field)?;
    let code = ReasonCode::from_word(word);
    if code.is_none() {
        let all = ReasonCode::ALL.iter().map(|code| code.as_str());
        let hint = nearest(word, all).map_or_else(
            || "spec/policy.md section 8 lists them".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        let shown: String = word.chars().take(60).collect();
        reader.mistake(value.span().start, format_args!("no reason code {shown:?}"), hint);
    }
    code
}

pub(super) fn expected(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    policy: &Policy,
) -> Option<Expected> {
    let table = reader.table(value, "expect")?;
    let known = ["answer", "codes", "needs", "rules", "not_counted", "assistance"];
    reader.known_fields(table, "`expect`", &known);
    let mut answer = None;
    set(&mut answer, table, "answer", |f, v| Some(reader.word(v, f, ANSWERS)));
    if !table.contains_key("answer") {
        reader.mistake(value.span().start, "`expect` has no `answer`", "\"yes\" or \"no\"");
    }
    let mut expected = Expected {
        satisfied: answer?,
        codes: None,
        needs: None,
        rules: None,
        not_counted: None,
        assistance: None,
    };
    let codes = |reader: &mut Reader<'_>, field: &str, value: &Value<'_>| {
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| code(reader, item, field);
        Some(Some(reader.list(value, field, read).into_iter().collect()))
    };
    set(&mut expected.codes, table, "codes", |f, v| codes(reader, f, v));
    set(&mut expected.not_counted, table, "not_counted", |f, v| codes(reader, f, v));
    set(&mut expected.needs, table, "needs", |f, v| Some(Some(names(reader, v, f))));
    set(&mut expected.rules, table, "rules", |f, v| {
        let listed = || policy.rules().iter().map(|rule| rule.name.as_str());
        let read = |reader: &mut Reader<'_>, item: &Value<'_>| {
            let name = reader.string(item, f)?.to_owned();
            if !listed().any(|listed| listed == name) {
                unlisted(reader, item, ("rule", &name), listed());
            }
            Some(name)
        };
        Some(Some(reader.list(v, f, read).into_iter().collect()))
    });
    set(&mut expected.assistance, table, "assistance", |f, v| {
        Some(reader.word(v, f, &assistance_words()))
    });
    Some(expected)
}
