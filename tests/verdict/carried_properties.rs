//! Generated files, edits that were approved and edits of main: what a verdict takes for carried
//! is, byte for byte, both scripts on the base, and nothing lies outside them; what is nearly that
//! is denied. The scripts are applied by a reader that shares no code with the crate.

use std::cell::Cell;

use countersign::base::digest::ContentDigest;
use countersign::carry::find;
use countersign::change::ChangePath;
use countersign::change::carry::{
    Carried, CarryContents, Certificate, Edit, EditSide, FileEdits, check,
};
use countersign::statement::Says;
use countersign::statement::words::{ApprovalVerdict, Assistance};
use countersign::verify::CarriedTo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::given::Given;
use super::independent::{self, applied, holds, lines};
use super::world::{POLICY, World, commit, document, step, word};

/// What is done to a landing that would be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    AsItIs,
    /// Edits of both sides adjoin.
    Touching,
    /// One byte more, somewhere.
    ByteMore,
    /// One byte less, somewhere.
    ByteLess,
    /// One line more, somewhere.
    LineMore,
    /// One of the approved edits is left out.
    EditLess,
}

/// How many lines lie before an edit, whether it was approved, how many lines it removes and
/// inserts.
type Drawn = (usize, bool, usize, usize);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    proptest::collection::vec((1..4_usize, any::<bool>(), 0..3_usize, 0..3_usize), 2..7)
}

/// Lines that are all different, some with another end, the last perhaps with none.
fn base() -> impl Strategy<Value = Vec<u8>> {
    (12..40_usize, any::<bool>(), 1..5_usize).prop_map(|(count, is_open, every)| {
        let end = |at: usize| if at.is_multiple_of(every) { "\r\n" } else { "\n" };
        let text =
            (0..count).map(|at| format!("line {at}{}", end(at))).collect::<Vec<_>>().concat();
        if is_open { text.trim_end().into() } else { text.into() }
    })
}

fn placed(base: &[u8], drawn: &[Drawn], touching: bool) -> Vec<independent::Edit> {
    let count = lines(base).len();
    let mut edits: Vec<independent::Edit> = Vec::new();
    let mut at = 0;
    for (number, (before, is_approved, removed, inserted)) in drawn.iter().enumerate() {
        let tag = if *is_approved { 'a' } else { 'm' };
        let adjoins = touching && edits.last().is_some_and(|(last, ..)| *last != tag);
        let first = at + if adjoins { 0 } else { *before };
        // The last line stays: whether it is open is no matter then.
        if first + removed + 1 >= count {
            break;
        }
        let line = |at| format!("{tag}{number} {at}\n");
        let text: String = (0..(*inserted).max(usize::from(*removed == 0))).map(line).collect();
        edits.push((tag, first, *removed, text.into_bytes()));
        at = first + removed;
    }
    edits
}

/// The approved edits alone, on what main had made of the base.
fn on_main(before: &[u8], edits: &[independent::Edit]) -> Vec<u8> {
    let mut moved = Vec::new();
    let mut shift = 0_isize;
    for (tag, first, removed, inserted) in edits {
        if *tag == 'a' {
            let first = first.checked_add_signed(shift).unwrap();
            moved.push(('a', first, *removed, inserted.clone()));
        } else {
            let count = lines(inserted).len();
            shift += isize::try_from(count).unwrap() - isize::try_from(*removed).unwrap();
        }
    }
    applied(before, &moved, "a")
}

/// What the gate finds, and the scripts of its certificate.
struct Landing {
    four: [Vec<u8>; 4],
    found: Option<(Certificate, Carried)>,
}

impl Landing {
    fn new(four: [Vec<u8>; 4], edits: &[independent::Edit]) -> Self {
        let text = four.each_ref().map(|content| std::str::from_utf8(content).unwrap());
        let [approved, landed] =
            [[0, 1], [2, 3]].map(|[old, new]| document("a", Some(text[old]), Some(text[new])));
        let mut source = CarryContents::default();
        for content in &four {
            source.contents.insert(ContentDigest::of(content), content.clone());
        }
        let found = find(&approved, &landed, 1, &source).ok();
        // Nor does a certificate of what was meant show more than can be found.
        let edits = edits.iter().map(|(tag, first, removed, inserted)| Edit {
            side: if *tag == 'a' { EditSide::Approved } else { EditSide::Main },
            first: *first,
            removed: *removed,
            inserted: inserted.clone(),
        });
        let file = FileEdits::new(ChangePath::new("a").unwrap(), edits.collect());
        let meant =
            file.and_then(|file| Certificate::new(approved.hash(), landed.hash(), vec![file]));
        let holds = |meant| check(&approved, &landed, &meant, 1, &source).is_ok();
        assert_eq!(meant.is_ok_and(holds), found.is_some());
        Self { four, found }
    }

