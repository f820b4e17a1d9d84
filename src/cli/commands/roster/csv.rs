//! People in a table of comma-separated values, read strictly.

use super::file::Entry;
use crate::base::limits::ROSTER_ROWS_MAX;
use crate::cli::error::CliError;

/// The columns, in the order in which help names them.
pub(super) const COLUMNS: [&str; 7] = ["id", "name", "email", "level", "teams", "duties", "key"];

/// What is wrong, and in which line.
pub(super) type Mistake = (usize, CliError);

/// The rows as members, each with its line. The first line names the columns; addresses, teams,
/// duties and keys of one field are parted by semicolons.
///
/// # Errors
/// The first mistake.
pub(super) fn parse(text: &str) -> Result<Vec<(usize, Entry)>, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let (_, first) = lines.next().ok_or_else(|| (1, columns("the table is empty")))?;
    let head = fields(first).map_err(|what| (1, columns(what)))?;
    for (position, name) in head.iter().enumerate() {
        if !COLUMNS.contains(&name.as_str()) {
            return Err((1, columns(&format!("the column {name:?} is not known"))));
        }
        if head[..position].contains(name) {
            return Err((1, columns(&format!("the column {name} stands there twice"))));
        }
    }
    if !head.iter().any(|name| name == "id" || name == "email") {
        return Err((1, columns("there is neither a column id nor a column email")));
    }
    let mut rows = Vec::new();
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        if rows.len() == ROSTER_ROWS_MAX {
            let message = format!("more than {ROSTER_ROWS_MAX} rows");
            return Err((line, CliError::usage(message).hint("import it in parts")));
        }
        let found = fields(text).map_err(|what| (line, columns(what)))?;
        if found.len() != head.len() {
            let message = format!("{} fields, and {} columns", found.len(), head.len());
            return Err((line, columns(&message)));
        }
        rows.push((line, entry(&head, &found).map_err(|error| (line, error))?));
    }
    Ok(rows)
}

fn columns(what: &str) -> CliError {
    CliError::usage(what).hint(format!("the first line names columns of: {}", COLUMNS.join(",")))
}

/// A member as a row has it.
fn entry(head: &[String], found: &[String]) -> Result<Entry, CliError> {
    let mut entry = Entry::default();
    for (name, field) in head.iter().zip(found) {
        let field = field.trim();
        if field.is_empty() {
            continue;
        }
        match name.as_str() {
            "id" => entry.id = Some(word("id", field)?),
            "name" => field.clone_into(&mut entry.name),
            "email" => entry.emails = list(field).map(str::to_owned).collect(),
            "level" => entry.level = Some(word("level", field)?),
            "teams" => {
                entry.teams = list(field).map(|one| word("team", one)).collect::<Result<_, _>>()?;
            }
            "duties" => {
                entry.duties =
                    list(field).map(|one| word("duty", one)).collect::<Result<_, _>>()?;
            }
            _ => entry.keys = list(field).map(str::to_owned).collect(),
        }
    }
    if let Some(email) = entry.emails.iter().find(|email| !email.contains('@')) {
        return Err(CliError::usage(format!("{email:?} is no e-mail address"))
            .hint("several are parted by semicolons"));
    }
    if entry.id.is_none() && entry.emails.is_empty() {
        return Err(CliError::usage("a member without id and email cannot be found again")
            .hint("fill in one of them"));
    }
    Ok(entry)
}

fn list(field: &str) -> impl Iterator<Item = &str> {
    field.split(';').map(str::trim).filter(|one| !one.is_empty())
}

/// A name or word as the roster file would have it.
fn word<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, CliError> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| {
        CliError::usage(format!("{text:?} is no {what}"))
            .because(&error)
            .hint("several are parted by semicolons")
    })
}

/// The fields of a line: plain, or in double quotes in which a double quote is written twice.
fn fields(line: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = line.strip_suffix('\r').unwrap_or(line);
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            if rest[..end].contains('"') {
                return Err("a double quote inside a field that is not quoted");
            }
            (rest[..end].to_owned(), &rest[end..])
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("text after a quoted field"),
        }
    }
}

fn quoted_field(text: &str) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or("a quoted field does not end in its line")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_strictly() {
        let rows = parse(
            "name,email,teams,duties,level\r\n\"Ode, \"\"Ben\"\"\",ben@x.example; b@x.example,\
             web;pay,review;deploy,senior\r\n\r\nCleo,c@x.example,,,\n",
        )
        .unwrap();
        assert_eq!((rows[0].0, rows[1].0, rows.len()), (2, 4, 2));
        let ben = &rows[0].1;
        assert_eq!(ben.name, "Ode, \"Ben\"");
        assert_eq!(ben.emails, ["ben@x.example", "b@x.example"]);
        assert_eq!((ben.teams.len(), ben.duties.len()), (2, 2));
        assert_eq!(rows[1].1.level, None);
    }

    #[test]
    fn so_many_rows_are_read() {
        let table = |rows: usize| {
            let rows: Vec<String> = (0..rows).map(|row| format!("m{row}")).collect();
            format!("id\n{}\n", rows.join("\n"))
        };
        assert_eq!(parse(&table(ROSTER_ROWS_MAX)).unwrap().len(), ROSTER_ROWS_MAX);
        let (line, error) = parse(&table(ROSTER_ROWS_MAX + 1)).unwrap_err();
        assert_eq!(line, ROSTER_ROWS_MAX + 2);
        assert!(error.message.contains("more than 50000 rows"));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line, says) in [
            ("", 1, "empty"),
            ("name,mail\n", 1, "\"mail\" is not known"),
            ("name,name,id\n", 1, "name stands there twice"),
            ("name,level\n", 1, "neither a column id nor a column email"),
            ("id,name\na,b,c\n", 2, "3 fields, and 2 columns"),
            ("id,name\na,b\n\nb,\"c\n", 4, "does not end in its line"),
            ("id,name\na,\"b\"c\n", 2, "text after a quoted field"),
            ("id,name\na,b\"c\n", 2, "not quoted"),
            ("email\nben\n", 2, "is no e-mail address"),
            ("email,name\n,Ben\n", 2, "cannot be found again"),
            ("email,duties\nb@x.example,reviews\n", 2, "\"reviews\" is no duty"),
            ("id\nA B\n", 2, "\"A B\" is no id"),
        ] {
            let (found, error) = parse(text).unwrap_err();
            assert_eq!(found, line, "{text:?}");
            assert!(error.message.contains(says), "{text:?}: {}", error.message);
        }
    }
}
