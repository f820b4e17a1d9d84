#!/usr/bin/env python3
"""A second verifier of countersign, written from the documents beside it and nothing else.

    python spec/verify.py FILE... --trust trust.toml [--since CHECKPOINT] [--json] [--now TIME]
    python spec/verify.py --vectors spec/vectors       run every vector
    python spec/verify.py --self-test                  check the arithmetic of this file itself

It needs Python 3.11 and the package `cryptography`, of which it uses one function: the check of
one Ed25519 signature. It reads files, and neither writes one nor opens a connection. Exit status:
0 yes, 1 no, 2 no answer (wrong usage, bad input), 3 something that should verify does not.

The sections follow the documents: keys, statements, ledger, proofs, settings, change, policy,
marks, governance, verdict, bundle. Each function names the section that it implements.
"""

import argparse
import base64
import datetime
import functools
import hashlib
import hmac
import itertools
import json
import os
import re
import sys
import tomllib
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

INTEGER_MAX = 2**53 - 1


class BadInput(Exception):
    """Bytes that are not of their format: exit status 2 where nothing else was asked."""


class Tampered(Exception):
    """What parses as ours and should verify, and does not: exit status 3."""


class No(Exception):
    """Nothing is wrong, and it is not enough: exit status 1."""


def need(condition, why, kind=BadInput):
    """Refuses with a reason unless the condition holds."""
    if not condition:
        raise kind(why)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ---- Encodings (ledger.md, Conventions; statement.md, Conventions) -------------------------------


def base64_strict(text):
    """RFC 4648 section 4 with padding and zero spare bits: one spelling a value (w)."""
    need(re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0, "not base64")
    value = base64.b64decode(text)
    need(base64.b64encode(value).decode() == text, "base64 with spare bits")
    return value


def base64_handed_in(text):
    """Standard with padding, or URL-safe with or without it (statement.md section 1)."""
    if "+" in text or "/" in text or text.endswith("="):
        if "-" in text or "_" in text:
            need("+" not in text and "/" not in text, "two alphabets")
            text = text.replace("-", "+").replace("_", "/")
        return base64_strict(text)
    return base64_strict(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


def decimal(text, most=INTEGER_MAX):
    """A decimal without sign or leading zero."""
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text), "not a decimal")
    need(int(text) <= most, "a decimal that is too large")
    return int(text)


def json_strict(data):
    """statement.md section 2: one object, and no two readers see two meanings."""
    need(data[:1] == b"{" and data[-1:] == b"}", "not one JSON object")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput("not UTF-8") from None
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data, flags=re.S)):
        depth += 1 if bracket in b"[{" else -1  # nesting is bounded before anything is built
        need(depth <= 16, "nested too deep")

    def members(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "a member twice")
        return dict(pairs)

    def integer(digits):
        need(len(digits) <= 16 and digits.isdigit() and int(digits) <= INTEGER_MAX,
             "not an integer")
        return int(digits)

    def refuse(_):
        raise BadInput("not an integer")

    try:
        value = json.loads(text, object_pairs_hook=members, parse_int=integer, parse_float=refuse,
                           parse_constant=refuse)
    except (json.JSONDecodeError, RecursionError):
        raise BadInput("not JSON") from None
    if "\\u" in text:  # a lone surrogate can only come of an escape
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise BadInput("a lone surrogate") from None
    return value


# ---- Keys and signatures (keys.md) ---------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point(encoded):
    """keys.md section 2: the point with these bytes; None for a second spelling or none at all."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


def small_order(x, y):
    """keys.md section 2: eight times the point is the neutral element (three doublings)."""
    z = 1
    for _ in range(3):
        a, b, c = x * x % P, y * y % P, 2 * z * z % P
        e, g, h = ((x + y) ** 2 - a - b) % P, (b - a) % P, (-a - b) % P
        f = (g - c) % P
        x, y, z = e * f % P, g * h % P, f * g % P
    return x == 0 and y == z


@functools.lru_cache(4096)
def good_point(encoded):
    found = point(encoded)
    return found is not None and not small_order(*found)


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
        algorithm, _, encoded = line.partition(" ")
        need(algorithm in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"), "another kind of key")
        need(len(line) <= 16384, "a key line that is too long")
        blob = base64_strict(encoded)
        fields, rest = [], blob
        while rest:
            length = int.from_bytes(rest[:4], "big")
            need(len(rest) >= 4 + length and len(rest) >= 4, "a key that is cut off")
            fields.append(rest[4:4 + length])
            rest = rest[4 + length:]
        self.security = algorithm.startswith("sk-")
        need(len(fields) == (3 if self.security else 2), "a key with other fields")
        need(fields[0] == algorithm.encode() and len(fields[1]) == 32, "a key of another algorithm")
        self.key, self.application = fields[1], fields[2] if self.security else None
        if self.security:
            need(re.fullmatch(rb"ssh:[\x21-\x7e]{0,251}", self.application), "another application")
        need(good_point(self.key), "no key of Ed25519")
        self.line = line
        self.name = "SHA256:" + base64.b64encode(sha256(blob)).decode().rstrip("=")

    def holds(self, message, signature):
        """keys.md section 4; the form is told by the key's type, never by a length."""
        if self.security != ("sk" in signature):
            return False
        if not self.security:
            return ed25519_holds(self.key, message, signature["sig"])
        sk = signature["sk"]
        counted = bytes([sk["flags"]]) + sk["counter"].to_bytes(4, "big")
        signed = sha256(self.application) + counted + sha256(message)
        return ed25519_holds(self.key, signed, sk["sig"])


PRESENCE = ["no_touch", "touch_claimed", "touch"]


def presence(signature):
    """keys.md section 3: what the flags claim. Nothing shows a touch yet (policy.md section 12)."""
    return "touch_claimed" if "sk" in signature and signature["sk"]["flags"] & 1 else "no_touch"


# ---- Statements (statement.md) -------------------------------------------------------------------

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def text_of(pattern, why):
    """A type: text that matches as a whole."""
    compiled = re.compile(pattern)

    def check(value):
        need(isinstance(value, str) and compiled.fullmatch(value), why)
        return value
    return check


def word(*words):
    def check(value):
        need(isinstance(value, str) and value in words, "another word")
        return value
    return check


def integer(least, most):
    def check(value):
        need(type(value) is int and least <= value <= most, "another number")
        return value
    return check


def exact(wanted):
    def check(value):
        need(value == wanted and type(value) is type(wanted), "another value")
        return value
    return check


def items(kind, least=1, most=100, key=None):
    """A list of 1 to 100 items; where `key` is given, sorted by it and nothing twice."""
    def check(value):
        need(isinstance(value, list) and least <= len(value) <= most, "a list of another length")
        read = [kind(item) for item in value]
        if key:
            order = [key(item) for item in read]
            need(all(a < b for a, b in itertools.pairwise(order)), "a list that is not sorted")
        return read
    return check


def table(**fields):
    """An object with these members: `name=type` must be there, `name_=type` may be."""
    types = {name.removesuffix("_"): kind for name, kind in fields.items()}
    required = {name for name in fields if not name.endswith("_")}

    def check(value):
        need(isinstance(value, dict), "no object")
        need(value.keys() <= types.keys() and required <= value.keys(), "other members")
        return {name: kind(value[name]) for name, kind in types.items() if name in value}
    return check


def by_itself(value):
    return value.encode() if isinstance(value, str) else value


def by_itself_text(value):
    need(isinstance(value, str), "not a text")
    return value


def bytes_of_64(value):
    need(isinstance(value, str) and len(base64_strict(value)) == 64, "not a signature")
    return value


# statement.md section 6: names.
PLAIN = r"[a-z0-9][a-z0-9._-]*"
PARTS = rf"(?=.{{1,100}}\Z){PLAIN}(/{PLAIN})*"
DIGEST = text_of(r"[0-9a-f]{64}", "not a digest")
MEMBER = LEVEL = text_of(rf"(?=.{{1,100}}\Z){PLAIN}", "not a name")
TEAM = REPOSITORY = SERVICE = ENVIRONMENT = text_of(PARTS, "not a name")
REVISION = text_of(r"[0-9a-f]{40}|[0-9a-f]{64}", "not a revision")
TOKEN = text_of(r"""[^"'\\`\x00-\x20\x7f-\U0010ffff]{1,200}""", "not a token")
TOOL = text_of(r"(?=[\x20-\x7e]{1,100}\Z)[^ ]+( [^ ]+)*", "not a tool")
ORIGIN = text_of(r"""[^+"'\\`\x00-\x20\x7f-\U0010ffff]{1,100}""", "not an origin")
FINGERPRINT = text_of(r"SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]", "not a fingerprint")
LEDGER_KEY = text_of(r"[\x21-\x7e]{1,255}", "not a verifier key")
NONCE = text_of(r"[0-9a-f]{32}", "not a nonce")
ENTRY = SIZE = TIME = integer(0, INTEGER_MAX)
ASSISTANCE = ["none", "assisted", "generated"]
DUTIES = ["review", "declare", "build", "decide", "deploy", "override", "observe"]
KINDS = ["human", "bot", "agent", "service"]
ENTRY_REFERENCE = table(index=ENTRY, leaf=DIGEST)


def REFERENCE(value):
    need(isinstance(value, str) and len(value) <= 255 and value.startswith("refs/"), "no reference")
    need(re.fullmatch(r'[\x21-\x7e]+', value)
         and not re.search(r'[~^:?*\[\\"]|\.\.|@\{|\.$', value),
         "not a reference")
    for part in value.split("/"):
        need(part and not part.startswith(".") and not part.endswith(".lock"), "not a reference")
    return value


def AUTHOR(value):
    need(isinstance(value, dict) and len(value) == 1, "not an author")
    return table(member=MEMBER)(value) if "member" in value else table(email=DIGEST)(value)


def POLICY_TEXT(value):
    need(isinstance(value, str) and len(value.encode()) <= 24576, "not a policy text")
    return value


def KEY_LINE(value):
    need(isinstance(value, str), "not a key")
    return Key(value).line


def EMBEDDED(value):
    need(isinstance(value, str) and 1 <= len(base64_strict(value)) <= 24576, "not a file")
    return value


def sorted_list(kind, key=by_itself):
    return items(kind, key=key)


DIGESTS = sorted_list(DIGEST)
TEAMS = sorted_list(TEAM)

OPERATIONS = {  # statement.md section 4.1
    "set_member": table(member=MEMBER, kind=word(*KINDS), level_=LEVEL, teams_=TEAMS,
                        duties_=sorted_list(word(*DUTIES), DUTIES.index), operator_=MEMBER,
                        profile_=DIGEST, emails_=DIGESTS),
    "retire_member": table(member=MEMBER, reason_=DIGEST),
    "add_key": table(member=MEMBER, key=KEY_LINE, attestation_=DIGEST),
    "revoke_key": table(key=FINGERPRINT, cause=word("retired", "leaked"), since_=ENTRY),
    "set_admins": table(admins=sorted_list(MEMBER), threshold=integer(1, 100)),
    "rotate_ledger_key": table(ledger_key=LEDGER_KEY),
    "lift": table(entry=ENTRY_REFERENCE, reason=DIGEST),
    "confirm_clock": table(until=TIME),
    "set_policy": table(text=POLICY_TEXT),
    "set_baseline": table(service=SERVICE, environment=ENVIRONMENT,
                          accepted=lambda v: v if v == "none" else REVISION(v),
                          replaces_=ENTRY, reason_=DIGEST),
    "delegate": table(service=MEMBER, below=LEVEL, teams_=TEAMS),
    "end_delegation": table(service=MEMBER),
}


def operation(value):
    need(isinstance(value, dict) and len(value) == 1, "not an operation")
    (name, body), = value.items()
    need(name in OPERATIONS, "an unknown operation")
    body = OPERATIONS[name](body)
    need("since" not in body or body["cause"] == "leaked", "since of what did not leak")
    need(("replaces" in body) == ("reason" in body) or name != "set_baseline",
         "a baseline's reason")
    need(name != "set_admins" or body["threshold"] <= len(body["admins"]), "a threshold too high")
    return name, body


ROW = table(hash=DIGEST, repository_=REPOSITORY, target_=REFERENCE, service_=SERVICE,
            base_=REVISION,
            head_=REVISION, assistance_seen_=word(*ASSISTANCE),
            shown=word("none", "summary", "diff", "interdiff"), supersedes_=DIGEST)
PLACE = {"service": SERVICE, "environment": ENVIRONMENT, "revision": REVISION,
         "artifacts_": DIGESTS}

def DECLARATION_OR_LANDING(value):
    """statement.md section 4.2: with the member `step` it is a landing."""
    return (LANDING if isinstance(value, dict) and "step" in value else DECLARATION)(value)


LANDING = table(change=DIGEST, repository=REPOSITORY, base_=REVISION, head=REVISION,
                target=REFERENCE, step=DIGEST)
DECLARATION = table(change=DIGEST, repository=REPOSITORY, base_=REVISION, head=REVISION,
                    target=REFERENCE,
                    authors=sorted_list(AUTHOR, lambda a: ("email" in a, *a.values())),
                    request_=TOKEN, predecessor_=DIGEST, assistance=word(*ASSISTANCE),
                    tools_=sorted_list(TOOL))
SAYS = {  # statement.md sections 4.1 to 4.7
    "governance": table(genesis_=table(origin=ORIGIN, ledger_key=LEDGER_KEY, salt=DIGEST),
                        base_=DIGEST, operations=items(operation, 1, 500)),
    "change": DECLARATION_OR_LANDING,
    "approval": table(verdict=word("approve", "reject", "withdraw"),
                      subject_type=word("change", "artifact"), rows=items(ROW),
                      withdraws_=ENTRY_REFERENCE, comment_=DIGEST,
                      checklist_=sorted_list(table(item=TOOL, answer=DIGEST), lambda c: c["item"])),
    "build": table(artifact=DIGEST, repository=REPOSITORY, revision=REVISION, provenance_=DIGEST,
                   embedded_=EMBEDDED),
    "decision": table(**PLACE, repository=REPOSITORY, verdict=word("allow", "deny"),
                      mode=word("observe", "enforce"), start_=ENTRY, newest_=ENTRY, policy=ENTRY,
                      trust=DIGEST, reasons_=sorted_list(TOKEN), cover_=DIGEST, overrides_=DIGESTS,
                      program=TOOL),
    "deployment": table(**PLACE, decision_=DIGEST, overrides_=DIGESTS, started_=DIGEST,
                        outcome=word("started", "succeeded", "failed", "unknown"), trigger_=TOKEN,
                        run_=TOKEN),
    "override": table(**PLACE, repository=REPOSITORY, claimed=TIME, expires=TIME, reason=DIGEST,
                      incident_=TOKEN, drill_=exact(True)),
}


def check_said(kind, says):
    """statement.md section 4: the numbered rules below each table."""
    has = says.keys().__contains__
    if kind == "governance":
        need(has("genesis") != has("base"), "exactly one of genesis and base")
    elif kind == "change":
        need(not has("tools") or says.get("assistance") != "none", "tools without assistance")
    elif kind == "approval":
        need(has("withdraws") == (says["verdict"] == "withdraw"), "withdraws what")
        need(len({row["hash"] for row in says["rows"]}) == len(says["rows"]), "a subject twice")
        change = {"repository", "target", "head", "assistance_seen"}
        for row in says["rows"]:
            if says["subject_type"] == "change":
                need(change <= row.keys() and "service" not in row, "a row of another type")
            else:
                need("service" in row and not (change | {"base"}) & row.keys(),
                     "a row of another type")
    elif kind == "build" and has("embedded"):
        file = base64_strict(says["embedded"])
        need(says.get("provenance") == sha256(file).hex(), "another file")
    elif kind == "decision":
        allow = says["verdict"] == "allow"
        need(has("reasons") != allow, "reasons of an allow, or none of a deny")
        need(not allow or has("start") and has("cover") and not has("overrides"),
             "an allow without")
    elif kind == "deployment":
        need(not has("started") or says["outcome"] != "started", "the start of a start")
        need(not has("overrides") or not has("decision") and not has("started"),
             "overrides besides")
    elif kind == "override":
        need(0 < says["expires"] - says["claimed"] <= 86_400_000, "an override of another length")


def subjects_of(kind, predicate):
    """statement.md section 3: subjects follow from what is said."""
    says = predicate["says"]
    def subject(name, key, value):
        return {"name": name, "digest": {key: value}}
    if kind == "governance":
        named = predicate.get("ledger") or sha256(says["genesis"]["ledger_key"].encode()).hex()
        return [subject("ledger", "sha256", named)]
    if kind == "change":
        return [subject("change", "countersignChange1", says["change"])]
    if kind == "approval":
        key = "countersignChange1" if says["subject_type"] == "change" else "sha256"
        return [subject(says["subject_type"], key, row["hash"]) for row in says["rows"]]
    if kind == "build":
        return [subject("artifact", "sha256", says["artifact"])]
    artifacts = [subject("artifact", "sha256", digest) for digest in says.get("artifacts", [])]
    return [subject("revision", "gitCommit", says["revision"]), *artifacts]


