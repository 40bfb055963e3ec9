#!/usr/bin/env bash
# Table: PointCLIP V2 with four encoders on ModelNet40 and ScanObjectNN.
# Flags: --root, --checkpoint, --output …, then KEY VALUE; --help tells them. ROOT and CHECKPOINT do too.
set -euo pipefail
here=$(dirname "$0")
exec "$here/../../scripts/python.sh" "$here/../reproduce.py" backbones "$@"
