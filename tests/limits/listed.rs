//! No limit is without a test: what is tried elsewhere, by name, and the check that it is there.

use std::path::{Path, PathBuf};

/// Limits that have their test in another file, which names them: its path, and the test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("LEAF_BYTES_MAX", "src/ledger/leaf.rs", "the_largest_leaf_fits_an_entry_bundle"),
    ("ENVELOPE_BYTES_MAX", "tests/ledger/behaviour.rs", "appends_and_receipts"),
    ("PROVENANCE_BYTES_MAX", "src/statement/provenance_tests.rs", "a_provenance_has_so_many_bytes"),
    ("FREE_TEXT_BYTES_MAX", "src/statement/commitment.rs", "a_commitment_binds_salt_and_text"),
    ("PARCELS_MAX", "tests/inbox.rs", "parcels_beyond_the_limit_wait_for_the_next_run"),
    ("REFERENCES_BYTES_MAX", "tests/inbox.rs", "a_list_of_references_is_bounded"),
    ("ANSWER_DAYS_MAX", "tests/inbox.rs", "answers_are_kept_for_a_month"),
    ("URL_BYTES_MAX", "src/config/file.rs", "a_url_has_so_many_bytes"),
    ("ROSTER_ROWS_MAX", "src/cli/commands/roster/csv.rs", "so_many_rows_are_read"),
    ("CASES_BYTES_MAX", "src/policy/cases_tests.rs", "a_file_of_cases_has_its_limits"),
    ("CASES_MAX", "src/policy/cases_tests.rs", "a_file_of_cases_has_its_limits"),
    ("PATTERN_BYTES_MAX", "src/policy/pattern_tests.rs", "other_pattern_languages_are_refused"),
    ("PATH_BYTES_MAX", "src/change/path.rs", "path_refuses_what_no_tree_may_hold"),
    ("BLOB_BYTES_MAX", "tests/git/histories.rs", "the_largest_blob_is_read_and_none_above_it"),
    ("COMMIT_BYTES_MAX", "src/change/commit.rs", "a_commit_has_so_many_bytes"),
    ("COMMIT_AUTHORS_MAX", "src/change/commit.rs", "so_many_authors_of_a_commit_are_read"),
    ("MIRROR_STEP_ENTRIES", "tests/keep/mirror.rs", "a_step_of_a_mirror_copies_so_many_entries"),
    ("CHECK_FINDINGS_MAX", "tests/keep/check.rs", "findings_of_a_check_are_bounded"),
    (
        "CHECK_RECENT_FILES_MAX",
        "src/session/references.rs",
        "so_many_files_are_remembered_and_then_none",
    ),
    (
        "CHECK_RECENT_ROOTS_MAX",
        "src/session/check/walk.rs",
        "so_many_roots_are_kept_and_no_older_one",
    ),
    ("SEGMENT_STEPS_MAX", "tests/verdict/landings.rs", "a_run_of_33_steps_is_no_segment"),
    (
        "KEY_FILE_ROUNDS_MAX",
        "tests/keys/files.rs",
        "too_many_rounds_are_refused_before_they_are_run",
    ),
    ("AGENT_FRAME_BYTES_MAX", "src/signer/agent.rs", "a_list_of_so_many_keys_and_bytes_is_read"),
    ("AGENT_KEYS_MAX", "src/signer/agent.rs", "a_list_of_so_many_keys_and_bytes_is_read"),
    ("READABLE_LINES_MAX", "src/change/facts.rs", "attack_20_what_nobody_reads_is_opaque"),
    ("READABLE_BYTES_MAX", "src/change/facts.rs", "attack_20_what_nobody_reads_is_opaque"),
    (
        "HOLDERS_REMEMBERED_MILLISECONDS",
        "tests/verdict/glass.rs",
        "attack_32_holders_of_the_month_before_count",
    ),
    (
        "OVERRIDE_AHEAD_MILLISECONDS_MAX",
        "tests/verdict/glass.rs",
        "attack_32_a_late_override_is_owed_from_its_own_time",
    ),
    ("CARRY_SEARCHES_MAX", "src/evidence/carried/pair.rs", "so_many_certificates_are_looked_for"),
    (
        "CARRY_SEARCHES_FAILED_MAX",
        "src/evidence/carried/pair.rs",
        "so_many_certificates_are_looked_for_in_vain",
    ),
    (
        "CARRY_CERTIFICATE_BYTES_MAX",
        "src/change/carry/tests.rs",
        "a_certificate_has_at_most_so_many_bytes",
    ),
    ("CARRY_FILE_BYTES_MAX", "src/change/carry/tests.rs", "a_file_above_the_limit_is_not_hashed"),
    (
        "CARRY_BYTES_MAX",
        "src/change/carry/tests.rs",
        "the_files_of_a_certificate_are_hashed_up_to_a_sum",
    ),
    (
        "CARRY_PATHS_MAX",
        "src/change/carry/tests.rs",
        "a_certificate_has_at_most_so_many_files_and_edits",
    ),
    (
        "CARRY_EDITS_MAX",
        "src/change/carry/tests.rs",
        "a_certificate_has_at_most_so_many_files_and_edits",
    ),
    ("HTTP_HEAD_BYTES_MAX", "tests/http/main.rs", "heads_have_their_limits"),
    ("HTTP_HEAD_LINES_MAX", "tests/http/main.rs", "heads_have_their_limits"),
    ("WITNESS_WAIT_MILLISECONDS", "tests/witness/gather.rs", "a_witness_is_waited_for_so_long"),
    (
        "WITNESS_WAIT_AFTER_MILLISECONDS",
        "tests/witness/gather.rs",
        "a_witness_is_waited_for_so_long",
    ),
    ("OBSERVED_DEPLOYMENTS_MAX", "tests/pipeline/observed.rs", "only_the_newest_deployments_count"),
    ("SERVER_FILES_KEPT", "src/cli/commands/serve.rs", "connections_leave_handles_for_files"),
    ("REQUEST_BYTES_MAX", "tests/serve/faults.rs", "too_much_is_refused_in_bounded_memory"),
    ("QUESTION_BYTES_MAX", "tests/serve/asking.rs", "the_server_decides_with_its_own_key"),
    ("SERVER_BYTES_MAX", "src/server/content.rs", "room_is_bounded_and_given_back"),
    ("COMMITS_WAITING_MAX", "src/server/commit.rs", "so_many_requests_wait_and_no_more"),
    ("ALARM_ENTRIES_MAX", "tests/monitor/alarms.rs", "what_a_leaked_key_had_signed_is_told"),
    ("ALARMS_WAITING_MAX", "tests/monitor/hook.rs", "what_waits_is_bounded"),
    ("ALARMS_SENT_AT_ONCE_MAX", "tests/monitor/hook.rs", "what_waits_is_bounded"),
    ("WEBHOOK_WAIT_MILLISECONDS", "tests/monitor/hook.rs", "a_webhook_is_waited_for_so_long"),
    ("WEBHOOK_ANSWER_BYTES_MAX", "tests/monitor/hook.rs", "an_answer_of_the_webhook_is_bounded"),
    ("TOKEN_BYTES_MAX", "src/config/remote.rs", "a_token_is_one_line_of_signs"),
    ("REQUEST_STATEMENTS_MAX", "tests/serve/handing.rs", "requests_that_are_none_are_refused"),
    (
        "CLIENT_FILES_UNASKED_BYTES",
        "tests/remote/copies.rs",
        "large_files_are_handed_in_where_they_are_wanted",
    ),
    ("COPY_PARTS_WAITING_MAX", "src/session/shown.rs", "so_many_parts_wait"),
    ("COPY_ENTRIES_AT_ONCE", "src/session/shown.rs", "a_part_has_so_many_entries"),
    ("SPOOLED_MAX", "src/session/spool.rs", "so_many_files_are_looked_at_the_oldest_first"),
    ("SPOOLED_BYTES_MAX", "src/session/spool.rs", "as_much_waits_as_is_read_again"),
    ("BUNDLES_KEPT_MAX", "src/cli/commands/gate.rs", "the_newest_bundles_are_kept"),
];

