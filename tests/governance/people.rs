//! `roster import` and `roster forget`.

use std::fmt::Write as _;

use crate::common::Stage;
use crate::member;

fn public(stage: &Stage, name: &str) -> String {
    let text = std::fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_list_of_allowed_signers_becomes_a_roster_file() {
    let stage = Stage::new("import-signers");
    stage.run(["init", "-y"]).ok();
    stage.run(["roster", "import", "roster.toml"]).refused(2, "gpg.ssh.allowedSignersFile");
    let mut list = String::from("# ours\n*@x.example ssh-ed25519 AAAA\n");
    for name in ["ben", "cleo"] {
        let key = public(&stage, name);
        writeln!(list, "{name}@shop.example namespaces=\"git\" {key} {name}").unwrap();
    }
    writeln!(list, "ben@shop.example {}", public(&stage, "dan")).unwrap();
    let file = stage.write(stage.home().join("allowed"), &list);
    stage.git(["config", "gpg.ssh.allowedSignersFile", file.to_str().unwrap()]);
    let shown = stage.run(["roster", "import", "roster.toml", "-n"]);
    assert!(shown.ok().contains("emails = [\"ben@shop.example\"]"), "{}", shown.out);
    assert!(!stage.repository().join("roster.toml").exists());
    let written = stage.run(["roster", "import", "roster.toml"]);
    assert!(written.ok().starts_with("WRITTEN  2 members in roster.toml"), "{}", written.out);
    assert!(written.out.contains("left out: 1 line names nobody"), "{}", written.out);
    assert!(written.out.contains("next: countersign roster apply -n roster.toml"));
    // The same again adds nobody; what was there stays byte for byte.
    let text = std::fs::read_to_string(stage.repository().join("roster.toml")).unwrap();
    assert!(stage.run(["roster", "import", "roster.toml"]).ok().starts_with("NOTHING TO DO"));
    assert_eq!(std::fs::read_to_string(stage.repository().join("roster.toml")).unwrap(), text);
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!(member(&roster, "ben")["keys"].as_array().unwrap().len(), 2);
    assert_eq!(member(&roster, "cleo")["duties"], serde_json::json!(["review"]));
    assert!(stage.run(["roster", "apply", "roster.toml"]).ok().starts_with("NOTHING TO DO"));
}

#[test]
fn a_table_extends_a_roster_file() {
    let stage = Stage::begun("import-table");
    let before = "# kept by hand\n[[member]]\nemails = [\"ben@shop.example\"]\nname = \"Ben\"\n";
    stage.write("roster.toml", before);
    let table = format!(
        "name,email,teams,duties,key,id\n\"Doe, \"\"Dan\"\"\",dan@shop.example;d@shop.example,\
         web;pay,review;deploy,{},\nBen,BEN@shop.example,,,,\n,,web,,,sync-1\n",
        public(&stage, "dan")
    );
    stage.write("people.csv", &table);
    let import = || stage.run(["roster", "import", "roster.toml", "--from", "people.csv"]);
    let written = import();
    assert!(written.ok().starts_with("WRITTEN  2 members in roster.toml"), "{}", written.out);
    assert!(written.out.contains("left as they were: 1 who stood"));
    let text = std::fs::read_to_string(stage.repository().join("roster.toml")).unwrap();
    assert!(text.starts_with(before), "{text}");
    assert!(import().ok().starts_with("NOTHING TO DO"));
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    let roster = stage.run(["roster", "show", "--json"]).json();
    let dan = member(&roster, "Doe, \"Dan\"");
    assert_eq!(dan["duties"], serde_json::json!(["review", "deploy"]));
    assert!(dan["id"].as_str().unwrap().starts_with('m'));
    assert_eq!(roster["members"].as_array().unwrap().len(), 6);
    // A mistake is told with its line, and nothing is written.
    for (table, says) in [
        ("email,mail\n", "people.csv: line 1: the column \"mail\" is not known"),
        ("email,key\nz@x.example,ssh-rsa AAAA\n", "people.csv: line 2: a key that cannot sign"),
        ("email\nz@x.example\nZ@x.example\n", "people.csv: line 3: z@x.example stands there twice"),
        ("email,duties\nz@x.example,reviews\n", "people.csv: line 2: \"reviews\" is no duty"),
    ] {
        stage.write("people.csv", table);
        import().refused(2, says);
    }
    assert_eq!(std::fs::read_to_string(stage.repository().join("roster.toml")).unwrap(), text);
}

/// ATTACKS 37: names, addresses and words go; every proof stays.
#[test]
fn attack_37_a_member_is_forgotten_and_every_proof_stays() {
    let stage = Stage::begun("forget");
    let commit = stage.as_user("ada").commit("a", "a\n", "More");
    let ben = stage.as_user("ben");
    let refusal = ben.run(["approve", &commit, "-y"]).talk;
    let hash = refusal.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned();
    ben.run(["approve", &commit, "-y", "-m", "looks fine", "--expect", &hash]).ok();
    assert!(stage.run(["show", "3"]).ok().contains("looks fine"));
    let gone = "[[member]]\nemails = [\"ben@shop.example\"]\nretired = true\n";
    stage.write("roster.toml", gone);
    let id = member(&stage.run(["roster", "show", "--json"]).json(), "Ben")["id"].clone();
    let id = id.as_str().unwrap();
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    let checked = |stage: &Stage| {
        let checked = stage.run(["ledger", "check", "--json"]).json();
        (checked["openings_good"].as_u64().unwrap(), checked["openings_withheld"].as_u64().unwrap())
    };
    let (good, withheld) = checked(&stage);
    let receipt = stage.run(["ledger", "prove", "3"]).ok().to_owned();

    stage.run(["roster", "forget", "nobody"]).refused(2, "nobody is no member");
    assert_eq!(stage.run(["roster", "forget", id, "-n", "--json"]).json()["would_delete"], 2);
    stage.run(["roster", "forget", id]).refused(2, "nobody can be asked");
    assert_eq!(checked(&stage), (good, withheld));
    let forgotten = stage.run(["roster", "forget", id, "-y"]);
    assert!(forgotten.ok().starts_with("DONE  2 openings of"), "{}", forgotten.out);
    assert!(stage.run(["roster", "forget", id, "-y"]).ok().starts_with("NOTHING TO DO"));

    stage.run(["ledger", "check"]).ok();
    assert_eq!(checked(&stage), (good - 2, withheld + 2));
    assert_eq!(stage.run(["ledger", "prove", "3"]).ok(), receipt);
    let shown = stage.run(["show", "3"]);
    assert!(shown.ok().contains("withheld") && !shown.out.contains("looks fine"), "{}", shown.out);
    for command in [&["log"][..], &["audit"], &["status"], &["roster", "show"]] {
        let answer = stage.run(command);
        assert!(
            !answer.out.contains("Ben") && !answer.out.contains("looks fine"),
            "{}",
            answer.out
        );
    }
    assert!(stage.run(["log"]).ok().contains(id));
}
