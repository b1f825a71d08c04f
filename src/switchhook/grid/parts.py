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


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """What every part needs from outside."""

    store: Store
    transport: Transport
    clock: Clock
    random: Callable[[], float]
    dead_lettering: DeadLettering
    tokens: Tokens | None
    observation: Observation
    limits: Limits


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What an event passes through once it is durable, and where it is written down how far."""

    checkpoint: Checkpoint
    deliverer: Deliverer
    router: Router
    preparation: Preparation


class Redelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What comes back to events later: those that wait, and those that are still in the log."""

    dead_letters: DeadLetterWrites
    replays: Replays
    due: DueDeliveries
    catch_up: CatchUp


class LogAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What lets events into the log, and out of it."""

    publisher: Publisher
    upkeep: Upkeep
    forgetting: Forgetting


def open_pipeline(needs: Dependencies) -> Pipeline:
    """Router and deliverer call each other: what is matched is sent, a change stops it."""
    limits, observation = needs.limits, needs.observation
    checkpoint = Checkpoint(store=needs.store, clock=needs.clock, head=lambda: router.head)
    deliverer = Deliverer(
        transport=needs.transport,
        clock=needs.clock,
        checkpoint=checkpoint,
        random=needs.random,
        observation=observation,
        tokens=needs.tokens,
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
        store=needs.store, router=router, deliverer=deliverer, checkpoint=checkpoint
    )
    return Pipeline(
        checkpoint=checkpoint, deliverer=deliverer, router=router, preparation=preparation
    )


def open_redelivery(needs: Dependencies, pipeline: Pipeline) -> Redelivery:
    """They give the deliverer what the store has for it."""
    store, clock = needs.store, needs.clock
    router, deliverer, checkpoint = pipeline.router, pipeline.deliverer, pipeline.checkpoint
    dead_letters = DeadLetterWrites(
        dead_lettering=needs.dead_lettering,
        router=router,
        checkpoint=checkpoint,
        clock=clock,
        observation=needs.observation,
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
    return Redelivery(
        dead_letters=dead_letters,
        replays=Replays(store=store, router=router, checkpoint=checkpoint, clock=clock),
        due=due,
        catch_up=CatchUp(log=store, router=router, deliverer=deliverer, checkpoint=checkpoint),
    )


def open_log_access(needs: Dependencies, pipeline: Pipeline, redelivery: Redelivery) -> LogAccess:
    """Nothing leaves the log that one of the others needs."""
    retention = _retention(needs, pipeline, redelivery)
    publisher = Publisher(
        store=needs.store,
        router=pipeline.router,
        retention=retention,
        clock=needs.clock,
        observation=needs.observation,
    )
    upkeep = Upkeep(
        store=needs.store,
        clock=needs.clock,
        router=pipeline.router,
        checkpoint=pipeline.checkpoint,
        catch_up=redelivery.catch_up,
        retention=retention,
        replays=redelivery.replays,
        keep=needs.limits.given_up,
    )
    forgetting = Forgetting(
        store=needs.store,
        router=pipeline.router,
        checkpoint=pipeline.checkpoint,
        dead_letters=redelivery.dead_letters,
        replays=redelivery.replays,
        history=needs.observation.history,
    )
    return LogAccess(publisher=publisher, upkeep=upkeep, forgetting=forgetting)


def _retention(needs: Dependencies, pipeline: Pipeline, redelivery: Redelivery) -> Retention:
    limits = needs.limits
    unfinished = Unfinished(
        router=pipeline.router,
        deliverer=pipeline.deliverer,
        checkpoint=pipeline.checkpoint,
        replays=redelivery.replays,
    )
    return Retention(
        store=needs.store,
        clock=needs.clock,
        unfinished=unfinished.first,
        abandon=unfinished.abandon,
        max_age=limits.max_age,
        max_bytes=limits.max_bytes,
        drops_unfinished=limits.drops_unfinished,
    )
