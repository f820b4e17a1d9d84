//! The ways out stay open whatever the ledger's absence looks like (`spec/away.md` section 3): a
//! copy that is behind, a page of somebody else, a server that hangs.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use countersign::store::lock::LedgerLock;

use crate::away::{Outage, words};
use crate::common::Output;

/// A copy that others of this user are ahead of is behind, and no more; one that has another
/// history is none to judge by. A bundle needs neither.
#[test]
fn a_copy_that_is_behind_leaves_the_ways() {
    let (outage, serving) = Outage::new("ways-behind", None);
    let there = outage.there();
    outage.stage.git(["reset", "-q", "--hard", &outage.second]);
    let file = outage.stage.root().join("second.bundle");
    let file = file.to_str().unwrap();
    there.run("ada", &["gate", "-o", file]).ok();
    let older = outage.stage.root().join("older");
    let copied = |from: &std::path::Path, to: &std::path::Path| {
        let mut command = outage.stage.program("cp");
        Output::of(command.arg("-a").arg(from).arg(to)).ok();
    };
    copied(&there.copy(), &older);
    outage.signed_off("four");
    serving.kill();
    fs::remove_dir_all(there.copy()).unwrap();
    copied(&older, &there.copy());
    // What nobody signed off as far as the copy knows.
    let told = there.run("ada", &["gate", "-n"]);
    told.refused(4, "cannot be reached");
    assert!(words(&told.talk).contains("no ledger is needed"), "{}", told.talk);
    outage.stage.git(["checkout", "-q", "--detach", &outage.first]);
    let gate = there.run("ada", &["gate", "-n"]);
    assert!(words(gate.ok()).contains("it was live here before"), "{}", gate.out);
    outage.stage.git(["checkout", "-q", "--detach", &outage.second]);
    there.run("ada", &["gate", "-n", "--bundle", file]).ok();
    // Another root at a size that the copy has.
    let seen = there.home().join("state/countersign/seen");
    let names = fs::read_dir(&seen).unwrap().map(|file| file.unwrap().path());
    let seen = names.into_iter().find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.contains(".checkpoint") && !name.contains(".keys")
    });
    fs::write(seen.unwrap(), format!("3 {}\n", "0".repeat(64))).unwrap();
    there.run("ada", &["gate", "-n"]).refused(3, "another history");
    there
        .run("ada", &["gate", "-n", "--env", "production", "--service", "shop", "--bundle", file])
        .ok();
}

/// What a proxy shows in place of the server is no word of the server.
#[test]
fn a_page_in_place_of_the_server_is_away() {
    let (outage, serving) = Outage::new("ways-page", None);
    let there = outage.there();
    serving.kill();
    let listener = TcpListener::bind(&outage.address).unwrap();
    let strange = "is not what a ledger's server answers";
    for (answer, said) in [
        ("HTTP/1.1 302 Found\r\nlocation: /sorry\r\ncontent-length: 0\r\n\r\n", strange),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nfoo", strange),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 10\r\n\r\n<h1>No</h1>", strange),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}", strange),
        (
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
            "cannot be reached: what answers in its place says 500",
        ),
    ] {
        let proxy = listener.try_clone().unwrap();
        let told = std::thread::scope(|scope| {
            let told = scope.spawn(|| there.run("ada", &["gate", "-n"]));
            let (mut stream, _) = proxy.accept().unwrap();
            drop(stream.read(&mut [0; 4_096]));
            stream.write_all(answer.as_bytes()).unwrap();
            drop(stream);
            told.join().unwrap()
        });
        told.refused(4, said);
        let talk = words(&told.talk);
        assert!(talk.contains("no ledger is needed"), "{talk}");
        assert_eq!(talk.contains("right URL"), said == strange, "{talk}");
    }
}

/// Who is waited for in vain is asked once, and nobody waits for the copy meanwhile.
#[test]
fn a_server_that_hangs_holds_nothing_up() {
    let (outage, serving) = Outage::new("ways-hang", None);
    let there = outage.there();
    outage.stage.git(["reset", "-q", "--hard", &outage.second]);
    let file = outage.stage.root().join("second.bundle");
    let file = file.to_str().unwrap();
    there.run("ada", &["gate", "-o", file]).ok();
    serving.kill();
    let listener = TcpListener::bind(&outage.address).unwrap();
    let mut waiting = there.command("ada", &["log"]);
    let mut waiting = waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _asked = listener.accept().unwrap();
    let lock = there.copy().join("lock");
    assert!(LedgerLock::take(&lock, "test", Duration::ZERO).is_ok(), "the copy is held");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    there.run("ada", &["gate", "-n", "--bundle", file]).ok();
    listener.set_nonblocking(true).unwrap();
    let asked = listener.accept();
    assert!(asked.is_ok());
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "asked again");
}
