"""One word, one meaning: names that the glossary refuses, and marks of unfinished work."""

import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PRODUCT, ROOT, python_files

HEAPS = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}
# "session" is used for nothing of ours; SQLAlchemy's own names keep theirs.
SESSION = re.compile(r"^_?session$|^session_|_session$|_session_|^[A-Z]\w*Session$")
BORROWED = {"AsyncSession", "synchronize_session"}
# The units of work and what they read by hold one of SQLAlchemy's and call it by its name.
HOLDERS = {"domain/kernel/work.py", "domain/kernel/snapshot.py", "tenants/reading.py"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")


def test_no_file_is_a_heap() -> None:
    assert [str(path) for path in python_files(*PRODUCT) if HEAPS & {path.stem, *path.parts[:-1]}] == []


def test_nothing_of_ours_is_called_session() -> None:
    found = [place for place, name in _names() if SESSION.search(name) and name not in BORROWED]

    assert [place for place in found if place.split(":")[0] not in HOLDERS] == []


def test_nothing_is_left_unfinished() -> None:
    found = [str(path) for path in python_files(*PRODUCT) if UNFINISHED.search((ROOT / path).read_text())]

    assert found == []


@pytest.mark.parametrize("name", ["session", "db_session", "session_id", "UserSession"])
def test_the_pattern_finds_a_session(name: str) -> None:
    assert SESSION.search(name)


def _names() -> Iterator[tuple[str, str]]:
    for path in python_files(*PRODUCT):
        with tokenize.open(ROOT / path) as source:
            for token in tokenize.generate_tokens(source.readline):
                if token.type == tokenize.NAME:
                    yield f"{path}:{token.start[0]} {token.string}", token.string
