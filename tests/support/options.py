"""Common options as a command line would give them."""

from __future__ import annotations

from common.cli.options import CommonOptions, add_common_options, make_parser, parse_arguments


def parsed(*line: str) -> CommonOptions:
    """The common options of a command line."""
    parser = make_parser("What it does.", "examples:")
    add_common_options(parser)
    return CommonOptions(**vars(parse_arguments(parser, line)))


QUIETLY = parsed()
