//! Bundles of generated histories, as the gate wrote them, with nobody to attest them, and changed
//! in one place: the second verifier (`spec/verify.py`) gives the same answers and reason codes.

use countersign::verify::bundle::Bundle;

use super::bundles::make;
use super::generate::history;
use super::together::Second;

/// Histories of which every question becomes a bundle.
const WORLDS: u64 = 6;

/// ATTACKS 17: two readers see one meaning.
#[test]
#[allow(clippy::disallowed_methods, reason = "how many worlds is for who runs it to say")]
fn attack_17_the_second_verifier_answers_alike() {
    let wanted = std::env::var("SECOND_WORLDS").ok().and_then(|count| count.parse().ok());
    let second = Second::new("naive");
    for seed in 20_000..20_000 + wanted.unwrap_or(WORLDS) {
        let mut number = 0;
        history(seed, &mut |world, asked, _| {
            let Some(made) = make(world, asked) else { return };
            number += 1;
            let name = format!("{seed}-{number}");
            second.trust(&name, &made.world.trust());
            second.bundle(&name, &made.bytes);
            let mut stripped = Bundle::parse(&made.bytes).unwrap();
            stripped.attestation = None;
            stripped.evidence.decision = None;
            second.bundle(&format!("{name}.stripped"), &stripped.to_bytes());
        });
    }
    second.agrees(true);
}
