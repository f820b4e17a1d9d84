//! Telling a story: every command is run, and every line of every answer compared.

use std::fs;
use std::path::Path;

use crate::bless;
use crate::blessing::is_blessing;
use crate::story::{Act, Part, Story};
use crate::template::{Captures, matches};
use crate::world::World;

/// Tells the story of a file; panics with every answer that differs.
pub(crate) fn tell(file: &Path) {
    let story = Story::parse(&fs::read_to_string(file).unwrap());
    let name = file.file_stem().unwrap().to_str().unwrap();
    if is_blessing() {
        bless::bless(file, name, story);
        return;
    }
    let mut captures = Captures::new();
    let mut complaints = Vec::new();
    run(name, &story, &mut captures, |act, answer, captures| {
        if let Some(difference) = difference(&act.answer, &answer, captures) {
            let place = format!("{name}.md:{}: {}$ {}", act.line, act.who, act.typed);
            complaints.push(format!("{place}\n{difference}"));
        }
    });
    let complaints = complaints.join("\n");
    assert!(complaints.is_empty(), "\n{complaints}\n(- the story, + what was answered)\n");
}

/// Runs every command of a story, in order, and hands on each answer.
pub(crate) fn run(
    name: &str,
    story: &Story,
    captures: &mut Captures,
    mut each: impl FnMut(&Act, Vec<String>, &mut Captures),
) {
    let (mut people, mut policy) = (&Vec::new(), &Vec::new());
    let mut world = None;
    for part in &story.parts {
        match part {
            Part::Prose(_) => {}
            Part::People(block) => people = block,
            Part::Policy(block) => policy = block,
            Part::Console { repeat, acts } => {
                let world = world.get_or_insert_with(|| World::new(name, people, policy));
                let (first, last) = repeat.unwrap_or((1, 1));
                for number in first..=last {
                    for act in acts {
                        let mut act = act.clone();
                        if repeat.is_some() {
                            act.say_number(number);
                        }
                        let answer = world.run(&act.who, &act.typed, &act.input, captures);
                        each(&act, answer, captures);
                    }
                }
            }
        }
    }
    assert!(world.is_some(), "{name}: nobody does anything");
}

impl Act {
    /// Writes the number of the round for `<n>`.
    fn say_number(&mut self, number: u32) {
        let number = number.to_string();
        let lines = [&mut self.typed].into_iter().chain(&mut self.input).chain(&mut self.answer);
        for line in lines {
            *line = line.replace("<n>", &number);
        }
    }
}

/// What is not as the story tells it, if anything: lines that agree are left out, but for those
/// right before.
fn difference(expected: &[String], actual: &[String], captures: &mut Captures) -> Option<String> {
    let (mut told, mut seen) = (0, 0);
    while let Some((more, lines)) = agreeing(&expected[told..], &actual[seen..], captures) {
        (told, seen) = (told + more, seen + lines);
    }
    let (expected, actual) = (&expected[told..], &actual[seen..]);
    if expected.is_empty() && actual.is_empty() {
        return None;
    }
    let ends = expected.iter().rev().zip(actual.iter().rev());
    let tail = ends.take_while(|(expected, actual)| matches(expected, actual, captures)).count();
    let middle = |lines: &[String], sign: char| {
        let lines = lines[..lines.len() - tail].iter();
        lines.fold(String::new(), |text, line| text + &format!("  {sign} {line}\n"))
    };
    Some(format!("  line {}:\n{}{}", told + 1, middle(expected, '-'), middle(actual, '+')))
}

/// How many lines of story and answer may say the same thing, in the order in which it is tried.
const LENGTHS: [(usize, usize); 8] =
    [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (2, 3), (3, 3), (1, 3)];

/// How many lines at the beginning of both say the same: one, or a sentence that is broken
/// elsewhere because the time in it is shorter or longer.
fn agreeing(
    expected: &[String],
    actual: &[String],
    captures: &mut Captures,
) -> Option<(usize, usize)> {
    let flowed = |lines: &[String]| {
        let (first, rest) = lines.split_first()?;
        Some(rest.iter().fold(first.clone(), |text, line| text + " " + line.trim_start()))
    };
    LENGTHS.into_iter().find(|(told, seen)| {
        let (Some(told), Some(seen)) = (expected.get(..*told), actual.get(..*seen)) else {
            return false;
        };
        let may_flow = ["<time>", "<ago>", "<span>"].iter().any(|word| told[0].contains(word));
        let is_one = told.len() == 1 && seen.len() == 1;
        let (Some(told), Some(seen)) = (flowed(told), flowed(seen)) else { return false };
        (is_one || may_flow) && matches(&told, &seen, captures)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_line_must_be_there_and_no_other() {
        let differs = |expected: &str, actual: &str| {
            difference(&lines(expected), &lines(actual), &mut Captures::new())
        };
        assert_eq!(differs("a\nb <hex:1>", "a\nb 0123456789"), None);
        let whole = "  at 1 Nov 2026 09:12 UTC; b\nc";
        assert_eq!(differs("  at <time>;\n    b\nc", whole), None);
        assert_eq!(differs("  at <time>; b\nc", "  at 22 Nov 2026 09:12 UTC;\n    b\nc"), None);
        assert!(differs("  at <time>;\n    b\nc", "  at 1 Nov 2026 09:12 UTC;\nc").is_some());
        assert!(differs("  at noon; b\nc", "  at noon;\n    b\nc").is_some());
        assert_eq!(differs("a\nb", "a").unwrap(), "  line 2:\n  - b\n");
        assert_eq!(differs("a\nc", "a\nb\nc").unwrap(), "  line 2:\n  + b\n");
        assert_eq!(differs("a", "a\n[exit 1]").unwrap(), "  line 2:\n  + [exit 1]\n");
        assert_eq!(differs("a\n\nb", "a\nb").unwrap(), "  line 2:\n  - \n");
        assert_eq!(differs("a\nx\nc", "a\ny\nc").unwrap(), "  line 2:\n  - x\n  + y\n");
    }
}
