#!/usr/bin/env python3
"""A witness, and somebody who asks one, with proofbundle, an implementation that is not ours.

    witness.py serve LOG-KEY SEED NAME SECONDS            serves tlog-witness, prints its URL, and
                                                          runs until its standard input ends
    witness.py ask URL REQUEST LOG-KEY WITNESS-KEY        hands a request in; verifies the answer
                                                          and prints status and `verified`
    witness.py --self-test                                a log of one entry and this witness

It takes C2SP's text alone (tlog-witness): nothing of ours is imported. Keys are verifier keys as
signed notes write them; SEED is 64 hexadecimal digits; REQUEST is a file.

Needs the packages proofbundle and cryptography (see proof.py).
"""

import base64
import hashlib
import http.client
import http.server
import sys
import threading
import urllib.parse

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from proofbundle import checkpoint, merkle


def split(body: str) -> tuple:
    """Old size, hashes and note of a request."""
    head, note = body.split("\n\n", 1)
    first, *hashes = head.split("\n")
    word, size = first.split(" ")
    if word != "old" or str(int(size)) != size or len(hashes) > 63:
        raise ValueError("not a request")
    return int(size), [base64.b64decode(line, validate=True) for line in hashes], note


class Witness:
    """One log, and what was cosigned of it last."""

    def __init__(self, log_key: str, seed: str, name: str, seconds: int) -> None:
        self.log_key, self.name, self.seconds = log_key, name, seconds
        self.origin = log_key.split("+")[0]
        self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        self.size, self.root, self.note = 0, hashlib.sha256(b"").digest(), None

    def answer(self, body: str) -> tuple:
        """Status, content type and content."""
        plain = "text/plain; charset=utf-8"
        try:
            old, hashes, note = split(body)
            origin = note.split("\n", 1)[0]
        except ValueError:
            return 400, plain, "malformed\n"
        if origin != self.origin:
            return 404, plain, "unknown log\n"
        found = checkpoint.verify_checkpoint(note, self.log_key)
        if not found["ok"]:
            return 403, plain, "not signed\n"
        size, root = found["tree_size"], found["root"]
        root = base64.b64decode(root) if isinstance(root, str) else root
        if old > size:
            return 400, plain, "old size above new\n"
        if old != self.size:
            return 409, "text/x.tlog.size", f"{self.size}\n"
        if old == 0:
            good = not hashes
        elif old == size:
            good = not hashes and root == self.root
        else:
            good = merkle.verify_consistency(old, size, hashes, self.root, root)
        if not good:
            return 422, plain, "not consistent\n"
        signed = checkpoint.cosign_checkpoint(note, self.key, self.name, self.seconds)
        self.size, self.root, self.note = size, root, signed
        return 200, plain, signed.rstrip("\n").split("\n")[-1] + "\n"


def serve(witness: Witness) -> None:
    """Serves until standard input ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """The two paths."""

        def send(self, status: int, kind: str, text: str) -> None:
            """An answer."""
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:  # noqa: N802 (the name is the library's)
            """add-checkpoint."""
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path != "/w/add-checkpoint":
                self.send(404, "text/plain", "no such path\n")
                return
            self.send(*witness.answer(body))

        def do_GET(self) -> None:  # noqa: N802 (the name is the library's)
            """The newest checkpoint."""
            digest = hashlib.sha256(witness.origin.encode()).hexdigest()
            if self.path != f"/m/{digest}/checkpoint" or witness.note is None:
                self.send(404, "text/plain", "nothing\n")
                return
            self.send(200, "text/plain; charset=utf-8", witness.note)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()


def ask(url: str, request: str, log_key: str, witness_key: str) -> int:
    """Hands a request in, and verifies what comes back."""
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=60)
    connection.request("POST", f"{place.path}/add-checkpoint", body=request.encode())
    answer = connection.getresponse()
    status, line = answer.status, answer.read().decode()
    if status != 200:
        print(status, line.strip())
        return 1
    note = split(request)[2] + line
    found = checkpoint.verify_witnessed_checkpoint(note, log_key, [witness_key], threshold=1)
    digest = hashlib.sha256(log_key.split("+")[0].encode()).hexdigest()
    connection.request("GET", f"{place.path}/{digest}/checkpoint")
    shown = connection.getresponse().read().decode()
    if not found["ok"] or shown != note:
        print(status, "not verified", found)
        return 1
    print(status, "verified")
    return 0


def self_test() -> None:
    """A log of one entry, each status of this witness, and its cosignature."""
    log, other = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (0, 2))
    log_key = checkpoint.vkey("log.example", log.public_key().public_bytes_raw())
    witness = Witness(log_key, "01" * 32, "witness.example", 1_700_000_000)

    def note(entry: bytes, key: Ed25519PrivateKey, name: str) -> str:
        return checkpoint.sign_checkpoint(name, 1, merkle.leaf_hash(entry), key, name)

    good = note(b"an entry", log, "log.example")
    asked = [
        ("nothing", 400),
        ("old 2\n\n" + good, 400),
        ("old 0\n\n" + note(b"an entry", other, "other.example"), 404),
        ("old 0\n\n" + note(b"an entry", other, "log.example"), 403),
        ("old 1\n\n" + good, 409),
        ("old 0\n\n" + good, 200),
        ("old 0\n\n" + good, 409),
        ("old 1\n\n" + note(b"another", log, "log.example"), 422),
        ("old 1\n\n" + good, 200),
    ]
    for body, expected in asked:
        status, _, line = witness.answer(body)
        if status != expected:
            raise SystemExit(f"{status} instead of {expected}: {body!r}")
    public = witness.key.public_key().public_bytes_raw()
    key = checkpoint.cosign_vkey("witness.example", public)
    found = checkpoint.verify_witnessed_checkpoint(good + line, log_key, [key], threshold=1)
    if not found["ok"]:
        raise SystemExit(f"not verified: {found}")


def main(arguments: list) -> int:
    """The command line."""
    if arguments == ["--self-test"]:
        self_test()
        print("verified")
        return 0
    if len(arguments) == 5 and arguments[0] == "serve":
        serve(Witness(arguments[1], arguments[2], arguments[3], int(arguments[4])))
        return 0
    if len(arguments) == 5 and arguments[0] == "ask":
        with open(arguments[2], encoding="utf-8", newline="") as file:
            return ask(arguments[1], file.read(), arguments[3], arguments[4])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
