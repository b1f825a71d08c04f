"""What can be managed: topics and event subscriptions as Resource Manager sees them."""
