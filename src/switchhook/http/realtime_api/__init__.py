"""Real time over HTTP: what `startRealtimeNotifications` of @azure/communication-chat speaks."""
