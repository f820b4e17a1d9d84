#!/usr/bin/env python3
"""Both verifiers on the same questions: the program's own, and spec/verify.py.

    campaign.py proofs PROGRAM COUNT SEED       mutated proofs, checkpoints and trust roots
    campaign.py policies PROGRAM COUNT SEED     mutated policies
    campaign.py assessments PROGRAM COUNT SEED  cases of `policy test`
    campaign.py bundles PROGRAM COUNT SEED      mutated bundles, attested and not
    campaign.py governance PROGRAM COUNT SEED   random governance and witnesses, as bundles
    campaign.py verdicts PROGRAM COUNT SEED     random chains, words and covers, as bundles

Each prints one line with its figures, and exits 1 where the two differ in anything: the answer, the
exit status, a reason code, an assessment. PROGRAM is the program; needs the package cryptography.
"""

import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = os.path.join(HERE, "..", "..", "spec")
sys.path[:0] = [SPEC, HERE]

import ledgers  # noqa: E402
import verdicts as chains  # noqa: E402
import verify  # noqa: E402

PROOFS = os.path.join(SPEC, "vectors", "proof")
SHOWN = 5


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def mine(*arguments):
    """Exit status and answer of spec/verify.py."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = verify.main(list(arguments))
        except SystemExit as end:
            status = end.code
    return status, out.getvalue()


def theirs(program, *arguments, home):
    """Exit status and answer of the program."""
    environment = {"HOME": home, "PATH": os.environ["PATH"], "TZ": "UTC"}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment,
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout


def core(answer):
    """What both must agree on."""
    if not answer.strip():
        return None
    members = ("proves", "since", "entry", "checkpoint", "reasons")
    found = []
    for report in json.loads(answer)["files"]:
        said = {name: report[name] for name in members if name in report and "proves" in report}
        said["witnesses"] = report.get("witnesses") or None
        found.append((report["answer"], report.get("code"), said))
    return found


def mutated(random_, data, others):
    """One small change of bytes or lines."""
    kind = random_.randrange(10)
    at = random_.randrange(len(data)) if data else 0
    if kind < 4 and data:
        changed = bytearray(data)
        changed[at] ^= 1 << random_.randrange(8)
        return bytes(changed)
    if kind == 4:
        return data[:at] + bytes([random_.choice(b'0aA+/=- \n\t\r\x00\xe2"\\9')]) + data[at:]
    if kind == 5:
        return data[:at] + data[at + random_.randrange(1, 4):]
    lines = data.split(b"\n")
    one, other = random_.randrange(len(lines)), random_.randrange(len(lines))
    if kind == 6:
        lines.insert(one, lines[other])
    elif kind == 7:
        lines.pop(one)
    elif kind == 8:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = random_.choice(random_.choice(others).split(b"\n"))
    return b"\n".join(lines)


class Tally:
    """What was compared, and what differed."""

    def __init__(self, what, seed):
        self.what, self.seed, self.answers, self.differences = what, seed, {}, 0
        self.met = {}

    def compare(self, one, other, shown):
        self.answers[str(other[0])] = self.answers.get(str(other[0]), 0) + 1
        if one != other:
            self.differences += 1
            if self.differences <= SHOWN:
                print("spec/verify.py:", one, "\nthe program:   ", other, "\n", shown,
                      file=sys.stderr)

    def reasons(self, answer):
        """Counts the reasons, so that a run shows what it met."""
        for _, reasons in answer[1] or ():
            for reason in reasons or ():
                self.met[reason] = self.met.get(reason, 0) + 1

    def end(self):
        if self.met:
            print("met:", ", ".join(f"{n} {code}" for code, n in sorted(self.met.items())))
        count = sum(self.answers.values())
        answers = ", ".join(f"{n} of {a}" for a, n in sorted(self.answers.items()))
        print(f"{self.what}: {count} compared ({answers}), {self.differences} differences, "
              f"seed {self.seed}")
        return 1 if self.differences or not count else 0


def proofs(program, count, seed):
    random_, tally = random.Random(seed), Tally("proofs", seed)
    names = [n for n in sorted(os.listdir(PROOFS))
             if n.startswith(("entry-", "since-", "checkpoint-"))]
    files = {name: read(PROOFS, name) for name in names}
    trust, every = read(PROOFS, "trust.toml"), list(files.values())

    def some_file(times):
        data = random_.choice(every)
        for _ in range(random_.choice(times)):
            data = mutated(random_, data, every)
        return data
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count):
            data, old, root = some_file((1, 1, 1, 2)), files["checkpoint-2.txt"], trust
            if random_.random() < 0.25:
                root = mutated(random_, root, [trust])
            arguments = ["--trust", write(folder, "trust.toml", root), "--json",
                         write(folder, "file", data)]
            if random_.random() < 0.25:
                arguments.append(write(folder, "further", some_file((0, 0, 1))))
            if random_.random() < 0.3:
                old = some_file((0, 1))
            if random_.random() < 0.7:
                arguments += ["--since", write(folder, "older", old)]
            one, other = mine(*arguments), theirs(program, "verify", *arguments, home=folder)
            tally.compare((one[0], core(one[1])), (other[0], core(other[1])), (data, old))
    return tally.end()


PIECES = [
    '"', '"""', "'''", "\n", "=", "[", "]", "{", "}", ",", "#", ".", "\\", "\\u0041", "\\u200b",
    "\u200b",
    "\u00ad", "\r\n", "\r", "\t", "\x0b", "\x85", "\ufeff", "1", "0", "01", "+1", "-1", "1_0",
    "0x1",
    "1.0", "1e2", "true", "false", "1979-05-27", "inf", "nan", '""', '"a"', '["a"]', "{}",
    "{ a = 1, }",
    "version = 1\n", "[defaults]\n", "[a.b]\n", 'levels = ["x"]\n', "\u00e9", '"\u00e9"', "\\e",
    "\\x41",
    '\\"', "\\\n", '"24h"', '"1y"', '"9999d"', '"0s"', '"never"', "9007199254740993", "'a'",
    '"a\\tb"',
    '"a\\nb"', "carry_gap = 3\n", "carry_gap = 0\n", "carry_gap = +3\n", "carry_gap=3_0\n",
    'presence = "touch"\n', 'mode = "observe"\n', "*", "**", "!a", "a//b", "\U000e0001", "\u2028",
    "x" * 101, '"services"', "artifact = true", "opaque = false", "count = 100", "count = 101",
    "count = 0x1", "a.b.c = 1\n", '"" = 1\n', '"a b" = 1\n']