/// Limits that callers hand to what they bound: the test hands it another, for this one would take
/// too long to reach.
const HANDED_OVER: &[(&str, &str, &str)] = &[
    ("AGENT_LIST_MILLISECONDS_MAX", "src/signer/agent.rs", "a_silent_agent_times_out"),
    ("AGENT_SIGN_MILLISECONDS_MAX", "src/signer/agent.rs", "a_silent_agent_times_out"),
    ("CARRY_OPEN_ENTRIES_MAX", "tests/ledger/behaviour.rs", "reads_what_it_wrote"),
    (
        "LOCK_WAIT_MILLISECONDS_MAX",
        "src/store/lock.rs",
        "a_second_taker_is_told_who_holds_the_lock",
    ),
    (
        "STORE_TAIL_VALUES_MAX",
        "tests/crash/anew.rs",
        "a_long_log_is_opened_anew_and_a_short_one_is_not",
    ),
    (
        "STORE_TAIL_VALUES_IDLE",
        "tests/crash/anew.rs",
        "a_quiet_moment_is_used_where_it_is_worth_it",
    ),
    (
        "MEMBER_STATEMENTS_PER_MINUTE",
        "tests/serve/access.rs",
        "a_member_hands_in_at_a_rate_and_takes_nobody_elses",
    ),
    ("STRANGER_STATEMENTS_PER_MINUTE", "src/server/rate.rs", "a_minute_ahead_is_given_and_no_more"),
];

