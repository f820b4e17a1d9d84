//! Pages for people (`spec/server.md`, section Pages), as a real browser shows them: on a phone and
//! on a desktop, light and dark, for people who see them and people who hear them. And whatever
//! people write in names, titles, paths and comments stays text.
//!
//! `COUNTERSIGN_BROWSER` is a Chromium, `COUNTERSIGN_NODE` a folder of node modules with
//! puppeteer-core and axe-core (`tests/run` finds both). `COUNTERSIGN_PICTURES` keeps the pictures.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::disallowed_methods, reason = "a test's files need not survive a crash")]

#[path = "../common/mod.rs"]
mod common;
mod server;
mod standing;
mod world;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use common::Stage;
use server::Running;
use world::{HOSTILE, begin, change_of};

/// Every kind of page, of a ledger in which everything has happened once.
fn paths(stage: &Stage) -> Vec<String> {
    // A server holds the ledger: what is asked of it is asked before.
    let log = stage.run(["log", "-N", "1000", "--json"]).json();
    let entries = log["entries"].as_array().unwrap();
    let of = |kind: &str| -> Vec<u64> {
        let found = entries.iter().filter(|entry| entry["kind"] == kind);
        found.map(|entry| entry["entry"].as_u64().unwrap()).collect()
    };
    let mut paths: Vec<String> =
        ["/", "/queue", "/queue?environment=staging", "/members", "/ledger"]
            .map(str::to_owned)
            .to_vec();
    paths.push("/queue?for=dan".to_owned());
    paths.extend(["dan", "ben", "gone"].map(|id| format!("/members/{id}")));
    for kind in ["decision", "deployment"] {
        let mut seen = BTreeSet::new();
        let says = |entry: &&u64| {
            let line = entries.iter().find(|line| line["entry"] == **entry).unwrap();
            seen.insert(line["says"].as_str().unwrap().split(' ').take(3).collect::<String>())
        };
        paths.extend(of(kind).iter().filter(says).map(|entry| format!("/deployments/{entry}")));
    }
    for kind in ["governance", "change", "approval", "decision", "deployment"] {
        paths.push(format!("/entries/{}", of(kind)[0]));
    }
    paths.push(format!("/changes/{}", change_of(stage, "open")));
    // Nobody declared these: where they lie is said beside them.
    for range in ["hostile", "main"] {
        let found = stage.run(["hash", range, "--json"]).json();
        let word = |name: &str| found[name].as_str().unwrap().to_owned();
        let (change, base, head) = (word("change"), word("base"), word("head"));
        paths.push(format!("/changes/{change}?base={base}&head={head}"));
    }
    paths.extend(["/entries/99999", "/nowhere"].map(str::to_owned));
    paths
}

/// The browser and its tools; none, and a line that says so, where they are not here.
fn tools() -> Option<(String, String)> {
    let find = |name: &str| std::env::var(name).ok().filter(|path| !path.is_empty());
    let found = find("COUNTERSIGN_BROWSER").zip(find("COUNTERSIGN_NODE"));
    if found.is_none() {
        println!("skipped: no Chromium, or no puppeteer-core and axe-core, for pages");
    }
    found
}