class Statement:
    """statement.md section 8, steps 7 to 9: what a payload says."""

    def __init__(self, payload):
        shell = json_strict(payload)
        need(shell.keys() == {"_type", "subject", "predicateType", "predicate"}, "another shell")
        need(shell["_type"] == "https://in-toto.io/Statement/v1", "another statement type")
        match = isinstance(shell["predicateType"], str) and re.fullmatch(
            r"urn:countersign:([a-z]+):v1", shell["predicateType"])
        need(match and match[1] in SAYS, "an unknown kind")
        self.kind = match[1]
        predicate = table(ledger_=DIGEST, by=MEMBER, nonce=NONCE,
                          seen_=table(size=integer(1, INTEGER_MAX), root=DIGEST),
                          says=SAYS[self.kind], annotations_=table_of_anything)(shell["predicate"])
        self.says, self.by = predicate["says"], predicate["by"]
        check_said(self.kind, self.says)
        self.ledger, self.seen = predicate.get("ledger"), predicate.get("seen")
        first = "genesis" in self.says
        need((self.ledger is None) == first and (self.seen is None) == first, "ledger and seen")
        need(shell["subject"] == subjects_of(self.kind, predicate), "other subjects")


def table_of_anything(value):
    need(isinstance(value, dict), "no object")
    return value


def pae(payload):
    """statement.md section 1: the bytes that every signature is over."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


class Envelope:
    """statement.md section 8, steps 1 to 5. `canonical`: the one form of a leaf is wanted."""

    def __init__(self, data, canonical):
        if not canonical:
            data = data.strip(b"\t\n\x0c\r ")
        need(len(data) <= 131070, "an envelope that is too large")
        shell = json_strict(data)
        need(shell.keys() == {"payload", "payloadType", "signatures"}, "other members")
        need(shell["payloadType"] == PAYLOAD_TYPE, "another payload type")
        decode = base64_strict if canonical else base64_handed_in

        def binary(value):
            need(isinstance(value, str), "not base64")
            return decode(value)

        def signature(value):
            value = table(keyid=FINGERPRINT, sig_=binary, sk_=table(
                sig=binary, flags=integer(0, 255), counter=integer(0, 2**32 - 1)))(value)
            need(("sig" in value) != ("sk" in value), "one of sig and sk")
            need(len(value["sig"] if "sig" in value else value["sk"]["sig"]) == 64, "not 64 bytes")
            return value

        self.payload = binary(shell["payload"])
        need(len(self.payload) <= 40960, "a payload that is too large")
        self.signatures = items(signature, 1, 64)(shell["signatures"])
        self.pae = pae(self.payload)
        self.identity = sha256(self.pae).hex()
        need(not canonical or self.canonical() == data, "another spelling than the canonical one")

    def canonical(self):
        """statement.md section 1, canonical form."""
        def encode(value):
            return base64.b64encode(value).decode()
        def signature(s):
            if "sig" in s:
                return {"keyid": s["keyid"], "sig": encode(s["sig"])}
            return {"keyid": s["keyid"], "sk": {**s["sk"], "sig": encode(s["sk"]["sig"])}}
        return json.dumps({"payload": encode(self.payload), "payloadType": PAYLOAD_TYPE,
                           "signatures": [signature(s) for s in self.signatures]},
                          separators=(",", ":")).encode()


# ---- Notes, checkpoints, tree (ledger.md sections 1 to 4) ----------------------------------------


def key_id(name, typed_key):
    return sha256(name.encode() + b"\n" + typed_key)[:4]


def note_name(name):
    """ledger.md section 3, rule 5: the name of a key."""
    return 1 <= len(name.encode()) <= 255 and not any(
        c.isspace() or c == "+" or unicodedata.category(c) == "Cc" for c in name)


class NoteKey:
    """ledger.md section 3 and proof.md section 2: a verifier key, `NAME+ID+BASE64`."""

    def __init__(self, text, algorithm):
        name, _, rest = text.partition("+")
        identifier, _, encoded = rest.partition("+")
        typed = base64_strict(encoded)
        need(note_name(name), "no name")
        need(len(typed) == 33 and typed[0] == algorithm, "another kind of verifier key")
        need(identifier == key_id(name, typed).hex(), "another key id")
        need(good_point(typed[1:]), "no key of Ed25519")
        self.name, self.key, self.id, self.text = name, typed[1:], key_id(name, typed), text


class Note:
    """ledger.md section 3: a signed note, taken apart. Lines of strangers are kept and ignored."""

    def __init__(self, data):
        need(len(data) <= 65536, "a note that is too large")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise BadInput("not UTF-8") from None
        need(not re.search(r"[\x00-\x09\x0b-\x1f]", whole), "a control character in a note")
        split = whole.rfind("\n\n")
        need(split >= 0 and whole.endswith("\n"), "not a signed note")
        self.text, lines = whole[:split + 1], whole[split + 2:].split("\n")[:-1]
        need(1 <= len(lines) <= 100, "no signature line, or too many")
        self.lines = []
        for line in lines:
            match = re.fullmatch("\u2014 ([^ +]+) ([^ ]+)", line)
            need(match and note_name(match[1]), "not a signature line")
            blob = base64_strict(match[2])
            need(len(blob) > 4, "a signature that is too short")
            self.lines.append((match[1], blob[:4], blob[4:]))

    def by(self, key):
        """The first line of this key, or None."""
        return next((s for name, i, s in self.lines if (name, i) == (key.name, key.id)), None)


class Checkpoint(Note):
    """ledger.md section 3: origin, size and root hash, signed."""

    def __init__(self, data):
        super().__init__(data)
        lines = self.text.split("\n")[:-1]
        need(len(lines) >= 3 and lines[0] and all(lines[3:]), "not a checkpoint")
        self.origin, self.size, root = lines[0], decimal(lines[1]), base64_strict(lines[2])
        need(len(root) == 32, "not a root hash")
        self.root = root
        need(self.size > 0 or root == sha256(b""), "another root of no entries")


def cosignature_message(seconds, text):
    """proof.md section 2."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosigned_at(key, note):
    """proof.md section 2: the witness's time in seconds, or None without a line of it (ab, ac)."""
    signature = note.by(key)
    if signature is None:
        return None
    need(len(signature) == 72, "a cosignature of another length", Tampered)
    seconds = int.from_bytes(signature[:8], "big")
    need(seconds < 2**63 and ed25519_holds(
        key.key, cosignature_message(seconds, note.text), signature[8:]),
        f"the cosignature of {key.name} does not verify", Tampered)
    return seconds


def leaf_hash(leaf):
    return sha256(b"\x00", leaf)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def tree_root(hashes):
    """ledger.md section 2: RFC 6962 section 2.1 over leaf hashes."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(tree_root(hashes[:split]), tree_root(hashes[split:]))


def root_by_inclusion(index, size, leaf, proof):
    """RFC 6962 section 2.1.1: the root that a proof with the right number of hashes has."""
    need(0 <= index < size, "a position outside of the tree", Tampered)
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        need(last > 0, "too many hashes", Tampered)
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    need(last == 0, "too few hashes", Tampered)
    return result


def check_growth(old_size, old_root, size, root, proof):
    """RFC 6962 section 2.1.2: the larger tree begins with the smaller one."""
    need(old_size <= size, "from a larger tree", Tampered)
    if old_size == size or old_size == 0:
        need(not proof and (old_size < size or old_root == root), "another tree", Tampered)
        return
    need(proof, "too few hashes", Tampered)
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        need(last > 0, "too many hashes", Tampered)
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    need(last == 0, "too few hashes", Tampered)
    need(first == old_root and second == root, "leads to another root", Tampered)


class Leaf:
    """ledger.md section 1: one entry's bytes."""

    def __init__(self, data):
        need(len(data) <= 65535, "a leaf that is too large")
        need(re.fullmatch(rb"[\x21-\x5b\x5d-\x7e]+", data), "a byte that no leaf has")
        match = re.fullmatch(rb'\{"time":(0|[1-9][0-9]{0,15}),"prev":"([A-Za-z0-9+/]{43}=)",'
                             rb'"envelope":(\{.*\})\}', data)
        need(match, "not a leaf")
        self.time, self.prev = decimal(match[1].decode()), base64_strict(match[2].decode())
        self.envelope_bytes = match[3]
        json_strict(data)
        self.hash = leaf_hash(data)

    def read(self):
        """The envelope, and the statement in it."""
        envelope = Envelope(self.envelope_bytes, canonical=True)
        return envelope, Statement(envelope.payload)


PROOF_HEAD = b"c2sp.org/tlog-proof@v1\n"


class Proof:
    """ledger.md section 4 and proof.md sections 1 and 4: the parts of the file."""

    def __init__(self, data):
        self.growth = data.startswith(b"old ")
        need(len(data) <= (69632 if self.growth else 163840), "a proof that is too large")
        head, found, note = data.partition(b"\n\n")
        need(found, "no empty line")
        lines = [line.decode("ascii", "replace") for line in head.split(b"\n")]
        self.extra = None
        if not self.growth:
            need(lines.pop(0) + "\n" == PROOF_HEAD.decode(), "another first line")
            if lines and lines[0].startswith("extra "):
                self.extra = base64_strict(lines.pop(0)[6:])
                need(self.extra, "an empty extra line")
                need(len(self.extra) <= 65535, "an extra line that is too long")
        first = "old " if self.growth else "index "
        need(lines and lines[0].startswith(first), f"no line {first}")
        self.number = decimal(lines.pop(0)[len(first):])
        self.hashes = [base64_strict(line) for line in lines]
        need(len(self.hashes) <= 63 and all(len(h) == 32 for h in self.hashes), "not hashes")
        self.checkpoint = Checkpoint(note)


# ---- Trust root (settings.md section 2) and quorum (proof.md section 3) --------------------------


def toml_strict(data, most):
    """TOML 1.0 in UTF-8 with at most so many bytes."""
    need(len(data) <= most, "a text that is too long")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError):
        raise BadInput("not TOML") from None


class TrustRoot:
    """settings.md section 2."""

    def __init__(self, data):
        root = toml_strict(data, 65536)
        name = text_of(r"[a-z0-9._-]{1,100}", "not a name")
        text = text_of(r".*", "not a text")
        witness = table(name=name, key=text)
        group = table(name=name, members=items(name, 1, 64),
                      need=lambda v: v if v in ("any", "all") else integer(1, 64)(v))
        root = table(version=exact(1), origin=ORIGIN, ledger=DIGEST, ledger_key=text,
                     admins=items(FINGERPRINT), quorum_=name, witness_=items(witness, 1, 32),
                     group_=items(group, 1, 32), max_age_=duration)(root)
        self.digest = sha256(data).hex()
        self.origin, self.ledger = root["origin"], root["ledger"]
        self.max_age = root.get("max_age")
        self.key = NoteKey(root["ledger_key"], 1)
        need(self.key.name == self.origin, "a key of another name than the origin")
        need(len(set(root["admins"])) == len(root["admins"]), "an admin twice")
        self.admins = root["admins"]
        self.witnesses = {w["name"]: NoteKey(w["key"], 4) for w in root.get("witness", [])}
        self.groups = {g["name"]: g for g in root.get("group", [])}
        names = [named["name"] for named in root.get("witness", []) + root.get("group", [])]
        need(len(set(names)) == len(names) and "none" not in names, "a name twice, or none")
        keys = [key.key for key in self.witnesses.values()] + [self.key.key]
        need(len(set(keys)) == len(keys), "one public key under two names")
        known, used = set(self.witnesses), set()
        for entry in self.groups.values():
            members = entry["members"]
            need(set(members) <= known and not used & set(members), "a member unknown or used")
            need(len(set(members)) == len(members), "a member twice")
            need(entry["need"] in ("any", "all") or entry["need"] <= len(members),
                 "too many needed")
            used |= set(members)
            known.add(entry["name"])
        need("quorum" in root or not names, "no quorum")
        self.quorum = root.get("quorum", "none")
        need(self.quorum == "none" or self.quorum in known, "a quorum that is not there")

    def quorum_holds(self, cosigned, name=None):
        """proof.md section 3, rule 5; `cosigned`: the names of witnesses that hold."""
        name = name or self.quorum
        if name == "none":
            return True
        if name in self.witnesses:
            return name in cosigned
        group = self.groups[name]
        wanted = {"any": 1, "all": len(group["members"])}.get(group["need"], group["need"])
        return sum(self.quorum_holds(cosigned, member) for member in group["members"]) >= wanted


class Known:
    """proof.md section 5: trees and keys of the ledger that are known by now."""

    def __init__(self, trust):
        self.trust = trust
        self.trees = {}
        self.keys = [(0, trust.key)]  # from trees of so many entries on
        self.join(0, sha256(b""))
        self.join(1, bytes.fromhex(trust.ledger))

    def join(self, size, root):
        need(self.trees.setdefault(size, root) == root, "the ledger has two histories", Tampered)

    def key_of(self, size):
        return [key for since, key in self.keys if since <= size][-1]

    def check_origin(self, note):
        """Step 3, what decides first."""
        need(note.origin == self.trust.origin, f"it is of {note.origin}: name its trust root")

    def check_signature(self, note):
        """Step 3."""
        key = self.key_of(note.size)
        signature = note.by(key)
        need(signature, "not signed by any known key", No)
        need(ed25519_holds(key.key, note.text.encode(), signature),
             f"the signature of {key.name} does not verify", Tampered)

    def check_witnesses(self, note):
        """Steps 6 and 7: the witnesses that cosigned, by name, with their times."""
        times = {name: cosigned_at(key, note) for name, key in self.trust.witnesses.items()}
        self.join(note.size, note.root)
        return {name: at for name, at in times.items() if at is not None}

    def learn(self, index, statement):
        """(ae) A key that an entry brings, for trees of more than `index` + 1 entries."""
        for name, body in statement.says["operations"] if statement.kind == "governance" else []:
            if name == "rotate_ledger_key":
                self.keys.append((index + 2, NoteKey(body["ledger_key"], 1)))
                self.keys.sort(key=lambda pair: pair[0])


def verify_proof(data, known, shown=False):
    """proof.md section 5: a report of what the file proves."""
    trust = known.trust
    proof = None
    if data.startswith((PROOF_HEAD, b"old ")):
        proof = Proof(data)
        note = proof.checkpoint
    else:
        note = Checkpoint(data)
    report = {"proves": "checkpoint" if proof is None else "growth" if proof.growth else "entry",
              "checkpoint": {"size": note.size, "root": note.root.hex()}}
    learned, leaf = None, None
    known.check_origin(note)
    if proof and not proof.growth:
        need(proof.extra, "no leaf in the extra line")
        try:
            leaf = Leaf(proof.extra)
        except BadInput as error:
            raise Tampered(f"what it holds is no entry: {error}") from None
    known.check_signature(note)
    if leaf:
        try:
            envelope, statement = leaf.read()
        except BadInput as error:
            raise Tampered(f"what it holds is no statement: {error}") from None
        index, ledger = proof.number, bytes.fromhex(trust.ledger)
        need(root_by_inclusion(index, note.size, leaf.hash, proof.hashes) == note.root,
             "the proof leads to another root", Tampered)
        own = leaf.hash if index == 0 else bytes.fromhex(statement.ledger or "")
        need(own == ledger and (index != 1 or leaf.prev == ledger), "another ledger's", Tampered)
        report["entry"] = {"index": index, "leaf": leaf.hash.hex(), "statement": envelope.identity,
                           "kind": statement.kind, "by": statement.by, "time": utc(leaf.time)}
        learned = (index, statement)
    elif proof:
        report["since"] = proof.number
        need(proof.number in known.trees, f"it starts at {proof.number} entries: of which tree?")
        check_growth(proof.number, known.trees[proof.number], note.size, note.root, proof.hashes)
    times = known.check_witnesses(note)
    report["witnesses"] = [{"name": n, "time": utc(t * 1000)} for n, t in times.items()]
    report["answer"] = "YES" if trust.quorum_holds(times) else "NO"
    if report["answer"] == "NO":
        report["refused"] = f"{len(times)} of {len(trust.witnesses)} witnesses cosigned it"
    elif learned:
        known.learn(*learned)
    return report


def utc(milliseconds):
    """A time as reports show it; beyond the calendar as a number."""
    try:
        at = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)
    fraction = f".{milliseconds % 1000:03}" if milliseconds % 1000 else ""
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


# ---- Change documents (change.md) ----------------------------------------------------------------

CHANGE_HEAD = b"countersign change v1\n"
ABSENT = (b"000000", b"-")


def check_path(path):
    """change.md, Format, rule 4."""
    need(1 <= len(path) <= 4096 and b"\0" not in path, "not a path")
    need(not {b"", b".", b".."} & set(path.split(b"/")), "not a path")


