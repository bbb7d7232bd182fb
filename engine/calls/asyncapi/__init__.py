"""Messages to and from services that AsyncAPI documents describe: HTTP, MQTT, AMQP and Redis.

Called by the AsyncAPI activities.
"""
