//! TLS, metrics and the description for machines, each held against what others have written.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::authority::{self, Authority, Files};
use crate::common::{Output, Stage};
use crate::running::*;

/// A Python with what a check needs; none where it is not installed.
#[allow(clippy::disallowed_methods, reason = "tests/run says where it is")]
fn python(module: &str) -> Option<String> {
    let python = std::env::var("COUNTERSIGN_PYTHON").ok()?;
    let found = Command::new(&python).args(["-c", &format!("import {module}")]).output().ok()?;
    found.status.success().then_some(python)
}

/// A certificate that openssl made is spoken with, by our client and by others; a client that does
/// not know it speaks with nobody.
#[test]
fn tls_is_spoken() {
    let stage = Stage::begun("serve-tls");
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: openssl is not installed, TLS was not tried");
        return;
    }
    let (certificate, key) = (stage.root().join("chain.pem"), stage.root().join("key.pem"));
    let mut openssl = stage.program("openssl");
    openssl.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    Output::of(&mut openssl).ok();
    settings(
        &stage,
        &format!(
            "{OPEN}tls_certificate = \"{}\"\ntls_key = \"{}\"\n",
            certificate.display(),
            key.display()
        ),
    );
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    assert!(running.url.starts_with("https://127.0.0.1:"), "{}", running.url);
    let roots = fs::read(&certificate).unwrap();
    let root = Certificate::from_pem(&roots).unwrap();
    let roots = RootCerts::Specific(Arc::new(vec![root]));
    let tls = TlsConfig::builder().root_certs(roots).build();
    let rustls = Agent::config_builder().tls_config(tls).build().new_agent();
    assert_eq!(rustls.get(running.at("/healthz")).call().unwrap().status(), 200);
    let body = parcel(&[ada.approves(1)]).to_string();
    let request = rustls.post(running.at("/v1/statements")).header("content-type", JSON);
    assert_eq!(request.send(body).unwrap().status(), 200);
    // Whoever does not trust the certificate, or speaks no TLS, gets nothing.
    assert!(client().get(&running.at("/healthz")).is_err());
    let plain = running.at("/healthz").replace("https", "http");
    assert!(client().get(&plain).is_err());
    // openssl's own client agrees, with TLS 1.3 and 1.2.
    let address = running.url.trim_start_matches("https://");
    for version in ["-tls1_3", "-tls1_2"] {
        let mut openssl = stage.program("openssl");
        openssl.args(["s_client", "-connect", address, version, "-verify_return_error"]);
        let said = Output::of(openssl.arg("-CAfile").arg(&certificate));
        assert!(said.out.contains("Verify return code: 0 (ok)"), "{}{}", said.out, said.talk);
    }
    assert_eq!(running.end().0, Some(0));
}

/// A certificate is renewed while the server runs: new connections have the new one, what cannot be
/// used leaves the one before, and the log tells both.
#[test]
fn a_certificate_is_renewed_while_it_runs() {
    if !authority::is_there() {
        return;
    }
    let stage = Stage::begun("serve-renewed");
    let ours = Authority::new(&stage, "ours");
    let files = Files::below(stage.root());
    ours.issue(&files, "IP:127.0.0.1", "2");
    let table = "[ledger.\"localhost/shop\".serve]\n";
    settings(&stage, &format!("{table}{}", files.settings()));
    let running = Running::start(&stage);
    let root = Certificate::from_pem(&fs::read(ours.path("pem")).unwrap()).unwrap();
    let roots = RootCerts::Specific(Arc::new(vec![root]));
    let tls = TlsConfig::builder().root_certs(roots).build();
    let health = || {
        // An agent of its own, and so a connection.
        let agent = Agent::config_builder().tls_config(tls.clone()).build().new_agent();
        Some(agent.get(running.at("/healthz")).call().ok()?.status().as_u16())
    };
    assert_eq!(health(), Some(200));
    // Half of it is renewed; then nothing is there; then both are, for another name.
    let old = fs::read(&files.key).unwrap();
    ours.issue(&files, "DNS:other.example", "2");
    let new = fs::read(&files.key).unwrap();
    fs::write(&files.key, &old).unwrap();
    assert_eq!(health(), Some(200), "the key does not go with the certificate");
    fs::remove_file(&files.key).unwrap();
    assert_eq!(health(), Some(200), "there is no key");
    fs::write(&files.key, &new).unwrap();
    assert_eq!(health(), None, "the certificate is of another name");
    ours.issue(&files, "IP:127.0.0.1", "2");
    assert_eq!((health(), health()), (Some(200), Some(200)));
    let (status, log) = running.end();
    assert_eq!(status, Some(0));
    let told = log.lines().filter(|line| line.contains("\"event\":\"certificate\""));
    let levels: Vec<_> = told.map(|line| line.contains("\"level\":\"info\"")).collect();
    assert_eq!(levels, [false, false, true, true], "{log}");
}

/// A key that is none, or is another's, is told at the start.
#[test]
fn a_certificate_that_cannot_be_used_is_told() {
    let stage = Stage::begun("serve-no-tls");
    let file = stage.root().join("empty.pem");
    fs::write(&file, "nothing\n").unwrap();
    let file = file.display();
    settings(&stage, &format!("{OPEN}tls_certificate = \"{file}\"\ntls_key = \"{file}\"\n"));
    let refused = stage.run(["serve", "--listen", "127.0.0.1:0"]);
    refused.refused(2, "it holds no certificate in PEM");
}

