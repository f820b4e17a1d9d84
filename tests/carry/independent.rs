//! A second reader of certificates, by hand and from the specification alone: it shares no code
//! with the crate, so that both being wrong alike takes two mistakes.

use std::collections::BTreeMap;

/// One edit as it is read: its tag, first line, lines removed, bytes inserted.
pub(crate) type Edit = (char, usize, usize, Vec<u8>);

/// The files of a certificate, by path.
pub(crate) fn read(certificate: &[u8]) -> BTreeMap<Vec<u8>, Vec<Edit>> {
    let mut rest = certificate.splitn(4, |byte| *byte == b'\n').nth(3).unwrap();
    let mut files: BTreeMap<Vec<u8>, Vec<Edit>> = BTreeMap::new();
    let mut path = Vec::new();
    while !rest.is_empty() {
        if rest[0] == b'f' {
            let end = rest.iter().position(|byte| *byte == 0).unwrap();
            path = rest[2..end].to_vec();
            rest = &rest[end + 1..];
        } else {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
            let words: Vec<_> = std::str::from_utf8(&rest[..end]).unwrap().split(' ').collect();
            let numbers: Vec<usize> = words[1..].iter().map(|word| word.parse().unwrap()).collect();
            let inserted = rest[end + 1..end + 1 + numbers[2]].to_vec();
            rest = &rest[end + 1 + numbers[2]..];
            let tag = words[0].chars().next().unwrap();
            files.entry(path.clone()).or_default().push((tag, numbers[0], numbers[1], inserted));
        }
    }
    files
}

/// Lines with their ends.
pub(crate) fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    for byte in content {
        lines.last_mut().unwrap().push(*byte);
        if *byte == b'\n' {
            lines.push(Vec::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// `base` with the edits of the sides in `tags`, from the last to the first.
pub(crate) fn applied(base: &[u8], edits: &[Edit], tags: &str) -> Vec<u8> {
    let mut lines = lines(base);
    for (_, first, removed, inserted) in edits.iter().rev().filter(|(tag, ..)| tags.contains(*tag))
    {
        lines.splice(first..&(first + removed), [inserted.clone()]);
    }
    lines.concat()
}

/// What no checker may get wrong: the edits make the other three files of the first, and no line
/// of `base` is touched or adjoined by both sides.
pub(crate) fn holds(edits: &[Edit], gap: usize, four: [&[u8]; 4]) -> Result<(), String> {
    let [base, approved, before, landed] = four;
    for (tags, expected) in [("a", approved), ("m", before), ("am", landed)] {
        if applied(base, edits, tags) != expected {
            return Err(format!("the edits {tags} make something else"));
        }
    }
    for (tag, first, removed, _) in edits {
        for (other_tag, other_first, other_removed, _) in edits {
            let apart = other_first >= &(first + removed + gap)
                || *first >= other_first + other_removed + gap;
            if tag != other_tag && !apart {
                return Err(format!("edits at lines {first} and {other_first} are too near"));
            }
        }
    }
    Ok(())
}
