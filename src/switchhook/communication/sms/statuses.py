"""What can a delivery report say?

The codes and texts are the table of SMS error codes in the service's troubleshooting article
(sms-sdk.md, July 2024). That the text of 2000 is `No error.` on the wire is the telephony and SMS
events article's sample.
"""

from collections.abc import Mapping

DELIVERED = "Delivered"
FAILED = "Failed"

SUCCESS = 2000
OPTED_OUT = 4007
NO_DELIVERY_REPORT = 5002
UNKNOWN = 9999

# A report that did not come within `deliveryReportTimeoutInSeconds`: the service then makes one
# "with timeout error code" (.NET reference of SmsSendOptions), which no table names. Assumed.
REPORT_TIMED_OUT = UNKNOWN

# The SMS FAQ's text for a recipient who opted out; the code table words it otherwise (4007).
BLOCKED_DETAILS = "Sender blocked for given recipient."

DETAILS: Mapping[int, str] = {
    SUCCESS: "No error.",
    4000: "Message is rejected due to fraud detection.",
    4001: "Message is rejected due to invalid Source/From number format",
    4002: "Message is rejected due to invalid Destination/To number format.",
    4003: "Message failed to deliver due to unsupported destination.",
    4004: "Message failed to deliver since Destination/To number doesn't exist.",
    4005: "Message blocked by Destination carrier.",
    4006: "The Destination/To number isn't reachable.",
    OPTED_OUT: "The Destination/To number opted out of receiving messages from you.",
    4008: "You exceeded the maximum number of messages allowed for your profile.",
    4009: "Message rejected by Microsoft Entitlement System.",
    4010: "Message was blocked due to the toll-free number not being verified.",
    4020: "Message rejected by the carrier due to a volumetric violation.",
    5000: "Message failed to deliver. Reach out Microsoft support team for more details.",
    5001: "Message failed to deliver due to temporary unavailability of application/system.",
    NO_DELIVERY_REPORT: "Carrier does not support delivery report",
    UNKNOWN: "Message failed to deliver due to unknown error/failure.",
}

# The result of 5002 is not known; the table's advice is that the message may have arrived, so it
# counts as delivered (assumed).
_DELIVERED_CODES = frozenset({SUCCESS, NO_DELIVERY_REPORT})


def delivery_status(code: int) -> str:
    """`Delivered` or `Failed`; reports know nothing between."""
    return DELIVERED if code in _DELIVERED_CODES else FAILED


def with_code(code: int, details: str) -> str:
    """The details with the number of the status in front."""
    return f"{code}: {details}"
