"""How are texts compared without regard to case?"""


def without_case(text: str) -> str:
    """The text by which `text` is compared: ordinal, by no language's rules."""
    # `lower` writes a capital sigma in two ways, by what follows it: the beginning of a text would
    # then not always be a beginning of it.
    return text.lower().replace("\u03c2", "\u03c3")
