#!/bin/sh
# Copy, verify, quarantine: the three stages in a row, stopping at the first one that is not clean.
#
#   three_stages.sh SOURCE ARCHIVE WORK
#
# WORK is a folder for the manifests, outside SOURCE. The run at hand lives in WORK/current; when all of it
# is done that folder is renamed to WORK/done-<time>-<number>, and the next call begins anew. Nothing is destroyed:
# the originals are renamed into SOURCE/.media-quarantine, and come back with --restore.
#
# Exit status: that of the stage that was not clean (1 rows need attention, 2 bad usage or input, 3 stopped
# early, 4 another run is at work, 130 interrupted), else 0. Give the same line again to go on:
# stages that were clean are not repeated. After status 1, look at the rows; when they are as they should be,
# make the file that the message names, and give the line again.
set -eu

if [ $# -ne 3 ]; then
    echo "usage: three_stages.sh SOURCE ARCHIVE WORK" >&2
    exit 2
fi
source=$1 archive=$2 work=$3

tools=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=${PYTHON:-$tools/.venv/bin/python}
[ -x "$python" ] || python=python3

mkdir -p -- "$work/current"
work=$(CDPATH='' cd -- "$work" && pwd)
run=$work/current

# stage NAME COMMAND...: runs the command, unless it was clean before; ends this script when it is not clean now.
stage() {
    clean=$run/$1.clean
    name=$1
    shift
    [ ! -e "$clean" ] || return 0
    code=0
    "$python" "$@" || code=$?
    if [ "$code" -ne 0 ]; then
        printf 'three_stages: stopped at %s, exit status %s\n' "$name" "$code" >&2
        [ "$code" -ne 1 ] || printf 'to go on when you have looked at the rows: touch "%s"\n' "$clean" >&2
        exit "$code"
    fi
    : >"$clean"
}

# Fixed names for all outputs: that is how the same line, given again after a crash, finds what it began.
stage organize "$tools/organize_media_by_date.py" --mode copy \
    --source="$source" --destination-root="$archive" --report-csv "$run/report.csv"
stage verify "$tools/verify_media_archive.py" --input-csv "$run/report.csv" \
    --verified-out "$run/verified.csv" --unverified-out "$run/unverified.csv"
stage quarantine "$tools/apply_deletion_manifest.py" --manifest "$run/verified.csv" --expected-run-id auto

kept=$work/done-$(date +%Y-%m-%dT%H%M%S)-$$
mv -- "$run" "$kept"
printf 'three_stages: all done; what was named in %s is in %s now\n' "$run" "$kept"
