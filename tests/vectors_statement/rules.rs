//! Payloads that break a rule of the shell or of their kind.

use countersign::base::digest::ContentDigest;
use countersign::base::encoding;
use countersign::base::limits::POLICY_BYTES_MAX;
use countersign::statement::Says;
use countersign::statement::break_glass::Drill;
use countersign::statement::words::{ApprovalVerdict, DecisionVerdict, Outcome};

use crate::case::{Case, edited, payload_text, signed};
use crate::samples;

fn embedded_digest() -> String {
    ContentDigest::of(&samples::provenance()).to_string()
}

/// What the rules of the shell and of each kind refuse.
#[expect(clippy::too_many_lines, reason = "one list of cases")]
pub(crate) fn rules() -> Vec<Case> {
    let approval = &samples::approval();
    let (governance, genesis) = (&samples::governance(), &samples::genesis());
    let declaration = &samples::declaration();
    let landed = &samples::landed();
    let withdrawal = &samples::verdict_on(ApprovalVerdict::Withdraw, 0x32);
    let artifact = &samples::artifact_approval();
    let (allow, deny) =
        (&samples::decision(DecisionVerdict::Allow), &samples::decision(DecisionVerdict::Deny));
    let started = &samples::deployment(Outcome::Started);
    let hash = |label: &str| samples::content(label).to_string();
    let ledger = format!("\"ledger\":\"{}\",", samples::entry(0).leaf);
    let base = format!("\"base\":\"{}\",", samples::entry(20).leaf);
    let subject = |label: &str| {
        format!("{{\"name\":\"change\",\"digest\":{{\"countersignChange1\":\"{}\"}}}}", hash(label))
    };
    let (first, second) = (subject("change 1"), subject("change 2"));
    let cover = format!(",\"cover\":\"{}\"", hash("cover"));
    let authors = format!(
        "\"authors\":[{{\"member\":\"ben\"}},{{\"member\":\"helper\"}},{{\"email\":\"{}\"}}]",
        encoding::hex(&samples::bytes("email guest"))
    );
    let withdraws =
        format!(",\"withdraws\":{{\"index\":35,\"leaf\":\"{}\"}}", samples::entry(35).leaf);
    let mut cases = vec![
        edited("type", "another statement type", approval, "Statement/v1", "Statement/v0.1"),
        edited(
            "kind",
            "an unknown kind",
            approval,
            "urn:countersign:approval:v1",
            "urn:countersign:approval:v2",
        ),
        edited(
            "no_ledger",
            "ATTACKS 6: every statement but entry 0 names its ledger",
            approval,
            &ledger,
            "",
        ),
        edited(
            "embedded_alone",
            "what is embedded is the file whose digest provenance is",
            &samples::build_embedded(),
            &format!("\"provenance\":\"{}\",", embedded_digest()),
            "",
        ),
        edited(
            "embedded_other",
            "what is embedded is the file whose digest provenance is",
            &samples::build_embedded(),
            &embedded_digest(),
            &hash("another provenance"),
        ),
        edited(
            "embedded_empty",
            "an embedded file has 1 to 24,576 bytes",
            &samples::build(),
            "\"}}",
            "\",\"embedded\":\"\"}}",
        ),
        edited(
            "embedded_too_large",
            "an embedded file has 1 to 24,576 bytes",
            &samples::build(),
            "\"}}",
            &format!("\",\"embedded\":\"{}\"}}}}", encoding::base64(&[0x7b; 24_577])),
        ),
        edited("seen_nothing", "seen.size is at least 1", approval, "\"size\":40", "\"size\":0"),
        edited(
            "wrong_subject",
            "the subjects follow from the predicate",
            approval,
            &first,
            &subject("change 3"),
        ),
        edited(
            "subject_order",
            "and have the order of the rows",
            approval,
            &format!("{first},{second}"),
            &format!("{second},{first}"),
        ),
        edited("subject_missing", "none is left out", approval, &format!("{first},"), ""),
        edited(
            "change_as_artifact",
            "ATTACKS 12: a change is never a bare sha256",
            approval,
            "countersignChange1",
            "sha256",
        ),
        edited(
            "two_digests",
            "one digest a subject",
            approval,
            "{\"countersignChange1\":",
            &format!("{{\"sha256\":\"{}\",\"countersignChange1\":", hash("x")),
        ),
        edited(
            "withdrawal_of_nothing",
            "ATTACKS 5: a withdrawal names its entry",
            withdrawal,
            &withdraws,
            "",
        ),
        edited(
            "approval_withdraws",
            "and only a withdrawal does",
            withdrawal,
            "\"withdraw\",",
            "\"approve\",",
        ),
        edited(
            "change_without_target",
            "ATTACKS 29: a change is approved for a branch",
            approval,
            ",\"target\":\"refs/heads/main\"",
            "",
        ),
        edited(
            "artifact_with_target",
            "an artifact is not",
            artifact,
            "\"shown\":",
            "\"target\":\"refs/heads/main\",\"shown\":",
        ),
        edited(
            "checklist_unsorted",
            "checklist answers are sorted by item",
            approval,
            "blast radius",
            "s blast radius",
        ),
        edited(
            "governance_without_base",
            "ATTACKS 18: governance is one chain",
            governance,
            &base,
            "",
        ),
        edited(
            "genesis_with_base",
            "entry 0 has none",
            genesis,
            "\"operations\"",
            &format!("{base}\"operations\""),
        ),
        edited(
            "genesis_with_ledger",
            "entry 0 names no ledger",
            genesis,
            "\"by\"",
            &format!("{ledger}\"by\""),
        ),
        edited("unknown_operation", "an unknown operation", governance, "retire_member", "promote"),
        edited(
            "admins_unsorted",
            "admins are sorted",
            genesis,
            "[\"ada\",\"ben\"]",
            "[\"ben\",\"ada\"]",
        ),
        edited("threshold_0", "a threshold of none", genesis, "\"threshold\":2", "\"threshold\":0"),
        edited(
            "threshold_3_of_2",
            "a threshold that nobody reaches",
            genesis,
            "\"threshold\":2",
            "\"threshold\":3",
        ),
        edited(
            "teams_unsorted",
            "teams are sorted",
            genesis,
            "[\"sre\",\"web/checkout\"]",
            "[\"web/checkout\",\"sre\"]",
        ),
        edited(
            "duty_twice",
            "no duty stands twice",
            genesis,
            "[\"review\",\"override\"]",
            "[\"review\",\"review\"]",
        ),
        edited(
            "retired_since",
            "since stands only with leaked",
            governance,
            "\"leaked\"",
            "\"retired\"",
        ),
        edited(
            "key_with_comment",
            "a public key has no comment",
            genesis,
            "\"}},{\"set_member\"",
            " ada\"}},{\"set_member\"",
        ),
        edited(
            "baseline_without_reason",
            "a replaced baseline says why",
            governance,
            "\"replaces\":12,",
            "",
        ),
        edited(
            "landed_with_assistance",
            "who says what landed declares nothing",
            landed,
            "\"step\":",
            "\"assistance\":\"none\",\"step\":",
        ),
        edited(
            "landed_step_null",
            "null is no absent member",
            landed,
            &format!("\"step\":\"{}\"", hash("step 1")),
            "\"step\":null",
        ),
        edited(
            "landed_without_target",
            "what lands, lands on a branch",
            landed,
            ",\"target\":\"refs/heads/main\"",
            "",
        ),
        edited("no_authors", "somebody wrote it", declaration, &authors, "\"authors\":[]"),
        edited(
            "empty_list",
            "an empty list is left out",
            declaration,
            "\"tools\":[\"Completer 3\",\"refactorer\"]",
            "\"tools\":[]",
        ),
        edited(
            "authors_unsorted",
            "members before addresses",
            declaration,
            "{\"member\":\"ben\"},{\"member\":\"helper\"}",
            "{\"member\":\"helper\"},{\"member\":\"ben\"}",
        ),
        edited(
            "tools_without_assistance",
            "ATTACKS q: tools are named where a machine helped",
            declaration,
            "\"generated\"",
            "\"none\"",
        ),
        edited(
            "assistance_undeclared",
            "ATTACKS q: undeclared is no word of a declaration",
            declaration,
            "\"generated\"",
            "\"undeclared\"",
        ),
        edited("allow_without_cover", "an allow names its cover", allow, &cover, ""),
        edited("allow_without_start", "an allow names its start", allow, "\"start\":12,", ""),
        edited("allow_with_reasons", "an allow has no reasons", deny, "\"deny\"", "\"allow\""),
        edited("deny_without_reasons", "a deny has some", allow, "\"allow\"", "\"deny\""),
        edited(
            "reasons_unsorted",
            "reasons are sorted",
            deny,
            "[\"NEEDS_LEVEL\",\"REJECTED\"]",
            "[\"REJECTED\",\"NEEDS_LEVEL\"]",
        ),
        edited(
            "start_of_a_start",
            "a beginning names no beginning",
            started,
            "\"decision\":",
            "\"started\":",
        ),
    ];
    cases.extend(overrides());
    cases.extend(counts());
    cases
}

