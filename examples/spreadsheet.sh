#!/bin/sh
# Turn a manifest into a LibreOffice spreadsheet, or that back into a manifest, with the settings that keep every cell.
#
#   spreadsheet.sh report.csv       makes report.ods beside it
#   spreadsheet.sh report.ods       makes report.csv beside it
#
# An existing file is never overwritten. Exit status: 0, 2 bad usage or input, 3 LibreOffice failed.
set -eu

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "usage: spreadsheet.sh report.csv|report.ods" >&2
    exit 2
fi
case $1 in
*.csv) wanted=ods target=${1%.csv}.ods ;;
*.ods) wanted='csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false' target=${1%.ods}.csv ;;
*)
    echo "spreadsheet: $1 is neither .csv nor .ods" >&2
    exit 2
    ;;
esac
if [ -e "$target" ]; then
    echo "spreadsheet: $target exists already" >&2
    exit 2
fi

from=$(CDPATH='' cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")

# The filter's numbers: comma (44), quote (34), UTF-8 (76), from line 1; then, reading, "quoted field as text" yes and
# "detect special numbers" no; writing, quote all text cells, and the content as it is instead of as it is shown.
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
# A profile of its own: else nothing happens at all while a LibreOffice window is open.
soffice --headless "-env:UserInstallation=file://$made/profile" --infilter='CSV:44,34,76,1,,0,true,false' \
    --convert-to "$wanted" --outdir "$made" "$from" >"$made/log" 2>&1 || true
set -- "$made/$(basename -- "$target")" "$target"
if [ ! -f "$1" ]; then
    cat "$made/log" >&2
    exit 3
fi
mv -- "$1" "$2"
