//! Goal: the vectors of `spec/change.md` are what the crate does. Method: they are generated here
//! and compared byte for byte with `spec/vectors/change`; with `COUNTERSIGN_BLESS=1` they are
//! written instead.

#![expect(clippy::unwrap_used, reason = "a test stops where something is amiss")]

#[path = "common/blessing.rs"]
mod blessing;
#[path = "common/commit_reading.rs"]
mod commit_reading;

use blessing::compare_cases;
use countersign::base::digest::ContentDigest;
use countersign::base::encoding::hex;
use countersign::change::{
    BlobFacts, ChangePath, Content, Document, GitCommitId, Mode, ObjectId, Row, Side, co_authors,
    folded, parse_tree,
};
use serde_json::{Value, json};

fn blob(mode: Mode, content: &str) -> Side {
    Side { mode, content: Content::Sha256(ContentDigest::of(content.as_bytes())) }
}

fn file(content: &str) -> Side {
    blob(Mode::File, content)
}

fn submodule(id: ObjectId) -> Side {
    Side { mode: Mode::Submodule, content: Content::Submodule(GitCommitId::new(id)) }
}

fn row(path: &[u8], old: Side, new: Side) -> Row {
    Row { path: ChangePath::new(path).unwrap(), old, new }
}

fn documents() -> Vec<(&'static str, Document)> {
    let (one, two) = (ObjectId::Sha1([0x11; 20]), ObjectId::Sha1([0x22; 20]));
    let long = ObjectId::Sha256([0x33; 32]);
    let document = |rows: Vec<Row>| Document::new(rows).unwrap();
    vec![
        ("nothing differs (finding 52)", document(vec![])),
        ("a file is added", document(vec![row(b"a.txt", Side::ABSENT, file("one\n"))])),
        ("a file is edited", document(vec![row(b"a.txt", file("one\n"), file("two\n"))])),
        ("a file is deleted", document(vec![row(b"a.txt", file("two\n"), Side::ABSENT)])),
        (
            "a rename is a deletion and an addition",
            document(vec![
                row(b"new.txt", Side::ABSENT, file("one\n")),
                row(b"old.txt", file("one\n"), Side::ABSENT),
            ]),
        ),
        (
            "only the mode changes",
            document(vec![row(b"run", file("#!/bin/sh\n"), blob(Mode::Executable, "#!/bin/sh\n"))]),
        ),
        (
            "ambiguity a: the order is that of the whole path's unsigned bytes",
            document(
                [&b"B"[..], b"a", b"a.b", b"a/b", b"a0", b"\xc3\xa9", b"\xff"]
                    .map(|path| row(path, Side::ABSENT, file("")))
                    .to_vec(),
            ),
        ),
        (
            "ambiguity b: file to folder is a deletion and additions",
            document(vec![
                row(b"x", file("one\n"), Side::ABSENT),
                row(b"x/y", Side::ABSENT, file("one\n")),
            ]),
        ),
        (
            "ambiguity c: file to symbolic link is one row",
            document(vec![row(b"x", file("target"), blob(Mode::Symlink, "target"))]),
        ),
        (
            "ambiguity e: submodules name the object format of their commit",
            document(vec![
                row(b"s1", submodule(one), submodule(two)),
                row(b"s2", Side::ABSENT, submodule(long)),
                row(b"s3", submodule(one), file("now a file\n")),
            ]),
        ),
        (
            "paths are bytes: spaces, line feeds and what is no UTF-8",
            document(vec![row(b" a \n\xff 100644", Side::ABSENT, file("one\n"))]),
        ),
    ]
}

