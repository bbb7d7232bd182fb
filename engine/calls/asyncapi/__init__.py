"""Messages of services that AsyncAPI documents describe, over HTTP, MQTT, AMQP and Redis.

The AsyncAPI activities call it.
"""
