"""What is a storage account called?"""


def account_name(resource_id: str) -> str:
    """The last part of its ARM id, or the name itself, in lower case: Azure knows no other."""
    return resource_id.rstrip("/").rpartition("/")[2].lower()
