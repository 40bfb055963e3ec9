#!/usr/bin/env bash
# Tables on the bundled set and encoder, by the code that makes the paper's: no weights, data or network, and some
# minutes on two cores. They go to output/demo_tables; a second call takes what the first one made, unless code,
# settings or files changed (--again makes all anew).
set -euo pipefail
root=$(dirname "$0")/..
few=(DATASET.MAX_SHAPES 32)
tables() {  # of one task: its folder, then their names
  "$root/scripts/table.sh" "${@:2}" --strict --output "output/demo_tables/$1" "${few[@]}" "${more[@]}"
}
more=("$@")
tables zeroshot_cls v1_v2_demo zeroshot_cls/ablation_prompts zeroshot_cls/what_rests_on_what
tables zeroshot_seg ablation_lookup zeroshot_seg/what_rests_on_what
if [[ -n ${QUICK:-} ]]; then exit; fi  # training heads takes longest
few=(DATASET.MAX_SHAPES 96)
tables fewshot_cls fewshot_unseen fewshot_turned fewshot_transfer_demo
few=(DATASET.MAX_SHAPES 8)
tables fewshot_cls fewshot_learned
