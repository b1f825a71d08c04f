"""What is a new message, event or thread called?"""

from collections.abc import Callable

# A GUID that nobody has had before, by its text: `uuid.uuid4` is one, and there are quicker ones.
NewGuid = Callable[[], object]
