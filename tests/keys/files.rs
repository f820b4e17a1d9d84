//! Key files made by ssh-keygen and read here, and the other way round.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use countersign::base::limits::KEY_FILE_ROUNDS_MAX;
use countersign::key::{Presence, Signer as _};
use countersign::signer::file::{KeyFile, KeyFileError, generate, load};
use zeroize::Zeroizing;

use super::{Folder, always, keygen, never, public_of, run};

#[test]
fn a_plain_key_of_ssh_keygen_signs() {
    let folder = Folder::new();
    let path = folder.join("id");
    keygen(&path, &["-t", "ed25519", "-N", ""]);
    let file = KeyFile::read(&path).unwrap();
    assert!(!file.is_encrypted());
    assert_eq!(file.comment(), "made by ssh-keygen");
    let signer = file.unlock(&mut never).unwrap();
    assert_eq!(signer.public_key(), &public_of(&path));
    let listed = run(Command::new("ssh-keygen").arg("-lf").arg(&path));
    assert!(listed.contains(&signer.public_key().fingerprint().to_string()), "{listed}");
    let signature = signer.sign(b"m").unwrap();
    assert_eq!(signer.public_key().verify(b"m", &signature), Ok(Presence::None));
}

#[test]
fn encrypted_keys_of_ssh_keygen_open_with_their_passphrase_only() {
    let folder = Folder::new();
    for (number, cipher) in [
        "aes256-ctr",
        "aes192-ctr",
        "aes128-ctr",
        "aes256-cbc",
        "aes192-cbc",
        "aes128-cbc",
        "aes256-gcm@openssh.com",
        "aes128-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(&format!("id{number}"));
        keygen(&path, &["-t", "ed25519", "-N", "secret", "-Z", cipher, "-a", "1"]);
        let file = KeyFile::read(&path).unwrap();
        assert!(file.is_encrypted());
        assert_eq!(file.public_key(), &public_of(&path));
        let mut questions = Vec::new();
        let signer = file
            .unlock(&mut |question| {
                questions.push(question.to_owned());
                Some(Zeroizing::new("secret".to_owned()))
            })
            .unwrap();
        assert_eq!(questions, [format!("Passphrase for {}: ", path.display())]);
        assert_eq!(signer.public_key(), &public_of(&path), "{cipher}");
        for wrong in ["Secret", ""] {
            let error = file.unlock(&mut always(wrong)).unwrap_err();
            assert!(matches!(error, KeyFileError::WrongPassphrase { .. }), "{cipher}: {error}");
            assert!(error.to_string().contains(cipher));
        }
        let error = file.unlock(&mut |_| None).unwrap_err();
        assert!(matches!(error, KeyFileError::PassphraseNeeded { .. }), "{error}");
        assert!(error.hint().unwrap().contains("ssh-add"));
    }
}

#[test]
fn other_ciphers_and_kinds_are_named() {
    let folder = Folder::new();
    let path = folder.join("3des");
    keygen(&path, &["-t", "ed25519", "-N", "secret", "-Z", "3des-cbc", "-a", "1"]);
    let error = KeyFile::read(&path).unwrap_err();
    assert_eq!(error.to_string(), "unsupported cipher \"3des-cbc\"");
    assert!(error.hint().unwrap().contains("ssh-keygen -p"));
    for (kind, algorithm) in [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp256")] {
        for passphrase in ["", "secret"] {
            let path = folder.join(&format!("{kind}{passphrase}"));
            keygen(&path, &["-t", kind, "-N", passphrase, "-a", "1"]);
            let error = KeyFile::read(&path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{algorithm} keys are not supported")), "{error}");
        }
    }
    let path = folder.join("pem");
    keygen(&path, &["-t", "rsa", "-m", "PEM", "-N", ""]);
    let error = KeyFile::read(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::NotOpenSsh { .. }), "{error}");
}

