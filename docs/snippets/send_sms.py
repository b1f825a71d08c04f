"""Send an SMS: the connection string is the first argument."""

import sys

from azure.communication.sms import SmsClient

client = SmsClient.from_connection_string(sys.argv[1])
(result,) = client.send(
    from_="+15555550100", to="+14255550100", message="hello", enable_delivery_report=True
)
print(result.successful, result.message_id)
