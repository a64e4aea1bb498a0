"""The CSV files: any name makes the round trip, damage is noticed wherever it is, and a seal breaks at any change."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import BadInput
from common.manifests.integrity import chain_of, first_chain, seal, seal_of
from common.manifests.reader import MAX_LINE_BYTES, Reader
from common.manifests.rows import (
    JOURNAL,
    REPORT,
    VERIFY,
    RowIds,
    Table,
    VerifyRow,
    Writer,
    checksum_line,
    encode_record,
)

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
NAMES = st.binary(max_size=30).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"\n")))
HOSTILE = [
    os.fsdecode(raw) for raw in (b"a\nb", b"a\rb", b"a\r\nb", b'a"b', b'","', b"\xff\xfe", b"", b" ", b"\xef\xbb\xbf")
]
on_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def read(path: Path, required: tuple[str, ...] = ()) -> list[dict[str, str]]:
    with Reader(str(path), required) as reader:
        return [record.values for record in reader]


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# --- what is written is read ------------------------------------------------------------------------


@given(st.lists(st.tuples(NAMES, NAMES), max_size=5))
@on_one_folder
def test_any_name_comes_back_as_it_went(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = put(tmp_path / "a.csv", encode_record(["one", "two"]) + b"".join(encode_record(row) for row in rows))
    assert [tuple(values.values()) for values in read(path)] == rows


@given(st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=2))
@on_one_folder
def test_pythons_own_reader_understands_what_is_written(tmp_path: Path, row: list[str]) -> None:
    path = put(tmp_path / "a.csv", encode_record(["one", "two"]) + encode_record(row))
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert list(csv.reader(file, strict=True)) == [["one", "two"], row]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_what_a_spreadsheet_saves_is_read_alike(tmp_path: Path, bom: bytes, line_end: str, quoting: Any) -> None:
    rows = [["one", "two"], ["é, with comma", 'a "quoted" word'], ["", "two\nlines"]]
    with open(tmp_path / "a.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=quoting, lineterminator=line_end).writerows(rows)
    path = put(tmp_path / "b.csv", bom + (tmp_path / "a.csv").read_bytes())
    assert [list(values.values()) for values in read(path, ("one",))] == rows[1:]


def test_unknown_columns_are_ignored_and_order_does_not_matter(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b"mine,two,one\nx,2,1\n")
    assert read(path, ("one", "two")) == [{"mine": "x", "two": "2", "one": "1"}]


def test_reading_goes_on_at_the_end_of_any_row(tmp_path: Path) -> None:
    rows = [[str(number), HOSTILE[number % len(HOSTILE)]] for number in range(20)]
    path = put(tmp_path / "a.csv", b"\xef\xbb\xbf" + b"".join(map(encode_record, [["n", "name"], *rows])))
    with Reader(str(path), ("n",)) as reader:
        records = list(reader)
    assert records[-1].end == path.stat().st_size
    for number, record in enumerate(records):
        with Reader(str(path), ("n",)) as reader:
            reader.seek(record.end)
            assert [again.values["n"] for again in reader] == [row[0] for row in rows[number + 1 :]]


def test_a_record_tells_the_line_on_which_it_begins(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b'"n"\n"1\nstill 1"\n\n"2"\n')
    with Reader(str(path), ()) as reader:
        assert next(record.line for record in reader) == 2
    assert [values["n"] for values in read(path)] == ["1\nstill 1", "2"]


# --- damage -----------------------------------------------------------------------------------------


FIRST = encode_record(["1", "plain"])
LAST = encode_record(["2", 'comma, "quote", é and\nline feed'])


@pytest.mark.parametrize("kept", range(len(LAST)))
def test_a_last_row_torn_at_any_byte_is_dropped_and_told(tmp_path: Path, kept: int) -> None:
    path = put(tmp_path / "a.csv", encode_record(["n", "name"]) + FIRST + LAST[:kept])
    with Reader(str(path), ("n",)) as reader:
        assert [record.values["n"] for record in reader] == ["1"]
        assert reader.torn_line == (3 if kept else 0)


@pytest.mark.parametrize("kept", [0, 1, len(LAST) - 1])
@pytest.mark.parametrize("zeros", [1, 100, 5000, MAX_LINE_BYTES + 100])
def test_zeros_at_the_end_are_a_torn_row_as_a_power_cut_leaves_it(tmp_path: Path, kept: int, zeros: int) -> None:
    header = encode_record(["n", "x" * 4096])  # so that the zeros do not stand where the header is looked for
    path = put(tmp_path / "a.csv", header + FIRST + LAST[:kept] + bytes(zeros))
    with Reader(str(path), ("n",)) as reader:
        assert [record.values["n"] for record in reader] == ["1"]
        assert reader.torn_line > 0


HEADER = encode_record(["n", "x" * 4096])
DAMAGED = {
    "a quote left open in the middle": HEADER + b'"1","open\n' + FIRST + LAST,
    "a quote left open that swallows all behind it": HEADER + b'"1","open\n' + b'"",""\n' * 3,
    "text behind a closing quote": HEADER + b'"1","a"b"\n' + FIRST,
    "too few fields": HEADER + b'"1"\n' + FIRST,
    "too many fields": HEADER + b'"1","2","3"\n' + FIRST,
    "a NUL in the middle": HEADER + b'"1","a\0b"\n' + FIRST,
    "zeros in the middle": HEADER + FIRST + bytes(100) + b"\n" + LAST,
    "a line without end": HEADER + b'"1","' + b"x" * (MAX_LINE_BYTES + 5) + b'"\n',
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_that_is_no_torn_end_is_refused_with_its_place(tmp_path: Path, data: bytes) -> None:
    path = put(tmp_path / "a.csv", data)
    with pytest.raises(BadInput, match=r"a\.csv, line \d+: "):
        read(path)


NO_TABLES = {
    "empty": (b"", "is empty"),
    "a photo": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "is not a CSV file"),
    "half a header": (b'"n","na', "no complete header row"),
    "a header without end": (b'"n","name"', "no complete header row"),
    "a column missing": (b"name\n", "has no column n"),
    "a column twice": (b"n,name,n\n", "has a column twice"),
    "only line feeds": (b"\n\n", "header"),
}


@pytest.mark.parametrize(("data", "told"), NO_TABLES.values(), ids=NO_TABLES.keys())
def test_what_is_no_such_table_is_refused_by_name(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(BadInput, match=rf"a\.csv.*{told}"):
        read(put(tmp_path / "a.csv", data), ("n",))


def test_a_folder_or_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    for path, fault in ((tmp_path, "it is no regular file"), (tmp_path / "missing.csv", "there is no such file")):
        with pytest.raises(BadInput, match=fault):
            Reader(str(path), ())


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "٣", "seven", " 1", "1" * 20])
def test_what_is_not_a_whole_number_is_refused_with_its_column(text: str) -> None:
    values = {**dict.fromkeys(REPORT.columns, ""), "row_id": "1", "group_id": "1", "size_bytes": text}
    with pytest.raises(BadInput, match=r"^line 7: column size_bytes holds "):
        REPORT.decode(values, "line 7")


# --- seals and chains --------------------------------------------------------------------------------


@pytest.fixture
def verified() -> VerifyRow:
    values = {column: f"some {column}" for column in VERIFY.columns}
    return seal(VERIFY.decode(values | {"row_id": "7", "group_id": "7", "size_bytes": "1000"}, ""))


@pytest.mark.parametrize("column", [column for column in VERIFY.columns if column != "row_seal"])
def test_a_seal_breaks_when_any_cell_changes(verified: VerifyRow, column: str) -> None:
    values = VERIFY.as_text(verified)
    assert seal_of(values) == verified.row_seal
    for changed in (values[column] + " ", values[column][:-1], "", values[column].upper() + "x"):
        assert seal_of({**values, column: changed}) != verified.row_seal


def test_no_cell_can_lend_letters_to_its_neighbour(verified: VerifyRow) -> None:
    values = VERIFY.as_text(verified)
    for left, right in zip(VERIFY.columns, VERIFY.columns[1:], strict=False):
        moved = {**values, left: values[left] + values[right][:1], right: values[right][1:]}
        swapped = {**values, left: values[right], right: values[left]}
        assert seal_of(moved) != verified.row_seal
        assert seal_of(swapped) != verified.row_seal or values[left] == values[right]
        one = seal_of({**values, left: "A", right: f"B{right}=C"})
        assert seal_of({**values, left: f"A{right}=B", right: "C"}) != one


@pytest.mark.parametrize("column", [column for column in JOURNAL.columns if column != "chain"])
def test_a_chain_breaks_when_any_cell_or_the_row_before_changes(column: str) -> None:
    values = dict.fromkeys(JOURNAL.columns, "0")
    chain = chain_of(values, first_chain(RUN_ID))
    assert chain_of({**values, "chain": chain}, first_chain(RUN_ID)) == chain
    assert chain_of({**values, column: "1"}, first_chain(RUN_ID)) != chain
    assert chain_of(values, chain) != chain
    assert first_chain(RUN_ID) != first_chain(RUN_ID.replace("3", "4"))


# --- columns, numbers, writing -----------------------------------------------------------------------


@pytest.mark.parametrize("table", [REPORT, VERIFY, JOURNAL], ids=["report", "verified", "journal"])
def test_a_row_comes_back_as_it_went(tmp_path: Path, table: Table[Any]) -> None:
    row = table.decode(dict.fromkeys(table.columns, "7"), "")
    rows = [row._replace(source_path=name) for name in HOSTILE]
    writer = Writer(table, str(tmp_path / "a.csv"))
    writer.append_rows(rows)
    writer.sync()
    assert writer.length == (tmp_path / "a.csv").stat().st_size
    writer.close()
    with Reader(str(tmp_path / "a.csv"), table.columns) as reader:
        assert reader.columns == table.columns
        assert [table.decode(record.values, "") for record in reader] == rows


def test_a_writer_goes_on_behind_its_checkpoint_and_writes_its_header_once(tmp_path: Path) -> None:
    path = str(tmp_path / "report.csv")
    row = REPORT.decode(dict.fromkeys(REPORT.columns, "1"), "")
    writer = Writer(REPORT, path)
    writer.append_rows([row])
    length = writer.length
    writer.append_rows([row._replace(row_id=2)])
    writer.close()
    again = Writer(REPORT, path, length)
    again.append_rows([row._replace(row_id=3)])
    again.close()
    with Reader(path, REPORT.columns) as reader:
        assert [record.values["row_id"] for record in reader] == ["1", "3"]


def test_every_field_that_is_written_stands_in_quotes(tmp_path: Path) -> None:
    assert REPORT.encode(REPORT.decode(dict.fromkeys(REPORT.columns, "1"), "")) == (
        b",".join([b'"1"'] * len(REPORT.columns)) + b"\n"
    )


@pytest.mark.parametrize(
    "name", [b"plain.jpg", b"two  spaces", b"a\\b", b"a\nb", b"a\rb", b"\\n", b"\xff.jpg", b"*star"]
)
def test_sha256sum_accepts_the_checksum_of_any_name(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_bytes(b"content")
    line = checksum_line(hashlib.sha256(b"content").hexdigest(), os.fsdecode(name))
    assert b"\r" not in line
    assert line.count(b"\n") == 1
    try:
        checked = subprocess.run(
            ["sha256sum", "--check", "--strict"], input=line, cwd=tmp_path, capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no sha256sum: install the GNU coreutils")
    assert checked.returncode == 0, checked.stderr


# --- memory ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 40) | st.integers(0, 1 << 40), max_size=30))
def test_row_ids_are_remembered_as_a_set_would(numbers: list[int]) -> None:
    seen, expected = RowIds(), set[int]()
    for number in numbers:
        assert (number in seen) == (number in expected)
        assert seen.add(number) == (number not in expected)
        expected.add(number)
    for number in numbers:
        assert number in seen
        assert (number + 1 in seen) == (number + 1 in expected)


def test_row_ids_up_to_two_hundred_thousand_fit_in_a_few_pages() -> None:
    tracemalloc.start()
    try:
        seen = RowIds()
        assert all(seen.add(number) for number in range(1, 200_001, 50))
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_a_manifest_is_read_in_memory_that_does_not_grow_with_its_rows(tmp_path: Path) -> None:
    rows = 10_000  # whatever is kept of a row, were it 16 bytes, would be seen
    path = tmp_path / "a.csv"
    with open(path, "wb") as file:
        file.write(encode_record(["row_id", "source_path"]))
        file.writelines(encode_record([str(number), "/media/disk/a.jpg"]) for number in range(rows))
    seen = RowIds()
    tracemalloc.start()
    try:
        with Reader(str(path), ("row_id",)) as reader:
            assert all(seen.add(int(record.values["row_id"])) for record in reader)
        assert tracemalloc.get_traced_memory()[1] < 16 * rows
    finally:
        tracemalloc.stop()
