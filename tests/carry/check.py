#!/usr/bin/env python3
"""Checks the vectors of spec/vectors/carry by spec/change.md, "Check", step by step.

    check.py FOLDER     prints how many vectors agree, or which do not and exits 1

A second implementation in another language, with nothing but the standard library: if it agrees
on every vector, the specification says enough.
"""

import hashlib
import json
import pathlib
import re
import sys

HEADER = re.compile(rb"countersign carry v1\napproved ([0-9a-f]{64})\nlanded ([0-9a-f]{64})\n")
FILE = re.compile(rb"f ([^\0]+)\0")
NUMBER = rb"(0|[1-9][0-9]{0,7})"
EDIT = re.compile(rb"([am]) " + NUMBER + rb" " + NUMBER + rb" " + NUMBER + rb"\n")
BYTES_MAX = 16 * 1024 * 1024


def need(holds, what):
    if not holds:
        raise ValueError(what)


def certificate(data):
    """The two hashes, and the edits of each path."""
    head = HEADER.match(data)
    need(head, "header")
    at, files = head.end(), {}
    while at < len(data):
        name = FILE.match(data, at)
        need(name, "file")
        path, at, edits = name[1], name.end(), []
        need(not {b"", b".", b".."} & set(path.split(b"/")), "path")
        need(not files or path > max(files), "order of files")
        while found := EDIT.match(data, at):
            first, removed, size = (int(number) for number in found.groups()[1:])
            inserted = data[found.end() : found.end() + size]
            at = found.end() + size
            need(len(inserted) == size and first <= BYTES_MAX and removed <= BYTES_MAX, "size")
            need((removed or size) and b"\0" not in inserted, "edit")
            if edits:
                need(first > edits[-1][1] + edits[-1][2], "order of edits")
                need(edits[-1][3][-1:] in (b"", b"\n"), "open line")
            edits.append((found[1], first, removed, inserted))
        need({edit[0] for edit in edits} == {b"a", b"m"}, "both sides")
        files[path] = edits
    return head[1].decode(), head[2].decode(), files


def rows(document):
    found = {}
    for row in document.removeprefix(b"countersign change v1\n").split(b"\0")[:-1]:
        old_mode, old, new_mode, new, path = row.split(b" ", 4)
        found[path] = ((old_mode, old), (new_mode, new))
    return found


def check(case):
    documents = [bytes.fromhex(case[name]) for name in ("approved", "landed")]
    approved, landed = map(rows, documents)
    need(approved and landed and approved != landed, "step 1")
    *hashes, files = certificate(bytes.fromhex(case["certificate"]))
    need(hashes == [hashlib.sha256(document).hexdigest() for document in documents], "step 2")
    exact, there, edited, closest = 0, [], [], []
    for path in sorted(approved.keys() | landed.keys()):
        name = path.decode()
        if path not in landed:
            need(case["landed_sides"].get(name) == b" ".join(approved[path][1]).decode(), "3.2")
            there.append(name)
            continue
        need(path in approved, "only landed")
        if approved[path] == landed[path]:
            exact += 1
            continue
        sides = approved[path] + landed[path]
        modes = {mode for mode, _ in sides}
        need(modes in ({b"100644"}, {b"100755"}) and path in files, "3.3")
        edited.append(name)
        closest.append(check_file(case, files[path], [digest.decode() for _, digest in sides]))
    need(set(files) == {name.encode() for name in edited}, "step 4")
    closest_lines = min(closest, default=None)
    return {"exact": exact, "there": there, "edited": edited, "closest_lines": closest_lines}


def check_file(case, edits, digests):
    base = bytes.fromhex(case["contents"].get(digests[0], "ff"))
    need(hashlib.sha256(base).hexdigest() == digests[0] and b"\0" not in base, "step 5")
    lines = re.findall(rb"[^\n]*\n|[^\n]+", base)
    for _, first, removed, inserted in edits:
        end = first + removed
        need(end <= len(lines), "step 6: beyond")
        need(end == len(lines) or inserted[-1:] in (b"", b"\n"), "step 6: open line")
        need(first < len(lines) or base[-1:] in (b"", b"\n"), "step 6: joined")
    apart = [
        later[1] - before[1] - before[2]
        for before, later in zip(edits, edits[1:])
        if before[0] != later[0]
    ]
    need(min(apart) >= max(case["gap"], 1), "step 7")
    for sides, digest in zip((b"a", b"m", b"am"), digests[1:]):
        made = list(lines)
        for side, first, removed, inserted in reversed(edits):
            if side in sides:
                made[first : first + removed] = [inserted]
        need(hashlib.sha256(b"".join(made)).hexdigest() == digest, "step 8")
    return min(apart)


def answer(function, argument):
    try:
        return function(argument)
    except ValueError:
        return None


def main(folder):
    def read(name):
        return json.loads((pathlib.Path(folder) / name).read_text())["cases"]

    wrong, count = [], 0
    for case in read("checks.json"):
        count += 1
        if answer(check, case) != case["carried"]:
            wrong.append(case["name"])
    for name, is_good in (("certificates.json", True), ("refused.json", False)):
        for case in read(name):
            count += 1
            if (answer(certificate, bytes.fromhex(case["certificate"])) is not None) != is_good:
                wrong.append(case["name"])
    print(f"{count - len(wrong)} of {count} agree", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