def check_side(side):
    """change.md, Format: `side`."""
    mode, content = side
    blob = mode in (b"100644", b"100755", b"120000") and re.fullmatch(rb"[0-9a-f]{64}", content)
    link = mode == b"160000" and re.fullmatch(
        rb"git-sha1:[0-9a-f]{40}|git-sha256:[0-9a-f]{64}", content)
    need(blob or link or side == ABSENT, "not a side")


def read_side(text):
    """A side as a document writes it: mode, a space, content."""
    side = tuple(text.split(b" "))
    need(len(side) == 2, "not a side")
    check_side(side)
    return side


def read_document(data):
    """change.md, Format: rows as {path: (old side, new side)}, a side being (mode, content)."""
    need(len(data) <= 256 << 20 and data.startswith(CHANGE_HEAD), "not a change document")
    need(data == CHANGE_HEAD or data.endswith(b"\0"), "a document that is cut off")
    rows, last = {}, None
    for row in data[len(CHANGE_HEAD):].split(b"\0")[:-1]:
        fields = row.split(b" ", 4)
        need(len(fields) == 5, "not a row")
        old, new, path = tuple(fields[:2]), tuple(fields[2:4]), fields[4]
        check_side(old)
        check_side(new)
        check_path(path)
        need(last is None or last < path, "rows that are not sorted")
        need(old != new, "a row of no difference")
        rows[path], last = (old, new), path
    need(len(rows) <= 1_000_000, "too many rows")
    return rows


def write_document(rows):
    """change.md, Format."""
    return CHANGE_HEAD + b"".join(
        b" ".join((*rows[path][0], *rows[path][1], path)) + b"\0" for path in sorted(rows))


def change_hash(rows):
    return sha256(write_document(rows)).hex()


def compose(documents):
    """change.md, Composition. None: they are not consecutive."""
    sides = {}
    for rows in documents:
        for path, (old, new) in rows.items():
            first, last = sides.get(path, (old, old))
            if last != old:
                return None
            sides[path] = (first, new)
    return {path: pair for path, pair in sides.items() if pair[0] != pair[1]}


def fold_path(path):
    """change.md, Facts, Folding (finding 24)."""
    def fold_part(part):
        try:
            text = part.decode("utf-8")
        except UnicodeDecodeError:
            return part.lower()
        folded = unicodedata.normalize("NFD", text).casefold()
        return unicodedata.normalize("NFC", folded).encode()
    return b"/".join(map(fold_part, path.split(b"/")))


def opaque_reason(content):
    """change.md, Facts: why nobody can read this content in a difference; None: they can."""
    heads = (b"version https://git-lfs.github.com/spec/",
             b"version https://hawser.github.com/spec/",
             b"version http://git-media.io/v/")
    if len(content) < 1024 and content.startswith(heads):
        return "lfs-pointer"
    if b"\0" in content:
        return "binary"
    return "too-long" if content.count(b"\n") > 10_000 or len(content) > 1 << 20 else None


def link_target(path, text):
    """change.md, Format: the path that a symbolic link's text leads to; None: none."""
    if text.startswith(b"/") or len(text) > 4096:
        return None
    parts = path.split(b"/")[:-1]
    for part in text.split(b"/"):
        if part == b"..":
            if not parts:
                return None
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    target = b"/".join(parts)
    try:
        check_path(target)
    except BadInput:
        return None
    return target


# ---- Certificates of carried sign-offs (change.md, Carried) --------------------------------------

CARRY_HEAD = b"countersign carry v1\n"


def read_certificate(data):
    """change.md, Carried, Certificate: both hashes, and {path: [(side, first, removed, bytes)]}."""
    limit = 16 << 20
    need(len(data) <= limit, "a certificate that is too large")
    match = re.match(CARRY_HEAD + rb"approved ([0-9a-f]{64})\nlanded ([0-9a-f]{64})\n", data)
    need(match, "not a certificate")
    at, files, edits, last, total = match.end(), {}, None, None, 0
    edit = re.compile(rb"([am]) (0|[1-9][0-9]{0,7}) (0|[1-9][0-9]{0,7}) (0|[1-9][0-9]{0,7})\n")
    while at < len(data):
        if data.startswith(b"f ", at):
            end = data.find(b"\0", at)
            need(end >= 0, "a path that does not end")
            path = data[at + 2:end]
            check_path(path)
            need(last is None or last < path, "files that are not sorted")
            need(len(files) < 10_000, "too many files")
            edits = files[path] = []
            last, at = path, end + 1
            continue
        match = edit.match(data, at)
        need(match and edits is not None, "not an edit")
        side, (first, removed, size) = match[1], (int(match[n]) for n in (2, 3, 4))
        at = match.end() + size
        inserted = data[match.end():at]
        need(at <= len(data) and (removed or size), "an edit that is cut off or empty")
        need(first <= limit and removed <= limit, "an edit beyond what a file can have")
        need(b"\0" not in inserted, "a NUL in an edit")
        if edits:
            before = edits[-1]
            need(first > before[1] + before[2], "edits that touch")
            need(not before[3] or before[3].endswith(b"\n"), "an edit that ends within a line")
        edits.append((side, first, removed, inserted))
        total += 1
    need(total <= 1_000_000, "too many edits")
    for edits in files.values():
        need({side for side, *_ in edits} == {b"a", b"m"}, "edits of one side only")
    return match_hex(data), files


def match_hex(certificate):
    """The approved and the landed hash that a certificate names."""
    lines = certificate.split(b"\n", 3)
    return lines[1][9:].decode(), lines[2][7:].decode()


def lines_of(content):
    return content.splitlines(keepends=True) if b"\r" not in content and not re.search(
        rb"[\x0b\x0c\x1c-\x1e\x85]", content) else re.findall(rb"[^\n]*\n|[^\n]+", content)


def apply_edits(lines, edits):
    result, at = [], 0
    for _, first, removed, inserted in edits:
        result += lines[at:first] + [inserted]
        at = first + removed
    return b"".join(result + lines[at:])


def check_carried(approved, landed, certificate, gap, content_of, landed_side):
    """change.md, Carried, Check: what is carried, or BadInput with the reason why nothing is.

    `content_of(hex digest)` gives bytes or None; `landed_side(path)` gives the side of the landed
    tree, or None where it is not known."""
    need(approved and landed, "one of the changes is empty")
    hashes, files = read_certificate(certificate)
    hash_a, hash_l = change_hash(approved), change_hash(landed)
    need(hash_a != hash_l, "the changes are the same")
    need(hashes == (hash_a, hash_l), "certificate of another change")
    equal, there, edited, closest, used, total = 0, [], [], None, set(), 0
    for path in sorted(approved.keys() | landed.keys()):
        need(path in approved, "landed, and is no part of what was approved")
        if path not in landed:
            side = landed_side(path)
            need(side is not None, "it is not known what is there")
            need(side == approved[path][1], "approved, and neither landed so nor there")
            there.append(path)
            continue
        if approved[path] == landed[path]:
            equal += 1
            continue
        (base, target), (other, result) = approved[path], landed[path]
        modes = {base[0], target[0], other[0], result[0]}
        need(len(modes) == 1 and modes <= {b"100644", b"100755"}, "not one mode of a file")
        need(path in files, "the certificate has no edits of it")
        used.add(path)
        content = content_of(base[1].decode())
        need(content is not None, "B is not at hand")
        total += len(content)
        need(len(content) <= 16 << 20 and total <= 256 << 20, "B is too large")
        need(sha256(content).hex().encode() == base[1] and b"\0" not in content, "B is another")
        lines, edits = lines_of(content), files[path]
        for _, first, removed, inserted in edits:
            need(first + removed <= len(lines), "an edit is beyond the end")
            at_end = first + removed == len(lines)
            need(not inserted or inserted.endswith(b"\n") or at_end, "an edit would join a line")
            open_end = lines and not lines[-1].endswith(b"\n")
            need(not (open_end and first == len(lines)), "an edit would join a line")
        for before, after in itertools.pairwise(edits):
            if before[0] != after[0]:
                between = after[1] - before[1] - before[2]
                need(between >= max(gap, 1), f"only {between} unchanged lines between edits")
                closest = between if closest is None else min(closest, between)
        for wanted, side in ((target, b"a"), (other, b"m"), (result, b"am")):
            made = apply_edits(lines, [e for e in edits if e[0] in side])
            need(sha256(made).hex().encode() == wanted[1], "the edits make another content")
        edited.append(path)
    need(used == files.keys(), "the certificate has edits of a path that needs none")
    return {"exact": equal, "there": there, "edited": edited, "closest_lines": closest}


# ---- Reading git (change.md, Reading a document out of git; Steps and chains) --------------------


def git_id(kind, data, length=40):
    """change.md, Reading, rule 3: an object's id, in the format of ids of this length."""
    header = b"%s %d\0" % (kind.encode(), len(data))
    return (hashlib.sha1 if length == 40 else hashlib.sha256)(header + data).hexdigest()


IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def is_dot_git(name):
    """change.md, Reading, rule 4: `.git` on NTFS or HFS+."""
    for part in name.split(b"\\"):
        stem = part.split(b":")[0].rstrip(b" .").lower()
        if stem in (b".git", b"git~1"):
            return True
    folded = IGNORED_BY_HFS.sub("", name.decode("utf-8", "surrogateescape")).lower()
    return folded == ".git"


TREE_ENTRY = re.compile(rb"(40000|100644|100664|100755|120000|160000) ([^\0]*)\0")


def read_tree(data, id_bytes=20):
    """change.md, Reading, rule 4: {name: (mode, id)}."""
    need(len(data) <= 16 << 20, "a tree that is too large", Tampered)
    entries, last, at = {}, None, 0
    while at < len(data):
        match = TREE_ENTRY.match(data, at)
        need(match and match.end() + id_bytes <= len(data), "not a tree", Tampered)
        mode, name = match[1], match[2]
        oid = data[match.end():match.end() + id_bytes]
        at = match.end() + id_bytes
        need(any(oid), "the null id in a tree", Tampered)
        need(name not in (b"", b".", b"..") and b"/" not in name and not is_dot_git(name),
             "a name that no tree may have", Tampered)
        order = name + b"/" if mode == b"40000" else name
        need((last is None or last < order) and name not in entries, "not git's order", Tampered)
        last = order
        entries[name] = (b"100644" if mode == b"100664" else mode, oid.hex())
    return entries


def identity(text):
    """change.md, Steps and chains: name and address; None: there is no address."""
    name, found, rest = text.partition(b"<")
    address, closed, _ = rest.partition(b">")
    if not found or not closed:
        return None
    return name.strip(b" \t"), address.strip(b" \t")


class Commit:
    """change.md, Reading, rule 5."""

    def __init__(self, data):
        need(len(data) <= 1 << 20, "a commit that is too large", Tampered)
        head, _, self.message = data.partition(b"\n\n")
        need(b"\0" not in head, "a NUL in the headers of a commit", Tampered)
        match = re.match(rb"tree ([0-9a-f]{40}|[0-9a-f]{64})\n"
                         rb"((?:parent (?:[0-9a-f]{40}|[0-9a-f]{64})\n)*)"
                         rb"author ([^\n]*)\ncommitter ([^\n]*)(?:\n|\Z)", head)
        need(match, "not a commit", Tampered)
        rest = head[match.end():]
        need(not re.search(rb"^(tree|parent|author|committer)( |$)", rest, re.M), "a header twice",
             Tampered)
        self.tree = match[1].decode()
        self.parents = [line[7:].decode() for line in match[2].split(b"\n") if line]
        need(len(self.parents) <= 1000, "too many parents", Tampered)
        self.author, self.committer = identity(match[3]), identity(match[4])
        self.co_authors = co_authors(self.message)


def trailers(message):
    """change.md, Steps and chains (p): any line that begins with a key and a colon."""
    for line in message.split(b"\n"):
        match = re.match(rb"([A-Za-z0-9-]+)[ \t]*:(.*)", line.removesuffix(b"\r"), re.S)
        if match:
            yield match[1].lower(), match[2].strip(b" \t\r\n\x0b\x0c")


def co_authors(message):
    found = [identity(value) for key, value in trailers(message) if key == b"co-authored-by"]
    return [author for author in found if author]


# ---- Policy (policy.md) --------------------------------------------------------------------------

INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e"
                       "\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DAY = UNITS["d"]


def duration(value):
    """policy.md section 1, in milliseconds (l)."""
    need(isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,3}[smhd]", value), "not a duration")
    return int(value[:-1]) * UNITS[value[-1]]


def pattern(value):
    """policy.md section 4, rules 1 and 3."""
    need(isinstance(value, str) and 1 <= len(value.encode()) <= 1024, "not a pattern")
    need(not re.search(r"[\[\]{}\\\x00-\x1f\x7f-\x9f]|^!", value), "not a pattern")
    for segment in value.split("/"):
        need(segment not in ("", ".", "..") and ("**" not in segment or segment == "**"),
             "no pattern")
    return value


def fold_policy(path):
    """policy.md section 1, the folded form of a path. (change.md folds otherwise: NFD first.)"""
    try:
        return unicodedata.normalize("NFC", unicodedata.normalize(
            "NFC", path.decode("utf-8")).casefold()).encode()
    except UnicodeDecodeError:
        return path.lower()


@functools.lru_cache(4096)
def compiled(folded, value):
    """policy.md section 4, rules 1 and 2: a pattern as an expression over bytes."""
    value = fold_policy(value.encode()) if folded else value.encode()
    segments = value.split(b"/")
    parts = []
    for segment in segments:
        if segment == b"**":
            parts.append(rb"(?:[^/]*/)*")
        else:
            parts.append(b"".join({b"*": rb"[^/]*", b"?": rb"[^/]"}.get(c, re.escape(c))
                                  for c in re.findall(rb"(?s).", segment)) + b"/")
    return re.compile(b"".join(parts), re.S)


def matches(value, path, folded=False):
    """policy.md section 4, rules 2, 4 and 5: exactly, or with `folded` exactly or folded."""
    if compiled(False, value).fullmatch(path + b"/"):
        return True
    return folded and bool(compiled(True, value).fullmatch(fold_policy(path) + b"/"))


def unique(kind, most=100, least=0, key=lambda v: v):
    """A list of a policy: at most 100 items, nothing twice."""
    def check(value):
        read = items(kind, least, most)(value)
        need(len({key(v) for v in read}) == len(read), "a list that says something twice")
        return read
    return check


def boolean(value):
    need(isinstance(value, bool), "not a boolean")
    return value


def named(key, value):
    """A table of names, each with a table."""
    def check(found):
        need(isinstance(found, dict), "no table")
        return {key(name): value(item) for name, item in found.items()}
    return check


SCHEME = r"(?=.{1,1024}\Z)[A-Za-z][A-Za-z0-9+.-]*:"
REPOSITORY_URI = text_of(SCHEME + r"//[\x21-\x7e]+", "no URI of a repository")
URI = text_of(SCHEME + r"[\x21-\x7e]+", "no URI")
CARRY = word("clean", "never")
TOUCH = word("touch", "attested")
MODE = word("observe", "enforce")
LEAST_PRESENCE = {None: 0, "touch": 1, "attested": 2}
CONDITIONS = {
    "assistance": unique(word(*ASSISTANCE), least=1), "author_below": LEVEL,
    "author_kind": unique(word(*KINDS, "unknown", "tool"), least=1),
    "paths": unique(pattern, least=1), "paths_outside": unique(pattern, least=1),
    "environments": unique(ENVIRONMENT, least=1), "services": unique(SERVICE, least=1),
    "opaque": exact(True), "collision": exact(True), "artifact": exact(True)}
POLICY = table(
    version=exact(1), levels_=unique(LEVEL, 20),
    defaults_=table(
        undeclared_=word(*ASSISTANCE), unproved_authors_=word("add-one", "lowest-level", "accept"),
        approval_ttl_=duration, rollback_within_=duration, carry_=CARRY,
        carry_gap_=integer(1, 1000),
        weaken_delay_=duration, exempt_=unique(pattern), allow_collisions_=boolean,
        decision_ttl_=duration, key_cooling_=duration),
    override_=table(longest_=duration, debt_due_=duration, presence_=TOUCH),
    environment_=named(ENVIRONMENT, table(mode_=MODE)),
    repository_=named(REPOSITORY, table(uri=REPOSITORY_URI)),
    service_=named(SERVICE, table(repository=REPOSITORY, branch_=REFERENCE,
                                  paths_=unique(pattern, least=1),
                                  artifact_=word("required", "optional"), builders_=unique(MEMBER),
                                  artifact_uri_=URI, mode_=MODE)),
    rule_=items(table(name=text_of(r"[^\x00-\x1f\x7f]+", "not a name"),
                      when_=table(**{name + "_": kind for name, kind in CONDITIONS.items()}),
                      require_=items(table(level_=LEVEL, team_=TEAM, count_=integer(1, 100)), 0),
                      checklist_=unique(TOOL), presence_=TOUCH, carry_=CARRY), 0, 500))
