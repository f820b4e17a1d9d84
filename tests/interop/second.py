#!/usr/bin/env python3
"""The second verifier, spec/verify.py: its own arithmetic, and every vector.

    second.py --self-test

Needs the package cryptography; `tests/run` names a Python that has it.
"""

import os
import subprocess
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    script = os.path.join(here, "..", "..", "spec", "verify_vectors.py")
    sys.exit(subprocess.run([sys.executable, script], check=False).returncode)
