#!/usr/bin/env bash
# Verify a report in shards, several at a time, with GNU parallel; then merge them into what one run would have written.
#
#   verify_shards.sh REPORT.csv FOLDER SHARDS [options of parallel]
#
#   verify_shards.sh report.csv out 8 --jobs 4                                     on this machine
#   verify_shards.sh report.csv out 8 --jobs 2 --sshlogin nas-one,nas-two          on hosts that share the NAS
#
# Over ssh, all paths (this project, REPORT, FOLDER, source and archive) must be the same on every host: put
# them on the NAS. Python is found as in `python=` below, or is what PYTHON names; verify needs no packages.
#
# The result is FOLDER/merged: verified.csv, unverified.csv and SHA256SUMS. Give the same line again after
# a crash or a lost host: each shard goes on where it stopped. Two calls at once do no harm, each shard
# has its lock; then one of them, or both, must be given again.
# Exit status: as verify_media_archive.py; 3 too when a host was lost or a shard was killed.
set -euo pipefail

if (($# < 3)) || [[ ! $3 =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: verify_shards.sh REPORT.csv FOLDER SHARDS [options of parallel]" >&2
    exit 2
fi
if ! command -v parallel >/dev/null; then
    echo "verify_shards: GNU parallel is needed (apt install parallel, brew install parallel)" >&2
    exit 2
fi
mkdir -p -- "$2/shards"
report=$(realpath -- "$1") folder=$(realpath -- "$2") shards=$3
shift 3

tools=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=${PYTHON:-$tools/.venv/bin/python}
[[ -x $python ]] || python=python3

# parallel replaces {} and the like wherever they stand, and its job log has a line for each job.
if [[ $tools$python$report$folder == *['{'$'\n']* ]]; then
    echo "verify_shards: a path with '{' or a line break in it can't go through parallel" >&2
    exit 2
fi

# Not `wc -l`: names may hold line breaks.
rows=$("$python" "$tools/examples/merge_shards.py" --count-rows "$report")
if ((rows == 0)); then
    echo "verify_shards: $report has no rows; there is nothing to verify"
    exit 0
fi
size=$(((rows + shards - 1) / shards))
offsets=$(seq 0 "$size" $((rows - 1)))

# A folder for each shard: outputs, state and lock of two shards never meet.
for offset in $offsets; do
    mkdir -p -- "$folder/shards/$offset-$size"
done

rm -f -- "$folder/shards.log"
# -q keeps quotes and spaces in paths, here and through ssh. parallel's own exit status only counts the jobs that
# failed, and rows that need attention are no failure: what matters is in the job log.
parallel -q --joblog "$folder/shards.log" "$@" \
    "$python" "$tools/verify_media_archive.py" --quiet --input-csv "$report" --offset {} --limit "$size" \
    --verified-out "$folder/shards/{}-$size/verified.csv" \
    --unverified-out "$folder/shards/{}-$size/unverified.csv" <<<"$offsets" >"$folder/shards.txt" || true

# Columns 7 and 8: exit status and signal. Bad input outweighs the rest, then a lock, then whatever else ended a shard.
code=$(awk -F '\t' -v jobs="$(wc -w <<<"$offsets")" '
    NR > 1 && $8 == 0 { seen[$7]++; ended += $7 <= 1 }
    END { print seen[2] ? 2 : seen[4] ? 4 : seen[130] ? 130 : ended < jobs ? 3 : 0 }' "$folder/shards.log")
if ((code > 0)); then
    echo "verify_shards: not all shards came to their end, see $folder/shards.log; run the same line again" >&2
    exit "$code"
fi

"$python" "$tools/examples/merge_shards.py" "$report" "$folder/merged" \
    "$folder"/shards/*-"$size"/verified.csv "$folder"/shards/*-"$size"/unverified.csv
