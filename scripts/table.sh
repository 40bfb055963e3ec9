#!/usr/bin/env bash
# Makes a table that compares our scores with published ones: scripts/table.sh NAME [--root FOLDER] [--checkpoint FILE] …
# Without a name it lists the tables; NAME --help shows the options. ROOT and CHECKPOINT can be environment variables.
set -euo pipefail
here=$(dirname "$0")
exec "$here/python.sh" "$here/table.py" "$@"