def mutated_text(random_, text):
    kind, lines = random_.randrange(6), text.split("\n")
    at, one, other = (random_.randrange(n) for n in (len(text) + 1, len(lines), len(lines)))
    if kind == 0:
        return text[:at] + random_.choice(PIECES) + text[at:]
    if kind == 1:
        return text[:at] + text[at + random_.randrange(1, 6):]
    if kind == 2:
        lines.insert(one, lines[other])
    elif kind == 3:
        lines.pop(one)
    elif kind == 4:
        first, end = random_.choice([m.span() for m in re.finditer(r'"[^"\n]*"|\d+|[a-z_]+', text)])
        return text[:first] + random_.choice(PIECES) + text[end:]
    else:
        lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def policies(program, count, seed):
    random_, tally = random.Random(seed), Tally("policies", seed)
    base = read(SPEC, "policy.md").decode().split("```toml\n")[1].split("```")[0]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count):
            text = base
            for _ in range(random_.choice((1, 1, 2, 3))):
                text = mutated_text(random_, text)
            try:
                verify.Policy(text)
                valid = True
            except verify.BadInput:
                valid = False
            path = write(folder, "policy.toml", text.encode())
            answer = json.loads(theirs(program, "policy", "check", path, "--json", home=folder)[1])
            tally.compare((valid,), (answer["valid"],), text)
    return tally.end()


LEVELS = ["junior", "mid", "senior"]
PATHS = [
    "a/b.rs", "infra/x.tf", "INFRA/y.tf", "x.lock", "docs/\u00e9", "docs/e\u0301", "Docs/K",
    "docs/\u212a", "\u017ftra\u00dfe", "STRASSE", ".hid/a", "a", "a/b/c/d.tf", "\u03c9/\u1fb3",
    "\u03c9/\u03b1\u0345", "\u0149", "\u0130", "i\u0307", "\u1e9e", "\u1f80\u0302"]
