Feature: AsyncAPI over AMQP 0.9.1

  # DSL reference, "AsyncAPI Message" and "AsyncAPI Inbound Message": payload, headers and correlation id; AMQP channel binding, "is: queue".
  Scenario: A message with headers goes to a queue and comes from it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-queue, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            message: { payload: { text: one }, headers: { trace: t-1, level: 3, part: 0.1, tags: [ a, { deep: true } ], none: null } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - payload: { text: one }
      headers: { trace: t-1, level: 3, part: '0.1', tags: [ a, { deep: true } ], none: null }
      correlationId: t-1
    """

  # AMQP channel binding, "is": without bindings the address is a routing key of the default exchange, which is a queue's name.
  Scenario: Without bindings the address names a queue
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-plain, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: "1" } }
      - more:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: "2" } }
      - last:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: "3" } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { amount: 3 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ '1', '2', '3' ]
    """

  # AsyncAPI, "Server Object": amqps is AMQP within TLS.
  Scenario: A queue is reached by TLS
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-tls, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: safe
            message: { payload: { text: safely } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: safe
            subscription: { consume: { amount: 1 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ safely ]
    """

  # AsyncAPI, "Server Object": the pathname is the virtual host; DSL reference, "Basic Authentication".
  Scenario: The path of a server is its virtual host
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-tenant, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: tenant
            message: { payload: { text: theirs } }
            authentication: { basic: { username: ada, password: s3cret } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: tenant
            subscription: { consume: { amount: 1 } }
            authentication: { basic: { username: ada, password: s3cret } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ theirs ]
    """

  # AMQP channel binding, "queue": what the document says how to make is made when it is not there.
  Scenario: A queue that is not there is made as it is described
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-made, version: '1.0.0' }
    do:
      - none:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: made
            subscription: { consume: { amount: 1, for: PT0.1S } }
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: made
            message: { payload: { text: made } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: made
            subscription: { consume: { amount: 1 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ made ]
    """

  # AMQP channel binding, "is: routingKey": a subscriber has a queue of its own, bound to the exchange by the address.
  Scenario: What goes through an exchange is heard by who is bound to it
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-exchange, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: news
            subscription: { consume: { amount: 2 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ news, news ]
    """

  # AMQP channel binding, "exchange": one that the document says how to make is made; a fanout looks at no key.
  Scenario: An exchange that is not there is made as it is described
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-fanout, version: '1.0.0' }
    do:
      - hear:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: cast
            subscription: { consume: { amount: 2 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ news, news ]
    """

  # AMQP operation binding, "cc": a message goes by these keys, too.
  Scenario: A copy goes where the operation says
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-copy, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: copied
            message: { payload: { text: both } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: copies
            subscription: { consume: { amount: 1 } }
          output: { as: '[ .[0].payload.text, .[0].headers.CC ]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ both, [ copies ] ]
    """

  # AMQP operation binding, "priority", "deliveryMode" and "expiration": a message may say how it is kept.
  Scenario: An operation says how its messages are kept
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-urgent, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: urgent
            message: { payload: { text: now } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            subscription: { consume: { amount: 1 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ now ]
    """

  # AMQP operation binding, "expiration": what nobody takes in time is gone.
  Scenario: A message expires
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-short, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: short
            message: { payload: { text: gone } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            subscription: { consume: { amount: 1, for: PT0.2S } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  # AMQP operation binding, "deliveryMode": 1 or 2.
  Scenario: What a binding cannot say is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-odd, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: odd
            message: { payload: { text: odd } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    status: 400
    instance: /do/0/put
    """

  # AMQP operation binding, "mandatory": what gets to no queue comes back.
  Scenario: A message that must get to a queue and does not is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-must, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: must
            message: { payload: { text: lost } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: 'the broker refused: 312 NO_ROUTE'
    instance: /do/0/put
    """

  # AMQP operation binding, "mandatory": without it, an exchange may have nobody to route to.
  Scenario: A message may have nobody to go to
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-void, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: void
            message: { payload: { text: unheard } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    payload: { text: unheard }
    """

  # DSL reference, "Standard Error Types": a queue that is only named must be there.
  Scenario: A message for a queue that is not there is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-absent-put, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: absent
            message: { payload: { text: lost } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: 'the broker refused: 312 NO_ROUTE'
    """

  # DSL reference, "Standard Error Types": a queue that is only named must be there.
  Scenario: A queue that is not there is a communication error to who subscribes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-absent-get, version: '1.0.0' }
    do:
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: absent
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: "the broker refused: 404 NOT_FOUND - no queue 'absent' in vhost '/'"
    instance: /do/0/get
    """

  # DSL reference, "Standard Error Types": so must an exchange.
  Scenario: An exchange that is not there is a communication error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-lost, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: lost
            message: { payload: { text: lost } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: "the broker refused: 404 NOT_FOUND - no exchange 'missing' in vhost '/'"
    """

  # DSL reference, "Standard Error Types", authentication: a broker that does not know who asks.
  Scenario: A wrong password is an authentication error to AMQP
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-password, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            message: { payload: { text: no } }
            authentication: { basic: { username: ada, password: wrong } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication
    status: 401
    instance: /do/0/put
    """

  # DSL reference, "Standard Error Types", authorization: a broker that knows who asks, and does not let them.
  Scenario: What one may not say is an authorization error to AMQP
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-reader, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: no } }
            authentication: { basic: { username: reader, password: s3cret } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization
    status: 403
    instance: /do/0/put
    """

  # DSL reference, "Standard Error Types", authorization: a virtual host that is not there is one that nobody may enter.
  Scenario: A virtual host that is not there is an authorization error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-nowhere, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: nowhere
            message: { payload: { text: no } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization
    status: 403
    """

  # DSL reference, "Authentication": AMQP is told a name and a password.
  Scenario: A policy that AMQP cannot be told is a configuration error
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-bearer, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            message: { payload: { text: no } }
            authentication: { bearer: { token: t0ken } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: amqp supports only authentication by basic
    """

  # DSL reference, "Standard Error Types", communication: a broker must be on the public internet.
  Scenario: A broker that is not on the public internet is not spoken to
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-inside, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: inside
            message: { payload: { text: no } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/communication
    detail: the host is not on the public internet
    instance: /do/0/put
    """

  # AsyncAPI, "Message Object": the payload must match its schema.
  Scenario: A message that is not what the document says is a validation error to AMQP
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-invalid, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: work
            message: { payload: { text: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/validation
    status: 400
    instance: /do/0/put
    """

  # AMQP channel binding, "autoDelete": a queue goes with its last consumer, and a subscription rests between its messages.
  Scenario: A queue that deletes itself is a configuration error to who subscribes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-fleeting, version: '1.0.0' }
    do:
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: fleeting
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration
    detail: a queue with autoDelete can be consumed only if it is exclusive
    """

  # AMQP channel binding, "exclusive": a queue of the connection's own.
  Scenario: An exclusive queue lives as long as its subscription
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-own, version: '1.0.0' }
    do:
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: own
            subscription: { consume: { amount: 1, for: PT0.1S } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": for bounds the time.
  Scenario: The time for a subscription to a queue passes
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-for, version: '1.0.0' }
    do:
      - put:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: only } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { amount: 3, for: PT0.3S } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ only ]
    """

  # DSL, "Timeouts": a step has its own limit; what it did not take stays in the queue.
  Scenario: A subscription to a queue ends with the step's timeout
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-timeout, version: '1.0.0' }
    do:
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { amount: 1 } }
          timeout: { after: PT0.3S }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout
    status: 408
    instance: /do/0/get
    """

  # DSL reference, "AsyncAPI Subscription": the filter decides which messages count; the others are consumed.
  Scenario: A filter decides which messages of a queue count
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-filter, version: '1.0.0' }
    do:
      - put0:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '0' } }
      - put1:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '1' } }
      - put2:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '2' } }
      - put3:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '3' } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { filter: '${ .payload.text | tonumber % 2 == 1 }', consume: { amount: 2 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ '1', '3' ]
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": while is looked at after each message; what is not consumed stays.
  Scenario: While decides after each message of a queue
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-while, version: '1.0.0' }
    do:
      - put0:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '0' } }
      - put1:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '1' } }
      - put2:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '2' } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { while: '${ length < 2 }' } }
          output: { as: 'map(.payload.text)' }
          export: { as: '{ first: . }' }
      - rest:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { amount: 1 } }
          output: { as: '[ $context.first, map(.payload.text) ]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ '0', '1' ], [ '2' ] ]
    """

  # DSL reference, "AsyncAPI Subscription Lifetime": until is looked at before each message.
  Scenario: Until decides before each message of a queue
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-until, version: '1.0.0' }
    do:
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { until: '${ true }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  # DSL reference, "Subscription Iterator": each message is worked on before the next one is taken.
  Scenario: Each message of a queue is worked on in its turn
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-foreach, version: '1.0.0' }
    do:
      - put0:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '0' } }
      - put1:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '1' } }
      - put2:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '2' } }
      - get:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription:
              consume: { amount: 3 }
              foreach:
                item: message
                at: place
                do:
                  - note: { set: { at: '${ $place }', text: '${ $message.payload.text }' } }
                output: { as: '[ .at, .text ]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ 0, '0' ], [ 1, '1' ], [ 2, '2' ] ]
    """

  # DSL, "Fault Tolerance": what is worked on when a step fails is gone; what comes after it stays in its queue.
  Scenario: A step that fails leaves the rest in the queue
    Given a workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: own, name: amqp-failing, version: '1.0.0' }
    do:
      - put0:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '0' } }
      - put1:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            message: { payload: { text: '1' } }
      - get:
          try:
            - each:
                call: asyncapi
                with:
                  document: { endpoint: 'https://api.example.org/queues.json' }
                  operation: plain
                  subscription:
                    consume: { amount: 2 }
                    foreach:
                      item: message
                      do:
                        - stop: { raise: { error: { type: https://example.org/errors/own, status: 500 } } }
          catch: {}
      - rest:
          call: asyncapi
          with:
            document: { endpoint: 'https://api.example.org/queues.json' }
            operation: plain
            subscription: { consume: { amount: 1 } }
          output: { as: 'map(.payload.text)' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ '1' ]
    """
