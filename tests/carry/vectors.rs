//! Goal: the vectors of `spec/change.md`, "Carried", are what the crate does. Method: they are
//! generated here and compared byte for byte with `spec/vectors/carry`; with
//! `COUNTERSIGN_BLESS=1` they are written instead.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::base::encoding::hex;
use countersign::carry::find;
use countersign::change::Mode;
use countersign::change::carry::{CarryError, Certificate, Edit, check};
use serde_json::{Value, json};

use crate::blessing::compare_cases;
use crate::independent;
use crate::support::{World, a, file, m, path};

/// A check: its name, the two changes, the certificate's files, the gap, and the words of the
/// refusal, or none where it is carried.
struct Case {
    name: &'static str,
    world: World,
    certificate: Certificate,
    gap: u32,
    refusal: Option<&'static str>,
}

fn case(name: &'static str, four: [&str; 4], edits: &[Edit]) -> Case {
    let world = World::of("a.txt", four.map(str::as_bytes));
    let certificate = world.certificate(&[("a.txt", edits)]);
    Case { name, world, certificate, gap: 1, refusal: None }
}

impl Case {
    fn gap(mut self, gap: u32) -> Self {
        self.gap = gap;
        self
    }

    fn refused(mut self, words: &'static str) -> Self {
        self.refusal = Some(words);
        self
    }