#[test]
fn documents_and_hashes() {
    let cases: Vec<Value> = documents()
        .iter()
        .map(|(name, document)| {
            let bytes = document.to_bytes();
            assert_eq!(&Document::parse(&bytes).unwrap(), document, "{name}");
            json!({
                "name": name,
                "document": hex(&bytes),
                "change_hash": document.hash().to_string(),
                "paths": document.paths().map(|path| hex(path.as_bytes())).collect::<Vec<_>>(),
            })
        })
        .collect();
    compare_cases(
        "change/documents.json",
        "Documents (hex), their hashes and their paths (hex).",
        &cases,
    );
}

#[test]
fn refused_documents() {
    let digest = ContentDigest::of(b"one\n").to_string();
    let good = format!("000000 - 100644 {digest} a\0");
    let later = format!("000000 - 100644 {digest} b\0");
    let id = "1".repeat(40);
    let header = "countersign change v1\n";
    let cases = [
        ("no bytes", String::new()),
        ("no line feed after the header", "countersign change v1".to_owned()),
        ("another version", format!("countersign change v2\n{good}")),
        ("CRLF after the header", format!("countersign change v1\r\n{good}")),
        ("the last NUL is missing", format!("{header}{}", good.trim_end_matches('\0'))),
        ("an empty row", format!("{header}{good}\0")),
        ("a path twice", format!("{header}{good}{good}")),
        ("descending order", format!("{header}{later}{good}")),
        ("equal sides", format!("{header}100644 {digest} 100644 {digest} a\0")),
        ("absent on both sides", format!("{header}000000 - 000000 - a\0")),
        ("an absent side with a digest", format!("{header}{}", good.replace('-', &digest))),
        ("a file without a digest", format!("{header}000000 - 100644 - a\0")),
        ("ambiguity d: mode 100664", format!("{header}{}", good.replace("100644", "100664"))),
        ("mode of a folder", format!("{header}{}", good.replace("100644", "040000"))),
        ("upper-case digest", format!("{header}{}", good.replace(&digest, &digest.to_uppercase()))),
        (
            "submodule with a content digest",
            format!("{header}{}", good.replace("100644", "160000")),
        ),
        ("submodule of no object format", format!("{header}000000 - 160000 git:{id} a\0")),
        ("submodule of the wrong length", format!("{header}000000 - 160000 git-sha256:{id} a\0")),
        ("two spaces", format!("{header}{}", good.replace("- ", "-  "))),
        ("an empty path", format!("{header}{}", good.replace(" a\0", " \0"))),
        ("an absolute path", format!("{header}{}", good.replace(" a\0", " /a\0"))),
        ("a path that goes up", format!("{header}{}", good.replace(" a\0", " a/../b\0"))),
    ]
    .map(|(name, bytes)| {
        assert!(Document::parse(bytes.as_bytes()).is_err(), "{name}");
        json!({ "name": name, "document": hex(bytes.as_bytes()) })
    });
    compare_cases("change/refused.json", "Bytes (hex) that are not a document.", &cases);
}

#[test]
fn compositions() {
    let document = |rows: Vec<Row>| Document::new(rows).unwrap();
    let add = document(vec![row(b"a", Side::ABSENT, file("1"))]);
    let edit = document(vec![row(b"a", file("1"), file("2")), row(b"b", file("1"), Side::ABSENT)]);
    let delete = document(vec![row(b"a", file("2"), Side::ABSENT)]);
    let again = document(vec![row(b"b", Side::ABSENT, blob(Mode::Executable, "1"))]);
    let cases = [
        ("of nothing", vec![]),
        ("of one", vec![&edit]),
        ("first old side and last new side", vec![&add, &edit]),
        ("a row that ends as it began is dropped", vec![&add, &edit, &delete]),
        ("a path may come back", vec![&edit, &again]),
        ("refused: the old side is not what was left (finding 1)", vec![&add, &delete]),
        ("refused: added twice", vec![&add, &add]),
    ]
    .map(|(name, documents)| {
        let composed = Document::compose(&documents).ok();
        assert_eq!(composed.is_none(), name.starts_with("refused"), "{name}");
        json!({
            "name": name,
            "documents": documents.iter().map(|one| hex(&one.to_bytes())).collect::<Vec<_>>(),
            "composed": composed.as_ref().map(|one| hex(&one.to_bytes())),
            "change_hash": composed.as_ref().map(|one| one.hash().to_string()),
        })
    });
    compare_cases(
        "change/composition.json",
        "Documents (hex) and what they compose to; null: refused.",
        &cases,
    );
}

