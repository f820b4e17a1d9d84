//! Reports in words, for the terminal and for pages.

use crate::audit::report::{
    AnswerReport, AuthorReport, Basis, BuiltReport, ChangeReport, DecisionReport, DeploymentReport,
    SignedReport, SinceKind, SinceReport,
};
use crate::base::time::Timestamp;
use crate::cli::desk::Names;
use crate::cli::said::commit;
use crate::cli::time::{date, span};
use crate::policy::{AssistanceSource, Standing};
use crate::statement::words::{Assistance, DecisionVerdict, Mode, Outcome};

/// `LIVE for 3 h`, and how it came to be.
pub(in crate::cli) fn state(report: &DeploymentReport, moment: Timestamp) -> String {
    if report.outcome == Outcome::Failed {
        return "FAILED".to_owned();
    }
    if !report.live {
        return "replaced since".to_owned();
    }
    let settled = match (report.settled, report.would_refuse) {
        (true, _) => "",
        (false, true) => ", WOULD REFUSE",
        (false, false) if report.overrides.is_empty() => ", not settled",
        (false, false) => ", by OVERRIDE",
    };
    format!("LIVE for {}{settled}", span(moment.since(report.time)))
}

/// What an artifact was built from, and by whose word.
pub(in crate::cli) fn artifact(names: &Names, built: &BuiltReport) -> String {
    let digest = built.artifact.short();
    if built.attested_by.is_empty() {
        return format!("sha256:{digest}..; nobody says what it was built from");
    }
    let by: Vec<_> = built
        .attested_by
        .iter()
        .map(|(member, entry)| format!("{} (entry {entry})", names.of(member)))
        .collect();
    format!("sha256:{digest}.., built from this commit: attested by {}", by.join(", "))
}

/// What the gate said, under which policy, and why.
pub(in crate::cli) fn gate(names: &Names, report: &DeploymentReport) -> String {
    let Some(decision) = &report.decision else {
        if !report.overrides.is_empty() {
            return "not asked: it went ahead by override, with no gate at hand".to_owned();
        }
        return "NOT ASKED: it names no decision, so it settles nothing".to_owned();
    };
    let refused = match (decision.verdict, decision.mode) {
        (DecisionVerdict::Allow, _) => "allowed".to_owned(),
        (DecisionVerdict::Deny, Mode::Observe) => "WOULD REFUSE (observed)".to_owned(),
        (DecisionVerdict::Deny, Mode::Enforce) if !report.overrides.is_empty() => {
            "DENIED, and overridden".to_owned()
        }
        (DecisionVerdict::Deny, Mode::Enforce) => "DENIED, and deployed all the same".to_owned(),
    };
    let mode = match decision.mode {
        Mode::Enforce => "enforced",
        Mode::Observe => "observed",
    };
    let policy =
        decision.policy.map_or_else(|| "policy".to_owned(), |number| format!("policy {number}"));
    let why: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
    format!(
        "{refused}, entry {} by {}, {policy}, {mode}{why}",
        decision.entry,
        names.of(&decision.by)
    )
}

/// What the decision rests on.
pub(in crate::cli) fn basis(names: &Names, basis: &Basis) -> String {
    match basis {
        Basis::Proved => "proved: judged again from ledger and repository".to_owned(),
        Basis::AttestedBy(by) => format!("attested by {}", names.of(by)),
    }
}

/// What may be deployed again.
pub(in crate::cli) fn back(report: &DeploymentReport) -> String {
    let Some(back) = &report.back else {
        return "nothing is settled before it: there is nothing to roll back to".to_owned();
    };
    let what = back.revision.as_ref().map_or_else(
        || format!("entry {}", back.entry),
        |revision| format!("{} ({})", back.entry, commit(revision)),
    );
    match (&back.why_not, &back.revision) {
        (None, Some(revision)) => {
            let command = format!("countersign gate --revision {}", commit(revision));
            let command = if back.judged {
                command
            } else {
                format!("if nothing of it was rejected since: {command} -n tells")
            };
            match back.artifacts.as_slice() {
                [] => format!("{what} may be redeployed: {command}"),
                [one] => format!("{what} may be redeployed: {command} --artifact sha256:{one}"),
                several => format!(
                    "{what} may be redeployed with its {} artifacts (--json): {command}",
                    several.len()
                ),
            }
        }
        (Some(why), _) => format!("{what} may not be redeployed: {why}"),
        (None, None) => what,
    }
}

