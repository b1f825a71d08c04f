"""The data plane of Communication Services, as its SDKs call it."""