#[test]
fn files_that_are_exposed_damaged_or_no_files_are_refused() {
    let folder = Folder::new();
    let path = folder.join("id");
    keygen(&path, &["-t", "ed25519", "-N", ""]);
    let text = fs::read_to_string(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = KeyFile::read(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Exposed { .. }), "{error}");
        assert!(error.hint().unwrap().starts_with("close it with `chmod 600 "));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    KeyFile::read(&path).unwrap();

    let error = KeyFile::read(&folder.0).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error}");
    let pipe = folder.join("pipe");
    run(Command::new("mkfifo").arg(&pipe));
    let error = KeyFile::read(&pipe).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error}");
    let error = KeyFile::read(&folder.join("none")).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }), "{error}");
    let large = folder.write("large", &"a".repeat(70_000), 0o600);
    let error = KeyFile::read(&large).unwrap_err();
    assert!(matches!(error, KeyFileError::TooLarge { .. }), "{error}");

    // Cut anywhere, or with any letter changed, it is an error and never a panic or another key.
    let key = public_of(&path);
    for place in 36..text.len() - 40 {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let path = folder.join("changed");
        let _ = fs::remove_file(&path);
        folder.write("changed", std::str::from_utf8(&bytes).unwrap(), 0o600);
        if let Ok(signer) = load(&path, &mut never) {
            // Only the comment and check numbers can change without harm.
            assert_eq!(signer.public_key(), &key, "letter {place}");
        }
    }
    let cut = folder.write("cut", &text[..200], 0o600);
    assert!(KeyFile::read(&cut).is_err());
}

#[test]
fn too_many_rounds_are_refused_before_they_are_run() {
    let folder = Folder::new();
    let path = folder.join("id");
    keygen(&path, &["-t", "ed25519", "-N", "secret", "-a", "1"]);
    let text = fs::read_to_string(&path).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut blob = countersign::base::encoding::unbase64(&body).unwrap();
    // Magic, "aes256-ctr", "bcrypt", options: 16 bytes of salt, then the rounds.
    let place = 15 + 14 + 10 + 4 + 20;
    assert_eq!(blob[place..place + 4], [0, 0, 0, 1]);
    let mut read = |rounds: u32| {
        blob[place..place + 4].copy_from_slice(&rounds.to_be_bytes());
        let body = countersign::base::encoding::base64(&blob);
        let lines: Vec<&str> =
            body.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let text = format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
            lines.join("\n")
        );
        KeyFile::read(&folder.write(&format!("slow-{rounds}"), &text, 0o600)).map(drop)
    };
    read(KEY_FILE_ROUNDS_MAX).unwrap();
    for above in [KEY_FILE_ROUNDS_MAX + 1, u32::MAX] {
        let error = read(above).unwrap_err();
        assert!(matches!(error, KeyFileError::Rounds { found, .. } if found == above), "{error}");
    }
}

#[test]
fn generated_keys_are_read_by_ssh_keygen() {
    let folder = Folder::new();
    for (name, passphrase) in [("plain", None), ("locked", Some("secret")), ("empty", Some(""))] {
        let path = folder.join(name);
        let secret = passphrase.map(|text| Zeroizing::new(text.to_owned()));
        let key = generate(&path, "ada at work", secret.as_ref()).unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-y", "-P", passphrase.unwrap_or_default(), "-f"]).arg(&path);
        assert_eq!(run(&mut command).trim(), format!("{key} ada at work"));
        let public = fs::read_to_string(folder.join(&format!("{name}.pub"))).unwrap();
        assert_eq!(public, format!("{key} ada at work\n"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let file = KeyFile::read(&path).unwrap();
        assert_eq!(file.is_encrypted(), name == "locked");
        let signer = file.unlock(&mut always("secret")).unwrap();
        assert_eq!(signer.public_key(), &key);
    }
}

#[test]
fn generate_never_writes_over_anything() {
    let folder = Folder::new();
    let taken = folder.write("taken", "precious", 0o600);
    let error = generate(&taken, "", None).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "precious");
    assert!(!folder.join("taken.pub").exists());

    folder.write("half.pub", "precious", 0o644);
    let error = generate(&folder.join("half"), "", None).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert!(!folder.join("half").exists());

    // A link to nowhere is something too: the key would land where it points.
    symlink(folder.join("elsewhere"), folder.join("link")).unwrap();
    let error = generate(&folder.join("link"), "", None).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert!(!folder.join("elsewhere").exists());

    let error = generate(&folder.join("new"), "two\nlines", None).unwrap_err();
    assert!(matches!(error, KeyFileError::Comment), "{error}");
    let error = generate(&folder.join("no/such"), "", None).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { .. }), "{error}");
}