/// Limits of a file that is read whole by one of the bounded readers, which are tried in
/// `files_are_read_within_their_limits`.
const READERS: &[&str] = &[
    "OPENINGS_BYTES_MAX",
    "ROSTER_FILE_BYTES_MAX",
    "ALLOWED_SIGNERS_BYTES_MAX",
    "EVENT_BYTES_MAX",
    "VIEW_FILE_BYTES_MAX",
    "PENDING_BYTES_MAX",
    "BUNDLE_BYTES_MAX",
    "OPENING_FILE_BYTES_MAX",
    "MONITOR_FILE_BYTES_MAX",
];

/// Limits whose test stands in this file's neighbours.
fn here() -> Vec<&'static str> {
    [
        crate::HERE,
        crate::histories::HERE,
        crate::keys::HERE,
        crate::large::HERE,
        crate::ledger::HERE,
        crate::network::HERE,
        crate::notes::HERE,
        crate::policies::HERE,
        crate::statements::HERE,
    ]
    .concat()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Whether a text has a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .any(|word| word == name)
}

/// The text of a function, down to the bracket that stands below its beginning.
fn function<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let begins = [format!("fn {name}("), format!("fn {name}<")];
    let at = begins.iter().find_map(|begin| text.find(begin))?;
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent = text[line..].len() - text[line..].trim_start().len();
    let end = text[at..].find(&format!("\n{}}}\n", " ".repeat(indent)))?;
    Some(&text[at..at + end])
}

/// A new limit comes with its reason and a test, here or elsewhere; and what is listed is there.
#[test]
fn every_limit_has_its_test_and_its_reason() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| std::fs::read_to_string(top.join(path)).unwrap();
    let limits = read(Path::new("src/base/limits.rs"));
    let elsewhere = || ELSEWHERE.iter().chain(HANDED_OVER);
    let mut listed = here();
    listed.extend(READERS);
    listed.extend(elsewhere().map(|(limit, ..)| *limit));
    let mut complaints = Vec::new();
    let mut before = "";
    for line in limits.lines() {
        if let Some(rest) = line.strip_prefix("pub const ") {
            let name = rest.split(':').next().unwrap();
            match listed.iter().filter(|limit| **limit == name).count() {
                0 => complaints.push(format!("{name} has no test: write one just below and above")),
                1 => {}
                _ => complaints.push(format!("{name} is listed twice")),
            }
            if !before.starts_with("///") {
                complaints.push(format!("{name} gives no reason"));
            }
        }
        before = line;
    }
    for limit in &listed {
        if !limits.contains(&format!("pub const {limit}:")) {
            complaints.push(format!("there is no limit {limit}"));
        }
    }
    for (limit, place, test) in elsewhere() {
        let text = read(Path::new(place));
        let is_named =
            |body| HANDED_OVER.iter().any(|(one, ..)| one == limit) || names(body, limit);
        if !function(&text, test).is_some_and(is_named) {
            complaints.push(format!("{test} in {place} does not test {limit} any more"));
        }
    }
    let mut found = Vec::new();
    sources(&top.join("src"), &mut found);
    let texts: Vec<_> = found.iter().map(|path| read(path)).collect();
    for limit in READERS {
        let ends = [format!(", {limit})"), format!(",\n    {limit})")];
        if !texts.iter().any(|text| ends.iter().any(|end| text.contains(end))) {
            complaints.push(format!("nothing reads a file within {limit} any more"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