    /// The same with one more path; the certificate stays that of `a.txt`.
    fn and(mut self, name: &str, four: [crate::support::Has<'_>; 4]) -> Self {
        let edits = self.certificate.file(&path("a.txt")).unwrap().edits().to_vec();
        self.world.add(name, four);
        self.certificate = self.world.certificate(&[("a.txt", &edits)]);
        self
    }

    fn value(&self) -> Value {
        let (approved, landed) = self.world.documents();
        let source = &self.world.source;
        let found = check(&approved, &landed, &self.certificate, self.gap, source);
        let name = self.name;
        match (&found, self.refusal) {
            (Ok(carried), None) => {
                assert_eq!(carried.approved(), approved.hash(), "{name}");
                assert_eq!(carried.landed(), landed.hash(), "{name}");
                assert_eq!(carried.certificate(), self.certificate.digest(), "{name}");
            }
            (Err(error), Some(words)) => {
                assert!(error.to_string().contains(words), "{name}: {error}");
                if let CarryError::Path { path, .. } = error {
                    assert!(error.to_string().contains(&path.to_string()), "{name}");
                }
            }
            _ => assert!(found.is_ok() == self.refusal.is_none(), "{name}: {found:?}"),
        }
        let sides = source.sides.iter().map(|(path, side)| (path.to_string(), side.to_string()));
        let contents =
            source.contents.iter().map(|(digest, bytes)| (digest.to_string(), hex(bytes)));
        let carried = found.ok().map(|carried| {
            json!({
                "exact": carried.exact(),
                "there": carried.there().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "edited": carried.edited().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "closest_lines": carried.closest_lines(),
            })
        });
        json!({
            "name": name,
            "approved": hex(&approved.to_bytes()),
            "landed": hex(&landed.to_bytes()),
            "contents": contents.collect::<BTreeMap<_, _>>(),
            "landed_sides": sides.collect::<BTreeMap<_, _>>(),
            "certificate": hex(&self.certificate.to_bytes()),
            "gap": self.gap,
            "carried": carried,
            "refused": self.refusal,
        })
    }
}

const FOUR: [&str; 4] = ["a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nc\nd\ne\n", "a\nB\nc\nd\ne\n"];

/// The two edits of [`FOUR`].
fn edits() -> [Edit; 2] {
    [a(1, 1, "B\n"), m(4, 0, "e\n")]
}

fn carried() -> Vec<Case> {
    vec![
        case("the example of the specification", FOUR, &edits()),
        case(
            "one unchanged line lies between two edits",
            ["a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"],
            &[a(0, 1, "A\n"), m(2, 1, "C\n")],
        ),
        case(
            "one unchanged line lies between two insertions, at either end of the file",
            ["a\n", "x\na\n", "a\ny\n", "x\na\ny\n"],
            &[a(0, 0, "x\n"), m(1, 0, "y\n")],
        ),
        case(
            "the gap is three lines, and three lie between",
            ["a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", "A\nb\nc\nd\nE\n"],
            &[a(0, 1, "A\n"), m(4, 1, "E\n")],
        )
        .gap(3),
        case(
            "edits of both sides in turn, with deletions",
            [
                "1\n2\n3\n4\n5\n6\n7\n",
                "2\n3\n4\n5\n6\n7\n8\n",
                "1\n2\n4\n5\nV\n6\n7\n",
                "2\n4\n5\nV\n6\n7\n8\n",
            ],
            &[a(0, 1, ""), m(2, 1, ""), m(5, 0, "V\n"), a(7, 0, "8\n")],
        ),
    ]
}

fn carried_odd_lines() -> Vec<Case> {
    let repeated = "x\n}\ny\n}\nz\n";
    vec![
        case(
            "moved lines: the approved change moves one past main's edit",
            ["f\ng\nh\ni\nj\n", "g\nh\ni\nj\nf\n", "f\ng\nH\ni\nj\n", "g\nH\ni\nj\nf\n"],
            &[a(0, 1, ""), m(2, 1, "H\n"), a(5, 0, "f\n")],
        ),
        case(
            "moved lines: main moves them, and the approved change edits between",
            ["f\ng\nh\ni\nj\n", "f\ng\nH\ni\nj\n", "g\nh\ni\nj\nf\n", "g\nH\ni\nj\nf\n"],
            &[m(0, 1, ""), a(2, 1, "H\n"), m(5, 0, "f\n")],
        ),
        case(
            "a line without its LF in a file with CRLF",
            ["a\r\nb\r\nc", "A\r\nb\r\nc", "a\r\nb\r\nx\r\nc", "A\r\nb\r\nx\r\nc"],
            &[a(0, 1, "A\r\n"), m(2, 0, "x\r\n")],
        ),
        case(
            "a CR is a byte of its line",
            ["a\r\nb\r\nc\r\n", "a\nb\r\nc\r\n", "a\r\nb\r\nC\r\n", "a\nb\r\nC\r\n"],
            &[a(0, 1, "a\n"), m(2, 1, "C\r\n")],
        ),
        case(
            "the last line lacks its LF, and stays",
            ["a\nb\nc", "A\nb\nc", "a\nb\nx\nc", "A\nb\nx\nc"],
            &[a(0, 1, "A\n"), m(2, 0, "x\n")],
        ),
        case(
            "the last line lacks its LF, and something is appended to the file",
            ["a\nb\nc", "a\nb\nc\nd", "A\nb\nc", "A\nb\nc\nd"],
            &[m(0, 1, "A\n"), a(2, 1, "c\nd")],
        ),
        case(
            "the last LF is taken away",
            ["a\nb\nc\n", "a\nb\nc", "A\nb\nc\n", "A\nb\nc"],
            &[m(0, 1, "A\n"), a(2, 1, "c")],
        ),
        case(
            "two certificates for one landing: the first",
            [repeated, "x\n}\n}\ny\n}\nz\n", "x\n}\ny\n}\nZ\n", "x\n}\n}\ny\n}\nZ\n"],
            &[a(1, 0, "}\n"), m(4, 1, "Z\n")],
        ),
        case(
            "two certificates for one landing: the second",
            [repeated, "x\n}\n}\ny\n}\nz\n", "x\n}\ny\n}\nZ\n", "x\n}\n}\ny\n}\nZ\n"],
            &[a(2, 0, "}\n"), m(4, 1, "Z\n")],
        ),
        case(
            "repeated lines: one approved change and one branch, landed in one way",
            ["}\n}\n}\n}\n", "}\n}\na\n}\n}\n", "}\nm\n}\n}\n}\n", "}\nm\n}\na\n}\n}\n"],
            &[m(1, 0, "m\n"), a(2, 0, "a\n")],
        ),
        case(
            "repeated lines: the same, landed in another way",
            ["}\n}\n}\n}\n", "}\n}\na\n}\n}\n", "}\nm\n}\n}\n}\n", "}\nm\n}\n}\na\n}\n"],
            &[m(0, 0, "}\nm\n"), a(2, 0, "a\n"), m(3, 1, "")],
        ),
        case(
            "no byte of B is left but the gap",
            ["1\n2\n3\n", "2\n3\n", "1\n2\n", "2\n"],
            &[a(0, 1, ""), m(2, 1, "")],
        ),
        case("equal rows need no edits", FOUR, &edits())
            .and("added", [None, file(b"x"), None, file(b"x")])
            .and("added empty", [None, file(b""), None, file(b"")])
            .and("deleted empty", [file(b""), None, file(b""), None])
            .and("emptied", [file(b"x\n"), file(b""), file(b"x\n"), file(b"")])
            .and("binary", [file(b"\0"), file(b"\0\0"), file(b"\0"), file(b"\0\0")])
            .and("deleted", [file(b"x"), None, file(b"x"), None])
            .and(
                "link",
                [
                    Some((Mode::Symlink, b"x")),
                    Some((Mode::Symlink, b"y")),
                    Some((Mode::Symlink, b"x")),
                    Some((Mode::Symlink, b"y")),
                ],
            )
            .and(
                "mode",
                [
                    file(b"x"),
                    Some((Mode::Executable, b"x")),
                    file(b"x"),
                    Some((Mode::Executable, b"x")),
                ],
            ),
        case("what main has already may be missing", FOUR, &edits())
            .and("added empty", [None, file(b""), file(b""), file(b"")])
            .and("binary", [file(b"\0"), file(b"\0\0"), file(b"\0\0"), file(b"\0\0")])
            .and("edited", [file(b"1\n"), file(b"2\n"), file(b"2\n"), file(b"2\n")])
            .and("deleted", [file(b"1\n"), None, None, None]),
        executable(),
    ]
}

fn executable() -> Case {
    let mut world = World::default();
    world.add("a.txt", FOUR.map(|text| Some((Mode::Executable, text.as_bytes()))));
    let certificate = world.certificate(&[("a.txt", &edits())]);
    Case { name: "an executable file", world, certificate, gap: 1, refusal: None }
}

/// [`FOUR`] with other modes or contents, or none.
fn other(name: &'static str, four: [crate::support::Has<'_>; 4], words: &'static str) -> Case {
    let mut world = World::default();
    world.add("a.txt", four);
    let certificate = world.certificate(&[("a.txt", &edits())]);
    Case { name, world, certificate, gap: 1, refusal: Some(words) }
}

