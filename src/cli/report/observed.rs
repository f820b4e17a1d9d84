//! What would have been refused where a policy only observes, in words.

use crate::audit::observed::Observed;
use crate::cli::text::counted;

/// At most so many reasons are told; the others are counted.
const REASONS_TOLD_MAX: usize = 3;

/// `3 of the last 20 deployments would have been refused: 3 NEEDS_SIGN_OFF, 1 REJECTED`; none where
/// no deployment is recorded.
pub(crate) fn observed_words(observed: &Observed) -> Option<String> {
    let total = match observed.deployments {
        0 => return None,
        1 => "the last deployment".to_owned(),
        several => format!("the last {several} deployments"),
    };
    let mut words = match (observed.would_refuse, observed.deployments) {
        (0, 1) => format!("{total} would not have been refused"),
        (0, _) => format!("none of {total} would have been refused"),
        (1, 1) => format!("{total} would have been refused"),
        (refused, _) => format!("{refused} of {total} would have been refused"),
    };
    let (told, more) = observed.reasons.split_at(observed.reasons.len().min(REASONS_TOLD_MAX));
    let mut reasons: Vec<_> =
        told.iter().map(|reason| format!("{} {}", reason.deployments, reason.code)).collect();
    if !more.is_empty() {
        reasons.push(counted(more.len(), "more reason"));
    }
    if !reasons.is_empty() {
        words.push_str(": ");
        words.push_str(&reasons.join(", "));
    }
    Some(match observed.undecided {
        0 => words,
        1 => format!("{words}; 1 rests on no decision"),
        several => format!("{words}; {several} rest on no decision"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::observed::ReasonCount;

    fn observed(deployments: usize, would_refuse: usize, reasons: &[(&str, usize)]) -> Observed {
        let reasons = reasons.iter().map(|(code, deployments)| ReasonCount {
            code: code.parse().expect("a reason code is a request id"),
            deployments: *deployments,
        });
        Observed { deployments, would_refuse, reasons: reasons.collect(), ..Observed::default() }
    }

    #[test]
    fn what_was_observed_is_told_in_one_line() {
        let words = |observed: &Observed| observed_words(observed).unwrap_or_default();
        assert_eq!(observed_words(&observed(0, 0, &[])), None);
        assert_eq!(words(&observed(1, 0, &[])), "the last deployment would not have been refused");
        assert_eq!(
            words(&observed(20, 0, &[])),
            "none of the last 20 deployments would have been refused"
        );
        assert_eq!(
            words(&observed(1, 1, &[("REJECTED", 1)])),
            "the last deployment would have been refused: 1 REJECTED"
        );
        let many = [("A", 7), ("B", 3), ("C", 1), ("D", 1), ("E", 1)];
        let many = Observed { undecided: 2, ..observed(20, 9, &many) };
        assert_eq!(
            words(&many),
            "9 of the last 20 deployments would have been refused: 7 A, 3 B, 1 C, 2 more reasons; \
             2 rest on no decision"
        );
    }
}