/// What a browser finds at each page, at each size, in each scheme.
fn looks(stage: &Stage, urls: &[String], tools: &(String, String)) -> Vec<Value> {
    let pictures = std::env::var_os("COUNTERSIGN_PICTURES")
        .map_or_else(|| stage.root().join("pictures"), PathBuf::from);
    std::fs::create_dir_all(&pictures).unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pages/browse.mjs");
    let (browser, modules) = tools;
    let output = Command::new("node")
        .arg(script)
        .args([modules, browser])
        .arg(&pictures)
        .args(urls)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the browser did not look: {talk}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every page at every size: reads well, fits, loads nothing from elsewhere, runs nothing.
#[test]
fn every_page_is_sound_in_a_browser() {
    let Some(tools) = tools() else { return };
    let stage = begin("pages-browser");
    let paths = paths(&stage);
    let running = Running::start(&stage);
    let urls: Vec<_> = paths.iter().map(|path| running.at(path)).collect();
    let looks = looks(&stage, &urls, &tools);
    assert_eq!(looks.len(), 4 * urls.len());
    for look in &looks {
        let at = format!("{} {} {}", look["url"], look["size"], look["scheme"]);
        let empty = |name: &str| {
            assert_eq!(look[name], serde_json::json!([]), "{name} of {at}");
        };
        empty("violations");
        empty("wide");
        let is_missing = look["status"] == 404;
        let url = look["url"].as_str().unwrap();
        assert_eq!(is_missing, url.ends_with("/99999") || url.ends_with("/nowhere"), "{at}");
        // The console tells of an answer that is no page; nothing else is told.
        let told = look["console"].as_array().unwrap();
        assert!(told.is_empty() || (is_missing && told.len() == 1), "console of {at}: {told:?}");
        assert_eq!(look["wider"], 0, "{at} is wider than the window");
        for none in ["scripts", "handlers", "foreign"] {
            assert_eq!(look[none], 0, "{none} of {at}");
        }
        assert_eq!(look["headings"], 1, "{at}");
        assert!(look["policy"].as_str().unwrap().starts_with("default-src 'none'; "), "{at}");
        for request in look["requests"].as_array().unwrap() {
            let request = request.as_str().unwrap();
            assert!(request.starts_with(&running.url), "{at} asks for {request}");
        }
        // Whoever has no pointer sees where they are.
        let (reached, shown) = (look["reached"].as_u64().unwrap(), look["shown"].as_u64().unwrap());
        assert!(reached >= 6 && shown == reached, "{at}: {shown} of {reached} are shown");
    }
    // What could not be decided by itself was looked at: the same on every page, or nothing.
    let undecided = looks.iter().flat_map(|look| look["incomplete"].as_array().unwrap());
    let undecided: BTreeSet<_> = undecided.map(|one| one["id"].to_string()).collect();
    assert!(undecided.is_empty(), "axe-core could not decide {undecided:?}");
    // What people wrote is shown, each sign of it: it was not left out to be safe.
    let text: String = looks.iter().map(|look| look["text"].as_str().unwrap()).collect();
    for wrote in HOSTILE {
        let shown = wrote.replace('\u{202e}', "\\u{202e}");
        assert!(text.contains(&shown), "{shown:?} is nowhere");
    }
}

/// The first word of every page is its answer.
#[test]
fn the_first_word_is_the_answer() {
    let stage = begin("pages-answers");
    let log = stage.run(["log", "-N", "1000", "--json"]).json();
    let (change, other) = (change_of(&stage, "open"), stage.git(["rev-parse", "hostile"]));
    let running = Running::start(&stage);
    let title = |path: &str| {
        let page = running.page(path);
        let start = page.find("<title>").unwrap() + "<title>".len();
        page[start..page.find("</title>").unwrap()].to_owned()
    };
    let mut words = BTreeSet::new();
    for entry in log["entries"].as_array().unwrap() {
        let says = entry["says"].as_str().unwrap();
        if !says.starts_with("decision ") {
            continue;
        }
        let title = title(&format!("/deployments/{}", entry["entry"]));
        let expected = match says {
            _ if says.contains("WOULD REFUSE") => "WOULD REFUSE ",
            _ if says.starts_with("decision allow") => "YES ",
            _ if title.starts_with("OVERRIDE") => "OVERRIDE ",
            _ => "NO ",
        };
        assert!(title.starts_with(expected), "{says}: {title}");
        words.insert(expected);
    }
    assert_eq!(words.len(), 4, "all four answers were given: {words:?}");
    assert!(title("/queue").contains("wait"), "{}", title("/queue"));
    assert!(title(&format!("/changes/{change}")).starts_with("NO "));
    let fault = running.answer("/entries/99999");
    assert_eq!(fault.0, 404);
    assert!(fault.1.contains("NOT FOUND"), "{}", fault.1);
    // Every error is a page for who reads pages, and JSON for others.
    for path in ["/changes/xyz", "/members/No%20Body", "/deployments/x", "/nowhere", "/queue?x=1"] {
        let (status, body) = running.answer(path);
        assert!((400..500).contains(&status), "{path}");
        assert!(body.starts_with("<!DOCTYPE html>") && body.contains("<h1"), "{path}: {body}");
        let mut answer = running.asked(path, "*/*");
        assert_eq!((answer.status().as_u16(), kind(&answer)), (status, "application/json"));
        let text = answer.body_mut().read_to_string().unwrap();
        let said: Value = serde_json::from_str(&text).unwrap();
        assert!(said["error"].is_string() && said["why"].is_string(), "{path}: {said}");
    }
    assert_eq!(kind(&running.asked("/ledger", "*/*")), "text/html; charset=utf-8");
    // Commits that are named beside a change are believed only if they are that change.
    let page = running.page(&format!("/changes/{change}?base={other}&head={other}"));
    assert!(page.contains(&change) && !page.contains(&other), "{page}");
}

fn kind(answer: &ureq::http::Response<ureq::Body>) -> &str {
    answer.headers()["content-type"].to_str().unwrap()
}

/// Pages name people: who may not read words is shown none.
#[test]
fn pages_ask_for_a_token_where_words_do() {
    let stage = begin("pages-token");
    world::settings(&stage, "reading = \"open\"\nwords = \"token\"\n");
    let running = Running::start(&stage);
    for path in ["/", "/queue", "/members", "/members/dan", "/ledger", "/entries/1"] {
        let (status, body) = running.answer(path);
        assert_eq!(status, 401, "{path}");
        assert!(!body.contains("Dan"), "{body}");
        assert!(body.starts_with("<!DOCTYPE html>") && body.contains("NOT ALLOWED"), "{body}");
    }
    let refused = running.asked("/queue", "text/html");
    let asks = refused.headers().get_all("www-authenticate").iter();
    assert_eq!(asks.count(), 2, "a browser asks for the token");
    assert!(refused.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
    assert_eq!(running.answer("/style.css").0, 200);
    assert_eq!(running.answer("/icon.svg").0, 200);
}