fn refused_paths() -> Vec<Case> {
    let four = FOUR.map(|text| file(text.as_bytes()));
    let executable = |text: &'static str| Some((Mode::Executable, text.as_bytes()));
    let link = |text: &'static str| Some((Mode::Symlink, text.as_bytes()));
    vec![
        case("a path that only the landed change has", FOUR, &edits())
            .and("b", [file(b"x"), file(b"x"), file(b"x"), file(b"y")])
            .refused("b: landed, and is no part"),
        case("a path that landed otherwise", FOUR, &edits())
            .and("b", [file(b"x"), file(b"y"), file(b"z"), file(b"z")])
            .refused("b: approved, and neither landed so nor there"),
        case("a path that did not land", FOUR, &edits())
            .and("b", [file(b"x"), file(b"y"), file(b"x"), file(b"x")])
            .refused("b: approved, and neither landed so nor there"),
        case("a path that main deleted, and the approved change edits", FOUR, &edits())
            .and("b", [file(b"x\n"), file(b"y\n"), None, None])
            .refused("b: approved, and neither landed so nor there"),
        case("a path that the approved change deletes, and that landed edited", FOUR, &edits())
            .and("b", [file(b"x\n"), None, file(b"y\n"), file(b"y\n")])
            .refused("b: approved, and neither landed so nor there"),
        case("a binary that main changed too", FOUR, &edits())
            .and("b", [file(b"\0a"), file(b"\0b"), file(b"\0c"), file(b"\0b")])
            .refused("b: "),
        case("a mode that landed otherwise", FOUR, &edits())
            .and("b", [file(b"x"), Some((Mode::Executable, b"x")), file(b"x"), file(b"x")])
            .refused("b: approved, and neither landed so nor there"),
        case("an empty file was added by both, and filled by the landing", FOUR, &edits())
            .and("b", [None, file(b""), file(b""), file(b"x\n")])
            .refused("b: "),
        other(
            "deleted by the approved change, edited by main",
            [four[0], None, four[2], None],
            "added or deleted",
        ),
        other("added by both", [None, four[1], None, four[3]], "added or deleted"),
        other(
            "deleted by main, added again",
            [four[0], four[1], None, four[3]],
            "added or deleted",
        ),
        other(
            "the approved change changes the mode too",
            [four[0], executable(FOUR[1]), four[2], executable(FOUR[3])],
            "mode",
        ),
        other(
            "main changed the mode",
            [four[0], four[1], executable(FOUR[2]), executable(FOUR[3])],
            "mode",
        ),
        other(
            "the landing changes the mode",
            [four[0], four[1], four[2], executable(FOUR[3])],
            "mode",
        ),
        other(
            "symbolic links",
            [link(FOUR[0]), link(FOUR[1]), link(FOUR[2]), link(FOUR[3])],
            "symbolic link",
        ),
        other(
            "a file became a symbolic link",
            [four[0], link(FOUR[1]), four[2], link(FOUR[3])],
            "symbolic link",
        ),
        Case {
            name: "a file with a NUL byte",
            world: World::of("a.txt", [b"a\0\nb\nc\n", b"A\nb\nc\n", b"a\0\nb\n", b"A\nb\n"]),
            certificate: World::of("a.txt", [b"a\0\nb\nc\n", b"A\nb\nc\n", b"a\0\nb\n", b"A\nb\n"])
                .certificate(&[("a.txt", &[a(0, 1, "A\n"), m(2, 1, "")])]),
            gap: 1,
            refusal: Some("NUL byte"),
        },
    ]
}

