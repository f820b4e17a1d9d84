//! Which key signs: named, or the only one that can be meant.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign::key::{KeyId, PublicKey, Signer};
use countersign::signer::{ChooseError, KeySources, Place, Usability, choose, list};

use super::{Folder, RealAgent, always, keygen, never, public_of};

/// A home with `~/.ssh/id_ed25519` (ours), and a second key beside it.
struct Home {
    folder: Folder,
    first: PublicKey,
    second: PublicKey,
}

impl Home {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.join(".ssh")).unwrap();
        let (first, second) = (folder.join(".ssh/id_ed25519"), folder.join(".ssh/second"));
        keygen(&first, &["-t", "ed25519", "-N", ""]);
        keygen(&second, &["-t", "ed25519", "-N", "secret", "-a", "1", "-C", "second"]);
        let (first, second) = (public_of(&first), public_of(&second));
        Self { folder, first, second }
    }

    fn sources(&self) -> KeySources {
        KeySources { home: Some(self.folder.0.clone()), ..KeySources::default() }
    }

    fn named(&self, text: &str) -> KeySources {
        KeySources { configured: Some(text.to_owned()), ..self.sources() }
    }

    fn git(&self, text: &str) -> KeySources {
        KeySources { git_signing_key: Some(text.to_owned()), ..self.sources() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

fn only(keys: &[&PublicKey]) -> BTreeSet<KeyId> {
    keys.iter().map(|key| key.fingerprint()).collect()
}

fn chosen(sources: &KeySources, enrolled: Option<&BTreeSet<KeyId>>) -> Box<dyn Signer> {
    choose(sources, enrolled, &mut always("secret")).unwrap()
}

fn refused(sources: &KeySources, enrolled: Option<&BTreeSet<KeyId>>) -> ChooseError {
    choose(sources, enrolled, &mut never).err().unwrap()
}

#[test]
fn the_only_key_needs_no_name() {
    let home = Home::new();
    let signer = choose(&home.sources(), None, &mut never).unwrap();
    assert_eq!(signer.public_key(), &home.first);
    let rows = list(&home.sources(), None);
    assert_eq!(rows.len(), 1);
    assert!(rows[0].chosen);
    assert_eq!(rows[0].reason, "the only one");
    assert_eq!(rows[0].candidate.comment, "made by ssh-keygen");
    assert_eq!(rows[0].candidate.key_id(), Some(home.first.fingerprint()));

    let error = refused(&home.sources(), Some(&only(&[&home.second])));
    assert!(matches!(error, ChooseError::NoneEnrolled { .. }), "{error}");
    let error = refused(&KeySources::default(), None);
    assert!(matches!(error, ChooseError::None), "{error}");
    assert!(error.hint().unwrap().contains("ssh-keygen -t ed25519"));
}

#[test]
fn git_signing_key_is_a_file_or_a_line() {
    let home = Home::new();
    let both = only(&[&home.first, &home.second]);
    for text in [
        "~/.ssh/second.pub".to_owned(),
        "~/.ssh/second".to_owned(),
        home.path(".ssh/second"),
        home.path(".ssh/second.pub"),
    ] {
        for enrolled in [None, Some(&both)] {
            let signer = chosen(&home.git(&text), enrolled);
            assert_eq!(signer.public_key(), &home.second, "{text}");
        }
        // A key that git uses and nobody enrolled does not stand in the way of the other.
        let signer = chosen(&home.git(&text), Some(&only(&[&home.first])));
        assert_eq!(signer.public_key(), &home.first);
    }
    for prefix in ["key::", ""] {
        let text = format!("{prefix}{} ada", home.first);
        assert_eq!(chosen(&home.git(&text), None).public_key(), &home.first);
    }
    // Any other program's trouble is shown and not fatal.
    let rows = list(&home.git("key::ssh-rsa AAAA"), None);
    assert!(rows.iter().any(|row| row.reason.starts_with("ssh-rsa keys are not supported")));
    assert_eq!(rows.iter().filter(|row| row.chosen).count(), 1);
}

#[test]
fn a_named_key_is_that_key_or_nothing() {
    let home = Home::new();
    let second = home.path(".ssh/second");
    for text in [second.clone(), format!("{second}.pub"), "~/.ssh/second".to_owned()] {
        assert_eq!(chosen(&home.named(&text), None).public_key(), &home.second, "{text}");
    }
    let first = home.first.fingerprint();
    for text in [first.to_string(), home.first.to_string(), "made by ssh-keygen".to_owned()] {
        assert_eq!(chosen(&home.named(&text), None).public_key(), &home.first, "{text}");
        let error = refused(&home.named(&text), Some(&only(&[&home.second])));
        assert!(matches!(error, ChooseError::NotEnrolled { id } if id == first), "{error}");
    }
    // The second is known by name only: no source holds it.
    for text in [home.second.fingerprint().to_string(), home.second.to_string(), "bob".to_owned()] {
        let error = refused(&home.named(&text), None);
        assert!(matches!(error, ChooseError::NotFound { .. }), "{text}: {error}");
    }
    let error = refused(&home.named("~/.ssh/none"), None);
    assert!(matches!(error, ChooseError::Unusable { .. }), "{error}");
    let error = refused(&home.named("key::ssh-ed25519 AAAA"), None);
    assert!(matches!(error, ChooseError::Key(_)), "{error}");
    let mut wrong = always("wrong");
    let error = choose(&home.named(&second), None, &mut wrong).err().unwrap();
    assert!(error.to_string().starts_with("wrong passphrase"), "{error}");
}

#[test]
fn the_agent_goes_before_a_passphrase() {
    let home = Home::new();
    let real = RealAgent::start();
    real.add(&[], Path::new(&home.path(".ssh/second")));
    let with_agent = |sources| KeySources { agent_socket: Some(real.socket.clone()), ..sources };
    for sources in [
        home.named("~/.ssh/second"),
        home.named("~/.ssh/second.pub"),
        home.git("~/.ssh/second.pub"),
    ] {
        let signer = choose(&with_agent(sources), None, &mut never).unwrap();
        assert_eq!(signer.public_key(), &home.second);
        assert!(signer.describe().starts_with("agent key"), "{}", signer.describe());
        signer.sign(b"m").unwrap();
    }
    // The private half may be nowhere but in the agent.
    fs::remove_file(home.path(".ssh/second")).unwrap();
    for text in ["~/.ssh/second", "~/.ssh/second.pub", "second"] {
        choose(&with_agent(home.named(text)), None, &mut never).unwrap();
    }
    let error = refused(&home.named("~/.ssh/second.pub"), None);
    assert!(error.to_string().contains("only the public half"), "{error}");

    // Two keys and no name: never a guess.
    let both = with_agent(home.sources());
    let error = refused(&both, None);
    assert!(matches!(&error, ChooseError::Ambiguous { ids } if ids.len() == 2), "{error}");
    let rows = list(&both, None);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| !row.chosen && row.reason.starts_with("one of several")));
    let enrolled = only(&[&home.second]);
    assert_eq!(chosen(&both, Some(&enrolled)).public_key(), &home.second);
    let rows = list(&both, Some(&enrolled));
    assert_eq!((rows[0].chosen, rows[0].candidate.place.clone()), (true, Place::Agent));
    assert_eq!(rows[1].reason, "not enrolled");
}

#[test]
fn troubles_are_rows_of_the_list() {
    let home = Home::new();
    let path = home.path(".ssh/id_ed25519");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&path, mode).unwrap();
    let sources = KeySources {
        agent_socket: Some(home.folder.join("no-agent")),
        ..home.git("~/.ssh/second.pub")
    };
    let rows = list(&sources, None);
    assert_eq!(rows.len(), 3);
    assert!(rows[0].reason.contains("unavailable"), "{}", rows[0].reason);
    assert_eq!(rows[1].candidate.usability, Usability::NeedsPassphrase);
    assert_eq!((rows[1].chosen, rows[1].reason.as_str()), (true, "git signs with it"));
    assert!(rows[2].reason.contains("open to others (mode 0644)"), "{}", rows[2].reason);
    assert_eq!(rows[2].candidate.key_id(), Some(home.first.fingerprint()));
    let error = refused(&home.sources(), None);
    assert!(error.hint().unwrap().contains("chmod 600"), "{error}");
}
