//! Tests of provenances: ATTACKS 11, and real ones.

use super::*;
use crate::base::encoding::base64;

const URI: &str = "git+https://git.example/acme/shop";
const COMMIT: &str = "8f70009fde0c94ade6ce2a054b94718c819126ec";

fn artifact() -> ContentDigest {
    ContentDigest::of(b"image")
}

fn statement(dependencies: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1",
        "subject":[{{"name":"a"}},{{"digest":{{"sha256":"{}"}}}}],
        "predicateType":"https://slsa.dev/provenance/v1","predicate":{{"buildDefinition":{{
        "externalParameters":{{"source":{{"uri":"{URI}","digest":{{"gitCommit":"{COMMIT}"}}}}}},
        "resolvedDependencies":[{dependencies}]}}}}}}"#,
        artifact()
    )
    .replace(r#"{"name":"a"},"#, r#"{"name":"a","digest":{"sha512":"00"}},"#)
}

fn envelope(payload: &str) -> Vec<u8> {
    let payload = base64(payload.as_bytes());
    format!(
        r#"{{"payload":"{payload}","payloadType":"application/vnd.in-toto+json","signatures":[]}}"#
    )
    .into_bytes()
}

fn dependency(uri: &str) -> String {
    format!(r#"{{"uri":"{uri}","digest":{{"gitCommit":"{COMMIT}"}}}}"#)
}

fn source(dependencies: &str) -> Result<Revision, ProvenanceError> {
    let uri = RepositoryUri::new(URI).unwrap();
    Provenance::parse(&envelope(&statement(dependencies)))?.source(artifact(), &uri)
}

/// ATTACKS 11: the one dependency that is the repository counts, none and two are refused with
/// what was found, and what whoever began the build could choose is not read.
#[test]
fn attack_11_only_the_one_dependency_that_is_the_repository_counts() {
    let it = dependency(URI);
    let tool = dependency("git+https://git.example/acme/tool");
    for dependencies in [
        it.clone(),
        dependency(&format!("{URI}@refs/heads/main")),
        dependency(&format!("{URI}@{COMMIT}")),
        format!("{tool},{it}"),
        format!("{it},{{\"name\":\"no uri\"}},{tool}"),
    ] {
        assert_eq!(source(&dependencies).unwrap().as_str(), COMMIT, "{dependencies}");
    }
    let count = |dependencies: &str| match source(dependencies) {
        Err(ProvenanceError::Source { count, found, .. }) => (count, found),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(""), (0, "none".to_owned()));
    assert_eq!(count(&tool), (0, "git+https://git.example/acme/tool".to_owned()));
    assert_eq!(count(&format!("{it},{it}")), (2, format!("{URI}, {URI}")));
    let with_ref = dependency(&format!("{URI}@refs/heads/main"));
    assert_eq!(count(&format!("{it},{tool},{with_ref}")).0, 2);
    for other in [
        format!("{URI}.git"),
        format!("{URI}/"),
        format!("{URI}2"),
        format!("{URI}@"),
        format!("{URI}#x"),
        URI.replace("acme", "Acme"),
        URI.replace("git+", ""),
        URI.replace("git.example", "git.example:443"),
        URI.replace("git.example", "git.example@evil.example"),
    ] {
        assert_eq!(count(&dependency(&other)).0, 0, "{other}");
    }
    let many = vec![tool; 7].join(",");
    assert!(count(&many).1.ends_with("and 2 more"));
}

/// A commit is a gitCommit, whole and in lower case; no other digest stands for it.
#[test]
fn a_dependency_names_its_commit() {
    for digest in [
        "{}".to_owned(),
        format!(r#"{{"sha1":"{COMMIT}"}}"#),
        format!(r#"{{"gitCommit":"{}"}}"#, &COMMIT[..39]),
        format!(r#"{{"gitCommit":"{}"}}"#, COMMIT.to_uppercase()),
    ] {
        let dependency = format!(r#"{{"uri":"{URI}","digest":{digest}}}"#);
        assert_eq!(source(&dependency), Err(ProvenanceError::NoCommit(URI.to_owned())));
    }
    let none = format!(r#"{{"uri":"{URI}"}}"#);
    assert_eq!(source(&none), Err(ProvenanceError::NoCommit(URI.to_owned())));
}

/// What two readers could read differently is refused, and so is another type.
#[test]
fn other_files_are_refused() {
    let good = statement(&dependency(URI));
    let twice = |member: &str| good.replacen(member, &format!("{member},{member}"), 1);
    let commit = format!(r#""gitCommit":"{COMMIT}""#);
    let last = good.rfind(&commit).unwrap();
    let commit_twice = format!("{}{commit},{}", &good[..last], &good[last..]);
    for other in [
        good.replace("provenance/v1", "provenance/v0.2"),
        good.replace("provenance/v1", "verification_summary/v1"),
        good.replace("Statement/v1", "Statement/v0.1"),
        twice(&format!(r#""sha256":"{}""#, artifact())),
        twice(r#""predicateType":"https://slsa.dev/provenance/v1""#),
        commit_twice,
        format!("{good}{{}}"),
    ] {
        assert!(Provenance::parse(&envelope(&other)).is_err(), "{other}");
    }
    let whole = String::from_utf8(envelope(&good)).unwrap();
    assert!(Provenance::parse(whole.as_bytes()).is_ok());
    assert!(Provenance::parse(format!("{whole}\n").as_bytes()).is_ok());
    let bundle = format!("{{\"mediaType\":\"x\",\"dsseEnvelope\":{whole}}}");
    assert!(Provenance::parse(bundle.as_bytes()).is_ok());
    for other in [
        good.clone(),
        format!("{whole}\n{whole}"),
        whole.replace("vnd.in-toto+json", "json"),
        whole.replace("\"payload\":\"", "\"payload\":\"!"),
        format!("{{\"dsseEnvelope\":{whole},{}", &whole[1..]),
        "{}".to_owned(),
        String::new(),
        "[".repeat(100_000),
    ] {
        assert!(Provenance::parse(other.as_bytes()).is_err(), "{}", &other[..other.len().min(80)]);
    }
}

#[test]
fn a_provenance_has_so_many_bytes() {
    let whole = String::from_utf8(envelope(&statement(&dependency(URI)))).unwrap();
    let filled = |length: usize| format!("{whole}{}", " ".repeat(length - whole.len()));
    assert!(Provenance::parse(filled(PROVENANCE_BYTES_MAX).as_bytes()).is_ok());
    let found = PROVENANCE_BYTES_MAX + 1;
    let refused = Provenance::parse(filled(found).as_bytes());
    assert_eq!(refused, Err(ProvenanceError::TooLarge { found }));
}

/// A provenance of other artifacts says nothing of this one.
#[test]
fn attack_11_another_artifacts_provenance_is_refused() {
    let found = Provenance::parse(&envelope(&statement(&dependency(URI)))).unwrap();
    let other = ContentDigest::of(b"other");
    let uri = RepositoryUri::new(URI).unwrap();
    assert!(matches!(
        found.source(other, &uri),
        Err(ProvenanceError::OtherArtifact { found, .. }) if found == artifact().to_string()
    ));
}

/// No damage makes it panic, and a message never holds what a terminal obeys.
#[test]
fn no_damage_makes_it_panic() {
    let uri = RepositoryUri::new(URI).unwrap();
    let good = statement(&dependency(URI)).into_bytes();
    let mut read = 0;
    for at in 0..good.len() {
        for other in [0, b'"', b'{', b']', 0x1b, 0xff, good[at] ^ 1] {
            let mut bytes = good.clone();
            bytes[at] = other;
            let payload = base64(&bytes);
            let file = format!(
                r#"{{"payload":"{payload}","payloadType":"application/vnd.in-toto+json"}}"#
            );
            match Provenance::parse(file.as_bytes()).map(|it| it.source(artifact(), &uri)) {
                Ok(Ok(commit)) => read += usize::from(commit.as_str() == COMMIT),
                Ok(Err(error)) | Err(error) => {
                    assert!(!error.to_string().contains('\u{1b}'), "{error}");
                }
            }
        }
    }
    assert!(read > 100, "{read}");
}