fn refused_edits() -> Vec<Case> {
    vec![
        case(
            "the gap is three lines, and two lie between",
            ["a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", "A\nb\nc\nD\n"],
            &[a(0, 1, "A\n"), m(3, 1, "D\n")],
        )
        .gap(3)
        .refused("only 2 unchanged lines"),
        case("the approved side alone is rebuilt", FOUR, &[a(1, 1, "B\n"), m(4, 0, "E\n")])
            .refused("the branch's edits do not make"),
        case("main's side alone is rebuilt", FOUR, &[a(1, 1, "b\n"), m(4, 0, "e\n")])
            .refused("the approved edits do not make"),
        case("each side for the other", FOUR, &[m(1, 1, "B\n"), a(4, 0, "e\n")])
            .refused("the approved edits do not make"),
        case(
            "one byte more landed than both edits make",
            [FOUR[0], FOUR[1], FOUR[2], "a\nB\nc\nd\ne\n\n"],
            &edits(),
        )
        .refused("what landed is not what both edits make"),
        case("main's edit was undone", [FOUR[0], FOUR[1], FOUR[2], FOUR[1]], &edits())
            .refused("what landed is not what both edits make"),
        case(
            "the approved change moves the lines that main edited",
            ["f\ng\nh\ni\n", "h\ni\nf\ng\n", "f\nG\nh\ni\n", "h\ni\nf\nG\n"],
            &[a(0, 1, ""), m(2, 1, "x\n")],
        )
        .refused("the approved edits do not make"),
        case("an edit beyond the end", FOUR, &[a(1, 1, "B\n"), m(5, 0, "e\n")])
            .refused("edit 1 is beyond the end"),
        case("an edit that ends beyond the end", FOUR, &[a(1, 1, "B\n"), m(3, 2, "d\ne\n")])
            .refused("edit 1 is beyond the end"),
        case(
            "an empty file has no line",
            ["", "x\n", "y\n", "x\ny\n"],
            &[a(0, 0, "x\n"), m(1, 0, "y\n")],
        )
        .refused("edit 1 is beyond the end"),
        case(
            "an insertion joins the last line, which lacks its LF",
            ["a\nb\nc", "A\nb\nc", "a\nb\ncd\n", "A\nb\ncd\n"],
            &[a(0, 1, "A\n"), m(3, 0, "d\n")],
        )
        .refused("edit 1 would join a line"),
        case(
            "an insertion without its LF joins the line after it",
            ["a\nb\nc\n", "A\nb\nc\n", "a\nb\ndc\n", "A\nb\ndc\n"],
            &[a(0, 1, "A\n"), m(2, 0, "d")],
        )
        .refused("edit 1 would join a line"),
    ]
}

