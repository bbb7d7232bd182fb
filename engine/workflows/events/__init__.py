"""CloudEvents of an account: queued, matched with subscriptions, dispatched.

Called by the routes of events, by activities and by the event router.
"""
