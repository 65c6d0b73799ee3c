"""Keys on the control plane: what the ring wraps, and rotations. The ring itself is in the processes' settings only."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.declare import PUBLIC, needs, requires, sized
from schema.payloads import UserError
from tenants.keys.resealing import ask_for_resealing
from tenants.keys.rotation import key_use, new_data_keys, rewrap

MOST_KEYS = 10


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="A key of the platform's key ring, without the key.")
class RingKey:
    """A key of the ring."""

    name: str = strawberry.field(description="Its name.")
    fingerprint: str = strawberry.field(description="To compare with the copy in escrow.")
    wraps: int = strawberry.field(description="How many keys of tenants are wrapped by it; at 0 it may leave the ring.")


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="The platform's key ring, as the process that answers has it.")
class KeyRing:
    """The ring."""

    keys: list[RingKey] = strawberry.field(
        description="Its keys; the first one wraps, all of them open.", metadata=sized(MOST_KEYS)
    )
    unreadable: int = strawberry.field(description="How many keys of tenants do not open with this ring.")


async def read_ring(info: Info) -> KeyRing:
    """The ring, every key of a tenant tried."""
    databases = info.context.services.databases
    use = await key_use(databases)
    keys = [
        RingKey(name=name, fingerprint=shown, wraps=use.by_name.get(name, 0))
        for name, shown in databases.key_ring.fingerprints().items()
    ]
    return KeyRing(keys=keys, unreadable=len(use.unreadable))


@needs(PUBLIC)
@strawberry.type(description="The answer to a rotation of keys.")
class KeysPayload:
    """The ring afterwards."""

    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    key_ring: KeyRing | None = strawberry.field(
        resolver=read_ring,
        description="The key ring as it is now.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


async def rotate_keys(
    info: Info,
    data_keys: Annotated[bool, strawberry.argument(description="Also give every tenant a new data key.")] = False,  # noqa: FBT002
) -> KeysPayload:
    """Wrap all keys under the first key of the ring."""
    services, actor = info.context.services, info.context.who
    await rewrap(services.databases, actor=actor)
    if data_keys:
        await new_data_keys(services.databases, actor=actor)
    await services.announce()
    return KeysPayload(user_errors=[])


async def reseal_secrets(info: Info) -> KeysPayload:
    """Have a worker seal all secrets anew."""
    services = info.context.services
    await ask_for_resealing(services.databases, actor=info.context.who)
    await services.announce()
    return KeysPayload(user_errors=[])


@strawberry.type
class KeyQueries:
    """The ring."""

    key_ring: KeyRing | None = strawberry.field(
        resolver=read_ring,
        description="The platform's key ring: what each of its keys wraps.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


@strawberry.type
class KeyMutations:
    """Rotations."""

    rotate_keys: KeysPayload | None = strawberry.field(
        resolver=rotate_keys,
        description="Wrap all keys of tenants under the first key of the ring. What does not open stays. "
        "After new data keys a worker seals all secrets anew.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
    reseal_secrets: KeysPayload | None = strawberry.field(
        resolver=reseal_secrets,
        description="Have a worker seal all secrets with the newest data keys: what it could not do after a rotation.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
