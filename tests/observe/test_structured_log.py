"""The log: one shape for people, one for machines."""

from __future__ import annotations

import io
import json

import pytest

from lakewright.observe import log


@pytest.fixture
def stream():
    yield io.StringIO()
    log.configure("text")


def test_json_lines_have_time_level_event_first_and_no_empty_field(stream):
    log.configure("json", stream)
    log.write("merged", detail="3 new", subject="orders")
    log.write("retry", "warning", source="shop", code="LW-210")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert list(first) == ["time", "level", "event", "subject", "detail"]
    assert (first["level"], first["event"], first["subject"], first["detail"]) == ("info", "merged", "orders", "3 new")
    assert (second["level"], second["code"]) == ("warning", "LW-210")
    assert first["time"].endswith("Z")


def test_text_lines_are_for_people(stream):
    log.configure("text", stream)
    log.write("merged", subject="orders", detail="3 new")
    log.write("failed", "error", subject="shop", detail="gone", code="LW-201")
    lines = [line.split("  ") for line in stream.getvalue().splitlines()]
    assert [line[1:] for line in lines] == [["merged", "orders", "3 new"], ["error: failed", "shop", "gone", "code=LW-201"]]


def test_lines_go_to_the_stderr_of_the_moment(stream, monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    log.configure("text")
    monkeypatch.setattr("sys.stderr", stream)
    log.write("merged", detail="3")
    assert "merged  3" in stream.getvalue()


def test_errors_alone_where_it_is_to_be_quiet(stream):
    log.configure("text", stream, quiet=True)
    log.write("merged", detail="3")
    log.write("not taken", "warning", detail="4")
    log.write("failed", "error", detail="5")
    assert [line[8:] for line in stream.getvalue().splitlines()] == ["  error: failed  5"]


def test_colour_only_where_asked(stream):
    log.configure("text", stream, color=True)
    log.write("merged", subject="orders")
    log.write("retry", "warning", subject="shop")
    plain, coloured = stream.getvalue().splitlines()
    assert ("\x1b" in plain, "\x1b[33m" in coloured) == (False, True)


def test_a_text_line_is_one_line_and_steers_no_terminal(stream):
    log.configure("text", stream)
    log.write("not taken", subject="a\x1b[31m", detail="b\nerror: c", hint="d\x9b")
    assert stream.getvalue()[8:] == "  not taken  a\\x1b[31m  b\\nerror: c  hint=d\\x9b\n"
