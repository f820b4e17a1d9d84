#!/usr/bin/env python3
"""spec/verify.py on a folder of bundles that a test of the program generated.

    generated.py mutate FOLDER    beside each bundle another one that is changed in one place
    generated.py compare FOLDER   answers.json has the program's answers: are these the same?

A bundle N.bundle or N.WORD.bundle is judged under the trust root N.toml. Prints one line with its
figures, and exits 1 where the two verifiers differ. Needs the package cryptography.
"""

import json
import pathlib
import random
import sys

import campaign
import verify


def mutate(folder):
    for file in sorted(folder.glob("*.bundle")):
        random_ = random.Random(file.name)
        changed = campaign.mutated_bundle(random_, file.read_bytes())
        if changed.startswith(verify.BUNDLE_HEAD):
            file.with_name(f"{file.stem}.mutated.bundle").write_bytes(changed)


def answer(data, trust):
    """What spec/verify.py makes of a bundle."""
    try:
        report, _ = verify.verify_bundle(data, trust, 0)
    except verify.Tampered as error:
        return ["TAMPERED", [str(error).split(":")[0]]]
    except verify.BadInput:  # of another ledger than the trust root
        return ["TAMPERED", ["CHECKPOINT"]]
    return [report["answer"], report["reasons"]]


def compare(folder):
    tally = campaign.Tally("generated bundles", "of their names")
    answers = json.loads((folder / "answers.json").read_bytes())
    for name, wanted in sorted(answers.items()):
        trust = verify.TrustRoot((folder / f"{name.split('.')[0]}.toml").read_bytes())
        data = (folder / name).read_bytes()
        tally.compare(answer(data, trust), wanted, (name, len(data)))
    return tally.end()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("mutate", "compare"):
        sys.exit(__doc__)
    sys.exit({"mutate": mutate, "compare": compare}[sys.argv[1]](pathlib.Path(sys.argv[2])))