    /// Ben wrote it, Ada read the first two files, and the last two landed.
    fn is_allowed(&self) -> bool {
        let text = self.four.each_ref().map(|content| std::str::from_utf8(content).unwrap());
        let mut world = World::with_policy(POLICY);
        let squash = step("squash", "ben", "a", Some(text[2]), Some(text[3]));
        world.declare("ben", &squash, &["ben"], Assistance::None).unwrap();
        let read = document("a", Some(text[0]), Some(text[1]));
        world.say("ada", Says::Approval(word(ApprovalVerdict::Approve, &read))).unwrap();
        let carried = self.found.iter().map(|(_, carried)| CarriedTo {
            landing: commit("squash"),
            carried: carried.clone(),
            is_grounded: true,
        });
        let given = Given { carried: carried.collect(), ..Given::default() };
        let found = given.judge(&world, &world.question(&commit("squash")), &[squash]);
        assert_eq!(found.is_allowed(), found.segments[0].is_carried());
        found.is_allowed()
    }
}

fn landing(base: Vec<u8>, drawn: &[Drawn], way: Way, at: prop::sample::Index) -> Option<Landing> {
    let edits = placed(&base, drawn, way == Way::Touching);
    let count = |wanted| edits.iter().filter(|(tag, ..)| *tag == wanted).count();
    if count('a') < 1 + usize::from(way == Way::EditLess) || count('m') < 1 {
        return None;
    }
    let [approved, before, mut landed] = ["a", "m", "am"].map(|tags| applied(&base, &edits, tags));
    let byte = at.index(landed.len());
    match way {
        Way::AsItIs | Way::Touching => {}
        Way::ByteMore => landed.insert(byte, b'!'),
        Way::ByteLess => drop(landed.remove(byte)),
        Way::LineMore => {
            let starts = |at: &usize| *at == 0 || landed[at - 1] == b'\n';
            let start = (0..=byte).rev().find(starts).unwrap();
            landed.splice(start..start, *b"own\n");
        }
        Way::EditLess => {
            let mut less = edits.clone();
            let nth = at.index(count('a'));
            let of_side = less.iter().enumerate().filter(|(_, edit)| edit.0 == 'a');
            let left_out = of_side.map(|(at, _)| at).nth(nth).unwrap();
            less.remove(left_out);
            landed = applied(&base, &less, "am");
        }
    }
    Some(Landing::new([base, approved, before, landed], &edits))
}

#[test]
fn what_is_carried_is_both_scripts_and_nothing_else() {
    let ways = [
        Way::AsItIs,
        Way::AsItIs,
        Way::Touching,
        Way::ByteMore,
        Way::ByteLess,
        Way::LineMore,
        Way::EditLess,
    ];
    let told = [const { Cell::new(0) }; 2];
    let config = Config { cases: 600, failure_persistence: None, ..Default::default() };
    let strategy =
        (base(), drawn(), proptest::sample::select(ways.to_vec()), any::<prop::sample::Index>());
    TestRunner::new(config)
        .run(&strategy, |(base, drawn, way, at)| {
            let Some(landing) = landing(base, &drawn, way, at) else { return Ok(()) };
            let is_allowed = landing.is_allowed();
            prop_assert_eq!(is_allowed, way == Way::AsItIs, "{:?}", way);
            if let Some((certificate, _)) = &landing.found {
                let four = landing.four.each_ref().map(Vec::as_slice);
                let edits = &independent::read(&certificate.to_bytes())[&b"a"[..]];
                prop_assert_eq!(holds(edits, 1, four), Ok(()));
                prop_assert_eq!(on_main(four[2], edits), four[3]);
            }
            let told = &told[usize::from(is_allowed)];
            told.set(told.get() + 1);
            Ok(())
        })
        .unwrap();
    assert!(told.iter().all(|count| count.get() >= 50), "{told:?}");
}
