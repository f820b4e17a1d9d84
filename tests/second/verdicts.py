"""Small chains with random words, declarations, deployments and covers, as bundles that nobody
attests.

Entries and commits are real and signed; what a gate would attest is made up, so that the two
verifiers judge what no gate would show: rollbacks to what was rejected or whose keys leaked, words
of people who left, declarations by nobody's author, debts of every age (spec/verdict.md).
"""

import copy
import hashlib
import hmac
import json

import ledgers
import verify
from ledgers import encode, key, key_line, maybe, note_key

HUMANS = ["ada", "ben", "cyd"]
MEMBERS = {**dict.fromkeys(HUMANS, "human"), "bot": "bot", "helper": "agent", "ci": "service",
           "gate": "service"}
PATHS = [b"a/b", b"infra/x", b"x.lock"]
HOUR, DAY, BEGIN = 3_600_000, 86_400_000, 1_800_000_000_000
ABSENT = "000000 -"
DUTIES = {"human": ["review", "declare", "override"], "service": ["declare", "build", "decide",
                                                                 "deploy"], "bot": [], "agent": []}


def digest(*words):
    return hashlib.sha256(repr(words).encode()).hexdigest()


def address(name):
    return f"{name}@shop.example".encode()


def email(name):
    return hmac.new(ledgers.SALT, address(name), hashlib.sha256).hexdigest()


def policy(random_):
    defaults = maybe(random_, 0.4, {
        "undeclared": random_.choice(verify.ASSISTANCE), "rollback_within": "2d",
        "unproved_authors": random_.choice(["add-one", "lowest-level", "accept"]),
        "approval_ttl": random_.choice(["1h", "3h", "2d"]), "key_cooling": "1h",
        "exempt": ["*.lock"]})
    text = 'version = 1\nlevels = ["low", "high"]\n[defaults]\n'
    text += "".join(f"{name} = {json.dumps(value)}\n" for name, value in defaults.items())
    mode = random_.choice(["observe", "enforce"])
    artifact = random_.choice(["optional", "required"])
    text += f'[environment.production]\nmode = "{mode}"\n[service.shop]\nrepository = "r"\n'
    text += f'artifact = "{artifact}"\n' if random_.random() < 0.2 else ""
    rules = ['when = { author_below = "high" }\nrequire = [{ level = "high" }]\n',
             'when = { assistance = ["assisted", "generated"] }\nchecklist = ["tests"]\n',
             'when = { paths = ["infra/**"] }\nrequire = [{ team = "sre" }, {}]\n',
             'when = { author_kind = ["unknown", "bot", "agent"] }\nrequire = [{ count = 2 }]\n']
    for number, rule in enumerate(rules):
        text += f'[[rule]]\nname = "{number}"\n{rule}' if random_.random() < 0.25 else ""
    return text


def member(random_, name):
    kind = MEMBERS[name]
    kept = 0.98 if kind == "service" else 0.8
    duties = [duty for duty in DUTIES[kind] if random_.random() < kept]
    duties = [duty for duty in verify.DUTIES if duty in duties]
    return {"set_member": {"member": name, "kind": kind} | maybe(random_, 0.6, {
        "level": random_.choice(["low", "high"]), "teams": ["sre"]}) | (
            {"duties": duties} if duties else {}) | (
                {"operator": "ada"} if kind == "agent" else {}) | maybe(
                    random_, 0.9, {"emails": [email(name)]})}


