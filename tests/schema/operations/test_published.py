"""Published documents and the manifests they come from, and who may send documents of their own."""

import hashlib
import json
from pathlib import Path

import pytest

from domain.kernel.actor import Actor, Permission
from schema.operations.errors import Refused
from schema.operations.published import ManifestInvalid, publish_folder
from schema.operations.store import Rules
from schema.operations.trust import GUEST, FreeForm, Sender, Trust
from tests.gateway.toy import actor_with
from tests.schema.operations.test_store import toy_api

TEXT = "query Hello { hello }"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
RELAY_ID = hashlib.md5(TEXT.encode(), usedforsecurity=False).hexdigest()
KNOWN = Sender(actor_with())
PERMITTED = Sender(actor_with(Permission.WRITE_OPERATIONS))
CI = Sender(Actor.guest(), is_ci=True)


@pytest.mark.parametrize("published_as", [DIGEST, f"sha256:{DIGEST}", RELAY_ID])
@pytest.mark.parametrize("asked_as", [DIGEST, f"sha256:{DIGEST}"])
def test_a_published_document_is_found_by_its_id_with_and_without_prefix(published_as: str, asked_as: str) -> None:
    api = toy_api()
    api.operations.publish({published_as: TEXT})

    found = api.operations.prepare(None, document_id=asked_as)

    assert (found.name, found.trust) == ("Hello", Trust.PUBLISHED)
    assert api.operations.prepare(None, document_id=published_as) is found


def test_an_unknown_id_is_refused_and_nothing_can_be_published_by_asking() -> None:
    api = toy_api()
    api.operations.prepare(TEXT, document_id=DIGEST)

    with pytest.raises(Refused) as error:
        api.operations.prepare(None, document_id=DIGEST)
    assert error.value.code == "PERSISTED_OPERATION_NOT_FOUND"


def test_a_document_with_the_id_of_another_is_refused() -> None:
    api = toy_api()
    api.operations.publish({DIGEST: TEXT})

    with pytest.raises(Refused) as error:
        api.operations.prepare("{ groups { name } }", document_id=DIGEST)
    assert error.value.code == "PERSISTED_OPERATION_DIFFERS"
    assert api.operations.prepare(TEXT, document_id=f"sha256:{DIGEST}").name == "Hello"


@pytest.mark.parametrize(
    ("free_form", "allowed"),
    [
        (FreeForm.EVERYBODY, {"guest", "known", "permitted", "ci"}),
        (FreeForm.KNOWN, {"known", "permitted", "ci"}),
        (FreeForm.PERMITTED, {"permitted", "ci"}),
        (FreeForm.NOBODY, {"ci"}),
    ],
)
@pytest.mark.parametrize(("who", "sender"), [("guest", GUEST), ("known", KNOWN), ("permitted", PERMITTED), ("ci", CI)])
def test_who_may_send_documents_of_their_own(free_form: FreeForm, allowed: set[str], who: str, sender: Sender) -> None:
    api = toy_api(Rules(free_form=free_form))
    api.operations.publish({DIGEST: TEXT})

    assert api.operations.prepare(TEXT, sender=sender).trust is Trust.PUBLISHED
    if who in allowed:
        assert api.operations.prepare("{ hello }", sender=sender).trust is sender.trust
    else:
        with pytest.raises(Refused) as error:
            api.operations.prepare("{ hello }", sender=sender)
        assert error.value.code == "DOCUMENT_NOT_PUBLISHED"


def test_guests_push_out_nobody_elses_documents() -> None:
    api = toy_api(Rules(kept=2))
    api.operations.publish({DIGEST: TEXT})
    api.operations.prepare("{ hello }", sender=KNOWN)

    for number in range(10):
        api.operations.prepare(f"{{ a{number}: hello }}")
    before = api.operations.prepared
    api.operations.prepare("{ hello }", sender=KNOWN)
    api.operations.prepare(None, document_id=DIGEST)

    assert api.operations.prepared == before
    assert api.operations.kept == {Trust.PUBLISHED: 1, Trust.CI: 0, Trust.KNOWN: 1, Trust.GUEST: 2}


def test_what_is_kept_is_bounded_by_its_size_too() -> None:
    api = toy_api(Rules(kept_characters=50))

    for number in range(5):
        api.operations.prepare(f"{{ a{number}: hello }}" + " " * 20)

    assert api.operations.kept[Trust.GUEST] == 1


def test_the_secret_of_the_checks_lifts_what_is_switched_off() -> None:
    api = toy_api(Rules(introspection=False, suggestions=False))

    assert api.operations.prepare("{ __schema { types { name } } }", sender=CI).trust is Trust.CI
    with pytest.raises(Refused):
        api.operations.prepare("{ __schema { types { name } } }")
    with pytest.raises(Refused, match="Did you mean 'hello'"):
        api.operations.prepare("{ hellp }", sender=CI)


def test_the_manifests_of_an_api_are_published(tmp_path: Path) -> None:
    (tmp_path / "toy-map.json").write_text(json.dumps({RELAY_ID: TEXT}))
    (tmp_path / "toy.json").write_text(json.dumps({f"sha256:{DIGEST}": TEXT}))
    (tmp_path / "other.json").write_text("{ broken")
    api = toy_api()

    assert publish_folder(api, tmp_path) == 2
    assert api.operations.prepare(None, document_id=RELAY_ID).name == "Hello"


def test_an_id_that_another_document_has_already_stops_the_start(tmp_path: Path) -> None:
    """The later manifest would have answered for both, silently."""
    (tmp_path / "toy-a.json").write_text(json.dumps({"map": TEXT}))
    (tmp_path / "toy-b.json").write_text(json.dumps({"map": "query Other { hello }"}))

    with pytest.raises(ManifestInvalid, match="published under this id") as error:
        publish_folder(toy_api(), tmp_path)
    assert error.value.details["file"] == "toy-b.json"


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("{", "can not be read"),
        ("[]", "JSON object"),
        (json.dumps({DIGEST: 5}), "string"),
        (json.dumps({DIGEST: "{ hello }"}), "not the SHA-256"),
        (json.dumps({"m": "{ nothing }"}), "refused"),
    ],
)
def test_a_manifest_that_can_not_be_served_stops_the_start(tmp_path: Path, manifest: str, why: str) -> None:
    (tmp_path / "toy.json").write_text(manifest)

    with pytest.raises(ManifestInvalid, match=why) as error:
        publish_folder(toy_api(), tmp_path)
    assert error.value.details["file"] == "toy.json"
