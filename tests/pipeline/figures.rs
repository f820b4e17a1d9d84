//! A place to measure at: `gate -n` over many steps. Run with `--ignored`; the stage is kept.

use std::fmt::Write as _;
use std::time::Instant;

use countersign::session::sign;
use countersign::statement::Says;

use crate::stage::{Stage, git, id, key, now};

#[test]
#[ignore = "takes a minute; prints how long the gate takes"]
#[expect(clippy::print_stderr, reason = "figures are what this is run for")]
fn gate_over_a_thousand_steps() {
    let stage = Stage::new("figures", "enforce");
    let repository = stage.repository();
    let mut stream = String::new();
    for step in 1..=1_000 {
        write!(
            stream,
            "commit refs/heads/main\ncommitter Ben <ben@example.com> {} +0000\ndata 4\nstep\n",
            1_700_000_000 + step
        )
        .unwrap();
        if step == 1 {
            stream.push_str("from refs/heads/main^0\n");
        }
        write!(stream, "M 100644 inline d{}/f{step}\ndata 5\n{step:05}\n", step % 50).unwrap();
    }
    let file = stage.root.join("stream");
    #[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
    std::fs::write(&file, stream).unwrap();
    let script = format!("git fast-import --quiet < {}", file.display());
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &script])
            .current_dir(&repository)
            .status()
            .unwrap()
            .success()
    );
    let list = git(&repository, &["rev-list", "--first-parent", "--reverse", "main"]);
    let signer = key(&stage.root, "ada");
    let approvals: Vec<_> =
        list.lines().skip(1).map(|commit| stage.approval(&commit.parse().unwrap())).collect();
    for chunk in approvals.chunks(100) {
        let mut session = stage.session();
        let envelope =
            |said: &Says| sign(&session.statement(&id("ada"), said.clone()), &signer).unwrap();
        let envelopes: Vec<_> = chunk.iter().map(envelope).collect();
        let receipts = session.append(now(), &envelopes).unwrap();
        assert!(receipts.iter().all(Result::is_ok));
    }
    let start = Instant::now();
    let passed = stage.run(&["gate", "-n", "--revision", "main"]);
    assert_eq!(passed.status, 0, "{passed:?}");
    eprintln!("1,000 steps: {} ms at {}", start.elapsed().as_millis(), stage.root.display());
    eprintln!("{}", passed.out);
}
