"""The SMS engine: what the API's routes, and a phone, ask of SMS."""

from switchhook.clock import Clock
from switchhook.communication.carriers.ports import Carrier
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.records import forget
from switchhook.communication.resources import CommunicationResource
from switchhook.communication.sms.inbound import ReceiveRequest, plan_inbound
from switchhook.communication.sms.keywords import KeywordAnswers
from switchhook.communication.sms.opt_outs import OptOutAction, OptOuts, plan_opt_outs
from switchhook.communication.sms.outcomes import Outcomes
from switchhook.communication.sms.requests import (
    OptOutRequest,
    OptOutResult,
    SendRequest,
    SendResult,
    find_sender,
)
from switchhook.communication.sms.sending import Planner, Send
from switchhook.communication.sms.store import KEPT, SmsMessage, SmsRecords
from switchhook.communication.sms.together import Together
from switchhook.communication.sms.unreported import Unreported
from switchhook.errors import ConflictError
from switchhook.grid.ports import Records
from switchhook.grid.publish import CommitEvents
from switchhook.guids import NewGuid


class SmsEngine:
    """Sends and receives messages of every resource.

    Whatever it answers is durable, and each state change is one commit with the events it causes:
    a crash leaves neither without the other.
    """

    def __init__(
        self,
        *,
        store: Records,
        commit: CommitEvents,
        clock: Clock,
        carrier: Carrier,
        new_guid: NewGuid,
        directory: CommunicationDirectory,
        answers: KeywordAnswers | None = None,
    ) -> None:
        self._records = SmsRecords(store)
        self._store = store
        self._commit = commit
        self._clock = clock
        self._new_guid = new_guid
        self._answers = answers or KeywordAnswers()
        self._opt_outs = OptOuts(store)
        self._unreported = Unreported(self._records)
        self._planner = Planner(
            records=self._records, opt_outs=self._opt_outs, carrier=carrier, new_guid=new_guid
        )
        outcomes = Outcomes(
            store=store,
            commit=commit,
            clock=clock,
            directory=directory,
            new_guid=new_guid,
            unreported=self._unreported,
        )
        # Resumed once the directory is complete.
        self.due_work = outcomes.due_work
        self._together = Together(commit, self.due_work.expect)

    async def send(self, resource: CommunicationResource, request: SendRequest) -> list[SendResult]:
        """Accept a message for each recipient; one result for each, in their order.

        Raises:
            RequestError: the request is refused as a whole.
            StoreError: nothing was accepted; it may be sent again under its repeatability ids.
        """
        number = find_sender(resource, request.from_)
        send = Send(
            resource=resource,
            number=number,
            request=request,
            options=request.options,
            now=self._clock.now(),
        )
        # Few sends are repetitions: the commit finds them, and only then are they looked up.
        looks_up_repetitions = False
        while True:
            plan = await self._planner.plan(send, looks_up_repetitions=looks_up_repetitions)
            if not plan.changes:
                return plan.results
            self._unreported.add(resource.topic, plan.unreported)
            try:
                await self._together.commit(plan)
            except ConflictError:
                # Every conflict is another id that has been used meanwhile: this comes to an end.
                looks_up_repetitions = True
                continue
            return plan.results

    async def change_opt_outs(
        self, resource: CommunicationResource, action: OptOutAction, request: OptOutRequest
    ) -> list[OptOutResult]:
        """Add recipients to a sender's opt-out list, remove or check them.

        Raises:
            RequestError: the request is refused as a whole.
        """
        results, changes = await plan_opt_outs(
            resource, action, request, opt_outs=self._opt_outs, now=self._clock.now()
        )
        if changes:
            self._opt_outs.note(changes)
            await self._commit(changes, ())
        return results

    async def message(self, resource: CommunicationResource, message_id: str) -> SmsMessage | None:
        """The resource's message of that id, with its report once the result is known."""
        return await self._records.message(resource.topic, message_id)

    async def receive(
        self, resource: CommunicationResource, from_: str, to: str, message: str
    ) -> str:
        """Take a message from a phone; answer its id once SMSReceived is durable.

        Raises:
            RequestError: 400.
        """
        inbound = plan_inbound(
            resource,
            ReceiveRequest(from_=from_, to=to, message=message),
            answers=self._answers,
            now=self._clock.now(),
            new_guid=self._new_guid,
        )
        self._opt_outs.note(inbound.changes)
        await self._commit(inbound.changes, (inbound.batch,))
        self.due_work.expect(inbound.first_due)
        return inbound.message_id

    async def forget(self, topic: str) -> None:
        """Delete what a deleted resource left; `topic` is the incarnation of its system topic."""
        with self._unreported.forgetting(topic):
            await forget(self._store, self._commit, KEPT, topic)
