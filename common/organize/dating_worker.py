"""The worker process of ``DatingPool``: dates chunks of groups until its input ends. Changes nothing on disk.

Both pipes carry pickles, which is safe only because this program holds both ends.
"""

import gc
import pickle
import sys
from contextlib import suppress

from common.dates.fallback import FallbackReader
from common.dates.prefetch import prefetch_limit
from common.organize.dating import Dater
from common.organize.dating_pool import date_chunk, read_chunk, write_answer
from common.sandbox import take_standard_output


def main() -> int:
    """Date chunk after chunk until the input ends."""
    # Dating makes a dozen short-lived values a file and hardly any cycles: collecting less often saves a twentieth.
    gc.set_threshold(100_000)
    answers = take_standard_output()
    requests = sys.stdin.buffer
    rules, layout = pickle.load(requests)
    with FallbackReader() as fallback, suppress(EOFError, BrokenPipeError):
        dater = Dater(rules, fallback.ask)
        prefetched = prefetch_limit(readers=1)
        while True:
            write_answer(answers, date_chunk(dater, layout, read_chunk(requests), prefetched))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
