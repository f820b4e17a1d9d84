//! Limits of policies.

use std::fmt::Write as _;

use countersign::base::limits::*;
use countersign::policy::Policy;

use crate::both;

/// [`OVERRIDE_SPAN_MAX`] as a policy writes it.
const SPAN_HOURS: usize = 24;

/// A policy of these lines, as its mistakes are told.
fn policy(lines: &str) -> Result<Policy, String> {
    Policy::parse(&format!("version = 1\n{lines}")).map_err(|errors| errors.to_string())
}

limits! {
    a_policy: POLICY_BYTES_MAX => {
        both(POLICY_BYTES_MAX, "bytes", |length| {
            let text = "version = 1\n#";
            let text = format!("{text}{}", "x".repeat(length - text.len()));
            Policy::parse(&text).map_err(|errors| errors.to_string())
        });
    }
    rules: RULES_MAX => {
        both(RULES_MAX, "500", |count| {
            let rules = (0..count).fold(String::new(), |mut text, number| {
                write!(text, "[[rule]]\nname=\"{number}\"\n").unwrap();
                text
            });
            policy(&rules)
        });
    }
    levels: LEVELS_MAX => {
        both(LEVELS_MAX, "more than 20", |count| {
            let levels: Vec<_> = (0..count).map(|number| format!("\"l{number}\"")).collect();
            policy(&format!("levels = [{}]\n", levels.join(", ")))
        });
    }
    people_of_a_rule: RULE_PEOPLE_MAX => {
        both(usize::try_from(RULE_PEOPLE_MAX).unwrap(), "people", |count| {
            let half = count / 2;
            let rest = count - half;
            policy(&format!(
                "[[rule]]\nname = \"r\"\nrequire = [{{ count = {half} }}, {{ count = {rest} }}]\n"
            ))
        });
    }
    dots_of_a_line: LINE_DOTS_MAX => {
        both(LINE_DOTS_MAX, "dots", |count| policy(&format!("#{}\n", ".".repeat(count))));
    }
    lines_of_a_gap: CARRY_GAP_LINES_MAX => {
        both(usize::try_from(CARRY_GAP_LINES_MAX).unwrap(), "carry_gap", |lines| {
            policy(&format!("[defaults]\ncarry_gap = {lines}\n"))
        });
    }
    mistakes_of_a_policy: POLICY_MISTAKES_MAX => {
        for count in [POLICY_MISTAKES_MAX - 1, POLICY_MISTAKES_MAX, POLICY_MISTAKES_MAX + 1] {
            let fields = (0..count).fold(String::new(), |mut text, number| {
                writeln!(text, "unknown{number} = 1").unwrap();
                text
            });
            let errors = Policy::parse(&format!("version = 1\n{fields}")).unwrap_err();
            assert_eq!(errors.as_slice().len(), count.min(POLICY_MISTAKES_MAX));
        }
    }
    the_span_of_an_override: OVERRIDE_SPAN_MAX => {
        assert_eq!(OVERRIDE_SPAN_MAX.milliseconds(), SPAN_HOURS as u64 * 3_600_000);
        both(SPAN_HOURS, "at most 24h", |hours| {
            policy(&format!("[override]\nlongest = \"{hours}h\"\n"))
        });
    }
}
