#!/usr/bin/env python3
"""Proofs and cosignatures with proofbundle, an implementation that is not ours.

    proof.py verify PROOF LOG-KEY NEED WITNESS-KEY...   prints `verified`, or why not and exits 1
    proof.py cosign NOTE SEED NAME SECONDS              prints the note with one cosignature more
    proof.py --self-test                                accepts a proof of its own, refuses others

PROOF is a file in tlog-proof layout whose `extra` line is the entry (spec/proof.md); keys are
verifier keys as signed notes write them; SEED is 64 hexadecimal digits. NEED of the witnesses must
have cosigned. A proof is verified only if proofbundle, given its parts, writes the same bytes.

Needs the packages proofbundle and cryptography; `tests/run` puts them into a folder of their own
and names their Python in the variable COUNTERSIGN_PYTHON.
"""

import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from proofbundle import checkpoint, merkle, tlogproof


def verify(text: str, log_key: str, need: int, witness_keys: list) -> None:
    """Raises unless the proof is one of the entry that it holds."""
    parts = tlogproof.parse_tlog_proof(text)
    again = tlogproof.format_tlog_proof(
        parts["index"], parts["proof"], parts["checkpoint"], parts["extra"]
    )
    if again != text:
        raise ValueError("written again, it has other bytes")
    found = tlogproof.verify_tlog_proof(
        text, parts["extra"], log_key, witness_keys, threshold=need
    )
    if not found["ok"]:
        raise ValueError(str(found))


def cosign(note: str, seed: str, name: str, seconds: int) -> str:
    """The note with the cosignature of the witness of that name."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    return checkpoint.cosign_checkpoint(note, key, name, seconds)


def self_test() -> None:
    """A log of one entry and one witness, and one change at a time."""
    log = Ed25519PrivateKey.from_private_bytes(bytes(32))
    witness = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
    entry = b"an entry"
    root = merkle.leaf_hash(entry)
    note = checkpoint.sign_checkpoint("log.example", 1, root, log, "log.example")
    note = checkpoint.cosign_checkpoint(note, witness, "witness.example", 1_700_000_000)
    text = tlogproof.format_tlog_proof(0, [], note, entry)
    log_key = checkpoint.vkey("log.example", log.public_key().public_bytes_raw())
    key = checkpoint.cosign_vkey("witness.example", witness.public_key().public_bytes_raw())
    verify(text, log_key, 1, [key])
    refused = {
        "another entry": (text.replace("extra YW4g", "extra YW5g"), 1),
        "another second": (text.replace("AAAABlU/EA", "AAAABlU/EB"), 1),
        "another index": (text.replace("index 0", "index 1"), 1),
        "a witness too few": (text, 2),
    }
    for what, (changed, need) in refused.items():
        try:
            verify(changed, log_key, need, [key])
        except ValueError:
            continue
        raise SystemExit(f"accepted {what}")


def main(arguments: list) -> int:
    """The command line."""
    if arguments == ["--self-test"]:
        self_test()
        print("verified")
        return 0
    if len(arguments) >= 4 and arguments[0] == "verify":
        with open(arguments[1], encoding="utf-8", newline="") as file:
            text = file.read()
        try:
            verify(text, arguments[2], int(arguments[3]), arguments[4:])
        except (ValueError, KeyError, TypeError) as error:
            print(f"not verified: {error}", file=sys.stderr)
            return 1
        print("verified")
        return 0
    if len(arguments) == 5 and arguments[0] == "cosign":
        with open(arguments[1], encoding="utf-8", newline="") as file:
            text = file.read()
        sys.stdout.write(cosign(text, arguments[2], arguments[3], int(arguments[4])))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
