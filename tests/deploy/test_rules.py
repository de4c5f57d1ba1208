"""Rules of tables: a document that AWS would refuse, or fail on, is refused with its line; the others are rendered."""

from __future__ import annotations

import pytest

from lakewright.deploy import dqdl
from lakewright.deploy.render import render
from lakewright.deploy.target import targets
from lakewright.errors import DeployError

COLUMNS = ("id", "price", "label", "made")
GOOD = """\
# comments, "quotes" in them too
Rules = [
    IsPrimaryKey "id" "label",
    RowCount > 0, RowCount between 1 and 100,
    ColumnValues "label" in ["a, b", "c]", NULL] with threshold > 0.9,
    ColumnValues "label" not in ["x"],
    ColumnValues "made" > (now() - 3 days),
    ColumnValues "price" >= -1.5 where "label <> 'a'",
    ColumnValues "label" matches "[a-z\\"]+",
    (IsComplete "id") and (Completeness "price" > 0.5),
    ((IsUnique "id") or (Uniqueness "id" > 0.9)) and (ColumnCorrelation "id" "price" < 1),
    CustomSql "SELECT count(*) FROM primary WHERE price < 0" = 0, CustomSql "SELECT id FROM primary"
]
"""


def _rules(*lines: str) -> str:
    return "Rules = [\n" + ",\n".join(lines) + "\n]\n"


def test_what_the_language_has():
    assert dqdl.fault(GOOD, COLUMNS) is None


@pytest.mark.parametrize(
    ("document", "line", "message", "hint"),
    [
        ("", 1, "Rules is missing before the end", "write Rules = [ rule, rule ]"),
        ("rules = [ RowCount > 0 ]", 1, "Rules is missing before rules", None),
        ("Rules = [\n]", 2, "there is no rule type ]", None),
        ("Rules = [\n RowCount > 0\n", 3, "] is missing before the end", "a comma stands between two rules"),
        ('Rules = [\n RowCount > 0\n IsUnique "id"\n]', 3, "] is missing before IsUnique", "a comma stands between two rules"),
        (_rules("RowCount > 0") + "Analyzers = [ RowCount ]", 4, "Analyzers stands behind the rules", None),
        (_rules("RowCount > 0", 'IsComplet "id"'), 3, "there is no rule type IsComplet", "did you mean IsComplete?"),
        (_rules('IsComplete "Price"'), 2, "the table has no column Price", "did you mean price?"),
        (_rules('IsPrimaryKey "id" "lable"'), 2, "the table has no column lable", "did you mean label?"),
        (_rules("IsComplete id"), 2, "IsComplete has one text in quotes behind it, not 0", None),
        (_rules('IsUnique "id" = 1'), 2, "IsUnique is true or not and takes no comparison", "leave out ="),
        (_rules('ColumnValues "price"'), 3, "ColumnValues needs a comparison", None),
        (_rules('ColumnValues "price" >'), 2, "nothing to compare with follows >", None),
        (_rules('ColumnValues "price" in ["a"'), 4, "] is missing before the end", None),
        (_rules('ColumnValues "price" > (1', "RowCount > 0"), 2, "nothing to compare with follows >", None),
        (_rules("RowCount > avg(last(10))"), 2, "last asks about earlier runs", None),
        (_rules('ReferentialIntegrity "id" "other.id" = 1'), 2, "ReferentialIntegrity asks about another table", None),
        (_rules("FileSize > 1"), 2, "FileSize asks about files", None),
        (_rules('(IsComplete "id") and IsUnique "id"'), 2, "( is missing before IsUnique", "each of several rules"),
        ("#" * 65_537, 1, "a rule set may have 65536 characters", None),
    ],
)
def test_what_aws_would_refuse_has_its_line(document, line, message, hint):
    fault = dqdl.fault(document, COLUMNS)
    assert fault is not None
    assert (fault.line, fault.message.startswith(message)) == (line, True), fault
    assert hint is None or (fault.hint or "").startswith(hint)


@pytest.fixture
def rule(folder):
    """Write rules of a table."""

    def write(table: str, document: str = _rules('IsComplete "id"')) -> None:
        (folder / "rules").mkdir(exist_ok=True)
        (folder / "rules" / f"{table}.dqdl").write_text(document)

    return write


def test_rules_are_rendered_as_they_stand(project, rule):
    document = "# lines\n" + _rules('IsPrimaryKey "order_id" "line"', 'IsComplete "at_day"')
    rule("order_line", document)
    render(targets(project), write=True)
    path = project.folder / "live" / "dev" / "rendered" / "rules" / "order_line.dqdl"
    assert path.read_text() == document
    (project.folder / "rules" / "order_line.dqdl").unlink()
    assert [found.kind for found in render(targets(project), write=True).differences] == ["extra", "extra"]
    assert not path.exists()


@pytest.mark.parametrize(
    ("table", "document", "where", "message", "hint"),
    [
        ("order_line", _rules('IsComplete "id"'), "order_line.dqdl:2", "the table has no column id", "its columns: order_id"),
        ("order_lines", _rules("RowCount > 0"), "order_lines.dqdl", "there is no table order_lines", "did you mean order_line?"),
        ("stock", _rules("RowCount > 0"), "stock.dqdl", "table stock is merge-on-read", "deploy: {cow: [stock]}"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_before_anything_is_written(project, rule, table, document, where, message, hint):
    rule(table, document)
    with pytest.raises(DeployError, match=message) as caught:
        render(targets(project), write=True)
    assert caught.value.code == "LW-706"
    assert (caught.value.where or "").endswith(f"/rules/{where}")
    assert (caught.value.hint or "").startswith(hint)
    assert not (project.folder / "live" / "dev").exists()


def test_a_table_of_files_has_rules_too(project, rule):
    rule("orders")
    rendered = render(targets(project, ["dev"]), write=False)
    assert rendered.left_out == ()
    assert any(name.endswith("rules/orders.dqdl") for name in rendered.files)
