#!/usr/bin/env python3
"""What spec/verify.py reads of random commits, a line of JSON each.

    messages.py COUNT SEED

Each line has the `content` (hex) and, as spec/vectors/change/commits.json has it, what is `read`.
"""

import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = os.path.join(HERE, "..", "..", "spec")
sys.path.insert(0, SPEC)

from verify_vectors import read_commit  # noqa: E402

with open(os.path.join(SPEC, "marks.tsv"), "rb") as table:
    ROWS = [row.split(b"\t")[:2] for row in table.read().splitlines() if b"\t" in row]
PATTERNS = [pattern for _, pattern in ROWS]
KEYS = [pattern for kind, pattern in ROWS if kind in (b"key", b"said", b"bystander")]
NAMES = [pattern for kind, pattern in ROWS if kind in (b"value", b"value-guarded")]
WORDS = [pattern for kind, pattern in ROWS if kind == b"follower"] + [
    b"4", b"4.6", b"v2", b"0", b"1", b"no", b"none", b"false", b"n/a", b"x", b"Monet", b"(0%)",
    b"\xc3\xa9", b"#llm", b"https://", b"https://x.example/#", b"ben@shop.example", b"a@b", b"@"]
GAPS = [b" ", b" ", b"  ", b"\t", b"-", b"--", b"/", b":", b",", b";", b"(", b")", b"[", b"]", b"<",
        b">", b" <", b"> ", b"@", b"+", b".", b"_", b"'", b"\r", b"\x0b", b"\x0c", b"\0",
        b"\xc2\xa0", b"\n ", b"\r\n ", b"\n\t", b"\n  \n ", b"\n", b""]
HEADS = [b"", b"", b"", b" ", b"  ", b"> ", b"- ", b"\t", b"\xf0\x9f\xa4\x96 ", b"\xf0\x9f\xa4\x96",
         b" \xf0\x9f\xa4\x96 ", b"\xe2\x9c\xa8 ", b"\xe2\x9c\xa8" * 6, b"\xc2\xa0", b" " * 17,
         b"\xe2\x9c\xa8" + b" " * 13]
COLONS = [b": ", b": ", b": ", b":", b" : ", b"\t: ", b"\r:", b"\x0b:", b":\n ", b":\r\n\t",
          b":\n"]
ENDS = [b"\n", b"\n", b"\r\n", b"\n\n", b"\r", b" \n", b"\n ", b""]


def text(random_, most=5):
    """Some words, and what stands between them."""
    found = random_.choice(NAMES if random_.random() < 0.5 else PATTERNS)
    for _ in range(random_.randrange(most)):
        piece = random_.choice(random_.choice((WORDS, WORDS, NAMES, PATTERNS)))
        found += random_.choice(GAPS) + piece
    if random_.random() < 0.2:
        found = random_.choice(WORDS) + random_.choice(GAPS) + found
    return found + (random_.choice(GAPS) if random_.random() < 0.2 else b"")


def value(random_):
    """What stands behind a key."""
    kind = random_.randrange(8)
    if kind == 0:
        return random_.choice(WORDS) + random_.choice((b"", *GAPS, *WORDS))
    if kind == 1:
        opened, closed = (random_.choice((b"<", b"<", b"< ", b"<<", b"<x <", b" ", b"")),
                          random_.choice((b">", b">", b" >", b">>", b"", b"<", b"\x0c>")))
        return text(random_, 2) + b" " + opened + random_.choice(PATTERNS) + closed
    if kind == 2 and random_.random() < 0.1:
        return random_.choice((b" ", b"x", b"\n ")) * random_.randrange(900, 1100) + text(random_)
    return text(random_)


def line(random_):
    kind = random_.randrange(10)
    keys = random_.choice((KEYS, [b"Co-authored-by"], [b"model", b"agent"], PATTERNS))
    key = random_.choice(keys)
    if kind == 0:
        key = b"k" * random_.randrange(58, 66) + b"-by"
    if kind < 7:
        found = key + random_.choice(COLONS) + value(random_)
    else:
        found = random_.choice(HEADS) + text(random_)
    return found.swapcase() if random_.random() < 0.2 else found


def person(random_):
    address = random_.choice((b"ada@shop.example", b"ADA@shop.example", b"", b"1+copilot@users."
                              b"noreply.github.com", b"@", random_.choice(PATTERNS)))
    return random_.choice((b"Ada", b"", b"Ada (aider)", random_.choice(PATTERNS))) + random_.choice(
        (b" <", b"<", b" < ", b" ", b"\x0c<\x0b")) + address + random_.choice(
        (b"> 1 +0000", b">", b" 1 +0000", b"", b"> <x@y>", b"\t> 1 +0000"))


def commit(random_):
    """A commit, one in ten of which is hurt before its message."""
    digits = random_.choice((40, 40, 40, 64))
    parents = b"".join(b"parent %s\n" % (b"b" * random_.choice((digits,) * 20 + (40, 64)))
                       for _ in range(random_.choice((0, 1, 1, 2))))
    header = b"tree %s\n%sauthor %s\ncommitter %s\n" % (
        b"a" * digits, parents, person(random_), person(random_))
    for _ in range(random_.choice((0, 0, 0, 1, 2))):
        header += random_.choice((b"gpgsig a\n b\n", b"gpgsig-sha256 a\n", b"encoding x\n",
                                  b"author\n", b" author x\n", b"parent x\n", b"x\n"))
    if random_.random() < 0.1:
        at = random_.randrange(len(header))
        header = header[:at] + random_.choice((b"", b"\n", b" ", b"\0", b"<", b">")) + header[
            at + random_.randrange(2):]
    lines = [line(random_) + random_.choice(ENDS) for _ in range(random_.randrange(1, 5))]
    subject = random_.choice((b"Fix\n\n", b"Fix\n", b"", b"aider: fix\n\n"))
    return header + random_.choice((b"\n",) * 20 + (b"",)) + subject + b"".join(lines)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    random_ = random.Random(int(arguments[1]))
    for _ in range(int(arguments[0])):
        content = commit(random_)
        print(json.dumps({"content": content.hex(), "read": read_commit(content)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
