"""Command lines for pasting into a shell of this system, quoted safely for any characters."""

import os
import re
import sys

from common.stages import Stage

_PLAIN = re.compile(r"(?!=)[\w@%+=:,./-]+", re.ASCII)


def script_command(stage: Stage, *arguments: str) -> str:
    """The command line that starts the script of a stage in the way this one was started. Reads ``PATH``."""
    folder = os.path.dirname(sys.argv[0])
    return " ".join(quoted(argument) for argument in (_python(), os.path.join(folder, stage.script), *arguments))


def quoted(argument: str) -> str:
    """Quote an argument for the shell. Pure.

    POSIX shells: single quotes (XCU 2.2.2), or for unprintable characters dollar-single-quotes with octal escapes (XCU
    2.2.4 of POSIX.1-2024, which bash, zsh and ksh follow). Windows: double quotes, which no file name there can hold.
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
    """The command that starts this Python: its short name if ``PATH`` finds it, else its path."""
    import shutil  # noqa: PLC0415 - it loads three compression libraries

    name = "python" if sys.platform == "win32" else "python3"
    found = shutil.which(name)
    short = found and os.path.dirname(os.path.abspath(found)) == os.path.dirname(sys.executable)
    return name if short or not sys.executable else sys.executable
