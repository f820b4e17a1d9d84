#!/usr/bin/env python3
"""Runs verify.py on its own arithmetic and on the vectors: `python spec/verify_vectors.py`.

Each function is named after a folder of spec/vectors, reads its files, and yields the name of a
case and whether verify.py agrees with it. Exit status: 0 where it agrees with all.
"""

import json
import os
import re
import sys
import unicodedata

import verify
from verify import (
    BadInput, Checkpoint, Commit, Key, Known, Leaf, NoteKey, Policy, Proof, Statement, Tampered,
    TrustRoot, assess, change_hash, check_carried, check_growth, co_authors, compose, detected,
    ed25519_holds, good_point, json_strict, kind_of, link_target, matches, need, opaque_reason,
    pae, read_certificate, read_document, read_tree, root_by_inclusion, sha256, spell, utc,
    verify_bundle, verify_proof, write_document,
)


def refused(read, *arguments):
    """What reading gives, and whether it is refused."""
    try:
        return read(*arguments), False
    except (BadInput, Tampered):
        return None, True


def split_of(size):
    """ledger.md section 2: the largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1


def tree_root(hashes):
    """ledger.md section 2: RFC 6962 section 2.1 over leaf hashes."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    split = split_of(len(hashes))
    return verify.node_hash(tree_root(hashes[:split]), tree_root(hashes[split:]))


def growth(hashes, old, is_whole):
    """RFC 6962 section 2.1.2: the proof that the tree of these hashes begins with `old` of them."""
    if old == len(hashes):
        return [] if is_whole else [tree_root(hashes)]
    split = split_of(len(hashes))
    if old <= split:
        return [*growth(hashes[:split], old, is_whole), tree_root(hashes[split:])]
    return [*growth(hashes[split:], old - split, False), tree_root(hashes[:split])]


def fold_path(path):
    """change.md, Facts, Folding (finding 24): what no bundle shows, so verify.py has no need."""
    def fold_part(part):
        try:
            text = part.decode("utf-8")
        except UnicodeDecodeError:
            return part.lower()
        folded = unicodedata.normalize("NFD", text).casefold()
        return unicodedata.normalize("NFC", folded).encode()
    return b"/".join(map(fold_part, path.split(b"/")))


def handed_in(data):
    """statement.md section 1: the canonical form of an envelope as people may hand it in."""
    data = data.strip(b"\t\n\x0c\r ")
    need(len(data) <= 131070, "an envelope that is too large")

    def standard(value):
        need(not {*"-_"} & {*value} or not {*"+/"} & {*value}, "two alphabets")
        is_padded = {*"+/"} & {*value} or value.endswith("=")
        value = value.replace("-", "+").replace("_", "/")
        return value if is_padded else value + "=" * (-len(value) % 4)

    def rewrite(value):
        """With every base64 in its one spelling, and whatever else is wrong left as it is."""
        if isinstance(value, dict):
            return {name: standard(item) if name in ("payload", "sig") and isinstance(item, str)
                    else rewrite(item) for name, item in value.items()}
        return [rewrite(item) for item in value] if isinstance(value, list) else value
    return spell(kind_of("envelope")(rewrite(json_strict(data))))


def read_commit(content):
    """What is read of the content of a commit; None: it is refused."""
    def person(who):
        return {"name": who[0].hex(), "email": who[1].hex()}
    digits = 64 if re.match(rb"tree [0-9a-f]{64}\n", content) else 40
    try:
        commit = Commit(content, digits)
        need(len(commit.co_authors) <= 1000, "too many co-authors")
    except (BadInput, Tampered):
        return None
    return {"parents": len(commit.parents), "author": person(commit.author),
            "committer": person(commit.committer),
            "co_authors": list(map(person, commit.co_authors)), "assistance": detected(commit)}


