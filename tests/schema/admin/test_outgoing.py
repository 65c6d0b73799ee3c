"""What a client's IT reads: addresses of traffic by group, the sender of mail and its records."""

from dataclasses import replace
from ipaddress import ip_address

from domain.kernel.actor import Permission
from opscom.platform import Platform
from tests.fixtures.parking import Parking, staff
from tests.fixtures.schemas import Asking, codes

ANN = staff(Permission.VIEW_SETTINGS, Permission.MANAGE_SETTINGS)
FACTS = """{ platformFacts { outgoingAddresses { group addresses }
  mail { sender domain domainUsedSince problems records { purpose type name value } } } }"""


async def test_addresses_are_shown_by_group_and_the_platforms_sender_needs_no_record(admin: Asking) -> None:
    live = (ip_address("209.217.117.82"), ip_address("2001:db8::1"))
    settings = admin.services.settings.model_copy(update={"outgoing_addresses": {"live": live}})

    answer = await Asking(admin.api, replace(admin.services, settings=settings), admin.located).data(FACTS, actor=ANN)

    assert answer["platformFacts"] == {
        "outgoingAddresses": [
            {"group": "LIVE", "addresses": ["209.217.117.82", "2001:db8::1"]},
            {"group": "TEST", "addresses": []},
        ],
        "mail": {
            "sender": "no-reply@ops-com.localhost",
            "domain": None,
            "domainUsedSince": None,
            "problems": [],
            "records": [],
        },
    }


async def test_a_domain_that_was_entered_is_shown_with_its_records(
    admin: Asking, platform: Platform, parking: Parking
) -> None:
    update = {"mail_spf": ("include:mailgun.org",), "mail_dkim": {"smtp": "k=rsa; p=MIGf"}}
    settings = admin.services.settings.model_copy(update=update)
    async with platform.databases.control().begin() as connection:
        tenant, domain = parking.environment.tenant.id, "mg.shown.example.org"
        await connection.exec_driver_sql(f"update registry.tenant set mail_domain = '{domain}' where id = '{tenant}'")

    site = Asking(admin.api, replace(admin.services, settings=settings), admin.located)
    mail = (await site.data(FACTS, actor=ANN))["platformFacts"]["mail"]

    assert (mail["sender"], mail["domain"], mail["domainUsedSince"]) == ("no-reply@ops-com.localhost", domain, None)
    assert [(record["purpose"], record["type"], record["name"]) for record in mail["records"]] == [
        ("SPF", "TXT", domain),
        ("DKIM", "TXT", f"smtp._domainkey.{domain}"),
        ("DMARC", "TXT", f"_dmarc.{domain}"),
    ]


async def test_a_check_without_a_domain_says_so_and_only_who_manages_settings_may_ask(admin: Asking) -> None:
    check = "mutation { checkMailDomain { mail { sender } userErrors { code } } }"

    asked = await admin.data(check, actor=ANN)
    denied = await admin(check, actor=staff(Permission.VIEW_SETTINGS))

    assert asked["checkMailDomain"] == {"mail": None, "userErrors": [{"code": "mail_domain.missing"}]}
    assert codes(denied) == ["denied"]
