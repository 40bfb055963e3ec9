#!/usr/bin/env bash
# A table by its name, published figures beside ours: scripts/table.sh NAME [--root FOLDER] [--checkpoint FILE] …
# Without a name it lists the tables; NAME --help tells the flags. ROOT and CHECKPOINT may come as variables.
set -euo pipefail
here=$(dirname "$0")
exec "$here/python.sh" "$here/table.py" "$@"