DEFAULTS = {"undeclared": "generated", "unproved_authors": "add-one", "approval_ttl": 90 * DAY,
            "rollback_within": 30 * DAY, "carry": "clean", "carry_gap": 1, "weaken_delay": DAY,
            "exempt": [], "allow_collisions": False, "decision_ttl": UNITS["h"], "key_cooling": DAY}


def check_integers(text):
    """policy.md section 2, rule 2: integers are plain digits; the reader below does not tell."""
    strings = r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'"
    bare = re.sub(strings + r"|#[^\n]*", '""', text, flags=re.S)
    for value in re.findall(r"=[ \t]*([+-]?[0-9][^\s,}\]]*)", bare):
        need(re.fullmatch(r"[0-9]+", value), "an integer in another spelling")


class Policy:
    """policy.md sections 2 and 3."""

    def __init__(self, text):
        data = text.encode("utf-8")
        need(not INVISIBLE.search(text), "a character that a reader does not see")
        need(all(line.count(".") <= 1000 for line in text.split("\n")), "too many dots in a line")
        raw = toml_strict(data, 24576)
        check_integers(text)
        def visible(value):
            if isinstance(value, str):
                need(not INVISIBLE.search(value), "a character that a reader does not see")
            elif isinstance(value, dict | list):
                for item in [*value, *value.values()] if isinstance(value, dict) else value:
                    visible(item)
        visible(raw)
        raw = POLICY(raw)
        self.text = text
        self.levels = raw.get("levels", [])
        self.defaults = DEFAULTS | raw.get("defaults", {})
        self.override = {"longest": 4 * UNITS["h"], "debt_due": DAY} | raw.get("override", {})
        need(self.override["longest"] <= DAY, "override.longest above a day")
        self.environments, self.services = raw.get("environment", {}), raw.get("service", {})
        self.rules, self.repositories = raw.get("rule", []), raw.get("repository", {})
        names = [rule["name"] for rule in self.rules]
        need(len(set(names)) == len(names), "a rule's name twice")
        for rule in self.rules:
            need(len(rule["name"].encode()) <= 100, "a rule's name that is too long")
            when, wanted = rule.setdefault("when", {}), rule.setdefault("require", [])
            for ask in wanted:
                ask.setdefault("count", 1)
            levels = [n["level"] for n in wanted if "level" in n]
            levels += [when["author_below"]] if "author_below" in when else []
            need(set(levels) <= set(self.levels), "a level that is not listed")
            need(set(when.get("environments", [])) <= self.environments.keys(), "an environment")
            need(set(when.get("services", [])) <= self.services.keys(), "a service")
            need(sum(n["count"] for n in wanted) <= 100, "more than 100 people")

    def environment(self, name):
        """policy.md section 3, Environments: the listed name that matches best, or None."""
        found = [e for e in self.environments if name == e or name.startswith(e + "/")]
        return max(found, key=len, default=None)

    def mode(self, service, environment):
        listed = self.environments.get(self.environment(environment), {})
        return self.services[service].get("mode") or listed.get("mode", "observe")

    def rank(self, level):
        """The place of a level; below all for none and for one that is not listed."""
        return self.levels.index(level) if level in self.levels else -1


BUILT_IN = 'version = 1\n[environment.production]\nmode = "observe"\n'


def strongest(*assistances):
    return max((a for a in assistances if a), key=ASSISTANCE.index, default=None)


def below(policy, author, level):
    """policy.md section 6, step 3."""
    claimed = author["standing"] == "claimed" and policy.defaults["unproved_authors"] != "accept"
    return claimed or policy.rank(author["level"]) < policy.rank(level)


def rule_matches(policy, rule, facts, assistance):
    """policy.md section 3, conditions, and section 6, step 4."""
    when, people = rule["when"], [a for a in facts["authors"] if a["kind"] != "tool"]
    paths = [row["path"] for row in facts["paths"]]
    if ("artifact" in when) != facts["artifact"]:
        return False
    tests = {
        "assistance": lambda v: assistance in v,
        "author_below": lambda v: not people or any(below(policy, a, v) for a in people),
        "author_kind": lambda v: any(a["kind"] in v for a in facts["authors"]),
        "paths": lambda v: any(matches(p, path, True) for p in v for path in paths),
        "paths_outside": lambda v: any(not any(matches(p, path) for p in v) for path in paths),
        "environments": lambda v: any(facts["environment"] == e or facts["environment"].startswith(
            e + "/") for e in v),
        "services": lambda v: facts["service"] in v,
        "opaque": lambda v: any(row["opaque"] for row in facts["paths"]),
        "collision": lambda v: facts["collision"],
        "artifact": lambda v: facts["artifact"]}
    return all(tests[name](value) for name, value in when.items())


def fill(needs, people):
    """policy.md section 6, step 10: a maximum matching, earlier needs first. `needs`: pairs of a
    count and the people who could fill a place of it. Who fills each need."""
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


def needs_of(rule):
    """policy.md section 6, step 7."""
    wishes = rule.get("checklist") or "presence" in rule or rule.get("carry") == "never"
    return rule["require"] or ([{"count": 1}] if wishes else [])


def assess(policy, facts, sign_offs):
    """policy.md section 6: what is asked of a segment or artifact, and what is missing."""
    denials = []
    if policy.environment(facts["environment"]) is None:
        denials.append("UNKNOWN_ENVIRONMENT")
    if facts["service"] not in policy.services:
        denials.append("UNKNOWN_SERVICE")
    if facts["collision"] and not policy.defaults["allow_collisions"]:
        denials.append("PATH_COLLISION")
    authors = facts["authors"]
    people = [a for a in authors if a["kind"] != "tool"]
    assistance = strongest(
        facts["declared"] or policy.defaults["undeclared"], facts["detected"],
        "generated" if any(a["kind"] == "agent" for a in authors) else None,
        "assisted" if len(people) < len(authors) else None)
    matching = [r for r in policy.rules if rule_matches(policy, r, facts, assistance)]
    exempt = (not facts["artifact"] and not matching and not facts["collision"]
              and bool(facts["paths"]) and all(
                  not row["opaque"] and any(matches(p, row["path"])
                                            for p in policy.defaults["exempt"])
                  for row in facts["paths"]))
    nobody = not people and not facts["artifact"]
    claimed = nobody or any(a["standing"] == "claimed" for a in people)
    add_one = policy.defaults["unproved_authors"] == "add-one" and claimed

    not_counted, counted = [], []
    members = {a["member"] for a in authors if a["member"]}
    for s in sign_offs:
        code = ("IS_AUTHOR" if s["member"] in members else
                "EXPIRED" if s["age"] >= policy.defaults["approval_ttl"] else
                "SAW_LESS_ASSISTANCE" if ASSISTANCE.index(s["assistance_seen"]) < ASSISTANCE.index(
                    assistance) else None)
        if code:
            not_counted.append((s["entry"], code, None))
        else:
            counted.append(s)

    groups = []
    if not exempt and (matching or not facts["artifact"]):
        groups.append((None, [{"count": 2 if add_one else 1}]))
    inside = facts["artifact"] or "paths" not in policy.services.get(facts["service"], {}) or any(
        matches(p, row["path"], True) for p in policy.services[facts["service"]]["paths"]
        for row in facts["paths"])
    for rule in matching if inside else []:
        groups.append((rule, needs_of(rule)))

    requirements = []
    for rule, asks in groups:
        wishes = rule or {}
        never = "never" in (policy.defaults["carry"], wishes.get("carry"))
        least = LEAST_PRESENCE[wishes.get("presence")]
        def failing(s):
            """The wishes of this rule that a sign-off leaves open, in the order of step 9."""
            return [code for code, fails in (
                ("CARRY_REFUSED", s["carried"] and never),
                ("NEEDS_TOUCH", PRESENCE.index(s["presence"]) < least),
                ("NEEDS_CHECKLIST", not set(wishes.get("checklist", [])) <= set(s["answered"])))
                if fails]
        for s in counted:
            if failing(s):
                not_counted.append((s["entry"], failing(s)[0], wishes.get("name")))

        def able(ask, without=()):
            """Who could fill a place, by sign-offs that leave open nothing but `without`: member
            and entry of the newest exact one, else of the newest."""
            order = sorted(counted, key=lambda s: (not s["carried"], s["entry"]))
            return {s["member"]: s["entry"] for s in order if set(failing(s)) <= set(without)
                    and ("level" not in ask or policy.rank(s["level"]) >= policy.rank(ask["level"]))
                    and ("team" not in ask or ask["team"] in s["teams"])}
        everybody = sorted({s["member"] for s in counted})
        def filling(without=()):
            return fill([(ask["count"], able(ask, without)) for ask in asks], everybody)
        filled = filling()
        for number, ask in enumerate(asks):
            missing = ask["count"] - len(filled[number])
            code = "NEEDS_TEAM" if "team" in ask else "NEEDS_LEVEL" if "level" in ask else \
                "UNKNOWN_AUTHOR" if rule is None and add_one and missing == 1 else "NEEDS_SIGN_OFF"
            if missing and code != "UNKNOWN_AUTHOR":
                code = next((wish for wish in ("CARRY_REFUSED", "NEEDS_CHECKLIST", "NEEDS_TOUCH")
                             if len(filling([wish])[number]) > len(filled[number])), code)
            requirements.append({
                "rule": wishes.get("name"), "need": ask, "code": code, "missing": missing,
                "filled_by": filled[number],
                "sign_offs": [able(ask)[member] for member in filled[number]]})
    missing = any(r["missing"] for r in requirements)
    return {"assistance": assistance, "exempt": exempt, "denials": denials,
            "not_counted": sorted(not_counted, key=lambda n: n[0]), "requirements": requirements,
            "satisfied": not missing and not denials}


# ---- Marks of AI assistance (marks.md) -----------------------------------------------------------


@functools.cache
def marks_table():
    """marks.md section 2: the rows of marks.tsv, by kind, in their order."""
    rows = {}
    here = os.path.dirname(os.path.abspath(__file__))
    for line in open(os.path.join(here, "..", "src", "change", "marks.tsv"), "rb"):
        if line.strip() and not line.startswith(b"#"):
            kind, value, *_ = line.rstrip(b"\n").split(b"\t")
            rows.setdefault(kind.decode(), []).append(value)
    return rows


def tool_address(address):
    """marks.md section 3: `tool` for `address` and `github`, `flagged` for `flagged-address`."""
    address, table = address.lower(), marks_table()
    if len(address) > 320:
        return None
    account = re.fullmatch(rb"(?:[0-9]+\+)?([^@]+)@users\.noreply\.github\.com", address)
    if address in table["address"] or account and account[1] in table["github"]:
        return "tool"
    return "flagged" if address in table["flagged-address"] else None


def names_tool(value):
    """marks.md section 3, `value`, `value-guarded` and `anchor`."""
    table = marks_table()
    for name in table["value"]:
        if value.startswith(name) and not re.match(rb"[a-z0-9]", value[len(name):]):
            return True
    for name in table["value-guarded"]:
        rest = value[len(name):]
        if value.startswith(name) and not re.match(rb"[a-z0-9]", rest):
            word = re.match(rb" +([^ ]+)", rest)
            if not rest.strip() or re.match(rb"[:/(\[<,+;@]", rest.lstrip(b" ")) or word and (
                    re.search(rb"[0-9]", word[1]) or word[1] in table["follower"]):
                return True
    return value.startswith(b"https://") and b" " not in value and (
        value.rpartition(b"#")[2] in table["anchor"] and b"#" in value)


def detected(commit):
    """marks.md section 4: `generated`, `assisted`, or None where there is no mark."""
    table = marks_table()
    if commit.author and tool_address(commit.author[1]) == "tool":
        return "generated"
    for who in (commit.author, commit.committer):
        if who and (tool_address(who[1]) or who[0].lower().endswith(tuple(table["name-end"]))):
            return "assisted"
    lines = [line.removesuffix(b"\r") for line in commit.message[:1 << 20].lower().split(b"\n")]
    if lines[0].startswith(tuple(table["subject"])):
        return "assisted"
    said, at = {}, 0
    while at < len(lines):
        line, at = lines[at], at + 1
        trailer = re.match(rb"([a-z0-9-]{1,64}) *:(.*)", line, re.S)
        if not trailer:
            plain = line.lstrip(b" ")
            head = re.match(rb"[\x80-\xff ]{0,16}", line)[0]
            rest = line[len(head):]
            if (plain or head) and (rest.startswith(tuple(table["body"])) or rest in table["line"]
                                    or head.strip(b" ") == "\U0001f916".encode()
                                    and rest.startswith(tuple(table["robot"]))):
                return "assisted"
            continue
        key, value = trailer[1], trailer[2]
        while at < len(lines) and lines[at][:1] in (b" ", b"\t"):
            value, at = value + b" " + lines[at].strip(), at + 1
        value = value.strip()[:1024]
        addresses = re.findall(rb"<([^<>]*@[^<>]*)>", value) or (
            [value] if re.fullmatch(rb"[^ <>]+@[^ <>]+", value) else [])
        if key.endswith(b"-by") and key not in table["bystander"]:
            if any(tool_address(a.strip()) for a in addresses):
                return "assisted"
        empty = value in (b"", b"0", b"-", b"no", b"none", b"false", b"n/a")
        if key in table["key"] and not empty:
            return "assisted"
        if (key + b": " + value).startswith(tuple(table["key-value"])):
            return "assisted"
        if key in table["said"] and not addresses and names_tool(value):
            return "assisted"
        if key == b"co-authored-by" and not addresses:
            for name in table["value"] + table["value-guarded"]:
                words = value[len(name):].split()
                numbers = [bool(re.search(rb"[0-9]", w)) for w in words]
                model = all(n or w in table["follower"] for n,
                            w in zip(numbers, words, strict=True))
                if value.startswith(name + b" ") and any(numbers) and model:
                    return "assisted"
        said.setdefault(key, []).append(value)
    if b"model" in said and b"agent" in said and any(
            names_tool(value) for value in said[b"model"] + said[b"agent"]):
        return "assisted"
    return None


# ---- Governance, folded (ledger.md section 12) ---------------------------------------------------


