//! A roster of 5,000 people, in parts (ATTACKS 39).

use std::fmt::Write as _;
use std::time::Instant;

use countersign::key::Signer as _;

use crate::common::Stage;

/// People with an address and a key each.
fn people(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let mut seed = [77; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let signer = countersign::key::SeedSigner::from_seed(&seed, "").unwrap();
        write!(
            text,
            "[[member]]\nname = \"Person {number}\"\nemails = [\"p{number}@shop.example\"]\n\
             teams = [\"t{}\"]\nduties = [\"review\"]\nkeys = [\"{}\"]\n\n",
            number % 40,
            signer.public_key().to_openssh(),
        )
        .unwrap();
    }
    text
}

/// 5,000 people from one file, in as few statements as the limits allow, each on the one before.
#[test]
fn attack_39_five_thousand_people_come_in_parts() {
    let stage = Stage::new("five-thousand");
    stage.run(["init", "-y"]).ok();
    stage.write("roster.toml", &people(5_000));
    let begun = Instant::now();
    let answer = stage.run(["roster", "apply", "roster.toml", "-y", "--json"]);
    answer.ok();
    println!("applied in {:.1} s", begun.elapsed().as_secs_f64());
    let entries = answer.json()["entries"].as_array().unwrap().len();
    assert!((20..80).contains(&entries), "{entries} statements");
    let begun = Instant::now();
    assert!(stage.run(["roster", "apply", "roster.toml"]).ok().starts_with("NOTHING TO DO"));
    println!("compared in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let roster = stage.run(["roster", "show", "--json"]).json();
    println!("shown in {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(roster["members"].as_array().unwrap().len(), 5_002);
    let begun = Instant::now();
    stage.run(["ledger", "check"]).ok();
    println!("checked in {:.1} s; {entries} statements", begun.elapsed().as_secs_f64());
}

/// With two admins a part at a time: what the next rests on is known once this one is in.
#[test]
fn attack_39_parts_that_two_sign_follow_one_another() {
    let stage = Stage::begun("parts-two");
    let two = "admins = [\"ada@shop.example\", \"ben@shop.example\"]\nthreshold = 2\n";
    stage.write("roster.toml", two);
    stage.run(["roster", "apply", "roster.toml", "-y"]).ok();
    stage.write("roster.toml", &people(300));
    stage.run(["roster", "apply", "roster.toml", "-y"]).refused(2, "2 admins must sign this");
    let mut parts = 0;
    loop {
        let written = stage.run(["roster", "apply", "roster.toml", "-y", "-o", "part.json"]);
        let out = written.ok();
        if out.starts_with("NOTHING TO DO") {
            break;
        }
        parts += 1;
        if parts == 1 {
            assert!(out.contains("part.json, part 1 of 3"), "{out}");
            assert!(out.contains("the same command writes the next part"), "{out}");
        }
        assert!(out.contains("next: countersign sign part.json"), "{out}");
        stage.as_user("ben").run(["sign", "part.json", "-y"]).ok();
        stage.run(["submit", "part.json"]).ok();
    }
    assert_eq!(parts, 3);
    let roster = stage.run(["roster", "show", "--json"]).json();
    assert_eq!(roster["members"].as_array().unwrap().len(), 304);
    // What was never signed left no names behind: every opening is of an entry.
    let openings = walk(&stage.ledger().join("openings"));
    assert_eq!(openings, 303);
}

fn walk(folder: &std::path::Path) -> usize {
    let inside = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path) } else { 1 }
    };
    std::fs::read_dir(folder).unwrap().map(inside).sum()
}
