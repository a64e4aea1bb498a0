"""The examples are shell scripts and units of Linux and macOS; on Windows there is nothing to run them with."""

from __future__ import annotations

import sys
from pathlib import Path

collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py")] if sys.platform == "win32" else []