class Ledger:
    """Entries, one after the other; what governance does not let in is left out."""

    def __init__(self, random_):
        self.random, self.leaves, self.entries, self.view = random_, [], [], verify.View()
        operations = [{"set_policy": {"text": policy(random_)}}]
        for name in MEMBERS:
            operations += [member(random_, name),
                           {"add_key": {"member": name, "key": key_line(name)}}]
        self.root = digest("root", random_.random())[:40]
        operations += [{"set_admins": {"admins": ["ada"], "threshold": 1}},
                       {"set_baseline": {"service": "shop", "environment": "production",
                                         "accepted": self.root}}]
        genesis = {"origin": ledgers.ORIGIN, "ledger_key": note_key(ledgers.ORIGIN, "ledger", 1)[0],
                   "salt": verify.sha256(b"countersign email salt v1\0", ledgers.SALT).hex()}
        self.enter("governance", "ada", {"genesis": genesis, "operations": operations})

    def time(self, index):
        return BEGIN + index * HOUR

    def enter(self, kind, by, says, holder=None):
        index, ledger = len(self.leaves), self.entries and self.entries[0].hash.hex()
        stated = object.__new__(verify.Statement)
        stated.kind, stated.says = kind, verify.kind_of(kind)(says)
        stated.ledger = ledger or None
        subject = [{"name": name, "digest": {sort: value}}
                   for name, sort, value in stated.find_subjects()]
        predicate = {"by": by, "nonce": f"{index:032x}", "says": says}
        if ledger:
            predicate |= {"ledger": ledger, "seen": {"size": 1, "root": ledger}}
        payload = verify.spell({
            "_type": "https://in-toto.io/Statement/v1", "subject": subject,
            "predicateType": f"urn:countersign:{kind}:v1", "predicate": predicate})
        prev = self.entries[-1].hash if self.entries else bytes(32)
        data = b'{"time":%d,"prev":"%s","envelope":%s}' % (
            self.time(index), encode(prev).encode(), ledgers.envelope(payload, [holder or by]))
        leaf = verify.Leaf(data, index).read()
        if kind == "governance":
            tried = copy.deepcopy(self.view)
            try:
                tried.govern(leaf)
            except verify.BadInput:
                return None
            self.view = tried
        self.leaves.append(data)
        self.entries.append(leaf)
        return leaf

    def govern(self, leaf=None):
        random_, name = self.random, self.random.choice(list(MEMBERS))
        operation = random_.choice([
            member(random_, name), {"retire_member": {"member": random_.choice(list(MEMBERS)[1:])}},
            {"add_key": {"member": name, "key": key_line(f"{name}2")}},
            {"set_policy": {"text": policy(random_)}},
            {"revoke_key": {"key": verify.Key(key_line(name)).name, "cause": "leaked",
                            "since": random_.randrange(len(self.leaves))}},
            {"lift": {"entry": leaf, "reason": digest("why")}} if leaf else member(random_, name)])
        self.enter("governance", "ada", {"base": self.view.base, "operations": [operation]})

    def holder(self, name):
        """The name that a key of a member is made of: one in force, or none."""
        owned = [holder for holder in (name, f"{name}2")
                 if self.view.owner(verify.Key(key_line(holder)).name) == name
                 and not self.view.is_revoked(verify.Key(key_line(holder)).name)]
        if self.random.random() < 0.02:  # revoked, perhaps: admission would not let it in
            owned = [name]
        return self.random.choice(owned) if owned else None


class Chain:
    """Documents, and commits that bring them in."""

    def __init__(self, random_, start):
        self.random, self.objects, self.documents, self.steps = random_, {}, {}, []
        self.add({})
        sides, at, made = {path: self.side() for path in PATHS}, start, []
        for _ in range(random_.choice([1, 1, 2, 3])):
            rows = {}
            for path in random_.sample(PATHS, random_.choice([0, 1, 1, 2])):
                new = self.side()
                if new != sides[path]:
                    rows[path], sides[path] = (sides[path], new), new
            made.append(rows)
            further = [self.commit([]) for _ in range(random_.choice([0, 0, 1]))]
            commit = self.commit([at, *further])
            # Who merges nothing is refused, as is who brings in nothing.
            mechanical = sorted(c for c in [commit, *further] if random_.random() < (
                0.3 if further and c == commit else 0.01))
            self.steps.append({"commit": commit, "parent": at, "document": self.add(rows),
                               "commits": [commit, *further]} | (
                                   {"mechanical": mechanical} if mechanical else {}))
            at = commit
        self.changes = [step["document"] for step in self.steps]
        self.changes += [self.add(verify.compose(made[:n + 1])) for n in range(len(made))]
        self.difference = self.changes[-1]

    def side(self):
        name = digest(self.random.randrange(3))
        return self.random.choice([ABSENT, f"100644 {name}", f"100755 {name}"]).encode()

    def add(self, rows):
        data = verify.write_document(rows)
        self.documents[hashlib.sha256(data).hexdigest()] = data
        return hashlib.sha256(data).hexdigest()

    def commit(self, parents):
        random_ = self.random

        def who():
            name = random_.choice([*MEMBERS, "stranger", "noreply"])
            at = b"noreply@anthropic.com" if name == "noreply" else address(name)
            return b"N <" + at + random_.choice([b">"] * 9 + [b""])
        message = b"Subject\n\n" + b"".join(
            b"Co-authored-by: %s\n" % who() for _ in range(random_.choice([0, 0, 1])))
        content = b"tree %s\n%sauthor %s 1 +0000\ncommitter %s 1 +0000\n\n%s%d\n" % (
            b"a" * 40, b"".join(b"parent %s\n" % parent.encode() for parent in parents), who(),
            who(), message, random_.randrange(1 << 30))
        data = b"commit %d\0%s" % (len(content), content)
        name = hashlib.sha1(data).hexdigest()
        self.objects[name] = data
        return name


