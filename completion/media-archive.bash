# Written by: python -m completion.generate. How to use it stands in the README, under Set up.
_organize_media_by_date() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}"
    COMPREPLY=()
    # bash takes --option=value apart at the sign
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    case $before in
        --mode) COMPREPLY=($(compgen -W "report copy move" -- "$word")) ;;
        --media-kind) COMPREPLY=($(compgen -W "images videos both" -- "$word")) ;;
        --duplicates) COMPREPLY=($(compgen -W "skip keep" -- "$word")) ;;
        --source|--destination-root) compopt +o default -o dirnames 2>/dev/null ;;
        --report-csv|--from-report|--review-html|--log-file) : ;;
        --types|--date-from|--date-to|--exclude|--layout|--date-sources|--timezone|--jobs) compopt +o default 2>/dev/null ;;
        *) COMPREPLY=($(compgen -W "--help --source --destination-root --mode --dry-run --report-csv --from-report --media-kind --types --date-from --date-to --exclude --layout --duplicates --date-sources --timezone --jobs --json --quiet --verbose --review-html --log-file" -- "$word")) ;;
    esac
}
complete -o default -F _organize_media_by_date organize_media_by_date.py

_verify_media_archive() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}"
    COMPREPLY=()
    # bash takes --option=value apart at the sign
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    case $before in
        --hash) COMPREPLY=($(compgen -W "sha256" -- "$word")) ;;
        --read-mode) COMPREPLY=($(compgen -W "cold cached" -- "$word")) ;;
        --source-now-at|--archive-now-at) compopt +o default -o dirnames 2>/dev/null ;;
        --input-csv|--verified-out|--unverified-out|--state-file|--review-html|--log-file) : ;;
        --limit|--offset|--jobs) compopt +o default 2>/dev/null ;;
        *) COMPREPLY=($(compgen -W "--help --input-csv --verified-out --unverified-out --hash --read-mode --archive-only --source-now-at --archive-now-at --limit --offset --state-file --jobs --json --quiet --verbose --review-html --log-file" -- "$word")) ;;
    esac
}
complete -o default -F _verify_media_archive verify_media_archive.py

_apply_deletion_manifest() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}"
    COMPREPLY=()
    # bash takes --option=value apart at the sign
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    case $before in
        --quarantine-root|--source-now-at|--archive-now-at) compopt +o default -o dirnames 2>/dev/null ;;
        --manifest|--state-file|--review-html|--log-file) : ;;
        --expected-run-id|--max-age|--limit|--offset|--jobs) compopt +o default 2>/dev/null ;;
        *) COMPREPLY=($(compgen -W "--help --manifest --expected-run-id --quarantine-root --dry-run --restore --prune-empty-dirs --max-age --delete-permanently --yes-really-delete --accept-cached-reads --accept-lost-attributes --source-now-at --archive-now-at --limit --offset --state-file --jobs --json --quiet --verbose --review-html --log-file" -- "$word")) ;;
    esac
}
complete -o default -F _apply_deletion_manifest apply_deletion_manifest.py
