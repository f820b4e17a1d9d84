//! Every limit of the system, in one place. Each is checked before anything is allocated for it.

use super::time::Span;

/// Largest integer in anything signed: 2^53 - 1, the largest that every JSON reader keeps exactly.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Deepest nesting of objects and arrays in anything signed.
pub const JSON_DEPTH_MAX: usize = 16;
/// Largest leaf of the ledger in bytes: entry bundles frame entries with 16 bits (tlog-tiles).
pub const LEAF_BYTES_MAX: usize = 65_535;
/// Largest signed payload in bytes: 40 KiB, whose base64 leaves room in a leaf for signatures.
pub const PAYLOAD_BYTES_MAX: usize = 40 * 1024;
/// Largest envelope handed in, in bytes: a leaf's worth, and as much again for white space.
pub const ENVELOPE_BYTES_MAX: usize = 2 * LEAF_BYTES_MAX;
/// Most signatures of one envelope; only governance may have more than one.
pub const SIGNATURES_MAX: usize = 64;
/// Most subjects of one approval: a morning's queue, still readable before it is signed.
pub const SUBJECTS_MAX: usize = 100;
/// Most operations of one governance statement.
pub const OPERATIONS_MAX: usize = 500;
/// Most authors, teams, duties, tools or checklist items in one list of a statement.
pub const LIST_ITEMS_MAX: usize = 100;
/// Longest opaque name (member id, service, team, tool, checklist item) in bytes.
pub const NAME_BYTES_MAX: usize = 100;
/// Longest full reference name in bytes.
pub const REFERENCE_BYTES_MAX: usize = 255;
/// Longest URI of a repository or an artifact in bytes.
pub const URI_BYTES_MAX: usize = 1_024;
/// Longest URL of a server, a witness or a remote in bytes: what browsers and proxies take.
pub const URL_BYTES_MAX: usize = 2_048;
/// Largest provenance of a build that is read, in bytes: a build of thousands of artifacts.
pub const PROVENANCE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest provenance that stands in the statement itself, in bytes: its base64 leaves room for the
/// rest of a payload. Those of hosted builders have some 10 KiB.
pub const PROVENANCE_EMBEDDED_BYTES_MAX: usize = 24 * 1024;
/// Largest summary for readers of SLSA in bytes: it names each entry of a large release.
pub const SUMMARY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most dependencies or artifacts of a provenance that a message tells.
pub const PROVENANCE_TOLD_MAX: usize = 5;
/// Longest free text (comment, reason, checklist answer) in bytes, before it is salted and hashed.
pub const FREE_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Most parcels of an inbox that are taken up at once (`spec/inbox.md`): one batch, and a run of
/// git that ends within seconds. What is beyond waits for the next time.
pub const PARCELS_MAX: usize = 256;
/// Largest list of references of an inbox that is read, in bytes: 20,000 parcels.
pub const REFERENCES_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Largest answer of an inbox in bytes: a receipt with its leaf as base64, and some room.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Longest time that an answer of an inbox is kept, in days.
pub const ANSWER_DAYS_MAX: u64 = 30;
/// Largest file of the openings beside one statement, in bytes: those of [`OPERATIONS_MAX`]
/// operations, their texts escaped.
pub const OPENINGS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest policy text in bytes: it is signed whole.
pub const POLICY_BYTES_MAX: usize = 24 * 1024;
/// Longest verifier key of a ledger in a statement, in bytes.
pub const LEDGER_KEY_BYTES_MAX: usize = 255;
/// Most rules of one policy.
pub const RULES_MAX: usize = 500;
/// Most levels of one policy.
pub const LEVELS_MAX: usize = 20;
/// Most people that one rule asks for, over all its `require` items.
pub const RULE_PEOPLE_MAX: u32 = 100;
/// Largest file of cases for a policy, in bytes.
pub const CASES_BYTES_MAX: usize = 512 * 1024;
/// Most cases of one file.
pub const CASES_MAX: usize = 2_000;
/// Most dots in one line of a policy text: so deep, at most, a key nests tables.
pub const LINE_DOTS_MAX: usize = 1_000;
/// Most unchanged lines that a policy can want around a carried edit.
pub const CARRY_GAP_LINES_MAX: u32 = 1_000;
/// The longest that an override may last, whatever a policy says: a day.
pub const OVERRIDE_SPAN_MAX: Span = Span::from_milliseconds(86_400_000);
/// Most mistakes that are told of one policy text.
pub const POLICY_MISTAKES_MAX: usize = 100;
/// Longest path pattern in bytes; matching is quadratic in the number of its segments.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// Most rows of one change document.
pub const DOCUMENT_ROWS_MAX: usize = 1_000_000;
/// Largest change document in bytes: 256 MiB.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longest path in a tree in bytes (Linux's `PATH_MAX`; git checks out nothing longer).
pub const PATH_BYTES_MAX: usize = 4_096;
/// Deepest folder in a tree.
pub const TREE_DEPTH_MAX: usize = 1_024;
/// Largest blob that is read into memory: 256 MiB. Above it a blob is streamed or refused.
pub const BLOB_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest commit object that is read, in bytes.
pub const COMMIT_BYTES_MAX: usize = 1024 * 1024;
/// Most authors that are read from one commit's author line and trailers.
pub const COMMIT_AUTHORS_MAX: usize = 1_000;
/// Most steps of one chain.
pub const CHAIN_STEPS_MAX: usize = 100_000;
/// Largest file of the side store in bytes.
pub const SIDE_BLOB_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;
/// Largest signed note in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Most signature lines of one note.
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// Longest name of a note key, and longest origin of a log, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// Largest receipt (tlog-proof) in bytes: a note, an inclusion proof, and a leaf in base64.
pub const RECEIPT_BYTES_MAX: usize = NOTE_BYTES_MAX + 96 * 1024;
/// Largest consistency proof (tlog-witness) in bytes: a note and the hashes.
pub const CONSISTENCY_BYTES_MAX: usize = NOTE_BYTES_MAX + 4 * 1024;
/// Largest evidence of a fork in bytes: two notes, a root and the hashes.
pub const FORK_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX + 4 * 1024;
/// Most lines of hashes in a file of a proof: what a witness takes, and a tree of 2^53 leaves needs
/// fewer.
pub const PROOF_LINES_MAX: usize = 63;
/// Most witnesses of one trust root: C2SP tlog-policy asks for room for 32.
pub const WITNESSES_MAX: usize = 32;
/// Most groups of witnesses of one trust root.
pub const WITNESS_GROUPS_MAX: usize = 32;
/// Most leaves that one page of a store holds.
pub const PAGE_LEAVES_MAX: usize = 1_024;
/// Entries whose files one step of a mirror or backup copies, and how many bytes of the log it
/// writes: the ledger is held for so long, and others wait for it no longer.
pub const MIRROR_STEP_ENTRIES: u64 = 1_024;
/// The bytes of one such step.
pub const MIRROR_STEP_BYTES: usize = 16 * 1024 * 1024;
/// Largest bundle of entries in bytes: 256 entries of the largest size, each behind its length.
pub const ENTRY_BUNDLE_BYTES_MAX: usize = 256 * (LEAF_BYTES_MAX + 2);
/// Largest file of one opening in bytes: JSON escapes may grow a text sixfold.
pub const OPENING_FILE_BYTES_MAX: usize = 6 * FREE_TEXT_BYTES_MAX + 1_024;
/// Largest manifest of a backup in bytes: some 30 million files. It is never held in memory.
pub const BACKUP_MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Most findings that one check of a ledger lists; what is beyond is counted. The first is what
/// helps.
pub const CHECK_FINDINGS_MAX: usize = 1_000;
/// Files of the side store that a check remembers to have looked at; after that many it forgets
/// them, and reads a file again where it is named again.
pub const CHECK_RECENT_FILES_MAX: usize = 65_536;
/// Roots of the newest trees that a check keeps: what a signer had seen is mostly among them.
pub const CHECK_RECENT_ROOTS_MAX: usize = 4_096;
/// Largest value in the embedded store, in bytes: larger ones reach files that it never syncs.
pub const STORE_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Values that are written to the embedded store before it is opened anew, some 150,000 entries:
/// the next opening reads its log from there on, and is to take no more than some two seconds
/// longer for it. As long nothing is appended.
pub const STORE_TAIL_VALUES_MAX: u64 = 1_000_000;
/// Values after which it is worth it when nobody waits, some 6,000 entries.
pub const STORE_TAIL_VALUES_IDLE: u64 = 40_000;
/// Most entries of one commit of the ledger.
pub const COMMIT_ENTRIES_MAX: usize = 4_096;
/// Most entries that the ledger holds: indexes stay exact JSON integers by far.
pub const ENTRIES_MAX: u64 = 1 << 40;
/// A leaf time this far ahead of the entry before wants a governance confirmation: 31 days.
pub const TIME_JUMP_MILLISECONDS_MAX: u64 = 31 * 24 * 3_600 * 1_000;
/// How long a command waits for the ledger's lock before it gives up, in milliseconds.
pub const LOCK_WAIT_MILLISECONDS_MAX: u64 = 10_000;
/// Longest segment of consecutive steps that is judged as one change, unless it is the whole chain.
pub const SEGMENT_STEPS_MAX: usize = 32;
/// Largest roster file or table of people in bytes: some 20,000 members.
pub const ROSTER_FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most rows of a table of people that is imported at once.
pub const ROSTER_ROWS_MAX: usize = 50_000;
/// Largest list of allowed signers that is read for a new ledger, in bytes: some 8,000 keys.
pub const ALLOWED_SIGNERS_BYTES_MAX: usize = 1024 * 1024;
/// Largest trust root or settings file in bytes.
pub const SETTINGS_BYTES_MAX: usize = 64 * 1024;
/// Largest key file in bytes.
pub const KEY_FILE_BYTES_MAX: usize = 64 * 1024;
/// Most rounds of bcrypt that a key file may ask for: 10,000 are about two minutes.
pub const KEY_FILE_ROUNDS_MAX: u32 = 10_000;
/// Longest line of a public key in bytes, comment included: room to name an RSA key of any size.
pub const PUBLIC_KEY_LINE_BYTES_MAX: usize = 16 * 1024;
/// Longest application of a FIDO security key in bytes.
pub const APPLICATION_BYTES_MAX: usize = 255;
/// Largest message of an SSH agent in bytes, in either direction (OpenSSH's own limit).
pub const AGENT_FRAME_BYTES_MAX: usize = 256 * 1024;
/// Most keys that are read from an SSH agent's list (OpenSSH's own limit).
pub const AGENT_KEYS_MAX: usize = 2_048;
/// How long an SSH agent may take to list its keys, in milliseconds.
pub const AGENT_LIST_MILLISECONDS_MAX: u64 = 10_000;
/// How long an SSH agent may take to sign, in milliseconds: a person finds the key and touches it.
pub const AGENT_SIGN_MILLISECONDS_MAX: u64 = 90_000;
/// A text file of more lines than this is opaque: nobody reads it.
pub const READABLE_LINES_MAX: usize = 10_000;
/// A text file of more bytes than this is opaque, however few its lines are: 1 MiB.
pub const READABLE_BYTES_MAX: u64 = 1024 * 1024;
/// Largest tree object that is read, in bytes: some 400,000 entries in one folder.
pub const TREE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest that an override may last, in milliseconds: a day. The policy may ask for less.
pub const OVERRIDE_MILLISECONDS_MAX: u64 = 86_400_000;
/// Whoever had the duty to override so long before a debt counts among those who must agree while
/// it is overdue: 30 days, so that nobody makes it easier by retiring the others first.
pub const HOLDERS_REMEMBERED_MILLISECONDS: u64 = 30 * 86_400_000;
/// How far ahead of the ledger's clock the claimed time of an override may lie, in milliseconds:
/// laptops are late or early by minutes.
pub const OVERRIDE_AHEAD_MILLISECONDS_MAX: u64 = 300_000;
/// Largest file in which a pipeline tells what started it, in bytes: GitHub sends at most 25 MB.
pub const EVENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most parents of one commit.
pub const COMMIT_PARENTS_MAX: usize = 1_000;
/// Most commits that one step may bring in.
pub const STEP_COMMITS_MAX: usize = 100_000;
/// Largest file of a remembered view, in bytes: 5,000 members with long histories are far below.
pub const VIEW_FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest file of a ledger that is about to begin, in bytes: the profiles of its first people.
pub const PENDING_BYTES_MAX: usize = 1024 * 1024;
/// Most entries, the newest of a repository, in which approvals are looked for that could be
/// carried.
pub const CARRY_OPEN_ENTRIES_MAX: usize = 2_000;
/// Most certificates that are looked for, found or not, for one verdict.
pub const CARRY_SEARCHES_MAX: usize = 2_000;
/// Most certificates that are looked for in vain for one verdict: those take longest.
pub const CARRY_SEARCHES_FAILED_MAX: usize = 200;
/// Largest certificate of a carried sign-off, in bytes: it holds what was inserted, and both sides
/// of a lock file rewritten whole are a few MiB.
pub const CARRY_CERTIFICATE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest file whose edits are carried, in bytes: the largest lock files are some MiB.
pub const CARRY_FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest sum of the files of one certificate, in bytes: a checker hashes each four times.
pub const CARRY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most paths of one certificate: files that a change and main both edited.
pub const CARRY_PATHS_MAX: usize = 10_000;
/// Most edits of one certificate, over all its paths: each takes at least 8 bytes to write.
pub const CARRY_EDITS_MAX: usize = 1_000_000;
/// Longest head of an HTTP message, in bytes: a URL and a handful of lines.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most lines in the head of an HTTP request.
pub const HTTP_HEAD_LINES_MAX: usize = 64;
/// Largest bundle in bytes: what an auditor's mail still takes, and a release's objects.
pub const BUNDLE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most entries of a bundle: as many as a verdict on the longest chain may rest on.
pub const BUNDLE_ENTRIES_MAX: usize = 100_000;
/// Most blobs of a bundle, and most git objects: two sides of each path of a large release.
pub const BUNDLE_PARTS_MAX: usize = 200_000;
/// How long witnesses are waited for when a command has answered, in milliseconds: one that is well
/// answers in a fraction of it, and no more of a pipeline's time is spent on others.
pub const WITNESS_WAIT_AFTER_MILLISECONDS: u64 = 1_000;
/// How long each witness is waited for where somebody asks for cosignatures, in milliseconds.
pub const WITNESS_WAIT_MILLISECONDS: u64 = 10_000;
/// Most connections of a witness at a time: ledgers ask it rarely, and one answer takes some
/// milliseconds.
pub const WITNESS_CONNECTIONS_MAX: usize = 64;
/// Most deployments of a place that are looked at to tell what would have been refused: the newest,
/// a month of working days; what is older says little of today.
pub const OBSERVED_DEPLOYMENTS_MAX: usize = 20;
/// Most connections of a server at a time: a team, its pipelines and its monitors, each with a
/// connection or two, and far below the file handles that a process may have.
pub const SERVER_CONNECTIONS_MAX: usize = 4_096;
/// File handles that a server keeps from connections, for the files that it serves, writes, and
/// reads of its clones: where there are few handles it has fewer connections.
pub const SERVER_FILES_KEPT: u64 = 512;
/// Largest content of a request that hands statements in, in bytes: they, their words, and the
/// documents of large changes.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest content of a request that only asks a server something, in bytes: names and digests.
pub const QUESTION_BYTES_MAX: usize = 64 * 1024;
/// Most bytes that a server holds of all requests and files on their way, together: what is above
/// is asked to come again.
pub const SERVER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most requests that wait for the next commit: some seconds of work.
pub const COMMITS_WAITING_MAX: usize = 4_096;
/// How many new statements of one member a server takes in a minute, unless settings say another
/// number: a pipeline that signs ten a second is broken.
pub const MEMBER_STATEMENTS_PER_MINUTE: u32 = 600;
/// How many statements a server judges in a minute that are of nobody, or known already: each
/// costs it some work, and nobody answers for it.
pub const STRANGER_STATEMENTS_PER_MINUTE: u32 = 6_000;
/// Most entries that an alarm of a monitor lists; what is beyond is counted.
pub const ALARM_ENTRIES_MAX: usize = 100;
/// Most alarms that wait for a webhook: an outage of it costs so many lines, and no more.
pub const ALARMS_WAITING_MAX: usize = 1_000;
/// Most alarms that are handed to a webhook in one round, so that the ledger is looked at between.
pub const ALARMS_SENT_AT_ONCE_MAX: usize = 100;
/// Largest file of what a monitor remembers, in bytes: those alarms, each with a fork's evidence.
pub const MONITOR_FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long a webhook is waited for at each try, in milliseconds.
pub const WEBHOOK_WAIT_MILLISECONDS: u64 = 10_000;
/// Most bytes that are read of what a webhook answers: only its status counts.
pub const WEBHOOK_ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// How long a monitor waits for each file of what it follows, in milliseconds: the largest bundle
/// over a slow line.
pub const MONITOR_WAIT_MILLISECONDS: u64 = 30_000;
/// Longest token of a server's reader in bytes: ours have 43 characters; others' are longer.
pub const TOKEN_BYTES_MAX: usize = 256;
/// How long a client waits for a whole answer of a ledger's server, in milliseconds: a bundle of
/// the largest entries over a slow line, or a commit behind many others.
pub const CLIENT_WAIT_MILLISECONDS: u64 = 30_000;
/// How long a client waits for each answer of a ledger's server where it can do without, in
/// milliseconds: a bundle is at hand.
pub const CLIENT_BRIEF_WAIT_MILLISECONDS: u64 = 5_000;
/// Largest answer of a ledger's server that a client reads, in bytes: a file of the side store.
pub const CLIENT_ANSWER_BYTES_MAX: usize = SIDE_BLOB_BYTES_MAX;
/// Most statements that are handed to a server in one request.
pub const REQUEST_STATEMENTS_MAX: usize = 256;
/// Bytes of files that a client hands in without asking which of them the server has.
pub const CLIENT_FILES_UNASKED_BYTES: usize = 256 * 1024;
/// Most entries that a copy of a ledger takes up at once: some 8 MB of memory, and what is fetched
/// again after a download that was broken off.
pub const COPY_ENTRIES_AT_ONCE: u64 = 4_096;
/// Most such parts that wait in memory, some 130 MB, so that a copy goes from one checkpoint to the
/// next in one step: what is further behind goes through parts without one.
pub const COPY_PARTS_WAITING_MAX: usize = 16;
/// Most files of statements that wait for their ledger that are looked at, the oldest first: what
/// is beyond waits for the next time.
pub const SPOOLED_MAX: usize = 1_000;
/// Largest of them in bytes: a request with the documents of a large change.
pub const SPOOLED_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Most bundles that a gate keeps for when its ledger is away: what lately was deployed by it.
pub const BUNDLES_KEPT_MAX: usize = 64;
