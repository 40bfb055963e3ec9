#!/usr/bin/env bash
# Tables on the bundled set and encoder, by the code that makes the paper's: no weights, data or network, and less than
# three minutes on two cores. They go to output/demo_tables; a second call takes what the first one made, unless code,
# settings or files changed (--again makes all anew).
set -euo pipefail
root=$(dirname "$0")/..
run() {
  "$root/scripts/python.sh" "$root/$1/reproduce.py" --strict --output "output/demo_tables/$1" "${@:2}"
}
few=(DATASET.MAX_SHAPES 32)
run zeroshot_cls v1_v2_demo ablation_prompts what_rests_on_what "${few[@]}" "$@"
run zeroshot_seg ablation_lookup what_rests_on_what "${few[@]}" "$@"
