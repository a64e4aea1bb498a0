"""The completion files are what the parsers say, and real shells complete options, words, files and folders by them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from completion.generate import FILES, FOLDER, SCRIPTS, options_of
from tests.support.trees import write_tree

UPDATE = "bring the completion files up to date with: .venv/bin/python -m completion.generate"
SECONDS = 20.0
ORGANIZE, VERIFY, APPLY = (f"{script}.py" for script in SCRIPTS)


def needs(shell: str) -> pytest.MarkDecorator:
    missing = sys.platform == "win32" or shutil.which(shell) is None
    return pytest.mark.skipif(missing, reason=f"needs {shell} on Linux or macOS: install {shell}")


@pytest.mark.parametrize(("name", "make"), FILES.items(), ids=FILES)
def test_a_completion_file_is_what_the_parsers_say(name: str, make: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == make(), UPDATE


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_option_of_the_help_can_be_completed(script: str) -> None:
    shown = subprocess.run(
        [sys.executable, f"{FOLDER.parent / script}.py", "--help"], capture_output=True, text=True, check=True
    )
    helped = {word.strip("[]") for word in shown.stdout.split("\n\n")[0].split() if word.startswith(("--", "[--"))}
    assert helped <= {option.name for option in options_of(script)}
    assert len(helped) > 10


def typed(command: list[str], folder: Path, setup: list[str], keys: str) -> list[str]:
    """Type keys into an interactive shell on a terminal of its own; what the script would be given as arguments."""
    if sys.platform == "win32":
        pytest.skip("needs a pseudo terminal: run it on Linux or macOS")
    import pty
    import select

    child, terminal = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        os.execvpe("sh", ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command], environment)
    heard = b""

    def until(sign: bytes) -> None:
        nonlocal heard
        deadline = time.monotonic() + SECONDS
        while sign not in heard:
            left = deadline - time.monotonic()
            assert left > 0, f"no {sign!r} in {heard!r}"
            if select.select([terminal], [], [], left)[0]:
                heard += os.read(terminal, 65536)

    try:
        # The script is stood in for by a function that shows its arguments.
        show = [f"{name}() {{ printf 'ARGS'; printf '<%s>' \"$@\"; echo .END; }}" for name in (ORGANIZE, VERIFY, APPLY)]
        for line in [*setup, *show]:
            os.write(terminal, f"{line}; echo DO''NE\n".encode())
            until(b"DONE")
            heard = b""
        os.write(terminal, keys.encode())
        until(b".END")
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)
    found = heard.decode().rpartition("ARGS<")[2].partition(">.END")[0]
    return found.split("><")


BASH = ["bash", "--norc", "--noprofile", "-i"]
BASH_SETUP = ["bind 'set enable-bracketed-paste off' 2>/dev/null", f"source '{FOLDER}/media-archive.bash'"]
ZSH = ["zsh", "-f", "-i"]
ZSH_SETUP = [f"fpath=('{FOLDER}' $fpath)", "autoload -U compinit", "compinit -u -D"]
CASES = [
    (f"{ORGANIZE} --destin\tarch\t\n", ["--destination-root", "archive of all/"]),
    (f"{ORGANIZE} --mode c\t\n", ["--mode", "copy"]),
    (f"{ORGANIZE} --from-report my\t\n", ["--from-report", "my $report's.csv"]),
    (f"{VERIFY} --archive-o\t--read-mode ca\t\n", ["--archive-only", "--read-mode", "cached"]),
    (f"{APPLY} --mani\tmy\t--rest\t\n", ["--manifest", "my $report's.csv", "--restore"]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tree(tmp_path, {"archive of all/": b"", "architecture.txt": b"", "my $report's.csv": b""})
    return tmp_path


@needs("bash")
@pytest.mark.parametrize(("keys", "arguments"), [*CASES, (f"{ORGANIZE} --mode=re\t\n", ["--mode=report"])])
def test_bash_completes(folder: Path, keys: str, arguments: list[str]) -> None:
    assert typed(BASH, folder, BASH_SETUP, keys) == arguments


@needs("zsh")
@pytest.mark.parametrize(("keys", "arguments"), CASES)
def test_zsh_completes(folder: Path, keys: str, arguments: list[str]) -> None:
    # zsh writes --option=value, and takes the slash of a folder away when the line is finished
    given = " ".join(typed(ZSH, folder, ZSH_SETUP, keys)).replace("=", " ")
    assert given == " ".join(arguments).removesuffix("/")


@needs("fish")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"{ORGANIZE} --destin", {"--destination-root"}),
        (f"{ORGANIZE} --mode ", {"report", "copy", "move"}),
        (f"{ORGANIZE} --source arch", {"archive of all/"}),
        (f"{VERIFY} --input-csv my", {"my $report's.csv"}),
        (f"{APPLY} --max-age my", set()),
    ],
)
def test_fish_completes(folder: Path, line: str, found: set[str]) -> None:
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source '{FOLDER}/media-archive.fish'; complete -C '{line}'"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert {answer.partition("\t")[0] for answer in done.stdout.splitlines()} == found
