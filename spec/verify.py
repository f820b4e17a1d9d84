#!/usr/bin/env python3
"""A second verifier of countersign, written from the documents beside it and nothing else.

    python spec/verify.py FILE... --trust trust.toml [--since WHAT] [--json] [--now TIME]

FILE is a proof or checkpoint (proof.md) or a bundle (bundle.md); WHAT is an older checkpoint, or of
bundles that follow each other `baseline` or the entry that they begin at. Exit status: 0 yes, 1 no,
2 no answer (wrong usage, bad input), 3 something that should verify does not.

It needs Python 3.11 and the package `cryptography`, of which it uses one function: the check of one
Ed25519 signature. It reads its files and, beside it, marks.tsv, the table of marks.md; it writes
none and opens no connection. Of objects with SHA-1 ids it computes the ids without collision
detection: that is the other verifier's alone.

The sections below stand in the order in which the documents build on each other, and each function
names the section that it implements. `verify_vectors.py` runs it on every vector. Nobody has to
read all of it: who stops behind a section, of about so many lines, knows how one

    Encodings, shapes           ledger.md, statement.md  135  tells the one meaning of bytes
    Keys and signatures         keys.md                   60  checks a signature
    Statements                  statement.md             160  tells what was signed
    Leaves, tree, checkpoints   ledger.md 1 to 4         145  shows that an entry is under a root
    Trust root, proofs          settings.md, proof.md    160  verifies a proof: that an entry was
                                                              signed, is in the ledger, and who
                                                              else has seen it there
    Change documents            change.md                230  tells what a hash is of; what carries
    Policy                      policy.md                305  asks a policy what a change needs
    Marks of AI assistance      marks.md                  95  reads assistance out of a commit
    Governance                  ledger.md 12             200  tells who could do what, and when
    The verdict                 verdict.md               575  decides on evidence
    Bundles                     bundle.md                405  tells what of the evidence is proved
    Command line                                          65
"""

import argparse
import base64
import collections
import contextlib
import datetime
import functools
import hashlib
import hmac
import itertools
import json
import operator
import pathlib
import re
import sys
import tomllib
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

INTEGER_MAX = 2**53 - 1
MIB = 1 << 20


class BadInput(Exception):
    """Bytes that are not of their format: exit status 2 where nothing else was asked."""


class Tampered(Exception):
    """What parses as ours and should verify, and does not: exit status 3."""


class No(Exception):
    """Nothing is wrong, and it is not enough: exit status 1."""


class Stranger(Exception):
    """What `--since` names is no checkpoint of this ledger: exit status 3 for the whole run."""


def need(condition, why, kind=BadInput):
    """Refuses with a reason unless the condition holds."""
    if not condition:
        raise kind(why)


@contextlib.contextmanager
def refused(why, kind=Tampered, errors=(BadInput, No, Tampered)):
    """What is wrong within is an integrity failure of this name, or an error of another kind."""
    try:
        yield
    except errors as error:
        raise kind(f"{why}: {error}") from None


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def ascends(values):
    """Whether a list is sorted and nothing stands in it twice."""
    return all(a < b for a, b in itertools.pairwise(values))


def distinct(values):
    return len(set(values)) == len(values)


def same(one, other, *members):
    """Whether two objects say the same under these names."""
    return all(one[member] == other[member] for member in members)


def codes(**conditions):
    """The names whose conditions hold."""
    return [name for name, holds in conditions.items() if holds]


# ==== Encodings: ledger.md, Conventions; statement.md, Conventions and section 2 ==================
# In: bytes or text. Out: the one value that they spell, or BadInput.


def unbase64(text):
    """RFC 4648 section 4 with padding and zero spare bits: one spelling a value (w)."""
    with refused("not base64", BadInput, (ValueError, TypeError)):
        value = base64.b64decode(text, validate=True)
    need(base64.b64encode(value).decode() == text, "another spelling of base64")
    return value


def decimal(text):
    """A decimal without sign or leading zero."""
    need(re.fullmatch(r"0|[1-9][0-9]{0,15}", text) and int(text) <= INTEGER_MAX, "not a decimal")
    return int(text)


def json_strict(data):
    """statement.md section 2: one object, and no two readers see two meanings."""
    need(data[:1] == b"{" and data[-1:] == b"}", "not one JSON object")
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data, flags=re.S)):
        depth += 1 if bracket in b"[{" else -1  # nesting is bounded before anything is built
        need(depth <= 16, "nested too deep")

    def members(pairs):
        need(distinct([name for name, _ in pairs]), "a member twice")
        return dict(pairs)
    with refused("not JSON in UTF-8", BadInput, (ValueError, RecursionError)):
        value = json.loads(data.decode(), object_pairs_hook=members, parse_int=decimal,
                           parse_float=decimal, parse_constant=decimal)
        if b"\\u" in data:  # a lone surrogate can only come of an escape
            spell(value)
    return value


