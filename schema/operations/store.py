"""The operation store: each document is prepared once, for HTTP, WebSocket and SSE alike, and kept by the hash of its text.

Published documents are prepared at the start and kept for good. What clients write themselves is kept in caches that
are bounded in number and size, one for each class of sender, so that guests push out nobody else's; refused documents
have small ones of their own. Nobody can publish a document at run time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import GraphQLSchema

from schema.guard import FieldRules
from schema.operations.errors import Code, Refused, refused
from schema.operations.limits import Limits
from schema.operations.preparing import Operation, Operations, Preparer, Strictness, digest_of
from schema.operations.trust import GUEST, FreeForm, Sender, Trust

REFUSED_KEPT = 100
SHA256_PREFIX = "sha256:"
DEFAULT_LIMITS = Limits()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict a store is.

    ``free_form``: who may send documents that are not published. ``kept`` documents and ``kept_characters`` of text for
    each class of sender. ``guest_cost`` and ``known_cost`` are the most an operation of theirs may cost; published
    operations were looked at by a person and have no bound.
    """

    limits: Limits = DEFAULT_LIMITS
    introspection: bool = True
    suggestions: bool = True
    free_form: FreeForm = FreeForm.EVERYBODY
    kept: int = 1_000
    kept_characters: int = 4_000_000
    guest_cost: int = 20_000
    known_cost: int = 50_000


class OperationStore:
    """All documents one API has seen lately, each prepared once."""

    def __init__(self, schema: GraphQLSchema, field_rules: FieldRules, rules: Rules) -> None:
        self._rules = rules
        self._preparer = Preparer(schema, field_rules)
        self._strictness = _strictness_by_trust(rules)
        self._published: dict[str, Operations] = {}
        self._aliases: dict[str, str] = {}
        self._kept = {trust: _Shelf(rules.kept, rules.kept_characters) for trust in self._strictness}
        self.prepared = 0
        self.hits = 0
        self.refused: Counter[str] = Counter()

    def publish(self, documents: Mapping[str, str]) -> None:
        """Prepare documents by id and keep them for good. Raises Refused for the first that is not valid or whose id is taken.

        An id is any name for the text; the text's own SHA-256 always finds it too.
        """
        for name, text in documents.items():
            digest = digest_of(text)
            if digest not in self._published:
                self._published[digest] = self._preparer.prepare(
                    text, Trust.PUBLISHED, self._strictness[Trust.PUBLISHED]
                )
            if self._aliases.setdefault(name.removeprefix(SHA256_PREFIX), digest) != digest:
                raise refused(Code.PERSISTED_OPERATION_DIFFERS, "Another document is published under this id already.")

    def prepare(
        self,
        text: str | None,
        name: str | None = None,
        *,
        document_id: str | None = None,
        sender: Sender = GUEST,
    ) -> Operation:
        """The operation of that name (or the only one) in a document, which is given by text or by its published id.

        Raises Refused: unknown id, text that is not the one of the id, text of somebody who may only use published
        documents, a syntax error, a limit, an invalid document, or no such operation in it.
        """
        try:
            return _choose(self._operations(text, document_id, sender), name)
        except Refused as error:
            self.refused[error.code] += 1
            raise

    def cost_of(self, operation: Operation, variables: Mapping[str, Any]) -> int:
        """What a request may cost with these variables. Raises Refused (LIMIT_COST) if that is too much."""
        try:
            return operation.cost_of(variables)
        except Refused as error:
            self.refused[error.code] += 1
            raise

    @property
    def kept(self) -> Mapping[Trust, int]:
        """How many documents are kept of each class."""
        return {Trust.PUBLISHED: len(self._published)} | {
            trust: len(shelf.accepted) for trust, shelf in self._kept.items() if trust is not Trust.PUBLISHED
        }

    def _operations(self, text: str | None, document_id: str | None, sender: Sender) -> Operations:
        if text is None:
            return self._by_id(document_id or "")
        digest = digest_of(text)
        if document_id is not None and self._digest_of(document_id) != digest:
            raise refused(Code.PERSISTED_OPERATION_DIFFERS, "The document is not the one that its id names.")
        published = self._published.get(digest)
        if published is not None:
            self.hits += 1
            return published
        if not sender.may_write(self._rules.free_form):
            raise refused(Code.DOCUMENT_NOT_PUBLISHED, "Only published documents are taken here.")
        return self._by_text(digest, text, sender.trust)

    def _by_id(self, document_id: str) -> Operations:
        found = self._published.get(self._digest_of(document_id))
        if found is None:
            raise refused(Code.PERSISTED_OPERATION_NOT_FOUND, "No document is published under this id.")
        self.hits += 1
        return found

    def _digest_of(self, document_id: str) -> str:
        bare = document_id.removeprefix(SHA256_PREFIX)
        return self._aliases.get(bare, bare)

    def _by_text(self, digest: str, text: str, trust: Trust) -> Operations:
        shelf = self._kept[trust]
        found = shelf.find(digest)
        if found is not None:
            self.hits += 1
            return found
        self.prepared += 1
        try:
            found = self._preparer.prepare(text, trust, self._strictness[trust])
        except Refused as error:
            shelf.refuse(digest, error.with_traceback(None))
            raise
        shelf.keep(digest, found, len(text))
        return found


class _Shelf:
    """The documents of one class of senders: the longest unused go first."""

    def __init__(self, most: int, most_characters: int) -> None:
        self.accepted: OrderedDict[str, tuple[Operations, int]] = OrderedDict()
        self._refused: OrderedDict[str, Refused] = OrderedDict()
        self._most = most
        self._left = most_characters

    def find(self, digest: str) -> Operations | None:
        """A document that was prepared before, or None. Raises Refused if it was refused."""
        found = self.accepted.get(digest)
        if found is not None:
            self.accepted.move_to_end(digest)
            return found[0]
        known = self._refused.get(digest)
        if known is not None:
            raise Refused(*known.errors)
        return None

    def keep(self, digest: str, operations: Operations, length: int) -> None:
        """Keep a document, at the cost of older ones."""
        self.accepted[digest] = operations, length
        self._left -= length
        while len(self.accepted) > self._most or (self._left < 0 and len(self.accepted) > 1):
            _, (_, freed) = self.accepted.popitem(last=False)
            self._left += freed

    def refuse(self, digest: str, error: Refused) -> None:
        """Remember why a document is refused."""
        self._refused[digest] = error
        if len(self._refused) > REFUSED_KEPT:
            self._refused.popitem(last=False)


def _strictness_by_trust(rules: Rules) -> dict[Trust, Strictness]:
    unbounded = 10**12
    usual = Strictness(rules.limits, rules.known_cost, rules.introspection, rules.suggestions)
    guest = Strictness(rules.limits, rules.guest_cost, rules.introspection, rules.suggestions)
    ours = Strictness(rules.limits, unbounded, introspection=True, suggestions=True)
    return {Trust.PUBLISHED: ours, Trust.CI: ours, Trust.KNOWN: usual, Trust.GUEST: guest}


def _choose(operations: Operations, name: str | None) -> Operation:
    if name is None:
        if len(operations) != 1:
            raise refused(Code.OPERATION_NOT_FOUND, "The document has several operations: name one in operationName.")
        return next(iter(operations.values()))
    chosen = operations.get(name)
    if chosen is None:
        raise refused(Code.OPERATION_NOT_FOUND, "The document has no operation of this name.")
    return chosen
