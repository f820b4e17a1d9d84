#!/usr/bin/env python3
"""Verifies a DSSE envelope with securesystemslib, an implementation that is not ours.

    dsse.py ENVELOPE PUBLIC-KEY     prints `verified`, or why not and exits 1
    dsse.py --self-test             accepts a good envelope of its own and refuses broken ones

ENVELOPE is a file with one envelope as JSON. PUBLIC-KEY is 64 hexadecimal digits: the 32 bytes
of an Ed25519 key. A signature counts only under the key's OpenSSH fingerprint as its `keyid`
(spec/statement.md); there must be at least one such signature. FIDO signatures sign something else
than the envelope's bytes and cannot be checked so.

Needs the packages securesystemslib (1.3 or later) and cryptography; `tests/run` puts them into a
folder of their own and names their Python in the variable COUNTERSIGN_PYTHON. A test of ours calls
`$COUNTERSIGN_PYTHON tests/interop/dsse.py ENVELOPE PUBLIC-KEY`, and prints `skipped: ...` where the
variable is not set.
"""

import base64
import hashlib
import json
import sys

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def fingerprint(public_key: bytes) -> str:
    """The key's name as `ssh-keygen -l` prints it."""
    parts = [b"ssh-ed25519", public_key]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return "SHA256:" + digest.rstrip("=")


def verify(envelope_text: str, public_key_hex: str) -> None:
    """Raises unless the envelope is of our type and signed by the key under its own name."""
    public_key = bytes.fromhex(public_key_hex)
    if len(public_key) != 32:
        raise VerificationError("a public key has 32 bytes")
    document = json.loads(envelope_text)
    keyids = [signature["keyid"] for signature in document["signatures"]]
    if len(set(keyids)) != len(keyids):
        raise VerificationError("two signatures under one keyid")
    # `from_dict` takes its argument apart, so nothing may be read from it below.
    envelope = Envelope.from_dict(document)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError(f"payload type {envelope.payload_type}")
    key = SSlibKey(
        fingerprint(public_key), "ed25519", "ed25519", {"public": public_key.hex()}
    )
    envelope.verify([key], 1)


def self_test() -> None:
    """One good envelope, and one change at a time."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    # RFC 8032 7.1, test 1.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    private_key = Ed25519PrivateKey.from_private_bytes(seed)
    public_key = private_key.public_key().public_bytes_raw()
    payload = b'{"_type":"https://in-toto.io/Statement/v1"}'
    # PAE, from the DSSE protocol: lengths are of bytes, in decimal.
    pae = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)

    def made(**changes: str) -> str:
        signature = private_key.sign(changes.get("signed", pae.decode()).encode())
        shown = changes.get("payload", payload.decode()).encode()
        return json.dumps(
            {
                "payload": base64.b64encode(shown).decode(),
                "payloadType": changes.get("payload_type", PAYLOAD_TYPE),
                "signatures": [
                    {
                        "keyid": changes.get("keyid", fingerprint(public_key)),
                        "sig": base64.b64encode(signature).decode(),
                    }
                ],
            }
        )

    verify(made(), public_key.hex())
    refused = {
        "another payload": (made(payload=payload.decode() + " "), public_key.hex()),
        "a bare signature without PAE": (made(signed=payload.decode()), public_key.hex()),
        "another payload type": (made(payload_type="text/plain"), public_key.hex()),
        "another keyid": (made(keyid="SHA256:other"), public_key.hex()),
        "another key": (made(), bytes(32).hex()),
        "a short key": (made(), "00"),
        "no signature": (
            json.dumps({"payload": "", "payloadType": PAYLOAD_TYPE, "signatures": []}),
            public_key.hex(),
        ),
    }
    for what, (envelope, key) in refused.items():
        try:
            verify(envelope, key)
        except (VerificationError, ValueError):
            continue
        raise SystemExit(f"accepted {what}")


def main(arguments: list) -> int:
    """The command line."""
    if arguments == ["--self-test"]:
        self_test()
        print("verified")
        return 0
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], encoding="utf-8") as file:
        text = file.read()
    try:
        verify(text, arguments[1])
    except (VerificationError, ValueError, KeyError, TypeError) as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 1
    print("verified")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
