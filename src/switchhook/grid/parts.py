"""How are the parts of the router put together?

Each function makes the parts of one kind from those before it, so that a part is known to who calls
it and to nobody else.
"""

from collections.abc import Callable

import msgspec

from switchhook.clock import Clock
from switchhook.grid.catch_up import CatchUp
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.dead_letter_writes import DeadLetterWrites
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.deliver import Deliverer
from switchhook.grid.due import DueDeliveries
from switchhook.grid.forget import Forgetting
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Store, Transport
from switchhook.grid.prepare import Preparation
from switchhook.grid.publish import Publisher
from switchhook.grid.replays import Replays
from switchhook.grid.retention import Retention
from switchhook.grid.route import Router
from switchhook.grid.special_requests import Tokens
from switchhook.grid.unfinished import Unfinished
from switchhook.grid.upkeep import Upkeep


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What every part stands on."""

    store: Store
    transport: Transport
    clock: Clock
    random: Callable[[], float]
    dead_lettering: DeadLettering
    tokens: Tokens | None
    observation: Observation
    limits: Limits


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What an event passes through once it is durable, and where it is written down how far."""

    checkpoint: Checkpoint
    deliverer: Deliverer
    router: Router
    preparation: Preparation


class Returns(msgspec.Struct, frozen=True, kw_only=True):
    """What comes back to events later: those that wait, and those that are still in the log."""

    dead_letters: DeadLetterWrites
    replays: Replays
    due: DueDeliveries
    catch_up: CatchUp


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """What lets events into the log, and out of it."""

    publisher: Publisher
    upkeep: Upkeep
    forgetting: Forgetting


def open_way(ground: Ground) -> Way:
    """Router and deliverer call each other: what is matched is sent, a change stops it."""
    limits, observation = ground.limits, ground.observation
    checkpoint = Checkpoint(store=ground.store, clock=ground.clock, head=lambda: router.head)
    deliverer = Deliverer(
        transport=ground.transport,
        clock=ground.clock,
        checkpoint=checkpoint,
        random=ground.random,
        observation=observation,
        tokens=ground.tokens,
        profile=limits.profile,
        in_flight_limit=limits.in_flight,
        queue_limit=limits.queue_length,
    )
    router = Router(
        deliverer.offer_all,
        fall_behind=deliverer.fall_behind,
        removed=deliverer.forget,
        reconfigured=lambda queue, before: preparation.reconfigured(queue, before),
        caught_up=deliverer.attempt_ended.set,
        observation=observation,
        work_in_a_turn=limits.routed_in_a_turn,
    )
    preparation = Preparation(
        store=ground.store, router=router, deliverer=deliverer, checkpoint=checkpoint
    )
    return Way(checkpoint=checkpoint, deliverer=deliverer, router=router, preparation=preparation)


def open_returns(ground: Ground, way: Way) -> Returns:
    """They give the deliverer what the store has for it."""
    store, clock = ground.store, ground.clock
    router, deliverer, checkpoint = way.router, way.deliverer, way.checkpoint
    dead_letters = DeadLetterWrites(
        dead_lettering=ground.dead_lettering,
        router=router,
        checkpoint=checkpoint,
        clock=clock,
        observation=ground.observation,
        speed=deliverer.speed,
        ended=deliverer.attempt_ended.set,
    )
    due = DueDeliveries(
        state=store,
        router=router,
        deliverer=deliverer,
        dead_letters=dead_letters,
        checkpoint=checkpoint,
        clock=clock,
    )
    return Returns(
        dead_letters=dead_letters,
        replays=Replays(store=store, router=router, checkpoint=checkpoint, clock=clock),
        due=due,
        catch_up=CatchUp(log=store, router=router, deliverer=deliverer, checkpoint=checkpoint),
    )


def open_gates(ground: Ground, way: Way, returns: Returns) -> Gates:
    """Nothing leaves the log that one of the others needs."""
    retention = _retention(ground, way, returns)
    publisher = Publisher(
        store=ground.store,
        router=way.router,
        retention=retention,
        clock=ground.clock,
        observation=ground.observation,
    )
    upkeep = Upkeep(
        store=ground.store,
        clock=ground.clock,
        router=way.router,
        checkpoint=way.checkpoint,
        catch_up=returns.catch_up,
        retention=retention,
        replays=returns.replays,
        keep=ground.limits.given_up,
    )
    forgetting = Forgetting(
        store=ground.store,
        router=way.router,
        checkpoint=way.checkpoint,
        dead_letters=returns.dead_letters,
        replays=returns.replays,
        history=ground.observation.history,
    )
    return Gates(publisher=publisher, upkeep=upkeep, forgetting=forgetting)


def _retention(ground: Ground, way: Way, returns: Returns) -> Retention:
    limits = ground.limits
    unfinished = Unfinished(
        router=way.router,
        deliverer=way.deliverer,
        checkpoint=way.checkpoint,
        replays=returns.replays,
    )
    return Retention(
        store=ground.store,
        clock=ground.clock,
        unfinished=unfinished.first,
        abandon=unfinished.abandon,
        max_age=limits.max_age,
        max_bytes=limits.max_bytes,
        drops_unfinished=limits.drops_unfinished,
    )