PATTERNS = [
    "**", "*", "a/**", "infra/**", "**/*.tf", "*.lock", "docs/?", "docs/*", "docs/\u00e9",
    "strasse",
    "i\u0307", "\u03c9/\u1fb3", "\u1f80\u0302", "a/*", "?", "**/c/**", ".*/a"]
EVERY_KIND = ["human", "bot", "agent", "service", "unknown", "tool"]


def quoted(value):
    return json.dumps(value, ensure_ascii=False)


def inline(value):
    """A TOML inline table, or a list of them."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[" + ", ".join(map(inline, value)) + "]"
    return quoted(value)


def some(random_, values, most=2):
    values = list(values)
    return random_.sample(values, min(len(values), random_.randint(1, most)))


def maybe(random_, chance, members):
    return {name: value for name, value in members.items() if random_.random() < chance}


def random_rule(random_, number, levels, environments, services, patterns):
    when = maybe(random_, 0.25, {
        "assistance": some(random_, verify.ASSISTANCE), "author_below": random_.choice(levels),
        "author_kind": some(random_, EVERY_KIND, 3), "paths": some(random_, patterns, 3),
        "paths_outside": some(random_, patterns, 3), "environments": some(random_, environments),
        "services": some(random_, services)}) if services else {}
    when |= maybe(random_, 0.08, {"opaque": True, "collision": True})
    when |= maybe(random_, 0.2, {"artifact": True})
    needs = [maybe(random_, 0.5, {"level": random_.choice(levels), "team": random_.choice("uv"),
                                  "count": random_.randint(1, 3)})
             for _ in range(random_.randint(0, 3))]
    rule = {"name": f"r{number}"} | ({"when": when} if when else {}) | (
        {"require": needs} if needs else {})
    return rule | maybe(random_, 0.3, {
        "checklist": some(random_, ["one", "two"]), "carry": random_.choice(["clean", "never"]),
        "presence": random_.choice(["touch", "attested"])})


def random_policy(random_, levels, environments, services, patterns):
    """A policy as nested tables."""
    defaults = maybe(random_, 0.4, {
        "undeclared": random_.choice(verify.ASSISTANCE), "carry": random_.choice(["clean",
                                                                                  "never"]),
        "unproved_authors": random_.choice(["add-one", "lowest-level", "accept"]),
        "approval_ttl": random_.choice(["1h", "2h", "2d"]), "carry_gap": random_.randint(1, 3),
        "rollback_within": random_.choice(["30d", "10d"]), "weaken_delay": random_.choice(["24h",
                                                                                           "1h"]),
        "decision_ttl": random_.choice(["1h", "2h"]), "key_cooling": random_.choice(["24h", "1h"]),
        "exempt": some(random_, patterns), "allow_collisions": random_.random() < 0.5})
    override = maybe(random_, 0.3, {"longest": random_.choice(["4h", "1h"]), "presence": "touch",
                                    "debt_due": random_.choice(["24h", "2h"])})
    places = {name: maybe(random_, 0.6, {"mode": random_.choice(["observe", "enforce"])})
              for name in environments}
    offers = {name: {"repository": random_.choice(["r", "r", "q"])} | maybe(random_, 0.35, {
        "branch": random_.choice(["refs/heads/main", "refs/heads/x"]),
        "paths": some(random_, patterns, 3), "artifact": random_.choice(["required", "optional"]),
        "builders": some(random_, ["ci", "cd"]), "mode": random_.choice(["observe", "enforce"])})
        for name in services}
    rules = [random_rule(random_, n, levels, environments, services, patterns)
             for n in range(random_.randint(0, 4))]
    return {"levels": levels, "defaults": defaults, "override": override, "environment": places,
            "service": offers, "rule": rules}


def policy_text(policy):
    def members(table):
        return "".join(f"{k} = {inline(v)}\n" for k, v in table.items())
    text = f"version = 1\nlevels = {quoted(policy['levels'])}\n"
    for name in ("defaults", "override"):
        text += f"[{name}]\n" + members(policy[name])
    for name in ("environment", "service"):
        for key, table in policy[name].items():
            text += f'[{name}."{key}"]\n' + members(table)
    return text + "".join("[[rule]]\n" + members(rule) for rule in policy["rule"])


def random_case(random_, people, items):
    """What is given and who signed, as a file of cases says it."""
    artifact = random_.random() < 0.15
    paths = [] if artifact else some(random_, PATHS, 4)
    given = {
        "service": random_.choice(["shop", "shop", "shop", "api", "gone"]),
        "environment": random_.choice(["production", "production/eu", "staging/eu", "staging"]),
        "declared": random_.choice([*verify.ASSISTANCE, "nobody"]), "paths": paths,
        "authors": [{"who": name} | maybe(random_, 0.4, {
            "standing": random_.choice(["proved", "attested", "claimed"]),
            "kind": random_.choice(EVERY_KIND)})
            for name in random_.sample(list(people), random_.choice([0, 1, 1, 2, 3]))]}
    given |= maybe(random_, 0.4, {"detected": random_.choice(verify.ASSISTANCE)})
    given |= maybe(random_, 0.15, {"collision": True, "opaque": paths[:1]})
    given |= {"artifact": True} if artifact else {}
    signed = [{"who": random_.choice([n for n in people if n.startswith("h")]),
               "age": random_.choice(["1s", "59m", "1h", "61m", "2h", "1d", "2d", "3d"])}
              | maybe(random_, 0.3, {
                  "presence": random_.choice(["none", "touch", "attested"]), "carried": True,
                  "answered": some(random_, items) if items else [],
                  "saw": random_.choice(verify.ASSISTANCE), "level": random_.choice(LEVELS)})
              for _ in range(random_.randint(0, 6))]
    return given, signed


def facts_of(given, people):
    authors = [{"member": a["who"], "level": people[a["who"]].get("level"),
                "kind": a.get("kind", people[a["who"]].get("kind", "human")),
                "standing": a.get("standing", "proved")} for a in given["authors"]]
    return {
        "service": given["service"], "environment": given["environment"], "authors": authors,
        "declared": None if given["declared"] == "nobody" else given["declared"],
        "detected": given.get("detected"), "collision": given.get("collision", False),
        "paths": {p.encode(): p in given.get("opaque", []) for p in given["paths"]},
        "artifact": given.get("artifact", False)}


def sign_off_of(entry, said, people):
    presence = {"none": "no_touch", "touch": "touch_claimed", "attested": "touch"}
    person = people[said["who"]]
    return {"entry": entry, "member": said["who"], "level": said.get("level", person.get("level")),
            "teams": person.get("teams", []), "presence": presence[said.get("presence", "none")],
            "answered": said.get("answered", []), "carried": said.get("carried", False),
            "assistance_seen": said.get("saw", "generated"), "age": verify.duration(said["age"])}


def assessments(program, count, seed):
    random_, tally = random.Random(seed), Tally("assessments", seed)
    floor = "the floor: one human who is not an author"
    with tempfile.TemporaryDirectory() as folder:
        while sum(tally.answers.values()) < count:
            text = policy_text(random_policy(random_, LEVELS, ["production", "staging/eu"],
                                             ["shop", "api"], PATTERNS))
            policy = verify.Policy(text)
            items = sorted({item for rule in policy.rules for item in rule.get("checklist", [])})
            people = {f"h{i}": maybe(random_, 0.7, {"level": random_.choice(LEVELS),
                                                    "teams": some(random_,
                                                                  "uv")}) for i in range(6)}
            people |= {kind: {"kind": kind} for kind in ("bot", "agent", "service")}
            cases = [random_case(random_, people, items) for _ in range(50)]
            write(folder, "policy.toml", text.encode())
            given = 'version = 1\npolicy = "policy.toml"\n[people]\n'
            given += "".join(f"{name} = {inline(said)}\n" for name, said in people.items())
            for number, (case, signed) in enumerate(cases):
                given += f'[[case]]\nname = "{number}"\ngiven = {inline(case)}\n'
                given += f'signed = {inline(signed)}\nexpect = {{ answer = "yes" }}\n'
            path = write(folder, "cases.toml", given.encode())
            answers = json.loads(theirs(program, "policy", "test", path, "--json", home=folder)[1])
            for (case, signed), answer in zip(cases, answers["cases"], strict=True):
                wanted = answer["assessment"]
                found = verify.assess(policy, facts_of(case, people),
                                      [sign_off_of(n + 1, s, people) for n, s in enumerate(signed)])
                one = (found["satisfied"], found["assistance"], found["exempt"], found["denials"],
                       found["not_counted"],
                       [(r["rule"] or floor, r["need"], r["code"], r["missing"], r["filled_by"],
                         r["sign_offs"]) for r in found["requirements"]])
                other = (wanted["satisfied"], wanted["assistance"], wanted["exempt"],
                         [d["code"] for d in wanted["denials"]],
                         [(n["entry"], n["code"], n.get("rule")) for n in wanted["not_counted"]],
                         [(r["because"], r["need"], r["code"], r["missing"], r["filled_by"],
                           r["sign_offs"]) for r in wanted["requirements"]])
                tally.compare(one, other, (case, signed, text))
    return tally.end()


BUNDLES = os.path.join(SPEC, "vectors", "bundle")


def read_answer(status, text):
    """What both say of bundles: exit status, answers, reasons, and what each line rests on."""
    files = json.loads(text)["files"] if text.strip() else []
    return status, [(r["answer"], r.get("reasons")) for r in files], [
        (line["code"], line["rests"]) for r in files for line in r.get("lines") or ()]


def places(value, path=()):
    """Every place in a JSON value, with the path that leads there."""
    yield path
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for name, item in items:
        yield from places(item, (*path, name))


def mutated_bundle(random_, data):
    """One change of bytes, or of one value; half of the latter where nobody attests any more."""
    if random_.random() < 0.3:
        return mutated(random_, data, [data])
    bundle = json.loads(data)
    if random_.random() < 0.5:
        bundle.pop("attestation", None)
        bundle["evidence"].pop("decision", None)
    *way, last = random_.choice([p for p in places(bundle["evidence"]) if p])
    inner = bundle["evidence"]
    for name in way:
        inner = inner[name]
    value, kind = inner[last], random_.randrange(3)
    if isinstance(value, int) and value is not True:
        inner[last] = max(0, value + random_.choice([-1, 1, 3_600_000, 86_400_000 * 31, -value]))
    elif isinstance(inner, list) and kind == 0:
        inner.insert(last, value)
    elif isinstance(inner, list) and kind == 1:
        other = random_.randrange(len(inner))
        inner[last], inner[other] = inner[other], value
    elif isinstance(value, str) and value and kind < 2:
        inner[last] = value[:-1] + ("0" if value[-1] != "0" else "1")
    else:
        del inner[last]
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()


def bundles(program, count, seed):
    random_, tally = random.Random(seed), Tally("bundles", seed)
    names = sorted(n[:-7] for n in os.listdir(BUNDLES) if n.endswith(".bundle"))
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count):
            name = random_.choice(names)
            data = mutated_bundle(random_, read(BUNDLES, f"{name}.bundle"))
            path = write(folder, "file", data)
            arguments = [path, "--trust", os.path.join(BUNDLES, f"{name}.toml"), "--json"]
            one, other = mine(*arguments), theirs(program, "verify", *arguments, home=folder)
            answers = [read_answer(*given) for given in (one, other)]
            tally.compare(*answers, (name, data[-3000:]))
    return tally.end()


def made(what, make, program, count, seed):
    """Bundles that somebody makes up, each with its trust root."""
    random_, tally = random.Random(seed), Tally(what, seed)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            data, trust = make(random_)
            path, root = write(folder, "file", data), write(folder, "trust.toml", trust)
            arguments = [path, "--trust", root, "--json"]
            one, other = mine(*arguments), theirs(program, "verify", *arguments, home=folder)
            answers = [read_answer(*given) for given in (one, other)]
            tally.compare(*answers, number)
            tally.reasons(answers[1])
    return tally.end()


def governance(program, count, seed):
    return made("governance", ledgers.bundle, program, count, seed)


def verdicts(program, count, seed):
    return made("verdicts", chains.bundle, program, count, seed)


def main(arguments):
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    run = {"proofs": proofs, "policies": policies, "assessments": assessments, "bundles": bundles,
           "governance": governance, "verdicts": verdicts}
    return run[arguments[0]](arguments[1], int(arguments[2]), int(arguments[3]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
