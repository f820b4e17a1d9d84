//! `roster`: people, one by one and from a file.

use std::fmt::Write as _;

use crate::common::Stage;
use crate::{fingerprint, member};

/// A roster file with one member for each of the names.
fn roster_file(stage: &Stage, names: &[&str], more: &str) -> String {
    let mut text = String::new();
    for name in names {
        let key = std::fs::read_to_string(stage.key(name).with_extension("pub")).unwrap();
        let key = key.trim();
        write!(
            text,
            "[[member]]\nname = \"{name}\"\nemails = [\"{name}@shop.example\"]\n\
             duties = [\"review\"]\nkeys = [\"{key}\"]\n{more}\n"
        )
        .unwrap();
    }
    stage.write("roster.toml", &text);
    text
}

#[test]
fn people_are_added_with_one_line_each() {
    let stage = Stage::begun("add");
    let answer = stage.run(["roster", "show"]);
    let out = answer.ok();
    assert!(out.starts_with("ROSTER  4 members of localhost/shop\nsingle admin: Ada\n"), "{out}");
    let roster = stage.run(["roster", "show", "--json"]).json();
    let ben = member(&roster, "Ben");
    assert_eq!(ben["keys"][0], fingerprint(&stage, "ben"));
    assert_eq!(ben["duties"], serde_json::json!(["review"]));
    // The same address again is refused, and so is a private key.
    let add = |email: &str, key: &std::path::Path| {
        let key = key.to_str().unwrap();
        stage.run(["roster", "add", "B", "--email", email, "--public-key", key, "-y"])
    };
    let key = stage.key("dan");
    add("Ben@Shop.example", &key.with_extension("pub")).refused(2, "is on the roster already: Ben");
    add("dan@shop.example", &key).refused(2, "is a private key");
}

#[test]
fn only_an_admin_on_the_roster_changes_it() {
    let stage = Stage::begun("admins");
    let add = ["roster", "add", "Eve", "--email", "eve@x.example", "-y"];
    stage
        .as_user("ben")
        .run(add)
        .refused(2, "Ben is no admin of this ledger hint: ask an admin: Ada");
    // dan's key is on nobody's roster entry.
    stage.as_user("dan").run(add).refused(2, "is not enrolled");
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 3);
}

#[test]
fn a_roster_file_is_applied_once_and_changes_nothing_again() {
    let stage = Stage::new("apply");
    stage.run(["init", "-y"]).ok();
    let text = roster_file(&stage, &["ben", "cleo"], "teams = [\"payments\"]");
    let shown = stage.run(["roster", "apply", "roster.toml", "-n", "--json"]);
    assert_eq!(shown.json()["predicate"]["says"]["operations"].as_array().unwrap().len(), 4);
    assert!(
        shown.talk.contains("add     ben <ben@shop.example>: human, teams payments"),
        "{}",
        shown.talk
    );
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 1);

    assert!(
        stage.run(["roster", "apply", "roster.toml", "-y"]).ok().starts_with("DONE  entry 1\n")
    );
    let again = stage.run(["roster", "apply", "roster.toml"]);
    assert!(again.ok().starts_with("NOTHING TO DO"), "{}", again.out);
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 2);

    // One thing changed is one operation, told in words.
    stage.write("roster.toml", &text.replacen("payments", "web", 1));
    let change = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]);
    assert_eq!(change.json()["plan"], serde_json::json!(["change  ben: teams web (was payments)"]));
    stage.write("roster.toml", "[[member]]\nemails = [\"ben@shop.example\"]\nretired = true\n");
    let retire = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]);
    assert_eq!(retire.json()["plan"], serde_json::json!(["retire  ben"]));
    assert_eq!(
        stage.run(["roster", "show", "--json"]).json()["members"].as_array().unwrap().len(),
        3
    );
}