def vectors_change(folder):
    """change.md, Vectors."""
    def cases(name):
        return json.load(open(f"{folder}/{name}.json"))["cases"]
    raw = bytes.fromhex
    for case in cases("documents"):
        rows = read_document(raw(case["document"]))
        yield case["name"], (change_hash(rows) == case["change_hash"]
                             and write_document(rows) == raw(case["document"])
                             and [p.hex() for p in sorted(rows)] == case["paths"])
    for case in cases("refused"):
        yield case["name"], refused(read_document, raw(case["document"]))[1]
    for case in cases("composition"):
        rows = compose([read_document(raw(d)) for d in case["documents"]])
        yield case["name"], case["composed"] == (None if rows is None
                                                 else write_document(rows).hex())
    for case in cases("trees"):
        yield case["name"], refused(read_tree, raw(case["tree"]))[1] != case["accepted"]
    for case in cases("opaque"):
        yield case["name"], opaque_reason(raw(case["content"])) == case["opaque"]
    for case in cases("folded"):
        yield case["path"], fold_path(raw(case["path"])).hex() == case["folded"]
    for case in cases("commits"):
        yield case["content"], read_commit(raw(case["content"])) == case["read"]
    for case in cases("co_authors"):
        found = [{"name": n.hex(), "email": e.hex()} for n, e in co_authors(raw(case["message"]))]
        yield case["message"], found == case["co_authors"]


def vectors_carry(folder):
    """change.md, Carried."""
    raw = bytes.fromhex
    for case in json.load(open(f"{folder}/certificates.json"))["cases"]:
        approved, landed, files = read_certificate(raw(case["certificate"]))
        found = [{"path": path.hex(), "edits": [
            {"side": s.decode(), "first": f, "removed": r, "inserted": i.hex()}
            for s, f, r, i in edits]} for path, edits in files.items()]
        yield case["name"], (approved, landed, found) == (
            case["approved"], case["landed"], case["files"])
    for case in json.load(open(f"{folder}/refused.json"))["cases"]:
        yield case["name"], refused(read_certificate, raw(case["certificate"]))[1]
    for case in json.load(open(f"{folder}/checks.json"))["cases"]:
        contents = {digest: raw(content) for digest, content in case["contents"].items()}
        sides = {p.encode(): s.encode() for p, s in case["landed_sides"].items()}
        found, _ = refused(check_carried, read_document(raw(case["approved"])),
                           read_document(raw(case["landed"])), raw(case["certificate"]),
                           case["gap"],
                           contents.get, sides.get)
        if found:
            for name in ("there", "edited"):
                found[name] = [path.decode() for path in found[name]]
        yield case["name"], found == case["carried"]


def vectors_ledger(folder):
    """ledger.md, Example."""
    def text(name):
        return open(f"{folder}/{name}", "rb").read()
    entries, hashes = json.loads(text("leaves.json"))["entries"], []
    key = NoteKey(text("verifier-key.txt").decode().strip(), 1)
    for entry in entries:
        leaf = Leaf(entry["leaf"].encode())
        yield "leaf", leaf.hash.hex() == entry["leafHash"] and leaf.prev == (hashes
                                                                             or [bytes(32)])[-1]
        hashes.append(leaf.hash)
        yield "root", tree_root(hashes).hex() == entry["root"]
    for name, leaf in json.loads(text("no-leaves.json")).items():
        yield name, refused(Leaf, leaf.encode())[1]
    tile = json.loads(text("tile.json"))
    yield "tile", tile["tile/0/000.p/3"] == b"".join(hashes).hex()
    bundle = read_bundle_of_entries(bytes.fromhex(tile["tile/entries/000.p/3"]))
    yield "entries", bundle == [entry["leaf"].encode() for entry in entries]
    note = Checkpoint(text("checkpoint.txt"))
    yield "checkpoint", note.root == tree_root(hashes) and ed25519_holds(
        key.key, note.text.encode(), note.by(key))
    proof = Proof(text("receipt-of-entry-1.tlog-proof"))
    yield "receipt", note.root == root_by_inclusion(
        proof.number, proof.checkpoint.size, hashes[1], proof.hashes)
    for case in json.loads(text("topics.json")):
        parts = [part.encode() for part in [case["kind"], *case["parts"]]]
        framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        yield "topic", sha256(b"countersign topic v1\n", framed).hex() == case["topic"]


def read_bundle_of_entries(data):
    """proof.md section 6: the entries of a bundle of tiles."""
    entries = []
    while data:
        length = int.from_bytes(data[:2], "big")
        need(len(data) >= 2 + length and len(data) >= 2 and len(entries) < 256, "no bundle")
        entries.append(data[2:2 + length])
        data = data[2 + length:]
    return entries


