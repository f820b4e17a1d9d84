//! Payloads that break the strict grammar.

use countersign::base::encoding;

use crate::case::{Case, edited};
use crate::samples;

/// What the strict grammar refuses.
#[expect(clippy::too_many_lines, reason = "one list of cases")]
pub(crate) fn grammar() -> Vec<Case> {
    let approval = &samples::approval();
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let root = encoding::hex(&samples::bytes("root 40"));
    let (by, size) = ("\"by\":\"ada\"", "\"size\":40");
    let annotated = |value: &str| format!("{by},\"annotations\":{{\"a\":{value}}}");
    let mut deep =
        edited("depth_16", "depth 16 is the deepest", approval, by, &annotated(&nested(13)));
    deep.expect = "accept";
    vec![
        deep,
        edited("depth_17", "ATTACKS 36: nested 17 deep", approval, by, &annotated(&nested(14))),
        edited(
            "duplicate_member",
            "ATTACKS 36: a member twice",
            approval,
            by,
            "\"by\":\"ben\",\"by\":\"ada\"",
        ),
        edited(
            "duplicate_member_escaped",
            "ATTACKS 36: twice after unescaping",
            approval,
            by,
            "\"b\\u0079\":\"ben\",\"by\":\"ada\"",
        ),
        edited(
            "duplicate_member_in_annotations",
            "ATTACKS 36: at any depth",
            approval,
            by,
            &annotated("{\"x\":1,\"x\":1}"),
        ),
        edited(
            "unknown_member",
            "unknown members stand only in annotations",
            approval,
            by,
            "\"by\":\"ada\",\"only_if\":\"x\"",
        ),
        edited(
            "unknown_member_in_row",
            "neither in a row",
            approval,
            "\"shown\":",
            "\"only_if\":1,\"shown\":",
        ),
        edited(
            "unknown_member_in_shell",
            "nor in the shell",
            approval,
            "{\"_type\"",
            "{\"x\":1,\"_type\"",
        ),
        edited("float", "ATTACKS 36: a fraction", approval, size, "\"size\":40.0"),
        edited("exponent", "ATTACKS 36: an exponent", approval, size, "\"size\":4e1"),
        edited("negative_zero", "ATTACKS 36: -0", approval, size, "\"size\":-0"),
        edited("integer_too_large", "2^53", approval, size, "\"size\":9007199254740992"),
        edited(
            "lone_surrogate",
            "ATTACKS 36: half a pair",
            approval,
            by,
            &annotated("\"\\ud800\""),
        ),
        edited("leading_space", "bytes around the object", approval, "{\"_type\"", " {\"_type\""),
        edited(
            "null_member",
            "null where a member is absent",
            approval,
            by,
            "\"by\":\"ada\",\"annotations\":null",
        ),
        edited(
            "seen_as_array",
            "an array where an object is written",
            approval,
            &format!("{{\"size\":40,\"root\":\"{}\"}}", encoding::hex(&samples::bytes("root 40"))),
            &format!("[40,\"{}\"]", encoding::hex(&samples::bytes("root 40"))),
        ),
        edited(
            "word_as_object",
            "an object where a word is written",
            approval,
            "\"verdict\":\"approve\"",
            "\"verdict\":{\"approve\":null}",
        ),
        edited(
            "upper_case_digest",
            "ATTACKS y: digests are lower case",
            approval,
            &root,
            &root.to_uppercase(),
        ),
        edited("nonce_too_short", "16 bytes", approval, &"30".repeat(16), &"30".repeat(15)),
        edited(
            "member_id",
            "ATTACKS 37: an address is no member id",
            approval,
            by,
            "\"by\":\"ada@shop.example\"",
        ),
    ]
}
