"""What of an HTML message may a page render?

The concept article about chat says that HTML messages are sanitized. Which elements stay is not
published: here what formats text stays, and what runs, loads or takes input goes (assumed).
"""

import re

_PHRASES = {"a", "abbr", "b", "br", "code", "del", "em", "i", "img", "ins", "s", "small", "span"}
_MARKS = {"strong", "sub", "sup", "u"}
_BLOCKS = {"blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre"}
_LISTS = {"dd", "dl", "dt", "li", "ol", "ul"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
ALLOWED_ELEMENTS = _PHRASES | _MARKS | _BLOCKS | _LISTS | _TABLES
# Attributes by element; `*` is any but those of `_REOPENED`. An image's `src` goes, too (issue 245
# of Azure/Communication).
ALLOWED_ATTRIBUTES = {"*": {"title"}, "a": {"href"}, "img": {"alt"}}
ALLOWED_SCHEMES = {"http", "https", "mailto"}

# The HTML specification has a parser open these again in each paragraph until they are closed: of
# those that look alike, three at most. Attributes could make thousands of them, and paragraphs
# millions of those ("list of active formatting elements").
_REOPENED = re.compile(
    r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\t\n\f\r /][^>]*>", re.IGNORECASE
)


def sanitize(content: str) -> str:
    """The content without what a page must not render; texts of removed elements stay.

    It may be longer than before: what was left open is closed.
    """
    import nh3  # late: most servers see no such message

    return nh3.clean(
        _without_attributes(content),
        tags=ALLOWED_ELEMENTS,
        attributes=ALLOWED_ATTRIBUTES,
        url_schemes=ALLOWED_SCHEMES,
        link_rel=None,
    )


def _without_attributes(content: str) -> str:
    """The content with `_REOPENED` bare. What else that changes is in comments and the like."""
    tags, end, text = content.rpartition(">")  # beyond, each `<` would be searched to the end
    return _REOPENED.sub(r"<\1>", tags + end) + text