def vectors_policy(folder):
    """policy.md section 9."""
    for case in json.load(open(f"{folder}/refused.json")):
        yield case["policy"], refused(Policy, case["policy"])[1]
    patterns = json.load(open(f"{folder}/patterns.json"))
    for value in patterns["refused"]:
        yield value, refused(kind_of("PATTERN"), value)[1]
    for case in patterns["matches"]:
        path, value = bytes.fromhex(case["path_hex"]), kind_of("PATTERN")(case["pattern"])
        found = [matches([value], path, is_folded) for is_folded in (False, True)]
        yield case["pattern"], found == [case["exactly"], case["folded"]]
    for name in sorted(os.listdir(f"{folder}/assess")):
        case = json.load(open(f"{folder}/assess/{name}"))
        case["facts"]["paths"] = {
            row["path"].encode(): row["opaque"] for row in case["facts"]["paths"]}
        for sign_off in case["sign_offs"]:
            sign_off["age"] = sign_off.pop("age_milliseconds")
        found, wanted = assess(Policy(case["policy"]), case["facts"],
                               case["sign_offs"]), case["assessment"]
        rule = "the floor: one human who is not an author"
        yield name, (
            [found[k] for k in ("assistance", "exempt", "satisfied", "denials")]
            == [*(wanted[k] for k in ("assistance", "exempt", "satisfied")),
                [d["code"] for d in wanted["denials"]]]
            and found["not_counted"] == [(n["entry"], n["code"], n.get("rule"))
                                         for n in wanted["not_counted"]]
            and [[r["rule"] or rule, r["need"], r["code"], r["missing"], r["filled_by"],
                  r["sign_offs"]] for r in found["requirements"]]
            == [[r["because"], r["need"], r["code"], r["missing"], r["filled_by"], r["sign_offs"]]
                for r in wanted["requirements"]])


def vectors_proof(folder):
    """proof.md, Example."""
    def data(name):
        return open(f"{folder}/{name}", "rb").read()
    trust, old = TrustRoot(data("trust.toml")), data("checkpoint-2.txt")
    for name in sorted(os.listdir(folder)):
        if name.startswith(("entry-", "since-", "checkpoint-")):
            known = Known(trust)
            verify_proof(Proof(old), known)
            yield name, verify_proof(Proof(data(name)), known)["answer"] == "YES"
    for case in json.loads(data("refused.json"))["cases"]:
        known = Known(trust)
        verify_proof(Proof(old), known)
        try:
            verify_proof(Proof(case["file"].encode()), known)
            yield case["why"], False
        except (BadInput, Tampered) as error:
            yield case["why"], isinstance(error, Tampered) == case["parses"]
    for case in json.loads(data("cosignatures.json"))["cases"]:
        note = Checkpoint(f"{case['checkpoint']}\n{case['line']}\n".encode())
        seconds, bad = refused(note.cosigned_at, NoteKey(case["key"], 4))
        if case.get("passed over"):
            yield case["why"], not bad and seconds is None
            continue
        yield case.get("why", "good"), bad != case["good"] and (bad or (
            str(seconds) == case["seconds"]
            and f"cosignature/v1\ntime {seconds}\n{note.text}" == case["message"]))
    for case in json.loads(data("bundles.json"))["cases"]:
        if case["bundle"] is not None:
            entries, bad = refused(read_bundle_of_entries, bytes.fromhex(case["bundle"]))
            yield case["why"], bad != case["good"] and (bad or len(entries) == case["entries"])


def vectors_statement(folder):
    """statement.md section 9."""
    for name in sorted(os.listdir(folder)):
        head, _, data = open(f"{folder}/{name}", "rb").read().partition(b"\n\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\n")]
        said, place = dict(headers), "envelope"
        keys = {key.name: key for key in (Key(v) for n, v in headers if n == "key")}
        try:
            canonical = handed_in(data.removesuffix(b"\n"))
            need(said.get("canonical", canonical.decode()) == canonical.decode(), "another form")
            place = "statement"
            statement = Statement(canonical)
            identity = statement.identity
            need(said.get("statement", identity) == identity, "another identity")
            place = "signature"
            for s in statement.signatures:
                need(s["keyid"] in keys and keys[s["keyid"]].holds(statement.pae, s), "signature")
            place = "admission"
            need(statement.kind == "governance" or len(statement.signatures) == 1, "signatures")
            place = "accept"
        except BadInput:
            place = "refuse " + place
        yield name, place == said["expect"]