class View:
    """Roster, keys, admins, policies and lifts, as they follow from the governance entries."""

    def __init__(self):
        self.members = {}      # id -> [(entry, what is said of it, or None: retired)]
        self.keys = {}         # fingerprint -> {"key", "owners", "revocations"}
        self.admins, self.threshold = [], 0
        self.policies = []     # (entry, time, Policy)
        self.lifts = {}        # index of a reject -> entry that lifts it
        self.delegations = {}  # service -> what is said
        self.ledger_keys = []  # (entry, NoteKey)
        self.base = None       # leaf hash of the newest governance entry
        self.origin = None
        self.times = []        # (entry, time) of each governance entry

    # Questions.

    def member(self, name, entry):
        """What is said of a member when entry `entry` comes; None: no member then."""
        said = [body for e, body in self.members.get(name, []) if e < entry]
        return said[-1] if said else None

    def owner(self, fingerprint, entry):
        """Whose key it is when entry `entry` comes."""
        owners = [o[2] for o in self.keys.get(fingerprint, {"owners": []})["owners"]
                  if o[0] < entry]
        return owners[-1] if owners else None

    def revoked(self, fingerprint, entry):
        """Whether the key is revoked when entry `entry` comes."""
        return any(e < entry for e, _, _ in self.keys[fingerprint]["revocations"])

    def leaked_at(self, fingerprint, entry):
        """Whether what it signed at `entry` was signed under a leaked key, as is known now."""
        return any(cause == "leaked" and since <= entry
                   for _, cause, since in self.keys[fingerprint]["revocations"])

    def cools_since(self, fingerprint, entry):
        """ledger.md 12.5: the time from which a further key cools; None for a first one."""
        owners = [o for o in self.keys[fingerprint]["owners"] if o[0] < entry]
        enrolled, time, member, further = owners[-1]
        return time if enrolled > 0 and further else None

    def can_sign(self, name, entry):
        return any(self.owner(f, entry) == name and not self.revoked(f, entry) for f in self.keys)

    # Folding.

    def govern(self, index, time, leaf, envelope, statement):
        """Admits one governance entry (12.2 to 12.4) and folds it, or refuses."""
        says, genesis = statement.says, statement.says.get("genesis")
        self.times.append((index, time))
        need(bool(genesis) == (index == 0), "entry 0, and no other, begins a ledger")
        need(genesis or says["base"] == self.base, "on another base")
        before = None if genesis else self.snapshot()
        if genesis:
            self.origin = genesis["origin"]
            self.ledger_keys = [(0, self.new_ledger_key(genesis["ledger_key"]))]
        policy = self.policies[-1][2] if self.policies else Policy(BUILT_IN)
        later = [Policy(body["text"]) for name, body in says["operations"] if name == "set_policy"]
        judged = later[-1] if later else policy
        reduces, gives, delegated = True, set(), True
        delegation = self.delegations.get(statement.by)
        for name, body in says["operations"]:
            self.check_operation(index, name, body, judged)
            reduces &= self.reduces(name, body, policy)
            if name in ("set_member", "add_key") and not self.reduces(name, body, policy):
                gives.add(body["member"])
            delegated &= bool(delegation) and self.within(delegation, name, body, policy)
            self.do(index, time, name, body)
            policy = self.policies[-1][2] if self.policies else policy
        self.check_state(judged, says["operations"])
        self.check_signers(index, envelope, statement, before, reduces, gives, delegated)
        self.base = leaf.hex()

    def snapshot(self):
        """What signers are judged by: admins, threshold, and who could sign."""
        return list(self.admins), self.threshold

    def new_ledger_key(self, text):
        key = NoteKey(text, 1)
        need(key.name == self.origin, "a ledger key of another name")
        need(all(key.key != old.key for _, old in self.ledger_keys), "a ledger key that was had")
        return key

    def check_operation(self, index, name, body, judged):
        """12.2, rules 1 to 9, as far as governance alone tells."""
        now = index + 1
        if name == "set_member":
            kinds = [b["kind"] for _, b in self.members.get(body["member"], []) if b]
            need(not kinds or kinds[0] == body["kind"], "another kind than before")
            for other in self.members:
                said = self.member(other, now)
                if said and other != body["member"]:
                    need(not set(said.get("emails", [])) & set(body.get("emails", [])),
                         "an address")
            need(body["kind"] != "agent" or "operator" in body, "an agent without operator")
            ever = [b["kind"] for _, b in self.members.get(body.get("operator"), []) if b]
            need("operator" not in body or ever[:1] == ["human"], "no human operator")
        elif name == "retire_member":
            need(self.member(body["member"], now), "no member")
        elif name == "add_key":
            need(self.member(body["member"], now), "no member")
            fingerprint = Key(body["key"]).name
            if fingerprint in self.keys:
                need(not self.keys[fingerprint]["revocations"], "a key that was revoked")
                need(self.owner(fingerprint, now) != body["member"], "a key that is enrolled")
        elif name == "revoke_key":
            need(body["key"] in self.keys, "no such key")
            need(body["cause"] == "leaked" or not self.revoked(body["key"], now), "revoked already")
            need(body["cause"] == "retired" or body.get("since", index + 1) <= index, "since when")
        elif name == "rotate_ledger_key":
            need(self.ledger_keys[-1][0] < index, "two keys in one statement")
            self.new_ledger_key(body["ledger_key"])
        elif name == "lift":
            need(body["entry"]["index"] not in self.lifts, "lifted already")
        elif name == "set_baseline":
            need(body["service"] in judged.services, "a service that no policy lists")
            need(judged.environment(body["environment"]), "an environment that no policy lists")
        elif name == "delegate":
            said = self.member(body["service"], now)
            need(said and said["kind"] == "service", "no service")
        elif name == "end_delegation":
            need(body["service"] in self.delegations, "no delegation")

    def do(self, index, time, name, body):
        """What an operation does."""
        if name == "set_member":
            self.members.setdefault(body["member"], []).append((index, body))
        elif name == "retire_member":
            self.members[body["member"]].append((index, None))
            self.delegations.pop(body["member"], None)
        elif name == "add_key":
            key = Key(body["key"])
            further = any(o[2] == body["member"] for k in self.keys.values() for o in k["owners"])
            known = self.keys.setdefault(key.name, {"key": key, "owners": [], "revocations": []})
            known["owners"].append((index, time, body["member"], further))
        elif name == "revoke_key":
            since = body.get("since", index)
            self.keys[body["key"]]["revocations"].append((index, body["cause"], since))
        elif name == "set_admins":
            self.admins, self.threshold = body["admins"], body["threshold"]
        elif name == "rotate_ledger_key":
            self.ledger_keys.append((index, NoteKey(body["ledger_key"], 1)))
        elif name == "lift":
            self.lifts[body["entry"]["index"]] = index
        elif name == "set_policy":
            self.policies.append((index, time, Policy(body["text"])))
        elif name == "delegate":
            self.delegations[body["service"]] = body
        elif name == "end_delegation":
            del self.delegations[body["service"]]

    def present(self):
        return {name: said[-1][1] for name, said in self.members.items() if said[-1][1]}

    def able_admins(self, admins):
        """Those who are present humans with a key in force."""
        present, forever = self.present(), 2**60
        return {a for a in admins if a in present and present[a]["kind"] == "human"
                and self.can_sign(a, forever)}

    def check_state(self, policy, operations):
        """12.2, rule 10."""
        need(self.threshold and len(self.able_admins(self.admins)) >= self.threshold, "admins")
        present = self.present()
        levels = [m["level"] for m in present.values() if "level" in m]
        levels += [d["below"] for d in self.delegations.values()]
        need(set(levels) <= set(policy.levels), "a level that no policy lists")
        if any(name == "set_admins" for name, _ in operations):
            need(all(a in present and present[a]["kind"] == "human" for a in self.admins),
                 "an admin")

    def reduces(self, name, body, policy):
        """12.3: whether an operation only reduces, on what those before it left."""
        if name in ("retire_member", "revoke_key", "end_delegation"):
            return True
        said = self.present().get(body.get("member")) if name == "set_member" else None
        if not said or said == body:
            return False
        lost = set(said.get("duties", [])) - set(body.get("duties", []))
        return (all(said.get(k) == body.get(k) for k in ("kind", "operator", "profile", "emails"))
                and policy.rank(body.get("level")) <= policy.rank(said.get("level"))
                and set(body.get("teams", [])) <= set(said.get("teams", []))
                and set(body.get("duties", [])) <= set(said.get("duties", []))
                and lost <= {"review", "decide", "deploy"})

    def within(self, delegation, name, body, policy):
        """12.4: whether a delegated service may do it."""
        def in_reach(member, said):
            return (said["kind"] == "human" and member not in self.admins
                    and policy.rank(said.get("level")) < policy.rank(delegation["below"]))
        member = body.get("member")
        ever = [said for _, said in self.members.get(member, []) if said]
        if name == "set_member":
            last = ever[-1] if ever else {}
            duties = set(body.get("duties", [])) | set(last.get("duties", []))
            return (in_reach(member, body) and (not ever or in_reach(member, last))
                    and "operator" not in body and duties <= {"review"}
                    and set(body.get("teams", [])) <= set(last.get("teams", [])) | set(
                        delegation.get("teams", []))
                    and set(last.get("emails", [])) <= set(body.get("emails", [])))
        if name == "retire_member":
            return in_reach(member, ever[-1])
        if name == "add_key":
            return (in_reach(member, ever[-1]) and Key(body["key"]).name not in self.keys
                    and not any(o[2] == member for k in self.keys.values() for o in k["owners"]))
        return False

    def check_signers(self, index, envelope, statement, before, reduces, gives, delegated):
        """12.3 and 12.4: who signed, and whether they suffice."""
        at = index if before else 1
        signers = []
        for signature in envelope.signatures:
            name = signature["keyid"]
            owner = self.owner(name, at)
            need(owner and not self.revoked(name, at), "a key that is nobody's")
            need(self.keys[name]["key"].holds(envelope.pae, signature), "a signature")
            signers.append(owner)
        need(len(set(signers)) == len(signers) and statement.by in signers, "another signer")
        admins, threshold = before or (self.admins, len(self.admins))
        if before and delegated and signers == [statement.by] and statement.by not in admins:
            return
        need(set(signers) <= set(admins), "a signature of somebody who is no admin")
        need(all(self.member(s, at) for s in signers), "a signature of somebody who left")
        need(len(signers) >= (1 if before and reduces else threshold), "too few signatures")
        for admin in gives & set(admins) if before else ():
            others = {a for a in admins if a != admin and self.can_sign_before(a, index)}
            wanted = min(threshold, len(others))
            need(len(set(signers) & others) >= wanted, "too few signatures of others")

    def can_sign_before(self, admin, index):
        return bool(self.member(admin, index)) and self.can_sign(admin, index)


# ---- What weakens (policy.md section 7) ----------------------------------------------------------


def asks_less(new, old):
    """policy.md section 7: whether anything makes the newer policy less strict than the older."""
    rank = {level: n for n, level in enumerate(new.levels)}
    for one, other in itertools.combinations(old.levels, 2):
        if one not in rank or other not in rank or rank[one] > rank[other]:
            return True
    if set(old.levels) - rank.keys():
        return True
    a, b = old.defaults, new.defaults
    strict = ["accept", "lowest-level", "add-one"]
    listed = [r["when"]["assistance"] for r in new.rules if "assistance" in r["when"]]
    if (ASSISTANCE.index(b["undeclared"]) < ASSISTANCE.index(a["undeclared"])
            or strict.index(b["unproved_authors"]) < strict.index(a["unproved_authors"])
            or (a["carry"], b["carry"]) == ("never", "clean") or b["carry_gap"] < a["carry_gap"]
            or any(b[k] > a[k] for k in ("approval_ttl", "rollback_within", "decision_ttl"))
            or any(b[k] < a[k] for k in ("weaken_delay", "key_cooling"))
            or set(b["exempt"]) - set(a["exempt"])
            or b["allow_collisions"] and not a["allow_collisions"]
            or a["undeclared"] != b["undeclared"] and any(
                a["undeclared"] in v and b["undeclared"] not in v for v in listed)):
        return True
    a, b = old.override, new.override
    if (b["longest"] > a["longest"] or b["debt_due"] > a["debt_due"]
            or LEAST_PRESENCE[b.get("presence")] < LEAST_PRESENCE[a.get("presence")]):
        return True
    names = {n for n in old.environments | new.environments
             if old.environment(n) and new.environment(n)}
    for name in names:
        modes = [p.environments[p.environment(name)].get("mode", "observe") for p in (old, new)]
        if modes == ["enforce", "observe"]:
            return True
    if any(old.repositories[name] != new.repositories[name]
           for name in old.repositories.keys() & new.repositories.keys()):
        return True
    for name in old.services.keys() & new.services.keys():
        a, b = old.services[name], new.services[name]
        if ((a["repository"], a.get("branch", MAIN)) != (b["repository"], b.get("branch", MAIN))
                or a.get("artifact") == "required" != b.get("artifact")
                or set(b.get("builders", [])) - set(a.get("builders", []))
                or a.get("builders") and not b.get("builders")
                or "paths" in b and ("paths" not in a or set(a["paths"]) - set(b["paths"]))):
            return True
        for environment in names:
            if (old.mode(name, environment), new.mode(name, environment)) == ("enforce", "observe"):
                return True
    if any(not any(covers_rule(new, n, old, o) for n in new.rules) for o in old.rules):
        return True
    for kind, one, other in (("environments", old.environments, new.environments),
                             ("services", old.services, new.services)):
        for name in other.keys() - one.keys() - names:
            if any(kind in r["when"] and name not in r["when"][kind] for r in new.rules):
                return True
            if other[name].get("mode", "observe" if other is new.environments
                               else None) == "observe":
                return True
    return False


MAIN = "refs/heads/main"


def covers_rule(new, n, old, o):
    """policy.md section 7, rule 6: the newer rule plainly asks as much as the older."""
    for name, value in n["when"].items():
        if name not in o["when"]:
            return False
        was = o["when"][name]
        if name == "author_below":
            if new.rank(value) < new.rank(was):
                return False
        elif isinstance(value, list) and not (
                set(value) <= set(was) if name == "paths_outside" else set(was) <= set(value)):
            return False
    if ("artifact" in n["when"]) != ("artifact" in o["when"]):
        return False
    def able(ask):
        return {i for i, other in enumerate(needs_of(n))
                if ask.get("team") in (None, other.get("team"))
                and other["count"] >= ask["count"]
                and ("level" not in ask or new.rank(other.get("level")) >= new.rank(ask["level"]))}
    used = fill([(1, able(ask)) for ask in needs_of(o)], range(len(needs_of(n))))
    return (all(used) and set(o.get("checklist", [])) <= set(n.get("checklist", []))
            and LEAST_PRESENCE[n.get("presence")] >= LEAST_PRESENCE[o.get("presence")]
            and (o.get("carry") != "never" or n.get("carry") == "never"))


# ---- The verdict (verdict.md) --------------------------------------------------------------------

STANDINGS = ["claimed", "attested", "proved"]


class Step:
    """One step, or everything as one step (verdict.md section 4): what changed, and by whom."""

    def __init__(self, case, given):
        self.rows = case.document(given["document"])
        self.hash = given["document"]
        self.last = given["commit"]
        self.ids = given.get("commits", [])
        mechanical = set(given.get("mechanical", []))
        facts = {base64.b64decode(f["path"]): f for f in given.get("facts", [])}
        self.opaque = {path for path, fact in facts.items() if "opaque" in fact}
        self.links = {path: [base64.b64decode(t) for t in fact.get("targets", [])]
                      for path, fact in facts.items()}
        self.colliding = {base64.b64decode(p) for p in given.get("colliding", [])}
        self.authors, self.detected = set(), None
        for commit_id in self.ids:
            commit = case.commits[commit_id]
            wrote = [] if commit_id in mechanical else [commit.author]
            self.detected = strongest(self.detected, detected(commit) if wrote else None)
            for who in wrote + commit.co_authors:
                self.authors.add(case.who(who[1]) if who else ("nobody", ""))


class Segment:
    """A run of steps, judged as one change (verdict.md section 5)."""

    def __init__(self, case, steps, rows):
        self.case, self.rows = case, rows
        self.hash = change_hash(rows)
        self.all_steps, self.steps = steps, [s for s in steps if s.rows]
        self.first, self.last = steps[0].last, steps[-1].last
        self.carried = {}  # approved hash -> what evidence says, where a certificate holds
        for item in case.evidence.get("carried", []):
            if item["landed"] == self.hash and item["landing"] == self.last:
                self.carried[item["approved"]] = item
        self.answers = {}

    # Facts (section 5, points 1 to 3).

    def declarations(self, hashes, repository):
        """Of each signer and change the newest declaration."""
        newest = {}
        for change in hashes:
            for entry in self.case.declarations.get(change, []):
                if entry.statement.says["repository"] == repository:
                    newest[entry.statement.by, change] = entry
        return sorted(newest.values(), key=lambda e: e.index)

    def facts(self, policy):
        case, view, size = self.case, self.case.view, self.case.size
        repository = policy.services[case.service]["repository"]
        everybody = set().union(*(s.authors for s in self.steps)) if self.steps else set()
        found, declared, as_detected, undeclared = {}, [], [], False
        for step in self.steps:
            standing = {who: "claimed" for who in step.authors}

            def raise_to(who, level, standing=standing):
                if STANDINGS.index(level) >= STANDINGS.index(standing.get(who, "claimed")):
                    standing[who] = level
            counting = []
            own = {self.hash, *self.carried}
            for entry in self.declarations({step.hash, *own}, repository):
                says, by = entry.statement.says, entry.statement.by
                wrote = everybody if says["change"] in own else step.authors
                me, member = ("member", by), view.member(by, size)
                named = {case.author(a) for a in says["authors"]}
                had_duty = "declare" in (view.member(by, entry.index) or {}).get("duties", [])
                has_duty = member and "declare" in member.get("duties", []) and had_duty
                if entry.leaked or not has_duty and not (member and me in wrote):
                    if me in named and member and not entry.leaked:
                        raise_to(me, "proved" if member["kind"] in ("human", "agent")
                                 else "claimed")
                        as_detected.append(says["assistance"])
                    elif me in wrote or had_duty or entry.leaked:
                        as_detected.append(says["assistance"])
                        for who in named:
                            if who[0] == "member":
                                raise_to(who, "claimed")
                    continue
                counting.append(says["assistance"])
                for who in named | ({me} & wrote):
                    if who == me:
                        raise_to(who, "proved" if member["kind"] in ("human", "agent")
                                 else "claimed")
                    else:
                        raise_to(who, "attested" if member["kind"] == "service" else "claimed")
            undeclared |= not counting
            declared += counting
            for who in list(standing):
                said = view.member(who[1], size) if who[0] == "member" else None
                if said and said.get("operator") and said["kind"] == "agent":
                    if view.member(said["operator"], size):
                        raise_to(("member", said["operator"]), standing[who])
                    else:
                        standing[who] = "claimed"
                elif who[0] == "member" and not said:
                    standing[who] = "claimed"
            for who, level in (standing or {("nobody", ""): "claimed"}).items():
                found[who] = min(found.get(who, "proved"), level, key=STANDINGS.index)
        authors = []
        for (sort, name), level in sorted(found.items()):
            said = view.member(name, size) if sort == "member" else None
            kind = {"member": None, "tool": "tool"}.get(sort, "unknown") or (
                said or case.last_said(name))["kind"]
            authors.append({"member": name if sort == "member" else None, "kind": kind,
                            "level": (said or {}).get("level"), "standing": level})
        marks = [s.detected for s in self.all_steps]
        opaque = set().union(*(s.opaque for s in self.steps)) if self.steps else set()
        paths = [{"path": p, "opaque": p in opaque} for p in sorted(self.rows)]
        links = sorted({target for s in self.steps for path, found in s.links.items()
                        if path in self.rows for target in found})
        return {
            "service": case.service, "environment": case.environment, "authors": authors,
            "declared": None if undeclared else strongest(*declared),
            "detected": strongest(*marks, *as_detected, *(declared if undeclared else [])),
            "paths": paths + [{"path": p, "opaque": False} for p in links],
            "collision": any(p in self.rows for s in self.steps for p in s.colliding),
            "artifact": False}

    # Words (points 4 to 7).

    def words(self, policy, above=-1):
        """Sign-offs that count so far, and rejects that stand: [(index, change)]."""
        changes = {self.hash: None, **self.carried}
        entries = sorted((e for c in changes for e in self.case.words.get(c, [])
                          if c == self.hash or self.hears(c, e)), key=lambda e: e.index)
        return self.case.listen(policy, self, changes, entries, above)

    def hears(self, change, entry):
        """Point 7: of a carried change a reject is heard where this change has all of its paths."""
        if entry.statement.says["verdict"] != "reject":
            return True
        return set(self.case.document(change)) <= self.rows.keys()

    def judge(self, policy, above=-1):
        """The assessment of this segment under one policy, and the rejects that stand on it."""
        key = (id(policy), above)
        if key not in self.answers:
            sign_offs, rejects = self.words(policy, above)
            self.answers[key] = (assess(policy, self.facts(policy), sign_offs), rejects)
        return self.answers[key]

    def codes(self):
        """Why it is not covered: the codes of the newest policy under which it is not."""
        codes = set()
        for policy in self.case.policies if self.rows else []:
            assessment, rejects = self.judge(policy)
            codes = {r["code"] for r in assessment["requirements"] if r["missing"]}
            codes |= set(assessment["denials"]) | ({"REJECTED"} if rejects else set())
            if codes:
                break
        if len(self.all_steps) > 1:
            for step in self.steps:
                if set(step.rows) & self.rows.keys() and self.case.single(step).rejected():
                    codes.add("REJECTED")
        return codes

    def rejected(self):
        return [r for policy in self.case.policies for r in self.judge(policy)[1]]

    def approvals(self):
        """The entries of the sign-offs that filled a requirement of the newest policy."""
        requirements = self.judge(self.case.policies[0])[0]["requirements"] if self.rows else []
        return sorted({entry for r in requirements for entry in r["sign_offs"]})


