"""Write the generated pages (`make docs`), or with --check see that they are current and that links, commands and codes exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import modules
from reference import PAGES, commands

from lakewright.cli import codes

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"

_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"`lakewright (?:-C \S+ )?([a-z]+)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def generated() -> dict[Path, str]:
    """Each page that is made from the code, with what it must hold."""
    return {**{REFERENCE / name: page() for name, page in PAGES.items()}, **modules.pages()}


def write() -> None:
    """Write the generated pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path, page in generated().items():
        path.write_text(page, encoding="utf-8")


def stale() -> Iterator[str]:
    """Generated pages that are not what the code says now."""
    for path, page in generated().items():
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            yield f"{path.relative_to(ROOT)} is not current: run `make docs`"


def broken_links() -> Iterator[str]:
    """Links of the repository's pages to files or headings that do not exist."""
    for page in pages():
        for target in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, heading = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (heading and heading not in anchors(file)):
                yield f"{page.relative_to(ROOT)}: nothing at {target}"


def unknown_words() -> Iterator[str]:
    """Commands and error codes that pages, hints and docstrings name and that do not exist."""
    names = {name.split()[0] for name, _ in commands()}
    for file in [*pages(), *files("src/*.py", "src/*.toml", "examples/*")]:
        text = file.read_text(encoding="utf-8")
        for line, words in enumerate(text.splitlines(), 1):
            unknown = [f"command {name}" for name in _COMMAND.findall(words) if name not in names]
            unknown += [f"code {code}" for code in re.findall(r"\bLW-\d{3}\b", words) if code not in codes.pages()]
            yield from (f"{file.relative_to(ROOT)}:{line}: there is no {word}" for word in unknown)


def pages() -> list[Path]:
    """Every Markdown page of the repository."""
    return files("*.md")


def files(*patterns: str) -> list[Path]:
    """The repository's text files of these patterns, those not yet committed too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    titles = _HEADING.findall(page.read_text(encoding="utf-8")) if page.suffix == ".md" else []
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def main() -> int:
    """Returns 1 where a check finds something."""
    if "--check" not in sys.argv[1:]:
        write()
        return 0
    found = [*stale(), *broken_links(), *unknown_words()]
    for line in found:
        print(line)
    print(
        f"docs: {len(found)} faults"
        if found
        else f"docs: {len(pages())} pages, {len(generated())} of them made from the code, all well"
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