def vectors_bundle(folder):
    """bundle.md: good bundles, and what a change of their text makes of them."""
    for number, case in enumerate(json.load(open(f"{folder}/cases.json"))["cases"]):
        data = open(f"{folder}/{case['bundle']}.bundle", "rb").read()
        for old, new in case.get("replace", []):
            data = data.replace(old.encode(), new.encode(), 1)
        trust = TrustRoot(open(f"{folder}/{case['bundle']}.toml", "rb").read())
        lines = None
        try:
            report, _ = verify_bundle(data, trust, 0)
            answer, reasons = report["answer"], report["reasons"]
            lines = [[line["code"], line["rests"]] for line in report["lines"]]
        except Tampered as error:
            answer, reasons = "TAMPERED", [str(error).split(":")[0]]
        except BadInput:
            answer, reasons = None, []
        wanted = [line[:2] for line in case["lines"]] if "lines" in case else lines
        agreed = (answer, reasons, lines) == (case["answer"], case.get("reasons", []), wanted)
        yield f"{case['bundle']} {number}", agreed


def own_arithmetic():
    """The arithmetic of verify.py on values that are published elsewhere."""
    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(  # RFC 8032 section 7.1
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
    above = int.from_bytes(signature[32:], "little") + verify.ORDER
    yield "a signature of RFC 8032", ed25519_holds(key, b"", signature)
    yield "another message", not ed25519_holds(key, b"x", signature)
    yield "S above the order", not ed25519_holds(
        key, b"", signature[:32] + above.to_bytes(32, "little"))
    order_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    for y in (0, 1, verify.P - 1, int.from_bytes(order_8, "little")):
        yield f"a point of small order, y {y}", not good_point(y.to_bytes(32, "little"))
    yield "a second spelling", not good_point((verify.P + 3).to_bytes(32, "little"))
    yield "the root of no entries", tree_root([]) == sha256(b"")
    yield "PAE", pae(verify.PAYLOAD_TYPE, b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
    leaves = [sha256(b"\0", bytes([n])) for n in range(9)]
    for size in range(1, 10):  # every proof is that of one tree, index and size
        for index in range(size):
            proof, low, high = [], 0, size
            while high - low > 1:
                split = low + split_of(high - low)
                left = index < split
                proof.insert(0, tree_root(leaves[split:high] if left else leaves[low:split]))
                low, high = (low, split) if left else (split, high)
            root = root_by_inclusion(index, size, leaves[index], proof)
            yield f"inclusion of {index} in {size}", root == tree_root(leaves[:size])
    for size, old in ((size, old) for size in range(10) for old in range(size + 1)):
        roots = tree_root(leaves[:old]), tree_root(leaves[:size])
        proof = growth(leaves[:size], old, True) if old else []
        yield f"growth of {old} to {size}", not refused(
            check_growth, old, roots[0], size, roots[1], proof)[1]
        for other in (proof[1:], proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
            yield f"another proof of {old} to {size}", other == proof or refused(
                check_growth, old, roots[0], size, roots[1], other)[1]
    for link, target in ((b"../x", b"x"), (b"./b//c", b"a/b/c"), (b"../../x", None), (b"/x", None),
                         (b"..", None), (b".", b"a")):
        yield f"where {link} leads", link_target(b"a/l", link) == target
    for milliseconds, shown in ((0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.001Z"),
                                (2**53 - 1, "9007199254740991")):
        yield f"the time {milliseconds}", utc(milliseconds) == shown


def main():
    """Prints for each folder how many agreed, and by name what did not."""
    vectors = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
    runs = {"own arithmetic": own_arithmetic()} | {
        name.removeprefix("vectors_"): run(os.path.join(vectors, name.removeprefix("vectors_")))
        for name, run in globals().items() if name.startswith("vectors_")}
    failures = 0
    for name, cases in runs.items():
        results = list(cases)
        bad = [str(case) for case, agreed in results if not agreed]
        failures += len(bad)
        print(f"{name}: {len(results) - len(bad)} of {len(results)} agree",
              *(f"\n  not: {case}" for case in bad), sep="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
