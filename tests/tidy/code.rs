//! Just enough of Rust's grammar to see what code names: not comments, not quoted text.

/// Blanks comments and what stands in quotes, keeping every line break.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if let Some(length) = quoted(rest, at.checked_sub(1).map(|before| bytes[before])) {
            length
        } else {
            code.push(rest[0]);
            at += 1;
            continue;
        };
        code.extend(rest[..length].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
        at += length;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The length of a block comment with those inside it.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string or character literal that begins here, if one does.
fn quoted(rest: &[u8], before: Option<u8>) -> Option<usize> {
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefix = match rest {
        [b'b' | b'c', b'r', ..] if !in_word => 2,
        [b'r' | b'b' | b'c', ..] if !in_word => 1,
        _ => 0,
    };
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(prefix + hashes) == Some(&b'"') {
        let raw = prefix > 0 && rest[prefix - 1] == b'r';
        if !raw && hashes > 0 {
            return None;
        }
        let (start, end) = (prefix + hashes + 1, [b"\"".as_slice(), &b"#".repeat(hashes)].concat());
        let mut at = start;
        while at < rest.len() && !rest[at..].starts_with(&end) {
            at += if !raw && rest[at] == b'\\' { 2 } else { 1 };
        }
        return Some((at + end.len()).min(rest.len()));
    }
    match rest {
        // `'a` is a lifetime unless a quote ends it: at once, or after an escape.
        [b'\'', b'\\', _, tail @ ..] => {
            tail.iter().position(|byte| *byte == b'\'').map(|end| end + 4)
        }
        [b'\'', _, b'\'', ..] => Some(3),
        _ => None,
    }
}

/// Parts code (as `code_only` gives it) into what ships and what only tests see.
pub(crate) fn without_tests(code: &str) -> (String, String) {
    let (mut ships, mut tests) = (String::new(), String::new());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let item = &rest[start..];
        let mut depth = 0;
        let end = item.char_indices().find_map(|(at, character)| {
            depth += i32::from(character == '{') - i32::from(character == '}');
            let ends = depth == 0 && (character == '}' || character == ';');
            ends.then_some(at + 1)
        });
        let end = end.unwrap_or(item.len());
        ships.push_str(&rest[..start]);
        // Line numbers of what follows stay true.
        ships.extend(item[..end].matches('\n'));
        tests.push_str(&item[..end]);
        rest = &item[end..];
    }
    ships.push_str(rest);
    (ships, tests)
}

/// Each place where code names a word or path, as whole words.
pub(crate) fn mentions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(before.is_some_and(is_word) || word.ends_with(is_word) && after.is_some_and(is_word))
    })
}

pub(crate) fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Every path that the `use` declarations of some code bring in, with the line of each.
pub(crate) fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in mentions(code, "use") {
        let declaration = code[at + 3..].split(';').next().unwrap_or_default();
        if declaration.starts_with(char::is_whitespace) {
            let tree: String = declaration
                .split(" as ")
                .map(|part| part.chars().filter(|c| !c.is_whitespace()).collect::<String>())
                .collect::<Vec<_>>()
                .join(" ");
            expand("", &tree, &mut |path| found.push((line_of(code, at), path)));
        }
    }
    found
}

/// Expands `a::{b, c::{d, e}}` into whole paths.
fn expand(prefix: &str, tree: &str, push: &mut dyn FnMut(String)) {
    let Some((head, group)) = tree.split_once('{') else {
        return push(format!("{prefix}{tree}"));
    };
    let prefix = format!("{prefix}{head}");
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                if start < at {
                    expand(&prefix, &group[start..at], push);
                }
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}