#[test]
fn trees() {
    let case = |name: &str, entries: &[(&str, &[u8])]| {
        let mut bytes = Vec::new();
        for (mode, name) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(&[7; 20]);
        }
        let accepted = parse_tree(bytes.clone(), 20).is_ok();
        json!({ "name": name, "tree": hex(&bytes), "accepted": accepted })
    };
    let cases = [
        case("no entries", &[]),
        case("git's order", &[("100644", b"a"), ("100644", b"a.b"), ("40000", b"a0")]),
        case("100664 reads as 100644", &[("100664", b"a")]),
        case("a name that stands twice", &[("100644", b"a"), ("100644", b"a")]),
        case(
            "a name that stands twice, not side by side",
            &[("100644", b"a"), ("100644", b"a.b"), ("40000", b"a")],
        ),
        case("unsorted", &[("100644", b"b"), ("100644", b"a")]),
        case("a folder sorts as if its name ended in /", &[("40000", b"a"), ("100644", b"a.b")]),
        case("mode with a leading zero", &[("040000", b"a")]),
        case("another mode", &[("100600", b"a")]),
        case("empty name", &[("100644", b"")]),
        case("name with a slash", &[("100644", b"a/b")]),
        case("dot", &[("40000", b".")]),
        case("dots", &[("40000", b"..")]),
        case(".git", &[("40000", b".git")]),
        case(".git in capitals", &[("40000", b".GIT")]),
        case(".git on NTFS: trailing space", &[("40000", b".git ")]),
        case(".git on NTFS: short name", &[("40000", b"GIT~1")]),
        case(".git on NTFS: stream", &[("100644", b".git::$DATA")]),
        case(".git on HFS+: ignored code point", &[("40000", ".g\u{200c}it".as_bytes())]),
        case(".gitignore", &[("100644", b".gitignore")]),
    ];
    compare_cases(
        "change/trees.json",
        "Tree objects of a SHA-1 repository (hex), and which are read.",
        &cases,
    );
}

