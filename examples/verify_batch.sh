#!/bin/sh
# Verify the next rows of a report: one batch, for cron or a systemd timer.
#
#   verify_batch.sh REPORT.csv [ROWS]
#
# Writes beside the report: verified.csv, unverified.csv, SHA256SUMS, a state file and, at the very end,
# verify.done. So each report wants a folder of its own.
#
# Silent while all is well, so that cron sends no mail. It speaks when rows need a person, when something
# is wrong, and once when the last batch is done. It may be called as often as you like:
#   - while another call is at work, the lock keeps this one out: silent, exit status 4, nothing is touched;
#   - after a kill or a reboot the next call goes on behind the last checkpoint. Nothing has to be cleaned
#     up: the lock is the system's and ends with its process, the lock file alone means nothing.
# Exit status: that of verify_media_archive.py.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: verify_batch.sh REPORT.csv [ROWS]" >&2
    exit 2
fi
rows=${2:-5000}
folder=$(CDPATH='' cd -- "$(dirname -- "$1")" && pwd)
report=$folder/$(basename -- "$1")

tools=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=${PYTHON:-$tools/.venv/bin/python}
[ -x "$python" ] || python=python3
finished=$folder/verify.done

# All done before, and the report is no newer one.
if [ -e "$finished" ] && [ -z "$(find "$report" -newer "$finished")" ]; then
    exit 0
fi

# SIGTERM (systemctl stop, shutdown) ends verify at its next checkpoint; this script waits for that.
trap : TERM INT
summary=$(mktemp)
trap 'rm -f "$summary"' EXIT
# To be called in a subshell, which it replaces: so no shell stands between to be ended by the signal.
verify() {
    exec "$python" "$tools/verify_media_archive.py" --quiet --input-csv "$report" --limit "$rows" \
        --verified-out "$folder/verified.csv" --unverified-out "$folder/unverified.csv"
}

code=0
trouble=$(verify 2>&1 >"$summary") || code=$?
[ "$code" -ne 4 ] || exit 4

[ -z "$trouble" ] || printf '%s\n' "$trouble"
if [ "$code" -le 1 ] && grep -q '"complete": true' "$folder/verified.csv.state.json"; then
    cat "$summary"
    : >"$finished"
elif [ "$code" -eq 1 ]; then
    printf 'some rows could not be verified; the reasons are in %s\n' "$folder/unverified.csv"
fi
exit "$code"