def word(ledger, chain, revision, artifacts):
    """An approval, a declaration, a build or an override."""
    random_, view, size = ledger.random, ledger.view, len(ledger.leaves)
    kind = random_.choices(["approval", "change", "build", "override"], [12, 5, 2, 3])[0]
    duty = {"approval": "review", "build": "build", "override": "override"}.get(kind)
    if random_.random() < 0.1:
        duty = None  # admission would not let it in
    able = [name for name in MEMBERS if ledger.holder(name)
            and (not duty or view.may(name, duty, size))]
    if not able or kind == "build" and not artifacts:
        return
    by = random_.choice(able)
    holder = ledger.holder(by)
    rejects = [entry for entry in ledger.entries if entry.kind == "approval"
               and entry.says["verdict"] == "reject"]
    change = random_.choice(chain.changes)
    if kind == "approval":
        verdict = random_.choice(["approve"] * 5 + ["reject", "withdraw"])
        named = random_.choice(rejects) if rejects else None
        if verdict == "withdraw" and not named:
            return
        row = {"hash": change, "repository": random_.choice("rrrq"), "target": "refs/heads/main",
               "head": random_.choice([*chain.objects, "0" * 40]), "shown": "diff",
               "assistance_seen": random_.choice(["generated", *verify.ASSISTANCE])}
        says = {"verdict": verdict, "subject_type": "change", "rows": [row]}
        says |= maybe(random_, 0.5, {"checklist": [{"item": "tests", "answer": digest("yes")}]})
        if verdict == "withdraw":
            says |= {"withdraws": {"index": named.index, "leaf": named.hash.hex()}}
        ledger.enter("approval", by, says, holder)
    elif kind == "change":
        authors = [{"member": name} for name in sorted({
            *random_.sample([*MEMBERS, "nobody"], random_.choice([0, 1, 2])),
            *([by] if random_.random() < 0.5 else [])})]
        authors += [{"email": email(random_.choice(["ben", "stranger"]))}] if (
            random_.random() < 0.2 or not authors) else []
        ledger.enter("change", by, {
            "change": change, "repository": random_.choice("rrrq"), "head": "0" * 40,
            "target": "refs/heads/main", "authors": authors,
            "assistance": random_.choice(verify.ASSISTANCE)}, holder)
    elif kind == "build":
        ledger.enter("build", by, {
            "artifact": artifacts[0], "repository": "r",
            "revision": random_.choice([revision, revision, "0" * 40])}, holder)
    else:
        claimed = ledger.time(len(ledger.leaves))
        ledger.enter("override", by, {
            "service": "shop", "environment": "production", "repository": "r",
            "revision": revision, "claimed": claimed, "expires": claimed + 20 * HOUR,
            "reason": digest("why")} | ({"artifacts": artifacts} if artifacts else {}), holder)


