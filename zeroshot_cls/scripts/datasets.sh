#!/usr/bin/env bash
# Table: PointCLIP V2 with ViT-B/16 on ModelNet10, ModelNet40 and the three variants of ScanObjectNN.
# Flags: --root, --checkpoint, --output …, then KEY VALUE; --help tells them. ROOT and CHECKPOINT do too.
set -euo pipefail
here=$(dirname "$0")
exec "$here/../../scripts/python.sh" "$here/../reproduce.py" datasets "$@"
