"""Small ledgers with random governance and witnesses, as bundles that nobody attests.

What the documents let admins do is tried in every mixture, valid and not, under real signatures:
the two verifiers have to let in and refuse the same (spec/ledger.md section 12), and to count the
same witnesses (spec/proof.md section 3).
"""

import base64
import copy
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verify
from verify_vectors import split_of, tree_root

ORIGIN, SALT = "shop.example/ledger", bytes(32)
PEOPLE = ["ada", "ben", "cyd", "dee"]
SERVICES = ["gate", "sync"]
KINDS = ["human", "bot", "agent", "service"]
NAMES = [*PEOPLE, *SERVICES, "helper"]
POLICIES = [
    'version = 1\nlevels = ["low", "mid", "high"]\n[environment.production]\n'
    '[service.shop]\nrepository = "r"\n',
    'version = 1\nlevels = ["mid", "low"]\n[environment.staging]\nmode = "enforce"\n'
    '[service.shop]\nrepository = "r"\n[service.pay]\nrepository = "q"\n',
    'version = 1\nlevels = ["low", "mid", "high", "top"]\n[environment.production]\n'
    'mode = "enforce"\n[service.pay]\nrepository = "q"\n',
]


def key(name):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def raw(name):
    return key(name).public_key().public_bytes_raw()


def encode(data):
    return base64.b64encode(data).decode()


def key_line(name):
    def field(data):
        return len(data).to_bytes(4, "big") + data
    return "ssh-ed25519 " + encode(field(b"ssh-ed25519") + field(raw(name)))


def note_key(name, holder, algorithm):
    typed = bytes([algorithm]) + raw(holder)
    identifier = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    return f"{name}+{identifier.hex()}+{encode(typed)}", identifier


def envelope(payload, signers):
    message = verify.pae(verify.PAYLOAD_TYPE, payload)
    signatures = [{"keyid": verify.Key(key_line(s)).name, "sig": encode(key(s).sign(message))}
                  for s in signers]
    return verify.spell({"payload": encode(payload), "payloadType": verify.PAYLOAD_TYPE,
                         "signatures": signatures})


def statement(number, by, says, seen):
    predicate = {"by": by, "nonce": f"{number:032x}", "says": says}
    ledger = hashlib.sha256(says["genesis"]["ledger_key"].encode()).hexdigest() if (
        "genesis" in says) else seen[0]
    if "genesis" not in says:
        predicate |= {"ledger": seen[0], "seen": {"size": 1, "root": seen[0]}}
    return verify.spell({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "ledger", "digest": {"sha256": ledger}}],
        "predicateType": "urn:countersign:governance:v1", "predicate": predicate})


def maybe(random_, chance, members):
    return {name: value for name, value in members.items() if random_.random() < chance}


def operation(random_, index):
    """Anything that somebody may want, and much that nobody may have."""
    def some(values, most=2):
        return sorted(random_.sample(values, random_.randint(1, most)))
    name = random_.choice(NAMES)
    kind = "service" if name in SERVICES else "agent" if name == "helper" else "human"
    if random_.random() < 0.1:
        kind = random_.choice(KINDS)
    digest, level = f"{random_.randrange(4):064x}", random_.choice(["low", "mid", "high", "top"])
    holder = random_.choice([name, name, f"{name}2", random_.choice(NAMES)])
    duties = [d for d in verify.DUTIES if random_.random() < 0.3]
    choices = {
        "set_member": {"member": name, "kind": kind} | maybe(random_, 0.5, {
            "level": level, "teams": some(["sre", "web", "x/y"]), "profile": digest,
            "emails": [digest]}) | ({"duties": duties} if duties else {}) | (
                {"operator": random_.choice(PEOPLE)} if kind == "agent" and random_.random() < 0.9
                else {}),
        "retire_member": {"member": name},
        "add_key": {"member": name, "key": key_line(holder)},
        "revoke_key": {"key": verify.Key(key_line(holder)).name} | random_.choice([
            {"cause": "retired"}, {"cause": "leaked", "since": random_.randrange(index + 2)},
            {"cause": "leaked"}]),
        "set_admins": (lambda admins: {"admins": admins, "threshold": random_.randint(
            1, len(admins))})(some(PEOPLE, 4)),
        "rotate_ledger_key": {"ledger_key": note_key(
            ORIGIN if random_.random() < 0.9 else "other", random_.choice(["l1", "l2"]), 1)[0]},
        "lift": {"entry": {"index": random_.randrange(4), "leaf": digest}, "reason": digest},
        "confirm_clock": {"until": 2_000_000_000_000},
        "set_policy": {"text": random_.choice(POLICIES)},
        "set_baseline": {"service": random_.choice(["shop", "pay"]), "environment": random_.choice(
            ["production", "production/eu", "staging"]), "accepted": random_.choice(
                ["none", "0" * 39 + "1"])},
        "delegate": {"service": random_.choice(["sync", "sync", "ada"]), "below": level} | maybe(
            random_, 0.5, {"teams": some(["sre", "web"])}),
        "end_delegation": {"service": "sync"},
    }
    wanted = random_.choice([*choices, "set_member", "set_member", "add_key", "add_key"])
    return wanted, choices[wanted]