def cover(ledger, chain, last):
    """What some earlier decision could have covered."""
    random_ = ledger.random
    is_odd = random_.random() < 0.15  # names whatever there is
    given = [entry.index for entry in ledger.entries if is_odd or entry.kind == "approval"
             and entry.says["verdict"] == "approve"] or [len(ledger.leaves) + 9]
    rows = [{"change": random_.choice(chain.changes), "first": last, "last": last,
             "approvals": sorted({random_.choice(given), random_.choice(given)}),
             "match": "exact", "carried": []} for _ in range(random_.choice([0, 1, 1, 2]))]
    return verify.spell({"type": "countersign cover v1", "segments": rows, "contained": []})


def deployment(ledger, revision, artifacts, digest_of_cover):
    """A settled point: a decision and a deployment of a revision."""
    of = {"service": "shop", "environment": "production"}
    what = {"revision": revision} | ({"artifacts": artifacts} if artifacts else {})
    decision = ledger.enter("decision", "gate", of | {"repository": "r"} | what | {
        "verdict": "allow", "mode": "enforce", "start": 0, "policy": 0, "trust": digest("trust"),
        "cover": digest_of_cover, "program": "gate"})
    entry = ledger.enter("deployment", "ci", of | what | {
        "decision": decision.identity, "outcome": "succeeded"})
    return {"entry": reference(entry), "time": entry.time} | what | {
        "decision": reference(decision), "cover": digest_of_cover}


def reference(entry):
    return {"index": entry.index, "leaf": entry.hash.hex()}


def history(ledger, chain, question, position, points, covers):
    """Words, governance and deployments, one after the other."""
    random_, revision = ledger.random, question["revision"]
    artifacts = question.get("artifacts", [])
    for turn in range(random_.randint(4, 22)):
        if random_.random() < 0.2:
            rejects = [entry for entry in ledger.entries if entry.kind == "approval"
                       and entry.says["verdict"] == "reject"]
            ledger.govern(reference(random_.choice(rejects)) if rejects else None)
        elif turn % 5 == 4 and position != "linear" and len(points) < 3:
            data = cover(ledger, chain, random_.choice([revision, ledger.root]))
            covers[hashlib.sha256(data).hexdigest()] = data
            points.append(deployment(
                ledger, random_.choice([revision if position == "behind" else "1" * 40,
                                        "2" * 40]), artifacts, hashlib.sha256(data).hexdigest()))
        else:
            word(ledger, chain, revision, artifacts)


def of_start(ledger, chain, evidence, covers):
    """What is said of a start that no longer is the newest point; gives the documents of it."""
    random_ = ledger.random
    if evidence["position"] == "linear" or random_.random() < 0.1:
        return set()
    data = cover(ledger, chain, evidence["question"]["revision"])
    covers[hashlib.sha256(data).hexdigest()] = data
    evidence["cover"] = hashlib.sha256(data).hexdigest()
    evidence |= maybe(random_, 0.3, {"start_changes": [random_.choice(chain.changes)]})
    returning = [{"change": change} | maybe(random_, 0.5, {"kept": True, "in_start": True})
                 for change in sorted(random_.sample(sorted(set(chain.changes)), 1))]
    evidence |= maybe(random_, 0.6, {"returning": returning, "live": {
        "document": random_.choice(chain.changes)}})
    shown = {item["change"] for item in evidence.get("returning", []) if "kept" in item}
    return shown | ({evidence["live"]["document"]} if "live" in evidence else set())


