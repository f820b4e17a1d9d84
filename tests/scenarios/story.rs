//! The grammar of a story: prose, and fenced blocks that the runner reads.

/// A story, line by line, so that blessing rewrites nothing but answers.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) parts: Vec<Part>,
}

/// A piece of a story.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// What only people read.
    Prose(String),
    /// Who there is: one line a person.
    People(Vec<String>),
    /// The policy in force from the beginning.
    Policy(Vec<String>),
    /// What people type, and what they are answered.
    Console { repeat: Option<(u32, u32)>, acts: Vec<Act> },
}

/// A command and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    /// Number of the command's line in the file, from 1.
    pub(crate) line: usize,
    pub(crate) who: String,
    pub(crate) typed: String,
    /// The lines after `> `: what the command reads.
    pub(crate) input: Vec<String>,
    /// The answer's lines, with `[exit N]` as the last one unless N is 0.
    pub(crate) answer: Vec<String>,
}

/// The person and the command of a line such as `ada$ countersign status`.
fn command(line: &str) -> Option<(&str, &str)> {
    let (who, typed) = line.split_once("$ ")?;
    let is_name = !who.is_empty() && who.bytes().all(|byte| byte.is_ascii_lowercase());
    is_name.then_some((who, typed))
}

impl Story {
    /// Reads a story; panics with the line that it does not understand.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut lines = (1..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            let Some(kind) = line.strip_prefix("```") else {
                parts.push(Part::Prose(line.to_owned()));
                continue;
            };
            let block = lines.by_ref().take_while(|(_, line)| *line != "```");
            let block: Vec<_> = block.map(|(number, line)| (number, line.to_owned())).collect();
            let texts = || block.iter().map(|(_, line)| line.clone()).collect();
            parts.push(match kind.split_whitespace().collect::<Vec<_>>()[..] {
                ["people"] => Part::People(texts()),
                ["toml", "policy"] => Part::Policy(texts()),
                ["console"] => Part::Console { repeat: None, acts: acts(&block) },
                ["console", range] => {
                    let ends = range.strip_prefix("n=").and_then(|ends| ends.split_once(".."));
                    let ends = ends.map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()));
                    assert!(ends.is_some(), "line {number}: {range:?} is not n=1..10");
                    Part::Console { repeat: ends, acts: acts(&block) }
                }
                _ => panic!("line {number}: unknown block {kind:?}"),
            });
        }
        Self { parts }
    }

    /// The file's text.
    pub(crate) fn print(&self) -> String {
        let lines: Vec<_> = self.parts.iter().flat_map(Part::lines).collect();
        lines.join("\n") + "\n"
    }
}

impl Part {
    fn lines(&self) -> Vec<String> {
        let fenced = |kind: &str, block: Vec<String>| {
            [vec![format!("```{kind}")], block, vec!["```".to_owned()]].concat()
        };
        match self {
            Self::Prose(line) => vec![line.clone()],
            Self::People(block) => fenced("people", block.clone()),
            Self::Policy(block) => fenced("toml policy", block.clone()),
            Self::Console { repeat, acts } => {
                let range = repeat.map(|(a, b)| format!(" n={a}..{b}")).unwrap_or_default();
                fenced(&format!("console{range}"), acts.iter().flat_map(Act::lines).collect())
            }
        }
    }
}

impl Act {
    fn lines(&self) -> Vec<String> {
        let typed = format!("{}$ {}", self.who, self.typed);
        let input = self.input.iter().map(|line| format!("> {line}").trim_end().to_owned());
        [typed].into_iter().chain(input).chain(self.answer.iter().cloned()).collect()
    }
}

fn acts(block: &[(usize, String)]) -> Vec<Act> {
    let mut acts: Vec<Act> = Vec::new();
    for (line, text) in block {
        if let Some((who, typed)) = command(text) {
            let (who, typed) = (who.to_owned(), typed.to_owned());
            let (input, answer) = (Vec::new(), Vec::new());
            acts.push(Act { line: *line, who, typed, input, answer });
            continue;
        }
        let Some(act) = acts.last_mut() else {
            panic!("line {line}: nobody has typed anything yet: {text:?}");
        };
        let input = text.strip_prefix("> ").or((text == ">").then_some(""));
        match input {
            Some(input) if act.answer.is_empty() => act.input.push(input.to_owned()),
            _ => act.answer.push(text.clone()),
        }
    }
    acts
}