def beginning(random_):
    operations = [{"set_policy": {"text": POLICIES[0]}}]
    for name in ["ada", "ben", "cyd"]:
        operations += [{"set_member": {"member": name, "kind": "human", "level": "high",
                                       "duties": ["review", "override"], "teams": ["sre"]}},
                       {"add_key": {"member": name, "key": key_line(name)}}]
    operations += [{"set_member": {"member": "sync", "kind": "service"}},
                   {"add_key": {"member": "sync", "key": key_line("sync")}}]
    admins = ["ada", "ben", "cyd"][:random_.randint(1, 3)]
    threshold = random_.randint(1, len(admins))
    operations += [{"set_admins": {"admins": admins, "threshold": threshold}}]
    if random_.random() < 0.5:
        operations += [{"delegate": {"service": "sync", "below": "mid", "teams": ["web"]}}]
    return operations, admins


def ledger(random_):
    """Leaves of governance; the last of them may be one that nobody lets in."""
    operations, admins = beginning(random_)
    genesis = {"origin": ORIGIN, "ledger_key": note_key(ORIGIN, "ledger", 1)[0],
               "salt": verify.sha256(b"countersign email salt v1\0", SALT).hex()}
    says, signers, by = {"genesis": genesis, "operations": operations}, admins, admins[0]
    leaves, view, time = [], verify.View(), 1_800_000_000_000
    for _ in range(random_.randint(1, 40)):
        index = len(leaves)
        seen = leaves and [verify.sha256(b"\0", leaves[0]).hex()]
        prev = verify.sha256(b"\0", leaves[-1]) if leaves else bytes(32)
        payload = statement(index, by, says, seen)
        leaf = b'{"time":%d,"prev":"%s","envelope":%s}' % (
            time + index, encode(prev).encode(), envelope(payload, signers))
        tried = copy.deepcopy(view)
        try:
            tried.govern(verify.Leaf(leaf, index).read())
        except verify.BadInput:
            if random_.random() < 0.04 or not leaves:
                return [*leaves, leaf]
        else:
            view = tried
            leaves.append(leaf)
        operations = [operation(random_, len(leaves)) for _ in range(random_.choice([1, 1, 1, 2]))]
        member = operations[0][1].get("member")
        was = view.member(member, verify.FOREVER)
        if operations[0][0] == "set_member" and was and random_.random() < 0.6:
            changed = {k: v for k, v in was.items() if k in ("member", "kind", "operator")
                       or random_.random() < 0.85}
            operations[0] = "set_member", changed | maybe(random_, 0.2, {"level": "low"})
        says = {"base": view.base, "operations": [{n: said} for n, said in operations]}
        able = [name for name in [*view.admins, "sync", "dee", "ada2", "ben2"]
                if random_.random() < 0.7 and verify.Key(key_line(name)).name in view.keys]
        choices = [able, view.admins, ["sync"], ["sync"], view.admins[:1]]
        signers = random_.choice(choices) or ["ada"]
        by = view.owner(verify.Key(key_line(signers[0])).name, verify.FOREVER) or "ada"
    return leaves


