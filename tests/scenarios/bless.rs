//! Writing what was answered into a story, with placeholders where two runs differ.

use std::path::Path;

use crate::replay::run;
use crate::story::{Act, Part, Story};
use crate::template::{Captures, Form, agree, is_base64, matches};

/// Tells a story twice and writes its answers; lines that are true already stay as they are.
pub(crate) fn bless(file: &Path, name: &str, mut story: Story) {
    let told = |round: &str| {
        let (mut answers, mut captures) = (Vec::new(), Captures::new());
        run(&format!("{name}-{round}"), &story, &mut captures, |act, answer, captures| {
            for (expected, actual) in act.answer.iter().zip(&answer) {
                matches(expected, actual, captures);
            }
            answers.push(answer);
        });
        answers
    };
    let mut rounds = told("one").into_iter().zip(told("two"));
    let mut captures = Captures::new();
    for part in &mut story.parts {
        let Part::Console { repeat, acts } = part else { continue };
        let times = repeat.map_or(1, |(first, last)| last + 1 - first);
        for round in 0..times {
            for act in &mut *acts {
                let (one, two) = rounds.next().unwrap();
                // What is repeated is written once, and read by every round.
                if round == 0 {
                    act.answer = answer(act, &one, &two, &mut captures);
                }
            }
        }
    }
    crate::world::fs_write(file, &story.print());
}

fn answer(act: &Act, one: &[String], two: &[String], captures: &mut Captures) -> Vec<String> {
    let place = format!("{}: {}$ {}", act.line, act.who, act.typed);
    assert_eq!(one.len(), two.len(), "{place}\n{one:#?}\n{two:#?}");
    let line = |(number, (one, two)): (usize, (&String, &String))| {
        let old = act.answer.iter().skip(number.saturating_sub(2)).take(5);
        let kept = old.clone().find(|expected| matches(expected, one, captures));
        kept.cloned().unwrap_or_else(|| {
            let line = generalise(one, two, captures);
            line.unwrap_or_else(|| panic!("{place}: no placeholder for\n{one}\n{two}"))
        })
    };
    one.iter().zip(two).enumerate().map(line).collect()
}

/// One line for two runs.
fn generalise(one: &str, two: &str, captures: &mut Captures) -> Option<String> {
    let (mut one, mut two, mut line) = (one, two, String::new());
    let mut is_inside_word = false;
    while let Some(next) = one.chars().next() {
        let forms = [Form::Time, Form::Ago, Form::Span];
        let lengths = |form: &Form| Some((*form, form.length(one)?, form.length(two)?));
        let found = forms.iter().find_map(lengths).filter(|_| !is_inside_word);
        if let Some((form, length, other)) = found {
            line.push_str(&["<", form.word(), ">"].concat());
            (one, two) = (&one[length..], &two[other..]);
            continue;
        }
        let word = |text: &str| text.bytes().take_while(|byte| is_base64(*byte)).count();
        let (length, other) = (word(one), word(two));
        if length > 0 && !is_inside_word && one[..length] != two[..other] {
            line += &named(&one[..length], &two[..other], captures)?;
            (one, two) = (&one[length..], &two[other..]);
            continue;
        }
        line.push(next);
        two = two.strip_prefix(next)?;
        one = &one[next.len_utf8()..];
        is_inside_word = next.is_ascii_alphanumeric();
    }
    two.is_empty().then_some(line)
}

/// The placeholder of a value that differs between two runs.
fn named(one: &str, two: &str, captures: &mut Captures) -> Option<String> {
    let forms = [Form::Id, Form::Hex, Form::Base64];
    let form = forms
        .into_iter()
        .find(|form| form.length(one) == Some(one.len()) && form.length(two) == Some(two.len()))?;
    let of_form = |name: &str| name.split(':').next() == Some(form.word());
    let known = captures.iter().find(|(name, value)| of_form(name) && agree(form, value, one));
    let unused = || {
        let mut free = (1..).map(|number| format!("{}:{number}", form.word()));
        free.find(|name| !captures.contains_key(name)).unwrap()
    };
    let name = known.map_or_else(unused, |(name, _)| name.clone());
    let value = captures.entry(name.clone()).or_default();
    if one.len() > value.len() {
        one.clone_into(value);
    }
    Some(format!("<{name}>"))
}