/// Something that became known after a decision.
pub(in crate::cli) fn since(names: &Names, one: &SinceReport) -> String {
    let who = names.of(&one.member);
    let change = one.change.short();
    let sign_off = one.sign_off.map(|entry| format!("entry {entry}")).unwrap_or_default();
    let text = match one.kind {
        SinceKind::KeyLeaked => format!(
            "the key of {who} had leaked: the sign-off of {change} ({sign_off}) would not \
             count today"
        ),
        SinceKind::KeyRetired => {
            format!(
                "the key of {who} was revoked; the sign-off of {change} was before that, and \
                 stands"
            )
        }
        SinceKind::Withdrawn => format!("{who} withdrew {sign_off} of {change}"),
        SinceKind::Rejected => format!("{who} rejected {change}"),
        SinceKind::NoReviewDuty => {
            format!("{who}, who signed {change} ({sign_off}), may no longer review")
        }
    };
    match one.kind {
        SinceKind::NoReviewDuty => text,
        _ => format!("entry {}: {text}", one.entry),
    }
}

/// What a decision that denied said.
pub(in crate::cli) fn not_signed_off(decision: &DecisionReport) -> String {
    let policy = decision.policy.map_or_else(String::new, |number| format!(" {number}"));
    let why: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
    format!("What it brought was not signed off as policy{policy} asks: {}", why.join(", "))
}

/// An answer to the checklist, or a comment.
pub(in crate::cli) fn said(said: &AnswerReport) -> String {
    let text = said.text.as_deref().unwrap_or("(withheld)");
    match &said.item {
        Some(item) => format!("{item}: {text}"),
        None => format!("comment: {text}"),
    }
}

/// Who wrote a change, each with level and how that is known.
pub(in crate::cli) fn writers(names: &Names, change: &ChangeReport) -> Vec<String> {
    let one = |author: &AuthorReport| {
        let name = author.member.as_ref().map_or_else(|| author.label.clone(), |id| names.of(id));
        let level = author.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
        let standing = match author.standing {
            Some(Standing::Proved) => " (proved)",
            Some(Standing::Attested) => " (attested)",
            Some(Standing::Claimed) => " (claimed by the commit)",
            None => "",
        };
        format!("{name}{level}{standing}")
    };
    change.authors.iter().map(one).collect()
}

/// How much of a change a machine wrote, and who says so.
pub(in crate::cli) fn assistance(names: &Names, change: &ChangeReport) -> String {
    let declared: Vec<_> = change
        .declared
        .iter()
        .map(|declared| {
            let tools: Vec<_> = declared.tools.iter().map(ToString::to_string).collect();
            let tools =
                if tools.is_empty() { String::new() } else { format!(" ({})", tools.join(", ")) };
            // Where it is the author's own word, the author is named already.
            let own =
                change.authors.iter().any(|author| author.member.as_ref() == Some(&declared.by));
            let by = if own { String::new() } else { format!(" by {}", names.of(&declared.by)) };
            format!("{}{tools}, declared{by}", declared.assistance)
        })
        .collect();
    match (change.assistance, declared.as_slice()) {
        (Some((assistance, AssistanceSource::Default)), _) => {
            format!("{assistance}, for nobody declared it")
        }
        (Some((assistance, AssistanceSource::Declared)), [one, ..])
            if one.starts_with(assistance.as_str()) =>
        {
            one.clone()
        }
        (Some((assistance, AssistanceSource::Detected)), _) => {
            format!("{assistance}, by marks in the commits")
        }
        (Some((assistance, _)), _) => assistance.to_string(),
        (None, []) => "not declared".to_owned(),
        (None, declared) => declared.join("; "),
    }
}

/// `Ben Ito, mid (proved); AI: none, declared`.
pub(super) fn authors(names: &Names, change: &ChangeReport) -> String {
    let mut writers = writers(names, change);
    if writers.is_empty() {
        writers.push("not known here".to_owned());
    }
    format!("{}; AI: {}", writers.join(", "), assistance(names, change))
}

/// `Ada Ruiz, senior, touch claimed, 22 Nov 2026 09:12 UTC, entry 9, exact`.
pub(in crate::cli) fn sign_off(names: &Names, signed: &SignedReport) -> String {
    let level = signed.level.as_ref().map(|level| format!(", {level}")).unwrap_or_default();
    let touch = match signed.presence {
        "no_touch" => "",
        "touch_claimed" => ", touch claimed",
        _ => ", touch and PIN claimed",
    };
    let matched = signed.carried_from.map(|from| format!("carried from {}", from.short()));
    let matched = matched.unwrap_or_else(|| "exact".to_owned());
    let name = names.of(&signed.member);
    format!("{name}{level}{touch}, {}, entry {}, {matched}", date(signed.time), signed.entry)
}

/// Whether a machine had a part in it.
pub(in crate::cli) fn is_assisted(change: &ChangeReport) -> bool {
    let declared = change.declared.iter().map(|declared| declared.assistance).max();
    let counted = change.assistance.map(|(assistance, _)| assistance).or(declared);
    counted.is_some_and(|assistance| assistance != Assistance::None)
}