/// ATTACKS 32: what an override is not, and where one may be named.
fn overrides() -> Vec<Case> {
    let glass = &samples::break_glass(None);
    let drill = &samples::break_glass(Some(Drill));
    let started = &samples::deployment(Outcome::Started);
    let decision = samples::id(&samples::decision(DecisionVerdict::Allow));
    let decision = format!("\"decision\":\"{decision}\"");
    let both = format!("{decision},\"overrides\":[\"{}\"]", samples::id(glass));
    let denied = &samples::overridden_decision();
    vec![
        edited(
            "override_25_hours",
            "no longer than a day",
            glass,
            "1795320000000",
            "1795395600000",
        ),
        edited("override_expired", "it expires later", glass, "1795320000000", "1795305600000"),
        edited("override_no_drill", "true or left out", drill, "\"drill\":true", "\"drill\":false"),
        edited(
            "override_without_end",
            "an override says when it expires",
            glass,
            "\"expires\":1795320000000,",
            "",
        ),
        edited("decision_and_overrides", "one or the other", started, &decision, &both),
        edited(
            "allow_with_overrides",
            "an allow needs none",
            denied,
            "\"verdict\":\"deny\"",
            "\"verdict\":\"allow\"",
        ),
    ]
}

/// Statements at and above what may stand in one list. They are written without this crate's own
/// check, which would refuse to make them.
fn counts() -> Vec<Case> {
    let approval_of = |count: u32| {
        let whole = payload_text(&samples::artifact_approval());
        let hash = samples::content("artifact").to_string();
        let other = |number: u32| samples::content(&format!("artifact {number}")).to_string();
        let subject = format!("{{\"name\":\"artifact\",\"digest\":{{\"sha256\":\"{hash}\"}}}}");
        let row = format!("{{\"hash\":\"{hash}\",\"service\":\"checkout\",\"shown\":\"none\"}}");
        let repeat = |part: &str| {
            let parts: Vec<_> = (0..count).map(|n| part.replace(&hash, &other(n))).collect();
            parts.join(",")
        };
        whole.replace(&subject, &repeat(&subject)).replace(&row, &repeat(&row)).into_bytes()
    };
    let twice = String::from_utf8(approval_of(2)).unwrap();
    let twice = twice.replace(
        &samples::content("artifact 1").to_string(),
        &samples::content("artifact 0").to_string(),
    );
    let refuse = "refuse statement";
    let mut policy = samples::governance();
    let Says::Governance(body) = &mut policy.says else { unreachable!("it is governance") };
    body.operations = vec![samples::policy("P")];
    let long = payload_text(&policy).replacen(
        "\"P\"",
        &format!("\"{}\"", "P".repeat(POLICY_BYTES_MAX + 1)),
        1,
    );
    let none = payload_text(&policy).replacen("{\"set_policy\":{\"text\":\"P\"}}", "", 1);
    vec![
        signed("statement_subjects_100", "accept", "100 subjects", approval_of(100)),
        signed("statement_subjects_101", refuse, "101 subjects", approval_of(101)),
        signed("statement_subjects_0", refuse, "no subject", approval_of(0)),
        signed("statement_subject_twice", refuse, "one subject twice", twice.into_bytes()),
        signed("statement_policy_too_long", refuse, "24 KiB and one byte", long.into_bytes()),
        signed("statement_no_operation", refuse, "no operation", none.into_bytes()),
    ]
}