def moment(evidence):
    """verdict.md section 1: now."""
    return max(evidence["question"]["time"], evidence["newest_time"])


def policies_to_pass(view, evidence):
    """verdict.md section 4, step 1: the newest policy, and those that hold beside it."""
    known = [p for p in view.policies if p[0] < evidence["size"]]
    service, environment = (evidence["question"][k] for k in ("service", "environment"))
    need(known, "POLICY_MISSING")
    newest = known[-1][2]
    need(service in newest.services, "UNKNOWN_SERVICE")
    need(newest.environment(environment), "UNKNOWN_ENVIRONMENT")
    passed, delay = [newest], newest.defaults["weaken_delay"]
    for (_, _, policy), (_, replaced, _) in reversed(list(itertools.pairwise(known))):
        delay = max(delay, policy.defaults["weaken_delay"])
        if (moment(evidence) - replaced < delay and service in policy.services
                and policy.environment(environment) and asks_less(newest, policy)):
            passed.append(policy)
    return passed


def points_of(evidence, policies):
    """verdict.md section 3, 5: the points of the place, oldest first; of a cell without any those
    of its group, unless a policy names the cell."""
    settled = {s["environment"]: s.get("points", []) for s in evidence.get("settled", [])}
    environment = evidence["question"]["environment"]
    named = any(environment in p.environments or environment in r["when"].get("environments", [])
                for p in policies for r in p.rules or [{"when": {}}])
    group = [] if named else settled.get(environment.split("/")[0])
    return settled.get(environment) or group or []


class Case:
    """A verdict at `size` and `now`, on a view and on evidence (verdict.md section 2)."""

    def __init__(self, view, evidence, entries, documents, covers, commits, salt, points, start):
        self.view, self.evidence, self.commits = view, evidence, commits
        self.documents, self.all_covers = documents, covers
        self.points, self.start = points, start
        question = evidence["question"]
        self.service, self.environment = question["service"], question["environment"]
        self.revision, self.artifacts = question["revision"], question.get("artifacts", [])
        self.size = evidence["size"]
        self.now = moment(evidence)
        self.salt = salt
        self.singles = {}
        self.declarations, self.words, self.builds, self.overrides = {}, {}, {}, []
        for entry in entries:
            if entry.index >= self.size:
                continue
            kind, says = entry.statement.kind, entry.statement.says
            if kind == "change" and "step" not in says:
                self.declarations.setdefault(says["change"], []).append(entry)
            elif kind == "approval":
                for row in says["rows"]:
                    self.words.setdefault(row["hash"], []).append(entry)
            elif kind == "build":
                self.builds.setdefault(says["artifact"], []).append(entry)
            elif kind == "override":
                self.overrides.append(entry)
        self.entries = {entry.index: entry for entry in entries}
        self.policies = policies_to_pass(view, evidence)
        newest = self.policies[0]
        self.repository = newest.services[self.service]["repository"]
        self.steps = [Step(self, s) for s in evidence.get("steps", [])]
        self.covers = [(c, covers.get(c.get("cover"))) for c in evidence.get("covers", [])]
        self.runs, self.built = {}, False

    def document(self, digest):
        """The rows of a change document that the evidence names."""
        return self.documents[digest]

    # Who is who (section 5, point 1).

    def who(self, address):
        """An address of a commit as an author: a member, a tool, or somebody unknown."""
        folded = bytes(c + 32 if 65 <= c <= 90 else c for c in address)
        digest = hmac.new(self.salt, folded, hashlib.sha256).hexdigest()
        found = self.by_email(digest)
        if found:
            return ("member", found)
        return ("tool", digest) if tool_address(folded) == "tool" else ("email", digest)

    def by_email(self, digest):
        """The member who has an address at size; else the one who had it last."""
        last = None
        for name in self.view.members:
            said = self.view.member(name, self.size)
            if said and digest in said.get("emails", []):
                return name
            for entry, body in self.view.members[name]:
                if entry < self.size and body and digest in body.get("emails", []):
                    last = max(last or (-1, ""), (entry, name))
        return last and last[1]

    def author(self, named):
        if "member" in named:
            return ("member", named["member"])
        found = self.by_email(named["email"])
        return ("member", found) if found else ("email", named["email"])

    def last_said(self, name):
        said = [body for e, body in self.view.members.get(name, []) if body and e < self.size]
        return said[-1] if said else {"kind": "unknown"}

    # Words (section 5, points 4 to 7).

    def listen(self, policy, segment, changes, entries, above):
        """`changes`: {hash: None for the change itself, or what carries the other one here}."""
        view, size = self.view, self.size
        service = policy.services[self.service]
        sign_offs, rejects = {}, {}
        for entry in entries:
            says, by = entry.statement.says, entry.statement.by
            rows = [row for row in says["rows"] if row["hash"] in changes]
            rows.sort(key=lambda row: changes[row["hash"]] is not None)
            row, verdict = rows[0], says["verdict"]
            standing = rejects.setdefault(by, {})
            if verdict == "reject":
                sign_offs[by] = []
                standing.update({entry.index: r["hash"] for r in rows[:1]})
                continue
            named = says.get("withdraws", {}).get("index")
            if verdict == "approve" or named in standing:
                cools = view.cools_since(entry.key, entry.index)
                if entry.leaked or cools is not None and (
                        self.now - cools < policy.defaults["key_cooling"]):
                    continue
            if verdict == "withdraw":
                sign_offs[by] = []
                standing.pop(named, None)
                continue
            if says["subject_type"] == "artifact":
                if row["service"] != self.service:
                    continue
            elif (row["repository"], row["target"]) != (
                    service["repository"], service.get("branch", MAIN)):
                continue
            change, carrying = row["hash"], changes[row["hash"]]
            if segment and self.spent(segment, change, carrying, entry.index):
                continue
            rejects[by] = {i: c for i, c in standing.items() if carrying and c != change}
            then, member = view.member(by, entry.index), view.member(by, size)
            if not all(m and m["kind"] == "human" and "review" in m.get("duties", [])
                       for m in (then, member)):
                continue
            if carrying and (carrying["gap"] is not None and carrying["gap"] < policy.defaults[
                    "carry_gap"] or not carrying.get("grounded")):
                continue
            levels = [then.get("level"), member.get("level")]
            sign_offs.setdefault(by, []).append({
                "entry": entry.index, "member": by,
                "level": min(levels, key=policy.rank) if None not in levels else None,
                "teams": sorted(set(then.get("teams", [])) & set(member.get("teams", []))),
                "presence": presence(entry.envelope.signatures[0]),
                "answered": [c["item"] for c in says.get("checklist", [])],
                "assistance_seen": row.get("assistance_seen", "generated"),
                "carried": carrying is not None, "change": change,
                "age": self.age(segment, change, carrying, entry)})
        stand = [(i, c) for found in rejects.values() for i, c in found.items()
                 if not view.lifts.get(i, size) < size]
        return [s for found in sign_offs.values() for s in found
                if s["entry"] > above], sorted(stand)

    def landings(self, cover, change, carrying):
        """The last commits at which a cover has a change."""
        found = [row["last"] for row in cover["segments"] if row["change"] == change or any(
            c["change"] == change for c in row["carried"])]
        return found, found + [row["last"] for row in cover["contained"] if row["change"] == change]

    def spent(self, segment, change, carrying, index):
        """Point 4, and for carried ones point 7."""
        for item, cover in self.covers:
            landed = item.get("landed")
            if landed is not None and index < landed:
                if cover is None:
                    return True
                if any(last != segment.last for last in self.landings(cover, change, carrying)[1]):
                    return True
        if carrying is None:
            return False
        order = {step.last: n for n, step in enumerate(self.steps)}
        here = order.get(segment.last)
        if any(run.hash == change and run.last != segment.last for run in self.all_runs()):
            return True
        return here is not None and any(
            item["approved"] == change and order.get(item["landing"], here) < here
            for item in self.evidence.get("carried", []))

    def age(self, segment, change, carrying, entry):
        """Point 6."""
        ends = [self.now]
        for item, cover in self.covers if segment else ():
            deployed = item.get("deployed")
            if deployed and cover and deployed["entry"] > entry.index:
                if segment.last in self.landings(cover, change, carrying)[0]:
                    ends.append(deployed["time"])
        return max(0, min(ends) - entry.time)

    # Segments (section 4, steps 3 and 4).

    def single(self, step):
        """A step as a segment of its own."""
        if id(step) not in self.singles:
            self.singles[id(step)] = self.segment([step], step.rows)
        return self.singles[id(step)]

    def segment(self, steps, rows):
        return Segment(self, steps, rows)

    def run(self, first, end):
        """The steps from `first` up to `end` as a segment."""
        if (first, end) not in self.runs:
            if end - first == 1:
                self.runs[first, end] = self.single(self.steps[first])
            else:
                rows = compose([s.rows for s in self.steps[first:end]])
                self.runs[first, end] = self.segment(self.steps[first:end], rows)
        return self.runs[first, end]

    def spans(self):
        """Every step, the runs of which somebody speaks, and the whole chain."""
        n = len(self.steps)
        spoken = {(i, j + 1) for i, j in self.evidence.get("runs", []) if i <= j < n}
        return sorted(spoken | {(i, i + 1) for i in range(n)} | ({(0, n)} if n else set()))

    def all_runs(self):
        return [self.run(i, j) for i, j in self.spans()]

    def cut(self):
        """The segments of the chain, whether they cover it, and why not."""
        n, spans = len(self.steps), self.spans()
        best = {n: []}
        for i in range(n - 1, -1, -1):
            for _, j in [s for s in spans if s[0] == i and s[1] - i <= 32]:
                if j in best and not self.run(i, j).codes():
                    best[i] = [self.run(i, j), *best[j]]
                    break
        if 0 in best:
            return best[0], set()
        if n and not self.run(0, n).codes():
            return [self.run(0, n)], set()
        segments, codes, i = [], set(), 0
        while i < n:
            ends = [j for a, j in spans if a == i and j - i <= 32 and not self.run(i, j).codes()]
            j = min(ends, default=i + 1)
            segments.append(self.run(i, j))
            codes |= self.run(i, j).codes()
            i = j
        return segments, codes

    def standing_rejects(self, change):
        """Rejects that stand on a change, whatever it landed as."""
        found = set()
        for policy in self.policies:
            entries = self.words.get(change, [])
            found |= set(self.listen(policy, None, {change: None}, entries, -1)[1])
        return sorted(found)

    def unanswered_rejects(self, answering=None):
        """Section 4, step 4: rejects on runs, and those that were read up to a commit brought in.
        `answering`: the whole difference, which alone may answer then."""
        denied, spans = [], self.spans()
        hashes = {span: self.run(*span).hash for span in spans}
        for i, j in spans:
            if j - i > 1:
                for index, _ in self.run(i, j).rejected():
                    if not self.answered(index, (i, j), self.run(i, j).rows, strictly=True):
                        denied.append(index)
        for change in self.words:
            for index, _ in self.standing_rejects(change):
                row = next(r for r in self.entries[index].statement.says["rows"]
                           if r["hash"] == change)
                for k, step in enumerate(self.steps):
                    if row.get("head") in step.ids and not any(
                            hashes[i, j] == change for i, j in spans if j == k + 1):
                        if not self.answered(index, (k, k + 1), step.rows, strictly=False):
                            denied.append(index)
        return denied

    def answered(self, index, span, rows, strictly):
        for i, j in self.spans():
            if i <= span[0] and span[1] <= j and (not strictly or (i, j) != span):
                segment = self.run(i, j)
                if segment.codes():
                    continue
                if segment.rows and self.covered_above(segment, index):
                    return True
                later = set().union(*(s.rows for s in self.steps[j:]))
                if not set(rows) & (segment.rows.keys() | later):
                    return True
        return False

    def covered_above(self, segment, index):
        return all(segment.judge(policy, index)[0]["satisfied"] for policy in self.policies)

    # Start (section 4, step 2).

    def within_rollback(self, point):
        return self.now - point["time"] < min(p.defaults["rollback_within"] for p in self.policies)

    def doubts(self, start):
        """Step 2c: why a start is not undoubted."""
        evidence, codes = self.evidence, set()
        if "decision" in start:
            cover = self.all_covers.get(evidence.get("cover"))
            if cover is None:
                return {"DIVERGED"}
            for row in cover["segments"]:
                for index in row["approvals"]:
                    if index in self.entries and self.entries[index].leaked:
                        codes.add("KEY_REVOKED")
            changes = {row["change"] for row in cover["segments"]} | set(
                evidence.get("start_changes", []))
            if any(self.standing_rejects(change) for change in changes):
                codes.add("REJECTED")
        live = self.document(evidence["live"]["document"]) if "live" in evidence else {}
        difference = self.document(evidence["difference"])
        for item in evidence.get("returning", []):
            if not self.standing_rejects(item["change"]):
                continue
            rows = self.document(item["change"]) if item.get("kept") else None
            if rows is None:
                if item.get("in_start"):
                    codes.add("REJECTED")
                continue
            for path, (_, made) in rows.items():
                if path not in live:
                    continue
                at_start, at_newest = live[path]
                revision = difference[path][1] if path in difference else at_start
                if at_newest not in (at_start, revision) and (
                        at_start == made or item.get("in_start")):
                    codes.add("REJECTED")
        return codes

    def answer(self):
        """Section 4: the verdict."""
        evidence, position = self.evidence, self.evidence["position"]
        points, codes = self.points, set()
        newest = points[-1] if points else None
        start, segments = newest, []
        modes = [p.mode(self.service, self.environment) for p in self.policies]
        mode = "enforce" if "enforce" in modes else "observe"
        if newest is None:
            codes.add("BASELINE_MISSING")
        elif position == "behind":
            found = [p for p in points if p.get("revision") == self.revision and sorted(
                p.get("artifacts", [])) == sorted(self.artifacts) and self.within_rollback(p)]
            start = found[-1] if found else None
            codes |= self.doubts(start) if found else {"DIVERGED"}
        elif position == "diverged":
            start = self.start
            codes |= self.doubts(start) if self.within_rollback(start) else {"DIVERGED"}
        elif position == "unrelated":
            start = None
            codes.add("DIVERGED")
        if self.steps:
            rows = compose([s.rows for s in self.steps])
            if rows is None or change_hash(rows) != evidence["difference"]:
                codes.add("COMPOSITION_MISMATCH")
            else:
                segments, found = self.cut()
                codes |= found
                if self.unanswered_rejects():
                    codes.add("REJECTED")
                codes |= self.undoes(position, newest)
        if codes and "whole" in evidence and newest and "COMPOSITION_MISMATCH" not in codes:
            whole = Step(self, evidence["whole"])
            segment = self.segment([whole], whole.rows)
            rejected = any(self.single(s).rejected() for s in self.steps)
            if not segment.codes() and not rejected:
                codes, segments, start = set(), [segment], newest
        codes |= self.judge_artifacts()
        result = {
            "answer": "deny" if codes else "allow", "mode": mode,
            "start": start and start["entry"]["index"], "newest": newest
            and newest["entry"]["index"],
            "policy": [p for p in self.view.policies if p[0] < self.size][-1][0],
            "overrides": [], "cover": None}
        if codes:
            given, wanted = self.overriding()
            if given and len(given) < wanted:
                codes.add("DEBT_OVERDUE")
            elif given and "COMPOSITION_MISMATCH" not in codes:
                result["overrides"] = sorted(given)
        else:
            result["cover"] = sha256(self.write_cover(segments)).hex()
        result["reasons"] = sorted(codes)
        return result

    def undoes(self, position, newest):
        """Step 2d, ATTACKS 1."""
        if position != "diverged" or "live" not in self.evidence:
            return set()
        holding = [s for s in self.steps if newest["revision"] in s.ids]
        live = self.document(self.evidence["live"]["document"])
        difference = self.document(self.evidence["difference"])
        for path, (at_start, at_newest) in live.items():
            revision = difference[path][1] if path in difference else at_start
            if holding and revision != at_newest and path not in holding[0].rows:
                return {"UNDOES_SETTLED"}
        return set()

    # Artifacts (section 6).

    def judge_artifacts(self):
        codes, view, size = set(), self.view, self.size
        for policy in self.policies:
            service = policy.services[self.service]
            required = service.get("artifact") == "required"
            if required and not self.artifacts:
                codes.add("ARTIFACT_REQUIRED")
            for digest in self.artifacts:
                sources, counts = set(), False
                for entry in self.builds.get(digest, []):
                    by, says = entry.statement.by, entry.statement.says
                    had = "build" in (view.member(by, entry.index) or {}).get("duties", [])
                    if by not in service["builders"] if service.get("builders") else not had:
                        continue
                    sources.add((says["repository"], says["revision"]))
                    has = "build" in (view.member(by, size) or {}).get("duties", [])
                    counts = counts or has and not entry.leaked and not view.revoked(entry.key,
                                                                                     size)
                self.built |= policy is self.policies[0] and bool(sources)
                if sources - {(service["repository"], self.revision)}:
                    codes.add("BUILD_CONTRADICTS")
                elif required and not counts:
                    codes.add("BUILD_UNKNOWN")
            facts = {"service": self.service, "environment": self.environment, "authors": [],
                     "declared": None, "detected": None, "paths": [], "collision": False,
                     "artifact": True}
            for digest in self.artifacts or [None]:
                entries = self.words.get(digest, [])
                sign_offs, rejects = self.listen(policy, None, {digest: None}, entries, -1)
                found = assess(policy, facts, sign_offs)
                if digest is None:
                    codes |= {"ARTIFACT_REQUIRED"} if found["requirements"] else set()
                    continue
                codes |= {r["code"] for r in found["requirements"] if r["missing"]}
                codes |= {"REJECTED"} if rejects else set()
        return codes

    # Overrides (section 9).

    def overriding(self):
        """The overrides in force, one a member, by identity; and how many are needed."""
        view, size, given = self.view, self.size, {}
        for entry in self.overrides:
            says, by = entry.statement.says, entry.statement.by
            place = (says["service"], says["environment"], says["repository"], says["revision"],
                     says.get("artifacts", []))
            if "drill" in says or place != (self.service, self.environment, self.repository,
                                            self.revision, self.artifacts):
                continue
            longest = min(p.override["longest"] for p in self.policies)
            least = max(LEAST_PRESENCE[p.override.get("presence")] for p in self.policies)
            cools = view.cools_since(entry.key, entry.index)
            cooling = max(p.defaults["key_cooling"] for p in self.policies)
            if (says["claimed"] <= self.now < min(says["expires"], says["claimed"] + longest)
                    and all(m and m["kind"] == "human" and "override" in m.get("duties", [])
                            for m in (view.member(by, entry.index), view.member(by, size)))
                    and not view.revoked(entry.key, size)
                    and (cools is None or self.now - cools >= cooling)
                    and PRESENCE.index(presence(entry.envelope.signatures[0])) >= least):
                given[by] = entry.envelope.identity
        return set(given.values()), self.overrides_needed()

    def overrides_needed(self):
        """One; while a debt is overdue three, or as many as there could be."""
        due = min(p.override["debt_due"] for p in self.policies)
        overdue = [d for s in self.evidence.get("settled", []) for d in s.get("owed", [])
                   if self.counts(d, s.get("points", []), due)]
        if not overdue:
            return 1
        since = min(d["since"] for d in overdue) - 30 * DAY
        view, most = self.view, 0
        for number, (entry, _) in enumerate(view.times):
            until = view.times[number + 1][1] if number + 1 < len(view.times) else self.now
            if until >= since and entry < self.size:
                holders = [m for m in view.members if self.could_override(m, entry + 1)]
                most = max(most, len(holders))
        return min(3, max(1, most))

    def could_override(self, name, entry):
        said = self.view.member(name, entry)
        return said and said["kind"] == "human" and "override" in said.get("duties", []) and (
            self.view.can_sign(name, entry))

    def counts(self, debt, points, due):
        """Whether a debt makes overriding harder: it is overdue, or was when it ended."""
        after = [p for p in points if p["entry"]["index"] > debt["entry"]["index"]]
        if any("decision" not in p or p["revision"] == debt["revision"] for p in after):
            return False
        for p in after:
            earlier = {q.get("revision") for q in points
                       if q["entry"]["index"] < p["entry"]["index"]}
            if p["revision"] not in earlier:
                return p["time"] >= debt["since"] + due and self.now - p["time"] < 30 * DAY
        return self.now >= debt["since"] + due

    # The cover (section 8).

    def write_cover(self, segments):
        rows, taken = [], set()
        for s in segments:
            approvals = s.approvals()
            standing = {}
            for policy in self.policies if s.rows else []:
                for sign_off in s.words(policy)[0]:
                    if sign_off["carried"]:
                        standing[sign_off["change"]] = s.carried[sign_off["change"]]["certificate"]
            used = any(self.sign_off_carried(s, e) for e in approvals)
            rows.append({"change": s.hash, "first": s.first, "last": s.last, "approvals": approvals,
                         "match": "carried" if used else "exact",
                         "carried": [{"change": c, "certificate": standing[c]}
                                     for c in sorted(standing)]})
            taken.add((s.hash, s.first, s.last))
        named = {(c["change"], r["first"], r["last"]) for r in rows for c in r["carried"]} | taken
        contained = set()
        for run in [*(self.all_runs() if self.steps else []), *segments]:
            if run.rows:
                contained |= {(change, run.first, run.last) for change in (run.hash, *run.carried)
                              if self.anybody_approved(change)}
        contained -= named
        contained = [dict(zip(("change", "first", "last"), c, strict=True))
                     for c in sorted(contained)]
        return json.dumps({"type": "countersign cover v1", "segments": rows,
                           "contained": contained},
                          separators=(",", ":")).encode()

    def sign_off_carried(self, segment, index):
        rows = self.entries[index].statement.says["rows"]
        return all(row["hash"] != segment.hash for row in rows)

    def anybody_approved(self, change):
        return any(e.statement.says["verdict"] == "approve" for e in self.words.get(change, []))