#[test]
fn facts() {
    let opaque = [
        ("text", &b"one\n"[..]),
        ("nothing", b""),
        ("no UTF-8, but no NUL", b"caf\xe9\n"),
        ("a NUL byte", b"a\0b"),
        ("LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    ]
    .map(|(name, content)| {
        let word = BlobFacts::of(content).opaque.map(countersign::change::Opaque::as_str);
        json!({ "name": name, "content": hex(content), "opaque": word })
    });
    compare_cases(
        "change/opaque.json",
        "Contents (hex) and why they cannot be read; null: they can.",
        &opaque,
    );

    let folds =
        ["Infra/Main.tf", "caf\u{e9}", "cafe\u{301}", "Stra\u{df}e", "\u{212a}", "a/B\u{130}"].map(
            |path| {
                let path = ChangePath::new(path).unwrap();
                json!({ "path": hex(path.as_bytes()), "folded": hex(&folded(&path)) })
            },
        );
    compare_cases("change/folded.json", "Paths (hex) and what they fold to (finding 24).", &folds);

    let messages = [
        &b"s\n\nCo-authored-by: A <a@x>\n"[..],
        b"s\n\nco-AUTHORED-by:B <b@x>\r\nmore text\nCo-authored-by : C <c@x>",
        b"s\n\n Co-authored-by: indented <i@x>\n> Co-authored-by: quoted <q@x>\n",
        b"Co-authored-by: \xff <d@x> <e@x>\n",
    ]
    .map(|message| {
        let found = co_authors(message).unwrap();
        let found: Vec<Value> = found
            .iter()
            .map(|who| json!({ "name": hex(&who.name), "email": hex(&who.email) }))
            .collect();
        json!({ "message": hex(message), "co_authors": found })
    });
    compare_cases(
        "change/co_authors.json",
        "Messages (hex) and whom they name (hex; ambiguity p).",
        &messages,
    );
}

/// The lines of messages that `spec/marks.md` tells apart, each with its neighbours.
const MESSAGES: [&[u8]; 74] = [
    // An address decides, closed or not; without one the name and its model do.
    b"Co-authored-by: Claude <noreply@anthropic.com>",
    b"Co-authored-by: Claude <noreply@anthropic.com",
    b"Co-authored-by: A <x <noreply@anthropic.com>",
    b"Co-authored-by: A <<noreply@anthropic.com>>",
    b"Co-authored-by: A < noreply@anthropic.com >",
    b"Co-authored-by: A <noreply@ anthropic.com>",
    b"Co-authored-by: noreply@anthropic.com",
    b"Co-authored-by: noreply@anthropic.com>",
    b"Co-authored-by: noreply@anthropic.com<x",
    b"Co-authored-by:\n\tClaude\n  <noreply@anthropic.com>",
    b"Reviewed-by: Copilot <noreply@anthropic.com>",
    b"Co-authored-by: Ben <ben@shop.example",
    b"Co-authored-by: Ben",
    b"Co-authored-by: Claude",
    b"Co-authored-by: Claude Opus",
    b"Co-authored-by: Claude Opus 4.6",
    b"Co-authored-by: Claude (Opus 4.6)",
    b"Co-authored-by: Claude(4)",
    b"Co-authored-by: Claude-4",
    b"Co-authored-by: Claude\tOpus 4.6",
    b"Co-authored-by: Claude-Opus 4, Sonnet 4.5",
    b"Co-authored-by: Claude) 4",
    b"Co-authored-by: Claude 3 Monet",
    b"Co-authored-by: https://x.example/4#llms",
    b"Assisted-by: Claude-4",
    b"Assisted-by: Claude4",
    b"Assisted-by: Claude-Sophie",
    b"Assisted-by: Claude-code",
    b"Assisted-by: Claude ",
    b"Assisted-by: Claude\tCode",
    b"Assisted-by: Claude / Opus",
    b"Assisted-by: Claude.",
    b"Assisted-by: Claude\xc2\xa0Monet",
    b"Assisted-by: Cod\xc3\xa9x",
    b"Assisted-by: Codex\xc3\xa9 Rossi",
    b"Assisted-by: Cursor2",
    b"Assisted-by: Cursors",
    b"Assisted-by: Claude Code <jane@shop.example>",
    b"Assisted-by: Claude Code <jane shop.example>",
    b"Assisted-by: Claude\r\n Code",
    b"Assisted-by: Claude\n   \n  Code",
    b"Assisted-by: https://x.example/#llms",
    b"Assisted-by: https://x.example/#llms 4",
    b"Assisted-by: https://x@y.example/#llms",
    // A key that speaks of nothing but AI, unless its value says that there was none.
    b"AI-assisted\t: yes",
    b"AI-assisted \r: yes",
    b"AI-assisted: no",
    b"AI-assisted: no, Claude did",
    b"AI-assisted: none of it",
    b"AI-assisted: N/A",
    b"AI-lines: 0 (0%)",
    b"AI-lines: 0 lines",
    b"AI-assisted: -",
    b"AI-assisted: - plandex",
    b"AI-assisted:",
    // A pair, whatever either says.
    b"Model:\nAgent: Claude Code",
    b"Model: none\nAgent: Claude Code",
    b"Model: Claude Code <a@b>\nAgent: x",
    b"Model: T-800\nAgent: Smith",
    b"Agent: Claude Code",
    b"Made-with: cursor",
    b"Made-with: cursors",
    // Other lines.
    b"Generated with Claude Code \r",
    b" Generated with Claude Code",
    b"\xe2\x9c\xa8 Generated with [Claude Code](https://claude.ai/code)",
    b"Generated with [Claude Code](https://claude.ai/coder)",
    b"\xf0\x9f\xa4\x96\xe2\x9c\xa8  Plandex built",
    b" \xf0\x9f\xa4\x96 Plandex built",
    b"\xe2\x9c\xa8\xf0\x9f\xa4\x96 Plandex built",
    b"\xe2\x9c\xa8\xe2\x9c\xa8\xe2\x9c\xa8\xe2\x9c\xa8\xe2\x9c\xa8 Generated with Claude Code",
    b"> Generated with Claude Code",
    b"Co-authored-by\x0b: Claude <noreply@anthropic.com>",
    b"Co-authored-by: \x0cBen <ben@shop.example\x0c>\x0c",
    b"Co-authored-by: \x0bBen <ben@shop.example\x0b>\x0b",
];

#[test]
fn commits_authors_and_marks() {
    let tree = format!("tree {}\nparent {}\n", "a".repeat(40), "b".repeat(40));
    let with = |header: &str, rest: &[u8]| [tree.as_bytes(), header.as_bytes(), rest].concat();
    let by = "author Ada <ada@shop.example> 1 +0000\ncommitter Ada <ada@shop.example> 1 +0000\n";
    let author =
        |line: &str| with("", format!("author {line}\ncommitter C <c@x>\n\nx\n").as_bytes());
    let message = |text: &[u8]| with(by, &[b"\nFix\n\n", text, b"\n"].concat());
    let mut contents: Vec<Vec<u8>> = MESSAGES.iter().map(|text| message(text)).collect();
    contents.extend([
        message(format!("Assisted-by: {}Claude Code", " ".repeat(1_100)).as_bytes()),
        message(format!("Assisted-by: Claude {}Monet", " ".repeat(1_100)).as_bytes()),
        message(format!("{}-by: <noreply@anthropic.com>", "a".repeat(61)).as_bytes()),
        message(format!("{}-by: <noreply@anthropic.com>", "a".repeat(62)).as_bytes()),
        with(by, b"\naider: Fix\n"),
        author("Ben <ben@shop.example"),
        author("Ben ben@shop.example"),
        author("\tBen\x0c < ben@shop.example\t> 1 +0000"),
        author("Claude <noreply@anthropic.com"),
        author("Ada (aider) <ada@shop.example> 1 +0000"),
        author("N <123+Copilot@users.noreply.github.com> 1 +0000"),
        with(by, b""),
        with(by.trim_end(), b""),
        with(by, b"further"),
        with(by, b"author"),
        with(by, b"author x\n"),
        with(by, b"gpgsig a\ngpgsig-sha256 b\ngpgsig-sha256 c\n\nx"),
        with(by, b"gpgsig a\ngpgsig b\n\nx"),
        with(by, b"encoding \0\n\nx"),
        with(by, b"\nx\0"),
        with(&format!("parent {}\n", "b".repeat(64)), format!("{by}\nx").as_bytes()),
        format!("tree {}\n{by}gpgsig-sha256 a\n\nx", "a".repeat(64)).into_bytes(),
        format!("tree {}\n{by}gpgsig-sha256 a\ngpgsig-sha256 b\n\nx", "a".repeat(64)).into_bytes(),
    ]);
    let cases: Vec<Value> = contents
        .iter()
        .map(|content| json!({ "content": hex(content), "read": commit_reading::read(content) }))
        .collect();
    compare_cases(
        "change/commits.json",
        "Contents of commits (hex), and what is read of them, names and addresses in hex \
         (Steps and chains; spec/marks.md); null: refused.",
        &cases,
    );
}