def spell(value):
    """The one spelling of what is written by programs (statement.md 1, bundle.md 1)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# ==== Shapes: what the tables of the documents say of JSON and TOML ===============================
# In: a table, and values as parsers leave them. Out: objects that have all of that table and
# nothing else.


def kind(rule):
    """A kind: takes a value out of JSON or TOML, and gives it where the rule holds of it."""
    def check(value):
        need(rule(value), "a value of another kind")
        return value
    return check


def text(pattern, most=MIB):
    """Of at most so many bytes."""
    compiled = re.compile(pattern, re.S)
    return kind(lambda v: isinstance(v, str) and compiled.fullmatch(v) and len(v.encode()) <= most)


def one_of(*allowed):
    return kind(lambda v: any(type(v) is type(a) and v == a for a in allowed))


def integer(least, most):
    return kind(lambda v: type(v) is int and least <= v <= most)


class Read(dict):
    """An object that was read. What was left out of it reads as None, and a list as ()."""

    def __init__(self, members, left_out):
        super().__init__(members)
        self.left_out = left_out

    def __missing__(self, member):
        return self.left_out[member]


KINDS = {}  # what a value may be, by the names that tables have for it
RULES = {}  # what must hold of an object beside its shape, as the documents have it
LIST = re.compile(r"(.+)([*!+~@])(?:([0-9]+)-([0-9]+))?")


@functools.cache
def kind_of(word):
    """A kind as tables have it: a name of KINDS, in capitals or not, or `a|b`, one of these words.
    Behind it `*` is a list that ascends, `!` one that says nothing twice (objects by their first
    members), `+` any list of 1 to 100 items, and `~` of 1 to 200,000; another number of items
    stands behind that. With `@` it is a table of such objects by names."""
    listed = LIST.fullmatch(word)
    if not listed:
        return KINDS.get(word) or KINDS.get(word.upper()) or one_of(*word.split("|"))
    item, order = kind_of(listed[1]), {"*": ascends, "!": distinct}.get(listed[2], lambda _: True)
    least, most = int(listed[3] or 1), int(listed[4] or (200_000 if listed[2] == "~" else 100))

    def check(value):
        if listed[2] == "@":
            need(isinstance(value, dict), "no table")
            return {PARTS(name): item(v) for name, v in value.items()}
        need(isinstance(value, list) and least <= len(value) <= most, "a list of another length")
        found = [item(v) for v in value]
        firsts = [next(iter(v.values()), None) if isinstance(v, dict) else v for v in found]
        need(order(firsts), "a list in another order")
        return found
    return check


def shape(name, members):
    """An object with these members: each a name and a word for its kind, or one word that is both.
    One with `?` may be left out, and is then what stands behind `=`, in JSON, if anything does."""
    words = {pair[0].rstrip("?"): pair[-1].rstrip("?").split("=") for pair in members}
    required = {pair[0] for pair in members if not pair[0].endswith("?")}
    left_out = {member: () if LIST.fullmatch(word[0]) else None for member, word in words.items()}
    filled_in = {member: json.loads(word[1]) for member, word in words.items() if word[1:]}

    def check(value):
        need(isinstance(value, dict), f"no object where {name} belongs")
        need(required <= value.keys() <= words.keys(), f"other members of {name}")
        value = filled_in | value
        read = Read({member: kind_of(word)(value[member])
                     for member, (word, *_) in words.items() if member in value}, left_out)
        need(name not in RULES or RULES[name](read), f"against a rule of {name}")
        return read
    return check


def shapes(table):
    """Takes up shapes: a name, and behind it the members."""
    for line in re.sub(r"\n +", " ", table.strip()).split("\n"):
        name, _, members = line.partition(": ")
        KINDS[name] = shape(name, [member.split() for member in members.split(", ")])


# ==== Keys and signatures: keys.md ================================================================
# In: a key line, a message and a signature. Out: whether it holds.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P)
Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826  # of a point of order 8


@functools.lru_cache(4096)
def good_point(encoded):
    """keys.md section 2: the one spelling of a point, and not one of the eight of small order."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= P or y in (0, 1, P - 1, Y8, P - Y8):
        return False
    return pow((y * y - 1) * (D * y * y + 1), (P - 1) // 2, P) == 1  # x squared is a square


def ed25519_holds(key, message, signature):
    """keys.md section 4. `cryptography` checks the equation without the cofactor, and compares R
    byte for byte; the refusals of points are made here."""
    if len(key) != 32 or len(signature) != 64 or not good_point(key):
        return False
    if int.from_bytes(signature[32:], "little") >= ORDER or not good_point(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Key:
    """keys.md section 2: a public key in the line of OpenSSH, exactly."""

    def __init__(self, line):
        need(isinstance(line, str) and len(line) <= 16384, "no key line")
        algorithm, _, encoded = line.partition(" ")
        self.is_security = algorithm == "sk-ssh-ed25519@openssh.com"
        need(self.is_security or algorithm == "ssh-ed25519", "another kind of key")
        blob, at = unbase64(encoded), len(algorithm) + 8  # behind two lengths
        self.key, self.application = blob[at:at + 32], blob[at + 36:]
        fields = [algorithm.encode(), self.key] + [self.application] * self.is_security
        framed = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        need(blob == framed and len(self.key) == 32, "other fields of a key")
        application = rb"ssh:[\x21-\x7e]{0,251}" if self.is_security else rb""
        need(re.fullmatch(application, self.application), "another application")
        need(good_point(self.key), "no key of Ed25519")
        self.name = "SHA256:" + base64.b64encode(sha256(blob)).decode().rstrip("=")

    def holds(self, message, signature):
        """Section 4; the form is told by the key's type, never by a length."""
        signed, sk = message, signature["sk"]
        if self.is_security and sk:
            counted = bytes([sk["flags"]]) + sk["counter"].to_bytes(4, "big")
            signed = sha256(self.application) + counted + sha256(message)
        made = unbase64((sk or signature)["sig"])
        return self.is_security == bool(sk) and ed25519_holds(self.key, signed, made)


# ==== Statements: statement.md ====================================================================
# In: an envelope. Out: what somebody says in it, and the bytes that the signatures are over;
# whose keys made them is the roster's to say.

ASSISTANCE = ["none", "assisted", "generated"]
PRESENCE = ["no_touch", "touch_claimed", "touch"]
DUTIES = ["review", "declare", "build", "decide", "deploy", "override", "observe"]
SAID = ["governance", "change", "approval", "build", "decision", "deployment", "override"]
PAYLOAD_TYPE = "application/vnd.in-toto+json"
NAME = text(r"(?=.{1,100}\Z)[a-z0-9][a-z0-9._-]*")
PARTS = text(r"(?=.{1,100}\Z)[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
KINDS |= {  # Section 6, and what the tables say of single values.
    **dict.fromkeys(("NAME", "MEMBER"), NAME),
    **dict.fromkeys(("PARTS", "SERVICE", "ENVIRONMENT", "REPOSITORY"), PARTS),
    **dict.fromkeys(("ENTRY", "TIME", "SIZE"), integer(0, INTEGER_MAX)),
    "COUNT": integer(1, 100), "BYTE": integer(0, 255), "COUNTER": integer(0, 2**32 - 1),
    "DIGEST": text(r"[0-9a-f]{64}"), "NONCE": text(r"[0-9a-f]{32}"),
    "REVISION": text(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "ACCEPTED": text(r"none|[0-9a-f]{40}|[0-9a-f]{64}"),
    "TARGET": text(r"(?=.{1,255}\Z)(?!.*(\.\.|@\{|\.\Z|\.lock(/|\Z)))refs"
                   r"(/(?!\.)[!#-)+-.0-9;->@-Z\]_-}]+)+"),
    "TOKEN": text(r"""[^"'\\`\x00-\x20\x7f-\U0010ffff]{1,200}"""),
    "TOOL": text(r"(?=[\x20-\x7e]{1,100}\Z)[^ ]+( [^ ]+)*"),
    "ORIGIN": text(r"""[^+"'\\`\x00-\x20\x7f-\U0010ffff]{1,100}"""),
    "FINGERPRINT": text(r"SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]"),
    "LEDGER_KEY": text(r"[\x21-\x7e]{1,255}"), "KEY": kind(Key), "TEXT": text(".*", 256 * MIB),
    "BASE64": kind(lambda v: unbase64(v) is not None),
    "HASH": kind(lambda v: len(unbase64(v)) == 32), "SIG": kind(lambda v: len(unbase64(v)) == 64),
    "FILE": kind(lambda v: 1 <= len(unbase64(v)) <= 24576),
    "PAYLOAD": kind(lambda v: len(unbase64(v)) <= 40960),
    "OPERATION": lambda v: next(iter(kind_of("operation")(v).items())),
    "OBJECT": kind(lambda v: isinstance(v, dict)), "ANY": kind(lambda _: True),
    "TRUE": one_of(True),
}
shapes("""
envelope: payload, payloadType application/vnd.in-toto+json, signatures signature+1-64
signature: keyid FINGERPRINT, sig?, sk?
sk: sig, flags BYTE, counter COUNTER
shell: _type https://in-toto.io/Statement/v1, subject ANY, predicateType TEXT, predicate OBJECT
predicate: ledger? DIGEST, by NAME, nonce, seen?, says OBJECT, annotations? OBJECT
seen: size, root DIGEST
reference: index ENTRY, leaf DIGEST
governance: genesis?, base? DIGEST, operations OPERATION+1-500
operation: set_member?, retire_member?, add_key?, revoke_key?, set_admins?, rotate_ledger_key?,
    lift?, confirm_clock?, set_policy?, set_baseline?, delegate?, end_delegation?
genesis: origin, ledger_key, salt DIGEST
set_member: member, kind human|bot|agent|service, level? NAME, teams? PARTS*,
    duties? review|declare|build|decide|deploy|override|observe+, operator? NAME, profile? DIGEST,
    emails? DIGEST*
retire_member: member, reason? DIGEST
add_key: member, key KEY, attestation? DIGEST
revoke_key: key FINGERPRINT, cause retired|leaked, since? ENTRY
set_admins: admins NAME*, threshold COUNT
rotate_ledger_key: ledger_key
lift: entry reference, reason DIGEST
confirm_clock: until TIME
set_policy: text TEXT
set_baseline: service, environment, accepted ACCEPTED, replaces? ENTRY, reason? DIGEST
delegate: service NAME, below NAME, teams? PARTS*
end_delegation: service NAME
change: change DIGEST, repository, base? REVISION, head REVISION, target, step? DIGEST,
    authors? author+, request? TOKEN, predecessor? DIGEST, assistance? none|assisted|generated,
    tools? TOOL*
author: member?, email? DIGEST
approval: verdict approve|reject|withdraw, subject_type change|artifact, rows row!,
    withdraws? reference, comment? DIGEST, checklist? answer*
answer: item TOOL, answer DIGEST
row: hash DIGEST, repository?, target?, service?, base? REVISION, head? REVISION,
    assistance_seen? none|assisted|generated, shown none|summary|diff|interdiff, supersedes? DIGEST
build: artifact DIGEST, repository, revision, provenance? DIGEST, embedded? FILE
decision: service, environment, repository, revision, artifacts? DIGEST*, verdict allow|deny,
    mode observe|enforce, start? ENTRY, newest? ENTRY, policy ENTRY, trust DIGEST, reasons? TOKEN*,
    cover? DIGEST, overrides? DIGEST*, program TOOL
deployment: service, environment, revision, artifacts? DIGEST*, decision? DIGEST,
    overrides? DIGEST*, started? DIGEST, outcome started|succeeded|failed|unknown, trigger? TOKEN,
    run? TOKEN
override: service, environment, repository, revision, artifacts? DIGEST*, claimed TIME,
    expires TIME, reason DIGEST, incident? TOKEN, drill? TRUE
""")
OF_CHANGE = {"repository", "target", "head", "assistance_seen"}
RULES |= {  # Sections 1 and 4.
    "signature": lambda v: ("sig" in v) != ("sk" in v),
    "governance": lambda v: ("genesis" in v) != ("base" in v),
    "set_member": lambda v: ascends(map(DUTIES.index, v["duties"])),
    "revoke_key": lambda v: "since" not in v or v["cause"] == "leaked",
    "set_admins": lambda v: v["threshold"] <= len(v["admins"]),
    "seen": lambda v: v["size"] > 0,
    "set_policy": lambda v: len(v["text"].encode()) <= 24576,
    "set_baseline": lambda v: ("replaces" in v) == ("reason" in v),
    "change": lambda v: (  # with the member `step` it is a landing
        ("authors" in v) == ("assistance" in v) == ("step" not in v)
        and ("step" not in v or not v.keys() & {"request", "predecessor", "tools"})
        and ("tools" not in v or v["assistance"] != "none")
        and ascends(("email" in author, *author.values()) for author in v["authors"])),
    "author": lambda v: len(v) == 1, "operation": lambda v: len(v) == 1,
    "approval": lambda v: ("withdraws" in v) == (v["verdict"] == "withdraw") and all(
        ("service" in row) == (v["subject_type"] == "artifact") for row in v["rows"]),
    "row": lambda v: (not v.keys() & {*OF_CHANGE, "base"} if "service" in v
                      else v.keys() >= OF_CHANGE),
    "build": lambda v: ("embedded" not in v
                        or v["provenance"] == sha256(unbase64(v["embedded"])).hex()),
    "decision": lambda v: ("reasons" in v) == (v["verdict"] == "deny") and (
        "reasons" in v or "start" in v and "cover" in v and "overrides" not in v),
    "deployment": lambda v: ("started" not in v or v["outcome"] != "started") and (
        "overrides" not in v or not v.keys() & {"decision", "started"}),
    "override": lambda v: 0 < v["expires"] - v["claimed"] <= 86_400_000,
}


def pae(kind, payload):
    """Section 1: the bytes that a signature is over."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


class Statement:
    """Section 8, steps 1 to 5 and 7 to 9: an envelope in its canonical form, and what it says."""

    def __init__(self, data):
        envelope = kind_of("envelope")(json_strict(data))
        need(spell(envelope) == data, "another spelling than the canonical one")
        payload, self.signatures = unbase64(envelope["payload"]), envelope["signatures"]
        self.key, self.pae = self.signatures[0]["keyid"], pae(PAYLOAD_TYPE, payload)
        self.identity = sha256(self.pae).hex()
        security = self.signatures[0]["sk"]  # keys.md section 3: nothing shows a touch yet
        self.presence = "touch_claimed" if security and security["flags"] & 1 else "no_touch"
        shell = kind_of("shell")(json_strict(payload))
        self.kind = shell["predicateType"].removeprefix("urn:countersign:").removesuffix(":v1")
        is_ours = shell["predicateType"] == f"urn:countersign:{self.kind}:v1"
        need(is_ours and self.kind in SAID, "an unknown kind")
        predicate = kind_of("predicate")(shell["predicate"])
        self.by, self.says = predicate["by"], kind_of(self.kind)(predicate["says"])
        self.ledger, self.seen = predicate["ledger"], predicate["seen"]
        is_first = "genesis" in self.says
        need((self.ledger is None) == (self.seen is None) == is_first, "ledger and seen")
        subjects = self.find_subjects()
        need(shell["subject"] == [{"name": name, "digest": {sort: digest}}
                                  for name, sort, digest in subjects], "other subjects")
        self.subjects = [digest for _, _, digest in subjects]

    def find_subjects(self):
        """Section 3: what follows from what is said: name, kind of digest, and digest."""
        says, change = self.says, "countersignChange1"
        if self.kind == "governance":
            first = says["genesis"] and sha256(says["genesis"]["ledger_key"].encode()).hex()
            return [("ledger", "sha256", self.ledger or first)]
        if self.kind == "change":
            return [("change", change, says["change"])]
        if self.kind == "approval":
            sort = change if says["subject_type"] == "change" else "sha256"
            return [(says["subject_type"], sort, row["hash"]) for row in says["rows"]]
        if self.kind == "build":
            return [("artifact", "sha256", says["artifact"])]
        return [("revision", "gitCommit", says["revision"]),
                *(("artifact", "sha256", artifact) for artifact in says["artifacts"])]


# ==== Leaves, tree, checkpoints: ledger.md sections 1 to 4 ========================================
# In: the bytes of an entry, of hashes and of a note. Out: an entry and its place under a root,
# and the tree that a checkpoint names, signed or not.


class Leaf(Statement):
    """ledger.md section 1: an entry's bytes; `read` reads the statement in it as well."""

    def __init__(self, data, index=None, proof=()):
        need(len(data) <= 65535 and re.fullmatch(rb"[\x21-\x5b\x5d-\x7e]+", data), "not a leaf")
        match = re.fullmatch(rb'\{"time":([0-9]{1,16}),"prev":"([A-Za-z0-9+/]{43}=)",'
                             rb'"envelope":(\{.*\})\}', data)
        need(match, "not a leaf")
        json_strict(data)
        self.time, self.prev = decimal(match[1].decode()), unbase64(match[2].decode())
        self.inside, self.hash = match[3], sha256(b"\0", data)
        self.index, self.proof, self.is_leaked = index, proof, False

    def read(self):
        super().__init__(self.inside)
        return self


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def path_of(index, size):
    """RFC 6962 section 2.1: of a leaf and the nodes above it that are one of two: the right one?"""
    path, last = [], size - 1
    while last:
        path += [index % 2 == 1] if index % 2 or index < last else []
        index, last = index // 2, last // 2
    return path


def root_by_inclusion(index, size, leaf, proof):
    """RFC 6962 section 2.1.1: the root that leads from a leaf, by exactly these hashes."""
    need(0 <= index < size, "a position outside of the tree", Tampered)
    path = path_of(index, size)
    need(len(proof) == len(path), "another number of hashes", Tampered)
    for is_right, other in zip(path, proof, strict=True):
        leaf = node_hash(other, leaf) if is_right else node_hash(leaf, other)
    return leaf


def check_growth(old, old_root, size, root, proof):
    """RFC 6962 section 2.1.2: the larger tree begins with the smaller one. The hashes lead from the
    largest subtree that ends where the old tree does; that has none where it is all of that."""
    need(old <= size, "from a larger tree", Tampered)
    path = list(itertools.dropwhile(bool, path_of(old - 1, size))) if old else []
    hashes = list(proof) if any(path) else [old_root, *proof]
    need(len(hashes) == len(path) + 1, "another number of hashes", Tampered)
    first = second = hashes[0]
    for is_right, other in zip(path, hashes[1:], strict=True):
        first = node_hash(other, first) if is_right else first
        second = node_hash(other, second) if is_right else node_hash(second, other)
    need(old == 0 or (first, second) == (old_root, root), "it leads to another root", Tampered)


NOTE_NAME = r"[^\s+\x00-\x1f\x7f-\x9f]+"  # ledger.md section 3, rule 5


class NoteKey:
    """ledger.md section 3, proof.md section 2: a verifier key of type 1 (log) or 4 (witness)."""

    def __init__(self, line, algorithm):
        self.name, _, rest = line.partition("+")
        identifier, _, encoded = rest.partition("+")
        typed = unbase64(encoded)
        self.key, self.id = typed[1:], sha256(self.name.encode(), b"\n", typed)[:4]
        need(re.fullmatch(NOTE_NAME, self.name) and len(self.name.encode()) <= 255
             and identifier == self.id.hex(), "another name or key id")
        need(len(typed) == 33 and typed[0] == algorithm and good_point(self.key), "another kind")


class Checkpoint:
    """ledger.md section 3: a signed note of origin, size and root. Strangers are passed over."""

    def __init__(self, data):
        need(len(data) <= 65536, "a note that is too large")
        need(not re.search(rb"[\x00-\x09\x0b-\x1f]", data), "a control character in a note")
        with refused("not UTF-8", BadInput, UnicodeDecodeError):
            head, found, lines = data.decode().rpartition("\n\n")
        need(found and lines.endswith("\n"), "not a signed note")
        self.text, self.lines = head + "\n", []
        for line in lines.split("\n")[:-1]:
            match = re.fullmatch(f"\u2014 ({NOTE_NAME}) ([^ ]+)", line)
            need(match and len(match[1].encode()) <= 255, "not a signature line")
            blob = unbase64(match[2])
            need(len(blob) > 4, "a signature that is too short")
            self.lines.append((match[1], blob[:4], blob[4:]))
        need(1 <= len(self.lines) <= 100, "no signature line, or too many")
        said = head.split("\n")
        need(len(said) >= 3 and all(said[3:]), "not a checkpoint")
        self.origin, self.size, self.root = said[0], decimal(said[1]), unbase64(said[2])
        need(re.fullmatch(NOTE_NAME, self.origin) and len(self.origin.encode()) <= 255, "no name")
        need(len(self.root) == 32, "not a root hash")
        need(self.size > 0 or self.root == sha256(b""), "another root of no entries")

    def by(self, key):
        """The first line of this key, or None."""
        return next((s for name, i, s in self.lines if (name, i) == (key.name, key.id)), None)

    def cosigned_at(self, key):
        """proof.md section 2: the witness's time in seconds; None without a line of it (ab, ac)."""
        line = self.by(key)
        if line is None:
            return None
        seconds, signature = int.from_bytes(line[:8], "big"), line[8:]
        message = f"cosignature/v1\ntime {seconds}\n{self.text}".encode()
        need(len(line) == 72 and seconds < 2**63 and ed25519_holds(key.key, message, signature),
             f"the cosignature of {key.name} does not verify", Tampered)
        return seconds


PROOF_HEAD = b"c2sp.org/tlog-proof@v1\n"


class Proof:
    """proof.md sections 1 and 4: what a file proves, if only a checkpoint, and its parts."""

    def __init__(self, data):
        self.number, self.hashes, self.extra = None, [], None
        self.proves = ("entry" if data.startswith(PROOF_HEAD) else
                       "growth" if data.startswith(b"old ") else "checkpoint")
        if self.proves == "checkpoint":
            self.checkpoint = Checkpoint(data)
            return
        is_entry = self.proves == "entry"
        need(len(data) <= (163840 if is_entry else 69632), "a proof that is too large")
        head, found, note = data.removeprefix(PROOF_HEAD).partition(b"\n\n")
        need(found, "no empty line")
        lines = head.decode("ascii", "replace").split("\n")
        if is_entry and lines[0].startswith("extra "):
            self.extra = unbase64(lines.pop(0)[6:])
            need(0 < len(self.extra) <= 65535, "an extra line of another length")
        name = "index " if is_entry else "old "
        need(lines and lines[0].startswith(name), f"no line {name}")
        self.number = decimal(lines.pop(0).removeprefix(name))
        self.hashes = [unbase64(line) for line in lines]
        need(len(lines) <= 63 and all(len(h) == 32 for h in self.hashes), "not hashes")
        self.checkpoint = Checkpoint(note)


# ==== Trust root: settings.md section 2. Quorum, verifying: proof.md sections 3 and 5 =============
# In: a trust root, and a proof or checkpoint. Out: a report of what it proves: that an entry is
# in the ledger, or a tree the beginning of another, as the ledger's key and enough witnesses
# signed it.


def toml_strict(data, most):
    """TOML 1.0 in UTF-8 of at most so many bytes."""
    need(len(data) <= most, "a text that is too long")
    with refused("not TOML in UTF-8", BadInput, (ValueError, RecursionError)):
        return tomllib.loads(data.decode())


UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DAY = UNITS["d"]


def duration(value):
    """policy.md section 1, in milliseconds (l)."""
    need(isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,3}[smhd]", value), "no duration")
    return int(value[:-1]) * UNITS[value[-1]]


KINDS |= {"LABEL": text(r"[a-z0-9._-]{1,100}"), "DURATION": duration, "ONE": one_of(1),
          "NEED": lambda v: (one_of("any", "all") if isinstance(v, str) else integer(1, 64))(v)}
shapes("""
trust_root: version ONE, origin, ledger DIGEST, ledger_key TEXT, admins FINGERPRINT!, quorum? LABEL,
    max_age? DURATION, witness? witness+1-32, group? group+1-32
witness: name LABEL, key TEXT
group: name LABEL, members LABEL!1-64, need NEED
""")


class TrustRoot:
    """settings.md section 2."""

    def __init__(self, data):
        root = kind_of("trust_root")(toml_strict(data, 65536))
        self.origin, self.ledger = root["origin"], root["ledger"]
        self.max_age, self.key = root["max_age"], NoteKey(root["ledger_key"], 1)
        need(self.key.name == self.origin, "a key of another name than the origin")
        self.witnesses = {w["name"]: NoteKey(w["key"], 4) for w in root["witness"]}
        self.groups = {group["name"]: group for group in root["group"]}
        names = [named["name"] for named in (*root["witness"], *root["group"])]
        need(distinct(names) and "none" not in names, "a name twice, or none")
        keys = [key.key for key in [self.key, *self.witnesses.values()]]
        need(distinct(keys), "one public key under two names")
        free = set(self.witnesses)  # what may still become a member
        for name, group in self.groups.items():
            need(free.issuperset(group["members"]), "a member that is unknown, or one already")
            needed = {"any": 1, "all": 1}.get(group["need"], group["need"])
            need(needed <= len(group["members"]), "too many needed")
            free = free.difference(group["members"]) | {name}
        self.quorum = root.get("quorum", "" if names else "none")
        need(self.quorum in ["none", *names], "no quorum, or one that is not there")

    def quorum_holds(self, cosigned, name=None):
        """proof.md section 3, rule 5; `cosigned`: the names of witnesses that hold."""
        name = name or self.quorum
        if name not in self.groups:
            return name == "none" or name in cosigned
        members, wanted = self.groups[name]["members"], self.groups[name]["need"]
        held = sum(self.quorum_holds(cosigned, member) for member in members)
        return held >= {"any": 1, "all": len(members)}.get(wanted, wanted)


class Known:
    """proof.md section 5: trees and keys of the ledger that are known by now."""

    def __init__(self, trust):
        self.trust, self.trees = trust, {}
        self.keys = [(0, trust.key)]  # from trees of so many entries on
        self.join(0, sha256(b""))
        self.join(1, bytes.fromhex(trust.ledger))

    def join(self, size, root):
        """Step 2."""
        need(self.trees.setdefault(size, root) == root, "the ledger has two histories", Tampered)

    def check_signed(self, note):
        """Step 3: by the key that signs trees of this size."""
        keys = sorted(self.keys, key=lambda known: known[0])
        key = [key for since, key in keys if since <= note.size][-1]
        need(note.by(key), "not signed by any known key", No)
        need(ed25519_holds(key.key, note.text.encode(), note.by(key)),
             f"the signature of {key.name} does not verify", Tampered)

    def cosigned(self, note):
        """Step 6: the times of the known witnesses that cosigned, by their names."""
        times = {name: note.cosigned_at(key) for name, key in self.trust.witnesses.items()}
        return {name: at for name, at in times.items() if at is not None}

    def learn(self, leaf):
        """(ae) A key that an entry brings signs trees of more than its index + 1 entries."""
        for name, said in leaf.says["operations"] if leaf.kind == "governance" else []:
            if name == "rotate_ledger_key":
                self.keys.append((leaf.index + 2, NoteKey(said["ledger_key"], 1)))

    def join_older(self, note):
        """Takes up the checkpoint that `--since` names."""
        with refused("--since is no checkpoint of this ledger", Stranger):
            need(note.origin == self.trust.origin, f"it is of {note.origin}")
            self.check_signed(note)
            self.cosigned(note)
        self.join(note.size, note.root)


def verify_proof(proof, known, older=None):
    """proof.md section 5: a report of what a file proves. A proof of growth may start at the older
    checkpoint that `--since` names; any other file may bring the key that signed that."""
    trust, note, leaf = known.trust, proof.checkpoint, None
    need(note.origin == trust.origin, f"it is of {note.origin}: name its trust root")
    if older and proof.proves == "growth":
        known.join_older(older)
    report = {"proves": proof.proves, "checkpoint": {"size": note.size, "root": note.root.hex()}}
    if proof.proves == "entry":
        need(proof.extra, "no leaf in the extra line")
        with refused("what it holds is no entry"):
            leaf = Leaf(proof.extra, proof.number)
    known.check_signed(note)
    if leaf:
        with refused("what it holds is no statement"):
            leaf.read()
        found = root_by_inclusion(leaf.index, note.size, leaf.hash, proof.hashes)
        need(found == note.root, "the proof leads to another root", Tampered)
        named = leaf.ledger if leaf.index else leaf.hash.hex()
        need(named == trust.ledger and (leaf.index != 1 or leaf.prev.hex() == named),
             "it is another ledger's", Tampered)
        report["entry"] = {
            "index": leaf.index, "leaf": leaf.hash.hex(), "statement": leaf.identity,
            "kind": leaf.kind, "by": leaf.by, "time": utc(leaf.time)}
    elif proof.proves == "growth":
        report["since"] = proof.number
        need(proof.number in known.trees, f"it starts at {proof.number} entries: of which tree?")
        check_growth(proof.number, known.trees[proof.number], note.size, note.root, proof.hashes)
    times = known.cosigned(note)
    known.join(note.size, note.root)
    report["witnesses"] = [{"name": n, "time": utc(t * 1000)} for n, t in times.items()]
    is_enough = trust.quorum_holds(times)
    if leaf and is_enough:
        known.learn(leaf)
    if older and proof.proves != "growth":
        known.join_older(older)
    if is_enough:
        return {"answer": "YES", **report}
    few = f"{len(times)} of {len(trust.witnesses)} witnesses cosigned it"
    return {"answer": "NO", "refused": few, **report}


def utc(milliseconds):
    """A time as reports show it; beyond the calendar as a number."""
    try:
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return at.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds") + "Z"


# ==== Change documents: change.md =================================================================
# In: a document. Out: its rows, {path: (old side, new side)}, and the hash that people sign off.

CHANGE_HEAD = b"countersign change v1\n"
SIDE = (rb"000000 -|(?:100644|100755|120000) [0-9a-f]{64}"
        rb"|160000 git-sha1:[0-9a-f]{40}|160000 git-sha256:[0-9a-f]{64}")
ROW = re.compile(rb"(%s) (%s) ([^\0]*)\0" % (SIDE, SIDE))
ABSENT = b"000000 -"
MODE = slice(0, 6)
CONTENT = slice(7, None)
FILES = {b"100644", b"100755"}


def consecutive(expression, data, why, kind=BadInput):
    """Matches that follow each other and are all of some bytes."""
    at = 0
    while at < len(data):
        match = expression.match(data, at)
        need(match, why, kind)
        yield match
        at = match.end()


def check_path(path):
    """Format, rule 4."""
    need(len(path) <= 4096 and b"\0" not in path, "not a path")
    need(not {b"", b".", b".."} & set(path.split(b"/")), "not a path")
    return path


def read_document(data):
    """Format: rows as {path: (old side, new side)}; a side is mode, space and content."""
    need(len(data) <= 256 * MIB and data.startswith(CHANGE_HEAD), "not a change document")
    rows = [(check_path(path), (old, new)) for old, new, path in (
        match.groups() for match in consecutive(ROW, data[len(CHANGE_HEAD):], "not a row"))]
    need(len(rows) <= 1_000_000 and ascends([path for path, _ in rows]), "rows that are not sorted")
    need(all(old != new for _, (old, new) in rows), "a row of no change")
    return dict(rows)


def write_document(rows):
    """Format."""
    return CHANGE_HEAD + b"".join(b"%s %s %s\0" % (*rows[path], path) for path in sorted(rows))


def change_hash(rows):
    return sha256(write_document(rows)).hex()


def compose(documents):
    """Composition. None: they are not consecutive."""
    sides = {}
    for rows in documents:
        for path, (old, new) in rows.items():
            first, last = sides.get(path, (old, old))
            if last != old:
                return None
            sides[path] = (first, new)
    return {path: pair for path, pair in sides.items() if pair[0] != pair[1]}


def opaque_reason(content):
    """Facts beside the document: why nobody can read it in a difference; None: they can."""
    heads = (b"version https://git-lfs.github.com/spec/",
             b"version https://hawser.github.com/spec/", b"version http://git-media.io/v/")
    if len(content) < 1024 and content.startswith(heads):
        return "lfs-pointer"
    if b"\0" in content:
        return "binary"
    return "too-long" if content.count(b"\n") > 10_000 or len(content) > MIB else None


def link_target(path, link):
    """Format: the path that a symbolic link's text leads to; None: none."""
    found = path.split(b"/")[:-1]
    for part in link.split(b"/"):
        if part == b".." and not found:
            return None
        if part == b"..":
            found.pop()
        elif part not in (b"", b"."):
            found.append(part)
    target = b"/".join(found)
    is_path = 0 < len(target) <= 4096 and b"\0" not in target
    return target if is_path and not link.startswith(b"/") and len(link) <= 4096 else None


# ---- Carried: change.md, Carried ----
# In: two changes and a certificate. Out: whether who signed off the one has read the other.

CERTIFICATE = re.compile(rb"countersign carry v1\napproved ([0-9a-f]{64})\nlanded ([0-9a-f]{64})\n")
DECIMAL = rb"(0|[1-9][0-9]{0,7})"
EDIT = re.compile(rb"f ([^\0]*)\0|([am]) %s %s %s\n" % (DECIMAL, DECIMAL, DECIMAL))


def read_certificate(data):
    """Certificate: approved and landed hash, and {path: [(side, first, removed, bytes)]}."""
    limit, head = 16 * MIB, CERTIFICATE.match(data)
    need(head and len(data) <= limit, "not a certificate")
    at, files, edits = head.end(), {}, None
    while at < len(data):
        match = EDIT.match(data, at)
        need(match, "not an edit")
        at = match.end()
        if match[1] is not None:
            need(match[1] not in files, "files that are not sorted")
            edits = files[check_path(match[1])] = []
            continue
        first, removed, size = (int(match[n]) for n in (3, 4, 5))
        inserted, at = data[at:at + size], at + size
        need(edits is not None and at <= len(data), "an edit that is cut off, or of no file")
        need((removed or size) and first <= limit and removed <= limit, "an edit of nothing")
        need(b"\0" not in inserted, "a NUL in an edit")
        if edits:
            _, before, gone, text = edits[-1]
            need(first > before + gone, "edits that touch")
            need(not text or text.endswith(b"\n"), "an edit that ends within a line")
        edits.append((match[2], first, removed, inserted))
    need(ascends(files), "files that are not sorted")
    need(len(files) <= 10_000 and sum(map(len, files.values())) <= 1_000_000, "too many edits")
    for edits in files.values():
        need({side for side, *_ in edits} == {b"a", b"m"}, "edits of one side only")
    return head[1].decode(), head[2].decode(), files


def check_edits(edits, content, gap, wanted):
    """Check, steps 5 to 8: the fewest unchanged lines between edits of both sides. `wanted`: the
    digests of T, O and R."""
    need(b"\0" not in content, "a NUL in B")
    lines = re.findall(rb"[^\n]*\n|[^\n]+", content)
    for _, first, removed, inserted in edits:
        need(first + removed <= len(lines), "an edit is beyond the end")
        is_at_end, ends = first + removed == len(lines), (b"", b"\n")
        need((is_at_end or inserted[-1:] in ends) and (
            first < len(lines) or content[-1:] in ends), "an edit would join a line")
    closest = min(after - first - removed for (side, first, removed, _), (other, after, *_)
                  in itertools.pairwise(edits) if side != other)
    need(closest >= max(gap, 1), f"only {closest} unchanged lines between edits")
    for digest, sides in zip(wanted, (b"a", b"m", b"am"), strict=True):
        made, at = b"", 0
        for side, first, removed, inserted in edits:
            if side in sides:
                made += b"".join(lines[at:first]) + inserted
                at = first + removed
        made += b"".join(lines[at:])
        need(sha256(made).hex().encode() == digest, "the edits make another content")
    return closest


def check_carried(approved, landed, certificate, gap, content_of, landed_side):
    """Check: what is carried, or BadInput with the reason why nothing is. `content_of(digest)`
    gives bytes or None; `landed_side(path)` the side of the landed tree, or None."""
    need(approved and landed and approved != landed, "one of the changes is empty, or both are one")
    *hashes, files = read_certificate(certificate)
    need(hashes == [change_hash(approved), change_hash(landed)], "certificate of another change")
    need(landed.keys() <= approved.keys(), "landed, and is no part of what was approved")
    there = sorted(approved.keys() - landed.keys())
    need(all(landed_side(path) == approved[path][1] for path in there), "approved, not there")
    edited = sorted(path for path in landed if landed[path] != approved[path])
    need(set(edited) == files.keys(), "the certificate has edits of other paths")
    closest, total = [], 0
    for path in edited:
        (base, target), (other, result) = approved[path], landed[path]
        modes = {side[MODE] for side in (base, target, other, result)}
        need(len(modes) == 1 and modes <= FILES, "not one mode of a file")
        content = content_of(base[CONTENT].decode())
        need(content is not None and sha256(content).hex().encode() == base[CONTENT], "no B")
        total += len(content)
        need(len(content) <= 16 * MIB and total <= 256 * MIB, "B is too large")
        wanted = [side[CONTENT] for side in (target, other, result)]
        closest.append(check_edits(files[path], content, gap, wanted))
    return {"exact": len(landed) - len(edited), "there": there, "edited": edited,
            "closest_lines": min(closest, default=None)}


# ---- Reading a document out of git; Steps and chains: change.md ----
# In: the bytes of trees and commits. Out: what they name, and who.

IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
ENTRY = rb"(40000|100644|100664|100755|120000|160000) ([^\0]*)\0"
TREE_ENTRY = {size: re.compile(ENTRY + rb"(.{%d})" % size, re.S) for size in (20, 32)}


def read_tree(data, id_bytes=20):
    """Rule 4: {name: (mode, id)}."""
    need(len(data) <= 16 * MIB, "a tree that is too large", Tampered)
    entries, order = {}, []
    for match in consecutive(TREE_ENTRY[id_bytes], data, "not a tree", Tampered):
        mode, name, oid = match.groups()
        need(any(oid), "the null id in a tree", Tampered)
        stems = [part.split(b":")[0].rstrip(b" .").lower() for part in name.split(b"\\")]
        folded = IGNORED_BY_HFS.sub("", name.decode("utf-8", "surrogateescape")).lower()
        need(not {b".git", b"git~1"} & set(stems) and folded != ".git", "it is .git", Tampered)
        need(name not in (b"", b".", b"..", *entries) and b"/" not in name,
             "a name that no tree may have, or twice", Tampered)
        order.append(name + b"/" if mode == b"40000" else name)
        entries[name] = (b"100644" if mode == b"100664" else mode, oid.hex())
    need(ascends(order), "not git's order", Tampered)
    return entries


BLANK = b" \t\n\x0c\r"  # white space


def identity(text):
    """Steps and chains: name and address, which may be empty."""
    name, _, rest = text.partition(b"<")
    return name.strip(BLANK), rest.partition(b">")[0].strip(BLANK)


def co_authors(message):
    """Steps and chains (p): any line that begins with the key and a colon."""
    named = re.findall(rb"(?im)^co-authored-by[ \t\x0c\r]*:([^\n]*)", message)
    return [identity(value.strip(BLANK)) for value in named]


class Commit:
    """Rule 5, of a commit whose id has so many digits."""

    def __init__(self, data, digits):
        head, blank, self.message = data.partition(b"\n\n")
        head += b"\n" if blank else b""
        oid = rb"[0-9a-f]{%d}" % digits
        match = re.match(rb"tree (%s)\n((?:parent %s\n)*)author ([^\n]*)\n"
                         rb"committer ([^\n]*)\n" % (oid, oid), head)
        need(match and len(data) <= MIB and b"\0" not in head, "not a commit", Tampered)
        again = re.search(rb"^(tree|parent|author|committer) ", head[match.end():], re.M)
        signatures = re.findall(rb"^gpgsig " if digits == 40 else rb"^gpgsig-sha256 ", head, re.M)
        need(not again and len(signatures) <= 1, "a header twice", Tampered)
        self.tree, self.parents = match[1].decode(), match[2].decode().split()[1::2]
        need(len(self.parents) <= 1000, "too many parents", Tampered)
        self.author, self.committer = identity(match[3]), identity(match[4])
        self.co_authors = co_authors(self.message)


# ==== Policy: policy.md ===========================================================================
# In: the text of a policy. Out: its rules, with what is left out filled in.

INVISIBLE = (r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e"
             r"\u2060-\u206f\ufeff\U000e0000-\U000e007f")
SEGMENT = rf"(?!\.{{1,2}}(?:/|\Z))(?:\*\*(?=/|\Z)|(?:(?!\*\*)[^/\[\]{{}}\\\t\n\r{INVISIBLE}])+)"


def fold(path):
    """Section 1, the folded form of a path. (change.md folds otherwise: NFD first.)"""
    try:
        composed = unicodedata.normalize("NFC", path.decode("utf-8"))
        return unicodedata.normalize("NFC", composed.casefold()).encode()
    except UnicodeDecodeError:
        return path.lower()


@functools.lru_cache(4096)
def compiled(value):
    """Section 4, rules 1 and 2: a pattern as an expression over bytes that end in `/`."""
    wild, parts = {b"*": rb"[^/]*", b"?": rb"[^/]"}, b""
    for segment in value.split(b"/"):
        letters = [wild.get(c, re.escape(c)) for c in re.findall(rb"(?s).", segment)]
        parts += rb"(?:[^/]*/)*" if segment == b"**" else b"".join(letters) + b"/"
    return re.compile(parts, re.S)


def matches(patterns, path, is_folded=False):
    """Section 4, rules 2, 4 and 5: exactly, or with `is_folded` exactly or folded, one of them."""
    return any(compiled(pattern).fullmatch(path + b"/")
               or is_folded and compiled(fold(pattern)).fullmatch(fold(path) + b"/")
               for pattern in map(str.encode, patterns))


URI = r"(?=.{1,1024}\Z)[A-Za-z][A-Za-z0-9+.-]*:%s[\x21-\x7e]+"
KINDS |= {
    "PATTERN": text(rf"(?!!){SEGMENT}(?:/{SEGMENT})*", 1024),
    "TITLE": text(rf"[^\t\n\r{INVISIBLE}]+", 100), "URI": text(URI % ""),
    "URI_OF_REPOSITORY": text(URI % "//"), "BOOL": one_of(True, False), "GAP": integer(1, 1000)}
shapes("""
policy: version ONE, levels? NAME!0-20, defaults? defaults={}, override? override_terms={},
    environment? environment_terms@={},
    repository? repository_terms@={}, service? service_terms@={}, rule? rule!0-500
defaults: undeclared? none|assisted|generated="generated",
    unproved_authors? accept|lowest-level|add-one="add-one", approval_ttl? DURATION="90d",
    rollback_within? DURATION="30d", carry? clean|never="clean", carry_gap? GAP=1,
    weaken_delay? DURATION="1d", exempt? PATTERN!0-100, allow_collisions? BOOL,
    decision_ttl? DURATION="1h", key_cooling? DURATION="1d"
override_terms: longest? DURATION="4h", debt_due? DURATION="1d", presence? touch|attested
environment_terms: mode? observe|enforce="observe"
repository_terms: uri URI_OF_REPOSITORY
service_terms: repository, branch? TARGET="refs/heads/main", paths? PATTERN!,
    artifact? optional|required, builders? NAME!0-100, artifact_uri? URI, mode? observe|enforce
rule: name TITLE, when? when={}, require? need+0-100, checklist? TOOL!0-100,
    presence? touch|attested, carry? clean|never
need: level? NAME, team? PARTS, count? COUNT=1
when: assistance? none|assisted|generated!, author_below? NAME,
    author_kind? human|bot|agent|service|unknown|tool!, paths? PATTERN!, paths_outside? PATTERN!,
    environments? PARTS!, services? PARTS!, opaque? TRUE, collision? TRUE, artifact? TRUE
""")
RULES["override_terms"] = lambda v: v["longest"] <= DAY
LEAST_PRESENCE = {None: 0, "touch": 1, "attested": 2}
STRINGS = r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'"


class Policy:
    """Sections 2 and 3, with what is left out filled in."""

    def __init__(self, policy):
        need(not re.search(f"[{INVISIBLE}]", policy), "a character that a reader does not see")
        need(all(line.count(".") <= 1000 for line in policy.split("\n")), "too many dots in a line")
        bare = re.sub(STRINGS + r"|#[^\n]*", '""', policy, flags=re.S)
        for value in re.findall(r"=[ \t]*([+-]?[0-9][^\s,}\]]*)", bare):
            need(re.fullmatch(r"[0-9]+", value), "an integer in another spelling")
        read = kind_of("policy")(toml_strict(policy.encode(), 24576))
        self.levels, self.rules = read["levels"], read["rule"]
        self.defaults, self.override = read["defaults"], read["override"]
        self.environments, self.services = read["environment"], read["service"]
        self.repositories = read["repository"]
        for rule in self.rules:
            when, asks = rule["when"], rule["require"]
            levels = {when["author_below"], *(ask["level"] for ask in asks)} - {None}
            need(levels <= set(self.levels), "a level that is not listed")
            need(self.environments.keys() >= set(when["environments"]), "an environment")
            need(self.services.keys() >= set(when["services"]), "a service")
            need(sum(ask["count"] for ask in asks) <= 100, "more than 100 people")
            if not asks and (rule["checklist"] or rule["presence"] or rule["carry"] == "never"):
                rule["require"] = [{"count": 1}]  # section 6, step 7

    def environment(self, name):
        """Section 3, Environments: the listed name that matches best, or None."""
        found = [e for e in self.environments if f"{name}/".startswith(f"{e}/")]
        return max(found, key=len, default=None)

    def mode(self, environment, service=None):
        """The mode of a service, or of an environment alone."""
        own = self.services[service]["mode"] if service else None
        return own or self.environments[self.environment(environment)]["mode"]

    def rank(self, level):
        """The place of a level; below all for none and for one that is not listed."""
        return self.levels.index(level) if level in self.levels else -1


BUILT_IN = Policy('version = 1\n[environment.production]\nmode = "observe"\n')


# ---- Section 6: assessment ----
# In: a policy, facts of a change or artifact, and sign-offs. Out: what is asked of it and
# missing.

FLOOR = {"name": None, "checklist": (), "presence": None, "carry": None}


def strongest(*assistances):
    return max((a for a in assistances if a), key=ASSISTANCE.index, default=None)


def matching_rules(policy, facts, people, assistance):
    """Steps 3 and 4, by the conditions of section 3."""
    paths, place = facts["paths"], f"{facts['environment']}/"
    accepts = policy.defaults["unproved_authors"] == "accept"
    ranks = [-1 if author["standing"] == "claimed" and not accepts else policy.rank(author["level"])
             for author in people]
    tests = {
        "assistance": lambda v: assistance in v,
        "author_below": lambda v: min(ranks, default=-1) < policy.rank(v),
        "author_kind": lambda v: any(author["kind"] in v for author in facts["authors"]),
        "paths": lambda v: any(matches(v, path, True) for path in paths),
        "paths_outside": lambda v: not all(matches(v, path) for path in paths),
        "environments": lambda v: any(place.startswith(f"{e}/") for e in v),
        "services": lambda v: facts["service"] in v,
        "opaque": lambda _: any(paths.values()),
        "collision": lambda _: facts["collision"],
        "artifact": lambda _: True}
    return [rule for rule in policy.rules if ("artifact" in rule["when"]) == facts["artifact"]
            and all(tests[name](value) for name, value in rule["when"].items())]


def fill(needs, people):
    """Step 10: a maximum matching, earlier needs first. `needs`: pairs of a count and the people
    who could fill a place of it. Gives who fills each need."""
    places = [(n, able) for n, (count, able) in enumerate(needs) for _ in range(count)]
    holder = {}

    def place(index, tried):
        for person in people:
            if person in places[index][1] and person not in tried:
                tried.add(person)
                if person not in holder or place(holder[person], tried):
                    holder[person] = index
                    return True
        return False
    for index in range(len(places)):
        place(index, set())
    return [[p for p in people if p in holder and places[holder[p]][0] == n]
            for n in range(len(needs))]


def assess_rule(policy, rule, counted):
    """Steps 9 to 11, of one rule or the floor: what is asked and missing, and the sign-offs that do
    not count for it."""
    asks, requirements, people = rule["require"], [], sorted({s["member"] for s in counted})
    never = "never" in (policy.defaults["carry"], rule["carry"])

    def failing(s):
        """The wishes that a sign-off leaves open, in the order of step 9."""
        presence = PRESENCE.index(s["presence"])
        return codes(CARRY_REFUSED=never and s["carried"],
                     NEEDS_TOUCH=presence < LEAST_PRESENCE[rule["presence"]],
                     NEEDS_CHECKLIST=not set(rule["checklist"]) <= set(s["answered"]))

    def able(ask, without=None):
        """Who could fill a place, by sign-offs that leave open nothing but one wish: member and
        entry of the newest exact one, else of the newest."""
        order = sorted(counted, key=lambda s: (not s["carried"], s["entry"]))
        return {s["member"]: s["entry"] for s in order if set(failing(s)) <= {without}
                and ("level" not in ask or policy.rank(s["level"]) >= policy.rank(ask["level"]))
                and ("team" not in ask or ask["team"] in s["teams"])}

    def filling(without=None):
        return fill([(ask["count"], able(ask, without)) for ask in asks], people)
    for number, (ask, found) in enumerate(zip(asks, filling(), strict=True)):
        missing = ask["count"] - len(found)
        code = ("NEEDS_TEAM" if "team" in ask else
                "NEEDS_LEVEL" if "level" in ask else "NEEDS_SIGN_OFF")
        if rule["name"] is None and ask["count"] == 2 and missing == 1:
            code = "UNKNOWN_AUTHOR"
        elif missing:
            code = next((wish for wish in ("CARRY_REFUSED", "NEEDS_CHECKLIST", "NEEDS_TOUCH")
                         if len(filling(wish)[number]) > len(found)), code)
        requirements.append({
            "rule": rule["name"], "need": ask, "code": code, "missing": missing,
            "filled_by": found, "sign_offs": [able(ask)[member] for member in found]})
    return requirements, [(s["entry"], failing(s)[0], rule["name"]) for s in counted if failing(s)]


def assess(policy, facts, sign_offs):
    """What is asked of a segment or artifact, and what is missing."""
    defaults, service = policy.defaults, policy.services.get(facts["service"])
    authors, paths, is_artifact = facts["authors"], facts["paths"], facts["artifact"]
    people = [author for author in authors if author["kind"] != "tool"]
    denials = codes(UNKNOWN_ENVIRONMENT=policy.environment(facts["environment"]) is None,
                    UNKNOWN_SERVICE=service is None,
                    PATH_COLLISION=facts["collision"] and not defaults["allow_collisions"])
    kinds = {"agent": "generated", "tool": "assisted"}
    assistance = strongest(facts["declared"] or defaults["undeclared"], facts["detected"],
                           *(kinds.get(author["kind"]) for author in authors))
    rules = asking = matching_rules(policy, facts, people, assistance)
    is_exempt = bool(paths) and not (is_artifact or rules or facts["collision"]) and all(
        not is_opaque and matches(defaults["exempt"], path) for path, is_opaque in paths.items())
    if service and service["paths"] and not is_artifact and not any(
            matches(service["paths"], path, True) for path in paths):
        asking = []  # step 7
    if rules or not (is_exempt or is_artifact):
        is_claimed = any(a["standing"] == "claimed" for a in people) or not (people or is_artifact)
        adds_one = is_claimed and defaults["unproved_authors"] == "add-one"
        asking = [FLOOR | {"require": [{"count": 2 if adds_one else 1}]}, *asking]
    not_counted, counted, requirements = [], [], []
    for s in sign_offs:
        saw_enough = strongest(s["assistance_seen"], assistance) == s["assistance_seen"]
        failing = codes(IS_AUTHOR=s["member"] in [author["member"] for author in authors],
                        EXPIRED=s["age"] >= defaults["approval_ttl"],
                        SAW_LESS_ASSISTANCE=not saw_enough)
        not_counted += [(s["entry"], code, None) for code in failing[:1]]
        counted += [] if failing else [s]
    for rule in asking:
        found, failing = assess_rule(policy, rule, counted)
        requirements += found
        not_counted += failing
    missing = {need["code"] for need in requirements if need["missing"]}
    return {"assistance": assistance, "exempt": is_exempt, "denials": denials,
            "not_counted": sorted(not_counted, key=lambda n: n[0]), "requirements": requirements,
            "satisfied": not missing and not denials, "codes": missing.union(denials)}


# ---- Section 7: what weakens ----
# In: two policies. Out: whether the newer asks for less than the older.

STRICTER = {  # how strict a value of a field is
    "defaults": {
        "undeclared": ASSISTANCE.index, "carry": ["clean", "never"].index,
        "unproved_authors": ["accept", "lowest-level", "add-one"].index,
        "allow_collisions": operator.not_, "carry_gap": int, "weaken_delay": int,
        "key_cooling": int, "approval_ttl": operator.neg, "rollback_within": operator.neg,
        "decision_ttl": operator.neg},
    "override": {"longest": operator.neg, "debt_due": operator.neg, "presence": LEAST_PRESENCE.get}}


def loosened(new, old):
    """Whatever makes the newer policy less strict than the older, point by point, as truth."""
    ranks = [new.rank(level) for level in old.levels]
    yield -1 in ranks or ranks != sorted(ranks)
    for table, fields in STRICTER.items():
        one, other = getattr(old, table), getattr(new, table)
        yield any(strict(other[field]) < strict(one[field]) for field, strict in fields.items())
    yield not set(new.defaults["exempt"]) <= set(old.defaults["exempt"])
    was, now = old.defaults["undeclared"], new.defaults["undeclared"]
    listed = [rule["when"]["assistance"] for rule in new.rules]
    yield any(was in values and now not in values for values in listed)
    modes = ("enforce", "observe")
    names = [name for name in old.environments | new.environments
             if old.environment(name) and new.environment(name)]
    yield any((old.mode(name), new.mode(name)) == modes for name in names)
    for name in old.repositories.keys() & new.repositories.keys():
        yield old.repositories[name] != new.repositories[name]
    for name in old.services.keys() & new.services.keys():
        a, b = old.services[name], new.services[name]
        yield not same(a, b, "repository", "branch")
        yield a["artifact"] == "required" != b["artifact"]
        yield bool(a["builders"]) and not b["builders"]
        yield not set(b["builders"]) <= set(a["builders"])
        yield bool(b["paths"]) and not set(a["paths"] or [None]) <= set(b["paths"])
        yield any((old.mode(e, name), new.mode(e, name)) == modes for e in names)
    yield not all(any(asks_as_much(new, n, o) for n in new.rules) for o in old.rules)
    environments = {name for name in new.environments if not old.environment(name)}
    services = new.services.keys() - old.services.keys()
    for kind, fresh in (("environments", environments), ("services", services)):
        yield any(not fresh <= set(rule["when"][kind] or fresh) for rule in new.rules)
    yield any(new.mode(name) == "observe" for name in environments)
    yield any(new.services[name]["mode"] == "observe" for name in services)


def asks_as_much(new, n, o):
    """Point 6: the newer rule plainly asks as much as the older."""
    def holds_too(name, value):
        was = o["when"][name]
        if not was or value is True:
            return bool(was)
        if name == "author_below":
            return new.rank(value) >= new.rank(was)
        return set(value) <= set(was) if name == "paths_outside" else set(was) <= set(value)

    def able(ask):
        return {number for number, other in enumerate(n["require"])
                if ask.get("team") in (None, other.get("team"))
                and other["count"] >= ask["count"]
                and ("level" not in ask or new.rank(other.get("level")) >= new.rank(ask["level"]))}
    used = fill([(1, able(ask)) for ask in o["require"]], range(len(n["require"])))
    return (all(used) and all(holds_too(*condition) for condition in n["when"].items())
            and n["when"]["artifact"] == o["when"]["artifact"]
            and set(o["checklist"]) <= set(n["checklist"])
            and LEAST_PRESENCE[n["presence"]] >= LEAST_PRESENCE[o["presence"]]
            and (o["carry"] != "never" or n["carry"] == "never"))


# ==== Marks of AI assistance: marks.md ============================================================
# In: a commit, and the table beside this file. Out: the assistance that it shows.


@functools.cache
def marks():
    """Sections 2 to 4: the patterns of marks.tsv by kind, and expressions that they make."""
    rows = {}
    for line in pathlib.Path(__file__).with_name("marks.tsv").read_bytes().splitlines():
        if line.strip() and not line.startswith(b"#"):
            kind, value, *_ = line.split(b"\t")
            ends = rb"(?![a-z\x80-\xff])" if value[-1:].isalnum() else b""  # as a whole word
            rows.setdefault(kind.decode(), []).append(re.escape(value) + ends)
    any_of = {kind: b"(?:%s)" % b"|".join(values) for kind, values in rows.items()}
    github = rb"(?:[0-9]+\+)?%s@users\.noreply\.github\.com" % any_of["github"]
    head, robot = rb"(?! )[\x80-\xff ]{0,16}", "\U0001f916".encode()
    return {kind: re.compile(expression, re.S) for kind, expression in {
        **any_of,
        "tool": rb"%s|%s" % (any_of["address"], github),
        "anchor": rb"https://[^ \t\n\x0c\r]*#%s\Z" % any_of["anchor"],
        "line": rb"%s(?:%s|%s[ \t\x0c\r]*\Z)" % (head, any_of["body"], any_of["line"]),
        "robot": rb"(?=%s)%s%s" % (robot, head, any_of["robot"]),
        "name-end": rb".*%s\Z" % any_of["name-end"]}.items()}


def tool_address(address):
    """Section 3: `tool` for `address` and `github`, or `flagged-address`."""
    found = [kind for kind in ("tool", "flagged-address")
             if len(address) <= 320 and marks()[kind].fullmatch(address.lower())]
    return found[0] if found else None


def words(text):
    return re.split(rb"[ \t\n\x0c\r,;:/()\[\]]", text)


def is_model(word):
    """Section 2: whether it is a model word."""
    return re.search(rb"[0-9]", word) or marks()["follower"].fullmatch(word.lstrip(b"-"))


def names_tool(value, with_model=False):
    """Section 3, `value` and `value-guarded`; or step 3: the whole value is a name and a model."""
    for kind in ("value", "value-guarded"):
        if found := marks()[kind].match(value):
            rest = value[found.end():]
            after = rest.lstrip(BLANK)
            if with_model:
                holds = re.search(rb"[0-9]", rest) and all(map(is_model, filter(None, words(rest))))
            else:
                holds = (kind == "value" or not after or after[:1] in b":/([<,+;@"
                         or is_model(words(after)[0]))
            if holds:
                return True
    return not with_model and marks()["anchor"].match(value)


def is_marked(key, value):
    """Section 4, step 3: whether a trailer is a mark."""
    opened = re.findall(rb"<([^<>]*)", value) or [value.partition(b">")[0]]
    addresses = [address for address in (text.strip(BLANK) for text in opened)
                 if re.fullmatch(rb"[^@ \t\n\x0c\r]*@[^ \t\n\x0c\r]*", address)]
    says_none = (value in (b"no", b"none", b"false", b"n/a")
                 or not re.search(rb"[a-z1-9\x80-\xff]", value))
    wrote = key.endswith(b"-by") and not marks()["bystander"].fullmatch(key)
    return bool(
        wrote and any(map(tool_address, addresses))
        or marks()["key"].fullmatch(key) and not says_none
        or marks()["key-value"].match(key + b": " + value)
        or not addresses and marks()["said"].fullmatch(key) and names_tool(value)
        or not addresses and key == b"co-authored-by" and names_tool(value, with_model=True))


LOGICAL_LINE = re.compile(  # a trailer's key and value with the lines that go on, or another line
    rb"^(?:([a-z0-9-]{1,64})[ \t\x0c\r]*:([^\n]*(?:\n[ \t][^\n]*)*)|([^\n]*))", re.M)


def detected(commit):
    """Section 4: `generated`, `assisted`, or None where there is no mark."""
    if tool_address(commit.author[1]) == "tool":
        return "generated"
    message, pair = commit.message[:MIB].lower(), {b"model": [], b"agent": []}
    if marks()["subject"].match(message) or any(
            tool_address(address) or marks()["name-end"].match(name.lower())
            for name, address in (commit.author, commit.committer)):
        return "assisted"
    for key, value, line in LOGICAL_LINE.findall(message):
        lines = (part.strip(BLANK) for part in value.split(b"\n"))
        value = b" ".join(filter(None, lines))[:1024]
        if (marks()["line"].match(line) or marks()["robot"].match(line)
                or key and is_marked(key, value)):
            return "assisted"
        pair.get(key, []).append(value)
    is_pair = all(pair.values()) and any(map(names_tool, sum(pair.values(), [])))
    return "assisted" if is_pair else None


# ==== Governance, folded: ledger.md section 12 ====================================================
# In: governance entries, one after the other. Out: whether each is let in, and then who is who,
# with which keys and duties, and under which policies, when each entry came.

FOREVER = 2**60


class View:
    """Roster, keys, admins, policies and lifts, as they follow from the governance entries. What is
    asked `at` an entry is what was so when that entry came."""

    def __init__(self):
        self.members = {}      # id -> [(entry, what is said of it, or None: retired)]
        self.keys = {}         # fingerprint -> Key
        self.owners = {}       # fingerprint -> [(entry, time, member, is a further key of theirs)]
        self.revocations = {}  # fingerprint -> [(entry, leaked since, or never)]
        self.admins, self.threshold = [], 0
        self.policies = []     # (entry, time, Policy)
        self.lifts = set()     # indexes of rejects
        self.delegations = {}  # service -> what is said
        self.used = set()      # fingerprints that signed governance
        self.ledger_keys = []  # (entry, NoteKey)
        self.base = None       # leaf hash of the newest governance entry
        self.times = []        # (entry, time) of each governance entry

    def member(self, name, at=FOREVER):
        """What is said of a member; None: no member then."""
        return next((said for e, said in reversed(self.members.get(name, [])) if e < at), None)

    def ever(self, name):
        """All that was ever said of a member, oldest first."""
        return [said for _, said in self.members.get(name, []) if said]

    def may(self, name, duty, at=FOREVER, kind=None):
        """Whether somebody is a member, of this kind where one is given, with a duty."""
        said = self.member(name, at)
        return bool(said) and duty in said["duties"] and said["kind"] == (kind or said["kind"])

    def owner(self, fingerprint, at=FOREVER):
        owners = [member for e, _, member, _ in self.owners.get(fingerprint, []) if e < at]
        return owners[-1] if owners else None

    def is_revoked(self, fingerprint, at=FOREVER):
        return any(e < at for e, _ in self.revocations.get(fingerprint, []))

    def signer(self, fingerprint, at=FOREVER):
        """Whose a key is, while it is not revoked; else None."""
        return None if self.is_revoked(fingerprint, at) else self.owner(fingerprint, at)

    def can_sign(self, name, at=FOREVER):
        return self.member(name, at) and any(self.signer(key, at) == name for key in self.keys)

    def had_key(self, member):
        return any(o[2] == member for owners in self.owners.values() for o in owners)

    def newest_policy(self):
        return self.policies[-1][2] if self.policies else BUILT_IN

    def govern(self, leaf):
        """Admits one governance entry (12.1 to 12.4) and folds it, or refuses."""
        index, operations, genesis = leaf.index, leaf.says["operations"], leaf.says["genesis"]
        need(bool(genesis) == (index == 0), "entry 0, and no other, begins a ledger")
        need(leaf.says["base"] == self.base, "on another base")
        admins, threshold, before = self.admins, self.threshold, self.newest_policy()
        delegation, gives = self.delegations.get(leaf.by), set()
        only_reduces = is_within = True
        if genesis:
            self.ledger_keys = [(0, NoteKey(genesis["ledger_key"], 1))]
            need(self.ledger_keys[0][1].name == genesis["origin"], "a key of another name")
        policies = [Policy(said["text"]) for name, said in operations if name == "set_policy"]
        judged = [before, *policies][-1]
        for name, said in operations:
            reduces = self.reduces(name, said)
            only_reduces &= reduces
            is_within = is_within and self.is_within(delegation, name, said)
            if name in ("set_member", "add_key") and not reduces:
                gives.add(said["member"])
            self.do(leaf, name, said, judged)
        # 12.2, rule 10.
        present = {name: self.member(name) for name in self.members if self.member(name)}
        humans = {name for name, said in present.items() if said["kind"] == "human"}
        able = list(filter(self.can_sign, humans.intersection(self.admins)))
        need(self.threshold and len(able) >= self.threshold, "too few admins who can sign")
        levels = {said["below"] for said in self.delegations.values()}
        levels |= {said["level"] for said in present.values() if self.policies} - {None}
        need(levels <= set(judged.levels), "a level that no policy lists")
        order = [level for level in before.levels if level in levels]
        need(order == sorted(order, key=judged.rank), "levels in use that change places")
        is_set = "set_admins" in dict(operations)
        need(not is_set or humans >= set(self.admins), "an admin who is no present human")
        # 12.3 and 12.4: who must sign.
        names, at = [signature["keyid"] for signature in leaf.signatures], 1 if genesis else index
        signers = [self.signer(name, at) for name in names]
        need(all(signers), "a key that is nobody's")
        need(all(self.keys[signature["keyid"]].holds(leaf.pae, signature)
                 for signature in leaf.signatures), "a signature does not verify")
        need(distinct(signers) and leaf.by in signers, "a signer twice, or another")
        if genesis:
            need(sorted(signers) == self.admins, "not the signatures of every admin")
        elif not is_within or signers != [leaf.by] or leaf.by in admins:
            need(set(signers) <= set(admins) and all(self.member(s, index) for s in signers),
                 "a signature of somebody who is no admin, or left")
            need(len(signers) >= (1 if only_reduces else threshold), "too few signatures")
            for admin in gives & set(admins):  # 12.3, rule 4
                others = {a for a in admins if a != admin and self.can_sign(a, index)}
                enough = min(threshold, len(others))
                need(len(others & set(signers)) >= enough, "too few signatures of others")
        self.base = leaf.hash.hex()
        self.times.append((index, leaf.time))
        self.used.update(names)

    def do(self, leaf, name, said, judged):
        """12.2, rules 1 to 9, as far as governance alone tells; and what an operation does."""
        index, member, service = leaf.index, said.get("member"), said.get("service")
        need(name not in ("retire_member", "add_key") or self.member(member), "no member")
        if name == "set_member":
            need(all(s["kind"] == said["kind"] for s in self.ever(member)), "another kind")
            others = [self.member(other) for other in self.members if other != member]
            need(not addresses(others) & set(said["emails"]), "somebody else's address")
            operators = [s["kind"] for s in self.ever(said["operator"])]
            wants_one = said["operator"] or said["kind"] == "agent"
            need(not wants_one or "human" in operators, "no human operator")
            self.members.setdefault(member, []).append((index, said))
        elif name == "retire_member":
            self.members[member].append((index, None))
            self.delegations.pop(member, None)
        elif name == "add_key":
            key = Key(said["key"])
            need(not self.is_revoked(key.name), "a key that was revoked")
            need(key.name not in self.used and self.owner(key.name) != member,
                 "a key that is enrolled, and the same member's or in use")
            enrolled = index, leaf.time, member, self.had_key(member)
            self.owners.setdefault(key.name, []).append(enrolled)
            self.keys[key.name], self.revocations[key.name] = key, []
        elif name == "revoke_key":
            key, since, is_leak = said["key"], said["since"], said["cause"] == "leaked"
            need(key in self.keys and (is_leak or not self.is_revoked(key)), "no such key")
            need(not is_leak or since is not None and since <= index, "leaked since when")
            self.revocations[key].append((index, since if is_leak else FOREVER))
        elif name == "set_admins":
            self.admins, self.threshold = said["admins"], said["threshold"]
        elif name == "rotate_ledger_key":
            key, (last, first) = NoteKey(said["ledger_key"], 1), self.ledger_keys[-1]
            need(last < index and key.name == first.name, "two keys at once, or of another name")
            need(all(key.key != old.key for _, old in self.ledger_keys), "a key that it had")
            self.ledger_keys.append((index, key))
        elif name == "lift":
            need(said["entry"]["index"] not in self.lifts, "lifted already")
            self.lifts.add(said["entry"]["index"])
        elif name == "set_policy":
            self.policies.append((index, leaf.time, Policy(said["text"])))
        elif name == "set_baseline":
            is_listed = service in judged.services and judged.environment(said["environment"])
            need(is_listed, "a place that no policy lists")
        elif name == "delegate":
            there = self.member(service)
            need(there and there["kind"] == "service", "no service")
            self.delegations[service] = said
        elif name == "end_delegation":
            need(self.delegations.pop(service, None), "no delegation")

    def reduces(self, name, said):
        """12.3: whether an operation only reduces, on what those before it left."""
        if name in ("retire_member", "revoke_key", "end_delegation"):
            return True
        was, policy = self.member(said.get("member")), self.newest_policy()
        if name != "set_member" or not was or was == said:
            return False
        duties, had = set(said["duties"]), set(was["duties"])
        return (same(was, said, "kind", "operator", "profile", "emails")
                and policy.rank(said["level"]) <= policy.rank(was["level"])
                and set(said["teams"]) <= set(was["teams"])
                and duties <= had <= duties | {"review", "decide", "deploy"})

    def is_within(self, delegation, name, said):
        """12.4: whether a delegated service may do it."""
        if not delegation or name not in ("set_member", "retire_member", "add_key"):
            return False
        member, policy = said["member"], self.newest_policy()
        was = self.ever(member)[-1:]  # as it was said last, retired or not
        to_reach = was + [said] * (name == "set_member")
        is_in_reach = to_reach and member not in self.admins and all(
            one["kind"] == "human" and set(one["duties"]) <= {"review"}
            and policy.rank(one["level"]) < policy.rank(delegation["below"]) for one in to_reach)
        if name == "add_key":
            is_new = not self.had_key(member) and Key(said["key"]).name not in self.keys
            return is_in_reach and is_new
        if name == "retire_member":
            return is_in_reach
        others = [self.ever(other)[-1] for other in self.members if other != member]
        teams, emails = {*delegation["teams"], *(was and was[0]["teams"])}, set(said["emails"])
        return (is_in_reach and not said["operator"] and set(said["teams"]) <= teams
                and addresses(was) <= emails and not emails & addresses(others))


def addresses(said):
    """The digests of addresses that members have."""
    return {email for one in said if one for email in one["emails"]}


# ==== The verdict: verdict.md =====================================================================
# In: a view, and evidence of a chain of steps. Out: allow or deny, with the reasons and the
# cover. Evidence is believed here: what of it is proved is for the next section to say.

CLAIMED, ATTESTED, PROVED = range(3)
STANDINGS = ["claimed", "attested", "proved"]
NOBODY = "nobody:"
PLACE = ("service", "environment")
RELEASE = ("revision", "artifacts")


def points_of(evidence, policies):
    """Section 3, 5: the points of the place, oldest first; of a cell without any those of its
    group, unless a policy names the cell. Gives the environment as well that they are of."""
    settled = {place["environment"]: place["points"] for place in evidence["settled"]}
    own = evidence["question"]["environment"]
    is_named = not policies or any(own in policy.environments for policy in policies)
    group = own if is_named or settled.get(own) else own.split("/")[0]
    return settled.get(group, ()), group


class Case:
    """The evidence of a verdict, at its size and moment (section 2), whatever a policy says. The
    view ends where the gate had seen the ledger end."""

    def __init__(self, view, evidence, entries, documents, covers, commits, salt):
        self.view, self.evidence, self.salt = view, evidence, salt
        self.commits, self.documents, self.all_covers = commits, documents, covers
        self.question = evidence["question"]
        self.service, self.environment = self.question["service"], self.question["environment"]
        self.now = max(self.question["time"], evidence["newest_time"])
        self.words = collections.defaultdict(list)  # of approvals: (type, subject) -> (entry, row)
        self.about = collections.defaultdict(list)  # of others: (kind, subject) -> entry
        for entry in entries:
            if entry.index < evidence["size"] and entry.kind == "approval":
                for row in entry.says["rows"]:
                    self.words[entry.says["subject_type"], row["hash"]].append((entry, row))
            elif entry.index < evidence["size"] and "step" not in entry.says:  # no landing
                for subject in entry.subjects:
                    self.about[entry.kind, subject].append(entry)
        self.policy_entry, self.policies = self.policies_to_pass()
        self.points, _ = points_of(evidence, self.policies)
        self.newest = self.points[-1] if self.points else None
        self.covers = [(item, covers.get(item["cover"])) for item in evidence["covers"]]
        self.steps = [Step(self, step) for step in evidence["steps"]]
        n = len(self.steps)  # (i, j) are the steps from i up to and without j
        spans = {(0, n), *((i, i + 1) for i in range(n)), *(
            (i, j + 1) for i, j in evidence["runs"] if i <= j < n)}
        rows = {(i, j): compose([step.rows for step in self.steps[i:j]]) for i, j in spans}
        self.adds_up = rows[0, n] is not None and change_hash(rows[0, n]) == evidence["difference"]
        self.runs = {span: made for span, made in rows.items() if made is not None and span[1]}
        self.landed = [(span, change_hash(rows)) for span, rows in self.runs.items() if rows]
        # Step 2d: the paths that are live and the revision has otherwise, with the start's side.
        live, made = evidence["live"], documents[evidence["difference"]]
        self.undone = {path: at_start for path, (at_start, at_newest) in (
                           documents[live["document"]].items() if live else ())
                       if made.get(path, (None, at_start))[1] != at_newest}

    def policies_to_pass(self):
        """Section 4, step 1: the entry of the newest policy; it, and those that hold beside it."""
        known = self.view.policies
        need(known, "POLICY_MISSING")
        newest = known[-1][2]
        need(self.service in newest.services, "UNKNOWN_SERVICE")
        need(newest.environment(self.environment), "UNKNOWN_ENVIRONMENT")
        passed, delay = [newest], newest.defaults["weaken_delay"]
        for (_, _, policy), (_, replaced, _) in reversed(list(itertools.pairwise(known))):
            delay = max(delay, policy.defaults["weaken_delay"])
            if (self.now - replaced < delay and self.service in policy.services
                    and policy.environment(self.environment) and any(loosened(newest, policy))):
                passed.append(policy)
        return known[-1][0], passed

    def carried_to(self, change, landing):
        """What is carried to a change as it landed: approved hash -> what the evidence says."""
        return {item["approved"]: item for item in self.evidence["carried"]
                if (item["landed"], item["landing"]) == (change, landing)}

    # Section 5, point 1: who is who. An author is a member's name, or none and has a colon.

    def by_email(self, digest):
        """The member who has an address; else the one who had it last; else None."""
        had = [(said is self.view.member(name), entry, name)
               for name, history in self.view.members.items()
               for entry, said in history if said and digest in said["emails"]]
        return max(had)[2] if had else None

    def who(self, named):
        """Whom a commit names: a member, a tool, or somebody unknown."""
        address = named[1].lower()
        digest = hmac.new(self.salt, address, hashlib.sha256).hexdigest()
        return self.by_email(digest) or f"{tool_address(address)}:{digest}"

    def named(self, author):
        """Whom a declaration names; None for an address that is nobody's."""
        name = author["member"]
        if name is None:
            return self.by_email(author["email"])
        return name if name in self.view.members else f"gone:{name}"

    def add_author(self, standing, who, level=None):
        """Takes up an author, and whoever answers for an agent. Without a level: as well as their
        own signature proves that they wrote something."""
        last, authors = self.view.ever(who)[-1:], {who}
        if last:
            authors |= {last[0]["operator"]} if last[0]["kind"] == "agent" else set()
            left = {author for author in authors if not self.view.member(author)}
            own_word = PROVED if last[0]["kind"] in ("human", "agent") else CLAIMED
            level = CLAIMED if left else own_word if level is None else level
            authors = authors - left | {who}
        for author in authors:
            standing[author] = max(level, standing.get(author, CLAIMED))

    def known(self, who, level):
        """An author as policies know them (policy.md section 5)."""
        said, last = self.view.member(who), self.view.ever(who)[-1:]
        unknown = "tool" if who.startswith("tool:") else "unknown"
        return {"member": who if last else None, "kind": last[0]["kind"] if last else unknown,
                "level": said and said["level"], "standing": STANDINGS[level]}

    # Section 5, points 4 to 7: what is used up, and how old it is.

    def cools(self, entry, policies):
        """Point 5, ledger.md 12.5: whether a further key is too young under one of these."""
        owners = [owner for owner in self.view.owners[entry.key] if owner[0] < entry.index]
        enrolled, since, _, is_further = owners[-1]
        cooling = max(policy.defaults["key_cooling"] for policy in policies)
        return enrolled > 0 and is_further and self.now - since < cooling

    def lands_elsewhere(self, segment, change):
        """Point 7: whether another landing of the chain uses up what is carried to a segment."""
        if not segment.span:
            return False
        first, end = segment.span
        return any(landed == change and (j <= first or end <= i)
                   or j <= first and change in self.carried_to(landed, self.steps[j - 1].last)
                   for (i, j), landed in self.landed)

    # Section 4, step 2: the start.

    def find_start(self, start):
        """The start, and why not; `start`: the point that the evidence starts at."""
        within = min(policy.defaults["rollback_within"] for policy in self.policies)
        position, newest = self.evidence["position"], self.newest
        if newest is None:
            return None, ["BASELINE_MISSING"]
        if position == "diverged":
            holding = [step for step in self.steps if newest["revision"] in step.ids]
            is_dropped = holding and self.undone.keys() - holding[0].rows.keys()
            is_late = self.now - start["time"] >= within
            return start, codes(DIVERGED=is_late, UNDOES_SETTLED=is_dropped)
        found = [newest] if position == "linear" else []
        if position == "behind":
            found = [point for point in self.points if point["decision"]
                     and self.now - point["time"] < within and same(point, self.question, *RELEASE)]
        if position == "from_root" and not newest["revision"]:
            found = [newest]
        return (found[-1], []) if found else (None, ["DIVERGED"])

    # Section 4: the verdict.

    def answer(self, start):
        newest = self.newest
        start, reasons = self.find_start(start)
        chains = [Chain(self, policy) for policy in self.policies]
        for chain in chains:
            reasons += chain.doubts(start) + codes(REJECTED=chain.unanswered)
        segments = merged([chain.cut() for chain in chains])
        has_whole = self.evidence["whole"] and newest and self.adds_up
        if has_whole and (reasons or not is_covered(segments)):
            whole = merged([chain.judge_whole() for chain in chains])
            if is_covered(whole):
                reasons, segments, start = [], whole, newest
        reasons = {*reasons, *codes(COMPOSITION_MISMATCH=not self.adds_up)}.union(
            *(chain.judge_artifacts() for chain in chains),
            *(segment.codes for segment in segments if not segment.is_covered))
        modes = {policy.mode(self.environment, self.service) for policy in self.policies}
        mode, overrides, cover = "enforce" if "enforce" in modes else "observe", [], None
        if not reasons:
            cover = sha256(spell(chains[0].cover(segments))).hex()
        else:
            given, wanted = self.overrides_in_force(), self.overrides_needed()
            if 0 < len(given) < wanted:
                reasons.add("DEBT_OVERDUE")
            elif mode == "enforce" and self.adds_up:
                overrides = sorted(given)
        return {
            "verdict": "deny" if reasons else "allow", "reasons": sorted(reasons), "cover": cover,
            "mode": mode, "overrides": overrides, "policy": self.policy_entry,
            "start": start and start["entry"]["index"],
            "newest": newest and newest["entry"]["index"],
            "is_built": any(map(chains[0].counted_builds, self.question["artifacts"]))}

    # Section 9: overrides and debts.

    def overrides_in_force(self):
        """The identities of the overrides in force: of each member the one that lasts longest."""
        found, question, view = {}, self.question, self.view
        repository = self.policies[0].services[self.service]["repository"]
        longest = min(policy.override["longest"] for policy in self.policies)
        least = max(LEAST_PRESENCE[policy.override["presence"]] for policy in self.policies)
        for entry in self.about["override", question["revision"]]:
            says, until = entry.says, min(entry.says["expires"], entry.says["claimed"] + longest)
            if (says["repository"] == repository and same(says, question, *PLACE, *RELEASE)
                    and not says["drill"] and says["claimed"] <= self.now < until
                    and all(view.may(entry.by, "override", at, "human")
                            for at in (entry.index, FOREVER))
                    and not view.is_revoked(entry.key)
                    and not self.cools(entry, self.policies)
                    and PRESENCE.index(entry.presence) >= least):
                newer = until, entry.index, entry.identity
                found[entry.by] = max(newer, found.get(entry.by, newer))
        return {identity for _, _, identity in found.values()}

    def overrides_needed(self):
        """One; while a debt is overdue three, or as many as there could be."""
        due = min(policy.override["debt_due"] for policy in self.policies)
        overdue = [debt["since"] for place in self.evidence["settled"] for debt in place["owed"]
                   if self.counts(debt, place["points"], due)]
        most = 1
        for (entry, _), (_, until) in itertools.pairwise([*self.view.times, (None, self.now)]):
            able = [name for name in self.view.members if self.view.can_sign(name, entry + 1)
                    and self.view.may(name, "override", entry + 1, "human")]
            if overdue and until >= min(overdue) - 30 * DAY:
                most = max(most, len(able))
        return min(3, most)

    def counts(self, debt, points, due):
        """Whether a debt makes overriding harder: it is overdue, or was when it ended."""
        after = [p for p in points if p["entry"]["index"] > debt["entry"]["index"]]
        if any(not p["decision"] or p["revision"] == debt["revision"] for p in after):
            return False
        end, at = -1, self.now  # of what ended it: the first that was not settled before
        for p in reversed(after):
            before = [q for q in points if q["entry"]["index"] < p["entry"]["index"]]
            if p["revision"] not in [q["revision"] for q in before]:
                end, at = p["entry"]["index"], p["time"]
        is_paid = any(row["last"] == debt["revision"] for item, cover in self.covers
                      if cover and item["ended"] == end for row in cover["segments"])
        return not is_paid and debt["since"] + due <= at and self.now - at < 30 * DAY


class Step:
    """One step, or everything as one step (section 4): what changed, and by whom."""

    def __init__(self, case, given):
        self.rows, self.hash = case.documents[given["document"]], given["document"]
        self.last, self.ids = given["commit"], given["commits"]
        facts = {unbase64(fact["path"]): fact for fact in given["facts"]}
        self.opaque = {path for path, fact in facts.items() if fact["opaque"]}
        self.opaque |= {path for path, (old, new) in self.rows.items()  # point 3: more than text
                        if {old[MODE], new[MODE]} & {b"120000", b"160000"}
                        or old[MODE] != new[MODE] == b"100755"}
        self.paths = self.rows.keys() | {
            unbase64(target) for path in self.rows.keys() & facts.keys()
            for target in facts[path]["targets"]}
        self.colliding = set(map(unbase64, given["colliding"]))
        self.standing, self.detected = {}, None
        for name in self.ids:
            commit = case.commits[name]
            wrote = [] if name in given["mechanical"] else [commit.author]
            self.detected = strongest(self.detected, detected(commit))
            for named in wrote + commit.co_authors:
                case.add_author(self.standing, case.who(named), CLAIMED)


def landings(cover, change, also_contained=False):
    """The last commits at which a cover has a change, in its rows or also in those contained."""
    rows = [row for row in cover["segments"]
            if change in [row["change"], *(other["change"] for other in row["carried"])]]
    rows += [row for row in cover["contained"] if also_contained and row["change"] == change]
    return [row["last"] for row in rows]


class Segment:
    """A run of steps judged as one change under one policy (section 5); its span is None where it
    is everything as one step."""

    def __init__(self, chain, span, steps, rows):
        self.chain, self.case, self.span, self.rows = chain, chain.case, span, rows
        self.all_steps, self.steps = steps, [step for step in steps if step.rows]
        self.hash, self.first, self.last = change_hash(rows), steps[0].last, steps[-1].last
        self.carried = self.case.carried_to(self.hash, self.last)
        self.facts = self.find_facts()
        self.assessment, self.sign_offs, self.rejects, self.is_covered = self.judge()
        self.codes = self.assessment["codes"].union(codes(REJECTED=self.rejects))

    def judge(self, above=-1):
        """What the policy makes of the words on it, approvals up to an entry left out."""
        sign_offs, rejects = self.chain.listen({self.hash: None, **self.carried}, self, above)
        assessment = assess(self.chain.policy, self.facts, sign_offs)
        is_covered = not self.rows or assessment["satisfied"] and not rejects
        return assessment, sign_offs, rejects, is_covered

    # Points 1 to 3: facts.

    def declared(self, step):
        """Point 2, of one step: the standing of its authors, the assistances that count, and those
        that count as if they were detected."""
        case, view = self.case, self.case.view
        standing, counting, as_detected, own_words = dict(step.standing), [], [], []
        own, everybody = {self.hash, *self.carried}, set().union(*(s.standing for s in self.steps))
        newest = {(entry.by, change): entry for change in {step.hash, *own}
                  for entry in case.about["change", change]
                  if entry.says["repository"] == self.chain.service["repository"]}
        for (me, change), entry in sorted(newest.items()):
            member = view.member(me)
            named = set(map(case.named, entry.says["authors"])) - {None}
            is_author = (change == step.hash and me in step.standing
                         or change in own and me in everybody)
            if member and not entry.is_leaked and (is_author or view.may(me, "declare")):
                counting.append(entry.says["assistance"])
                for who in named:
                    is_attested = member["kind"] == "service" and who != me
                    case.add_author(standing, who, ATTESTED if is_attested else CLAIMED)
                if me in standing:
                    case.add_author(standing, me)
            elif is_author or entry.is_leaked or view.may(me, "declare", entry.index):
                as_detected.append(entry.says["assistance"])
                for who in named & view.members.keys():
                    case.add_author(standing, who, CLAIMED)
            elif me in named:
                as_detected.append(entry.says["assistance"])
                own_words.append(me)
        if not standing:
            standing[NOBODY] = CLAIMED
        for me in own_words:
            case.add_author(standing, me)
        return standing, counting, as_detected

    def find_facts(self):
        """Points 1 to 3: authors are known as well as in the step where they are known least."""
        case, found, counting, as_detected = self.case, {}, [], []
        for step in self.steps:
            standing, counts, detects = self.declared(step)
            counting.append(counts)
            as_detected += detects
            for who, level in standing.items():
                found[who] = min(found.get(who, PROVED), level)
        is_declared, declared = all(counting), sum(counting, [])
        left = {path for path, (_, new) in self.rows.items() if new != ABSENT}
        opaque = set().union(*(step.opaque for step in self.steps))
        return {
            "service": case.service, "environment": case.environment, "artifact": False,
            "authors": [case.known(who, level) for who, level in found.items()],
            "declared": strongest(*declared) if is_declared else None,
            "detected": strongest(*(step.detected for step in self.all_steps),
                                  *as_detected, *([] if is_declared else declared)),
            "paths": {path: path in opaque for step in self.steps for path in step.paths},
            "collision": bool(left & self.all_steps[-1].colliding)}


class Chain:
    """The steps under one policy: every step, run and the whole chain (section 4, step 4)."""

    def __init__(self, case, policy):
        self.case, self.policy, self.service = case, policy, policy.services[case.service]
        self.steps = case.steps
        self.places = [(self.service["repository"], self.service["branch"], None),  # of a change
                       (None, None, case.service)]  # of an artifact
        self.runs = {(i, j): Segment(self, (i, j), self.steps[i:j], rows)
                     for (i, j), rows in case.runs.items()
                     if j - i <= 32 or j - i == len(self.steps)}
        self.rejected = [k for k in range(len(self.steps)) if self.runs[k, k + 1].rejects]
        for (i, j), run in self.runs.items():  # what is rejected in it has been taken back
            run.is_covered &= all(run.rows.keys().isdisjoint(self.steps[k].rows)
                                  for k in self.rejected if i <= k < j)
        self.unanswered = [index for index, rows, around in self.rejects_within()
                           if not any(self.answers(span, index, rows) for span in around)]

    def cut(self):
        """The segments, the shortest first from the start on, as far as they cover the chain."""
        covered = [span for span, run in self.runs.items() if run.is_covered]
        end, segments, at = len(self.steps), [], 0
        coverable = {end}
        for i in reversed(range(end)):
            coverable |= {a for a, b in covered if a == i and b in coverable}
        while at < end:
            ends = [b for a, b in covered if a == at and (b in coverable or 0 not in coverable)]
            segments.append(self.runs[at, min(ends, default=at + 1)])
            at = segments[-1].span[1]
        return segments

    def rejects_within(self):
        """Rejects that a covered run has to answer: the entry, the rows that it is on, and the runs
        that may. The newest on each run of several steps, and those read up to a commit that a step
        brings in."""
        for (i, j), run in self.runs.items():
            if j - i > 1 and run.rejects:
                longer = [(a, b) for a, b in self.runs if a <= i and j <= b and (a, b) != (i, j)]
                yield max(run.rejects), run.rows, longer
        for change in [change for subject, change in self.case.words if subject == "change"]:
            for index in self.listen({change: None})[1]:
                heads = {row["head"] for entry, row in self.case.words["change", change]
                         if entry.index == index}
                k = next((k for k, step in enumerate(self.steps) if heads & set(step.ids)), None)
                if k is not None and not any(run.hash == change and j == k + 1
                                             for (_, j), run in self.runs.items()):
                    yield index, self.steps[k].rows, [(i, j) for i, j in self.runs if i <= k < j]

    def answers(self, span, index, rows):
        """Whether a run is signed off above a reject, or what it is on is gone with it."""
        run = self.runs[span]
        later = set(run.rows).union(*(step.rows for step in self.steps[span[1]:]))
        return run.is_covered and (later.isdisjoint(rows) or run.rows and run.judge(index)[3])

    def judge_whole(self):
        """Step 2e: the whole difference as one segment, which may answer what no run answers."""
        step = Step(self.case, self.case.evidence["whole"])
        whole = Segment(self, None, [step], step.rows)
        taken_back = {k for (i, j), run in self.runs.items() if run.is_covered and j - i > 1
                      for k in range(i, j)}
        whole.is_covered &= taken_back.issuperset(self.rejected) and whole.judge(
            max(self.unanswered, default=-1))[3]
        return [whole]

    def doubts(self, start):
        """Step 2c: why a start is not undoubted."""
        case = self.case
        is_older = case.evidence["position"] in ("behind", "diverged")
        if not (is_older and start and start["decision"]):
            return []
        cover = case.all_covers.get(case.evidence["cover"])
        if cover is None:
            return ["DIVERGED"]
        changes, is_doubted = set(), False
        for row in cover["segments"]:
            mine = {part["change"] for part in [row, *row["carried"]]}
            given = {entry.index for change in mine for entry, _ in case.words["change", change]
                     if not entry.is_leaked and entry.says["verdict"] == "approve"}
            is_doubted |= not given.issuperset(row["approvals"])
            changes |= mine
        for item in case.evidence["returning"]:  # what comes back
            is_shown = item["kept"] and case.evidence["live"]
            made = case.documents[item["change"]] if is_shown else None
            if item["in_start"] if made is None else any(
                    path in made and (item["in_start"] or made[path][1] == at_start)
                    for path, at_start in case.undone.items()):
                changes.add(item["change"])
        changes.update(case.evidence["start_changes"])
        is_rejected = any(self.listen({change: None})[1] for change in changes)
        return codes(KEY_REVOKED=is_doubted, REJECTED=is_rejected)

    # Section 5, points 4 to 7: words.

    def listen(self, changes, segment=None, above=-1, subject="change"):
        """`changes`: {hash: None for what is judged itself, or what carries another here}. Gives
        the sign-offs, and the entries of the rejects that stand."""
        case, said = self.case, {}  # of each member the approvals and the rejects so far
        words = [(entry, row, carrying) for change, carrying in changes.items()
                 for entry, row in case.words[subject, change]]
        for entry, row, carrying in sorted(words, key=lambda w: (w[0].index, w[2] is None)):
            verdict, change = entry.says["verdict"], row["hash"]
            approvals, rejects = said.setdefault(entry.by, ([], {}))
            is_good = not entry.is_leaked and not case.cools(entry, [self.policy])
            if verdict == "reject":
                approvals.clear()
                if not carrying or case.documents[change].keys() <= segment.rows.keys():
                    rejects[change] = entry
            elif verdict == "withdraw":
                named = entry.says["withdraws"]
                taken = [c for c, reject in rejects.items()
                         if (reject.index, reject.hash.hex()) == (named["index"], named["leaf"])]
                if not rejects or taken and is_good:
                    approvals.clear()
                    for c in taken:
                        del rejects[c]
            elif is_good and entry.index > above and (
                    row["repository"], row["target"], row["service"]) in self.places:
                for c in [change] if carrying else list(rejects):
                    rejects.pop(c, None)
                if self.counts(segment, entry, change, carrying):
                    approvals.append(self.sign_off(segment, entry, row, carrying))
        return [sign_off for approvals, _ in said.values() for sign_off in approvals], [
            entry.index for _, rejects in said.values() for entry in rejects.values()
            if entry.index not in case.view.lifts]

    def counts(self, segment, entry, change, carrying):
        """Points 4, 5 and 7: whether an approval is a sign-off here."""
        if carrying and (not carrying["grounded"] or self.case.lands_elsewhere(segment, change)
                         or carrying["gap"] < self.policy.defaults["carry_gap"]):
            return False
        is_spent = segment and any(
            cover is None or not {segment.last}.issuperset(landings(cover, change, True))
            for item, cover in self.case.covers if entry.index < (item["landed"] or -1))
        return not is_spent and all(self.case.view.may(entry.by, "review", at, "human")
                                    for at in (entry.index, FOREVER))

    def sign_off(self, segment, entry, row, carrying):
        """Points 5 to 7: an approval as the policy sees it."""
        then, now = (self.case.view.member(entry.by, at) for at in (entry.index, FOREVER))
        ends = [item["deployed"]["time"] for item, cover in self.case.covers  # point 6
                if segment and cover and item["deployed"]
                and item["deployed"]["entry"] > entry.index
                and segment.last in landings(cover, row["hash"])]
        return {
            "entry": entry.index, "member": entry.by, "change": row["hash"],
            "level": min(then["level"], now["level"], key=self.policy.rank),
            "teams": set(then["teams"]) & set(now["teams"]), "presence": entry.presence,
            "answered": [answer["item"] for answer in entry.says["checklist"]],
            "assistance_seen": row["assistance_seen"] or "generated",
            "carried": carrying is not None,
            "age": max(0, min([self.case.now, *ends]) - entry.time)}

    # Section 6: artifacts.

    def builds(self, digest):
        """What was said of an artifact by those whom the policy lets build."""
        builders, view = self.service["builders"], self.case.view
        return [entry for entry in self.case.about["build", digest]
                if view.may(entry.by, "build", entry.index)
                and entry.by in (builders or [entry.by])]

    def counted_builds(self, digest):
        """Those of them that give permission still."""
        return [build for build in self.builds(digest)
                if self.case.view.may(build.by, "build") and not build.is_leaked]

    def judge_artifacts(self):
        case, found = self.case, set()
        artifacts, is_required = case.question["artifacts"], self.service["artifact"] == "required"
        facts = {"service": case.service, "environment": case.environment, "authors": [],
                 "declared": None, "detected": None, "paths": {}, "collision": False,
                 "artifact": True}
        for digest in artifacts:
            builds = self.builds(digest)
            sources = {(build.says["repository"], build.says["revision"]) for build in builds}
            contradicts = sources - {(self.service["repository"], case.question["revision"])}
            counts = self.counted_builds(digest)
            sign_offs, rejects = self.listen({digest: None}, subject="artifact")
            found |= assess(self.policy, facts, sign_offs)["codes"].union(codes(
                REJECTED=rejects, BUILD_CONTRADICTS=contradicts,
                BUILD_UNKNOWN=is_required and not counts and not contradicts))
        if not artifacts and (is_required or assess(self.policy, facts, [])["requirements"]):
            found.add("ARTIFACT_REQUIRED")
        return found

    # Section 8: the cover.

    def cover(self, segments):
        rows, named = [], set()
        for s in segments:
            approvals = sorted({entry for need in s.assessment["requirements"]
                                for entry in need["sign_offs"]})
            carried = sorted({given["change"] for given in s.sign_offs if given["carried"]})
            exact = {given["entry"] for given in s.sign_offs if not given["carried"]}
            rows.append({"change": s.hash, "first": s.first, "last": s.last, "approvals": approvals,
                         "match": "exact" if exact.issuperset(approvals) else "carried",
                         "carried": [{"change": change, "certificate": s.carried[change][
                             "certificate"]} for change in carried]})
            named |= {(change, s.first, s.last) for change in (s.hash, *carried)}
        approved = {change for (subject, change), words in self.case.words.items()
                    if subject == "change" and "approve" in [
                        entry.says["verdict"] for entry, _ in words]}
        contained = {(change, run.first, run.last) for run in self.runs.values()
                     for change in approved.intersection([run.hash, *run.carried])
                     if change == run.hash or not self.case.lands_elsewhere(run, change)}
        return {"type": "countersign cover v1", "segments": rows, "contained": [
            {"change": change, "first": first, "last": last}
            for change, first, last in sorted(contained - named)]}


def is_covered(segments):
    return all(segment.is_covered for segment in segments)


def merged(judged):
    """Section 4, step 4: segments as each policy has them, the newest first; where an older one
    asks for more, what it found is shown."""
    shown = judged[0]
    for other in judged[1:]:
        if is_covered(shown) and not is_covered(other):
            shown = other
        elif len(shown) == len(other):
            shown = [theirs if ours.is_covered and not theirs.is_covered else ours
                     for ours, theirs in zip(shown, other, strict=True)]
    return shown


# ==== Bundles: bundle.md ==========================================================================
# In: a file, a trust root and the time. Out: a report, or Tampered at the first step that fails.

BUNDLE_HEAD = b'{"type":"countersign bundle v1"'
KINDS |= {"PATH": kind(lambda v: check_path(unbase64(v))), "V1": one_of("countersign bundle v1"),
          "COVER_V1": one_of("countersign cover v1")}
shapes("""
bundle: type V1, checkpoint TEXT, entries entry+0-100000, salt? HASH, evidence, attestation?,
    blobs? BASE64~, objects? BASE64~
attestation: keyid FINGERPRINT, sig?, sk?
entry: index ENTRY, leaf BASE64, proof? HASH~
evidence: ledger DIGEST, decision? reference, previous? DIGEST, question, size, newest_time TIME,
    settled? place*1-200000, position linear|from_root|behind|diverged|unrelated, start? ENTRY,
    steps? step~, difference DIGEST, whole? step, runs? ENTRY+2-2~, cover? DIGEST,
    start_changes? DIGEST*1-200000, returning? returning*1-200000, live?, covers? earlier~,
    carried? carried~, entries ENTRY+0-100000
question: service, environment, revision, artifacts? DIGEST~, time
place: environment, points? point~, owed? owed~
point: entry reference, time, revision?, artifacts? DIGEST~, decision? reference, cover? DIGEST
owed: entry reference, deployments reference~0-200000, since TIME, revision, members NAME~0-200000,
    overrides ENTRY~0-200000
step: commit REVISION, parent? REVISION, document DIGEST, commits? REVISION~,
    mechanical? REVISION*1-200000, facts? fact~, colliding? PATH~
fact: path, opaque? submodule|lfs-pointer|binary|too-long, targets? PATH~
returning: change DIGEST, kept? TRUE, in_start? TRUE
live: document DIGEST, commits? titled~
titled: commit REVISION, title TEXT
earlier: deployed?, landed? ENTRY, ended? ENTRY, cover? DIGEST
deployed: entry ENTRY, time
carried: approved DIGEST, landed DIGEST, landing REVISION, grounded? TRUE, certificate DIGEST,
    sides? side~
side: path, side TEXT
cover: type COVER_V1, segments segment~0-200000, contained contained~0-200000
segment: change DIGEST, first REVISION, last REVISION, approvals ENTRY*0-200000,
    match exact|carried, carried from*0-200000
from: change DIGEST, certificate DIGEST
contained: change DIGEST, first REVISION, last REVISION
""")
RULES["step"] = lambda v: (ascends(unbase64(fact["path"]) for fact in v["facts"])
                           and ascends(map(unbase64, v["colliding"])))
RULES["evidence"] = lambda v: distinct(
    [(item["approved"], item["landed"], item["landing"]) for item in v["carried"]])
RULES["cover"] = lambda v: ascends(tuple(c.values()) for c in v["contained"])


class Asked(dict):
    """Blobs by name, or objects by kind and name, which remembers what was asked for."""

    def __init__(self, found):
        super().__init__(found)
        self.asked = set()

    def must(self, *name):
        need(name in self, f"{name[-1]} is missing")
        self.asked.add(name)
        return self[name]


def steps_of(evidence):
    """Every step, and everything as one step."""
    return [*evidence["steps"], *filter(None, [evidence["whole"]])]


def read_entries(bundle, trust, view):
    """Section 4, steps 2 to 8: the entries, which the checkpoint proves and governance, folded into
    the view, lets in; and the witnesses of the checkpoint."""
    evidence, known = bundle["evidence"], Known(trust)
    with refused("CHECKPOINT"):
        note = Checkpoint(bundle["checkpoint"].encode())
    need(note.origin == trust.origin, f"it is of {note.origin}: name its trust root")
    with refused("ENTRY"):
        entries = [Leaf(unbase64(e["leaf"]), e["index"], list(map(unbase64, e["proof"]))).read()
                   for e in bundle["entries"]]
        need(evidence["entries"] == [e.index for e in entries], "other entries")
        need(ascends(evidence["entries"]), "entries that do not ascend")
    with refused("OTHER_LEDGER"):
        need(entries and entries[0].index == 0 and not entries[0].ledger, "no entry 0")
        need(entries[0].hash.hex() == trust.ledger == evidence["ledger"], "another entry 0")
        for before, e in itertools.pairwise(entries):
            need(e.ledger == trust.ledger, "for another ledger")
            need(before.index + 1 < e.index or before.hash == e.prev, "prev is another's")
    with refused("GOVERNANCE"):
        for e in entries:
            if e.kind == "governance":
                need(e.index < evidence["size"], "governance above what the gate had seen")
                view.govern(e)
                known.learn(e)
    with refused("CHECKPOINT"):
        known.check_signed(note)
    with refused("WITNESS"):
        times = known.cosigned(note)
    with refused("PROOF"):
        need(evidence["size"] <= note.size, "a smaller tree")
        for e in entries:
            found = root_by_inclusion(e.index, note.size, e.hash, e.proof)
            need(found == note.root, "another root")
    with refused("FORK"):
        known.join(note.size, note.root)
        for e in entries[1:]:
            known.join(e.seen["size"], bytes.fromhex(e.seen["root"]))
    with refused("ENTRY"):
        *_, newest = [e for e in entries if e.index < evidence["size"]] or [None]
        need(all(before.time <= e.time for before, e in itertools.pairwise(entries))
             and (not newest or newest.time == evidence["newest_time"]
                  or newest.time < evidence["newest_time"] and newest.index + 1 < evidence["size"]),
             "times that fall")
        for e in entries:
            if e.kind != "governance":
                need(len(e.signatures) == 1 and view.signer(e.key, e.index) == e.by,
                     "several signatures, or a key of somebody else, or revoked before")
                need(view.keys[e.key].holds(e.pae, e.signatures[0]), "it does not verify")
                e.is_leaked = any(since <= e.index for _, since in view.revocations[e.key])
    return entries, times


def verify_bundle(data, trust, now):
    """Section 4: the report, and what a lineage needs to know."""
    with refused("FORM"):
        bundle = kind_of("bundle")(json_strict(data))
        need(spell(bundle) == data, "another spelling")
    evidence, question, view = bundle["evidence"], bundle["evidence"]["question"], View()
    entries, times = read_entries(bundle, trust, view)
    by_index = {e.index: e for e in entries}
    with refused("SALT"):
        salt = unbase64(bundle["salt"] or "")
        need(("salt" in bundle) == ("objects" in bundle), "a salt goes with objects")
        committed = entries[0].says["genesis"]["salt"]
        need(not salt or sha256(b"countersign email salt v1\0", salt).hex() == committed, "another")
    decision = check_decision(bundle, view, by_index)
    with refused("BLOB"):
        blobs = Asked(((sha256(blob).hex(),), blob) for blob in map(unbase64, bundle["blobs"]))
        need(ascends(blobs) and len(blobs) == len(bundle["blobs"]), "not sorted")
    with refused("OBJECT"):
        objects = read_objects(bundle["objects"], len(question["revision"]))
        commits = {name: Commit(objects.must(b"commit", name), len(name))
                   for step in steps_of(evidence) for name in step["commits"]}
        need(all(len(commit.co_authors) <= 1000 for commit in commits.values()),
             "too many co-authors")
    with refused("CHAIN"):
        points, environment = points_of(evidence, [p for _, _, p in view.policies[-1:]])
        start = find_start(evidence, points)
        check_chain(evidence, commits, start)
    with refused("START"):
        for place in evidence["settled"]:
            need(all(a["entry"]["index"] < b["entry"]["index"] and a["time"] <= b["time"]
                     for a, b in itertools.pairwise(place["points"])), "points that do not ascend")
            need(all(p["entry"]["index"] < evidence["size"] for p in place["points"][-1:]),
                 "a point that the gate had not seen")
            need({p["entry"]["index"] for p in place["points"]}.isdisjoint(
                o["entry"]["index"] for o in place["owed"]), "a debt that began with a point")
        need(all(at is None or at < evidence["size"] for c in evidence["covers"] for at in (
            c["landed"], c["ended"], c["deployed"] and c["deployed"]["entry"])), "a later cover")
        for point in filter(None, [*points[-1:], start]):
            check_point(point, (question["service"], environment), by_index, view,
                        evidence["size"])
    with refused("BLOB"):
        documents, covers = read_blobs(evidence, blobs)
    with refused("CARRIED"):
        for item in evidence["carried"]:
            item["gap"] = check_certificate(item, evidence, documents, blobs)
    with refused("BLOB"):
        need(blobs.asked == blobs.keys(), "a blob that nobody asks for")
    is_full = any(kind == b"tree" for kind, _ in objects)
    with refused("OBJECT"):
        if is_full:
            check_full(evidence, documents, objects)
        need(objects.asked == objects.keys(), "an object that nobody asks for")
    try:
        case = Case(view, evidence, entries, documents, covers, commits, salt)
        found = case.answer(start)
    except BadInput as error:  # a place that no policy lists (policy.md section 8)
        found = {"reasons": [str(error)], "start": start and start["entry"]["index"],
                 "is_built": False}
    with refused("OTHER_ANSWER"):
        said = {"reasons": [], "overrides": []} | (decision.says if decision else {})
        need(not decision or all(said.get(k) == found.get(k) for k in (
            "verdict", "mode", "start", "newest", "policy", "reasons", "overrides", "cover")),
            f"it says {said}, and it is {found}")
    is_late = trust.max_age is not None and abs(now - question["time"]) >= trust.max_age
    reasons = sorted(found["reasons"] + codes(
        UNATTESTED=not decision, QUORUM=not trust.quorum_holds(times), STALE=decision and is_late))
    report = {"answer": "NO" if reasons else "YES", "reasons": reasons,
              "proves": ("full" if is_full else "compact") + " verdict", "origin": trust.origin,
              "size": evidence["size"],
              "lines": lines(evidence, commits, start, is_full, found),
              "note": "ids of 40 digits are SHA-1, computed here without collision detection"}
    start = None if found["start"] is None else start
    of_start = start and start["decision"] and by_index.get(start["decision"]["index"])
    return report, {"digest": sha256(data).hex(), "previous": evidence["previous"],
                    "question": question, "start": start, "decision": decision,
                    "decision_of_start": of_start}


def check_decision(bundle, view, by_index):
    """Steps 10 and 11: the entry of the decision, or None."""
    evidence, signature = bundle["evidence"], bundle["attestation"]
    named, question = evidence["decision"], evidence["question"]
    with refused("DECISION"):
        need(named or signature is None, "an attestation without decision")
        if not named:
            return None
        decision = by_index.get(named["index"])
        need(decision and decision.kind == "decision" and decision.index >= evidence["size"]
             and decision.hash.hex() == named["leaf"], "no such decision")
        need(decision.seen["size"] == evidence["size"], "it saw another size")
        need(decision.time == question["time"] and same(
            decision.says, question, *PLACE, *RELEASE), "it is about something else")
        is_gate = view.may(decision.by, "decide") and not view.is_revoked(decision.key)
        need(is_gate, "a gate without duty or key")
    with refused("ATTESTATION"):
        need(signature and ("sig" in signature) != ("sk" in signature), "no attestation")
        name = signature["keyid"]
        need(view.signer(name, decision.index) == decision.by, "another's key, or a revoked one")
        message = pae("application/vnd.countersign.evidence.v1+json", spell(evidence))
        need(view.keys[name].holds(message, signature), "it does not verify")
    return decision


def read_objects(objects, digits):
    """Step 12: git objects by id."""
    found, hashed = [], hashlib.sha1 if digits == 40 else hashlib.sha256
    for data in map(unbase64, objects):
        match = re.match(rb"(commit|tree|blob) (0|[1-9][0-9]{0,11})\0", data)
        need(match and int(match[2]) == len(data) - match.end(), "not an object")
        found.append(((match[1], hashed(data).hexdigest()), data[match.end():]))
    need(ascends([name for (_, name), _ in found]), "objects that are not sorted")
    return Asked(found)


def find_start(evidence, points):
    """Step 14: the point that the chain starts at."""
    found, position, whole = points[-1:], evidence["position"], evidence["whole"]
    need(("start" in evidence) == (position == "diverged"), "a start")
    need(not whole or found and whole["commit"] == evidence["question"]["revision"]
         and whole["parent"] == found[0]["revision"], "the whole is of something else")
    if position == "diverged":
        found = [point for point in points if point["entry"]["index"] == evidence["start"]][:1]
        need(found, "a start that is no point")
    elif position == "behind":
        found = [*found, *(point for point in points if point["decision"]
                           and same(point, evidence["question"], *RELEASE))]
    return found[-1] if found else None


def check_chain(evidence, commits, start):
    """Step 14: the steps lead from the start to the revision."""
    position, steps = evidence["position"], evidence["steps"]
    need(all(name in step["commits"] and len(commits[name].parents) > 1
             for step in steps_of(evidence) for name in step["mechanical"]), "no merge")
    if position in ("behind", "unrelated"):
        need(not steps, "steps without a chain")
        return
    at = start["revision"] if start and position != "from_root" else None
    need(steps if position == "from_root" else at, "no start, or no step from the root")
    for step in steps:
        ids = step["commits"]
        need(step["parent"] == at, "a step that does not follow")
        at = step["commit"]
        need(ids[:1] == [at] and distinct(ids), "another first commit, or one twice")
        first, *further = commits[at].parents or [None]
        need(first == step["parent"], "another first parent")
        reached = set()
        while further:
            name = further.pop()
            if name in ids and name not in reached:
                reached.add(name)
                further += commits[name].parents
        need(reached == set(ids[1:]), "a commit out of nowhere")
    need(at == evidence["question"]["revision"], "another revision")


def check_point(point, place, by_index, view, size):
    """Step 15: what a point says, who signed it, and with which key."""
    entry, named = by_index.get(point["entry"]["index"]), point["decision"]
    need(entry and entry.index < size and entry.time == point["time"]
         and entry.hash.hex() == point["entry"]["leaf"], "a point that is not there")
    says = entry.says
    if not named:
        need(entry.kind == "governance" and point.keys() <= {"entry", "time", "revision"} and any(
            name == "set_baseline" and (said["service"], said["environment"]) == place
            and said["accepted"] == (point["revision"] or "none")
            for name, said in says["operations"]), "no baseline")
        return
    decision = by_index.get(named["index"])
    need(decision and decision.hash.hex() == named["leaf"], "no decision")
    need(entry.kind == "deployment" and decision.kind == "decision"
         and decision.index < entry.index, "no deployment, or no decision")
    need(says["outcome"] in ("started", "succeeded") and not says["started"]
         and says["decision"] == decision.identity and decision.says["verdict"] == "allow"
         and decision.says["cover"] == point["cover"], "no deployment of it")
    need(all((said["service"], said["environment"]) == place and same(said, point, *RELEASE)
             for said in (says, decision.says)), "a point of something else")
    need(all(view.may(e.by, duty, e.index) and not e.is_leaked
             for e, duty in ((entry, "deploy"), (decision, "decide"))), "without duty or key")


def read_blobs(evidence, blobs):
    """Step 16: the documents and the covers that the evidence names, by digest."""
    names = [*documents_of(evidence), *(item["approved"] for item in evidence["carried"])]
    names += [evidence["live"]["document"]] if evidence["live"] else []
    names += [item["change"] for item in evidence["returning"] if item["kept"]]
    for item in evidence["carried"]:
        read_certificate(blobs.must(item["certificate"]))
    covers = filter(None, [item["cover"] for item in [*evidence["covers"], evidence]])
    return ({name: read_document(blobs.must(name)) for name in names},
            {name: kind_of("cover")(json_strict(blobs.must(name))) for name in covers})


def documents_of(evidence):
    return [step["document"] for step in steps_of(evidence)] + [evidence["difference"]]


def check_certificate(item, evidence, documents, blobs):
    """Step 17: the fewest unchanged lines between edits of both sides that a certificate shows."""
    sides = {unbase64(side["path"]): side["side"].encode() for side in item["sides"]}
    need(all(re.fullmatch(SIDE, side) for side in sides.values()), "not a side")
    steps, made = evidence["steps"], [documents.get(item["landed"])]
    if item["landed"] not in documents_of(evidence):
        ends = [end for end, step in enumerate(steps) if step["commit"] == item["landing"]]
        made = [compose([documents[step["document"]] for step in steps[first:end + 1]])
                for end in ends[:1] for first in range(end)]
        made = [rows for rows in made if rows is not None and change_hash(rows) == item["landed"]]
    need(made, "what landed is nowhere")
    shown = check_carried(documents[item["approved"]], made[0], blobs.must(item["certificate"]), 1,
                          blobs.must, sides.get)
    return shown["closest_lines"] or INTEGER_MAX


# ---- Section 5: a full bundle, and what each line rests on ----
# In: git objects. Out: the documents made anew; and of each line whether it is proved.


def read_side(objects, path, mode, name):
    """change.md, Format and Facts: a side, why nobody can read it, and where it leads."""
    if mode == b"160000":
        sort = 1 if len(name) == 40 else 256
        return b"160000 git-sha%d:%s" % (sort, name.encode()), "submodule", None
    content = objects.must(b"blob", name)
    target = link_target(path, content) if mode == b"120000" else None
    return mode + b" " + sha256(content).hex().encode(), opaque_reason(content), target


def read_difference(objects, old, new):
    """change.md, Reading a document out of git, rule 6: the rows between two trees; and of a path
    that has any the facts: why nobody can read it, and where its links lead, the new side first."""
    rows, facts, left = {}, {}, [(b"", old, new)]
    while left:
        folder, *trees = left.pop()
        before, after = (read_tree(objects.must(b"tree", tree), len(tree) // 2) if tree else {}
                         for tree in trees)
        for name in before.keys() | after.keys():
            path, pair = folder + name, (before.get(name), after.get(name))
            if pair[0] == pair[1]:
                continue
            folders = [side[1] if side and side[0] == b"40000" else None for side in pair]
            if any(folders):
                left.append((path + b"/", *folders))
            old, new = (read_side(objects, path, *side) if side and side[0] != b"40000"
                        else (ABSENT, None, None) for side in pair)
            if old[0] != new[0]:
                rows[path] = old[0], new[0]
                why, targets = new[1] or old[1], dict.fromkeys(filter(None, (new[2], old[2])))
                if why or targets:
                    facts[path] = why, list(targets)
    return rows, facts


def check_full(evidence, documents, objects):
    """Documents and facts are made anew from the trees."""
    def tree(name):
        return Commit(objects.must(b"commit", name), len(name)).tree if name else None
    for step in steps_of(evidence):
        rows, facts = read_difference(objects, tree(step["parent"]), tree(step["commit"]))
        need(rows == documents[step["document"]], "another document")
        said = {unbase64(fact["path"]): (fact["opaque"], list(map(unbase64, fact["targets"])))
                for fact in step["facts"]}
        need(facts == {path: said[path] for path in said.keys() & rows.keys()}, "other facts")
    rows = compose([documents[step["document"]] for step in evidence["steps"]])
    need(rows == documents[evidence["difference"]], "the steps do not add up")


def lines(evidence, commits, start, is_full, found):
    """What each line rests on, where anything of it is there; `found` is the verdict."""
    steps, carried = evidence["steps"], evidence["carried"]
    has_start = found["start"] is not None
    is_plain = not any(step["mechanical"] for step in steps)
    is_whole = not any(item["sides"] for item in carried)
    earlier = any(evidence[name] for name in ("cover", "covers", "start_changes", "returning"))
    known, is_complete = {start["revision"]} if start else set(), not evidence["whole"]
    for step in steps:
        known.update(step["commits"])
        is_complete &= all(known.issuperset(commits[name].parents) for name in step["commits"])
    is_there, is_off = steps_of(evidence), evidence["position"] not in ("linear", "from_root")
    table = [
        ("ENTRIES GOVERNANCE SIGN_OFFS", True, True), ("DECISION", True, evidence["decision"]),
        ("CHAIN", True, steps), ("AUTHORS", is_plain, steps), ("BROUGHT_IN", is_complete, is_there),
        ("CHANGES DIFFERENCE FACTS", is_full, is_there), ("MERGES", False, is_there),
        ("POSITION", False, is_off), ("CARRIED", is_whole, carried), ("GROUND", False, carried),
        ("START", True, has_start), ("EARLIER", False, earlier),
        ("ARTIFACTS", False, found["is_built"]),
        ("NO_REJECT NO_WITHDRAWAL NO_REVOCATION NO_DEMOTION NEWEST_POLICY", False, True),
        ("NO_DECLARATION NOT_SPENT NO_DEBT NEWEST_START TIME COMPLETE", False, True),
        ("BEFORE", False, has_start)]
    return [{"code": code, "rests": "proved" if is_proved else "attested"}
            for codes, is_proved, there in table if there for code in codes.split()]


# ---- Section 6: lineage ----
# In: what each of several bundles starts from and decides. Out: whether they follow each other.


def lineage(links, since):
    """A report on bundles that shall lead from `baseline` or an entry without a gap."""
    for number, link in enumerate(links):
        start, reason = link["start"], link["decision_of_start"]
        if not number:
            holds = start and (not start["decision"] if since == "baseline"
                               else start["entry"]["index"] == decimal(since.lstrip("#")))
        else:
            before, decided = links[number - 1], links[number - 1]["decision"]
            if start and link["previous"] not in (None, before["digest"]):
                return {"answer": "TAMPERED", "since": since, "reasons": ["PREVIOUS"],
                        "refused": f"bundle {number} names another bundle as the one before"}
            holds = decided and reason and reason.kind == "decision" and same(
                link["question"], before["question"], *PLACE) and (
                    reason.hash == decided.hash or reason.says["start"] == decided.says["start"]
                    and same(start, before["question"], *RELEASE))
        if not holds:
            return {"answer": "NO", "since": since, "reasons": ["GAP"],
                    "refused": f"something is missing before bundle {number}"}
    return {"answer": "YES", "since": since, "reasons": []}


# ==== Command line ================================================================================
# In: names of files. Out: their reports, and the exit status.


def reports_on(contents, trust, since, now):
    """Reports on proofs, each of which makes its tree known to the next (proof.md section 5), or on
    bundles; and on their lineage, where it is asked for and all of them hold."""
    known, links, reports = Known(trust), [], []
    are_bundles, *others = {data.startswith(BUNDLE_HEAD) for data in contents}
    need(not others, "bundles and proofs are verified apart")
    files, older = contents, None
    if not are_bundles:
        files = list(map(Proof, contents))
        need(all(file.checkpoint.origin == trust.origin for file in files), "another ledger's")
        older = Proof(pathlib.Path(since).read_bytes()).checkpoint if since else None
    need(not since or older or re.fullmatch("baseline|#?[0-9]{1,16}", since), "since which entry?")
    for file in files:
        try:
            if are_bundles:
                report, link = verify_bundle(file, trust, now)
                links.append(link)
            else:
                report = verify_proof(file, known, older)
        except Tampered as error:
            report = {"answer": "TAMPERED", "refused": str(error)}
            report |= {"reasons": [str(error).split(":")[0]]} if are_bundles else {}
        except No as error:
            report = {"answer": "NO", "refused": str(error)}
        reports.append(report)
    is_asked = are_bundles and since and len(links) == len(reports)
    return reports, [lineage(links, since)] if is_asked else []


def main(arguments):
    parser = argparse.ArgumentParser(prog="verify.py", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--trust", required=True, metavar="FILE", help="the trust root")
    parser.add_argument("--since", metavar="WHAT", help="an older checkpoint that is known; "
                        "of bundles: baseline, or the entry that they begin at")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.add_argument("--now", metavar="TIME", type=datetime.datetime.fromisoformat,
                        default=datetime.datetime.now(datetime.UTC),
                        help="judge ages at this time (RFC 3339)")
    options = parser.parse_args(arguments)
    try:
        trust = TrustRoot(pathlib.Path(options.trust).read_bytes())
        contents = [pathlib.Path(name).open("rb").read(256 * MIB + 1) for name in options.files]
        need(all(len(data) <= 256 * MIB for data in contents), "a file above 256 MiB")
        now = int(options.now.timestamp() * 1000)
        reports, lineages = reports_on(contents, trust, options.since, now)
    except (BadInput, OSError, Stranger) as error:
        print(f"verify.py: error: {error}", file=sys.stderr)
        return 3 if isinstance(error, Stranger) else 2
    files = [{"file": name, **one} for name, one in zip(options.files, reports, strict=True)]
    if options.json:
        answers = {"files": files, **{"lineage": chain for chain in lineages}}
        print(json.dumps(answers, indent=2))
    else:
        for report in [*files, *({"file": "lineage", **chain} for chain in lineages)]:
            why = report.get("refused") or ", ".join(report.get("reasons", []))
            print(report["answer"], report["file"], why, report.get("note", ""), sep="  ")
    statuses = {"YES": 0, "NO": 1, "TAMPERED": 3}
    return max(statuses[report["answer"]] for report in reports + lineages)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
