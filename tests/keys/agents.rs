//! A real ssh-agent: signing, and each way in which it does not.

use std::process::Command;

use countersign::key::{Presence, Signature, Signer as _, SignerError};
use countersign::signer::Agent;
use countersign::signer::file::load;

use super::{Folder, RealAgent, always, keygen, public_of, run, security_key_provider, skipped};

#[test]
fn an_agent_signs_what_the_file_signs() {
    let folder = Folder::new();
    let path = folder.join("id");
    keygen(&path, &["-t", "ed25519", "-N", "secret", "-a", "1"]);
    let rsa = folder.join("rsa");
    keygen(&rsa, &["-t", "rsa", "-N", ""]);
    let real = RealAgent::start();
    real.add(&[], &path);
    real.add(&[], &rsa);
    let agent = Agent::at(&real.socket);
    let listing = agent.list().unwrap();
    assert_eq!(listing.others, 1);
    assert_eq!(listing.keys.len(), 1);
    assert_eq!(listing.keys[0].comment, "made by ssh-keygen");
    let signer = agent.signer(listing.keys[0].public_key.clone());
    assert_eq!(signer.public_key(), &public_of(&path));
    let from_file = load(&path, &mut always("secret")).unwrap();
    for message in [Vec::new(), b"m".to_vec(), vec![7; 40_000]] {
        let message = message.as_slice();
        let signature = signer.sign(message).unwrap();
        assert_eq!(signature, from_file.sign(message).unwrap());
        assert_eq!(signer.public_key().verify(message, &signature), Ok(Presence::None));
    }
    assert!(signer.describe().starts_with("agent key SHA256:"));
    let error = signer.sign(&vec![0; 300_000]).unwrap_err();
    assert!(matches!(error, SignerError::Unavailable(_)), "{error}");
}

#[test]
fn a_locked_agent_says_so_and_signs_when_unlocked() {
    let folder = Folder::new();
    let path = folder.join("id");
    keygen(&path, &["-t", "ed25519", "-N", ""]);
    let real = RealAgent::start();
    real.add(&[], &path);
    let signer = Agent::at(&real.socket).signer(public_of(&path));
    run(real.ssh_add().arg("-x"));
    assert!(Agent::at(&real.socket).list().unwrap().keys.is_empty());
    let error = signer.sign(b"m").unwrap_err();
    assert_eq!(error, SignerError::Locked);
    assert!(error.hint().unwrap().contains("ssh-add -X"));
    run(real.ssh_add().arg("-X"));
    signer.sign(b"m").unwrap();
}

#[test]
fn a_key_removed_in_between_is_gone() {
    let folder = Folder::new();
    let (path, other) = (folder.join("id"), folder.join("other"));
    keygen(&path, &["-t", "ed25519", "-N", ""]);
    keygen(&other, &["-t", "ed25519", "-N", ""]);
    let real = RealAgent::start();
    real.add(&[], &path);
    real.add(&[], &other);
    let signer = Agent::at(&real.socket).signer(public_of(&path));
    signer.sign(b"m").unwrap();
    run(real.ssh_add().args(["-q", "-d"]).arg(&path));
    assert_eq!(signer.sign(b"m"), Err(SignerError::Gone));
    run(real.ssh_add().args(["-q", "-d"]).arg(&other));
    assert_eq!(signer.sign(b"m"), Err(SignerError::Locked));
}

/// ATTACKS 45: a key that asks before each signature (`ssh-add -c`) is safe in a forwarded agent.
#[test]
fn a_refused_confirmation_is_a_refusal() {
    let folder = Folder::new();
    let path = folder.join("id");
    keygen(&path, &["-t", "ed25519", "-N", ""]);
    let real = RealAgent::start();
    real.add(&["-c"], &path);
    let signer = Agent::at(&real.socket).signer(public_of(&path));
    let error = signer.sign(b"m").unwrap_err();
    assert_eq!(error, SignerError::Refused);
    assert!(error.hint().is_some());
}

#[test]
fn no_agent_is_unavailable() {
    let folder = Folder::new();
    for path in [folder.join("none"), folder.write("file", "", 0o600), folder.0.clone()] {
        let error = Agent::at(&path).list().unwrap_err();
        assert!(matches!(error, SignerError::Unavailable(_)), "{error}");
    }
}

/// OpenSSH's software security key (Debian: `openssh-tests`): real signatures without hardware,
/// and the reason why a touch is a claim (ATTACKS 15).
#[test]
fn a_security_key_signs_through_the_agent() {
    let Some(provider) = security_key_provider() else {
        return skipped("no sk-dummy.so (Debian package openssh-tests)");
    };
    let folder = Folder::new();
    let real = RealAgent::start();
    for (name, options, presence) in [
        ("touch", &["-O", "application=ssh:countersign"][..], Presence::TouchClaimed),
        ("none", &["-O", "no-touch-required"][..], Presence::None),
    ] {
        let path = folder.join(name);
        let provider_text = provider.to_str().unwrap();
        let kind = ["-t", "ed25519-sk", "-N", "", "-w", provider_text];
        keygen(&path, &[&kind[..], options].concat());
        let error = load(&path, &mut |_| None).unwrap_err();
        assert!(error.to_string().contains("belongs to a security key"), "{error}");
        run(real.ssh_add().env("SSH_SK_PROVIDER", &provider).arg("-q").arg(&path));
        let key = public_of(&path);
        assert_eq!(key.application() == Some("ssh:countersign"), name == "touch");
        let signer = Agent::at(&real.socket).signer(key.clone());
        let signature = signer.sign(b"m").unwrap();
        assert!(matches!(signature, Signature::Sk { .. }));
        assert_eq!(key.verify(b"m", &signature), Ok(presence), "{name}");
        assert!(key.verify(b"n", &signature).is_err());
        assert!(signer.describe().starts_with("security key SHA256:"));
    }
    let listed = run(Command::new("ssh-add").arg("-l").env("SSH_AUTH_SOCK", &real.socket));
    for key in Agent::at(&real.socket).list().unwrap().keys {
        assert!(listed.contains(&key.public_key.fingerprint().to_string()), "{listed}");
    }
}
