//! Envelopes: other spellings that are taken, and what is refused.

use countersign::base::encoding;
use countersign::base::limits::PAYLOAD_BYTES_MAX;
use countersign::key::{Signature, Signer as _};
use countersign::statement::envelope::Envelope;

use crate::case::{Case, key, payload_text, respelt, signed};
use crate::samples::{self, ADA, BEN};

/// What an envelope may and may not be.
#[expect(clippy::too_many_lines, reason = "one list of cases")]
pub(crate) fn envelopes() -> Vec<Case> {
    let sample = samples::approval().to_payload().unwrap();
    let base64 = encoding::base64(&sample);
    let id = samples::signer(ADA).public_key().fingerprint().to_string();
    let keyid = format!("\"keyid\":\"{id}\"");
    let ben = samples::signer(BEN).public_key().fingerprint().to_string();
    let end = "}]}";
    let Signature::Plain(signature) = samples::sign(&sample, ADA).signature else {
        unreachable!("a plain key")
    };
    let signature = encoding::base64(&signature);
    assert!(signature.matches(['+', '/']).count() > 1, "the sample's signature has both letters");
    let spare = format!("{}\",\"payloadType", flip_spare_bits(&base64));
    let refuse = "refuse envelope";
    let cases = vec![
        respelt(
            "white_space",
            "accept",
            "white space around and between",
            "{\"payload\"",
            " { \"payload\"",
        ),
        respelt(
            "member_order",
            "accept",
            "members in another order",
            &format!(
                "{{\"payload\":\"{base64}\",\"payloadType\":\"application/vnd.in-toto+json\","
            ),
            &format!(
                "{{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"{base64}\","
            ),
        ),
        respelt(
            "spare_bits",
            refuse,
            "ATTACKS w: base64 with spare bits set",
            &format!("{base64}\",\"payloadType"),
            &spare,
        ),
        respelt(
            "standard_without_padding",
            refuse,
            "letters of standard base64, no padding",
            &format!("{signature}\""),
            &format!("{}\"", signature.trim_end_matches('=')),
        ),
        respelt(
            "mixed_alphabets",
            refuse,
            "letters of both alphabets",
            &signature,
            &signature.replacen(['+', '/'], "-", 1),
        ),
        respelt(
            "signature_too_short",
            refuse,
            "63 bytes of signature",
            &signature,
            &encoding::base64(&encoding::unbase64(&signature).unwrap()[..63]),
        ),
        respelt(
            "line_break_in_base64",
            refuse,
            "base64 broken into lines",
            &base64[..76],
            &format!("{}\\n", &base64[..76]),
        ),
        respelt("payload_type", refuse, "another payload type", "vnd.in-toto+json", "json"),
        respelt("keyid_missing", refuse, "ATTACKS 35: no keyid", &format!("{keyid},"), ""),
        respelt("keyid_empty", refuse, "an empty keyid", &keyid, "\"keyid\":\"\""),
        respelt(
            "keyid_padded",
            refuse,
            "ATTACKS x: a fingerprint with padding",
            &keyid,
            &format!("\"keyid\":\"{id}=\""),
        ),
        respelt(
            "keyid_of_another",
            "refuse signature",
            "ATTACKS 35: the keyid of a key that did not sign",
            &keyid,
            &format!("\"keyid\":\"{ben}\""),
        ),
        respelt(
            "sig_and_sk",
            refuse,
            "ATTACKS 35: both forms of a signature",
            end,
            &format!(
                ",\"sk\":{{\"sig\":\"{}\",\"flags\":1,\"counter\":7}}}}]}}",
                encoding::base64(&[0; 64])
            ),
        ),
        respelt("sk_null", refuse, "null where a member is absent", end, ",\"sk\":null}]}"),
        respelt(
            "unknown_member",
            refuse,
            "an unknown member",
            "{\"payload\"",
            "{\"x\":1,\"payload\"",
        ),
        respelt(
            "duplicate_member",
            refuse,
            "ATTACKS 36: a member twice",
            "{\"payload\"",
            "{\"payload\":\"\",\"payload\"",
        ),
        respelt(
            "signature_as_array",
            refuse,
            "an array where an object is written",
            &format!("{{{keyid},\"sig\":"),
            &format!("[\"{id}\","),
        ),
    ];
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|mut case| {
            // The array needs its own closing bracket, with a third element that is absent.
            if case.name == "envelope_signature_as_array" {
                let text = String::from_utf8(case.envelope).unwrap();
                case.envelope = text.replacen("}]}", ",null]]}", 1).into_bytes();
            }
            case
        })
        .collect();
    let with = |name: &str, expect, comment: &str, signatures| Case {
        name: format!("envelope_{name}"),
        expect,
        comment: comment.to_owned(),
        keys: vec![key(ADA), key(BEN)],
        payload: Some(sample.clone()),
        envelope: Envelope::new(sample.clone(), signatures).to_canonical(),
    };
    let (ada, ben) = (samples::sign(&sample, ADA), samples::sign(&sample, BEN));
    cases.push(with("no_signature", refuse, "no signature", Vec::new()));
    cases.push(with("65_signatures", refuse, "too many signatures", vec![ada.clone(); 65]));
    cases.push(with(
        "two_signatures_on_an_approval",
        "refuse admission",
        "ATTACKS 35: a good envelope, but only governance has several signatures",
        vec![ada.clone(), ben],
    ));
    cases.push(with(
        "signature_of_another_payload",
        "refuse signature",
        "a good signature over something else",
        vec![samples::sign(b"{}", ADA)],
    ));
    let large = "x".repeat(PAYLOAD_BYTES_MAX + 1).into_bytes();
    cases.push(signed("envelope_payload_too_large", refuse, "40,961 bytes of payload", large));
    cases.push(url_safe());
    cases
}

/// The last letter before the padding with its lowest spare bit set.
fn flip_spare_bits(base64: &str) -> String {
    let letters = base64.trim_end_matches('=');
    assert!(letters.len() < base64.len(), "the sample's payload needs padding");
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = *letters.as_bytes().last().unwrap();
    let value = alphabet.iter().position(|letter| *letter == last).unwrap();
    let other = char::from(alphabet[value + 1]);
    format!("{}{other}{}", &letters[..letters.len() - 1], &base64[letters.len()..])
}

/// ATTACKS 5, w: URL-safe base64 without padding is taken when handed in, and never stored.
fn url_safe() -> Case {
    let text = payload_text(&samples::approval());
    let last = text.strip_suffix("}}").unwrap();
    let payload = format!("{last},\"annotations\":{{\"a\":\"???>>>~~~\"}}}}}}").into_bytes();
    let canonical = String::from_utf8(samples::envelope(&payload, ADA).to_canonical()).unwrap();
    let standard = encoding::base64(&payload);
    let other = standard.replace('+', "-").replace('/', "_");
    let other = other.trim_end_matches('=');
    assert_ne!(standard, other);
    Case {
        name: "envelope_url_safe".to_owned(),
        expect: "accept",
        comment: "ATTACKS w: URL-safe base64 is taken when handed in, and stored as canonical"
            .to_owned(),
        keys: vec![key(ADA)],
        payload: Some(payload),
        envelope: canonical.replace(&standard, other).into_bytes(),
    }
}