/// Nearly good: what a reader would take for the same lines.
fn refused_lines() -> Vec<Case> {
    vec![
        case(
            "the approved change ends its lines otherwise, main's edit landed in the old way",
            ["a\nb\nc\nd\n", "a\r\nb\nc\nd\n", "a\nb\nc\nD\n", "a\r\nb\nc\nD\r\n"],
            &[a(0, 1, "a\r\n"), m(3, 1, "D\n")],
        )
        .refused("what landed is not what both edits make"),
        case(
            "CRLF where the branch has LF",
            ["a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n", "a\r\nb\r\nC\n", "A\r\nb\r\nC\n"],
            &[a(0, 1, "A\r\n"), m(2, 1, "C\r\n")],
        )
        .refused("the branch's edits do not make"),
        case(
            "the last LF went lost at the landing",
            [FOUR[0], FOUR[1], FOUR[2], "a\nB\nc\nd\ne"],
            &edits(),
        )
        .refused("what landed is not what both edits make"),
        case(
            "a last LF that nobody added",
            ["a\nb\nc", "A\nb\nc", "a\nx\nb\nc", "A\nx\nb\nc\n"],
            &[a(0, 1, "A\n"), m(2, 0, "x\n")],
        )
        .refused("the branch's edits do not make"),
        case(
            "repeated lines: one more of them landed",
            ["}\n}\n}\n}\n", "}\n}\na\n}\n}\n", "}\n}\n}\n}\n}\n", "}\n}\na\n}\n}\n}\n}\n"],
            &[a(2, 0, "a\n"), m(4, 0, "}\n")],
        )
        .refused("what landed is not what both edits make"),
        case(
            "moved lines landed where they were",
            ["f\ng\nh\ni\nj\n", "g\nh\ni\nj\nf\n", "f\ng\nH\ni\nj\n", "f\ng\nH\ni\nj\n"],
            &[a(0, 1, ""), m(2, 1, "H\n"), a(5, 0, "f\n")],
        )
        .refused("one of the changes is empty"),
        case(
            "moved lines landed one line off",
            ["f\ng\nh\ni\nj\n", "g\nh\ni\nj\nf\n", "f\ng\nH\ni\nj\n", "g\nH\ni\nf\nj\n"],
            &[a(0, 1, ""), m(2, 1, "H\n"), a(5, 0, "f\n")],
        )
        .refused("what landed is not what both edits make"),
        case(
            "the approved change empties the file that main edits",
            ["a\nb\nc\n", "", "a\nb\nC\n", ""],
            &[a(0, 1, ""), m(2, 1, "")],
        )
        .refused("the approved edits do not make"),
        case(
            "main emptied the file that the approved change edits",
            ["a\nb\nc\n", "A\nb\nc\n", "", "A\n"],
            &[a(0, 1, "A\n"), m(2, 1, "")],
        )
        .refused("the branch's edits do not make"),
        case(
            "edits adjoin, and the certificate spares a line between them that is not there",
            ["a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n", "A\nB\nc\n"],
            &[a(0, 1, "A\n"), m(2, 0, "B\n")],
        )
        .refused("the branch's edits do not make"),
    ]
}

fn refused_certificates() -> Vec<Case> {
    let another = World::of("b.txt", FOUR.map(str::as_bytes));
    let mut equal = World::default();
    equal.add("a.txt", [FOUR[0], FOUR[1], FOUR[0], FOUR[1]].map(|text| file(text.as_bytes())));
    let mut of_another = case("certificate of another landing", FOUR, &edits());
    of_another.certificate = another.certificate(&[("b.txt", &edits())]);
    let mut empty = case("the certificate has no edits of a path that needs them", FOUR, &edits());
    empty.certificate = empty.world.certificate(&[]);
    let mut more =
        case("the certificate has edits of a path that is of no document", FOUR, &edits());
    more.certificate = more.world.certificate(&[("a.txt", &edits()), ("b", &edits())]);
    let mut needless =
        case("the certificate has edits of a path whose rows are equal", FOUR, &edits())
            .and("b", [file(b"x"), file(b"y"), file(b"x"), file(b"y")]);
    needless.certificate = needless.world.certificate(&[("a.txt", &edits()), ("b", &edits())]);
    let mut missing = case("B is not at hand", FOUR, &edits());
    missing.world.source.contents.clear();
    let mut wrong = case("B is another", FOUR, &edits());
    for content in wrong.world.source.contents.values_mut() {
        content.push(b'\n');
    }
    let mut unknown = case("it is not known what main has", FOUR, &edits())
        .and("b", [file(b"x"), file(b"y"), file(b"y"), file(b"y")]);
    unknown.world.source.sides.clear();
    let exact = Case {
        name: "equal documents",
        certificate: equal.certificate(&[]),
        world: equal,
        gap: 1,
        refusal: Some("the changes are the same"),
    };
    let mut nothing = World::default();
    nothing.add("a.txt", [file(b"1"), file(b"2"), file(b"2"), file(b"2")]);
    let nothing = Case {
        name: "nothing landed",
        certificate: nothing.certificate(&[]),
        world: nothing,
        gap: 1,
        refusal: Some("one of the changes is empty"),
    };
    vec![
        exact,
        nothing,
        of_another.refused("certificate of another change"),
        empty.refused("a.txt: the certificate has no edits of it"),
        more.refused("b: the certificate has edits of it, and none are needed"),
        needless.refused("b: the certificate has edits of it, and none are needed"),
        missing.refused("is not at hand"),
        wrong.refused("does not have the digest"),
        unknown.refused("it is not known what is there"),
    ]
}

