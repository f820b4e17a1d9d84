//! GitLab: what is wrong as a Code Quality report, which a merge request shows.

use serde::Serialize;

use super::Finding;
use crate::base::digest::ContentDigest;
use crate::cli::text;

/// One item of a Code Quality report: the members that GitLab reads.
#[derive(Debug, Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Debug, Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u64,
}

/// The report: an array with an item for each thing that is wrong, and an empty one where nothing
/// is. `place` tells services and environments apart.
pub(crate) fn code_quality(findings: &[Finding], place: &str, is_refused: bool) -> String {
    let issues: Vec<Issue> = findings
        .iter()
        .map(|finding| {
            let next = finding.next.as_deref().map_or(String::new(), |next| format!("; {next}"));
            let said = format!("{}{next}", finding.text);
            // What it is about, and not what is said: the same in the next run of the pipeline.
            let change = finding.change.map_or_else(String::new, |change| change.to_string());
            let about = format!("{place}\0{}\0{change}\0{}", finding.code, finding.text);
            let path = finding.path.as_ref().map(|path| text::escape_bytes(path.as_bytes()));
            Issue {
                description: text::escape(&said).into_owned(),
                check_name: format!("countersign/{}", finding.code),
                fingerprint: ContentDigest::of(about.as_bytes()).to_string(),
                severity: if is_refused { "blocker" } else { "info" },
                location: Location {
                    path: path.unwrap_or_else(|| ".".to_owned()),
                    lines: Lines { begin: 1 },
                },
            }
        })
        .collect();
    let json = serde_json::to_string_pretty(&issues).unwrap_or_else(|_| "[]".to_owned());
    format!("{}\n", text::escape_json(&json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ReasonCode;

    #[test]
    fn a_report_has_what_gitlab_reads() {
        let finding = Finding {
            code: ReasonCode::NeedsTeam,
            text: "1 of sre: \u{1b}[2J<b>".to_owned(),
            next: None,
            change: None,
            path: crate::change::ChangePath::new(b"infra/a.tf".to_vec()).ok(),
        };
        let report = code_quality(std::slice::from_ref(&finding), "shop production", true);
        let value: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(value[0]["description"], "1 of sre: \\u{1b}[2J<b>");
        assert_eq!(value[0]["check_name"], "countersign/NEEDS_TEAM");
        assert_eq!(value[0]["severity"], "blocker");
        assert_eq!(value[0]["location"]["path"], "infra/a.tf");
        assert_eq!(value[0]["location"]["lines"]["begin"], 1);
        let fingerprint = value[0]["fingerprint"].as_str().unwrap();
        assert_eq!(fingerprint.len(), 64);
        let elsewhere = code_quality(&[finding], "shop staging", false);
        assert!(!elsewhere.contains(fingerprint) && elsewhere.contains("info"));
        assert_eq!(code_quality(&[], "x", true), "[]\n");
    }
}
