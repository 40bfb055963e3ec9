#!/usr/bin/env bash
# Makes tables on the bundled set and encoder with the code for the paper's tables; needs no weights, data or network,
# and takes some minutes on two cores. They are written to output/demo_tables; results are reused unless code, settings
# or files have changed (--again recomputes all).
set -euo pipefail
root=$(dirname "$0")/..
subset=(DATASET.MAX_SHAPES 32)
tables() {  # tables TASK_FOLDER NAME...
  "$root/scripts/table.sh" "${@:2}" --strict --output "output/demo_tables/$1" "${subset[@]}" "${more[@]}"
}
more=("$@")
tables zeroshot_cls v1_v2_demo zeroshot_cls/ablation_prompts zeroshot_cls/sentences_weights_pose
tables zeroshot_seg ablation_lookup zeroshot_seg/sentences_weights_pose
if [[ -n ${QUICK:-} ]]; then exit; fi  # skips few-shot, which takes longest
subset=(DATASET.MAX_SHAPES 96)
tables fewshot_cls fewshot_unseen fewshot_turned fewshot_transfer_demo
subset=(DATASET.MAX_SHAPES 8)
tables fewshot_cls fewshot_learned