/// What `/metrics` says counts what was done, and is read by others: OpenMetrics by the parser of
/// Prometheus's own client for Python, the older form by its linter.
#[test]
fn metrics_are_read_by_other_parsers() {
    let stage = Stage::begun("serve-metrics");
    settings(&stage, OPEN);
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    let size = checkpoint(&stage, &running).size().get();
    running.hand_in(&[ada.approves(1), ada.approves(2)]);
    running.hand_in(&[ada.approves(3)]);
    running.get("/nothing");
    let metrics = |accept: &str| {
        let request = ureq::get(running.at("/metrics")).header("accept", accept);
        let mut answer = request.call().unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, answer.body_mut().read_to_string().unwrap())
    };
    let asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let ((kind, text), (older_kind, older)) = (metrics(asked), metrics("*/*"));
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(older_kind, "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "countersign_statements_total{outcome=\"taken_up\"} 3",
        "countersign_requests_total{resource=\"statements\",status=\"200\"} 2",
        "countersign_requests_total{resource=\"other\",status=\"404\"} 1",
        &format!("countersign_entries {}", size + 3),
        "countersign_waiting_requests 0",
    ] {
        for text in [&text, &older] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
    assert_eq!(running.end().0, Some(0));
    lint(&stage, &older);
    let Some(python) = python("prometheus_client") else {
        println!("skipped: prometheus_client is not installed, no other parser read the metrics");
        return;
    };
    let file = stage.root().join("metrics.txt");
    fs::write(&file, text).unwrap();
    let program = "import sys\nfrom prometheus_client.openmetrics import parser\n\
                   found = parser.text_string_to_metric_families(open(sys.argv[1]).read())\n\
                   print(sorted((f.name, f.type, bool(f.documentation)) for f in found))\n";
    let read = Output::of(Command::new(python).args(["-c", program]).arg(&file));
    let names = read.ok();
    for found in [
        "('countersign_commit_duration_seconds', 'histogram', True)",
        "('countersign_entries', 'gauge', True)",
        "('countersign_statements', 'counter', True)",
    ] {
        assert!(names.contains(found), "{found} is not in {names}");
    }
    assert!(!names.contains("False"), "{names}");
}

/// `promtool check metrics` finds nothing, and does find something where there is something.
#[allow(clippy::disallowed_methods, reason = "tests/run says where it is")]
fn lint(stage: &Stage, text: &str) {
    let Ok(promtool) = std::env::var("COUNTERSIGN_PROMTOOL") else {
        println!("skipped: promtool is not installed, it did not read the metrics");
        return;
    };
    let check = |text: &str| {
        let file = stage.write(stage.root().join("lint.txt"), text);
        let mut command = Command::new(&promtool);
        Output::of(command.args(["check", "metrics"]).stdin(fs::File::open(file).unwrap()))
    };
    let found = check(text);
    assert_eq!((found.status, found.talk.as_str()), (0, ""), "{text}");
    let wrong = text.replace("# HELP countersign_entries", "# without");
    assert_ne!(check(&wrong).status, 0, "it finds what is wrong");
}

/// The description holds: schemathesis, which reads it and tries what it says and what it does not,
/// finds nothing against the server.
#[test]
fn the_description_holds() {
    let stage = Stage::begun("serve-description");
    stage.git(["clone", "-q", "--bare", ".", "../served.git"]);
    let clone = stage.root().join("served.git");
    let clone = clone.display();
    let repository = "[ledger.\"localhost/shop\".serve.repository]";
    let token = "c2NoZW1hLXNjaGVtYS1zY2hlbWEtc2NoZW1hLXNjaGVtYQ";
    let sha256 = countersign::base::digest::ContentDigest::of(token.as_bytes());
    let table = "[[ledger.\"localhost/shop\".serve.token]]";
    let may = "may = [\"read\", \"words\", \"gate\"]";
    settings(
        &stage,
        &format!(
            "{OPEN}{table}\nname = \"schema\"\nsha256 = \"{sha256}\"\n{may}\n\
             {repository}\nshop = \"{clone}\"\n"
        ),
    );
    let ada = Hand::of(&stage, "ada");
    let running = Running::start(&stage);
    // A whole tile, for the examples.
    running.hand_in(&(0..256).map(|number| ada.approves(number)).collect::<Vec<_>>());
    let described = running.json("/openapi.json");
    assert_eq!(described["openapi"], "3.1.0");
    let Some(python) = python("schemathesis") else {
        println!("skipped: schemathesis is not installed, nothing tried what is described");
        return;
    };
    // Who is on the roster and what is in a clone no schema says, nor what was signed.
    let config = "[checks]\npositive_data_acceptance.expected-statuses = \
                  [\"2xx\", \"401\", \"403\", \"404\", \"409\", \"422\", \"429\"]\n\n\
                  [[operations]]\ninclude-path = \"/v1/statements\"\n\
                  checks.positive_data_acceptance.expected-statuses = [\"200\", \"400\"]\n";
    fs::write(stage.root().join("schemathesis.toml"), config).unwrap();
    let mut tries = Command::new(python);
    tries.args(["-m", "schemathesis.cli", "run", &running.at("/openapi.json")]);
    tries.args(["--checks", "all", "--max-examples", "25", "--seed", "7", "--no-color"]);
    tries.args(["-H", &format!("Authorization: Bearer {token}")]);
    tries.args(["--phases", "examples,coverage,fuzzing"]).current_dir(stage.root());
    let said = Output::of(&mut tries);
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.talk);
    let (status, log) = running.end();
    assert_eq!(status, Some(0));
    assert!(!log.contains("panicked"), "{log}");
}