def inclusion(index, hashes):
    if len(hashes) == 1:
        return []
    split = split_of(len(hashes))
    if index < split:
        return [*inclusion(index, hashes[:split]), tree_root(hashes[split:])]
    return [*inclusion(index - split, hashes[split:]), tree_root(hashes[:split])]


def witnessed(random_, note):
    """Lines of some witnesses, and a trust root's quorum of them."""
    names = ["w0", "w1", "w2"][:random_.randint(0, 3)]
    lines, root = "", ""
    for name in names:
        full, identifier = note_key(f"witness.example/{name}", name, 4)
        root += f'[[witness]]\nname = "{name}"\nkey = "{full}"\n'
        if random_.random() < 0.6:
            seconds = 1_800_000_000
            message = f"cosignature/v1\ntime {seconds}\n{note}".encode()
            signature = key(name if random_.random() < 0.97 else "x").sign(message)
            blob = identifier + seconds.to_bytes(8, "big") + signature
            lines += f"\u2014 witness.example/{name} {encode(blob)}\n"
    quorum = random_.choice([*names, "none"]) if names else None
    if len(names) > 1:
        wanted = random_.choice(['"any"', '"all"', str(random_.randint(1, len(names)))])
        root += f'[[group]]\nname = "g"\nneed = {wanted}\nmembers = {json.dumps(names)}\n'
        quorum = random_.choice([quorum, "g", "g"])
    return lines, (f'quorum = "{quorum}"\n' if quorum else "") + root


def bundle(random_):
    """A bundle of a ledger, and a trust root."""
    leaves = ledger(random_)
    hashes = [verify.sha256(b"\0", leaf) for leaf in leaves]
    note = f"{ORIGIN}\n{len(leaves)}\n{encode(tree_root(hashes))}\n"
    holders = {"ledger": 0.9, "l1": 0.5, "l2": 0.5}
    full, identifier = "", b""
    signed = ""
    for holder, chance in holders.items():
        if random_.random() < chance:
            full, identifier = note_key(ORIGIN, holder, 1)
            signed += f"\u2014 {ORIGIN} {encode(identifier + key(holder).sign(note.encode()))}\n"
    lines, witnesses = witnessed(random_, note)
    full, _ = note_key(ORIGIN, "ledger", 1)
    trust = (f'version = 1\norigin = "{ORIGIN}"\nledger = "{hashes[0].hex()}"\n'
             f'ledger_key = "{full}"\nadmins = ["{verify.Key(key_line("ada")).name}"]\n')
    trust += 'max_age = "1d"\n' if random_.random() < 0.2 else ""
    document = verify.write_document({})
    question = {"service": random_.choice(["shop", "pay"]),
                "environment": random_.choice(["production", "production/eu", "staging"]),
                "revision": "0" * 39 + "1", "time": 1_800_000_100_000}
    evidence = {
        "ledger": hashes[0].hex(), "question": question,
        "size": len(leaves) + random_.choice([0, 0, 0, 0, 0, 0, 0, -1, 1]),
        "newest_time": 1_800_000_000_000, "position": random_.choice(["unrelated", "linear"]),
        "difference": verify.sha256(document).hex(), "entries": list(range(len(leaves)))}
    shown = [{"index": i, "leaf": encode(leaf)} | (
        {"proof": [encode(h) for h in inclusion(i, hashes)]} if len(leaves) > 1 else {})
        for i, leaf in enumerate(leaves)]
    whole = {"type": "countersign bundle v1", "checkpoint": f"{note}\n{signed or '-'}{lines}",
             "entries": shown, "evidence": evidence, "blobs": [encode(document)]}
    return verify.spell(whole), (trust + witnesses).encode()
