"""What a copy loses on its way into a preview, as every table and column declares it (``domain.kernel.model.Preview``).

Nothing is guessed: a table that nobody declared is refused, so that a new one can not slip into previews unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from uuid import UUID

from psycopg import sql

from domain.kernel.model import Model, Preview
from tenants.copies.load import Changes

if TYPE_CHECKING:
    from collections.abc import Callable


class Undeclared(RuntimeError):
    """A copy has a table that no model declares: a mistake of ours, refused before anything is loaded."""


@dataclass(frozen=True, slots=True)
class TableRules:
    """What becomes of one table. ``key`` is the column that names a row for people, where ``own`` columns need one."""

    preview: Preview
    columns: tuple[str, ...]
    blank: tuple[str, ...]
    own: tuple[str, ...]
    secret: tuple[str, ...]
    sealed: tuple[str, ...]
    key: str
    is_secret: bool
    anonymised: str


@dataclass(frozen=True, slots=True)
class Sanitiser:
    """The declarations of all tables, given by the composition root, which knows all nouns."""

    rules: Mapping[str, TableRules]

    @classmethod
    def of(cls, models: Iterable[type[Model]]) -> Self:
        """Read the declarations."""
        return cls({model.__tablename__: _rules(model) for model in models})

    @property
    def sealed(self) -> Mapping[str, tuple[str, ...]]:
        """The columns that hold secrets sealed by the tenant's vault, of each table that has any."""
        return {table: rules.sealed for table, rules in self.rules.items() if rules.sealed}

    def exported(self, table: str, columns: Iterable[str]) -> tuple[str, ...]:
        """The columns of a table that a client may be given: no secrets, nothing of who is logged in. None: all is kept back.

        Raises Undeclared.
        """
        if table not in self.rules:
            msg = f"no model declares what may be exported of {table}"
            raise Undeclared(msg)
        rules = self.rules[table]
        if rules.preview is Preview.DROP or rules.is_secret:
            return ()
        return tuple(name for name in columns if name not in rules.secret)

    def changes(
        self,
        tables: Iterable[str],
        *,
        old_schema: str | None,
        login_id: UUID | None = None,
        is_anonymised: bool = False,
    ) -> Changes:
        """What a copy of these tables loses, and what the preview's own earlier schema gives back, also into newer tables.

        Raises Undeclared.
        """
        if undeclared := frozenset(tables) - self.rules.keys():
            msg = f"no model declares what a preview does with {', '.join(sorted(undeclared))}"
            raise Undeclared(msg)
        chosen = dict(sorted(self.rules.items()))
        statements = [_blanked(name, rules) for name, rules in chosen.items() if rules.blank]
        if old_schema is not None:
            statements += [
                text for name, rules in chosen.items() if rules.own for text in _given_back(name, rules, old_schema)
            ]
        if login_id is not None and old_schema is not None:
            statements.append(_carried_login(old_schema, login_id, self.rules["login"].columns))
        if is_anonymised:
            statements += [rules.anonymised for rules in chosen.values() if rules.anonymised]
        dropped = frozenset(name for name, rules in chosen.items() if rules.preview is Preview.DROP)
        return Changes(dropped, tuple(statements))


def _rules(model: type[Model]) -> TableRules:
    columns = model.__table__.columns
    declared: Callable[[Preview], tuple[str, ...]] = lambda wanted: tuple(  # noqa: E731
        column.name for column in columns if column.info.get("preview") is wanted
    )
    return TableRules(
        model.__preview__,
        tuple(column.name for column in columns),
        declared(Preview.BLANK),
        declared(Preview.OWN),
        tuple(column.name for column in columns if _is_secret(column.info)),
        tuple(column.name for column in columns if column.info.get("sealed")),
        next((column.name for column in columns if column.info.get("key")), "id"),
        model.__is_secret__,
        model.__anonymised__,
    )


def _is_secret(info: Mapping[str, object]) -> bool:
    return bool(info.get("secret", info.get("preview") is Preview.BLANK))


def _blanked(table: str, rules: TableRules) -> str:
    nothing = sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(name)) for name in rules.blank)
    return sql.SQL("update {} set {}").format(sql.Identifier(table), nothing).as_string(None)


def _given_back(table: str, rules: TableRules, old: str) -> list[str]:
    """The preview's own values win where it has any, and rows that only the preview has come with them."""
    key, here, there = sql.Identifier(rules.key), sql.Identifier(table), sql.Identifier(old, table)
    values = sql.SQL(", ").join(
        sql.SQL("{0} = coalesce(o.{0}, n.{0})").format(sql.Identifier(name)) for name in rules.own
    )
    kept = sql.SQL(", ").join(sql.Identifier(name) for name in rules.columns if name not in rules.blank)
    update = sql.SQL("update {here} n set {values} from {there} o where o.{key} = n.{key}")
    insert = sql.SQL(
        "insert into {here} ({kept}) select {kept} from {there} o"
        " where not exists (select 1 from {here} n where n.{key} = o.{key})"
    )
    names = {"here": here, "there": there, "key": key, "values": values, "kept": kept}
    return [update.format(**names).as_string(None), insert.format(**names).as_string(None)]


def _carried_login(old: str, login_id: UUID, columns: tuple[str, ...]) -> str:
    """Whoever pressed Refresh in the preview stays logged in, if the copy knows the person and lets it in."""
    names = [name for name in columns if name != "access_version"]
    return (
        sql.SQL(
            "insert into login ({columns}, access_version)"
            " select {chosen}, u.access_version from {old} l join app_user u on u.id = l.user_id"
            " where l.id = {login} and not u.is_disabled and u.archived_at is null"
        )
        .format(
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            chosen=sql.SQL(", ").join(sql.Identifier("l", name) for name in names),
            old=sql.Identifier(old, "login"),
            login=sql.Literal(str(login_id)),
        )
        .as_string(None)
    )