#[test]
fn checks() {
    let cases = [
        carried(),
        carried_odd_lines(),
        refused_paths(),
        refused_edits(),
        refused_lines(),
        refused_certificates(),
    ];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    for case in &cases {
        found_where_one_exists(case);
    }
    let values: Vec<Value> = cases.iter().map(Case::value).collect();
    compare_cases(
        "carry/checks.json",
        "Documents, contents by SHA-256 and certificates (hex), sides of the landed tree; what is \
         carried, or the words of the refusal.",
        &values,
    );
}

/// Where a certificate holds, one is found without it; what is found holds by hand as well.
fn found_where_one_exists(case: &Case) {
    let (approved, landed) = case.world.documents();
    let source = &case.world.source;
    if let Ok((certificate, _)) = find(&approved, &landed, case.gap, source) {
        for (path, edits) in independent::read(&certificate.to_bytes()) {
            let name = String::from_utf8(path).unwrap();
            let row = |document: &countersign::change::Document| {
                document.rows().iter().find(|row| row.path == crate::support::path(&name)).cloned()
            };
            let (one, other) = (row(&approved).unwrap(), row(&landed).unwrap());
            let four = [one.old, one.new, other.old, other.new].map(|side| {
                let digest = side.content.to_string().parse().unwrap();
                source.contents[&digest].clone()
            });
            let four = four.each_ref().map(Vec::as_slice);
            independent::holds(&edits, case.gap as usize, four).unwrap();
        }
    } else {
        // A certificate of edits that are longer than need be holds, and is not looked for.
        let is_far_fetched = case.name.contains("in another way");
        assert!(case.refusal.is_some() || is_far_fetched, "{}: none was found", case.name);
    }
}

#[test]
fn certificates() {
    let cases: Vec<Value> = [carried(), carried_odd_lines()]
        .iter()
        .flatten()
        .map(|case| {
            let bytes = case.certificate.to_bytes();
            assert_eq!(Certificate::parse(&bytes).unwrap(), case.certificate, "{}", case.name);
            let files = independent::read(&bytes).into_iter().map(|(path, edits)| {
                let edits = edits.into_iter().map(|(side, first, removed, inserted)| {
                    json!({
                        "side": side,
                        "first": first,
                        "removed": removed,
                        "inserted": hex(&inserted),
                    })
                });
                json!({ "path": hex(&path), "edits": edits.collect::<Vec<_>>() })
            });
            json!({
                "name": case.name,
                "certificate": hex(&bytes),
                "sha256": case.certificate.digest().to_string(),
                "approved": case.certificate.approved().to_string(),
                "landed": case.certificate.landed().to_string(),
                "files": files.collect::<Vec<_>>(),
            })
        })
        .collect();
    compare_cases("carry/certificates.json", "Certificates (hex), and what they say.", &cases);
}