def bundle(random_):
    """A bundle of a chain, and a trust root."""
    ledger = Ledger(random_)
    chain = Chain(random_, ledger.root)
    position = random_.choice(["linear", "linear", "behind", "behind", "diverged"])
    steps, covers = chain.steps if position != "behind" else [], {}
    revision = steps[-1]["commit"] if steps else random_.choice([ledger.root, digest("older")[:40]])
    artifacts = [digest("artifact")] if random_.random() < 0.2 else []
    question = {"service": "shop", "environment": "production", "revision": revision} | (
        {"artifacts": artifacts} if artifacts else {})
    points = [{"entry": reference(ledger.entries[0]), "time": BEGIN, "revision": ledger.root}]
    history(ledger, chain, question, position, points, covers)
    size = len(ledger.leaves)
    now = ledger.time(size) + random_.choice([0, HOUR, DAY, 3 * DAY])
    question["time"] = now
    owed = [{"entry": reference(random_.choice(ledger.entries)), "deployments": [],
             "since": now - random_.choice([HOUR, 2 * DAY, 40 * DAY]), "revision": "3" * 40,
             "members": [], "overrides": []} for _ in range(random_.choice([0, 0, 1]))]
    evidence = {
        "ledger": ledger.entries[0].hash.hex(), "question": question, "size": size,
        "newest_time": ledger.time(size - 1), "settled": [
            {"environment": "production", "points": points} | ({"owed": owed} if owed else {})],
        "position": position} | ({"start": 0} if position == "diverged" else {}) | (
            {"steps": steps} if steps else {})
    evidence["difference"] = chain.difference if steps else chain.add({})
    shown = {evidence["difference"], *(step["document"] for step in steps)}
    objects = {name for step in steps for name in step["commits"]}
    if position != "linear" and random_.random() < 0.5:
        whole = chain.commit([])
        revision_of_whole = {"commit": revision, "parent": points[-1]["revision"]}
        evidence["whole"] = revision_of_whole | {
            "document": random_.choice(chain.changes), "commits": [whole]}
        shown.add(evidence["whole"]["document"])
        objects.add(whole)
    spans = sorted({tuple(sorted((random_.randrange(len(steps)), random_.randrange(len(steps)))))
                    for _ in range(random_.choice([0, 2]))} if steps else [])
    evidence |= {"runs": [list(span) for span in spans]} if spans else {}
    shown |= of_start(ledger, chain, evidence, covers)
    earlier = [maybe(random_, 0.5, {
        "deployed": {"entry": random_.randrange(size), "time": now - 2 * HOUR},
        "landed": random_.randrange(size), "ended": points[-1]["entry"]["index"]})
        | {"cover": name} for name in covers if random_.random() < 0.5]
    evidence |= {"covers": earlier} if earlier else {}
    shown_covers = {item["cover"] for item in [*earlier, evidence] if "cover" in item}
    evidence["entries"] = list(range(size))
    blobs = {name: chain.documents[name] for name in shown} | {
        name: covers[name] for name in shown_covers}
    return sealed(ledger, evidence, blobs, {name: chain.objects[name] for name in objects})


def sealed(ledger, evidence, blobs, objects):
    """The bundle around evidence, in the order that its members have, and the trust root."""
    hashes = [entry.hash for entry in ledger.entries]
    note = f"{ledgers.ORIGIN}\n{len(hashes)}\n{encode(ledgers.tree_root(hashes))}\n"
    full, identifier = note_key(ledgers.ORIGIN, "ledger", 1)
    line = encode(identifier + key("ledger").sign(note.encode()))
    shown = [{"index": n, "leaf": encode(leaf)} | (
        {"proof": [encode(h) for h in ledgers.inclusion(n, hashes)]} if len(hashes) > 1 else {})
        for n, leaf in enumerate(ledger.leaves)]
    order = ["ledger", "question", "size", "newest_time", "settled", "position", "start", "steps",
             "difference", "whole", "runs", "cover", "start_changes", "returning", "live", "covers",
             "entries"]
    whole = {"type": "countersign bundle v1",
             "checkpoint": f"{note}\n\u2014 {ledgers.ORIGIN} {line}\n", "entries": shown}
    whole |= {"salt": encode(ledgers.SALT)} if objects else {}
    whole |= {"evidence": {name: evidence[name] for name in order if name in evidence}}
    whole |= {"blobs": [encode(blobs[name]) for name in sorted(blobs)]}
    whole |= {"objects": [encode(objects[name]) for name in sorted(objects)]} if objects else {}
    trust = (f'version = 1\norigin = "{ledgers.ORIGIN}"\nledger = "{hashes[0].hex()}"\n'
             f'ledger_key = "{full}"\nadmins = ["{verify.Key(key_line("ada")).name}"]\n')
    return verify.spell(whole), trust.encode()
