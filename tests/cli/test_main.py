"""The frame: help, options anywhere, errors, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest

from lakewright.cli import main as cli
from lakewright.cli.flow import _stop_on_signal
from lakewright.cli.session import Session
from lakewright.errors import CheckFailed, ConfigError, QueryError, SourceUnreachable
from lakewright.model.position import START
from lakewright.pipeline.check import CheckReport
from lakewright.pipeline.steps import TableCheck
from lakewright.project.spec import LakeSettings

LAKE = "lake: a\nsources: {s: {kind: postgres, url: 'postgresql://u:pw@h/d'}}\n"


def leaves(group: click.Group) -> list[click.Command]:
    """Every command, those of sub-groups too."""
    found = []
    for command in group.commands.values():
        found += leaves(command) if isinstance(command, click.Group) else [command]
    return found


def test_every_command_and_option_has_help():
    missing = [command.name for command in leaves(cli.lakewright) if not command.help]
    for command in leaves(cli.lakewright):
        missing += [f"{command.name} {p.name}" for p in command.params if isinstance(p, click.Option) and not p.help]
    assert missing == []


def test_help_lists_every_command_under_a_heading(lakewright):
    ran = lakewright("--help")
    listed = [name for names in cli.lakewright.sections.values() for name in names]
    assert listed == list(cli.lakewright.commands)
    assert [name for name in listed if f"\n  {name} " not in ran.out] == []
    assert ran.code == 0


def test_no_help_of_a_command_is_cut(lakewright, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    groups = [[], *([name] for name, each in cli.lakewright.commands.items() if isinstance(each, click.Group))]
    shown = {tuple(group): lakewright(*group, "--help").out for group in groups}
    assert len(shown) > 2
    assert [line for out in shown.values() for line in out.splitlines()[1:] if line.endswith("...")] == []


def test_without_a_command_it_prints_its_help_and_fails(lakewright):
    ran = lakewright()
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: lakewright" in ran.err


@pytest.mark.parametrize("order", ["before", "behind"])
def test_shared_options_stand_before_or_behind_the_command(lakewright, tmp_path, order):
    (tmp_path / "lake.yaml").write_text(LAKE)
    options = ["-C", str(tmp_path), "--json"]
    ran = lakewright(*options, "config", "show") if order == "before" else lakewright("config", "show", *options)
    assert ran.json["lake"] == "a"


def test_the_nearest_lake_is_taken(lakewright, tmp_path, monkeypatch):
    (tmp_path / "lake.yaml").write_text(LAKE)
    (tmp_path / "queries").mkdir()
    monkeypatch.chdir(tmp_path / "queries")
    assert lakewright("config", "show").out.startswith("lake: a\n")


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (["stats"], "no such command 'stats'", "`lakewright --help`"),
        (["status", "--wach"], "--watch", "`lakewright status --help`"),
        (["sql"], "give the SQL as QUERY", "`lakewright sql --help`"),
        (["sql", "SELECT 1", "--format", "xml"], "'xml' is not one of", "`lakewright sql --help`"),
        (["history"], "missing argument 'TABLE'", "`lakewright history --help`"),
    ],
)
def test_a_wrong_command_line_exits_with_2(lakewright, arguments, words, hint):
    ran = lakewright(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert f"  hint: {hint}\n  code: LW-130" in ran.err


def test_an_error_is_four_lines(lakewright, tmp_path, monkeypatch):
    (tmp_path / "lake.yaml").write_text("lake: a\nsuorces: {}\nsources: {s: {kind: postgres, url: x, slots: 5}}\n")
    monkeypatch.chdir(tmp_path)
    ran = lakewright("config", "show")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        f"error: unknown setting suorces (allowed: {', '.join(LakeSettings.model_fields)})",
        "  at lake.yaml:2",
        "  also: lake.yaml:3: unknown setting sources.s.slots (allowed: kind, url, tables, slot) (LW-102); did you mean slot?",
        "  hint: did you mean sources?",
        "  code: LW-102 (`lakewright explain LW-102`)",
    ]


def test_an_error_is_an_object_with_json(lakewright, tmp_path):
    ran = lakewright("config", "show", "--json", "-C", tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.error["code"] == "LW-107"
    assert set(ran.error) == {"code", "message", "where", "hint", "also"}


@pytest.mark.parametrize(
    ("error", "code"),
    [(SourceUnreachable("LW-201", "gone"), 1), (CheckFailed("LW-601", "2 tables differ"), 3), (KeyboardInterrupt(), 130)],
)
def test_exit_codes(lakewright, monkeypatch, error, code):
    def fail(session: Session) -> None:
        raise error

    monkeypatch.setattr(Session, "root", fail)
    assert lakewright("status").code == code


def test_a_wrong_word_in_sql_has_its_caret(lakewright, monkeypatch):
    def fail(session: Session) -> None:
        raise QueryError("LW-501", "there is no table t", where="1:15", excerpt="SELECT * FROM t\n              ^")

    monkeypatch.setattr(Session, "root", fail)
    ran = lakewright("sql", "SELECT * FROM t")
    assert "  at 1:15\n    SELECT * FROM t\n                  ^\n" in ran.err
    assert lakewright("sql", "SELECT * FROM t", "--json").error["excerpt"].endswith("^")


def test_what_nobody_expected_is_a_line_and_a_trace_only_with_debug(lakewright, monkeypatch):
    def fail(session: Session) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(Session, "root", fail)
    ran = lakewright("status")
    assert ran.code == 1
    assert ran.err.splitlines()[0] == "error: unexpected ZeroDivisionError: division by zero"
    assert "code: LW-901" in ran.err
    assert "Traceback" not in ran.err
    assert "Traceback" in lakewright("status", "--debug").err
    assert lakewright("status", "--json").error["code"] == "LW-901"


def test_a_reader_that_leaves_is_no_error():
    command = [sys.executable, "-c", "import sys; from lakewright.cli.main import main; sys.exit(main(['explain']))"]
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop_and_the_second_acts_as_usual(number):
    usual = signal.getsignal(number)
    with _stop_on_signal() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        assert signal.getsignal(number) is usual
    assert signal.getsignal(number) is usual


def test_explain_prints_a_page_and_the_nearest_codes(lakewright):
    page = lakewright("explain", "104")
    assert page.out.startswith("LW-104  Wrong value of a setting\n")
    assert lakewright("explain", "LW-104", "--json").json["codes"][0]["code"] == "LW-104"
    assert "LW-104  Wrong value of a setting\n" in lakewright("explain").out
    wrong = lakewright("explain", "LW-1044")
    assert (wrong.code, "LW-104" in wrong.err) == (1, True)


def test_init_prints_numbered_steps_and_the_folder_loads(lakewright, tmp_path):
    ran = lakewright("init", tmp_path / "shop")
    assert (ran.code, ran.out) == (0, "")
    steps = [line for line in ran.err.splitlines() if line.startswith("  ")]
    assert steps == [f"  1. cd {tmp_path / 'shop'}", "  2. lakewright doctor", "  3. lakewright up", "  4. lakewright sql @hello"]
    assert lakewright("config", "show", "-C", tmp_path / "shop").code == 0
    again = lakewright("init", tmp_path / "shop", "--json")
    assert (again.code, again.error["code"]) == (1, "LW-108")


def test_a_password_is_not_shown(lakewright, tmp_path):
    (tmp_path / "lake.yaml").write_text(LAKE)
    for form in ([], ["--json"]):
        ran = lakewright("config", "show", "-C", tmp_path, *form)
        assert "postgresql://u:***@h/d" in ran.out
        assert "pw" not in ran.out


def test_the_schema_is_json(lakewright):
    assert lakewright("config", "schema").json["properties"]["lake"]["type"] == "string"


@pytest.mark.parametrize(("verdict", "code"), [("equal", 0), ("append-only", 0), ("stopped", 3)])
def test_a_demonstration_is_judged_as_a_check_is(lakewright, tmp_path, monkeypatch, verdict, code):
    checked = TableCheck("visits", verdict, 5, 5)
    monkeypatch.setattr("lakewright.demo.run.run", lambda *_: [CheckReport("shop", START, (checked,))])
    monkeypatch.setattr("lakewright.demo.settings.load_demo", lambda _: SimpleNamespace(scale=1.0, queries=[]))
    assert lakewright("demo", tmp_path).code == code


def test_talk_and_an_error_are_each_on_their_lines(lakewright, monkeypatch):
    def fail(session: Session) -> None:
        session.say("a\rb")
        error = ConfigError("LW-104", "c\nerror: d", hint="e\x1b[2J", where="f\nhint: g")
        error.add_note("h\n  hint: i")
        raise error

    monkeypatch.setattr(Session, "root", fail)
    told = lakewright("status").err.splitlines()
    assert told[:3] == ["a\\rb", "error: c\\nerror: d", "  at f\\nhint: g"]
    assert told[3:5] == ["  also: h\\n  hint: i", "  hint: e\\x1b[2J"]


def test_an_interruption_while_the_command_is_imported_prints_no_trace():
    script = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'lakewright.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import runpy\n"
        "runpy.run_module('lakewright', run_name='__main__')\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "interrupted\n")
