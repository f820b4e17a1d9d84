"""Runs the vectors of spec/vectors through verify.py: `python spec/verify.py --vectors DIR`.

Each function is named after a folder, reads its files, and yields the name of a case and whether
verify.py agrees with it.
"""

import json
import os

from verify import (
    BadInput, Tampered, Checkpoint, Envelope, Key, Known, Leaf, Note, NoteKey, Policy, Proof,
    Statement, TrustRoot, assess, change_hash, check_carried, co_authors, compose,
    cosignature_message, cosigned_at, ed25519_holds, fold_path, matches, need, opaque_reason,
    pattern, read_certificate, read_document, read_tree, root_by_inclusion, sha256, tree_root,
    verify_bundle, verify_proof, write_document,
)


def refused(read, *arguments):
    """Whether reading is refused; the reader's answer in any other case."""
    try:
        return read(*arguments), False
    except (BadInput, Tampered):
        return None, True


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
    for case in cases("co_authors"):
        found = [{"name": n.hex(), "email": e.hex()} for n, e in co_authors(raw(case["message"]))]
        yield case["message"], found == case["co_authors"]


def vectors_carry(folder):
    """change.md, Carried."""
    raw = bytes.fromhex
    for case in json.load(open(f"{folder}/certificates.json"))["cases"]:
        (approved, landed), files = read_certificate(raw(case["certificate"]))
        found = [{"path": path.hex(), "edits": [
            {"side": s.decode(), "first": f, "removed": r, "inserted": i.hex()}
            for s, f, r, i in edits]} for path, edits in files.items()]
        yield case["name"], (approved, landed, found) == (
            case["approved"], case["landed"], case["files"])
    for case in json.load(open(f"{folder}/refused.json"))["cases"]:
        yield case["name"], refused(read_certificate, raw(case["certificate"]))[1]
    for case in json.load(open(f"{folder}/checks.json"))["cases"]:
        contents = {digest: raw(content) for digest, content in case["contents"].items()}
        sides = {p.encode(): tuple(s.encode().split(b" ")) for p, s in case["landed_sides"].items()}
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
        yield value, refused(pattern, value)[1]
    for case in patterns["matches"]:
        path = bytes.fromhex(case["path_hex"])
        found = [matches(pattern(case["pattern"]), path, folded) for folded in (False, True)]
        yield case["pattern"], found == [case["exactly"], case["folded"]]
    for name in sorted(os.listdir(f"{folder}/assess")):
        case = json.load(open(f"{folder}/assess/{name}"))
        for row in case["facts"]["paths"]:
            row["path"] = row["path"].encode()
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
            verify_proof(old, known)
            yield name, verify_proof(data(name), known)["answer"] == "YES"
    for case in json.loads(data("refused.json"))["cases"]:
        known = Known(trust)
        verify_proof(old, known)
        try:
            verify_proof(case["file"].encode(), known)
            yield case["why"], False
        except (BadInput, Tampered) as error:
            yield case["why"], isinstance(error, Tampered) == case["parses"]
    for case in json.loads(data("cosignatures.json"))["cases"]:
        note = Note((case["checkpoint"] + "\n" + case["line"] + "\n").encode())
        seconds, bad = refused(cosigned_at, NoteKey(case["key"], 4), note)
        if case.get("passed over"):
            yield case["why"], not bad and seconds is None
            continue
        yield case.get("why", "good"), bad != case["good"] and (bad or (
            str(seconds) == case["seconds"]
            and cosignature_message(seconds, note.text).decode() == case["message"]))
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
            envelope = Envelope(data.removesuffix(b"\n"), canonical=False)
            need(said.get("statement", envelope.identity) == envelope.identity, "another identity")
            need("canonical" not in said or envelope.canonical().decode() == said["canonical"],
                 "form")
            place = "statement"
            statement = Statement(envelope.payload)
            place = "signature"
            for s in envelope.signatures:
                need(s["keyid"] in keys and keys[s["keyid"]].holds(envelope.pae, s), "signature")
            place = "admission"
            need(statement.kind == "governance" or len(envelope.signatures) == 1, "signatures")
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
        known = Known(TrustRoot(open(f"{folder}/{case['bundle']}.toml", "rb").read()))
        lines = None
        try:
            report = verify_bundle(data, known, 0)
            answer, reasons = report["answer"], report["reasons"]
            lines = [[line["code"], line["rests"]] for line in report["lines"]]
        except Tampered as error:
            answer, reasons = "TAMPERED", [str(error).split(":")[0]]
        except BadInput:
            answer, reasons = None, []
        wanted = [line[:2] for line in case["lines"]] if "lines" in case else lines
        agreed = (answer, reasons, lines) == (case["answer"], case.get("reasons", []), wanted)
        yield f"{case['bundle']} {number}", agreed


def run_vectors(folder):
    """Every vector: prints per folder how many agreed, and by name what did not."""
    failures = 0
    for name, run in list(globals().items()):
        where = f"{folder}/{name.removeprefix('vectors_')}"
        if not name.startswith("vectors_") or not os.path.isdir(where):
            continue
        results = list(run(where))
        bad = [str(case) for case, agreed in results if not agreed]
        failures += len(bad)
        print(f"{name.removeprefix('vectors_')}: {len(results) - len(bad)} of {len(results)} agree",
              *(f"\n  not: {case}" for case in bad), sep="")
    return 1 if failures else 0
