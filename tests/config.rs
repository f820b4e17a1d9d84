//! Settings and pinned trust roots, with real files.

#![cfg(all(feature = "cli", unix))]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail with the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use countersign::base::digest::LeafHash;
use countersign::base::name::{Origin, RepositoryName};
use countersign::config::{
    ConfigError, Configuration, Given, KeyChoice, LedgerSettings, Places, RepositoryIdentity,
    RepositoryPlace, RepositorySettings, Source, UserFile, file_name_of,
};
use countersign::key::KeyId;
use countersign::note::key::VerifierKey;
use countersign::verify::trust::TrustRoot;

/// An empty folder of the test's own.
fn folder(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("config-{test}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn places(root: &Path) -> Places {
    Places {
        user_config: Some(root.join("user")),
        user_data: Some(root.join("data")),
        user_cache: Some(root.join("cache")),
        machine_config: root.join("etc"),
        current: root.join("work"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not survive a crash")]
fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn origin(text: &str) -> Origin {
    Origin::new(text).unwrap()
}

fn trust_root(name: &str, seed: u8) -> TrustRoot {
    let key = VerifierKey::new(name, [seed; 32]).unwrap();
    let ledger = LeafHash::from_bytes([seed; 32]);
    let admin = KeyId::from_bytes([seed; 32]);
    TrustRoot::new(&Origin::new(name).unwrap(), ledger, &key, &[admin]).unwrap()
}

fn load(places: &Places, given: Given) -> Configuration {
    Configuration::load(places.clone(), given).unwrap()
}

#[test]
fn flag_wins_over_environment_over_user_over_machine() {
    let root = folder("order");
    let places = places(&root);
    let given = |flag: Option<&str>, variable: Option<&str>| Given {
        ledger_flag: flag.map(str::to_owned),
        ledger_variable: variable.map(str::to_owned),
        ..Given::default()
    };
    let chosen = |given: Given| {
        let found = load(&places, given).ledger(None).unwrap();
        (found.value.origin.unwrap().to_string(), found.source)
    };
    assert!(matches!(load(&places, Given::default()).ledger(None), Err(ConfigError::NoLedger)));
    put(&places.machine_file(), "version = 1\n[ledger.\"m.example\"]\n");
    assert_eq!(
        chosen(Given::default()),
        ("m.example".into(), Source::MachineFile(places.machine_file()))
    );
    let user_file = places.user_file().unwrap();
    put(&user_file, "version = 1\n[ledger.\"u.example\"]\n");
    assert_eq!(chosen(Given::default()), ("u.example".into(), Source::UserFile(user_file)));
    let variable = Source::Variable("COUNTERSIGN_LEDGER");
    assert_eq!(chosen(given(None, Some("e.example"))), ("e.example".into(), variable));
    let flag = Source::Flag("--ledger");
    assert_eq!(chosen(given(Some("f.example"), Some("e.example"))), ("f.example".into(), flag));
}

/// ATTACKS 4: what lies in the tree that is judged has no say, whatever it is called.
#[test]
fn the_judged_tree_has_no_say() {
    let root = folder("judged");
    let places = places(&root);
    for name in [".countersign/config.toml", "countersign/config.toml", "config.toml"] {
        put(&places.current.join(name), "version = 1\n[ledger.\"evil.example\"]\n");
    }
    put(
        &places.current.join("countersign/trust/shop.example.toml"),
        trust_root("shop.example", 6).to_toml(),
    );
    let configuration = load(&places, Given::default());
    assert!(matches!(configuration.ledger(None), Err(ConfigError::NoLedger)));
    let shop = origin("shop.example");
    assert!(matches!(
        configuration.trust_root(Some(&shop)),
        Err(ConfigError::NotPinned { path: Some(path) }) if path.starts_with(root.join("user"))
    ));
    // A relative path in a variable would start in the checkout.
    for given in [
        Given { ledger_variable: Some("./ledger".into()), ..Given::default() },
        Given { key_variable: Some("key".into()), ..Given::default() },
        Given { trust_variable: Some("trust.toml".into()), ..Given::default() },
    ] {
        let configuration = load(&places, given);
        let outcomes = [
            configuration.ledger(None).err(),
            configuration.key().err(),
            configuration.trust_file(Some(&shop)).err(),
        ];
        assert!(outcomes.iter().flatten().any(|error| matches!(error, ConfigError::Value { .. })));
    }
}

#[test]
fn repository_is_known_by_its_folder_before_its_remote() {
    let root = folder("repository");
    let places = places(&root);
    put(
        &places.user_file().unwrap(),
        "version = 1\n\
         [[repository]]\nremote = \"https://shop.example/api\"\n\
         ledger = \"a.example\"\nname = \"api\"\n\
         [[repository]]\npath = \"/srv/api/.git\"\nledger = \"b.example\"\nname = \"api\"\n",
    );
    let configuration = load(&places, Given::default());
    let ledger = |path: &str, remote: &str| {
        let identity =
            RepositoryIdentity { common_folder: path.into(), remotes: vec![remote.to_owned()] };
        configuration.ledger(Some(&identity)).map(|found| found.value.origin.unwrap().to_string())
    };
    assert_eq!(ledger("/srv/api/.git", "https://shop.example/api").unwrap(), "b.example");
    assert_eq!(ledger("/elsewhere", "https://shop.example/api").unwrap(), "a.example");
    assert!(matches!(ledger("/elsewhere", "https://shop.example/"), Err(ConfigError::NoLedger)));
}

/// The only ledger that is known is not thereby that of any repository.
#[test]
fn a_repository_that_nobody_named_has_no_ledger() {
    let root = folder("unnamed");
    let places = places(&root);
    put(&places.user_file().unwrap(), "version = 1\n[ledger.\"a.example\"]\n");
    let identity =
        RepositoryIdentity { common_folder: "/srv/other/.git".into(), remotes: Vec::new() };
    let configuration = load(&places, Given::default());
    assert!(matches!(configuration.ledger(Some(&identity)), Err(ConfigError::NoLedger)));
    assert_eq!(configuration.ledger(None).unwrap().value.origin, Some(origin("a.example")));
    let given = Given { ledger_flag: Some("a.example".into()), ..Given::default() };
    let found = load(&places, given).ledger(Some(&identity)).unwrap();
    assert_eq!(found.value.origin, Some(origin("a.example")));
}

#[test]
fn several_ledgers_want_a_choice_and_a_folder_finds_its_origin() {
    let root = folder("several");
    let places = places(&root);
    put(
        &places.user_file().unwrap(),
        "version = 1\n[ledger.\"a.example\"]\nfolder = \"/srv/a\"\n[ledger.\"b.example\"]\n",
    );
    assert!(matches!(
        load(&places, Given::default()).ledger(None),
        Err(ConfigError::ManyLedgers(2))
    ));
    let named = |text: &str| {
        let given = Given { ledger_flag: Some(text.to_owned()), ..Given::default() };
        load(&places, given).ledger(None).map(|found| found.value)
    };
    let found = named("/srv/a").unwrap();
    assert_eq!(found.origin, Some(origin("a.example")));
    assert_eq!(named("a.example").unwrap(), found);
    let found = named("../x").unwrap();
    assert_eq!(found.origin, None);
    assert_eq!(found.folder, Some(places.current.join("../x")));
    assert_eq!(named("b.example").unwrap().folder, Some(root.join("data/countersign/b.example")));
    for other in ["", "a b", "https://", "https://a.example/?ledger"] {
        assert!(matches!(named(other), Err(ConfigError::Value { .. })), "{other:?}");
    }
}

#[test]
fn origins_never_share_a_file_nor_leave_the_folder() {
    let names = ["a/b", "a_b", "a%b", "..", "../x", ".", "a..b", "A:b", "a/"];
    let files: Vec<_> = names.iter().map(|name| file_name_of(&origin(name))).collect();
    assert_eq!(files[..3], ["a_b", "a%5Fb", "a%25b"]);
    for (position, file) in files.iter().enumerate() {
        assert!(!file.contains('/') && !file.starts_with('.'), "{file}");
        assert!(!files[..position].contains(file), "{file}");
    }
}

#[test]
fn edits_append_keep_comments_and_never_contradict() {
    let root = folder("edit");
    let places = places(&root);
    let path = places.user_file().unwrap();
    let shop = origin("shop.example/ledger");
    let repository = |name: &str| RepositorySettings {
        place: RepositoryPlace::Path("/srv/shop/.git".into()),
        ledger: shop.clone(),
        name: RepositoryName::new(name).unwrap(),
    };
    put(&path, "# mine\nversion = 1 # first");
    let mut file = UserFile::open(&places).unwrap();
    file.add_ledger(&shop, LedgerSettings::default()).unwrap();
    file.add_repository(repository("shop")).unwrap();
    file.set_key(KeyChoice::File("/home/ada/key \"1\"".into()));
    file.save().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\nversion = 1 # first\n\n[ledger.\"shop.example/ledger\"]"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

    let mut file = UserFile::open(&places).unwrap();
    assert_eq!(file.settings().key, Some(KeyChoice::File("/home/ada/key \"1\"".into())));
    file.add_ledger(&shop, LedgerSettings::default()).unwrap();
    file.add_repository(repository("shop")).unwrap();
    let conflict = file.add_repository(repository("other"));
    assert!(matches!(conflict, Err(ConfigError::Conflict { .. })));
    let folder =
        LedgerSettings { folder: Some("/srv".into()), trust: None, ..LedgerSettings::default() };
    assert!(matches!(file.add_ledger(&shop, folder), Err(ConfigError::Conflict { .. })));
    file.save().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    // A file that is a link to another stays one.
    let linked = root.join("dotfiles.toml");
    fs::rename(&path, &linked).unwrap();
    std::os::unix::fs::symlink(&linked, &path).unwrap();
    let mut file = UserFile::open(&places).unwrap();
    file.set_key(KeyChoice::File("/home/ada/other".into()));
    file.save().unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read_to_string(&linked).unwrap().contains("/home/ada/other"));
    fs::remove_file(&path).unwrap();

    // Two at once: the second is told, rather than the first forgotten.
    let mut late = UserFile::open(&places).unwrap();
    late.set_key(KeyChoice::File("/late".into()));
    put(&path, "version = 1\n");
    assert!(matches!(late.save(), Err(ConfigError::Changed { .. })));
}

#[test]
fn files_that_nobody_vouches_for_are_refused() {
    let root = folder("exposed");
    let places = places(&root);
    let path = places.user_file().unwrap();
    let refused = || Configuration::load(places.clone(), Given::default()).unwrap_err();
    put(&path, "version = 1\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(refused(), ConfigError::Exposed { .. }));
    put(&path, "version = 1\n\n[pager]\n");
    assert!(matches!(refused(), ConfigError::Malformed { line: 3, .. }));
    put(&path, &"#".repeat(64 * 1024 + 1));
    assert!(matches!(refused(), ConfigError::File { .. }));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(refused(), ConfigError::File { .. }));
}

#[test]
fn pinned_trust_root_is_replaced_only_on_demand() {
    let root = folder("pin");
    let places = places(&root);
    let (first, second) = (trust_root("shop.example/x", 2), trust_root("shop.example/x", 3));
    let shop = first.origin().clone();
    let configuration = load(&places, Given::default());
    let path = configuration.pin_trust_root(&first, false).unwrap();
    assert_eq!(path, root.join("user/countersign/trust/shop.example_x.toml"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(configuration.trust_root(Some(&shop)).unwrap().0, first);
    configuration.pin_trust_root(&first, false).unwrap();
    assert!(matches!(
        configuration.pin_trust_root(&second, false),
        Err(ConfigError::PinnedOther { .. })
    ));
    assert_eq!(configuration.trust_root(Some(&shop)).unwrap().0, first);
    configuration.pin_trust_root(&second, true).unwrap();
    assert_eq!(configuration.trust_root(Some(&shop)).unwrap().0.digest(), second.digest());
}

#[test]
fn trust_root_of_another_ledger_is_refused() {
    let root = folder("other");
    let places = places(&root);
    put(&places.user_trust(&origin("a.example")).unwrap(), trust_root("b.example", 2).to_toml());
    let configuration = load(&places, Given::default());
    assert!(matches!(
        configuration.trust_root(Some(&origin("a.example"))),
        Err(ConfigError::OtherLedger { .. })
    ));
    // The machine's is used where the user has none.
    put(&places.machine_trust(&origin("c.example")), trust_root("c.example", 4).to_toml());
    let found = configuration.trust_root(Some(&origin("c.example"))).unwrap();
    assert_eq!(found.1.value, places.machine_trust(&origin("c.example")));
}

/// The examples of spec/settings.md are what the program reads, and what it writes.
#[test]
fn examples_of_the_specification_hold() {
    let specification = include_str!("../spec/settings.md");
    let examples: Vec<_> = specification
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    let [trust, witnesses, settings] = examples[..] else { unreachable!("three examples") };
    assert_eq!(trust_root("shop.example/ledger", 2).to_toml(), trust);
    let pinned = TrustRoot::parse(format!("{trust}{witnesses}").as_bytes()).unwrap();
    let names: Vec<_> =
        pinned.witnesses().witnesses().iter().map(|witness| witness.name.as_str()).collect();
    assert_eq!(names, ["north", "south"]);
    assert_eq!(pinned.witnesses().quorum().unwrap().as_str(), "both");
    let root = folder("specification");
    let places = places(&root);
    put(&places.user_file().unwrap(), settings);
    let file = UserFile::open(&places).unwrap();
    assert_eq!(file.settings().repositories.len(), 2);
    assert!(matches!(file.settings().key, Some(KeyChoice::Fingerprint(_))));
    let shop = origin("shop.example/ledger");
    let found = load(&places, Given::default()).trust_file(Some(&shop)).unwrap();
    assert_eq!(found.value, Path::new("/etc/countersign/shop.toml"));
}
