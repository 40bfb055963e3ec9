#!/usr/bin/env bash
# Picture: V1's and V2's depth maps of any shapes (bundled ones by default), and their similarity to a sentence.
# Shape files, then flags and KEY VALUE settings; --help tells them.
set -euo pipefail
here=$(dirname "$0")
exec "$here/../../scripts/python.sh" "$here/../figure.py" "$@"
