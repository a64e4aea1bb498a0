"""Write the completion files for bash, zsh and fish out of the scripts' own parsers.

    python -m completion.generate

A test fails while the files are not what this writes. Changes the disk: the files beside this one.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SCRIPTS = ("organize_media_by_date", "verify_media_archive", "apply_deletion_manifest")
HEAD = "# Written by: python -m completion.generate. How to use it stands in the README, under Set up.\n"


@dataclass(frozen=True, slots=True)
class Option:
    """An option as a shell needs it. ``value`` is nothing, file, folder, word (one of ``words``) or text."""

    name: str
    value: str
    words: tuple[str, ...]
    help: str
    repeatable: bool


def options_of(script: str) -> list[Option]:
    """The options of a script, in the order of its help. Loads the script."""
    parser: argparse.ArgumentParser = importlib.import_module(script).command_line()
    # argparse has no public list of what was added to a parser.
    return [_option(action) for action in parser._actions]


def _option(action: argparse.Action) -> Option:
    value = {"PATH": "file", "DIR": "folder"}.get(str(action.metavar), "text")
    if action.nargs == 0:
        value = "nothing"
    words = tuple(str(choice) for choice in action.choices or ())
    text = (action.help or "").replace("%%", "%")
    repeatable = isinstance(action.default, list)
    return Option(action.option_strings[-1], "word" if words else value, words, text, repeatable)


# --- bash ------------------------------------------------------------------------------------------


def bash() -> str:
    """For ``source``; files and folders are left to readline, which quotes them."""
    return HEAD + "\n".join(_bash_function(f"{script}.py", options_of(script)) for script in SCRIPTS)


def _bash_function(command: str, options: list[Option]) -> str:
    function = f"_{command.removesuffix('.py')}"
    cases = [
        f'        {option.name}) COMPREPLY=($(compgen -W "{" ".join(option.words)}" -- "$word")) ;;'
        for option in options
        if option.value == "word"
    ]
    for value, action in (
        ("folder", "compopt +o default -o dirnames 2>/dev/null"),
        ("file", ""),
        ("text", "compopt +o default 2>/dev/null"),
    ):
        names = "|".join(option.name for option in options if option.value == value)
        cases += [f"        {names}) {action or ':'} ;;"] if names else []
    every = " ".join(option.name for option in options)
    return "\n".join(
        [
            f"{function}() {{",
            '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}"',
            "    COMPREPLY=()",
            "    # bash takes --option=value apart at the sign",
            "    if [[ $word == = ]]; then",
            "        word=",
            "    elif [[ $before == = ]]; then",
            '        before="${COMP_WORDS[COMP_CWORD - 2]}"',
            "    fi",
            "    case $before in",
            *cases,
            f'        *) COMPREPLY=($(compgen -W "{every}" -- "$word")) ;;',
            "    esac",
            "}",
            f"complete -o default -F {function} {command}",
            "",
        ]
    )


# --- zsh -------------------------------------------------------------------------------------------


def zsh() -> str:
    """A function for a folder of ``fpath``."""
    commands = " ".join(f"{script}.py" for script in SCRIPTS)
    cases = [f"    {script}.py) _arguments -S{_zsh_specs(options_of(script))} ;;" for script in SCRIPTS]
    return "\n".join([f"#compdef {commands}", HEAD + "case $service in", *cases, "esac", ""])


def _zsh_specs(options: list[Option]) -> str:
    specs = []
    for option in options:
        told = "".join(f"\\{letter}" if letter in "[]\\" else letter for letter in option.help)
        sign = "" if option.value == "nothing" else "="
        many = "*" if option.repeatable else ""
        value = {
            "nothing": "",
            "file": ":file:_files",
            "folder": ":folder:_directories",
            "word": f":value:({' '.join(option.words)})",
            "text": ":value: ",
        }[option.value]
        specs.append(_in_quotes(f"{many}{option.name}{sign}[{told}]{value}"))
    return " \\\n        ".join(["", *specs])


# --- fish ------------------------------------------------------------------------------------------


def fish() -> str:
    """For ``source``, or a file of fish's folder of completions."""
    lines = []
    for script in SCRIPTS:
        for option in options_of(script):
            value = {
                "nothing": " -f",
                "file": " -r -F",
                "folder": " -x -a '(__fish_complete_directories)'",
                "word": f" -x -a '{' '.join(option.words)}'",
                "text": " -x",
            }[option.value]
            told = _in_quotes(option.help, quote="\\'")
            lines.append(f"complete -c {script}.py -l {option.name.removeprefix('--')}{value} -d {told}")
    return HEAD + "\n".join(lines) + "\n"


def _in_quotes(text: str, quote: str = "'\\''") -> str:
    """A text in single quotes; ``quote`` is how a shell writes one of these among them."""
    return "'" + text.replace("'", quote) + "'"


FILES: dict[str, Callable[[], str]] = {
    "media-archive.bash": bash,
    "_media_archive": zsh,
    "media-archive.fish": fish,
}


def main() -> int:
    """Write all files."""
    for name, make in FILES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8", newline="\n")
        print(f"written: {FOLDER.name}/{name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