#[test]
fn refused() {
    let hash = "1".repeat(64);
    let header = format!("countersign carry v1\napproved {hash}\nlanded {hash}\n");
    let good = "f a\0a 1 1 2\nB\nm 4 0 2\ne\n";
    assert!(Certificate::parse(format!("{header}{good}").as_bytes()).is_ok());
    let with = |edits: &str| format!("{header}f a\0{edits}");
    let cases = [
        ("no bytes", String::new()),
        ("another version", format!("{header}{good}").replace("v1", "v2")),
        ("CRLF after the header", format!("{header}{good}").replace("v1\n", "v1\r\n")),
        ("a hash in upper case", format!("{header}{good}").replacen(&hash, &"A".repeat(64), 1)),
        ("a hash too short", format!("{header}{good}").replacen(&hash, &"1".repeat(63), 1)),
        ("the landed hash first", format!("{header}{good}").replace("approved", "landed")),
        ("no landed hash", format!("countersign carry v1\napproved {hash}\n{good}")),
        ("a file without edits", with("")),
        ("a file without an edit of main", with("a 1 1 2\nB\n")),
        ("a file without an approved edit", with("m 1 1 2\nB\n")),
        ("an edit before the first file", format!("{header}a 1 1 2\nB\n{good}")),
        ("a path twice", format!("{header}{good}{good}")),
        ("descending paths", format!("{header}{}{good}", good.replace("f a", "f b"))),
        ("an empty path", format!("{header}{}", good.replace("f a", "f "))),
        ("a path that goes up", format!("{header}{}", good.replace("f a", "f ../a"))),
        ("a path without its NUL", format!("{header}{}", good.replace('\0', ""))),
        ("edits of two sides adjoin", with("a 1 1 2\nB\nm 2 1 2\nC\n")),
        ("edits of two sides overlap", with("a 1 2 2\nB\nm 2 1 2\nC\n")),
        ("edits of two sides insert at one place", with("a 1 0 2\nB\nm 1 0 2\nC\n")),
        ("an insertion touches a deletion", with("a 1 0 2\nB\nm 1 1 0\n")),
        ("edits of one side adjoin", with("a 1 1 2\nB\na 2 1 2\nC\nm 4 0 2\ne\n")),
        ("edits are not in order", with("m 4 0 2\ne\na 1 1 2\nB\n")),
        ("edits in order of their sides", with("a 1 1 2\nB\na 6 1 0\nm 4 0 2\ne\n")),
        ("an edit that changes nothing", with("a 1 0 0\nm 4 0 2\ne\n")),
        ("a NUL byte is inserted", with("a 1 1 2\n\0\nm 4 0 2\ne\n")),
        ("an edit in the middle without its LF", with("a 1 1 1\nBm 4 0 2\ne\n")),
        ("a leading zero", with("a 01 1 2\nB\nm 4 0 2\ne\n")),
        ("a sign", with("a +1 1 2\nB\nm 4 0 2\ne\n")),
        ("two spaces", with("a 1  1 2\nB\nm 4 0 2\ne\n")),
        ("no number", with("a 1  2\nB\nm 4 0 2\ne\n")),
        ("a number of nine digits", with("a 1 1 2\nB\nm 100000000 0 2\ne\n")),
        ("a line beyond every file", with("a 1 1 2\nB\nm 99999999 0 2\ne\n")),
        ("fewer bytes than the edit inserts", with("a 1 1 2\nB\nm 4 0 3\ne\n")),
        ("more bytes than the edit inserts", with("a 1 1 2\nB\nm 4 0 2\ne\n\n")),
        ("a side in upper case", with("A 1 1 2\nB\nm 4 0 2\ne\n")),
        ("bytes after the last file", format!("{header}{good}\n")),
    ]
    .map(|(name, bytes)| {
        assert!(Certificate::parse(bytes.as_bytes()).is_err(), "{name}");
        json!({ "name": name, "certificate": hex(bytes.as_bytes()) })
    });
    compare_cases("carry/refused.json", "Bytes (hex) that are not a certificate.", &cases);
}

/// The example of `spec/change.md` is the first vector.
#[test]
fn the_example_is_true() {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/change.md");
    let spec = std::fs::read_to_string(spec).unwrap();
    let bytes = carried()[0].certificate.to_bytes();
    let shown = String::from_utf8(bytes).unwrap().replace('\0', "<NUL>");
    let shown = shown.lines().map(|line| ["    ", line, "\n"].concat()).collect::<String>();
    assert!(spec.contains(&shown), "the example is\n{shown}");
}

/// A checker in another language, written from the specification, agrees on every vector.
#[test]
#[allow(clippy::print_stdout, reason = "says what was skipped")]
fn a_second_implementation_agrees() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = std::process::Command::new("python3");
    command.arg(top.join("tests/carry/check.py")).arg(top.join("spec/vectors/carry"));
    let Ok(output) = command.output() else {
        println!("skipped: the second implementation needs python3");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("124 of 124 agree"), "{said}");
}
