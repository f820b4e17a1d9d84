#!/usr/bin/env python3
"""The second verifier, spec/verify.py: its own checks, and every vector.

    second.py --self-test

Needs the package cryptography; `tests/run` names a Python that has it.
"""

import os
import subprocess
import sys

if __name__ == "__main__":
    spec = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spec")
    script = os.path.join(spec, "verify.py")
    runs = [["--self-test"], ["--vectors", os.path.join(spec, "vectors")]]
    sys.exit(max(subprocess.run([sys.executable, script, *run], check=False).returncode
                 for run in runs))
