"""The process behind ``DatingPool``: reads chunks of groups, answers with their decisions, ends with its input.

Run as ``python -P -m common.organize.dating_worker``. Both pipes carry pickles, which is safe here alone: this process
and the one that started it are the same program, and nobody else holds the ends. Prints nothing, changes nothing on
disk.
"""

from __future__ import annotations

import gc
import pickle
import sys
from contextlib import suppress

from common.dates.fallback import FallbackReader
from common.dates.prefetch import prefetch_limit
from common.organize.dating import Dater
from common.organize.dating_pool import date_chunk, unpacked, write_answer


def main() -> int:
    """Date chunk after chunk until the input ends."""
    # Dating makes a dozen short-lived values a file and hardly any cycles: looking for those seldom saves a twentieth.
    gc.set_threshold(100_000)
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing but answers may stand among the answers
    questions = sys.stdin.buffer
    rules, layout = pickle.load(questions)
    with FallbackReader() as second_opinion, suppress(EOFError, BrokenPipeError):
        dater = Dater(rules, second_opinion)
        ahead = prefetch_limit(readers=1)
        while True:
            write_answer(answers, date_chunk(dater, layout, unpacked(pickle.load(questions)), ahead))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
