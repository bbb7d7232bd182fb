"""The guard on every outgoing connection."""