/// The example of `spec/roster-file.md` does what the text beside it says.
#[test]
fn the_example_of_the_specification_is_applied() {
    let stage = Stage::begun("example");
    let spec = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/roster-file.md");
    let spec = std::fs::read_to_string(spec).unwrap();
    let example = spec.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    stage.write("roster.toml", example);
    let apply = || stage.run(["roster", "apply", "roster.toml", "-y"]);
    // A level that the policy does not list is refused.
    apply().refused(2, "the level senior, which the policy does not list");
    let policy = stage.run(["policy", "show"]).ok().to_owned();
    let with_levels = "version = 1\nlevels = [\"junior\", \"senior\"]\n";
    stage.write("policy.toml", &policy.replacen("version = 1\n", with_levels, 1));
    stage.run(["policy", "apply", "policy.toml", "-y"]).ok();
    apply().ok();
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!((&roster["threshold"], roster["admins"].as_array().unwrap().len()), (&2.into(), 2));
    let ben = member(&roster, "Ben Ode");
    assert_eq!((&ben["level"], ben["keys"].as_array().unwrap().len()), (&"senior".into(), 2));
    let coder = member(&roster, "Coder");
    assert_eq!((&coder["id"], &coder["operator"]), (&"coder".into(), &ben["id"]));
    let names: Vec<_> = roster["members"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert!(!names.contains(&&"Cleo".into()), "{names:?}");
    assert!(apply().ok().starts_with("NOTHING TO DO"));
}

/// ATTACKS 18: who alone decides is told so where it is about themselves.
#[test]
fn a_single_admin_is_told_when_it_is_about_themselves() {
    let stage = Stage::begun("self");
    let say = |text: &str| {
        stage.write("roster.toml", text);
        stage.run(["roster", "apply", "roster.toml", "-y"]).talk
    };
    let about_self = "this is about yourself, and you are the single admin";
    let ada = "[[member]]\nemails = [\"ada@shop.example\"]\nteams = [\"web\"]\n";
    assert!(say(ada).contains(about_self));
    assert!(!say(&ada.replace("ada@", "ben@")).contains(about_self));
    // With two admins, whoever signs is not alone.
    say("admins = [\"ada@shop.example\", \"ben@shop.example\"]\n");
    assert!(!say(&ada.replace("web", "pay")).contains(about_self));
}

#[test]
fn a_large_roster_is_signed_in_parts() {
    let stage = Stage::new("parts");
    stage.run(["init", "-y"]).ok();
    let mut text = String::new();
    for number in 0..300 {
        write!(
            text,
            "[[member]]\nname = \"P{number}\"\nemails = [\"p{number}@shop.example\"]\n\
             duties = [\"review\"]\n"
        )
        .unwrap();
    }
    stage.write("roster.toml", &text);
    let answer = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]).json();
    assert!(answer["entries"].as_array().unwrap().len() > 1, "{}", answer["entries"]);
    assert!(stage.run(["roster", "apply", "roster.toml"]).ok().starts_with("NOTHING TO DO"));
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!(roster["members"].as_array().unwrap().len(), 302);
}

#[test]
fn a_misspelt_field_is_told_with_its_line() {
    let stage = Stage::begun("misspelt");
    stage.write("roster.toml", "[[member]]\nemails = [\"x@x.example\"]\nteam = [\"web\"]\n");
    stage
        .run(["roster", "apply", "roster.toml", "-y"])
        .refused(2, "roster.toml: line 3: unknown field `team`");
    for (text, says) in [
        ("\n[[member]]\nname = \"X\"\n", "line 2: a member without id and emails"),
        ("[[member]]\nid = \"a1\"\nkeys = [\"ssh-rsa AAAA\"]\n", "line 1: a key that cannot sign"),
        ("[[member]]\nid = \"a1\"\nduties = [\"reviews\"]\n", "line 3: unknown variant"),
        (
            "[[member]]\nid = \"a1\"\n[[member]]\nid = \"a1\"\n",
            "line 3: the same member stands in line 1",
        ),
        ("[[member]]\nid = \"gate\"\nkind = \"human\"\n", "is a service: that was set once"),
        (
            "[[member]]\nid = \"a1\"\nkind = \"agent\"\noperator = \"nobody\"\n",
            "nobody is no member",
        ),
    ] {
        stage.write("roster.toml", text);
        stage.run(["roster", "apply", "roster.toml", "-y"]).refused(2, says);
    }
    assert_eq!(stage.run(["roster", "show", "--json"]).json()["size"], 3);
}

#[test]
fn the_admins_change_and_the_threshold_stays() {
    let stage = Stage::begun("keeps-threshold");
    let apply = |text: &str, more: &[&str]| {
        stage.write("roster.toml", text);
        let command = ["roster", "apply", "roster.toml", "-y", "--json"];
        stage.run(command.iter().chain(more))
    };
    apply("admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n", &[]).ok();
    let three = "admins = [\"ada@shop.example\", \"ben@shop.example\", \"cleo@shop.example\"]\n";
    let plan = apply(three, &["-o", "three.json"]).json();
    assert_eq!(plan["plan"], serde_json::json!(["admins  Ada, Ben, Cleo; 2 must sign"]));
}

#[test]
fn a_plan_in_parts_is_shown_as_one_document() {
    let stage = Stage::begun("parts-shown");
    let mut text = String::new();
    for number in 0..300 {
        write!(text, "[[member]]\nname = \"P{number}\"\nemails = [\"p{number}@x.example\"]\n")
            .unwrap();
    }
    stage.write("roster.toml", &text);
    let shown = stage.run(["roster", "apply", "roster.toml", "-n", "--json"]).json();
    assert!(shown.as_array().unwrap().len() > 1);
}
