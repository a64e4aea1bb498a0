"""Command lines to paste into a shell of this system, whatever the names in them hold. Changes nothing."""

from __future__ import annotations

import os
import re
import sys

from common.stages import Stage

_PLAIN = re.compile(r"(?!=)[\w@%+=:,./-]+", re.ASCII)


def script_command(stage: Stage, *arguments: str) -> str:
    """The command line that starts the script of a stage as the running one was started. Looks at ``PATH``."""
    folder = os.path.dirname(sys.argv[0])
    return " ".join(quoted(word) for word in (_python(), os.path.join(folder, stage.script), *arguments))


def quoted(argument: str) -> str:
    """An argument as the shell must see it. Pure.

    POSIX shells: single quotes (XCU 2.2.2); where something can't be printed, dollar-single-quotes with octal
    escapes (XCU 2.2.4 of POSIX.1-2024; bash, zsh, ksh and others have long had them). Windows, where a name can hold no
    double quote: double quotes, for both of its shells.
    """
    if _PLAIN.fullmatch(argument):
        return argument
    if sys.platform == "win32":
        return f'"{argument}"'
    if argument.isprintable():
        return "'" + argument.replace("'", "'\"'\"'") + "'"
    return "$'" + "".join(_escaped(character) for character in argument) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    return character if character.isprintable() else "".join(f"\\{byte:03o}" for byte in os.fsencode(character))


def _python() -> str:
    """The word that starts this very Python: its short name where that leads to it, else its path."""
    import shutil  # noqa: PLC0415 - it loads three compression libraries

    name = "python" if sys.platform == "win32" else "python3"
    found = shutil.which(name)
    short = found and os.path.dirname(os.path.abspath(found)) == os.path.dirname(sys.executable)
    return name if short or not sys.executable else sys.executable
