"""Files stop at 300 lines and functions at 40; tests, whose stories are longer, at 500 and 50."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import PACKAGES, PRODUCT, ROOT, python_files

FILE, FUNCTION = 300, 40
TEST_FILE, TEST_FUNCTION = 500, 50
MIGRATIONS = "tenants/migrations/"  # one revision is one list of DDL, frozen once it ran
# The name as the test shows it, and why it is longer. An entry that is no longer needed must go.
ALLOWED: dict[str, str] = {}


def test_no_file_or_function_is_too_long() -> None:
    found = dict(_too_long())

    assert [line for name, line in found.items() if name not in ALLOWED] == []
    assert set(ALLOWED) <= set(found), "not too long any more: remove it from the list"


def test_a_function_one_line_too_long_is_found() -> None:
    body = "\n".join("    pass" for _ in range(FUNCTION))

    assert list(_long_functions(f"def long():\n{body}\n", FUNCTION)) == [("long", FUNCTION + 1)]
    assert list(_long_functions(f"def long():\n{body[:-9]}\n", FUNCTION)) == []


def _too_long() -> Iterator[tuple[str, str]]:
    for path in python_files(*PACKAGES):
        if str(path).startswith(MIGRATIONS) and "versions" in path.parts:
            continue
        in_product = path.parts[0] in PRODUCT
        most_lines, most_in_function = (FILE, FUNCTION) if in_product else (TEST_FILE, TEST_FUNCTION)
        text = (ROOT / path).read_text()
        if (lines := len(text.splitlines())) > most_lines:
            yield str(path), f"{path}: {lines} lines"
        for name, length in _long_functions(text, most_in_function):
            yield f"{path}:{name}", f"{path}:{name}: {length} lines"


def _long_functions(text: str, most: int) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > most:
                yield node.name, length


def test_the_allow_list_names_files_that_exist() -> None:
    assert [name for name in ALLOWED if not Path(ROOT, name.split(":")[0]).exists()] == []