COVER = table(type=exact("countersign cover v1"),
              segments=items(table(change=DIGEST, first=REVISION, last=REVISION,
                                   approvals=items(ENTRY, 0, 10**6, key=by_itself),
                                   match=word("exact", "carried"),
                                   carried=items(table(change=DIGEST, certificate=DIGEST), 0, 10**6,
                                                 key=lambda c: c["change"])), 0, 10**6),
              contained=items(table(change=DIGEST, first=REVISION, last=REVISION), 0, 10**6,
                              key=lambda c: tuple(c.values())))


# ---- Bundles (bundle.md) -------------------------------------------------------------------------

BUNDLE_HEAD = b'{"type":"countersign bundle v1"'
MANY = 200_000


def bytes_of(value):
    need(isinstance(value, str), "not base64")
    return base64_strict(value)


def base64_of(value):
    bytes_of(value)
    return value


def hash_of(value):
    need(len(bytes_of(value)) == 32, "not a hash")
    return value


def path_of(value):
    check_path(bytes_of(value))
    return value


def many(kind, key=None, most=MANY):
    return items(kind, 1, most, key)


POINT = table(entry=ENTRY_REFERENCE, time=TIME, revision_=REVISION, artifacts_=many(DIGEST),
              decision_=ENTRY_REFERENCE, cover_=DIGEST)
OWED = table(entry=ENTRY_REFERENCE, deployments=items(ENTRY_REFERENCE, 0, MANY), since=TIME,
             revision=REVISION, members=items(MEMBER, 0, MANY), overrides=items(ENTRY, 0, MANY))
STEP = table(commit=REVISION, parent_=REVISION, document=DIGEST, commits_=many(REVISION),
             mechanical_=many(REVISION),
             facts_=many(table(path=path_of, opaque_=word("submodule", "lfs-pointer", "binary",
                                                          "too-long"), targets_=many(path_of))),
             colliding_=many(path_of))
EVIDENCE = table(
    ledger=DIGEST, decision_=ENTRY_REFERENCE, previous_=DIGEST,
    question=table(service=SERVICE, environment=ENVIRONMENT, revision=REVISION,
                   artifacts_=many(DIGEST), time=TIME),
    size=SIZE, newest_time=TIME,
    settled_=many(table(environment=ENVIRONMENT, points_=many(POINT), owed_=many(OWED))),
    position=word("linear", "from_root", "behind", "diverged", "unrelated"), start_=ENTRY,
    steps_=many(STEP), difference=DIGEST, whole_=STEP,
    runs_=many(items(ENTRY, 2, 2)), cover_=DIGEST, start_changes_=many(DIGEST),
    returning_=many(table(change=DIGEST, kept_=exact(True), in_start_=exact(True))),
    live_=table(document=DIGEST, commits_=many(table(commit=REVISION, title=by_itself_text))),
    covers_=many(table(deployed_=table(entry=ENTRY, time=TIME), landed_=ENTRY, cover_=DIGEST)),
    carried_=many(table(approved=DIGEST, landed=DIGEST, landing=REVISION, grounded_=exact(True),
                        certificate=DIGEST,
                        sides_=many(table(path=path_of, side=by_itself_text)))),
    entries=items(ENTRY, 0, 100_000))
BUNDLE = table(type=exact("countersign bundle v1"), checkpoint=by_itself_text,
               entries=items(table(index=ENTRY, leaf=base64_of, proof_=many(hash_of)), 0, 100_000),
               salt_=hash_of, evidence=EVIDENCE,
               attestation_=table(keyid=FINGERPRINT, sig_=bytes_of_64, sk_=table(
                   sig=bytes_of_64, flags=integer(0, 255), counter=integer(0, 2**32 - 1))),
               blobs_=many(base64_of), objects_=many(base64_of))


class Entry:
    """An entry of a bundle: a leaf with what it holds."""

    def __init__(self, item):
        self.index = item["index"]
        leaf = Leaf(bytes_of(item["leaf"]))
        self.time, self.prev, self.hash = leaf.time, leaf.prev, leaf.hash
        self.envelope, self.statement = leaf.read()
        self.key, self.leaked = self.envelope.signatures[0]["keyid"], False
        self.proof = [bytes_of(h) for h in item.get("proof", [])]


class step_of:
    """Gives what goes wrong within it the code of a step of bundle.md section 4."""

    def __init__(self, code):
        self.code = code

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, (BadInput, Tampered)):
            raise Tampered(f"{self.code}: {error}") from error


def verify_bundle(data, known, now):
    """bundle.md section 4."""
    trust = known.trust
    with step_of("FORM"):
        need(len(data) <= 256 << 20, "a bundle that is too large")
        bundle = BUNDLE(json_strict(data))
        need(spell(bundle) == data, "another spelling")
        signature, evidence = bundle.get("attestation"), bundle["evidence"]
        origin = bundle["checkpoint"].split("\n")[0]
        blobs = [bytes_of(b) for b in bundle.get("blobs", [])]
        objects = [bytes_of(o) for o in bundle.get("objects", [])]
    need(origin == trust.origin, f"it is of {origin}; the trust root is of {trust.origin}")
    size, question = evidence["size"], evidence["question"]
    with step_of("ENTRY"):
        indexes = [e["index"] for e in bundle["entries"]]
        need(indexes == evidence["entries"] == sorted(set(indexes)), "other entries")
        entries = [Entry(item) for item in bundle["entries"]]
    by_index = {e.index: e for e in entries}
    with step_of("OTHER_LEDGER"):
        need(entries and entries[0].index == 0, "no entry 0")
        need(entries[0].hash.hex() == trust.ledger == evidence["ledger"], "another entry 0")
        for e in entries:
            need(e.index == 0 or e.statement.ledger == trust.ledger, "for another ledger")
            before = by_index.get(e.index - 1)
            need(not before or e.prev == before.hash, "prev is another's")
    view = View()
    with step_of("GOVERNANCE"):
        for e in entries:
            if e.statement.kind == "governance":
                need(e.index < size, "governance above what the gate had seen")
                view.govern(e.index, e.time, e.hash, e.envelope, e.statement)
    with step_of("CHECKPOINT"):
        note = Checkpoint(bundle["checkpoint"].encode())
        need(note.origin == trust.origin, "another origin")
        keys = [k for i, k in view.ledger_keys if i == 0 or note.size > i + 1]
        key = trust.key if len(keys) == 1 else keys[-1]
        signed = note.by(key)
        need(signed and ed25519_holds(key.key, note.text.encode(), signed), "not signed")
    with step_of("WITNESS"):
        times = {name: cosigned_at(key, note) for name, key in trust.witnesses.items()}
        times = {name: at for name, at in times.items() if at is not None}
    with step_of("PROOF"):
        need(size <= note.size, "a smaller tree")
        for e in entries:
            found = root_by_inclusion(e.index, note.size, e.hash, e.proof)
            need(found == note.root, "another root")
    with step_of("FORK"):
        known.join(note.size, note.root)
        for e in entries:
            if e.statement.seen:
                known.join(e.statement.seen["size"], bytes.fromhex(e.statement.seen["root"]))
    with step_of("ENTRY"):
        for e in entries:
            if e.statement.kind != "governance":
                need(len(e.envelope.signatures) == 1, "several signatures")
                need(view.owner(e.key, e.index) == e.statement.by, "a key of somebody else")
                need(view.keys[e.key]["key"].holds(e.envelope.pae, e.envelope.signatures[0]),
                     "a signature does not verify")
                e.leaked = view.leaked_at(e.key, e.index)
    with step_of("SALT"):
        need(("salt" in bundle) == bool(objects), "a salt without objects, or none with them")
        salt = base64.b64decode(bundle.get("salt", ""))
        wanted = entries[0].statement.says["genesis"]["salt"]
        need(not salt or sha256(b"countersign email salt v1\0", salt).hex() == wanted, "a salt")
    decision = None
    with step_of("DECISION"):
        need("decision" in evidence or signature is None, "an attestation without decision")
        if "decision" in evidence:
            decision = by_index.get(evidence["decision"]["index"])
            need(decision and decision.statement.kind == "decision" and decision.index >= size
                 and decision.hash.hex() == evidence["decision"]["leaf"], "no such decision")
            need(decision.statement.seen["size"] == size, "it saw another size")
            says = decision.statement.says
            need(decision.time == question["time"], "it was made at another time")
            need(all(says.get(k) == question.get(k) for k in (
                "service", "environment", "revision", "artifacts")), "it is about something else")
            gate = view.member(decision.statement.by, size) or {}
            need("decide" in gate.get("duties", []), "by somebody without the duty")
            need(not view.revoked(decision.key, size), "under a key that was revoked")
    with step_of("ATTESTATION"):
        need(not decision or signature, "no attestation")
        need(not signature or ("sig" in signature) != ("sk" in signature), "one of sig and sk")
        if decision:
            text = spell(evidence)
            kind = b"application/vnd.countersign.evidence.v1+json"
            message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(text), text)
            name = signature["keyid"]
            need(view.owner(name, decision.index) == decision.statement.by, "somebody else's key")
            need(not view.revoked(name, decision.index), "a key that was revoked")
            need(view.keys[name]["key"].holds(message, decoded(signature)), "it does not verify")
    with step_of("BLOB"):
        digests = [sha256(b).hex() for b in blobs]
        need(digests == sorted(set(digests)), "blobs that are not sorted")
        blobs = Asked(zip(digests, blobs, strict=True))
    with step_of("OBJECT"):
        objects = read_objects(objects, len(question["revision"]))
        commits = {c: Commit(objects.of(b"commit", c)) for s in steps_of(evidence)
                   for c in s.get("commits", [])}
    with step_of("CHAIN"):
        try:
            points = points_of(evidence, policies_to_pass(view, evidence))
        except BadInput:  # an unknown place has no points of its own
            points = points_of(evidence, [])
        start = check_chain(evidence, commits, points)
    with step_of("START"):
        check_points(evidence, by_index, points[-1:] + ([start] if start else []))
    with step_of("BLOB"):
        documents, covers = read_blobs(evidence, blobs)
    with step_of("CARRIED"):
        check_certificates(evidence, documents, blobs)
    with step_of("BLOB"):
        need(blobs.asked == blobs.keys(), "a blob that nobody asks for")
    full = any(kind == b"tree" for kind, _ in objects.values())
    with step_of("OBJECT"):
        if full:
            check_full(evidence, documents, objects)
        need(objects.asked == objects.keys(), "an object that nobody asks for")
    built = False
    try:
        case = Case(view, evidence, entries, documents, covers, commits, salt, points, start)
        found = case.answer()
        built = case.built
    except BadInput as error:  # a place that no policy lists (policy.md section 8)
        found = {"reasons": [str(error)], "start": start and start["entry"]["index"]}
    with step_of("OTHER_ANSWER"):
        if decision:
            says = decision.statement.says
            said = {"answer": says["verdict"], **{k: says.get(k) for k in (
                "mode", "start", "newest", "policy", "cover")},
                "reasons": says.get("reasons", []), "overrides": says.get("overrides", [])}
            need(said == found, f"it says {said}, and it is {found}")
    reasons = set(found["reasons"])
    reasons |= set() if decision else {"UNATTESTED"}
    reasons |= set() if trust.quorum_holds(times) else {"QUORUM"}
    if trust.max_age is not None and now - question["time"] >= trust.max_age:
        reasons.add("STALE")
    return {"proves": ("full" if full else "compact") + " verdict", "origin": trust.origin,
            "answer": "NO" if reasons else "YES", "reasons": sorted(reasons), "size": size,
            "lines": lines(evidence, commits, found["start"] is not None and start, full,
                           built)}


def spell(value):
    """bundle.md section 1: the one spelling."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Asked(dict):
    """Blobs or objects by name, which remembers what was asked for."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = set()

    def get(self, name, default=None):
        self.asked |= {name} & self.keys()
        return super().get(name, default)

    def must(self, name):
        need(name in self, f"{name} is missing")
        return self.get(name)

    def of(self, kind, name):
        """The content of a git object of this kind."""
        found, content = self.must(name)
        need(found == kind, "an object of another kind")
        return content


def decoded(value):
    """The signature of an attestation as an envelope's."""
    if "sig" in value:
        return {**value, "sig": base64_strict(value["sig"])}
    return {**value, "sk": {**value["sk"], "sig": base64_strict(value["sk"]["sig"])}}


def steps_of(evidence):
    return evidence.get("steps", []) + ([evidence["whole"]] if "whole" in evidence else [])


def read_objects(objects, length):
    """Step 12: objects by id. (No collision detection here: a tool for that refuses more.)"""
    found, last = Asked(), None
    for data in objects:
        match = re.match(rb"(commit|tree|blob) (0|[1-9][0-9]{0,11})\0", data)
        need(match and int(match[2]) == len(data) - match.end(), "not an object")
        name = (hashlib.sha1 if length == 40 else hashlib.sha256)(data).hexdigest()
        need(last is None or last < name, "objects that are not sorted")
        last, found[name] = name, (match[1], data[match.end():])
    return found


def check_chain(evidence, commits, points):
    """Step 14: the start."""
    steps, position, question = evidence.get("steps",
                                             []), evidence["position"], evidence["question"]
    start = points[-1] if points else None
    need(("start" in evidence) == (position == "diverged"), "a start")
    if "whole" in evidence:
        whole = evidence["whole"]
        need(start and whole.get("parent") == start.get("revision")
             and whole["commit"] == question["revision"], "the whole is of something else")
    if position == "diverged":
        found = [p for p in points if p["entry"]["index"] == evidence["start"]]
        need(found, "a start that is no point")
        start = found[0]
    elif position == "behind":
        for p in points:
            if "decision" in p and p.get("revision") == question["revision"] and (
                    p.get("artifacts") == question.get("artifacts")):
                start = p
    if position in ("behind", "unrelated"):
        need(not steps, "steps without a chain")
        return start
    first = None if position == "from_root" else (start or {}).get("revision")
    need(position != "from_root" or steps, "no step from the root")
    need(position == "from_root" or first, "no start")
    for step in steps:
        need(step.get("parent") == first, "a step that does not follow")
        first, ids = step["commit"], step.get("commits", [])
        need(ids[:1] == [first] and len(set(ids)) == len(ids), "another first commit")
        own = commits[first]
        need(own.parents[:1] == [p for p in [step.get("parent")] if p], "another parent")
        reached, left = set(), list(own.parents[1:])
        while left:
            commit = left.pop()
            if commit in ids and commit not in reached:
                reached.add(commit)
                left += commits[commit].parents
        need(reached == set(ids[1:]), "a commit out of nowhere")
    need(first == question["revision"], "another revision")
    return start


def check_points(evidence, by_index, points):
    """Step 15."""
    question = evidence["question"]
    places = {question["environment"], question["environment"].split("/")[0]}
    for p in points:
        entry = by_index.get(p["entry"]["index"])
        need(entry and entry.index < evidence["size"], "a point that is not there")
        need(entry.hash.hex() == p["entry"]["leaf"] and entry.time == p["time"], "another entry")
        says = entry.statement.says
        if "decision" not in p:
            need(entry.statement.kind == "governance" and any(
                name == "set_baseline" and body["service"] == question["service"]
                and body["environment"] in places
                and body["accepted"] == p.get("revision", "none")
                for name, body in says["operations"]), "no baseline")
            continue
        decision = by_index.get(p["decision"]["index"])
        need(decision and decision.hash.hex() == p["decision"]["leaf"], "no decision")
        said = decision.statement.says
        need(entry.statement.kind == "deployment" and decision.statement.kind == "decision"
             and decision.index < entry.index, "no deployment, or no decision")
        need(says["outcome"] in ("started", "succeeded") and "started" not in says
             and says.get("decision") == decision.envelope.identity and said["verdict"] == "allow"
             and said["cover"] == p.get("cover"), "no deployment of it")
        for name in ("service", "environment", "revision", "artifacts"):
            need(says.get(name) == said.get(name), "a decision of another place")
        need(says["revision"] == p.get("revision") and says.get("artifacts") == p.get("artifacts")
             and says["service"] == question["service"] and says["environment"] in places,
             "a point of something else")


def read_blobs(evidence, blobs):
    """Step 16: the documents and the covers that the evidence names, by digest."""
    names = [s["document"] for s in steps_of(evidence)] + [evidence["difference"]]
    names += [evidence["live"]["document"]] if "live" in evidence else []
    names += [r["change"] for r in evidence.get("returning", []) if r.get("kept")]
    names += [c["approved"] for c in evidence.get("carried", [])]
    documents = {name: read_document(blobs.must(name)) for name in names}
    for item in evidence.get("carried", []):
        read_certificate(blobs.must(item["certificate"]))
    named = [c["cover"] for c in [*evidence.get("covers", []), evidence] if "cover" in c]
    return documents, {name: COVER(json_strict(blobs.must(name))) for name in named}


def check_certificates(evidence, documents, blobs):
    """Step 17; remembers the gap that each certificate shows."""
    steps = evidence.get("steps", [])
    for item in evidence.get("carried", []):
        sides = {bytes_of(s["path"]): read_side(s["side"].encode()) for s in item.get("sides", [])}
        landed = next((documents[s["document"]] for s in steps_of(evidence)
                       if s["document"] == item["landed"]), None)
        if landed is None and item["landed"] == evidence["difference"]:
            landed = documents[item["landed"]]
        ends = [n for n, s in enumerate(steps) if s["commit"] == item["landing"]]
        for first in range(ends[0], -1, -1) if landed is None and ends else ():
            rows = compose([documents[s["document"]] for s in steps[first:ends[0] + 1]])
            if rows is not None and change_hash(rows) == item["landed"]:
                landed = rows
                break
        need(landed is not None, "what landed is nowhere")
        certificate = blobs.must(item["certificate"])
        shown = check_carried(documents[item["approved"]], landed, certificate, 1, blobs.get,
                              sides.get)
        item["gap"] = shown["closest_lines"]


def tree_rows(objects, old, new, prefix=b""):
    """change.md, Reading a document out of git: the rows between two trees of a full bundle."""
    def entries(name):
        return read_tree(objects.of(b"tree", name), len(name) // 2) if name else {}
    def side(entry):
        if entry is None:
            return ABSENT
        mode, name = entry
        if mode == b"160000":
            return mode, (b"git-sha1:" if len(name) == 40 else b"git-sha256:") + name.encode()
        return mode, sha256(objects.of(b"blob", name)).hex().encode()
    before, after, rows = entries(old), entries(new), {}
    for name in before.keys() | after.keys():
        pair = before.get(name), after.get(name)
        if pair[0] == pair[1]:
            continue
        folders = [e[1] if e and e[0] == b"40000" else None for e in pair]
        if any(folders):
            rows |= tree_rows(objects, *folders, prefix + name + b"/")
        files = [side(e if e and e[0] != b"40000" else None) for e in pair]
        if files[0] != files[1]:
            rows[prefix + name] = tuple(files)
    return rows


def facts_of(objects, rows):
    """bundle.md section 5: what a full bundle shows of its paths: {path: (why opaque, targets)}."""
    blobs = {sha256(c).hex().encode(): c for kind, c in objects.values() if kind == b"blob"}
    facts = {}
    for path, sides in rows.items():
        reasons, targets = [], set()
        for mode, digest in reversed(sides):
            if mode == b"160000":
                reasons.append("submodule")
            elif mode != ABSENT[0]:
                reasons.append(opaque_reason(blobs[digest]))
            if mode == b"120000":
                targets.add(link_target(path, blobs[digest]))
        why, targets = next(filter(None, reasons), None), sorted(targets - {None})
        if why or targets:
            facts[path] = (why, targets)
    return facts


def check_full(evidence, documents, objects):
    """Step 19: documents and facts are made anew from the trees."""
    for step in steps_of(evidence):
        old = Commit(objects.of(b"commit", step["parent"])).tree if "parent" in step else None
        rows = tree_rows(objects, old, Commit(objects.of(b"commit", step["commit"])).tree)
        need(rows == documents[step["document"]], "another document")
        said = {bytes_of(f["path"]): (f.get("opaque"), [bytes_of(t) for t in f.get("targets", [])])
                for f in step.get("facts", [])}
        said = {path: fact for path, fact in said.items() if path in rows}
        need(facts_of(objects, rows) == said, "other facts")
    if evidence.get("steps"):
        rows = compose([documents[s["document"]] for s in evidence["steps"]])
        need(rows == documents[evidence["difference"]], "the steps do not add up")


def lines(evidence, commits, start, full, built):
    """bundle.md section 5: what each line rests on, as pairs of a code and a word."""
    steps = evidence.get("steps", [])
    shown, gaps, before = {c for s in steps for c in s.get("commits", [])}, False, set()
    line = {s["commit"] for s in steps} | ({start["revision"]} if start and "revision" in start
                                           else set())
    for step in steps:
        for commit in step.get("commits", []):
            gaps |= not set(commits[commit].parents) <= shown | line
    proved = [("ENTRIES", True), ("GOVERNANCE", True), ("SIGN_OFFS", True)]
    proved += [("DECISION", True)] if "decision" in evidence else []
    proved += [("CHAIN", True), ("AUTHORS", True)] if steps else []
    if steps_of(evidence):
        proved += [("BROUGHT_IN", not gaps and "whole" not in evidence)]
        proved += [("CHANGES", full), ("DIFFERENCE", full), ("FACTS", full), ("MERGES", False)]
    if evidence["position"] not in ("linear", "from_root"):
        proved += [("POSITION", False)]
    if evidence.get("carried"):
        proved += [("CARRIED", True), ("GROUND", False)]
    proved += [("START", True)] if start else []
    proved += [("ARTIFACTS", False)] if built else []
    proved += [(code, False) for code in (
        "NO_REJECT", "NO_WITHDRAWAL", "NO_REVOCATION", "NO_DEMOTION", "NEWEST_POLICY",
        "NO_DECLARATION", "NOT_SPENT", "NO_DEBT", "NEWEST_START", "TIME", "COMPLETE")]
    proved += [("BEFORE", False)] if start else []
    return [{"code": code, "rests": "proved" if held else "attested"} for code, held in proved]


# ---- Command line --------------------------------------------------------------------------------


def main(arguments):
    parser = argparse.ArgumentParser(prog="verify.py", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--trust", metavar="FILE", help="the trust root")
    parser.add_argument("--since", metavar="CHECKPOINT", help="an older checkpoint that is known")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.add_argument("--now", metavar="TIME", help="judge ages at this time (RFC 3339)")
    parser.add_argument("--vectors", metavar="DIR", help="run every vector below this folder")
    parser.add_argument("--self-test", action="store_true", help="check this file's arithmetic")
    options = parser.parse_args(arguments)
    if options.vectors:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        sys.modules.setdefault("verify", sys.modules[__name__])
        return __import__("verify_vectors").run_vectors(options.vectors)
    if options.self_test:
        return self_test()
    if not options.files or not options.trust:
        parser.error("FILE and --trust are needed")
    reports, status = [], 0
    at = datetime.datetime.fromisoformat(options.now) if options.now else datetime.datetime.now(
        datetime.UTC)
    now = int(at.timestamp() * 1000)
    try:
        known = Known(TrustRoot(open(options.trust, "rb").read()))
        if options.since:
            need(verify_proof(open(options.since, "rb").read(), known)["answer"] == "YES",
                 "--since")
        contents = [open(name, "rb").read() for name in options.files]
        for name, data in zip(options.files, contents, strict=True):
            try:
                report = {"file": name, **verify_file(data, known, now)}
                status = max(status, {"YES": 0, "NO": 1}[report["answer"]])
            except Tampered as error:
                report, status = {"file": name, "answer": "TAMPERED", "refused": str(error)}, 3
                if data.startswith(BUNDLE_HEAD):
                    report["reasons"] = [str(error).split(":")[0]]
            except No as error:
                report = {"file": name, "answer": "NO", "refused": str(error)}
                status = max(status, 1)
            reports.append(report)
    except (BadInput, OSError) as error:
        print(f"verify.py: error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"files": reports}, indent=2))
    else:
        for report in reports:
            print(report["answer"], report["file"], report.get("refused", ""), sep="  ")
    return status


def verify_file(data, known, now):
    if data.startswith(BUNDLE_HEAD):
        return verify_bundle(data, known, now)
    return verify_proof(data, known)


def self_test():
    """The arithmetic of this file on values that are published elsewhere."""
    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(  # RFC 8032 section 7.1
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
    high = int.from_bytes(signature[32:], "little") + ORDER
    high_s = signature[:32] + high.to_bytes(32, "little")
    checks = {
        "a signature of RFC 8032": ed25519_holds(key, b"", signature),
        "another message": not ed25519_holds(key, b"x", signature),
        "S above the order": not ed25519_holds(key, b"", high_s),
        "keys of small order": not any(good_point(bytes([n]) + bytes(31)) for n in (0, 1)),
        "a key of small order": not good_point(bytes.fromhex(
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")),
        "a second spelling": not good_point((P + 3).to_bytes(32, "little")),
        "the root of no entries": tree_root([]) == sha256(b""),
        "PAE": pae(b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}",
    }
    leaves = [leaf_hash(bytes([n])) for n in range(9)]
    for size in range(1, 10):  # every proof is that of one tree, index and size
        root = tree_root(leaves[:size])
        for index in range(size):
            proof, low, high = [], 0, size
            while high - low > 1:
                split = low + (1 << (high - low - 1).bit_length() - 1)
                left = index < split
                proof.insert(0, tree_root(leaves[split:high] if left else leaves[low:split]))
                low, high = (low, split) if left else (split, high)
            held = root_by_inclusion(index, size, leaves[index], proof) == root
            checks["inclusion"] = checks.get("inclusion", True) and held
    for name, good in checks.items():
        print("ok" if good else "WRONG", name)
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
